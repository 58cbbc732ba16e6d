/**
 * From reports to rows, and from outcomes back to the books (PROTOCOL 6, 7). One commit is under way at a time; a batch is
 * what came in while the last one ran, and under load it gathers a little longer, because a statement costs as much
 * as forty rows. Start and end of one attempt in one batch are one row; its patches go into the same row.
 */
import { assert } from '../../base/assert.ts';
import { parseJson } from '../../base/json.ts';
import { COMMIT_BYTES, MAX_BATCH, MAX_REQUESTS_PER_COMMIT, STARTED_COMMIT_MS } from '../../base/limits.ts';
import { afterRun } from '../../model/job.ts';
import { CAUSE_LOST, HELPER_LOST, KILL_USER, type Ended, type Report } from '../messages.ts';
import type { CommitRows, EndRow, PatchRow, RowOutcome, RowOutcomes, StartRow } from './batch.ts';
import { countEnd, countRelease } from './counts.ts';
import type { CoordinatorEffect, JobRequest, Now, RequestAnswer } from './event.ts';
import { messageOf, outcomeOf } from './ends.ts';
import { dropEntry } from './phases.ts';
import { forsake, killStray, send, sendKill, vacate } from './placement.ts';
import { degrade, recovered } from './note.ts';
import { bytesOfReport } from './refusals.ts';
import { HELPER_DIED_TOO_OFTEN, losesHelperTooOften, putBack, release } from './release.ts';
import {
  endDrought,
  type Agent,
  type CoordinatorState,
  type Entry,
  type Flight,
  type Uncommitted,
} from './state.ts';
import { tellCommitted as tellAgent } from './streams.ts';

/** Reports a second above which a batch gathers, and how long it may; measured on two cores (see bench). */
const BUSY_ABOVE = 300;
const GATHER_MS = 100;
/** A batch of this many rows does not wait any longer. */
const GATHERED = 300;
const RETRY_MS = 500;

/** Starts the next commit when there is something to write and it is time. Returns when it wants to be called again. */
export function commit(s: CoordinatorState, now: Now, effects: CoordinatorEffect[]): number {
  if (s.raising !== 'no') return Infinity;
  if (s.flight) {
    if (s.retryAt === 0) return Infinity;
    if (now.mono < s.retryAt) return s.retryAt;
    s.retryAt = 0;
    s.flightAgain = true;
    effects.push({ kind: 'commit', rows: s.flight.rows, requests: s.flight.requests });
    return Infinity;
  }
  const oldest = s.uncommitted[0]?.receivedAt;
  const own = s.releases.length + s.claims.length;
  if (oldest === undefined && own === 0) return Infinity;
  if (own === 0 && oldest !== undefined && s.uncommitted.length < GATHERED) {
    const due = oldest + gatherMs(s);
    if (now.mono < due) return due;
  }
  const flight = build(s);
  s.flight = flight;
  s.flightAgain = false;
  const { rows } = flight;
  const some =
    rows.starts.length +
    rows.patches.length +
    rows.ends.length +
    rows.releases.length +
    flight.requests.length;
  if (some > 0) effects.push({ kind: 'commit', rows, requests: flight.requests });
  else finish(s, { starts: [], patches: [], ends: [], releases: [] }, [], effects);
  return some > 0 ? Infinity : now.mono;
}

function gatherMs(s: CoordinatorState): number {
  const startsOnly = s.uncommitted.every((u) => u.report.started);
  if (startsOnly) return STARTED_COMMIT_MS / 2;
  return s.arrivalRate > BUSY_ABOVE ? GATHER_MS : 0;
}

