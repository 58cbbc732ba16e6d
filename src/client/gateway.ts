/**
 * What the client needs of the outside world, in two forms: SQL for scripts, the job channel for programs that run as
 * jobs. Which one is decided once, by BALSAM_JOB_ID; the SQL one is imported on first use, so that a job never loads
 * the database driver.
 *
 * Called by the models and managers. It holds the one connection of the process; `closeBalsam` lets it go.
 */
import type { Report, ReportOptions } from '../analytics/report.ts';
import { UserError } from '../base/errors.ts';
import type { ApplicationFields } from '../core/job-channel.ts';
import type { Difference } from '../core/json.ts';
import type { Condition, Query } from '../core/query.ts';
import type { ApplicationRow, JobRow, NewApplication, NewJob } from '../store/rows.ts';

/** A job's row, and where it runs when the agent said so. */
export type Loaded = JobRow & { readonly workingDirectory?: string };

export interface Change {
  /** snake_case, without `data`. */
  fields: Partial<JobRow>;
  data: Difference;
}

export interface Gateway {
  /** The database directory, to show where a job's files are. */
  readonly path: string;
  /** Inside a job: its own record from the agent, with what it wrote itself. */
  ownJob?(): Promise<Loaded>;
  /** Inserts one job; when one of that id is there already, it is left alone and its row returned. */
  insertJob(job: NewJob): Promise<Loaded>;
  copyJobs(jobs: Iterable<NewJob> | AsyncIterable<NewJob>): Promise<number>;
  updateJob(id: string, change: Change, durable: boolean): Promise<Loaded | null>;
  loadJob(id: string): Promise<Loaded | null>;
  jobs(query: Query): Promise<Loaded[]>;
  streamJobs(query: Query): AsyncIterable<Loaded>;
  countJobs(query: Query): Promise<number>;
  deleteJobs(where: Condition): Promise<number>;
  killJobs(where: Condition): Promise<number>;
  /** Resolves with the row once the job is at an end; rejects after `timeoutMs`. */
  finished(id: string, timeoutMs: number | null): Promise<Loaded>;
  application(name: string): Promise<ApplicationRow | null>;
  applications(): Promise<ApplicationRow[]>;
  insertApplication(fields: NewApplication): Promise<ApplicationRow>;
  getOrCreateApplication(name: string, defaults: ApplicationFields): Promise<[ApplicationRow, boolean]>;
  saveApplication(row: ApplicationRow, fields: Partial<NewApplication>): Promise<ApplicationRow>;
  deleteApplication(id: number): Promise<void>;
  /** What happened; not from inside a job. */
  report?(options: ReportOptions): Promise<Report>;
  close(): Promise<void>;
}

/** Where and as whom to connect; needed only for a database other than BALSAM_DB_PATH's. */
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

let current: Promise<Gateway> | null = null;
let opened = '';

/** The directory of the open database, else BALSAM_DB_PATH; '' when neither is known. */
export function databasePath(): string {
  return opened === '' ? (process.env['BALSAM_DB_PATH'] ?? '') : opened;
}

/** The gateway of this process, opened on first use. A failed opening is tried again at the next call. */
export function gateway(): Promise<Gateway> {
  current ??= open({}).catch((error: unknown) => {
    current = null;
    throw error;
  });
  return current;
}

/**
 * Opens the database named by `options` for this process. Not needed for the one in BALSAM_DB_PATH. UserError inside a
 * job, and when another is open already.
 */
export async function openBalsam(options: OpenOptions = {}): Promise<void> {
  if (insideJob())
    throw new UserError('a running job has no database to open: it reaches its own record by currentJob');
  if (current !== null) throw new UserError('a database is open already: await closeBalsam() first');
  current = open(options).catch((error: unknown) => {
    current = null;
    throw error;
  });
  await current;
}

/** Lets the connection go. Scripts end without it; tests and servers that change databases need it. */
export async function closeBalsam(): Promise<void> {
  const open = current;
  current = null;
  opened = '';
  if (open !== null) await (await open).close();
}

async function open(options: OpenOptions): Promise<Gateway> {
  if (insideJob()) {
    const { openChannelGateway } = await import('./channel-gateway.ts');
    return openChannelGateway();
  }
  const { openSqlGateway } = await import('./sql-gateway.ts');
  const sql = await openSqlGateway(options);
  opened = sql.path;
  return sql;
}
