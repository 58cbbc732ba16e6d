/**
 * One run from one seed: how many nodes and jobs, what the weather is, what breaks when; then calm, so that everything must
 * come to its end. Checks what must hold all the time and at the end (PROTOCOL 13).
 */
import { MAX_UNACKED_COMMANDS, MAX_UNCOMMITTED_REPORTS, CHAIN, type Chain } from '../../src/base/limits.ts';
import { isEnd } from '../../src/core/job.ts';
import { AgentSim } from './agent.ts';
import { CoordinatorSim } from './coordinator.ts';
import { CALM, Network, type Weather } from './network.ts';
import { ProcessTable, type Behaviour } from './node.ts';
import { Store, type StoreWeather } from './store.ts';
import { Violation, World } from './world.ts';

/** Faults happen before this; from then on everything works, milliseconds. */
const STORM_MS = 60_000;
/** By then the launcher has left. A guess: one node runs the longest list of the longest jobs in two. */
const PATIENCE_MS = 3 * 3_600_000;
/** Longer than the time in which jobs are made, so that it does not leave between two of them. */
const IDLE_EXIT_MS = STORM_MS;
const OUTBOX_PLACES = 60;

export interface Outcome {
  digest: string;
  simulatedMs: number;
  jobs: number;
  processes: number;
  epochs: number;
}

/** Rules that a run breaks on purpose, to see that it is noticed. */
export interface Broken {
  fence?: boolean;
  chain?: Chain;
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

class Scenario {
  readonly #world: World;
  readonly #network: Network;
  readonly #store: Store;
  readonly #table: ProcessTable;
  readonly #agents: AgentSim[] = [];
  readonly #coordinator: CoordinatorSim;
  /** Patches that a job was told are kept, by attempt. */
  readonly #kept = new Map<string, number>();
  /** Nodes whose agent crashed and did not come again. */
  readonly #lost = new Set<number>();
  readonly #behaviours = new Map<string, Omit<Behaviour, 'failsToStart'>>();
  readonly #failing: number;
  #leavesAt = Infinity;

  constructor(world: World, broken: Broken) {
    this.#world = world;
    this.#network = new Network(world, netWeather(world));
    this.#store = new Store(world, storeWeather(world), broken.fence ?? true);
    this.#table = new ProcessTable(world);
    this.#failing = world.pick([0, 0, 0.02, 0.1]);
    const nodes = world.int(1, 4);
    for (let node = 0; node < nodes; node++) this.#agents.push(this.#makeAgent(node));
    this.#makeJobs(nodes);
    const mode = world.pick(['serial', 'mixed', 'mpi'] as const);
    const endAt = world.chance() < 0.1 ? world.between(5_000, STORM_MS) : null;
    this.#coordinator = new CoordinatorSim(world, this.#network, this.#store, {
      mode,
      nodes: this.#agents.map((_, i) => i),
      idleExitMs: IDLE_EXIT_MS,
      endAt,
      chain: broken.chain ?? CHAIN,
    });
    for (const a of this.#agents) world.after(world.between(0, 2_000), () => a.start());
    this.#faults();
    world.at(STORM_MS, () => {
      world.trace('calm');
      this.#network.weather = CALM;
      this.#store.weather = { unknown: 0, failed: 0 };
    });
    this.#watch();
  }

