/**
 * Timers as messages: time reaches an actor through its mailbox like everything else.
 *
 * Why it exists: a callback that touches an actor's state runs beside its receive(); a message does not. And who judges
 * others by time must know when its own clock stood still: each message can carry how late its timer was.
 * Who calls it: the shells round the cores; supervisor.ts takes the Scheduler.
 * It must never fire after stop() or cancel(), pile up ticks while the mailbox is full, or catch up on ticks it missed.
 */
import { assert } from '../base/assert.ts';
import { systemClock } from '../base/clock.ts';
import { MailboxClosed } from './mailbox.ts';

/** Where timers come from: the system, or a test's own clock. */
export interface Scheduler {
  /** Milliseconds of a monotonic clock. */
  now(): number;
  /** Calls `callback` once after `ms`; returns what cancels it. */
  after(ms: number, callback: () => void): () => void;
}

export const systemScheduler: Scheduler = {
  now: () => systemClock.monotonic(),
  after: (ms, callback) => {
    const handle = setTimeout(callback, ms);
    return () => clearTimeout(handle);
  },
};

/** Milliseconds. setTimeout takes a signed 32-bit number and fires at once for anything larger. */
export const maxDelayMs = 2 ** 31 - 1;

/** A message, or a function that makes it from the lateness of the timer in milliseconds (never negative). */
export type TimerMessage<M> = M | ((lateMs: number) => M);

type Armed = { cancel: () => void };

export class Timers<M> {
  readonly #target: { send(message: M): Promise<void> };
  readonly #scheduler: Scheduler;
  readonly #armed = new Map<string | symbol, Armed>();
  #stopped = false;

  /** `target` is usually the Actor itself. */
  constructor(target: { send(message: M): Promise<void> }, scheduler: Scheduler = systemScheduler) {
    this.#target = target;
    this.#scheduler = scheduler;
  }

  /** Timers that are armed. */
  get size(): number {
    return this.#armed.size;
  }

  /**
   * Sends `message` once, `ms` from now. A timer of the same key is replaced; without a key it can't be cancelled alone.
   * While the mailbox is full the message waits at its door. After stop() nothing is armed.
   */
  after(ms: number, message: TimerMessage<M>, key: string | symbol = Symbol('after')): void {
    this.#check(ms);
    this.#arm(key, this.#scheduler.now() + ms, (lateMs) => {
      this.#armed.delete(key);
      void this.#deliver(message, lateMs);
    });
  }

  /**
   * Sends `message` each `ms`, first `ms` from now, without drift. A tick that comes late says so, and those missed behind
   * it are left out; so are those that come while the last one still waits for room in the mailbox.
   */
  every(ms: number, message: TimerMessage<M>, key: string | symbol = Symbol('every')): void {
    this.#check(ms);
    assert(ms > 0, 'the period of a timer is positive');
    let waits = false;
    let due = this.#scheduler.now() + ms;
    const tick = (lateMs: number): void => {
      if (!waits) {
        waits = true;
        void this.#deliver(message, lateMs).then(() => {
          waits = false;
        });
      }
      const now = this.#scheduler.now();
      due = due + ms > now ? due + ms : now + ms;
      this.#arm(key, due, tick);
    };
    this.#arm(key, due, tick);
  }

  /** Disarms the timer of this key; a message that it has sent already still arrives. Unknown keys are fine. */
  cancel(key: string | symbol): void {
    this.#armed.get(key)?.cancel();
    this.#armed.delete(key);
  }

  /** Disarms all of them, for good. */
  stop(): void {
    this.#stopped = true;
    for (const { cancel } of this.#armed.values()) cancel();
    this.#armed.clear();
  }

  #check(ms: number): void {
    assert(ms >= 0 && ms <= maxDelayMs, `a timer's delay is between 0 and ${maxDelayMs} ms, not ${ms}`);
  }

  #arm(key: string | symbol, due: number, fire: (lateMs: number) => void): void {
    if (this.#stopped) return;
    this.cancel(key);
    const cancel = this.#scheduler.after(Math.max(0, due - this.#scheduler.now()), () => {
      fire(Math.max(0, this.#scheduler.now() - due));
    });
    this.#armed.set(key, { cancel });
  }

  /** Resolves when the message is in the mailbox. An actor that has ended needs no timers any more. */
  async #deliver(message: TimerMessage<M>, lateMs: number): Promise<void> {
    const made = typeof message === 'function' ? (message as (lateMs: number) => M)(lateMs) : message;
    try {
      await this.#target.send(made);
    } catch (error) {
      if (!(error instanceof MailboxClosed)) throw error;
      this.stop();
    }
  }
}
