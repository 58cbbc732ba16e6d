/**
 * The database in memory, with the semantics of PROTOCOL 1, 2 and 7: the fence, leases, guarded writes and their outcomes,
 * kills that keep the launcher. A statement takes time, may fail with nothing done, or be lost in flight: then its client
 * does not know, and it may have been done, be done later, or never.
 *
 * Every write is checked against the table of states. Rescue and takeover would be further functions of this store.
 */
import { WorldError } from '../../src/base/errors.ts';
import type {
  CommitRows,
  EndRow,
  LeasedJob,
  ReleaseRow,
  RowOutcome,
  RowOutcomes,
  StartRow,
} from '../../src/core/coordinator/batch.ts';
import {
  LEASABLE_STATES,
  afterRun,
  isAllowed,
  isEnd,
  type JobState,
  type Outcome,
} from '../../src/core/job.ts';
import { leasedJob } from '../core/support/jobs.ts';
import { rowsLine } from '../core/support/words.ts';
import type { World } from './world.ts';

export interface JobRow {
  job: LeasedJob;
  state: JobState;
  launcher: number | null;
  attempt: number;
  tries: number;
  lostEnds: number;
  data: Map<string, unknown>;
}

export interface AttemptRow {
  started: boolean;
  outcome: Outcome | null;
  lastReport: number;
}

export interface StoreWeather {
  /** Share of statements whose outcome stays unknown to the client, and that fail with nothing done. */
  unknown: number;
  failed: number;
}

/** A client learns after this that it does not know, milliseconds. */
const DEADLINE_MS = 10_000;

interface Fence {
  launcher: number;
  epoch: number;
}

export class Store {
  weather: StoreWeather;
  /** Not reachable until then. */
  awayUntil = 0;
  readonly jobs = new Map<string, JobRow>();
  readonly attempts = new Map<string, AttemptRow>();
  readonly launcher = { id: 1, epoch: 1, state: 'alive' as 'alive' | 'ended' | 'dead', heartbeatAt: 0 };
  readonly #world: World;
  /** False breaks the rule on purpose. */
  readonly #fence: boolean;

  constructor(world: World, weather: StoreWeather, fence = true) {
    this.#fence = fence;
    this.#world = world;
    this.weather = weather;
  }

  create(id: string, over: Partial<LeasedJob>): void {
    const job = leasedJob(id, over);
    this.jobs.set(id, {
      job,
      state: 'CREATED',
      launcher: null,
      attempt: 0,
      tries: 0,
      lostEnds: 0,
      data: new Map(),
    });
  }

  /**
   * Runs a statement as a client sees it: `work` happens once at a time that the client may never learn of.
   * `answer` gets the result, or the WorldError.
   */
  statement<T>(work: () => T, answer: (result: T | WorldError) => void): void {
    const w = this.#world;
    const latency = w.between(0.3, 3);
    if (w.now < this.awayUntil || w.chance() < this.weather.failed) {
      return w.after(latency, () => answer(new WorldError('unavailable', 'not reachable')));
    }
    if (w.chance() < this.weather.unknown) {
      const fate = w.chance();
      // Done now, done when the client is long gone, or never.
      if (fate < 0.4) w.after(latency, work);
      else if (fate < 0.8) w.after(w.between(0, 2.5 * DEADLINE_MS), work);
      // The connection breaks, or nothing is heard until the deadline.
      const known = w.chance() < 0.7 ? w.between(latency, 50) : w.between(latency, DEADLINE_MS);
      return w.after(known, () => answer(new WorldError('outcome-unknown', 'connection lost')));
    }
    w.after(latency, () => {
      const result = work();
      w.after(w.between(0.1, 2), () => answer(result));
    });
  }

