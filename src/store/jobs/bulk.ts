/**
 * Changes of many jobs at once: the same change of all that match, each its own change, and "find or make".
 *
 * Called by the client. As in change.ts, a held job takes `data` and description and refuses what its start is made from
 * (PROTOCOL 9); here one that refuses stops the whole call, so that nobody has to find out which were changed.
 */
import { UserError } from '../../base/errors.ts';
import type { Condition } from '../../model/query.ts';
import { queryOf } from '../../model/query.ts';
import { again, type Database, type Queries } from '../connection.ts';
import { insertIn } from './insert.ts';
import { readJobs } from './read.ts';
import { changeIn, changeSql, heldBy, type JobChange } from './change.ts';
import { whereSql } from './search.ts';
import { Parameters } from './query-sql.ts';
import type { JobRow, NewJob } from '../rows.ts';

/** First part of the advisory locks of `getOrInsertJob`; the second is made from the condition. */
const FIND_OR_MAKE_LOCK = 7_225_728;

/** Rows changed by one round of statements sent together. Guess: the answers of so many fit the socket's buffers. */
const TOGETHER = 200;

/**
 * The same change of all that match, in one statement; how many. UserError, and nothing is changed, when a field that the
 * start is made from is to change while a launcher holds one of them. `parents` cannot be changed so.
 */
export async function updateJobs(db: Database, where: Condition, change: JobChange): Promise<number> {
  const write = async (sql: Queries) => {
    const parameters = new Parameters();
    const condition = await whereSql(sql, where, parameters);
    const { sets, startFields } = changeSql(change, parameters);
    const text = `with target as materialized (
      select job.id, job.name, job.launcher from job where ${condition} order by job.id for update),
    held as materialized (select t.id, t.name, t.launcher, a.node from target t join job j on j.id = t.id
      left join attempt a on a.job_id = j.id and a.attempt = j.attempt
      where ${startFields ? 't.launcher is not null' : 'false'} limit 1),
    changed as (update job set ${sets} from target where job.id = target.id and not exists (select from held) returning 1),
    told as materialized (select pg_notify('balsam_job', '') from changed where ${startFields} limit 1)
    select (select count(*)::float8 from changed) as n, (select count(*) from told) as told, held.*
    from (select) one left join held on true`;
    return sql.unsafe<
      { n: number; id: string | null; name: string; launcher: number; node: string | null }[]
    >(text, parameters.values);
  };
  const [row] = await again(() => db.run(write));
  const { n, id, ...held } = row!;
  if (id !== null) throw new UserError(`${heldBy(id, held)}; kill it first; nothing was changed`);
  return n;
}

/** Each job its own change, all or none, locked in the order of ids; the rows as they are then, in that order. */
export async function saveJobs(
  db: Database,
  changes: readonly (JobChange & { readonly id: string })[],
): Promise<JobRow[]> {
  const ordered = changes.toSorted((a, b) => (a.id < b.id ? -1 : 1));
  const write = async (sql: Queries): Promise<JobRow[]> => {
    const rows: JobRow[] = [];
    for (let i = 0; i < ordered.length; i += TOGETHER) {
      const some = ordered.slice(i, i + TOGETHER);
      rows.push(...(await Promise.all(some.map((change) => changeIn(sql, change.id, change)))));
    }
    return rows;
  };
  return again(() => db.transaction(write));
}

/**
 * The one job that meets `where`, else `job` is inserted: `[row, created]`. Callers with the same `where` go one after the
 * other, so that one of them inserts. UserError when several match.
 */
export async function getOrInsertJob(
  db: Database,
  where: Condition,
  job: NewJob,
): Promise<[JobRow, created: boolean]> {
  const find = async (sql: Queries): Promise<JobRow | undefined> => {
    const [row, another] = await readJobs(sql, { ...queryOf(where), limit: 2 });
    if (another !== undefined) throw new UserError('several jobs have these fields: look for more of them');
    return row;
  };
  const there = await db.run(find);
  if (there !== undefined) return [there, false];
  return db.transaction(async (sql) => {
    await sql`select pg_advisory_xact_lock(${FIND_OR_MAKE_LOCK}::int, hashtext(${JSON.stringify(where)}::text))`;
    const now = await find(sql);
    if (now !== undefined) return [now, false];
    const [row] = await insertIn(sql, [job]);
    return [row!, true];
  });
}
