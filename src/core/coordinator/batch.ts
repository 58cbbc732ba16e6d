/**
 * What a coordinator leases and what it writes, as plain rows: the words between the coordinator's core and the store.
 * All times are the coordinator's wall clock, milliseconds since 1970.
 */
import type { JobState, Outcome } from '../../model/job.ts';

/** A job as the lease returns it: what its start is made from. `data` is read when the job asks for it. */
export interface LeasedJob {
  id: string;
  attempt: number;
  name: string;
  workflow: string;
  application: string;
  args: string;
  environVars: string;
  numNodes: number;
  ranksPerNode: number;
  threadsPerRank: number;
  threadsPerCore: number;
  nodePackingCount: number;
  wallTimeMinutes: number;
  cpuAffinity: string;
  mpiFlags: string;
  userWorkdir: string;
  autoTimeoutRetry: boolean;
  /** Times that its node was lost under it. */
  nodeLosses: number;
  /** Times that its helper died under it. */
  helperLosses: number;
  /** JSON text of a list of ids. */
  parents: string;
}

export interface StartRow {
  id: string;
  attempt: number;
  report: number;
  node: string;
  leasedAt: number;
  startedAt: number;
}

export interface EndRow {
  id: string;
  attempt: number;
  report: number;
  node: string;
  leasedAt: number;
  startedAt: number | null;
  endedAt: number;
  outcome: Outcome;
  /** Where the job stays. */
  state: JobState;
  exitCode: number | null;
  signal: number | null;
  userS: number | null;
  systemS: number | null;
  maxRssKib: number | null;
  /** Its helper died under it. */
  helperLost: boolean;
  message: string;
  /** Text of an object with the keys to set; '' for none. */
  dataJson: string;
  dataRemoved: readonly string[];
  description: string | null;
}

export interface PatchRow {
  id: string;
  attempt: number;
  report: number;
  dataJson: string;
  dataRemoved: readonly string[];
  description: string | null;
}

export interface ReleaseRow {
  id: string;
  attempt: number;
  node: string | null;
  /** 'keep': runnable, nothing counted (surely not started); else where the rules of RUN_TIMEOUT or FAILED lead. */
  to: 'keep' | JobState;
  outcome: Outcome | null;
  message: string;
  lostEnd: boolean;
  nodeLost: boolean;
  countTry: boolean;
}

/** The rows of one commit; at most one row a job in each list, and no start beside an end of the same attempt. */
export interface CommitRows {
  starts: StartRow[];
  patches: PatchRow[];
  ends: EndRow[];
  releases: ReleaseRow[];
}

export type RowOutcome =
  | 'applied'
  | 'duplicate' // this report, or an end, was committed before
  | 'not-ours' // row gone, launcher or attempt another: end the process
  | 'killed' // USER_KILLED, and ours
  | 'rejected'; // class 22 or 23: this row's values; committed as an end FAILED without data

/** What became of each row, in the order of the lists that were given. */
export interface RowOutcomes {
  starts: RowOutcome[];
  patches: RowOutcome[];
  ends: RowOutcome[];
  releases: RowOutcome[];
}

/** What may happen to a launcher, beside a takeover and a rescue, which are written by others. */
export type NoteKind =
  | 'raise'
  | 'agent-lost'
  | 'agent-left'
  | 'drained'
  | 'undrained'
  | 'degraded'
  | 'paused'
  | 'no-agent'
  | 'left'
  | 'left-over';

/** Something that happened to the launcher, for people and for a successor. */
export interface LauncherNote {
  /** Grows by one within one coordinator. */
  number: number;
  /** Wall clock of the event, milliseconds. */
  at: number;
  kind: NoteKind;
  /** Index of the node; null: the whole launcher. */
  node: number | null;
  host: string;
  message: string;
}

/** Notes, and incarnations that are over: all that they reported or held is written. */
export interface Recording {
  notes: LauncherNote[];
  ended: string[];
}
