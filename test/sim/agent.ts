/**
 * A node with the real agent core: its incarnations one after the other, on a clock of its own that is offset and drifts.
 * It may stall (stopped, or without CPU), crash with its guard left behind, be killed with all that it has, and lose helpers.
 */
import type { AgentEffect, AgentEvent } from '../../src/core/agent/event.ts';
import { makeAgentState, type AgentState } from '../../src/core/agent/state.ts';
import { agentStep } from '../../src/core/agent/step.ts';
import type { Envelope } from '../../src/core/messages.ts';
import { agentConfig } from '../core/support/jobs.ts';
import { agentLines } from '../core/support/words.ts';
import type { Network } from './network.ts';
import { NodeSim, type Behaviour, type HelperWeather, type ProcessTable } from './node.ts';
import type { World } from './world.ts';

export interface AgentOptions {
  world: World;
  network: Network;
  table: ProcessTable;
  node: number;
  cpus: number;
  outboxPlaces: number;
  aheadMax: number;
  helperWeather: () => HelperWeather;
  /** Could not be started for a shortage; whether the shell is broken and says that it is the job's fault. */
  lacked: (job: string) => boolean;
  behave: (job: string, attempt: number, node: number) => Behaviour;
  /** A patch that the job was told is kept. */
  kept: (job: string, attempt: number, value: number) => void;
}

export const MAX_HELPERS = 8;

/** Lines of effects that are seen elsewhere in the trace, or too often. */
const QUIET = /^(beat|lease|run|join|answer|\d)/;

export class AgentSim {
  readonly #o: AgentOptions;
  readonly #offset: number;
  readonly #rate: number;
  #number = 0;
  #alone = false;
  /** It will not come again: it left, was lost, or its warden has ended it. */
  over = false;
  /** Its node can run so many jobs side by side. */
  room = Infinity;
  /** Its next incarnation is cut off this long after its start, for so long. */
  cutAtStart: { afterMs: number; ms: number } | null = null;
  readonly #members = new Map<string, Incarnation>();
  #incarnation: Incarnation | null = null;

  constructor(options: AgentOptions) {
    this.#o = options;
    const w = options.world;
    this.#offset = w.between(0, 1e6);
    // Clocks of hosts agree within 1 %; a pair of them, within half of that each.
    this.#rate = w.between(0.995, 1.005);
  }

  get incarnation(): string {
    return this.#incarnation?.id ?? '';
  }

  get state(): AgentState | null {
    return this.#incarnation?.state ?? null;
  }

  /** `ended`: the incarnation before, of which nothing is left; `crashed`: its process died. */
  start(ended = '', crashed = false): void {
    if (this.#alone || this.#incarnation) return;
    const id = `n${this.#o.node}.${++this.#number}`;
    this.#o.world.trace(`${id}: starts${ended ? ` after ${ended}` : ''}`);
    const local = (at: number): number => this.#offset + at * this.#rate;
    const back = (at: number): number => (at - this.#offset) / this.#rate;
    const room = (): number => this.room;
    this.#incarnation = new Incarnation(this.#o, id, { ended, crashed, room }, local, back, (how) => {
      this.#incarnation = null;
      if (how === 'left' || this.#alone) this.over = true;
      if (how === 'rejoin') this.#o.world.after(this.#o.world.between(1, 100), () => this.start(id));
    });
    this.#members.set(id, this.#incarnation);
    if (this.cutAtStart) this.#cut(id, this.cutAtStart);
    this.cutAtStart = null;
  }

  #cut(id: string, { afterMs, ms }: { afterMs: number; ms: number }): void {
    const { world, network } = this.#o;
    world.after(afterMs, () => {
      network.cut(id, 'in', world.now + ms);
      network.cut(id, 'out', world.now + ms);
    });
  }

  /** Of an incarnation of this node: whether its agent or its guard lives. */
  lives(incarnation: string): boolean {
    return this.#members.get(incarnation)?.lives ?? false;
  }

  stall(ms: number): void {
    this.#incarnation?.stall(ms);
  }

