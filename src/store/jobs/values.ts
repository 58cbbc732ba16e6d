/**
 * The values of jobs and applications that a person gives: checked against JOB_FIELDS, and turned into what Postgres is sent.
 *
 * Called by the stores before anything is sent, and by the client and the command line earlier still, so that a mistake is
 * one sentence with the field, the value and what to do, the same at every door. It loads nothing of the database driver.
 */
import { unreachable } from '../../base/assert.ts';
import { UserError } from '../../base/errors.ts';
import { isId } from '../../base/ids.ts';
import { MAX_DATA_BYTES, MAX_INDEXED_BYTES } from '../../base/limits.ts';
import { environFault } from '../../model/environ-vars.ts';
import type { ApplicationText } from '../../model/job-channel.ts';
import { workdirFault } from '../../model/job-directory.ts';
import { isJsonObject, jsonFault, textFault } from '../../model/json.ts';
import { wordsFault } from '../../model/words.ts';
import {
  JOB_FIELDS,
  isWritableField,
  type FieldSpec,
  type JsonObject,
  type JobRow,
  type NewJob,
  type WritableField,
} from '../rows.ts';
import { plainArray } from '../sql-array.ts';

/** In an index; see MAX_INDEXED_BYTES. */
const INDEXED: readonly WritableField[] = ['workflow', 'name', 'application'];

/** The names of a new job's fields, checked; `index` counts from 0 and is named where there are several. */
export function checkNewJob(job: NewJob): void {
  if (job.job_id !== undefined && !isId(job.job_id))
    throw new UserError(`job_id is ${JSON.stringify(job.job_id)}; give a whole uuid in lower case, or none`);
  for (const [name, value] of Object.entries(job)) {
    if (name === 'job_id' || value === undefined) continue;
    if (!isWritableField(name))
      throw new UserError(`a new job cannot have the field "${name}"; leave it out`);
    checkValue(name, value);
  }
}

/** UserError unless `value` may be the value of `name`. */
export function checkValue(name: WritableField, value: unknown): void {
  const fault = fieldFault(name, value, name);
  if (fault !== null) throw new UserError(fault);
  if (name === 'data') checkSize(value as JsonObject);
}

/**
 * Why `value` cannot be the value of `name`, as a sentence with the value and what to do, in which the field is called
 * `label`; null when it can. The one check of a job's fields: of the client, the command line, and what is sent to Postgres.
 */
export function fieldFault(name: WritableField, value: unknown, label: string): string | null {
  const spec: FieldSpec = JOB_FIELDS[name];
  if (value === null && spec.default === null) return null;
  const wrong = (): string => `${label} must be ${wantedOf(name)}, not ${shown(value)}`;
  switch (spec.type) {
    case 'text':
      return typeof value === 'string' ? fieldTextFault(name, value, label) : wrong();
    case 'int': {
      const { min = 0, max = 0 } = spec;
      return typeof value === 'number' && Number.isSafeInteger(value) && value >= min && value <= max
        ? null
        : wrong();
    }
    case 'bool':
      return typeof value === 'boolean' ? null : wrong();
    case 'uuids':
      return Array.isArray(value) && value.every((v) => typeof v === 'string' && isId(v)) ? null : wrong();
    case 'json':
      return isJsonObject(value) ? jsonFault(value, 'data') : wrong();
    case 'uuid':
    case 'time':
    case 'state':
      return `${label} cannot be set`;
    default:
      return unreachable(spec.type, 'type of field');
  }
}

/** What a field takes, for a sentence. */
export function wantedOf(name: WritableField): string {
  const { type, min = 0, max = 0 }: FieldSpec = JOB_FIELDS[name];
  switch (type) {
    case 'int':
      return `a whole number from ${min} to ${max}`;
    case 'bool':
      return 'true or false';
    case 'uuids':
      return 'a list of job ids';
    case 'json':
      return 'an object like {"x": 1}';
    case 'text':
    case 'uuid':
    case 'time':
    case 'state':
      return 'text';
    default:
      return unreachable(type, 'type of field');
  }
}

