/**
 * How a launcher leaves (PROTOCOL 9): at its time limit, idle, told to, because no agent comes, or because no node can do anything. What was never
 * sent goes back, what runs is ended, and the row is given up.
 */
import { LEAVE_MS, NO_AGENT_END_MS, NO_AGENT_MS } from '../../base/limits.ts';
import { IDLE, type Fits } from '../../model/last-words.ts';
import { KILL_NOW, KILL_TIMEOUT } from '../messages.ts';
import type { CoordinatorEffect, Now } from './event.ts';
import { note } from './note.ts';
import { setPhase } from './phases.ts';
import { sendKill, vacate } from './placement.ts';
import { releaseUnstarted } from './release.ts';
import { isLive, type CoordinatorState } from './state.ts';
import { command } from './streams.ts';

/** What it could take now. */
export function fitsNow(s: CoordinatorState, now: Now): Fits {
  const nodes = [...s.agents.values()].filter(isLive).length;
  const { endAt } = s.config;
  return { nodes, minutes: endAt === null ? null : Math.max(0, (endAt - now.mono) / 60_000) };
}

export function timeUp(s: CoordinatorState, now: Now, effects: CoordinatorEffect[]): number {
  if (s.phase !== 'running' || s.config.endAt === null) return Infinity;
  if (now.mono >= s.config.endAt) {
    beginLeave(s, { reason: 'the time limit is reached' }, now, effects);
    return now.mono;
  }
  return s.config.endAt;
}

/** Says it when no agent comes, and leaves when none has come for long: nobody works, and the batch allocation costs. */
export function awaitAgents(s: CoordinatorState, now: Now, effects: CoordinatorEffect[]): number {
  if (s.awaited === null || s.phase !== 'running') return Infinity;
  if ([...s.agents.values()].some((a) => a.status === 'live')) {
    s.awaited = null;
    return Infinity;
  }
  const since = s.beganAt;
  if (now.mono < since + NO_AGENT_MS) return since + NO_AGENT_MS;
  if (!s.awaited.said) {
    s.awaited.said = true;
    const seconds = NO_AGENT_MS / 1_000;
    effects.push({ kind: 'no-agent', seconds });
    note(s, now, 'no-agent', { message: `no agent has joined for ${seconds} s` });
  }
  if (now.mono < since + NO_AGENT_END_MS) return since + NO_AGENT_END_MS;
  const reason = `no agent has joined for ${NO_AGENT_END_MS / 60_000} minutes`;
  beginLeave(s, { reason, failed: true }, now, effects);
  return now.mono;
}

export function idle(s: CoordinatorState, now: Now, effects: CoordinatorEffect[]): number {
  if (s.entries.size > 0 || s.uncommitted.length > 0 || s.leasing || !s.dry) {
    if (s.entries.size > 0) s.lastBusyAt = now.mono;
    return Infinity;
  }
  if (s.config.idleExitMs === null) return Infinity;
  // What is too big for the nodes that came may fit when all have.
  const came = new Set([...s.agents.values()].filter((a) => a.status !== 'enrolling').map((a) => a.node));
  const missing = s.config.nodes.some((node) => !came.has(node));
  if (missing && now.mono < s.beganAt + NO_AGENT_MS) return s.beganAt + NO_AGENT_MS;
  if (now.mono - s.lastBusyAt < s.config.idleExitMs) return s.lastBusyAt + s.config.idleExitMs;
  if (!s.dryProven) {
    // Asked once more before leaving: a notification of what has just become runnable may still be on its way.
    s.dryProven = true;
    s.dry = false;
    s.leaseAfter = 0;
    return now.mono;
  }
  beginLeave(s, { reason: IDLE }, now, effects);
  return now.mono;
}

export function beginLeave(
  s: CoordinatorState,
  { reason, now: hard = false, failed = false }: { reason: string; now?: boolean; failed?: boolean },
  now: Now,
  effects: CoordinatorEffect[],
): void {
  if (s.phase === 'leaving-row') return;
  if (s.phase === 'taking-over') {
    s.leaveEarly = { reason, now: hard || (s.leaveEarly?.now ?? false), failed };
    return;
  }
  const first = s.phase === 'running';
  if (first) {
    setPhase(s, 'leaving');
    s.leaveReason = reason;
    s.leaveFailed = failed;
    s.fits ??= { ...fitsNow(s, now), nodes: s.config.nodes.length };
    s.leaveDeadline = now.mono + LEAVE_MS;
    effects.push({ kind: 'log', level: 'info', text: `leaving: ${reason}`, fields: { rule: 'PROTOCOL 9' } });
    note(s, now, 'left', { message: reason });
    for (const entry of s.queue.slice()) releaseUnstarted(s, entry, '');
    for (const entry of s.claims.splice(0)) {
      vacate(s, entry);
      releaseUnstarted(s, entry, '');
    }
  } else if (!hard) return;
  for (const entry of s.entries.values())
    if (entry.phase === 'sent') sendKill(s, entry, hard ? KILL_NOW : KILL_TIMEOUT);
  if (!first) return;
  for (const a of s.agents.values()) if (a.status !== 'dead') command(a, { drain: {} });
}

/** Leaves the row when nothing is held and everything is written, or when the time for leaving is over. */
export function leave(s: CoordinatorState, now: Now, effects: CoordinatorEffect[]): number {
  if (s.phase !== 'leaving') return Infinity;
  const open =
    s.entries.size > 0 ||
    s.uncommitted.length > 0 ||
    s.releases.length > 0 ||
    s.flight !== null ||
    s.leasing ||
    s.raising !== 'no';
  if (open && now.mono < s.leaveDeadline) {
    for (const entry of s.entries.values())
      if (entry.phase === 'sent' && entry.killSent === 0) sendKill(s, entry, KILL_TIMEOUT);
    return s.leaveDeadline;
  }
  if (open)
    effects.push({
      kind: 'log',
      level: 'warn',
      text: 'leaving with jobs still held: a rescue takes them',
      fields: { held: s.entries.size, rule: 'PROTOCOL 9' },
    });
  setPhase(s, 'leaving-row');
  // A record under way may come after the row is left, which no longer takes notes: say its notes again (one said twice is written once).
  const notes = [...(s.recording?.notes ?? []), ...s.notes.splice(0)];
  effects.push({ kind: 'leave-row', notes, number: ++s.lastNote, fits: s.fits! });
  return Infinity;
}
