/** The commands as people run them: processes, a real database, right words and wrong ones. */
import fs from 'node:fs';
import path from 'node:path';
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import test from 'ava';
import type { ExecutionContext } from 'ava';
import { connect } from '../../src/store/connection.ts';
import { databaseDirectory } from '../helpers/directory.ts';
import type { DatabaseDirectory } from '../helpers/directory.ts';
import { cleanEnvironment, userDirectory } from '../helpers/program.ts';
import type { Ran, RunOptions } from '../helpers/program.ts';
import { BALSAM, balsam } from './_cli.ts';

/** A database of its own for one test. */
async function fresh(
  t: ExecutionContext,
): Promise<DatabaseDirectory & { run: (...words: string[]) => Promise<Ran> }> {
  const directory = await databaseDirectory();
  t.teardown(() => directory.remove());
  return {
    ...directory,
    run: (...words) => balsam(words, { env: { BALSAM_DB_PATH: directory.path }, deadline: 60_000 }),
  };
}

const withAnswer =
  (db: DatabaseDirectory, input: string, options: RunOptions = {}) =>
  (...words: string[]) =>
    balsam(words, { env: { BALSAM_DB_PATH: db.path }, input, deadline: 60_000, ...options });

test.serial('without words: help; with the wrong ones: a sentence and exit 2', async (t) => {
  const [help, version, wrong, option, usage] = await Promise.all([
    balsam([]),
    balsam(['-V']),
    balsam(['lss']),
    balsam(['--frobnicate']),
    balsam(['job', '--help']),
  ]);
  t.is(help.code, 0);
  t.regex(help.out, /usage: balsam COMMAND[\s\S]*submit-launch/);
  t.deepEqual([version.code, version.out], [0, 'balsam 0.1.0\n']);
  t.deepEqual([wrong.code, wrong.out], [2, '']);
  t.regex(wrong.err, /^balsam: unknown command "lss" \(did you mean ls\?\)/);
  t.is(option.code, 2);
  t.is(usage.code, 0);
  t.regex(usage.out, /--node-packing-count/);
});

test.serial('an empty database says so, everywhere', async (t) => {
  const { run } = await fresh(t);
  const all = await Promise.all([
    run('ls'),
    run('ls', 'apps'),
    run('ls', 'wf'),
    run('ls', '--by-states'),
    run('ls', '--hist'),
    run('watch'),
    run('ls', '--json'),
  ]);
  t.deepEqual(
    all.map((r) => [r.code, r.out, r.err]),
    [
      'No jobs found matching query\n',
      'No apps found matching query\n',
      'Workflows\n---------\nNo jobs found matching query\n',
      'No jobs found matching query\n',
      'No jobs found matching query\n',
      'No jobs found matching query\n',
      '',
    ].map((out) => [0, out, '']),
  );
});

test.serial('app and job: records, questions, refusals', async (t) => {
  const db = await fresh(t);
  const user = await userDirectory();
  t.teardown(() => fs.promises.rm(user, { recursive: true }));
  await fs.promises.writeFile(path.join(user, 'hello.py'), 'print(1)\n');
  const app = await withAnswer(db, '', { cwd: user })(
    'app',
    '--name',
    'hello',
    '--executable',
    'hello.py',
    '--description',
    'say',
    'hello',
  );
  t.is(
    app.out,
    [
      'Application 1:',
      '-----------------------',
      'name:                           hello',
      'description:                    say hello',
      `executable:                     python3 ${path.join(user, 'hello.py')}`,
      'preprocess:                     ',
      'envscript:                      ',
      'postprocess:                    ',
      'Added app to database',
      '',
    ].join('\n'),
    app.err,
  );
  const twice = await db.run('app', '--name', 'hello', '--executable', 'x');
  t.deepEqual([twice.code, twice.err], [2, 'balsam: an application named hello exists already\n']);
  const lacking = await db.run('app', '--name', 'nothing');
  t.deepEqual([lacking.code, lacking.err], [2, 'balsam: app needs --executable\n']);

  const job = ['job', '--name', 'j1', '--workflow', 'test', '--application', 'hello', '--args', 'one', 'two'];
  const asked = await withAnswer(db, 'what\nY\n')(...job);
  t.is(asked.code, 0, asked.err);
  t.regex(asked.out, /^BalsamJob [0-9a-f-]{36}\n-{46}\nworkflow: {23}test\nname: {27}j1\n/);
  t.regex(
    asked.out,
    /wait_for_parents: {15}true\n[\s\S]*queued_launch_id: {15}null\ndata: {27}\{\}\n {2}\*\*\* Executed command: {9}python3 .*hello\.py one two\n {2}\*\*\* Working directory: {8}.*\/data\/test\/j1_[0-9a-f]{8}\n/,
  );
  t.is(asked.out.split('Confirm adding job to DB [y/n]: ').length, 3);
  const refused = await withAnswer(db, 'n\n')(...job);
  t.regex(
    refused.out,
    /Workflow test already has 1 jobs\nConfirm adding job to DB \[y\/n\]: Add job aborted\n$/,
  );
  const silent = await withAnswer(db, '')(...job);
  t.deepEqual([silent.code, silent.err], [1, 'balsam: no answer: --yes answers for you\n']);
  t.is((await db.run('ls', '--by-states')).out, '         CREATED  1\n');
});

