/**
 * The coordinator's core: `coordinatorStep(state, events, now) → effects`. It decides everything about the jobs of one
 * launcher and does nothing itself. The rules are those of PROTOCOL 0–2, 5–7 and 9.
 */
import { LEASE_POLL_MS, MAX_BATCH, MAX_UNCOMMITTED_REPORTS } from '../../base/limits.ts';
import { KILL_USER } from '../messages.ts';
import { adopt, settle } from './adoption.ts';
import { admit } from './admit.ts';
import { liftDrains } from './health.ts';
import { isPaused, onEnrolFailed, onEnrolled, onMessage, sayHello, watch } from './agents.ts';
import { commit, onCommitFailed, onCommitted } from './commits.ts';
import { degrade, note, onRecorded, onRecordFailed, record, recovered } from './note.ts';
import type { CoordinatorEffect, CoordinatorEvent, CoordinatorStep, Now } from './event.ts';
import { awaitAgents, beginLeave, fitsNow, idle, leave, timeUp } from './leave.ts';
import { setPhase, setRaising } from './phases.ts';
import { appetite, forsake, place, sendKill, steal, unreserve } from './placement.ts';
import { refuse } from './refusals.ts';
import { release } from './release.ts';
import { measureRates } from './reports.ts';
import { endDrought, type CoordinatorState } from './state.ts';
import { flush } from './streams.ts';

/** After a failed lease or raise the next is tried after this, milliseconds. */
const RETRY_MS = 500;
/** A lease waits until this share of the room is free, unless somebody idles: a statement costs as much as forty rows. */
const LEASE_WORTH = 0.5;
/** A step that comes this much after it was due has not read its sockets; it does so for as long as DRAIN before it judges
 * anybody's silence, milliseconds (PROTOCOL 0). */
const LATE_MS = 1_000;
const DRAIN_MS = 500;
export function coordinatorStep(
  s: CoordinatorState,
  events: readonly CoordinatorEvent[],
  now: Now,
): CoordinatorStep {
  const effects: CoordinatorEffect[] = [];
  for (const e of events) if (s.phase !== 'ended') on(s, e, now, effects);
  if (s.phase === 'ended') return { effects, wakeAt: Infinity };
  measureRates(s, now.mono);
  if (now.mono > s.dueAt + LATE_MS) s.judgeAfter = now.mono + DRAIN_MS;
  const wakes = [watch(s, now, effects), settle(s, now, effects), timeUp(s, now, effects)];
  wakes.push(watchPause(s, now, effects));
  wakes.push(awaitAgents(s, now, effects));
  if (s.phase === 'running' && !isPaused(s, now.mono) && s.raising === 'no') {
    liftDrains(s, now, effects);
    wakes.push(place(s, now.mono));
    wakes.push(steal(s, now.mono), lease(s, now, effects), idle(s, now, effects));
  }
  // Once the row is given up nothing is written under it.
  if (s.phase !== 'leaving-row')
    wakes.push(
      commit(s, now, effects),
      record(s, now, effects),
      raise(s, now, effects),
      leave(s, now, effects),
    );
  for (const a of s.agents.values()) if (a.status !== 'dead') flush(a, now.mono, effects);
  s.dueAt = Math.min(...wakes);
  return { effects, wakeAt: s.dueAt };
}

function on(s: CoordinatorState, e: CoordinatorEvent, now: Now, effects: CoordinatorEffect[]): void {
  // An inventory would end as strays what a successor has not read yet, a kill would let go of what runs. All but these two
  // comes again.
  if (s.phase === 'taking-over' && e.kind !== 'adopt' && e.kind !== 'leave') return;
  switch (e.kind) {
    case 'message':
      return onMessage(s, e.envelope, now, effects);
    case 'refused':
      return refuse(s, e.incarnation, e.rule, effects);
    case 'leased':
      s.leasing = false;
      // A commit that was refused tells more than a lease that was not.
      if (!s.flight || s.retryAt === 0) recovered(s, now);
      // Of what became runnable meanwhile it may not have known.
      s.dry = e.jobs.length < e.asked && !s.woken;
      if (s.dry) s.leaseAfter = now.mono + LEASE_POLL_MS;
      for (const job of e.jobs) admit(s, job, e.apps, now);
      return;
    case 'lease-failed':
      s.leasing = false;
      s.leaseAfter = now.mono + RETRY_MS;
      return degrade(s, e.why, now);
    case 'committed':
      return onCommitted(s, e.outcomes, e.answers, now, effects);
    case 'commit-failed':
      return onCommitFailed(s, e.why, now);
    case 'outcome-unknown':
      if (e.lost === 'lease') s.leasing = false;
      else s.retryAt = Infinity;
      if (s.raising === 'no') setRaising(s, 'wanted');
      return degrade(s, e.why, now);
    case 'raised':
      return onRaised(s, e, now, effects);
    case 'raise-failed':
      setRaising(s, 'wanted');
      s.raiseAfter = now.mono + RETRY_MS;
      return;
    case 'adopt':
      setPhase(s, 'running');
      adopt(s, e, now);
      if (s.leaveEarly) beginLeave(s, s.leaveEarly, now, effects);
      return;
    case 'enrolled':
      return onEnrolled(s, e.incarnation);
    case 'enrol-failed':
      return onEnrolFailed(s, e.incarnation, now);
    case 'recorded':
      return onRecorded(s);
    case 'record-failed':
      return onRecordFailed(s, now);
    case 'killed':
      for (const k of e.jobs) onKilled(s, k.id, k.attempt);
      return;
    case 'wake':
      return endDrought(s);
    case 'confirmed':
      s.confirmedAt = Math.max(s.confirmedAt, e.sentAt);
      return;
    case 'leave':
      return beginLeave(s, e, now, effects);
    case 'left':
      setPhase(s, 'ended');
      effects.push({ kind: 'end', code: 'left', reason: s.leaveReason, failed: s.leaveFailed, over: e.over });
      return;
    case 'fenced':
      // Our own leaving did that.
      if (s.phase === 'leaving-row') return;
      setPhase(s, 'ended');
      effects.push({
        kind: 'end',
        code: 'fenced',
        reason: 'the launcher row is not ours any more',
        failed: true,
        over: null,
      });
      return;
    case 'tick':
      return;
  }
}

