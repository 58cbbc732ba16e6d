/**
 * The batch system of a machine without one: the script starts at once, in the background, as the leader of its own
 * session, and goes on when the shell that submitted it ends. Queue, project and flags mean nothing here.
 * Its id is the pid with the start time, because pids are used again: cancel must never signal a stranger.
 */
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import fs from 'node:fs';
import path from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { EXIT_FAILED, UserError, messageOf } from '../base/errors.ts';
import { asBeforeEntry } from '../base/entry.ts';
import { BATCH_CANCEL_GRACE_MS, KILL_GRACE_MS } from '../base/limits.ts';
import { processStartTime } from '../base/proc.ts';
import type { BatchState, Scheduler, Submission } from './scheduler.ts';

/** pid_max of Linux is at most 2^22. */
const PIDS = 2 ** 22;
/** Start times are kept modulo this many ticks (248 days), so that an id is an exact number. */
const TICKS = 2 ** 31;
/** How often a cancelled launch is looked at, milliseconds. */
const LOOK_MS = 20;

export const localScheduler: Scheduler = {
  name: 'local',
  submit,
  status(ids) {
    return Promise.resolve(
      new Map(ids.map((id): [number, BatchState] => [id, isRunning(id) ? 'running' : 'finished'])),
    );
  },
  cancel,
  timeLeftMinutes: () => null,
  nodeList: () => null,
};

async function submit(submission: Submission): Promise<number> {
  let output: number;
  try {
    output = fs.openSync(submission.output, 'a', 0o644);
  } catch (error) {
    throw new UserError(`can't write ${submission.output}: ${messageOf(error)}`, EXIT_FAILED);
  }
  try {
    // Who starts it in the end can't tell us.
    fs.accessSync(submission.script, fs.constants.X_OK);
    const interpreter = /^#!\s*(\S+)/.exec(fs.readFileSync(submission.script, 'utf8'))?.[1];
    if (interpreter !== undefined) fs.accessSync(interpreter, fs.constants.X_OK);
    const [program = '', ...words] = asBeforeEntry([submission.script]);
    const child = spawn(program, words, {
      cwd: path.dirname(submission.script),
      detached: true,
      stdio: ['ignore', output, output],
    });
    await once(child, 'spawn'); // rejects with the child's error
    child.unref();
    const pid = child.pid ?? 0;
    // Over already: any start time makes an id that is finished.
    return idOf(pid, processStartTime(pid) ?? '0');
  } catch (error) {
    throw new UserError(`can't start ${submission.script}: ${messageOf(error)}`, EXIT_FAILED);
  } finally {
    fs.closeSync(output);
  }
}

/** TERM to the process group, so that the launcher gives back its jobs; KILL when it has not ended in time. */
async function cancel(id: number): Promise<void> {
  for (const [signal, patience] of [
    ['SIGTERM', BATCH_CANCEL_GRACE_MS],
    ['SIGKILL', KILL_GRACE_MS],
  ] as const) {
    if (!isRunning(id)) return;
    signalGroup(id % PIDS, signal);
    const deadline = performance.now() + patience;
    while (performance.now() < deadline) {
      if (!isRunning(id)) return;
      await sleep(LOOK_MS);
    }
  }
  throw new UserError(`the local launch (pid ${id % PIDS}) does not end, not even by SIGKILL`, EXIT_FAILED);
}

function signalGroup(pid: number, signal: NodeJS.Signals): void {
  try {
    process.kill(-pid, signal);
  } catch (error) {
    if (!(error instanceof Error && 'code' in error && error.code === 'ESRCH')) {
      throw new UserError(`can't end the local launch (pid ${pid}): ${messageOf(error)}`, EXIT_FAILED);
    }
  }
}

function idOf(pid: number, startTime: string): number {
  return (Number(startTime) % TICKS) * PIDS + pid;
}

function isRunning(id: number): boolean {
  const pid = id % PIDS;
  const startTime = pid > 1 ? processStartTime(pid) : null;
  return startTime !== null && idOf(pid, startTime) === id;
}
