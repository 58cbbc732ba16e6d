/**
 * Bounds that are promised: a dead agent's jobs run again within D + 2 s, and not before D where only time proves its death;
 * a coordinator is replaced within T and no job notices, with Postgres away too; a dead launcher is rescued within 5 s by the
 * next one of its host.
 */
import net from 'node:net';
import test from 'ava';
import { listLaunchers } from '../../src/store/launcher/row.ts';
import { CHAIN } from '../../src/base/limits.ts';
import { saidAt, uptime, within } from './_bounds.ts';
import { only, partsOf, signal } from './_parts.ts';
import { lastBound } from './_stranger.ts';
import { executionsOf, runningTicks, ticking } from './_ticks.ts';
import { makeWorld, until, type Launcher, type World } from './_world.ts';

/** What a rescue by proof may take, from the start of the launcher that does it. */
const RESCUED_MS = 5_000;
/** For one test, milliseconds: it may measure twice on a busy machine. */
const PATIENCE_MS = 240_000;

let world: World;
test.before(async () => {
  world = await makeWorld();
  await world.app('tick', ticking(world.ticks));
});
test.after.always('nothing is left behind', async (t) => {
  t.deepEqual(await world.close(), []);
});

/** All of them have ticked since this uptime, under their first attempt. */
async function tickedSince(ids: readonly string[], since: number): Promise<boolean> {
  const all = await Promise.all(ids.map((id) => executionsOf(world.ticks, id)));
  return all.every((runs) => runs.length === 1 && runs[0]!.to > since);
}

async function finished(
  launcher: Launcher,
  ids: readonly string[],
  attempt: number | null,
): Promise<string[]> {
  await world.until(ids, ['JOB_FINISHED']);
  const code = await launcher.exit();
  const wrong = code === 0 ? [] : [`the launcher ended with ${code}: ${launcher.err}`];
  for (const row of await world.rows(ids))
    if (attempt !== null && row.attempt !== attempt) wrong.push(`${row.name} has attempt ${row.attempt}`);
  return [...wrong, ...(await world.violations()).split('\n').filter(Boolean)];
}

/**
 * D counts from the receipt of the last heartbeat: h before the agent stood still, and a little more where its timer was
 * late. Beyond A + K from there, by which its jobs are dead.
 */
const NOT_BEFORE_MS = CHAIN.agentDead - 2 * CHAIN.heartbeat;

for (const [what, name, deadMs, againMs] of [
  ['an agent dies: its jobs are dead within K', 'SIGKILL', CHAIN.killWorks, 0],
  [
    'an agent stands still: its jobs are dead within A + K, start nowhere else before D',
    'SIGSTOP',
    CHAIN.agentLease + CHAIN.killWorks,
    NOT_BEFORE_MS,
  ],
] as const)
  test.serial(`${what}, and run again within D + 2 s`, async (t) => {
    t.timeout(PATIENCE_MS);
    await within(t, 'the last of its jobs ran again', CHAIN.agentDead + 2_000, async () => {
      const launcher = world.launcher(['--consume-all', '--nodes', '2', '--idle-exit-seconds', '10']);
      // Three to each, so that the other has room for what runs again.
      // The row of the launcher before this one says its nodes still.
      await until(
        async () => (await listLaunchers(world.db)).some((l) => l.state === 'alive' && l.nodes_alive === 2),
        'both nodes are there',
      );
      const ids = await runningTicks(world, { count: 6, seconds: 20, once: true });
      const agent = partsOf(world, 'agent')[0]!;
      const at = uptime();
      signal([agent], name);
      await until(
        async () =>
          (await Promise.all(ids.map((id) => executionsOf(world.ticks, id)))).some((r) => r.length > 1),
        async () => `they run again: ${await world.violations()}`,
      );
      signal([agent], 'SIGCONT');
      t.is(String(await finished(launcher, ids, null)), '');
      const all = await Promise.all(ids.map((id) => executionsOf(world.ticks, id)));
      const again = all.filter((runs) => runs.length > 1);
      t.true(again.length > 0 && again.length < ids.length, `${again.length} of ${ids.length} were there`);
      for (const [first, second] of again) {
        t.true(first!.to <= at + deadMs / 1_000, `dead after ${first!.to - at} s`);
        t.true(second!.from >= at + againMs / 1_000, `again after ${second!.from - at} s`);
      }
      return Math.max(...again.map(([, second]) => second!.from - at)) * 1_000;
    });
  });

