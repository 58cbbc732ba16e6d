/**
 * The lock of a database directory: one holder at a time, taken over from the dead and from nobody else.
 */
import fs from 'node:fs';
import os from 'node:os';
import path from 'node:path';
import test, { type ExecutionContext } from 'ava';
import { withLock } from '../../src/server/lock.ts';
import { pidNamespace, thisHost } from '../../src/server/host.ts';
import { processStartTime } from '../../src/base/proc.ts';

function lockDirectory(t: ExecutionContext): string {
  const directory = fs.mkdtempSync(path.join(os.tmpdir(), 'balsam-lock-'));
  t.teardown(() => fs.rmSync(directory, { recursive: true, force: true }));
  return path.join(directory, '.lock');
}

/** As a holder of this host writes it, with what differs. */
function leave(directory: string, number: number, differs: Record<string, unknown>): void {
  const here = thisHost();
  fs.mkdirSync(directory, { recursive: true });
  const holder = {
    host: here.hostname,
    boot_id: here.bootId,
    pid_namespace: pidNamespace(),
    pid: process.pid,
    start_time: processStartTime(process.pid),
    ...differs,
  };
  fs.writeFileSync(path.join(directory, String(number)), JSON.stringify(holder));
}

test('thirty holders, one at a time', async (t) => {
  const directory = lockDirectory(t);
  let inside = 0;
  let most = 0;
  await Promise.all(
    Array.from({ length: 30 }, () =>
      withLock(directory, async () => {
        most = Math.max(most, ++inside);
        await new Promise((resolve) => setTimeout(resolve, 1));
        inside--;
      }),
    ),
  );
  t.is(most, 1);
  t.is(fs.readdirSync(directory).length, 1, 'only the last file stays');
});

test('the result and the error of the work come through, and the lock is free again', async (t) => {
  const directory = lockDirectory(t);
  await t.throwsAsync(
    withLock(directory, () => Promise.reject(new Error('work failed'))),
    { message: 'work failed' },
  );
  t.is(await withLock(directory, () => Promise.resolve(7)), 7);
});

for (const [who, differs] of [
  ['a process that is gone', { pid: 2 ** 22 - 1 }],
  ['a process whose pid is used again', { start_time: '1' }],
  ['a process of an earlier boot', { boot_id: 'earlier' }],
] as const) {
  test(`taken over at once from ${who}`, async (t) => {
    const directory = lockDirectory(t);
    leave(directory, 41, differs);
    t.is(await withLock(directory, () => Promise.resolve('mine'), 1e9), 'mine');
    t.deepEqual(fs.readdirSync(directory), ['42']);
  });
}

for (const [who, differs] of [
  ['another host', { host: 'another-host' }],
  ['another pid namespace', { pid_namespace: 'pid:[1]' }],
] as const) {
  test(`taken over from ${who} only after its silence`, async (t) => {
    const directory = lockDirectory(t);
    leave(directory, 1, differs);
    const file = path.join(directory, '1');
    let signs = 0;
    const alive = setInterval(() => {
      if (signs++ < 10) fs.utimesSync(file, new Date(), new Date(Date.now() + signs * 1000));
    }, 50);
    try {
      t.is((await withLock(directory, () => Promise.resolve(signs), 2_000)) >= 10, true);
    } finally {
      clearInterval(alive);
    }
  });
}

test('who was too slow to judge a stale lock does not steal the new one', async (t) => {
  const directory = lockDirectory(t);
  leave(directory, 1, { start_time: '1' });
  // Both see number 1 stale; whoever makes number 2 has it, the other waits for number 2.
  const order: string[] = [];
  await Promise.all(
    ['a', 'b', 'c'].map((name) =>
      withLock(directory, async () => {
        order.push(`${name} in`);
        await new Promise((resolve) => setTimeout(resolve, 20));
        order.push(`${name} out`);
      }),
    ),
  );
  for (let i = 0; i < order.length; i += 2) t.is(order[i]?.[0], order[i + 1]?.[0]);
});
