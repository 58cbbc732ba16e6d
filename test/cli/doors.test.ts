/**
 * One check at every door: whatever is wrong with a value, the command line, the client in all its ways, the job channel and
 * the store refuse it with the same sentence, in which only the name of the field is the door's own.
 */
import test from 'ava';
import { ApplicationDefinition, BalsamJob, openBalsam } from '../../src/client/index.ts';
import type { NewJobFields } from '../../src/client/index.ts';
import { answerRequests } from '../../src/coordinator/requests.ts';
import { parseRequest } from '../../src/model/job-channel.ts';
import { connect } from '../../src/store/connection.ts';
import { insertApplication, updateApplication } from '../../src/store/applications.ts';
import { copyJobs, insertJobs, updateJob } from '../../src/store/jobs/change.ts';
import type { NewJob } from '../../src/store/rows.ts';
import { fresh, nth } from './_cli.ts';

interface Bad {
  /** As the command line and rows call it, and as scripts do. */
  field: string;
  script: string;
  value: unknown;
  /** As it is typed, where it can be. */
  typed?: string;
  /** `balsam job`'s option, where there is one. */
  option?: string;
  /** What every sentence says after the name of the field. */
  says: string;
}

const counts = '2147483647';
const number = (typed: string, value: unknown, field = 'num_nodes', script = 'numNodes', min = 1): Bad => ({
  field,
  script,
  value,
  typed,
  option: field.replaceAll('_', '-'),
  says: ` must be a whole number from ${min} to ${counts}, not `,
});

const BAD: readonly Bad[] = [
  number('0', 0),
  number('-0', -0),
  number('-1', -1, 'wall_time_minutes', 'wallTimeMinutes', 0),
  number('1.5', 1.5, 'ranks_per_node', 'ranksPerNode'),
  number('1e309', Infinity, 'threads_per_rank', 'threadsPerRank'),
  number('2147483648', 2_147_483_648, 'threads_per_core', 'threadsPerCore'),
  number('NaN', Number.NaN, 'node_packing_count', 'nodePackingCount'),
  number('0x10', '0x10'),
  number('1_000', '1_000'),
  number(' 5 ', ' 5 '),
  {
    field: 'args',
    script: 'args',
    value: `a 'b c`,
    typed: `a 'b c`,
    option: 'args',
    says: ` has a quote that is never closed, at character 3: a 'b c`,
  },
  {
    field: 'mpi_flags',
    script: 'mpiFlags',
    value: 'a \\',
    typed: 'a \\',
    option: 'mpi-flags',
    says: ' ends with a backslash that escapes nothing: a \\',
  },
  {
    field: 'environ_vars',
    script: 'environVars',
    value: 'oops',
    typed: 'oops',
    says: ' must be NAME=VALUE, several of them joined by ":", or an object like {"NAME": "VALUE"}, not "oops"',
  },
  {
    field: 'environ_vars',
    script: 'environVars',
    value: '{"A-B": "x"}',
    typed: '{"A-B": "x"}',
    says: ': "A-B" is no name of a variable',
  },
  {
    field: 'environ_vars',
    script: 'environVars',
    value: String.raw`{"A": "\u0000"}`,
    typed: String.raw`{"A": "\u0000"}`,
    says: ': A holds a NUL character, which no variable can hold',
  },
  {
    field: 'user_workdir',
    script: 'userWorkdir',
    value: 'not/absolute',
    typed: 'not/absolute',
    says: ' must be an absolute path, one that begins with /, not "not/absolute"',
  },
  {
    field: 'name',
    script: 'name',
    value: 'a\0b',
    says: ' holds a NUL character, which Postgres cannot store',
  },
  {
    field: 'description',
    script: 'description',
    value: 'a\uD800',
    says: ' holds half of a surrogate pair, which is no valid text',
  },
  {
    field: 'workflow',
    script: 'workflow',
    value: 'w'.repeat(801),
    typed: 'w'.repeat(801),
    option: 'workflow',
    says: ' has 801 bytes; give at most 800',
  },
  ...(
    [
      [
        { k: '\uD800' },
        String.raw`{"k": "\ud800"}`,
        'data.k holds half of a surrogate pair, which is no valid text',
      ],
      [{ k: Infinity }, '{"k": 1e309}', 'data.k is Infinity, which JSON cannot hold'],
      [{ k: Number.NaN }, undefined, 'data.k is NaN, which JSON cannot hold'],
      [
        { k: undefined },
        undefined,
        'data.k is undefined, which JSON cannot hold: use null, or delete the key',
      ],
      [{ k: new Date(0) }, undefined, 'data.k is a Date, not plain JSON: convert it first'],
      [
        { 'a\0': 1 },
        String.raw`{"a\u0000": 1}`,
        'data has a key that holds a NUL character, which Postgres cannot store',
      ],
    ] as const
  ).map(([value, typed, says]): Bad => ({
    field: 'data',
    script: 'data',
    value,
    ...(typed === undefined ? {} : { typed }),
    says: says.slice('data'.length),
  })),
];

