/**
 * Takeover (PROTOCOL 3): a successor finds by the database what its launcher holds, and hears from each agent what of it
 * runs there. Running attempts are adopted, not restarted. A held job that nobody named is released, never placed: when
 * every incarnation has said hello and its reports are in, that proves that it never started; when one of them had ended
 * (what it had not reported is gone with it), or D has passed, not.
 */
import type { CoordinatorEffect, CoordinatorEvent, Now } from './event.ts';
import type { Join, Report } from '../messages.ts';
import { healthOf } from './health.ts';
import { ending, settleEndings } from './note.ts';
import { moveEntry } from './phases.ts';
import { vacate } from './placement.ts';
import { release, releaseLost, releaseUnstarted } from './release.ts';
import { appOf, makeEntry } from './admit.ts';
import type { Agent, CoordinatorState, Entry } from './state.ts';

/** Takes what a predecessor held into the books, without a place. */
export function adopt(s: CoordinatorState, e: Extract<CoordinatorEvent, { kind: 'adopt' }>, now: Now): void {
  s.adoption = {
    awaiting: new Set(e.incarnations),
    someEnded: false,
    until: now.mono + s.config.chain.agentDead,
  };
  for (const { node, reason } of e.drained) healthOf(s, node).drained = reason;
  for (const job of e.held) {
    if (s.entries.has(job.id)) continue;
    const entry = makeEntry(s, job, 'adopting', now);
    const facts = e.apps.get(job.application);
    if (facts) entry.app = appOf(s, facts);
    entry.runningCommitted = job.state === 'RUNNING';
    entry.userKilled = job.state === 'USER_KILLED';
    s.entries.set(job.id, entry);
  }
}

/** It is there. */
function adoptBy(s: CoordinatorState, a: Agent, entry: Entry): void {
  moveEntry(s, entry, 'sent');
  entry.on = [a.incarnation];
  entry.sentEpoch = s.epoch;
  a.entries.set(entry.job.id, entry);
  a.used += entry.share;
}

/**
 * What was not committed is told again, from before the takeover. A start, a patch or an end tells where the attempt is or
 * was; that it came back does not: the predecessor may have placed it again, there or elsewhere. Of an agent that was
 * given up only ends count: nobody would ever release what it has.
 */
export function adoptByReport(s: CoordinatorState, a: Agent, entry: Entry, r: Report): void {
  if (entry.phase !== 'adopting' || entry.job.attempt !== r.attempt || r.retracted || r.notStarted) return;
  if (a.status !== 'dead' || r.ended) adoptBy(s, a, entry);
}

/** What an agent names in its inventory; the other nodes of a gang are taken as their agents come. */
export function adoptHeld(s: CoordinatorState, a: Agent, join: Join, now: Now): void {
  const { held, lastReport } = join;
  for (const h of held) {
    const entry = s.entries.get(h.id);
    if (entry?.phase !== 'adopting' || entry.job.attempt !== h.attempt) continue;
    adoptBy(s, a, entry);
    entry.gang = [...h.nodes];
    entry.namedAt = lastReport;
    if (h.started) entry.startedAt = now.wall;
  }
  for (const entry of s.entries.values()) {
    const lead = entry.phase === 'sent' && entry.gang.includes(a.node) && entry.on.length < entry.gang.length;
    if (lead && !entry.on.includes(a.incarnation)) joinGang(a, entry);
  }
  for (const h of held) if (h.nodes.length > 1) joinGangs(s, s.entries.get(h.id));
}

/** The agents of a gang that had joined before its lead. */
function joinGangs(s: CoordinatorState, entry: Entry | undefined): void {
  if (entry?.phase !== 'sent') return;
  for (const a of s.agents.values()) {
    const other =
      entry.gang.includes(a.node) && !entry.on.includes(a.incarnation) && a.joinedEpoch === s.epoch;
    if (other && a.status !== 'dead') joinGang(a, entry);
  }
}

function joinGang(a: Agent, entry: Entry): void {
  entry.on.push(a.incarnation);
  a.entries.set(entry.job.id, entry);
  a.used += entry.share;
}

/** An incarnation has said what it holds. */
export function heardOf(s: CoordinatorState, incarnation: string): void {
  s.adoption?.awaiting.delete(incarnation);
}

/**
 * An incarnation has ended: nothing of it runs, and nobody knows any more what it had started. Whether we were waiting for
 * its word.
 */
export function endedWas(s: CoordinatorState, incarnation: string): boolean {
  if (!s.adoption?.awaiting.delete(incarnation)) return false;
  s.adoption.someEnded = true;
  return true;
}

/** Releases what nobody named, as soon as that is known. Returns when it wants to look again. */
export function settle(s: CoordinatorState, now: Now, effects: CoordinatorEffect[]): number {
  if (!s.adoption) return Infinity;
  const allHeard =
    s.adoption.awaiting.size === 0 &&
    [...s.agents.values()].every((a) => a.doubtful === null && a.joinedEpoch === s.epoch);
  if (!allHeard && now.mono < s.adoption.until) return s.adoption.until;
  const { someEnded } = s.adoption;
  const neverStarted = allHeard && !someEnded;
  const why = someEnded ? 'its agent ended while its coordinator was replaced' : 'its coordinator died';
  // Who did not speak within D is dead by now.
  const silent = [...s.adoption.awaiting];
  s.adoption = null;
  let released = 0;
  for (const entry of s.entries.values()) {
    if (entry.phase !== 'adopting') continue;
    released += 1;
    vacate(s, entry);
    if (entry.userKilled) release(s, entry, { to: 'keep', message: '' });
    else if (neverStarted && !entry.runningCommitted)
      releaseUnstarted(s, entry, 'its start command was never received');
    else releaseLost(s, entry, { node: '', why, nodeLost: false });
  }
  settleEndings(s);
  for (const incarnation of silent) ending(s, incarnation);
  if (released > 0) {
    const text = allHeard ? 'released what no agent has' : 'released what no agent named in time';
    effects.push({ kind: 'log', level: 'warn', text, fields: { jobs: released, rule: 'PROTOCOL 3' } });
  }
  return Infinity;
}
