/**
 * The client outside jobs: the store's functions on one small pool. Imported on first use by gateway.ts, never by a
 * program inside a job, because it loads the database driver.
 *
 * It adds to the store what only the client knows: jobs that ask for what is not there yet are refused before they are
 * sent, and waiting for ends is shared by all calls of the process.
 */
import type { Report, ReportOptions } from '../analytics/report.ts';
import { APPLICATION_CACHE_MS, APPLICATION_CACHE_SIZE, CLIENT_CONNECTIONS } from '../base/client-limits.ts';
import { assert } from '../base/assert.ts';
import { UserError } from '../base/errors.ts';
import { openDatabase } from '../cluster/open.ts';
import type { ApplicationFields } from '../core/job-channel.ts';
import { notYetSupported } from '../core/not-yet.ts';
import type { Condition, Query } from '../core/query.ts';
import { byIds, queryOf } from '../core/query.ts';
import {
  applicationsByName,
  deleteApplications,
  getApplication,
  getOrCreateApplication,
  insertApplication,
  listApplications,
  updateApplication,
} from '../store/application-store.ts';
import type { Database } from '../store/connection.ts';
import {
  copyJobs,
  countJobs,
  deleteJobs,
  getJobs,
  insertJobs,
  killJobs,
  streamJobs,
  updateJob,
} from '../store/job-store.ts';
import type { ApplicationRow, JobRow, NewApplication, NewJob } from '../store/rows.ts';
import { FinishWatch } from './finished.ts';
import type { Change, Gateway, OpenOptions } from './gateway.ts';

/** Opens the database; UserError with what to do when it cannot be found, reached or read. */
export async function openSqlGateway(options: OpenOptions): Promise<SqlGateway> {
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

  async updateJob(id: string, change: Change): Promise<JobRow> {
    const { application } = change.fields;
    if (application === undefined) refuse(change.fields, null);
    else await this.#refuseNotYet(change.fields);
    const { set, removed } = change.data;
    return updateJob(this.#db, id, { fields: change.fields, dataSet: set, dataRemoved: removed });
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

  insertApplication(fields: NewApplication): Promise<ApplicationRow> {
    return insertApplication(this.#db, fields);
  }

  getOrCreateApplication(name: string, defaults: ApplicationFields): Promise<[ApplicationRow, boolean]> {
    return getOrCreateApplication(this.#db, name, defaults);
  }

  saveApplication(row: ApplicationRow, fields: Partial<NewApplication>): Promise<ApplicationRow> {
    this.#applications.clear();
    return updateApplication(this.#db, row.id, fields);
  }

  async deleteApplication(id: number): Promise<void> {
    this.#applications.clear();
    await deleteApplications(this.#db, [id]);
  }

  async report(options: ReportOptions): Promise<Report> {
    // Few scripts want one: the others do not read it.
    const { makeReport } = await import('../analytics/report.ts');
    return makeReport(this.#db, options);
  }

  async close(): Promise<void> {
    await this.#watch.close();
    await this.#db.close();
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
