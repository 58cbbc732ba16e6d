/**
 * The two kinds of error that cross rooms.
 *
 * `UserError` is a mistake of the person who typed: the command line prints its one sentence on stderr without a
 * stack trace and exits with `exitCode`. Everything that the world may do to us (database away, fence lost) is a
 * `WorldError` with a code that somebody handles. A bug is neither: it is an ordinary Error and stops the process.
 */

/** Exit codes of every command: 0 done, 1 the thing failed, 2 the words were wrong (`balsam help exit-codes` has them all). */
export const EXIT_FAILED = 1;
export const EXIT_USAGE = 2;

/** A person's mistake, in one sentence that names the field, the value and what to do. */
export class UserError extends Error {
  override readonly name = 'UserError';
  readonly exitCode: number;
  /** What it names may pass by itself: who can wait tries again. */
  readonly passing: boolean;
  constructor(message: string, exitCode: number = EXIT_USAGE, { passing = false } = {}) {
    super(message);
    this.exitCode = exitCode;
    this.passing = passing;
  }
}

/** What may go wrong without anybody's mistake; every code is provoked by a test. */
export type WorldErrorCode =
  | 'unavailable' // Postgres does not answer, or can't do it now (disk full, too many connections …): nothing was done
  | 'outcome-unknown' // the connection was lost, or a deadline passed, with a statement in flight
  | 'fenced' // the launcher's row is not ours any more under this epoch
  | 'wrong-server' // another database than the one we began with, or one in recovery
  | 'rejected'; // Postgres refused the values (SQLSTATE class 22, 23 or 54)

/** A failure of the world: a value with a code, not a bug. */
export class WorldError extends Error {
  override readonly name = 'WorldError';
  readonly code: WorldErrorCode;
  constructor(code: WorldErrorCode, message: string, cause?: unknown) {
    super(message, cause === undefined ? undefined : { cause });
    this.code = code;
  }
}

/** For the main of a process: a person's mistake is said in its sentence and gives its exit code; anything else is thrown. */
export function exitCodeOf(error: unknown): number {
  if (!(error instanceof UserError)) throw error;
  console.error(error.message);
  return error.exitCode;
}

/** The message of anything that was thrown. */
export function messageOf(error: unknown): string {
  return error instanceof Error ? error.message : String(error);
}
