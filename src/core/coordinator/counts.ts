/**
 * What became of the jobs of a launcher, counted as the database says that it is written: ends, and releases of jobs that
 * never ran. An answer of "written before" counts where the same flight was asked for more than once: it wrote that itself.
 */
import type { JobState } from '../../model/job.ts';
import type { ReleaseRow, RowOutcome } from './batch.ts';
import type { CoordinatorState } from './state.ts';

export function countEnd(s: CoordinatorState, state: JobState, outcome: RowOutcome): void {
  if (!isWritten(s, outcome)) return;
  if (state === 'JOB_FINISHED') s.done.finished += 1;
  else if (state === 'FAILED') s.done.failed += 1;
  else if (state === 'USER_KILLED') s.done.killed += 1;
  else s.done.other += 1;
}

/** A release ends a job that can't be started, whose end nobody can tell, or that was killed before its start. */
export function countRelease(s: CoordinatorState, row: ReleaseRow, outcome: RowOutcome): void {
  if (outcome === 'killed') return countEnd(s, 'USER_KILLED', outcome);
  // A release that is repeated finds a row that is nobody's any more.
  if (row.to === 'keep' || !(isWritten(s, outcome) || (s.flightAgain && outcome === 'not-ours'))) return;
  countEnd(s, row.to, 'applied');
  if (row.to !== 'FAILED' || row.lostEnd) return;
  if (s.done.unstarted === 0) s.done.unstartedWhy = row.message;
  s.done.unstarted += 1;
}

function isWritten(s: CoordinatorState, outcome: RowOutcome): boolean {
  if (outcome === 'applied' || outcome === 'rejected' || outcome === 'killed') return true;
  return s.flightAgain && outcome === 'duplicate';
}
