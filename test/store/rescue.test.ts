/** Rescue: a tombstone ends what a launcher may write, and what it held comes back by its state, with history. */
import test from 'ava';
import { connect } from '../../src/store/connection.ts';
import { commitBatch } from '../../src/store/launcher/commit.ts';
import { history } from '../../src/store/history/lines.ts';
import { field, queryOf } from '../../src/model/query.ts';
import { copyJobs, getJobs, insertJobs, killJobs } from '../../src/store/jobs/change.ts';
import { heartbeat } from '../../src/store/launcher/row.ts';
import { heldJobs } from '../../src/store/launcher/lease.ts';
import {
  endSessions,
  releaseChunk,
  rescueCandidates,
  RESCUE_CHUNK,
  stillHeld,
  tombstone,
} from '../../src/store/launcher/rescue.ts';
import { batch, bench, end, lease, newLauncher, start } from './_store.ts';

const R = 180_000;
const byName = (a: readonly unknown[], b: readonly unknown[]): number =>
  String(a[0]).localeCompare(String(b[0]));

test('what a dead launcher held comes back by its state, each with its history', async (t) => {
  await using b = await bench();
  await insertJobs(b.client, [
    { name: 'ran' },
    { name: 'sent' },
    { name: 'fragile', auto_timeout_retry: false },
    { name: 'killed' },
    { name: 'done' },
  ]);
  const jobs = new Map((await lease(b)).map((j) => [j.name, j]));
  const of = (name: string): NonNullable<ReturnType<typeof jobs.get>> => jobs.get(name)!;
  await commitBatch(
    b.db,
    batch(b, { starts: ['ran', 'fragile', 'killed'].map((n, i) => start(of(n), i + 1)) }),
  );
  await commitBatch(b.db, batch(b, { ends: [end(of('done'), 4)] }));
  await killJobs(b.client, field('name', 'equals', 'killed'));
  const other = await newLauncher(b.db, 'two');

  const [candidate] = await rescueCandidates(b.db, other.id, R);
  t.like(candidate, { id: b.launcher, state: 'alive', silent: false });
  t.is(await releaseChunk(b.db, candidate!), 0, 'without a tombstone nothing is touched');
  t.false(await tombstone(b.db, candidate!, R, false), 'it is not silent');
  t.true(await tombstone(b.db, candidate!, R, true));
  t.false(await tombstone(b.db, candidate!, R, true), 'once');
  t.false(await heartbeat(b.db, b.launcher, b.epoch));
  const late = await commitBatch(b.db, batch(b, { ends: [end(of('ran'), 5)] }));
  t.false(late.fenced, 'the dead write nothing');

  t.is(await releaseChunk(b.db, candidate!), 4);
  t.is(await stillHeld(b.db, b.launcher), 0);
  const rows = new Map((await getJobs(b.client, queryOf())).map((j) => [j.name, j]));
  t.deepEqual([...rows].map(([name, j]) => [name, j.state, j.launcher, j.tries]).toSorted(byName), [
    ['done', 'JOB_FINISHED', null, 1],
    ['fragile', 'FAILED', null, 1],
    ['killed', 'USER_KILLED', null, 1],
    ['ran', 'RESTART_READY', null, 1],
    ['sent', 'RESTART_READY', null, 1],
  ]);
  const lines = await history(b.client, [of('ran').id, of('sent').id]);
  const told = (name: string): string[] =>
    lines.get(of(name).id)!.map((l) => `${l.state} ${l.message}`.trim());
  t.deepEqual(told('ran').slice(-3), [
    'RUNNING on node1',
    'RUN_TIMEOUT lost with launcher one, proven dead',
    'RESTART_READY',
  ]);
  t.deepEqual(told('sent').slice(-2), [
    'RUN_TIMEOUT may have started in launcher one, proven dead',
    'RESTART_READY',
  ]);
  const again = await lease({ db: b.db, launcher: other.id, epoch: other.epoch });
  t.deepEqual(again.map((j) => [j.name, j.attempt]).toSorted(byName), [
    ['ran', 2],
    ['sent', 2],
  ]);
});

test('silence is judged by the clock of the database, in the statement that buries', async (t) => {
  await using b = await bench();
  const other = await newLauncher(b.db, 'two');
  await b.client
    .sql`update launcher set heartbeat_at = clock_timestamp() - interval '181 s' where id = ${b.launcher}`;
  const [candidate] = await rescueCandidates(b.db, other.id, R);
  t.true(candidate!.silent);
  t.true(await heartbeat(b.db, b.launcher, b.epoch), 'it came back between the look and the burial');
  t.false(await tombstone(b.db, candidate!, R, false));
  await b.client
    .sql`update launcher set heartbeat_at = clock_timestamp() - interval '181 s' where id = ${b.launcher}`;
  t.true(await tombstone(b.db, candidate!, R, false));
});

test('two rescuers at once release each row once, in chunks', async (t) => {
  await using b = await bench();
  const count = 2 * RESCUE_CHUNK + 500;
  await copyJobs(
    b.client,
    Array.from({ length: count }, (_, i) => ({ name: `j${i}` })),
  );
  let held = 0;
  while (held < count) held += (await lease(b)).length;
  const [candidate] = await rescueCandidates(b.db, 0, R);
  await tombstone(b.db, candidate!, R, true);
  const rescuers = [1, 2].map((i) =>
    connect(b.address, { applicationName: `rescuer${i}`, role: 'coordinator', max: 1 }),
  );
  const released = await Promise.all(
    rescuers.map(async (db) => {
      let sum = 0;
      while ((await stillHeld(db, b.launcher)) > 0) sum += await releaseChunk(db, candidate!);
      return sum;
    }),
  );
  t.is(released[0]! + released[1]!, count);
  t.is((await heldJobs(b.db, b.launcher)).length, 0);
  await Promise.all(rescuers.map((db) => db.close()));
});

test('the sessions of a dead coordinator are ended, its successor goes on', async (t) => {
  await using b = await bench();
  const dead = connect(b.address, { applicationName: 'balsam-x-1', role: 'coordinator', max: 1 });
  const own = connect(b.address, { applicationName: 'balsam-x-2', role: 'coordinator', max: 1 });
  const lost = t.throwsAsync(dead.run((sql) => sql`select pg_sleep(30)`));
  const until = performance.now() + 20_000;
  let count = 0;
  while (count === 0 && performance.now() < until) count = await endSessions(own, 'balsam-x-', 'balsam-x-2');
  t.is(count, 1);
  await lost;
  t.is(await endSessions(own, 'balsam-x-', 'balsam-x-2'), 0);
  await Promise.all([dead.close(), own.close()]);
});