/** Takes the oldest reports, at most a batch of them, and folds them into rows: one a job and list. */
function build(s: CoordinatorState): Flight {
  const taken = s.uncommitted.splice(0, batchSize(s));
  const starts = new Map<string, StartRow>();
  const patches = new Map<string, PatchRow>();
  const ends = new Map<string, EndRow>();
  const requests: JobRequest[] = [];
  const upTo = new Map<string, number>();
  const told: Flight['patches'] = new Map();
  for (const u of taken) {
    const { report: r } = u;
    upTo.set(u.incarnation, r.seq);
    s.uncommittedBytes -= bytesOfReport(r);
    const key = `${r.job} ${r.attempt}`;
    if (r.started) starts.set(key, startRow(s, u));
    else if (r.patch) {
      patches.set(key, fold(patches.get(key), patchRow(r)));
      if (!told.get(key)?.reports.push(r.seq))
        told.set(key, { incarnation: u.incarnation, reports: [r.seq] });
    } else if (r.ended) {
      ends.set(key, endRow(s, u, r.ended, patches.get(key)));
      patches.delete(key);
      starts.delete(key);
    } else if (r.request) {
      requests.push({
        incarnation: u.incarnation,
        request: r.seq,
        job: r.job,
        attempt: r.attempt,
        op: r.request.op,
        json: r.request.json,
      });
    }
  }
  const claims = s.claims.splice(0, MAX_BATCH);
  for (const entry of claims) starts.set(`${entry.job.id} ${entry.job.attempt}`, claimRow(s, entry));
  const rows: CommitRows = {
    starts: [...starts.values()],
    patches: [...patches.values()],
    ends: [...ends.values()],
    releases: s.releases.splice(0, MAX_BATCH),
  };
  return { rows, requests, upTo, claims: new Set(claims.map((c) => c.job.id)), patches: told };
}

/** A batch, or fewer when they are long or ask many questions: each of those may be answered with a whole `data`. */
function batchSize(s: CoordinatorState): number {
  let requests = 0;
  let bytes = 0;
  const most = Math.min(MAX_BATCH, s.uncommitted.length);
  for (let i = 0; i < most; i++) {
    const { report } = s.uncommitted[i]!;
    bytes += bytesOfReport(report);
    if (report.request) requests += 1;
    if (i > 0 && (requests > MAX_REQUESTS_PER_COMMIT || bytes > COMMIT_BYTES)) return i;
  }
  return most;
}

function nodeOf(s: CoordinatorState, incarnation: string): string {
  return s.agents.get(incarnation)?.hostname ?? '';
}

/** Also where RUNNING was committed before the start command: that row has no time of the start yet. */
function startRow(s: CoordinatorState, u: Uncommitted): StartRow {
  const { job, attempt, seq } = u.report;
  return {
    id: job,
    attempt,
    report: seq,
    node: nodeOf(s, u.incarnation),
    leasedAt: s.entries.get(job)?.leasedAt ?? u.at,
    startedAt: u.at,
  };
}

/** The coordinator's own RUNNING, under report 0: any report of the agent comes after it. */
function claimRow(s: CoordinatorState, entry: Entry): StartRow {
  const at = entry.leasedAt;
  return {
    id: entry.job.id,
    attempt: entry.job.attempt,
    report: 0,
    node: nodeOf(s, entry.on[0]!),
    leasedAt: at,
    startedAt: at,
  };
}

function patchRow(r: Report): PatchRow {
  assert(r.patch, 'a patch report has a patch');
  // The wire's check has read both texts before (message-fault.ts).
  const fields = parse(r.patch.fieldsJson) as { description?: string };
  return {
    id: r.job,
    attempt: r.attempt,
    report: r.seq,
    dataJson: r.patch.dataJson,
    dataRemoved: r.patch.removed,
    description: fields.description ?? null,
  };
}

/** Two patches of one attempt as one, the later winning per key. */
function fold(first: PatchRow | undefined, second: PatchRow): PatchRow {
  if (!first) return second;
  const data = new Map<string, unknown>(Object.entries(parse(first.dataJson)));
  for (const key of second.dataRemoved) data.delete(key);
  const later = Object.entries(parse(second.dataJson));
  for (const [key, value] of later) data.set(key, value);
  const set = new Set(later.map(([key]) => key));
  const removed = new Set([...first.dataRemoved, ...second.dataRemoved].filter((key) => !set.has(key)));
  return {
    ...second,
    dataJson: data.size === 0 ? '' : stringify(data),
    dataRemoved: [...removed],
    description: second.description ?? first.description,
  };
}

function parse(json: string): object {
  return json === '' ? {} : (parseJson(json) as object);
}

/** Object text without making an object: a key may be `__proto__`. */
function stringify(data: Map<string, unknown>): string {
  return `{${[...data].map(([k, v]) => `${JSON.stringify(k)}:${JSON.stringify(v)}`).join(',')}}`;
}

