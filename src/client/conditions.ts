/**
 * From what a script writes, `{ workflow: 'x', name: { contains: 'y' }, 'data.x': 3 }`, to the query language of the
 * store. Several members must all hold; a plain value means "equals".
 *
 * Called by the managers for filter, exclude and get. It refuses every word that it does not know, with a suggestion,
 * so that a misspelt condition never quietly matches everything.
 */
import { UserError } from '../base/errors.ts';
import { didYouMean } from '../base/suggest.ts';
import { COMPARISONS } from '../core/query.ts';
import type { Comparison, Condition, Direction, JsonValue, QueryValue } from '../core/query.ts';
import { readableColumn, shown } from './fields.ts';
import type { QueryFields } from './fields.ts';

/** One field's condition: a value to equal, or comparisons that must all hold. */
export type Lookup<T> =
  | T
  | null
  | {
      equals?: T;
      not?: T | null;
      contains?: string;
      icontains?: string;
      startsWith?: string;
      endsWith?: string;
      in?: readonly T[];
      lt?: T;
      lte?: T;
      gt?: T;
      gte?: T;
      /** [from, to], both included. */
      range?: readonly [T, T];
      isNull?: boolean;
    };

/** Conditions on jobs; `'data.x'` looks inside `data`, deeper with more dots. */
export type JobConditions = { [K in keyof QueryFields]?: Lookup<QueryFields[K]> } & {
  [path: `data.${string}`]: Lookup<JsonValue>;
};

/** A field, or `-field` for descending. */
export type Ordering<T> = (keyof T & string) | `-${keyof T & string}`;

/** Turns a script's name of a field into the column; throws UserError for an unknown one. */
export type ColumnOf = (name: string) => string;

/** The condition that `given` describes. UserError naming what is not understood. */
export function conditionOf(given: unknown, columnOf: ColumnOf = readableColumn): Condition {
  if (typeof given !== 'object' || given === null || Array.isArray(given)) {
    throw new UserError(`a condition must be an object like { name: 'x' }, not ${shown(given)}`);
  }
  const parts = Object.entries(given)
    .filter(([, value]) => value !== undefined)
    .flatMap(([name, value]) => comparisons(name, value, columnOf));
  const [only] = parts;
  return parts.length === 1 && only !== undefined ? only : { and: parts };
}

/** The order that the names describe. */
export function orderOf(
  names: readonly string[],
  columnOf: ColumnOf = readableColumn,
): (readonly [string, Direction])[] {
  return names.map((name) =>
    name.startsWith('-') ? [columnOf(name.slice(1)), 'desc'] : [columnOf(name), 'asc'],
  );
}

function comparisons(name: string, value: unknown, columnOf: ColumnOf): Condition[] {
  const make = target(name, columnOf);
  if (value === null) return [make('isNull', true)];
  if (Array.isArray(value)) {
    throw new UserError(`${name}: a list needs a word, as in ${name}: { in: ${shown(value)} }`);
  }
  if (typeof value !== 'object' || value instanceof Date) return [make('equals', checked(name, value))];
  const words = Object.entries(value).filter(([, operand]) => operand !== undefined);
  if (words.length === 0) throw new UserError(`${name}: {} says nothing; it takes ${COMPARISONS.join(', ')}`);
  return words.map(([word, operand]) => {
    if (!isComparison(word)) {
      throw new UserError(
        `${name}: there is no comparison ${JSON.stringify(word)}${didYouMean(word, COMPARISONS)}; there are ${COMPARISONS.join(', ')}`,
      );
    }
    return make(word, operandOf(name, word, operand));
  });
}

function target(name: string, columnOf: ColumnOf): (op: Comparison, value: QueryValue) => Condition {
  if (!name.startsWith('data.')) {
    const field = columnOf(name);
    return (op, value) => ({ field, op, value });
  }
  columnOf('data');
  const [first, ...rest] = name.split('.') as [string, ...string[]];
  if (rest.includes('')) throw new UserError(`${JSON.stringify(name)} has an empty step`);
  return (op, value) => ({ path: [first, ...rest], op, value });
}

function operandOf(name: string, op: Comparison, value: unknown): QueryValue {
  const wrong = (wanted: string): UserError =>
    new UserError(`${name}: { ${op} } takes ${wanted}, not ${shown(value)}`);
  switch (op) {
    case 'in':
      if (!Array.isArray(value)) throw wrong('a list');
      return value.map((v) => checked(name, v)) as QueryValue;
    case 'range':
      if (!Array.isArray(value) || value.length !== 2) throw wrong('[from, to]');
      return value.map((v) => checked(name, v)) as QueryValue;
    case 'isNull':
      if (typeof value !== 'boolean') throw wrong('true or false');
      return value;
    case 'contains':
    case 'icontains':
    case 'startsWith':
    case 'endsWith':
      if (typeof value !== 'string') throw wrong('text');
      return value;
    case 'equals':
    case 'not':
    case 'lt':
    case 'lte':
    case 'gt':
    case 'gte':
      return checked(name, value);
  }
}

/** A value that can travel: JSON or a date. */
function checked(name: string, value: unknown): JsonValue | Date {
  if (value instanceof Date) {
    if (Number.isNaN(value.getTime())) throw new UserError(`${name}: that date is not valid`);
    return value;
  }
  if (typeof value === 'number' && !Number.isFinite(value))
    throw new UserError(`${name}: ${value} is no value`);
  if (
    value === undefined ||
    typeof value === 'function' ||
    typeof value === 'symbol' ||
    typeof value === 'bigint'
  ) {
    throw new UserError(`${name}: ${shown(value)} is no value to compare with`);
  }
  return value as JsonValue;
}

function isComparison(word: string): word is Comparison {
  return (COMPARISONS as readonly string[]).includes(word);
}
