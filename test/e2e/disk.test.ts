/**
 * Full disks: where jobs write, and where Postgres does. Jobs end in a clear state with the reason in their history and
 * the others go on; a launcher whose database has no space says so, what runs goes on, and with space again all of it ends
 * and nothing is lost or doubled.
 */
import fs from 'node:fs';
import path from 'node:path';
import test from 'ava';
import { NO_SMALL_DISK, moveToSmallDisk, smallDisk } from '../helpers/small-disk.ts';
import { unless } from '../helpers/unless.ts';
import { locking, makeWorld, until, type World } from './_world.ts';
import { executionsOf, ticking } from './_ticks.ts';
import { complaints, judge } from './_verdict.ts';

const onSmallDisk = unless(NO_SMALL_DISK, test);

async function withWorld(body: (world: World) => Promise<void>): Promise<string[]> {
  const world = await makeWorld();
  try {
    await body(world);
  } catch (error) {
    await world.close();
    throw error;
  }
  return world.close();
}

onSmallDisk('no space for the output of jobs: FAILED with the reason, the others go on', async (t) => {
  const left = await withWorld(async (world) => {
    const data = path.join(world.dbPath, 'data');
    fs.mkdirSync(data, { recursive: true });
    const disk = smallDisk(data, 'size=256k,nr_inodes=60');
    world.atClose.push(() => disk.remove());
    await world.app('writes', 'yes a line of output | head -c 1000000');
    await world.app('ok', locking(world.ticks, 'echo fine'));
    const elsewhere = { application: 'ok', user_workdir: world.home };
    const [writes] = (await world.jobs([{ application: 'writes' }])) as [string];
    const launcher = world.launcher(['--consume-all', '--nodes', '2', '--persistent']);
    await world.until([writes], ['FAILED']);
    t.regex(
      await world.messages(writes),
      /nonzero return 1:[^]*no space is left where this output is written/,
    );
    // The disk is still full: who needs none of it goes on.
    const others = await world.jobs([elsewhere, elsewhere]);
    await world.until(others, ['JOB_FINISHED']);

    for (let i = 0; ; i++)
      try {
        fs.writeFileSync(path.join(data, `file${i}`), '');
      } catch {
        break;
      }
    const [homeless, next] = (await world.jobs([{ application: 'ok' }, elsewhere])) as [string, string];
    await world.until([homeless], ['FAILED']);
    await world.until([next], ['JOB_FINISHED']);
    t.regex(await world.messages(homeless), /could not be started on .*mkdir: .*: No space left on device/);
    t.is((await world.row(homeless)).tries, 0, 'it never started');

    for (const name of fs.readdirSync(data)) fs.rmSync(path.join(data, name), { recursive: true });
    const [after] = (await world.jobs([{ application: 'ok' }])) as [string];
    await world.until([after], ['JOB_FINISHED']);
    t.is(await world.output(after), 'fine\n');
    launcher.child.kill('SIGTERM');
    t.is(await launcher.exit(), 3, launcher.out);
    t.is(await world.violations(), '');
    t.deepEqual(complaints(world, []), []);
  });
  t.deepEqual(left, []);
});

onSmallDisk(
  'no space for Postgres: it is said, work goes on, and with space all of it ends once',
  async (t) => {
    t.timeout(240_000);
    const left = await withWorld(async (world) => {
      t.is((await world.balsam(['server', '--stop'])).code, 0);
      const pgdata = path.join(world.dbPath, 'balsamdb');
      const wal = path.join(pgdata, 'pg_wal');
      const tables = moveToSmallDisk(pgdata, 'size=96m');
      const log = moveToSmallDisk(wal, 'size=80m');
      world.atClose.push(
        () => log.remove(),
        () => tables.remove(),
      );
      t.is((await world.balsam(['server', '--connect'])).code, 0);
      await world.app('tick', ticking(world.ticks));
      const made = { application: 'tick', node_packing_count: 8 };
      const ids = await world.jobs(Array.from({ length: 400 }, () => ({ ...made, args: '5' })));
      const launcher = world.launcher(['--consume-all', '--nodes', '2', '--idle-exit-seconds', '1']);
      const said = (text: RegExp): number => launcher.err.match(new RegExp(text, 'g'))?.length ?? 0;
      const done = async (): Promise<number> => (await world.counts()).JOB_FINISHED ?? 0;
      const ended = async (): Promise<number> =>
        (await Promise.all(ids.map((id) => executionsOf(world.ticks, id)))).filter(
          (runs) => runs.at(-1)?.ended,
        ).length;
      await until(async () => (await done()) >= 10, 'some have finished');

      // Tables can't grow: a statement fails, and the same one is sent again.
      const before = await ended();
      const makeRoom = tables.fill();
      await until(
        () => said(/the database does not answer/) === 1,
        async () => `the launcher says that there is no space: ${await done()} are done\n${world.logs()}`,
      );
      t.regex(launcher.err, /the database does not answer: .*No space left on device/);
      await until(async () => (await ended()) > before, 'what was started ends');
      makeRoom();
      await until(() => said(/the database answers again/) === 1, 'it goes on');
      const then = await done();
      await until(async () => (await done()) > then, 'more finish');

      // The write-ahead log can't grow: Postgres panics, and again while it recovers.
      const makeRoomForLog = log.fill();
      await until(
        async () => {
          await world.db
            .run((sql) => sql`select pg_switch_wal(), pg_logical_emit_message(false, 'x', 'x')`)
            .catch(() => undefined);
          return said(/the database does not answer/) === 2;
        },
        () => `the launcher says that its database is away:\n${launcher.err}`,
      );
      makeRoomForLog();
      t.is((await world.balsam(['server', '--connect'], { deadline: 90_000 })).code, 0);
      await world.open();
      await world.until(ids, ['JOB_FINISHED']);
      t.is(await launcher.exit(), 0, launcher.err);
      const none = new Set<string>();
      const { findings } = await judge(world, { ids, killed: none, maybeKilled: none, noSpace: false });
      t.deepEqual([...findings, ...complaints(world, [launcher.err])], []);
      for (const row of await world.rows(ids)) t.is(row.attempt, 1, row.name);
      t.regex(fs.readFileSync(path.join(world.dbPath, 'postgres.log'), 'utf8'), /PANIC: .*No space left/);
    });
    t.deepEqual(left, []);
  },
);
