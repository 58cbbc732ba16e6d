/**
 * The history of jobs: the run phase from `attempt` rows, everything else from `job_event` rows, as one list of lines in
 * causal order in which every state is seen, those included that were passed in one write.
 *
 * Called by `ls --history`, the client and analytics. A time is when it happened, by the clock of whoever saw it; clocks of
 * two hosts may differ, so the order of lines is not taken from times alone.
 */
import { afterRun, type JobState, type Outcome } from '../../model/job.ts';
import type { Database } from '../connection.ts';
import type { HistoryLine } from '../rows.ts';
import { column, plainArray, textArray } from '../sql-array.ts';

export interface NewEvent {
  job_id: string;
  /** When it happened; now when not given. */
  at?: Date;
  state: JobState;
  message: string;
}

interface JobPart {
  id: string;
  created_at: Date;
  updated_at: Date;
  state: JobState;
}
interface AttemptPart {
  job_id: string;
  attempt: number;
  launcher: number;
  node: string;
  leased_at: Date | null;
  started_at: Date | null;
  ended_at: Date | null;
  outcome: Outcome | null;
  end_state: JobState | null;
  message: string;
}
interface EventPart {
  job_id: string;
  at: Date;
  state: JobState;
  message: string;
}

/** A takeover of a launcher that held jobs: part of the history of each that ran through it. */
interface TakeoverPart {
  launcher: number;
  at: Date;
  message: string;
}

/** Adds lines. A repeat adds them again: only for what is written once. */
export async function addEvents(db: Database, events: readonly NewEvent[]): Promise<void> {
  if (events.length === 0) return;
  await db.run(
    (sql) => sql`
      insert into job_event (job_id, at, state, message)
      select r.job_id, coalesce(r.at, clock_timestamp()), r.state, r.message
      from unnest(${plainArray(column(events, (e) => e.job_id))}::uuid[],
        ${textArray(column(events, (e) => e.at?.toISOString() ?? null))}::timestamptz[],
        ${plainArray(column(events, (e) => e.state))}::text[],
        ${textArray(column(events, (e) => e.message.replaceAll('\0', '?')))}::text[]) as r(job_id, at, state, message)`,
  );
}

/** The history of each of these jobs, oldest line first; a job that is gone is missing. Four queries. */
export async function history(db: Database, ids: readonly string[]): Promise<Map<string, HistoryLine[]>> {
  const wanted = plainArray(ids);
  const [jobs, attempts, events, takeovers] = await db.transaction(async (sql) => {
    const j = await sql<
      JobPart[]
    >`select id, created_at, updated_at, state from job where id = any (${wanted}::uuid[])`;
    const a = await sql<AttemptPart[]>`
      select job_id, attempt, launcher, node, leased_at, started_at, ended_at, outcome, end_state, message from attempt
      where job_id = any (${wanted}::uuid[]) order by job_id, attempt`;
    const e = await sql<EventPart[]>`
      select job_id, at, state, message from job_event where job_id = any (${wanted}::uuid[]) order by job_id, id`;
    const launchers = plainArray([...new Set(a.map((x) => x.launcher))]);
    const k = await sql<TakeoverPart[]>`
      select launcher, at, message from launcher_event
      where launcher = any (${launchers}::int[]) and kind = 'takeover' order by launcher, source`;
    return [j, a, e, k] as const;
  });
  const attemptsOf = Map.groupBy(attempts, (a) => a.job_id);
  const eventsOf = Map.groupBy(events, (e) => e.job_id);
  return new Map(
    jobs.map((job) => [
      job.id,
      linesOf(job, attemptsOf.get(job.id) ?? [], eventsOf.get(job.id) ?? [], takeovers),
    ]),
  );
}

