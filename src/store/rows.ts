/**
 * The rows that users see, as plain types, and the one table of a job's fields: type, default, range, who may write it.
 * Defaults, validation, the conversions of `balsam modify` and the columns of `balsam ls` are all made from it.
 *
 * Called by every store, the client and the command line. It holds no SQL beyond the names of columns, which are the
 * names of the fields (only `job_id` is the column `id`).
 */
import type { JsonObject } from '../model/query.ts';
import type { JobState } from '../model/job.ts';
import type { FiledAs } from '../model/job-directory.ts';
import type { JobRecord } from '../model/job-channel.ts';

export type { JsonObject } from '../model/query.ts';

/** A row of `job`: what a job is told of itself, with real times and its owner. */
export interface JobRow extends Omit<JobRecord, 'created_at' | 'updated_at' | 'working_directory'> {
  owner: string;
  filed_as: FiledAs | null;
  created_at: Date;
  updated_at: Date;
}

export type FieldType = 'text' | 'int' | 'bool' | 'json' | 'uuid' | 'uuids' | 'time' | 'state';

export interface FieldSpec {
  readonly type: FieldType;
  /** What a new job has where nothing is given; undefined where the database decides. */
  readonly default: string | number | boolean | null | readonly string[] | JsonObject | undefined;
  /** Whether a new job may give it and `save()` may change it (`job_id`: only a new one). */
  readonly writable: boolean;
  /** The start of the job is made from it: refused while a launcher holds the job. */
  readonly startField: boolean;
  readonly min?: number;
  readonly max?: number;
}

const INT_MAX = 2_147_483_647;
const text = (startField: boolean, value = ''): FieldSpec => ({
  type: 'text',
  default: value,
  writable: true,
  startField,
});
const count = (value: number, min: number, startField = true): FieldSpec => ({
  type: 'int',
  default: value,
  writable: true,
  startField,
  min,
  max: INT_MAX,
});
const flag = (value: boolean, startField: boolean): FieldSpec => ({
  type: 'bool',
  default: value,
  writable: true,
  startField,
});
const ours = (type: FieldType): FieldSpec => ({
  type,
  default: undefined,
  writable: false,
  startField: false,
});

/** Every field of a job, in the order in which records are printed. */
export const JOB_FIELDS = {
  job_id: ours('uuid'),
  workflow: text(true),
  name: text(true),
  description: text(false),
  parents: { type: 'uuids', default: [], writable: true, startField: true },
  input_files: text(true),
  stage_in_url: text(true),
  stage_out_files: text(false),
  stage_out_url: text(false),
  wall_time_minutes: count(1, 0),
  num_nodes: count(1, 1),
  coschedule_num_nodes: count(0, 0),
  ranks_per_node: count(1, 1),
  cpu_affinity: text(true, 'none'),
  threads_per_rank: count(1, 1),
  threads_per_core: count(1, 1),
  node_packing_count: count(1, 1),
  environ_vars: text(true),
  mpi_flags: text(true),
  application: text(true),
  args: text(true),
  user_workdir: text(true),
  wait_for_parents: flag(true, true),
  post_error_handler: flag(false, false),
  post_timeout_handler: flag(false, false),
  auto_timeout_retry: flag(true, true),
  state: ours('state'),
  queued_launch_id: { type: 'int', default: null, writable: true, startField: false, min: 1, max: INT_MAX },
  data: { type: 'json', default: {}, writable: true, startField: false },
  launcher: ours('int'),
  attempt: ours('int'),
  tries: ours('int'),
  owner: ours('text'),
  filed_as: ours('json'),
  created_at: ours('time'),
  updated_at: ours('time'),
} as const satisfies Record<keyof JobRow, FieldSpec>;

export type JobField = keyof typeof JOB_FIELDS;
export type OwnField =
  | 'job_id'
  | 'state'
  | 'launcher'
  | 'attempt'
  | 'tries'
  | 'owner'
  | 'filed_as'
  | 'created_at'
  | 'updated_at';
export type WritableField = Exclude<JobField, OwnField>;

/** What a new job may give; the rest are defaults. An id that is there already makes the insert do nothing. */
export type NewJob = Partial<Pick<JobRow, WritableField>> & { job_id?: string };

export const WRITABLE_FIELDS = (Object.keys(JOB_FIELDS) as JobField[]).filter(
  (f): f is WritableField => JOB_FIELDS[f].writable,
);

export function isJobField(name: string): name is JobField {
  return Object.hasOwn(JOB_FIELDS, name);
}

export function isWritableField(name: string): name is WritableField {
  return isJobField(name) && JOB_FIELDS[name].writable;
}

export interface ApplicationRow {
  id: number;
  name: string;
  description: string;
  executable: string;
  preprocess: string;
  envscript: string;
  postprocess: string;
}
export type NewApplication = { name: string } & Partial<Omit<ApplicationRow, 'id' | 'name'>>;

/** Fields of an application to set. */
export interface ApplicationChange {
  readonly id: number;
  /** As it is called now: the job channel knows applications by name. */
  readonly name: string;
  readonly fields: Partial<NewApplication>;
}

export interface QueuedLaunchRow {
  id: number;
  scheduler_id: number;
  project: string;
  queue: string;
  nodes: number;
  wall_minutes: number;
  job_mode: string;
  wf_filter: string;
  sched_flags: string;
  command: string;
  state: string;
  prescheduled_only: boolean;
  from_balsam: boolean;
}
export type NewQueuedLaunch = Partial<Omit<QueuedLaunchRow, 'id'>>;

export interface LauncherRow {
  id: number;
  name: string;
  epoch: number;
  state: 'alive' | 'ended' | 'dead';
  heartbeat_at: Date;
  /** Age of the last heartbeat by the database's clock, milliseconds. */
  heartbeat_age_ms: number;
  host: string;
  mode: string;
  wf_filter: string;
  nodes: number;
  scheduler_id: string;
  owner: string;
  started_at: Date;
  ended_at: Date | null;
  /** The database does not take what it writes, by its last heartbeat. */
  degraded_since: Date | null;
  degraded_why: string;
  /** Its time limit. */
  ends_at: Date | null;
  /** Nodes that take work, by its last heartbeat. */
  nodes_alive: number | null;
  /** Who buried it, when, by what, and how many rows were taken back. */
  rescued_by: number | null;
  rescued_at: Date | null;
  rescued_how: 'proof' | 'silence' | null;
  rescued_jobs: number;
  /** Jobs that it holds. */
  held: number;
}

/** What happened to a launcher. */
export interface LauncherEventRow {
  launcher: number;
  at: Date;
  kind: string;
  node: number | null;
  host: string;
  message: string;
}

/** A process that can run or guard jobs of a launcher (PROTOCOL 4): proof of death needs all of them. */
export interface RosterMember {
  kind: 'warden' | 'coordinator' | 'agent' | 'guard' | 'helper';
  host: string;
  boot_id: string;
  pid_namespace: string;
  uid: number;
  pid: number;
  start_time: string;
  node: string;
  incarnation: string;
}

/** One line of a job's history; `at` is when it happened. */
export interface HistoryLine {
  at: Date;
  state: JobState;
  message: string;
}
