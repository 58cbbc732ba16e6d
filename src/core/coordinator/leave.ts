/**
 * How a launcher leaves (PROTOCOL 9): at its time limit, idle, told to, or because no node can do anything. What was never
 * sent goes back, what runs is ended, and the row is given up.
 */
import { LEAVE_MS } from '../../base/limits.ts';
import { KILL_NOW, KILL_TIMEOUT } from '../messages.ts';
import type { CoordinatorEffect, Now } from './event.ts';
import { note } from './note.ts';
import { setPhase } from './phases.ts';
import { sendKill, vacate } from './placement.ts';
import { releaseUnstarted } from './release.ts';
import type { CoordinatorState } from './state.ts';
import { command } from './streams.ts';

export function timeUp(s: CoordinatorState, now: Now, effects: CoordinatorEffect[]): number {
  if (s.phase !== 'running' || s.config.endAt === null) return Infinity;
  if (now.mono >= s.config.endAt) {
    beginLeave(s, 'the time limit is reached', false, now, effects);
    return now.mono;
  }
  return s.config.endAt;
}

export function idle(s: CoordinatorState, now: Now, effects: CoordinatorEffect[]): number {
  if (s.entries.size > 0 || s.uncommitted.length > 0 || s.leasing || !s.dry) {
    if (s.entries.size > 0) s.lastBusyAt = now.mono;
    return Infinity;
  }
  if (s.config.idleExitMs === null) return Infinity;
  if (now.mono - s.lastBusyAt < s.config.idleExitMs) return s.lastBusyAt + s.config.idleExitMs;
  if (!s.dryProven) {
    // Asked once more before leaving: a notification of what has just become runnable may still be on its way.
    s.dryProven = true;
    s.dry = false;
    s.leaseAfter = 0;
    return now.mono;
  }
  beginLeave(s, 'nothing is left to run', false, now, effects);
  return now.mono;
}

export function beginLeave(
  s: CoordinatorState,
  reason: string,
  hard: boolean,
  now: Now,
  effects: CoordinatorEffect[],
): void {
  if (s.phase === 'leaving-row') return;
  if (s.phase === 'taking-over') {
    s.leaveEarly = { reason, now: hard || (s.leaveEarly?.now ?? false) };
    return;
  }
  const first = s.phase === 'running';
  if (first) {
    setPhase(s, 'leaving');
    s.leaveReason = reason;
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
  effects.push({ kind: 'leave-row', notes: [...(s.recording?.notes ?? []), ...s.notes.splice(0)] });
  return Infinity;
}
