/**
 * Brings the schema up to date: numbered SQL files, each applied once and in one transaction, their checksums kept.
 *
 * Called by `balsam init` and by tests; every other program only checks. Two migrators at once are safe: the second
 * waits and finds nothing to do. It must never change a schema that is newer than this program.
 */
import { createHash } from 'node:crypto';
import { existsSync, readFileSync, readdirSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { UserError } from '../base/errors.ts';
import type { Database, Queries } from './connection.ts';

interface Migration {
  number: number;
  name: string;
  text: string;
  checksum: string;
}

/** Number of the advisory lock that migrators take: arbitrary, only ours. */
const MIGRATION_LOCK = 7_225_726;

/** Where the SQL files are: beside this file in the sources, beside the bundle in dist/ (the build copies them). */
export function migrationsDirectory(): string {
  for (const place of ['./migrations/', '../store/migrations/', '../migrations/']) {
    const directory = fileURLToPath(new URL(place, import.meta.url));
    if (existsSync(directory)) return directory;
  }
  throw new Error('the SQL files of the schema are missing from this installation');
}

function migrations(): Migration[] {
  const directory = migrationsDirectory();
  const names = readdirSync(directory)
    .filter((name) => /^\d{4}-.*\.sql$/.test(name))
    .toSorted();
  return names.map((name, i) => {
    const text = readFileSync(`${directory}/${name}`, 'utf8');
    if (Number(name.slice(0, 4)) !== i + 1) throw new Error(`${name} is out of its order`);
    return { number: i + 1, name, text, checksum: createHash('sha256').update(text).digest('hex') };
  });
}

/**
 * Applies what is missing, in order, under an advisory lock. A second call does nothing. UserError when the schema is
 * newer than this program, or when an applied file was changed since.
 */
export async function migrate(db: Database): Promise<{ from: number; to: number }> {
  const known = migrations();
  return db.transaction(async (sql) => {
    await sql`select pg_advisory_xact_lock(${MIGRATION_LOCK}::bigint)`;
    await sql.unsafe(`create table if not exists migration (
      number int primary key, name text not null, checksum text not null, applied_at timestamptz not null default clock_timestamp())`);
    const from = await applied(sql, known);
    for (const migration of known.slice(from)) {
      await sql.unsafe(migration.text);
      await sql`insert into migration (number, name, checksum) values (${migration.number}, ${migration.name}, ${migration.checksum})`;
    }
    return { from, to: known.length };
  });
}

/** UserError when the schema is older or newer than this program. One query. */
export async function checkSchema(db: Database): Promise<void> {
  const known = migrations();
  const number = await db.run((sql) => applied(sql, known).catch(missingTable));
  if (number < known.length)
    throw new UserError(
      `the database has schema ${number}, this program needs ${known.length}; run "balsam init" on it`,
    );
}

function missingTable(error: unknown): number {
  if (error instanceof Error && 'code' in error && error.code === '42P01') return 0;
  throw error;
}

/** How many are applied; all of them must be ours. */
async function applied(sql: Queries, known: readonly Migration[]): Promise<number> {
  const rows = await sql<{ number: number; name: string; checksum: string }[]>`
    select number, name, checksum from migration order by number`;
  if (rows.length > known.length)
    throw new UserError(
      `the database has schema ${rows.length}, this program knows ${known.length}; use a newer version of balsam`,
    );
  for (const [i, row] of rows.entries()) {
    if (row.checksum !== known[i]?.checksum)
      throw new UserError(
        `${row.name} was applied to this database with other contents; it is not a schema of this program`,
      );
  }
  return rows.length;
}
