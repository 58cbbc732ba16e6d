/**
 * What /proc says of a process of this host and pid namespace. A pid alone names nobody (they are used again); a pid with
 * its start time does. Called wherever a process is recorded and looked for later. Must never guess: gone is null.
 */
import fs from 'node:fs';

/** Whether a signal of this number has come to this process and waits, because all of its threads block it. */
export function isPending(signal: number): boolean {
  let status: string;
  try {
    status = fs.readFileSync('/proc/self/status', 'latin1');
  } catch {
    return false; // no file can be opened just now: the next look tells
  }
  const bit = 1n << BigInt(signal - 1);
  return [...status.matchAll(/^S(?:ig|hd)Pnd:\s*([0-9a-f]+)/gm)].some(
    ([, mask]) => (BigInt(`0x${mask}`) & bit) !== 0n,
  );
}

/** Start time of process `pid` in clock ticks since boot, as text; null when there is none, or it is dead and not yet reaped. */
export function processStartTime(pid: number): string | null {
  let text: string;
  try {
    text = fs.readFileSync(`/proc/${pid}/stat`, 'utf8');
  } catch {
    return null;
  }
  // The command name (field 2) may hold spaces and brackets: fields are counted from the last bracket.
  const fields = text.slice(text.lastIndexOf(')') + 2).split(' ');
  if (fields[0] === 'Z' || fields[0] === 'X') return null;
  return fields[19] ?? null;
}
