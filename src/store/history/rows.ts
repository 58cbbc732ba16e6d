/** The rows that reports are made of, as plain types: what report.ts and ledger.ts give, and scripts may see. */
import type { JobState } from '../../model/job.ts';

/** Time cut into buckets: each from one edge to before the next. Milliseconds since 1970, ascending, two at least. */
export interface TimeBuckets {
  readonly edgesMs: readonly number[];
  /** Of every bucket; the first and the last may be cut shorter. */
  readonly widthMs: number;
}

/**
 * So many jobs went from one state to another in a bucket; `before` is null for what was created. Bucket -1 is all that was
 * before the first edge.
 */
export interface StateChange {
  bucket: number;
  before: JobState | null;
  state: JobState;
  jobs: number;
}

/** Seconds: median, 90th and 99th percentile, and the longest; null where nothing was measured. */
export interface Spread {
  readonly p50: number | null;
  readonly p90: number | null;
  readonly p99: number | null;
  readonly max: number | null;
}

export interface ApplicationTimes {
  application: string;
  /** Attempts that started. */
  started: number;
  /** Of those, the ones that ended by themselves: their run time is known. */
  ran: number;
  /** From the time when it could be leased to its start. */
  wait: Spread;
  run: Spread;
}

/** Attempts and jobs that did not end well, of one application, for one reason. */
export interface FailureGroup {
  application: string;
  /** RUN_ERROR, RUN_TIMEOUT, FAILED (it never ran) or USER_KILLED. */
  kind: string;
  /** First line of what was written, without the names of nodes and launchers. */
  reason: string;
  count: number;
  jobs: number;
  /** Of `count`, those after which the job stayed FAILED. */
  final: number;
  first: Date;
  last: Date;
  /** The last line of one of the outputs, '' where there is none. */
  example: string;
}

/** A launcher, and the part of the report's time in which it was there; milliseconds since 1970. */
export interface LedgerLauncher {
  launcher: number;
  name: string;
  state: string;
  nodes: number;
  fromMs: number;
  toMs: number;
}

/** Where node-seconds went; the categories add up to `total`. docs/report.md defines each. */
export interface Waste {
  /** Held by attempts of the workflows of the report. */
  busy: number;
  /** Held by attempts of other workflows; 0 in a report of all. */
  busyOther: number;
  idleNothingRunnable: number;
  idleNothingFitted: number;
  drained: number;
  lost: number;
  /** Nodes times time. */
  total: number;
}

/** Those of one launcher in one bucket. */
export interface LedgerRow extends Waste {
  launcher: number;
  bucket: number;
}