  /** Agent, guard and helpers are killed at once; the jobs go on when `orphans`. */
  massacre(orphans: boolean): void {
    this.#incarnation?.massacre(orphans);
    this.#incarnation = null;
    this.#alone = true;
  }

  /** Its warden is dead: it is not started again. */
  abandon(): void {
    this.#alone = true;
  }

  /** The warden ends it. */
  end(): void {
    this.#alone = true;
    this.crash(false);
  }

  /** SIGTERM to this agent alone. */
  stop(): void {
    this.#incarnation?.stop();
  }

  /** The node is short of processes, for so long. */
  short(room: number, ms: number): void {
    this.#o.world.trace(`node ${this.#o.node}: has room for ${room} jobs for ${ms.toFixed(0)} ms`);
    this.room = room;
    this.#o.world.after(ms, () => {
      this.room = Infinity;
    });
  }

  loseHelper(): void {
    this.#incarnation?.loseHelper();
  }

  loseGuard(ms: number): void {
    this.#incarnation?.loseGuard(ms);
  }

  /** The agent dies; its guard ends what is left, and a new agent may start after that. */
  crash(restart: boolean): void {
    const dead = this.#incarnation;
    if (!dead) return;
    this.#incarnation = null;
    if (!restart) this.over = true;
    const w = this.#o.world;
    dead.crash(w.between(0, 200), () => {
      // The new one proves the death of the old one when it can.
      const proof = w.chance() < 0.7 ? dead.id : '';
      if (restart) w.after(w.between(100, 3_000), () => this.start(proof, proof !== ''));
    });
  }
}

class Incarnation {
  readonly id: string;
  readonly state: AgentState;
  readonly #o: AgentOptions;
  readonly #node: NodeSim;
  readonly #local: (at: number) => number;
  readonly #true: (local: number) => number;
  readonly #onEnd: (how: 'left' | 'rejoin') => void;
  #mailbox: AgentEvent[] = [];
  #scheduled = false;
  #stalledUntil = 0;
  #wakeAt = Infinity;
  #over = false;
  /** Its agent or its guard lives. */
  lives = true;

