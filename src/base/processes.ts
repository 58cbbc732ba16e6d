/**
 * Whether this user may start as many processes and threads as a launcher needs (`ulimit -u`): where the system refuses a
 * thread, the libraries of a coordinator or agent end it without a word. It reads /proc alone, once, at the start of a launcher.
 */
import fs from 'node:fs';
import { EXIT_FAILED, UserError } from './errors.ts';

/** Threads of a coordinator (13), guard, nursery, helper and job, and some for the database; of each agent. Measured. */
const OF_A_LAUNCHER = 18;
const OF_AN_AGENT = 13;

/** UserError where a launcher with so many agents here could not begin. */
export function needProcesses(agents: number): void {
  const limit = processesLimit();
  if (limit === Infinity || process.getuid?.() === 0) return;
  const there = threadsOf(process.getuid?.() ?? 0);
  const wanted = OF_A_LAUNCHER + OF_AN_AGENT * agents;
  if (there + wanted <= limit) return;
  throw new UserError(
    `this user may have ${limit} processes and threads and has ${there}: a launcher needs ${wanted} more; raise the limit by \`ulimit -u\``,
    EXIT_FAILED,
  );
}

function processesLimit(): number {
  const limit = /^Max processes\s+(\d+)/m.exec(read('/proc/self/limits'))?.[1];
  return limit === undefined ? Infinity : Number(limit);
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
