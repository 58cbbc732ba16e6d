/**
 * The attempts of an agent: taken in, started when they fit, ended, killed, given back. First come, first started; no
 * job overtakes one that waits for room, or a stream of small ones would starve the big.
 *
 * Short jobs are given to a helper *ahead* of the one that runs there, so that it starts the next without a round trip;
 * those ahead inherit the allocation, so they must need the same. When the running one turns out to be long, they are
 * recalled to the front of the queue, in their order.
 */
import { assert } from '../../base/assert.ts';
import {
  CAUSE_LOST,
  CAUSE_NONE,
  CAUSE_TIMEOUT,
  CAUSE_USER,
  HELPER_LOST,
  KILL_LOST,
  KILL_NOW,
  KILL_USER,
  type Job,
} from '../messages.ts';
import { coresNeeded, giveBack, take } from '../slots.ts';
import type { AgentEffect, AgentEvent } from './event.ts';
import { hasRoomToStart, report, type ReportBody } from './outbox.ts';
import { dropLive, moveLive, newLivePhase } from './phases.ts';
import { isOwnFault, mayStartMore, nextTry, noteShort, noteStarted } from './shortage.ts';
import type { AgentState, Live, Seat } from './state.ts';

/** Characters of the reason why a job did not start. Guess: a long sentence. */
const NOTE_CHARACTERS = 2_000;
/** Other jobs of the node share its cgroup: one of them may be meant. */
const OUT_OF_MEMORY =
  'out of memory? The kernel killed a process of this cgroup for want of memory while it ran';
/** Below this average run time jobs are given ahead, milliseconds. Measured: a round trip costs about 1 ms of a slot. */
const AHEAD_BELOW_MS = 40;

export function takeIn(s: AgentState, job: Job, now: number, effects: AgentEffect[]): void {
  const present = s.live.get(job.id);
  if (present?.job.attempt === job.attempt) return;
  if (present) {
    // The row moved on without us (PROTOCOL 7): the old one ends first, the new one may come again.
    kill(s, present.job.id, present.job.attempt, KILL_LOST, now, effects);
    report(s, job.id, job.attempt, { retracted: {} }, now);
    return;
  }
  // Before the first echo it waits here: nothing starts without a lease.
  if (s.draining) {
    report(s, job.id, job.attempt, { retracted: {} }, now);
    return;
  }
  const app = s.apps.get(job.app);
  assert(app, 'a job names an application that was sent before');
  const live: Live = {
    job,
    app,
    order: s.taken++,
    phase: newLivePhase(s),
    helper: -1,
    token: 0,
    allocation: null,
    killed: CAUSE_NONE,
    recall: 'no',
    startedReported: false,
    startedAt: null,
    shortAlone: 0,
    shortSince: 0,
  };
  s.live.set(job.id, live);
  s.queue.push(live);
}

/** Starts what fits, then gives short jobs ahead; so many in one step. Returns when it wants to be called again. */
export function pump(s: AgentState, now: number, effects: AgentEffect[]): number {
  if (!mayStart(s, now)) return Infinity;
  const most = s.queue.length === 0 ? 0 : Math.min(s.config.startsAStep, mayStartMore(s, now));
  let taken = 0;
  for (const live of s.queue) {
    if (taken >= most || !hasRoomToStart(s)) break;
    const free = freeSeat(s);
    if (free < 0 && s.seats.length >= s.config.maxHelpers) break;
    const allocation = take(s.slots, need(live.job));
    if (!allocation) break;
    const helper = free >= 0 ? free : s.seats.push({ open: false, running: null, ahead: [] }) - 1;
    openSeat(s, helper, effects);
    moveLive(s, live, 'running');
    live.allocation = allocation;
    seat(s, live, helper, effects);
    s.seats[helper]!.running = live;
    taken += 1;
  }
  if (taken > 0) s.queue.splice(0, taken);
  if (taken === s.config.startsAStep) return now;
  if (s.queue.length > 0 && s.short === null && s.typicalRunMs < AHEAD_BELOW_MS) {
    if (pumpAhead(s, s.config.startsAStep - taken, effects)) return now;
  }
  return nextTry(s);
}

