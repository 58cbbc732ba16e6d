/**
 * A world in which work goes on while things die: it keeps a launcher alive and a backlog of jobs, strikes faults that a
 * seed chooses, heals everything, and waits until every job has ended. `_faults.ts` has the faults, `_verdict.ts` says
 * whether the promises held. One seed gives one order of faults; what they meet is the machine's own time.
 *
 * Used by tests and by the soak program.
 */
import fs from 'node:fs';
import path from 'node:path';
import { setTimeout as pause } from 'node:timers/promises';
import { openFiles, partsOf, peakMiB, postgresOf, signal, type Part } from './_parts.ts';
import { ticking } from './_ticks.ts';
import { until, type Launcher, type World } from './_world.ts';
import type { NewJob } from '../../src/store/rows.ts';

/** How often the launchers, the backlog and the memory are looked at. */
const LOOK_MS = 250;
/** A new launcher comes at most this long after the last one ended. */
const RELAUNCH_MS = 1_500;
/** After the last fault every job has ended by then: the longest wait is a rescue that looks once a minute. */
const SETTLE_MS = 240_000;

/** Ticks of jobs, five a second: as often as they stand here. */
const TICKS = [90, ...Array<number>(2).fill(20), ...Array<number>(17).fill(4)];

export interface Fault {
  name: string;
  /** How often it is chosen, against the others. */
  weight: number;
  /** Strikes something that is there now; says what it was, null when there was nothing. */
  strike(c: Chaos): Promise<string | null>;
}

export interface ChaosOptions {
  seed: number;
  nodes: number;
  /** Jobs of one node at once. */
  packing: number;
  /** Jobs that are made at the beginning. */
  jobs: number;
  say: (line: string) => void;
}

export class Chaos {
  readonly world: World;
  readonly options: ChaosOptions;
  /** Jobs whose making was confirmed. */
  readonly ids: string[] = [];
  /** Jobs that `balsam kill` said it killed, and those of which it could not tell. */
  readonly killed = new Set<string>();
  readonly maybeKilled = new Set<string>();
  /** Largest of each kind of process: memory in MiB and open files. */
  readonly peaks = new Map<string, { mib: number; files: number }>();
  readonly launchers: Launcher[] = [];
  readonly struck = new Map<string, number>();
  /** A Postgres fault is under way: one at a time. */
  postgresBusy = false;
  readonly #random: () => number;
  readonly #background = new Set<Promise<void>>();
  readonly #frozen = new Set<Part>();
  readonly #startedAt = performance.now();
  #over = false;
  #loop: Promise<void> = Promise.resolve();
  #launchAt = 0;

  constructor(world: World, options: ChaosOptions) {
    this.world = world;
    this.options = options;
    this.#random = generator(options.seed);
  }

  // --- chance ---

