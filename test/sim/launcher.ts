/**
 * One launcher: its warden with the coordinators one after the other, and its agents. The warden hears beats, kills a
 * coordinator that is silent, starts a successor, at most five, and ends the agents when it is over (PROTOCOL 0, 3).
 */
import { CHAIN, LEAVE_MS } from '../../src/base/limits.ts';
import type { CoordinatorConfig } from '../../src/core/coordinator/state.ts';
import { AgentSim } from './agent.ts';
import { CoordinatorSim, type Predecessor } from './coordinator.ts';
import { Network, type Weather } from './network.ts';
import type { Behaviour, HelperWeather, ProcessTable } from './node.ts';
import { Client } from './client.ts';
import type { Member, Store } from './store.ts';
import type { World } from './world.ts';

const SUCCESSORS = 5;
const SUCCESSOR_WINDOW_MS = 600_000;
const LOOK_MS = 250;
const LOOK_LATE_MS = 1_000;
const LEAVE_SLACK_MS = 3_000;
const START_MS = 30_000;

export interface LauncherOptions {
  world: World;
  store: Store;
  table: ProcessTable;
  weather: Weather;
  /** Unique; its numbers of nodes are so too. */
  name: string;
  nodes: readonly number[];
  cpus: readonly number[];
  host: string;
  wallStep: () => number;
  outboxPlaces: number;
  aheadMax: number;
  helperWeather: () => HelperWeather;
  config: CoordinatorConfig;
  behave: (job: string, attempt: number, node: number) => Behaviour;
  lacked: (job: string) => boolean;
  kept: (job: string, attempt: number, value: number) => void;
  endMarked: (incarnation: string) => void;
  retractsBlindly: boolean;
}

export type LauncherEnd = 'left' | 'fenced' | 'failed' | 'killed';

export class LauncherSim {
  readonly name: string;
  readonly network: Network;
  readonly agents: AgentSim[];
  /** What its host reaches of the store. */
  readonly #reach = { awayUntil: 0 };
  coordinator!: CoordinatorSim;
  over: LauncherEnd | null = null;
  /** Its row, once there is one. */
  id = 0;
  successors = 0;
  readonly #o: LauncherOptions;
  readonly #world: World;
  readonly #rate: number;
  #stalledUntil = 0;
  #leaving = false;
  #lookedAt = 0;
  #beat: Predecessor | null = null;
  /** The coordinator of now has begun: its silence is noticed. */
  beats = false;
  #beatAt = Infinity;
  readonly #successions: number[] = [];

  constructor(o: LauncherOptions) {
    this.#o = o;
    this.name = o.name;
    this.#world = o.world;
    this.#rate = o.world.between(0.995, 1.005);
    this.network = new Network(o.world, o.weather);
    const { world, table, outboxPlaces, aheadMax, helperWeather, behave, lacked, kept } = o;
    const { network } = this;
    this.agents = o.nodes.map((node, i) => {
      const shape = { node, cpus: o.cpus[i]!, outboxPlaces, aheadMax };
      return new AgentSim({ world, network, table, ...shape, helperWeather, behave, lacked, kept });
    });
    this.#start(null);
    for (const a of this.agents) world.after(world.between(0, 2_000), () => a.start());
    this.#lookedAt = world.now;
    this.#look();
  }

  /** The coordinator of now dies; the warden notices. */
  killCoordinator(): void {
    if (this.over || !this.coordinator.alive) return;
    this.coordinator.kill();
    this.#exited();
  }

  stallWarden(ms: number): void {
    this.#world.trace(`${this.name}: its warden stalls for ${ms.toFixed(0)} ms`);
    this.#stalledUntil = this.#world.now + ms;
  }

  /** Host and network to the database: nothing passes until then. */
  cutFromStore(until: number): void {
    this.#world.trace(`${this.name}: cut from the store until ${until.toFixed(0)}`);
    this.#reach.awayUntil = until;
  }

