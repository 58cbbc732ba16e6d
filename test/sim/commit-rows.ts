/**
 * A commit as src/store/launcher/commit.ts sends it, on the simulated tables: patches, then starts and ends, then releases,
 * each a guarded statement with a snapshot of its own; what matched nothing is read and classified (PROTOCOL 7). Starts and
 * ends alone go without a transaction; everything else in one.
 */
import type {
  CommitRows,
  EndRow,
  PatchRow,
  ReleaseRow,
  RowOutcome,
  RowOutcomes,
  StartRow,
} from '../../src/core/coordinator/batch.ts';
import { afterRun, isEnd, type JobState } from '../../src/model/job.ts';
import { rowsLine } from '../core/support/words.ts';
import { Rollback, send, type Client, type Program, type Script } from './client.ts';
import type { Work } from './rows.ts';
import { reading, type AttemptRow, type Fence, type JobRow, type Tables } from './tables.ts';

type Item =
  | { kind: 'start'; row: StartRow; place: number }
  | { kind: 'patch'; row: PatchRow; place: number }
  | { kind: 'end'; row: EndRow; place: number }
  | { kind: 'release'; row: ReleaseRow; place: number };

type RunItem = Extract<Item, { kind: 'start' | 'end' }>;

/** Whether the fence was there, and the places that matched nothing. */
interface Written {
  fenced: boolean;
  missed: number[];
}

interface Writer {
  t: Tables;
  f: Fence;
  by: Client;
}

const UNSTARTED: readonly JobState[] = ['PREPROCESSED', 'RESTART_READY'];
const LIVE: readonly JobState[] = [...UNSTARTED, 'RUNNING'];

/** null: the fence was not there, and nothing is written. */
export function commit(t: Tables, f: Fence, by: Client, rows: CommitRows): Program<RowOutcomes | null> {
  const items: Item[] = [
    ...rows.patches.map((row, place): Item => ({ kind: 'patch', row, place })),
    ...rows.starts.map((row, place): Item => ({ kind: 'start', row, place })),
    ...rows.ends.map((row, place): Item => ({ kind: 'end', row, place })),
    ...rows.releases.map((row, place): Item => ({ kind: 'release', row, place })),
  ];
  items.sort((a, b) => (a.row.id < b.row.id ? -1 : a.row.id > b.row.id ? 1 : 0));
  const groups = grouped(items);
  const alone = groups.length === 1 && groups[0]![0]!.kind !== 'patch' && groups[0]![0]!.kind !== 'release';
  return {
    repeats: true,
    transaction: !alone,
    script: () => commitScript({ t, f, by }, rows, groups),
  };
}

function* commitScript(w: Writer, rows: CommitRows, groups: readonly Item[][]): Script<RowOutcomes | null> {
  const answer: RowOutcomes = { patches: [], starts: [], ends: [], releases: [] };
  const lists = { patch: answer.patches, start: answer.starts, end: answer.ends, release: answer.releases };
  const tell = (item: Item, outcome: RowOutcome): void => void (lists[item.kind][item.place] = outcome);
  const missed: Item[] = [];
  for (const group of groups) {
    const written = yield* send(writeGroup(w, group));
    if (!written.fenced) return fencedOff(w);
    for (const item of group) tell(item, 'applied');
    for (const place of written.missed) missed.push(group[place]!);
  }
  w.t.world.trace(`store: ${w.by.name} writes ${rowsLine(rows)}`);
  if (missed.length > 0 && !(yield* classify(w, missed, tell))) return fencedOff(w);
  return answer;
}

function fencedOff({ t, by }: Writer): Rollback<null> {
  t.world.trace(`store: a commit of ${by.name} found its fence gone`);
  return new Rollback(null);
}

/** Statements in their order, each with a job once. */
function grouped(items: readonly Item[]): Item[][] {
  const groups: Item[][] = [];
  for (const kinds of [['patch'], ['start', 'end'], ['release']] as Item['kind'][][]) {
    const layers: Item[][] = [];
    let id = '';
    let depth = 0;
    for (const item of items) {
      if (!kinds.includes(item.kind)) continue;
      depth = item.row.id === id ? depth + 1 : 0;
      id = item.row.id;
      (layers[depth] ??= []).push(item);
    }
    groups.push(...layers);
  }
  return groups;
}

function writeGroup(w: Writer, items: readonly Item[]): Work<Written> {
  switch (items[0]!.kind) {
    case 'patch':
      return writePatches(
        w,
        items.map((i) => i.row as PatchRow),
      );
    case 'release':
      return writeReleases(
        w,
        items.map((i) => i.row as ReleaseRow),
      );
    case 'start':
    case 'end':
      return writeRuns(w, items as RunItem[], false);
  }
}

