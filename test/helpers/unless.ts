/**
 * Tests that need what not every machine has. Where it is missing they are skipped, never passed: the reason stands in the
 * title, so that `npm test` prints it, counts it, and fails in CI.
 */
import type { ExecutionContext } from 'ava';

type Body = (t: ExecutionContext) => void | Promise<void>;
type Register = (title: string, body: Body) => void;

/** Registers tests by `register` (`test` or `test.serial`); with a `reason` why they can't run here, by its `skip`. */
export function unless(reason: string | null, register: Register & { skip: Register }): Register {
  return reason === null ? register : (title, body) => register.skip(`${title} (${reason})`, body);
}

/** Why tests can't act as several accounts; null as root. */
export const NOT_ROOT: string | null = process.getuid?.() === 0 ? null : 'only root can';