  /** A coordinator that does not leave in its time is ended; a leaving launcher has no successors. */
  leave(reason: string, now: boolean): void {
    if (this.over) return;
    this.coordinator.leave(reason, now);
    if (this.#leaving) return;
    this.#leaving = true;
    this.#world.after(LEAVE_MS + LEAVE_SLACK_MS, () => this.killCoordinator());
  }

  /** Warden and coordinator are killed; agents notice, or all are killed with them; their jobs may be left. */
  die(what: 'head' | 'all' | 'all-but-jobs'): void {
    if (this.over) return;
    this.#world.trace(`${this.name}: is killed (${what})`);
    this.over = 'killed';
    this.coordinator.kill();
    for (const a of this.agents) {
      if (what === 'head') a.abandon();
      else a.massacre(what === 'all-but-jobs');
    }
  }

  #start(predecessor: Predecessor | null): void {
    const { world, store, config, host, wallStep, endMarked, retractsBlindly } = this.#o;
    const number = this.successors;
    // Each process is a client of its own, behind the same network.
    const client = new Client(`${this.name}.${number}`, number, this.id, this.#reach);
    this.#beatAt = predecessor ? world.now + START_MS : Infinity;
    this.beats = false;
    const self: { coordinator: CoordinatorSim | null } = { coordinator: null };
    const members: Member[] = [
      { host, incarnation: '', lives: () => self.coordinator?.alive ?? true },
      { host, incarnation: '', lives: () => this.over === null },
    ];
    const coordinator = new CoordinatorSim({
      world,
      network: this.network,
      store,
      client,
      host,
      local: (at) => at * this.#rate,
      back: (local) => local / this.#rate,
      wallStep,
      config,
      predecessor,
      members,
      memberOf: (incarnation) => ({ host, incarnation, lives: () => this.#lives(incarnation) }),
      endMarked,
      onBeat: (beat) => {
        this.id = beat.launcher;
        client.launcher = beat.launcher;
        this.#beat = beat;
        this.#beatAt = this.#world.now;
        this.beats = true;
      },
      onEnd: ({ code }) => this.#whenAwake(() => this.#finish(code)),
      retractsBlindly,
    });
    self.coordinator = coordinator;
    this.coordinator = coordinator;
  }

  #lives(incarnation: string): boolean {
    return this.agents.some((a) => a.lives(incarnation));
  }

  #look(): void {
    const w = this.#world;
    w.after(LOOK_MS, () => {
      if (this.over) return;
      if (w.now >= this.#stalledUntil) {
        if (this.agents.every((a) => a.over)) this.leave('no agent is left', false);
        const late = w.now - this.#lookedAt >= LOOK_MS + LOOK_LATE_MS;
        this.#lookedAt = w.now;
        if (!late && this.coordinator.alive && w.now - this.#beatAt > CHAIN.beatSilence) {
          w.trace(`${this.name}: its coordinator hangs`);
          this.killCoordinator();
        }
      }
      this.#look();
    });
  }

  #exited(): void {
    this.#whenAwake(() => {
      const w = this.#world;
      while (this.#successions.length > 0 && w.now - this.#successions[0]! > SUCCESSOR_WINDOW_MS)
        this.#successions.shift();
      this.#successions.push(w.now);
      const predecessor = this.#beat;
      if (!predecessor || this.#leaving || this.#successions.length > SUCCESSORS)
        return this.#finish('failed');
      this.successors += 1;
      w.after(w.between(150, 1_500), () => {
        if (!this.over) this.#start(predecessor);
      });
    });
  }

  #finish(how: LauncherEnd): void {
    if (this.over) return;
    this.over = how;
    this.#world.trace(`${this.name}: is over (${how})`);
    for (const a of this.agents) a.end();
  }

  #whenAwake(act: () => void): void {
    if (this.#world.now < this.#stalledUntil) this.#world.at(this.#stalledUntil, () => this.#whenAwake(act));
    else act();
  }
}
