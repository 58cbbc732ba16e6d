/** Jobs as users see them: create, query, change, kill, delete; hostile text everywhere. */
import test from 'ava';
import fc from 'fast-check';
import { EVERYTHING, byIds, field, matches, queryOf, type Condition } from '../../src/model/query.ts';
import { UserError } from '../../src/base/errors.ts';
import { newId } from '../../src/base/ids.ts';
import {
  getOrCreateApplication,
  insertApplication,
  listApplications,
  updateApplication,
  applicationsByName,
} from '../../src/store/applications.ts';
import { addEvents, history } from '../../src/store/history/lines.ts';
import { updateJobs } from '../../src/store/jobs/bulk.ts';
import { MAX_LANE_WORKFLOWS } from '../../src/store/jobs/search.ts';
import {
  copyJobs,
  countByState,
  countJobs,
  getJobs,
  insertJobs,
  killJobs,
  setState,
  streamJobs,
  updateJob,
  workflows,
} from '../../src/store/jobs/change.ts';
import { deleteJobs } from '../../src/store/jobs/many.ts';
import {
  deleteQueuedLaunches,
  insertQueuedLaunch,
  listQueuedLaunches,
  updateQueuedLaunch,
} from '../../src/store/queued-launches.ts';
import { JOB_FIELDS, WRITABLE_FIELDS, type NewJob } from '../../src/store/rows.ts';
import { plainArray, textArray } from '../../src/store/sql-array.ts';
import { batch, bench, lease, start } from './_store.ts';
import { commitBatch } from '../../src/store/launcher/commit.ts';

const HOSTILE = [
  '',
  ' ',
  'NULL',
  'null',
  '\\',
  '\\N',
  '\\.',
  '"',
  "'",
  '{}',
  '{a,b}',
  ',',
  'a\tb',
  'a\nb',
  '\r\n',
  '\\\\"',
  '$1',
  'ä€𝄞',
  '\u{10FFFF}',
  '%_',
  '\x01\x1f\x7f',
];
const text = fc.oneof(
  fc.constantFrom(...HOSTILE),
  fc.string({ unit: 'binary', maxLength: 30 }).map((s) => s.toWellFormed().replaceAll('\0', '')),
);

test('arrays as text are exact for any text', async (t) => {
  await using b = await bench();
  await fc.assert(
    fc.asyncProperty(fc.array(fc.option(text), { maxLength: 20 }), async (values) => {
      const [row] = await b.client.sql.unsafe(`select to_json($1::text[]) as back`, [textArray(values)]);
      t.deepEqual(row!['back'], values);
    }),
    { numRuns: 200 },
  );
  const [row] = await b.client.sql.unsafe(`select to_json($1::float8[]) as back`, [
    plainArray([1, null, -2.5, 1e300]),
  ]);
  t.deepEqual(row!['back'], [1, null, -2.5, 1e300]);
});

test('a job without anything has every default; fields come back as they were given', async (t) => {
  await using b = await bench();
  const [row] = await insertJobs(b.client, [{}]);
  for (const f of WRITABLE_FIELDS) t.deepEqual(row![f], JOB_FIELDS[f].default as never, f);
  t.like(row, { state: 'CREATED', launcher: null, attempt: 0, tries: 0, owner: 'balsam' });
  t.true(row!.created_at instanceof Date);
});

const anyJob: fc.Arbitrary<NewJob> = fc.record(
  {
    name: text,
    workflow: text,
    description: text,
    stage_in_url: text,
    cpu_affinity: text,
    num_nodes: fc.integer({ min: 1, max: 2_147_483_647 }),
    wait_for_parents: fc.boolean(),
    data: fc.dictionary(
      text.filter((k) => k !== '__proto__'),
      fc.oneof(text, fc.integer(), fc.boolean(), fc.constant(null)),
      { noNullPrototype: true },
    ),
  },
  { requiredKeys: [] },
);

