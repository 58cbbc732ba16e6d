/**
 * One run from one seed: what kind of storm it is, how many launchers, nodes and jobs, what the weather is, what breaks
 * when; then calm, so that everything must come to its end. Launchers are started until nothing is left to run. Checks what must
 * hold all the time and at the end (PROTOCOL 13).
 */
import { MAX_UNACKED_COMMANDS, MAX_UNCOMMITTED_REPORTS, CHAIN, type Chain } from '../../src/base/limits.ts';
import { isEnd } from '../../src/core/job.ts';
import { coordinatorConfig } from '../core/support/jobs.ts';
import { brew, STORM_MS, type Breakable, type Storm } from './faults.ts';
import { watchForgotten } from './forgotten.ts';
import { LauncherSim } from './launcher.ts';
import { CALM, type Weather } from './network.ts';
import { ProcessTable, type Behaviour } from './node.ts';
import { CALM_STORE, type StoreWeather } from './server.ts';
import { Store } from './store.ts';
import type { Rules } from './tables.ts';
import { Violation, World } from './world.ts';

/** By then everything has ended. A guess: one node runs the longest list of the longest jobs in two hours. */
const PATIENCE_MS = 6 * 3_600_000;
/** Longer than the time in which jobs are made, so that it does not leave between two of them. */
const IDLE_EXIT_MS = STORM_MS;
/** A launcher of the calm stays until the dead are rescued by time, and a look later. */
const LAST_IDLE_EXIT_MS = CHAIN.rescue + 120_000;
const OUTBOX_PLACES = 60;
/** Share of nodes that are bad. */
const BAD_NODES = 0.08;
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
}

