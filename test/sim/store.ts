/**
 * The database in memory, with the semantics of PROTOCOL 1, 2, 4 and 7: the fence, leases, guarded writes and their
 * outcomes, kills that keep the launcher, takeover, tombstone and release. Each function is one statement's work, done at
 * once; when that is, and whether its client learns of it, is the server's affair.
 *
 * Every write is checked against the table of states, and against who may write: nobody but the newest coordinator of a
 * living launcher, and nobody frees a row whose process lives.
 */
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
import { Server, type Client, type StoreWeather } from './server.ts';
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

/** A process that can run or guard jobs of a launcher; the prover sees whether it lives, when it is of his own host. */
export interface Member {
  host: string;
  incarnation: string;
  lives: () => boolean;
}

export interface LauncherRow {
  id: number;
  name: string;
  epoch: number;
  state: 'alive' | 'ended' | 'dead';
  /** By the database's clock. */
  heartbeatAt: number;
  roster: Map<string, Member>;
  /** Who raised the epoch last: the only one that may write. */
  owner: Client;
}

export interface Candidate {
  id: number;
  epoch: number;
  state: LauncherRow['state'];
  silent: boolean;
}

/** Rows released by one statement; few, so that a rescue takes several. */
const RESCUE_CHUNK = 20;

export interface Fence {
  launcher: number;
  epoch: number;
}

export class Store extends Server {
  readonly jobs = new Map<string, JobRow>();
  readonly attempts = new Map<string, AttemptRow>();
  readonly launchers = new Map<number, LauncherRow>();
  readonly #world: World;
  /** False breaks the rule on purpose. */
  readonly #fence: boolean;
  /** Hears that a row is held by nobody any more. */
  readonly #freed: (id: string, attempt: number, by: string) => void;

  constructor(
    world: World,
    weather: StoreWeather,
    fence: boolean,
    freed: (id: string, attempt: number, by: string) => void,
  ) {
    super(world, weather);
    this.#world = world;
    this.#fence = fence;
    this.#freed = freed;
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

  fenced({ launcher, epoch }: Fence): boolean {
    const l = this.launchers.get(launcher);
    if (!this.#fence) return l !== undefined;
    return l?.epoch === epoch && l.state === 'alive';
  }

  /** Whoever writes under a fence must be the newest coordinator of a launcher that lives. */
  #mayWrite(f: Fence, by: Client): boolean {
    if (!this.fenced(f)) return false;
    const l = this.launchers.get(f.launcher)!;
    this.#world.check(
      l.owner === by && l.state === 'alive',
      `${by.name} writes under epoch ${f.epoch} and is fenced off: ${l.name} is ${l.state}, epoch ${l.epoch}`,
    );
    return true;
  }

  // --- the launcher's row ---

  /** A repeat finds the row of this name. */
  register(name: string, by: Client): { id: number; epoch: number } {
    const found = [...this.launchers.values()].find((l) => l.name === name);
    if (found) return { id: found.id, epoch: found.epoch };
    const id = this.launchers.size + 1;
    const row = { id, name, epoch: 1, state: 'alive' as const, heartbeatAt: this.clock(), owner: by };
    this.launchers.set(id, { ...row, roster: new Map() });
    this.#world.trace(`store: launcher ${id} (${name})`);
    return { id, epoch: 1 };
  }

  heartbeat(f: Fence): boolean {
    if (!this.fenced(f)) return false;
    this.launchers.get(f.launcher)!.heartbeatAt = this.clock();
    return true;
  }

  raise({ launcher, epoch }: Fence, by: Client): number | null {
    const l = this.launchers.get(launcher)!;
    if (l.state !== 'alive' || (l.epoch !== epoch && l.epoch !== epoch + 1)) return null;
    if (l.epoch === epoch || by.number > l.owner.number) l.owner = by;
    l.epoch = epoch + 1;
    l.heartbeatAt = this.clock();
    this.#world.trace(`store: launcher ${launcher} epoch ${l.epoch} by ${by.name}`);
    return l.epoch;
  }

  leave(f: Fence): boolean {
    if (!this.fenced(f)) return false;
    this.launchers.get(f.launcher)!.state = 'ended';
    return true;
  }

