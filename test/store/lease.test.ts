/** Leases: each job to one, in the order of the mode, behind the fence, by filters that cost little. */
import test from 'ava';
import { connect, type Database } from '../../src/store/connection.ts';
import { insertJobs, copyJobs, killJobs, getJobs } from '../../src/store/jobs/change.ts';
import {
  heartbeat,
  killedJobs,
  leave,
  listLaunchers,
  raiseEpoch,
  addRoster,
} from '../../src/store/launcher/row.ts';
import {
  countRunnable,
  heldJobs,
  jobRecords,
  leaseJobs,
  matchWorkflows,
} from '../../src/store/launcher/lease.ts';
import { field, queryOf } from '../../src/model/query.ts';
import { batch, bench, lease, newLauncher, request, start } from './_store.ts';
import { commitBatch } from '../../src/store/launcher/commit.ts';

test('racing leasers never get the same job, and together they get all', async (t) => {
  await using b = await bench();
  const count = 3_000;
  await copyJobs(
    b.client,
    Array.from({ length: count }, (_, i) => ({ name: `j${i}`, workflow: `w${i % 3}` })),
  );
  const racers = await Promise.all(
    Array.from({ length: 4 }, async (_, i) => {
      const db = connect(b.address, { applicationName: `racer${i}`, role: 'coordinator', max: 1 });
      const { id, epoch } = await newLauncher(db, `racer${i}`);
      return { db, launcher: id, epoch };
    }),
  );
  const taken = await Promise.all(
    racers.map(async (racer, i) => {
      const ids: string[] = [];
      for (let empty = 0; empty < 3;) {
        const jobs = await lease(racer, {
          limit: 70,
          ...(i % 2 === 0 ? { workflows: ['w0', 'w1', 'w2'] } : {}),
        });
        empty = jobs.length === 0 ? empty + 1 : 0;
        ids.push(...jobs.map((j) => j.id));
      }
      return ids;
    }),
  );
  t.is(taken.flat().length, count);
  t.is(new Set(taken.flat()).size, count);
  for (const [i, racer] of racers.entries()) {
    const held = await heldJobs(racer.db, racer.launcher);
    t.deepEqual(held.map((h) => h.id).toSorted(), taken[i]!.toSorted());
    t.true(held.every((h) => h.attempt === 1 && h.state === 'PREPROCESSED'));
    await racer.db.close();
  }
});

test('order of mpi mode: most nodes, then longest, then oldest; what does not fit is left', async (t) => {
  await using b = await bench();
  await insertJobs(b.client, [
    { name: 'small-old' },
    { name: 'large', num_nodes: 4 },
    { name: 'too-large', num_nodes: 5 },
    { name: 'long', wall_time_minutes: 30 },
    { name: 'too-long', wall_time_minutes: 61 },
    { name: 'small-new' },
  ]);
  const jobs = await lease(b, { maxNodes: 4, maxWallMinutes: 60 });
  t.deepEqual(
    jobs.map((j) => j.name),
    ['large', 'long', 'small-old', 'small-new'],
  );
  t.is(jobs[0]!.numNodes, 4);
  t.is(jobs[0]!.parents, '[]');
});

test('order of serial mode: whole-node jobs first, only one rank, the larger ones after them when asked for', async (t) => {
  await using b = await bench();
  const make = () =>
    insertJobs(b.client, [
      { name: 'packed', node_packing_count: 8 },
      { name: 'whole' },
      { name: 'ranks', ranks_per_node: 2 },
      { name: 'nodes', num_nodes: 2 },
      { name: 'whole-long', wall_time_minutes: 9 },
    ]);
  await make();
  t.deepEqual(
    (await lease(b, { order: 'serial', serialOnly: true })).map((j) => j.name),
    ['whole-long', 'whole', 'packed'],
  );
  await make();
  t.deepEqual((await lease(b, { order: 'serial', serialOnly: false })).map((j) => j.name).slice(0, 4), [
    'whole-long',
    'whole',
    'packed',
    'nodes',
  ]);
});

