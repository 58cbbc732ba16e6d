/**
 * Whether this user may start as many processes and threads as a launcher needs (`ulimit -u`): where the system refuses a
 * thread, the libraries of a coordinator or agent end it without a word. It reads /proc alone, once, at the start of a launcher.
 */
import fs from 'node:fs';
import { EXIT_FAILED, UserError } from './errors.ts';

/** Threads of a coordinator (13), guard, nursery, helper and job, and some for the database; of each agent. Measured. */
const OF_A_LAUNCHER = 18;
const OF_AN_AGENT = 13;

/** How many processes and threads this user may have, and has; null where nothing limits them. */
export function processesOfUser(): { limit: number; used: number } | null {
  const limit = /^Max processes\s+(\d+)/m.exec(read('/proc/self/limits'))?.[1];
  const uid = process.getuid?.() ?? 0;
  // Root is not held to it.
  return limit === undefined || uid === 0 ? null : { limit: Number(limit), used: threadsOf(uid) };
}

/** Of a launcher with so many agents on this machine, before its first job. */
export function processesOfLauncher(agents: number): number {
  return OF_A_LAUNCHER + OF_AN_AGENT * agents;
}

/** UserError where a launcher with so many agents here could not begin. */
export function needProcesses(agents: number): void {
  const user = processesOfUser();
  const wanted = processesOfLauncher(agents);
  if (user === null || user.used + wanted <= user.limit) return;
  throw new UserError(
    `this user may have ${user.limit} processes and threads and has ${user.used}: a launcher needs ${wanted} more; raise the limit by \`ulimit -u\``,
    EXIT_FAILED,
  );
}

function threadsOf(uid: number): number {
  let threads = 0;
  for (const name of fs.readdirSync('/proc')) {
    if (!/^\d+$/.test(name)) continue;
    const status = read(`/proc/${name}/status`);
    if (Number(/^Uid:\s+(\d+)/m.exec(status)?.[1] ?? -1) !== uid) continue;
    threads += Number(/^Threads:\s+(\d+)/m.exec(status)?.[1] ?? 0);
  }
  return threads;
}

function read(file: string): string {
  try {
    return fs.readFileSync(file, 'latin1');
  } catch {
    return ''; // it ended meanwhile
  }
}
