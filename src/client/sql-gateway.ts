/**
 * The client outside jobs: the store's functions on one small pool. Imported on first use by gateway.ts, never by a
 * program inside a job, because it loads the database driver.
 *
 * It adds to the store what only the client knows: jobs that ask for what is not there yet are refused before they are
 * sent, and waiting for ends is shared by all calls of the process.
 */
import type { Asked, Report } from '../analytics/shape.ts';
import { APPLICATION_CACHE_MS, APPLICATION_CACHE_SIZE, CLIENT_CONNECTIONS } from '../base/client-limits.ts';
import { assert } from '../base/assert.ts';
import { EXIT_FAILED, UserError } from '../base/errors.ts';
import { openDatabase } from '../server/open.ts';
import type { ApplicationFields } from '../model/job-channel.ts';
import { notYetSupported } from '../model/not-yet.ts';
import type { JobState } from '../model/job.ts';
import type { Condition, Query, Selection } from '../model/query.ts';
import { byIds, queryOf } from '../model/query.ts';
import {
  applicationsByName,
  deleteApplications,
  getApplication,
  getOrCreateApplication,
  insertApplications,
  listApplications,
  updateApplications,
} from '../store/applications.ts';
import type { Database } from '../store/connection.ts';
import { history } from '../store/history/lines.ts';
import { getOrInsertJob, saveJobs, updateJobs } from '../store/jobs/bulk.ts';
import { countValues, getValues, streamValues } from '../store/jobs/read.ts';
import {
  copyJobs,
  countByState,
  countJobs,
  getJobs,
  insertJobs,
  killJobs,
  setState,
  streamJobs,
  updateJob,
} from '../store/jobs/change.ts';
import { deleteJobs } from '../store/jobs/many.ts';
import type { JobChange } from '../store/jobs/change.ts';
import { shown } from '../store/jobs/values.ts';
import type {
  ApplicationChange,
  ApplicationRow,
  HistoryLine,
  JobRow,
  NewApplication,
  NewJob,
} from '../store/rows.ts';
import { FinishWatch } from './finished.ts';
import type { Change, Gateway, OpenOptions, SavedChange } from './gateway.ts';

/** Opens the database; UserError with what to do when it cannot be found, reached or read. */
export async function openSqlGateway(options: OpenOptions): Promise<SqlGateway> {
  const { maxConnections } = options;
  if (maxConnections !== undefined && !(Number.isInteger(maxConnections) && maxConnections >= 1))
    throw new UserError(`maxConnections must be a whole number of at least 1, not ${shown(maxConnections)}`);
  const db = await openDatabase({
    ...(options.path === undefined ? {} : { path: options.path }),
    applicationName: 'balsam client',
    role: 'client',
    max: options.maxConnections ?? CLIENT_CONNECTIONS,
  });
  return new SqlGateway(db, db.path);
}

export class SqlGateway implements Gateway {
  readonly path: string;
  readonly #db: Database;
  readonly #watch: FinishWatch;
  readonly #applications = new Map<string, { at: number; row: ApplicationRow | null }>();

  constructor(db: Database, path: string) {
    this.#db = db;
    this.path = path;
    this.#watch = new FinishWatch(db);
  }

