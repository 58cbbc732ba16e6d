/**
 * One run from one seed: what kind of storm it is, how many launchers, nodes and jobs, what the weather is, what breaks
 * when; then calm, so that everything must come to its end. Launchers are started until nothing is left to run. Checks what must
 * hold all the time and at the end (PROTOCOL 13).
 */
import { MAX_UNACKED_COMMANDS, MAX_UNCOMMITTED_REPORTS, CHAIN, type Chain } from '../../src/base/limits.ts';
import { isEnd } from '../../src/model/job.ts';
import { coordinatorConfig } from '../core/support/jobs.ts';
import { brew, STORM_MS, type Breakable, type Storm } from './faults.ts';
import { watchForgotten } from './forgotten.ts';
import { LauncherSim } from './launcher.ts';
import { CALM, type Weather } from './network.ts';
import { CALM_HELPERS, ProcessTable, type Behaviour, type HelperWeather } from './node.ts';
import { CALM_STORE, type StoreWeather } from './server.ts';
import { Store } from './store.ts';
import type { Rules } from './tables.ts';
import { Violation, World } from './world.ts';
import { makeJobs } from './workload.ts';
import { MAX_HELPERS } from './agent.ts';

/** By then everything has ended. A guess: one node runs the longest list of the longest jobs in two hours. */
const PATIENCE_MS = 6 * 3_600_000;
/** Longer than the time in which jobs are made, so that it does not leave between two of them. */
const IDLE_EXIT_MS = STORM_MS;
/** A launcher of the calm, and each beside one that is cut, stays until the dead are rescued by time, and a look later. */
const LAST_IDLE_EXIT_MS = CHAIN.rescue + 120_000;
/** Share of nodes that are bad. */
const BAD_NODES = 0.08;
/** Places beyond the two of each job that a helper may hold. Few, so that patches wait. */
const SPARE_PLACES = 10;
/** How often each is run, among as many. */
const KINDS: readonly Storm[] = [
  'plain',
  'plain',
  'takeover',
  'takeover',
  'quiet',
  'death',
  'death',
  'cut',
  'rows',
  'rows',
];
/** Launchers of one run; a run that needs more does not converge. */
const MAX_LAUNCHERS = 20;

export interface Outcome {
  kind: Storm;
  digest: string;
  simulatedMs: number;
  jobs: number;
  processes: number;
  epochs: number;
  successors: number;
  rescued: number;
  drained: number;
  /** Steps of the tables that it took. */
  trail: ReadonlySet<string>;
}

/** Rules that a run breaks on purpose, to see that it is noticed. */
export interface Broken {
  rules?: Partial<Rules>;
  chain?: Chain;
  /** Only storms of this kind. */
  kind?: Storm;
  /** The store's, instead of chance. */
  weather?: Partial<StoreWeather>;
  retract?: boolean;
  /** Agents say that a shortage is the job's own fault. */
  shortage?: boolean;
}

/** What did not hold, and what the run was made of: faults, jobs, weather. */
export class SeedFailure extends Error {
  override readonly name = 'SeedFailure';
  readonly seed: number;
  readonly what: string;
  readonly parts: readonly string[];

  constructor(world: World, what: string, cause: unknown) {
    super(`seed ${world.seed} at ${world.now.toFixed(3)} ms: ${what}\n${world.lastLines()}`, { cause });
    this.seed = world.seed;
    this.what = what;
    this.parts = world.parts;
  }
}

/** Runs a seed to its end; throws a SeedFailure with the last lines of the trace when something does not hold. */
export function runSeed(seed: number, broken: Broken = {}, only: ReadonlySet<string> | null = null): Outcome {
  const world = new World(seed, only);
  try {
    return new Scenario(world, broken).run();
  } catch (error) {
    const what =
      error instanceof Violation ? error.message : error instanceof Error ? error.stack : String(error);
    throw new SeedFailure(world, what ?? '', error);
  }
}

class Scenario implements Breakable {
  readonly world: World;
  readonly store: Store;
  readonly table: ProcessTable;
  readonly launchers: LauncherSim[] = [];
  readonly kind: Storm;
  /** Wall clocks against true time. */
  wallStep = 0;
  readonly #broken: Broken;
  readonly #weather: Weather;
  #helperWeather: HelperWeather;
  readonly #aheadMax: number;
  readonly #outboxPlaces: number;
  /** Patches that a job was told are kept, by attempt. */
  readonly #kept = new Map<string, number>();
  readonly #behaviours = new Map<string, Omit<Behaviour, 'failsToStart'>>();
  readonly #failing: number;
  /** What could not be started: for a shortage, or by itself. */
  readonly #lacked = new Map<string, 'short' | 'failed'>();
  readonly #bad = new Map<number, 'refuses' | 'spoils'>();
  readonly oneHost: boolean;
  readonly #nodesEach: number;
  #nextNode = 0;
  #starting = false;

