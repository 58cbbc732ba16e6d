/** The guard, and the end by marker: real agents killed, stopped and late, nothing of theirs may be left. */
import { spawn } from 'node:child_process';
import { randomUUID } from 'node:crypto';
import { once } from 'node:events';
import fs from 'node:fs';
import os from 'node:os';
import path from 'node:path';
import readline from 'node:readline';
import test, { type ExecutionContext } from 'ava';
import { Guard, type GuardExit } from '../../src/process/guard.ts';
import { endByMarker, findByMarker, hasEntry } from '../../src/process/marker.ts';
import { DEADLINE_MS, KINDS, alive, pidsIn, until } from './_rig.ts';

/** Deadline for "nothing left"; the promise is one second on a node that is not overloaded, and the measured time is logged. */
const LEFT_MS = 5_000;

interface Agent {
  readonly pid: number;
  readonly guard: number;
  readonly helper: number;
  readonly jobs: number[];
  readonly value: string;
  readonly lines: string[];
  left(): Promise<number[]>;
}

async function startAgent(t: ExecutionContext, kind: string, leaseMs = 60_000): Promise<Agent> {
  t.timeout(60_000);
  const directory = fs.mkdtempSync(path.join(os.tmpdir(), 'balsam-guard-'));
  const value = randomUUID();
  const fixture = path.join(import.meta.dirname, '../fixtures/agent-with-guard.ts');
  const child = spawn(process.execPath, [fixture, kind, directory, value, String(leaseMs)], {
    stdio: ['ignore', 'pipe', 'inherit'],
  });
  t.teardown(async () => {
    child.kill('SIGKILL');
    await endByMarker('BALSAM_INCARNATION', value);
    fs.rmSync(directory, { recursive: true, force: true });
  });
  const lines: string[] = [];
  readline.createInterface({ input: child.stdout }).on('line', (line) => lines.push(line));
  await until('the agent is up', () => lines.some((line) => line.includes('"guard"')), DEADLINE_MS);
  const { guard, helper } = JSON.parse(lines.find((line) => line.includes('"guard"')) ?? '') as {
    guard: number;
    helper: number;
  };
  const jobs = await pidsIn(path.join(directory, 'pids'), 4);
  const pid = child.pid ?? 0;
  const left = async (): Promise<number[]> => [
    ...(await findByMarker('BALSAM_INCARNATION', value)),
    ...[...jobs, helper].filter(alive),
  ];
  return { pid, guard, helper, jobs, value, lines, left };
}

for (const kind of KINDS) {
  test.serial(
    `${kind}: the agent is killed: within a second nothing is left, and the guard goes`,
    async (t) => {
      const agent = await startAgent(t, kind);
      t.true(agent.jobs.every(alive));
      process.kill(agent.pid, 'SIGKILL');
      const ms = await until('nothing left', async () => (await agent.left()).length === 0, LEFT_MS);
      t.log(`nothing left after ${ms.toFixed(0)} ms`);
      await until('the guard is gone', () => !alive(agent.guard), LEFT_MS);
    },
  );

  test.serial(
    `${kind}: agent and helper are killed at once: the guard ends what both have left`,
    async (t) => {
      const agent = await startAgent(t, kind);
      process.kill(agent.pid, 'SIGSTOP'); // so that it can't end the job of its lost helper itself
      process.kill(agent.helper, 'SIGKILL');
      process.kill(agent.pid, 'SIGKILL');
      // Without marker, session known nor parent, one is out of reach: said in PROTOCOL 12.
      const reachable = agent.jobs.slice(0, 3);
      const ms = await until(
        'nothing left',
        async () =>
          (await findByMarker('BALSAM_INCARNATION', agent.value)).length === 0 && !reachable.some(alive),
        LEFT_MS,
      );
      t.log(`nothing left after ${ms.toFixed(0)} ms`);
      t.deepEqual(reachable.filter(alive), []);
      for (const pid of agent.jobs.filter(alive)) process.kill(pid, 'SIGKILL');
      await until('the guard is gone', () => !alive(agent.guard), LEFT_MS);
    },
  );

  test.serial(
    `${kind}: the lease is over while the agent stands still: all ends but the agent`,
    async (t) => {
      const agent = await startAgent(t, kind, 8_000);
      process.kill(agent.pid, 'SIGSTOP');
      t.true(agent.jobs.every(alive), 'the lease was not over yet');
      await until('nothing left', async () => (await agent.left()).length === 0, DEADLINE_MS);
      await until('the guard is gone', () => !alive(agent.guard), LEFT_MS);
      t.true(alive(agent.pid));
      process.kill(agent.pid, 'SIGCONT');
      await until(
        'the agent hears of it',
        () => agent.lines.some((line) => line.includes('"reason":"lease"')),
        DEADLINE_MS,
      );
      await until(
        'and of its helper',
        () => agent.lines.some((line) => line.includes('"lost"')),
        DEADLINE_MS,
      );
    },
  );

  test.serial(
    `${kind}: a newer lease counts, strangers and other incarnations are spared, a dead guard is said`,
    async (t) => {
      t.timeout(60_000);
      const value = randomUUID();
      const exits: GuardExit[] = [];
      const open = (): Guard =>
        new Guard({
          kind,
          marker: { name: 'BALSAM_INCARNATION', value },
          onExit: (exit) => exits.push(exit),
        });
      const start = (marker: string): number => {
        const child = spawn('/bin/sleep', ['1000'], { env: { BALSAM_INCARNATION: marker }, stdio: 'ignore' });
        t.teardown(() => child.kill('SIGKILL'));
        return child.pid ?? 0;
      };
      const ours = start(value);
      const longer = start(`${value}x`);
      const guard = open();
      guard.addHelper(2 ** 22 + 1); // gone long ago
      guard.removeHelper(5);
      const now = Number(process.hrtime.bigint()) / 1e6;
      guard.lease(now + 300);
      guard.lease(now + 60_000);
      guard.lease(now + 1_500);
      await until('ours is ended', () => !alive(ours), DEADLINE_MS);
      t.true(Number(process.hrtime.bigint()) / 1e6 >= now + 1_500, 'not before the newest lease was over');
      await until('exit', () => exits.length === 1, DEADLINE_MS);
      t.deepEqual(exits[0], { reason: 'lease', ended: 1, unopened: '' });
      t.true(alive(longer));

      const second = open();
      process.kill(second.pid ?? 0, 'SIGTERM'); // not impressed, once it is up
      await second.close();
      t.is(exits.length, 2);
      const third = open();
      process.kill(third.pid ?? 0, 'SIGKILL');
      await until('exit', () => exits.length === 3, DEADLINE_MS);
      t.deepEqual(exits[2], { reason: 'lost', ended: 0, unopened: '' });
      t.true(alive(longer));
    },
  );
}

