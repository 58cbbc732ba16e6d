/** `report`: what happened, as plain data: the numbers behind `balsam report`. Only outside a job. */
import type { Report, ReportOptions } from '../analytics/shape.ts';
import { UserError } from '../base/errors.ts';
import { found } from './gateway.ts';
import type { Connection } from './gateway.ts';

/**
 * Jobs by state over time, throughput, waits and run times by application, failures by reason, and where the node-seconds
 * of the launchers went (docs/report.md), of the database in BALSAM_DB_PATH. Postgres counts; of a million jobs it takes it
 * about a minute. UserError inside a job, and for an option that there is not.
 */
export function report(options: ReportOptions = {}): Promise<Report> {
  return reportOf(found, options);
}

/** The same of any database. */
export async function reportOf(connection: Connection, options: ReportOptions): Promise<Report> {
  const { workflow, ...others } = options;
  const [unknown] = Object.keys(others);
  if (unknown !== undefined) throw new UserError(`report takes workflow, not ${JSON.stringify(unknown)}`);
  if (workflow !== undefined && typeof workflow !== 'string')
    throw new UserError(`report: workflow must be a text, not ${JSON.stringify(workflow)}`);
  const open = await connection.gateway();
  if (open.report === undefined)
    throw new UserError('a running job has no database to report on: call report() in a script');
  return open.report(workflow === undefined ? {} : { workflow });
}
