/**
 * Names that are made from a job: its directory under the database's `data`, its output file, and the short name that
 * people see. One place, because the agent makes the directory and the client and the command line show it.
 *
 * Names are the user's, so they may hold anything: no result ever leaves the directory it is joined to, and no part is
 * longer than a file system takes.
 */

export interface NamedJob {
  readonly job_id: string;
  readonly workflow: string;
  readonly name: string;
}

/** Workflow and name under which the files of a job are, when it was renamed after it had been leased. */
export type FiledAs = readonly [workflow: string, name: string];

/** A job as its row says: its files are under `filed_as`, or where that is null under its own names. */
export interface FiledJob extends NamedJob {
  readonly filed_as: FiledAs | null;
}

/** The same job with the names under which its files are: what directory and output are made from. */
export function filed({ job_id, workflow, name, filed_as }: FiledJob): NamedJob {
  return { job_id, workflow: filed_as?.[0] ?? workflow, name: filed_as?.[1] ?? name };
}

/** Digits of an id that stand for it where it is shortened. */
export const ID_DIGITS = 8;

/** Longest part of a path, bytes: 255 on every Linux file system, less what is appended (`_` + 8 digits, or `.out`). */
const MAX_PART_BYTES = 240;

/** `<workflow>/<name>_<first 8 of the id>`, relative to the data directory; without a workflow the first part is missing. */
export function jobDirectory(job: NamedJob): string {
  const own = `${pathPart(job.name)}_${shortId(job.job_id)}`;
  return job.workflow === '' ? own : `${pathPart(job.workflow)}/${own}`;
}

/** Why `text` is no `user_workdir`, or null: a job may run on any host, from a process that stands anywhere. */
export function workdirFault(text: string, label: string): string | null {
  if (text === '' || text.startsWith('/')) return null;
  return `${label} must be an absolute path, one that begins with /, not ${JSON.stringify(text)}`;
}

/** `<name>.out`: what the job wrote to stdout and stderr, in its directory. */
export function outputName(job: { readonly name: string }): string {
  return `${pathPart(job.name)}.out`;
}

/** The first digits of an id: what people see, and may type. */
export function shortId(id: string): string {
  return id.slice(0, ID_DIGITS);
}

/** `[name | first8]`, or `[first8]` when the job has no name. */
export function cuteId(job: { readonly job_id: string; readonly name: string }): string {
  const short = shortId(job.job_id);
  return job.name === '' ? `[${short}]` : `[${job.name} | ${short}]`;
}

/** `name` as one part of a path: spaces, slashes and control characters become `_`; `.` and `..` too; cut to fit. */
function pathPart(name: string): string {
  // oxlint-disable-next-line no-control-regex -- control characters are what is taken out
  const clean = name.replaceAll(/[\s/\u0000-\u001f\u007f]/g, '_').replace(/^\.{1,2}$/, '_');
  return cut(clean.toWellFormed());
}

function cut(text: string): string {
  // A UTF-16 unit is three bytes at most: nearly every name is short enough without counting.
  if (text.length * 3 <= MAX_PART_BYTES) return text;
  const encoder = new TextEncoder();
  if (encoder.encode(text).length <= MAX_PART_BYTES) return text;
  const bytes = encoder.encode(text).subarray(0, MAX_PART_BYTES);
  return new TextDecoder('utf-8', { ignoreBOM: true }).decode(bytes).replace(/\uFFFD+$/, '');
}
