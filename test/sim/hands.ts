/**
 * Statements of a few sessions driven by hand, one step at a time: the words in which test/sim/interleavings.ts tells what
 * happens, and the simulated tables behind them. test/store/_hands.ts has the same words for a real Postgres.
 */
import type { CommitRows, RowOutcomes } from '../../src/core/coordinator/batch.ts';
import { leasedJob } from '../core/support/jobs.ts';
import { Client, Rollback, type Program, type Script } from './client.ts';
import { commit } from './commit-rows.ts';
import * as jobs from './job-rows.ts';
import * as launchers from './launcher-rows.ts';
import { Transaction, Transactions, type Stop, type Work } from './rows.ts';
import { HONEST, Tables, type Rules } from './tables.ts';
import { World } from './world.ts';

/** Under an epoch of launcher 1, when not told otherwise. */
export type Ask = { launcher?: number } & (
  | { kind: 'lease'; epoch: number; limit: number }
  | { kind: 'commit'; epoch: number; rows: CommitRows }
  | { kind: 'raise' | 'heartbeat' | 'bury'; epoch: number }
  | { kind: 'kill'; jobs: readonly string[] }
  | { kind: 'take back' }
);

/** done; waits for a lock; or held, as asked, after its snapshot and before its first lock. */
export type SentState = 'done' | 'waits' | 'held';

export interface Sent {
  state(): Promise<SentState>;
  /** Lets what was held go on. */
  go(): Promise<void>;
  /** When it is done. */
  answer(): Promise<string>;
}

export interface Hand {
  /** What follows is one transaction. */
  begin(): Promise<void>;
  commit(): Promise<void>;
  rollback(): Promise<void>;
  send(ask: Ask, how?: { held: boolean }): Promise<Sent>;
  /** Sends it and gives its answer. */
  ask(ask: Ask): Promise<string>;
}

/** A database with launchers 1 and 2, both of epoch 1. */
export interface Hands {
  hand(): Promise<Hand>;
  create(...ids: string[]): Promise<void>;
  /** `STATE launcher#attempt`, as it is committed. */
  row(id: string): Promise<string>;
}

export function leaseLine(leased: readonly { id: string; attempt: number }[]): string {
  return leased.map((j) => `${shortOf(j.id)}#${j.attempt}`).join(' ') || 'nothing';
}

export function outcomeLine(o: RowOutcomes): string {
  return [...o.patches, ...o.starts, ...o.ends, ...o.releases].join(' ');
}

/** One letter in the tests, a key in a table. */
export function idOf(letter: string): string {
  return `00000000-0000-4000-8000-00000000000${letter}`;
}

export function shortOf(id: string): string {
  return id.slice(-1);
}

/** The simulated tables by hand. */
export class ModelHands implements Hands {
  readonly #transactions: Transactions;
  readonly #tables: Tables;
  #sessions = 0;

  constructor(rules: Partial<Rules> = {}) {
    const world = new World(1);
    this.#transactions = new Transactions();
    this.#tables = new Tables(
      world,
      { ...HONEST, owner: false, ...rules },
      () => 0,
      () => {},
    );
    const by = new Client('first', 0, 1, { awayUntil: 0 });
    for (const name of ['one', 'two']) this.#do(launchers.insertLauncher(this.#tables, name, by));
  }

  #do(work: Work<unknown>): void {
    const tx = new Transaction('setup');
    const s = this.#transactions.statement(tx);
    work(s).next();
    this.#transactions.ended(s);
    this.#transactions.commit(tx);
  }

  async create(...ids: string[]): Promise<void> {
    const counts = { launcher: null, attempt: 0, tries: 0, lostEnds: 0 };
    for (const id of ids.map(idOf))
      this.#do((s) =>
        s.upsert(this.#tables.jobs.row(id), () => {
          return { ...counts, job: leasedJob(id), state: 'CREATED' as const, data: new Map() };
        }),
      );
  }

  async row(id: string): Promise<string> {
    const r = this.#tables.jobs.get(idOf(id))!;
    return `${r.state} ${r.launcher ?? '-'}#${r.attempt}`;
  }

  async hand(): Promise<Hand> {
    return new ModelHand(this.#tables, this.#transactions, ++this.#sessions);
  }
}

class ModelHand implements Hand {
  readonly #tables: Tables;
  readonly #transactions: Transactions;
  readonly #client: Client;
  #tx: Transaction | null = null;

  constructor(tables: Tables, transactions: Transactions, number: number) {
    this.#tables = tables;
    this.#transactions = transactions;
    this.#client = new Client(`session ${number}`, number, 1, { awayUntil: 0 });
  }