test('a filter takes only its workflows, several are merged in one order', async (t) => {
  await using b = await bench();
  await insertJobs(b.client, [
    { name: 'a1', workflow: 'alpha' },
    { name: 'b1', workflow: 'beta', num_nodes: 2 },
    { name: 'a2', workflow: 'alpha-2', num_nodes: 3 },
    { name: 'c', workflow: 'gamma', num_nodes: 4 },
  ]);
  t.deepEqual(await matchWorkflows(b.db, 'alpha'), ['alpha', 'alpha-2']);
  t.deepEqual(await matchWorkflows(b.db, ''), ['alpha', 'alpha-2', 'beta', 'gamma']);
  t.deepEqual(await matchWorkflows(b.db, 'none'), []);
  t.is(await countRunnable(b.db, ['alpha', 'beta'], 10), 2);
  t.is(await countRunnable(b.db, ['alpha', 'beta'], 1), 1, 'up to the limit');
  t.deepEqual(
    (await lease(b, { workflows: ['gamma'] })).map((j) => j.name),
    ['c'],
  );
  t.deepEqual(
    (await lease(b, { workflows: ['alpha', 'alpha-2', 'beta'], limit: 2 })).map((j) => j.name),
    ['a2', 'b1'],
  );
  t.deepEqual(await lease(b, { workflows: [] }), []);
  t.is(await countRunnable(b.db, null, 10), 1);
});

test('jobs that wait for parents or staging are not leased', async (t) => {
  await using b = await bench();
  const [parent] = await insertJobs(b.client, [{ name: 'parent' }]);
  await insertJobs(b.client, [
    { name: 'child', parents: [parent!.job_id] },
    { name: 'free-child', parents: [parent!.job_id], wait_for_parents: false },
    { name: 'stages', stage_in_url: '/somewhere' },
  ]);
  t.deepEqual(
    (await lease(b)).map((j) => j.name),
    ['parent', 'free-child'],
  );
});

test('only jobs of the own database role, unless of any owner', async (t) => {
  await using b = await bench();
  await insertJobs(b.client, [{ name: 'mine' }, { name: 'theirs', workflow: 'x' }]);
  await b.client.sql`update job set owner = 'somebody' where name = 'theirs'`;
  t.deepEqual(
    (await lease(b)).map((j) => j.name),
    ['mine'],
  );
  t.deepEqual(
    (await lease(b, { workflows: ['x'] })).map((j) => j.name),
    [],
  );
  t.deepEqual(
    (await lease(b, { anyOwner: true })).map((j) => j.name),
    ['theirs'],
  );
});

test('no lease under an old epoch, of an ended or of an unknown launcher', async (t) => {
  await using b = await bench();
  await insertJobs(b.client, [{ name: 'one' }]);
  const raised = await raiseEpoch(b.db, b.launcher, b.epoch);
  t.is(raised, 2);
  t.is(await raiseEpoch(b.db, b.launcher, b.epoch), 2, 'a repeat gives the same');
  t.deepEqual(await leaseJobs(b.db, request(b)), { fenced: false, jobs: [] });
  t.false(await heartbeat(b.db, b.launcher, 1));
  t.true(await heartbeat(b.db, b.launcher, 2));
  t.true(await leave(b.db, b.launcher, 2));
  t.false(await leave(b.db, b.launcher, 2));
  t.is(await raiseEpoch(b.db, b.launcher, 2), null);
  t.deepEqual(await leaseJobs(b.db, request({ ...b, epoch: 2 })), { fenced: false, jobs: [] });
  t.deepEqual(await leaseJobs(b.db, request({ ...b, launcher: 999 })), { fenced: false, jobs: [] });
  const [row] = await listLaunchers(b.client);
  t.is(row!.state, 'ended');
  t.true(row!.heartbeat_age_ms >= 0 && row!.heartbeat_age_ms < 60_000);
});