test('insert and COPY keep hostile text exactly', async (t) => {
  await using b = await bench();
  await fc.assert(
    fc.asyncProperty(fc.array(anyJob, { minLength: 1, maxLength: 20 }), async (jobs) => {
      const inserted = await insertJobs(b.client, jobs);
      const named = jobs.map((job) => ({ ...job, job_id: newId() }));
      t.is(await copyJobs(b.client, named), jobs.length);
      const copied = await getJobs(b.client, queryOf(byIds(named.map((j) => j.job_id))));
      for (const [i, job] of jobs.entries()) {
        for (const [name, value] of Object.entries(job)) {
          t.deepEqual(inserted[i]![name as 'name'], value as never, name);
          t.deepEqual(copied[i]![name as 'name'], value as never, name);
        }
      }
    }),
    { numRuns: 40 },
  );
});

test('wrong values are refused with the field, the value and what to do, and nothing is created', async (t) => {
  await using b = await bench();
  const wrong: [object, RegExp][] = [
    [{ num_nodes: 0 }, /num_nodes must be a whole number from 1 to 2147483647, not 0/],
    [{ num_nodes: '2' }, /num_nodes must be a whole number from 1 to 2147483647, not "2"/],
    [{ name: 7 }, /name must be text, not 7/],
    [{ name: 'a\0b' }, /NUL/],
    [{ data: [] }, /data must be an object like .*, not \[\]/],
    [{ data: { a: { b: '\0' } } }, /NUL/],
    [{ state: 'RUNNING' }, /cannot have the field "state"/],
    [{ nodes: 1 }, /cannot have the field "nodes"/],
    [{ job_id: 'ABC' }, /job_id is "ABC"/],
    [{ parents: ['x'] }, /parents must be a list of job ids, not \["x"\]/],
    [{ parents: [newId()] }, /is no job of this database/],
    [{ wait_for_parents: 'yes' }, /must be true or false/],
  ];
  for (const [job, message] of wrong) {
    await t.throwsAsync(insertJobs(b.client, [{}, job as NewJob]), { instanceOf: UserError, message });
    if (!('parents' in job && message.source.includes('no job')))
      await t.throwsAsync(copyJobs(b.client, [{}, job as NewJob]), { instanceOf: UserError });
  }
  t.is(await countJobs(b.client, queryOf()), 0);
  await insertJobs(b.client, [{ data: { a: '\\u0000 as text' } }]);
});

test('an id that is there already finds the same job', async (t) => {
  await using b = await bench();
  const id = newId();
  const [first] = await insertJobs(b.client, [{ job_id: id, name: 'first' }]);
  const [, second] = await insertJobs(b.client, [{}, { job_id: id, name: 'second' }]);
  t.is(second!.name, 'first');
  t.deepEqual(second, first);
  await t.throwsAsync(copyJobs(b.client, [{}, { job_id: id }]), {
    instanceOf: UserError,
    message: /there already/,
  });
  t.is(await countJobs(b.client, queryOf()), 2);
});

