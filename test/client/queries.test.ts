/**
 * Queries of the client on a real Postgres: every way to run one, changes of many jobs at once, and, by random conditions
 * written as scripts write them, that Postgres decides as a plain filter in memory does.
 */
import test from 'ava';
import fc from 'fast-check';
import { ApplicationDefinition, BalsamJob, closeBalsam, UserError } from '../../src/client/index.ts';
import { conditionOf } from '../../src/client/conditions.ts';
import type { JobConditions } from '../../src/client/index.ts';
import { compareTexts, matches } from '../../src/model/query.ts';
import { connect } from '../../src/store/connection.ts';
import type { Database } from '../../src/store/connection.ts';
import { getJobs } from '../../src/store/jobs/change.ts';
import { field, queryOf } from '../../src/model/query.ts';
import type { JobRow } from '../../src/store/rows.ts';
import { databaseDirectory } from '../helpers/directory.ts';
import type { DatabaseDirectory } from '../helpers/directory.ts';

let directory: DatabaseDirectory;
let db: Database;

test.before(async () => {
  directory = await databaseDirectory();
  db = connect(directory.address, { applicationName: 'test', role: 'client' });
  process.env['BALSAM_DB_PATH'] = directory.path;
});

test.after.always(async () => {
  await closeBalsam();
  await db?.close();
  await directory?.remove();
});

const { objects } = BalsamJob;

async function ten(workflow: string): Promise<void> {
  await objects.bulkCreate(
    Array.from({ length: 10 }, (_, i) => ({
      workflow,
      name: `job${i}`,
      numNodes: (i % 3) + 1,
      data: { x: i, odd: i % 2 === 1, deep: { list: [i, { s: `s${i}` }] }, 'a.b': i },
    })),
  );
}

test('slices, first and last are places of one order', async (t) => {
  await ten('slices');
  const set = objects.filter({ workflow: 'slices' });
  const names = async (query: PromiseLike<BalsamJob[]>): Promise<string[]> =>
    (await query).map((job) => job.name);
  t.deepEqual(await names(set.slice(2, 5)), ['job2', 'job3', 'job4']);
  t.deepEqual(await names(set.slice(8)), ['job8', 'job9']);
  t.deepEqual(await names(set.slice(2, 9).slice(1, 3)), ['job3', 'job4']);
  t.deepEqual(await names(set.slice(4, 4)), []);
  t.deepEqual(await names(set.slice(5, 2)), []);
  t.is(await set.slice(2, 5).count(), 3);
  t.is((await set.first())?.name, 'job0');
  t.is((await set.last())?.name, 'job9');
  t.is((await set.orderBy('-numNodes', 'name').first())?.name, 'job2');
  t.is((await set.orderBy('-numNodes', 'name').last())?.name, 'job9');
  t.is((await set.orderBy('numNodes').last())?.name, 'job8', 'ties are in order of creation');
  t.is(await objects.filter({ workflow: 'nowhere' }).last(), null);
  t.is((await set.all().first())?.name, 'job0');
  await t.throwsAsync(set.slice(0, 3).last(), { instanceOf: UserError, message: /last\(\) comes before/ });
  t.throws(() => set.slice(-1), { instanceOf: UserError, message: /integer of at least 0, not -1/ });
  t.throws(() => set.limit(1).filter({ name: 'x' }), { message: /come before limit/ });
  t.throws(() => set.orderBy('data'), { message: /data has no order/ });
});

test('and, or, not, and paths into data at any depth', async (t) => {
  await ten('paths');
  const set = objects.filter({ workflow: 'paths' });
  const count = (conditions: JobConditions): Promise<number> => set.filter(conditions).count();
  t.is(await count({ or: [{ name: 'job1' }, { 'data.x': { gte: 8 } }] }), 3);
  t.is(await count({ not: { or: [{ 'data.odd': true }, { name: 'job0' }] } }), 4);
  t.is(await count({ and: [{ 'data.odd': true }, { numNodes: 2 }], name: { endsWith: '7' } }), 1);
  t.is(await count({ or: [] }), 0);
  t.is(await count({ and: [] }), 10);
  t.is(await count({ 'data.deep.list.1.s': { in: ['s1', 's2', 'x'] } }), 2);
  t.is(await count({ 'data.deep.list.0': { range: [3, 5] } }), 3);
  t.is(await count({ 'data.deep.list.-1.s': { icontains: 'S' } }), 10);
  t.is(await count({ [String.raw`data.a\.b`]: 3 }), 1);
  t.is(await count({ 'data.a.b': { isNull: true } }), 10);
  t.is(await count({ 'data.x': { not: 3 } }), 9);
  t.is(await count({ 'data.deep.list': { equals: [4, { s: 's4' }] } }), 1);
  t.is(await count({ data: { equals: { x: 1 } } }), 0);
  t.is(await count({ createdAt: { gt: new Date(Date.now() + 3_600_000) } }), 0);
});