/** Runs a seed to its end; throws with the seed and the last lines of the trace when something does not hold. */
export function runSeed(seed: number, broken: Broken = {}): Outcome {
  const world = new World(seed);
  try {
    return new Scenario(world, broken).run();
  } catch (error) {
    const what =
      error instanceof Violation ? error.message : error instanceof Error ? error.stack : String(error);
    throw new Error(`seed ${seed} at ${world.now.toFixed(3)} ms: ${what}\n${world.lastLines()}`, {
      cause: error,
    });
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
  /** Patches that a job was told are kept, by attempt. */
  readonly #kept = new Map<string, number>();
  readonly #behaviours = new Map<string, Omit<Behaviour, 'failsToStart'>>();
  readonly #failing: number;
  readonly #bad = new Map<number, 'refuses' | 'spoils'>();
  readonly oneHost: boolean;
  readonly #nodesEach: number;
  #nextNode = 0;
  #starting = false;

  constructor(world: World, broken: Broken) {
    this.world = world;
    this.#broken = broken;
    const kind = world.pick([
      'plain',
      'plain',
      'takeover',
      'takeover',
      'quiet',
      'death',
      'death',
      'cut',
    ] as const);
    this.kind = broken.kind ?? kind;
    const quiet = this.kind === 'quiet';
    this.#weather = netWeather(world, quiet);
    this.store = new Store(world, { ...storeWeather(world), ...broken.weather }, broken.rules ?? {}, (...f) =>
      this.#freed(...f),
    );
    this.table = new ProcessTable(world);
    this.#failing = quiet ? 0 : world.pick([0, 0, 0.02, 0.1]);
    this.oneHost = world.chance() < 0.7;
    this.#nodesEach = world.int(1, this.kind === 'plain' ? 4 : 3);
    this.#makeJobs();
    this.startLauncher();
    brew(this);
    world.at(STORM_MS, () => {
      world.trace('calm');
      for (const l of this.launchers) l.network.weather = CALM;
      this.store.weather = CALM_STORE;
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
        outboxPlaces: OUTBOX_PLACES,
        config: coordinatorConfig({
          mode: w.pick(['serial', 'mixed', 'mpi'] as const),
          nodes,
          idleExitMs: calm || this.kind === 'cut' ? LAST_IDLE_EXIT_MS : IDLE_EXIT_MS,
          endAt,
          chain: this.#broken.chain ?? CHAIN,
        }),
        behave: (job, _attempt, node) => this.#behave(job, node),
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
    return { ...usual, failsToStart: bad === 'refuses' || this.world.chance() < this.#failing };
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
    const nodes = this.#nodesEach;
    const quiet = this.kind === 'quiet';
    const short = w.chance();
    const long = w.pick([0, 0.1, 0.5]);
    const count = w.int(1, w.pick([20, this.kind === 'plain' ? 150 : 60]));
    const once = w.pick([0, 0.15, 0.7]);
    const gangs = nodes > 1 ? w.pick([0, 0.1, 0.4]) : 0;
    for (let i = 0; i < count; i++) {
      const id = `J${i}`;
      const gang = w.chance() < gangs;
      // Some outlive R, on a launcher that may be rescued while it is out of reach.
      const lasts = this.kind === 'cut' && i < 3;
      const killed = !quiet && !lasts && w.chance() < 0.08;
      const longest = this.kind === 'cut' ? 400_000 : 40_000;
      const runs = lasts
        ? w.between(150_000, 500_000)
        : w.chance() < short
          ? w.between(0, 30)
          : w.chance() < long
            ? w.between(3_000, longest)
            : w.between(30, 3_000);
      this.#behaviours.set(id, {
        // Some run until they are killed: a kill that is lost is seen by that.
        runMs: killed && w.chance() < 0.5 ? Infinity : runs,
        exitCode: w.chance() < 0.05 ? 1 : 0,
        obeys: w.chance() < 0.85,
        patches: w.chance() < 0.3,
      });
      const over = {
        numNodes: gang ? w.int(2, nodes) : 1,
        nodePackingCount: w.pick([1, 2, 4, 8]),
        autoTimeoutRetry: w.chance() >= once,
      };
      const made = lasts || w.chance() < 0.3 ? 0 : w.between(0, STORM_MS * 0.9);
      w.at(made, () => {
        this.store.create(id, over);
        if (w.chance() < 0.9)
          w.after(1, () => this.launchers.forEach((l) => l.coordinator.post({ kind: 'wake' })));
      });
      if (killed) w.at(w.between(made, STORM_MS * 1.1), () => this.store.kill(id));
    }
  }

  /**
   * A job was told that its patch is kept; of a durable one (an even value) that means in the database. One that has ended
   * hears nothing: a repeat of its end tells no more that a user had killed it before.
   */
  #keep(job: string, attempt: number, value: number): void {
    const hears = [...this.table.live].some((p) => p.job === job && p.attempt === attempt);
    this.#kept.set(`${job} ${attempt}`, value);
    const written = this.store.jobs.get(job)!.data.get(`a${attempt}`) === value;
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
      w.check(size <= OUTBOX_PLACES, 'an outbox is bounded');
      w.check(state.waiting.length <= this.table.began.size, 'waiting patches are bounded');
    }
    const s = l.coordinator.state;
    if (!s) return;
    w.check(s.uncommitted.length <= MAX_UNCOMMITTED_REPORTS + 1_000, 'uncommitted reports are bounded');
    w.check(s.entries.size <= this.store.jobs.size, 'one entry a job');
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
      if (!killed)
        w.check(row.tries >= began.length, `${id} began ${began.length} times, counted ${row.tries}`);
      // Nothing but coordinators and the database failed: what ran went on.
      if (this.kind === 'quiet') w.check(began.length <= 1, `${id} was started anew, and its agent lived`);
      for (const p of began) {
        if (killed) continue;
        const a = this.store.attempts.get(`${id} ${p.attempt}`);
        w.check(a !== undefined && a.outcome !== null, `${id}#${p.attempt} ran and its history has no end`);
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
  const calm = w.chance() < 0.25;
  if (calm || quiet) return CALM;
  return {
    loss: w.pick([0, 0.02, 0.3]),
    doubled: w.pick([0, 0.05, 0.3]),
    late: w.pick([0, 0.05, 0.3]),
    lateMs: w.pick([5, 100, 2_000, 12_000]),
  };
}

function storeWeather(w: World): StoreWeather {
  return {
    unknown: w.pick([0, 0.01, 0.05, 0.2]),
    failed: w.pick([0, 0, 0.02, 0.1]),
    slow: w.pick([0, 0, 0.01, 0.05]),
  };
}
