/**
 * The last words of `balsam launcher` and its exit code: 0 when all that it was asked for ran, 3 when jobs are left or could
 * not be started, 1 when it could not work. What it says is what the database has.
 */
import { setTimeout as pause } from 'node:timers/promises';
import test from 'ava';
import { connect, type Database } from '../../src/store/connection.ts';
import { only, partsOf, signal } from './_parts.ts';
import { makeWorld, until, type Launcher, type World } from './_world.ts';

let world: World;
test.before(async () => {
  world = await makeWorld();
  await world.command('quick', '/bin/true');
  await world.command('long', '/bin/sleep 300');
  await world.command('wrong', '/bin/false');
  await world.command('nosuch', '/no/such/program');
});
test.after.always('nothing is left behind', async (t) => {
  t.deepEqual(await world.close(), []);
});

const ONCE = ['--idle-exit-seconds', '0'];

function last(launcher: Launcher): string {
  return launcher.out.trimEnd().split('\n').at(-1) ?? '';
}

function lines(launcher: Launcher, kind: string): Record<string, unknown>[] {
  return launcher.out
    .split('\n')
    .filter(Boolean)
    .map((line) => JSON.parse(line) as Record<string, unknown>)
    .filter((line) => line['kind'] === kind);
}

async function remove(workflow: string): Promise<void> {
  const ran = await world.balsam(['rm', 'jobs', '--wf', workflow, '--yes']);
  if (ran.code !== 0) throw new Error(ran.err);
}

test.serial('jobs that cannot be started are counted as failed, and the work is not done', async (t) => {
  await world.jobs([
    { workflow: 'start', application: 'nosuch' },
    { workflow: 'start', application: 'quick' },
    { workflow: 'start', application: 'wrong' },
    { workflow: 'start', application: 'unknown' },
  ]);
  const launcher = world.launcher(['--wf-filter', 'start', '--json', ...ONCE]);
  t.is(await launcher.exit(), 3, launcher.err);
  t.like(lines(launcher, 'launcher_progress').at(-1), { done: 1, failed: 3, running: 0, waiting: 0 });
  const [end] = lines(launcher, 'launcher_ended');
  t.like(end, { exit_code: 3, done: 1, failed: 3, unstarted: 2, left: 0 });
  t.regex(String(end?.['reason']), /^nothing is left to run; 2 jobs could not be started, the first/);
  t.is(launcher.err, '');
  await remove('start');
});

test.serial('a job that fails by itself is done: the launcher ran it', async (t) => {
  await world.jobs([{ workflow: 'fails', application: 'wrong' }]);
  const launcher = world.launcher(['--wf-filter', 'fails', ...ONCE]);
  t.is(await launcher.exit(), 0);
  t.is(last(launcher), 'Launcher ended: nothing is left to run (0 done, 1 failed, 0 left)');
  t.regex(launcher.out, /\n[^\n]* 1\/1 {2}1 failed\nLauncher ended/);
});

