/**
 * What coordinator and agent say to each other, as plain data. The shapes are those of proto/launcher/v1 (the codec turns
 * bytes into these objects without a second copy), and this file is the only place where the two cores meet.
 *
 * A decoded message has every scalar field (absent ones at their default); a `oneof` is the one property that is there.
 */

export interface Envelope {
  version: number;
  launcher: number;
  epoch: number;
  incarnation: string;
  hello?: Record<string, never> | null;
  echo?: Echo | null;
  commands?: Commands | null;
  dismissed?: Dismissed | null;
  join?: Join | null;
  heartbeat?: Heartbeat | null;
  reports?: Reports | null;
}

/** The part of an envelope that the cores make; the shell adds version, launcher, epoch and incarnation. */
export type Body = Omit<Envelope, 'version' | 'launcher' | 'epoch' | 'incarnation'>;

export const PROTOCOL_VERSION = 1;

export interface Echo {
  number: number;
  receivedReports: number;
  committedReports: number;
}

export interface Commands {
  commands: Command[];
}

export interface Command {
  seq: number;
  start?: Start | null;
  kill?: Kill | null;
  retract?: Retract | null;
  committed?: Committed | null;
  drain?: Record<string, never> | null;
}

export interface Start {
  apps: App[];
  jobs: Job[];
}

export interface App {
  index: number;
  name: string;
  executable: string;
  envscript: string;
}

/** A job as an agent starts it. */
export interface Job {
  id: string;
  attempt: number;
  app: number;
  name: string;
  workflow: string;
  args: string;
  environVars: string;
  userWorkdir: string;
  mpiFlags: string;
  parents: string;
  cpuAffinity: string;
  numNodes: number;
  ranksPerNode: number;
  threadsPerRank: number;
  threadsPerCore: number;
  packing: number;
  hosts: string[];
  nodes: number[];
}

export interface JobRef {
  id: string;
  attempt: number;
}

export const KILL_USER = 1;
export const KILL_TIMEOUT = 2;
export const KILL_LOST = 3;
export const KILL_NOW = 4;

export interface Kill {
  jobs: JobRef[];
  reason: number;
}

export interface Retract {
  jobs: JobRef[];
}

export interface Committed {
  reports: number;
  answers: Answer[];
}

export interface Answer {
  request: number;
  json: string;
  error: string;
}

export interface Dismissed {
  reason: string;
}

export interface Join {
  node: number;
  hostname: string;
  cpus: number;
  gpus: number;
  memoryBytes: number;
  agent: ProcessIdentity | null;
  guard: ProcessIdentity | null;
  endedIncarnation: string;
  /** It was another process, and that died. */
  endedCrashed: boolean;
  held: HeldAttempt[];
  lastReport: number;
  oldestReport: number;
}

export interface ProcessIdentity {
  pid: number;
  startTime: number;
  bootId: string;
  pidNamespace: string;
  uid: number;
}

export interface HeldAttempt {
  id: string;
  attempt: number;
  started: boolean;
  nodes: number[];
}

export interface Heartbeat {
  number: number;
  receivedCommands: number;
  lastReport: number;
  queued: number;
  running: number;
  /** It takes nothing new, and leaves when what runs has ended. */
  draining: boolean;
  /** Why the node can't start all that it should (PROTOCOL 10); '' = it can. */
  short: string;
  /** Jobs that it can hold meanwhile; 0: nothing has been started for a while. */
  most: number;
}

export interface Reports {
  reports: Report[];
  receivedCommands: number;
}

export interface Report {
  seq: number;
  job: string;
  attempt: number;
  ageMs: number;
  started?: Record<string, never> | null;
  ended?: Ended | null;
  patch?: Patch | null;
  retracted?: Record<string, never> | null;
  request?: Request | null;
  notStarted?: NotStarted | null;
}

/** Note of an end that nobody saw: the helper died under the job. */
export const HELPER_LOST = 'helper lost';

export const CAUSE_NONE = 0;
export const CAUSE_USER = 1;
export const CAUSE_TIMEOUT = 2;
export const CAUSE_LOST = 3;

export interface Ended {
  ranMs: number;
  exited: boolean;
  exitCode: number;
  signal: number;
  userS: number;
  systemS: number;
  maxRssKib: number;
  tail: string;
  killed: number;
  note: string;
}

export interface Patch {
  dataJson: string;
  removed: string[];
  fieldsJson: string;
}

export interface Request {
  op: string;
  json: string;
}

export interface NotStarted {
  stage: string;
  message: string;
}
