/** Jobs by state over time, and throughput: both are sums of the changes that the store counted by bucket. Pure. */
import type { JobState } from '../model/job.ts';
import type { StateChange } from '../store/history/rows.ts';

export type StateCounts = Partial<Record<JobState, number>>;

/** Jobs that came to these states within one bucket. */
export interface Throughput {
  /** Came to RUNNING. */
  started: number;
  /** Came to JOB_FINISHED, FAILED, USER_KILLED. */
  finished: number;
  failed: number;
  killed: number;
  /** Came to RESTART_READY: they run again. */
  retried: number;
}

/** How many jobs were in each state at the end of each of `count` buckets; a state that nobody was in is left out. */
export function statesOverTime(changes: readonly StateChange[], count: number): StateCounts[] {
  const now = new Map<JobState, number>();
  const ofBucket = Map.groupBy(changes, (change) => change.bucket);
  const goThrough = (bucket: number): void => {
    for (const { before, state, jobs } of ofBucket.get(bucket) ?? []) {
      now.set(state, (now.get(state) ?? 0) + jobs);
      if (before !== null) now.set(before, (now.get(before) ?? 0) - jobs);
    }
  };
  // Where jobs stood when the first one began.
  goThrough(-1);
  return Array.from({ length: count }, (_, bucket) => {
    goThrough(bucket);
    return Object.fromEntries([...now].filter(([, jobs]) => jobs !== 0));
  });
}

/** What came to an end, or began, in each of `count` buckets. */
export function throughputOverTime(changes: readonly StateChange[], count: number): Throughput[] {
  const all = Array.from({ length: count }, (): Throughput => ({
    started: 0,
    finished: 0,
    failed: 0,
    killed: 0,
    retried: 0,
  }));
  for (const { bucket, state, jobs } of changes) {
    const kind = KINDS[state];
    const at = all[bucket];
    if (kind !== undefined && at !== undefined) at[kind] += jobs;
  }
  return all;
}

const KINDS: { readonly [state in JobState]?: keyof Throughput } = {
  RUNNING: 'started',
  JOB_FINISHED: 'finished',
  FAILED: 'failed',
  USER_KILLED: 'killed',
  RESTART_READY: 'retried',
};
