/** Commits: guarded, fenced, once; what matches nothing is classified; one bad row does not hold up the others. */
import test from 'ava';
import { commitBatch } from '../../src/store/launcher/commit.ts';
import { getJobs, insertJobs, killJobs, updateJob } from '../../src/store/jobs/change.ts';
import { history } from '../../src/store/history/lines.ts';
import { byIds, field, queryOf } from '../../src/model/query.ts';
import type { JobRow } from '../../src/store/rows.ts';
import type { Database } from '../../src/store/connection.ts';
import { batch, bench, end, lease, newLauncher, patch, release, start } from './_store.ts';

async function job(db: Database, id: string): Promise<JobRow> {
  return (await getJobs(db, queryOf(byIds([id]))))[0]!;
}

async function attemptOf(db: Database, id: string): Promise<Record<string, unknown>> {
  const [row] =
    await db.sql`select *, last_report::int as last_report, max_rss_kib::int as max_rss_kib from attempt where job_id = ${id}`;
  return row!;
}

test('start, patch and end: states, tries, data, attempt row and history', async (t) => {
  await using b = await bench();
  await insertJobs(b.client, [{ name: 'one', data: { x: 3 } }]);
  const [held] = await lease(b);
  t.deepEqual((await commitBatch(b.db, batch(b, { starts: [start(held!, 1)] }))).starts, ['applied']);
  let row = await job(b.client, held!.id);
  t.like(row, { state: 'RUNNING', tries: 1, launcher: b.launcher });
  const both = await commitBatch(
    b.db,
    batch(b, {
      patches: [patch(held!, 2, { y: 9 })],
      ends: [end(held!, 3, { dataJson: '{"z":1}', description: 'done' })],
    }),
  );
  t.deepEqual(both, { fenced: true, starts: [], patches: ['applied'], ends: ['applied'], releases: [] });
  row = await job(b.client, held!.id);
  t.like(row, { state: 'JOB_FINISHED', tries: 1, launcher: null, attempt: 1, description: 'done' });
  t.deepEqual(row.data, { x: 3, y: 9, z: 1 });
  t.like(await attemptOf(b.client, held!.id), {
    node: 'node1',
    outcome: 'RUN_DONE',
    end_state: 'JOB_FINISHED',
    exit_code: 0,
    user_s: 0.5,
    max_rss_kib: 2048,
    last_report: 3,
  });
  const lines = (await history(b.client, [held!.id])).get(held!.id)!;
  t.deepEqual(
    lines.map((l) => l.state),
    ['CREATED', 'READY', 'STAGED_IN', 'PREPROCESSED', 'RUNNING', 'RUN_DONE', 'POSTPROCESSED', 'JOB_FINISHED'],
  );
});

test('a repeated batch changes nothing', async (t) => {
  await using b = await bench();
  await insertJobs(b.client, [{ name: 'a' }, { name: 'b' }, { name: 'c' }]);
  const [a, bb, c] = await lease(b);
  const rows = batch(b, {
    starts: [start(a!, 1)],
    patches: [patch(a!, 2, { k: 1 }), patch(bb!, 4, { k: 1 })],
    ends: [end(bb!, 5)],
    releases: [release(c!)],
  });
  t.deepEqual(await commitBatch(b.db, rows), {
    fenced: true,
    starts: ['applied'],
    patches: ['applied', 'applied'],
    ends: ['applied'],
    releases: ['applied'],
  });
  await updateJob(b.client, a!.id, { fields: {}, dataSet: { k: 2 }, dataRemoved: [] });
  t.deepEqual(await commitBatch(b.db, rows), {
    fenced: true,
    starts: ['duplicate'],
    patches: ['duplicate', 'duplicate'],
    ends: ['duplicate'],
    releases: ['not-ours'],
  });
  t.deepEqual((await job(b.client, a!.id)).data, { k: 2 }, 'an old patch does not come back');
  t.like(await job(b.client, a!.id), { state: 'RUNNING', tries: 1 });
});

test('several patches of one job in one batch keep their order', async (t) => {
  await using b = await bench();
  await insertJobs(b.client, [{ name: 'a', data: { gone: 1 } }]);
  const [a] = await lease(b);
  const answer = await commitBatch(
    b.db,
    batch(b, {
      patches: [
        patch(a!, 1, { k: 1, l: 1 }),
        patch(a!, 2, {}, { dataRemoved: ['k', 'gone'], dataJson: '' }),
        patch(a!, 3, { k: 3 }),
      ],
      ends: [end(a!, 4, { dataJson: '{"big":12345678901234567890}' })],
    }),
  );
  t.deepEqual(answer.patches, ['applied', 'applied', 'applied']);
  t.like(await job(b.client, a!.id), { state: 'JOB_FINISHED', tries: 1 });
  const [row] = await b.client.sql`select data::text from job`;
  t.is(row!['data'], '{"k": 3, "l": 1, "big": 12345678901234567890}');
});

