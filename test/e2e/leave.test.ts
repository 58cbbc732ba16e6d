/**
 * How a launcher leaves: at its time limit, by a signal, by a second one, idle, or not at all (`--persistent`). What runs is
 * ended as RUN_TIMEOUT within 12 s and runs again under the next launcher, unless the job forbids that.
 */
import test from 'ava';
import { DEADLINE_MS, locking, makeWorld, ms, until, type Launcher, type World } from './_world.ts';
import { lives } from '../helpers/lives.ts';

let world: World;
test.before(async () => {
  world = await makeWorld();
  // Long at the first attempt, over at once at the next.
  const long = `echo "pid $$"; if [ "$BALSAM_ATTEMPT" = 1 ]; then sleep 300; fi`;
  await world.app('long', locking(`${world.home}/locks`, long));
  await world.app(
    'deaf',
    locking(
      `${world.home}/locks`,
      `trap '' TERM INT\necho "pid $$"\nif [ "$BALSAM_ATTEMPT" = 1 ]; then while :; do sleep 1; done; fi`,
    ),
  );
  await world.command('quick', '/bin/true');
});
test.after.always('nothing is left behind', async (t) => {
  t.deepEqual(await world.close(), []);
});

async function pidOf(id: string): Promise<number> {
  let pid = 0;
  await until(async () => {
    pid = Number(/pid (\d+)/.exec(await world.output(id))?.[1] ?? 0);
    return pid > 0;
  }, 'the job says its pid');
  return pid;
}

async function finishBy(launcher: Launcher, ids: readonly string[]): Promise<void> {
  await world.until(ids, ['JOB_FINISHED']);
  const code = await launcher.exit();
  if (code !== 0) throw new Error(`the launcher ended with ${code}: ${launcher.err}`);
}

test.serial('the time limit: RUN_TIMEOUT, RESTART_READY, and a second launcher finishes', async (t) => {
  const ids = await world.jobs([
    { name: 'again', application: 'long', wall_time_minutes: 0 },
    { name: 'never again', application: 'long', wall_time_minutes: 0, auto_timeout_retry: false },
    { name: 'deaf', application: 'deaf', wall_time_minutes: 0 },
  ]);
  const [again, never] = ids as [string, string, string];
  const first = world.launcher(['--consume-all', '--nodes', '3', '--time-limit-minutes', '0.1']);
  // Committed before its start, or a lost end of it could be a second run.
  await until(
    async () => {
      // The output first: what is committed by then was committed before we saw it.
      const started = (await world.output(never)) !== '';
      const states = await world.states(never);
      if (started)
        t.true(
          states.includes('RUNNING'),
          'RUNNING is committed before the start of a job that may not run twice',
        );
      return started;
    },
    () => `it starts: ${world.logs()}`,
  );
  await world.until(ids, ['RUNNING']);
  const pids = await Promise.all(ids.map(pidOf));
  t.is(await first.exit(), 3, first.err);
  t.log(
    `limit of 6 s, a job that ignores TERM among them: the launcher ended ${ms(first.age)} after its start`,
  );
  t.regex(
    first.out,
    /Launcher ended: the time limit is reached; 2 jobs are left to run \(0 done, 1 failed, 2 left\)\n$/,
  );
  t.true(pids.every((pid) => !lives(pid)));
  for (const row of await world.rows(ids)) {
    t.is(row.launcher, null, row.name);
    t.is(row.state, row.job_id === never ? 'FAILED' : 'RESTART_READY', row.name);
  }
  const states = await world.states(again);
  t.deepEqual(states.slice(-3), ['RUNNING', 'RUN_TIMEOUT', 'RESTART_READY']);
  t.true((await world.states(never)).includes('RUN_TIMEOUT'));
  await finishBy(
    world.launcher(['--consume-all', '--nodes', '3', '--idle-exit-seconds', '0']),
    ids.filter((id) => id !== never),
  );
  t.is((await world.row(never)).state, 'FAILED');
  t.is((await world.row(again)).attempt, 2);
  t.is((await world.row(again)).tries, 2);
});

test.serial('a job that needs more time than is left is not started', async (t) => {
  const [id] = (await world.jobs([{ application: 'quick', wall_time_minutes: 90 }])) as [string];
  const launcher = world.launcher([
    '--consume-all',
    '--time-limit-minutes',
    '60',
    '--idle-exit-seconds',
    '0',
  ]);
  t.is(await launcher.exit(), 3);
  const waits = 'its wall_time_minutes 90 is more than the 59.9 left';
  t.true(launcher.out.includes(`1 job waits that this launcher cannot take: ${waits}`), launcher.out);
  t.is((await world.row(id)).state, 'CREATED');
  await finishBy(world.launcher(['--consume-all', '--idle-exit-seconds', '0']), [id]);
});

