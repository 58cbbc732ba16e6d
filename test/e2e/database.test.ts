/**
 * Postgres killed -9 under a launcher that works: what runs goes on, reports wait, and once somebody has started the server
 * again everything is committed once. Each job holds a lock on a file of its own for life.
 */
import fs from 'node:fs';
import path from 'node:path';
import test from 'ava';
import { lives, locking, makeWorld, until, type World } from './_world.ts';

let world: World;
test.before(async () => {
  world = await makeWorld();
  await world.app('nap', locking(`${world.home}/locks`, 'sleep 1'));
});
test.after.always('nothing is left behind', async (t) => {
  t.deepEqual(await world.close(), []);
});

function postmaster(): number {
  const info: unknown = JSON.parse(fs.readFileSync(path.join(world.dbPath, 'server-info'), 'utf8'));
  return (info as { pid: number }).pid;
}

test('Postgres dies in the middle of the work and comes back: nothing is lost, nothing runs twice', async (t) => {
  const ids = await world.jobs(
    Array.from({ length: 16 }, (_, i) => ({ name: `nap${i}`, application: 'nap', node_packing_count: 2 })),
  );
  const launcher = world.launcher(['--consume-all', '--nodes', '2', '--idle-exit-seconds', '1']);
  await until(
    async () => (await world.rows(ids)).some((r) => r.state === 'JOB_FINISHED'),
    'the first has finished',
  );
  const pid = postmaster();
  process.kill(pid, 'SIGKILL');
  await until(() => !lives(pid), 'the server is dead');
  await until(
    () => /the database did not do what was asked/.test(world.logs()),
    'the coordinator has noticed',
  );
  // Any command starts it again.
  const listed = await world.balsam(['ls', '--by-states']);
  t.is(listed.code, 0, listed.err);
  t.not(postmaster(), pid);
  await world.until(ids, ['JOB_FINISHED']);
  t.is(await launcher.exit(), 0, launcher.err);
  for (const row of await world.rows(ids))
    t.deepEqual([row.attempt, row.tries, row.launcher], [1, 1, null], row.name);
  t.is(await world.violations(), '');
  t.regex(world.logs(), /the database answers again/);
});
