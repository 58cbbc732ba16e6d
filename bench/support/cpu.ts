/**
 * Where the CPU time of a run goes: Postgres, coordinator, agents, helpers, warden, the jobs themselves. Read from
 * /proc/PID/stat while the launcher lives, since a process that has ended tells nothing. Called by the rows that start a
 * launcher or a coordinator. It must never cost more than it measures: one pass over /proc takes about 2 ms (measured).
 */
import { readFileSync, readdirSync } from 'node:fs';

/** Ticks of /proc/PID/stat a second on every Linux that we know (USER_HZ). */
const HZ = 100;
const EVERY_MS = 400;

export type Part = 'postgres' | 'coordinator' | 'agent' | 'helper' | 'warden' | 'jobs' | 'other';

interface Seen {
  readonly ppid: number;
  readonly name: string;
  readonly own: number;
  readonly children: number;
}

/** Seconds of CPU by part, from `start` to `stop`. */
export class CpuMeter {
  readonly #warden: number;
  readonly #postmaster: number;
  readonly #first = new Map<number, Seen>();
  readonly #last = new Map<number, Seen>();
  /** Of the last look. */
  readonly #alive = new Set<number>();
  readonly #timer: NodeJS.Timeout;

  /** `warden` is the root of the launcher's processes, `postmaster` of the server's. */
  constructor(warden: number, postmaster: number) {
    this.#warden = warden;
    this.#postmaster = postmaster;
    this.#look();
    this.#timer = setInterval(() => this.#look(), EVERY_MS);
  }

  /** Ends the measuring; call it while the launcher still lives, or lose the last look's distance. */
  stop(): Record<Part, number> {
    clearInterval(this.#timer);
    this.#look();
    const parts: Record<Part, number> = {
      postgres: 0,
      coordinator: 0,
      agent: 0,
      helper: 0,
      warden: 0,
      jobs: 0,
      other: 0,
    };
    for (const [pid, now] of this.#last) {
      const before = this.#first.get(pid);
      const part = this.#partOf(pid, now);
      // A backend that has ended is among the postmaster's children.
      if (part === null || (part === 'postgres' && !this.#alive.has(pid))) continue;
      parts[part] += (now.own - (before?.own ?? 0)) / HZ;
      // What a helper has reaped are jobs; what the postmaster has reaped are backends.
      if (part === 'helper') parts.jobs += (now.children - (before?.children ?? 0)) / HZ;
      else if (pid === this.#postmaster) parts.postgres += (now.children - (before?.children ?? 0)) / HZ;
    }
    return parts;
  }

  #look(): void {
    this.#alive.clear();
    for (const entry of readdirSync('/proc')) {
      if (!/^\d+$/.test(entry)) continue;
      const pid = Number(entry);
      const seen = read(pid, (ppid) => pid === this.#warden || pid === this.#postmaster || this.#known(ppid));
      if (seen === null) continue;
      this.#alive.add(pid);
      if (!this.#first.has(pid)) {
        // A process that is born while we look counts from zero.
        this.#first.set(
          pid,
          pid === this.#postmaster || this.#last.size === 0 ? seen : { ...seen, own: 0, children: 0 },
        );
      }
      // A zombie has no command line any more.
      this.#last.set(pid, { ...seen, name: seen.name || (this.#last.get(pid)?.name ?? '') });
    }
  }

  #known(ppid: number): boolean {
    return ppid === this.#warden || ppid === this.#postmaster || this.#last.has(ppid);
  }

  #partOf(pid: number, seen: Seen): Part | null {
    if (pid === this.#postmaster || seen.ppid === this.#postmaster) return 'postgres';
    if (pid === this.#warden) return 'warden';
    if (/helper|nursery/.test(seen.name)) return 'helper';
    if (/coordinator/.test(seen.name)) return 'coordinator';
    if (/agent/.test(seen.name)) return 'agent';
    // The jobs are counted by the helpers that reap them.
    return seen.ppid !== this.#warden && /helper/.test(this.#last.get(seen.ppid)?.name ?? '')
      ? null
      : 'other';
  }
}

/** Null for a process that has ended, or is none of `ours`. The name is read each time: a process changes it by exec. */
function read(pid: number, ours: (ppid: number) => boolean): Seen | null {
  try {
    const text = readFileSync(`/proc/${pid}/stat`, 'latin1');
    const fields = text.slice(text.lastIndexOf(')') + 2).split(' ');
    const n = (i: number): number => Number(fields[i]);
    if (!ours(n(1))) return null;
    return {
      ppid: n(1),
      name: readFileSync(`/proc/${pid}/cmdline`, 'latin1').replaceAll('\0', ' '),
      own: n(11) + n(12),
      children: n(13) + n(14),
    };
  } catch {
    return null; // it has ended
  }
}
