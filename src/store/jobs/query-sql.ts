/**
 * Turns a query of core/query.ts into SQL: text with numbered parameters, never a value in the text.
 *
 * Called by change.ts. Names of fields are looked up in JOB_FIELDS; an unknown one is the user's mistake. It must decide
 * exactly as `matches` does over plain rows (a property test holds the two together), so that a condition means the same
 * in a test, in the job channel and in Postgres.
 */
import { unreachable } from '../../base/assert.ts';
import { UserError } from '../../base/errors.ts';
import { isId } from '../../base/ids.ts';
import {
  globParts,
  type Comparison,
  type Condition,
  type Direction,
  type Query,
  type QueryValue,
} from '../../model/query.ts';
import { columnOf } from './columns.ts';
import { JOB_FIELDS, isJobField, type FieldType, type JobField } from '../rows.ts';
import { plainArray, textArray } from '../sql-array.ts';

export type SqlValue = string | number | boolean;

/** Parameters of one statement, numbered as they are added. */
export class Parameters {
  readonly values: SqlValue[];

  constructor(values: SqlValue[] = []) {
    this.values = values;
  }

  add(value: SqlValue, cast: string): string {
    this.values.push(value);
    return `$${this.values.length}::${cast}`;
  }
}

function isUuid(value: QueryValue): value is string {
  return typeof value === 'string' && isId(value);
}

const CASTS: Record<FieldType, string> = {
  text: 'text',
  state: 'text',
  int: 'bigint',
  bool: 'boolean',
  json: 'text::jsonb',
  uuid: 'uuid',
  uuids: 'text::uuid[]',
  time: 'timestamptz',
};

function fieldNamed(name: string): JobField {
  if (isJobField(name)) return name;
  throw new UserError(`a job has no field "${name}"; its fields are ${Object.keys(JOB_FIELDS).join(', ')}`);
}

/** The condition as a boolean expression over the table or alias `job`. */
export function conditionSql(condition: Condition, parameters: Parameters): string {
  if ('and' in condition) return joined(condition.and, ' and ', 'true', parameters);
  if ('or' in condition) return joined(condition.or, ' or ', 'false', parameters);
  if ('path' in condition) return pathSql(condition.path, condition.op, condition.value, parameters);
  if ('field' in condition) return fieldSql(condition.field, condition.op, condition.value, parameters);
  return `((${conditionSql(condition.not, parameters)}) is not true)`;
}

function joined(parts: readonly Condition[], word: string, none: string, parameters: Parameters): string {
  return parts.length === 0 ? none : `(${parts.map((part) => conditionSql(part, parameters)).join(word)})`;
}

function fieldSql(name: string, op: Comparison, value: QueryValue, parameters: Parameters): string {
  const field = fieldNamed(name);
  const { type } = JOB_FIELDS[field];
  const column = `job.${columnOf(field)}`;
  if (op === 'isNull' || value === null) return nullSql(column, name, op, value);
  const one = (v: QueryValue): string => parameters.add(checked(name, type, v), CASTS[type]);
  const text = type === 'uuid' || type === 'uuids' ? `${column}::text` : column;
  const inOrder = `${column}${orderCollation(type)}`;
  switch (op) {
    case 'equals':
      return type === 'uuid' && !isUuid(value) ? 'false' : `${column} = ${one(value)}`;
    case 'not':
      return type === 'uuid' && !isUuid(value) ? 'true' : `${column} is distinct from ${one(value)}`;
    case 'contains':
      // With the index on parents: who waits for this job.
      if (type === 'uuids' && isUuid(value))
        return `(job.parents <> '{}' and job.parents @> array[${parameters.add(value, 'uuid')}])`;
      return textSql(text, name, type, op, value, parameters);
    case 'startsWith':
      if (type === 'uuid' && typeof value === 'string') return idPrefixSql(column, value, parameters);
      return textSql(text, name, type, op, value, parameters);
    case 'icontains':
    case 'endsWith':
    case 'glob':
      return textSql(text, name, type, op, value, parameters);
    case 'in':
      return inSql(column, name, type, value, parameters);
    case 'lt':
      return `${inOrder} < ${one(value)}`;
    case 'lte':
      return `${inOrder} <= ${one(value)}`;
    case 'gt':
      return `${inOrder} > ${one(value)}`;
    case 'gte':
      return `${inOrder} >= ${one(value)}`;
    case 'range': {
      const [from, to] = rangeOf(name, value);
      return `${inOrder} between ${one(from)} and ${one(to)}`;
    }
    default:
      return unreachable(op, 'comparison');
  }
}

/** Texts are in the order of their code points whatever locale a database was made with. */
export function orderCollation(type: FieldType): string {
  return type === 'text' || type === 'state' ? ' collate "C"' : '';
}

