/**
 * `BalsamJob`: one job, as scripts and jobs see it. Fields are plain properties; nothing is sent before `save()`, which
 * sends only what changed, `data` by its top-level keys.
 *
 * Two saves of one job are carried out one after the other. State, history and lease cannot be written here: a job is
 * started, ended and killed by the launcher's rules, never by assignment.
 */
import { closeSync, existsSync, readFile } from 'node:fs';
import path from 'node:path';
import { MAX_TIMER_MS } from '../base/client-limits.ts';
import { promisify } from 'node:util';
import { EXIT_FAILED, messageOf, UserError } from '../base/errors.ts';
import { newId } from '../base/ids.ts';
import { openOrdinary } from '../base/ordinary-file.ts';
import { cuteId, filed, jobDirectory, type NamedJob } from '../model/job-directory.ts';
import type { JobState } from '../model/job.ts';
import { isJsonObject } from '../model/json.ts';
import type { JsonObject, JsonValue } from '../model/query.ts';
import { byIds } from '../model/query.ts';
import { jobArgv } from '../process/command.ts';
import { shown } from '../store/jobs/values.ts';
import type { ApplicationRow, HistoryLine, NewJob, WritableField } from '../store/rows.ts';
import { checkedValue, defaultOf, FIELD_PAIRS, writableColumn } from './fields.ts';
import type { JobFields, NewJobFields } from './fields.ts';
import { found, insideJob } from './gateway.ts';
import type { Connection, Loaded } from './gateway.ts';
import { JobManager } from './job-manager.ts';
import type { JobMaker, JobQuery, PendingChange } from './job-manager.ts';
import { changeOf, copyOf, knownOf, newRowOf, sparse, valuesOf, type Known, type Values } from './known.ts';

export interface SaveOptions {
  /** Inside a job: return after the commit in Postgres, not when the agent holds the change. Outside it always does. */
  durable?: boolean;
}

/** In place of fields: a row gives them all, so that nothing is made first only to be replaced. */
const OF_A_ROW: NewJobFields = {};

const readDescriptor = promisify(readFile);

/**
 * One job. Its fields are plain properties with the names of the original in camelCase; `data` is the JSON object that is
 * the job's own.
 */
export class BalsamJob implements JobFields {
  /** All jobs, as a query: `await BalsamJob.objects.filter({ workflow: 'x' })`. */
  static readonly objects: JobManager<BalsamJob> = BalsamJob.objectsOf(found);

  // Named here, so that they exist in this order from the beginning: added one by one by #assign they would make each job a
  // dictionary, of 2.3 kB instead of 0.4 and several times as slow (measured).
  /** The tag that groups jobs; a launcher's filter is a substring of it. */
  workflow!: string;
  /** Its output is `NAME.out`; also part of its directory's name. */
  name!: string;
  /** Free text. */
  description!: string;
  /** Ids of the jobs that must finish before it. Not supported yet. */
  parents!: string[];
  /** Globs of the parents' files that it gets, separated by spaces. Not supported yet. */
  inputFiles!: string;
  /** Where its input is copied from. Not supported yet. */
  stageInUrl!: string;
  /** Globs of its files that are copied out. Not supported yet. */
  stageOutFiles!: string;
  /** Where its output is copied to. Not supported yet. */
  stageOutUrl!: string;
  /** Expected run time, minutes: longer ones start first, and none that does not fit. 0: unknown. */
  wallTimeMinutes!: number;
  /** Nodes that it runs on. */
  numNodes!: number;
  /** Nodes to reserve beside its own. */
  coscheduleNumNodes!: number;
  /** Processes on each node. */
  ranksPerNode!: number;
  /** `none` or `depth`. */
  cpuAffinity!: string;
  /** Threads of each process (OMP_NUM_THREADS). */
  threadsPerRank!: number;
  /** Threads that share a core. */
  threadsPerCore!: number;
  /** How many such jobs share a node; 1 is the whole node. */
  nodePackingCount!: number;
  /** `A=1:B=2`, or an object in JSON where a value would be cut; an object is turned into one of them. */
  environVars!: string;
  /** Passed to mpirun as they are. */
  mpiFlags!: string;
  /** Name of the application that it runs. */
  application!: string;
  /** Appended to the application's executable. */
  args!: string;
  /** Its directory; '' for the one that is made for it. */
  userWorkdir!: string;
  /** false: parents do not hold it back. */
  waitForParents!: boolean;
  /** Whether postprocess handles its errors. Not supported yet. */
  postErrorHandler!: boolean;
  /** Whether postprocess handles its timeouts. Not supported yet. */
  postTimeoutHandler!: boolean;
  /** Whether it runs again when its launcher ran out of time or was lost. */
  autoTimeoutRetry!: boolean;
  /** The queued launch that it is meant for, or null. */
  queuedLaunchId!: number | null;
  /** The JSON object of the job: what its maker put there, and what it wrote. */
  data!: JsonObject;

