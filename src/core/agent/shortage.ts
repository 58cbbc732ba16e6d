/**
 * A node that is short of processes, memory or files (PROTOCOL 10): what could not be started for that reason waits here and
 * is tried again, fewer at a time, with a pause that grows while nothing comes of it. What works lets one more be tried, until
 * all run side by side again. Nothing is booked on a job.
 */
import { MAX_NOTE } from '../../base/limits.ts';
import { NOTHING_STARTS_MS } from '../../base/process-limits.ts';
import type { AgentEffect } from './event.ts';
import type { AgentState } from './state.ts';

/** First and longest pause between two tries, milliseconds. Guess: a job that ends gives room within seconds. */
const PAUSE_MS = 250;
const PAUSE_MAX_MS = 8_000;
/** Where so many run, one more of each so many is tried at once. Guess: from 30 to 1,000 in half a minute. */
const GROWS_BY = 8;
/** Without a new failure the shortage is over after this, milliseconds. Guess. */
const FORGOTTEN_MS = 60_000;
/** Tries of one job alone on the node, others having started between any two, before the fault is taken for its own. */
const TRIES_ALONE = 3;

/** Something could not be started; `token`: what it was for. */
export function noteShort(
  s: AgentState,
  reason: string,
  token: number,
  now: number,
  effects: AgentEffect[],
): void {
  closeIdle(s, effects);
  const runs = runsOf(s);
  const before = s.short;
  if (before !== null && token < before.token) {
    before.most = Math.min(before.most, Math.max(1, runs));
    return;
  }
  const pauseMs = before === null ? PAUSE_MS : Math.min(PAUSE_MAX_MS, 2 * before.pauseMs);
  s.short = {
    reason: reason.slice(0, MAX_NOTE).replaceAll('\0', '?').toWellFormed(),
    token: s.nextToken,
    most: runs,
    tryAt: now + pauseMs,
    pauseMs,
    failedAt: now,
    nothingSince: before?.nothingSince ?? now,
  };
  if (before === null) {
    const text = `the node is short, fewer jobs run at a time: ${reason}`;
    effects.push({ kind: 'log', level: 'warn', text, rule: 'PROTOCOL 10', often: true });
  }
}

/** Helpers without a job take what others lack; one stays, for the next try. */
function closeIdle(s: AgentState, effects: AgentEffect[]): void {
  let kept = 0;
  for (const [helper, at] of s.seats.entries()) {
    if (!at.open || at.running !== null || kept++ === 0) continue;
    at.open = false;
    effects.push({ kind: 'close-helper', helper });
  }
}

/** A job was started. */
export function noteStarted(s: AgentState, token: number, now: number): void {
  s.started += 1;
  const { short } = s;
  if (short === null) return;
  short.nothingSince = now;
  if (token < short.token) return;
  short.pauseMs = PAUSE_MS;
  short.tryAt = Math.min(short.tryAt, now + PAUSE_MS);
}

/** How many more jobs may be started now. */
export function mayStartMore(s: AgentState, now: number): number {
  const { short } = s;
  if (short === null) return Infinity;
  const runs = runsOf(s);
  if (now < short.tryAt) return short.most - runs;
  const wanted = runs + 1 + Math.floor(runs / GROWS_BY);
  if (wanted > s.config.maxHelpers || now - short.failedAt >= FORGOTTEN_MS) {
    s.short = null;
    return Infinity;
  }
  short.most = wanted;
  short.tryAt = Infinity;
  return wanted - runs;
}

/** When it is to be tried again. */
export function nextTry(s: AgentState): number {
  return s.short === null || s.queue.length === 0 ? Infinity : s.short.tryAt;
}

/** What a heartbeat says of it. */
export function sayShort(s: AgentState, now: number): { short: string; most: number } {
  const { short } = s;
  if (short === null) return { short: '', most: 0 };
  if (s.seats.some((x) => x.running?.startedReported)) short.nothingSince = now;
  const tries = s.queue.length > 0 || !s.guardAlive;
  if (tries && now - short.nothingSince >= NOTHING_STARTS_MS) return { short: short.reason, most: 0 };
  const runs = runsOf(s);
  return { short: short.reason, most: runs + 1 + Math.floor(runs / GROWS_BY) };
}

/** Whether it is this job that can't be started, and not the node: alone here it failed again and again, and others started. */
export function isOwnFault(s: AgentState, live: { shortAlone: number; shortSince: number }): boolean {
  if (runsOf(s) > 0) return false;
  if (live.shortAlone > 0 && s.started === live.shortSince) return false;
  live.shortAlone += 1;
  live.shortSince = s.started;
  return live.shortAlone >= TRIES_ALONE;
}

function runsOf(s: AgentState): number {
  let runs = 0;
  for (const { running } of s.seats) if (running !== null) runs += 1;
  return runs;
}
