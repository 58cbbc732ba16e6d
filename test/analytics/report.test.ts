/**
 * Reports of small databases whose rows the store's own functions made: leases, commits, releases, kills, rescues, at set
 * times. Goal: what those functions write means to a report what docs/report.md says.
 */
import test from 'ava';
import { makeReport } from '../../src/analytics/report.ts';
import type { Report } from '../../src/analytics/shape.ts';
import { WASTE_PARTS } from '../../src/analytics/waste.ts';
import { UserError } from '../../src/base/errors.ts';
import { byIds } from '../../src/model/query.ts';
import { commitBatch } from '../../src/store/launcher/commit.ts';
import type { Database } from '../../src/store/connection.ts';
import { insertJobs, killJobs } from '../../src/store/jobs/change.ts';
import { putState } from '../../src/store/jobs/put-state.ts';
import { recordNotes } from '../../src/store/launcher/events.ts';
import { leave } from '../../src/store/launcher/row.ts';
import type { LeasedJob } from '../../src/store/launcher/lease.ts';
import { releaseChunk, tombstone } from '../../src/store/launcher/rescue.ts';
import type { NewJob } from '../../src/store/rows.ts';
import { batch, bench, end, lease, release, start } from '../store/_store.ts';

const ZERO = Date.UTC(2026, 0, 1);
const at = (second: number): number => ZERO + second * 1_000;
const when = (second: number): Date => new Date(at(second));

/** Jobs made at second 0, by name. */
async function madeAtZero(db: Database, jobs: readonly NewJob[]): Promise<void> {
  await insertJobs(db, jobs);
  await db.sql`update job set created_at = ${when(0)}`;
}

async function existed(db: Database, launcher: number, from: number, to: number): Promise<void> {
  await db.sql`update launcher set started_at = ${when(from)}, heartbeat_at = ${when(to)},
    ended_at = case when state = 'alive' then null else ${when(to)}::timestamptz end where id = ${launcher}`;
}

function byName(jobs: readonly LeasedJob[]): (name: string) => LeasedJob {
  const named = new Map(jobs.map((job) => [job.name, job]));
  return (name) => named.get(name)!;
}

function addsUp(r: Report): number {
  return WASTE_PARTS.reduce((sum, part) => sum + r.nodeSeconds[part], 0) - r.nodeSeconds.total;
}

test('nothing on record', async (t) => {
  await using b = await bench();
  await b.client.sql`delete from launcher`;
  const r = await makeReport(b.client);
  t.like(r, { jobs: 0, from: null, to: null, buckets: [], launchers: [], utilisation: null });
  t.is((await makeReport(b.client, { workflow: 'x\0' })).workflow, 'x\uFFFD');
});

