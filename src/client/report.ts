/** `report`: what happened, as plain data: the numbers behind `balsam report`. Only outside a job. */
import { momentOf } from '../analytics/interval.ts';
import type { Report, ReportOptions } from '../analytics/shape.ts';
import { UserError } from '../base/errors.ts';
import { found } from './gateway.ts';
import type { Connection } from './gateway.ts';

/**
 * Jobs by state over time, throughput, waits and run times by application, failures by reason, and where the node-seconds
 * of the launchers went (docs/report.md), of the database in BALSAM_DB_PATH; all that is on record, or what happened within
 * an interval. Postgres counts; of a million jobs it takes it about a minute. UserError inside a job, for an option that there
 * is not, and for a time that is none.
 */
export function report(options: ReportOptions = {}): Promise<Report> {
  return reportOf(found, options);
}

/** The same of any database. */
export async function reportOf(connection: Connection, options: ReportOptions): Promise<Report> {
  const { workflow, since, until, ...others } = options;
  const [unknown] = Object.keys(others);
  if (unknown !== undefined)
    throw new UserError(`report takes workflow, since and until, not ${JSON.stringify(unknown)}`);
  if (workflow !== undefined && typeof workflow !== 'string')
    throw new UserError(`report: workflow must be a text, not ${JSON.stringify(workflow)}`);
  const asked = {
    workflow,
    since: since === undefined ? undefined : momentOf('report: since', since),
    until: until === undefined ? undefined : momentOf('report: until', until),
  };
  const open = await connection.gateway();
  if (open.report === undefined)
    throw new UserError('a running job has no database to report on: call report() in a script');
  return open.report(asked);
}
