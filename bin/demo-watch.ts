/**
 * Sees to it that a demo leaves nothing running, whatever ends it: started by bin/demo.ts in a session of its own, with a
 * pipe. On the pipe come lines: `child PID START` of the command that runs now, `done` at the end. When the pipe ends
 * without `done` the demo was killed: its command is ended and the database's server stopped. When the npm above the
 * demo is gone the demo is told to leave. Arguments: the program balsam, the database, PID and START of demo and npm.
 */
import { spawnSync } from 'node:child_process';
import { existsSync } from 'node:fs';
import { createInterface } from 'node:readline';
import { setTimeout as sleep } from 'node:timers/promises';
import { processStartTime } from '../src/base/proc.ts';

/** How often npm is looked for, and how long a command may take to leave when it is told to, milliseconds. Guess. */
const LOOK_MS = 300;
const LEAVE_MS = 20_000;

type Who = readonly [pid: number, start: string];

const [, , balsam = '', db = '', ...words] = process.argv;
const [demo, npm] = [who(words[0], words[1]), who(words[2], words[3])];
let child: Who | null = null;
let done = false;

// Whoever ends the demo by its name or terminal must not end this.
for (const signal of ['SIGINT', 'SIGTERM', 'SIGHUP', 'SIGQUIT'] as const) process.on(signal, () => undefined);

const look = setInterval(() => {
  if (npm === null || lives(npm) || demo === null || !lives(demo)) return;
  clearInterval(look);
  process.kill(demo[0], 'SIGHUP');
}, LOOK_MS);
for await (const line of createInterface({ input: process.stdin })) {
  const [word, pid, start] = line.split(' ');
  if (word === 'done') done = true;
  else child = who(pid, start);
}
clearInterval(look);
if (!done) {
  if (child !== null) await end(child);
  // More than once: what was just being started when the demo died may start it again.
  for (let left = 3; left > 0 && existsSync(db); left -= 1) {
    spawnSync(balsam, ['server', '--stop'], {
      env: { ...process.env, BALSAM_DB_PATH: db },
      stdio: 'ignore',
    });
    await sleep(LOOK_MS);
  }
}

async function end(process_: Who): Promise<void> {
  const from = performance.now();
  if (lives(process_)) process.kill(process_[0], 'SIGTERM');
  while (lives(process_) && performance.now() - from < LEAVE_MS) await sleep(20);
  if (lives(process_)) process.kill(process_[0], 'SIGKILL');
}

function who(pid: string | undefined, start: string | undefined): Who | null {
  return pid && start ? [Number(pid), start] : null;
}

function lives([pid, start]: Who): boolean {
  return processStartTime(pid) === start;
}