/** The lines of one job; pure, so that it can be tested without rows. */
export function linesOf(
  job: JobPart,
  attempts: readonly AttemptPart[],
  events: readonly EventPart[],
  takeovers: readonly TakeoverPart[] = [],
): HistoryLine[] {
  const prepared = events.some(
    (e) => e.state === 'READY' || e.state === 'STAGED_IN' || e.state === 'PREPROCESSED',
  );
  const run = attempts.flatMap((attempt, i) =>
    attemptLines(attempt, i === 0 && !prepared, job.created_at, takeovers),
  );
  const others = events.map(({ at, state, message }): HistoryLine => ({ at, state, message }));
  const killedByEvent = others.some((line) => line.state === 'USER_KILLED');
  const merged = merge(
    run.filter((line) => !(killedByEvent && line.state === 'USER_KILLED')),
    others,
  );
  const lines: HistoryLine[] = [{ at: job.created_at, state: 'CREATED', message: '' }, ...merged];
  // Leased, and nothing reported yet: no attempt row.
  if (job.state === 'PREPROCESSED' && lines.at(-1)?.state === 'CREATED')
    lines.push(...PASSED.map((state) => ({ at: job.updated_at, state, message: '' })));
  return lines;
}

const PASSED = ['READY', 'STAGED_IN', 'PREPROCESSED'] as const satisfies readonly JobState[];

function attemptLines(
  attempt: AttemptPart,
  first: boolean,
  createdAt: Date,
  takeovers: readonly TakeoverPart[],
): HistoryLine[] {
  const lines: HistoryLine[] = [];
  const { leased_at, started_at, ended_at, outcome, end_state, message } = attempt;
  if (first)
    for (const state of PASSED)
      lines.push({ at: leased_at ?? started_at ?? ended_at ?? createdAt, state, message: '' });
  if (started_at !== null)
    lines.push(
      { at: started_at, state: 'RUNNING', message: whereOf(attempt) },
      ...goesOn(attempt, takeovers),
    );
  if (ended_at !== null && outcome !== null && end_state !== null) {
    const hops = hopsTo(outcome, end_state, started_at !== null);
    for (const [i, state] of hops.entries())
      lines.push({ at: ended_at, state, message: i === 0 ? message : '' });
  }
  return lines;
}

/** A second one says so, and that it goes on from what the first ones left (PROTOCOL 11). */
function whereOf({ node, attempt }: AttemptPart): string {
  const again = attempt > 1 ? `attempt ${attempt}, from the data that is there` : '';
  return [node === '' ? '' : `on ${node}`, again].filter(Boolean).join(', ');
}

/** It ran through these takeovers. */
function goesOn(attempt: AttemptPart, takeovers: readonly TakeoverPart[]): HistoryLine[] {
  const { started_at, ended_at, launcher } = attempt;
  const through = takeovers.filter(
    (t) => t.launcher === launcher && t.at > started_at! && (ended_at === null || t.at < ended_at),
  );
  return through.map(({ at, message }) => ({ at, state: 'RUNNING', message: `goes on: ${message}` }));
}

/** The states passed from the end of a run to where the job stayed. */
function hopsTo(outcome: Outcome, endState: JobState, started: boolean): readonly JobState[] {
  if (outcome === 'USER_KILLED') return [endState];
  if (!started && outcome === 'RUN_ERROR') return [endState];
  const path = afterRun(outcome, endState === 'RESTART_READY');
  const at = path.indexOf(endState);
  return at >= 0 ? path.slice(0, at + 1) : [outcome, endState];
}

/** Two lists that are in order in themselves, merged by time: a line is never moved before one of its own list. */
function merge(a: readonly HistoryLine[], b: readonly HistoryLine[]): HistoryLine[] {
  const lines: HistoryLine[] = [];
  let [i, j] = [0, 0];
  while (i < a.length || j < b.length) {
    const [x, y] = [a[i], b[j]];
    if (y === undefined || (x !== undefined && x.at.getTime() <= y.at.getTime())) {
      lines.push(x!);
      i++;
    } else {
      lines.push(y);
      j++;
    }
  }
  return lines;
}
