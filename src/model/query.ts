/**
 * Queries as plain data: which rows, in which order, how many. The client builds them, the store turns them into SQL,
 * the job channel carries them as JSON, and a test evaluates them over arrays.
 *
 * Called by the client's managers, the command line and the store; it knows no SQL and no column: the store checks the
 * names of fields against its own table and refuses what is not there.
 */
import { unreachable } from '../base/assert.ts';

export const COMPARISONS = [
  'equals',
  'not',
  'contains',
  'icontains',
  'startsWith',
  'endsWith',
  'glob',
  'in',
  'lt',
  'lte',
  'gt',
  'gte',
  'range',
  'isNull',
] as const;

export type Comparison = (typeof COMPARISONS)[number];

export type JsonValue = string | number | boolean | null | JsonValue[] | { [key: string]: JsonValue };
export type JsonObject = { [key: string]: JsonValue };

/** What a comparison may hold: `in` a list, `range` [from, to] (both included), `isNull` a boolean, the rest one value. */
export type QueryValue = JsonValue | Date | readonly (string | number | boolean | Date | null)[];

export interface FieldCondition {
  field: string;
  op: Comparison;
  value: QueryValue;
}

/** A condition on a value inside a JSON field: the first step is the field (`data`), the rest are keys or indices. */
export interface PathCondition {
  path: readonly [string, ...string[]];
  op: Comparison;
  value: QueryValue;
}

export type Condition =
  | FieldCondition
  | PathCondition
  | { and: readonly Condition[] }
  | { or: readonly Condition[] }
  | { not: Condition };

export type Direction = 'asc' | 'desc';

export interface Query {
  where: Condition;
  /** Ties, and everything when empty, are in order of creation. */
  orderBy: readonly (readonly [field: string, direction: Direction])[];
  /** The other way round, ties included. */
  reversed?: boolean;
  limit?: number;
  offset?: number;
}

/** Which values of the rows are wanted. */
export interface Selection {
  /** Fields, or the steps of a path inside one. */
  readonly fields: readonly (readonly [string, ...string[]])[];
  /** Each combination once, not every row. */
  readonly distinct: boolean;
}

/** The condition that every row meets. */
export const EVERYTHING: Condition = { and: [] };

/** A query for `where` in order of creation. */
export function queryOf(where: Condition = EVERYTHING): Query {
  return { where, orderBy: [] };
}

/** One comparison on a field. */
export function field(name: string, op: Comparison, value: QueryValue): Condition {
  return { field: name, op, value };
}

/** All of the conditions; none given means everything. */
export function all(...conditions: readonly Condition[]): Condition {
  return conditions.length === 1 ? conditions[0]! : { and: conditions };
}

/** The jobs with these ids. */
export function byIds(ids: readonly string[]): Condition {
  return { field: 'job_id', op: 'in', value: ids };
}

/** Whether `row` meets `condition`, as the store's SQL would decide (a missing or null value meets only `isNull`). */
export function matches(row: { readonly [name: string]: unknown }, condition: Condition): boolean {
  if ('and' in condition) return condition.and.every((c) => matches(row, c));
  if ('or' in condition) return condition.or.some((c) => matches(row, c));
  if ('path' in condition) return compare(walk(row, condition.path), condition.op, condition.value);
  if ('field' in condition) return compare(row[condition.field], condition.op, condition.value);
  return !matches(row, condition.not);
}

/** Only what the document itself holds (no `length`, no `constructor`); negative numbers count from an array's end. */
function walk(row: unknown, path: readonly string[]): unknown {
  let at = row;
  for (const step of path) {
    if (typeof at !== 'object' || at === null) return undefined;
    if (Array.isArray(at)) at = /^[+-]?\d+$/.test(step) ? at.at(Number(step)) : undefined;
    else at = Object.hasOwn(at, step) ? (at as { [key: string]: unknown })[step] : undefined;
  }
  return at;
}