test('fence false: an older epoch writes nothing', async (t) => {
  await using b = await bench();
  await insertJobs(b.client, [{ name: 'a' }]);
  const [a] = await lease(b);
  for (const rows of [{ ends: [end(a!, 1)] }, { patches: [patch(a!, 1, {})] }, { releases: [release(a!)] }])
    t.deepEqual(await commitBatch(b.db, { ...batch(b, rows), epoch: 7 }), {
      fenced: false,
      starts: [],
      patches: [],
      ends: [],
      releases: [],
    });
  t.like(await job(b.client, a!.id), { state: 'PREPROCESSED', launcher: b.launcher });
});

test('rows that are not ours: gone, held by another, a later attempt', async (t) => {
  await using b = await bench();
  await insertJobs(b.client, [{ name: 'gone' }, { name: 'other' }, { name: 'later' }]);
  const [gone, other, later] = await lease(b);
  const { id: two } = await newLauncher(b.db, 'two');
  await b.client.sql`delete from job where id = ${gone!.id}`;
  await b.client.sql`update job set launcher = ${two} where id = ${other!.id}`;
  await b.client.sql`update job set attempt = 2 where id = ${later!.id}`;
  const answer = await commitBatch(
    b.db,
    batch(b, { ends: [end(gone!, 1), end(other!, 2)], starts: [start(later!, 3)] }),
  );
  t.deepEqual(answer.ends, ['not-ours', 'not-ours']);
  t.deepEqual(answer.starts, ['not-ours']);
});

test('a killed job: its start and patch say so, its end keeps the exit and lets it go, and nothing overwrites USER_KILLED', async (t) => {
  await using b = await bench();
  await insertJobs(b.client, [{ name: 'a' }, { name: 'b' }]);
  const [a, never] = await lease(b);
  await killJobs(b.client, queryOf().where);
  const first = await commitBatch(
    b.db,
    batch(b, { starts: [start(a!, 1)], patches: [patch(a!, 2, { k: 1 })] }),
  );
  t.deepEqual([first.starts, first.patches], [['killed'], ['killed']]);
  t.like(await job(b.client, a!.id), { state: 'USER_KILLED', launcher: b.launcher });
  const last = await commitBatch(
    b.db,
    batch(b, {
      ends: [end(a!, 3, { exitCode: 143, outcome: 'RUN_ERROR', state: 'FAILED' })],
      releases: [release(never!)],
    }),
  );
  t.deepEqual([last.ends, last.releases], [['killed'], ['killed']]);
  t.like(await job(b.client, a!.id), { state: 'USER_KILLED', launcher: null, tries: 1 });
  t.like(await job(b.client, never!.id), { state: 'USER_KILLED', launcher: null, tries: 0 });
  t.like(await attemptOf(b.client, a!.id), {
    exit_code: 143,
    outcome: 'USER_KILLED',
    end_state: 'USER_KILLED',
  });
  t.deepEqual((await commitBatch(b.db, batch(b, { ends: [end(a!, 3)] }))).ends, ['duplicate']);
  const lines = (await history(b.client, [a!.id])).get(a!.id)!;
  t.is(lines.filter((l) => l.state === 'USER_KILLED').length, 1);
});

test('releases: kept, lost, lost without retry, its node died', async (t) => {
  await using b = await bench();
  await insertJobs(b.client, [{ name: 'kept' }, { name: 'retry' }, { name: 'no-retry' }, { name: 'ran' }]);
  const [kept, retry, no, ran] = await lease(b);
  await commitBatch(b.db, batch(b, { starts: [start(ran!, 1)] }));
  const lost = {
    outcome: 'RUN_TIMEOUT',
    message: 'may have started in launcher 1',
    lostEnd: true,
    countTry: true,
  } as const;
  const answer = await commitBatch(
    b.db,
    batch(b, {
      releases: [
        release(kept!, { message: 'given back' }),
        release(retry!, { to: 'RESTART_READY', ...lost }),
        release(no!, { to: 'FAILED', ...lost }),
        release(ran!, { to: 'RESTART_READY', ...lost, nodeLost: true, node: 'node1' }),
      ],
    }),
  );
  t.deepEqual(answer.releases, ['applied', 'applied', 'applied', 'applied']);
  t.like(await job(b.client, kept!.id), { state: 'PREPROCESSED', launcher: null, tries: 0 });
  t.like(await job(b.client, retry!.id), { state: 'RESTART_READY', launcher: null, tries: 1 });
  t.like(await job(b.client, no!.id), { state: 'FAILED', launcher: null, tries: 1 });
  t.like(await job(b.client, ran!.id), { state: 'RESTART_READY', tries: 1 });
  const counts = await b.client.sql`select lost_ends, node_losses from job where id = ${ran!.id}`;
  t.deepEqual({ ...counts[0] }, { lost_ends: 1, node_losses: 1 });
  t.deepEqual(
    (await history(b.client, [ran!.id]))
      .get(ran!.id)!
      .map((l) => l.state)
      .slice(-3),
    ['RUNNING', 'RUN_TIMEOUT', 'RESTART_READY'],
  );
  t.deepEqual(
    (await lease(b)).map((j) => [j.name, j.attempt]),
    [
      ['kept', 2],
      ['retry', 2],
      ['ran', 2],
    ],
  );
});