  enrol(f: Fence, members: readonly Member[]): boolean {
    if (!this.fenced(f)) return false;
    const { roster } = this.launchers.get(f.launcher)!;
    for (const m of members) roster.set(`${roster.size}`, m);
    return true;
  }

  // --- rescue ---

  candidates(own: number, rescueMs: number): Candidate[] {
    const holders = new Set([...this.jobs.values()].map((r) => r.launcher));
    return [...this.launchers.values()]
      .filter((l) => l.id !== own && (l.state === 'alive' || holders.has(l.id)))
      .map(({ id, epoch, state, heartbeatAt }) => {
        return { id, epoch, state, silent: heartbeatAt < this.clock() - rescueMs };
      });
  }

  tombstone(c: Candidate, rescueMs: number, proven: boolean): boolean {
    const l = this.launchers.get(c.id)!;
    if (l.epoch !== c.epoch || l.state === 'dead') return false;
    if (!proven && l.heartbeatAt >= this.clock() - rescueMs) return false;
    l.state = 'dead';
    l.epoch += 1;
    this.#world.trace(`store: launcher ${l.id} is dead${proven ? ', proven' : ''}`);
    return true;
  }

  /** One chunk of what a dead launcher held, each by its state; the number of rows. */
  releaseChunk(launcher: number): number {
    if (this.launchers.get(launcher)?.state !== 'dead') return 0;
    const rows = [...this.jobs.values()].filter((r) => r.launcher === launcher).slice(0, RESCUE_CHUNK);
    for (const row of rows) {
      if (!isEnd(row.state)) {
        if (row.state !== 'RUNNING') row.tries += 1;
        row.lostEnds += 1;
        this.#attempt(row.job.id, row.attempt).outcome = 'RUN_TIMEOUT';
        for (const to of afterRun('RUN_TIMEOUT', row.job.autoTimeoutRetry)) this.#step(row, to);
      }
      this.#free(row, 'rescue');
    }
    return rows.length;
  }

  held(launcher: number): (LeasedJob & { state: JobState })[] {
    return [...this.jobs.values()]
      .filter((r) => r.launcher === launcher)
      .map((r) => ({ ...r.job, attempt: r.attempt, state: r.state }));
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
  lease(f: Fence, by: Client, limit: number, maxNodes: number): LeasedJob[] | null {
    if (!this.#mayWrite(f, by)) return null;
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

  commit(f: Fence, by: Client, rows: CommitRows): RowOutcomes | null {
    if (!this.#mayWrite(f, by)) {
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
      this.#free(row, 'its end');
      a.outcome = e.outcome;
      a.lastReport = Math.max(a.lastReport, e.report);
    });
    if (outcome === 'killed') {
      this.#attempt(e.id, e.attempt).outcome = 'USER_KILLED';
      this.#free(this.jobs.get(e.id)!, 'its end');
    }
    return outcome;
  }

  #release(f: Fence, r: ReleaseRow): RowOutcome {
    const row = this.jobs.get(r.id);
    if (!row || row.launcher !== f.launcher || row.attempt !== r.attempt) return 'not-ours';
    if (isEnd(row.state)) {
      this.#free(row, 'the release of a killed job');
      return 'killed';
    }
    const keep = r.to === 'keep';
    this.#world.check(
      !keep || row.state !== 'RUNNING',
      `${r.id} is RUNNING and is released as never started`,
    );
    if (r.countTry && row.state !== 'RUNNING') row.tries += 1;
    if (r.lostEnd) row.lostEnds += 1;
    if (r.nodeLost) row.job.nodeLosses += 1;
    if (r.outcome) {
      this.#attempt(r.id, r.attempt).outcome = r.outcome;
      this.#step(row, r.outcome);
    }
    if (r.to !== 'keep') this.#step(row, r.to);
    this.#free(row, `a release to ${r.to}`);
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

  #free(row: JobRow, by: string): void {
    row.launcher = null;
    this.#freed(row.job.id, row.attempt, by);
  }

  #step(row: JobRow, to: JobState): void {
    this.#world.check(isAllowed(row.state, to), `${row.job.id}: ${row.state} → ${to} is not in the table`);
    this.#world.trail.add(`job ${row.state}→${to}`);
    row.state = to;
  }
}
