/** Two launchers at work on one database: each job runs in one of them, once, and all finish. */
import fs from 'node:fs';
import path from 'node:path';
import test from 'ava';
import { locking, makeWorld, ms, until, type World } from './_world.ts';

const JOBS = 400;

let world: World;
test.before(async () => {
  world = await makeWorld();
  await world.app('ticks', locking(`${world.home}/locks`, 'sleep 0.01'));
});
test.after.always('nothing is left behind', async (t) => {
  t.deepEqual(await world.close(), []);
});

test.serial('two launchers share the work, no job runs twice', async (t) => {
  // Both are there before the work is, or one may have done it all when the other begins.
  const two = [0, 1].map(() => world.launcher(['--consume-all', '--nodes', '2', '--persistent']));
  await until(
    () => world.said(/an agent joined/) === 4,
    () => `four agents: ${world.logs()}`,
  );
  const from = performance.now();
  const ids = await world.jobs(
    Array.from({ length: JOBS }, (_, i) => ({ name: `t${i}`, application: 'ticks', node_packing_count: 2 })),
  );
  await world.until(ids, ['JOB_FINISHED']);
  t.log(`${JOBS} jobs of 10 ms by two launchers of two nodes: ${ms(performance.now() - from)}`);
  for (const launcher of two) launcher.child.kill('SIGTERM');
  for (const launcher of two) t.is(await launcher.exit(), 0, launcher.err);
  t.is(await world.violations(), '');
  for (const id of ids)
    t.is(await fs.promises.readFile(path.join(world.home, 'locks', id), 'utf8'), 'start 1\nend 1\n');
  const byLauncher = await world.db.run(
    (sql) =>
      sql<
        { launcher: number; n: number }[]
      >`select launcher, count(*)::int as n from attempt group by launcher`,
  );
  t.is(byLauncher.length, 2, 'both had work');
  t.is(
    byLauncher.reduce((sum, row) => sum + row.n, 0),
    JOBS,
  );
  t.log(`shares: ${byLauncher.map((row) => row.n).join(' and ')}`);
});

test.serial('one launcher is stopped in the middle: the other finishes, each run is on record', async (t) => {
  const ids = await world.jobs(
    Array.from({ length: 100 }, (_, i) => ({ name: `m${i}`, application: 'ticks', node_packing_count: 2 })),
  );
  const [one, other] = [0, 1].map(() =>
    world.launcher(['--consume-all', '--nodes', '2', '--idle-exit-seconds', '1']),
  ) as [ReturnType<World['launcher']>, ReturnType<World['launcher']>];
  await until(
    async () => (await world.rows(ids)).filter((r) => r.state === 'JOB_FINISHED').length >= 10,
    'some are done',
  );
  one.child.kill('SIGTERM');
  t.is(await one.exit(), 3, 'the other has what is left');
  await world.until(ids, ['JOB_FINISHED']);
  t.is(await other.exit(), 0, other.err);
  t.is(await world.violations(), '');
  for (const row of await world.rows(ids)) {
    const lines = (await fs.promises.readFile(path.join(world.home, 'locks', row.job_id), 'utf8'))
      .trim()
      .split('\n');
    const starts = lines.filter((line) => line.startsWith('start')).length;
    t.true(starts <= row.tries, `${row.name} started ${starts} times and ${row.tries} are on record`);
    t.is(lines.at(-1), `end ${row.attempt}`);
  }
});
