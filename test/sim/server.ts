/**
 * The database server in time: sessions whose statements take time, wait for the rows of others, are cancelled by
 * statement_timeout, go on when their client is long dead, and commit late when the disk is slow. What is past the point,
 * its commit on the way to the disk, no signal stops. Each session is one client's connection for one program.
 *
 * Called by what clients have under way (call.ts); which rows there are, and what statements do with them, is the store's affair.
 */
import { IDLE_IN_TRANSACTION_MS, STATEMENT_TIMEOUT_MS } from '../../src/base/limits.ts';
import type { Client } from './client.ts';
import { Transaction, Transactions, type Statement, type Work } from './rows.ts';
import type { World } from './world.ts';

export interface StoreWeather {
  /** Share of round trips whose outcome stays unknown to the client; that fail with nothing done; that take long. */
  unknown: number;
  failed: number;
  slow: number;
}

export const CALM_STORE: StoreWeather = { unknown: 0, failed: 0, slow: 0 };

/** On the way, in the statement and its commit together, and longer at one point of it; Infinity: until it is cancelled. */
export interface Travel {
  begin: number;
  takes: number;
  slow: number;
}

/** cancelled: the server ended it and nothing was done; deadlock: to let others go on. broken: the connection is gone. */
export type Heard = { value: unknown } | 'cancelled' | 'deadlock' | 'broken';

/** A client that is gone without a word is noticed after this by TCP; a transaction of its ends before that, milliseconds. */
const EOF_MS = 50;
/** A signal is heeded after this at the latest, milliseconds. A guess: a backend that waits for its disk heeds none. */
const SIGNAL_MS = 5_000;
/** Who waits so long is looked at for a deadlock, milliseconds: deadlock_timeout. */
const DEADLOCK_MS = 1_000;
/** Locks of a statement, before one of which it may stand still. */
const POINTS = 3;

export class Server {
  weather: StoreWeather;
  /** Not reachable by anybody until then. */
  awayUntil = 0;
  /** Its clock is ahead of true time by this. */
  clockStep = 0;
  readonly timeout = STATEMENT_TIMEOUT_MS;
  readonly world: World;
  readonly transactions: Transactions;
  readonly sessions = new Set<Session>();
  #disk = { until: 0, ms: 0 };

  constructor(world: World, weather: StoreWeather) {
    this.world = world;
    this.weather = weather;
    this.transactions = new Transactions();
  }

  /** By this clock heartbeats are written and silence is judged. */
  clock(): number {
    return this.world.now + this.clockStep;
  }

  /** Until then a commit takes up to `ms`. */
  slowDisk(until: number, ms: number): void {
    this.world.trace(`store: its disk is slow until ${until.toFixed(0)}, up to ${ms} ms a commit`);
    this.#disk = { until, ms };
  }

  /** What a commit waits for its disk. */
  flushMs(): number {
    return this.world.now < this.#disk.until ? this.world.between(0, this.#disk.ms) : 0;
  }

  connect(client: Client): Session {
    const session = new Session(this, client);
    this.sessions.add(session);
    return session;
  }

  /** pg_terminate_backend for all that the clients of this launcher have under way, but for one client. */
  endSessions(launcher: number, but: Client): number {
    let told = 0;
    for (const s of Array.from(this.sessions)) {
      if (s.client.launcher !== launcher || s.client === but) continue;
      told += 1;
      if (this.world.chance() < 0.6) s.terminate();
      else this.world.after(this.world.between(0, SIGNAL_MS), () => s.terminate());
    }
    return told;
  }

  /** It stops at once and is back at `until`: what was on its way to the disk may be there or not, all else is undone. */
  crash(until: number): void {
    this.world.trace(`store: crashes, away until ${until.toFixed(0)}`);
    this.awayUntil = until;
    const sessions = Array.from(this.sessions);
    for (const s of sessions) s.stop();
    for (const s of sessions) s.crash();
  }
}

export class Session {
  readonly client: Client;
  isOver = false;
  readonly #server: Server;
  readonly #world: World;
  #tx: Transaction | null = null;
  #running: { statement: Statement; give: (heard: Heard) => void; until: number } | null = null;
  /** Its commit is on the way to the disk. */
  #flush: ((committed: boolean) => void) | null = null;
  /** Requests on their way. */
  #coming = 0;
  #gone = false;

  constructor(server: Server, client: Client) {
    this.#server = server;
    this.#world = server.world;
    this.client = client;
  }

