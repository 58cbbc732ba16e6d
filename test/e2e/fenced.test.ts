/**
 * A coordinator that finds its row dead (PROTOCOL 4): it ends with a code of its own and says why, the warden ends its agents
 * and begins the launcher anew, under another id; no job of the dead one runs on. The tombstone is written here, as a
 * rescuer that was wrong would: with R passed by a clock that was stepped.
 */
import test from 'ava';
import { CHAIN } from '../../src/base/limits.ts';
import { listLaunchers } from '../../src/store/launcher/row.ts';
import { tombstone } from '../../src/store/launcher/rescue.ts';
import { only, partsOf, signal } from './_parts.ts';
import { executionsOf, runningTicks, ticking } from './_ticks.ts';
import { makeWorld, until, type World } from './_world.ts';
import { lives } from '../helpers/lives.ts';

const PATIENCE_MS = 240_000;

let world: World;
test.before(async () => {
  world = await makeWorld();
  await world.app('tick', ticking(world.ticks));
});
test.after.always('nothing is left behind', async (t) => {
  t.deepEqual(await world.close(), []);
});

/** Jobs that run in their first attempt for longer than any test, and end in the second. */
function running(): Promise<string[]> {
  return runningTicks(world, { count: 4, seconds: 600, once: true });
}

/** Buries the newest launcher; its id. Again when it beat, or raised its epoch, between two of the statements. */
async function bury(): Promise<number> {
  let id = 0;
  await until(async () => {
    const [own] = await listLaunchers(world.db, 1);
    id = own!.id;
    await world.db.run(
      (sql) =>
        sql`update launcher set heartbeat_at = clock_timestamp() - interval '1 h' where id = ${id} and state = 'alive'`,
    );
    return tombstone(world.db, own!, CHAIN.rescue, false);
  }, 'it is buried');
  return id;
}

/** The end of a coordinator as its log has it. */
const ends = (): { id: number; code: string; reason: string }[] =>
  world
    .logs()
    .split('\n')
    .filter((line) => line.includes('"msg":"ended"') && line.includes('"who":"coordinator"'))
    .map((line) => JSON.parse(line) as { id: number; code: string; reason: string });

test.serial(
  'its row is dead: jobs end, the launcher begins anew under another id, and runs them again',
  async (t) => {
    t.timeout(PATIENCE_MS);
    const launcher = world.launcher(['--consume-all', '--nodes', '2', '--idle-exit-seconds', '1']);
    const ids = await running();
    const jobs = partsOf(world, 'job');
    const dead = await bury();
    await until(() => jobs.every((p) => !lives(p.pid)), 'no job of it runs on');
    await world.until(ids, ['JOB_FINISHED']);
    t.is(await launcher.exit(), 0, launcher.err);
    t.is(await world.violations(), '');
    t.regex(
      launcher.err,
      /this launcher was declared dead: its jobs were ended, another begins in its place/,
    );
    t.like(ends()[0], { code: 'fenced', reason: 'the launcher row is not ours any more' });
    for (const id of ids) {
      t.deepEqual(
        (await executionsOf(world.ticks, id)).map((x) => [x.attempt, x.ended]),
        [
          [1, false],
          [2, true],
        ],
      );
      t.regex(await world.messages(id), /lost with launcher .*, silent for too long/);
    }
    const rows = await world.db.run(
      (sql) => sql<{ launcher: number }[]>`select distinct launcher from attempt where attempt = 2`,
    );
    t.is(rows.length, 1);
    t.not(rows[0]!.launcher, dead);
  },
);

test.serial(
  'the same where a successor finds it: the launcher begins anew, it does not die of five successors',
  async (t) => {
    t.timeout(PATIENCE_MS);
    const launcher = world.launcher(['--consume-all', '--nodes', '2', '--idle-exit-seconds', '1']);
    const ids = await running();
    const before = ends().length;
    // It hangs, so that nothing of it can see the tombstone; its warden kills it.
    signal([only(world, 'coordinator')], 'SIGSTOP');
    await bury();
    await world.until(ids, ['JOB_FINISHED']);
    t.is(await launcher.exit(), 0, launcher.err);
    t.is(await world.violations(), '');
    t.deepEqual(
      ends()
        .slice(before)
        .map((x) => x.code),
      ['fenced', 'left'],
    );
    t.is(ends()[before]!.reason, 'the launcher was declared dead before its coordinator was replaced');
    t.regex(launcher.err, /this launcher was declared dead/);
    t.is(launcher.err.match(/another takes over/g)?.length, 1);
  },
);

test.serial('dead for the third time it ends, non-zero, with a sentence', async (t) => {
  t.timeout(PATIENCE_MS);
  const launcher = world.launcher(['--consume-all', '--nodes', '1', '--persistent']);
  for (let life = 1; life <= 3; life++) {
    const ids = await running();
    const jobs = partsOf(world, 'job');
    await bury();
    await until(() => jobs.every((p) => !lives(p.pid)), 'no job of it runs on');
    if (life < 3) await world.until(ids, ['JOB_FINISHED']);
  }
  t.is(await launcher.exit(), 1);
  t.regex(
    `${launcher.out}${launcher.err}`,
    /the coordinator failed: the launcher row is not ours any more; see .*log/,
  );
  await until(() => partsOf(world).length === 0, 'nothing of it is left');
  t.is(await world.violations(), '');
});

test.serial('asked to leave while its row is dead: it does not begin anew', async (t) => {
  t.timeout(PATIENCE_MS);
  const launcher = world.launcher(['--consume-all', '--nodes', '1', '--persistent']);
  await running();
  await bury();
  launcher.child.kill('SIGTERM');
  t.is(await launcher.exit(), 1);
  t.notRegex(launcher.err, /begins in its place/);
  await until(() => partsOf(world).length === 0, 'nothing of it is left');
  t.is(await world.violations(), '');
});