type Guard = { id: string; attempt: number };

function isOurs({ f }: Writer, r: Guard, allowed: readonly JobState[]): (j: JobRow) => boolean {
  return (j) => j.attempt === r.attempt && j.launcher === f.launcher && allowed.includes(j.state);
}

/** `insert … on conflict do update` of what a report tells of its attempt. */
function noteAttempt(
  { t, f }: Writer,
  r: Guard,
  report: number,
  change: Partial<AttemptRow>,
): Work<AttemptRow | null> {
  return (s) =>
    s.upsert(t.attempt(r.id, r.attempt), (a) => ({
      ...(a ?? { launcher: f.launcher, started: false, outcome: null }),
      ...change,
      lastReport: Math.max(a?.lastReport ?? 0, report),
    }));
}

export function writePatches(w: Writer, rows: readonly PatchRow[]): Work<Written> {
  return function* (s) {
    if (!(yield* w.t.fence(s, w.f, w.by))) return { fenced: false, missed: [] };
    const missed: number[] = [];
    for (const [place, r] of rows.entries()) {
      const row = w.t.jobs.row(r.id);
      const known = s.see(w.t.attempt(r.id, r.attempt));
      const isNew = known === undefined || known.lastReport < r.report;
      const j = yield* s.take(row, 'noKeyUpdate', (x) => isOurs(w, r, LIVE)(x) && isNew);
      if (!j) {
        missed.push(place);
        continue;
      }
      w.t.writeJob(s, row, [], { data: patched(j.data, r.dataJson, r.dataRemoved) }, '');
      yield* noteAttempt(w, r, r.report, {})(s);
    }
    return { fenced: true, missed };
  };
}

/** Starts and ends; `killed`: of jobs that a user has killed, where the exit is kept and the state stays. */
function writeRuns(w: Writer, items: readonly RunItem[], killed: boolean): Work<Written> {
  return function* (s) {
    if (!(yield* w.t.fence(s, w.f, w.by))) return { fenced: false, missed: [] };
    const missed: number[] = [];
    for (const [place, { kind, row: r }] of items.entries()) {
      const row = w.t.jobs.row(r.id);
      const allowed = killed ? (['USER_KILLED'] as const) : kind === 'end' ? LIVE : UNSTARTED;
      const known = s.see(w.t.attempt(r.id, r.attempt));
      const j = yield* s.take(row, 'noKeyUpdate', isOurs(w, r, allowed));
      if (!j) {
        missed.push(place);
        continue;
      }
      const fresh = killed ? !known?.started : j.state !== 'RUNNING';
      const counted = r.startedAt !== null && fresh ? 1 : 0;
      const steps = killed ? [] : stepsOf(w, j, kind === 'end' ? r : null);
      const end = kind === 'end' ? r : null;
      const data = end && !killed ? patched(j.data, end.dataJson, end.dataRemoved) : j.data;
      const lost = end?.helperLost === true && !killed && w.t.rules.counts;
      const job = lost ? { ...j.job, helperLosses: j.job.helperLosses + 1 } : j.job;
      const change = { tries: j.tries + counted, data, launcher: end ? null : j.launcher, job };
      w.t.writeJob(s, row, steps, change, 'its end');
      yield* noteAttempt(w, r, r.report, {
        ...(r.startedAt === null ? {} : { started: true }),
        outcome: end ? (killed ? 'USER_KILLED' : end.outcome) : null,
      })(s);
    }
    return { fenced: true, missed };
  };
}

function stepsOf({ t }: Writer, j: JobRow, end: EndRow | null): JobState[] {
  const start: JobState[] = j.state === 'RUNNING' ? [] : ['RUNNING'];
  if (!end) return start;
  const worn = end.helperLost && j.job.helperLosses + 1 >= 3;
  const hops =
    end.outcome === 'USER_KILLED' ? [end.state] : afterRun(end.outcome, j.job.autoTimeoutRetry && !worn);
  t.world.check(hops.at(-1) === end.state, `${end.id} ends as ${end.outcome} in ${end.state}`);
  return [...start, ...hops];
}

function writeReleases(w: Writer, rows: readonly ReleaseRow[]): Work<Written> {
  return function* (s) {
    if (!(yield* w.t.fence(s, w.f, w.by))) return { fenced: false, missed: [] };
    const missed: number[] = [];
    for (const [place, r] of rows.entries()) {
      const row = w.t.jobs.row(r.id);
      const j = yield* s.take(row, 'noKeyUpdate', isOurs(w, r, r.to === 'keep' ? UNSTARTED : LIVE));
      if (!j) {
        missed.push(place);
        continue;
      }
      const steps = [...(r.outcome ? [r.outcome] : []), ...(r.to === 'keep' ? [] : [r.to])];
      const change = {
        launcher: null,
        tries: j.tries + (r.countTry && j.state !== 'RUNNING' ? 1 : 0),
        lostEnds: j.lostEnds + (r.lostEnd ? 1 : 0),
        job: r.nodeLost ? { ...j.job, nodeLosses: j.job.nodeLosses + 1 } : j.job,
      };
      w.t.writeJob(s, row, steps, change, `a release to ${r.to}`);
      if (r.outcome) yield* noteAttempt(w, r, 0, { outcome: r.outcome })(s);
    }
    return { fenced: true, missed };
  };
}