test('a marker is one exact entry', (t) => {
  t.true(hasEntry('A=1\0B=2\0', 'B=2'));
  t.true(hasEntry('A=1\0B=2', 'B=2'));
  t.true(hasEntry('XB=2\0B=2\0', 'B=2'));
  t.false(hasEntry('XB=2\0B=22\0C=B=2\0', 'B=2'));
  t.false(hasEntry('', 'B=2'));
});

test('end by marker ends the whole family, spares who is excepted, and can be repeated', async (t) => {
  const value = randomUUID();
  const start = (script: string): number => {
    const child = spawn('/bin/sh', ['-c', script], {
      env: { PATH: process.env['PATH'], FAMILY: value },
      stdio: 'ignore',
    });
    t.teardown(() => child.kill('SIGKILL'));
    return child.pid ?? 0;
  };
  const spared = start('exec sleep 1000');
  start('trap "" TERM; setsid sleep 1000 & setsid sh -c "sleep 1000; :" & sleep 1000; :');
  await until('all are there', async () => (await findByMarker('FAMILY', value)).length === 6, DEADLINE_MS);
  const { ended, left } = await endByMarker('FAMILY', value, { exceptPids: [spared] });
  t.deepEqual(left, []);
  t.true(ended >= 5);
  t.deepEqual(await findByMarker('FAMILY', value), [spared]);
  t.deepEqual(await endByMarker('FAMILY', value, { exceptPids: [spared] }), { ended: 0, left: [] });
  t.deepEqual(await endByMarker('FAMILY', value), { ended: 1, left: [] });
});

test('end by marker says who is left at its deadline', async (t) => {
  const value = randomUUID();
  // A parent that makes a new child for each that dies, faster than one look: it is ended with the family all the same.
  const child = spawn('/bin/sh', ['-c', 'while :; do sleep 0.01; done'], {
    env: { PATH: process.env['PATH'], FAMILY: value },
    stdio: 'ignore',
  });
  const exit = once(child, 'exit');
  const { left } = await endByMarker('FAMILY', value, { deadlineMs: 20_000 });
  await exit;
  t.deepEqual(left, []);
  const other = spawn('/bin/sleep', ['1000'], { env: { FAMILY: value }, stdio: 'ignore' });
  t.teardown(() => other.kill('SIGKILL'));
  await until('it is there', async () => (await findByMarker('FAMILY', value)).length === 1, DEADLINE_MS);
  const late = await endByMarker('FAMILY', value, { deadlineMs: 0 });
  t.is(late.ended + late.left.length, 1);
});
