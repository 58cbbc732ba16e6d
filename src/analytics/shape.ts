/** What a report is: plain data, with the same names for scripts and, in snake_case, for programs. */
import type { Moment } from './interval.ts';
import type { ApplicationTimes, FailureGroup, Waste } from '../store/history/rows.ts';
import type { StateCounts, Throughput } from './states.ts';

/** One bucket of time. */
export interface ReportBucket extends Throughput {
  /** When it begins. */
  at: Date;
  /** Jobs by state at its end. */
  states: StateCounts;
  /** Node-seconds within it. */
  nodeSeconds: Waste;
  /** Share of them that attempts held; null when there were no nodes. */
  utilisation: number | null;
}

export interface ReportLauncher {
  launcher: number;
  name: string;
  state: string;
  nodes: number;
  /** The part of the report's time in which it was there. */
  from: Date;
  to: Date;
  nodeSeconds: Waste;
  utilisation: number | null;
}

export interface Report {
  /** Only this workflow, or those that the pattern with `*` names; '' for all. */
  workflow: string;
  madeAt: Date;
  /**
   * From the first thing on record to the last, or to now while something goes on, within `since` and `until`; null when
   * there is nothing.
   */
  from: Date | null;
  to: Date | null;
  bucketSeconds: number;
  /** Jobs that were there and not over before it, or to which something happened in it. */
  jobs: number;
  /** These jobs by state at the end. */
  states: StateCounts;
  buckets: ReportBucket[];
  applications: ApplicationTimes[];
  /** There are more than are listed. */
  moreApplications: boolean;
  failures: FailureGroup[];
  moreFailures: boolean;
  launchers: ReportLauncher[];
  nodeSeconds: Waste;
  utilisation: number | null;
}

export interface ReportOptions {
  /** Only this workflow; each `*` stands for any text. */
  workflow?: string;
  /**
   * Only what happened from then on, and before `until`: a Date, a text like `2026-01-31T12:00Z` (UTC where it names no
   * zone), or how long ago: `90m`, `2h`, `1d12h`.
   */
  since?: Date | string;
  until?: Date | string;
}

/** The same, read. */
export interface Asked {
  readonly workflow?: string | undefined;
  readonly since?: Moment | undefined;
  readonly until?: Moment | undefined;
}
