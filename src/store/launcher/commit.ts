/**
 * What a coordinator writes about the attempts that it holds: starts, patches of data, ends, releases (PROTOCOL 7).
 *
 * Called by the coordinator's commit writer; the hot path. Every write is fenced and guarded; what matched nothing is
 * read and classified, an answer and not an error. A batch whose values Postgres refuses is halved until the one bad
 * report is alone. It must never write for an attempt that is not ours, nor apply one report twice.
 */
import { unreachable } from '../../base/assert.ts';
import { messageOf } from '../../base/errors.ts';
import type {
  StartRow,
  EndRow,
  PatchRow,
  ReleaseRow,
  CommitBatch,
  RowOutcome,
  CommitAnswer,
} from '../commit-rows.ts';
import {
  clearHeld,
  lockRows,
  isOthers,
  noteLateStarts,
  readUnmatched,
  runRowOfEnd,
  runRowOfStart,
  writeKilledRuns,
  writePatches,
  writeReleases,
  writeRuns,
  type RunRow,
  type Unmatched,
  type Written,
} from './commit-statements.ts';
import { again, isRefusal, type Database, type Queries } from '../connection.ts';

export type { StartRow, EndRow, PatchRow, ReleaseRow, CommitBatch, CommitAnswer } from '../commit-rows.ts';

type Item =
  | { kind: 'start'; row: StartRow; place: number }
  | { kind: 'patch'; row: PatchRow; place: number }
  | { kind: 'end'; row: EndRow; place: number }
  | { kind: 'release'; row: ReleaseRow; place: number };

type Holder = Pick<CommitBatch, 'launcher' | 'epoch'>;

/** Thrown inside a transaction to leave it: the fence row was not there. */
class Fenced extends Error {}

/**
 * Commits a batch: patches, then starts and ends, then releases; all of one job's rows in one transaction. The answer has
 * one outcome a row, in the order given. A repeat of a committed batch answers 'duplicate' or 'not-ours' and changes
 * nothing. fenced false: nothing was written. WorldError 'outcome-unknown' when the connection was lost with it in
 * flight, 'unavailable' when nothing was done. An ordinary Error is a row that matches no rule: a bug.
 * The caller gives a job's start and end of one batch as the end alone, with its startedAt.
 */
export async function commitBatch(db: Database, batch: CommitBatch): Promise<CommitAnswer> {
  const items: Item[] = [
    ...batch.patches.map((row, place): Item => ({ kind: 'patch', row, place })),
    ...batch.starts.map((row, place): Item => ({ kind: 'start', row, place })),
    ...batch.ends.map((row, place): Item => ({ kind: 'end', row, place })),
    ...batch.releases.map((row, place): Item => ({ kind: 'release', row, place })),
  ];
  // One order of locks for everybody; the sort is stable, so that the rows of one job keep theirs.
  items.sort((a, b) => (a.row.id < b.row.id ? -1 : a.row.id > b.row.id ? 1 : 0));
  const outcomes = new Map<Item, RowOutcome>();
  try {
    await commitItems(db, batch, items, outcomes);
  } catch (error) {
    if (error instanceof Fenced) return { fenced: false, starts: [], patches: [], ends: [], releases: [] };
    throw error;
  }
  const answer: CommitAnswer = { fenced: true, starts: [], patches: [], ends: [], releases: [] };
  for (const item of items) listOf(answer, item.kind)[item.place] = outcomes.get(item)!;
  return answer;
}

function listOf(answer: CommitAnswer, kind: Item['kind']): RowOutcome[] {
  switch (kind) {
    case 'start':
      return answer.starts;
    case 'patch':
      return answer.patches;
    case 'end':
      return answer.ends;
    case 'release':
      return answer.releases;
    default:
      return unreachable(kind, 'kind of report');
  }
}

