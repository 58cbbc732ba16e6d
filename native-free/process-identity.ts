/**
 * Who a process is, so that nobody mistakes another for it: pid and start time, within one boot and pid namespace.
 *
 * Why it exists: pids are reused within seconds on busy nodes; a proof of death by pid alone has killed strangers and
 * freed jobs that ran. Who calls it: whoever writes the roster of a launcher, proves the death of its members, or ends
 * what they left. Source: /proc/PID/stat and /proc/PID/status.
 * It must never call a process dead that it can't see: what can't be judged from here counts as alive.
 */
import { readLink, readText, readTrimmed } from './sysfs.ts';

export type ProcessIdentity = {
  readonly pid: number;
  /** Clock ticks from boot to its start. */
  readonly startTime: number;
  /** The boot of the host, a UUID. */
  readonly bootId: string;
  /** The pid namespace in which the number was read (that of the reader), such as `pid:[4026531836]`. */
  readonly pidNamespace: string;
  /** Its real user. */
  readonly uid: number;
};

export type ProcessStat = {
  /** One letter: R, S, D, T, t, Z (zombie), X (dead), I. */
  readonly state: string;
  readonly parent: number;
  readonly processGroup: number;
  readonly session: number;
  readonly threads: number;
  readonly startTime: number;
};

/** The boot id of this host, '' if the kernel hides it. */
export function readBootId(root = '/'): string {
  return readTrimmed(root, 'proc/sys/kernel/random/boot_id') ?? '';
}

/** The pid namespace of this process, '' if the kernel hides it. */
export function readPidNamespace(root = '/'): string {
  return readLink(root, 'proc/self/ns/pid') ?? '';
}

/** The parts of /proc/PID/stat that we use, or null if there is no such process. */
export function readProcessStat(pid: number, root = '/'): ProcessStat | null {
  const text = readText(root, `proc/${pid}/stat`);
  return text === null ? null : parseProcessStat(text);
}

/** The name is in parentheses and may hold spaces, parentheses and newlines itself: the fields begin after the last one. */
export function parseProcessStat(text: string): ProcessStat | null {
  const end = text.lastIndexOf(')');
  const fields =
    end === -1
      ? []
      : text
          .slice(end + 1)
          .trim()
          .split(/\s+/);
  const [state, numbers] = [fields[0], fields.slice(1).map(Number)];
  // Counted from field 3 (state); numbers[0] is field 4.
  const [parent, processGroup, session, threads, startTime] = [0, 1, 2, 16, 18].map(
    (index) => numbers[index],
  );
  if (state === undefined || parent === undefined || processGroup === undefined) return null;
  if (session === undefined || threads === undefined || startTime === undefined) return null;
  if (!Number.isSafeInteger(startTime)) return null;
  return { state, parent, processGroup, session, threads, startTime };
}

/** The identity of a living process (also of a zombie), or null if there is none of that number. */
export function processIdentity(pid: number, root = '/'): ProcessIdentity | null {
  const stat = readProcessStat(pid, root);
  const uid = /^Uid:\s*(\d+)/m.exec(readText(root, `proc/${pid}/status`) ?? '')?.[1];
  if (stat === null || uid === undefined) return null;
  return {
    pid,
    startTime: stat.startTime,
    bootId: readBootId(root),
    pidNamespace: readPidNamespace(root),
    uid: Number(uid),
  };
}

/**
 * 'dead' only with proof: same boot and namespace, and the number is free, a zombie, or another's.
 * 'unknown': another boot or namespace (so perhaps another host), or the process is hidden from us (hidepid).
 */
export function judgeProcess(identity: ProcessIdentity, root = '/'): 'alive' | 'dead' | 'unknown' {
  const [bootId, pidNamespace] = [readBootId(root), readPidNamespace(root)];
  if (bootId === '' || pidNamespace === '') return 'unknown';
  if (bootId !== identity.bootId || pidNamespace !== identity.pidNamespace) return 'unknown';
  const stat = readProcessStat(identity.pid, root);
  if (stat === null) return root === '/' && isHidden(identity.pid) ? 'unknown' : 'dead';
  if (stat.startTime !== identity.startTime) return 'dead';
  return isZombie(stat) ? 'dead' : 'alive';
}

/** False only if it is proven that this very process has ended; a zombie has. Cheap enough to call in a loop (3 small reads). */
export function isSameProcessAlive(identity: ProcessIdentity, root = '/'): boolean {
  return judgeProcess(identity, root) !== 'dead';
}

/** A leader that has ended while other threads of it still run shows Z too, and is alive. */
function isZombie(stat: ProcessStat): boolean {
  return (stat.state === 'Z' || stat.state === 'X' || stat.state === 'x') && stat.threads <= 1;
}

/** Not in /proc and yet there: a mount with hidepid. The signal 0 is not sent, only the right to send it is checked. */
function isHidden(pid: number): boolean {
  try {
    process.kill(pid, 0);
  } catch (error) {
    return !(error instanceof Error && 'code' in error && error.code === 'ESRCH');
  }
  // There and ours, but not in /proc a moment ago: it ended and its number was taken in between. Not proven: look again.
  return true;
}
