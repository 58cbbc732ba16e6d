/**
 * A coordinator process with the real core: what its shell does, against the simulated store and network. One process is
 * one object, so that a successor can be another one on the same store and port.
 */
import { CHAIN, KILL_POLL_MS } from '../../src/base/limits.ts';
import { WorldError } from '../../src/base/errors.ts';
import type { CoordinatorEffect, CoordinatorEvent } from '../../src/core/coordinator/event.ts';
import {
  makeCoordinatorState,
  type CoordinatorConfig,
  type CoordinatorState,
} from '../../src/core/coordinator/state.ts';
import { coordinatorStep } from '../../src/core/coordinator/step.ts';
import { FACTS, coordinatorConfig } from '../core/support/jobs.ts';
import { coordinatorLines } from '../core/support/words.ts';
import type { Network } from './network.ts';
import type { Store } from './store.ts';
import type { World } from './world.ts';

const APPS = new Map([['app', FACTS]]);

/** True time at wall clock zero. */
const WALL = 1_700_000_000_000;

export class CoordinatorSim {
  readonly state: CoordinatorState;
  end: { code: 'left' | 'fenced'; reason: string } | null = null;
  readonly #world: World;
  readonly #network: Network;
  readonly #store: Store;
  #mailbox: CoordinatorEvent[] = [];
  #scheduled = false;
  #stalledUntil = 0;
  #wakeAt = Infinity;

  constructor(world: World, network: Network, store: Store, over: Partial<CoordinatorConfig>) {
    this.#world = world;
    this.#network = network;
    this.#store = store;
    this.state = makeCoordinatorState(coordinatorConfig(over), store.launcher.epoch, world.now);
    network.bind((envelope) => this.post({ kind: 'message', envelope }));
    this.#every(CHAIN.launcherHeartbeat, () => this.#beat());
    this.#every(KILL_POLL_MS, () => this.#lookForKills());
    this.post({ kind: 'tick' });
  }

  post(e: CoordinatorEvent): void {
    if (this.end) return;
    this.#mailbox.push(e);
    this.#schedule();
  }

  stall(ms: number): void {
    this.#world.trace(`coordinator: stalls for ${ms.toFixed(0)} ms`);
    this.#stalledUntil = this.#world.now + ms;
  }

  #schedule(): void {
    if (this.#scheduled || this.end) return;
    this.#scheduled = true;
    const w = this.#world;
    w.at(Math.max(w.now + w.between(0, 0.2), this.#stalledUntil), () => {
      this.#scheduled = false;
      if (w.now < this.#stalledUntil) return this.#schedule();
      this.#step();
    });
  }

  #step(): void {
    if (this.end) return;
    const w = this.#world;
    const now = { mono: w.now, wall: WALL + w.now };
    const { effects, wakeAt } = coordinatorStep(this.state, this.#mailbox.splice(0), now);
    for (const e of effects) this.#perform(e);
    if (wakeAt === this.#wakeAt || wakeAt === Infinity) return;
    this.#wakeAt = wakeAt;
    w.at(wakeAt, () => {
      if (this.#wakeAt !== wakeAt) return;
      this.#wakeAt = Infinity;
      this.post({ kind: 'tick' });
    });
  }

  #perform(e: CoordinatorEffect): void {
    if (e.kind !== 'send') for (const l of coordinatorLines(e)) this.#world.trace(`coordinator: ${l}`);
    const { epoch } = this.state;
    const fence = { launcher: 1, epoch };
    switch (e.kind) {
      case 'send':
        return this.#network.toAgent({
          version: 1,
          launcher: 1,
          epoch,
          incarnation: e.incarnation,
          ...e.body,
        });
      case 'lease':
        return this.#ask(
          () => this.#store.lease(fence, e.limit, e.maxNodes),
          (jobs) => (jobs ? { kind: 'leased', asked: e.limit, jobs, apps: APPS } : { kind: 'fenced' }),
          { failed: { kind: 'lease-failed' }, unknown: { kind: 'outcome-unknown', lost: 'lease' } },
        );
      case 'commit': {
        const rows = structuredClone(e.rows);
        return this.#ask(
          () => this.#store.commit(fence, rows),
          (outcomes) => (outcomes ? { kind: 'committed', outcomes, answers: [] } : { kind: 'fenced' }),
          { failed: { kind: 'commit-failed' }, unknown: { kind: 'outcome-unknown', lost: 'commit' } },
        );
      }
      case 'enrol': {
        const failed: CoordinatorEvent = { kind: 'enrol-failed', incarnation: e.incarnation };
        const enrolled: CoordinatorEvent = { kind: 'enrolled', incarnation: e.incarnation };
        return this.#ask(
          () => this.#store.fenced(fence),
          () => enrolled,
          { failed, unknown: failed },
        );
      }
      case 'raise':
        return this.#raise(fence);
      case 'leave-row':
        return this.#ask(
          () => this.#store.leave(fence),
          () => ({ kind: 'left' }),
          {
            failed: { kind: 'left' },
            unknown: { kind: 'left' },
          },
        );
      case 'end':
        this.end = { code: e.code, reason: e.reason };
        return this.#network.bind(null);
      case 'log':
        return this.#world.trace(`coordinator: ${e.text} ${JSON.stringify(e.fields ?? {})}`);
    }
  }

  /** The raise and the reading of what is held are two statements. */
  #raise(fence: { launcher: number; epoch: number }): void {
    const failed: CoordinatorEvent = { kind: 'raise-failed' };
    this.#store.statement(
      () => this.#store.raise(fence),
      (epoch) => {
        if (epoch instanceof WorldError) return this.post(failed);
        if (epoch === null) return this.post({ kind: 'fenced' });
        this.#ask(
          () => this.#store.held(1),
          (held) => ({ kind: 'raised', epoch, held, apps: APPS }),
          { failed, unknown: failed },
        );
      },
    );
  }

  #ask<T>(
    work: () => T,
    done: (result: T) => CoordinatorEvent,
    not: { failed: CoordinatorEvent; unknown: CoordinatorEvent },
  ): void {
    this.#store.statement(work, (result) => {
      if (result instanceof WorldError)
        this.post(result.code === 'outcome-unknown' ? not.unknown : not.failed);
      else this.post(done(result));
    });
  }

  #every(ms: number, act: () => void): void {
    this.#world.after(ms, () => {
      if (this.end) return;
      if (this.#world.now >= this.#stalledUntil) act();
      this.#every(ms, act);
    });
  }

  #beating = false;
  #beat(): void {
    if (this.#beating) return;
    this.#beating = true;
    const sentAt = this.#world.now;
    const { epoch } = this.state;
    this.#store.statement(
      () => this.#store.heartbeat({ launcher: 1, epoch }),
      (ours) => {
        this.#beating = false;
        if (ours === true) this.post({ kind: 'confirmed', sentAt });
        else if (ours === false && epoch === this.state.epoch && this.state.raising === 'no')
          this.post({ kind: 'fenced' });
      },
    );
  }

  #looking = false;
  #lookForKills(): void {
    if (this.#looking) return;
    this.#looking = true;
    this.#store.statement(
      () => this.#store.killed(1),
      (jobs) => {
        this.#looking = false;
        if (!(jobs instanceof WorldError) && jobs.length > 0) this.post({ kind: 'killed', jobs });
      },
    );
  }
}
