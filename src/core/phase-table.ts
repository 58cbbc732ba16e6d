/**
 * Phases as tables: what a core tells apart in the life of a thing (an attempt, an agent, itself) is written down step by
 * step, and a step that is not in the table is a bug and throws. Called by the `phases.ts` of each core, which is the only
 * one that sets a phase.
 */
import { assert } from '../base/assert.ts';

/** One allowed step and its reason. A life begins from `in` and ends as `gone`. */
export interface PhaseStep<P extends string> {
  from: P | 'in';
  to: P | 'gone';
  when: string;
}

/** The names of the steps that were taken, for the simulation; null where nobody wants to know. */
export type Trail = Set<string> | null;

export class PhaseTable<P extends string> {
  readonly of: string;
  readonly steps: readonly PhaseStep<P>[];
  readonly #named: readonly { from: string; to: string; name: string }[];

  constructor(of: string, steps: readonly PhaseStep<P>[]) {
    this.of = of;
    this.steps = steps;
    this.#named = steps.map(({ from, to }) => ({ from, to, name: `${of} ${from}→${to}` }));
    assert(new Set(this.names()).size === steps.length, `each step of ${of} is written down once`);
  }

  /** Every name that a trail can hold. */
  names(): string[] {
    return this.#named.map((s) => s.name);
  }

  /** Asserts that the step is allowed, leaves it on the trail, and returns where it leads. */
  take<T extends P | 'gone'>(from: P | 'in', to: T, trail: Trail): T {
    // A short list of constants: walking it is faster than hashing two strings, and it is walked for each job.
    for (const s of this.#named) {
      if (s.from !== from || s.to !== to) continue;
      if (trail !== null) trail.add(s.name);
      return to;
    }
    assert(false, `${this.of} never goes from ${from} to ${to}`);
  }
}