test('values and distinct', async (t) => {
  await ten('values');
  const set = objects.filter({ workflow: 'values' });
  t.deepEqual(await set.orderBy('-name').limit(2).values('name', 'data.x', 'launcher', 'parents'), [
    { name: 'job9', 'data.x': 9, launcher: null, parents: [] },
    { name: 'job8', 'data.x': 8, launcher: null, parents: [] },
  ]);
  t.deepEqual(await set.values('numNodes').distinct(), [{ numNodes: 1 }, { numNodes: 2 }, { numNodes: 3 }]);
  const nodes = set.orderBy('-numNodes').values('numNodes', 'data.odd').distinct();
  t.deepEqual((await nodes)[0], { numNodes: 3, 'data.odd': false });
  t.is(await nodes.count(), 6);
  t.deepEqual(await set.orderBy('-numNodes').slice(1, 3).values('numNodes').distinct(), [
    { numNodes: 2 },
    { numNodes: 1 },
  ]);
  t.deepEqual(await set.values('parents').distinct(), [{ parents: [] }]);
  await objects.bulkCreate([{ workflow: 'values too' }]);
  // Only these: the tests beside this one make workflows of their own meanwhile.
  const workflows = objects
    .filter({ workflow: { startsWith: 'values' } })
    .values('workflow')
    .distinct();
  t.deepEqual(await workflows, [{ workflow: 'values' }, { workflow: 'values too' }]);
  t.is(await workflows.count(), 2);
  const seen: number[] = [];
  for await (const row of set.values('data.x')) seen.push(Number(row['data.x']));
  t.deepEqual(seen, [0, 1, 2, 3, 4, 5, 6, 7, 8, 9]);
  t.throws(() => set.orderBy('name').values('numNodes').distinct(), { message: /cannot be ordered by name/ });
  t.throws(() => set.values(), { message: /at least one field/ });
  t.throws(() => set.values('nmae' as never), { message: /did you mean name/ });
});

test('a part of a workflow’s name, in every place of a condition', async (t) => {
  for (const workflow of ['part-a1', 'part-a2', 'part-b', 'PART-A']) await objects.bulkCreate([{ workflow }]);
  const names = async (conditions: JobConditions): Promise<string[]> =>
    (await objects.filter(conditions).limit(10)).map((job) => job.workflow);
  t.deepEqual(await names({ workflow: { contains: 'part-a' } }), ['part-a1', 'part-a2']);
  t.deepEqual(await names({ workflow: { icontains: 'part-a', endsWith: '2' } }), ['part-a2']);
  t.deepEqual(await names({ workflow: { icontains: 'PART-', not: 'part-b' } }), [
    'part-a1',
    'part-a2',
    'PART-A',
  ]);
  t.deepEqual(await names({ workflow: { startsWith: 'no such' } }), []);
  t.deepEqual(await names({ or: [{ workflow: { startsWith: 'PART' } }, { workflow: 'part-b' }] }), [
    'part-b',
    'PART-A',
  ]);
  t.is(await objects.filter({ workflow: { contains: 'part-a' }, state: 'CREATED' }).count(), 2);
  t.is(
    (await objects.filter({ workflow: { contains: 'part-' }, state: 'CREATED' }).last())?.workflow,
    'part-b',
  );
  t.deepEqual(await objects.filter({ workflow: { contains: 'part-' } }).countByState(), { CREATED: 3 });
});

