/**
 * The columns of a job as a query selects them: the names of `JobRow`, and only types that cross without a table of
 * array types. Called by every store that hands out JobRow.
 */
import { END_STATES } from '../../model/job.ts';
import { JOB_FIELDS, type JobField } from '../rows.ts';

/** The states in which a job is over, for `in`. */
export const ENDED = `(${END_STATES.map((state) => `'${state}'`).join(', ')})`;

/** The column behind a field, quoted by nothing: the names are ours. */
export function columnOf(field: JobField): string {
  return field === 'job_id' ? 'id' : field;
}

/** `id as job_id, …` for every field, or these, from the table or alias `from`. */
export function jobColumns(
  from: string,
  fields: readonly JobField[] = Object.keys(JOB_FIELDS) as JobField[],
): string {
  return fields
    .map((field) => {
      if (field === 'job_id') return `${from}.id as job_id`;
      return field === 'parents' ? `array_to_json(${from}.parents) as parents` : `${from}.${field}`;
    })
    .join(', ');
}

/** `select` and every field of a JobRow. */
export function selectJobs(from: string): string {
  return `select ${jobColumns(from)}`;
}
