/** The client outside jobs, on a real Postgres. One database for the file; each test has a workflow of its own. */
import test from 'ava';
import {
  ApplicationDefinition,
  BalsamJob,
  closeBalsam,
  currentJob,
  UserError,
} from '../../src/client/index.ts';
import type { JsonObject } from '../../src/client/index.ts';
import { connect } from '../../src/store/connection.ts';
import type { Database } from '../../src/store/connection.ts';
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

const objects = BalsamJob.objects;

test('there is no current job outside', (t) => t.is(currentJob, null));

test('the first save inserts, later ones send only what changed', async (t) => {
  const job = new BalsamJob({ name: 'a', workflow: 'save', application: 'square', numNodes: 2 });
  t.is(job.state, 'CREATED');
  job.data['x'] = 1;
  job.data['keep'] = { a: [1] };
  await job.save();
  const other = await objects.get({ id: job.id });
  t.deepEqual(
    [other.name, other.numNodes, other.data, other.state],
    ['a', 2, { x: 1, keep: { a: [1] } }, 'CREATED'],
  );
  t.true(other.createdAt instanceof Date);

  // Each changes something else: nothing of the other is lost.
  job.data['y'] = 2;
  job.args = 'one two';
  other.data['z'] = 3;
  other.description = 'described';
  delete other.data['x'];
  await Promise.all([job.save(), other.save()]);
  await job.refresh();
  t.deepEqual(job.data, { keep: { a: [1] }, y: 2, z: 3 });
  t.deepEqual([job.args, job.description], ['one two', 'described']);
});

test('a save without changes does nothing, and a deep change is seen', async (t) => {
  const job = await objects.create({ workflow: 'nothing', data: { a: { b: [1, 2] } } });
  const before = job.updatedAt;
  await job.save();
  t.is(job.updatedAt, before);
  (job.data['a'] as { b: number[] }).b.push(3);
  await job.save();
  t.deepEqual((await objects.get({ id: job.id })).data, { a: { b: [1, 2, 3] } });
});

test('two jobs made from one data object do not share it', async (t) => {
  const data = { x: 1 };
  const [a, b] = [new BalsamJob({ workflow: 'shared', data }), new BalsamJob({ workflow: 'shared', data })];
  a.data['x'] = 2;
  t.deepEqual([a.data, b.data, data], [{ x: 2 }, { x: 1 }, { x: 1 }]);
});

test('queries: filter, exclude, order, limit, count, first, exists, streams', async (t) => {
  const fields = Array.from({ length: 10 }, (_, i) => ({
    workflow: 'queries',
    name: `job${i}`,
    data: { x: i, odd: i % 2 === 1 },
  }));
  t.is(await objects.bulkCreate(fields), 10);
  const set = objects.filter({ workflow: 'queries' });
  t.deepEqual(
    (await set).map((job) => job.name),
    fields.map((f) => f.name),
  );
  t.is(await set.count(), 10);
  t.is(await set.filter({ 'data.odd': true }).count(), 5);
  t.deepEqual(
    (await set.filter({ 'data.x': { gte: 8 } })).map((job) => job.data['x']),
    [8, 9],
  );
  t.deepEqual(
    (await set.exclude({ 'data.odd': true }).orderBy('-name').limit(2)).map((job) => job.name),
    ['job8', 'job6'],
  );
  t.is((await set.orderBy('-createdAt', 'name').first())?.workflow, 'queries');
  t.is(await set.filter({ name: 'nosuch' }).first(), null);
  t.true(await set.filter({ name: { in: ['job1', 'job2'] } }).exists());
  t.is(await set.filter({ name: { icontains: 'JOB' }, state: 'CREATED' }).count(), 10);
  t.is(await set.filter({ launcher: null }).count(), 10);
  const seen: string[] = [];
  for await (const job of set.orderBy('name')) {
    seen.push(job.name);
    if (seen.length === 3) break;
  }
  t.deepEqual(seen, ['job0', 'job1', 'job2']);
  t.is((await objects.get({ workflow: 'queries', name: 'job3' })).data['x'], 3);
});