/** Beyond S without a confirmed heartbeat nothing is echoed, started or leased (PROTOCOL 0): that is said, once. */
function watchPause(s: CoordinatorState, now: Now, effects: CoordinatorEffect[]): number {
  const rule = 'PROTOCOL 0: S';
  if (isPaused(s, now.mono)) {
    if (s.pausedSince === null) {
      s.pausedSince = now.wall;
      const fields = { silent_s: Math.round((now.mono - s.confirmedAt) / 1_000), rule };
      effects.push({ kind: 'log', level: 'warn', text: 'paused: no heartbeat is confirmed', fields });
    }
    return Infinity;
  }
  if (s.pausedSince !== null) {
    const seconds = ((now.wall - s.pausedSince) / 1_000).toFixed(0);
    s.pausedSince = null;
    effects.push({ kind: 'log', level: 'info', text: 'the pause is over', fields: { rule } });
    note(s, now, 'paused', { message: `no heartbeat was confirmed: paused for ${seconds} s` });
  }
  return s.confirmedAt + s.config.chain.pause + 1;
}

/** Asks for jobs when there is room for them and it is worth a statement. Returns when it wants to ask again. */
function lease(s: CoordinatorState, now: Now, effects: CoordinatorEffect[]): number {
  if (s.leasing || s.uncommitted.length >= MAX_UNCOMMITTED_REPORTS / 2) return Infinity;
  const { jobs, hungry, target } = appetite(s);
  const limit = Math.min(MAX_BATCH, jobs);
  if (limit < 1 || (!hungry && limit < Math.min(target * LEASE_WORTH, MAX_BATCH))) return Infinity;
  if (now.mono < s.leaseAfter) return s.leaseAfter;
  s.fits = fitsNow(s, now);
  s.leasing = true;
  s.woken = false;
  const { nodes: maxNodes, minutes } = s.fits;
  effects.push({
    kind: 'lease',
    limit,
    maxNodes,
    maxWallMinutes: minutes === null ? null : Math.floor(minutes),
  });
  return Infinity;
}

function onKilled(s: CoordinatorState, id: string, attempt: number): void {
  const entry = s.entries.get(id);
  if (!entry || entry.job.attempt !== attempt) {
    // We hold it by the database and not by our books, nor is it on its way to them: nothing of it was ever sent.
    if (!entry && s.raising === 'no' && !s.leasing) clear(s, id, attempt);
    return;
  }
  // One that is claimed is not sent when its RUNNING is committed, and let go then.
  entry.userKilled = true;
  if (entry.phase === 'queued') {
    unreserve(s, id);
    release(s, entry, { to: 'keep', message: '' });
  } else if (entry.phase === 'sent') sendKill(s, entry, KILL_USER);
}

function clear(s: CoordinatorState, id: string, attempt: number): void {
  const asked = s.releases.some((r) => r.id === id) || s.flight?.rows.releases.some((r) => r.id === id);
  if (asked) return;
  s.releasesMade += 1;
  s.releases.push({
    id,
    attempt,
    node: null,
    to: 'keep',
    outcome: null,
    message: '',
    lostEnd: false,
    nodeLost: false,
    countTry: false,
  });
}

// --- unknown outcomes ---

function raise(s: CoordinatorState, now: Now, effects: CoordinatorEffect[]): number {
  if (s.raising !== 'wanted' || s.leasing || (s.flight && s.retryAt === 0)) return Infinity;
  if (now.mono < s.raiseAfter) return s.raiseAfter;
  setRaising(s, 'asked');
  s.raiseSentAt = now.mono;
  effects.push({ kind: 'raise' });
  return Infinity;
}

/** Compares what the database says we hold with our books: unknown rows join the queue, missing ones are dropped and ended. */
function onRaised(
  s: CoordinatorState,
  e: Extract<CoordinatorEvent, { kind: 'raised' }>,
  now: Now,
  effects: CoordinatorEffect[],
): void {
  setRaising(s, 'no');
  s.epoch = e.epoch;
  s.confirmedAt = Math.max(s.confirmedAt, s.raiseSentAt);
  const compared = `${e.held.length} jobs held by the database, ${s.entries.size} by our books`;
  note(s, now, 'raise', { message: `the outcome of a statement was unknown: epoch ${e.epoch}; ${compared}` });
  sayHello(s, now, effects);
  const held = new Map(e.held.map((j) => [j.id, j]));
  for (const entry of s.entries.values()) {
    if (held.get(entry.job.id)?.attempt === entry.job.attempt || entry.phase === 'over') continue;
    effects.push({
      kind: 'log',
      level: 'warn',
      text: 'an attempt is not ours any more',
      fields: { job: entry.job.id, attempt: entry.job.attempt, rule: 'PROTOCOL 7' },
    });
    forsake(s, entry);
  }
  // An attempt that is over in our books may be leased again already, by the very lease that was lost.
  for (const job of e.held)
    if (s.entries.get(job.id)?.job.attempt !== job.attempt) admit(s, job, e.apps, now);
  if (s.flight) s.retryAt = now.mono;
}