test('update changes all that match, merges data, and refuses all when one is held', async (t) => {
  await ten('update');
  const set = objects.filter({ workflow: 'update' });
  t.is(await set.filter({ 'data.odd': true }).update({ args: 'new', data: { seen: true, x: -1 } }), 5);
  t.is(await set.filter({ args: 'new', 'data.seen': true, 'data.x': -1 }).count(), 5);
  t.is(await set.filter({ args: '', 'data.deep.list.0': { gte: 0 } }).count(), 5, 'other keys stay');
  t.is(await set.filter({ name: 'nosuch' }).update({ args: 'y' }), 0);
  const held = await set.get({ name: 'job4' });
  await db.sql`insert into launcher (name, host, mode, wf_filter, nodes, scheduler_id) values ('U', 'h', 'mpi', '', 1, '')`;
  await db.sql`update job set launcher = (select max(id) from launcher), attempt = 1 where id = ${held.id}`;
  await t.throwsAsync(set.update({ args: 'z' }), {
    instanceOf: UserError,
    message: /job \[job4 \| \w{8}\] is held by launcher \d+.*nothing was changed/,
  });
  t.is(await set.filter({ args: 'z' }).count(), 0);
  t.is(await set.update({ description: 'd', data: { late: 1 } }), 10, 'what a held job takes');
  for (const [changes, message] of [
    [{}, /nothing to change/],
    [{ state: 'FAILED' }, /state of a job can be read, not set/],
    [{ nmae: 'x' }, /did you mean name/],
    [{ numNodes: 0 }, /from 1 to 2147483647, not 0/],
    [{ parents: [] }, /parents are set job by job/],
    [{ data: { x: undefined } }, /data\.x is undefined/],
    [{ stageInUrl: 'local:/x' }, /not supported yet/],
  ] as const) {
    await t.throwsAsync(set.update(changes as never), { instanceOf: UserError, message });
  }
  await t.throwsAsync(set.slice(0, 1).update({ args: 'x' }), { message: /cannot be used after limit/ });
});

test('bulkUpdate saves each its own change, all or none', async (t) => {
  await ten('bulk-update');
  const jobs = await objects.filter({ workflow: 'bulk-update' });
  for (const [i, job] of jobs.entries()) {
    if (i % 2 === 0) job.args = `a${i}`;
    else job.data['y'] = i;
  }
  const [untouched] = await objects.filter({ workflow: 'bulk-update', name: 'job9' });
  t.is(await objects.bulkUpdate([...jobs, untouched!].slice(0, 10)), 10);
  t.is(await objects.bulkUpdate(jobs), 0, 'nothing is left to save');
  t.is(await objects.filter({ workflow: 'bulk-update', args: { startsWith: 'a' } }).count(), 5);
  t.is(
    await objects.filter({ workflow: 'bulk-update', 'data.y': { gt: 0 }, 'data.x': { gte: 0 } }).count(),
    5,
  );
  const [a, b] = jobs as [BalsamJob, BalsamJob];
  [a.args, b.args] = ['lost', 'lost'];
  await objects.filter({ id: b.id }).delete();
  await t.throwsAsync(objects.bulkUpdate([a, b]), { instanceOf: UserError, message: /was deleted/ });
  t.is(await objects.filter({ args: 'lost' }).count(), 0);
  await t.throwsAsync(objects.bulkUpdate([a, a]), { message: /twice/ });
  await t.throwsAsync(objects.bulkUpdate([new BalsamJob()]), { message: /not saved/ });
  const many = Array.from({ length: 1000 }, (_, i) => new BalsamJob({ workflow: 'bulk-1000', name: `${i}` }));
  await objects.bulkCreate(many);
  for (const job of many) job.args = job.name;
  t.is(await objects.bulkUpdate(many), 1000);
  t.is((await objects.filter({ workflow: 'bulk-1000' }).last())?.args, '999');
});

test('getOrCreate: of racing calls one creates, and all get that job', async (t) => {
  const wanted = { workflow: 'get-or-create', name: 'one', environVars: { A: '1' } };
  const made = await Promise.all(
    Array.from({ length: 8 }, (_, i) => objects.getOrCreate(wanted, { args: `${i}` })),
  );
  t.is(made.filter(([, created]) => created).length, 1);
  t.is(new Set(made.map(([job]) => job.id)).size, 1);
  t.is(new Set(made.map(([job]) => job.args)).size, 1);
  const [other, created] = await objects.getOrCreate({
    workflow: 'get-or-create',
    name: 'two',
    queuedLaunchId: null,
  });
  t.deepEqual([other.name, created], ['two', true]);
  await t.throwsAsync(objects.getOrCreate({ workflow: 'get-or-create' }), { message: /several jobs/ });
  await t.throwsAsync(objects.getOrCreate({}), { message: /at least one field/ });
});