test('a launcher of four nodes, from lease to end: states, throughput, times, node-seconds', async (t) => {
  await using b = await bench();
  await madeAtZero(b.client, [
    { name: 'whole', application: 'a', workflow: 'w' },
    { name: 'half', application: 'a', workflow: 'w', node_packing_count: 2 },
    { name: 'wide', application: 'b', workflow: 'v', num_nodes: 2 },
  ]);
  // Mode mpi would give the half a whole node.
  await b.client.sql`update launcher set mode = 'mixed'`;
  const of = byName(await lease(b));
  const ran = (name: string, from: number, to: number, changes = {}) =>
    // prettier-ignore
    end(of(name), 2, { leasedAt: at(10), startedAt: at(from), endedAt: at(to), ...changes });
  await commitBatch(b.db, batch(b, {
    ends: [ran('whole', 20, 50), ran('half', 20, 40, { outcome: 'RUN_ERROR', state: 'FAILED', exitCode: 7, message: 'nonzero return 7:\n    boom' }),
      ran('wide', 30, 60)],
  })); // prettier-ignore
  await leave(b.db, b.launcher, b.epoch);
  await existed(b.client, b.launcher, 5, 105);
  await b.client.sql`update job set updated_at = ${when(60)}`;

  const r = await makeReport(b.client);
  t.deepEqual(r.from, when(0));
  t.deepEqual(r.to, when(105));
  t.is(r.jobs, 3);
  t.deepEqual(r.states, { JOB_FINISHED: 2, FAILED: 1 });
  t.is(r.bucketSeconds, 1);
  const second = (s: number): Report['buckets'][number] => r.buckets[s]!;
  t.deepEqual(second(9).states, { CREATED: 3 });
  t.deepEqual(second(10).states, { PREPROCESSED: 3 });
  t.deepEqual(second(45).states, { RUNNING: 2, FAILED: 1 });
  t.like(second(20), { started: 2, finished: 0, failed: 0 });
  t.like(second(40), { failed: 1 });
  t.like(second(60), { finished: 1 });
  t.is(second(45).utilisation, 3 / 4);

  // 30 s of one node, 20 s of half of one, 30 s of two. Something was runnable, or held, from 5 to 30 (the last start).
  t.like(r.nodeSeconds, { busy: 100, busyOther: 0, drained: 0, lost: 0, total: 400 });
  t.is(r.nodeSeconds.idleNothingFitted, 25 * 4 - 15);
  t.is(addsUp(r), 0);
  t.is(r.utilisation, 0.25);
  t.deepEqual(r.launchers.map((l) => [l.launcher, l.nodes, l.from, l.to, l.state]), [[b.launcher, 4, when(5), when(105), 'ended']]); // prettier-ignore

  t.deepEqual(
    r.applications.map(({ application, started, ran, wait, run }) => [application, started, ran, wait.p50, run.max]),
    [
      ['a', 2, 2, 20, 30],
      ['b', 1, 1, 30, 30],
    ],
  ); // prettier-ignore
  t.deepEqual(
    r.failures.map(({ first: _first, last: _last, ...f }) => f),
    [{ application: 'a', kind: 'RUN_ERROR', reason: 'nonzero return 7', count: 1, jobs: 1, final: 1, example: 'boom' }],
  ); // prettier-ignore

  const w = await makeReport(b.client, { workflow: 'w' });
  t.is(w.jobs, 2);
  t.deepEqual(w.to, when(60));
  t.like(w.nodeSeconds, { busy: 40, busyOther: 60 });
  t.is(addsUp(w), 0);
  t.is((await makeReport(b.client, { workflow: 'no such' })).from, null);
});

test('lost runs, kills, refused starts and a retry', async (t) => {
  await using b = await bench();
  await madeAtZero(b.client, [{ name: 'lost' }, { name: 'killed' }, { name: 'refused' }]);
  const of = byName(await lease(b));
  const started = (name: string, second: number) => start(of(name), 1, { leasedAt: at(5), startedAt: at(second) }); // prettier-ignore
  await commitBatch(b.db, batch(b, {
    starts: [started('lost', 10), started('killed', 10)],
    releases: [release(of('refused'), { to: 'FAILED', message: 'could not be started on n7: no such file' })],
  })); // prettier-ignore
  const message = 'the node did not answer: its run on n9 is lost';
  await commitBatch(b.db, batch(b, {
    releases: [release(of('lost'), { to: 'RESTART_READY', outcome: 'RUN_TIMEOUT', node: 'n9', message, lostEnd: true })],
  })); // prettier-ignore
  await killJobs(b.client, byIds([of('killed').id]));
  await commitBatch(b.db, batch(b, {
    ends: [end(of('killed'), 2, { leasedAt: at(5), startedAt: at(10), endedAt: at(30), outcome: 'USER_KILLED', state: 'USER_KILLED', exitCode: null, signal: 15 })],
  })); // prettier-ignore
  await b.client.sql`update attempt set ended_at = ${when(40)} where job_id = ${of('lost').id}`;
  const again = byName(await lease(b))('lost');
  t.is(again.attempt, 2);
  await commitBatch(b.db, batch(b, {
    ends: [end(again, 3, { leasedAt: at(45), startedAt: at(50), endedAt: at(60), node: 'n1' })],
  })); // prettier-ignore
  await b.client.sql`update job_event set at = ${when(20)}`;
  await leave(b.db, b.launcher, b.epoch);
  await existed(b.client, b.launcher, 0, 100);
  await b.client.sql`update job set updated_at = ${when(60)}`;

  const r = await makeReport(b.client);
  // Mode mpi: a node each. 30 s are lost; the killed one held its node until its process was gone.
  t.like(r.nodeSeconds, { busy: 20 + 10, lost: 30, total: 400 });
  t.is(addsUp(r), 0);
  t.deepEqual(r.states, { JOB_FINISHED: 1, FAILED: 1, USER_KILLED: 1 });
  t.like(r.buckets[20]!, { killed: 1, failed: 1 });
  t.like(r.buckets[40]!, { retried: 1, states: { RESTART_READY: 1 } });
  t.like(r.applications[0]!, { started: 3, ran: 1, run: { p50: 10 } });
  t.is(r.applications[0]!.wait.p50, 10);
  t.deepEqual(
    r.failures.map(({ kind, reason, final }) => [kind, reason, final]),
    [
      ['FAILED', 'could not be started on …: no such file', 1],
      ['RUN_TIMEOUT', 'the node did not answer: its run on … is lost', 0],
      ['USER_KILLED', 'killed by balsam', 0],
    ],
  );
});