  async begin(): Promise<void> {
    this.#tx = new Transaction(this.#client.name);
  }

  async commit(): Promise<void> {
    this.#transactions.commit(this.#tx!);
    this.#tx = null;
  }

  async rollback(): Promise<void> {
    this.#transactions.abort(this.#tx!);
    this.#tx = null;
  }

  async ask(ask: Ask): Promise<string> {
    return (await this.send(ask)).answer();
  }

  async send(ask: Ask, { held } = { held: false }): Promise<Sent> {
    const run = new ModelRun(this.#transactions, this.#program(ask), this.#tx, held);
    return {
      state: async () => run.state,
      go: async () => run.go(),
      answer: async () => {
        if (run.state !== 'done') throw new Error(`it has no answer yet, it is ${run.state}`);
        return run.answer;
      },
    };
  }

  #program(ask: Ask): Program<string> {
    const t = this.#tables;
    const by = this.#client;
    const f = { launcher: ask.launcher ?? 1, epoch: 'epoch' in ask ? ask.epoch : 0 };
    const told = <T>(work: Work<T>, line: (result: T) => string): Program<string> => ({
      *work(s) {
        return line(yield* work(s));
      },
    });
    switch (ask.kind) {
      case 'lease':
        return told(jobs.lease(t, f, by, ask.limit, 1), leaseLine);
      case 'raise':
        return told(launchers.raise(t, f, by), String);
      case 'heartbeat':
        return told(launchers.heartbeat(t, f), String);
      case 'bury':
        return told(
          launchers.tombstone(t, { ...f, id: f.launcher, state: 'alive', silent: false }, 0, true),
          String,
        );
      case 'kill':
        return told(jobs.kill(t, ask.jobs.map(idOf)), (ids) => ids.map(shortOf).join(' ') || 'nothing');
      case 'take back':
        return told(launchers.releaseChunk(t, f.launcher), String);
      case 'commit': {
        const program = commit(t, f, by, ask.rows) as Extract<
          Program<RowOutcomes | null>,
          { transaction: boolean }
        >;
        return {
          transaction: program.transaction,
          *script() {
            const result = yield* program.script();
            const outcomes = result instanceof Rollback ? result.value : result;
            return outcomes ? outcomeLine(outcomes) : 'fenced off';
          },
        };
      }
    }
  }
}

/** One program; each statement commits when it is done, or the program at its end, unless its session has begun. */
class ModelRun {
  state: SentState = 'done';
  answer = '';
  readonly #transactions: Transactions;
  readonly #session: Transaction | null;
  readonly #inOne: boolean;
  readonly #script: Script<string>;
  #held: boolean;
  #tx: Transaction | null = null;
  #steps: Generator<Stop, unknown, void> | null = null;
  #ended: () => void = () => undefined;

  constructor(
    transactions: Transactions,
    program: Program<string>,
    session: Transaction | null,
    held: boolean,
  ) {
    this.#transactions = transactions;
    this.#session = session;
    this.#held = held;
    this.#inOne = 'transaction' in program && program.transaction;
    this.#script = 'work' in program ? alone(program.work) : program.script();
    this.#next(undefined);
  }

  #next(value: unknown): void {
    const step = this.#script.next(value);
    if (step.done) {
      this.#commit();
      this.state = 'done';
      this.answer = step.value as string;
      return;
    }
    this.#tx ??= this.#session ?? new Transaction('alone');
    const s = this.#transactions.statement(this.#tx);
    if (this.#held) s.pauseBefore = 0;
    this.#held = false;
    this.#ended = () => this.#transactions.ended(s);
    s.wake = () => {
      this.#transactions.goesOn(s);
      this.go();
    };
    this.#steps = step.value(s);
    this.#stopAt = (stop) => this.#transactions.waits(s, stop);
    this.go();
  }

  #stopAt: (stop: Exclude<Stop, 'pause'>) => void = () => undefined;

  go(): void {
    const step = this.#steps!.next();
    if (step.done) {
      this.#ended();
      if (!this.#inOne) this.#commit();
      return this.#next(step.value);
    }
    this.state = step.value === 'pause' ? 'held' : 'waits';
    if (step.value !== 'pause') this.#stopAt(step.value);
  }

  #commit(): void {
    if (this.#tx && !this.#session) this.#transactions.commit(this.#tx);
    this.#tx = null;
  }
}

function* alone(work: Work<string>): Script<string> {
  return (yield work) as string;
}
