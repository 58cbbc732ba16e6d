/**
 * The cases that the original's own tests have of leases (its generation 0.7, and its test_lock), each as it reads here:
 * against real Postgres, the racing ones from processes or connections of their own.
 */
import { fork } from 'node:child_process';
import { once } from 'node:events';
import { fileURLToPath } from 'node:url';
import test from 'ava';
import { byIds, queryOf } from '../../src/model/query.ts';
import { connect, type DatabaseAddress } from '../../src/store/connection.ts';
import { commitBatch } from '../../src/store/launcher/commit.ts';
import { history } from '../../src/store/history/lines.ts';
import { getJobs, insertJobs, killJobs } from '../../src/store/jobs/change.ts';
import { heartbeat, leave } from '../../src/store/launcher/row.ts';
import { heldJobs, matchWorkflows } from '../../src/store/launcher/lease.ts';
import { releaseChunk, rescueCandidates, tombstone } from '../../src/store/launcher/rescue.ts';
import type { Database } from '../../src/store/connection.ts';
import type { NewJob } from '../../src/store/rows.ts';
import { JOBS, RANKS, WANTED, rank, type Rank } from './_rank.ts';
import { another, batch, bench, end, lease, patch, release, start } from './_store.ts';

const R = 180_000;

function named(count: number, fields: NewJob = {}): NewJob[] {
  return Array.from({ length: count }, (_, i) => ({ name: `j${i}`, ...fields }));
}

async function states(db: Database): Promise<[string, string, number | null][]> {
  const rows = await getJobs(db, queryOf());
  return rows.map((job) => [job.name, job.state, job.launcher]);
}

test('acquire twice, by one launcher and by another: never the same job', async (t) => {
  await using b = await bench();
  const two = await another(b.db, 'two');
  await insertJobs(b.client, named(10));
  const first = await lease(b, { limit: 4 });
  const second = await lease(b, { limit: 4 });
  const third = await lease(two, { limit: 4 });
  t.deepEqual([first.length, second.length, third.length], [4, 4, 2]);
  t.is(new Set([...first, ...second, ...third].map((j) => j.id)).size, 10);
  t.deepEqual(await lease(b), []);
});

test('acquire honours the limits of nodes, wall time and number', async (t) => {
  await using b = await bench();
  await insertJobs(b.client, [
    { name: 'fits', num_nodes: 2, wall_time_minutes: 30 },
    { name: 'too wide', num_nodes: 3, wall_time_minutes: 30 },
    { name: 'too long', num_nodes: 1, wall_time_minutes: 31 },
    { name: 'small', num_nodes: 1, wall_time_minutes: 1 },
  ]);
  t.deepEqual(
    (await lease(b, { maxNodes: 2, maxWallMinutes: 30, limit: 1 })).map((j) => j.name),
    ['fits'],
  );
  t.deepEqual(
    (await lease(b, { maxNodes: 2, maxWallMinutes: 30 })).map((j) => j.name),
    ['small'],
  );
  t.deepEqual(await lease(b, { maxNodes: 2, maxWallMinutes: 30 }), [], 'what does not fit waits for another');
  t.is((await lease(b)).length, 2);
});

test('acquire honours the filter: by workflow, by a part of its name, and none', async (t) => {
  await using b = await bench();
  await insertJobs(b.client, [
    ...named(2, { workflow: 'climate-2026' }),
    ...named(3, { workflow: 'climate-2027' }),
    ...named(4, { workflow: 'genome' }),
  ]);
  const of = async (filter: string) =>
    (await lease(b, { workflows: await matchWorkflows(b.db, filter), limit: 100 })).length;
  t.is(await of('nothing like it'), 0);
  t.is(await of('2027'), 3);
  t.is(await of('climate'), 2);
  t.is(await of(''), 4);
});

test('update to RUNNING keeps the lease, the end of the run frees it', async (t) => {
  await using b = await bench();
  const two = await another(b.db, 'two');
  await insertJobs(b.client, named(1));
  const [job] = await lease(b);
  await commitBatch(b.db, batch(b, { starts: [start(job!, 1)] }));
  t.deepEqual(await states(b.client), [['j0', 'RUNNING', b.launcher]]);
  t.deepEqual(await lease(two), []);
  await commitBatch(b.db, batch(b, { ends: [end(job!, 2)] }));
  t.deepEqual(await states(b.client), [['j0', 'JOB_FINISHED', null]]);
  t.deepEqual(await lease(two), [], 'and an end is not runnable');
});

