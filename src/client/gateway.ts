/**
 * What the client needs of the outside world, in two forms: SQL for scripts, the job channel for programs that run as
 * jobs. Which one is decided by BALSAM_JOB_ID; the SQL one is imported on first use, so that a job never loads the
 * database driver.
 *
 * Called by the models and managers. Each connection is of one database; `found` is the one that nobody named.
 */
import type { Asked, Report } from '../analytics/shape.ts';
import type { ApplicationFields } from '../model/job-channel.ts';
import type { Difference } from '../model/json.ts';
import type { JobState } from '../model/job.ts';
import type { Condition, Query, Selection } from '../model/query.ts';
import type {
  ApplicationChange,
  ApplicationRow,
  HistoryLine,
  JobRow,
  NewApplication,
  NewJob,
} from '../store/rows.ts';

/** A job's row, and where it runs when the agent said so. */
export type Loaded = JobRow & { readonly workingDirectory?: string };

export interface Change {
  /** snake_case, without `data`. */
  fields: Partial<JobRow>;
  data: Difference;
}

/** The change of one job among several. */
export interface SavedChange extends Change {
  readonly id: string;
}

export interface Gateway {
  /** The database directory, to show where a job's files are. */
  readonly path: string;
  /** Inside a job: its own record from the agent, with what it wrote itself. */
  ownJob?(): Promise<Loaded>;
  /** Inserts one job; when one of that id is there already, it is left alone and its row returned. */
  insertJob(job: NewJob): Promise<Loaded>;
  /** The one job that meets `where`, else `job` inserted; of several callers with this `where` one inserts. */
  getOrInsertJob(where: Condition, job: NewJob): Promise<[Loaded, created: boolean]>;
  copyJobs(jobs: Iterable<NewJob> | AsyncIterable<NewJob>): Promise<number>;
  updateJob(id: string, change: Change, durable: boolean): Promise<Loaded | null>;
  /** All or none. */
  saveJobs(changes: readonly SavedChange[]): Promise<Loaded[]>;
  /** The same change of all that meet `where`, all or none; how many. */
  updateJobs(where: Condition, change: Change): Promise<number>;
  /** Moves jobs by the table of states; those that were killed stay as they are. How many moved. */
  setState(ids: readonly string[], state: JobState, message: string): Promise<number>;
  loadJob(id: string): Promise<Loaded | null>;
  jobs(query: Query): Promise<Loaded[]>;
  streamJobs(query: Query): AsyncIterable<Loaded>;
  jobValues(query: Query, selection: Selection): Promise<unknown[][]>;
  streamJobValues(query: Query, selection: Selection): AsyncIterable<unknown[]>;
  countJobValues(query: Query, selection: Selection): Promise<number>;
  countJobs(query: Query): Promise<number>;
  countByState(where: Condition): Promise<Map<JobState, number>>;
  history(id: string): Promise<HistoryLine[]>;
  deleteJobs(where: Condition): Promise<number>;
  killJobs(where: Condition): Promise<number>;
  /** Resolves with the row once the job is at an end; rejects after `timeoutMs`. */
  finished(id: string, timeoutMs: number | null): Promise<Loaded>;
  application(name: string): Promise<ApplicationRow | null>;
  applications(): Promise<ApplicationRow[]>;
  /** All or none. */
  insertApplications(fields: readonly NewApplication[]): Promise<ApplicationRow[]>;
  getOrCreateApplication(name: string, defaults: ApplicationFields): Promise<[ApplicationRow, boolean]>;
  /** All or none. */
  saveApplications(changes: readonly ApplicationChange[]): Promise<ApplicationRow[]>;
  deleteApplications(ids: readonly number[]): Promise<number>;
  /** What happened; not from inside a job. */
  report?(asked: Asked): Promise<Report>;
  close(): Promise<void>;
}

/** Which database to open, and how. */
export interface OpenOptions {
  /** The database directory; BALSAM_DB_PATH when not given. */
  path?: string;
  /** Connections at most; 4 when not given. */
  maxConnections?: number;
}

/** Whether this process runs as a job. */
export function insideJob(): boolean {
  return (process.env['BALSAM_JOB_ID'] ?? '') !== '';
}

/**
 * The way to one database, opened on first use. It keeps no process alive; `close`, or `await using`, lets it go at once.
 */
export class Connection {
  readonly #options: OpenOptions;
  #open: Promise<Gateway> | null = null;
  #path = '';

  /** @internal */
  constructor(options: OpenOptions = {}) {
    this.#options = options;
  }

  /** The database directory; '' when it is not open yet and BALSAM_DB_PATH is not set. */
  get path(): string {
    return this.#path === '' ? (this.#options.path ?? process.env['BALSAM_DB_PATH'] ?? '') : this.#path;
  }

  /** @internal A failed opening is tried again at the next call. */
  gateway(): Promise<Gateway> {
    this.#open ??= this.#connect().catch((error: unknown) => {
      this.#open = null;
      throw error;
    });
    return this.#open;
  }

  /** Lets the connections go. What is used afterwards opens them again. */
  async close(): Promise<void> {
    const open = this.#open;
    this.#open = null;
    this.#path = '';
    if (open !== null) await (await open).close();
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.close();
  }

  async #connect(): Promise<Gateway> {
    if (insideJob()) {
      const { openChannelGateway } = await import('./channel-gateway.ts');
      return openChannelGateway();
    }
    const { openSqlGateway } = await import('./sql-gateway.ts');
    const sql = await openSqlGateway(this.#options);
    this.#path = sql.path;
    return sql;
  }
}

/** The database of BALSAM_DB_PATH; inside a job the agent. */
export const found = new Connection();

/** Lets the connection to the database of BALSAM_DB_PATH go. Scripts end without it; servers and tests may need it. */
export function closeBalsam(): Promise<void> {
  return found.close();
}
