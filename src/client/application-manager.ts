/**
 * `ApplicationDefinition.objects`: every application as a query set, and the ways to make new ones. Applications are few:
 * queries over them are answered in this process. A running job may ask only by name, and getOrCreate.
 *
 * It knows the class of applications only by what it is given.
 */
import { UserError } from '../base/errors.ts';
import { didYouMean } from '../base/suggest.ts';
import { APPLICATION_TEXTS } from '../model/job-channel.ts';
import type { ApplicationFields } from '../model/job-channel.ts';
import { isJsonObject } from '../model/json.ts';
import { compareTexts, matches } from '../model/query.ts';
import type { Condition, Query, Selection } from '../model/query.ts';
import { applicationFault, shown } from '../store/jobs/values.ts';
import type { ApplicationChange, ApplicationRow, NewApplication } from '../store/rows.ts';
import type { Column } from './fields.ts';
import type { Connection } from './gateway.ts';
import type { ApplicationConditions } from './lookups.ts';
import { QuerySet, WHOLE } from './query-set.ts';
import type { Shape, Source } from './query-set.ts';

/** The names of an application's fields. */
export const APPLICATION_FIELDS = ['name', ...APPLICATION_TEXTS] as const;

/** The fields of an application; `name` is needed and unique, the rest are text, empty by default. */
export type NewApplicationFields = NewApplication;

/** What the manager needs to know of the class of applications. */
export interface ApplicationMaker<App> {
  fromRow(row: ApplicationRow): App;
  isApplication(item: unknown): item is App;
  /** Its fields, checked. */
  fields(app: App): NewApplication;
  /** What save() would send; null when nothing changed. UserError when it is not saved yet. */
  change(app: App): ApplicationChange | null;
  /** It was saved by other means than its own save(). */
  saved(app: App, row: ApplicationRow): void;
}

/** A query on applications. */
export class ApplicationQuery<App> extends QuerySet<
  App,
  ApplicationConditions,
  ApplicationRow,
  Partial<NewApplicationFields>,
  never,
  ApplicationQuery<App>
