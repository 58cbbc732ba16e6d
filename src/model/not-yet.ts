/**
 * What a job may ask for that this version cannot do yet, in one table. A job that asks for one of these is refused when
 * it is created: it would otherwise run without its input, or end without the handler that its author relies on.
 *
 * Called where jobs are created: the client before it sends them, the store's insert path, the command line.
 */

/** The fields of a new job that are looked at; absent means the default. */
export interface Wishes {
  readonly parents?: readonly string[] | undefined;
  readonly input_files?: string | undefined;
  readonly stage_in_url?: string | undefined;
  readonly stage_out_files?: string | undefined;
  readonly stage_out_url?: string | undefined;
  readonly post_error_handler?: boolean | undefined;
  readonly post_timeout_handler?: boolean | undefined;
}

/** The scripts of the job's application, when it is registered. */
export interface Scripts {
  readonly name: string;
  readonly preprocess: string;
  readonly postprocess: string;
}

const FIELDS: readonly (keyof Wishes)[] = [
  'parents',
  'input_files',
  'stage_in_url',
  'stage_out_files',
  'stage_out_url',
  'post_error_handler',
  'post_timeout_handler',
];

/** The first thing asked for that is not there yet, as a sentence ("… is not supported yet"), or null. */
export function notYetSupported(job: Wishes, application: Scripts | null): string | null {
  for (const name of FIELDS) {
    const value = job[name];
    if (value === undefined || value === '' || value === false) continue;
    if (typeof value === 'object' && value.length === 0) continue;
    return `${name} (${shown(value)}) is not supported yet`;
  }
  if (application === null) return null;
  if (application.preprocess !== '') return scriptSentence(application.name, 'preprocess');
  if (application.postprocess !== '') return scriptSentence(application.name, 'postprocess');
  return null;
}

function scriptSentence(application: string, script: string): string {
  return `${script} of application ${JSON.stringify(application)} is not supported yet`;
}

function shown(value: string | boolean | readonly string[]): string {
  const text = JSON.stringify(value);
  return text.length > 60 ? `${text.slice(0, 60)}…` : text;
}
