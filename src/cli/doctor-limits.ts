/** What `balsam doctor` looks at of the limits under which it runs: processes of this user, and a place for temporary files. */
import fs from 'node:fs';
import os from 'node:os';
import path from 'node:path';
import { fail, ok, warn } from './doctor.ts';
import type { Check, Finding } from './doctor.ts';

/** Processes and threads that a launcher of one node takes without jobs: three times Node, helper and guard. Measured: about 40. */
const PROCESSES_WARN = 100;

export function limitChecks(): Check[] {
  return [
    { name: 'processes', look: processes },
    { name: 'temporary dir', look: temporary },
  ];
}

/** How many more this user may start: threads count, and root is not held to it. */
function processes(): Finding {
  const limit = /^Max processes\s+(\S+)/m.exec(fs.readFileSync('/proc/self/limits', 'utf8'))?.[1];
  if (limit === undefined || limit === 'unlimited' || process.geteuid?.() === 0) return ok('no limit');
  const used = threadsOf(process.geteuid?.() ?? -1);
  const what = `${Math.max(0, Number(limit) - used)} more for this user (ulimit -u ${limit}, ${used} in use)`;
  return Number(limit) - used < PROCESSES_WARN
    ? warn(what, 'raise ulimit -u: a launcher needs about 50, and each job that runs a few more')
    : ok(what);
}

function threadsOf(uid: number): number {
  let count = 0;
  for (const pid of fs.readdirSync('/proc').filter((name) => /^\d+$/.test(name))) {
    const status = readMaybe(`/proc/${pid}/status`);
    if (Number(/^Uid:\s+\d+\s+(\d+)/m.exec(status)?.[1] ?? -2) === uid)
      count += Number(/^Threads:\s+(\d+)/m.exec(status)?.[1] ?? 1);
  }
  return count;
}

function readMaybe(file: string): string {
  try {
    return fs.readFileSync(file, 'utf8');
  } catch {
    return ''; // it has ended
  }
}

function temporary(): Finding {
  const directory = os.tmpdir();
  try {
    fs.rmdirSync(fs.mkdtempSync(path.join(directory, 'balsam-doctor-')));
    return ok(directory);
  } catch (error) {
    const why = error instanceof Error && 'code' in error ? String(error.code) : String(error);
    return fail(
      `no directory can be made in ${directory} (${why})`,
      'make it, or name another one by TMPDIR',
    );
  }
}