  fenced({ launcher, epoch }: Fence): boolean {
    const l = this.launcher;
    return l.id === launcher && (l.epoch === epoch || !this.#fence) && l.state === 'alive';
  }

  // --- the launcher's row ---

  heartbeat(f: Fence): boolean {
    if (!this.fenced(f)) return false;
    this.launcher.heartbeatAt = this.#world.now;
    return true;
  }

  raise({ epoch }: Fence): number | null {
    const l = this.launcher;
    if (l.state !== 'alive' || (l.epoch !== epoch && l.epoch !== epoch + 1)) return null;
    l.epoch = epoch + 1;
    l.heartbeatAt = this.#world.now;
    this.#world.trace(`store: epoch ${l.epoch}`);
    return l.epoch;
  }

  leave(f: Fence): boolean {
    if (!this.fenced(f)) return false;
    this.launcher.state = 'ended';
    return true;
  }

  held(launcher: number): LeasedJob[] {
    return [...this.jobs.values()]
      .filter((r) => r.launcher === launcher)
      .map((r) => ({ ...r.job, attempt: r.attempt }));
  }

  killed(launcher: number): { id: string; attempt: number }[] {
    const rows = [...this.jobs.values()].filter((r) => r.launcher === launcher && r.state === 'USER_KILLED');
    return rows.map((r) => ({ id: r.job.id, attempt: r.attempt }));
  }

  /** A user's kill: held or not, the state is USER_KILLED; launcher and attempt stay. */
  kill(id: string): void {
    const row = this.jobs.get(id)!;
    if (isEnd(row.state)) return;
    this.#world.trace(`user: kills ${id} (${row.state})`);
    this.#step(row, 'USER_KILLED');
  }

  // --- lease and commit ---

  /** null: the fence is not there. */
  lease(f: Fence, limit: number, maxNodes: number): LeasedJob[] | null {
    if (!this.fenced(f)) return null;
    const free = [...this.jobs.values()].filter(
      (r) =>
        r.launcher === null &&
        (LEASABLE_STATES as readonly JobState[]).includes(r.state) &&
        r.job.numNodes <= maxNodes,
    );
    free.sort((a, b) => b.job.numNodes - a.job.numNodes);
    return free.slice(0, limit).map((r) => {
      for (const to of r.state === 'CREATED' ? (['READY', 'STAGED_IN', 'PREPROCESSED'] as const) : [])
        this.#step(r, to);
      r.launcher = f.launcher;
      r.attempt += 1;
      return { ...r.job, attempt: r.attempt };
    });
  }

  commit(f: Fence, rows: CommitRows): RowOutcomes | null {
    if (!this.fenced(f)) {
      this.#world.trace('store: a commit found its fence gone');
      return null;
    }
    this.#world.trace(`store: ${rowsLine(rows)}`);
    return {
      patches: rows.patches.map((p) =>
        this.#guarded(f, p, ['PREPROCESSED', 'RESTART_READY', 'RUNNING'], true, (row, a) => {
          this.#patch(row, p.dataJson, p.dataRemoved);
          a.lastReport = Math.max(a.lastReport, p.report);
        }),
      ),
      starts: rows.starts.map((s) => this.#start(f, s)),
      ends: rows.ends.map((e) => this.#end(f, e)),
      releases: rows.releases.map((r) => this.#release(f, r)),
    };
  }

  #start(f: Fence, s: StartRow): RowOutcome {
    return this.#guarded(f, s, ['PREPROCESSED', 'RESTART_READY', 'RUNNING'], false, (row, a) => {
      if (row.state !== 'RUNNING') {
        this.#step(row, 'RUNNING');
        row.tries += 1;
      }
      a.started = true;
      a.lastReport = Math.max(a.lastReport, s.report);
    });
  }

  #end(f: Fence, e: EndRow): RowOutcome {
    const outcome = this.#guarded(f, e, ['PREPROCESSED', 'RESTART_READY', 'RUNNING'], false, (row, a) => {
      if (row.state !== 'RUNNING') {
        this.#step(row, 'RUNNING');
        row.tries += 1;
      }
      const hops = e.outcome === 'USER_KILLED' ? [e.state] : afterRun(e.outcome, row.job.autoTimeoutRetry);
      this.#world.check(hops.at(-1) === e.state, `${e.id} ends as ${e.outcome} in ${e.state}`);
      for (const to of hops) this.#step(row, to);
      this.#patch(row, e.dataJson, e.dataRemoved);
      row.launcher = null;
      a.outcome = e.outcome;
      a.lastReport = Math.max(a.lastReport, e.report);
    });
    if (outcome === 'killed') {
      this.#attempt(e.id, e.attempt).outcome = 'USER_KILLED';
      this.jobs.get(e.id)!.launcher = null;
    }
    return outcome;
  }

  #release(f: Fence, r: ReleaseRow): RowOutcome {
    const row = this.jobs.get(r.id);
    if (!row || row.launcher !== f.launcher || row.attempt !== r.attempt) return 'not-ours';
    if (isEnd(row.state)) {
      row.launcher = null;
      return 'killed';
    }
    const keep = r.to === 'keep';
    this.#world.check(
      !keep || row.state !== 'RUNNING',
      `${r.id} is RUNNING and is released as never started`,
    );
    if (r.countTry && row.state !== 'RUNNING') row.tries += 1;
    if (r.lostEnd) row.lostEnds += 1;
    if (r.outcome) {
      this.#attempt(r.id, r.attempt).outcome = r.outcome;
      this.#step(row, r.outcome);
    }
    if (r.to !== 'keep') this.#step(row, r.to);
    row.launcher = null;
    return 'applied';
  }

  /** The order of PROTOCOL 7: duplicate, not ours, killed, applied; anything else is a bug. */
  #guarded(
    f: Fence,
    r: { id: string; attempt: number; report: number },
    from: readonly JobState[],
    greater: boolean,
    write: (row: JobRow, a: AttemptRow) => void,
  ): RowOutcome {
    const row = this.jobs.get(r.id);
    const known = this.attempts.get(`${r.id} ${r.attempt}`);
    const ours = row?.launcher === f.launcher && row.attempt === r.attempt;
    const old = known !== undefined && (known.outcome !== null || known.lastReport >= r.report);
    if (row && ours && from.includes(row.state) && !(greater && old)) {
      write(row, this.#attempt(r.id, r.attempt));
      return 'applied';
    }
    if (old) return 'duplicate';
    if (!row || !ours) return 'not-ours';
    if (row.state === 'USER_KILLED') return 'killed';
    return this.#world.violated(`a write of ${r.id}#${r.attempt} matches nothing: it is ${row.state}`);
  }

  #attempt(id: string, attempt: number): AttemptRow {
    const key = `${id} ${attempt}`;
    let a = this.attempts.get(key);
    if (!a) this.attempts.set(key, (a = { started: false, outcome: null, lastReport: -1 }));
    return a;
  }

  #patch(row: JobRow, dataJson: string, removed: readonly string[]): void {
    for (const [key, value] of Object.entries(dataJson === '' ? {} : (JSON.parse(dataJson) as object)))
      row.data.set(key, value);
    for (const key of removed) row.data.delete(key);
  }

  #step(row: JobRow, to: JobState): void {
    this.#world.check(isAllowed(row.state, to), `${row.job.id}: ${row.state} → ${to} is not in the table`);
    row.state = to;
  }
}