  readonly #connection: Connection;
  #id = newId();
  #row: Loaded | null = null;
  #known: Known | null = null;
  /** What bulkCreate sent of it last: what it is then known to be, whatever is set meanwhile. */
  #sent: Known | null = null;
  #saving: Promise<void> = Promise.resolve();

  /**
   * A new job, not yet saved: of the database in BALSAM_DB_PATH, or of `database` when one is given. UserError for an unknown
   * field or a value of the wrong kind.
   */
  constructor(fields: NewJobFields = {}, database: Connection = found) {
    this.#connection = database;
    if (fields === OF_A_ROW) return;
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
      this.#assign(name, copyOf(value));
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
    const database = this.#connection.path;
    if (database === '') throw new UserError('BALSAM_DB_PATH is not set: no directory can be named');
    return path.resolve(database, 'data', jobDirectory(this.#filed()));
  }

  /** What was leased keeps its files where its names put them then, also when it is renamed. */
  #filed(): NamedJob {
    const row = this.#row;
    if (row !== null && row.attempt > 0) return filed(row);
    return { job_id: this.#id, workflow: this.workflow, name: this.name };
  }

  /** Processes that it starts: nodes times ranks per node. */
  get numRanks(): number {
    return this.numNodes * this.ranksPerNode;
  }

  /** Cores that it needs on each of its nodes. */
  get requiredNumCores(): number {
    return Math.max(1, Math.floor((this.ranksPerNode * this.threadsPerRank) / this.threadsPerCore));
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
      this.#take(this.#found(await (await this.#connection.gateway()).loadJob(this.#id)));
    });
  }