/** Whether there may be more to give than the most of one step. */
function pumpAhead(s: AgentState, most: number, effects: AgentEffect[]): boolean {
  let taken = 0;
  // Round by round, so that the first of the queue is the first to start wherever that is.
  for (let depth = 0; depth < s.config.aheadMax; depth++) {
    for (let helper = 0; helper < s.seats.length && taken < s.queue.length; helper++) {
      const at = s.seats[helper]!;
      const live = s.queue[taken]!;
      if (taken >= most || !hasRoomToStart(s)) {
        s.queue.splice(0, taken);
        return taken >= most;
      }
      if (at.ahead.length > depth || !mayFollow(at, live)) continue;
      moveLive(s, live, 'ahead');
      live.allocation = at.running!.allocation;
      seat(s, live, helper, effects);
      at.ahead.push(live);
      taken += 1;
    }
  }
  if (taken > 0) s.queue.splice(0, taken);
  return false;
}

/** Behind a job that is short as far as we know, is not being ended, and needs the same. */
function mayFollow(at: Seat, live: Live): boolean {
  if (!at.running || at.running.startedReported || at.running.killed !== CAUSE_NONE) return false;
  return sameNeed(live.job, at.running.job);
}

function seat(s: AgentState, live: Live, helper: number, effects: AgentEffect[]): void {
  live.helper = helper;
  live.token = s.nextToken++;
  s.reserved += 2;
  effects.push({
    kind: 'start',
    helper,
    token: live.token,
    job: live.job,
    app: live.app,
    allocation: live.allocation!,
  });
}

/** No start without a lease that still runs, a guard, and a coordinator that we follow. */
function mayStart(s: AgentState, now: number): boolean {
  if (s.phase !== 'working' || s.draining || !s.guardAlive || s.echoedAt === null) return false;
  return now - s.echoedAt < s.config.chain.agentTerm;
}

/** One whose helper is there, if possible; -1 for none. */
function freeSeat(s: AgentState): number {
  const first = s.seats.findIndex((x) => x.running === null);
  // Only a shortage closes helpers.
  if (first < 0 || s.short === null || s.seats[first]!.open) return first;
  const open = s.seats.findIndex((x) => x.running === null && x.open);
  return open < 0 ? first : open;
}

function openSeat(s: AgentState, helper: number, effects: AgentEffect[]): void {
  const at = s.seats[helper]!;
  if (!at.open) effects.push({ kind: 'open-helper', helper });
  at.open = true;
}

function need(job: Job): { packing: number; cpus: number } {
  return {
    packing: job.packing,
    cpus: coresNeeded(job.ranksPerNode, job.threadsPerRank, job.threadsPerCore),
  };
}

function sameNeed(a: Job, b: Job): boolean {
  return a.packing === b.packing && need(a).cpus === need(b).cpus && a.numNodes === 1 && b.numNodes === 1;
}

/** Finds who ran under this token on this helper; a token that is not there is a late word about an ended one. */
function held(s: AgentState, helper: number, token: number): { at: Seat; live: Live } | null {
  const at = s.seats[helper];
  if (at?.running?.token === token) return { at, live: at.running };
  const ahead = at?.ahead.find((x) => x.token === token);
  return at && ahead ? { at, live: ahead } : null;
}

export function started(
  s: AgentState,
  e: Extract<AgentEvent, { kind: 'job-started' }>,
  now: number,
  effects: AgentEffect[],
): void {
  const h = held(s, e.helper, e.token);
  if (!h || h.live.startedReported) return;
  h.live.startedReported = true;
  h.live.startedAt = e.at;
  if (h.live.phase === 'ahead') moveLive(s, h.live, 'running');
  s.reserved -= 1;
  noteStarted(s, e.token, now);
  s.typicalRunMs = Math.max(s.typicalRunMs, AHEAD_BELOW_MS);
  report(s, h.live.job.id, h.live.job.attempt, { started: {} }, e.at);
  recallSeat(h.at, 'requeue', effects);
}

/** Without a guard nothing may start: what a helper holds ahead comes back to the queue. */
export function recallAhead(s: AgentState, effects: AgentEffect[]): void {
  for (const at of s.seats) recallSeat(at, 'requeue', effects);
}