function compare(actual: unknown, op: Comparison, value: QueryValue): boolean {
  const missing = actual === null || actual === undefined;
  if (op === 'isNull') return missing === (value === true);
  if (op === 'equals' && value === null) return missing;
  if (op === 'not') return value === null ? !missing : missing || !same(actual, value);
  if (missing) return false;
  switch (op) {
    case 'equals':
      return same(actual, value);
    case 'contains':
    case 'icontains':
    case 'startsWith':
    case 'endsWith':
    case 'glob':
      return compareText(actual, op, value);
    case 'in':
      return Array.isArray(value) && value.some((v) => v !== null && same(actual, v));
    case 'lt':
      return order(actual, value) < 0;
    case 'lte':
      return order(actual, value) <= 0;
    case 'gt':
      return order(actual, value) > 0;
    case 'gte':
      return order(actual, value) >= 0;
    case 'range':
      return Array.isArray(value) && order(actual, value[0]) >= 0 && order(actual, value[1]) <= 0;
    default:
      return unreachable(op, 'comparison');
  }
}

/** Only of texts; a list (of parents) contains its elements. */
function compareText(actual: unknown, op: Comparison, given: QueryValue): boolean {
  if (Array.isArray(actual)) return op === 'contains' && actual.includes(given);
  if (typeof actual !== 'string' || typeof given !== 'string') return false;
  if (op === 'contains') return actual.includes(given);
  if (op === 'icontains') return lower(actual).includes(lower(given));
  if (op === 'glob') return globMatches(actual, globParts(given));
  return op === 'startsWith' ? actual.startsWith(given) : actual.endsWith(given);
}

/**
 * The texts between the stars of a pattern, each of which stands for any text, none included; one part when there is no
 * star. `\*` is a star that stands for itself; nothing else has a meaning.
 */
export function globParts(pattern: string): string[] {
  return pattern.split(/(?<!\\)\*/).map((part) => part.replaceAll('\\*', '*'));
}

function globMatches(text: string, parts: readonly string[]): boolean {
  const [first = '', ...others] = parts;
  const last = others.pop();
  if (last === undefined) return text === first;
  if (!text.startsWith(first)) return false;
  let at = first.length;
  for (const part of others) {
    const found = text.indexOf(part, at);
    if (found < 0) return false;
    at = found + part.length;
  }
  return text.length - last.length >= at && text.endsWith(last);
}

/** Character by character, as Postgres does it: a capital sigma becomes σ wherever it stands. */
function lower(text: string): string {
  return Array.from(text, (c) => String.fromCodePoint(c.toLowerCase().codePointAt(0)!)).join('');
}

function same(a: unknown, b: unknown): boolean {
  if (typeof a === 'object' || typeof b === 'object')
    return JSON.stringify(sorted(a)) === JSON.stringify(sorted(b));
  return a === b;
}

/** Objects with their keys in order, so that two spellings of one document are equal. */
function sorted(value: unknown): unknown {
  if (Array.isArray(value)) return value.map(sorted);
  if (typeof value !== 'object' || value === null || 'toISOString' in value) return value;
  return Object.fromEntries(
    Object.entries(value)
      .toSorted(([a], [b]) => (a < b ? -1 : 1))
      .map(([k, v]) => [k, sorted(v)]),
  );
}

/** Negative, zero or positive; NaN, which meets no comparison, for values of different kinds. */
function order(a: unknown, b: unknown): number {
  if (typeof a === 'string' && typeof b === 'string') return compareTexts(a, b);
  const alike = typeof a === typeof b && !Array.isArray(a) && !Array.isArray(b);
  return alike ? Number(a) - Number(b) : Number.NaN;
}

/** By code points, as Postgres' collation "C" has it; JavaScript's own < goes by halves of surrogate pairs. */
export function compareTexts(a: string, b: string): number {
  const [x, y] = [Array.from(a), Array.from(b)];
  for (let i = 0; i < x.length && i < y.length; i += 1) {
    if (x[i] !== y[i]) return x[i]!.codePointAt(0)! - y[i]!.codePointAt(0)!;
  }
  return x.length - y.length;
}
