/** The one job that a person means by an id, the beginning of one, or a name; what every command about one job begins with. */
import { EXIT_FAILED, UserError } from '../../base/errors.ts';
import { isId } from '../../base/ids.ts';
import { byIds, field } from '../../model/query.ts';
import type { Condition } from '../../model/query.ts';
import type { Database } from '../../store/connection.ts';
import { listJobs } from '../../store/jobs/list.ts';
import type { JobField, JobRow } from '../../store/rows.ts';
import { escaped } from '../output/format.ts';

/** Jobs that the error about several names. Guess: enough to see the one that was meant, and which digits to add. */
const SHOWN = 10;

/** What names one job, in the words of the help. */
export const NAMES_A_JOB = "a job's name, when only one has it, its id, or the beginning of that";

/** An argument that names one job. */
export const ONE_JOB = {
  job: { type: 'positional', required: true, description: NAMES_A_JOB },
} as const;

const SHOWN_FIELDS = ['job_id', 'name', 'workflow'] as const;
type Shown = (typeof SHOWN_FIELDS)[number];

/**
 * These fields of the one job that `typed` means: it has this whole id; else it is named exactly so; else its id begins so.
 * UserError when no job answers to it, or several do: then nothing is chosen for the person.
 */
export async function theJob<F extends JobField>(
  db: Database,
  typed: string,
  fields: readonly F[],
): Promise<Pick<JobRow, F | Shown>> {
  if (typed === '') throw new UserError('"" names no job: give its id, the beginning of it, or its name');
  const columns = [...new Set<F | Shown>([...SHOWN_FIELDS, ...fields])];
  const newest = (where: Condition): Promise<Pick<JobRow, F | Shown>[]> =>
    listJobs(db, { where, orderBy: [], reversed: true, limit: SHOWN + 1 }, columns);
  const ids = idsFrom(typed);
  const whole = isId(typed.toLowerCase()) ? await newest(byIds([typed.toLowerCase()])) : [];
  const byName = whole.length > 0 ? [] : await newest(field('name', 'equals', typed));
  const exact = [...whole, ...byName];
  const found = exact.length === 0 && ids !== null ? await newest(ids) : exact;
  const [only] = found;
  const words = escaped(JSON.stringify(typed));
  if (only === undefined) {
    const what = ids === null ? 'is named' : 'has an id that begins with, or is named,';
    throw new UserError(`no job ${what} ${words} (balsam ls shows them)`, EXIT_FAILED);
  }
  if (found.length === 1) return only;
  const number = found.length > SHOWN ? `more than ${SHOWN}` : String(found.length);
  const lines = found.slice(0, SHOWN).map(({ job_id, name, workflow }) => {
    return `  ${job_id}  ${escaped(name)}  (workflow ${escaped(workflow)})`;
  });
  const many =
    byName.length > 0
      ? `${words} is the name of ${number} jobs; give the id of one:`
      : `${words} may be any of ${number} jobs; give more of an id:`;
  throw new UserError([many, ...lines].join('\n'));
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
