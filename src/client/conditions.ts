/**
 * From what a script writes, `{ workflow: 'x', name: { contains: 'y' }, 'data.x': 3 }`, to the query language of the
 * store. Several members must all hold; a plain value means "equals"; `and`, `or` and `not` combine whole conditions.
 *
 * Called by the managers for filter, exclude and get. It refuses every word and every value that it does not know, with a
 * suggestion, so that a misspelt condition never quietly matches everything.
 */
import { UserError } from '../base/errors.ts';
import { isId } from '../base/ids.ts';
import { didYouMean } from '../base/suggest.ts';
import { JOB_STATES } from '../model/job.ts';
import { isJsonObject, jsonFault, textFault } from '../model/json.ts';
import { COMPARISONS } from '../model/query.ts';
import type { Comparison, Condition, Direction, JsonValue, QueryValue } from '../model/query.ts';
import { shown } from '../store/jobs/values.ts';
import type { FieldType } from '../store/rows.ts';
import { readableColumn } from './fields.ts';
import type { Column } from './fields.ts';

/** Turns a script's name of a field into its column; throws UserError for an unknown one. */
export type ColumnOf = (name: string) => Column;

/** What a field or path can be asked, and how one value of it is checked and stored. */
interface Target {
  readonly name: string;
  readonly words: readonly Comparison[];
  value(given: unknown): QueryValue;
  /** A value that may be ordered. */
  bound(given: unknown): QueryValue;
  condition(op: Comparison, value: QueryValue): Condition;
}

const MEMBERSHIP = ['equals', 'not', 'in', 'isNull'] as const;
const ORDER = ['lt', 'lte', 'gt', 'gte', 'range'] as const;

/** What each kind of field can be asked, as the types in lookups.ts say. */
export const WORDS: { readonly [type in FieldType]: readonly Comparison[] } = {
  text: COMPARISONS,
  state: COMPARISONS,
  uuid: COMPARISONS,
  int: [...MEMBERSHIP, ...ORDER],
  time: [...MEMBERSHIP, ...ORDER],
  bool: MEMBERSHIP,
  uuids: ['contains', 'equals', 'not', 'isNull'],
  json: ['equals', 'not', 'isNull'],
};

/** The condition that `given` describes. UserError naming what is not understood. */
export function conditionOf(given: unknown, columnOf: ColumnOf = readableColumn): Condition {
  if (!isJsonObject(given)) {
    throw new UserError(`a condition must be an object like { name: 'x' }, not ${shown(given)}`);
  }
  const parts = Object.entries(given as { [name: string]: unknown }).flatMap(([name, value]) =>
    isCombination(name) ? [combined(name, value, columnOf)] : comparisons(targetOf(name, columnOf), value),
  );
  const [only] = parts;
  return parts.length === 1 && only !== undefined ? only : { and: parts };
}

/** The order that the names describe. */
export function orderOf(
  names: readonly string[],
  columnOf: ColumnOf = readableColumn,
): (readonly [string, Direction])[] {
  return names.map((name) => {
    const descends = name.startsWith('-');
    const { column, type } = columnOf(descends ? name.slice(1) : name);
    if (type === 'json' || type === 'uuids')
      throw new UserError(`${name} has no order: choose another field`);
    return [column, descends ? 'desc' : 'asc'];
  });
}

/** The steps of `'data.x.y'`; UserError when one is empty. `\.` is a dot of the key, `\\` a backslash. */
export function pathOf(name: string): [string, ...string[]] {
  const steps = [''];
  for (const [token] of name.matchAll(/\\[.\\]|\.|[^.]/gsu)) {
    if (token === '.') steps.push('');
    else steps[steps.length - 1] += token.length === 2 && token.startsWith('\\') ? token.slice(1) : token;
  }
  if (steps.includes('')) throw new UserError(`${JSON.stringify(name)} has an empty step`);
  return steps as [string, ...string[]];
}

function isCombination(name: string): name is 'and' | 'or' | 'not' {
  return name === 'and' || name === 'or' || name === 'not';
}

function combined(name: 'and' | 'or' | 'not', value: unknown, columnOf: ColumnOf): Condition {
  if (name === 'not') return { not: conditionOf(value, columnOf) };
  if (!Array.isArray(value)) throw new UserError(`${name} takes a list of conditions, not ${shown(value)}`);
  const parts = value.map((part) => conditionOf(part, columnOf));
  return name === 'and' ? { and: parts } : { or: parts };
}

function targetOf(name: string, columnOf: ColumnOf): Target {
  if (!name.startsWith('data.')) return fieldTarget(name, columnOf(name));
  columnOf('data');
  const path = pathOf(name);
  return {
    name,
    words: COMPARISONS,
    value: (given) => jsonValue(name, given),
    bound(given) {
      if (typeof given === 'object')
        throw new UserError(`${name}: ${shown(given)} has no order: compare text, numbers or true and false`);
      return jsonValue(name, given);
    },
    condition: (op, value) => ({ path, op, value }),
  };
}

