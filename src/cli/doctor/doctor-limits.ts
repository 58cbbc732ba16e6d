/** What `balsam doctor` looks at of the limits under which it runs: processes of this user, and a place for temporary files. */
import fs from 'node:fs';
import os from 'node:os';
import path from 'node:path';
import { processesOfLauncher, processesOfUser } from '../../base/processes.ts';
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
  const user = processesOfUser();
  if (user === null) return ok('no limit');
  const { limit, used } = user;
  const what = `${Math.max(0, limit - used)} more for this user (ulimit -u ${limit}, ${used} in use)`;
  return limit - used < PROCESSES_WARN
    ? warn(
        what,
        `raise ulimit -u: a launcher needs ${processesOfLauncher(1)}, and each job that runs a few more`,
      )
    : ok(what);
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
