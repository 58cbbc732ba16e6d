/**
 * How many files this process may have open, and what follows from it: whether a launcher can begin, and how many jobs an
 * agent can run side by side. Node has raised its own limit to the hard one at its start. It reads /proc alone.
 */
import fs from 'node:fs';
import { EXIT_FAILED, UserError } from './errors.ts';

/** A coordinator or agent without jobs has 38 open (measured): with fewer than these it would be ended by a library. */
const LEAST_FILES = 48;
/** Files of an agent beside those of its jobs. Derived: the 38, and some for what is started in between. */
const AGENT_FILES = 60;
/** Of each job side by side: the line to its helper, its job channel, and half of one for what comes and goes. */
const FILES_A_JOB = 2.5;

/** Infinity where the system does not say. */
export function openFilesLimit(): number {
  try {
    const text = fs.readFileSync('/proc/self/limits', 'latin1');
    const limit = /^Max open files\s+(\d+)/m.exec(text)?.[1];
    return limit === undefined ? Infinity : Number(limit);
  } catch {
    return Infinity;
  }
}

/** Jobs side by side for which an agent has files; at least one. */
export function jobsForFiles(limit: number): number {
  return Math.max(1, Math.floor((limit - AGENT_FILES) / FILES_A_JOB));
}

/** Files for so many jobs side by side. */
export function filesForJobs(jobs: number): number {
  return Math.ceil(jobs * FILES_A_JOB) + AGENT_FILES;
}

/** UserError where nothing could begin. */
export function needOpenFiles(): void {
  const limit = openFilesLimit();
  if (limit >= LEAST_FILES) return;
  const wanted = `at least ${LEAST_FILES}, and ${filesForJobs(1_024)} for 1,024 jobs a node`;
  throw new UserError(
    `only ${limit} files may be open at once here: a launcher needs ${wanted}; raise it by \`ulimit -n\``,
    EXIT_FAILED,
  );
}
