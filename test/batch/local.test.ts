/**
 * The batch system of a machine without one, with real scripts: started in the background, looked at, ended with all that
 * they started.
 */
import fs from 'node:fs';
import os from 'node:os';
import path from 'node:path';
import test, { type ExecutionContext } from 'ava';
import { localScheduler } from '../../src/batch/local.ts';
import type { Submission } from '../../src/batch/scheduler.ts';
import { lives } from '../helpers/lives.ts';

function submission(t: ExecutionContext, body: string): Submission {
  const directory = fs.mkdtempSync(path.join(os.tmpdir(), 'balsam-local-'));
  t.teardown(() => fs.rmSync(directory, { recursive: true, force: true }));
  const script = path.join(directory, 'qlaunch1.sh');
  fs.writeFileSync(script, `#!/bin/sh\n${body}\n`, { mode: 0o755 });
  const output = path.join(directory, 'qlaunch1.out');
  return { script, output, name: 'qlaunch1', nodes: 1, minutes: 5, queue: 'q', project: 'p', flags: '' };
}

async function until(condition: () => Promise<boolean> | boolean, what: string): Promise<void> {
  const deadline = performance.now() + 30_000;
  while (!(await condition())) {
    if (performance.now() > deadline) throw new Error(`not within 30 s: ${what}`);
    await new Promise((resolve) => setTimeout(resolve, 10));
  }
}

const stateOf = async (id: number): Promise<string | undefined> =>
  (await localScheduler.status([id])).get(id);

test('a script runs in its directory, its output goes to its file, and it ends', async (t) => {
  const job = submission(t, 'pwd; echo to stderr >&2');
  const id = await localScheduler.submit(job);
  t.true(Number.isSafeInteger(id));
  await until(async () => (await stateOf(id)) === 'finished', 'the script has ended');
  t.is(fs.readFileSync(job.output, 'utf8'), `${path.dirname(job.script)}\nto stderr\n`);
  await t.notThrowsAsync(localScheduler.cancel(id));
});

test('cancel ends the script and what it started', async (t) => {
  const job = submission(t, 'sleep 600 & echo $! >child; sleep 600');
  const id = await localScheduler.submit(job);
  const file = path.join(path.dirname(job.script), 'child');
  await until(() => fs.existsSync(file) && fs.readFileSync(file, 'utf8').endsWith('\n'), 'the child runs');
  t.is(await stateOf(id), 'running');
  await localScheduler.cancel(id);
  t.is(await stateOf(id), 'finished');
  const child = Number(fs.readFileSync(file, 'utf8'));
  await until(() => !lives(child), 'the child has ended');
  t.pass();
});

test('TERM comes first, so that a launcher can give back its jobs', async (t) => {
  const job = submission(t, "trap 'echo gave back; exit 0' TERM; echo ready; while :; do sleep 0.05; done");
  const id = await localScheduler.submit(job);
  await until(() => fs.readFileSync(job.output, 'utf8').includes('ready'), 'the trap is set');
  await localScheduler.cancel(id);
  t.regex(fs.readFileSync(job.output, 'utf8'), /gave back/);
});

test('an id whose pid belongs to another process now is finished, and cancel leaves that one alone', async (t) => {
  const job = submission(t, 'sleep 600');
  const id = await localScheduler.submit(job);
  t.teardown(() => localScheduler.cancel(id));
  const stranger = id + 2 ** 22; // the same pid, started a tick later
  t.is(await stateOf(stranger), 'finished');
  await localScheduler.cancel(stranger);
  t.is(await stateOf(id), 'running');
});

test('a script that cannot be started says why', async (t) => {
  const job = submission(t, '');
  fs.chmodSync(job.script, 0o644);
  await t.throwsAsync(localScheduler.submit(job), {
    name: 'UserError',
    message: /can't start .*qlaunch1\.sh.*EACCES/,
  });
});
