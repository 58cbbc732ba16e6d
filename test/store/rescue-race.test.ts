/**
 * Rescue against adoption (PROTOCOL 3, 4): a rescuer's tombstone and chunks beside a successor's raise, look and commits, in
 * both orders and truly at once. One of them wins, the other is told; no row is both adopted and released, or released twice.
 */
import test from 'ava';
import { connect } from '../../src/store/connection.ts';
import { commitBatch } from '../../src/store/launcher/commit.ts';
import { copyJobs } from '../../src/store/jobs/change.ts';
import { epochFound, heartbeat, leave, raiseEpoch } from '../../src/store/launcher/row.ts';
import { heldJobs, leaseJobs } from '../../src/store/launcher/lease.ts';
import { releaseChunk, rescueCandidates, stillHeld, tombstone } from '../../src/store/launcher/rescue.ts';
import { openTransaction, untilWaiting } from './_locks.ts';
import { batch, bench, end, lease, newLauncher, release, request, start, type Bench } from './_store.ts';

const R = 180_000;

/** A launcher that holds `count` jobs, every other one RUNNING, and whose coordinator is dead. */
async function orphaned(b: Bench, count: number) {
  await copyJobs(
    b.client,
    Array.from({ length: count }, (_, i) => ({ name: `j${i}` })),
  );
  const held = await lease(b);
  const starts = held.filter((_, i) => i % 2 === 0).map((job, i) => start(job, i + 1));
  await commitBatch(b.db, batch(b, { starts }));
  const candidate = (await rescueCandidates(b.db, 0, R)).find((c) => c.id === b.launcher)!;
  return { held, candidate };
}

for (const end of ['commit', 'rollback'] as const) {
  test(`a raise that waits for a tombstone: ${end === 'commit' ? 'the launcher is dead' : 'the tombstone was taken back, the launcher lives'}`, async (t) => {
    await using b = await bench(4);
    const { candidate } = await orphaned(b, 10);
    const found = (await epochFound(b.db, b.launcher))!;
    const rescuer = await openTransaction(b.address, 'rescuer');
    t.true(await tombstone(rescuer.db, candidate, R, true));
    const raise = raiseEpoch(b.db, b.launcher, found);
    await untilWaiting(b.client, 'test-coordinator');
    await rescuer[end]();
    t.is(await raise, end === 'commit' ? null : found + 1);
    const [row] = await b.client.sql`select epoch from launcher where id = ${b.launcher}`;
    t.is(row!['epoch'], found + 1, 'a tombstone is a change of epoch too');
    t.is(await epochFound(b.db, b.launcher), end === 'commit' ? null : found + 1);
    t.is(await releaseChunk(b.db, candidate), end === 'commit' ? 10 : 0);
  });

  test(`a tombstone that waits for a raise: ${end === 'commit' ? 'the launcher lives' : 'the raise was taken back, the launcher is dead'}`, async (t) => {
    await using b = await bench(4);
    const { candidate } = await orphaned(b, 10);
    const successor = await openTransaction(b.address, 'successor');
    t.is(await raiseEpoch(successor.db, b.launcher, b.epoch), b.epoch + 1);
    const burial = tombstone(b.db, candidate, R, true);
    await untilWaiting(b.client, 'test-coordinator');
    await successor[end]();
    t.is(await burial, end === 'rollback');
    t.is(await releaseChunk(b.db, candidate), end === 'commit' ? 0 : 10);
    t.is((await heldJobs(b.db, b.launcher)).length, end === 'commit' ? 10 : 0);
  });
}

for (const end of ['commit', 'rollback'] as const) {
  test(`a burial by silence that waits for a raise: ${end === 'commit' ? 'it was a heartbeat too' : 'it was taken back'}`, async (t) => {
    await using b = await bench(4);
    await b.client
      .sql`update launcher set heartbeat_at = clock_timestamp() - interval '1 h' where id = ${b.launcher}`;
    const successor = await openTransaction(b.address, 'successor');
    // A raise that is repeated keeps the epoch that was judged: only its heartbeat saves the launcher.
    t.is(await raiseEpoch(successor.db, b.launcher, b.epoch - 1), b.epoch);
    const burial = tombstone(b.db, { id: b.launcher, epoch: b.epoch }, R, false);
    await untilWaiting(b.client, 'test-coordinator');
    await successor[end]();
    t.is(await burial, end === 'rollback');
  });

  test(`a burial by silence that waits for a heartbeat: ${end === 'commit' ? 'it lives' : 'it never came'}`, async (t) => {
    await using b = await bench(4);
    await b.client
      .sql`update launcher set heartbeat_at = clock_timestamp() - interval '1 h' where id = ${b.launcher}`;
    const coordinator = await openTransaction(b.address, 'coordinator');
    t.true(await heartbeat(coordinator.db, b.launcher, b.epoch));
    const burial = tombstone(b.db, { id: b.launcher, epoch: b.epoch }, R, false);
    await untilWaiting(b.client, 'test-coordinator');
    await coordinator[end]();
    t.is(await burial, end === 'rollback');
  });
}