test.serial('a wrong value of a job, at every door', async (t) => {
  t.timeout(600_000);
  const db = await fresh(t);
  const direct = connect(db.address, { applicationName: 'doors', role: 'client', max: 1 });
  t.teardown(() => direct.close());
  await db.sql`insert into application (name, executable) values ('hello', 'echo')`;
  await db.sql`insert into job (id, name, workflow, application) values (${nth(1)}, 'there', 'wf', 'hello')`;
  const client = await openBalsam({ path: db.path });
  t.teardown(() => client.close());
  for (const bad of BAD) {
    const { field, script, value, says } = bad;
    const title = `${field} ${JSON.stringify(value)?.slice(0, 40)}`;
    const refused = async (door: string, label: string, work: () => unknown): Promise<void> => {
      const error = await t.throwsAsync(async () => work(), { name: 'UserError' }, `${title}: ${door}`);
      const message = error?.message ?? '';
      t.true(message.startsWith(`${label}${says}`), `${title}: ${door}: ${message}`);
    };
    // The path of what is inside data is its name everywhere; a variable is named after its field.
    const ofJob = field === 'data' ? 'data' : `${script} of a job`;
    const given = { [script]: value } as NewJobFields;
    await refused('new BalsamJob', ofJob, () => new BalsamJob(given, client));
    await refused('create', ofJob, () => client.jobs.create(given));
    await refused('save', ofJob, () => {
      const job = new BalsamJob({}, client);
      Object.assign(job, given);
      return job.save();
    });
    await refused('bulkCreate', ofJob, () => client.jobs.bulkCreate([{}, given]));
    await refused('getOrCreate', ofJob, () => client.jobs.getOrCreate({ name: 'new' }, given));
    await refused('update', ofJob, () => client.jobs.filter({ name: 'there' }).update(given));
    const [there] = await client.jobs.filter({ name: 'there' });
    Object.assign(there!, given);
    await refused('save of a change', ofJob, () => there!.save());
    await refused('bulkUpdate', ofJob, () => client.jobs.bulkUpdate([there!]));
    const row = { [field]: value } as NewJob;
    await refused('insertJobs', field, () => insertJobs(direct, [row]));
    await refused('copyJobs', field, () => copyJobs(direct, [row]));
    const fields = field === 'data' ? {} : row;
    const dataSet = field === 'data' ? (value as Record<string, never>) : {};
    await refused('updateJob', field, () => updateJob(direct, nth(1), { fields, dataSet, dataRemoved: [] }));
    if (bad.typed === undefined) continue;
    const changed = await db.run('modify', 'there', field, bad.typed);
    t.is(changed.code, 2, title);
    t.true(changed.err.startsWith(`balsam: ${field}${says}`), `${title}: modify: ${changed.err}`);
    if (bad.option === undefined) continue;
    const words = { name: 'new', workflow: 'wf', application: 'hello', [bad.option]: bad.typed };
    const made = await db.run('job', '--yes', ...Object.entries(words).map(([o, v]) => `--${o}=${v}`));
    t.is(made.code, 2, title);
    const label = says.includes('whole number') ? `--${bad.option}` : field;
    t.true(made.err.startsWith(`balsam: ${label}${says}`), `${title}: job: ${made.err}`);
  }
  const rows = await db.sql`select name, num_nodes, args, data from job`;
  t.deepEqual([...rows], [{ name: 'there', num_nodes: 1, args: '', data: {} }], 'and nothing was written');
});