test('get names its condition when there is none, or more than one', async (t) => {
  await objects.bulkCreate([{ workflow: 'get' }, { workflow: 'get' }]);
  await t.throwsAsync(objects.get({ workflow: 'nowhere' }), {
    instanceOf: UserError,
    message: 'no job matches {"workflow":"nowhere"}',
  });
  await t.throwsAsync(objects.get({ workflow: 'get' }), {
    message: '2 jobs match {"workflow":"get"}: get() wants exactly one',
  });
});

test('hostile text goes in and out as it is', async (t) => {
  const texts = [
    `';drop table job;--`,
    'a"b\\c',
    'new\nline\ttab\r',
    '😀 é 漢字',
    '$1 {x} %s \\N',
    `{"json":1}`,
  ];
  for (const text of texts) {
    const job = await objects.create({ workflow: 'hostile', name: text, data: { [text]: text } });
    const [found] = await objects.filter({ workflow: 'hostile', name: text });
    t.is(found?.id, job.id);
    t.deepEqual(found?.data, { [text]: text });
    t.is(await objects.filter({ workflow: 'hostile', name: { contains: text } }).count(), 1);
  }
  t.is(
    await objects.bulkCreate(texts.map((name) => ({ workflow: 'hostile2', name, description: name }))),
    texts.length,
  );
  t.deepEqual(
    (await objects.filter({ workflow: 'hostile2' })).map((j) => j.description),
    texts,
  );
});

test('bulkCreate takes jobs, fields, generators and async generators', async (t) => {
  const jobs = [
    new BalsamJob({ workflow: 'bulk', name: 'x' }),
    new BalsamJob({ workflow: 'bulk', name: 'y' }),
  ];
  t.is(await objects.bulkCreate(jobs), 2);
  const [first] = jobs;
  first!.data['later'] = 1;
  await first!.save();
  t.deepEqual((await objects.get({ id: first!.id })).data, { later: 1 });
  await t.throwsAsync(objects.bulkCreate(jobs), { message: /saved already/ });
  function* some(): Generator<{ workflow: string; data: JsonObject }> {
    for (let i = 0; i < 5000; i += 1) yield { workflow: 'bulk-many', data: { i } };
  }
  t.is(await objects.bulkCreate(some()), 5000);
  async function* slowly(): AsyncGenerator<{ workflow: string }> {
    yield { workflow: 'bulk-async' };
  }
  t.is(await objects.bulkCreate(slowly()), 1);
  t.is(await objects.bulkCreate([]), 0);
  await t.throwsAsync(objects.bulkCreate([{ workflow: 'bulk-bad' }, { workflow: 'bulk-bad', numNodes: 0 }]), {
    message: /numNodes of a job must be a whole number from 1 to 2147483647, not 0/,
  });
  t.is(await objects.filter({ workflow: 'bulk-bad' }).count(), 0);
});

for (const [what, fields, pattern] of [
  ['an unknown field', { nmae: 'x' }, /no field "nmae" \(did you mean name\?\)/],
  ['a snake_case field', { num_nodes: 1 }, /did you mean numNodes/],
  ['a read-only field', { state: 'FAILED' }, /state of a job can be read, not set/],
  [
    'a number that is none',
    { numNodes: '2' },
    /numNodes of a job must be a whole number from 1 to 2147483647, not "2"/,
  ],
  ['too small a number', { ranksPerNode: 0 }, /a whole number from 1 to 2147483647, not 0/],
  ['too large a number', { ranksPerNode: 2 ** 40 }, /from 1 to 2147483647, not 1099511627776/],
  ['half a number', { ranksPerNode: 1.5 }, /a whole number from 1 to 2147483647, not 1.5/],
  ['a flag that is none', { autoTimeoutRetry: 'no' }, /true or false, not "no"/],
  ['a text that is none', { name: 4 }, /name of a job must be text, not 4/],
  ['NUL', { name: 'a\0b' }, /NUL/],
  ['data that is none', { data: [1] }, /data of a job must be an object/],
  ['undefined in data', { data: { a: { b: undefined } } }, /data\.a\.b is undefined/],
  ['bigint in data', { data: { a: 1n } }, /data\.a is a bigint/],
  ['a bad variable', { environVars: { 'A-B': 'x' } }, /no name of a variable/],
] as const) {
  test(`a new job refuses ${what}`, (t) => {
    t.throws(() => new BalsamJob(fields as never), { instanceOf: UserError, message: pattern });
  });
}