/** Commits `items`; where Postgres refuses a value, halves them (never between rows of one job) and goes on. */
async function commitItems(
  db: Database,
  holder: Holder,
  items: Item[],
  outcomes: Map<Item, RowOutcome>,
): Promise<void> {
  if (items.length === 0) return;
  try {
    await again(() => commitOnce(db, holder, items, outcomes));
  } catch (error) {
    if (!isRefusal(error)) throw error;
    for (const item of items) outcomes.delete(item);
    if (items.length === 1) {
      await commitRefused(db, holder, items[0]!, messageOf(error), outcomes);
      return;
    }
    const middle = halfway(items);
    await commitItems(db, holder, items.slice(0, middle), outcomes);
    await commitItems(db, holder, items.slice(middle), outcomes);
  }
}

/** The place nearest the middle where a new job begins; within one job, the middle. */
function halfway(items: readonly Item[]): number {
  const middle = items.length >> 1;
  for (let i = middle; i < items.length; i++) if (items[i]!.row.id !== items[i - 1]!.row.id) return i;
  for (let i = middle; i > 0; i--) if (items[i]!.row.id !== items[i - 1]!.row.id) return i;
  return middle;
}

/** One report whose values Postgres refuses: an end without data, FAILED, with the error in its history. */
async function commitRefused(
  db: Database,
  holder: Holder,
  item: Item,
  reason: string,
  outcomes: Map<Item, RowOutcome>,
): Promise<void> {
  const message = `the database refused its report: ${reason.replaceAll('\0', '?')}`;
  if (item.kind === 'release') {
    const row = { ...item.row, message, node: null };
    const substitute: Item = { ...item, row };
    await again(() => commitOnce(db, holder, [substitute], outcomes));
    outcomes.set(item, outcomes.get(substitute)!);
    outcomes.delete(substitute);
    return;
  }
  const end: EndRow = {
    ...(item.kind === 'end' ? item.row : bareEnd(item)),
    node: item.kind === 'end' ? item.row.node.replaceAll('\0', '?') : '',
    state: 'FAILED',
    outcome: 'RUN_ERROR',
    message,
    dataJson: '',
    dataRemoved: [],
    description: null,
  };
  const substitute: Item = { kind: 'end', row: end, place: item.place };
  await again(() => commitOnce(db, holder, [substitute], outcomes));
  const outcome = outcomes.get(substitute)!;
  outcomes.delete(substitute);
  outcomes.set(item, outcome === 'applied' ? 'rejected' : outcome);
}

function bareEnd(item: { kind: 'start'; row: StartRow } | { kind: 'patch'; row: PatchRow }): EndRow {
  const now = Date.now();
  const { id, attempt, report } = item.row;
  const usage = {
    helperLost: false,
    exitCode: null,
    signal: null,
    userS: null,
    systemS: null,
    maxRssKib: null,
  };
  return {
    ...usage,
    id,
    attempt,
    report,
    node: '',
    leasedAt: item.kind === 'start' ? item.row.leasedAt : now,
    startedAt: item.kind === 'start' ? item.row.startedAt : now,
    endedAt: now,
    outcome: 'RUN_ERROR',
    state: 'FAILED',
    message: '',
    dataJson: '',
    dataRemoved: [],
    description: null,
  };
}

/** The whole of `items`: one statement in autocommit when only starts and ends are there, else one transaction. */
async function commitOnce(
  db: Database,
  holder: Holder,
  items: Item[],
  outcomes: Map<Item, RowOutcome>,
): Promise<void> {
  const groups = grouped(items);
  const write = async (sql: Queries): Promise<void> => {
    const missed: Item[] = [];
    if (groups.length > 1) {
      const each = items.filter((item, i) => item.row.id !== items[i - 1]?.row.id);
      await lockRows(
        sql,
        holder,
        each.map((item) => item.row),
      );
    }
    for (const group of groups) await writeGroup(sql, holder, group, outcomes, missed);
    if (missed.length > 0) await classify(sql, holder, missed, outcomes);
  };
  const alone = groups.length === 1 && groups[0]!.kind === 'run';
  await (alone ? db.run(write) : db.transaction(write));
}

interface Group {
  kind: 'patch' | 'run' | 'release';
  items: Item[];
}