test.serial('a wrong value of an application, at every door', async (t) => {
  t.timeout(240_000);
  const db = await fresh(t);
  const direct = connect(db.address, { applicationName: 'doors', role: 'client', max: 1 });
  t.teardown(() => direct.close());
  await db.sql`insert into application (name, executable) values ('hello', 'echo')`;
  const client = await openBalsam({ path: db.path });
  t.teardown(() => client.close());
  for (const [field, value, says] of [
    ['executable', 'echo "x', 'has a quote that is never closed, at character 6: echo "x'],
    ['executable', `'`, `has a quote that is never closed, at character 1: '`],
    ['preprocess', 'a \\', 'ends with a backslash that escapes nothing: a \\'],
    ['postprocess', `b 'c`, `has a quote that is never closed, at character 3: b 'c`],
    ['description', 'a\uD800', 'holds half of a surrogate pair, which is no valid text'],
    ['executable', 'a\0b', 'holds a NUL character, which Postgres cannot store'],
    ['name', 'n'.repeat(801), 'has 801 bytes; give at most 800'],
  ] as const) {
    const message = `${field} of an application ${says}`;
    const given = { name: 'new', [field]: value };
    const refused = (door: string, work: () => unknown): Promise<unknown> =>
      t.throwsAsync(async () => work(), { name: 'UserError', message }, door);
    await refused('new', () => new ApplicationDefinition(given, client));
    await refused('create', () => client.applications.create(given));
    await refused('bulkCreate', () => client.applications.bulkCreate([given]));
    if (field !== 'name') await refused('getOrCreate', () => client.applications.getOrCreate(given));
    await refused('update', () => client.applications.filter({ name: 'hello' }).update({ [field]: value }));
    const hello = await client.applications.get({ name: 'hello' });
    Object.assign(hello, { [field]: value });
    await refused('save', () => hello.save());
    await refused('bulkUpdate', () => client.applications.bulkUpdate([hello]));
    await refused('insertApplication', () => insertApplication(direct, given));
    await refused('updateApplication', () => updateApplication(direct, hello.id!, { [field]: value }));
    if (field === 'name') continue;
    const request = { op: 'application.save', name: 'hello', set: { [field]: value } };
    const parsed = parseRequest(JSON.stringify({ id: 1, ...request }));
    const asked = {
      incarnation: 'i',
      request: 1,
      job: nth(1),
      attempt: 1,
      op: request.op,
      json: JSON.stringify(request),
    };
    const [answer] = await answerRequests(direct, [asked]);
    const channel = parsed.ok
      ? answer!.error.replace('[refused] ', '')
      : `${parsed.error}`.replace(/\.$/, '');
    t.true(
      message.endsWith(channel.replace(`${field} `, '')) || channel === message,
      `job channel: ${channel}`,
    );
    if (/[\0\uD800]/u.test(value)) continue;
    const made = await db.run(
      'app',
      '--name',
      'new',
      '--executable',
      'x',
      ...(field === 'executable' ? [] : [`--${field}`, value]),
    );
    if (field !== 'executable') t.deepEqual([made.code, made.err], [2, `balsam: ${message}\n`]);
    const changed = await db.run('modify', '--type', 'apps', 'hello', field, value);
    t.deepEqual([changed.code, changed.err], [2, `balsam: ${message}\n`]);
    await db.sql`delete from application where name = 'new'`;
  }
  const ran = await db.run('app', '--name', 'new', '--executable', 'echo "x');
  t.deepEqual(
    [ran.code, ran.err],
    [2, 'balsam: executable of an application has a quote that is never closed, at character 6: echo "x\n'],
  );
  const rows = await db.sql`select name, executable, description from application`;
  t.deepEqual([...rows], [{ name: 'hello', executable: 'echo', description: '' }]);
});