function nullSql(column: string, name: string, op: Comparison, value: QueryValue): string {
  if (op === 'isNull') return `(${column} is null) = ${value === true ? 'true' : 'false'}`;
  if (op === 'equals') return `${column} is null`;
  if (op === 'not') return `${column} is not null`;
  throw new UserError(`"${name}" cannot be compared (${op}) with null; use isnull`);
}

function textSql(
  text: string,
  name: string,
  type: FieldType,
  op: TextOp,
  value: QueryValue,
  parameters: Parameters,
): string {
  if (typeof value !== 'string')
    throw new UserError(`"${name}" can only ${op} a text, not ${JSON.stringify(value)}`);
  if (!['text', 'state', 'uuid', 'uuids'].includes(type))
    throw new UserError(
      `"${name}" is no text: ${op} does not apply; compare it by equals, in, lt, gt or range`,
    );
  return textMatch(text, op, value, parameters);
}

const SMALLEST_ID = '00000000-0000-0000-0000-000000000000';

/** The ids that begin so, as a range of the primary key: what people type of an id is its beginning. */
function idPrefixSql(column: string, prefix: string, parameters: Parameters): string {
  const from = prefix + SMALLEST_ID.slice(prefix.length);
  if (prefix.length > SMALLEST_ID.length || !isId(from)) return 'false';
  const to = prefix + SMALLEST_ID.replaceAll('0', 'f').slice(prefix.length);
  return `${column} between ${parameters.add(from, 'uuid')} and ${parameters.add(to, 'uuid')}`;
}

type TextOp = 'contains' | 'icontains' | 'startsWith' | 'endsWith' | 'glob';

/** No character of the value has a meaning, but for the stars of a glob. */
function textMatch(text: string, op: TextOp, value: string, parameters: Parameters): string {
  const given = parameters.add(op === 'glob' ? likePattern(withoutNul(value)) : withoutNul(value), 'text');
  switch (op) {
    case 'contains':
      return `strpos(${text}, ${given}) > 0`;
    case 'icontains':
      return `strpos(lower(${text}), lower(${given})) > 0`;
    case 'startsWith':
      return `starts_with(${text}, ${given})`;
    case 'endsWith':
      return `right(${text}, length(${given})) = ${given}`;
    case 'glob':
      return `${text} like ${given}`;
    default:
      return unreachable(op, 'comparison');
  }
}

/** A pattern of core/query.ts as one of LIKE. */
export function likePattern(glob: string): string {
  return globParts(glob)
    .map((part) => part.replaceAll(/[\\%_]/g, '\\$&'))
    .join('%');
}

/** Postgres has no NUL in a text, so nothing stored contains one: a character that no stored text has either. */
function withoutNul(value: string): string {
  return value.includes('\0') ? '\u{10FFFF}' : value;
}

function inSql(
  column: string,
  name: string,
  type: FieldType,
  value: QueryValue,
  parameters: Parameters,
): string {
  if (!Array.isArray(value)) throw new UserError(`"${name}" in needs a list`);
  const values = (value as readonly QueryValue[]).filter((v) => v !== null);
  switch (type) {
    case 'uuid':
      return `${column} = any (${parameters.add(plainArray(values.filter(isUuid)), 'uuid[]')})`;
    case 'int':
      return `${column} = any (${parameters.add(plainArray(values.map((v) => checked(name, type, v))), 'bigint[]')})`;
    case 'bool':
      return `${column} = any (${parameters.add(plainArray(values.map((v) => checked(name, type, v))), 'boolean[]')})`;
    case 'time':
      return `${column} = any (${parameters.add(textArray(values.map((v) => String(checked(name, type, v)))), 'timestamptz[]')})`;
    case 'text':
    case 'state':
      return `${column} = any (${parameters.add(textArray(values.map((v) => String(checked(name, type, v)))), 'text[]')})`;
    case 'json':
      return `${column} = any (${parameters.add(textArray(values.map((v) => JSON.stringify(v))), 'text[]')}::jsonb[])`;
    case 'uuids':
      return `(${values.map((v) => `${column} = ${parameters.add(checked(name, type, v), CASTS[type])}`).join(' or ') || 'false'})`;
    default:
      return unreachable(type, 'type of field');
  }
}

function rangeOf(name: string, value: QueryValue): [QueryValue, QueryValue] {
  if (Array.isArray(value) && value.length === 2) return [value[0] as QueryValue, value[1] as QueryValue];
  throw new UserError(`"${name}" range needs a list of two values, from and to`);
}