test('a run that is to be tried again is free for any launcher, as its next attempt', async (t) => {
  await using b = await bench();
  const two = await another(b.db, 'two');
  await insertJobs(b.client, named(1));
  const [job] = await lease(b);
  await commitBatch(
    b.db,
    batch(b, { ends: [end(job!, 1, { outcome: 'RUN_TIMEOUT', state: 'RESTART_READY' })] }),
  );
  t.deepEqual(
    (await lease(two)).map((j) => j.attempt),
    [2],
  );
});

async function silence(db: Database, launcher: number): Promise<void> {
  await db.sql`update launcher set heartbeat_at = clock_timestamp() - interval '181 s' where id = ${launcher}`;
}

test("a heartbeat extends the launcher's life", async (t) => {
  await using b = await bench();
  await silence(b.client, b.launcher);
  t.true((await rescueCandidates(b.db, 0, R))[0]!.silent);
  t.true(await heartbeat(b.db, b.launcher, b.epoch));
  const [candidate] = await rescueCandidates(b.db, 0, R);
  t.false(candidate!.silent);
  t.false(await tombstone(b.db, candidate!, R, false));
});

test('an expired launcher is rescued: RUNNING becomes RUN_TIMEOUT, and the rules of each job decide', async (t) => {
  await using b = await bench();
  await insertJobs(b.client, [{ name: 'retries' }, { name: 'does not', auto_timeout_retry: false }]);
  const jobs = await lease(b);
  await commitBatch(b.db, batch(b, { starts: jobs.map((job, i) => start(job, i + 1)) }));
  await silence(b.client, b.launcher);
  const [candidate] = await rescueCandidates(b.db, 0, R);
  t.true(await tombstone(b.db, candidate!, R, false));
  t.is(await releaseChunk(b.db, candidate!), 2);
  t.deepEqual(await states(b.client), [
    ['retries', 'RESTART_READY', null],
    ['does not', 'FAILED', null],
  ]);
  const lines = await history(
    b.client,
    jobs.map((j) => j.id),
  );
  for (const job of jobs) {
    const told = lines.get(job.id)!.map((l) => l.state);
    t.deepEqual(told.slice(-3, -1), ['RUNNING', 'RUN_TIMEOUT'], job.name);
  }
  t.false(await heartbeat(b.db, b.launcher, b.epoch), 'too late');
});

test('a launcher that ends frees what it released; what it still holds is freed by rescue', async (t) => {
  await using b = await bench();
  await insertJobs(b.client, named(6));
  const jobs = await lease(b);
  await commitBatch(b.db, batch(b, { releases: jobs.slice(0, 4).map((job) => release(job)) }));
  t.true(await leave(b.db, b.launcher, b.epoch));
  const two = await another(b.db, 'two');
  t.is((await lease(two)).length, 4);
  const [candidate] = await rescueCandidates(b.db, two.launcher, R);
  t.like(candidate, { id: b.launcher, state: 'ended', silent: false });
  t.false(await tombstone(b.db, candidate!, R, false), 'without proof not before R');
  await silence(b.client, b.launcher);
  t.true(await tombstone(b.db, candidate!, R, false));
  t.is(await releaseChunk(b.db, candidate!), 2);
  t.is((await lease(two)).length, 2);
  t.deepEqual(
    (await rescueCandidates(b.db, two.launcher, R)).map((c) => c.id),
    [],
    'nothing is left of it',
  );
});

test('bulk patch: hundreds of jobs, each its own keys, in one commit', async (t) => {
  await using b = await bench();
  await insertJobs(b.client, named(700, { data: { kept: true, gone: 1 } }));
  const jobs = await lease(b);
  const { patches } = await commitBatch(
    b.db,
    batch(b, { patches: jobs.map((job, i) => patch(job, i + 1, { n: i }, { dataRemoved: ['gone'] })) }),
  );
  t.deepEqual(new Set(patches), new Set(['applied']));
  const data = new Map((await getJobs(b.client, queryOf())).map((job) => [job.job_id, job.data]));
  for (const [i, job] of jobs.entries()) t.deepEqual(data.get(job.id), { kept: true, n: i });
});

