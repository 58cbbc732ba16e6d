/** What a report is: plain data, with the same names for scripts and, in snake_case, for programs. */
import type { ApplicationTimes, FailureGroup, Waste } from '../store/report-rows.ts';
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
  /** Only workflows that contain this text; '' for all. */
  workflow: string;
  madeAt: Date;
  /** From the first thing on record to the last, or to now while something goes on; null when there is nothing. */
  from: Date | null;
  to: Date | null;
  bucketSeconds: number;
  jobs: number;
  /** Jobs by state at the end. */
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
  /** Only workflows whose name contains this (case counts). */
  workflow?: string;
}