test('batchUpdateState moves all or none by the table, with history, and leaves the killed', async (t) => {
  await ten('states');
  const jobs = await objects.filter({ workflow: 'states' });
  const [first, second, ...rest] = jobs as [BalsamJob, BalsamJob, ...BalsamJob[]];
  await first.kill();
  await t.throwsAsync(objects.batchUpdateState(rest, 'JOB_FINISHED', ''), {
    instanceOf: UserError,
    message: /is CREATED, from where JOB_FINISHED cannot be set/,
  });
  t.is(await objects.batchUpdateState([first, second.id, ...rest], 'FAILED', 'not wanted'), 9);
  t.deepEqual(await objects.filter({ workflow: 'states' }).countByState(), { FAILED: 9, USER_KILLED: 1 });
  const lines = await second.history();
  t.deepEqual(
    lines.map((line) => [line.state, line.message, line.at instanceof Date]),
    [
      ['CREATED', '', true],
      ['FAILED', 'not wanted', true],
    ],
  );
  await second.refresh();
  await second.updateState('RESTART_READY', 'again');
  t.is(second.state, 'RESTART_READY');
  await t.throwsAsync(first.updateState('RESTART_READY'), { instanceOf: UserError, message: /was killed/ });
  t.is(await objects.batchUpdateState([], 'FAILED'), 0);
  for (const wrong of [['relax'], 'relax', [3], [null]])
    await t.throwsAsync(objects.batchUpdateState(wrong as never, 'FAILED'), {
      instanceOf: UserError,
      message: /^batchUpdateState takes jobs or their ids, not /,
    });
  await t.throwsAsync(objects.batchUpdateState(rest, 'DONE' as never), {
    message: /there is no state "DONE"/,
  });
});

test('applications answer the same questions', async (t) => {
  const apps = ApplicationDefinition.objects;
  const made = [
    new ApplicationDefinition({ name: 'q1', executable: '/a' }),
    { name: 'q2', executable: '/b' },
  ];
  t.is(await apps.bulkCreate(made), 2);
  t.true((made[0] as ApplicationDefinition).id !== null);
  const set = apps.filter({ name: { startsWith: 'q' } });
  t.deepEqual(await set.orderBy('-name').values('name', 'executable'), [
    { name: 'q2', executable: '/b' },
    { name: 'q1', executable: '/a' },
  ]);
  t.deepEqual(await set.values('description').distinct(), [{ description: '' }]);
  t.is((await set.last())?.name, 'q2');
  t.deepEqual(
    (await set.slice(1)).map((app) => app.name),
    ['q2'],
  );
  t.is(await set.filter({ or: [{ name: 'q1' }, { executable: '/none' }] }).count(), 1);
  t.is(await set.update({ description: 'both' }), 2);
  const [one, two] = await set;
  [one!.executable, two!.executable] = ['/a2', '/b2'];
  t.is(await apps.bulkUpdate([one!, two!]), 2);
  t.is(await apps.bulkUpdate([one!, two!]), 0);
  t.is((await apps.get({ name: 'q1' })).executable, '/a2');
  await t.throwsAsync(apps.bulkCreate([{ name: 'q3' }, { name: 'q1' }]), { message: /"q1" exists/ });
  t.false(await apps.filter({ name: 'q3' }).exists(), 'all or none');
  await t.throwsAsync(apps.update({ nmae: 'x' } as never), { message: /did you mean name/ });
  t.is(await set.delete(), 2);
  t.is(await set.count(), 0);
});

const texts = ['a', 'A', 'ab', 'b', '%', '_', '\\', 'ä', 'Ä', '', '\u{1F600}', '\uFFFD', 'ΑΣ', "'"];

