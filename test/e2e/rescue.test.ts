/**
 * Rescue by time (PROTOCOL 4): a launcher of which one process can't be judged from here, as on another host, is taken back
 * when its last heartbeat is R old by the database's clock, and not before; whoever looks each minute sees it.
 */
import test from 'ava';
import { CHAIN } from '../../src/base/limits.ts';
import { partsOf, signal } from './_parts.ts';
import { runningTicks, ticking } from './_ticks.ts';
import { makeWorld, until, type World } from './_world.ts';

/** What is left of R when the second launcher begins: more than its start takes on two busy cores, less than a minute. */
const LEFT_MS = 25_000;
/** The look of each minute comes within this of R, milliseconds. */
const LOOK_MS = 60_000 + 5_000;

let world: World;
test.before(async () => {
  world = await makeWorld();
  await world.app('tick', ticking(world.ticks));
});
test.after.always('nothing is left behind', async (t) => {
  t.deepEqual(await world.close(), []);
});

interface Row {
  id: number;
  state: string;
  rescued_how: string | null;
  rescued_jobs: number;
  /** Milliseconds from its last heartbeat to its rescue. */
  after: number | null;
}

async function launcherRow(id: number): Promise<Row> {
  const [row] = await world.db.run(
    (sql) =>
      sql<
        Row[]
      >`select id, state, rescued_how, rescued_jobs, (extract(epoch from rescued_at - heartbeat_at) * 1000)::float8 as after from launcher where id = ${id}`,
  );
  return row!;
}

test.serial('without proof: not before R, and within a minute of it', async (t) => {
  t.timeout(240_000);
  const first = world.launcher(['--consume-all', '--nodes', '2']);
  const ids = await runningTicks(world, { count: 4, seconds: 600, once: true });
  signal(partsOf(world), 'SIGKILL');
  await first.exit();
  await until(() => partsOf(world).length === 0, 'all of it is dead');
  const dead = (await world.row(ids[0]!)).launcher!;
  // One agent was on another host: nobody here can say whether it lives.
  await world.db.run(
    (sql) =>
      sql`update roster set host = 'elsewhere', boot_id = 'another boot' where (launcher, pid) = (select launcher, min(pid) from roster where launcher = ${dead} and kind = 'agent' group by launcher)`,
  );
  await world.db.run(
    (sql) =>
      sql`update launcher set heartbeat_at = clock_timestamp() - ${CHAIN.rescue - LEFT_MS}::float8 * interval '1 ms' where id = ${dead}`,
  );
  const from = Date.now();
  const next = world.launcher(['--consume-all', '--nodes', '2', '--persistent']);
  const [own] = await world.jobs([{ name: 'own', application: 'tick', args: '1' }]);
  await world.until([own!], ['JOB_FINISHED']);
  t.true(Date.now() - from < LEFT_MS, 'the machine is fast enough for this test');
  t.like(await launcherRow(dead), { state: 'alive', rescued_how: null }, 'its first look left it alone');
  for (const row of await world.rows(ids)) t.like(row, { state: 'RUNNING', launcher: dead, attempt: 1 });
  await world.until(ids, ['JOB_FINISHED'], LEFT_MS + LOOK_MS + 30_000);
  const row = await launcherRow(dead);
  t.like(row, { state: 'dead', rescued_how: 'silence', rescued_jobs: ids.length });
  t.true(row.after! >= CHAIN.rescue, `${row.after} ms after its last heartbeat`);
  t.true(row.after! <= CHAIN.rescue + LOOK_MS, `${row.after} ms after its last heartbeat`);
  for (const id of ids) {
    t.is((await world.row(id)).attempt, 2);
    t.regex(
      await world.messages(id),
      /lost with launcher .*, silent for too long, taken back by launcher \d+/,
    );
  }
  next.child.kill('SIGTERM');
  t.is(await next.exit(), 0, next.err);
  t.is(await world.violations(), '');
});
