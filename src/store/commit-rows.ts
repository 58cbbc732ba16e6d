/**
 * What a coordinator reports about the attempts that it holds, as plain rows: the words between the coordinator and
 * commit-store. They hold no promise of order: commit-store applies patches, then starts and ends, then releases.
 */
import type { JobState, Outcome } from '../core/job.ts';

export interface StartRow {
  id: string;
  attempt: number;
  report: number;
  node: string;
  /** Wall clock, milliseconds since 1970, as all times here. */
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
  /** 'keep': runnable, nothing counted (surely never sent); else where RUN_TIMEOUT's rules lead: RESTART_READY or FAILED. */
  to: 'keep' | JobState;
  outcome: Outcome | null;
  message: string;
  lostEnd: boolean;
  nodeLost: boolean;
  countTry: boolean;
}
export interface CommitBatch {
  launcher: number;
  epoch: number;
  starts: readonly StartRow[];
  patches: readonly PatchRow[];
  ends: readonly EndRow[];
  releases: readonly ReleaseRow[];
}
export type RowOutcome =
  | 'applied'
  | 'duplicate' // this report, or an end, was committed before
  | 'not-ours' // row gone, launcher or attempt another: end the process
  | 'killed' // USER_KILLED, and ours
  | 'rejected'; // class 22 or 23: this row's values; committed as an end FAILED without data
export interface CommitAnswer {
  /** false: the fence row was not there, nothing was written, and the lists are empty. */
  fenced: boolean;
  starts: RowOutcome[];
  patches: RowOutcome[];
  ends: RowOutcome[];
  releases: RowOutcome[];
}
