/**
 * `BalsamJob.objects`: every job as a query set, and the ways to make new ones.
 *
 * It is given how a job is made of a row and a row of a job, so that it knows the class only by those.
 */
import { UserError } from '../base/errors.ts';
import type { Condition, Query } from '../core/query.ts';
import type { NewJob } from '../store/rows.ts';
import type { JobConditions, Ordering } from './conditions.ts';
import { newJobOf, readableColumn, shown } from './fields.ts';
import type { NewJobFields, QueryFields } from './fields.ts';
import { gateway } from './gateway.ts';
import type { Loaded } from './gateway.ts';
import { QuerySet } from './query-set.ts';
import type { Source } from './query-set.ts';

/** What the manager needs to know of the class of jobs. */
export interface JobMaker<Job> {
  fromRow(row: Loaded): Job;
  create(fields: NewJobFields): Job;
  save(job: Job): Promise<void>;
  isJob(item: unknown): item is Job;
  /** The row that would insert it. UserError when it is saved already. */
  newJob(job: Job): NewJob;
  /** It was inserted by other means than its own save(). */
  inserted(job: Job): void;
}

export class JobManager<Job> extends QuerySet<Job, JobConditions, Ordering<QueryFields>> {
  readonly #maker: JobMaker<Job>;

  constructor(maker: JobMaker<Job>) {
    super(new JobSource(maker));
    this.#maker = maker;
  }

  /** Makes a job of `fields` and saves it. */
  async create(fields: NewJobFields = {}): Promise<Job> {
    const job = this.#maker.create(fields);
    await this.#maker.save(job);
    return job;
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
    const count = await (await gateway()).copyJobs(this.#rows(jobs));
    if (Array.isArray(jobs)) {
      for (const item of jobs as unknown[]) if (this.#maker.isJob(item)) this.#maker.inserted(item);
    }
    return count;
  }

  async *#rows(
    jobs: Iterable<Job | NewJobFields> | AsyncIterable<Job | NewJobFields>,
  ): AsyncGenerator<NewJob> {
    for await (const item of jobs) {
      yield this.#maker.isJob(item) ? this.#maker.newJob(item) : newJobOf(item);
    }
  }
}

class JobSource<Job> implements Source<Job> {
  readonly one = 'job';
  readonly many = 'jobs';
  readonly columnOf = readableColumn;
  readonly #maker: JobMaker<Job>;

  constructor(maker: JobMaker<Job>) {
    this.#maker = maker;
  }

  async rows(query: Query): Promise<Job[]> {
    return (await (await gateway()).jobs(query)).map((row) => this.#maker.fromRow(row));
  }

  async *stream(query: Query): AsyncIterable<Job> {
    for await (const row of (await gateway()).streamJobs(query)) yield this.#maker.fromRow(row);
  }

  async count(query: Query): Promise<number> {
    return (await gateway()).countJobs(query);
  }

  async remove(where: Condition): Promise<number> {
    return (await gateway()).deleteJobs(where);
  }

  async kill(where: Condition): Promise<number> {
    return (await gateway()).killJobs(where);
  }
}