for (const [what, words, code, pattern] of [
  [
    'an unknown application',
    ['--application', 'hell'],
    1,
    /no application named hell is registered \(did you mean hello\?\)/,
  ],
  [
    'a number that is none',
    ['--application', 'hello', '--num-nodes', 'abc'],
    2,
    /--num-nodes must be a whole number from 1 to 2147483647, not "abc"/,
  ],
  [
    'too small a number',
    ['--application', 'hello', '--ranks-per-node', '0'],
    2,
    /--ranks-per-node must be a whole number from 1 to/,
  ],
  [
    'a bad variable',
    ['--application', 'hello', '--env', 'A=1', '--env', 'oops'],
    2,
    /--env must be NAME=VALUE, not "oops"/,
  ],
  ['stage-in', ['--application', 'hello', '--url-in', 'local:/x'], 2, /stage_in_url .* is not supported yet/],
  [
    'a handler',
    ['--application', 'hello', '--post_handle_error'],
    2,
    /post_error_handler .* is not supported yet/,
  ],
  ['an unknown flag', ['--application', 'hello', '--num-gpus', '1'], 2, /unknown option --num-gpus/],
] as const) {
  test.serial(`job refuses ${what}`, async (t) => {
    const { run } = await fresh(t);
    await run('app', '--name', 'hello', '--executable', '/bin/true');
    const ran = await run('job', '--name', 'x', '--workflow', 'w', ...words, '--yes');
    t.is(ran.code, code);
    t.regex(ran.err, pattern);
    t.is((await run('ls')).out, 'No jobs found matching query\n');
  });
}

test.serial('ls: tables, columns, limits, filters, JSON, workflows', async (t) => {
  const db = await fresh(t);
  await db.run('app', '--name', 'hello', '--executable', '/bin/echo');
  for (const [name, wf] of [
    ['j1', 'test'],
    ['j2', 'test'],
    ['j3', 'other'],
  ] as const) {
    const added = await db.run(
      'job',
      '--name',
      name,
      '--workflow',
      wf,
      '--app',
      'hello',
      '--env',
      'A=1',
      '--env',
      'B=2',
      '--yes',
    );
    t.is(added.code, 0, added.err);
  }
  const ls = await db.run('ls');
  const lines = ls.out.split('\n');
  t.is(lines[0], '                              job_id | name | workflow | application |   state');
  t.is(lines[1], '-'.repeat(78));
  t.regex(lines[2] ?? '', /^[0-9a-f-]{36} \| j1 {3}\| test {5}\| hello {7}\| CREATED$/);
  const fields = await balsam(['ls', '--name', 'J3'], {
    env: { BALSAM_DB_PATH: db.path, BALSAM_LS_FIELDS: 'num_nodes:environ_vars:data' },
  });
  t.regex(
    fields.out,
    /state \| num_nodes \| environ_vars \| data\n-+\n.*CREATED \| 1 {8} \| A=1:B=2 {6}\| \{\} {2}\n$/,
  );
  const nosuch = await balsam(['ls'], { env: { BALSAM_DB_PATH: db.path, BALSAM_LS_FIELDS: 'nosuch' } });
  t.is(nosuch.code, 0);
  t.regex(
    nosuch.out,
    /BALSAM_LS_FIELDS; please unset this \*\*\*\nCannot resolve keyword 'nosuch' into field\. Choices are: application, args/,
  );
  const limited = await balsam(['ls'], { env: { BALSAM_DB_PATH: db.path, BALSAM_LS_LIMIT: '2' } });
  t.regex(limited.out, /j2.*\n\(1 more BalsamJobs not shown\.\.\.\)\n$/);
  const json = (await db.run('ls', '--json', '--wf', 'test')).out
    .trim()
    .split('\n')
    .map((line) => JSON.parse(line));
  t.deepEqual(
    json.map((job) => [job.name, job.state, job.environ_vars, job.wait_for_parents]),
    [
      ['j1', 'CREATED', 'A=1:B=2', true],
      ['j2', 'CREATED', 'A=1:B=2', true],
    ],
  );
  t.is((await db.run('ls', 'wf')).out, 'Workflows\n---------\nother\ntest\n');
  t.is((await db.run('ls', 'wf', '--name', 'nosuch')).out, 'No workflow matching nosuch\n');
  t.like(await db.run('ls', 'wf', '--wf', 'nosuch'), {
    code: 2,
    out: '',
    err: 'balsam: --wf: there is no workflow nosuch; `balsam ls wf` lists them\n',
  });
  t.regex(
    (await db.run('ls', 'wf', '--v')).out,
    /^Workflows\n-{9}\nother\n-----\n +job_id \|[\s\S]*\n\ntest\n----\n/,
  );
  t.regex(
    (await db.run('ls', '--hist', '--id', json[0].job_id.slice(0, 8))).out,
    /^Job j1 \[.*\]\n-{48}\n {8}\n\[\d\d-\d\d-\d{4} \d\d:\d\d:\d\d\.\d{6}[+-]\d\d:\d\d CREATED\] \n\n$/,
  );
  t.regex(
    (await db.run('ls', 'apps')).out,
    /^pk \|  name \| executable \| description\n-+\n1 {2}\| hello \| echo {7}\|/,
  );
  t.regex((await db.run('ls', '--state', 'FINISHED')).err, /there is no state FINISHED.*there are CREATED/);
  t.regex(
    (await db.run('ls', 'jbos')).err,
    /lists jobs, apps, wf, queues or launchers, not "jbos" \(did you mean jobs\?\)/,
  );
  t.regex((await db.run('ls', 'apps', '--state', 'FAILED')).err, /ls apps does not take --state/);
});

