/**
 * What a coordinator's shell does about dead launchers (PROTOCOL 4): looks at each other launcher, declares it dead by
 * silence or by proof, and takes back what it held, chunk by chunk. Statements may fail or stay unknown at every step.
 */
import { WorldError } from '../../src/base/errors.ts';
import type { Chain } from '../../src/base/limits.ts';
import type { Client, Locks } from './server.ts';
import type { Candidate, Member, Store } from './store.ts';
import type { World } from './world.ts';

export interface RescuerOptions {
  world: World;
  store: Store;
  client: Client;
  host: string;
  own: number;
  config: { chain: Chain };
  /** Ends by marker what an incarnation of this host left. */
  endMarked: (incarnation: string) => void;
  alive: () => boolean;
}

export class Rescuer {
  readonly #o: RescuerOptions;
  #looking = false;

  constructor(options: RescuerOptions) {
    this.#o = options;
  }

  look(): void {
    if (this.#looking) return;
    this.#looking = true;
    const { store, own, config } = this.#o;
    this.#ask(
      () => store.candidates(own, config.chain.rescue),
      (candidates) => this.#next(candidates),
    );
  }

  #next(candidates: Candidate[]): void {
    const c = candidates.shift();
    if (!c) {
      this.#looking = false;
      return;
    }
    const then = (): void => this.#takeBack(c, () => this.#next(candidates));
    if (c.state === 'dead') return then();
    const roster = [...this.#o.store.launchers.get(c.id)!.roster.values()];
    const proven = this.#isProvenDead(roster);
    if (!proven && !c.silent) return this.#next(candidates);
    const { world, store, config } = this.#o;
    world.after(world.between(1, 100), () =>
      this.#ask(
        () => store.tombstone(c, config.chain.rescue, proven),
        (done) => (done ? then() : this.#next(candidates)),
        { launcher: c.id, lock: 'update' },
      ),
    );
  }

  /** All are of this host, none lives, and what they left is ended. */
  #isProvenDead(roster: readonly Member[]): boolean {
    if (roster.length === 0 || roster.some((m) => m.host !== this.#o.host || m.lives())) return false;
    for (const { incarnation } of roster) if (incarnation !== '') this.#o.endMarked(incarnation);
    return true;
  }

  #takeBack(c: Candidate, then: () => void): void {
    const { store } = this.#o;
    this.#ask(
      () => store.releaseChunk(c.id),
      (released) => (released > 0 ? this.#takeBack(c, then) : then()),
    );
  }

  /** What fails is done at the next look. */
  #ask<T>(work: () => T, then: (result: T) => void, locks: Locks = { launcher: 0, lock: 'none' }): void {
    const { store, client } = this.#o;
    store.statement(client, locks, work, (result) => {
      if (!this.#o.alive()) return;
      if (result instanceof WorldError) this.#looking = false;
      else then(result);
    });
  }
}
