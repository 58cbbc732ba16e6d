/**
 * Who was told to leave is not done: a program that writes a checkpoint at TERM and exits 0 has not finished, whoever
 * told it (time limit, Ctrl-C), whichever helper or mpirun started it. What its user kills stays killed.
 */
import fs from 'node:fs';
import path from 'node:path';
import test from 'ava';
import { makeWorld, until, type World } from './_world.ts';

let world: World;
test.before(async () => {
  world = await makeWorld();
  // Ends by itself at the second attempt only.
  await world.app(
    'checkpoint',
    `trap 'echo "checkpoint at $i"; exit 0' TERM
i=0; echo begins
until [ "$BALSAM_ATTEMPT" != 1 ]; do i=$((i+1)); sleep 0.1; done
echo complete`,
  );
});
test.after.always('nothing is left behind', async (t) => {
  t.deepEqual(await world.close(), []);
});

async function running(ids: readonly string[]): Promise<void> {
  await world.until(ids, ['RUNNING']);
  for (const id of ids)
    await until(async () => (await world.output(id)).includes('begins'), `${id} begins: ${world.logs()}`);
}

for (const [helper, signal] of [
  ['python', 'SIGTERM'],
  ['node', 'SIGINT'],
] as const) {
  test.serial(
    `${helper}, ${signal}: told to end, it exits 0, and goes on under the next launcher`,
    async (t) => {
      const [again, never, ranks] = (await world.jobs([
        { name: `again ${helper}`, application: 'checkpoint' },
        { name: `never again ${helper}`, application: 'checkpoint', auto_timeout_retry: false },
        { name: `ranks ${helper}`, application: 'checkpoint', ranks_per_node: 2 },
      ])) as [string, string, string];
      const first = world.launcher(['--consume-all', '--nodes', '3', '--helper', helper]);
      await running([again, never, ranks]);
      first.child.kill(signal);
      t.is(await first.exit(), 3, first.err);
      t.regex(await world.output(again), /checkpoint at \d+/);
      t.deepEqual((await world.states(again)).slice(-3), ['RUNNING', 'RUN_TIMEOUT', 'RESTART_READY']);
      t.regex(await world.messages(again), /told to end because its launcher left: exit code 0/);
      t.deepEqual((await world.states(ranks)).slice(-3), ['RUNNING', 'RUN_TIMEOUT', 'RESTART_READY']);
      t.regex(await world.messages(ranks), /told to end because its launcher left: /);
      t.deepEqual(
        (await world.states(never)).slice(-3),
        ['RUNNING', 'RUN_TIMEOUT', 'FAILED'],
        'no second run is allowed',
      );
      const second = world.launcher([
        '--consume-all',
        '--nodes',
        '3',
        '--helper',
        helper,
        '--idle-exit-seconds',
        '0',
      ]);
      await world.until([again, ranks], ['JOB_FINISHED']);
      t.is(await second.exit(), 0, second.err);
      t.regex(await world.output(again), /^begins\ncomplete\n$/);
      const directory = world.directory(await world.row(again));
      const name = `again_${helper}.out`;
      t.deepEqual(fs.readdirSync(directory).toSorted(), [name, `${name}.1`]);
      t.regex(
        fs.readFileSync(path.join(directory, `${name}.1`), 'utf8'),
        /^begins\n[^]*checkpoint at \d+\n$/,
      );
    },
  );
}

test.serial('the time limit: the same; who is killed by its user stays killed', async (t) => {
  t.timeout(180_000);
  const [again, killed] = (await world.jobs([
    { name: 'limit', application: 'checkpoint', wall_time_minutes: 0 },
    { name: 'killed', application: 'checkpoint', wall_time_minutes: 0 },
  ])) as [string, string];
  const launcher = world.launcher(['--consume-all', '--nodes', '2', '--time-limit-minutes', '0.5']);
  await running([again, killed]);
  const done = await world.balsam(['kill', killed, '--yes']);
  t.is(done.code, 0, done.err);
  t.is(await launcher.exit(), 3, 'jobs are left');
  t.regex(launcher.out, /the time limit is reached/);
  t.deepEqual((await world.states(again)).slice(-2), ['RUN_TIMEOUT', 'RESTART_READY']);
  t.is((await world.row(killed)).state, 'USER_KILLED');
  t.regex(await world.output(killed), /checkpoint at \d+/, 'it was told, and obeyed');
});
