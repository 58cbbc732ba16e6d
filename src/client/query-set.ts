/**
 * A query as a value: chainable, immutable, run when it is awaited or iterated, and again each time. Awaiting gives an
 * array; `for await` streams through a cursor of the server, so a million rows need the memory of a batch.
 *
 * Made by the managers of jobs and applications. It knows no class of them: it is given how to run a query and what to
 * make of a row.
 */
import { UserError } from '../base/errors.ts';
import { all, EVERYTHING } from '../model/query.ts';
import type { Condition, Query } from '../model/query.ts';
import { conditionOf, orderOf } from './conditions.ts';
import type { ColumnOf } from './conditions.ts';
import { shown } from '../store/jobs/values.ts';
import type { Ordering } from './lookups.ts';
import { ValueQuery } from './value-query.ts';
import type { ValueRow, ValueSource } from './value-query.ts';

/** How queries on one kind of thing are run. */
export interface Source<Item> extends ValueSource {
  /** What one and several are called in messages. */
  readonly one: string;
  readonly many: string;
  readonly columnOf: ColumnOf;
  rows(query: Query): Promise<Item[]>;
  stream(query: Query): AsyncIterable<Item>;
  count(query: Query): Promise<number>;
  /** Changes what the condition matches, all or none; how many. */
  update(where: Condition, fields: unknown): Promise<number>;
  /** Deletes what the condition matches, all or none; how many. */
  remove(where: Condition): Promise<number>;
}

/** What a query asks, and how the script put it. */
export interface Shape {
  readonly query: Query;
  /** What the script asked for, for messages. */
  readonly asked: readonly string[];
}

export const WHOLE: Shape = { query: { where: EVERYTHING, orderBy: [] }, asked: [] };

/** A query that has not run yet: `filter`, `orderBy` and their like make narrower ones, the rest runs it. */
export abstract class QuerySet<
  Item,
  Conditions,
  Fields,
  Changes,
  Paths extends string,
  Self,
