/**
 * `BalsamJob.objects`: every job as a query set, and the ways to make and change many.
 *
 * It is given how a job is made of a row and a row of a job, so that it knows the class only by those.
 */
import { UserError } from '../base/errors.ts';
import { isId } from '../base/ids.ts';
import { JOB_STATES } from '../model/job.ts';
import type { JobState } from '../model/job.ts';
import { all, field } from '../model/query.ts';
import type { Condition, Query, Selection } from '../model/query.ts';
import { shown } from '../store/jobs/values.ts';
import type { NewJob } from '../store/rows.ts';
import { didYouMean } from '../base/suggest.ts';
import { jobChangeOf, newJobOf, readableColumn } from './fields.ts';
import type { JobChanges, NewJobFields, QueryFields } from './fields.ts';
import type { Connection, Loaded, SavedChange } from './gateway.ts';
import type { JobConditions } from './lookups.ts';
import { QuerySet, WHOLE } from './query-set.ts';
import type { Shape, Source } from './query-set.ts';

/** How many jobs are in each state that occurs. */
export type StateCounts = { [state in JobState]?: number };

/** What the manager needs to know of the class of jobs. */
export interface JobMaker<Job> {
  fromRow(row: Loaded): Job;
  create(fields: NewJobFields): Job;
  save(job: Job): Promise<void>;
  isJob(item: unknown): item is Job;
  idOf(job: Job): string;
  /** The row that would insert it. UserError when it is saved already. */
  newJob(job: Job): NewJob;
  /** It was inserted by other means than its own save(). */
  inserted(job: Job): void;
  /** What save() would send; null when nothing changed. UserError when it is not saved yet. */
  pending(job: Job): PendingChange | null;
}

/** A change of a job on its way, and whom to tell when it is in the database. */
export interface PendingChange {
  readonly change: SavedChange;
  saved(row: Loaded): void;
}

/** A query on jobs. */
export class JobQuery<Job> extends QuerySet<
  Job,
  JobConditions,
  QueryFields,
  JobChanges,
  `data.${string}`,
  JobQuery<Job>