for (const what of ['raise', 'tombstone'] as const) {
  test(`a zombie whose statement began before the ${what} takes nothing and writes nothing`, async (t) => {
    await using b = await bench(4);
    await insertJobs(b.client, [{ name: 'held' }, { name: 'free' }]);
    const [held] = await lease(b, { limit: 1 });
    const hold = Promise.withResolvers<void>();
    const changed = Promise.withResolvers<void>();
    // The change is made and not yet committed, so that the zombie's snapshot is older than its commit.
    const change = b.client.sql.begin(async (sql) => {
      await sql.unsafe(
        `with l as materialized (select id from launcher where id = $1::int for update)
         update launcher set ${what === 'raise' ? 'epoch = epoch + 1' : `state = 'dead', epoch = epoch + 1`} from l where launcher.id = l.id`,
        [b.launcher],
      );
      changed.resolve();
      await hold.promise;
    });
    await changed.promise;
    const zombieLease = leaseJobs(b.db, request(b));
    const zombieCommit = commitBatch(b.db, batch(b, { starts: [start(held!, 1)] }));
    await untilWaiting(b.client, 2);
    hold.resolve();
    await change;
    t.deepEqual(await zombieLease, { fenced: false, jobs: [] });
    t.false((await zombieCommit).fenced);
    const [row] = await getJobs(b.client, queryOf(field('name', 'equals', 'free')));
    t.is(row!.launcher, null);
    const [other] = await getJobs(b.client, queryOf(field('name', 'equals', 'held')));
    t.is(other!.state, 'PREPROCESSED');
  });
}

async function untilWaiting(db: Database, count: number): Promise<void> {
  const deadline = Date.now() + 30_000;
  for (;;) {
    const [row] =
      await db.sql`select count(*)::int as n from pg_stat_activity where wait_event_type = 'Lock' and application_name = 'test-coordinator'`;
    if ((row as { n: number }).n >= count) return;
    if (Date.now() > deadline) throw new Error('nobody waits');
    await new Promise((resolve) => setTimeout(resolve, 10));
  }
}

test('a held job that a user kills keeps launcher and attempt, and is found by the poll', async (t) => {
  await using b = await bench();
  const [made] = await insertJobs(b.client, [{ name: 'one' }]);
  await lease(b);
  t.deepEqual(await killedJobs(b.db, b.launcher), []);
  const { killed } = await killJobs(b.client, field('job_id', 'equals', made!.job_id));
  t.deepEqual(killed, [{ id: made!.job_id, name: 'one' }]);
  t.deepEqual(await killedJobs(b.db, b.launcher), [{ id: made!.job_id, attempt: 1 }]);
  const record = (await jobRecords(b.db, [made!.job_id])).get(made!.job_id)!;
  t.is(record.launcher, b.launcher);
  t.is(record.state, 'USER_KILLED');
});

test('registering twice by one name gives one launcher, and the roster is fenced', async (t) => {
  await using b = await bench();
  t.deepEqual(await newLauncher(b.db, 'one'), { id: b.launcher, epoch: b.epoch });
  const member = {
    kind: 'agent',
    host: 'h',
    boot_id: 'b',
    pid_namespace: '4026',
    uid: 1000,
    pid: 42,
    start_time: '123',
    node: 'n1',
    incarnation: 'i"\\,{}',
  } as const;
  t.true(await addRoster(b.db, b.launcher, 1, [member, { ...member, kind: 'guard', pid: 43 }]));
  t.true(await addRoster(b.db, b.launcher, 1, [member]));
  t.false(await addRoster(b.db, b.launcher, 7, [{ ...member, pid: 44 }]));
  const rows = await b.client.sql`select incarnation from roster order by pid`;
  t.deepEqual(
    rows.map((r) => r['incarnation']),
    ['i"\\,{}', 'i"\\,{}'],
  );
});
