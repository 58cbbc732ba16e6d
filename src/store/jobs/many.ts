/**
 * Killing and deleting as many jobs as there are. `killMany` and `deleteMany` do it in statements of bounded size, so that
 * coordinators wait for the locks of one of them and not for all, and memory stays flat; what was done is given as it
 * commits. Their jobs are chosen at the beginning, each statement looks again whether they match, and two connections are used.
 */
import { UserError } from '../../base/errors.ts';
import type { FiledJob } from '../../model/job-directory.ts';
import { JOB_STATES, isEnd } from '../../model/job.ts';
import { all, byIds, field, type Condition } from '../../model/query.ts';
import { again, type Database, type Queries } from '../connection.ts';
import { whereSql } from './search.ts';
import { heldBy, killJobs, type KillResult } from './change.ts';
import { Parameters } from './query-sql.ts';
import type { JobRow } from '../rows.ts';
import { plainArray } from '../sql-array.ts';

/** Rows of one statement. As those of a rescue: some ten milliseconds of locks. */
const CHUNK = 1_000;

/** The jobs that match and can be killed. */
export function killable(where: Condition): Condition {
  return all(
    where,
    field(
      'state',
      'in',
      JOB_STATES.filter((state) => !isEnd(state)),
    ),
  );
}

/** Kills what matches, a chunk at a time. */
export async function* killMany(db: Database, where: Condition): AsyncGenerator<KillResult> {
  const wanted = killable(where);
  for await (const ids of idsOf(db, wanted)) yield await killJobs(db, all(byIds(ids), wanted));
}

/**
 * Deletes what matches, with its history. UserError, and nothing is deleted, while a launcher holds one of them: kill it,
 * then delete it when the launcher has let it go. Returns how many.
 */
export async function deleteJobs(db: Database, where: Condition): Promise<number> {
  const work = async (sql: Queries): Promise<number> => {
    const parameters = new Parameters();
    const condition = await whereSql(sql, where, parameters);
    await refuseHeld(sql, condition, parameters);
    const [row] = await sql.unsafe<{ n: number }[]>(
      `${deletion(condition)} select count(*)::int as n from d`,
      parameters.values,
    );
    return row!.n;
  };
  return again(() => db.transaction(work));
}

/** What is left of a deleted job. */
export type DeletedJob = Pick<JobRow, 'job_id' | 'name' | 'workflow' | 'user_workdir' | 'filed_as'>;

/**
 * Deletes what matches with its history, a chunk at a time. UserError when a launcher holds one of them: nothing is deleted
 * when that is so at the beginning, and what was given is deleted when it becomes so.
 */
export async function* deleteMany(db: Database, where: Condition): AsyncGenerator<DeletedJob[]> {
  await db.run(async (sql) => {
    const parameters = new Parameters();
    await refuseHeld(sql, await whereSql(sql, where, parameters), parameters);
  });
  for await (const ids of idsOf(db, where)) {
    yield await again(() => db.transaction((sql) => deleteIn(sql, all(byIds(ids), where))));
  }
}

async function deleteIn(sql: Queries, where: Condition): Promise<DeletedJob[]> {
  const parameters = new Parameters();
  const condition = await whereSql(sql, where, parameters);
  await refuseHeld(sql, condition, parameters);
  const rows = await sql.unsafe<DeletedJob[]>(
    `${deletion(condition)} select d.id as job_id, d.name, d.workflow, d.user_workdir, d.filed_as from d`,
    parameters.values,
  );
  return [...rows];
}

/** What of `job` was deleted is `d` afterwards. `condition` is over the table `job`. */
function deletion(condition: string): string {
  return `with target as materialized (select id from job where job.launcher is null and ${condition} order by id for update),
    d as (delete from job using target where job.id = target.id returning job.id, job.name, job.workflow, job.user_workdir, job.filed_as),
    a as (delete from attempt using d where attempt.job_id = d.id),
    e as (delete from job_event using d where job_event.job_id = d.id)`;
}

/** UserError when a launcher holds one of the jobs that match. */
async function refuseHeld(sql: Queries, condition: string, parameters: Parameters): Promise<void> {
  const [held] = await sql.unsafe<{ id: string; name: string; launcher: number; node: string | null }[]>(
    `select job.id, job.name, job.launcher, a.node from job left join attempt a on a.job_id = job.id and a.attempt = job.attempt
     where job.launcher is not null and ${condition} limit 1`,
    parameters.values,
  );
  if (held !== undefined)
    throw new UserError(`${heldBy(held.id, held)}; kill it first, and delete it when it is let go`);
}

/** Jobs whose ids begin with the same digits as one of these: a directory is named by them, and may be theirs too. */
export async function jobsWithDigitsOf(
  db: Database,
  ids: readonly string[],
  digits: number,
): Promise<FiledJob[]> {
  const [from, to] = ['00000000-0000-0000-0000-000000000000', 'ffffffff-ffff-ffff-ffff-ffffffffffff'];
  const bounds = (end: string): string =>
    plainArray(ids.map((id) => id.slice(0, digits) + end.slice(digits)));
  return db.run(async (sql) => [
    ...(await sql<FiledJob[]>`
      select j.id as job_id, j.name, j.workflow, j.filed_as from unnest(${bounds(from)}::uuid[], ${bounds(to)}::uuid[]) as r(low, high)
      join job j on j.id between r.low and r.high`),
  ]);
}

/** The ids of what matches, a chunk at a time. */
async function* idsOf(db: Database, where: Condition): AsyncGenerator<string[]> {
  const parameters = new Parameters();
  const condition = await db.run((sql) => whereSql(sql, where, parameters));
  const text = `select job.id from job where ${condition}`;
  let ids: string[] = [];
  for await (const { id } of db.stream<{ id: string }>(text, parameters.values)) {
    ids.push(id);
    if (ids.length < CHUNK) continue;
    yield ids;
    ids = [];
  }
  if (ids.length > 0) yield ids;
}