  async insertJob(job: NewJob): Promise<JobRow> {
    await this.#refuseNotYet(job);
    const [row] = await insertJobs(this.#db, [job]);
    assert(row !== undefined, 'a row comes back for each job');
    return row;
  }

  copyJobs(jobs: Iterable<NewJob> | AsyncIterable<NewJob>): Promise<number> {
    return copyJobs(this.#db, this.#checked(jobs));
  }

  async getOrInsertJob(where: Condition, job: NewJob): Promise<[JobRow, created: boolean]> {
    await this.#refuseNotYet(job);
    return getOrInsertJob(this.#db, where, job);
  }

  async updateJob(id: string, change: Change): Promise<JobRow> {
    return updateJob(this.#db, id, await this.#supported(change));
  }

  async saveJobs(changes: readonly SavedChange[]): Promise<JobRow[]> {
    const supported = [];
    for (const change of changes) supported.push({ id: change.id, ...(await this.#supported(change)) });
    return saveJobs(this.#db, supported);
  }

  async updateJobs(where: Condition, change: Change): Promise<number> {
    return updateJobs(this.#db, where, await this.#supported(change));
  }

  setState(ids: readonly string[], state: JobState, message: string): Promise<number> {
    return setState(this.#db, ids, state, message, true);
  }

  async loadJob(id: string): Promise<JobRow | null> {
    const [row] = await getJobs(this.#db, queryOf(byIds([id])));
    return row ?? null;
  }

  jobs(query: Query): Promise<JobRow[]> {
    return getJobs(this.#db, query);
  }

  streamJobs(query: Query): AsyncIterable<JobRow> {
    return streamJobs(this.#db, query);
  }

  jobValues(query: Query, selection: Selection): Promise<unknown[][]> {
    return getValues(this.#db, query, selection);
  }

  streamJobValues(query: Query, selection: Selection): AsyncIterable<unknown[]> {
    return streamValues(this.#db, query, selection);
  }

  countJobValues(query: Query, selection: Selection): Promise<number> {
    return countValues(this.#db, query, selection);
  }

  countByState(where: Condition): Promise<Map<JobState, number>> {
    return countByState(this.#db, queryOf(where));
  }

  async history(id: string): Promise<HistoryLine[]> {
    const lines = (await history(this.#db, [id])).get(id);
    if (lines === undefined) throw new UserError(`job ${id} is not in the database any more`, EXIT_FAILED);
    return lines;
  }

  countJobs(query: Query): Promise<number> {
    return countJobs(this.#db, query);
  }

  deleteJobs(where: Condition): Promise<number> {
    return deleteJobs(this.#db, where);
  }

  async killJobs(where: Condition): Promise<number> {
    return (await killJobs(this.#db, where)).killed.length;
  }

  finished(id: string, timeoutMs: number | null): Promise<JobRow> {
    return this.#watch.wait(id, timeoutMs);
  }

  application(name: string): Promise<ApplicationRow | null> {
    return getApplication(this.#db, name);
  }

  applications(): Promise<ApplicationRow[]> {
    return listApplications(this.#db);
  }

  insertApplications(fields: readonly NewApplication[]): Promise<ApplicationRow[]> {
    return insertApplications(this.#db, fields);
  }

  getOrCreateApplication(name: string, defaults: ApplicationFields): Promise<[ApplicationRow, boolean]> {
    return getOrCreateApplication(this.#db, name, defaults);
  }

  saveApplications(changes: readonly ApplicationChange[]): Promise<ApplicationRow[]> {
    this.#applications.clear();
    return updateApplications(this.#db, changes);
  }

  deleteApplications(ids: readonly number[]): Promise<number> {
    this.#applications.clear();
    return deleteApplications(this.#db, ids);
  }

  async report(asked: Asked): Promise<Report> {
    // Few scripts want one: the others do not read it.
    const { makeReport } = await import('../analytics/report.ts');
    return makeReport(this.#db, asked);
  }

  async close(): Promise<void> {
    await this.#watch.close();
    await this.#db.close();
  }

  /** The change as the store takes it. UserError when it asks for what is not there yet. */
  async #supported({ fields, data }: Change): Promise<JobChange> {
    if (fields.application === undefined) refuse(fields, null);
    else await this.#refuseNotYet(fields);
    return { fields, dataSet: data.set, dataRemoved: data.removed };
  }

  async *#checked(jobs: Iterable<NewJob> | AsyncIterable<NewJob>): AsyncGenerator<NewJob> {
    for await (const job of jobs) {
      const known = this.#remembered(job.application ?? '');
      if (known === undefined) await this.#refuseNotYet(job);
      else refuse(job, known);
      yield job;
    }
  }

  async #refuseNotYet(job: NewJob): Promise<void> {
    const name = job.application ?? '';
    let row = this.#remembered(name);
    if (row === undefined) {
      row = name === '' ? null : ((await applicationsByName(this.#db, [name])).get(name) ?? null);
      if (this.#applications.size >= APPLICATION_CACHE_SIZE) this.#applications.clear();
      this.#applications.set(name, { at: performance.now(), row });
    }
    refuse(job, row);
  }

  #remembered(name: string): ApplicationRow | null | undefined {
    const known = this.#applications.get(name);
    if (known === undefined || performance.now() - known.at > APPLICATION_CACHE_MS) return undefined;
    return known.row;
  }
}

function refuse(job: NewJob, application: ApplicationRow | null): void {
  const sentence = notYetSupported(job, application);
  if (sentence !== null) throw new UserError(`job ${JSON.stringify(job.name ?? '')}: ${sentence}`);
}
