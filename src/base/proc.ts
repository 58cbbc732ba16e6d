/**
 * What /proc says of a process of this host and pid namespace. A pid alone names nobody (they are used again); a pid with
 * its start time does. Called wherever a process is recorded and looked for later. Must never guess: gone is null.
 */
import fs from 'node:fs';

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
