/**
 * Random histories for the analytics tests: jobs, attempts, launchers and what happened to their nodes, at whole seconds;
 * written as rows, and simulated second by second by the definitions of docs/report.md, without any cleverness.
 */
import fc from 'fast-check';
import { newId } from '../../src/base/ids.ts';
import { MAX_PACKING } from '../../src/base/limits.ts';
import type { JobState } from '../../src/model/job.ts';
import type { Waste } from '../../src/store/history/rows.ts';
import type { Database } from '../../src/store/connection.ts';

/** Second 0 of every history, milliseconds. */
export const ZERO = Date.UTC(2026, 0, 1);
export const LAST = 60;

export interface HistoryLauncher {
  id: number;
  nodes: number;
  mode: 'mixed' | 'mpi' | 'serial';
  filter: string;
  from: number;
  to: number;
  dead: boolean;
  lost: { node: number; at: number }[];
  back: { node: number; at: number }[];
  drained: { node: number; at: number }[];
}

interface HistoryAttempt {
  launcher: number;
  leased: number;
  /** null: given back, or lost, before it started. */
  started: number | null;
  /** null: it runs still. */
  ended: number | null;
  end: 'done' | 'error' | 'lost' | 'helper-lost' | 'timeout' | 'killed';
}

export interface HistoryJob {
  id: string;
  workflow: string;
  packing: number;
  nodes: number;
  ranks: number;
  created: number;
  /** Its parents are never done. */
  waits: boolean;
  attempts: HistoryAttempt[];
  /** Killed by a user then; the attempt that runs ends as killed. */
  killed: number | null;
}

export interface History {
  launchers: HistoryLauncher[];
  jobs: HistoryJob[];
}

const second = fc.integer({ min: 0, max: LAST });
const nodeEvent = fc.record({ node: fc.integer({ min: 0, max: 2 }), at: second });

const launcher = (id: number): fc.Arbitrary<HistoryLauncher> =>
  fc
    .record({
      nodes: fc.integer({ min: 1, max: 3 }),
      mode: fc.constantFrom('mixed', 'mpi', 'serial'),
      filter: fc.constantFrom('', 'a', 'b'),
      from: fc.integer({ min: 0, max: 30 }),
      length: fc.integer({ min: 1, max: 30 }),
      dead: fc.boolean(),
      lost: fc.array(nodeEvent, { maxLength: 3 }),
      back: fc.array(nodeEvent, { maxLength: 3 }),
      drained: fc.array(nodeEvent, { maxLength: 1 }),
    })
    .map(({ length, ...l }) => ({ id, to: l.from + length, ...l }) as HistoryLauncher);

const attempt = fc.record({
  launcher: fc.integer({ min: 1, max: 3 }),
  wait: fc.integer({ min: 0, max: 10 }),
  held: fc.integer({ min: 0, max: 3 }),
  ran: fc.integer({ min: 0, max: 15 }),
  starts: fc.integer({ min: 0, max: 9 }).map((n) => n > 0),
  again: fc.constantFrom('lost', 'helper-lost', 'timeout'),
});

const job: fc.Arbitrary<HistoryJob> = fc
  .record({
    workflow: fc.constantFrom('a', 'b', 'ab', 'c'),
    packing: fc.constantFrom(1, 2, 3, 8),
    nodes: fc.constantFrom(1, 1, 1, 2),
    ranks: fc.constantFrom(1, 1, 2),
    created: fc.integer({ min: 0, max: 40 }),
    waits: fc.integer({ min: 0, max: 9 }).map((n) => n === 0),
    attempts: fc.array(attempt, { maxLength: 3 }),
    last: fc.constantFrom('done', 'error', 'lost', 'running', 'killed', 'killed-waiting', 'waiting'),
    killedAfter: fc.integer({ min: 0, max: 5 }),
  })
  .map(({ attempts, last, killedAfter, ...j }) => {
    const made: HistoryAttempt[] = [];
    let at = j.created;
    for (const a of j.waits ? [] : attempts) {
      const leased = at + a.wait;
      const started = a.starts ? leased + a.held : null;
      const ended = (started ?? leased + a.held) + (a.starts ? a.ran : 0);
      made.push({ launcher: a.launcher, leased, started, ended, end: a.starts ? a.again : 'lost' });
      at = ended;
    }
    const final = made.at(-1);
    let killed: number | null = null;
    if (final !== undefined && final.started !== null) {
      if (last === 'done' || last === 'error') final.end = last;
      if (last === 'running') final.ended = null;
      if (last === 'killed') {
        final.end = 'killed';
        killed = Math.min(final.started + killedAfter, final.ended!);
      }
    }
    if (last === 'killed-waiting') killed = at + killedAfter;
    return { ...j, id: newId(), attempts: made, killed };
  });

