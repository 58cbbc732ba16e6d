/**
 * The fields of a job as scripts see them: camelCase names for the store's snake_case ones, and the checks that plain
 * JavaScript needs because no compiler made them. `job_id` is `id` here.
 *
 * Made from the store's one table of fields. It loads nothing of the database driver: programs inside jobs use it too.
 */
import { UserError } from '../base/errors.ts';
import { didYouMean } from '../base/suggest.ts';
import { environText } from '../model/environ-vars.ts';
import { isJsonObject } from '../model/json.ts';
import type { Difference } from '../model/json.ts';
import type { JsonObject, JsonValue } from '../model/query.ts';
import { fieldFault, shown } from '../store/jobs/values.ts';
import { JOB_FIELDS, WRITABLE_FIELDS } from '../store/rows.ts';
import type { FieldType, JobField, JobRow, NewJob, WritableField } from '../store/rows.ts';

type Camel<S extends string> = S extends `${infer A}_${infer B}` ? `${A}${Capitalize<Camel<B>>}` : S;

/** What a script may give a new job and change later. */
export type JobFields = { [K in WritableField as Camel<K>]: JobRow[K] };
export type JobFieldName = keyof JobFields;

/** The argument of `new BalsamJob`: any of the fields; `environVars` may be an object. */
export type NewJobFields = Partial<Omit<JobFields, 'environVars'>> & {
  environVars?: string | { readonly [name: string]: string };
};

/** What `update` sets of many jobs at once: any field but `parents`; of `data` the keys that are given, the rest stays. */
export type JobChanges = Omit<NewJobFields, 'parents'>;

/** Every field that can be asked for in a query. */
export type QueryFields = JobFields & { id: string } & {
  [K in Exclude<JobField, WritableField | 'job_id'> as Camel<K>]: JobRow[K];
};

const camel = (name: string): string => name.replaceAll(/_([a-z])/g, (_, c: string) => c.toUpperCase());

/** camelCase → snake_case of the fields that can be written, and of all that can be asked for. */
const WRITABLE = new Map<string, WritableField>(WRITABLE_FIELDS.map((f) => [camel(f), f]));
const READABLE = new Map<string, JobField>(
  (Object.keys(JOB_FIELDS) as JobField[]).map((f) => [f === 'job_id' ? 'id' : camel(f), f]),
);

/** [camelCase, snake_case] of every field that a script may write, in the order of records. */
export const FIELD_PAIRS: readonly (readonly [JobFieldName, WritableField])[] = [...WRITABLE].map(
  ([name, column]) => [name as JobFieldName, column] as const,
);

const SCRIPT_NAMES = new Map<JobField, string>([...READABLE].map(([name, column]) => [column, name]));

/** The script's name of a column, for messages and records. Looked up: every value of a million jobs asks for it. */
export function scriptName(column: JobField): string {
  return SCRIPT_NAMES.get(column) ?? column;
}

/** The column behind a field that is written; UserError with a suggestion when there is none. */
export function writableColumn(name: string): WritableField {
  const column = WRITABLE.get(name);
  if (column !== undefined) return column;
  if (READABLE.has(name)) throw new UserError(`${name} of a job can be read, not set`);
  throw new UserError(`a job has no field ${JSON.stringify(name)}${didYouMean(name, WRITABLE.keys())}`);
}

/** What a query needs to know of a field. */
export interface Column {
  readonly column: string;
  readonly type: FieldType;
  readonly nullable: boolean;
}

const NULLABLE: ReadonlySet<JobField> = new Set<JobField>(['launcher', 'queued_launch_id']);

/** The column behind a field of a query; UserError with a suggestion when there is none. */
export function readableColumn(name: string): Column {
  const column = READABLE.get(name);
  if (column !== undefined) return { column, type: JOB_FIELDS[column].type, nullable: NULLABLE.has(column) };
  const hint = name.includes('__')
    ? `: write ${name.split('__')[0]}: { ${name.split('__').at(-1)}: … }, or 'data.key' for what is inside data`
    : didYouMean(name, READABLE.keys());
  throw new UserError(`jobs have no field ${JSON.stringify(name)}${hint}`);
}

/** What a field of a new job is; not to be changed. */
export function defaultOf(column: WritableField): JsonValue {
  return JOB_FIELDS[column].default as JsonValue;
}

/**
 * The row that inserts a job of `fields`, without making a BalsamJob of it: what creates jobs by the million does. The
 * row holds the caller's own `data`. UserError for an unknown field or a value of the wrong kind.
 */
export function newJobOf(fields: unknown): NewJob {
  if (!isJsonObject(fields))
    throw new UserError(`a job is given as an object of fields, not ${shown(fields)}`);
  const row: Record<string, unknown> = {};
  for (const name of Object.keys(fields)) {
    const value: unknown = fields[name];
    const column = writableColumn(name);
    if (value !== undefined) row[column] = checkedValue(column, value);
  }
  return row as NewJob;
}

/** The change that `update` makes of `fields`. UserError for an unknown field or a value of the wrong kind. */
export function jobChangeOf(fields: unknown): { fields: Partial<JobRow>; data: Difference } {
  const { data = {}, ...rest } = newJobOf(fields);
  if (rest.parents !== undefined)
    throw new UserError('parents are set job by job: set them on each job and save() it');
  if (Object.keys(rest).length === 0 && Object.keys(data).length === 0)
    throw new UserError('update() was given nothing to change');
  return { fields: rest, data: { set: data, removed: [] } };
}

/**
 * Checks one value for `column` and returns it as it is stored (`environVars` objects become text). UserError naming
 * field, value and what it should be.
 */
export function checkedValue(column: WritableField, value: unknown): JobRow[WritableField] {
  const isObject = column === 'environ_vars' && isJsonObject(value);
  const given = isObject ? environText(Object.entries(value), scriptName(column)) : value;
  const fault = fieldFault(column, given, `${scriptName(column)} of a job`);
  if (fault !== null) throw new UserError(fault);
  return (Array.isArray(given) ? [...given] : given) as JobRow[WritableField];
}

/** `data`, checked: a plain object that Postgres can hold. The object itself is returned, not a copy. */
export function checkedData(value: unknown): JsonObject {
  const fault = fieldFault('data', value, 'data of a job');
  if (fault !== null) throw new UserError(fault);
  return value as JsonObject;
}
