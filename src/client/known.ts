/**
 * What the database is known to hold of a job, and what a save sends to change it: only what differs, `data` by its
 * top-level keys.
 */
import { difference, sameJson } from '../model/json.ts';
import type { JsonObject, JsonValue } from '../model/query.ts';
import type { JobRow, NewJob, WritableField } from '../store/rows.ts';
import { checkedData, checkedValue, defaultOf, FIELD_PAIRS, writableColumn } from './fields.ts';
import type { JobFields } from './fields.ts';
import type { Change, Loaded } from './gateway.ts';

/** The values of a job's fields by column; `data` is a copy. */
export type Values = Map<WritableField, JsonValue>;

/** What the database holds: a row, or what was sent for a new job. What is not in it is the default. Never changed. */
export type Known = { readonly [column in WritableField]?: JsonValue | undefined };

/** A deep copy of JSON: structuredClone takes longer than all the rest of reading a row. */
export function copyOf(value: unknown): unknown {
  if (typeof value !== 'object' || value === null) return value;
  if (Array.isArray(value)) return value.map(copyOf);
  // fromEntries, not assignment: "__proto__" is a key like others.
  return Object.fromEntries(Object.entries(value).map(([key, inner]) => [key, copyOf(inner)]));
}

/** What a row says. */
export function knownOf(row: Loaded): Known {
  return row as Known;
}

/** Only what differs from a new job's defaults, which is little: a million jobs may be kept. */
export function sparse(values: Values): Known {
  return Object.fromEntries([...values].filter(([column, value]) => !sameJson(value, defaultOf(column))));
}

const NAMES: ReadonlySet<string> = new Set(FIELD_PAIRS.map(([name]) => name));

/** The row of a new job: only what differs from the defaults, the others need no look. UserError as `valuesOf`. */
export function newRowOf(id: string, job: JobFields): NewJob {
  refuseStray(job);
  const row: Record<string, unknown> = { job_id: id };
  for (const [name, column] of FIELD_PAIRS) {
    const usual = defaultOf(column);
    if (job[name] === usual) continue;
    const value = checkedCopy(job, name, column);
    if (!sameJson(value, usual)) row[column] = value;
  }
  return row as NewJob;
}

/** Every field, checked, with a copy of `data`. UserError also for a property that is no field. */
export function valuesOf(job: JobFields, known: Known | null): Values {
  refuseStray(job);
  const values: Values = new Map();
  for (const [name, column] of FIELD_PAIRS) {
    const before = known?.[column];
    // What is as it was read is not judged: another field of a row that somebody wrote by SQL can be mended.
    const isKnown = typeof before === 'string' && job[name] === before;
    values.set(column, isKnown ? before : checkedCopy(job, name, column));
  }
  return values;
}

function checkedCopy(job: JobFields, name: keyof JobFields, column: WritableField): JsonValue {
  return (column === 'data' ? copyOf(checkedData(job.data)) : checkedValue(column, job[name])) as JsonValue;
}

function refuseStray(job: JobFields): void {
  const stray = Object.keys(job).find((key) => !NAMES.has(key));
  if (stray !== undefined) writableColumn(stray);
}

function knownValue(known: Known, column: WritableField): JsonValue {
  return known[column] ?? defaultOf(column);
}

/** What to send to make `known` into `values`; null when they are equal. */
export function changeOf(known: Known, values: Values): Change | null {
  const fields = [...values].filter(
    ([column, value]) => column !== 'data' && !sameJson(value, knownValue(known, column)),
  );
  const data = difference(knownValue(known, 'data') as JsonObject, values.get('data') as JsonObject);
  if (fields.length === 0 && data.removed.length === 0 && Object.keys(data.set).length === 0) return null;
  return { fields: Object.fromEntries(fields) as Partial<JobRow>, data };
}
