/**
 * Release of a held job (PROTOCOL 4): what becomes of an attempt whose end nobody reported, by what is known of it. The
 * row's own state decides in the store; here is decided what is asked for.
 */
import { afterRun } from '../../model/job.ts';
import type { LeasedJob, ReleaseRow } from './batch.ts';
import { moveEntry } from './phases.ts';
import type { CoordinatorState, Entry } from './state.ts';

/** Times that a job may lose its node: it may be the job that brings it down (PROTOCOL 10). */
const NODE_LOSSES_BEFORE_FAILED = 3;
/** Times that a job may lose its helper: it may be the job that kills it (PROTOCOL 10). */
const HELPER_LOSSES_BEFORE_FAILED = 3;
/** After a lost helper the job rests so long, milliseconds; ten times as long after the next. Guess: a node settles in a second. */
const REST_MS = 1_000;
const REST_GROWS = 10;

/** Whether one more lost helper is one too many for this job. */
export function losesHelperTooOften(job: LeasedJob): boolean {
  return job.helperLosses + 1 >= HELPER_LOSSES_BEFORE_FAILED;
}

export const HELPER_DIED_TOO_OFTEN = `its helper died ${HELPER_LOSSES_BEFORE_FAILED} times`;

/** How long a job waits before it is started again, milliseconds: longer with each helper that died under it. */
export function restOf(job: LeasedJob): number {
  return job.helperLosses === 0 ? 0 : REST_MS * REST_GROWS ** (job.helperLosses - 1);
}

/** Puts the release into the next commit; the attempt is over. */
export function release(
  s: CoordinatorState,
  entry: Entry,
  what: { to: ReleaseRow['to']; message: string } & Partial<
    Pick<ReleaseRow, 'outcome' | 'node' | 'lostEnd' | 'nodeLost' | 'countTry'>
  >,
): void {
  if (entry.phase === 'queued') {
    const at = s.queue.indexOf(entry);
    if (at >= 0) s.queue.splice(at, 1);
  }
  moveEntry(s, entry, 'over');
  s.releasesMade += 1;
  s.releases.push({
    id: entry.job.id,
    attempt: entry.job.attempt,
    node: what.node ?? null,
    to: what.to,
    outcome: what.outcome ?? null,
    message: what.message,
    lostEnd: what.lostEnd ?? false,
    nodeLost: what.nodeLost ?? false,
    countTry: what.countTry ?? false,
  });
}

/**
 * It surely did not start: back to where it can be leased, nothing counted. Where RUNNING was committed before its start
 * command, the row leaves that state by way of RUN_TIMEOUT.
 */
export function releaseUnstarted(s: CoordinatorState, entry: Entry, message: string): void {
  if (!entry.runningCommitted) return release(s, entry, { to: 'keep', message });
  release(s, entry, {
    to: 'RESTART_READY',
    outcome: 'RUN_TIMEOUT',
    message: message || 'given back unstarted',
  });
}

/** Its place is gone and it surely did not start there: it waits again, or goes back when it must not wait here. */
export function putBack(s: CoordinatorState, entry: Entry, message: string): void {
  if (entry.userKilled || s.phase !== 'running') return releaseUnstarted(s, entry, message);
  // Adopted, and its application was deleted meanwhile.
  if (entry.app.index === 0)
    return releaseAsFailed(s, entry, `application ${entry.app.name} is not registered`);
  moveEntry(s, entry, 'queued');
  entry.retractSent = false;
  entry.killSent = 0;
  s.queue.unshift(entry);
}

/** The job cannot be started at all: FAILED, with the reason in its history; from RUNNING that goes by way of RUN_ERROR. */
export function releaseAsFailed(
  s: CoordinatorState,
  entry: Entry,
  message: string,
  node: string | null = null,
): void {
  release(s, entry, { to: 'FAILED', outcome: entry.runningCommitted ? 'RUN_ERROR' : null, message, node });
}

/**
 * Its agent is dead, or was never heard of again. It ran, or may have: RUN_TIMEOUT and its rules, counted as a try and as a
 * lost end; `nodeLost` when the agent died while its coordinator lived: a job whose node died three
 * times under it is FAILED (PROTOCOL 10).
 */
export function releaseLost(
  s: CoordinatorState,
  entry: Entry,
  { node, why, nodeLost }: { node: string; why: string; nodeLost: boolean },
): void {
  const ran = entry.startedAt !== null || entry.runningCommitted;
  const where = node === '' ? '' : ` on ${node}`;
  const message = ran ? `${why}: its run${where} is lost` : `${why}: it may have started${where}`;
  // What only waited there did its node no harm.
  const under = nodeLost && ran;
  const tooOften = under && entry.job.nodeLosses + 1 >= NODE_LOSSES_BEFORE_FAILED;
  release(s, entry, {
    to: afterRun('RUN_TIMEOUT', entry.job.autoTimeoutRetry && !tooOften).at(-1)!,
    outcome: 'RUN_TIMEOUT',
    node,
    message: tooOften ? `${message}; its node died ${NODE_LOSSES_BEFORE_FAILED} times` : message,
    lostEnd: true,
    nodeLost: under,
    countTry: !entry.runningCommitted,
  });
}