  constructor(world: World, broken: Broken) {
    this.world = world;
    this.#broken = broken;
    const kind = world.pick(KINDS);
    this.kind = broken.kind ?? kind;
    const quiet = this.kind === 'quiet';
    this.#weather = netWeather(world, quiet);
    this.#helperWeather = helperWeather(world);
    this.#aheadMax = world.pick([0, 1, 4]);
    this.#outboxPlaces = 2 * (1 + this.#aheadMax) * MAX_HELPERS + SPARE_PLACES;
    const weather = { ...storeWeather(world, this.kind), ...broken.weather };
    this.store = new Store(world, weather, broken.rules ?? {}, (...f) => this.#freed(...f));
    this.table = new ProcessTable(world);
    this.#failing = some(world, 'failing starts', quiet ? 0 : world.pick([0, 0, 0.02, 0.1]));
    this.oneHost = world.chance() < 0.7;
    this.#nodesEach = world.int(this.kind === 'rows' ? 2 : 1, this.kind === 'plain' ? 4 : 3);
    this.#makeJobs();
    this.startLauncher();
    brew(this);
    world.at(STORM_MS, () => {
      world.trace('calm');
      for (const l of this.launchers) l.network.weather = CALM;
      this.store.weather = CALM_STORE;
      this.#helperWeather = CALM_HELPERS;
    });
    this.#watch();
    watchForgotten(world, this.store, this.launchers);
  }

  run(): Outcome {
    const w = this.world;
    w.run(PATIENCE_MS, () => this.#isOver());
    if (!this.#isOver()) return w.violated(`not everything has ended: ${this.#rows()}`);
    w.run(w.now + CHAIN.agentLease + CHAIN.killWorks, () => false);
    w.check(this.table.live.size === 0, 'a process lives on after the last launcher');
    this.#checkRows();
    const rows = [...this.store.launchers.values()];
    return {
      kind: this.kind,
      digest: w.digest(),
      simulatedMs: w.now,
      jobs: this.store.jobs.size,
      processes: this.table.began.size,
      epochs: rows.reduce((n, l) => n + l.epoch - 1, 0),
      successors: this.launchers.reduce((n, l) => n + l.successors, 0),
      rescued: rows.filter((l) => l.state === 'dead').length,
      drained: this.store.tables.drained.size,
      trail: w.trail,
    };
  }

  /** Another launcher, on nodes of its own. In the calm it stays until the dead are rescued. */
  startLauncher(): void {
    const w = this.world;
    const name = `L${this.launchers.length + 1}`;
    w.check(
      this.launchers.length < MAX_LAUNCHERS,
      `${MAX_LAUNCHERS} launchers did not end it: ${this.#rows()}`,
    );
    const nodes = Array.from({ length: this.#nodesEach }, () => this.#nextNode++);
    const calm = w.now >= STORM_MS;
    const endAt = this.kind === 'plain' && w.chance() < 0.1 && !calm ? w.between(5_000, STORM_MS) : null;
    for (const node of nodes)
      if (this.kind !== 'quiet' && !calm && w.chance() < BAD_NODES)
        this.#bad.set(node, w.pick(['refuses', 'spoils']));
    w.trace(`${name}: starts with nodes ${nodes.join(', ')}`);
    this.launchers.push(
      new LauncherSim({
        world: w,
        store: this.store,
        table: this.table,
        weather: calm ? CALM : this.#weather,
        name,
        nodes,
        cpus: nodes.map(() => w.int(1, 4)),
        host: this.oneHost ? 'host' : name,
        wallStep: () => this.wallStep,
        outboxPlaces: this.#outboxPlaces,
        aheadMax: this.#aheadMax,
        helperWeather: () => this.#helperWeather,
        config: coordinatorConfig({
          mode: w.pick(['serial', 'mixed', 'mpi'] as const),
          nodes,
          idleExitMs: calm || this.kind === 'cut' ? LAST_IDLE_EXIT_MS : IDLE_EXIT_MS,
          endAt,
          chain: this.#broken.chain ?? CHAIN,
          // So few that they are forgotten in a run, and speak up again.
          deadRemembered: 4,
        }),
        behave: (job, _attempt, node) => this.#behave(job, node),
        lacked: (job) => this.#lack(job),
        kept: (job, attempt, value) => this.#keep(job, attempt, value),
        endMarked: (incarnation) => this.table.endMarked(incarnation),
        retractsBlindly: this.#broken.retract ?? false,
      }),
    );
  }

  /** What a job does there: on a bad node it can't be started, or fails at once (PROTOCOL 10). */
  #behave(job: string, node: number): Behaviour {
    const usual = this.#behaviours.get(job)!;
    const bad = this.#bad.get(node);
    if (bad === 'spoils')
      return { ...usual, runMs: Math.min(usual.runMs, 20), exitCode: 1, failsToStart: false };
    const failsToStart = bad === 'refuses' || this.world.chance() < this.#failing;
    if (failsToStart) this.#lacked.set(job, 'failed');
    return { ...usual, failsToStart };
  }

  #lack(job: string): boolean {
    if (!this.#lacked.has(job)) this.#lacked.set(job, 'short');
    return this.#broken.shortage ?? false;
  }

  /** A user submits another launcher whenever something is left and nobody is there to do it. */
  #isOver(): boolean {
    if (this.launchers.some((l) => l.over === null)) return false;
    const most = this.#nodesEach;
    const left =
      this.world.now < STORM_MS ||
      [...this.store.jobs.values()].some(
        (r) => r.launcher !== null || (!isEnd(r.state) && r.job.numNodes <= most),
      );
    if (left && !this.#starting) {
      this.#starting = true;
      this.world.after(this.world.between(0, 5_000), () => {
        this.#starting = false;
        if (this.launchers.every((l) => l.over !== null)) this.startLauncher();
      });
    }
    return !left;
  }

  #makeJobs(): void {
    const w = this.world;
    const jobs = makeJobs({
      world: w,
      stormMs: STORM_MS,
      nodes: this.#nodesEach,
      most: this.kind === 'plain' || this.kind === 'rows' ? 150 : 60,
      lasting: this.kind === 'cut' ? 3 : 0,
      longestMs: this.kind === 'cut' ? 400_000 : 40_000,
      kills: this.kind !== 'quiet',
    });
    for (const job of jobs) {
      this.#behaviours.set(job.id, job.behaviour);
      w.at(job.madeAt, () => {
        this.store.create(job.id, job.over);
        if (job.wakes) w.after(1, () => this.launchers.forEach((l) => l.coordinator.post({ kind: 'wake' })));
      });
      if (job.killedAt !== null)
        w.at(job.killedAt, () => {
          if (this.store.jobs.get(job.id)) this.store.kill(job.id);
        });
    }
  }

  /** Somebody writes past the guards (psql): the row is gone, whoever holds it. Not of one that only a kill would end. */
  deleteRow(id: string): void {
    if (this.#behaviours.get(id)?.runMs !== Infinity) this.store.remove(id);
  }

  /**
   * A job was told that its patch is kept; of a durable one (an even value) that means in the database. One that has ended
   * hears nothing: a repeat of its end tells no more that a user had killed it before.
   */
  #keep(job: string, attempt: number, value: number): void {
    const hears = [...this.table.live].some((p) => p.job === job && p.attempt === attempt);
    this.#kept.set(`${job} ${attempt}`, value);
    const row = this.store.jobs.get(job);
    const written = !row || row.data.get(`a${attempt}`) === value;
    const fine = value % 2 === 1 || written || !hears;
    this.world.check(fine, `${job}#${attempt} is told that its data is written, and it is not`);
  }

  /** Whoever lets a row go must know that its process has ended. */
  #freed(id: string, attempt: number, by: string): void {
    for (const p of this.table.live)
      if (p.job === id && p.attempt === attempt)
        this.world.violated(`${id}#${attempt} is let go by ${by} and lives on in ${p.incarnation}`);
  }

  /** What must hold at every moment, looked at each 200 ms. */
  #watch(): void {
    const w = this.world;
    for (const l of this.launchers) if (l.over === null) this.#watchOne(l);
    w.after(200, () => this.#watch());
  }

  #watchOne(l: LauncherSim): void {
    const w = this.world;
    for (const { state } of l.agents) {
      if (!state) continue;
      const given = state.outbox.filter((e) => e.report.retracted || e.report.notStarted).length;
      const size = state.outbox.length - given + state.reserved;
      w.check(size <= this.#outboxPlaces, 'an outbox is bounded');
      w.check(state.waiting.length <= this.table.began.size, 'waiting patches are bounded');
    }
    const s = l.coordinator.state;
    if (!s) return;
    w.check(s.uncommitted.length <= MAX_UNCOMMITTED_REPORTS + 1_000, 'uncommitted reports are bounded');
    w.check(s.entries.size <= this.#behaviours.size, 'one entry a job');
    for (const a of s.agents.values()) {
      w.check(a.unacked.length <= MAX_UNACKED_COMMANDS, 'unacknowledged commands are bounded');
      const sum = [...a.entries.values()].reduce((n, e) => n + e.share, 0);
      w.check(Math.abs(sum - a.used) < 1e-6, `used of ${a.incarnation} is the sum of its entries`);
      w.check(a.status !== 'dead' || a.entries.size === 0, `${a.incarnation} is dead and holds something`);
    }
  }

  #checkRows(): void {
    const w = this.world;
    for (const [id, row] of this.store.jobs) {
      const possible = row.job.numNodes <= this.#nodesEach;
      w.check(row.launcher === null, `${id} is held by nobody that lives`);
      w.check(isEnd(row.state) || !possible, `${id} has not ended: ${row.state}`);
      const began = [...this.table.began.values()].filter((p) => p.job === id);
      const killed = row.state === 'USER_KILLED';
      const onlyShort = began.length === 0 && row.lostEnds === 0 && this.#lacked.get(id) === 'short';
      w.check(row.state !== 'FAILED' || !onlyShort, `${id} is FAILED, and its node was short of something`);
      if (!killed)
        w.check(row.tries >= began.length, `${id} began ${began.length} times, counted ${row.tries}`);
      // Nothing but coordinators and the database failed: what ran went on.
      if (this.kind === 'quiet') w.check(began.length <= 1, `${id} was started anew, and its agent lived`);
      for (const p of began) {
        if (killed) continue;
        const a = this.store.attempts.get(`${id} ${p.attempt}`);
        w.check(a !== undefined && a.outcome !== null, `${id}#${p.attempt} ran and its history has no end`);
        const done = a?.outcome === 'RUN_DONE';
        w.check(!done || p.done, `${id}#${p.attempt} was told to end, and counts as done`);
        if (this.kind === 'quiet')
          w.check(done || !p.done, `${id}#${p.attempt} came to its end, and does not count`);
      }
      const kept = this.#kept.get(`${id} ${row.attempt}`);
      if (row.state === 'JOB_FINISHED' && kept !== undefined) {
        w.check(row.data.get(`a${row.attempt}`) === kept, `${id} finished without the data that it saved`);
      }
    }
  }

  #rows(): string {
    const open = [...this.store.jobs.values()].filter((r) => !isEnd(r.state) || r.launcher !== null);
    const rows = open.map((r) => `${r.job.id}#${r.attempt} ${r.state} ${r.launcher ?? '-'}`);
    const launchers = this.launchers.map((l) => {
      const s = l.coordinator.state;
      if (l.over || !s) return `${l.name} ${l.over ?? 'begins'}`;
      const books = [...s.entries.values()].map(
        (e) => `${e.job.id}#${e.job.attempt} ${e.phase} ${e.on.join('+')}`,
      );
      const agents = [...s.agents.values()].map((a) => `${a.incarnation} ${a.status} used ${a.used}`);
      return `${l.name} books [${books.join(', ')}], agents [${agents.join(', ')}], ${s.phase} ${s.raising} dry ${s.dry}`;
    });
    return `rows [${rows.join(', ')}], ${launchers.join('; ')}`;
  }
}