> {
  readonly #source: ApplicationSource<App>;

  /** @internal */
  constructor(source: ApplicationSource<App>, shape: Shape) {
    super(source, shape);
    this.#source = source;
  }

  /** @internal */
  protected override reshaped(shape: Shape): ApplicationQuery<App> {
    return new ApplicationQuery(this.#source, shape);
  }
}

/** All applications of a database. */
export class ApplicationManager<App> extends ApplicationQuery<App> {
  readonly #maker: ApplicationMaker<App>;
  readonly #connection: Connection;

  /** @internal */
  constructor(maker: ApplicationMaker<App>, connection: Connection) {
    super(new ApplicationSource(maker, connection), WHOLE);
    this.#maker = maker;
    this.#connection = connection;
  }

  /**
   * The application called `name`, made with the other fields when there is none: `[application, created]`. The other
   * fields are not looked at when it exists. Of racing scripts exactly one gets `created`.
   */
  async getOrCreate(fields: NewApplicationFields): Promise<[App, created: boolean]> {
    const { name, ...defaults } = checkedApplication(fields);
    const [row, created] = await (await this.#connection.gateway()).getOrCreateApplication(name, defaults);
    return [this.#maker.fromRow(row), created];
  }

  /** Makes and saves one; UserError when the name is taken. */
  async create(fields: NewApplicationFields): Promise<App> {
    const [row] = await (await this.#connection.gateway()).insertApplications([checkedApplication(fields)]);
    return this.#maker.fromRow(row!);
  }

  /** Makes and saves several, all or none; how many. */
  async bulkCreate(apps: Iterable<App | NewApplicationFields>): Promise<number> {
    const items = [...apps];
    const rows = items.map((item) =>
      this.#maker.isApplication(item) ? this.#maker.fields(item) : checkedApplication(item),
    );
    const made = await (await this.#connection.gateway()).insertApplications(rows);
    for (const [i, item] of items.entries())
      if (this.#maker.isApplication(item)) this.#maker.saved(item, made[i]!);
    return made.length;
  }

  /** Saves the changes of several, all or none; how many had changed. */
  async bulkUpdate(apps: Iterable<App>): Promise<number> {
    const changed = [...apps].flatMap((app) => {
      const change = this.#maker.change(app);
      return change === null ? [] : [{ app, change }];
    });
    const rows = await (
      await this.#connection.gateway()
    ).saveApplications(changed.map(({ change }) => change));
    for (const [i, { app }] of changed.entries()) this.#maker.saved(app, rows[i]!);
    return changed.length;
  }
}

/** The fields of an application as they are stored. UserError for an unknown one, for what is no text, or without a name. */
export function checkedApplication(fields: unknown): { name: string } & ApplicationFields {
  const checked = checkedTexts(fields);
  const name = checked['name'] ?? '';
  if (name.trim() === '') throw new UserError('an application needs a name');
  return { ...checked, name };
}

function checkedTexts(fields: unknown): Record<string, string> {
  if (!isJsonObject(fields))
    throw new UserError(`an application is given as { name: … }, not ${shown(fields)}`);
  const checked: Record<string, string> = {};
  for (const [key, value] of Object.entries(fields) as [string, unknown][]) {
    if (!(APPLICATION_FIELDS as readonly string[]).includes(key)) {
      throw new UserError(
        `an application has no field ${JSON.stringify(key)}${didYouMean(key, APPLICATION_FIELDS)}`,
      );
    }
    if (value === undefined) continue;
    const fault = applicationFault(
      key as (typeof APPLICATION_FIELDS)[number],
      value,
      `${key} of an application`,
    );
    if (fault !== null) throw new UserError(fault);
    checked[key] = value as string;
  }
  return checked;
}

/** Runs queries on the applications of one database. */
class ApplicationSource<App> implements Source<App> {
  readonly one = 'application';
  readonly many = 'applications';
  readonly #maker: ApplicationMaker<App>;
  readonly #connection: Connection;

  constructor(maker: ApplicationMaker<App>, connection: Connection) {
    this.#maker = maker;
    this.#connection = connection;
  }

  readonly columnOf = (name: string): Column => {
    if (name === 'id') return { column: name, type: 'int', nullable: false };
    if ((APPLICATION_FIELDS as readonly string[]).includes(name))
      return { column: name, type: 'text', nullable: false };
    throw new UserError(
      `applications have no field ${JSON.stringify(name)}${didYouMean(name, APPLICATION_FIELDS)}`,
    );
  };

  async rows(query: Query): Promise<App[]> {
    return (await this.#selected(query)).map((row) => this.#maker.fromRow(row));
  }

  async *stream(query: Query): AsyncIterable<App> {
    yield* await this.rows(query);
  }

  async count(query: Query): Promise<number> {
    return (await this.#selected(query)).length;
  }

  async values(query: Query, { fields, distinct }: Selection): Promise<unknown[][]> {
    const columns = fields.map(([column]) => column as keyof ApplicationRow);
    if (!distinct) return (await this.#selected(query)).map((row) => columns.map((column) => row[column]));
    // Each combination once, in the order that was asked for, then that of the fields; the slice counts combinations.
    const order = [...query.orderBy, ...columns.map((column) => [column, 'asc'] as const)];
    const rows = await this.#selected({ where: query.where, orderBy: order });
    const seen = new Map(
      rows.map((row) => columns.map((column) => row[column])).map((v) => [JSON.stringify(v), v]),
    );
    return sliced([...seen.values()], query);
  }

  async *streamValues(query: Query, selection: Selection): AsyncIterable<unknown[]> {
    yield* await this.values(query, selection);
  }

  async countValues(query: Query, selection: Selection): Promise<number> {
    return (await this.values(query, selection)).length;
  }

  async update(where: Condition, given: unknown): Promise<number> {
    const fields = checkedTexts(given);
    if (Object.keys(fields).length === 0) throw new UserError('update() was given nothing to change');
    const rows = await this.#selected({ where, orderBy: [] });
    const changes = rows.map(({ id, name }) => ({ id, name, fields }));
    return (await (await this.#connection.gateway()).saveApplications(changes)).length;
  }

  async remove(where: Condition): Promise<number> {
    const doomed = await this.#selected({ where, orderBy: [] });
    return (await this.#connection.gateway()).deleteApplications(doomed.map((row) => row.id));
  }

  async #selected(query: Query): Promise<ApplicationRow[]> {
    const open = await this.#connection.gateway();
    const named = nameOf(query.where);
    const rows = named === null ? await open.applications() : [await open.application(named)];
    const found = rows.filter((row) => row !== null).filter((row) => matches({ ...row }, query.where));
    for (const [field, direction] of query.orderBy.toReversed()) {
      const sign = direction === 'asc' ? 1 : -1;
      const column = field as keyof ApplicationRow;
      found.sort((a, b) => sign * order(a[column], b[column]));
    }
    return sliced(query.reversed === true ? found.toReversed() : found, query);
  }
}

function sliced<T>(rows: readonly T[], query: Query): T[] {
  const from = query.offset ?? 0;
  return rows.slice(from, query.limit === undefined ? undefined : from + query.limit);
}

/** The name that a condition asks for, when it is nothing but `name = …`. */
function nameOf(where: Condition): string | null {
  if (!('field' in where) || where.field !== 'name' || where.op !== 'equals') return null;
  return typeof where.value === 'string' ? where.value : null;
}

function order(a: string | number, b: string | number): number {
  return typeof a === 'string' && typeof b === 'string' ? compareTexts(a, b) : Number(a) - Number(b);
}