function endRow(s: CoordinatorState, u: Uncommitted, e: Ended, patch: PatchRow | undefined): EndRow {
  const { job: id, attempt, seq } = u.report;
  const entry = s.entries.get(id);
  const known = entry?.job.attempt === attempt ? entry : null;
  const outcome = outcomeOf(e);
  const helperLost = e.killed === CAUSE_LOST && e.note === HELPER_LOST;
  const tooOften = helperLost && known !== null && losesHelperTooOften(known.job);
  const retried = !tooOften && (known?.job.autoTimeoutRetry ?? true);
  const state = afterRun(outcome, retried).at(-1)!;
  return {
    id,
    attempt,
    report: seq,
    node: nodeOf(s, u.incarnation),
    leasedAt: known?.leasedAt ?? u.at - e.ranMs,
    startedAt: u.at - e.ranMs,
    endedAt: u.at,
    outcome,
    state,
    exitCode: e.exited ? e.exitCode : null,
    signal: e.exited ? null : e.signal,
    userS: e.userS < 0 ? null : e.userS,
    systemS: e.systemS < 0 ? null : e.systemS,
    maxRssKib: e.maxRssKib < 0 ? null : e.maxRssKib,
    helperLost,
    message: tooOften ? `${e.note}: ${HELPER_DIED_TOO_OFTEN}` : messageOf(outcome, e),
    dataJson: patch?.dataJson ?? '',
    dataRemoved: patch?.dataRemoved ?? [],
    description: patch?.description ?? null,
  };
}

/** The database answered: the rows are what it says they are. */
export function onCommitted(
  s: CoordinatorState,
  outcomes: RowOutcomes,
  answers: RequestAnswer[],
  now: Now,
  effects: CoordinatorEffect[],
): void {
  assert(s.flight, 'a commit was answered that nobody asked for');
  recovered(s, now);
  finish(s, outcomes, answers, effects);
}

export function onCommitFailed(s: CoordinatorState, why: string, now: Now): void {
  assert(s.flight, 'a commit failed that nobody asked for');
  s.retryAt = now.mono + RETRY_MS;
  degrade(s, why, now);
}

function finish(
  s: CoordinatorState,
  outcomes: RowOutcomes,
  answers: RequestAnswer[],
  effects: CoordinatorEffect[],
): void {
  const flight = s.flight!;
  s.flight = null;
  flight.rows.starts.forEach((row, i) => onStart(s, row, outcomes.starts[i]!, flight, effects));
  flight.rows.patches.forEach((row, i) => onPatch(s, row, outcomes.patches[i]!, effects));
  flight.rows.ends.forEach((row, i) => onEnd(s, row, outcomes.ends[i]!));
  flight.rows.releases.forEach((row, i) => countRelease(s, row, outcomes.releases[i]!));
  for (const row of flight.rows.releases) forget(s, row.id, row.attempt);
  s.releasesWritten += flight.rows.releases.length;
  // Rows that were no longer ours were locked for a moment: a lease of ours may have passed them by, and nobody tells of that.
  if ([...outcomes.starts, ...outcomes.patches, ...outcomes.ends].some(isOfOthers)) endDrought(s);
  // Jobs that run again, and children of those that ended, may be runnable now: an older answer that nothing is proves nothing.
  if (flight.rows.ends.length + flight.rows.releases.length > 0) s.dryProven = false;
  tellCommitted(s, flight, [...answers, ...refusals(flight, outcomes)]);
}

function isOfOthers(outcome: RowOutcome): boolean {
  return outcome === 'not-ours' || outcome === 'duplicate';
}

/** A patch whose row was refused was not written: who waits for its commit is told so, whoever does not ignores it. */
function refusals(flight: Flight, outcomes: RowOutcomes): RequestAnswer[] {
  if (flight.patches.size === 0) return [];
  const { patches, ends } = flight.rows;
  const rows = [
    ...patches.map((row, i) => ({ row, outcome: outcomes.patches[i]! })),
    ...ends.map((row, i) => ({ row, outcome: outcomes.ends[i]! })),
  ];
  return rows.flatMap(({ row, outcome }) => {
    const error = refusalOf(row, outcome);
    const told = error === '' ? undefined : flight.patches.get(`${row.id} ${row.attempt}`);
    if (!told) return [];
    const { incarnation, reports } = told;
    return reports.map((request) => ({ incarnation, request, json: '', error }));
  });
}

function refusalOf({ id, attempt }: { id: string; attempt: number }, outcome: RowOutcome): string {
  switch (outcome) {
    case 'applied':
    case 'duplicate':
      return '';
    case 'killed':
      return `[over] job ${id} was killed: nothing was written`;
    case 'not-ours':
      return `[over] attempt ${attempt} of job ${id} is over: nothing was written`;
    case 'rejected':
      return `[refused] the database refused what job ${id} wrote`;
  }
}

