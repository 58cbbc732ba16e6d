/**
 * A query as a value: chainable, immutable, run when it is awaited or iterated, and again each time. Awaiting gives an
 * array; `for await` streams through a cursor of the server, so a million rows need the memory of a batch.
 *
 * Made by the managers of jobs and applications. It knows no class of them: it is given how to run a query and what to
 * make of a row.
 */
import { UserError } from '../base/errors.ts';
import { all, EVERYTHING } from '../core/query.ts';
import type { Condition, Query } from '../core/query.ts';
import { conditionOf, orderOf } from './conditions.ts';
import type { ColumnOf } from './conditions.ts';
import { shown } from './fields.ts';

/** How queries on one kind of thing are run. */
export interface Source<Item> {
  /** What one and several are called in messages. */
  readonly one: string;
  readonly many: string;
  readonly columnOf: ColumnOf;
  rows(query: Query): Promise<Item[]>;
  stream(query: Query): AsyncIterable<Item>;
  count(query: Query): Promise<number>;
  /** Deletes what the condition matches; how many. */
  remove(where: Condition): Promise<number>;
  /** Kills what the condition matches; how many were not at an end already. */
  kill?(where: Condition): Promise<number>;
}

interface Shape {
  readonly query: Query;
  /** What the script asked for, for messages. */
  readonly asked: readonly string[];
}

const WHOLE: Shape = { query: { where: EVERYTHING, orderBy: [] }, asked: [] };

export class QuerySet<Item, Conditions, Order extends string> implements PromiseLike<Item[]> {
  readonly #source: Source<Item>;
  readonly #shape: Shape;

  constructor(source: Source<Item>, shape: Shape = WHOLE) {
    this.#source = source;
    this.#shape = shape;
  }

  /** Everything, as a query of its own. */
  all(): QuerySet<Item, Conditions, Order> {
    return new QuerySet(this.#source, this.#shape);
  }

  /** Those that meet all of `conditions` too. */
  filter(conditions: Conditions): QuerySet<Item, Conditions, Order> {
    return this.#narrow(conditionOf(conditions, this.#source.columnOf), shown(conditions));
  }

  /** Those that do not meet all of `conditions`. */
  exclude(conditions: Conditions): QuerySet<Item, Conditions, Order> {
    const not = conditionOf(conditions, this.#source.columnOf);
    return this.#narrow({ not }, `not ${shown(conditions)}`);
  }

  /** In this order; `-field` descends. Ties, and everything without it, are in order of creation. */
  orderBy(...fields: Order[]): QuerySet<Item, Conditions, Order> {
    return this.#with({ orderBy: orderOf(fields, this.#source.columnOf) });
  }

  /** At most `count` of them. */
  limit(count: number): QuerySet<Item, Conditions, Order> {
    return this.#with({ limit: natural('limit', count) });
  }

  /** Without the first `count`. */
  offset(count: number): QuerySet<Item, Conditions, Order> {
    return this.#with({ offset: natural('offset', count) });
  }

  /** The one that matches; UserError naming the condition when there is none, or more than one. */
  async get(conditions?: Conditions): Promise<Item> {
    const set = conditions === undefined ? this : this.filter(conditions);
    const found = await set.limit(2);
    const [only] = found;
    const { one, many } = this.#source;
    if (only === undefined) throw new UserError(`no ${one} matches ${set.#asked()}`);
    if (found.length === 1) return only;
    throw new UserError(`${await set.count()} ${many} match ${set.#asked()}: get() wants exactly one`);
  }

  /** The first in order, or null. */
  async first(): Promise<Item | null> {
    const [item] = await this.limit(Math.min(1, this.#shape.query.limit ?? 1));
    return item ?? null;
  }

  /** How many there are; no row is read into this process. */
  count(): Promise<number> {
    return this.#source.count(this.#shape.query);
  }

  async exists(): Promise<boolean> {
    return (await this.first()) !== null;
  }

  /** Deletes all that match; how many. Held jobs are refused: kill them first. */
  async delete(): Promise<number> {
    return this.#source.remove(this.#wholeCondition('delete'));
  }

  /** Kills all that match; how many were not at an end already. */
  async kill(): Promise<number> {
    const source = this.#source;
    if (source.kill === undefined) throw new UserError(`${source.many} cannot be killed`);
    return source.kill(this.#wholeCondition('kill'));
  }

  [Symbol.asyncIterator](): AsyncIterator<Item> {
    return this.#source.stream(this.#shape.query)[Symbol.asyncIterator]();
  }

  // A query is awaited as a promise is; each await runs it.
  then<A = Item[], B = never>(
    fulfilled?: ((items: Item[]) => A | PromiseLike<A>) | null,
    rejected?: ((reason: unknown) => B | PromiseLike<B>) | null,
  ): Promise<A | B> {
    return this.#source.rows(this.#shape.query).then(fulfilled, rejected);
  }

  #with(change: Partial<Query>): QuerySet<Item, Conditions, Order> {
    return new QuerySet(this.#source, { ...this.#shape, query: { ...this.#shape.query, ...change } });
  }

  #narrow(condition: Condition, words: string): QuerySet<Item, Conditions, Order> {
    const { query, asked } = this.#shape;
    if (query.limit !== undefined || query.offset !== undefined) {
      throw new UserError('filter and exclude come before limit and offset');
    }
    const where = query.where === EVERYTHING ? condition : all(query.where, condition);
    return new QuerySet(this.#source, { query: { ...query, where }, asked: [...asked, words] });
  }

  #wholeCondition(verb: string): Condition {
    const { query } = this.#shape;
    if (query.limit !== undefined || query.offset !== undefined) {
      throw new UserError(`${verb}() takes all that match: it cannot be used after limit or offset`);
    }
    return query.where;
  }

  #asked(): string {
    return this.#shape.asked.length === 0 ? 'everything' : this.#shape.asked.join(' and ');
  }
}

function natural(what: string, count: number): number {
  if (Number.isSafeInteger(count) && count >= 0) return count;
  throw new UserError(`${what} must be an integer of at least 0, not ${shown(count)}`);
}
