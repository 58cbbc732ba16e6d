/**
 * A coordinator process with the real core: what its shell does, against the simulated store and network. One process is
 * one object. The first one registers its launcher; a successor takes the port and echoes as its predecessor did until
 * the takeover is committed, then adopts (PROTOCOL 3). It dies by `kill`, and stands still by `stall`.
 */
import { CHAIN, KILL_POLL_MS } from '../../src/base/limits.ts';
import { WorldError } from '../../src/base/errors.ts';
import type { CoordinatorEffect, CoordinatorEvent } from '../../src/core/coordinator/event.ts';
import { vacate } from '../../src/core/coordinator/placement.ts';
import { putBack } from '../../src/core/coordinator/release.ts';
import {
  makeCoordinatorState,
  type CoordinatorConfig,
  type CoordinatorState,
} from '../../src/core/coordinator/state.ts';
import { coordinatorStep } from '../../src/core/coordinator/step.ts';
import { KILL_LOST, type Envelope, type Kill } from '../../src/core/messages.ts';
import { FACTS } from '../core/support/jobs.ts';
import { coordinatorLines } from '../core/support/words.ts';
import type { Network } from './network.ts';
import { Rescuer } from './rescuer.ts';
import type { Client, Program } from './client.ts';
import type { Member, Store } from './store.ts';
import type { World } from './world.ts';

const APPS = new Map([['app', FACTS]]);

/** True time at wall clock zero. */
const WALL = 1_700_000_000_000;
/** Between two tries of a process to begin, milliseconds. */
const RETRY_MS = 250;

export interface Predecessor {
  launcher: number;
  epoch: number;
  confirmedAt: number;
}

export interface CoordinatorOptions {
  world: World;
  network: Network;
  store: Store;
  client: Client;
  host: string;
  /** Monotonic clock of its host, and back. */
  local: (at: number) => number;
  back: (local: number) => number;
  /** Wall clock against true time. */
  wallStep: () => number;
  config: CoordinatorConfig;
  predecessor: Predecessor | null;
  /** Itself and its warden, for the roster. */
  members: readonly Member[];
  memberOf: (incarnation: string) => Member;
  endMarked: (incarnation: string) => void;
  onBeat: (beat: Predecessor) => void;
  onEnd: (end: { code: 'left' | 'fenced'; reason: string }) => void;
  /** Breaks a rule: what is asked back counts as given back. */
  retractsBlindly: boolean;
}

export class CoordinatorSim {
  /** null until the launcher's row is its own. */
  state: CoordinatorState | null = null;
  alive = true;
  readonly #o: CoordinatorOptions;
  readonly #world: World;
  #launcher: number;
  /** The epoch in which it began. */
  #source = 0;
  /** The epoch that a successor found; 0 before. */
  #found = 0;
  #mailbox: CoordinatorEvent[] = [];
  #scheduled = false;
  #leave: CoordinatorEvent | null = null;
  #stalledUntil = 0;
  #wakeAt = Infinity;