> {
  readonly #source: JobSource<Job>;

  /** @internal */
  constructor(source: JobSource<Job>, shape: Shape) {
    super(source, shape);
    this.#source = source;
  }

  /** Kills all that match; how many were not at an end already. */
  async kill(): Promise<number> {
    return (await this.#source.gateway()).killJobs(this.whole('kill'));
  }

  /** How many there are in each state that occurs, counted by Postgres. */
  async countByState(): Promise<StateCounts> {
    const counts = await (await this.#source.gateway()).countByState(this.whole('countByState'));
    return Object.fromEntries(counts);
  }

  /** @internal */
  protected override reshaped(shape: Shape): JobQuery<Job> {
    return new JobQuery(this.#source, shape);
  }
}

/** All jobs of a database, and the ways to make and change many. */
export class JobManager<Job> extends JobQuery<Job> {
  readonly #maker: JobMaker<Job>;
  readonly #connection: Connection;

  /** @internal */
  constructor(maker: JobMaker<Job>, connection: Connection) {
    super(new JobSource(maker, connection), WHOLE);
    this.#maker = maker;
    this.#connection = connection;
  }

  /** Makes a job of `fields` and saves it. */
  async create(fields: NewJobFields = {}): Promise<Job> {
    const job = this.#maker.create(fields);
    await this.#maker.save(job);
    return job;
  }

  /**
   * The job whose fields equal `wanted`, made of these and `defaults` when there is none: `[job, created]`. Of racing calls
   * with the same `wanted` exactly one creates. UserError when several match.
   */
  async getOrCreate(wanted: NewJobFields, defaults: NewJobFields = {}): Promise<[Job, created: boolean]> {
    const row = newJobOf(wanted);
    if (Object.keys(row).length === 0)
      throw new UserError('getOrCreate wants at least one field to look for');
    const where = all(
      ...Object.entries(row).map(([column, value]) =>
        value === null ? field(column, 'isNull', true) : field(column, 'equals', value),
      ),
    );
    const made: NewJob = { ...newJobOf(defaults), ...row };
    const [found, created] = await (await this.#connection.gateway()).getOrInsertJob(where, made);
    return [this.#maker.fromRow(found), created];
  }

  /**
   * Inserts many jobs by COPY, all or none: a list, or for millions an iterable or async iterable of fields, which is
   * read as fast as Postgres takes them. Returns how many. Jobs in a list are saved ones afterwards.
   */
  async bulkCreate(jobs: Iterable<Job | NewJobFields> | AsyncIterable<Job | NewJobFields>): Promise<number> {
    if (
      typeof jobs !== 'object' ||
      jobs === null ||
      !(Symbol.iterator in jobs || Symbol.asyncIterator in jobs)
    ) {
      throw new UserError(`bulkCreate takes a list or an iterable of jobs, not ${shown(jobs)}`);
    }
    const count = await (await this.#connection.gateway()).copyJobs(this.#rows(jobs));
    if (Array.isArray(jobs)) {
      for (const item of jobs as unknown[]) if (this.#maker.isJob(item)) this.#maker.inserted(item);
    }
    return count;
  }

  /** Saves the changes of many jobs, all or none, each as its own save() would; how many had changed. */
  async bulkUpdate(jobs: Iterable<Job>): Promise<number> {
    const changed = new Map<string, PendingChange>();
    for (const job of jobs) {
      if (!this.#maker.isJob(job)) throw new UserError(`bulkUpdate takes jobs, not ${shown(job)}`);
      const pending = this.#maker.pending(job);
      if (pending === null) continue;
      const { id } = pending.change;
      if (changed.has(id)) throw new UserError(`bulkUpdate was given job ${id} twice`);
      changed.set(id, pending);
    }
    if (changed.size === 0) return 0;
    const changes = [...changed.values()].map(({ change }) => change);
    for (const row of await (await this.#connection.gateway()).saveJobs(changes)) {
      changed.get(row.job_id)?.saved(row);
    }
    return changed.size;
  }

  /**
   * Moves jobs to `state` with one history line each, all at once or none; jobs that were killed stay so. How many moved.
   * UserError naming the first job that is held, gone, or in a state from which that step does not exist.
   */
  async batchUpdateState(
    jobs: Iterable<Job | string>,
    state: JobState,
    message: string = '',
  ): Promise<number> {
    if (!(JOB_STATES as readonly string[]).includes(state)) {
      throw new UserError(`there is no state ${shown(state)}${didYouMean(String(state), JOB_STATES)}`);
    }
    const ids = [...jobs].map((job) => {
      const id: unknown = this.#maker.isJob(job) ? this.#maker.idOf(job) : job;
      if (typeof id === 'string' && isId(id.toLowerCase())) return id;
      throw new UserError(`batchUpdateState takes jobs or their ids, not ${shown(job)}`);
    });
    if (ids.length === 0) return 0;
    return (await this.#connection.gateway()).setState(ids, state, message);
  }

  async *#rows(
    jobs: Iterable<Job | NewJobFields> | AsyncIterable<Job | NewJobFields>,
  ): AsyncGenerator<NewJob> {
    for await (const item of jobs) {
      yield this.#maker.isJob(item) ? this.#maker.newJob(item) : newJobOf(item);
    }
  }
}

/** Runs queries on the jobs of one database. */
class JobSource<Job> implements Source<Job> {
  readonly one = 'job';
  readonly many = 'jobs';
  readonly columnOf = readableColumn;
  readonly #maker: JobMaker<Job>;
  readonly #connection: Connection;

  constructor(maker: JobMaker<Job>, connection: Connection) {
    this.#maker = maker;
    this.#connection = connection;
  }

  gateway(): ReturnType<Connection['gateway']> {
    return this.#connection.gateway();
  }

  async rows(query: Query): Promise<Job[]> {
    return (await (await this.gateway()).jobs(query)).map((row) => this.#maker.fromRow(row));
  }

  async *stream(query: Query): AsyncIterable<Job> {
    for await (const row of (await this.gateway()).streamJobs(query)) yield this.#maker.fromRow(row);
  }

  async count(query: Query): Promise<number> {
    return (await this.gateway()).countJobs(query);
  }

  async values(query: Query, selection: Selection): Promise<unknown[][]> {
    return (await this.gateway()).jobValues(query, selection);
  }

  async *streamValues(query: Query, selection: Selection): AsyncIterable<unknown[]> {
    yield* (await this.gateway()).streamJobValues(query, selection);
  }

  async countValues(query: Query, selection: Selection): Promise<number> {
    return (await this.gateway()).countJobValues(query, selection);
  }

  async update(where: Condition, fields: unknown): Promise<number> {
    return (await this.gateway()).updateJobs(where, jobChangeOf(fields));
  }

  async remove(where: Condition): Promise<number> {
    return (await this.gateway()).deleteJobs(where);
  }
}
