/**
 * The outbox of PROTOCOL 6: every report stays until "committed up to n". Starting a job reserves the places of its
 * start and of its end; a patch finds its place when it comes, or waits. Numbers go up by one for the life of the
 * incarnation, and reports are sent again in order when the coordinator did not receive them.
 */
import { assert } from '../../base/assert.ts';
import { OUTBOX_BYTES } from '../../base/limits.ts';
import type { Report } from '../messages.ts';
import type { AgentEffect } from './event.ts';
import type { AgentState, Waiting } from './state.ts';

/** Most reports in one message; more than this gains nothing. */
const REPORTS_PER_MESSAGE = 1_000;
/** Bytes of text after which a message is closed: with one patch of MAX_DATA_BYTES after it, below the wire's limit. */
const BYTES_PER_MESSAGE = 4 * 1024 * 1024;
/** A UTF-16 unit is three bytes of UTF-8 at most. */
const BYTES_PER_UNIT = 3;
/**
 * Under load reports gather this long, so that a message carries several; the first after a pause goes at once. Measured:
 * 20 instead of 4 saves a quarter of the agent's and the coordinator's CPU a no-op job, and the prefetch covers the delay.
 */
const GATHER_MS = 20;
/** Reports that the coordinator has not received after this are sent again. */
const RESEND_MS = 1_000;

export type ReportBody = Omit<Report, 'seq' | 'job' | 'attempt' | 'ageMs'>;

/** Whether a job's start and end still find places. */
export function hasRoomToStart(s: AgentState): boolean {
  return s.outbox.length + s.reserved + 2 <= s.config.outboxPlaces;
}

/** Puts a report into the outbox and returns its number. */
export function report(s: AgentState, job: string, attempt: number, body: ReportBody, at: number): number {
  const seq = ++s.lastReport;
  if (body.patch ?? body.request) s.outboxBytes += textOf(body) * BYTES_PER_UNIT;
  s.outbox.push({ report: { seq, job, attempt, ageMs: 0, ...body }, at });
  return seq;
}

/** Accepts a patch or request of a running attempt, now or when there is room; answers what needs no commit. */
export function offer(s: AgentState, w: Waiting, now: number, effects: AgentEffect[]): void {
  // Behind those that wait, though a place was freed meanwhile: patches of one job keep their order.
  if (s.waiting.length > 0 || !hasRoomFor(s)) s.waiting.push(w);
  else take(s, w, now, effects);
}

function take(s: AgentState, w: Waiting, now: number, effects: AgentEffect[]): void {
  const live = s.live.get(w.job);
  if (live && live.job.attempt === w.attempt && live.phase !== 'queued') return accept(s, w, now, effects);
  const error = `attempt ${w.attempt} of job ${w.job} is over: nothing was written`;
  effects.push({ kind: 'answer', ref: w.ref, json: '', error });
  effects.push({
    kind: 'log',
    level: 'warn',
    text: `a late ${w.kind}: ${error}`,
    rule: 'PROTOCOL 11',
    often: true,
  });
}

/** A patch or a question finds a place, and those that are there are not too long together. */
function hasRoomFor(s: AgentState): boolean {
  return s.outbox.length + s.reserved + 1 <= s.config.outboxPlaces && s.outboxBytes < OUTBOX_BYTES;
}

function accept(s: AgentState, w: Waiting, now: number, effects: AgentEffect[]): void {
  if (w.kind === 'request') {
    s.refs.set(report(s, w.job, w.attempt, { request: { op: w.op, json: w.json } }, now), w.ref);
    return;
  }
  const seq = report(
    s,
    w.job,
    w.attempt,
    { patch: { dataJson: w.json, removed: w.removed, fieldsJson: w.fieldsJson } },
    now,
  );
  if (w.durable) s.refs.set(seq, w.ref);
  else effects.push({ kind: 'answer', ref: w.ref, json: '{}', error: '' });
}

/** Forgets what Postgres has, answers who waited for it, and lets those in who waited for room. */
export function committed(
  s: AgentState,
  upTo: number,
  answers: readonly { request: number; json: string; error: string }[],
  now: number,
  effects: AgentEffect[],
): void {
  assert(upTo <= s.lastReport, 'a report was committed that was never made');
  for (const a of answers) {
    const ref = s.refs.get(a.request);
    if (ref === undefined) continue;
    s.refs.delete(a.request);
    effects.push({ kind: 'answer', ref, json: a.json, error: a.error });
  }
  if (upTo <= s.committedReport) return;
  const gone = s.outbox.splice(0, upTo - s.committedReport);
  for (const { report: r } of gone) if (r.patch ?? r.request) s.outboxBytes -= textOf(r) * BYTES_PER_UNIT;
  s.committedReport = upTo;
  s.sentReport = Math.max(s.sentReport, upTo);
  s.receivedByCoordinator = Math.max(s.receivedByCoordinator, upTo);
  if (s.refs.size > 0) {
    for (const { report: r } of gone) {
      const ref = s.refs.get(r.seq);
      if (ref === undefined) continue;
      // A request keeps its reference until its answer comes: the two may ride in different messages.
      if (r.request) continue;
      s.refs.delete(r.seq);
      effects.push({ kind: 'answer', ref, json: '{}', error: '' });
    }
  }
  while (s.waiting.length > 0 && hasRoomFor(s)) {
    take(s, s.waiting.shift()!, now, effects);
  }
}

/** Notes what has arrived at the coordinator; what has not grown for a second is sent again from there. */
export function received(s: AgentState, upTo: number, now: number): void {
  if (upTo > s.receivedByCoordinator) {
    s.receivedByCoordinator = upTo;
    s.receivedGrewAt = now;
  } else if (s.sentReport > s.receivedByCoordinator && now - s.receivedGrewAt > RESEND_MS) {
    s.sentReport = Math.max(s.receivedByCoordinator, s.committedReport);
    s.receivedGrewAt = now;
  }
}

/** Sends what is unsent, at once after a pause and gathered under load. Returns when it wants to be called again. */
export function flush(s: AgentState, now: number, effects: AgentEffect[]): number {
  if (s.sentReport >= s.lastReport || s.epoch === 0) return Infinity;
  if (now < s.flushedAt + GATHER_MS) return s.flushedAt + GATHER_MS;
  // With nothing outstanding the time for an acknowledgement begins now.
  if (s.sentReport <= s.receivedByCoordinator) s.receivedGrewAt = now;
  while (s.sentReport < s.lastReport) {
    const first = s.sentReport - s.committedReport;
    const reports: Report[] = [];
    let bytes = 0;
    for (
      let i = first;
      i < s.outbox.length && reports.length < REPORTS_PER_MESSAGE && bytes < BYTES_PER_MESSAGE;
      i++
    ) {
      const e = s.outbox[i]!;
      e.report.ageMs = now - e.at;
      bytes += textOf(e.report) * BYTES_PER_UNIT + 100;
      reports.push(e.report);
    }
    assert(reports.length > 0, 'unsent reports are in the outbox');
    s.sentReport += reports.length;
    effects.push({ kind: 'send', body: { reports: { reports, receivedCommands: s.receivedCommands } } });
  }
  s.flushedAt = now;
  return Infinity;
}

function textOf(r: ReportBody): number {
  const patch = r.patch
    ? r.patch.dataJson.length + r.patch.fieldsJson.length + r.patch.removed.join().length
    : 0;
  return (
    patch + (r.request?.json.length ?? 0) + (r.ended?.tail.length ?? 0) + (r.notStarted?.message.length ?? 0)
  );
}
