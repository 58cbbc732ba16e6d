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
  limit?: number;
  offset?: number;
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

function walk(row: unknown, path: readonly string[]): unknown {
  let at = row;
  for (const step of path) {
    if (typeof at !== 'object' || at === null) return undefined;
    at = (at as { [key: string]: unknown })[step];
  }
  return at;
}

function compare(actual: unknown, op: Comparison, value: QueryValue): boolean {
  const missing = actual === null || actual === undefined;
  if (op === 'isNull') return missing === (value === true);
  if (op === 'equals' && value === null) return missing;
  if (op === 'not') return value === null ? !missing : missing || !same(actual, value);
  if (missing) return false;
  const text = textOf(actual);
  const given = textOf(value);
  switch (op) {
    case 'equals':
      return same(actual, value);
    case 'contains':
      return text.includes(given);
    case 'icontains':
      return text.toLowerCase().includes(given.toLowerCase());
    case 'startsWith':
      return text.startsWith(given);
    case 'endsWith':
      return text.endsWith(given);
    case 'in':
      return Array.isArray(value) && value.some((v) => same(actual, v));
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

/** Text as Postgres shows it, for what has one. */
function textOf(value: unknown): string {
  if (typeof value === 'string') return value;
  return JSON.stringify(value) ?? '';
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

function order(a: unknown, b: unknown): number {
  if (typeof a === 'number' && typeof b === 'number') return a - b;
  if (typeof a === 'object' && a !== null && typeof b === 'object' && b !== null)
    return Number(a) - Number(b);
  const [x, y] = [textOf(a), textOf(b)];
  return x < y ? -1 : x > y ? 1 : 0;
}