export function ended(s: AgentState, e: Extract<AgentEvent, { kind: 'job-ended' }>, now: number): void {
  const h = held(s, e.helper, e.token);
  if (!h) return;
  const { live } = h;
  const ranMs = e.endedAt - e.startedAt;
  s.typicalRunMs = s.typicalRunMs * 0.8 + ranMs * 0.2;
  s.reserved -= live.startedReported ? 1 : 2;
  if (!live.startedReported) noteStarted(s, e.token, now);
  report(
    s,
    live.job.id,
    live.job.attempt,
    {
      ended: {
        ranMs,
        exited: e.exitCode !== null,
        exitCode: e.exitCode ?? 0,
        signal: e.signal ?? 0,
        userS: e.userS ?? -1,
        systemS: e.systemS ?? -1,
        maxRssKib: e.maxRssKib ?? -1,
        tail: e.tail,
        // An end before our signal is the job's own, whatever was on the way to it.
        killed: e.told || live.killed === CAUSE_USER ? live.killed : CAUSE_NONE,
        note: e.oom ? OUT_OF_MEMORY : '',
      },
    },
    e.endedAt,
  );
  unseat(s, h.at, live);
  dropLive(s, live);
}

/**
 * The failure came before exec: the job did not run, and its place here is free. Where the node is short it waits for another
 * try: in its place, or behind the others when it alone could not be started.
 */
export function failed(
  s: AgentState,
  e: Extract<AgentEvent, { kind: 'job-failed' }>,
  now: number,
  effects: AgentEffect[],
): void {
  const h = held(s, e.helper, e.token);
  if (!h) return;
  if (e.short && !h.live.startedReported) {
    const { at, live } = h;
    const isBack = comeBack(s, at, live, now);
    noteShort(s, `${e.stage}: ${note(e.message)}`, e.token, now, effects);
    if (!isBack || s.queue[0] !== live) return;
    s.queue.shift();
    if (isOwnFault(s, live)) {
      dropLive(s, live);
      report(s, live.job.id, live.job.attempt, notStarted(e), now);
    } else if (live.shortAlone > 0) s.queue.push(live);
    else s.queue.unshift(live);
    return;
  }
  s.reserved -= h.live.startedReported ? 1 : 2;
  const { job } = h.live;
  const body = h.live.killed === CAUSE_NONE ? notStarted(e) : { retracted: {} };
  report(s, job.id, job.attempt, body, now);
  unseat(s, h.at, h.live);
  dropLive(s, h.live);
}

function notStarted(e: { stage: string; message: string }): ReportBody {
  return { notStarted: { stage: e.stage, message: note(e.message) } };
}

/** A sentence as it may travel: an error may quote what it is about, whatever that holds. */
function note(message: string): string {
  const cut = message.length > NOTE_CHARACTERS ? `${message.slice(0, NOTE_CHARACTERS)}…` : message;
  return cut.replaceAll('\0', '?').toWellFormed();
}

/** The helper never started it: back to the front of the queue, or to the coordinator who asked for it. */
export function recalled(s: AgentState, e: Extract<AgentEvent, { kind: 'job-recalled' }>, now: number): void {
  const h = held(s, e.helper, e.token);
  if (!h) return;
  // It may have moved up in our books, because the one before it ended while the recall was under way.
  comeBack(s, h.at, h.live, now);
}

/** It surely did not start: into the queue, in the order in which they came, where it may still run here. */
function comeBack(s: AgentState, at: Seat, live: Live, now: number): boolean {
  s.reserved -= 2;
  unseat(s, at, live);
  live.allocation = null;
  live.helper = -1;
  const stays = live.recall !== 'give-back' && live.killed === CAUSE_NONE;
  if (!stays || s.phase !== 'working' || s.draining) {
    dropLive(s, live);
    report(s, live.job.id, live.job.attempt, { retracted: {} }, now);
    return false;
  }
  live.recall = 'no';
  moveLive(s, live, 'queued');
  let place = 0;
  while (place < s.queue.length && s.queue[place]!.order < live.order) place += 1;
  s.queue.splice(place, 0, live);
  return true;
}

/** The helper could not be started: what it was given did not start either. */
export function helperFailed(
  s: AgentState,
  helper: number,
  reason: string,
  now: number,
  effects: AgentEffect[],
): void {
  const at = s.seats[helper];
  const token = at?.running?.token ?? s.nextToken;
  if (at) {
    at.open = false;
    // Those behind it first: none of them moves up to a helper that is not there.
    for (const live of [...at.ahead.toReversed(), at.running]) if (live) comeBack(s, at, live, now);
  }
  noteShort(s, reason, token, now, effects);
}

