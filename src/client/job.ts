/**
 * `BalsamJob`: one job, as scripts and jobs see it. Fields are plain properties; nothing is sent before `save()`, which
 * sends only what changed, `data` by its top-level keys.
 *
 * Two saves of one job are carried out one after the other. State, history and lease cannot be written here: a job is
 * started, ended and killed by the launcher's rules, never by assignment.
 */
import path from 'node:path';
import { EXIT_FAILED, UserError } from '../base/errors.ts';
import { newId } from '../base/ids.ts';
import { cuteId, jobDirectory } from '../core/job-directory.ts';
import type { JobState } from '../core/job.ts';
import { difference, isJsonObject, sameJson } from '../core/json.ts';
import type { JsonObject, JsonValue } from '../core/query.ts';
import { byIds } from '../core/query.ts';
import type { JobRow, NewJob, WritableField } from '../store/rows.ts';
import { checkedData, checkedValue, defaultOf, FIELD_PAIRS, shown, writableColumn } from './fields.ts';
import type { JobFields, NewJobFields } from './fields.ts';
import { databasePath, gateway, insideJob } from './gateway.ts';
import type { Change, Loaded } from './gateway.ts';
import { JobManager } from './job-manager.ts';

export interface SaveOptions {
  /** Inside a job: return after the commit in Postgres, not when the agent holds the change. Outside it always does. */
  durable?: boolean;
}

/** What the database is known to hold, by column; `data` is a copy. */
type Known = Map<WritableField, JsonValue>;

const PROPERTY_NAMES: ReadonlySet<string> = new Set(FIELD_PAIRS.map(([name]) => name));

export class BalsamJob implements JobFields {
  /** All jobs, as a query: `await BalsamJob.objects.filter({ workflow: 'x' })`. */
  static readonly objects: JobManager<BalsamJob> = new JobManager<BalsamJob>({
    fromRow: (row) => BalsamJob.#of(row),
    create: (fields) => new BalsamJob(fields),
    save: (job) => job.save(),
    isJob: (item) => item instanceof BalsamJob,
    newJob: (job) => job.#asNew(),
    inserted: (job) => job.#learn(job.#values()),
  });

  declare workflow: string;
  declare name: string;
  declare description: string;
  declare parents: string[];
  declare inputFiles: string;
  declare stageInUrl: string;
  declare stageOutFiles: string;
  declare stageOutUrl: string;
  declare wallTimeMinutes: number;
  declare numNodes: number;
  declare coscheduleNumNodes: number;
  declare ranksPerNode: number;
  declare cpuAffinity: string;
  declare threadsPerRank: number;
  declare threadsPerCore: number;
  declare nodePackingCount: number;
  declare environVars: string;
  declare mpiFlags: string;
  declare application: string;
  declare args: string;
  declare userWorkdir: string;
  declare waitForParents: boolean;
  declare postErrorHandler: boolean;
  declare postTimeoutHandler: boolean;
  declare autoTimeoutRetry: boolean;
  declare queuedLaunchId: number | null;
  declare data: JsonObject;

  #id = newId();
  #row: Loaded | null = null;
  #known: Known | null = null;
  #saving: Promise<void> = Promise.resolve();

  /** A new job, not yet saved. UserError for an unknown field or a value of the wrong kind. */
  constructor(fields: NewJobFields = {}) {
    if (!isJsonObject(fields))
      throw new UserError(`new BalsamJob takes an object of fields, not ${shown(fields)}`);
    const given = new Map<WritableField, unknown>();
    for (const [name, value] of Object.entries(fields)) {
      const column = writableColumn(name);
      if (value !== undefined) given.set(column, checkedValue(column, value));
    }
    for (const [name, column] of FIELD_PAIRS) {
      const value = given.has(column) ? given.get(column) : defaultOf(column);
      // Its own copy: `data` of two jobs made from one object must not be one object.
      this.#assign(name, column === 'data' ? copyOf(value) : value);
    }
  }