function fieldTarget(name: string, { column, type, nullable }: Column): Target {
  const value = (given: unknown): QueryValue => {
    if (given === null && !nullable) throw new UserError(`${name} is never null`);
    return fieldValue(name, type, given);
  };
  return {
    name,
    words: WORDS[type],
    value,
    bound: value,
    condition: (op, operand) => ({ field: column, op, value: operand }),
  };
}

function comparisons(target: Target, value: unknown): Condition[] {
  const { name, words } = target;
  if (value === undefined)
    throw new UserError(`${name}: undefined is no value to compare with: leave the field out`);
  if (value === null) {
    target.value(null);
    return [target.condition('isNull', true)];
  }
  if (Array.isArray(value)) {
    const word = words.includes('in') ? 'in' : 'equals';
    throw new UserError(`${name}: a list needs a word, as in ${name}: { ${word}: ${shown(value)} }`);
  }
  if (typeof value !== 'object' || value instanceof Date)
    return [target.condition('equals', target.value(value))];
  const given = Object.entries(value);
  if (given.length === 0) throw new UserError(`${name}: {} says nothing; it takes ${words.join(', ')}`);
  return given.map(([word, operand]) => {
    const op = words.find((w) => w === word);
    if (op === undefined) {
      const known = (COMPARISONS as readonly string[]).includes(word);
      const why = known ? 'cannot be compared by' : 'has no comparison';
      throw new UserError(
        `${name} ${why} ${JSON.stringify(word)}${known ? '' : didYouMean(word, words)}; it takes ${words.join(', ')}`,
      );
    }
    return target.condition(op, operandOf(target, op, operand));
  });
}

function operandOf(target: Target, op: Comparison, value: unknown): QueryValue {
  const { name } = target;
  const wrong = (wanted: string): UserError =>
    new UserError(`${name}: { ${op} } takes ${wanted}, not ${shown(value)}`);
  switch (op) {
    case 'in':
      if (!Array.isArray(value)) throw wrong('a list');
      return value.map((v) => target.value(notNull(name, v))) as QueryValue;
    case 'range':
      if (!Array.isArray(value) || value.length !== 2) throw wrong('[from, to]');
      return value.map((v) => target.bound(notNull(name, v))) as QueryValue;
    case 'isNull':
      if (typeof value !== 'boolean') throw wrong('true or false');
      return value;
    case 'contains':
    case 'icontains':
    case 'startsWith':
    case 'endsWith':
    case 'glob':
      if (typeof value !== 'string') throw wrong('text');
      return wellFormed(name, value);
    case 'lt':
    case 'lte':
    case 'gt':
    case 'gte':
      return target.bound(notNull(name, value));
    case 'equals':
      return target.value(value);
    case 'not':
      return value === null ? null : target.value(value);
  }
}

function notNull(name: string, value: unknown): unknown {
  if (value === null) throw new UserError(`${name}: null cannot be among these: ask { isNull: true }`);
  return value;
}

/** One value of a field, as it is compared; null is checked by the caller. */
function fieldValue(name: string, type: FieldType, value: unknown): QueryValue {
  const wrong = (wanted: string): UserError =>
    new UserError(`${name} is compared with ${wanted}, not ${shown(value)}`);
  if (value === null) return null;
  switch (type) {
    case 'text':
      if (typeof value !== 'string') throw wrong('text');
      return wellFormed(name, value);
    case 'state':
      if (typeof value !== 'string') throw wrong('a state');
      if (!(JOB_STATES as readonly string[]).includes(value)) {
        throw new UserError(
          `there is no state ${shown(value)}${didYouMean(value, JOB_STATES)}; there are ${JOB_STATES.join(', ')}`,
        );
      }
      return value;
    case 'uuid': {
      const id = typeof value === 'string' ? value.toLowerCase() : '';
      if (!isId(id)) throw wrong(`a whole id (${name}: { startsWith: … } takes the beginning of one)`);
      return id;
    }
    case 'int':
      if (!Number.isSafeInteger(value)) throw wrong('an integer');
      return value as number;
    case 'bool':
      if (typeof value !== 'boolean') throw wrong('true or false');
      return value;
    case 'time':
      return timeOf(value, wrong);
    case 'uuids':
      if (!Array.isArray(value) || !value.every((v) => typeof v === 'string' && isId(v)))
        throw wrong('a list of job ids');
      return value as string[];
    case 'json':
      if (!isJsonObject(value)) throw wrong('an object');
      return jsonValue(name, value);
  }
}

function timeOf(value: unknown, wrong: (wanted: string) => UserError): Date {
  const time = typeof value === 'string' ? new Date(value) : value;
  if (!(time instanceof Date) || Number.isNaN(time.getTime()))
    throw wrong("a Date, or a text like '2026-01-31T12:00:00Z'");
  return time;
}

/** Half of a surrogate pair would be sent as another character, and find that. NUL is in no row, and finds nothing. */
function wellFormed(name: string, text: string): string {
  if (text.isWellFormed()) return text;
  throw new UserError(textFault(text.replaceAll('\0', ''), name) ?? '');
}

/** A value that `data` can hold; another is equal to nothing, so that asking for it is a mistake. */
function jsonValue(name: string, value: unknown): JsonValue {
  const fault = jsonFault(value, name);
  if (fault !== null) throw new UserError(fault);
  return value as JsonValue;
}
