/**
 * `balsam killjob` reaches a job wherever it is: waiting, sent ahead to an agent, running, or running with two ranks. The
 * end is within about a second, USER_KILLED stays, the launcher lets go of the row, and nothing says RUN_DONE.
 */
import fs from 'node:fs';
import path from 'node:path';
import test, { type ExecutionContext } from 'ava';
import { makeWorld, ms, readMaybe, until, type World } from './_world.ts';
import { lives } from '../helpers/lives.ts';

let world: World;
test.before(async () => {
  world = await makeWorld();
  await world.app('sleeper', `echo "pid $$"; sleep 300 & echo "child $!"; wait; echo done`);
  await world.app('stubborn', `trap '' TERM; echo "pid $$"; echo ready; while :; do sleep 1; done`);
  await world.command('quick', '/bin/true');
  // Two ranks that only say who they are: mpirun tells each by its environment.
  await world.app('ranks', `echo "rank $$"; exec sleep 300`);
});
test.after.always('nothing is left behind', async (t) => {
  t.deepEqual(await world.close(), []);
});

function pidsIn(output: string): number[] {
  return [...output.matchAll(/(?:pid|child|rank) (\d+)/g)].map((m) => Number(m[1]));
}

/** Kills by the command line; reports the time from the command's end to the row let go and the processes gone. */
async function kill(
  t: ExecutionContext,
  id: string,
  what: string,
  pids: readonly number[] = [],
): Promise<void> {
  const asked = performance.now();
  const ran = await world.balsam(['killjob', '--id', id.slice(0, 13), '--yes']);
  const commanded = performance.now();
  t.is(ran.code, 0, ran.err);
  t.is(ran.out, 'Job killed\n');
  t.is((await world.row(id)).state, 'USER_KILLED');
  await until(
    async () => pids.every((pid) => !lives(pid)) && (await world.row(id)).launcher === null,
    `${what} is over`,
  );
  t.log(
    `${what}: over ${ms(performance.now() - commanded)} after the command, which took ${ms(commanded - asked)}`,
  );
}

async function stays(t: ExecutionContext, id: string): Promise<void> {
  const row = await world.row(id);
  t.is(row.state, 'USER_KILLED');
  t.is(row.launcher, null);
  const states = await world.states(id);
  t.is(states.at(-1), 'USER_KILLED');
  for (const never of [
    'RUN_DONE',
    'JOB_FINISHED',
    'FAILED',
    'RUN_ERROR',
    'RUN_TIMEOUT',
    'RESTART_READY',
  ] as const)
    t.false(states.includes(never), never);
}

test.serial('a waiting, a prefetched and a running job', async (t) => {
  // One node, one job at a time: the first runs, the second is sent ahead, the others wait.
  const ids = await world.jobs(
    Array.from({ length: 4 }, (_, i) => ({ name: `one${i}`, application: 'sleeper' })),
  );
  const launcher = world.launcher(['--consume-all', '--job-mode', 'mpi', '--idle-exit-seconds', '0']);
  await until(
    async () => (await world.rows(ids)).filter((r) => r.state === 'RUNNING').length === 1,
    () => `one runs: ${world.logs()}`,
  );
  await until(
    async () => (await world.rows(ids)).filter((r) => r.launcher !== null).length >= 2,
    'one is prefetched',
  );
  const rows = await world.rows(ids);
  const waiting = rows.find((r) => r.launcher === null);
  const ahead = rows.find((r) => r.launcher !== null && r.state !== 'RUNNING')!;
  const running = rows.find((r) => r.state === 'RUNNING')!;
  t.truthy(waiting, 'prefetch is small');
  await kill(t, waiting!.job_id, 'a waiting job');
  await kill(t, ahead.job_id, 'a prefetched job');
  await until(async () => pidsIn(await world.output(running.job_id)).length === 2, 'its output is there');
  const pids = pidsIn(await world.output(running.job_id));
  await kill(t, running.job_id, 'a running job', pids);
  t.regex(await world.output(running.job_id), /^pid \d+\nchild \d+\n/);
  t.notRegex(await world.output(running.job_id), /done/);
  for (const row of [waiting!, ahead])
    t.false(fs.existsSync(world.directory(row)), 'a job that never started has no directory');
  // The last one of the four starts now; killed too, so that the launcher has nothing left.
  const last = ids.find((id) => ![waiting, ahead, running].some((r) => r!.job_id === id))!;
  await world.until([last], ['RUNNING']);
  await kill(t, last, 'the next one');
  t.is(await launcher.exit(), 0, launcher.err);
  for (const id of ids) await stays(t, id);
  // A second kill of an ended job changes nothing and says so.
  const again = await world.balsam(['killjob', '--id', running.job_id, '--yes']);
  t.is(again.code, 0);
  t.regex(again.out, /USER_KILLED/);
});

test.serial('a job that ignores TERM is ended after the grace, and the next one runs', async (t) => {
  const [id] = (await world.jobs([{ name: 'stubborn', application: 'stubborn' }])) as [string];
  const launcher = world.launcher(['--consume-all', '--idle-exit-seconds', '0']);
  await world.until([id], ['RUNNING']);
  await until(async () => /ready/.test(await world.output(id)), 'it is ready');
  await kill(t, id, 'a job that ignores TERM', pidsIn(await world.output(id)));
  await stays(t, id);
  t.is(await launcher.exit(), 0, launcher.err);
});

test.serial('a job of two MPI ranks', async (t) => {
  const [id] = (await world.jobs([{ name: 'two ranks', application: 'ranks', ranks_per_node: 2 }])) as [
    string,
  ];
  const launcher = world.launcher(['--consume-all', '--job-mode', 'mpi', '--idle-exit-seconds', '0']);
  await world.until([id], ['RUNNING']);
  await until(
    async () => pidsIn(await world.output(id)).length === 2,
    async () => `both ranks run: ${await world.output(id)}`,
  );
  const pids = pidsIn(await world.output(id));
  t.true(pids.every(lives));
  await kill(t, id, 'a job of two ranks', pids);
  await stays(t, id);
  t.is((await world.output(id)).match(/rank/g)?.length, 2);
  t.is(await launcher.exit(), 0, launcher.err);
});

test.serial('kills while jobs come and go: each ends once, as finished or as killed', async (t) => {
  const ids = await world.jobs(
    Array.from({ length: 200 }, (_, i) => ({ name: `q${i}`, application: 'quick', node_packing_count: 2 })),
  );
  const launcher = world.launcher(['--consume-all', '--idle-exit-seconds', '0']);
  const doomed = ids.filter((_, i) => i % 20 === 19);
  await world.until(ids.slice(0, 5), ['JOB_FINISHED']);
  const said = await Promise.all(
    doomed.slice(0, 4).map(async (id) => ({ id, out: (await world.balsam(['kill', id, '--yes'])).out })),
  );
  t.is(await launcher.exit(), 0, launcher.err);
  for (const row of await world.rows(ids)) {
    const killed = said.find((s) => s.id === row.job_id)?.out === 'Job killed\n';
    t.is(row.state, killed ? 'USER_KILLED' : 'JOB_FINISHED', row.name);
    t.is(row.launcher, null);
  }
  t.notRegex(readMaybe(path.join(world.dbPath, 'log')), /assert/i);
});
