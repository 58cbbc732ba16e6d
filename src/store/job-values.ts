/**
 * The values of a job that a person gives: checked against JOB_FIELDS, and turned into what Postgres is sent.
 *
 * Called by job-store before anything is sent, so that a mistake is one sentence with the field, the value and what to
 * do, and not an error of the database.
 */
import { unreachable } from '../base/assert.ts';
import { UserError } from '../base/errors.ts';
import { isId } from '../base/ids.ts';
import { MAX_DATA_BYTES, MAX_DATA_DEPTH, MAX_INDEXED_BYTES } from '../base/limits.ts';
import {
  JOB_FIELDS,
  isWritableField,
  type FieldSpec,
  type JobRow,
  type NewJob,
  type WritableField,
} from './rows.ts';
import { plainArray } from './sql-array.ts';

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

/** Whether `value` may be the value of `name`; UserError names the field, the value and what to do. */
export function checkValue(name: WritableField, value: JobRow[WritableField]): void {
  const spec: FieldSpec = JOB_FIELDS[name];
  const wrong = (what: string): never => {
    throw new UserError(`${name} is ${shown(value)}; give ${what}`);
  };
  switch (spec.type) {
    case 'text':
      if (typeof value !== 'string') return wrong('a text');
      if (value.includes('\0')) return wrong('a text without the character NUL');
      if (INDEXED.includes(name) && Buffer.byteLength(value) > MAX_INDEXED_BYTES)
        return wrong(`a text of at most ${MAX_INDEXED_BYTES} bytes`);
      return undefined;
    case 'int': {
      const { min = 0, max = 0 } = spec;
      if (value === null && spec.default === null) return undefined;
      if (typeof value !== 'number' || !Number.isSafeInteger(value) || value < min || value > max)
        return wrong(
          max === 2_147_483_647
            ? `a whole number of at least ${min}`
            : `a whole number from ${min} to ${max}`,
        );
      return undefined;
    }
    case 'bool':
      return typeof value === 'boolean' ? undefined : wrong('true or false');
    case 'uuids':
      if (!Array.isArray(value) || !value.every((v) => typeof v === 'string' && isId(v)))
        return wrong('a list of job ids');
      return undefined;
    case 'json':
      return checkData(value);
    case 'uuid':
    case 'time':
    case 'state':
      return wrong('nothing: it cannot be set');
    default:
      return unreachable(spec.type, 'type of field');
  }
}

function shown(value: unknown): string {
  const text = JSON.stringify(value) ?? typeof value;
  return text.length > 80 ? `${text.slice(0, 77)}...` : text;
}

/** `data` is an object of bounded size and depth, without NUL anywhere. */
export function checkData(value: unknown): void {
  if (typeof value !== 'object' || value === null || Array.isArray(value))
    throw new UserError(`data is ${shown(value)}; give an object`);
  const text = JSON.stringify(value);
  if (Buffer.byteLength(text) > MAX_DATA_BYTES)
    throw new UserError(
      `data is ${Buffer.byteLength(text)} bytes long; keep it below ${MAX_DATA_BYTES} and put larger things in files`,
    );
  if (/(?<!\\)(?:\\\\)*\\u0000/.test(text))
    throw new UserError('data has the character NUL, which Postgres cannot keep; remove it');
  if (depth(value, MAX_DATA_DEPTH) > MAX_DATA_DEPTH)
    throw new UserError(`data is nested deeper than ${MAX_DATA_DEPTH} levels; make it flatter`);
}

function depth(value: unknown, left: number): number {
  if (typeof value !== 'object' || value === null) return 0;
  if (left === 0) return 1;
  let deepest = 0;
  for (const inner of Object.values(value)) deepest = Math.max(deepest, depth(inner, left - 1));
  return deepest + 1;
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