export const histories: fc.Arbitrary<History> = fc.record({
  launchers: fc.tuple(launcher(1), launcher(2), launcher(3)).map((all) => [...all]),
  jobs: fc.array(job, { maxLength: 8 }),
});

const at = (s: number | null): string | null => (s === null ? null : new Date(ZERO + s * 1000).toISOString());

const ENDS = {
  done: { outcome: 'RUN_DONE', state: 'JOB_FINISHED', exit: 0, signal: null, message: '' },
  error: { outcome: 'RUN_ERROR', state: 'FAILED', exit: 3, signal: null, message: 'nonzero return 3' },
  lost: { outcome: 'RUN_TIMEOUT', state: 'RESTART_READY', exit: null, signal: null, message: 'lost' },
  'helper-lost': { outcome: 'RUN_TIMEOUT', state: 'RESTART_READY', exit: null, signal: 9, message: 'helper lost' },
  timeout: { outcome: 'RUN_TIMEOUT', state: 'RESTART_READY', exit: null, signal: 15, message: 'ended because its launcher left' },
  killed: { outcome: 'USER_KILLED', state: 'USER_KILLED', exit: null, signal: 9, message: '' },
} as const; // prettier-ignore

/** The state of a job at the end of the history. */
function lastState(j: HistoryJob): JobState {
  if (j.killed !== null) return 'USER_KILLED';
  const last = j.attempts.at(-1);
  if (last === undefined) return 'CREATED';
  return last.ended === null ? 'RUNNING' : ENDS[last.end].state;
}

/** Writes the history into an empty or used database, instead of what is there. */
export async function write(db: Database, h: History): Promise<void> {
  const launchers = h.launchers.map((l) => ({
    ...l,
    started: at(l.from),
    over: at(l.to),
    name: `l${l.id}`,
    state: l.dead ? 'dead' : 'ended',
  }));
  const jobs = h.jobs.map((j) => {
    const open = j.attempts.at(-1)?.ended === null;
    return {
      ...j,
      made: at(j.created),
      state: lastState(j),
      attempt: j.attempts.length,
      launcher: open ? j.attempts.at(-1)!.launcher : null,
    };
  });
  const attempts = h.jobs.flatMap((j) =>
    j.attempts.map((a, i) => {
      const end = a.ended === null ? null : ENDS[a.end];
      return {
        job: j.id,
        attempt: i + 1,
        launcher: a.launcher,
        leased: at(a.leased),
        started: at(a.started),
        ended: at(a.ended),
        ...end,
      };
    }),
  );
  const kills = h.jobs.filter((j) => j.killed !== null).map((j) => ({ job: j.id, at: at(j.killed) }));
  const events = h.launchers.flatMap((l) =>
    [
      ...l.lost.map((e) => ({ launcher: l.id, kind: 'agent-lost', node: e.node, at: at(e.at) })),
      ...l.drained.map((e) => ({ launcher: l.id, kind: 'drained', node: e.node, at: at(e.at) })),
    ].map((e, number) => ({ ...e, number })),
  );
  const roster = h.launchers.flatMap((l) =>
    l.back.map((e, pid) => ({ launcher: l.id, node: String(e.node), at: at(e.at), pid })),
  );
  await db.transaction(async (sql) => {
    const put = (text: string, rows: readonly object[]): Promise<unknown> =>
      sql.unsafe(text, [JSON.stringify(rows)]);
    await sql`truncate job, attempt, job_event, launcher, launcher_event, roster`;
    await put(
      `insert into launcher (id, name, nodes, mode, wf_filter, state, started_at, ended_at, heartbeat_at)
      overriding system value select id, name, nodes, mode, filter, state, started, case when state = 'dead' then over + interval '9 s' else over end, over
      from json_to_recordset($1::text::json) as r(id int, name text, nodes int, mode text, filter text, state text, started timestamptz, over timestamptz)`,
      launchers,
    );
    await put(
      `insert into job (id, workflow, application, node_packing_count, num_nodes, ranks_per_node, parents, state, launcher, attempt, created_at, updated_at)
      select id, workflow, 'app', packing, nodes, ranks, case when waits then array[gen_random_uuid()] else '{}' end, state, launcher, attempt, made, made
      from json_to_recordset($1::text::json) as r(id uuid, workflow text, packing int, nodes int, ranks int, waits boolean, state text, launcher int, attempt int, made timestamptz)`,
      jobs,
    );
    await put(
      `insert into attempt (job_id, attempt, launcher, leased_at, started_at, ended_at, outcome, end_state, exit_code, signal, message)
      select job, attempt, launcher, leased, started, ended, outcome, state, exit, signal, coalesce(message, '')
      from json_to_recordset($1::text::json) as r(job uuid, attempt int, launcher int, leased timestamptz, started timestamptz, ended timestamptz,
        outcome text, state text, exit int, signal int, message text)`,
      attempts,
    );
    await put(
      `insert into job_event (job_id, at, state, message) select job, at, 'USER_KILLED', 'killed by somebody'
      from json_to_recordset($1::text::json) as r(job uuid, at timestamptz)`,
      kills,
    );
    await put(
      `insert into launcher_event (launcher, source, number, at, kind, node) select launcher, 1, number, at, kind, node
      from json_to_recordset($1::text::json) as r(launcher int, number int, at timestamptz, kind text, node int)`,
      events,
    );
    await put(
      `insert into roster (launcher, host, boot_id, pid, start_time, pid_namespace, uid, kind, node, added_at)
      select launcher, 'h', 'b', pid, '1', 'n', 0, 'agent', node, at
      from json_to_recordset($1::text::json) as r(launcher int, pid int, node text, at timestamptz)`,
      roster,
    );
  });
}

