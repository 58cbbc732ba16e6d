/**
 * Listings: of many jobs only the columns that are shown (a job's `data` may be megabytes), what runs, and all workflows
 * counted at once. Called by the commands; nothing here writes.
 */
import type { JobState } from '../../model/job.ts';
import type { Condition, Query } from '../../model/query.ts';
import type { Database } from '../connection.ts';
import { matchingRows } from './search.ts';
import { readFields } from './read.ts';
import { conditionSql, Parameters } from './query-sql.ts';
import type { JobField, JobRow } from '../rows.ts';

/** These fields of the rows of a query, in its order. All of them in memory. */
export async function listJobs<F extends JobField>(
  db: Database,
  query: Query,
  fields: readonly F[],
): Promise<Pick<JobRow, F>[]> {
  return db.run((sql) => readFields(sql, query, fields));
}

/** A job that runs. */
export interface RunningJob {
  job_id: string;
  name: string;
  workflow: string;
  node: string;
  /** Since its start, by the database's clock. */
  seconds: number;
}

/** Jobs that run, the longest first. */
export async function runningJobs(db: Database, where: Condition, limit: number): Promise<RunningJob[]> {
  const parameters = new Parameters([limit]);
  const condition = conditionSql(where, parameters);
  return db.run(async (sql) => [
    ...(await sql.unsafe<RunningJob[]>(
      `select job.id as job_id, job.name, job.workflow, a.node,
         greatest(0, extract(epoch from clock_timestamp() - a.started_at))::float8 as seconds
       from job join attempt a on a.job_id = job.id and a.attempt = job.attempt
       where job.launcher is not null and job.state = 'RUNNING' and a.started_at is not null and ${condition}
       order by a.started_at limit $1::int`,
      parameters.values,
      { prepare: false },
    )),
  ]);
}

/** How many jobs of each workflow are in each state that occurs, by name: one pass over an index. */
export async function countByWorkflow(
  db: Database,
  where: Condition,
): Promise<Map<string, Map<JobState, number>>> {
  const rows = await db.run(async (sql) => {
    const parameters = new Parameters();
    const matching = await matchingRows(sql, where, ['workflow', 'state'], parameters);
    return sql.unsafe<{ workflow: string; state: JobState; n: number }[]>(
      `select workflow, state, count(*)::float8 as n from (${matching}) r
       group by workflow, state order by workflow, state`,
      parameters.values,
      { prepare: false },
    );
  });
  const counts = new Map<string, Map<JobState, number>>();
  for (const { workflow, state, n } of rows) {
    const states = counts.get(workflow) ?? new Map<JobState, number>();
    counts.set(workflow, states.set(state, n));
  }
  return counts;
}
