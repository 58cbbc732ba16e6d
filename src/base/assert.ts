/**
 * Assertions for what only a bug can break. A failed one stops the process loudly: a launcher that goes on with a
 * wrong belief may run a job twice.
 */

/** Throws when `condition` is false; the message says what was believed. */
export function assert(condition: unknown, belief: string): asserts condition {
  if (!condition) throw new Error(`assertion failed: ${belief}`);
}

/** For the default branch of an exhaustive switch: reached only when a case was forgotten. */
export function unreachable(value: never, what: string): never {
  throw new Error(`assertion failed: ${what} cannot be ${JSON.stringify(value)}`);
}