/** The helper died with what it held: the shell ended its processes by marker, and we say so. */
export function helperLost(s: AgentState, helper: number, now: number): void {
  const at = s.seats[helper];
  if (!at) return;
  at.open = false;
  for (const live of [at.running, ...at.ahead]) {
    if (!live) continue;
    s.reserved -= live.startedReported ? 1 : 2;
    const killed = live.killed === CAUSE_NONE ? CAUSE_LOST : live.killed;
    const ended = {
      ranMs: live.startedAt === null ? 0 : now - live.startedAt,
      exited: false,
      exitCode: 0,
      signal: 9,
      userS: -1,
      systemS: -1,
      maxRssKib: -1,
      tail: '',
      killed,
      note: live.killed === CAUSE_NONE ? HELPER_LOST : '',
    };
    report(s, live.job.id, live.job.attempt, { ended }, now);
    dropLive(s, live);
  }
  if (at.running?.allocation) giveBack(s.slots, at.running.allocation);
  at.running = null;
  at.ahead = [];
}

/** Frees its place at a helper; the next one there moves up. */
function unseat(s: AgentState, at: Seat, live: Live): void {
  if (at.running !== live) {
    at.ahead = at.ahead.filter((x) => x !== live);
    return;
  }
  const next = at.ahead.shift();
  if (next) {
    at.running = next;
    if (next.phase === 'ahead') moveLive(s, next, 'running');
  } else {
    giveBack(s.slots, live.allocation!);
    at.running = null;
  }
}

/** The last one first: as they come back, each goes before the one after it. */
function recallSeat(at: Seat, to: 'requeue' | 'give-back', effects: AgentEffect[]): void {
  for (const live of at.ahead.toReversed()) if (live.phase === 'ahead') recall(live, to, effects);
}

function recall(live: Live, to: 'requeue' | 'give-back', effects: AgentEffect[]): void {
  if (live.recall === 'no') effects.push({ kind: 'recall', helper: live.helper, token: live.token });
  if (live.recall !== 'give-back') live.recall = to;
}

/** A retract: what has not started comes back; what has, answers by its own reports. */
export function giveBackJob(
  s: AgentState,
  id: string,
  attempt: number,
  now: number,
  effects: AgentEffect[],
): void {
  const live = s.live.get(id);
  if (!live || live.job.attempt !== attempt) return;
  if (live.phase === 'queued') dropQueued(s, live, now);
  else if (live.phase === 'ahead') recall(live, 'give-back', effects);
}

function dropQueued(s: AgentState, live: Live, now: number): void {
  s.queue.splice(s.queue.indexOf(live), 1);
  dropLive(s, live);
  report(s, live.job.id, live.job.attempt, { retracted: {} }, now);
}

/** Ends one attempt, whatever its phase; a second, harder kill shortens the grace of the first. */
export function kill(
  s: AgentState,
  id: string,
  attempt: number,
  reason: number,
  now: number,
  effects: AgentEffect[],
): void {
  const live = s.live.get(id);
  if (!live || live.job.attempt !== attempt) return;
  if (live.phase === 'queued') {
    dropQueued(s, live, now);
    return;
  }
  if (live.killed !== CAUSE_NONE && reason !== KILL_NOW) return;
  if (live.killed === CAUSE_NONE) live.killed = causeOf(reason);
  // One ahead may have started a moment ago: the helper ends it if it runs, and gives it back if it does not.
  if (live.phase === 'ahead') live.recall = 'give-back';
  const graceMs = reason === KILL_NOW ? 0 : s.config.killGraceMs;
  effects.push({ kind: 'kill', helper: live.helper, token: live.token, graceMs });
}

function causeOf(reason: number): number {
  if (reason === KILL_USER) return CAUSE_USER;
  return reason === KILL_LOST ? CAUSE_LOST : CAUSE_TIMEOUT;
}

/** Gives back everything that waits; for drain and for the end of the incarnation. */
export function giveBackAll(s: AgentState, now: number, effects: AgentEffect[]): void {
  for (const live of s.queue) {
    dropLive(s, live);
    report(s, live.job.id, live.job.attempt, { retracted: {} }, now);
  }
  s.queue.length = 0;
  for (const at of s.seats) recallSeat(at, 'give-back', effects);
}
