/**
 * A node that fails what the other can do (PROTOCOL 10), with real processes: two logical nodes, told apart by the CPUs that
 * their jobs are pinned to. The bad one is drained and shown with its reason, and work goes on where it succeeds.
 */
import test from 'ava';
import { parseCpuList } from '../../native-free/cpu-list.ts';
import { unless } from '../helpers/unless.ts';
import { makeWorld, readMaybe, until, type World } from './_world.ts';

const JOBS = 1_000;

const cpus = parseCpuList(/Cpus_allowed_list:\s*(\S+)/.exec(readMaybe('/proc/self/status'))?.[1] ?? '') ?? [];
const ONE_CPU = cpus.length > 1 ? null : 'two nodes need two CPUs';

let world: World;
test.before(async () => {
  world = await makeWorld();
  await world.app(
    'picky',
    `list=$(sed -n 's/^Cpus_allowed_list:[[:space:]]*//p' /proc/self/status)
case "$list" in ${cpus[0]} | ${cpus[0]}[-,]*) sleep 0.01 ;; *) exit 3 ;; esac`,
  );
});
test.after.always('nothing is left behind', async (t) => {
  t.deepEqual(await world.close(), []);
});

unless(ONE_CPU, test)('a node where jobs fail at once, while another succeeds, is drained', async (t) => {
  const ids = await world.jobs(Array.from({ length: JOBS }, () => ({ application: 'picky' })));
  const launcher = world.launcher(['--consume-all', '--nodes', '2', '--persistent']);
  const said = async (): Promise<string> => (await world.balsam(['ls', 'launchers'])).out;
  const drained =
    /node 1 \(\S+\) is drained: \d+ of its last 30 jobs failed within a second, and other nodes succeed/;
  await until(
    async () => drained.test(await said()),
    async () => `it is drained: ${await said()}\n${JSON.stringify(await world.counts())}`,
  );
  await world.until(ids, ['JOB_FINISHED', 'FAILED']);
  const { FAILED: failed = 0, JOB_FINISHED: finished = 0 } = await world.counts();
  t.log(`${failed} failed there before it was drained, ${finished} finished`);
  t.true(failed > 15 && finished > 30);
  const later = await world.jobs(Array.from({ length: 20 }, () => ({ application: 'picky' })));
  await world.until(later, ['JOB_FINISHED']);
  const listed = await world.balsam(['ls', 'launchers', '--json']);
  t.regex(listed.out, /"drained":\[\{"node":1,/);
  launcher.child.kill('SIGTERM');
  t.is(await launcher.exit(), 0, launcher.err);
});
