/**
 * What agents report: applied to the books at once (a slot that is free is free), kept until it is committed.
 */
import { assert } from '../../base/assert.ts';
import type { Report } from '../messages.ts';
import { adoptByReport } from './adoption.ts';
import type { CoordinatorEffect, Now } from './event.ts';
import { endedHere, refusedEverywhere, refusedHere, startedHere } from './health.ts';
import { moveEntry } from './phases.ts';
import { nodesFor, vacate } from './placement.ts';
import { putBack, releaseAsFailed, releaseUnstarted } from './release.ts';
import { bytesOfReport, isForeign, refuse } from './refusals.ts';
import type { Agent, CoordinatorState, Entry } from './state.ts';

/** Nodes on which a job may fail before exec until it is given up (PROTOCOL 10). */
const NODES_BEFORE_FAILED = 2;
/** Window of the rate of an agent's ends, milliseconds. */
const RATE_WINDOW_MS = 200;

export function onReport(
  s: CoordinatorState,
  a: Agent,
  report: Report,
  now: Now,
  effects: CoordinatorEffect[],
): void {
  const entry = s.entries.get(report.job);
  let r = report;
  if (entry && isForeign(entry, a, r)) {
    refuse(s, a.incarnation, 'an agent reports only what it was sent', effects);
    // Its number counts, or those after it would never be heard; what it says does not.
    r = { seq: r.seq, job: r.job, attempt: r.attempt, ageMs: r.ageMs };
  }
  s.uncommitted.push({ incarnation: a.incarnation, report: r, at: now.wall - r.ageMs, receivedAt: now.mono });
  s.uncommittedBytes += bytesOfReport(r);
  s.arrivals += 1;
  if (entry) adoptByReport(s, a, entry, r);
  if (!entry || entry.job.attempt !== r.attempt || entry.on[0] !== a.incarnation) return;
  if (entry.phase !== 'sent') return;
  if (r.started) {
    entry.startedAt = now.wall - r.ageMs;
    startedHere(s, a, entry, now, effects);
  } else if (r.ended) onEnded(s, a, entry, r, now, effects);
  else if (r.seq <= entry.namedAt) return;
  else if (r.retracted) onRetracted(s, entry);
  else if (r.notStarted) onNotStarted(s, a, entry, `${r.notStarted.stage}: ${r.notStarted.message}`);
}

function onEnded(
  s: CoordinatorState,
  a: Agent,
  entry: Entry,
  r: Report,
  now: Now,
  effects: CoordinatorEffect[],
): void {
  assert(r.ended, 'an end report has an end');
  entry.startedAt ??= now.wall - r.ageMs - r.ended.ranMs;
  moveEntry(s, entry, 'over');
  vacate(s, entry);
  a.endsSince += 1;
  startedHere(s, a, entry, now, effects);
  endedHere(s, a, r.ended, now, effects);
}

/** Measures the rate of each agent's ends; called with every step. */
export function measureRates(s: CoordinatorState, mono: number): void {
  for (const a of s.agents.values()) {
    const span = mono - a.rateAt;
    if (span < RATE_WINDOW_MS) continue;
    const rate = (a.endsSince * 1_000) / span;
    a.rate = rate > a.rate ? rate : a.rate * 0.5 + rate * 0.5;
    a.endsSince = 0;
    a.rateAt = mono;
  }
  const span = mono - s.arrivalsAt;
  if (span >= RATE_WINDOW_MS) {
    s.arrivalRate = (s.arrivals * 1_000) / span;
    s.arrivals = 0;
    s.arrivalsAt = mono;
  }
}

/** Proof that it did not start and will not: it may be placed again under the same attempt. */
function onRetracted(s: CoordinatorState, entry: Entry): void {
  vacate(s, entry);
  putBack(s, entry, 'given back unstarted');
}

/** A failure before exec is the node's: elsewhere with its try uncounted, FAILED at the second node or with none left. */
function onNotStarted(s: CoordinatorState, a: Agent, entry: Entry, reason: string): void {
  vacate(s, entry);
  entry.avoid.push(a.node);
  refusedHere(s, a, entry);
  const message = `could not be started on ${a.hostname}: ${reason}`;
  if (entry.userKilled || s.phase !== 'running') releaseUnstarted(s, entry, message);
  else if (entry.avoid.length >= NODES_BEFORE_FAILED || nodesFor(s, entry) < entry.job.numNodes) {
    refusedEverywhere(s, entry);
    releaseAsFailed(s, entry, message, a.hostname);
  } else putBack(s, entry, message);
}
