/**
 * Listings: of many jobs only the columns that are shown (a job's `data` may be megabytes). Called by the commands;
 * nothing here writes.
 */
import type { Query } from '../core/query.ts';
import type { Database } from './connection.ts';
import { jobColumns } from './job-columns.ts';
import { Parameters, querySql } from './query-sql.ts';
import type { JobField, JobRow } from './rows.ts';

/** These fields of the rows of a query, in its order. All of them in memory. */
export async function listJobs<F extends JobField>(
  db: Database,
  query: Query,
  fields: readonly F[],
): Promise<Pick<JobRow, F>[]> {
  const parameters = new Parameters();
  const text = `select ${jobColumns('job', fields)} from job ${querySql(query, parameters)}`;
  return db.run(async (sql) => [
    ...(await sql.unsafe<Pick<JobRow, F>[]>(text, parameters.values, { prepare: false })),
  ]);
}