// --- what matched nothing ---

interface Unmatched {
  job: JobRow | undefined;
  attempt: AttemptRow | undefined;
}

/** In the order of PROTOCOL 7; ends and releases of killed jobs let them go. false: the fence was not there. */
function* classify(
  w: Writer,
  missed: readonly Item[],
  tell: (item: Item, outcome: RowOutcome) => void,
): Script<boolean> {
  const { t } = w;
  const found = yield* send(
    reading((s) =>
      missed.map(({ row }): Unmatched => {
        return { job: s.see(t.jobs.row(row.id)), attempt: s.see(t.attempt(row.id, row.attempt)) };
      }),
    ),
  );
  const outcomes = missed.map((item, i) => classifyOne(w, item, found[i]!));
  for (const [i, item] of missed.entries()) tell(item, outcomes[i]!);
  const of = (kind: Item['kind'], outcome: RowOutcome): Item[] =>
    missed.filter((item, i) => item.kind === kind && outcomes[i] === outcome);
  const ends = of('end', 'killed') as RunItem[];
  const cleared = of('release', 'killed').map((i) => i.row);
  const starts = of('start', 'applied').map((i) => i.row as StartRow);
  if (ends.length > 0 && !(yield* send(writeRuns(w, ends, true))).fenced) return false;
  if (cleared.length > 0 && !(yield* send(clearHeld(w, cleared))).fenced) return false;
  if (starts.length > 0 && !(yield* send(noteLateStarts(w, starts))).fenced) return false;
  return true;
}

function classifyOne({ t, f }: Writer, { kind, row }: Item, { job, attempt }: Unmatched): RowOutcome {
  const told = attempt !== undefined && (attempt.outcome !== null || attempt.lastReport >= reportOf(row));
  if (kind !== 'release' && told) return 'duplicate';
  if (!job || job.launcher !== f.launcher || job.attempt !== row.attempt) return 'not-ours';
  if (job.state === 'USER_KILLED') return 'killed';
  if (kind === 'release' && isEnd(job.state)) return 'killed';
  if (kind === 'start' && job.state === 'RUNNING') return 'applied';
  return t.world.violated(`a ${kind} of ${row.id}#${row.attempt} matches nothing: it is ${job.state}`);
}

function reportOf(row: Item['row']): number {
  return 'report' in row ? row.report : 0;
}

function clearHeld(w: Writer, rows: readonly Guard[]): Work<Written> {
  return function* (s) {
    if (!(yield* w.t.fence(s, w.f, w.by))) return { fenced: false, missed: [] };
    const missed: number[] = [];
    for (const [place, r] of rows.entries()) {
      const row = w.t.jobs.row(r.id);
      const over: readonly JobState[] = ['USER_KILLED', 'FAILED', 'JOB_FINISHED'];
      const j = yield* s.take(row, 'noKeyUpdate', isOurs(w, r, over));
      if (j) w.t.writeJob(s, row, [], { launcher: null }, 'the release of a killed job');
      else missed.push(place);
    }
    return { fenced: true, missed };
  };
}

function noteLateStarts(w: Writer, rows: readonly StartRow[]): Work<Written> {
  return function* (s) {
    if (!(yield* w.t.fence(s, w.f, w.by))) return { fenced: false, missed: [] };
    const missed: number[] = [];
    for (const [place, r] of rows.entries()) {
      const row = w.t.attempt(r.id, r.attempt);
      const a = yield* s.take(row, 'noKeyUpdate', (x) => x.launcher === w.f.launcher && x.outcome === null);
      if (a) s.write(row, { ...a, started: true, lastReport: Math.max(a.lastReport, r.report) });
      else missed.push(place);
    }
    return { fenced: true, missed };
  };
}

function patched(
  data: JobRow['data'],
  dataJson: string,
  removed: readonly string[],
): ReadonlyMap<string, unknown> {
  if (dataJson === '' && removed.length === 0) return data;
  const next = new Map(data);
  for (const [key, value] of Object.entries(dataJson === '' ? {} : (JSON.parse(dataJson) as object)))
    next.set(key, value);
  for (const key of removed) next.delete(key);
  return next;
}
