/**
 * What the database is known to hold of a job, and what a save sends to change it: only what differs, `data` by its
 * top-level keys.
 */
import { difference, sameJson } from '../model/json.ts';
import type { JsonObject, JsonValue } from '../model/query.ts';
import type { JobRow, WritableField } from '../store/rows.ts';
import { FIELD_PAIRS } from './fields.ts';
import type { Change, Loaded } from './gateway.ts';

/** By column; `data` is a copy. */
export type Known = Map<WritableField, JsonValue>;

/** A deep copy of JSON: structuredClone takes longer than all the rest of reading a row. */
export function copyOf(value: unknown): unknown {
  if (typeof value !== 'object' || value === null) return value;
  if (Array.isArray(value)) return value.map(copyOf);
  // fromEntries, not assignment: "__proto__" is a key like others.
  return Object.fromEntries(Object.entries(value).map(([key, inner]) => [key, copyOf(inner)]));
}

/** What a row says. */
export function knownOf(row: Loaded): Known {
  return new Map(FIELD_PAIRS.map(([, column]) => [column, row[column]]));
}

/** What to send to make `known` into `values`; null when they are equal. */
export function changeOf(known: Known, values: Known): Change | null {
  const fields = [...values].filter(
    ([column, value]) => column !== 'data' && !sameJson(value, known.get(column)),
  );
  const data = difference(known.get('data') as JsonObject, values.get('data') as JsonObject);
  if (fields.length === 0 && data.removed.length === 0 && Object.keys(data.set).length === 0) return null;
  return { fields: Object.fromEntries(fields) as Partial<JobRow>, data };
}
