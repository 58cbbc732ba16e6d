/**
 * The types of conditions: what a script may ask of each field, so that the compiler refuses an unknown field, a value of
 * another type and a comparison that a field does not have. Types only; conditions.ts checks the same at run time, for
 * plain JavaScript.
 */
import type { JsonObject, JsonValue } from '../model/query.ts';
import type { ApplicationRow } from '../store/rows.ts';
import type { QueryFields } from './fields.ts';

/** What every field can be asked: several words in one object must all hold. */
interface Membership<T> {
  equals?: T;
  /** Another value, or none. */
  not?: T | null;
  in?: readonly T[];
  /** Whether there is no value. */
  isNull?: boolean;
}

/** Comparisons of what has an order. Texts are in the order of their code points. */
interface Ordered<T> {
  lt?: T;
  lte?: T;
  gt?: T;
  gte?: T;
  /** [from, to], both included. */
  range?: readonly [T, T];
}

/** Comparisons of a text with a part of it; no character of the part has a special meaning, but for the stars of `glob`. */
interface Textual {
  contains?: string;
  /** The same in any case. */
  icontains?: string;
  startsWith?: string;
  endsWith?: string;
  /** The whole text, where each `*` stands for any text; `\*` is a star itself. */
  glob?: string;
}

/** A list of job ids contains one id. */
interface ListLookup {
  contains?: string;
  equals?: readonly string[];
  not?: readonly string[] | null;
  isNull?: boolean;
}

/** A whole JSON object; `'data.key'` asks for what is inside. */
type ObjectLookup = Omit<Membership<JsonObject>, 'in'>;

/** A condition on a value inside `data`: a plain value to equal, or comparisons. */
export type DataLookup =
  | string
  | number
  | boolean
  | null
  | (Membership<JsonValue> & Ordered<string | number | boolean> & Textual);

/** A time: a Date, or text that names one (ISO 8601). */
type Time = Date | string;

/** One field's condition: a value to equal, or comparisons that must all hold. */
export type Lookup<T> = null extends T
  ? Lookup<NonNullable<T>> | null
  : [T] extends [boolean]
    ? boolean | Membership<boolean>
    : [T] extends [number]
      ? number | (Membership<number> & Ordered<number>)
      : [T] extends [string]
        ? T | (Membership<T> & Ordered<T> & Textual)
        : [T] extends [Date]
          ? Time | (Membership<Time> & Ordered<Time>)
          : [T] extends [readonly string[]]
            ? ListLookup
            : ObjectLookup;

/** How conditions are combined. */
interface Combined<Conditions> {
  /** All of these too. */
  and?: readonly Conditions[];
  /** At least one of these. */
  or?: readonly Conditions[];
  /** Not all of this. */
  not?: Conditions;
}

/**
 * Conditions on jobs; all members must hold. `'data.x'` looks inside `data`, deeper with more dots; a number is also a
 * place in a list, and `\.` is a dot that belongs to a key.
 */
export type JobConditions = { [K in keyof QueryFields]?: Lookup<QueryFields[K]> } & {
  [path: `data.${string}`]: DataLookup;
} & Combined<JobConditions>;

/** Conditions on applications. */
export type ApplicationConditions = {
  [K in keyof ApplicationRow]?: Lookup<ApplicationRow[K]>;
} & Combined<ApplicationConditions>;

/** A field, or `-field` for descending. */
export type Ordering<T> = (keyof T & string) | `-${keyof T & string}`;
