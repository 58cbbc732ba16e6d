/**
 * Names of Linux signals by number, and how an end is said: `ended by signal 9 (SIGKILL)`. Called wherever an end of a
 * process becomes a sentence. The numbers are those of x86 and ARM, the only machines that we run on.
 */

const NAMES: readonly string[] = (
  'HUP INT QUIT ILL TRAP ABRT BUS FPE KILL USR1 SEGV USR2 PIPE ALRM TERM STKFLT CHLD CONT STOP TSTP TTIN TTOU URG XCPU ' +
  'XFSZ VTALRM PROF WINCH IO PWR SYS'
).split(' ');

/** `9 (SIGKILL)`; a number alone where Linux has no name for it. */
export function signalText(signal: number): string {
  const name = NAMES[signal - 1];
  return name === undefined ? String(signal) : `${signal} (SIG${name})`;
}

/** How a process ended: `exit code 3`, `ended by signal 15 (SIGTERM)`. */
export function endText({ exitCode, signal }: { exitCode: number | null; signal: number | null }): string {
  if (signal !== null) return `ended by signal ${signalText(signal)}`;
  return `exit code ${exitCode ?? 'unknown'}`;
}