  /** A whole number of the range, both ends included. */
  between(from: number, to: number): number {
    return from + Math.floor(this.#random() * (to - from + 1));
  }

  pick<T>(among: readonly T[]): T | undefined {
    return among[Math.floor(this.#random() * among.length)];
  }

  shuffled<T>(list: readonly T[]): T[] {
    const result = [...list];
    for (let i = result.length - 1; i > 0; i--) {
      const j = this.between(0, i);
      [result[i], result[j]] = [result[j]!, result[i]!];
    }
    return result;
  }

  // --- the run ---

  async begin(): Promise<void> {
    await this.world.app('tick', ticking(this.world.ticks));
    await this.makeJobs(this.options.jobs);
    this.launch();
    await until(
      async () => ((await this.world.counts()).JOB_FINISHED ?? 0) > 0,
      () => `the first job finishes:\n${this.world.logs()}`,
    );
    this.#loop = this.#watch();
  }

  /** Strikes one fault; false when it has nothing to strike now. */
  async strike(fault: Fault): Promise<boolean> {
    const what = await fault.strike(this);
    if (what === null) return false;
    this.struck.set(fault.name, (this.struck.get(fault.name) ?? 0) + 1);
    this.say(`${fault.name}: ${what}`);
    return true;
  }

  /** Strikes until each of these was struck once, in a random order, with pauses of this many seconds at most. */
  async strikeEach(faults: readonly Fault[], pauseS: number, backlog: number): Promise<void> {
    for (const fault of this.shuffled(faults)) {
      await pause(this.between(500, pauseS * 1_000));
      await until(() => this.strike(fault), `there is something for ${fault.name} to strike`);
      await this.feed(backlog);
    }
  }

  /** Undoes what is still under way and waits until every job has ended; a last launcher takes what the dead left. */
  async settle(): Promise<void> {
    while (this.#background.size > 0) await Promise.all(this.#background);
    this.say('no more faults: waiting for the last jobs');
    await this.bringPostgresBack();
    await until(
      async () => (await this.unfinished()) === 0,
      async () =>
        `${await this.unfinished()} jobs did not end: ${JSON.stringify(await this.world.counts())}\n${this.world.logs()}`,
      SETTLE_MS,
    );
    this.#over = true;
    await this.#loop;
    for (const launcher of this.launchers) await launcher.exit();
    await until(
      () => !partsOf(this.world).some((p) => p.kind !== 'job'),
      () => `every launcher has left: ${JSON.stringify(partsOf(this.world))}`,
    );
    // Whoever comes next tidies up after those that were killed; what a killed agent left, when it is a minute old.
    await this.#age();
    const last = this.launch();
    await last.exit();
    this.sample();
  }

  /** Makes what agents left in the host's /tmp as old as it must be to be tidied up. */
  async #age(): Promise<void> {
    const past = new Date(Date.now() - 600_000);
    for (const directory of await this.world.channelDirectories()) {
      const socket = path.join(directory, 's');
      if (fs.existsSync(socket)) fs.utimesSync(socket, past, past);
    }
  }

  /** Does something later; `settle` waits for it. */
  later(work: () => Promise<void>): void {
    const done = work().finally(() => this.#background.delete(done));
    this.#background.add(done);
  }

  /** Stops processes for a time. */
  freeze(parts: readonly Part[], seconds: number): void {
    for (const part of parts) this.#frozen.add(part);
    signal(parts, 'SIGSTOP');
    this.later(async () => {
      await pause(seconds * 1_000);
      signal(parts, 'SIGCONT');
      for (const part of parts) this.#frozen.delete(part);
    });
  }

  /** Those that are stopped now. */
  get frozenPids(): Set<number> {
    return new Set([...this.#frozen].map((p) => p.pid));
  }

  /** Jobs had no space for their files for a time. */
  get noSpace(): boolean {
    return this.struck.has('no space for output');
  }

  say(line: string): void {
    const at = ((performance.now() - this.#startedAt) / 1_000).toFixed(1);
    this.options.say(`${at.padStart(6)} s  ${line}`);
  }

  // --- launchers and jobs ---

  launch(nodes = this.options.nodes): Launcher {
    const launcher = this.world.launcher([
      '--consume-all',
      '--nodes',
      String(nodes),
      '--idle-exit-seconds',
      '2',
    ]);
    this.launchers.push(launcher);
    return launcher;
  }

  /** Launchers whose warden lives. */
  get living(): Launcher[] {
    return this.launchers.filter((l) => !l.ended);
  }

  async bringPostgresBack(): Promise<void> {
    await until(
      async () => (await this.world.balsam(['server', '--connect'], { deadline: 90_000 })).code === 0,
      'the server of the database runs',
      120_000,
    );
  }

  /**
   * Jobs of about a second; some of four, a few that outlive the lease of an agent that stands still and the time until it is
   * called dead; some with a process that they leave behind, some that run at most once.
   */
  async makeJobs(count: number): Promise<void> {
    const jobs: NewJob[] = Array.from({ length: count }, (_, i) => {
      const ticks = this.pick(TICKS)!;
      const kin = this.between(0, 4) === 0 ? ' kin' : '';
      return {
        name: `c${this.ids.length + i}`,
        application: 'tick',
        args: `${ticks}${kin}`,
        node_packing_count: this.options.packing,
        auto_timeout_retry: this.between(0, 19) !== 0,
      };
    });
    this.ids.push(...(await this.world.jobs(jobs)));
  }

  /** Jobs that have not ended, and those that have and are still held; the database must answer. */
  async unfinished(): Promise<number> {
    const [row] = await this.world.db.run(
      (sql) => sql<{ n: number }[]>`select count(*)::int as n from job
        where state not in ('JOB_FINISHED', 'FAILED', 'USER_KILLED') or launcher is not null`,
    );
    return row!.n;
  }

  /** Keeps at least so many jobs unfinished; what the database does not take now comes later. */
  async feed(backlog: number): Promise<void> {
    if (this.postgresBusy) return;
    try {
      const missing = backlog - (await this.unfinished());
      if (missing > 0) await this.makeJobs(missing);
    } catch {
      // Postgres is away; what was made and not confirmed is judged like the others.
    }
  }

  async #watch(): Promise<void> {
    let looked = 0;
    while (!this.#over) {
      await pause(LOOK_MS);
      if (this.living.length > 0) this.#launchAt = performance.now() + this.between(0, RELAUNCH_MS);
      else if (performance.now() > this.#launchAt) {
        this.say('a new launcher');
        this.launch();
      }
      if (++looked % 4 === 0) this.sample();
    }
  }

  /** Notes the peaks of what lives. */
  sample(): void {
    for (const { kind, pid } of [...partsOf(this.world), ...postgresOf(this.world)]) {
      const peak = this.peaks.get(kind) ?? { mib: 0, files: 0 };
      peak.mib = Math.max(peak.mib, peakMiB(pid));
      peak.files = Math.max(peak.files, openFiles(pid));
      this.peaks.set(kind, peak);
    }
  }
}

/** Mulberry32: small, and the same everywhere. */
function generator(seed: number): () => number {
  let state = seed >>> 0;
  return () => {
    state = (state + 0x6d2b79f5) >>> 0;
    let x = Math.imul(state ^ (state >>> 15), state | 1);
    x ^= x + Math.imul(x ^ (x >>> 7), x | 61);
    return ((x ^ (x >>> 14)) >>> 0) / 4_294_967_296;
  };
}
