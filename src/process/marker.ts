/**
 * Finds and ends processes by a marker: one exact `NAME=value` entry in their environment, given to every job at its
 * start and inherited by all it makes. It is the last resort when whoever could have reaped them is dead: a lost
 * helper's job, orphans of a dead incarnation. Who calls it: helper.ts, the agent, the rescuer.
 * It must never touch a process without the exact entry, nor the calling process itself.
 */
import { setImmediate as nextTurn, setTimeout as delay } from 'node:timers/promises';
import { END_BY_MARKER_MS, END_POLL_FIRST_MS, END_POLL_MAX_MS } from '../base/process-limits.ts';
import { listPids, readEnviron } from './proc.ts';

/** A walk over thousands of processes leaves room for other work after so long, milliseconds. Guess: half of 50. */
const WALK_MS = 20;

/** Pids of the living processes whose environment has exactly this entry, the caller excepted. Zombies have none. */
export async function findByMarker(name: string, value: string | readonly string[]): Promise<number[]> {
  const values = typeof value === 'string' ? [value] : value;
  const entries = new Set(values.map((v) => Buffer.from(v, 'utf8').toString('latin1')));
  const found: number[] = [];
  let since = performance.now();
  for (const pid of listPids()) {
    if (pid !== process.pid && hasOneOf(readEnviron(pid), name, entries)) found.push(pid);
    if (performance.now() - since < WALK_MS) continue;
    // oxlint-disable-next-line no-await-in-loop
    await nextTurn();
    since = performance.now();
  }
  return found;
}

/** Whether an environ text has the name with one of the values. */
function hasOneOf(environ: string, name: string, values: ReadonlySet<string>): boolean {
  const start = `${name}=`;
  for (let at = environ.indexOf(start); at >= 0; at = environ.indexOf(start, at + 1)) {
    if (at > 0 && environ[at - 1] !== '\0') continue;
    const end = environ.indexOf('\0', at);
    if (values.has(environ.slice(at + start.length, end < 0 ? undefined : end))) return true;
  }
  return false;
}

/** Whether an environ text (entries ended by NUL, the last maybe not) has exactly `entry`. */
export function hasEntry(environ: string, entry: string): boolean {
  for (let at = environ.indexOf(entry); at >= 0; at = environ.indexOf(entry, at + 1)) {
    const end = at + entry.length;
    if ((at === 0 || environ[at - 1] === '\0') && (end === environ.length || environ[end] === '\0'))
      return true;
  }
  return false;
}

export interface EndByMarkerOptions {
  /** Processes to spare although they carry the marker (the helpers that go on). */
  readonly exceptPids?: Iterable<number>;
  /** Milliseconds after which it stops trying. */
  readonly deadlineMs?: number;
}

/**
 * KILLs every process with the marker (with one of its values) until two looks in a row find none, or the deadline has passed.
 * Returns how many were ended and who is left (stuck in the kernel, or not ours to signal); repeat it freely.
 */
export async function endByMarker(
  name: string,
  value: string | readonly string[],
  options: EndByMarkerOptions = {},
): Promise<{ ended: number; left: number[] }> {
  const except = new Set(options.exceptPids);
  const until = performance.now() + (options.deadlineMs ?? END_BY_MARKER_MS);
  const seen = new Set<number>();
  let pause = END_POLL_FIRST_MS;
  // One clean look is no proof: a process may have forked between being listed and being read, its child below the cursor.
  for (let clean = 0; ;) {
    const found = (await findByMarker(name, value)).filter((pid) => !except.has(pid));
    for (const pid of found) {
      seen.add(pid);
      tryKill(pid);
    }
    clean = found.length === 0 ? clean + 1 : 0;
    if (clean === 2) return { ended: seen.size, left: [] };
    if (performance.now() >= until) return { ended: seen.size - found.length, left: found };
    await delay(pause);
    pause = Math.min(END_POLL_MAX_MS, pause * 2);
  }
}

function tryKill(pid: number): void {
  try {
    process.kill(pid, 'SIGKILL');
  } catch {
    // Gone already, or of another uid: the next look tells.
  }
}