> implements PromiseLike<Item[]> {
  readonly #source: Source<Item>;
  /** @internal */
  protected readonly shape: Shape;

  /** @internal */
  constructor(source: Source<Item>, shape: Shape) {
    this.#source = source;
    this.shape = shape;
  }

  /** @internal The same kind of query with another shape. */
  protected abstract reshaped(shape: Shape): Self;

  /** Everything, as a query of its own. */
  all(): Self {
    return this.reshaped(this.shape);
  }

  /** Those that meet all of `conditions` too. */
  filter(conditions: Conditions): Self {
    return this.#narrow(conditionOf(conditions, this.#source.columnOf), shown(conditions));
  }

  /** Those that do not meet all of `conditions`. */
  exclude(conditions: Conditions): Self {
    const not = conditionOf(conditions, this.#source.columnOf);
    return this.#narrow({ not }, `not ${shown(conditions)}`);
  }

  /** In this order; `-field` descends. Ties, and everything without it, are in order of creation. */
  orderBy(...fields: Ordering<Fields>[]): Self {
    return this.#with({ orderBy: orderOf(fields, this.#source.columnOf) });
  }

  /** At most `count` of them. */
  limit(count: number): Self {
    return this.#with({ limit: natural('limit', count) });
  }

  /** Without the first `count`. */
  offset(count: number): Self {
    return this.#with({ offset: natural('offset', count) });
  }

  /** Those from place `from` up to and without place `to`, counted from 0; without `to` up to the end. */
  slice(from: number, to?: number): Self {
    const { offset = 0, limit = Infinity } = this.shape.query;
    const start = natural('slice from', from);
    const count = Math.min(to === undefined ? Infinity : natural('slice to', to) - start, limit - start);
    const bound = count === Infinity ? {} : { limit: Math.max(0, count) };
    return this.#with({ offset: offset + start, ...bound });
  }

  /** Only these fields, as plain objects; inside `data` by `'data.key'`. */
  values<const F extends (keyof Fields & string) | Paths>(...fields: F[]): ValueQuery<ValueRow<Fields, F>> {
    return ValueQuery.of(this.#source, this.#source.columnOf, this.shape.query, fields);
  }

  /** The one that matches; UserError naming the condition when there is none, or more than one. */
  async get(conditions?: Conditions): Promise<Item> {
    const condition = conditions === undefined ? null : conditionOf(conditions, this.#source.columnOf);
    const { query, asked } = condition === null ? this.shape : this.#narrowed(condition, shown(conditions));
    const limit = Math.min(2, query.limit ?? 2);
    const found = await this.#source.rows({ ...query, limit });
    const [only] = found;
    const { one, many } = this.#source;
    const words = asked.length === 0 ? 'everything' : asked.join(' and ');
    if (only === undefined) throw new UserError(`no ${one} matches ${words}`);
    if (found.length === 1) return only;
    throw new UserError(`${await this.#source.count(query)} ${many} match ${words}: get() wants exactly one`);
  }

  /** The first in order, or null. */
  async first(): Promise<Item | null> {
    const { query } = this.shape;
    const [item] = await this.#source.rows({ ...query, limit: Math.min(1, query.limit ?? 1) });
    return item ?? null;
  }

  /** The last in order, or null. */
  async last(): Promise<Item | null> {
    const { query } = this.shape;
    if (query.limit !== undefined || query.offset !== undefined)
      throw new UserError(
        'last() comes before limit, offset and slice: reverse the order and ask for first()',
      );
    const [item] = await this.#source.rows({ ...query, reversed: query.reversed !== true, limit: 1 });
    return item ?? null;
  }

  /** How many there are; no row is read into this process. */
  count(): Promise<number> {
    return this.#source.count(this.shape.query);
  }

  /** Whether there is one. */
  async exists(): Promise<boolean> {
    return (await this.first()) !== null;
  }

  /**
   * Sets these fields of all that match, in one statement; how many. Nothing is changed when one of them must not be (a
   * held job's arguments, for example).
   */
  async update(changes: Changes): Promise<number> {
    return this.#source.update(this.whole('update'), changes);
  }

  /** Deletes all that match; how many. Held jobs are refused: kill them first. */
  async delete(): Promise<number> {
    return this.#source.remove(this.whole('delete'));
  }

  /** Streams: one batch of rows is in memory at a time. It holds a connection until it ends or is left. */
  [Symbol.asyncIterator](): AsyncIterator<Item> {
    return this.#source.stream(this.shape.query)[Symbol.asyncIterator]();
  }

  /** A query is awaited as a promise is; each await runs it and gives all items. */
  then<A = Item[], B = never>(
    fulfilled?: ((items: Item[]) => A | PromiseLike<A>) | null,
    rejected?: ((reason: unknown) => B | PromiseLike<B>) | null,
  ): Promise<A | B> {
    return this.#source.rows(this.shape.query).then(fulfilled, rejected);
  }

  /** @internal The condition, for what takes all that match. */
  protected whole(verb: string): Condition {
    const { query } = this.shape;
    if (query.limit !== undefined || query.offset !== undefined) {
      throw new UserError(`${verb}() takes all that match: it cannot be used after limit, offset or slice`);
    }
    return query.where;
  }

  #with(change: Partial<Query>): Self {
    return this.reshaped({ ...this.shape, query: { ...this.shape.query, ...change } });
  }

  #narrow(condition: Condition, words: string): Self {
    return this.reshaped(this.#narrowed(condition, words));
  }

  #narrowed(condition: Condition, words: string): Shape {
    const { query, asked } = this.shape;
    if (query.limit !== undefined || query.offset !== undefined) {
      throw new UserError('filter, exclude and get with a condition come before limit, offset and slice');
    }
    const where = query.where === EVERYTHING ? condition : all(query.where, condition);
    return { query: { ...query, where }, asked: [...asked, words] };
  }
}

function natural(what: string, count: number): number {
  if (Number.isSafeInteger(count) && count >= 0) return count;
  throw new UserError(`${what} must be an integer of at least 0, not ${shown(count)}`);
}
