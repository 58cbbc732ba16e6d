/**
 * Makes a failing run small enough to be read: it is run again without some of its parts (faults, jobs, kinds of bad
 * weather), and what is not needed for the same violation stays away. Chunks first, then one by one, until nothing more can
 * go or the time is over.
 */
import type { SeedFailure } from './scenario.ts';

/** Runs again at most, and for as long, milliseconds. */
const MAX_RUNS = 200;
const MAX_MS = 30_000;

/** What was violated, without the names and numbers of this one case. */
export function propertyOf(what: string): string {
  return what.split('\n')[0]!.replace(/\b\w*\d[\w.#]*/g, '*');
}

/** `run` runs the same seed with these parts only: its failure, or null when all holds. */
export function shrink(
  first: SeedFailure,
  run: (only: ReadonlySet<string>) => SeedFailure | null,
  clock: () => number = Date.now,
): { smallest: SeedFailure; runs: number } {
  const property = propertyOf(first.what);
  const until = clock() + MAX_MS;
  let smallest = first;
  let parts = [...first.parts];
  let runs = 0;
  for (let size = Math.ceil(parts.length / 2); size >= 1;) {
    let gone = 0;
    for (let at = 0; at < parts.length;) {
      if (runs >= MAX_RUNS || clock() > until) return { smallest, runs };
      const rest = parts.toSpliced(at, size);
      runs += 1;
      const failure = run(new Set(rest));
      if (failure !== null && propertyOf(failure.what) === property) {
        gone += parts.length - rest.length;
        parts = rest;
        smallest = failure;
      } else at += size;
    }
    if (size > 1) size = Math.ceil(size / 2);
    else if (gone === 0) break;
  }
  return { smallest, runs };
}