test.serial('jobs that do not fit: how many, and which number is too big', async (t) => {
  const [, five] = await world.jobs([
    { workflow: 'fit', application: 'quick' },
    { workflow: 'fit', application: 'quick', num_nodes: 5 },
    { workflow: 'fit', application: 'quick', num_nodes: 6 },
  ]);
  const nodes = world.launcher(['--wf-filter', 'fit', ...ONCE]);
  t.is(await nodes.exit(), 3);
  const left =
    '2 jobs wait that this launcher cannot take: num_nodes 5 to 6 is more than the 1 node that takes work here';
  t.is(last(nodes), `Launcher ended: ${left} (1 done, 0 failed, 2 left)`);
  t.regex(nodes.out, / 1\/3\n/);
  const late = world.launcher([
    '--wf-filter',
    'fit',
    '--nodes',
    '6',
    '--time-limit-minutes',
    '0.5',
    '--json',
    ...ONCE,
  ]);
  t.is(await late.exit(), 3);
  const [end] = lines(late, 'launcher_ended');
  t.like(end, { left: 2, exit_code: 3 });
  t.regex(String(end?.['reason']), /^2 jobs wait .*: wall_time_minutes 1 is more than the 0\.[1-4] left$/);
  t.regex(JSON.stringify(end), /"left_reasons":\[\{"code":"wall-time","count":2,/);
  const serial = world.launcher(['--wf-filter', 'fit', '--job-mode', 'serial', ...ONCE]);
  t.is(await serial.exit(), 3);
  t.regex(last(serial), /2 jobs wait .* in mode serial it takes jobs of one rank/);
  const why = (await world.balsam(['explain', five!])).out;
  t.regex(why, /start one by `balsam launcher --consume-all --nodes 5`/);
  t.regex(why, /the last launcher left it: num_nodes is 5, too big for launcher \d+ on .*: in mode serial/);
  const listed = await world.balsam(['ls', 'launchers']);
  t.regex(listed.out, /ended .* 2 jobs wait that this launcher cannot take: num_nodes 5 to 6/);
  t.notRegex(listed.out, /nothing is left to run; 2 jobs/);
  await remove('fit');
});

test.serial('one that stays says which jobs it cannot take', async (t) => {
  await world.jobs([{ workflow: 'stays', application: 'quick', num_nodes: 5 }]);
  const launcher = world.launcher(['--wf-filter', 'stays', '--persistent']);
  await until(
    () =>
      launcher.err.includes('balsam: 1 job waits that this launcher cannot take: its num_nodes 5 is more'),
    () => launcher.out + launcher.err,
  );
  launcher.child.kill('SIGTERM');
  t.is(await launcher.exit(), 3);
  await remove('stays');
});

test.serial(
  'jobs of another owner, held by another launcher, at rest; and a filter without a match',
  async (t) => {
    const [theirs, held, waits] = await world.jobs([
      { workflow: 'others', application: 'quick' },
      { workflow: 'others', application: 'quick' },
      { workflow: 'others', application: 'quick' },
    ]);
    await world.db.run(async (sql) => {
      await sql`update job set owner = 'somebody' where id = ${theirs!}`;
      await sql`update job set state = 'AWAITING_PARENTS' where id = ${waits!}`;
      await sql`insert into launcher (name, host, mode, wf_filter, nodes) values ('another', 'elsewhere', 'mixed', '', 1)`;
      await sql`update job set launcher = (select id from launcher where name = 'another'), attempt = 1, state = 'PREPROCESSED'
      where id = ${held!}`;
    });
    const launcher = world.launcher(['--wf-filter', 'others', ...ONCE]);
    t.is(await launcher.exit(), 3);
    t.regex(
      last(launcher),
      /2 jobs wait that this launcher cannot take: .*of the database user somebody, and this/,
    );
    t.regex(last(launcher), /nothing moves a job on from AWAITING_PARENTS by itself/);
    t.regex(last(launcher), /; 1 job has not ended: launcher \d+ holds them \(0 done, 0 failed, 3 left\)$/);
    await world.db.run(async (sql) => {
      await sql`update job set launcher = null where id = ${held!}`;
      await sql`update launcher set state = 'ended', ended_at = now() where name = 'another'`;
      await sql`update job set state = 'CREATED' where id = ${waits!}`;
    });
    const any = world.launcher(['--wf-filter', 'others', '--any-owner', ...ONCE]);
    t.is(await any.exit(), 0, any.out);
    t.is(last(any), 'Launcher ended: nothing is left to run (3 done, 0 failed, 0 left)');
    const typo = world.launcher(['--wf-filter', 'otters', ...ONCE]);
    t.is(await typo.exit(), 3);
    t.regex(last(typo), /no workflow contains "otters": the database has .*"others"/);
    await remove('others');
  },
);

test.serial(
  'killed while it waits in the launcher, never started: counted, and nothing is left',
  async (t) => {
    const [first, second] = await world.jobs([
      { workflow: 'kills', application: 'long' },
      { workflow: 'kills', application: 'quick' },
    ]);
    const launcher = world.launcher(['--wf-filter', 'kills', ...ONCE]);
    await until(
      async () =>
        (await world.row(first!)).state === 'RUNNING' && (await world.row(second!)).launcher !== null,
      'one runs, and the launcher holds the other',
    );
    for (const id of [second!, first!]) t.is((await world.balsam(['kill', id, '--yes'])).code, 0);
    t.is(await launcher.exit(), 0, launcher.out);
    t.is(last(launcher), 'Launcher ended: nothing is left to run (0 done, 0 failed, 2 killed, 0 left)');
    await remove('kills');
  },
);

test.serial('no agent is left: an error that says how the last one ended', async (t) => {
  await world.jobs([{ workflow: 'agents', application: 'long' }]);
  const launcher = world.launcher(['--wf-filter', 'agents', ...ONCE]);
  while (!launcher.ended) {
    signal(partsOf(world, 'agent'), 'SIGKILL');
    await pause(50);
  }
  t.is(await launcher.exit(), 1);
  const reason = 'no agent is left: the agent of node 0 ended: SIGKILL; 1 job is left to run';
  t.true(last(launcher).startsWith(`Launcher ended: ${reason} (`), launcher.out);
  t.true(launcher.err.endsWith(`balsam: ${reason}\n`), launcher.err);
  t.is(launcher.err.match(/the agent of node 0 ended/g)?.length, 2, 'each reason once');
  await remove('agents');
});

test.serial('a successor goes on with the counts of the coordinator that died', async (t) => {
  await world.jobs([{ workflow: 'follow', application: 'quick' }]);
  const launcher = world.launcher(['--wf-filter', 'follow', '--json', '--persistent']);
  await until(
    () => lines(launcher, 'launcher_progress').some((line) => line['done'] === 1),
    () => launcher.out,
  );
  signal([only(world, 'coordinator')], 'SIGKILL');
  await until(() => world.said(/took over from a dead coordinator/) > 0, 'a successor');
  const [id] = await world.jobs([{ workflow: 'follow', application: 'quick' }]);
  await world.until([id!], ['JOB_FINISHED']);
  launcher.child.kill('SIGTERM');
  t.is(await launcher.exit(), 0, launcher.out + launcher.err);
  t.like(lines(launcher, 'launcher_ended')[0], { done: 2, left: 0, reason: 'received SIGTERM' });
  await remove('follow');
});

test.serial('no free connection at the start: it says so, waits, and works when one is free', async (t) => {
  const [id] = await world.jobs([{ workflow: 'full', application: 'quick' }]);
  const taken: Database[] = [];
  for (;;) {
    const db = connect(world.db.address, { applicationName: 'holder', role: 'client', max: 1 });
    const got = await db
      .run((sql) => sql`select 1`)
      .then(
        () => true,
        () => false,
      );
    taken.push(db);
    if (!got) break;
  }
  const launcher = world.launcher(['--wf-filter', 'full', ...ONCE]);
  await until(
    () => /has no free connection .*; the launcher waits up to two minutes for it/.test(launcher.err),
    () => launcher.err + launcher.out,
  );
  t.false(launcher.ended);
  await Promise.all(taken.map((db) => db.close()));
  t.is(await launcher.exit(), 0, launcher.err);
  t.is((await world.row(id!)).state, 'JOB_FINISHED');
  await remove('full');
});

test.serial(
  'thousands that wait: the total is true, and no time is told that a count did not allow',
  async (t) => {
    const total = 4_000;
    await world.jobs(Array.from({ length: total }, () => ({ workflow: 'many', application: 'long' })));
    const launcher = world.launcher(['--wf-filter', 'many', '--json']);
    const totals = (): number[] =>
      lines(launcher, 'launcher_progress').map((line) =>
        ['done', 'failed', 'running', 'waiting'].reduce((sum, name) => sum + Number(line[name]), 0),
      );
    await until(
      () => totals().some((n) => n > 1_500),
      () => launcher.out,
    );
    t.true(
      totals().every((n) => n === 0 || Math.abs(n - total) < 50),
      String(totals()),
    );
    launcher.child.kill('SIGTERM');
    t.is(await launcher.exit(), 3);
    t.like(lines(launcher, 'launcher_ended')[0], { left: total, left_more: false });
    await remove('many');
  },
);

test.serial('wrong options are said before anything is announced', async (t) => {
  const launcher = world.launcher(['--wf-filter', 'x', '--time-limit-minutes', 'soon']);
  t.is(await launcher.exit(), 2);
  t.is(launcher.out, '');
  const offset = world.launcher(['--consume-all', '--offset-nodes', '7']);
  t.is(await offset.exit(), 2);
  t.is(offset.out, '');
});