test('a dead launcher was there until its last heartbeat, and what it ran is lost', async (t) => {
  await using b = await bench();
  await madeAtZero(b.client, [{ name: 'one', auto_timeout_retry: false }]);
  const [held] = await lease(b);
  await commitBatch(b.db, batch(b, { starts: [start(held!, 1, { leasedAt: at(5), startedAt: at(10) })] }));
  await existed(b.client, b.launcher, 0, 60);
  t.true(await tombstone(b.client, { id: b.launcher, epoch: b.epoch }, 180_000, false));
  t.is(await releaseChunk(b.client, { id: b.launcher }), 1);
  const r = await makeReport(b.client);
  t.like(r.nodeSeconds, { busy: 0, lost: 50, total: 240 });
  t.is(addsUp(r), 0);
  t.deepEqual(r.states, { FAILED: 1 });
  t.is(r.failures[0]!.reason, 'lost with launcher …, silent for too long');
});

test('one that is proven dead at once: until its last heartbeat, too', async (t) => {
  await using b = await bench();
  const now = Date.now();
  await b.client
    .sql`update launcher set started_at = ${new Date(now - 60_000)}, heartbeat_at = ${new Date(now - 20_000)}`;
  t.true(await tombstone(b.client, { id: b.launcher, epoch: b.epoch }, 180_000, true));
  const [l] = (await makeReport(b.client)).launchers;
  t.deepEqual(
    [l!.state, l!.to.getTime() - l!.from.getTime(), Math.round(l!.nodeSeconds.total)],
    ['dead', 40_000, 160],
  );
});

test('a job that a person reset can be leased from then on', async (t) => {
  await using b = await bench();
  await madeAtZero(b.client, [{ name: 'one' }]);
  const [held] = await lease(b);
  const failed = { outcome: 'RUN_ERROR', state: 'FAILED', exitCode: 1, message: 'nonzero return 1' } as const;
  await commitBatch(b.db, batch(b, { ends: [end(held!, 1, { leasedAt: at(1), startedAt: at(1), endedAt: at(2), ...failed })] })); // prettier-ignore
  const reset = { from: ['FAILED'], to: 'CREATED', afresh: true, message: 'reset by a person' } as const;
  t.is((await putState(b.client, byIds([held!.id]), reset)).moved.length, 1);
  await b.client.sql`update job_event set at = ${when(10)}`;
  const [again] = await lease(b);
  await commitBatch(
    b.db,
    batch(b, { ends: [end(again!, 2, { leasedAt: at(14), startedAt: at(15), endedAt: at(20) })] }),
  );
  await leave(b.db, b.launcher, b.epoch);
  await existed(b.client, b.launcher, 0, 20);
  await b.client.sql`update job set updated_at = ${when(20)}`;
  const r = await makeReport(b.client);
  t.deepEqual([r.buckets[9]!.states, r.buckets[10]!.states, r.buckets[14]!.states], [{ FAILED: 1 }, { CREATED: 1 }, { PREPROCESSED: 1 }]); // prettier-ignore
  t.deepEqual([r.applications[0]!.wait.p50, r.applications[0]!.wait.max], [3, 5]);
  // Runnable or held from 0 to 1 and from 10 to 15, on four nodes; one of them ran for six seconds.
  t.like(r.nodeSeconds, { busy: 6, idleNothingFitted: 24, idleNothingRunnable: 50, total: 80 });
});

