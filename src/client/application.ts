/**
 * `ApplicationDefinition`: what jobs run, by unique name. Works alike in a script and inside a job (by the job channel),
 * because a script that is its own application registers itself in both places.
 */
import { UserError } from '../base/errors.ts';
import type { ApplicationChange, ApplicationRow } from '../store/rows.ts';
import { APPLICATION_FIELDS, ApplicationManager, checkedApplication } from './application-manager.ts';
import type { ApplicationMaker, NewApplicationFields } from './application-manager.ts';
import { found } from './gateway.ts';
import type { Connection } from './gateway.ts';

/** A named executable that jobs run. */
export class ApplicationDefinition {
  /** All applications, as a query. */
  static readonly objects: ApplicationManager<ApplicationDefinition> = ApplicationDefinition.objectsOf(found);

  /** Unique. */
  name: string;
  description: string;
  /** What is run, before the job's own `args`. */
  executable: string;
  preprocess: string;
  /** A shell script that is sourced before. */
  envscript: string;
  postprocess: string;
  readonly #connection: Connection;
  #row: ApplicationRow | null = null;

  /**
   * A new application, not yet saved: of the database in BALSAM_DB_PATH, or of `database` when one is given. UserError for an
   * unknown field, or without a name.
   */
  constructor(fields: NewApplicationFields, database: Connection = found) {
    const { name, ...rest } = checkedApplication(fields);
    this.#connection = database;
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
    const open = await this.#connection.gateway();
    if (this.#row === null) {
      const [row] = await open.insertApplications([this.#values()]);
      this.#row = row!;
      return;
    }
    const change = this.#change();
    if (change === null) return;
    const [row] = await open.saveApplications([change]);
    this.#row = row!;
  }

  /** Reads it again; unsaved changes are lost. */
  async refresh(): Promise<void> {
    const name = this.#row?.name ?? this.name;
    const row = await (await this.#connection.gateway()).application(name);
    if (row === null) throw new UserError(`there is no application ${JSON.stringify(name)}`);
    this.#take(row);
  }

  /** Deletes it. Jobs that name it will fail to start. */
  async delete(): Promise<void> {
    const row = this.#saved('delete');
    await (await this.#connection.gateway()).deleteApplications([row.id]);
    this.#row = null;
  }

  /** @internal The applications of one database. */
  static objectsOf(connection: Connection): ApplicationManager<ApplicationDefinition> {
    const maker: ApplicationMaker<ApplicationDefinition> = {
      fromRow: (row) => {
        const app = new ApplicationDefinition({ name: row.name }, connection);
        app.#take(row);
        return app;
      },
      isApplication: (item) => item instanceof ApplicationDefinition,
      fields: (app) => {
        if (app.#row !== null)
          throw new UserError(
            `application ${JSON.stringify(app.name)} is saved already: bulkCreate makes new ones`,
          );
        return app.#values();
      },
      change: (app) => app.#change(),
      saved: (app, row) => app.#take(row),
    };
    return new ApplicationManager<ApplicationDefinition>(maker, connection);
  }

  #change(): ApplicationChange | null {
    const row = this.#saved('change');
    const values = this.#values();
    const changed = APPLICATION_FIELDS.filter((name) => values[name] !== row[name]);
    if (changed.length === 0) return null;
    return {
      id: row.id,
      name: row.name,
      fields: Object.fromEntries(changed.map((name) => [name, values[name]])),
    };
  }

  #saved(verb: string): ApplicationRow {
    if (this.#row === null)
      throw new UserError(`cannot ${verb} application ${JSON.stringify(this.name)}: it is not saved`);
    return this.#row;
  }

  #take(row: ApplicationRow): void {
    this.#row = row;
    for (const name of APPLICATION_FIELDS) this[name] = row[name];
  }

  #values(): Required<NewApplicationFields> {
    return checkedApplication(Object.fromEntries(Object.entries(this))) as Required<NewApplicationFields>;
  }
}
