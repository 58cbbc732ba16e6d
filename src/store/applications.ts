/**
 * Applications: what jobs run, by unique name. Called by the client, the command line and the coordinator, which reads
 * them by name and sends an agent each once. Changing one must never touch jobs: they name it, and it is read at start.
 */
import { UserError } from '../base/errors.ts';
import { codeOf, type Database, type Queries } from './connection.ts';
import { applicationFault } from './jobs/values.ts';
import type { ApplicationChange, ApplicationRow, NewApplication } from './rows.ts';
import { plainArray, textArray } from './sql-array.ts';

const FIELDS = ['name', 'description', 'executable', 'preprocess', 'envscript', 'postprocess'] as const;
type ApplicationField = (typeof FIELDS)[number];
const COLUMNS = `id, ${FIELDS.join(', ')}`;

function checkApplication(fields: Partial<NewApplication>): [ApplicationField, string][] {
  return Object.entries(fields)
    .filter(([, value]) => value !== undefined)
    .map(([name, value]) => {
      const field = FIELDS.find((f) => f === name);
      if (field === undefined)
        throw new UserError(`an application has no field "${name}"; its fields are ${FIELDS.join(', ')}`);
      const fault = applicationFault(field, value, `${name} of an application`);
      if (fault !== null) throw new UserError(fault);
      return [field, value];
    });
}

/** The application of this name, or null. */
export async function getApplication(db: Database, name: string): Promise<ApplicationRow | null> {
  return (await applicationsByName(db, [name])).get(name) ?? null;
}

/** Creates it; UserError when the name is taken. */
export async function insertApplication(db: Database, app: NewApplication): Promise<ApplicationRow> {
  const [row] = await insertApplications(db, [app]);
  return row!;
}

/** Creates all or none, and gives them in this order; UserError naming one whose name is taken, or given twice. */
export async function insertApplications(
  db: Database,
  apps: readonly NewApplication[],
): Promise<ApplicationRow[]> {
  return db.transaction(async (sql) => {
    const rows: ApplicationRow[] = [];
    for (const app of apps) {
      const row = await insertIn(sql, app);
      if (row === undefined)
        throw new UserError(
          `an application named "${app.name}" exists; choose another name, or change that one`,
        );
      rows.push(row);
    }
    return rows;
  });
}

async function insertIn(sql: Queries, app: NewApplication): Promise<ApplicationRow | undefined> {
  const given = new Map(checkApplication(app));
  const [made] = await sql.unsafe<ApplicationRow[]>(
    `insert into application (${FIELDS.join(', ')}) values (${FIELDS.map((_, i) => `$${i + 1}::text`).join(', ')})
     on conflict (name) do nothing returning ${COLUMNS}`,
    FIELDS.map((field) => given.get(field) ?? ''),
  );
  return made;
}

/** Finds it by name or creates it with `defaults`; of several at once, one creates and all get the same row. */
export async function getOrCreateApplication(
  db: Database,
  name: string,
  defaults: Omit<NewApplication, 'name'>,
): Promise<[ApplicationRow, boolean]> {
  return db.run(async (sql) => {
    const made = await insertIn(sql, { ...defaults, name });
    if (made !== undefined) return [made, true];
    const [found] = await sql.unsafe<ApplicationRow[]>(
      `select ${COLUMNS} from application where name = $1::text`,
      [name],
    );
    if (found === undefined)
      throw new UserError(`the application "${name}" was deleted at this moment; try again`);
    return [found, false];
  });
}

/** Changes the fields given; UserError when it is gone or the new name is taken. */
export async function updateApplication(
  db: Database,
  id: number,
  fields: Partial<NewApplication>,
): Promise<ApplicationRow> {
  const [row] = await updateApplications(db, [{ id, fields }]);
  return row!;
}

/** The same of several, all or none, in this order. */
export async function updateApplications(
  db: Database,
  changes: readonly Omit<ApplicationChange, 'name'>[],
): Promise<ApplicationRow[]> {
  return db.transaction(async (sql) => {
    const rows: ApplicationRow[] = [];
    for (const { id, fields } of changes) rows.push(await updateIn(sql, id, fields));
    return rows;
  });
}

async function updateIn(sql: Queries, id: number, fields: Partial<NewApplication>): Promise<ApplicationRow> {
  const given = checkApplication(fields);
  const sets = given.map(([field], i) => `${field} = $${i + 2}::text`).join(', ');
  try {
    const [row] = await sql.unsafe<ApplicationRow[]>(
      sets === ''
        ? `select ${COLUMNS} from application where id = $1::int`
        : `update application set ${sets} where id = $1::int returning ${COLUMNS}`,
      [id, ...given.map(([, value]) => value)],
    );
    if (row === undefined) throw new UserError(`there is no application ${id}; it was deleted`);
    return row;
  } catch (error) {
    if (codeOf(error) === '23505')
      throw new UserError(`an application named "${fields.name}" exists; choose another name`);
    throw error;
  }
}

/** Deletes them; returns how many were there. Jobs that name one fail when they are to start. */
export async function deleteApplications(db: Database, ids: readonly number[]): Promise<number> {
  const rows = await db.run(
    (sql) => sql`delete from application where id = any (${plainArray(ids)}::int[]) returning id`,
  );
  return rows.length;
}

/** All of them, in order of creation. */
export async function listApplications(db: Database): Promise<ApplicationRow[]> {
  return db.run(async (sql) => [
    ...(await sql.unsafe<ApplicationRow[]>(`select ${COLUMNS} from application order by id`)),
  ]);
}

/** Those of these names; a name without one is missing. */
export async function applicationsByName(
  db: Database,
  names: readonly string[],
): Promise<Map<string, ApplicationRow>> {
  const rows = await db.run((sql) =>
    sql.unsafe<ApplicationRow[]>(`select ${COLUMNS} from application where name = any ($1::text[])`, [
      textArray(names.filter((name) => !name.includes('\0'))),
    ]),
  );
  return new Map(rows.map((row) => [row.name, row]));
}