  /** uuid, given when the object is made. */
  get id(): string {
    return this.#id;
  }

  /** As last read or saved; CREATED while unsaved. */
  get state(): JobState {
    return this.#row?.state ?? 'CREATED';
  }

  /** Leases of this job so far. */
  get attempt(): number {
    return this.#row?.attempt ?? 0;
  }

  /** Starts that count against retry limits. */
  get tries(): number {
    return this.#row?.tries ?? 0;
  }

  /** The launcher that holds it, or null. */
  get launcher(): number | null {
    return this.#row?.launcher ?? null;
  }

  /** The database role that made it. */
  get owner(): string {
    return this.#row?.owner ?? '';
  }

  get createdAt(): Date | null {
    return this.#row?.created_at ?? null;
  }

  get updatedAt(): Date | null {
    return this.#row?.updated_at ?? null;
  }

  /** `[name | first 8 of the id]`. */
  get cuteId(): string {
    return cuteId({ job_id: this.#id, name: this.name });
  }

  /** Absolute path of the directory that the job runs in (it may not exist yet). */
  get workingDirectory(): string {
    if (this.#row?.workingDirectory !== undefined) return this.#row.workingDirectory;
    if (this.userWorkdir !== '') return this.userWorkdir;
    const database = databasePath();
    if (database === '') throw new UserError('BALSAM_DB_PATH is not set: no directory can be named');
    return path.resolve(
      database,
      'data',
      jobDirectory({ job_id: this.#id, workflow: this.workflow, name: this.name }),
    );
  }

  /**
   * The first one inserts the job; later ones send only what changed since, and nothing when nothing did. Keys of `data`
   * that others wrote stay. Inside a job: see SaveOptions, and only `data` and `description` may have changed.
   */
  save(options: SaveOptions = {}): Promise<void> {
    return this.#inTurn(() => (this.#known === null ? this.#insert() : this.#update(options)));
  }

  /** Reads the job again; unsaved changes are lost. */
  async refresh(): Promise<void> {
    await this.#inTurn(async () => {
      this.#needSaved('refresh');
      this.#take(this.#found(await (await gateway()).loadJob(this.#id)));
    });
  }

  /** Deletes the job. Refused while a launcher holds it: kill it, and delete once it is let go. */
  async delete(): Promise<void> {
    await this.#inTurn(async () => {
      this.#needSaved('delete');
      await (await gateway()).deleteJobs(byIds([this.#id]));
      this.#known = null;
      this.#row = null;
    });
  }

  /** Kills the job, running or not; false when it was at an end already. Unsaved changes stay. */
  async kill(): Promise<boolean> {
    this.#needSaved('kill');
    const open = await gateway();
    const killed = await open.killJobs(byIds([this.#id]));
    this.#row = this.#found(await open.loadJob(this.#id));
    return killed > 0;
  }

  /**
   * Waits until the job is at an end (JOB_FINISHED, FAILED or USER_KILLED) and reads it again; unsaved changes are lost.
   * UserError after `timeoutMs`, or when it is deleted meanwhile.
   */
  async finished(options: { timeoutMs?: number } = {}): Promise<this> {
    this.#needSaved('wait for');
    this.#take(await (await gateway()).finished(this.#id, options.timeoutMs ?? null));
    return this;
  }

  /** For JSON.stringify and console.log: every field, the read-only ones first. */
  toJSON(): JsonObject {
    const { id, state, attempt, tries, launcher, owner } = this;
    const dates = {
      createdAt: this.createdAt?.toISOString() ?? null,
      updatedAt: this.updatedAt?.toISOString() ?? null,
    };
    const fields = Object.fromEntries(FIELD_PAIRS.map(([name]) => [name, this[name] as JsonValue]));
    return { id, state, attempt, tries, launcher, owner, ...dates, ...fields };
  }

  [Symbol.for('nodejs.util.inspect.custom')](): object {
    return { BalsamJob: this.toJSON() };
  }

  static #of(row: Loaded): BalsamJob {
    const job = new BalsamJob();
    job.#id = row.job_id;
    job.#take(row);
    return job;
  }

  async #insert(): Promise<void> {
    if (insideJob()) {
      throw new UserError(
        'not supported yet: creating jobs inside a running job comes with workflows',
        EXIT_FAILED,
      );
    }
    const values = this.#values();
    const open = await gateway();
    const inserted = await open.insertJob(this.#newJob(values));
    this.#row = inserted;
    this.#known = knownOf(inserted);
    // An earlier save of this job may have been committed though its answer was lost: what changed since is an update.
    await this.#update({});
  }

  async #update(options: SaveOptions): Promise<void> {
    const known = this.#known as Known;
    const values = this.#values();
    const change = changeOf(known, values);
    if (change === null) return;
    const row = await (await gateway()).updateJob(this.#id, change, options.durable === true);
    this.#learn(values);
    if (row !== null) this.#row = row;
  }

  /** One after the other; a failed one does not stop the next. */
  #inTurn(work: () => Promise<void>): Promise<void> {
    const turn = this.#saving.then(work);
    this.#saving = turn.catch(() => {});
    return turn;
  }

  /** Every field, checked, with a copy of `data`. UserError also for a property that is no field. */
  #values(): Known {
    const stray = Object.keys(this).find((key) => !PROPERTY_NAMES.has(key));
    if (stray !== undefined) writableColumn(stray);
    const values: Known = new Map();
    for (const [name, column] of FIELD_PAIRS) {
      const value =
        column === 'data' ? structuredClone(checkedData(this.data)) : checkedValue(column, this[name]);
      values.set(column, value as JsonValue);
    }
    return values;
  }

  #asNew(): NewJob {
    if (this.#known !== null)
      throw new UserError(`job ${this.cuteId} is saved already: bulkCreate makes new ones`);
    return this.#newJob(this.#values());
  }

  /** Only what differs from a new job's defaults. */
  #newJob(values: Known): NewJob {
    const given = [...values].filter(([column, value]) => !sameJson(value, defaultOf(column) as JsonValue));
    return { job_id: this.#id, ...(Object.fromEntries(given) as Partial<JobRow>) };
  }

  #learn(values: Known): void {
    this.#known = values;
  }

  #take(row: Loaded): void {
    this.#row = row;
    this.#known = knownOf(row);
    for (const [name, column] of FIELD_PAIRS) this.#assign(name, copyOf(row[column]));
  }

  #assign(name: keyof JobFields, value: unknown): void {
    (this as unknown as Record<string, unknown>)[name] = value;
  }

  #found(row: Loaded | null): Loaded {
    if (row === null) throw new UserError(`job ${this.cuteId} is not in the database any more`, EXIT_FAILED);
    return row;
  }

  #needSaved(verb: string): void {
    if (this.#known === null) throw new UserError(`cannot ${verb} job ${this.cuteId}: it is not saved`);
  }

  /** The job of a row that was read elsewhere (currentJob). */
  static fromRow(row: Loaded): BalsamJob {
    return BalsamJob.#of(row);
  }
}

/** A deep copy; what is no object needs none, and structuredClone is slow on it. */
function copyOf(value: unknown): unknown {
  return typeof value === 'object' && value !== null ? structuredClone(value) : value;
}

function knownOf(row: Loaded): Known {
  return new Map(FIELD_PAIRS.map(([, column]) => [column, row[column]]));
}

/** What to send to make `known` into `values`; null when they are equal. */
function changeOf(known: Known, values: Known): Change | null {
  const fields = [...values].filter(
    ([column, value]) => column !== 'data' && !sameJson(value, known.get(column)),
  );
  const data = difference(known.get('data') as JsonObject, values.get('data') as JsonObject);
  if (fields.length === 0 && data.removed.length === 0 && Object.keys(data.set).length === 0) return null;
  return { fields: Object.fromEntries(fields) as Partial<JobRow>, data };
}