  /** Deletes the job. Refused while a launcher holds it: kill it, and delete once it is let go. */
  async delete(): Promise<void> {
    await this.#inTurn(async () => {
      this.#needSaved('delete');
      await (await this.#connection.gateway()).deleteJobs(byIds([this.#id]));
      this.#known = null;
      this.#row = null;
    });
  }

  /** Kills the job, running or not; false when it was at an end already. Unsaved changes stay. */
  async kill(): Promise<boolean> {
    this.#needSaved('kill');
    const open = await this.#connection.gateway();
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
    const { timeoutMs } = options;
    if (timeoutMs !== undefined && !(timeoutMs >= 0 && timeoutMs <= MAX_TIMER_MS))
      throw new UserError(`timeoutMs must be a number from 0 to ${MAX_TIMER_MS}, not ${shown(timeoutMs)}`);
    this.#take(await (await this.#connection.gateway()).finished(this.#id, options.timeoutMs ?? null));
    return this;
  }

  /** What happened to it, oldest line first: when it happened, the state, and what is known of it. */
  async history(): Promise<HistoryLine[]> {
    this.#needSaved('read the history of');
    return (await this.#connection.gateway()).history(this.#id);
  }

  /** Seconds from its last start to the RUN_DONE after it; null when there is none yet. */
  async runtimeSeconds(): Promise<number | null> {
    const lines = await this.history();
    const end = lines.findLastIndex((line) => line.state === 'RUN_DONE');
    const start = lines.slice(0, Math.max(0, end)).findLast((line) => line.state === 'RUNNING');
    return start === undefined ? null : (lines[end]!.at.getTime() - start.at.getTime()) / 1000;
  }

  /**
   * Moves it to `state`, with a line of history. UserError when it is held by a launcher, or when there is no such step from
   * the state that it is in. Unsaved changes stay.
   */
  async updateState(state: JobState, message: string = ''): Promise<void> {
    this.#needSaved('move');
    const open = await this.#connection.gateway();
    const moved = await BalsamJob.objectsOf(this.#connection).batchUpdateState([this], state, message);
    this.#row = this.#found(await open.loadJob(this.#id));
    if (moved === 0) throw new UserError(`job ${this.cuteId} was killed: it stays so`, EXIT_FAILED);
  }

  /** What its launcher runs: the application's executable and its own arguments, as words. UserError without application. */
  async command(): Promise<string[]> {
    const { executable } = await this.#applicationRow();
    return jobArgv(executable, this.args);
  }

  /** The application's environment script, when that file is there; else null. */
  async envscript(): Promise<string | null> {
    const { envscript } = await this.#applicationRow();
    return envscript !== '' && existsSync(envscript) ? envscript : null;
  }

  /** The text of a file in its working directory. UserError when it is not there, or no ordinary file. */
  async readFileInWorkingDirectory(name: string): Promise<string> {
    const file = path.resolve(this.workingDirectory, name);
    try {
      const fd = openOrdinary(file, { follow: true });
      if (fd === null) throw new Error('it is not there');
      try {
        return await readDescriptor(fd, 'utf8');
      } finally {
        closeSync(fd);
      }
    } catch (error) {
      throw new UserError(`job ${this.cuteId}: ${file} cannot be read: ${messageOf(error)}`, EXIT_FAILED);
    }
  }

  /** The jobs that have it among their parents. */
  children(): JobQuery<BalsamJob> {
    return BalsamJob.objectsOf(this.#connection).filter({ parents: { contains: this.#id } });
  }

  /** The one child of this name; UserError when there is none, or more than one. */
  childByName(name: string): Promise<BalsamJob> {
    return this.children().get({ name });
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

  /** @internal The jobs of one database. */
  static objectsOf(connection: Connection): JobManager<BalsamJob> {
    const maker: JobMaker<BalsamJob> = {
      fromRow: (row) => BalsamJob.fromRow(row, connection),
      create: (fields) => new BalsamJob(fields, connection),
      save: (job) => job.save(),
      isJob: (item) => item instanceof BalsamJob,
      idOf: (job) => job.id,
      newJob: (job) => job.#asNew(),
      inserted: (job) => (job.#known = job.#sent),
      pending: (job) => job.#pending(),
    };
    return new JobManager<BalsamJob>(maker, connection);
  }

  /** @internal The job of a row that was read elsewhere. */
  static fromRow(row: Loaded, connection: Connection = found): BalsamJob {
    const job = new BalsamJob(OF_A_ROW, connection);
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
    const made = newRowOf(this.#id, this);
    const open = await this.#connection.gateway();
    const inserted = await open.insertJob(made);
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
    const open = await this.#connection.gateway();
    const row = await open.updateJob(this.#id, change, options.durable === true);
    this.#learn(values);
    if (row !== null) this.#row = row;
  }

  /** One after the other; a failed one does not stop the next. */
  #inTurn(work: () => Promise<void>): Promise<void> {
    const turn = this.#saving.then(work);
    this.#saving = turn.catch(() => {});
    return turn;
  }

  #values(): Values {
    return valuesOf(this, this.#known);
  }

  #asNew(): NewJob {
    if (this.#known !== null)
      throw new UserError(`job ${this.cuteId} is saved already: bulkCreate makes new ones`);
    const made = newRowOf(this.#id, this);
    this.#sent = made as Known;
    return made;
  }

  #learn(values: Values): void {
    this.#known = sparse(values);
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

  async #applicationRow(): Promise<ApplicationRow> {
    const row = await (await this.#connection.gateway()).application(this.application);
    if (row === null)
      throw new UserError(`job ${this.cuteId}: there is no application ${JSON.stringify(this.application)}`);
    return row;
  }

  #needSaved(verb: string): void {
    if (this.#known === null) throw new UserError(`cannot ${verb} job ${this.cuteId}: it is not saved`);
  }

  #pending(): PendingChange | null {
    this.#needSaved('update');
    const values = this.#values();
    const change = changeOf(this.#known as Known, values);
    if (change === null) return null;
    const saved = (row: Loaded): void => {
      this.#learn(values);
      this.#row = row;
    };
    return { change: { id: this.#id, ...change }, saved };
  }
}