/** Statements in their order, each with a job once: a join applies only one row to a job, so the second of two patches
 * of one job goes into a second statement. */
function grouped(items: readonly Item[]): Group[] {
  const groups: Group[] = [];
  for (const kind of ['patch', 'run', 'release'] as const) {
    const layers: Item[][] = [];
    let id = '';
    let depth = 0;
    for (const item of items) {
      if (kindOfGroup(item) !== kind) continue;
      depth = item.row.id === id ? depth + 1 : 0;
      id = item.row.id;
      (layers[depth] ??= []).push(item);
    }
    for (const layer of layers) groups.push({ kind, items: layer });
  }
  return groups;
}

function kindOfGroup(item: Item): Group['kind'] {
  return item.kind === 'patch' || item.kind === 'release' ? item.kind : 'run';
}

async function writeGroup(
  sql: Queries,
  holder: Holder,
  group: Group,
  outcomes: Map<Item, RowOutcome>,
  missed: Item[],
): Promise<void> {
  const { fenced, missed: places } = await send(sql, holder, group);
  if (!fenced) throw new Fenced();
  for (const item of group.items) outcomes.set(item, 'applied');
  for (const place of places) {
    const item = group.items[place]!;
    outcomes.delete(item);
    missed.push(item);
  }
}

function send(sql: Queries, holder: Holder, { kind, items }: Group): Promise<Written> {
  switch (kind) {
    case 'patch':
      return writePatches(
        sql,
        holder,
        items.map((i) => i.row as PatchRow),
      );
    case 'run':
      return writeRuns(sql, holder, items.map(runRowOf));
    case 'release':
      return writeReleases(
        sql,
        holder,
        items.map((i) => i.row as ReleaseRow),
      );
    default:
      return unreachable(kind, 'kind of statement');
  }
}

function runRowOf(item: Item): RunRow {
  return item.kind === 'end' ? runRowOfEnd(item.row) : runRowOfStart(item.row as StartRow);
}

/** Reads what matched nothing and says why, in the order of PROTOCOL 7; ends and releases of killed jobs let them go. */
async function classify(
  sql: Queries,
  holder: Holder,
  items: Item[],
  outcomes: Map<Item, RowOutcome>,
): Promise<void> {
  const found = await readUnmatched(
    sql,
    items.map((i) => i.row),
  );
  const killedEnds: Item[] = [];
  const cleared: Item[] = [];
  const lateStarts: Item[] = [];
  for (const [i, item] of items.entries()) {
    const outcome = classifyOne(item, holder.launcher, found[i]!);
    outcomes.set(item, outcome);
    if (outcome === 'killed' && item.kind === 'end') killedEnds.push(item);
    if (outcome === 'killed' && item.kind === 'release') cleared.push(item);
    if (outcome === 'applied') lateStarts.push(item);
  }
  if (killedEnds.length > 0) check(await writeKilledRuns(sql, holder, killedEnds.map(runRowOf)));
  if (cleared.length > 0)
    check(
      await clearHeld(
        sql,
        holder,
        cleared.map((i) => i.row),
      ),
    );
  if (lateStarts.length > 0) check(await noteLateStarts(sql, holder, lateStarts.map(runRowOf)));
}

function check({ fenced }: Written): void {
  if (!fenced) throw new Fenced();
}

function classifyOne(item: Item, launcher: number, found: Unmatched): RowOutcome {
  const { kind, row } = item;
  if (kind !== 'release' && (found.ended || (found.lastReport !== null && found.lastReport >= row.report)))
    return 'duplicate';
  if (found.state === null || found.launcher !== launcher || found.attempt !== row.attempt) return 'not-ours';
  // Killed, or changed by hand (plain SQL knows no rules): the process ends, its exit is kept, the state stays.
  if (isOthers(found.state)) return 'killed';
  // RUNNING was committed before its start command: the report adds when and where.
  if (kind === 'start' && found.state === 'RUNNING') return 'applied';
  throw new Error(
    `a ${kind} of job ${row.id}, attempt ${row.attempt}, matches nothing: it is ${found.state} and ours`,
  );
}