test('a start of a job that was RUNNING before its command adds when and where', async (t) => {
  await using b = await bench();
  await insertJobs(b.client, [{ name: 'a' }]);
  const [a] = await lease(b);
  await commitBatch(b.db, batch(b, { starts: [start(a!, 0, { node: '' })] }));
  t.deepEqual((await commitBatch(b.db, batch(b, { starts: [start(a!, 5, { node: 'n7' })] }))).starts, [
    'applied',
  ]);
  t.like(await attemptOf(b.client, a!.id), { node: 'n7', last_report: 5 });
  t.is((await job(b.client, a!.id)).tries, 1);
});

test('a row that matches no rule is a bug and stops', async (t) => {
  await using b = await bench();
  await insertJobs(b.client, [{ name: 'a' }]);
  const [a] = await lease(b);
  await commitBatch(b.db, batch(b, { starts: [start(a!, 1)] }));
  await t.throwsAsync(commitBatch(b.db, batch(b, { releases: [release(a!)] })), {
    message: /matches nothing: it is RUNNING and ours/,
  });
});

test('a held row whose state was changed by hand is let go as it is, with its exit kept', async (t) => {
  await using b = await bench();
  await insertJobs(
    b.client,
    ['FAILED', 'READY', 'JOB_FINISHED', 'CREATED'].map((name) => ({ name })),
  );
  const held = await lease(b);
  await commitBatch(b.db, batch(b, { starts: held.map((j) => start(j, 1)) }));
  await b.client.run((sql) => sql`update job set state = name, tries = attempt`);
  const patched = await commitBatch(b.db, batch(b, { patches: [patch(held[0]!, 2, { a: 1 })] }));
  t.deepEqual(patched.patches, ['killed'], 'nothing is written, and its process is to end');
  const [first, ...rest] = held;
  const answer = await commitBatch(
    b.db,
    batch(b, { releases: [release(first!)], ends: rest.map((j) => end(j, 3, { exitCode: 7 })) }),
  );
  t.deepEqual([answer.releases, answer.ends], [['killed'], ['killed', 'killed', 'killed']]);
  const rows = await b.client.run(
    (sql) => sql<
      { name: string; state: string; launcher: number | null; data: object; exit: number | null }[]
    >`
      select name, state, launcher, data, (select exit_code from attempt where job_id = job.id) as exit from job order by seq`,
  );
  for (const row of rows) {
    t.deepEqual([row.state, row.launcher, row.data], [row.name, null, {}]);
    t.is(row.exit, row.name === 'FAILED' ? null : 7);
  }
});

test('bad rows are found by halving: FAILED without data, the others are committed', async (t) => {
  await using b = await bench();
  await insertJobs(
    b.client,
    Array.from({ length: 40 }, (_, i) => ({ name: `j${i}` })),
  );
  const held = await lease(b);
  const bad = new Map([
    [7, '{"a":"\\u0000"}'],
    [23, '{"a":1e999999}'],
    [24, '{"a":'],
  ]);
  const ends = held.map((j, i) =>
    end(j, i + 1, { dataJson: bad.get(i) ?? `{"n":${i}}`, ...(i === 30 ? { message: 'nul \0 here' } : {}) }),
  );
  const patches = [patch(held[39]!, 0.5, {}, { report: 39, dataJson: '{"a":"\\u0000"}' })];
  const answer = await commitBatch(b.db, batch(b, { ends, patches }));
  const refused = [7, 23, 24, 30];
  t.deepEqual(answer.patches, ['rejected']);
  for (const [i, j] of held.entries()) {
    const row = await job(b.client, j.id);
    if (i === 39) {
      t.is(answer.ends[i], 'duplicate');
      t.is(row.state, 'FAILED');
    } else if (refused.includes(i)) {
      t.is(answer.ends[i], 'rejected');
      t.like(row, { state: 'FAILED', launcher: null });
      t.deepEqual(row.data, {});
    } else {
      t.is(answer.ends[i], 'applied');
      t.deepEqual(row.data, { n: i });
    }
  }
  const lines = (await history(b.client, [held[7]!.id])).get(held[7]!.id)!;
  t.regex(lines.map((l) => l.message).join(' '), /the database refused its report/);
});

test('data merges by key with racing writers: no key is lost', async (t) => {
  await using b = await bench(4);
  await insertJobs(b.client, [{ name: 'a' }]);
  const [a] = await lease(b);
  const users = Array.from({ length: 40 }, (_, i) =>
    updateJob(b.client, a!.id, { fields: {}, dataSet: { [`u${i}`]: i }, dataRemoved: [] }),
  );
  const reports = (async () => {
    for (let i = 1; i <= 40; i++)
      await commitBatch(b.db, batch(b, { patches: [patch(a!, i, { [`p${i}`]: i })] }));
  })();
  await Promise.all([...users, reports]);
  const { data } = (await getJobs(b.client, queryOf(field('name', 'equals', 'a'))))[0]!;
  t.is(Object.keys(data).length, 80);
});