for (const signal of ['SIGTERM', 'SIGINT'] as const) {
  test.serial(
    `${signal}: jobs end as RUN_TIMEOUT, deaf ones too; the next launcher finishes them`,
    async (t) => {
      const ids = await world.jobs([
        { name: `a${signal}`, application: 'long' },
        { name: `b${signal}`, application: 'deaf', wall_time_minutes: 5 },
        { name: `c${signal}`, application: 'long' },
      ]);
      const launcher = world.launcher(['--consume-all', '--nodes', '2']);
      await until(
        async () => (await world.rows(ids)).filter((r) => r.state === 'RUNNING').length === 2,
        'two run',
      );
      const ran = (await world.rows(ids)).filter((r) => r.state === 'RUNNING');
      const pids = await Promise.all(ran.map((r) => pidOf(r.job_id)));
      const asked = performance.now();
      launcher.child.kill(signal);
      t.is(await launcher.exit(), 3, launcher.err);
      t.regex(
        launcher.out,
        new RegExp(`received ${signal}; 3 jobs are left to run \\(0 done, 0 failed, 3 left\\)`),
      );
      const took = performance.now() - asked;
      t.log(`${signal}, one job that ignores it: ended after ${ms(took)}`);
      t.true(took < 12_000 + 3_000, 'within 12 s, and three for two busy cores');
      t.true(pids.every((pid) => !lives(pid)));
      for (const row of await world.rows(ids)) {
        t.is(row.launcher, null, row.name);
        const started = ran.some((r) => r.job_id === row.job_id);
        t.is(row.state, started ? 'RESTART_READY' : 'PREPROCESSED', row.name);
        t.is(row.tries, started ? 1 : 0, row.name);
      }
      const again = world.launcher(['--consume-all', '--nodes', '2']);
      // The third has not run yet: its first attempt that starts is not its first lease, maybe.
      await world.until(
        ran.map((r) => r.job_id),
        ['JOB_FINISHED'],
      );
      again.child.kill('SIGTERM');
      const code = await again.exit();
      const left = (await world.rows(ids)).filter((r) => r.state !== 'JOB_FINISHED').map((r) => r.job_id);
      t.is(code, left.length > 0 ? 3 : 0, again.out);
      if (left.length > 0)
        await finishBy(world.launcher(['--consume-all', '--idle-exit-seconds', '0']), left);
      t.is(await world.violations(), '');
    },
  );
}

test.serial('a second signal ends deaf jobs at once', async (t) => {
  const [id] = (await world.jobs([{ name: 'at once', application: 'deaf' }])) as [string];
  const launcher = world.launcher(['--consume-all']);
  await world.until([id], ['RUNNING']);
  const pid = await pidOf(id);
  launcher.child.kill('SIGTERM');
  await until(() => /again to end them at once/.test(launcher.err), 'it answers the first');
  const asked = performance.now();
  launcher.child.kill('SIGTERM');
  t.is(await launcher.exit(), 3, launcher.err);
  t.log(`second signal: ended after ${ms(performance.now() - asked)}`);
  t.false(lives(pid));
  t.is((await world.row(id)).state, 'RESTART_READY');
  await finishBy(world.launcher(['--consume-all', '--idle-exit-seconds', '0']), [id]);
});

test.serial(
  'an idle launcher leaves after its time, a persistent one stays and takes what comes',
  async (t) => {
    const idle = world.launcher(['--consume-all', '--idle-exit-seconds', '1']);
    const persistent = world.launcher(['--consume-all', '--persistent', '--idle-exit-seconds', '0']);
    t.is(await idle.exit(), 0);
    t.regex(idle.out, /Launcher ended: nothing is left to run/);
    const from = performance.now();
    const [id] = (await world.jobs([{ application: 'quick' }])) as [string];
    await world.until([id], ['JOB_FINISHED']);
    t.log(`a job made while a launcher idles is seen finished after ${ms(performance.now() - from)}`);
    t.false(persistent.ended);
    persistent.child.kill('SIGTERM');
    t.is(await persistent.exit(), 0);
    t.true(persistent.age < DEADLINE_MS);
  },
);

test.serial('a signal before anything has begun', async (t) => {
  const launcher = world.launcher(['--consume-all']);
  await until(() => launcher.out.includes('Log:'), 'it has begun');
  launcher.child.kill('SIGTERM');
  t.is(await launcher.exit(), 0, launcher.err + launcher.out);
});