/** "Committed up to n" to each agent, with the answers that its jobs wait for. */
function tellCommitted(s: CoordinatorState, flight: Flight, answers: RequestAnswer[]): void {
  const byAgent = Map.groupBy(answers, (a) => a.incarnation);
  for (const [incarnation, reports] of flight.upTo) {
    const a = s.agents.get(incarnation);
    if (!a) continue;
    a.committedReport = Math.max(a.committedReport, reports);
    // One that was given up ends itself and listens no more.
    if (a.status === 'dead') continue;
    const mine = (byAgent.get(incarnation) ?? []).map(({ request, json, error }) => ({
      request,
      json,
      error,
    }));
    tellAgent(a, a.committedReport, mine);
  }
}

function current(s: CoordinatorState, id: string, attempt: number): Entry | null {
  const entry = s.entries.get(id);
  return entry?.job.attempt === attempt ? entry : null;
}

function onStart(
  s: CoordinatorState,
  row: StartRow,
  outcome: RowOutcome,
  flight: Flight,
  effects: CoordinatorEffect[],
): void {
  if (outcome === 'rejected') countEnd(s, 'FAILED', outcome);
  const entry = current(s, row.id, row.attempt);
  if (!entry || entry.phase === 'over') return;
  if (outcome === 'applied' || outcome === 'duplicate') {
    entry.runningCommitted = true;
    if (entry.phase === 'claimed' && flight.claims.has(row.id)) sendClaimed(s, entry);
  } else refused(s, entry, outcome, effects);
}

/** RUNNING is committed; what came meanwhile (a kill, the end of the launcher, of its node) may stand against the start. */
function sendClaimed(s: CoordinatorState, entry: Entry): void {
  if (entry.on.length > 0 && !entry.userKilled && s.phase === 'running') return send(s, entry);
  vacate(s, entry);
  putBack(s, entry, 'its place was gone before it was sent there');
}

function onPatch(
  s: CoordinatorState,
  row: PatchRow,
  outcome: RowOutcome,
  effects: CoordinatorEffect[],
): void {
  if (outcome === 'rejected') countEnd(s, 'FAILED', outcome);
  const entry = current(s, row.id, row.attempt);
  if (outcome === 'not-ours' && entry && entry.phase !== 'over') refused(s, entry, outcome, effects);
  if (outcome !== 'applied' && outcome !== 'duplicate')
    effects.push({
      kind: 'log',
      level: 'warn',
      text: `a patch was refused: ${outcome}`,
      fields: { job: row.id, attempt: row.attempt, rule: 'PROTOCOL 7' },
      often: true,
    });
}

/** The row is not what we believed: killed by its user, or no longer ours. */
function refused(s: CoordinatorState, entry: Entry, outcome: RowOutcome, effects: CoordinatorEffect[]): void {
  const unsent = entry.phase === 'claimed';
  if (outcome === 'killed' && !unsent) {
    entry.userKilled = true;
    sendKill(s, entry, KILL_USER);
    return;
  }
  effects.push({
    kind: 'log',
    level: 'warn',
    text: `an attempt is dropped: ${outcome}`,
    fields: { job: entry.job.id, attempt: entry.job.attempt, rule: 'PROTOCOL 7' },
  });
  if (unsent && outcome === 'killed') {
    vacate(s, entry);
    release(s, entry, { to: 'keep', message: '' });
    return;
  }
  forsake(s, entry);
}

function onEnd(s: CoordinatorState, row: EndRow, outcome: RowOutcome): void {
  countEnd(s, outcome === 'rejected' ? 'FAILED' : outcome === 'killed' ? 'USER_KILLED' : row.state, outcome);
  forget(s, row.id, row.attempt);
}

function forget(s: CoordinatorState, id: string, attempt: number): void {
  const entry = current(s, id, attempt);
  if (!entry) return;
  assert(entry.phase === 'over', 'only what is over is forgotten');
  dropEntry(s, entry);
}

/** An agent that reports an attempt that we do not know at all: the row decides; its process ends when it lives. */
export function endUnknown(s: CoordinatorState, a: Agent, id: string, attempt: number): void {
  if (!current(s, id, attempt)) killStray(a, id, attempt);
}
