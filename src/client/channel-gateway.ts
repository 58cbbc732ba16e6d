/**
 * The client inside a running job: everything goes through the agent, nothing to Postgres. A job reads and writes its
 * own record and registers applications; what needs the database is refused with a sentence.
 *
 * Imported by gateway.ts when BALSAM_JOB_ID is set. It must never import what loads the database driver.
 */
import { UserError } from '../base/errors.ts';
import { PATCH_FIELDS } from '../model/job-channel.ts';
import type { ApplicationFields, JobRecord, PatchFields } from '../model/job-channel.ts';
import type { ApplicationChange, ApplicationRow } from '../store/rows.ts';
import { Channel } from './channel.ts';
import { scriptName } from './fields.ts';
import type { Change, Gateway, Loaded } from './gateway.ts';

/** Connects to the agent named in the environment. UserError with what to do when it is not there or refuses. */
export async function openChannelGateway(): Promise<ChannelGateway> {
  const id = process.env['BALSAM_JOB_ID'] ?? '';
  const path = process.env['BALSAM_JOB_SOCKET'] ?? '';
  const token = process.env['BALSAM_JOB_TOKEN'] ?? '';
  if (path === '' || token === '') {
    const missing = path === '' ? 'BALSAM_JOB_SOCKET' : 'BALSAM_JOB_TOKEN';
    throw new UserError(
      `BALSAM_JOB_ID is set (${id}) but ${missing} is not: if this program does not run as a job, unset BALSAM_JOB_ID`,
    );
  }
  const { channel, job } = await Channel.open(path, token);
  if (job !== id) {
    channel.close();
    throw new UserError(
      `BALSAM_JOB_ID is ${id}, but BALSAM_JOB_TOKEN belongs to job ${job}: unset or correct them`,
    );
  }
  return new ChannelGateway(channel, id);
}

export class ChannelGateway implements Gateway {
  readonly #channel: Channel;
  readonly #id: string;

  constructor(channel: Channel, id: string) {
    this.#channel = channel;
    this.#id = id;
  }

  get path(): string {
    return process.env['BALSAM_DB_PATH'] ?? '';
  }

  async loadJob(id: string): Promise<Loaded | null> {
    if (id !== this.#id) throw notHere('reading another job');
    return rowOf(await this.#channel.request({ op: 'job.get', fresh: true }));
  }

  /** The job's own record from the agent's copy: what it wrote itself is in it, what others wrote since may not be. */
  async ownJob(): Promise<Loaded> {
    return rowOf(await this.#channel.request({ op: 'job.get', fresh: false }));
  }

  async updateJob(id: string, change: Change, durable: boolean): Promise<null> {
    if (id !== this.#id) throw notHere('changing another job');
    const fields: PatchFields = {};
    for (const [column, value] of Object.entries(change.fields)) {
      const allowed = PATCH_FIELDS.find((f) => f === column);
      if (allowed === undefined || typeof value !== 'string') {
        const name = scriptName(column as keyof Loaded & keyof JobRecord);
        throw new UserError(`a running job may change only its data and description, not ${name}`);
      }
      fields[allowed] = value;
    }
    const { set, removed } = change.data;
    await this.#channel.request({ op: 'job.patch', set, removed, fields, durable });
    return null;
  }

  async insertJob(): Promise<never> {
    throw notYet('creating jobs inside a running job comes with workflows');
  }

  async getOrInsertJob(): Promise<never> {
    throw notYet('creating jobs inside a running job comes with workflows');
  }

  async copyJobs(): Promise<never> {
    throw notYet('creating jobs inside a running job comes with workflows');
  }

  async saveJobs(): Promise<never> {
    throw notHere('changing several jobs');
  }

  async updateJobs(): Promise<never> {
    throw notHere('changing several jobs');
  }

  async setState(): Promise<never> {
    throw notHere('changing the state of jobs');
  }

  async history(): Promise<never> {
    throw notHere('reading history');
  }

  async jobs(): Promise<never> {
    throw notHere('querying jobs');
  }

  // oxlint-disable-next-line require-yield -- it refuses before the first row
  async *streamJobs(): AsyncIterable<Loaded> {
    throw notHere('querying jobs');
  }

  async jobValues(): Promise<never> {
    throw notHere('querying jobs');
  }

  // oxlint-disable-next-line require-yield -- it refuses before the first row
  async *streamJobValues(): AsyncIterable<unknown[]> {
    throw notHere('querying jobs');
  }

  async countJobValues(): Promise<never> {
    throw notHere('querying jobs');
  }

  async countByState(): Promise<never> {
    throw notHere('querying jobs');
  }

  async countJobs(): Promise<never> {
    throw notHere('querying jobs');
  }

  async deleteJobs(): Promise<never> {
    throw notHere('deleting jobs');
  }

  async killJobs(): Promise<never> {
    throw notHere('killing jobs');
  }

  async finished(): Promise<never> {
    throw notHere('waiting for jobs');
  }

  async application(name: string): Promise<ApplicationRow | null> {
    return (await this.#channel.request({ op: 'application.get', name })).application;
  }

  async getOrCreateApplication(
    name: string,
    defaults: ApplicationFields,
  ): Promise<[ApplicationRow, boolean]> {
    const answer = await this.#channel.request({ op: 'application.getOrCreate', name, defaults });
    return [answer.application, answer.created];
  }

  async saveApplications([change, ...more]: readonly ApplicationChange[]): Promise<ApplicationRow[]> {
    if (change === undefined) return [];
    if (more.length > 0) throw notHere('changing several applications at once');
    const { name, ...set } = change.fields;
    if (name !== undefined && name !== change.name) throw notHere('renaming an application');
    return [(await this.#channel.request({ op: 'application.save', name: change.name, set })).application];
  }

  async applications(): Promise<never> {
    throw notHere('listing applications');
  }

  async insertApplications(): Promise<never> {
    throw notHere('creating an application (getOrCreate works)');
  }

  async deleteApplications(): Promise<never> {
    throw notHere('deleting an application');
  }

  async close(): Promise<void> {
    this.#channel.close();
  }
}

function rowOf(record: JobRecord): Loaded {
  const { working_directory: workingDirectory, created_at, updated_at, ...rest } = record;
  return {
    ...rest,
    owner: '',
    filed_as: null,
    created_at: new Date(created_at),
    updated_at: new Date(updated_at),
    workingDirectory,
  };
}

function notYet(why: string): UserError {
  return new UserError(`not supported yet: ${why}`);
}

function notHere(what: string): UserError {
  return new UserError(
    `${what} is not supported yet inside a running job: use currentJob, or a script outside`,
  );
}
