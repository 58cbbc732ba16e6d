/**
 * The database server as its clients see it: a statement takes time, may fail with nothing done, or be lost in flight:
 * then its client does not know, and it may have been done, be done later, or never, even when the client is long dead.
 *
 * READ COMMITTED as far as these statements can see it: what a statement writes is seen at its commit and not before, its
 * fence is a lock on the launcher's row from its begin to its commit (key share), and a change of epoch or state (for
 * update) waits for all of them. Called by the parts that have a client; the tables are the store's.
 */
import { WorldError } from '../../src/base/errors.ts';
import type { World } from './world.ts';

export interface StoreWeather {
  /** Share of statements whose outcome stays unknown to the client; that fail with nothing done; that wait for a lock. */
  unknown: number;
  failed: number;
  slow: number;
}

export const CALM_STORE: StoreWeather = { unknown: 0, failed: 0, slow: 0 };

/** A client learns after this that it does not know; a statement is ended by the server before that, milliseconds. */
const DEADLINE_MS = 10_000;
const TIMEOUT_MS = 8_000;

/** A process with sessions. `name` begins the application name of all that a launcher ever had. */
export interface Client {
  name: string;
  /** Grows from process to process of one launcher. */
  number: number;
  launcher: number;
  /** It does not reach the server until then. */
  awayUntil: number;
}

/** What a statement does with the launcher's row. */
export interface Locks {
  launcher: number;
  lock: 'share' | 'update' | 'none';
}

interface Session {
  client: Client;
  /** Not begun, holding its locks, or over. */
  phase: 'sent' | 'begun' | 'over';
  locks: Locks;
  /** Tells its client that the connection broke. */
  broken: () => void;
}

/** A change of epoch or state that waits for the fences of others. */
interface Waiter {
  session: Session;
  since: number;
  act: (cancelled: boolean) => void;
}

export class Server {
  weather: StoreWeather;
  /** Not reachable by anybody until then. */
  awayUntil = 0;
  /** Its clock is ahead of true time by this. */
  clockStep = 0;
  readonly #world: World;
  readonly #sessions = new Set<Session>();
  readonly #waiters: Waiter[] = [];

  constructor(world: World, weather: StoreWeather) {
    this.#world = world;
    this.weather = weather;
  }

  /** By this clock heartbeats are written and silence is judged. */
  clock(): number {
    return this.#world.now + this.clockStep;
  }

  /**
   * Runs a statement as a client sees it: `work` happens once, at a time that the client may never learn of, or never.
   * `answer` gets the result, or the WorldError.
   */
  statement<T>(client: Client, locks: Locks, work: () => T, answer: (result: T | WorldError) => void): void {
    const w = this.#world;
    const latency = w.between(0.3, 3);
    const away = Math.max(this.awayUntil, client.awayUntil);
    if (w.now < away || w.chance() < this.weather.failed)
      return w.after(latency, () => answer(new WorldError('unavailable', 'not reachable')));
    const lost = (): void => answer(new WorldError('outcome-unknown', 'connection lost'));
    const broken = (): void => w.after(latency, lost);
    const session: Session = { client, phase: 'sent', locks, broken };
    this.#sessions.add(session);
    if (w.chance() < this.weather.unknown) {
      session.broken = (): void => undefined;
      return this.#lost(session, latency, work, answer);
    }
    const takes = w.chance() < this.weather.slow ? w.between(latency, TIMEOUT_MS) : latency;
    this.#run(session, latency / 2, takes, work, (result) => {
      const back = w.between(0.1, 2);
      const told = result === null ? new WorldError('unavailable', 'statement timeout') : result.value;
      w.after(back, () => answer(told));
    });
  }

  /** Its fate is chosen now; the client hears that the connection broke, or nothing until its deadline. */
  #lost<T>(s: Session, latency: number, work: () => T, answer: (result: WorldError) => void): void {
    const w = this.#world;
    const fate = w.chance();
    const ignore = (): void => undefined;
    if (fate < 0.3) this.#run(s, 0, latency, work, ignore);
    else if (fate < 0.55)
      this.#run(s, w.between(0, 2.5 * DEADLINE_MS), w.between(0, TIMEOUT_MS), work, ignore);
    else if (fate < 0.75) this.#run(s, latency / 2, w.between(latency, TIMEOUT_MS), work, ignore);
    // A transaction whose client is silent holds its locks until the server gives it up.
    else if (fate < 0.85) this.#run(s, latency / 2, w.between(latency, DEADLINE_MS), null, ignore);
    else this.#end(s);
    const known = w.chance() < 0.7 ? w.between(latency, 50) : w.between(latency, DEADLINE_MS);
    w.after(known, () => answer(new WorldError('outcome-unknown', 'connection lost')));
  }

  /** `done` hears null when the server ended it: nothing was done. Of a terminated one its client hears otherwise. */
  #run<T>(
    s: Session,
    begin: number,
    takes: number,
    work: (() => T) | null,
    done: (result: { value: T } | null) => void,
  ): void {
    const w = this.#world;
    const finish = (cancelled: boolean): void => {
      if (s.phase === 'over') return;
      const value = work && !cancelled ? { value: work() } : null;
      this.#end(s);
      done(value);
    };
    w.after(begin, () => {
      if (s.phase !== 'sent') return;
      s.phase = 'begun';
      w.after(takes, () => {
        if (s.locks.lock !== 'update' || !this.#fenced(s.locks.launcher, s)) return finish(false);
        this.#waiters.push({ session: s, since: w.now, act: finish });
        w.after(TIMEOUT_MS, () => this.#giveUp(s));
      });
    });
  }

  /** Somebody else holds the fence of this launcher. */
  #fenced(launcher: number, but: Session): boolean {
    for (const s of this.#sessions) {
      const holds = s.phase === 'begun' && s.locks.lock === 'share' && s.locks.launcher === launcher;
      if (holds && s !== but) return true;
    }
    return false;
  }

  #giveUp(s: Session): void {
    const at = this.#waiters.findIndex((x) => x.session === s);
    if (at >= 0) this.#waiters.splice(at, 1)[0]!.act(true);
  }

  #end(s: Session): void {
    s.phase = 'over';
    this.#sessions.delete(s);
    if (s.locks.lock !== 'share') return;
    for (const x of this.#waiters.slice()) {
      if (this.#fenced(x.session.locks.launcher, x.session)) continue;
      this.#waiters.splice(this.#waiters.indexOf(x), 1);
      x.act(false);
    }
  }

  /** Ends what the clients of this launcher have under way, but for one client; now and then one is not reached. */
  endSessions(launcher: number, but: Client): number {
    let ended = 0;
    for (const s of Array.from(this.#sessions)) {
      if (s.client.launcher !== launcher || s.client === but || this.#world.chance() < 0.4) continue;
      // The end of another has let it through meanwhile.
      if (s.phase === 'over') continue;
      ended += 1;
      const at = this.#waiters.findIndex((x) => x.session === s);
      if (at >= 0) this.#waiters.splice(at, 1);
      this.#end(s);
      s.broken();
    }
    return ended;
  }
}