test('queries decide as `matches` does over plain rows', async (t) => {
  await using b = await bench();
  const names = ['a', 'A', 'ab', 'b', '%', '_', '\\', 'ä', 'abab', 'a*b', ''];
  const rows = await insertJobs(
    b.client,
    names.flatMap((name, i) => [
      {
        name,
        num_nodes: i + 1,
        application: names.at(-1 - i)!,
        data: { x: i, s: name, n: { deep: i % 2 === 0 } },
      },
      { name, workflow: name, data: {} },
    ]),
  );
  const some = fc.constantFrom(...names);
  const leaf: fc.Arbitrary<Condition> = fc.oneof(
    fc.record({
      field: fc.constantFrom('name', 'workflow', 'application'),
      op: fc.constantFrom('equals', 'not', 'contains', 'icontains', 'startsWith', 'endsWith'),
      value: some,
    }),
    fc.record({
      field: fc.constantFrom('name', 'workflow', 'application'),
      op: fc.constant('glob' as const),
      value: fc.constantFrom(
        '*',
        'a',
        'a*',
        '*b',
        '*a*',
        'a*a',
        '*%*',
        '_*',
        '\\*',
        '\\\\*',
        'ä*',
        '**',
        '',
        '*\\',
        'a*b*b',
        'a*ba*b',
        '*b*a*',
      ),
    }),
    fc.record({
      field: fc.constant('job_id'),
      op: fc.constantFrom('contains', 'startsWith', 'endsWith'),
      value: fc.constantFrom(
        ...rows.flatMap(({ job_id: id }) => [id, id.slice(9, 12), id.slice(-1), id[0]!]),
      ),
    }),
    fc.record({
      field: fc.constant('state'),
      op: fc.constant('equals' as const),
      value: fc.constantFrom('CREATED', 'FAILED'),
    }),
    fc.record({
      field: fc.constant('num_nodes'),
      op: fc.constantFrom('equals', 'not', 'lt', 'lte', 'gt', 'gte'),
      value: fc.integer({ min: 0, max: 10 }),
    }),
    fc.record({
      field: fc.constant('num_nodes'),
      op: fc.constant('range' as const),
      value: fc.tuple(fc.integer({ min: 0, max: 9 }), fc.integer({ min: 0, max: 9 })),
    }),
    fc.record({ field: fc.constant('name'), op: fc.constant('in' as const), value: fc.array(some) }),
    fc.record({ field: fc.constant('launcher'), op: fc.constant('isNull' as const), value: fc.boolean() }),
    fc.record({
      path: fc.constant(['data', 'x'] as [string, string]),
      op: fc.constantFrom('equals', 'not', 'lt', 'gte'),
      value: fc.integer({ min: 0, max: 9 }),
    }),
    fc.record({
      path: fc.constant(['data', 's'] as [string, string]),
      op: fc.constantFrom('equals', 'not', 'contains', 'endsWith'),
      value: some,
    }),
    fc.record({
      path: fc.constant(['data', 'n', 'deep'] as [string, string, string]),
      op: fc.constant('isNull' as const),
      value: fc.boolean(),
    }),
  ) as fc.Arbitrary<Condition>;
  const { condition } = fc.letrec<{ condition: Condition }>((tie) => ({
    condition: fc.oneof(
      { depthSize: 'small' },
      leaf,
      leaf,
      fc.array(leaf, { minLength: 2, maxLength: 3 }).map((and) => ({ and })),
      fc.array(tie('condition'), { maxLength: 3 }).map((and) => ({ and })),
      fc.array(tie('condition'), { maxLength: 3 }).map((or) => ({ or })),
      tie('condition').map((not) => ({ not })),
    ),
  }));
  const slice = fc.record({ limit: fc.nat(4), offset: fc.nat(2), reversed: fc.boolean() });
  const change = { fields: { description: 'seen' }, dataSet: {}, dataRemoved: [] };
  await fc.assert(
    fc.asyncProperty(condition, slice, async (where, { limit, offset, reversed }) => {
      const found = await getJobs(b.client, queryOf(where));
      const expected = rows.filter((row) => matches(row as unknown as Record<string, unknown>, where));
      const ids = expected.map((r) => r.job_id);
      const words = JSON.stringify({ where, limit, offset, reversed });
      t.deepEqual(
        found.map((r) => r.job_id),
        ids,
        words,
      );
      const query = { ...queryOf(where), limit, offset };
      const page = (reversed ? ids.toReversed() : ids).slice(offset, offset + limit);
      t.deepEqual(
        (await getJobs(b.client, { ...query, reversed })).map((r) => r.job_id),
        page,
        words,
      );
      t.is(await countJobs(b.client, queryOf(where)), ids.length, words);
      t.is(await countJobs(b.client, query), page.length, words);
      t.is((await countByState(b.client, queryOf(where))).get('CREATED') ?? 0, ids.length, words);
      // What takes all that match narrows the table by the same means.
      t.is(await updateJobs(b.client, where, change), ids.length, words);
    }),
    { numRuns: 300 },
  );
});