test('jobs of another role, or that the filter does not match, are not runnable for a launcher', async (t) => {
  await using b = await bench();
  await madeAtZero(b.client, [{ name: 'one', workflow: 'w' }]);
  await leave(b.db, b.launcher, b.epoch);
  await existed(b.client, b.launcher, 0, 10);
  const idle = async (): Promise<number[]> => {
    const { idleNothingFitted, idleNothingRunnable } = (await makeReport(b.client)).nodeSeconds;
    return [idleNothingFitted, idleNothingRunnable];
  };
  t.deepEqual(await idle(), [40, 0]);
  await b.client.sql`update launcher set wf_filter = 'x'`;
  t.deepEqual(await idle(), [0, 40]);
  await b.client.sql`update launcher set wf_filter = ''`;
  await b.client.sql`update job set owner = 'somebody'`;
  t.deepEqual(await idle(), [0, 40]);
});

test('one that lives: what runs counts until now, drained and lost nodes too', async (t) => {
  await using b = await bench();
  await insertJobs(b.client, [{ name: 'one' }, { name: 'two' }]);
  const of = byName(await lease(b, { limit: 1 }));
  const [name] = ['one', 'two'].filter((n) => of(n) !== undefined);
  const now = Date.now();
  await b.client.sql`update launcher set started_at = ${new Date(now - 100_000)}`;
  await b.client.sql`update job set created_at = ${new Date(now - 90_000)}`;
  await commitBatch(b.db, batch(b, {
    starts: [start(of(name!), 1, { leasedAt: now - 80_000, startedAt: now - 50_000 })],
  })); // prettier-ignore
  const note = { host: 'h', message: 'why' };
  await recordNotes(b.db, {
    ...b,
    source: b.epoch,
    ended: [],
    notes: [
      { ...note, number: 1, at: now - 40_000, kind: 'drained', node: 1 },
      { ...note, number: 2, at: now - 20_000, kind: 'agent-lost', node: 2 },
      { ...note, number: 3, at: now - 10_000, kind: 'degraded', node: null },
    ],
  });
  const r = await makeReport(b.client);
  const [l] = r.launchers;
  const lived = (l!.to.getTime() - l!.from.getTime()) / 1_000;
  const { busy, drained, lost, total, idleNothingFitted, idleNothingRunnable } = r.nodeSeconds;
  // A Date has whole milliseconds, and there are four nodes.
  const close = (a: number, e: number): boolean => t.true(Math.abs(a - e) < 0.02, `${a}, not ${e}`);
  close(total, 4 * lived);
  close(addsUp(r), 0);
  // Times since `now` grow with the time that the test takes.
  const since = lived - 100;
  t.true(since >= 0);
  close(busy, 50 + since);
  close(drained, 40 + since);
  close(lost, 20 + since);
  close(idleNothingRunnable, 40);
  close(idleNothingFitted, total - busy - drained - lost - 40);
  t.deepEqual(r.states, { CREATED: 1, RUNNING: 1 });
  t.is(l!.state, 'alive');
});