  constructor(
    o: AgentOptions,
    id: string,
    { ended, crashed, room }: { ended: string; crashed: boolean; room: () => number },
    local: (at: number) => number,
    back: (local: number) => number,
    onEnd: (how: 'left' | 'rejoin') => void,
  ) {
    this.id = id;
    this.#o = o;
    this.#local = local;
    this.#true = back;
    this.#onEnd = onEnd;
    const { node, outboxPlaces, aheadMax } = o;
    const cpuIds = Array.from({ length: o.cpus }, (_, i) => i);
    const hostname = `n${node}`;
    const config = agentConfig({ node, hostname, cpuIds, maxHelpers: MAX_HELPERS, outboxPlaces, aheadMax });
    this.state = makeAgentState(
      config,
      { agent: null, guard: null, endedIncarnation: ended, endedCrashed: crashed },
      local(o.world.now),
      o.world.trail,
    );
    this.#node = new NodeSim({
      world: o.world,
      table: o.table,
      node,
      incarnation: id,
      behave: o.behave,
      helperWeather: o.helperWeather,
      room,
      lacked: o.lacked,
      post: (e) => this.#post(e),
      localTime: local,
      trueTime: back,
    });
    o.network.connect(
      id,
      (envelope) => this.#post({ kind: 'message', envelope }),
      () => this.#post({ kind: 'connected' }),
    );
    this.#post({ kind: 'tick' });
  }

  /** Agent or guard gets CPU (PROTOCOL 12): not both are away. */
  stall(ms: number): void {
    if (this.#node.guardIsDead) return;
    this.#o.world.trace(`${this.id}: stalls for ${ms.toFixed(0)} ms`);
    this.#stalledUntil = Math.max(this.#stalledUntil, this.#o.world.now + ms);
  }

  loseHelper(): void {
    const { helpers } = this.#node;
    if (helpers.length === 0) return;
    const helper = this.#o.world.pick(helpers);
    this.#o.world.trace(`${this.id}: helper ${helper} dies`);
    this.#node.loseHelper(helper);
  }

  loseGuard(ms: number): void {
    if (this.#o.world.now < this.#stalledUntil || this.#node.guardIsDead) return;
    this.#o.world.trace(`${this.id}: its guard dies, another is there in ${ms.toFixed(0)} ms`);
    this.#node.loseGuard(ms);
  }

  stop(): void {
    this.#o.world.trace(`${this.id}: SIGTERM`);
    this.#post({ kind: 'stop' });
  }

  massacre(orphans: boolean): void {
    this.#o.world.trace(`${this.id}: everything is killed${orphans ? ' but its jobs' : ''}`);
    this.#over = true;
    this.lives = false;
    this.#o.network.connect(this.id, null);
    if (orphans) this.#node.orphan();
    else this.#node.close();
  }

  crash(guardMs: number, gone: () => void): void {
    this.#o.world.trace(`${this.id}: crashes`);
    this.#over = true;
    this.#o.network.connect(this.id, null);
    this.#o.world.after(guardMs, () => {
      this.#node.close();
      this.lives = false;
      gone();
    });
  }

  #post(e: AgentEvent): void {
    if (this.#over) return;
    this.#mailbox.push(e);
    this.#schedule();
  }

  #schedule(): void {
    if (this.#scheduled || this.#over) return;
    this.#scheduled = true;
    const w = this.#o.world;
    w.at(Math.max(w.now + w.between(0, 0.2), this.#stalledUntil), () => {
      this.#scheduled = false;
      if (w.now < this.#stalledUntil) return this.#schedule();
      this.#step();
    });
  }

  #step(): void {
    if (this.#over) return;
    const w = this.#o.world;
    const { effects, wakeAt } = agentStep(this.state, this.#mailbox.splice(0), this.#local(w.now));
    for (const e of effects) this.#perform(e);
    if (wakeAt === this.#wakeAt || wakeAt === Infinity) return;
    this.#wakeAt = wakeAt;
    // A timer is a little late, as timers are; and it must be due by the host's own clock, whatever rounding does.
    w.at(this.#true(wakeAt) + 0.01, () => {
      if (this.#wakeAt !== wakeAt) return;
      this.#wakeAt = Infinity;
      this.#post({ kind: 'tick' });
    });
  }

  #perform(e: AgentEffect): void {
    const { world, network } = this.#o;
    for (const l of agentLines(e)) if (!QUIET.test(l)) world.trace(`${this.id}: ${l}`);
    switch (e.kind) {
      case 'send': {
        const envelope: Envelope = {
          version: 1,
          launcher: 1,
          epoch: this.state.epoch,
          incarnation: this.id,
          ...e.body,
        };
        return network.toCoordinator(envelope);
      }
      case 'open-helper':
        return this.#node.openHelper(e.helper);
      case 'close-helper':
        return this.#node.closeHelper(e.helper);
      case 'start':
        return this.#node.start(e);
      case 'kill':
        return this.#node.kill(e.helper, e.token, e.graceMs);
      case 'recall':
        return this.#node.recall(e.helper, e.token);
      case 'lease':
        return this.#node.lease(e.until);
      case 'answer':
        return this.#answered(e);
      case 'refused':
        // Nobody here is hostile: what is refused is what our own two ends say to each other.
        return world.check(false, `${this.id} refused: ${e.rule}`);
      case 'log':
        return world.trace(`${this.id}: ${e.text}`);
      case 'leave':
      case 'rejoin':
        world.check(this.#node.alive === 0, `${this.id} says ${e.kind} and a process of it lives`);
        this.#over = true;
        this.#node.close();
        this.lives = false;
        network.connect(this.id, null);
        return this.#onEnd(e.kind === 'leave' ? 'left' : 'rejoin');
    }
  }

  #answered(e: Extract<AgentEffect, { kind: 'answer' }>): void {
    const patch = this.#node.patches.get(e.ref);
    this.#o.world.check(patch !== undefined, `${this.id} answers ${e.ref}, which nobody asks any more`);
    this.#node.patches.delete(e.ref);
    if (e.error === '') this.#o.kept(patch!.job, patch!.attempt, patch!.value);
  }
}