test.serial('hostile names are data', async (t) => {
  const db = await fresh(t);
  await db.run('app', '--name', `o'brien "x"`, '--executable', '/bin/true');
  const names = [`'; drop table job; --`, 'new\nline', '😀 漢字', '--', '%_\\', '\u001B[31mred'];
  for (const name of names) {
    const ran = await db.run(
      'job',
      `--name=${name}`,
      `--workflow=${name}`,
      `--application=o'brien "x"`,
      '--yes',
    );
    t.is(ran.code, 0, ran.err);
    t.false(ran.out.includes('\u001B'));
  }
  const listed = (await db.run('ls')).out.trimEnd().split('\n');
  t.is(listed.length, 2 + names.length);
  const json = (await db.run('ls', '--json')).out
    .trim()
    .split('\n')
    .map((line) => JSON.parse(line).name);
  t.deepEqual(json, names);
  for (const name of names) {
    const found = (await db.run('ls', '--json', `--name=${name}`)).out.trim().split('\n');
    t.true(found.some((line) => JSON.parse(line).name === name));
  }
  t.regex((await db.run('ls', 'wf')).out, /\\u001b\[31mred/);
});

test.serial('kill and killjob: by a unique beginning of the id, after a question', async (t) => {
  const db = await fresh(t);
  await using sql = connect(db.address, { applicationName: 'test', role: 'client' });
  for (const id of ['aaaa1111-0000-4000-8000-000000000001', 'aaaa2222-0000-4000-8000-000000000002']) {
    await sql.sql`insert into job (id, name) values (${id}, 'k')`;
  }
  const both = await db.run('kill', 'aaaa', '--yes');
  t.is(both.code, 2);
  t.regex(
    both.err,
    /"aaaa" may be any of 2 jobs; give more of an id:\n {2}aaaa2222\S+ {2}k .*\n {2}aaaa1111/,
  );
  const none = await db.run('killjob', '--id', 'dead', '--yes');
  t.deepEqual(
    [none.code, none.err],
    [1, 'balsam: no job has an id that begins with, or is named, "dead" (balsam ls shows them)\n'],
  );
  const asked = await withAnswer(db, 'y\n')('killjob', '--id', 'aaaa1');
  t.is(asked.out, 'Really kill job k [k | aaaa1111] ?? [y/n]: Job killed\n', asked.err);
  const no = await withAnswer(db, 'n\n')('kill', 'aaaa2');
  t.is(no.out, 'Really kill job k [k | aaaa2222] ?? [y/n]: Kill aborted\n');
  t.is((await db.run('kill', 'AAAA1', '--yes')).out, 'Nothing to kill: the job is USER_KILLED\n');
  t.regex((await db.run('kill', "x' or 1=1", '--yes')).err, /no job is named "x' or 1=1"/);
  t.is((await db.run('ls', '--by-states')).out, '         CREATED  1\n     USER_KILLED  1\n');
});

test.serial('watch follows until nothing is left, and ends at Ctrl-C', async (t) => {
  const db = await fresh(t);
  await using sql = connect(db.address, { applicationName: 'test', role: 'client' });
  await sql.sql`insert into job (id, name, workflow, state) values (gen_random_uuid(), 'a', 'wf', 'CREATED'), (gen_random_uuid(), 'b', 'wf', 'FAILED')`;
  const child = spawn(BALSAM, ['watch'], {
    env: cleanEnvironment({ BALSAM_DB_PATH: db.path }),
  });
  let out = '';
  child.stdout.setEncoding('utf8');
  for await (const text of child.stdout) {
    out += String(text);
    if (out.includes('[b |')) break;
  }
  t.regex(out, /^wf \[.*\] 1\/2 {2}1 failed/);
  const closed = once(spawnAgain(db.path), 'close');
  await sql.sql`update job set state = 'JOB_FINISHED' where name = 'a'`;
  await sql.sql`select pg_notify('balsam_done', '')`;
  t.deepEqual(await closed, [0, null]);

  await sql.sql`insert into job (id, name, workflow) values (gen_random_uuid(), 'c', 'wf')`;
  const stopped = spawn(BALSAM, ['watch'], {
    env: cleanEnvironment({ BALSAM_DB_PATH: db.path }),
  });
  await once(stopped.stdout, 'data');
  stopped.kill('SIGINT');
  t.deepEqual(await once(stopped, 'close'), [0, null]);
  if (child.exitCode === null) child.kill('SIGKILL');

  function spawnAgain(database: string) {
    return spawn(BALSAM, ['watch'], {
      env: cleanEnvironment({ BALSAM_DB_PATH: database }),
      stdio: 'ignore',
    });
  }
});

test.serial('a reader that goes away is no failure', async (t) => {
  const db = await fresh(t);
  await using sql = connect(db.address, { applicationName: 'test', role: 'client' });
  await sql.sql`insert into job (id, name, workflow) select gen_random_uuid(), 'j' || i, 'many' from generate_series(1, 4000) i`;
  const child = spawn(BALSAM, ['ls', '--json'], {
    env: cleanEnvironment({ BALSAM_DB_PATH: db.path }),
  });
  let err = '';
  child.stderr.setEncoding('utf8').on('data', (text: string) => (err += text));
  await once(child.stdout, 'data');
  child.stdout.destroy();
  t.deepEqual([await once(child, 'close'), err], [[0, null], '']);
});

test.serial('no database: what to do', async (t) => {
  const none = await balsam(['ls']);
  t.is(none.code, 2);
  t.regex(none.err, /^balsam: BALSAM_DB_PATH is not set: run `source balsamactivate PATH`/);
  const wrong = await balsam(['ls'], { env: { BALSAM_DB_PATH: '/nowhere' } });
  t.regex(wrong.err, /^balsam: no Balsam database at \/nowhere/);
});

test.serial(
  'what V8 made of the command is kept in the own directory of a person, and done without where none can be',
  async (t) => {
    const db = await fresh(t);
    const home = path.join(db.path, 'home');
    const env = { BALSAM_DB_PATH: db.path, BALSAM_HOME: home, NODE_DISABLE_COMPILE_CACHE: undefined };
    for (let i = 0; i < 2; i++) t.is((await balsam(['ls'], { env })).out, 'No jobs found matching query\n');
    t.true(fs.readdirSync(path.join(home, 'compile-cache'), { recursive: true }).length > 1);
    const nowhere = await balsam(['ls'], { env: { ...env, BALSAM_HOME: '/dev/null' } });
    t.deepEqual([nowhere.code, nowhere.out, nowhere.err], [0, 'No jobs found matching query\n', '']);
  },
);

test.serial('Ctrl-C is silent: at a question, in the middle of a listing, while it follows', async (t) => {
  const db = await fresh(t);
  await using sql = connect(db.address, { applicationName: 'test', role: 'client' });
  await sql.sql`insert into job (id, name, workflow) select gen_random_uuid(), 'j' || i, 'many' from generate_series(1, 20000) i`;
  for (const words of [['rm', 'jobs', '--all'], ['ls', '--json'], ['log'], ['launcher', '--help']]) {
    const child = spawn(BALSAM, words, { env: cleanEnvironment({ BALSAM_DB_PATH: db.path }) });
    let err = '';
    child.stderr.setEncoding('utf8').on('data', (text: string) => (err += text));
    const closed = once(child, 'close');
    if (words[0] === 'log') fs.writeFileSync(path.join(db.path, 'log', 'x.log'), 'a line\n');
    await once(child.stdout, 'data');
    child.kill('SIGINT');
    child.stdout.resume();
    const [code, signal] = (await closed) as [number | null, string | null];
    t.true(code === 0 || signal === 'SIGINT', `${words.join(' ')}: ${code} ${signal}`);
    t.is(err, '', words.join(' '));
  }
  t.is((await sql.sql`select count(*)::int as n from job`)[0]?.['n'], 20_000);
});
