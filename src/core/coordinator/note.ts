/**
 * Notes: what happened to a launcher, for people and for a successor (PROTOCOL 3, 10), and the ends of incarnations, so
 * that a successor need not wait for the word of one of which nothing is left. One record is under way at a time; notes are bounded.
 */
import type { NoteKind } from './batch.ts';
import type { CoordinatorEffect, Now } from './event.ts';
import type { Agent, CoordinatorState, Ending } from './state.ts';

/** Notes that wait while the database is away; what comes beyond is counted and told in one note. Guess: two of each node. */
const NOTES_MAX = 2_000;
/** Of one statement. */
const NOTES_PER_RECORD = 500;
/** Shorter outages are noticed by nobody, seconds. Guess. */
const WORTH_A_NOTE_S = 2;
/** A record that failed is tried again after this, milliseconds. */
const RETRY_MS = 2_000;

export function note(
  s: CoordinatorState,
  now: Now,
  kind: NoteKind,
  what: { agent?: Pick<Agent, 'node' | 'hostname'>; message: string },
): void {
  if (s.notes.length >= NOTES_MAX) {
    s.notesLost += 1;
    return;
  }
  const { agent, message } = what;
  s.notes.push({
    number: ++s.lastNote,
    at: now.wall,
    kind,
    node: agent?.node ?? null,
    host: agent?.hostname ?? '',
    message,
  });
}

/** The database did not do what was asked: people see since when, and why. */
export function degrade(s: CoordinatorState, why: string, now: Now): void {
  s.degraded ??= { since: now.wall, why };
}

/** It does again; an outage that somebody may have felt is kept on record. */
export function recovered(s: CoordinatorState, now: Now): void {
  if (!s.degraded) return;
  const { since, why } = s.degraded;
  s.degraded = null;
  const seconds = (now.wall - since) / 1_000;
  if (seconds >= WORTH_A_NOTE_S)
    note(s, now, 'degraded', { message: `the database did not answer for ${seconds.toFixed(0)} s: ${why}` });
}

/** This incarnation is over; a successor will not wait for it once that is on record. */
export function ending(s: CoordinatorState, incarnation: string): void {
  s.endings.push({ incarnation, after: s.adoption ? Infinity : s.releasesMade });
}

/** What a takeover knew of the ended ones is settled. */
export function settleEndings(s: CoordinatorState): void {
  for (const e of s.endings) e.after = Math.min(e.after, s.releasesMade);
}

/** Writes what is to be written. Returns when it wants to be called again. */
export function record(s: CoordinatorState, now: Now, effects: CoordinatorEffect[]): number {
  if (s.recording || s.raising !== 'no') return Infinity;
  if (s.notes.length === 0 && s.endings.length === 0) return Infinity;
  if (now.mono < s.recordAfter) return s.recordAfter;
  const over = s.endings.filter((e) => isWritten(s, e)).slice(0, NOTES_PER_RECORD);
  if (s.notes.length === 0 && over.length === 0) return Infinity;
  s.endings = s.endings.filter((e) => !over.includes(e));
  s.recording = { notes: s.notes.splice(0, NOTES_PER_RECORD), ended: over.map((e) => e.incarnation) };
  if (s.notesLost > 0) {
    const message = `${s.notesLost} more notes were not kept while the database was away`;
    s.notesLost = 0;
    note(s, now, 'degraded', { message });
  }
  effects.push({ kind: 'record', ...s.recording });
  return Infinity;
}

/** Every report that it sent and every release of what it held is committed. */
function isWritten(s: CoordinatorState, e: Ending): boolean {
  if (s.releasesWritten < e.after) return false;
  const a = s.agents.get(e.incarnation);
  return !a || a.committedReport >= a.receivedReport;
}

export function onRecorded(s: CoordinatorState): void {
  s.recording = null;
}

/** The same again, before anything newer; a repeat of what was written after all changes nothing. */
export function onRecordFailed(s: CoordinatorState, now: Now): void {
  const r = s.recording;
  s.recording = null;
  s.recordAfter = now.mono + RETRY_MS;
  if (!r) return;
  s.notes.unshift(...r.notes);
  s.endings.unshift(...r.ended.map((incarnation) => ({ incarnation, after: 0 })));
}
