/** The one job that a person means by the beginning of its id; what every command about one job begins with. */
import { EXIT_FAILED, UserError } from '../base/errors.ts';
import { field } from '../core/query.ts';
import type { Condition } from '../core/query.ts';
import type { Database } from '../store/connection.ts';
import { listJobs } from '../store/list-store.ts';
import type { JobField, JobRow } from '../store/rows.ts';
import { cute } from './format.ts';

/** Ids named in the sentence about several jobs. Guess: enough to see which digits to add. */
const SHOWN = 5;

/** An argument that names one job. */
export const JOB_ID = {
  id: { type: 'positional', required: true, description: "beginning of the job's id, enough to be unique" },
} as const;

/**
 * These fields of the one job whose id begins with `typed`. UserError when that is no beginning of an id, no job has it,
 * or several do.
 */
export async function theJob<F extends JobField>(
  db: Database,
  typed: string,
  fields: readonly F[],
): Promise<Pick<JobRow, F | 'job_id' | 'name'>> {
  const where = typed === '' ? null : idsFrom(typed);
  if (where === null) {
    throw new UserError(`${JSON.stringify(typed)} is not the beginning of a job's id (balsam ls shows them)`);
  }
  const found = await listJobs(
    db,
    {
      where,
      orderBy: [],
      limit: SHOWN + 1,
    },
    [...new Set<F | 'job_id' | 'name'>(['job_id', 'name', ...fields])],
  );
  const [only] = found;
  if (only === undefined) throw new UserError(`no job's id begins with ${typed}`, EXIT_FAILED);
  if (found.length === 1) return only;
  const some = found.slice(0, SHOWN).map((job) => cute(job));
  const number = found.length > SHOWN ? `more than ${SHOWN}` : String(found.length);
  throw new UserError(
    `${number} jobs have ids that begin with ${typed}: ${some.join(', ')}; give more of the id`,
    EXIT_FAILED,
  );
}

/** The jobs whose id begins with `typed`; null when that is no beginning of an id. */
export function idsFrom(typed: string): Condition | null {
  const prefix = typed.toLowerCase();
  if (!/^(?:[0-9a-f][0-9a-f-]*)?$/.test(prefix) || prefix.replaceAll('-', '').length > 32) return null;
  return field('job_id', 'range', [wholeId(prefix, '0'), wholeId(prefix, 'f')]);
}

/** The first or last id that begins so: a range of ids is read from the index, where a comparison of texts reads all jobs. */
function wholeId(prefix: string, digit: string): string {
  const digits = prefix.replaceAll('-', '').padEnd(32, digit);
  return digits.replace(/^(.{8})(.{4})(.{4})(.{4})(.{12})$/, '$1-$2-$3-$4-$5');
}