  receive(
    request: Work<unknown> | 'commit' | 'rollback',
    autocommit: boolean,
    travel: Travel,
    give: (heard: Heard) => void,
  ): void {
    this.#coming += 1;
    this.#world.after(travel.begin, () => {
      this.#coming -= 1;
      if (this.isOver) return give('broken');
      if (request === 'commit') return this.#commit({ value: null }, travel, give);
      if (request !== 'rollback') return this.#execute(request, autocommit, travel, give);
      this.#abort();
      this.#rests();
      give({ value: null });
    });
  }

  #execute(work: Work<unknown>, autocommit: boolean, travel: Travel, give: (heard: Heard) => void): void {
    const { transactions, timeout } = this.#server;
    this.#tx ??= new Transaction(this.client.name);
    const statement = transactions.statement(this.#tx);
    const until = this.client.hasDeadline ? this.#world.now + timeout : Infinity;
    this.#running = { statement, give, until };
    let { slow } = travel;
    const pause = (then: () => void): void => {
      const at = this.#world.now + slow;
      slow = 0;
      this.#world.at(Math.min(at, until), () => {
        if (this.#running?.statement !== statement) return;
        if (at > until) this.#undo('cancelled');
        else then();
      });
    };
    // Most often before its fence, with an older and older snapshot; or at a later lock, or at its end, where it holds all.
    if (slow > 0) statement.pauseBefore = Math.max(0, this.#world.int(-POINTS, POINTS));
    const steps = work(statement);
    const done = (value: unknown): void => {
      if (slow > 0) return pause(() => done(value));
      transactions.ended(statement);
      this.#running = null;
      if (autocommit) return this.#commit({ value }, travel, give);
      this.#rests();
      give({ value });
    };
    const drive = (): void => {
      const step = steps.next();
      if (step.done) return done(step.value);
      if (step.value === 'pause') return pause(drive);
      this.#waits(statement, step.value, drive);
      return undefined;
    };
    drive();
  }

  #waits(statement: Statement, at: Parameters<Transactions['waits']>[1], drive: () => void): void {
    const { transactions } = this.#server;
    const running = this.#running!;
    this.#world.trace(`store: ${this.client.name} waits for ${at.row.key}`);
    statement.wake = () => {
      transactions.goesOn(statement);
      drive();
    };
    transactions.waits(statement, at);
    if (transactions.circle(statement))
      this.#world.after(DEADLOCK_MS, () => {
        const circle = this.#running === running && transactions.circle(statement);
        if (!circle) return;
        this.#world.trace(`store: deadlock: ${circle}`);
        this.#undo('deadlock');
      });
    if (running.until < Infinity)
      this.#world.at(running.until, () => {
        if (this.#running === running && statement.tx.waitsFor) this.#undo('cancelled');
      });
  }

  /** statement_timeout, or a deadlock. */
  #undo(why: 'cancelled' | 'deadlock'): void {
    const { give } = this.#running!;
    this.#world.trace(`store: a statement of ${this.client.name} is undone: ${why}`);
    this.#abort();
    this.#rests();
    give(why);
  }

  /** What wrote nothing has nothing to wait for. */
  #commit(heard: Heard, travel: Travel, give: (heard: Heard) => void): void {
    const tx = this.#tx;
    if (!tx || tx.written.size === 0) {
      if (tx) this.#server.transactions.commit(tx);
      this.#tx = null;
      this.#rests();
      return give(heard);
    }
    const end = (committed: boolean): void => {
      if (this.#flush !== end) return;
      this.#flush = null;
      this.#tx = null;
      if (this.client.isDead)
        this.#world.trace(`store: ${this.client.name} is dead, and commits all the same`);
      if (committed) this.#server.transactions.commit(tx);
      else this.#server.transactions.abort(tx);
      this.#rests();
      give(committed && !this.isOver ? heard : 'broken');
    };
    this.#flush = end;
    this.#world.after(travel.takes + this.#server.flushMs(), () => end(true));
  }

  #abort(): void {
    const { transactions } = this.#server;
    if (this.#running) transactions.ended(this.#running.statement);
    this.#running = null;
    const tx = this.#tx;
    this.#tx = null;
    if (tx) transactions.abort(tx);
  }

  get #isBusy(): boolean {
    return this.#running !== null || this.#flush !== null;
  }

  /** Nothing is under way: a client that is gone is noticed now. */
  #rests(): void {
    if (this.#isBusy) return;
    if (this.#gone && this.#coming === 0) this.#end();
  }

  #end(): void {
    this.isOver = true;
    this.#abort();
    this.#server.sessions.delete(this);
  }

  // --- what happens to its client ---

  /** The client needs it no more, and everything is done. */
  close(): void {
    this.#gone = true;
    this.#rests();
  }

  /** The connection is closed: what runs goes on to its end; an open transaction ends with the next read. */
  hangUp(): void {
    this.#world.after(this.#world.between(0, EOF_MS), () => this.close());
  }

  /** No word and no end: idle_in_transaction_session_timeout. */
  fallsSilent(): void {
    this.#world.after(IDLE_IN_TRANSACTION_MS, () => this.close());
  }

  /** The client does nothing until then; a user's session has no idle_in_transaction_session_timeout. */
  standsStill(until: number): void {
    const over = this.#world.now + IDLE_IN_TRANSACTION_MS;
    if (this.client.hasDeadline && this.#tx && over < until)
      this.#world.at(over, () => {
        if (this.#isBusy || this.isOver) return;
        this.#world.trace(`store: a transaction of ${this.client.name} was idle too long`);
        this.#end();
      });
  }

  terminate(): void {
    if (this.isOver) return;
    // Past the point: it ends when it has committed.
    this.#gone = true;
    if (this.#flush) return;
    const give = this.#running?.give;
    this.#end();
    give?.('broken');
  }

  /** Nothing of it goes on, whoever lets go of what. */
  stop(): void {
    this.isOver = true;
    if (this.#running) this.#server.transactions.ended(this.#running.statement);
  }

  crash(): void {
    const give = this.#running?.give;
    this.#flush?.(this.#world.chance() < 0.5);
    this.#end();
    give?.('broken');
  }
}
