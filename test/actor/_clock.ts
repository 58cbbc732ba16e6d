/** A clock that a test moves by hand. It must never fire a timer before its time or out of order. */
import type { Scheduler } from '../../src/actor/timer.ts';

export class ManualScheduler implements Scheduler {
  #now = 0;
  #timers: { due: number; callback: () => void }[] = [];

  now(): number {
    return this.#now;
  }

  after(ms: number, callback: () => void): () => void {
    const timer = { due: this.#now + ms, callback };
    this.#timers.push(timer);
    return () => {
      this.#timers = this.#timers.filter((other) => other !== timer);
    };
  }

  get armed(): number {
    return this.#timers.length;
  }

  /** Moves the time on, firing what is due one by one and letting promises settle after each. */
  async advance(ms: number): Promise<void> {
    const end = this.#now + ms;
    for (;;) {
      const next = this.#timers.filter((timer) => timer.due <= end).toSorted((a, b) => a.due - b.due)[0];
      if (next === undefined) break;
      this.#now = Math.max(this.#now, next.due);
      this.#fire(next);
      await settle();
    }
    this.#now = end;
    await settle();
  }

  /** As if the process had been stopped for this long: all that fell due fires at its end. */
  async stall(ms: number): Promise<void> {
    this.#now += ms;
    for (const timer of this.#timers
      .filter((other) => other.due <= this.#now)
      .toSorted((a, b) => a.due - b.due)) {
      this.#fire(timer);
    }
    await settle();
  }

  #fire(timer: { callback: () => void }): void {
    this.#timers = this.#timers.filter((other) => other !== timer);
    timer.callback();
  }
}

export async function settle(): Promise<void> {
  for (let round = 0; round < 3; round++) await new Promise((resolve) => setImmediate(resolve));
}
