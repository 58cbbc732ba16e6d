/**
 * Reads /proc/PID: the few facts by which processes are told apart and found again. Synchronous on purpose: /proc is
 * memory, and a look must not be torn by other work. Who calls it: marker, guard, helper, and whoever writes a roster.
 * It must never read anything outside /proc, and never throw because a process went away meanwhile.
 */
import { readFileSync, readdirSync } from 'node:fs';

/** Facts of one process from /proc/PID/stat. */
export interface ProcessStat {
  readonly pid: number;
  /** One letter: R S D T Z X. */
  readonly state: string;
  readonly parent: number;
  readonly group: number;
  readonly session: number;
  /** CPU time used by it and its reaped children, clock ticks (1/100 s on every Linux we know). */
  readonly userTicks: number;
  readonly systemTicks: number;
  /** Clock ticks since boot; with the pid it names a process for the life of a boot. Text: it is only compared. */
  readonly startTime: string;
}

/** Every pid in /proc now. */
export function listPids(): number[] {
  const pids: number[] = [];
  for (const name of readdirSync('/proc')) {
    const first = name.charCodeAt(0);
    if (first >= 48 && first <= 57) pids.push(Number(name));
  }
  return pids;
}

/** Facts of a process, or null when it is gone. A zombie is still there (state Z). */
export function readStat(pid: number): ProcessStat | null {
  let text: string;
  try {
    text = readFileSync(`/proc/${pid}/stat`, 'latin1');
  } catch {
    return null;
  }
  // The command name is in parentheses and may itself hold spaces and parentheses: the last one closes it.
  const fields = text.slice(text.lastIndexOf(')') + 2).split(' ');
  return {
    pid,
    state: fields[0] ?? 'X',
    parent: Number(fields[1]),
    group: Number(fields[2]),
    session: Number(fields[3]),
    userTicks: Number(fields[11]) + Number(fields[13]),
    systemTicks: Number(fields[12]) + Number(fields[14]),
    startTime: fields[19] ?? '',
  };
}

/** Whether this very process (pid and start time) is alive; a zombie is not. */
export function isAlive(pid: number, startTime: string): boolean {
  const stat = readStat(pid);
  return stat !== null && stat.startTime === startTime && stat.state !== 'Z' && stat.state !== 'X';
}

/** Environment of a process as it was at its exec, latin1 (one character a byte), or '' (gone, zombie, or not ours to read). */
export function readEnviron(pid: number): string {
  try {
    return readFileSync(`/proc/${pid}/environ`, 'latin1');
  } catch {
    return '';
  }
}

/** All living processes now, zombies left out. Costs 1-5 ms for 150 processes (measured). */
export function livingProcesses(): Map<number, ProcessStat> {
  const found = new Map<number, ProcessStat>();
  for (const pid of listPids()) {
    const stat = readStat(pid);
    if (stat !== null && stat.state !== 'Z' && stat.state !== 'X') found.set(pid, stat);
  }
  return found;
}

/** Those of `processes` that descend from one of `roots` (themselves not included), parents before children. */
export function descendantsOf(
  roots: readonly number[],
  processes: ReadonlyMap<number, ProcessStat> = livingProcesses(),
): ProcessStat[] {
  const kids = Map.groupBy(processes.values(), (stat) => stat.parent);
  const tree: ProcessStat[] = [];
  for (const todo = [...roots]; todo.length > 0;) {
    for (const kid of kids.get(todo.pop() ?? 0) ?? []) {
      tree.push(kid);
      todo.push(kid.pid);
    }
  }
  return tree;
}