/** Conditions as scripts write them, on the rows of the next test. */
function anyConditions(): fc.Arbitrary<JobConditions> {
  const text = fc.constantFrom(...texts);
  const textLookup = fc.oneof(
    text,
    fc.record(
      {
        equals: text,
        not: text,
        in: fc.array(text, { maxLength: 3 }),
        contains: text,
        icontains: text,
        startsWith: text,
        endsWith: text,
        lt: text,
        lte: text,
        gt: text,
        gte: text,
        range: fc.tuple(text, text),
        isNull: fc.boolean(),
      },
      { requiredKeys: [], noNullPrototype: true },
    ),
  );
  const number = fc.integer({ min: 0, max: 15 });
  const numberLookup = fc.oneof(
    number,
    fc.record(
      {
        not: number,
        in: fc.array(number, { maxLength: 3 }),
        lt: number,
        gte: number,
        range: fc.tuple(number, number),
      },
      { requiredKeys: [], noNullPrototype: true },
    ),
  );
  const dataLookup = fc.oneof(textLookup, numberLookup, fc.boolean(), fc.constant(null));
  const leaf = fc
    .record(
      {
        name: textLookup,
        workflow: textLookup,
        numNodes: numberLookup,
        waitForParents: fc.boolean(),
        launcher: fc.oneof(fc.constant(null), number),
        'data.v': dataLookup,
        'data.n.list.0': dataLookup,
        'data.n.list.-1': dataLookup,
        'data.missing.at.all': dataLookup,
      },
      { requiredKeys: [], noNullPrototype: true },
    )
    .filter((given) =>
      Object.values(given).every((v) => typeof v !== 'object' || v === null || Object.keys(v).length > 0),
    );
  return fc.letrec<{ conditions: JobConditions }>((tie) => ({
    conditions: fc.oneof(
      { depthSize: 'small' },
      leaf as fc.Arbitrary<JobConditions>,
      leaf as fc.Arbitrary<JobConditions>,
      fc.array(tie('conditions'), { maxLength: 3 }).map((and): JobConditions => ({ and })),
      fc.array(tie('conditions'), { maxLength: 3 }).map((or): JobConditions => ({ or })),
      tie('conditions').map((not): JobConditions => ({ not })),
    ),
  })).conditions;
}

test('whatever a script asks, Postgres decides as a plain filter in memory does', async (t) => {
  t.timeout(180_000);
  const own = await databaseDirectory();
  await using plain = connect(own.address, { applicationName: 'test', role: 'client' });
  const { openBalsam } = await import('../../src/client/index.ts');
  await using balsam = await openBalsam({ path: own.path });
  await balsam.jobs.bulkCreate(
    texts.flatMap((name, i) => [
      { name, numNodes: i + 1, data: { v: i, n: { list: [name, i] } } },
      { name, workflow: name, waitForParents: false, data: { v: name, n: { list: [i % 2 === 0] } } },
      { workflow: texts[texts.length - 1 - i]!, data: { v: null, n: {} } },
    ]),
  );
  const rows = await getJobs(plain, queryOf(field('name', 'isNull', false)));
  const byName = rows.toSorted((a, b) => compareTexts(b.name, a.name));
  await fc.assert(
    fc.asyncProperty(
      anyConditions(),
      fc.nat(10),
      fc.option(fc.nat(10)),
      fc.boolean(),
      async (conditions, from, count, ordered) => {
        const keep = (row: JobRow): boolean => matches({ ...row }, conditionOf(conditions));
        const all = (ordered ? byName : rows).filter(keep);
        const set = balsam.jobs.filter(conditions);
        const inOrder = ordered ? set.orderBy('-name') : set;
        const to = count === null ? undefined : from + count;
        const ids = (jobs: readonly { id: string }[]): string[] => jobs.map((job) => job.id);
        const expected = all.map((row) => row.job_id);
        const words = JSON.stringify(conditions);
        t.deepEqual(ids(await inOrder.slice(from, to)), expected.slice(from, to), words);
        t.is(await set.count(), expected.length, words);
        t.is((await inOrder.last())?.id, expected.at(-1), words);
        t.deepEqual(ids(await inOrder.values('id')), expected, words);
        t.is(
          await set.values('workflow').distinct().count(),
          new Set(all.map((row) => row.workflow)).size,
          words,
        );
      },
    ),
    { numRuns: 300 },
  );
  await own.remove();
});
