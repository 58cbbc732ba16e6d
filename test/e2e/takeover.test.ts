/**
 * What happens when a coordinator dies or hangs, and when everything dies at once: running jobs go on under a successor,
 * or run again in the next launcher, and never two of one job at once. Each job holds a lock on a file of its own for life.
 */
import fs from 'node:fs/promises';
import test from 'ava';
import { linesWithoutRule, logLines } from './_log.ts';
import { only, partsOf, postgresOf, signal } from './_parts.ts';
import { complaints } from './_verdict.ts';
import { locking, makeWorld, ms, until, type World } from './_world.ts';
import { lives } from '../helpers/lives.ts';

let world: World;
test.before(async () => {
  world = await makeWorld();
  await world.app('nap', locking(`${world.home}/locks`, 'sleep 4'));
  // The first attempt ends when it may.
  await world.app(
    'doze',
    locking(
      `${world.home}/locks`,
      `while [ "$BALSAM_ATTEMPT" -eq 1 ] && [ ! -e ${world.home}/wake ]; do sleep 0.1; done`,
    ),
  );
});
test.after.always('nothing is left behind', async (t) => {
  t.deepEqual(await world.close(), []);
});

async function napping(count: number, application = 'nap'): Promise<string[]> {
  return world.jobs(
    Array.from({ length: count }, (_, i) => ({ name: `nap${i}`, application, node_packing_count: 2 })),
  );
}

async function coordinator(): Promise<number> {
  await until(() => partsOf(world, 'coordinator').length === 1, 'one coordinator');
  return only(world, 'coordinator').pid;
}

test.serial('a coordinator killed -9 is replaced, and no job notices', async (t) => {
  const ids = await napping(6);
  const launcher = world.launcher(['--consume-all', '--nodes', '2', '--idle-exit-seconds', '0']);
  await until(
    async () => (await world.rows(ids)).filter((r) => r.state === 'RUNNING').length === 4,
    'four run',
  );
  const before = await coordinator();
  process.kill(before, 'SIGKILL');
  const killedAt = performance.now();
  await until(() => partsOf(world, 'coordinator').some((p) => p.pid !== before), 'a successor');
  t.log(`a successor was there after ${ms(performance.now() - killedAt)}`);
  await world.until(ids, ['JOB_FINISHED']);
  t.is(await launcher.exit(), 0, launcher.err);
  for (const row of await world.rows(ids)) t.is(row.attempt, 1, 'nothing ran again');
  t.is(await world.violations(), '');
  t.regex(world.logs(), /took over from a dead coordinator/);
  const told = await Promise.all(ids.map((id) => world.messages(id)));
  t.is(told.filter((text) => /goes on: its coordinator died and was replaced/.test(text)).length, 4);
  const listed = await world.balsam(['ls', 'launchers']);
  t.regex(listed.out, /ended .* its coordinator was replaced; nothing is left to run/);
});

test.serial(
  'a coordinator and its Postgres killed at once: the successor echoes, the warden starts the server',
  async (t) => {
    const ids = await napping(4);
    const launcher = world.launcher(['--consume-all', '--nodes', '2', '--idle-exit-seconds', '0']);
    await world.until(ids, ['RUNNING']);
    const before = await coordinator();
    signal(postgresOf(world), 'SIGKILL');
    process.kill(before, 'SIGKILL');
    await until(
      () => /the server of the database had died: it was started again/.test(launcher.err),
      'it is started',
    );
    await world.open();
    await world.until(ids, ['JOB_FINISHED']);
    t.is(await launcher.exit(), 0, launcher.err);
    for (const row of await world.rows(ids)) t.is(row.attempt, 1, 'nothing ran again');
    t.is(await world.violations(), '');
  },
);

test.serial(
  'a coordinator that hangs is replaced, and the zombie changes nothing when it wakes',
  async (t) => {
    const ids = await napping(4);
    const launcher = world.launcher(['--consume-all', '--nodes', '2', '--idle-exit-seconds', '0']);
    await world.until(ids, ['RUNNING']);
    const before = await coordinator();
    process.kill(before, 'SIGSTOP');
    await until(() => !lives(before), 'the warden ends it');
    await world.until(ids, ['JOB_FINISHED']);
    t.is(await launcher.exit(), 0, launcher.err);
    t.regex(launcher.err, /hangs/);
    for (const row of await world.rows(ids)) t.is(row.attempt, 1);
    t.is(await world.violations(), '');
  },
);

const takeovers = (): number => world.said(/took over from a dead coordinator/);

test.serial(
  'its warden dies while a successor waits for the database: it says so, and everything ends',
  async (t) => {
    const ids = await napping(2);
    // In an allocation nobody starts the server, so that it stays away.
    const launcher = world.launcher(['--consume-all'], { env: { PBS_JOBID: '1.test' } });
    await world.until(ids, ['RUNNING']);
    t.is((await world.balsam(['server', '--stop'])).code, 0);
    const waits = (): number => world.said(/the takeover waits for the database/);
    const before = waits();
    process.kill(await coordinator(), 'SIGKILL');
    await until(() => waits() > before, 'a successor waits');
    process.kill(launcher.pid, 'SIGKILL');
    await launcher.exit();
    await until(() => partsOf(world).length === 0, 'all have ended');
    t.regex(world.logs(), /"ended: its warden is gone before it began"/);
    t.is((await world.balsam(['server', '--connect'])).code, 0);
    await world.open();
    const next = world.launcher(['--consume-all', '--idle-exit-seconds', '0']);
    await world.until(ids, ['JOB_FINISHED']);
    t.is(await next.exit(), 0, next.err);
    t.is(await world.violations(), '');
    t.deepEqual(complaints(world, []), []);
  },
);

