/**
 * `ApplicationDefinition`: what jobs run, by unique name. Works alike in a script and inside a job (by the job channel),
 * because a script that is its own application registers itself in both places.
 */
import { UserError } from '../base/errors.ts';
import { didYouMean } from '../base/suggest.ts';
import { APPLICATION_TEXTS } from '../core/job-channel.ts';
import type { ApplicationFields } from '../core/job-channel.ts';
import { isJsonObject, textFault } from '../core/json.ts';
import { matches } from '../core/query.ts';
import type { Condition, Query } from '../core/query.ts';
import type { ApplicationRow, NewApplication } from '../store/rows.ts';
import type { Lookup, Ordering } from './conditions.ts';
import { shown } from './fields.ts';
import { gateway } from './gateway.ts';
import { QuerySet } from './query-set.ts';
import type { Source } from './query-set.ts';

const TEXTS = ['name', ...APPLICATION_TEXTS] as const;

/** The fields of an application; `name` is needed and unique, the rest are text, empty by default. */
export type NewApplicationFields = NewApplication;
export type ApplicationConditions = { [K in keyof ApplicationRow]?: Lookup<ApplicationRow[K]> };

export class ApplicationManager extends QuerySet<
  ApplicationDefinition,
  ApplicationConditions,
  Ordering<ApplicationRow>
> {
  /**
   * The application called `name`, made with the other fields when there is none: `[application, created]`. The other
   * fields are not looked at when it exists. Of racing scripts exactly one gets `created`.
   */
  async getOrCreate(fields: NewApplicationFields): Promise<[ApplicationDefinition, boolean]> {
    const { name, ...defaults } = checkedFields(fields);
    const [row, created] = await (await gateway()).getOrCreateApplication(name, defaults);
    return [ApplicationDefinition.fromRow(row), created];
  }

  /** Makes and saves one; UserError when the name is taken. */
  async create(fields: NewApplicationFields): Promise<ApplicationDefinition> {
    const app = new ApplicationDefinition(fields);
    await app.save();
    return app;
  }
}

export class ApplicationDefinition {
  static readonly objects: ApplicationManager = new ApplicationManager(source());

  name: string;
  description: string;
  executable: string;
  preprocess: string;
  envscript: string;
  postprocess: string;
  #row: ApplicationRow | null = null;

  /** A new application, not yet saved. UserError for an unknown field, or without a name. */
  constructor(fields: NewApplicationFields) {
    const { name, ...rest } = checkedFields(fields);
    this.name = name;
    this.description = rest.description ?? '';
    this.executable = rest.executable ?? '';
    this.preprocess = rest.preprocess ?? '';
    this.envscript = rest.envscript ?? '';
    this.postprocess = rest.postprocess ?? '';
  }

  /** The database's number for it; null while unsaved. */
  get id(): number | null {
    return this.#row?.id ?? null;
  }

  /** Inserts it the first time (UserError when the name is taken), later sends what changed, and nothing if nothing did. */
  async save(): Promise<void> {
    const values = this.#values();
    const open = await gateway();
    const row = this.#row;
    if (row === null) {
      this.#row = await open.insertApplication(values);
      return;
    }
    const changed = TEXTS.filter((name) => values[name] !== row[name]);
    if (changed.length === 0) return;
    const fields = Object.fromEntries(changed.map((name) => [name, values[name]]));
    this.#row = await open.saveApplication(row, fields);
  }

  /** Reads it again; unsaved changes are lost. */
  async refresh(): Promise<void> {
    const name = this.#row?.name ?? this.name;
    const row = await (await gateway()).application(name);
    if (row === null) throw new UserError(`there is no application ${JSON.stringify(name)}`);
    this.#take(row);
  }

  /** Deletes it. Jobs that name it will fail to start. */
  async delete(): Promise<void> {
    if (this.#row === null) throw new UserError(`application ${JSON.stringify(this.name)} is not saved`);
    await (await gateway()).deleteApplication(this.#row.id);
    this.#row = null;
  }

  static fromRow(row: ApplicationRow): ApplicationDefinition {
    const app = new ApplicationDefinition({ name: row.name });
    app.#take(row);
    return app;
  }

  #take(row: ApplicationRow): void {
    this.#row = row;
    for (const name of TEXTS) this[name] = row[name];
  }

  #values(): Required<NewApplicationFields> {
    return checkedFields(Object.fromEntries(Object.entries(this))) as Required<NewApplicationFields>;
  }
}

function checkedFields(fields: unknown): { name: string } & ApplicationFields {
  if (!isJsonObject(fields))
    throw new UserError(`an application is given as { name: … }, not ${shown(fields)}`);
  const checked: Record<string, string> = {};
  for (const [key, value] of Object.entries(fields) as [string, unknown][]) {
    if (!(TEXTS as readonly string[]).includes(key)) {
      throw new UserError(`an application has no field ${JSON.stringify(key)}${didYouMean(key, TEXTS)}`);
    }
    if (value === undefined) continue;
    if (typeof value !== 'string')
      throw new UserError(`${key} of an application must be text, not ${shown(value)}`);
    const fault = textFault(value, `${key} of an application`);
    if (fault !== null) throw new UserError(fault);
    checked[key] = value;
  }
  const name = checked['name'] ?? '';
  if (name.trim() === '') throw new UserError('an application needs a name');
  return { ...checked, name };
}

/** Queries over the few applications are answered in this process; jobs may ask only by name. */
function source(): Source<ApplicationDefinition> {
  const selected = async (query: Query): Promise<ApplicationRow[]> => {
    const named = nameOf(query.where);
    const rows =
      named === null ? await (await gateway()).applications() : [await (await gateway()).application(named)];
    const found = rows.filter((row) => row !== null).filter((row) => matches({ ...row }, query.where));
    for (const [field, direction] of query.orderBy.toReversed()) {
      const sign = direction === 'asc' ? 1 : -1;
      found.sort((a, b) => sign * order(a[field as keyof ApplicationRow], b[field as keyof ApplicationRow]));
    }
    const from = query.offset ?? 0;
    return found.slice(from, query.limit === undefined ? undefined : from + query.limit);
  };
  const rows = async (query: Query): Promise<ApplicationDefinition[]> =>
    (await selected(query)).map((row) => ApplicationDefinition.fromRow(row));
  return {
    one: 'application',
    many: 'applications',
    columnOf: (name) => {
      if (name === 'id' || (TEXTS as readonly string[]).includes(name)) return name;
      throw new UserError(`applications have no field ${JSON.stringify(name)}${didYouMean(name, TEXTS)}`);
    },
    rows,
    stream: async function* (query) {
      yield* await rows(query);
    },
    count: async (query) => (await selected(query)).length,
    remove: async (where) => {
      const open = await gateway();
      const doomed = await selected({ where, orderBy: [] });
      for (const row of doomed) await open.deleteApplication(row.id);
      return doomed.length;
    },
  };
}

/** The name that a condition asks for, when it is nothing but `name = …`. */
function nameOf(where: Condition): string | null {
  if (!('field' in where) || where.field !== 'name' || where.op !== 'equals') return null;
  return typeof where.value === 'string' ? where.value : null;
}

function order(a: string | number, b: string | number): number {
  return a < b ? -1 : a > b ? 1 : 0;
}