  constructor(options: CoordinatorOptions) {
    this.#o = options;
    this.#world = options.world;
    this.#launcher = options.predecessor?.launcher ?? 0;
    if (options.predecessor) options.network.bind((e) => this.#hear(e));
    this.#every(CHAIN.beat, () => this.#tell());
    this.#open();
  }

  post(e: CoordinatorEvent): void {
    if (!this.alive || !this.state) return;
    this.#mailbox.push(e);
    this.#schedule();
  }

  /** The warden's word; it waits until the row is its own. */
  leave(reason: string, now: boolean): void {
    const e: CoordinatorEvent = { kind: 'leave', reason, now };
    if (this.state) this.post(e);
    else this.#leave = e;
  }

  /** It stands still; the statements that it sent go on. */
  stall(ms: number): void {
    if (!this.alive) return;
    this.#world.trace(`${this.#o.client.name}: stalls for ${ms.toFixed(0)} ms`);
    this.#stalledUntil = Math.max(this.#stalledUntil, this.#world.now + ms);
    this.#o.client.stalledUntil = this.#stalledUntil;
  }

  get isAwake(): boolean {
    return this.alive && this.#world.now >= this.#stalledUntil;
  }

  /** kill -9: what it sent to the database may be done all the same. */
  kill(): void {
    if (!this.alive) return;
    this.#world.trace(`${this.#o.client.name}: dies`);
    this.alive = false;
    this.#o.client.isDead = true;
    this.#o.network.bind(null);
  }

  // --- how it comes to its row ---

  #open(): void {
    const { store, client, predecessor } = this.#o;
    if (!predecessor) {
      const sentAt = this.#now();
      return this.#begin(store.register(client.name.replace(/\..*/, ''), client), ({ id, epoch }) =>
        this.#enrolOurselves(id, epoch, sentAt),
      );
    }
    this.#begin(store.terminate(predecessor.launcher, client), () => {
      if (this.#found > 0) return this.#takeOver(predecessor.launcher, this.#found);
      this.#begin(store.epochFound(predecessor.launcher), (epoch) => {
        if (epoch === null) return this.#end('fenced', 'declared dead before its coordinator was replaced');
        this.#found = epoch;
        this.#takeOver(predecessor.launcher, epoch);
      });
    });
  }

  /** From the epoch that was found at first: a repeat, or a late one of its own, raises it no further. */
  #takeOver(launcher: number, found: number): void {
    const { store, client } = this.#o;
    const sentAt = this.#now();
    this.#begin(store.raise({ launcher, epoch: found }, client), (epoch) => {
      if (epoch === null) return this.#end('fenced', 'declared dead before its coordinator was replaced');
      this.#enrolOurselves(launcher, epoch, sentAt);
    });
  }

  #enrolOurselves(launcher: number, epoch: number, sentAt: number): void {
    const { store, client, members, predecessor } = this.#o;
    this.#begin(store.enrol({ launcher, epoch }, client, members), (fenced) => {
      if (!fenced) return this.#end('fenced', 'the launcher row is not ours any more');
      if (!predecessor) return this.#run(launcher, epoch, sentAt, null);
      this.#begin(store.held(launcher), (held) =>
        this.#begin(store.livingIncarnations(launcher), (incarnations) =>
          this.#begin(store.drainedNodes(launcher), (drained) =>
            this.#run(launcher, epoch, sentAt, { kind: 'adopt', held, apps: APPS, incarnations, drained }),
          ),
        ),
      );
    });
  }

  /** Asks until it is answered; what is unknown is asked from the beginning, as the shell does. */
  #begin<T>(program: Program<T>, then: (result: T) => void): void {
    this.#o.store.run(this.#o.client, program, (result) => {
      this.#whenAwake(() => {
        if (!(result instanceof WorldError)) then(result);
        else this.#world.after(RETRY_MS, () => this.#whenAwake(() => this.#open()));
      });
    });
  }

  #whenAwake(act: () => void): void {
    if (!this.alive) return;
    if (this.#world.now < this.#stalledUntil) this.#world.at(this.#stalledUntil, () => this.#whenAwake(act));
    else act();
  }

  #run(launcher: number, epoch: number, sentAt: number, adopt: CoordinatorEvent | null): void {
    const { config, network, predecessor } = this.#o;
    this.#launcher = launcher;
    this.#source = epoch;
    this.state = makeCoordinatorState({ ...config, launcher }, epoch, this.#now(), {
      confirmedAt: sentAt,
      successor: adopt !== null,
      trail: this.#world.trail,
    });
    if (!predecessor) network.bind((e) => this.#hear(e));
    this.#tell();
    this.#every(CHAIN.launcherHeartbeat, () => this.#beat());
    this.#every(KILL_POLL_MS, () => this.#lookForKills());
    const rescuer = new Rescuer({ ...this.#o, own: launcher, alive: () => this.alive });
    this.#every(60_000, () => rescuer.look());
    rescuer.look();
    // The shell posts it first. The core must not rely on that: now and then what agents say is there before it.
    if (adopt)
      this.#world.after(this.#world.pick([0, this.#world.between(0, 400)]), () => this.#adopt(adopt));
    if (this.#leave) this.post(this.#leave);
    this.post({ kind: 'tick' });
  }

  #adopt(e: CoordinatorEvent): void {
    this.#world.trace(`${this.#o.client.name}: adopts`);
    this.post(e);
  }

  /** What the caretaker does with a message, and the coordinator. */
  #hear(envelope: Envelope): void {
    if (this.state) return this.post({ kind: 'message', envelope });
    this.#whenAwake(() => {
      if (this.state) return this.post({ kind: 'message', envelope });
      const { network, predecessor } = this.#o;
      if (!predecessor || !envelope.heartbeat) return;
      if (this.#now() - predecessor.confirmedAt > this.#o.config.chain.pause) return;
      const echo = { number: envelope.heartbeat.number, receivedReports: 0, committedReports: 0 };
      const { incarnation, epoch } = envelope;
      network.toAgent({ version: 1, launcher: 1, epoch, incarnation, echo });
    });
  }

  /** The beat to the warden. */
  #tell(): void {
    const { state } = this;
    if (state) {
      const { epoch, confirmedAt } = state;
      this.#o.onBeat({ launcher: this.#launcher, epoch, confirmedAt });
    } else if (this.#o.predecessor) this.#o.onBeat(this.#o.predecessor);
  }

  // --- the core ---

  #schedule(): void {
    if (this.#scheduled || !this.alive) return;
    this.#scheduled = true;
    const w = this.#world;
    w.at(Math.max(w.now + w.between(0, 0.2), this.#stalledUntil), () => {
      this.#scheduled = false;
      if (w.now < this.#stalledUntil) return this.#schedule();
      this.#step();
    });
  }

  #now(): number {
    return this.#o.local(this.#world.now);
  }

  #step(): void {
    const s = this.state;
    if (!this.alive || !s) return;
    const w = this.#world;
    const now = { mono: this.#now(), wall: WALL + w.now + this.#o.wallStep() };
    const { effects, wakeAt } = coordinatorStep(s, this.#mailbox.splice(0), now);
    for (const e of effects) if (this.alive) this.#perform(s, e);
    if (wakeAt === this.#wakeAt || wakeAt === Infinity) return;
    this.#wakeAt = wakeAt;
    w.at(this.#o.back(wakeAt) + 0.01, () => {
      if (this.#wakeAt !== wakeAt) return;
      this.#wakeAt = Infinity;
      this.post({ kind: 'tick' });
    });
  }

  #perform(s: CoordinatorState, e: CoordinatorEffect): void {
    const { store, client } = this.#o;
    if (e.kind !== 'send') for (const l of coordinatorLines(e)) this.#world.trace(`${client.name}: ${l}`);
    const { epoch } = s;
    const fence = { launcher: this.#launcher, epoch };
    switch (e.kind) {
      case 'send':
        return this.#send(s, { version: 1, launcher: 1, epoch, incarnation: e.incarnation, ...e.body });
      case 'lease':
        return this.#ask(
          store.lease(fence, client, e.limit, e.maxNodes),
          (jobs) => (jobs ? { kind: 'leased', asked: e.limit, jobs, apps: APPS } : { kind: 'fenced' }),
          {
            failed: { kind: 'lease-failed', why: 'away' },
            unknown: { kind: 'outcome-unknown', lost: 'lease', why: 'away' },
          },
        );
      case 'commit': {
        const rows = structuredClone(e.rows);
        return this.#ask(
          store.commit(fence, client, rows),
          (outcomes) => (outcomes ? { kind: 'committed', outcomes, answers: [] } : { kind: 'fenced' }),
          {
            failed: { kind: 'commit-failed', why: 'away' },
            unknown: { kind: 'outcome-unknown', lost: 'commit', why: 'away' },
          },
        );
      }
      case 'enrol': {
        const failed: CoordinatorEvent = { kind: 'enrol-failed', incarnation: e.incarnation };
        const enrolled: CoordinatorEvent = { kind: 'enrolled', incarnation: e.incarnation };
        const member = this.#o.memberOf(e.incarnation);
        return this.#ask(store.enrol(fence, client, [member]), (fenced) => (fenced ? enrolled : failed), {
          failed,
          unknown: failed,
        });
      }
      case 'record': {
        const failed: CoordinatorEvent = { kind: 'record-failed' };
        const { notes, ended } = structuredClone({ notes: e.notes, ended: e.ended });
        return this.#ask(
          store.record(fence, client, this.#source, notes, ended),
          (done) => (done ? { kind: 'recorded' } : failed),
          { failed, unknown: failed },
        );
      }
      case 'raise':
        return this.#raise(fence);
      case 'leave-row':
        return this.#ask(store.leave(fence), () => ({ kind: 'left', over: null }), {
          failed: { kind: 'left', over: null },
          unknown: { kind: 'left', over: null },
        });
      case 'no-agent':
        return this.#world.trace(`${client.name}: no agent for ${e.seconds} s`);
      case 'end':
        return this.#end(e.code === 'fenced' ? 'fenced' : 'left', e.reason);
      case 'refused':
        // Nobody here is hostile: what is refused is what our own two ends say to each other.
        return this.#world.check(false, `${client.name} refused: ${e.rule}`);
      case 'log':
        return this.#world.trace(`${client.name}: ${e.text} ${JSON.stringify(e.fields ?? {})}`);
    }
  }

  #end(code: 'left' | 'fenced', reason: string): void {
    this.alive = false;
    this.#o.client.isDead = true;
    this.#o.network.bind(null);
    this.#world.trace(`${this.#o.client.name}: ends as ${code}: ${reason}`);
    this.#o.onEnd({ code, reason });
  }

  #send(s: CoordinatorState, envelope: Envelope): void {
    for (const c of envelope.commands?.commands ?? []) {
      if (c.kill) this.#checkKill(s, c.kill);
      if (!this.#o.retractsBlindly) continue;
      for (const { id } of c.retract?.jobs ?? []) {
        const entry = s.entries.get(id);
        if (entry?.phase !== 'sent') continue;
        vacate(s, entry);
        putBack(s, entry, '');
      }
    }
    this.#o.network.toAgent(envelope);
  }

  /** What is ours by the database and runs where it was adopted is not ended as lost; the rest of a gang is. */
  #checkKill(s: CoordinatorState, kill: Kill): void {
    if (kill.reason !== KILL_LOST) return;
    for (const { id, attempt } of kill.jobs) {
      const row = this.#o.store.jobs.get(id);
      // Deleted under us.
      if (!row) continue;
      const ours = row.launcher === this.#launcher && row.attempt === attempt && row.state !== 'USER_KILLED';
      // What is over in the books is on its way to the database.
      const over = s.entries.get(id)?.phase === 'over';
      const bad = ours && !over && row.job.numNodes === 1;
      this.#world.check(!bad, `${id}#${attempt} is ended as lost, and is ours`);
    }
  }

  /** The raise and the reading of what is held are two statements. */
  #raise(fence: { launcher: number; epoch: number }): void {
    const { store, client } = this.#o;
    const failed: CoordinatorEvent = { kind: 'raise-failed' };
    store.run(client, store.raise(fence, client), (epoch) => {
      if (epoch instanceof WorldError) return this.post(failed);
      if (epoch === null) return this.post({ kind: 'fenced' });
      this.#ask(store.held(this.#launcher), (held) => ({ kind: 'raised', epoch, held, apps: APPS }), {
        failed,
        unknown: failed,
      });
    });
  }

  #ask<T>(
    program: Program<T>,
    done: (result: T) => CoordinatorEvent,
    not: { failed: CoordinatorEvent; unknown: CoordinatorEvent },
  ): void {
    this.#o.store.run(this.#o.client, program, (result) => {
      if (result instanceof WorldError)
        this.post(result.code === 'outcome-unknown' ? not.unknown : not.failed);
      else this.post(done(result));
    });
  }

  #every(ms: number, act: () => void): void {
    this.#world.after(ms, () => {
      if (!this.alive) return;
      if (this.#world.now >= this.#stalledUntil) act();
      this.#every(ms, act);
    });
  }

  #beating = false;
  #beat(): void {
    const s = this.state;
    if (this.#beating || !s) return;
    this.#beating = true;
    const sentAt = this.#now();
    const { epoch } = s;
    const { store, client } = this.#o;
    const program = store.heartbeat({ launcher: this.#launcher, epoch });
    const answered = (ours: boolean | WorldError): void => {
      this.#beating = false;
      if (ours === true) this.post({ kind: 'confirmed', sentAt });
      else if (ours === false && epoch === s.epoch && s.raising === 'no') this.post({ kind: 'fenced' });
    };
    store.run(client, program, answered, 'heart');
  }

  #looking = false;
  #lookForKills(): void {
    if (this.#looking) return;
    this.#looking = true;
    const { store, client } = this.#o;
    store.run(client, store.killed(this.#launcher), (jobs) => {
      this.#looking = false;
      if (!(jobs instanceof WorldError) && jobs.length > 0) this.post({ kind: 'killed', jobs });
    });
  }
}
