/**
 * How many jobs wait, for the bar and the time that is left. A few are counted each time. Many are counted now and then, as
 * often as that costs little; what the launcher has taken since is subtracted.
 */
import { systemClock } from '../base/clock.ts';
import {
  TOTAL_COUNT_EVERY_MS,
  TOTAL_COUNT_LIMIT,
  TOTAL_COUNT_SHARE,
  WAITING_COUNT_LIMIT,
} from '../base/limits.ts';

export class Waiting {
  readonly #clock: () => number;
  /** The last count up to WAITING_COUNT_LIMIT. */
  #few = 0;
  /** The last count of all, what had been taken by then, and when the next is due; null where few wait. */
  #all: { count: number; taken: number; due: number } | null = null;

  #settled: { count: number; more: boolean } | null = null;

  constructor(clock: () => number = () => systemClock.monotonic()) {
    this.#clock = clock;
  }

  /** Counts by `count`, which takes a limit and gives null when there is no answer; `taken`: by this launcher until now. */
  async look(count: (limit: number) => Promise<number | null>, taken: number): Promise<void> {
    this.#few = (await count(WAITING_COUNT_LIMIT)) ?? this.#few;
    if (this.#few < WAITING_COUNT_LIMIT) {
      this.#all = null;
      return;
    }
    const from = this.#clock();
    if (this.#all !== null && from < this.#all.due) return;
    const all = await count(TOTAL_COUNT_LIMIT);
    if (all === null) return;
    const until = this.#clock();
    const pause = Math.max(TOTAL_COUNT_EVERY_MS, (until - from) / TOTAL_COUNT_SHARE);
    this.#all = { count: all, taken, due: until + pause };
  }

  /** What was counted once and for all, at the end. */
  settle({ count, more }: { count: number; more: boolean }): void {
    this.#settled = { count, more };
  }

  /** `more`: that many or more. */
  now(taken: number): { count: number; more: boolean } {
    if (this.#settled !== null) return this.#settled;
    const all = this.#all;
    if (all === null) return { count: this.#few, more: false };
    const count = Math.max(this.#few, all.count - Math.max(0, taken - all.taken));
    return { count, more: all.count >= TOTAL_COUNT_LIMIT };
  }
}