test('environVars may be an object', async (t) => {
  const job = await objects.create({ workflow: 'env', environVars: { A: '1', B: 'http://x:80/' } });
  t.is((await objects.get({ id: job.id })).environVars, 'A=1:B=http://x:80/');
  const other = await objects.create({ workflow: 'env', environVars: { A: 'x:B=y' } });
  t.is((await objects.get({ id: other.id })).environVars, '{"A":"x:B=y"}');
});

test('what is not supported yet is refused at creation', async (t) => {
  await ApplicationDefinition.objects.create({
    name: 'with-post',
    executable: '/bin/true',
    postprocess: '/p',
  });
  for (const [fields, pattern] of [
    [{ stageInUrl: 'local:/x' }, /stage_in_url .* is not supported yet/],
    [{ inputFiles: '*' }, /input_files/],
    [{ parents: ['7862d523-6e55-44f7-84f2-5df1a2dec8d8'] }, /parents/],
    [{ postErrorHandler: true }, /post_error_handler/],
    [{ application: 'with-post' }, /postprocess of application "with-post" is not supported yet/],
  ] as const) {
    const job = { workflow: 'notyet', name: 'n', ...fields } as never;
    await t.throwsAsync(objects.create(job), { instanceOf: UserError, message: pattern });
    await t.throwsAsync(objects.bulkCreate([job]), { instanceOf: UserError, message: pattern });
  }
  const job = await objects.create({ workflow: 'notyet2' });
  job.stageInUrl = 'local:/x';
  await t.throwsAsync(job.save(), { instanceOf: UserError, message: /stage_in_url .* is not supported yet/ });
  t.is(await objects.filter({ workflow: 'notyet' }).count(), 0);
});

test('kill and delete, of one and of many', async (t) => {
  const job = await objects.create({ workflow: 'kill' });
  t.true(await job.kill());
  t.is(job.state, 'USER_KILLED');
  t.false(await job.kill());
  await job.delete();
  t.is(await objects.filter({ workflow: 'kill' }).count(), 0);
  await t.throwsAsync(job.refresh(), { message: /not saved/ });
  await objects.bulkCreate([{ workflow: 'kill-many' }, { workflow: 'kill-many' }]);
  t.is(await objects.filter({ workflow: 'kill-many' }).kill(), 2);
  t.is(await objects.filter({ workflow: 'kill-many' }).delete(), 2);
  await t.throwsAsync(objects.filter({ workflow: 'x' }).limit(1).delete(), { message: /after limit/ });
});

test('a held job takes data and description, and refuses the rest with what to do', async (t) => {
  const job = await objects.create({ workflow: 'held', name: 'h' });
  await db.sql`insert into launcher (name, host, mode, wf_filter, nodes, scheduler_id) values ('L', 'h', 'mpi', '', 1, '')`;
  await db.sql`update job set launcher = (select max(id) from launcher), attempt = 1 where id = ${job.id}`;
  job.data['x'] = 1;
  job.description = 'd';
  await job.save();
  job.args = 'other';
  await t.throwsAsync(job.save(), {
    instanceOf: UserError,
    message: /is held by launcher \d+.*kill it first/,
  });
  await t.throwsAsync(job.delete(), { instanceOf: UserError, message: /kill it first/ });
  t.is(await objects.filter({ workflow: 'held' }).kill(), 1);
  await job.refresh();
  t.is(job.launcher === null, false);
});

test('a job saved again after its answer was lost is one job, with the newest values', async (t) => {
  const job = new BalsamJob({ workflow: 'twice', name: 'first', data: { a: 1 } });
  await db.sql`insert into job (id, workflow, name, data) values (${job.id}, 'twice', 'first', '{"a": 1}')`;
  job.name = 'second';
  job.data['b'] = 2;
  await job.save();
  const [only, ...more] = await objects.filter({ workflow: 'twice' });
  t.deepEqual([only?.name, only?.data, more.length], ['second', { a: 1, b: 2 }, 0]);
});

