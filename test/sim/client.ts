/**
 * A client of the simulated database: a process with two pools of connections, and the programs that it runs on them. A
 * program is one statement, or a script of several, in one transaction or each for itself.
 */
import type { Work } from './rows.ts';
import type { World } from './world.ts';

/** Yields statements, is given their results. */
export type Script<T> = Generator<Work<unknown>, T | Rollback<T>, unknown>;

/** Several statements, or one for itself. `repeats`: what a deadlock undid is sent again, as `again` of src/store does. */
export type Program<T> = { repeats?: true } & (
  | { transaction: boolean; script: () => Script<T> }
  | { work: Work<T> }
);

/** A script's result that undoes its transaction. */
export class Rollback<T> {
  readonly value: T;

  constructor(value: T) {
    this.value = value;
  }
}

export function* send<T>(work: Work<T>): Generator<Work<unknown>, T, unknown> {
  return (yield work) as T;
}

/** Connections of a pool: those for leases and commits, and the heartbeat's own. As in src/coordinator/session.ts. */
const CONNECTIONS = { work: 3, heart: 1 } as const;
export type PoolName = keyof typeof CONNECTIONS;

/** A process with sessions. */
export class Client {
  readonly name: string;
  /** Grows from process to process of one launcher. */
  readonly number: number;
  /** Its name begins the application name of all sessions that this launcher ever had. */
  launcher: number;
  /** Its statements end in time, and it waits no longer than that; a user's do not. */
  readonly hasDeadline: boolean;
  stalledUntil = 0;
  isDead = false;
  readonly pools = { work: new Pool('work'), heart: new Pool('heart') };
  readonly #network: { awayUntil: number };

  /** `network`: what its host reaches; nothing until then. */
  constructor(
    name: string,
    number: number,
    launcher: number,
    network: { awayUntil: number },
    hasDeadline = true,
  ) {
    this.name = name;
    this.number = number;
    this.launcher = launcher;
    this.hasDeadline = hasDeadline;
    this.#network = network;
  }

  get awayUntil(): number {
    return this.#network.awayUntil;
  }
}

export interface Turn {
  readonly deadline: number;
  begin: () => void;
  lose: () => void;
}

export class Pool {
  readonly #busy = new Set<Turn>();
  readonly #waiting: Turn[] = [];
  readonly #size: number;
  #isWatched = false;

  constructor(name: PoolName) {
    this.#size = CONNECTIONS[name];
  }

  /** At the deadline of the first that is busy every connection is dropped, and what was in flight on them is unknown. */
  watch(world: World): void {
    if (this.#isWatched) return;
    let first = Infinity;
    for (const turn of this.#busy) first = Math.min(first, turn.deadline);
    if (first === Infinity) return;
    this.#isWatched = true;
    world.at(first, () => {
      this.#isWatched = false;
      const turns = Array.from(this.#busy);
      if (turns.some((turn) => turn.deadline <= world.now)) for (const turn of turns) turn.lose();
      this.watch(world);
    });
  }

  enter(turn: Turn): void {
    if (this.#busy.size >= this.#size) {
      this.#waiting.push(turn);
      return;
    }
    this.#busy.add(turn);
    turn.begin();
  }

  leave(turn: Turn): void {
    if (!this.#busy.delete(turn)) return;
    const next = this.#waiting.shift();
    if (next) this.enter(next);
  }
}