test.serial('a coordinator killed, and one that hangs: replaced within T, and no job notices', async (t) => {
  t.timeout(PATIENCE_MS);
  const launcher = world.launcher(['--consume-all', '--nodes', '2', '--idle-exit-seconds', '1']);
  const ids = await runningTicks(world, { count: 6, seconds: 9 });
  for (const name of ['SIGKILL', 'SIGSTOP'] as const)
    await within(t, `${name}: a successor took over`, CHAIN.takeover, async () => {
      const at = Date.now();
      signal([only(world, 'coordinator')], name);
      const tookOver = (): number | null => saidAt(world, /took over from a dead coordinator/, at);
      await until(() => tookOver() !== null, 'a successor');
      return tookOver()! - at;
    });
  t.is(String(await finished(launcher, ids, 1)), '');
});

test.serial(
  'the same while Postgres is away: jobs run on beyond A, and are adopted when it is back',
  async (t) => {
    t.timeout(PATIENCE_MS);
    // In an allocation nobody starts the server, so that it stays away.
    const env = { PBS_JOBID: '1.test' };
    const launcher = world.launcher(['--consume-all', '--nodes', '2', '--idle-exit-seconds', '1'], { env });
    const ids = await runningTicks(world, { count: 6, seconds: 24 });
    const { port } = lastBound(world)!;
    t.is((await world.balsam(['server', '--stop'])).code, 0);
    const from = uptime();
    for (const name of ['SIGKILL', 'SIGSTOP'] as const)
      await within(t, `${name}: the port answers again`, CHAIN.takeover, async () => {
        const before = only(world, 'coordinator');
        const at = performance.now();
        signal([before], name);
        // One that is just dying has no command line any more, and its port open still.
        await until(
          () => partsOf(world, 'coordinator').some((p) => p.pid !== before.pid),
          'another is there',
        );
        await until(() => answers(port), 'it listens');
        return performance.now() - at;
      });
    // Without an echo every job would be dead by now.
    await until(
      () => tickedSince(ids, from + (CHAIN.agentLease + CHAIN.killWorks) / 1_000),
      async () =>
        `all run on: ${JSON.stringify(await Promise.all(ids.map((id) => executionsOf(world.ticks, id))))}`,
    );
    t.is((await world.balsam(['server', '--connect'])).code, 0);
    t.is(String(await finished(launcher, ids, 1)), '');
    t.regex(launcher.err, /the database does not answer/);
    t.regex(launcher.err, /the database answers again/);
  },
);

function answers(port: number): Promise<boolean> {
  return new Promise((resolve) => {
    const socket = net.connect(port, '127.0.0.1', () => {
      socket.destroy();
      resolve(true);
    });
    socket.once('error', () => resolve(false));
  });
}

test.serial('everything dies at once: the next launcher has rescued within 5 s', async (t) => {
  t.timeout(PATIENCE_MS);
  await within(t, 'rescued', RESCUED_MS, async () => {
    const first = world.launcher(['--consume-all', '--nodes', '2']);
    const ids = await runningTicks(world, { count: 8, seconds: 4 });
    signal(
      partsOf(world).filter((p) => p.kind !== 'job'),
      'SIGKILL',
    );
    await first.exit();
    const at = Date.now();
    const next = world.launcher(['--consume-all', '--nodes', '2', '--idle-exit-seconds', '1']);
    t.is(String(await finished(next, ids, 2)), '');
    return (saidAt(world, /rescued a dead launcher/, at) ?? Infinity) - at;
  });
});