test("what a coordinator commits while its tombstone waits belongs to it; the rescuer's chunk sees it", async (t) => {
  await using b = await bench(4);
  const { held, candidate } = await orphaned(b, 10);
  const coordinator = await openTransaction(b.address, 'coordinator');
  const answer = await commitBatch(
    coordinator.db,
    batch(b, { ends: held.slice(0, 3).map((job, i) => end(job, 100 + i)), releases: [release(held[3]!)] }),
  );
  t.deepEqual(
    [answer.fenced, answer.ends, answer.releases],
    [true, ['applied', 'applied', 'applied'], ['applied']],
  );
  const burial = tombstone(b.db, candidate, R, true);
  await untilWaiting(b.client, 'test-coordinator');
  t.is(await releaseChunk(b.db, candidate), 0, 'before the tombstone is there nothing is released');
  await coordinator.commit();
  t.true(await burial);
  t.is(await releaseChunk(b.db, candidate), 6);
  const rows = await b.client.sql`select state, count(*)::int as n from job group by state order by state`;
  t.deepEqual(
    rows.map((r) => [r['state'], r['n']]),
    [
      ['JOB_FINISHED', 3],
      ['PREPROCESSED', 1],
      ['RESTART_READY', 6],
    ],
  );
});

test('a commit that waits for a tombstone is fenced, and its rows are released once', async (t) => {
  await using b = await bench(4);
  const { held, candidate } = await orphaned(b, 10);
  const rescuer = await openTransaction(b.address, 'rescuer');
  t.true(await tombstone(rescuer.db, candidate, R, true));
  const late = [
    commitBatch(b.db, batch(b, { ends: held.map((job, i) => end(job, 100 + i)) })),
    commitBatch(b.db, batch(b, { releases: held.slice(1, 2).map((job) => release(job)) })),
    leaseJobs(b.db, request(b)),
    leave(b.db, b.launcher, b.epoch),
  ] as const;
  await untilWaiting(b.client, 'test-coordinator', 4);
  await rescuer.commit();
  const [ends, releases, leased, left] = await Promise.all(late);
  t.deepEqual(
    [ends.fenced, releases.fenced, leased, left],
    [false, false, { fenced: false, jobs: [] }, false],
  );
  t.is(await releaseChunk(b.db, candidate), 10);
  const [row] = await b.client.sql`
    select count(*) filter (where outcome = 'RUN_TIMEOUT')::int as lost, count(*)::int as n from attempt`;
  t.deepEqual({ ...row }, { lost: 10, n: 10 });
});

test('a chunk leaves what another chunk has locked, and does not do it again', async (t) => {
  await using b = await bench(4);
  const { candidate } = await orphaned(b, 10);
  t.true(await tombstone(b.db, candidate, R, true));
  const first = await openTransaction(b.address, 'first');
  t.is(await releaseChunk(first.db, candidate), 10);
  t.is(await releaseChunk(b.db, candidate), 0, 'it does not wait');
  t.is(await stillHeld(b.db, b.launcher), 10, 'and they are not forgotten');
  await first.rollback();
  t.is(await releaseChunk(b.db, candidate), 10);
  t.is(await releaseChunk(b.db, candidate), 0);
  const rows = await b.client.sql`select distinct lost_ends, tries, attempt from job`;
  t.deepEqual(
    rows.map((r) => ({ ...r })),
    [{ lost_ends: 1, tries: 1, attempt: 1 }],
  );
});

test('rescuer and successor at once, again and again: one of them has every row, never both, never none', async (t) => {
  await using b = await bench(4);
  const rescuers = [1, 2].map((i) =>
    connect(b.address, { applicationName: `rescuer${i}`, role: 'coordinator', max: 1 }),
  );
  const wins = { successor: 0, rescuer: 0 };
  for (let round = 0; round < 60; round++) {
    const { id, epoch } = await newLauncher(b.db, `race${round}`);
    const of = { db: b.db, launcher: id, epoch };
    await copyJobs(
      b.client,
      Array.from({ length: 20 }, (_, i) => ({ name: `r${round}-${i}` })),
    );
    const held = await lease(of, { limit: 20 });
    t.is(held.length, 20);
    const buried = rescuers.map(async (db, i) => {
      // Who begins first changes from round to round.
      if (round % 3 === i) await db.sql`select 1`;
      const won = await tombstone(db, { id, epoch }, R, true);
      // A chunk is anybody's who sees a tombstone: both try.
      let released = 0;
      while (won && (await stillHeld(db, id)) > 0) released += await releaseChunk(db, { id });
      return { won, released };
    });
    const adopted = (async () => {
      const raised = await raiseEpoch(b.db, id, epoch);
      if (raised === null) return null;
      const found = await heldJobs(b.db, id);
      const answer = await commitBatch(
        b.db,
        batch({ ...of, epoch: raised }, { ends: found.map((job, i) => end(job, i + 1)) }),
      );
      return { found: found.length, answer };
    })();
    const [burials, successor] = await Promise.all([Promise.all(buried), adopted]);
    const [one, two] = burials;
    const released = one!.released + two!.released;
    t.false(one!.won && two!.won, 'one tombstone');
    if (one!.won || two!.won) {
      wins.rescuer++;
      t.is(successor, null);
      t.is(released, 20);
    } else {
      wins.successor++;
      t.is(released, 0);
      t.is(successor?.found, 20);
      t.deepEqual(new Set(successor?.answer.ends), new Set(['applied']));
    }
    await b.client.sql`delete from job`;
  }
  t.log(`successor ${wins.successor}, rescuer ${wins.rescuer}`);
  await Promise.all(rescuers.map((db) => db.close()));
});