test('an interval: only what happened in it, cut to the moment', async (t) => {
  await using b = await bench();
  const day = 86_400;
  const jobs = ['early', 'across', 'within', 'waits'].map((name) => ({ name, application: name }));
  await madeAtZero(b.client, jobs);
  const of = byName(await lease(b));
  await b.client.sql`update launcher set mode = 'mixed'`;
  const failed = { outcome: 'RUN_ERROR', state: 'FAILED', exitCode: 1, message: 'nonzero return 1' } as const;
  const ran = (name: string, from: number, to: number, changes = {}) =>
    end(of(name), 2, { leasedAt: at(1), startedAt: at(from), endedAt: at(to), ...changes });
  await commitBatch(
    b.db,
    batch(b, {
      ends: [
        ran('early', 10, 20, failed),
        ran('across', 15, day + 50),
        ran('within', day + 20, day + 40, failed),
      ],
      releases: [release(of('waits'))],
    }),
  );
  await leave(b.db, b.launcher, b.epoch);
  await existed(b.client, b.launcher, 0, day + 100);
  // As it would be after such a day: who was over, or waits, was not written since.
  await b.client.sql`update job set updated_at = case name when 'across' then ${when(day + 50)}::timestamptz
    when 'within' then ${when(day + 40)} else ${when(20)} end`;
  await b.client.sql`update job_event set at = ${when(2)}`;

  const [since, until] = [{ atMs: at(day + 30) }, { atMs: at(day + 90) }];
  const r = await makeReport(b.client, { since, until });
  t.deepEqual([r.from, r.to], [when(day + 30), when(day + 90)]);
  t.is(r.jobs, 3);
  t.deepEqual(r.states, { JOB_FINISHED: 1, FAILED: 1, PREPROCESSED: 1 });
  t.deepEqual(
    [r.buckets.length, r.buckets[0]!.at, r.buckets.at(-1)!.at],
    [60, when(day + 30), when(day + 89)],
  );
  t.deepEqual(r.buckets[0]!.states, { RUNNING: 2, PREPROCESSED: 1 });
  t.like(r.buckets[10]!, { failed: 1, started: 0, states: { RUNNING: 1, PREPROCESSED: 1, FAILED: 1 } });
  t.is(
    r.buckets.reduce((sum, bucket) => sum + bucket.started, 0),
    0,
  );
  t.like(r.nodeSeconds, { total: 240, busy: 10 + 20, idleNothingFitted: 210 });
  t.is(addsUp(r), 0);
  t.deepEqual(
    r.launchers.map((l) => [l.from, l.to]),
    [[when(day + 30), when(day + 90)]],
  );
  t.deepEqual(r.applications, []);
  t.deepEqual(
    r.failures.map(({ application, count }) => [application, count]),
    [['within', 1]],
  );

  // Its own edges: what starts at the first counts, what ends at the last does not.
  const edges = await makeReport(b.client, { since: { atMs: at(day + 20) }, until: { atMs: at(day + 40) } });
  t.deepEqual(
    edges.applications.map((a) => [a.application, a.started, a.ran]),
    [['within', 1, 0]],
  );
  t.deepEqual([edges.failures, edges.buckets[0]!.started], [[], 1]);

  // From before the first thing on record; until now; and where nothing is.
  const first = await makeReport(b.client, { until: { atMs: at(25) } });
  t.deepEqual(
    [first.from, first.to, first.states],
    [when(0), when(25), { FAILED: 1, RUNNING: 1, PREPROCESSED: 2 }],
  );
  const all = await makeReport(b.client);
  const { madeAt: _, ...wide } = await makeReport(b.client, { until: { atMs: at(day * 2) } });
  t.like(all, wide);
  const quiet = await makeReport(b.client, { since: { agoMs: 60_000 } });
  t.like(quiet, { jobs: 1, states: { PREPROCESSED: 1 }, launchers: [], failures: [] });
  t.is(quiet.to!.getTime() - quiet.from!.getTime(), 60_000);
  for (const none of [{ until: { atMs: at(0) } }, { since: { agoMs: -60_000 } }])
    t.is((await makeReport(b.client, none)).from, null);
  await t.throwsAsync(makeReport(b.client, { since: until, until: since }), {
    instanceOf: UserError,
    message: /would end before it begins: since must be before until/,
  });
});