/** Where a job is in second `t`: its state, whether a launcher could lease it, and who holds it without running it. */
export function jobAt(
  j: HistoryJob,
  t: number,
): { state: JobState; free: boolean; holder: number | null } | null {
  if (t < j.created) return null;
  if (j.killed !== null && t >= j.killed) return { state: 'USER_KILLED', free: false, holder: null };
  let here: { state: JobState; free: boolean; holder: number | null } = {
    state: 'CREATED',
    free: !j.waits,
    holder: null,
  };
  for (const a of j.attempts) {
    if (t >= a.leased)
      here = {
        state: here.state === 'CREATED' ? 'PREPROCESSED' : here.state,
        free: false,
        holder: a.launcher,
      };
    if (a.started !== null && t >= a.started) here = { state: 'RUNNING', free: false, holder: null };
    if (a.ended !== null && t >= a.ended) {
      const { state } = ENDS[a.end];
      here = { state, free: state === 'RESTART_READY', holder: null };
    }
  }
  return here;
}

export type SecondOfWaste = Omit<Waste, 'total'>;

/** What the nodes of a launcher did in second `t`, in nodes; together they are its nodes. */
export function wasteAt(h: History, l: HistoryLauncher, workflow: string, t: number): SecondOfWaste {
  const held = { busy: 0, other: 0, lost: 0 };
  for (const j of h.jobs) {
    const share =
      l.mode === 'mpi' || j.nodes > 1 ? j.nodes : Math.floor(1e9 / Math.min(j.packing, MAX_PACKING)) / 1e9;
    for (const a of j.attempts) {
      if (a.launcher !== l.id || a.started === null || t < a.started || (a.ended !== null && t >= a.ended))
        continue;
      if (a.ended !== null && (a.end === 'lost' || a.end === 'helper-lost')) held.lost += share;
      else if (j.workflow.includes(workflow)) held.busy += share;
      else held.other += share;
    }
  }
  const nodes = new Set([...l.lost, ...l.drained].map((e) => e.node));
  let [down, away] = [0, 0];
  for (const node of nodes) {
    const of = (events: readonly { node: number; at: number }[]): number[] =>
      events.filter((e) => e.node === node && e.at <= t).map((e) => e.at);
    const lost = Math.max(-1, ...of(l.lost));
    const back = Math.max(-1, ...of(l.back));
    if (of(l.drained).length > 0) away += 1;
    else if (lost >= 0 && back <= lost) down += 1;
  }
  const waited = h.jobs.some((j) => {
    const here = jobAt(j, t);
    if (here?.holder === l.id) return true;
    const seen = j.workflow.includes(l.filter) && (l.mode !== 'serial' || (j.nodes === 1 && j.ranks === 1));
    return here !== null && here.free && seen;
  });
  let room = l.nodes;
  const give = (wanted: number): number => {
    const given = Math.min(wanted, room);
    room -= given;
    return given;
  };
  const [busy, busyOther] = [give(held.busy), give(held.other)];
  const lost = give(held.lost + down);
  const drained = give(away);
  return {
    busy,
    busyOther,
    lost,
    drained,
    idleNothingRunnable: waited ? 0 : room,
    idleNothingFitted: waited ? room : 0,
  };
}