test('a part of a workflow is found among more workflows than are read one by one', async (t) => {
  await using b = await bench();
  const many = MAX_LANE_WORKFLOWS + 100;
  await copyJobs(
    b.client,
    Array.from({ length: many }, (_, i) => ({ name: `j${i}`, workflow: `w${i}x` })),
  );
  const where = field('workflow', 'contains', '99x');
  const names = Array.from({ length: many / 100 }, (_, i) => `j${i * 100 + 99}`);
  const found = await getJobs(b.client, queryOf(where));
  t.deepEqual(
    found.map((r) => r.name),
    names,
  );
  t.deepEqual(
    (await getJobs(b.client, { ...queryOf(where), limit: 2, reversed: true })).map((r) => r.name),
    names.slice(-2).toReversed(),
  );
  t.is(await countJobs(b.client, queryOf(where)), names.length);
  t.is((await killJobs(b.client, where)).killed.length, names.length);
  t.is(await deleteJobs(b.client, where), names.length);
  t.is(await countJobs(b.client, queryOf()), many - names.length);
});

test('order, slices, streams, counts and workflows', async (t) => {
  await using b = await bench();
  await copyJobs(
    b.client,
    Array.from({ length: 2500 }, (_, i) => ({
      name: `j${i}`,
      workflow: `w${i % 2}`,
      num_nodes: (i % 5) + 1,
    })),
  );
  const page = await getJobs(b.client, {
    where: EVERYTHING,
    orderBy: [['num_nodes', 'desc']],
    limit: 3,
    offset: 1,
  });
  t.deepEqual(
    page.map((r) => r.name),
    ['j9', 'j14', 'j19'],
  );
  let n = 0;
  for await (const row of streamJobs(b.client, queryOf())) t.is(row.name, `j${n++}`);
  t.is(n, 2500);
  for (let i = 0; i < 5; i++)
    for await (const row of streamJobs(b.client, queryOf())) if (row.name === 'j10') break;
  t.is(
    await countJobs(b.client, { ...queryOf(field('workflow', 'equals', 'w1')), limit: 7 }),
    7,
    'a stream that was left gives its connection back',
  );
  t.deepEqual([...(await countByState(b.client, queryOf()))], [['CREATED', 2500]]);
  t.deepEqual(await workflows(b.client), ['w0', 'w1']);
  t.is(
    (await getJobs(b.client, queryOf(field('job_id', 'startsWith', page[0]!.job_id.slice(0, 8))))).length,
    1,
  );
  t.deepEqual(await getJobs(b.client, queryOf(field('job_id', 'equals', "'; drop table job"))), []);
  await t.throwsAsync(getJobs(b.client, queryOf(field('nonsense', 'equals', 1))), {
    instanceOf: UserError,
    message: /no field "nonsense"/,
  });
  await t.throwsAsync(getJobs(b.client, queryOf(field('num_nodes', 'contains', 'x'))), {
    instanceOf: UserError,
  });
});

test('a held job: its data may change, what its start is made from may not, nor its state; it cannot be deleted', async (t) => {
  await using b = await bench();
  const [made] = await insertJobs(b.client, [{ name: 'one', data: { a: 1, b: 2 } }]);
  const id = made!.job_id;
  const [held] = await lease(b);
  await commitBatch(b.db, batch(b, { starts: [start(held!, 1)] }));
  const nothing = { dataSet: {}, dataRemoved: [] };
  const row = await updateJob(b.client, id, {
    fields: { description: 'new' },
    dataSet: { c: 3 },
    dataRemoved: ['a'],
  });
  t.like(row, { description: 'new', data: { b: 2, c: 3 } });
  const message = new RegExp(
    `job \\[one \\| ${id.slice(0, 8)}\\] is held by launcher ${b.launcher}, running on node1; kill it first`,
  );
  await t.throwsAsync(updateJob(b.client, id, { fields: { args: 'x' }, ...nothing }), {
    instanceOf: UserError,
    message,
  });
  await t.throwsAsync(setState(b.client, [id], 'RESTART_READY', ''), { instanceOf: UserError, message });
  await t.throwsAsync(deleteJobs(b.client, byIds([id])), { instanceOf: UserError, message });
  await t.throwsAsync(updateJob(b.client, newId(), { fields: { args: 'x' }, ...nothing }), {
    instanceOf: UserError,
    message: /was deleted/,
  });
});