test.serial('five coordinators killed in a row: each is replaced, and no job notices', async (t) => {
  const ids = await napping(4, 'doze');
  const launcher = world.launcher(['--consume-all', '--nodes', '2', '--idle-exit-seconds', '0']);
  await world.until(ids, ['RUNNING']);
  for (let n = 1; n <= 5; n++) {
    const before = takeovers();
    process.kill(await coordinator(), 'SIGKILL');
    await until(() => takeovers() === before + 1, `successor ${n} took over`);
  }
  t.true(
    (await world.rows(ids)).every((r) => r.state === 'RUNNING'),
    'they ran through all of it',
  );
  const wake = await world.script('wake', '');
  await world.until(ids, ['JOB_FINISHED']);
  await fs.rm(wake);
  t.is(await launcher.exit(), 0, launcher.err);
  for (const row of await world.rows(ids)) {
    t.is(row.attempt, 1, 'nothing ran again');
    const told = await world.messages(row.job_id);
    t.is(told.match(/goes on: its coordinator died and was replaced/g)?.length, 5);
  }
  t.is(await world.violations(), '');
});

test.serial(
  'successors that die at once: after the fifth the launcher ends its agents and itself; the next one goes on',
  async (t) => {
    const ids = await napping(4, 'doze');
    const launcher = world.launcher(['--consume-all', '--nodes', '2', '--idle-exit-seconds', '0']);
    await world.until(ids, ['RUNNING']);
    const killed = new Set<number>();
    await until(() => {
      for (const { pid } of partsOf(world, 'coordinator')) {
        if (killed.has(pid) || !lives(pid)) continue;
        killed.add(pid);
        process.kill(pid, 'SIGKILL');
      }
      return launcher.ended;
    }, 'the launcher ends');
    t.is(await launcher.exit(), 1);
    t.is(killed.size, 6, 'the first, and five successors');
    t.is(launcher.err.match(/another takes over/g)?.length, 5);
    t.regex(launcher.out + launcher.err, /the coordinator failed: it ended with SIGKILL; see .*\.log/);
    await until(() => world.processes().every((p) => p.incarnation === ''), 'nothing of it runs on');
    const next = world.launcher(['--consume-all', '--nodes', '2', '--idle-exit-seconds', '0']);
    await world.until(ids, ['JOB_FINISHED']);
    t.is(await next.exit(), 0, next.err);
    for (const row of await world.rows(ids)) t.is(row.attempt, 2);
    t.is(await world.violations(), '');
  },
);

test.serial(
  'everything killed at once: a new launcher takes all back by proof, and every job runs to its end',
  async (t) => {
    const ids = await napping(6);
    const first = world.launcher(['--consume-all', '--nodes', '2', '--idle-exit-seconds', '0']);
    await until(
      async () => (await world.rows(ids)).filter((r) => r.state === 'RUNNING').length === 4,
      'four run',
    );
    const all = partsOf(world).filter((p) => p.kind !== 'job');
    signal(all, 'SIGKILL');
    await until(() => all.every((p) => !lives(p.pid)), 'the launcher is dead');
    await first.exit();
    const startedAt = performance.now();
    const second = world.launcher(['--consume-all', '--nodes', '2', '--idle-exit-seconds', '0']);
    await until(() => /rescued a dead launcher/.test(world.logs()), 'the rescue');
    t.log(`rescued ${ms(performance.now() - startedAt)} after the start of the next launcher`);
    await world.until(ids, ['JOB_FINISHED']);
    t.is(await second.exit(), 0, second.err);
    t.is(await world.violations(), '', 'no job ran beside its own orphan');
    const twice = (await world.rows(ids)).filter((r) => r.attempt > 1);
    t.true(twice.length >= 4);
    for (const row of twice)
      t.regex(
        await world.messages(row.job_id),
        /(lost with|may have started in) launcher .*, proven dead, taken back by launcher \d+/,
        'each second run is explained',
      );
    const listed = await world.balsam(['ls', 'launchers', '--json']);
    const launchers = listed.out
      .trim()
      .split('\n')
      .map(
        (line) =>
          JSON.parse(line) as { id: number; health: string; rescued_by: number; rescued_jobs: number },
      );
    const dead = launchers.find((l) => l.health === 'dead');
    t.is(dead?.rescued_by, launchers[0]?.id);
    t.true(dead!.rescued_jobs >= twice.length);
  },
);

test.serial('what the three of them logged says which rule made it, line for line', (t) => {
  const lines = logLines(world.dbPath);
  t.deepEqual(linesWithoutRule(world.dbPath), []);
  const said = new Set(lines.map((line) => line.msg));
  for (const event of [
    'bound',
    'an agent joined',
    'took over from a dead coordinator',
    'rescued a dead launcher',
    'ended',
  ])
    t.true(said.has(event), `${event} is in the log: ${[...said].join('; ')}`);
  t.true(new Set(lines.map((line) => line.rule)).size >= 4, 'the rules are told apart');
});