/** The value as its parameter, or UserError. */
function checked(name: string, type: FieldType, value: QueryValue): SqlValue {
  switch (type) {
    case 'int':
      if (Number.isSafeInteger(value)) return value as number;
      break;
    case 'bool':
      if (typeof value === 'boolean') return value;
      break;
    case 'time': {
      const date =
        value instanceof Date
          ? value
          : typeof value === 'string' || typeof value === 'number'
            ? new Date(value)
            : null;
      if (date !== null && !Number.isNaN(date.getTime())) return date.toISOString();
      break;
    }
    case 'uuid':
      if (isUuid(value)) return value;
      break;
    case 'uuids':
      if (Array.isArray(value) && value.every((v) => isUuid(v))) return plainArray(value as string[]);
      break;
    case 'json':
      return JSON.stringify(value);
    case 'text':
    case 'state':
      if (typeof value === 'string') return withoutNul(value);
      break;
    default:
      return unreachable(type, 'type of field');
  }
  throw new UserError(`"${name}" is of type ${type}; ${JSON.stringify(value)} cannot be compared with it`);
}

/** A value inside `data`: compared as JSON of the same kind; the text comparisons look at strings. */
function pathSql(
  path: readonly [string, ...string[]],
  op: Comparison,
  value: QueryValue,
  parameters: Parameters,
): string {
  const field = fieldNamed(path[0]);
  if (JOB_FIELDS[field].type !== 'json') throw new UserError(`"${field}" is no JSON: it has nothing inside`);
  const steps = parameters.add(textArray(path.slice(1).map(withoutNul)), 'text[]');
  const at = `(job.${field} #> ${steps})`;
  const missing = `coalesce(${at}, 'null'::jsonb) = 'null'::jsonb`;
  const json = (v: QueryValue): string => parameters.add(JSON.stringify(v), 'text::jsonb');
  const ordered = (sign: string, v: QueryValue): string => {
    if (typeof v === 'string')
      return `(jsonb_typeof(${at}) = 'string' and (job.${field} #>> ${steps}) collate "C" ${sign} ${parameters.add(withoutNul(v), 'text')})`;
    const given = json(v);
    return `(jsonb_typeof(${at}) = jsonb_typeof(${given}) and ${at} ${sign} ${given})`;
  };
  if (op === 'isNull') return `(${missing}) = ${value === true ? 'true' : 'false'}`;
  if (value === null) return op === 'not' ? `not (${missing})` : missing;
  switch (op) {
    case 'equals':
      return `${at} = ${json(value)}`;
    case 'not':
      return `${at} is distinct from ${json(value)}`;
    case 'contains':
    case 'icontains':
    case 'startsWith':
    case 'endsWith':
    case 'glob':
      if (typeof value !== 'string') throw new UserError(`${path.join('.')} can only ${op} a text`);
      return `(jsonb_typeof(${at}) = 'string' and ${textMatch(`(job.${field} #>> ${steps})`, op, value, parameters)})`;
    case 'in':
      if (!Array.isArray(value)) throw new UserError(`${path.join('.')} in needs a list`);
      return `${at} = any (${parameters.add(textArray(value.filter((v) => v !== null).map((v) => JSON.stringify(v))), 'text[]')}::jsonb[])`;
    case 'lt':
      return ordered('<', value);
    case 'lte':
      return ordered('<=', value);
    case 'gt':
      return ordered('>', value);
    case 'gte':
      return ordered('>=', value);
    case 'range': {
      const [from, to] = rangeOf(path.join('.'), value);
      return `(${ordered('>=', from)} and ${ordered('<=', to)})`;
    }
    default:
      return unreachable(op, 'comparison');
  }
}

/** `order by … limit … offset …`; ties are in order of creation. */
export function orderAndSliceSql(query: Query, parameters: Parameters): string {
  const order = query.orderBy.map(([name, direction]) => orderSql(name, direction, query.reversed === true));
  order.push(query.reversed === true ? 'job.seq desc' : 'job.seq');
  return `order by ${order.join(', ')}${sliceSql(query, parameters)}`;
}

function orderSql(name: string, direction: Direction, reversed: boolean): string {
  const field = fieldNamed(name);
  const descends = (direction === 'desc') !== reversed;
  // Nulls are the largest, as Postgres has it, and so the other way round when descending.
  return `job.${columnOf(field)}${orderCollation(JOB_FIELDS[field].type)} ${descends ? 'desc' : 'asc'}`;
}

/** The expression of a field, or of what is inside `data`, whose value is read. Lists of ids cross as JSON. */
export function valueSql([name, ...steps]: readonly [string, ...string[]], parameters: Parameters): string {
  const field = fieldNamed(name);
  if (steps.length === 0) return `job.${columnOf(field)}`;
  return `(job.${field} #> ${parameters.add(textArray(steps.map(withoutNul)), 'text[]')})`;
}

export function sliceSql(query: Query, parameters: Parameters): string {
  const limit = query.limit === undefined ? '' : ` limit ${parameters.add(query.limit, 'bigint')}`;
  const offset = query.offset === undefined ? '' : ` offset ${parameters.add(query.offset, 'bigint')}`;
  return limit + offset;
}
