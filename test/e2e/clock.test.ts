/**
 * A wall clock that steps changes no limit: the launcher's end is a time of the monotonic clock, also for the successor of a
 * coordinator. The clock of a launcher's processes is stepped by libfaketime, which leaves the monotonic one alone.
 */
import fs from 'node:fs';
import path from 'node:path';
import test from 'ava';
import { unless } from '../helpers/unless.ts';
import { makeWorld, until, type Launcher, type World } from './_world.ts';

const LIBRARY = ['x86_64-linux-gnu', 'aarch64-linux-gnu']
  .map((triple) => `/usr/lib/${triple}/faketime/libfaketimeMT.so.1`)
  .find((file) => fs.existsSync(file));
const NO_LIBRARY = LIBRARY === undefined ? 'libfaketime is not installed: apt install libfaketime' : null;

let world: World;
test.before(async () => {
  world = await makeWorld();
  await world.app('waits', `echo begins; until [ -e "${world.home}/over" ]; do sleep 0.1; done`);
});
test.after.always('nothing is left behind', async (t) => {
  t.deepEqual(await world.close(), []);
});

/** A launcher whose wall clock is what the file `clock` says: `+0`, `+2h`. */
function launcherOf(limitMinutes: string): { launcher: Launcher; step: (by: string) => void } {
  const clock = path.join(world.home, 'clock');
  fs.writeFileSync(clock, '+0\n');
  const env = {
    LD_PRELOAD: LIBRARY!,
    FAKETIME_TIMESTAMP_FILE: clock,
    FAKETIME_NO_CACHE: '1',
    FAKETIME_DONT_FAKE_MONOTONIC: '1',
    DONT_FAKE_MONOTONIC: '1',
  };
  const launcher = world.launcher(
    ['--consume-all', '--idle-exit-seconds', '0', '--time-limit-minutes', limitMinutes],
    { env },
  );
  return { launcher, step: (by) => fs.writeFileSync(clock, `${by}\n`) };
}

/** Kills the coordinator of this world, and waits until its successor has begun. */
async function replaceCoordinator(): Promise<void> {
  const [coordinator] = world
    .processes()
    .filter((p) => p.argv.some((word) => word.endsWith('/coordinator.js')));
  process.kill(coordinator!.pid, 'SIGKILL');
  await until(
    () => world.said(/"successor":true/) > 0,
    () => `a successor begins: ${world.logs()}`,
  );
}

const clockTest = unless(NO_LIBRARY, test.serial);

clockTest(
  'two hours later by the wall clock: a successor does not believe that the time limit is over',
  async (t) => {
    t.timeout(180_000);
    const [id] = (await world.jobs([{ application: 'waits', wall_time_minutes: 0 }])) as [string];
    const { launcher, step } = launcherOf('30');
    await world.until([id], ['RUNNING']);
    step('+2h');
    await replaceCoordinator();
    // Its log has the stepped clock: the test steps what it means to.
    const at = [...world.logs().matchAll(/"time":"([^"]+)"[^\n]*"successor":true/g)].at(-1)![1]!;
    t.true(Date.parse(at) - Date.now() > 3_600_000, at);
    fs.writeFileSync(path.join(world.home, 'over'), '');
    await world.until([id], ['JOB_FINISHED']);
    t.is(await launcher.exit(), 0, launcher.err);
    t.notRegex(launcher.out, /time limit/);
    const [attempt] = await world.db.run(
      (sql) => sql<{ ran: number }[]>`
      select extract(epoch from ended_at - started_at)::float8 as ran from attempt where job_id = ${id}::uuid`,
    );
    t.true(
      attempt!.ran >= 0 && attempt!.ran < 600,
      `the run time is that of the monotonic clock: ${attempt!.ran} s`,
    );
  },
);

clockTest('two hours earlier by the wall clock: the time limit comes as it was given', async (t) => {
  t.timeout(180_000);
  fs.rmSync(path.join(world.home, 'over'), { force: true });
  const [id] = (await world.jobs([{ application: 'waits', wall_time_minutes: 0 }])) as [string];
  const { launcher, step } = launcherOf('0.5');
  await world.until([id], ['RUNNING']);
  step('-2h');
  await replaceCoordinator();
  t.is(await launcher.exit(), 3, 'a job is left');
  t.regex(launcher.out, /the time limit is reached/);
  t.is((await world.row(id)).state, 'RESTART_READY');
});