test("two users, each a database role of its own, do not lease each other's jobs", async (t) => {
  await using b = await bench();
  const role = `user_${b.address.database}`;
  await b.client.sql.unsafe(`create role ${role} login password 'secret'`);
  await b.client.sql.unsafe(`grant all on all tables in schema public to ${role}`);
  t.teardown(async () => {
    await using root = connect(b.address, { applicationName: 'test', role: 'client', max: 1 });
    await root.sql.unsafe(`drop owned by ${role}`);
    await root.sql.unsafe(`drop role ${role}`);
  });
  const address: DatabaseAddress = { ...b.address, user: role, password: 'secret' };
  await using other = connect(address, { applicationName: 'other', role: 'coordinator', max: 1 });
  const theirs = await another(other, 'theirs');
  await insertJobs(b.client, named(3, { workflow: 'w' }));
  await insertJobs(other, named(2, { workflow: 'w' }));
  const taken = { mine: await lease(b, { limit: 100 }), theirs: await lease(theirs, { limit: 100 }) };
  t.deepEqual([taken.mine.length, taken.theirs.length], [3, 2]);
  t.deepEqual(await lease(b, { workflows: ['w'] }), []);
  t.deepEqual(await lease(theirs, { workflows: ['w'] }), []);
  const owners = await b.client.sql`
    select j.owner = l.owner as same from job j join launcher l on l.id = j.launcher`;
  t.true(owners.every((row) => row['same'] === true));
  await commitBatch(b.db, batch(b, { releases: taken.mine.map((job) => release(job)) }));
  t.deepEqual(await lease(theirs), []);
  t.is((await lease(theirs, { anyOwner: true })).length, 3, 'unless it is asked for');
});

test('a killed job is not leased, a held one is let go by its launcher only', async (t) => {
  await using b = await bench();
  await insertJobs(b.client, named(2));
  const [held] = await lease(b, { limit: 1 });
  await killJobs(b.client, queryOf().where);
  t.deepEqual(await lease(await another(b.db, 'two')), []);
  t.deepEqual(
    (await getJobs(b.client, queryOf(byIds([held!.id])))).map((j) => [j.state, j.launcher]),
    [['USER_KILLED', b.launcher]],
  );
});

// --- test_lock: many ranks each try to acquire 7 of 30 jobs ---

for (const how of ['connections', 'processes'] as const) {
  test.serial(
    `${RANKS} ranks, as ${how}, each try to acquire ${WANTED} of ${JOBS} jobs: each job by exactly one`,
    async (t) => {
      await using b = await bench();
      await insertJobs(b.client, named(JOBS));
      const ranks = await Promise.all(
        Array.from({ length: RANKS }, (_, i) =>
          how === 'connections' ? rank(b.address, i) : inProcess(b.address, i),
        ),
      );
      const all = ranks.flatMap((r) => [...r.taken, ...r.again]);
      t.is(new Set(all).size, JOBS);
      t.is(all.length, JOBS, 'none twice, none left');
      for (const { launcher, taken, again, holds } of ranks) {
        t.true(taken.length <= WANTED && again.length <= WANTED);
        t.deepEqual(holds.toSorted(), taken.toSorted(), 'what it sees as its own is what it took');
        const rows = await heldJobs(b.client, launcher);
        t.deepEqual(rows.map((j) => j.id).toSorted(), [...taken, ...again].toSorted());
        t.true(rows.every((j) => j.attempt === 1));
      }
      t.log(`taken: ${ranks.map((r) => r.taken.length + r.again.length).join(' ')}`);
    },
  );
}

async function inProcess(address: DatabaseAddress, i: number): Promise<Rank> {
  const child = fork(fileURLToPath(new URL('_rank.ts', import.meta.url)), [JSON.stringify(address), `${i}`], {
    stdio: ['ignore', 2, 2, 'ipc'],
  });
  // Not its exit: what it said may still be on the way then.
  const ended = once(child, 'disconnect').then(() => {
    throw new Error(`rank ${i} ended and said nothing`);
  });
  ended.catch(() => {});
  const [answer] = (await Promise.race([once(child, 'message'), ended])) as [Rank];
  return answer;
}
