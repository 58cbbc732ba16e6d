/**
 * Launches handed to the batch system, as rows. Called by `submit-launch`, `ls queues` and whoever refreshes them from
 * the batch system. A row is a record only: deleting it must never touch the batch job or the jobs that name it.
 */
import { UserError } from '../base/errors.ts';
import type { Database } from './connection.ts';
import type { NewQueuedLaunch, QueuedLaunchRow } from './rows.ts';
import { plainArray } from './sql-array.ts';

const TYPES = {
  scheduler_id: 'bigint',
  project: 'text',
  queue: 'text',
  nodes: 'int',
  wall_minutes: 'int',
  job_mode: 'text',
  wf_filter: 'text',
  sched_flags: 'text',
  command: 'text',
  state: 'text',
  prescheduled_only: 'boolean',
  from_balsam: 'boolean',
} as const satisfies Record<keyof NewQueuedLaunch, string>;
type LaunchField = keyof typeof TYPES;
const NAMES = Object.keys(TYPES) as LaunchField[];
const COLUMNS = [
  'id',
  ...NAMES.map((f) => (f === 'scheduler_id' ? 'scheduler_id::float8 as scheduler_id' : f)),
].join(', ');

function given(fields: NewQueuedLaunch): [LaunchField, string | number | boolean][] {
  return Object.entries(fields)
    .filter(([, value]) => value !== undefined)
    .map(([name, value]) => {
      const field = NAMES.find((f) => f === name);
      if (field === undefined)
        throw new UserError(`a queued launch has no field "${name}"; its fields are ${NAMES.join(', ')}`);
      return [field, value];
    });
}

/** Creates a row; fields that are not given have their defaults. */
export async function insertQueuedLaunch(db: Database, launch: NewQueuedLaunch): Promise<QueuedLaunchRow> {
  const values = given(launch);
  const text =
    values.length === 0
      ? `insert into queued_launch default values returning ${COLUMNS}`
      : `insert into queued_launch (${values.map(([f]) => f).join(', ')})
         values (${values.map(([f], i) => `$${i + 1}::${TYPES[f]}`).join(', ')}) returning ${COLUMNS}`;
  const [row] = await db.run((sql) =>
    sql.unsafe<QueuedLaunchRow[]>(
      text,
      values.map(([, v]) => v),
    ),
  );
  return row!;
}

/** Changes the fields given; UserError when the row is gone. */
export async function updateQueuedLaunch(
  db: Database,
  id: number,
  fields: NewQueuedLaunch,
): Promise<QueuedLaunchRow> {
  const values = given(fields);
  const sets = values.map(([f], i) => `${f} = $${i + 2}::${TYPES[f]}`).join(', ');
  const text =
    values.length === 0
      ? `select ${COLUMNS} from queued_launch where id = $1::int`
      : `update queued_launch set ${sets} where id = $1::int returning ${COLUMNS}`;
  const [row] = await db.run((sql) => sql.unsafe<QueuedLaunchRow[]>(text, [id, ...values.map(([, v]) => v)]));
  if (row === undefined) throw new UserError(`there is no queued launch ${id}; it was deleted`);
  return row;
}

/** Deletes rows, and takes them out of the jobs that name them; returns how many were there. */
export async function deleteQueuedLaunches(db: Database, ids: readonly number[]): Promise<number> {
  return db.transaction(async (sql) => {
    // In order of id, as everybody locks jobs.
    await sql`
      with target as materialized (
        select id from job where queued_launch_id = any (${plainArray(ids)}::int[]) order by id for update)
      update job set queued_launch_id = null from target where job.id = target.id`;
    const rows = await sql`delete from queued_launch where id = any (${plainArray(ids)}::int[]) returning id`;
    return rows.length;
  });
}

/** All of them, in order of creation. */
export async function listQueuedLaunches(db: Database): Promise<QueuedLaunchRow[]> {
  return db.run(async (sql) => [
    ...(await sql.unsafe<QueuedLaunchRow[]>(`select ${COLUMNS} from queued_launch order by id`)),
  ]);
}
