/**
 * Chosen fields of what a query matches, as plain objects: `objects.values('name', 'data.x')`, with `distinct()` each
 * combination once. Made by QuerySet.values; like it, it runs when it is awaited or iterated.
 */
import { UserError } from '../base/errors.ts';
import type { JsonValue, Query, Selection } from '../model/query.ts';
import { pathOf } from './conditions.ts';
import type { ColumnOf } from './conditions.ts';

/** A row of `values`: the fields by their names. */
export type ValueRow<Fields, F extends string> = {
  [K in F]: K extends keyof Fields ? Fields[K] : JsonValue;
};

/** How values are read: each row is the values in the order of the selection. */
export interface ValueSource {
  values(query: Query, selection: Selection): Promise<unknown[][]>;
  streamValues(query: Query, selection: Selection): AsyncIterable<unknown[]>;
  countValues(query: Query, selection: Selection): Promise<number>;
}

/** Chosen fields of a query: awaited it gives an array, `for await` streams. */
export class ValueQuery<Row> implements PromiseLike<Row[]> {
  readonly #source: ValueSource;
  readonly #query: Query;
  readonly #names: readonly string[];
  readonly #selection: Selection;

  private constructor(source: ValueSource, query: Query, names: readonly string[], selection: Selection) {
    this.#source = source;
    this.#query = query;
    this.#names = names;
    this.#selection = selection;
  }

  /** @internal */
  static of<Row>(
    source: ValueSource,
    columnOf: ColumnOf,
    query: Query,
    names: readonly string[],
  ): ValueQuery<Row> {
    if (names.length === 0) throw new UserError('values() takes at least one field');
    const fields = names.map((name): [string, ...string[]] => {
      if (!name.startsWith('data.')) return [columnOf(name).column];
      columnOf('data');
      return pathOf(name);
    });
    return new ValueQuery<Row>(source, query, names, { fields, distinct: false });
  }

  /** Each combination of values once, in the order of the fields (or that of orderBy, which may name only these fields). */
  distinct(): ValueQuery<Row> {
    const chosen = new Set(this.#selection.fields.filter((f) => f.length === 1).map(([column]) => column));
    const other = this.#query.orderBy.find(([column]) => !chosen.has(column));
    if (other !== undefined)
      throw new UserError(`distinct() cannot be ordered by ${other[0]}: add it to values()`);
    return new ValueQuery<Row>(this.#source, this.#query, this.#names, {
      ...this.#selection,
      distinct: true,
    });
  }

  /** How many rows there are. */
  count(): Promise<number> {
    return this.#source.countValues(this.#query, this.#selection);
  }

  async *[Symbol.asyncIterator](): AsyncIterator<Row> {
    for await (const values of this.#source.streamValues(this.#query, this.#selection))
      yield this.#row(values);
  }

  /** Awaiting gives all rows. */
  then<A = Row[], B = never>(
    fulfilled?: ((rows: Row[]) => A | PromiseLike<A>) | null,
    rejected?: ((reason: unknown) => B | PromiseLike<B>) | null,
  ): Promise<A | B> {
    return this.#source
      .values(this.#query, this.#selection)
      .then((rows) => rows.map((values) => this.#row(values)))
      .then(fulfilled, rejected);
  }

  #row(values: readonly unknown[]): Row {
    return Object.fromEntries(this.#names.map((name, i) => [name, values[i]])) as Row;
  }
}
