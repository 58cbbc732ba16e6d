/** Many hundreds of jobs side by side on one node, for real; and a job that kills its helper again and again. */
import { execFileSync } from 'node:child_process';
import fs from 'node:fs';
import path from 'node:path';
import test from 'ava';
import { makeWorld, until, type World } from './_world.ts';

const SLOTS = 700;

let world: World;
test.before(async () => {
  world = await makeWorld();
});
test.after.always('nothing is left behind', async (t) => {
  t.deepEqual(await world.close(), []);
});

test.serial(`${SLOTS} jobs run at once on one node, each in one try`, async (t) => {
  t.timeout(300_000);
  // Each waits for its end until the last has started.
  const gate = path.join(world.home, 'gate');
  execFileSync('mkfifo', ['-m', '666', gate]);
  await world.command('waits', `/bin/cat ${gate}`);
  const many = Array.from({ length: SLOTS }, () => ({ application: 'waits', node_packing_count: SLOTS }));
  const ids = await world.jobs(many);
  const launcher = world.launcher(['--consume-all', '--idle-exit-seconds', '0']);
  const isFull = async (): Promise<boolean> => (await world.counts()).RUNNING === SLOTS;
  await until(
    async () => (await isFull()) || launcher.ended,
    async () => `all run: ${JSON.stringify(await world.counts())}\n${world.logs()}`,
    240_000,
  );
  t.true(await isFull(), launcher.err);
  fs.closeSync(fs.openSync(gate, 'w'));
  t.is(await launcher.exit(), 0, launcher.err);
  t.deepEqual(await world.counts(), { JOB_FINISHED: SLOTS });
  for (const row of await world.rows(ids)) t.is(row.attempt, 1, row.name);
  const [run] = await world.db.run(
    (sql) => sql<{ together: boolean; n: number }[]>`
      select max(started_at) < min(ended_at) as together, count(*)::int as n from attempt`,
  );
  t.deepEqual(run, { together: true, n: SLOTS }, 'by the recorded times');
  t.is(world.said(/an agent is given up|a helper was lost|the lease ran out|the node is short/), 0);
});

test.serial(
  'a job that kills its helper is FAILED after three times, and its neighbour is not',
  async (t) => {
    await world.app('kills', 'kill -9 $PPID; sleep 100');
    await world.app('stays', 'sleep 2');
    const [kills, stays] = (await world.jobs([
      { name: 'kills', application: 'kills', node_packing_count: 4 },
      { name: 'stays', application: 'stays', node_packing_count: 4 },
    ])) as [string, string];
    const launcher = world.launcher(['--consume-all', '--idle-exit-seconds', '0']);
    await world.until([kills], ['FAILED']);
    t.is(await launcher.exit(), 0, launcher.err);
    t.like(await world.row(kills), { attempt: 3, tries: 3, state: 'FAILED' });
    t.regex(await world.messages(kills), /helper lost: its helper died 3 times/);
    t.like(await world.row(stays), { attempt: 1, state: 'JOB_FINISHED' });
    // Once more by hand: the count begins anew.
    const retried = await world.balsam(['retry', kills, '--yes']);
    t.is(retried.code, 0, retried.err + retried.out);
    const again = world.launcher(['--consume-all', '--idle-exit-seconds', '0']);
    await world.until([kills], ['FAILED']);
    t.is(await again.exit(), 0, again.err);
    t.is((await world.row(kills)).attempt, 6);
  },
);