test('data by the job channel', (t) => {
  for (const [set, says] of [
    [String.raw`{"k": "\ud800"}`, 'data.k holds half of a surrogate pair, which is no valid text.'],
    ['{"k": 1e309}', 'data.k is Infinity, which JSON cannot hold.'],
    [String.raw`{"k": "\u0000"}`, 'data.k holds a NUL character, which Postgres cannot store.'],
  ] as const)
    t.like(parseRequest(`{"id": 1, "op": "job.patch", "set": ${set}}`), {
      ok: false,
      code: 'refused',
      error: says,
    });
});

test.serial('numbers of launchers, variables and intervals', async (t) => {
  const db = await fresh(t);
  for (const [words, says] of [
    [
      ['launcher', '--consume-all', '--time-limit-minutes', '1e309'],
      '--time-limit-minutes must be a number of minutes from 0 to 5256000, or a time like 01:30:00 or 1-12:00:00, not "1e309"',
    ],
    [
      ['launcher', '--consume-all', '--time-limit-minutes', '0x10'],
      '--time-limit-minutes must be a number of minutes from 0 to 5256000, or a time like 01:30:00 or 1-12:00:00, not "0x10"',
    ],
    [
      ['launcher', '--consume-all', '--nodes', ' 5 '],
      '--nodes must be a whole number from 1 to 2147483647, not " 5 "',
    ],
    [
      ['launcher', '--consume-all', '--idle-exit-seconds', '1_000'],
      '--idle-exit-seconds must be a whole number from 0 to 2147483647, not "1_000"',
    ],
    [['report', '--since', `${'9'.repeat(30)}w`], '--since must be a time like'],
  ] as const) {
    const ran = await db.run(...words);
    t.is(ran.code, 2, ran.err);
    t.true(ran.err.includes(`balsam: ${says}`), ran.err);
  }
  const client = await openBalsam({ path: db.path });
  t.teardown(() => client.close());
  const job = await client.jobs.create({ name: 'wait' });
  for (const timeoutMs of [Number.NaN, Infinity, -1, 2 ** 31])
    await t.throwsAsync(job.finished({ timeoutMs }), {
      message: /^timeoutMs must be a number from 0 to 2147483647, not /,
    });
  for (const maxConnections of [0, 1.5, Number.NaN])
    await t.throwsAsync(openBalsam({ path: db.path, maxConnections }), {
      message: /^maxConnections must be a whole number/,
    });
  await t.throwsAsync(async () => client.jobs.filter({ name: 'a\uD800' }).count(), {
    message: /half of a surrogate pair/,
  });
  await t.throwsAsync(async () => client.jobs.filter({ name: { contains: '\uDC00' } }).count(), {
    message: /half of a surrogate/,
  });
  await t.throwsAsync(async () => client.jobs.filter({ numNodes: { gt: Infinity } }).count(), {
    message: /compared with an integer/,
  });
});

test.serial('a row that was written by hand can be mended field by field', async (t) => {
  const db = await fresh(t);
  await db.sql`insert into job (id, name, args, environ_vars, user_workdir) values (${nth(1)}, 'old', ${"a 'b"}, 'oops', 'here')`;
  const client = await openBalsam({ path: db.path });
  t.teardown(() => client.close());
  const job = await client.jobs.get({ name: 'old' });
  job.description = 'mended';
  job.args = 'a b';
  await job.save();
  t.like(await client.jobs.get({ name: 'old' }), { description: 'mended', args: 'a b', environVars: 'oops' });
});