function fieldTextFault(name: WritableField, value: string, label: string): string | null {
  const fault = textFault(value, label);
  if (fault !== null) return fault;
  if (INDEXED.includes(name) && Buffer.byteLength(value) > MAX_INDEXED_BYTES)
    return `${label} has ${Buffer.byteLength(value)} bytes; give at most ${MAX_INDEXED_BYTES}`;
  return OF_A_TEXT[name]?.(value, label) ?? null;
}

/** What else a text must be. */
const OF_A_TEXT: Readonly<Partial<Record<WritableField, (value: string, label: string) => string | null>>> = {
  environ_vars: environFault,
  user_workdir: workdirFault,
  args: wordsFault,
  mpi_flags: wordsFault,
};

/** The same of an application's fields, which all are texts. */
export function applicationFault(
  name: 'name' | 'description' | ApplicationText,
  value: unknown,
  label: string,
): string | null {
  if (typeof value !== 'string') return `${label} must be text, not ${shown(value)}`;
  const fault = textFault(value, label);
  if (fault !== null) return fault;
  switch (name) {
    case 'name':
      if (value.trim() === '') return 'an application needs a name';
      return Buffer.byteLength(value) > MAX_INDEXED_BYTES
        ? `${label} has ${Buffer.byteLength(value)} bytes; give at most ${MAX_INDEXED_BYTES}`
        : null;
    case 'executable':
    case 'preprocess':
    case 'postprocess':
      return wordsFault(value, label);
    case 'description':
    case 'envscript':
      return null;
    default:
      return unreachable(name, 'field of an application');
  }
}

/** A value for a sentence, never long. */
export function shown(value: unknown): string {
  const text = typeof value === 'bigint' ? `${value}n` : safeJson(value);
  return text.length > 60 ? `${text.slice(0, 60)}…` : text;
}

function safeJson(value: unknown): string {
  if (typeof value === 'number' || value === undefined || typeof value === 'symbol') return String(value);
  try {
    return JSON.stringify(value) ?? typeof value;
  } catch {
    return 'an object that is no JSON';
  }
}

/** Keys of `data` that are set and removed by a change. */
export function checkDataChange(set: unknown, removed: readonly string[]): void {
  checkValue('data', set);
  const fault = removed.map((key) => textFault(key, 'a removed key of data')).find((why) => why !== null);
  if (fault !== undefined) throw new UserError(fault);
}

function checkSize(data: JsonObject): void {
  const bytes = Buffer.byteLength(JSON.stringify(data));
  if (bytes > MAX_DATA_BYTES)
    throw new UserError(
      `data has ${bytes} bytes; keep it below ${MAX_DATA_BYTES} and put larger things in files`,
    );
}

/** The value as the text that Postgres reads for its column, null for NULL. */
export function valueText(name: WritableField, value: JobRow[WritableField] | undefined): string | null {
  const spec: FieldSpec = JOB_FIELDS[name];
  const given = value === undefined ? spec.default : value;
  if (given === null || given === undefined) return null;
  if (spec.type === 'uuids') return plainArray(given as string[]);
  if (spec.type === 'json') return JSON.stringify(given);
  return typeof given === 'object' ? JSON.stringify(given) : String(given);
}

/** The Postgres type of a column. */
export function columnType(name: WritableField): string {
  const { type } = JOB_FIELDS[name] as FieldSpec;
  switch (type) {
    case 'int':
      return 'int';
    case 'bool':
      return 'boolean';
    case 'json':
      return 'jsonb';
    case 'uuids':
      return 'uuid[]';
    case 'uuid':
      return 'uuid';
    case 'time':
      return 'timestamptz';
    case 'text':
    case 'state':
      return 'text';
    default:
      return unreachable(type, 'type of field');
  }
}
