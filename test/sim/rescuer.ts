/**
 * What a coordinator's shell does about dead launchers (PROTOCOL 4): looks at each other launcher, declares it dead by
 * silence or by proof, and takes back what it held, chunk by chunk. Statements may fail or stay unknown at every step.
 */
import { WorldError } from '../../src/base/errors.ts';
import type { Chain } from '../../src/base/limits.ts';
import type { Client, Program } from './client.ts';
import type { Candidate, Member, Store } from './store.ts';
import type { World } from './world.ts';

/** As in src/coordinator/rescuer.ts: what is locked meanwhile waits for the next look. */
const ROUNDS = 100;

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
    this.#ask(store.candidates(own, config.chain.rescue), (candidates) => this.#next(candidates));
  }

  #next(candidates: Candidate[]): void {
    const c = candidates.shift();
    if (!c) {
      this.#looking = false;
      return;
    }
    const { world, store, config } = this.#o;
    const then = (): void => this.#takeBack(c, ROUNDS, () => this.#next(candidates));
    if (c.state === 'dead') return then();
    this.#ask(store.roster(c.id), (roster) => {
      const proven = this.#isProvenDead(roster);
      if (!proven && !c.silent) return this.#next(candidates);
      // What its orphans left is ended meanwhile.
      world.after(world.between(1, 100), () =>
        this.#ask(store.tombstone(c, config.chain.rescue, proven), (done) =>
          done ? then() : this.#next(candidates),
        ),
      );
    });
  }

  /** All are of this host, none lives, and what they left is ended. */
  #isProvenDead(roster: readonly Member[]): boolean {
    if (roster.length === 0 || roster.some((m) => m.host !== this.#o.host || m.lives())) return false;
    for (const { incarnation } of roster) if (incarnation !== '') this.#o.endMarked(incarnation);
    return true;
  }

  #takeBack(c: Candidate, rounds: number, then: () => void): void {
    const { store } = this.#o;
    if (rounds === 0) return then();
    this.#ask(store.releaseChunk(c.id), (released) => {
      if (released > 0) return this.#takeBack(c, rounds - 1, then);
      this.#ask(store.stillHeld(c.id), (left) => (left === 0 ? then() : this.#takeBack(c, rounds - 1, then)));
    });
  }

  /** What fails is done at the next look. */
  #ask<T>(program: Program<T>, then: (result: T) => void): void {
    const { store, client } = this.#o;
    store.run(client, program, (result) => {
      if (!this.#o.alive()) return;
      if (result instanceof WorldError) this.#looking = false;
      else then(result);
    });
  }
}