function netWeather(w: World, quiet: boolean): Weather {
  const c = w.own('network');
  const calm = c.chance() < 0.25;
  if (calm || quiet) return CALM;
  return {
    loss: some(w, 'loss', c.pick([0, 0.02, 0.3])),
    doubled: some(w, 'doubled', c.pick([0, 0.05, 0.3])),
    late: some(w, 'late', c.pick([0, 0.05, 0.3])),
    lateMs: c.pick([5, 100, 2_000, 12_000]),
  };
}

function storeWeather(w: World, kind: Storm): StoreWeather {
  const c = w.own('store');
  return {
    unknown: some(w, 'unknown outcomes', c.pick(kind === 'rows' ? [0.05, 0.2, 0.3] : [0, 0.01, 0.05, 0.2])),
    failed: some(w, 'failed statements', c.pick([0, 0, 0.02, 0.1])),
    slow: some(w, 'slow statements', c.pick([0, 0, 0.01, 0.05])),
  };
}

function helperWeather(w: World): HelperWeather {
  const c = w.own('helpers');
  return { late: some(w, 'late helpers', c.pick([0, 0, 0.02, 0.2])), lateMs: c.pick([100, 2_000, 8_000]) };
}

/** A share of something bad, as a part of the run. */
function some(w: World, what: string, share: number): number {
  return share > 0 && w.has(`${what} ${share}`) ? share : 0;
}