test('kill, restart, delete, with history; a second kill says so', async (t) => {
  await using b = await bench();
  const rows = await insertJobs(b.client, [{ name: 'a' }, { name: 'b' }]);
  const ids = rows.map((r) => r.job_id);
  t.is((await killJobs(b.client, EVERYTHING)).killed.length, 2);
  t.deepEqual(await killJobs(b.client, field('name', 'equals', 'a')), {
    killed: [],
    already: [{ id: ids[0]!, name: 'a', state: 'USER_KILLED' }],
  });
  await t.throwsAsync(setState(b.client, [ids[0]!], 'RUN_DONE', ''), {
    instanceOf: UserError,
    message: /is USER_KILLED, from where RUN_DONE cannot be set; possible: none/,
  });
  await addEvents(b.client, [{ job_id: ids[0]!, state: 'FAILED', message: 'note' }]);
  t.deepEqual(
    (await history(b.client, ids)).get(ids[0]!)!.map((l) => l.state),
    ['CREATED', 'USER_KILLED', 'FAILED'],
  );
  t.is(await deleteJobs(b.client, EVERYTHING), 2);
  const [left] = await b.client
    .sql`select (select count(*)::int from job) + (select count(*)::int from job_event) as n`;
  t.is(left!['n'], 0);
});

test('a circle of parents is refused', async (t) => {
  await using b = await bench();
  const [a] = await insertJobs(b.client, [{ name: 'a' }]);
  const [c] = await insertJobs(b.client, [{ name: 'b', parents: [a!.job_id] }]);
  const change = { fields: { parents: [c!.job_id] }, dataSet: {}, dataRemoved: [] };
  await t.throwsAsync(updateJob(b.client, a!.job_id, change), {
    instanceOf: UserError,
    message: /its own ancestor/,
  });
  t.deepEqual(
    (await getJobs(b.client, queryOf(field('parents', 'contains', a!.job_id)))).map((r) => r.name),
    ['b'],
  );
});

test('applications and queued launches: created once, changed, listed', async (t) => {
  await using b = await bench(4);
  const made = await Promise.all(
    Array.from({ length: 8 }, (_, i) =>
      getOrCreateApplication(b.client, 'square', { executable: `/bin/${i}` }),
    ),
  );
  t.is(made.filter(([, created]) => created).length, 1);
  t.is(new Set(made.map(([row]) => row.executable)).size, 1);
  await t.throwsAsync(insertApplication(b.client, { name: 'square' }), {
    instanceOf: UserError,
    message: /exists/,
  });
  const row = await updateApplication(b.client, made[0]![0].id, { description: 'x"\\' });
  t.deepEqual(await listApplications(b.client), [row]);
  t.deepEqual(await applicationsByName(b.client, ['square', 'none']), new Map([['square', row]]));
  const launch = await insertQueuedLaunch(b.client, { nodes: 2, scheduler_id: 123_456_789_012 });
  t.like(launch, { state: 'pending-submission', nodes: 2, scheduler_id: 123_456_789_012, from_balsam: true });
  t.like(await updateQueuedLaunch(b.client, launch.id, { state: 'submitted' }), { state: 'submitted' });
  t.is((await listQueuedLaunches(b.client)).length, 1);
  t.is(await deleteQueuedLaunches(b.client, [launch.id]), 1);
});