  run(): Outcome {
    const w = this.#world;
    w.run(PATIENCE_MS, () => this.#coordinator.end !== null);
    const { end } = this.#coordinator;
    if (!end) return w.violated(`the launcher has not left: ${this.#rows()}`);
    w.check(end.code === 'left', `the launcher ended as ${end.code}`);
    w.run(w.now + CHAIN.agentLease + CHAIN.killWorks, () => false);
    w.check(this.#table.live.size === 0, 'a process lives on after its launcher');
    this.#checkRows(end.reason);
    return {
      digest: w.digest(),
      simulatedMs: w.now,
      jobs: this.#store.jobs.size,
      processes: this.#table.began.size,
      epochs: this.#store.launcher.epoch,
    };
  }

  #makeAgent(node: number): AgentSim {
    const w = this.#world;
    return new AgentSim({
      world: w,
      network: this.#network,
      table: this.#table,
      node,
      cpus: w.int(1, 4),
      outboxPlaces: OUTBOX_PLACES,
      behave: (job) => ({ ...this.#behaviours.get(job)!, failsToStart: w.chance() < this.#failing }),
      kept: (job, attempt, value) => this.#kept.set(`${job} ${attempt}`, value),
    });
  }

  #makeJobs(nodes: number): void {
    const w = this.#world;
    const short = w.chance();
    const long = w.pick([0, 0.1, 0.5]);
    const count = w.int(1, w.pick([20, 150]));
    const once = w.pick([0, 0.15, 0.7]);
    const gangs = nodes > 1 ? w.pick([0, 0.1, 0.4]) : 0;
    for (let i = 0; i < count; i++) {
      const id = `J${i}`;
      const gang = w.chance() < gangs;
      const killed = w.chance() < 0.08;
      const runs =
        w.chance() < short
          ? w.between(0, 30)
          : w.chance() < long
            ? w.between(3_000, 40_000)
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
      const made = w.chance() < 0.3 ? 0 : w.between(0, STORM_MS * 0.9);
      w.at(made, () => {
        this.#store.create(id, over);
        if (w.chance() < 0.9) w.after(1, () => this.#coordinator.post({ kind: 'wake' }));
      });
      if (killed) w.at(w.between(made, STORM_MS * 1.1), () => this.#store.kill(id));
    }
  }

  #faults(): void {
    const w = this.#world;
    const some = (most: number, act: () => void): void => {
      for (let n = w.int(0, most); n > 0; n--) w.at(w.between(1_000, STORM_MS), act);
    };
    some(6, () => {
      const { incarnation } = w.pick(this.#agents);
      const until = w.now + w.between(500, 25_000);
      const way = w.pick(['in', 'out', 'both'] as const);
      if (way !== 'out') this.#network.cut(incarnation, 'in', until);
      if (way !== 'in') this.#network.cut(incarnation, 'out', until);
    });
    some(3, () => w.pick(this.#agents).stall(w.between(100, 20_000)));
    some(4, () => w.pick(this.#agents).loseHelper());
    some(1, () => this.#coordinator.stall(w.between(100, w.chance() < 0.8 ? 5_000 : 30_000)));
    some(1, () => {
      // Now and then longer than S, so that the launcher pauses and its agents end what they run.
      this.#store.awayUntil = w.now + w.between(500, w.chance() < 0.85 ? 30_000 : 200_000);
      w.trace(`store: away until ${this.#store.awayUntil.toFixed(0)}`);
    });
    some(2, () => this.#crash());
    if (w.chance() < 0.15) {
      this.#leavesAt = w.between(1_000, STORM_MS);
      w.at(this.#leavesAt, () => this.#coordinator.post({ kind: 'leave', reason: 'signal', now: false }));
      if (w.chance() < 0.3) {
        w.at(this.#leavesAt + 1_000, () =>
          this.#coordinator.post({ kind: 'leave', reason: 'signal', now: true }),
        );
      }
    }
  }

  #crash(): void {
    const w = this.#world;
    const node = w.int(0, this.#agents.length - 1);
    const restart = w.chance() < 0.6 || this.#lost.size + 1 >= this.#agents.length;
    if (!restart) this.#lost.add(node);
    this.#agents[node]!.crash(restart);
  }

  /** What must hold at every moment, looked at each 200 ms. */
  #watch(): void {
    const w = this.#world;
    const s = this.#coordinator.state;
    const max = MAX_UNCOMMITTED_REPORTS + 1_000;
    w.check(s.uncommitted.length <= max, 'uncommitted reports are bounded');
    w.check(s.entries.size <= this.#store.jobs.size, 'one entry a job');
    for (const a of s.agents.values()) {
      w.check(a.unacked.length <= MAX_UNACKED_COMMANDS, 'unacknowledged commands are bounded');
      const sum = [...a.entries.values()].reduce((n, e) => n + e.share, 0);
      w.check(Math.abs(sum - a.used) < 1e-6, `used of ${a.incarnation} is the sum of its entries`);
    }
    for (const { state } of this.#agents) {
      if (!state) continue;
      const given = state.outbox.filter((e) => e.report.retracted || e.report.notStarted).length;
      const size = state.outbox.length - given + state.reserved;
      w.check(size <= OUTBOX_PLACES, 'an outbox is bounded');
      w.check(state.waiting.length <= this.#table.began.size, 'waiting patches are bounded');
    }
    w.after(200, () => this.#watch());
  }

  #checkRows(reason: string): void {
    const w = this.#world;
    const idle = reason === 'nothing is left to run';
    const nodes = this.#agents.length - this.#lost.size;
    for (const [id, row] of this.#store.jobs) {
      const possible = row.job.numNodes <= nodes;
      if (idle) {
        w.check(row.launcher === null, `${id} is held by nobody that lives`);
        w.check(isEnd(row.state) || !possible, `${id} has not ended: ${row.state}`);
      }
      const began = [...this.#table.began.values()].filter((p) => p.job === id);
      const killed = row.state === 'USER_KILLED';
      if (row.launcher === null && !killed)
        w.check(row.tries >= began.length, `${id} began ${began.length} times, counted ${row.tries}`);
      for (const p of began) {
        if (killed || (row.launcher !== null && p.attempt === row.attempt)) continue;
        const a = this.#store.attempts.get(`${id} ${p.attempt}`);
        w.check(a !== undefined && a.outcome !== null, `${id}#${p.attempt} ran and its history has no end`);
      }
      const kept = this.#kept.get(`${id} ${row.attempt}`);
      if (row.state === 'JOB_FINISHED' && kept !== undefined) {
        w.check(row.data.get(`a${row.attempt}`) === kept, `${id} finished without the data that it saved`);
      }
    }
  }

  #rows(): string {
    const open = [...this.#store.jobs.values()].filter((r) => !isEnd(r.state) || r.launcher !== null);
    const s = this.#coordinator.state;
    const books = [...s.entries.values()].map(
      (e) => `${e.job.id}#${e.job.attempt} ${e.phase} ${e.on.join('+')}`,
    );
    const rows = open.map((r) => `${r.job.id}#${r.attempt} ${r.state} ${r.launcher ?? '-'}`);
    const agents = [...s.agents.values()].map((a) => `${a.incarnation} ${a.status} used ${a.used}`);
    return `rows [${rows.join(', ')}], books [${books.join(', ')}], agents [${agents.join(', ')}], ${s.phase} ${s.raising} dry ${s.dry}`;
  }
}

function netWeather(w: World): Weather {
  const calm = w.chance() < 0.25;
  if (calm) return CALM;
  return {
    loss: w.pick([0, 0.02, 0.3]),
    doubled: w.pick([0, 0.05, 0.3]),
    late: w.pick([0, 0.05, 0.3]),
    lateMs: w.pick([5, 100, 2_000, 12_000]),
  };
}

function storeWeather(w: World): StoreWeather {
  return { unknown: w.pick([0, 0.01, 0.05, 0.2]), failed: w.pick([0, 0, 0.02, 0.1]) };
}