test('a deleted job says so', async (t) => {
  const job = await objects.create({ workflow: 'gone', name: 'g' });
  await objects.filter({ workflow: 'gone' }).delete();
  job.name = 'x';
  await t.throwsAsync(job.save(), { instanceOf: UserError, message: /deleted/ });
  await t.throwsAsync(job.refresh(), { instanceOf: UserError, message: /not in the database any more/ });
});

test('finished() sees the end, with the data that belongs to it', async (t) => {
  const jobs = [];
  for (let i = 0; i < 5; i += 1) jobs.push(await objects.create({ workflow: 'finish', name: `f${i}` }));
  const waits = jobs.map((job) => job.finished({ timeoutMs: 20_000 }));
  for (const job of jobs) {
    await db.transaction(async (sql) => {
      await sql`update job set state = 'JOB_FINISHED', data = '{"y": 1}' where id = ${job.id}`;
      await sql`select pg_notify('balsam_done', '')`;
    });
  }
  for (const job of await Promise.all(waits)) t.deepEqual([job.state, job.data], ['JOB_FINISHED', { y: 1 }]);
  t.is((await jobs[0]!.finished()).state, 'JOB_FINISHED');
});

test('finished() finds an end that nobody announced, a deletion, and gives up in time', async (t) => {
  const [quiet, gone, never] = [
    await objects.create({ workflow: 'quiet' }),
    await objects.create({ workflow: 'gone2' }),
    await objects.create({ workflow: 'never' }),
  ];
  const waits = [quiet.finished({ timeoutMs: 20_000 }), gone.finished({ timeoutMs: 20_000 })] as const;
  const lost = t.throwsAsync(waits[1], { instanceOf: UserError, message: /was deleted/ });
  await db.sql`update job set state = 'FAILED' where id = ${quiet.id}`;
  await db.sql`delete from job where id = ${gone.id}`;
  t.is((await waits[0]).state, 'FAILED');
  await lost;
  await t.throwsAsync(never.finished({ timeoutMs: 50 }), {
    instanceOf: UserError,
    message: /did not reach an end within 50 ms/,
  });
  await t.throwsAsync(new BalsamJob().finished(), { message: /not saved/ });
});

test('applications: found by name alone, changed by fields, raced for by many', async (t) => {
  const apps = ApplicationDefinition.objects;
  const made = await Promise.all(
    Array.from({ length: 8 }, (_, i) => apps.getOrCreate({ name: 'raced', executable: `/e${i}` })),
  );
  t.is(made.filter(([, created]) => created).length, 1);
  t.is(new Set(made.map(([app]) => app.executable)).size, 1);
  const [app, created] = await apps.getOrCreate({ name: 'raced', executable: '/other' });
  t.false(created);
  app.executable = '/new';
  await app.save();
  t.is((await apps.get({ name: 'raced' })).executable, '/new');
  await t.throwsAsync(apps.create({ name: 'raced' }), { instanceOf: UserError, message: /raced.*exists/ });
  await t.throwsAsync(apps.get({ name: 'nosuch' }), { message: 'no application matches {"name":"nosuch"}' });
  await t.throwsAsync(apps.getOrCreate({ nmae: 'x' } as never), {
    message: /no field "nmae" \(did you mean name\?\)/,
  });
  await t.throwsAsync(apps.getOrCreate({ name: ' ' }), { message: /needs a name/ });
  t.is(await apps.filter({ name: { startsWith: 'rac' } }).count(), 1);
  await app.delete();
  t.is(await apps.filter({ name: 'raced' }).count(), 0);
});

test('a job knows its directory and shows itself', async (t) => {
  const job = await objects.create({ workflow: 'w f', name: 'n' });
  t.is(job.workingDirectory, `${directory.path}/data/w_f/n_${job.id.slice(0, 8)}`);
  t.is(JSON.parse(JSON.stringify(job)).workflow, 'w f');
});
