/**
 * The one check of what Postgres' jsonb and text can hold.
 *
 * Why it exists: the client, the job channel and the store refuse the same values, with the same sentence, before
 * anything is sent; a value that slipped through would be refused by Postgres in the middle of a batch.
 * It never changes a value: it only says what is wrong with it, and where.
 */
import { MAX_DATA_DEPTH } from '../base/limits.ts';
import type { JsonObject, JsonValue } from './query.ts';

/** Whether `value` is an object with string keys: no array, no null. */
export function isJsonObject(value: unknown): value is JsonObject {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}

/**
 * Why `value` cannot be stored, as a sentence that begins with its path ("data.x holds a NUL character…"), or null when
 * it can. Refused: what JSON has no word for (undefined, functions, bigint, NaN, class instances, cycles by their
 * depth), NUL, half a surrogate pair, and nesting deeper than MAX_DATA_DEPTH.
 */
export function jsonFault(value: unknown, path: string): string | null {
  const fault = find(value, 0);
  return fault === null ? null : `${path}${shorten(fault.at)} ${fault.why}`;
}

/** As jsonFault, for one text. */
export function textFault(text: string, path: string): string | null {
  const why = textReason(text);
  return why === null ? null : `${path} ${why}`;
}

/** Whether two JSON values are equal; the order of keys does not count. */
export function sameJson(a: JsonValue | undefined, b: JsonValue | undefined): boolean {
  if (a === b) return true;
  if (typeof a !== 'object' || typeof b !== 'object' || a === null || b === null) return false;
  if (Array.isArray(a) || Array.isArray(b)) {
    if (!Array.isArray(a) || !Array.isArray(b) || a.length !== b.length) return false;
    return a.every((value, i) => sameJson(value, b[i]));
  }
  const keys = Object.keys(a);
  if (keys.length !== Object.keys(b).length) return false;
  return keys.every((key) => Object.hasOwn(b, key) && sameJson(a[key], b[key]));
}

/** What to set and remove, by top-level key, to make `after` of `before`. */
export interface Difference {
  set: JsonObject;
  removed: string[];
}

/** The smallest patch by top-level key; both empty when nothing changed. */
export function difference(before: JsonObject, after: JsonObject): Difference {
  const changed = Object.entries(after).filter(
    ([key, value]) => !(Object.hasOwn(before, key) && sameJson(before[key], value)),
  );
  const removed = Object.keys(before).filter((key) => !Object.hasOwn(after, key));
  return { set: Object.fromEntries(changed), removed };
}

/** `data` with `set` and `removed` applied, as a new object; keys like `__proto__` are keys like any other. */
export function applyDifference(data: JsonObject, patch: Difference): JsonObject {
  const gone = new Set(patch.removed);
  const kept = Object.entries(data).filter(([key]) => !gone.has(key));
  return Object.fromEntries([...kept, ...Object.entries(patch.set)]);
}

interface Fault {
  /** Steps from the outside in, like `.x[3]`. */
  at: string;
  why: string;
}

function find(value: unknown, depth: number): Fault | null {
  switch (typeof value) {
    case 'string':
      return fault(textReason(value));
    case 'number':
      return Number.isFinite(value) ? null : fault(`is ${value}, which JSON cannot hold`);
    case 'boolean':
      return null;
    case 'object':
      return value === null ? null : findInside(value, depth);
    case 'undefined':
      return fault('is undefined, which JSON cannot hold: use null, or delete the key');
    case 'bigint':
    case 'function':
    case 'symbol':
      return fault(`is a ${typeof value}, which JSON cannot hold`);
  }
}

function findInside(value: object, depth: number): Fault | null {
  if (depth >= MAX_DATA_DEPTH) return fault(`is nested deeper than ${MAX_DATA_DEPTH} levels`);
  if (Array.isArray(value)) {
    for (let i = 0; i < value.length; i += 1) {
      const inner = find(value[i], depth + 1);
      if (inner !== null) return { at: `[${i}]${inner.at}`, why: inner.why };
    }
    return null;
  }
  const prototype: unknown = Object.getPrototypeOf(value);
  if (prototype !== Object.prototype && prototype !== null) {
    return fault(`is a ${value.constructor?.name || 'class instance'}, not plain JSON: convert it first`);
  }
  for (const [key, child] of Object.entries(value)) {
    const wrongKey = textReason(key);
    if (wrongKey !== null) return fault(`has a key that ${wrongKey}`);
    const inner = find(child, depth + 1);
    if (inner !== null) return { at: `.${key}${inner.at}`, why: inner.why };
  }
  return null;
}

function fault(why: string): Fault;
function fault(why: string | null): Fault | null;
function fault(why: string | null): Fault | null {
  return why === null ? null : { at: '', why };
}

function textReason(text: string): string | null {
  if (text.includes('\0')) return 'holds a NUL character, which Postgres cannot store';
  if (!text.isWellFormed()) return 'holds half of a surrogate pair, which is no valid text';
  return null;
}

/** A path for a sentence: a deep one would fill the screen. */
function shorten(path: string): string {
  return path.length > 80 ? `${path.slice(0, 80)}…` : path;
}
