/**
 * What people can put into the database, by the client or by plain SQL, and no launcher may stumble over: shell and SQL
 * fragments in every text, deep and large documents, numbers that no double holds, applications that are none. Goal: each
 * such job finishes, or is FAILED with the reason; the coordinator is never replaced; jobs beside them go on; and what
 * people look at them with prints them.
 */
import fs from 'node:fs';
import path from 'node:path';
import test from 'ava';
import { newId } from '../../src/base/ids.ts';
import { fieldFault } from '../../src/store/jobs/values.ts';
import type { NewJob, WritableField } from '../../src/store/rows.ts';
import { makeWorld, until, type World } from './_world.ts';

const TEXTS = [
  '$(touch pwned) `touch pwned`; touch pwned | touch pwned & touch pwned',
  '\'; drop table job; -- "; drop table job; /*',
  '../../../../../../tmp/pwned',
  '..',
  '/etc/passwd',
  '-rf --help -n',
  'line\nline\r\n\ttab \u0007\u001b[2J\u001b]0;pwned\u0007',
  'quote " and \' that never close',
  'ends with a backslash \\',
  '\u{1f980}\u{1f468}\u200d\u{1f469}\u200d\u{1f467} ü 中文 \u202e rtl \u2028',
  '__proto__',
  'constructor',
  '{"json":[1,2,{"a":null}]}',
  '%s %n %d ${HOME} ~ * ? [a-z] {a,b}',
  'A=1:B=2:=3::C',
  'x'.repeat(5_000),
  ' ',
];
const FIELDS = [
  'name',
  'workflow',
  'args',
  'environ_vars',
  'user_workdir',
  'mpi_flags',
  'description',
  'cpu_affinity',
] as const;

// oxlint-disable no-control-regex -- control characters are what is looked for
const CONTROL = /[\u0000-\u0008\u000b-\u001f\u007f\u202e]/;
const CONTROL_IN_JSON = /[\u0000-\u0009\u000b-\u001f]/;
// oxlint-enable no-control-regex

const deep = (n: number): string => `repeat('[', ${n}) || repeat(']', ${n})`;

let world: World;
test.before(async () => {
  world = await makeWorld();
  await world.app('echo', 'for word; do printf "%s\\n" "$word"; done');
  await world.app(
    'reader',
    `#!/usr/bin/env python3
import json, os, socket
s = socket.socket(socket.AF_UNIX)
s.connect(os.environ["BALSAM_JOB_SOCKET"])
f = s.makefile("rw", encoding="utf-8", newline="\\n")
for line in ({"v": 1, "token": os.environ["BALSAM_JOB_TOKEN"]}, {"id": 1, "op": "job.get"}, {"id": 2, "op": "job.patch", "set": {"read": True}}):
    f.write(json.dumps(line) + "\\n")
    f.flush()
    answer = f.readline()
    print(answer[:100].strip() + "|" + str(len(answer)), flush=True)
`,
  );
});
test.after.always('nothing is left behind', async (t) => {
  t.deepEqual(await world.close(), []);
});

/** Makes a job whose `data` is an SQL expression: what no client would send. */
async function withData(name: string, application: string, expression: string): Promise<string> {
  const id = newId();
  await world.db.run((sql) =>
    sql.unsafe(
      `insert into job (id, name, workflow, application, node_packing_count, data) values ($1::uuid, $2, 'sql', $3, 8, (${expression})::jsonb)`,
      [id, name, application],
    ),
  );
  return id;
}

test.serial('words of every kind in every field, and documents of every kind', async (t) => {
  const jobs: NewJob[] = FIELDS.flatMap((field) =>
    TEXTS.map((text) => ({
      application: 'echo',
      node_packing_count: 8,
      [field]: field === 'workflow' || field === 'name' ? text.slice(0, 800) : text,
    })),
  );
  jobs.push(
    { application: 'echo', args: 'x'.repeat(200_000) },
    { application: 'echo', args: 'x '.repeat(2_000_000) },
    { application: 'echo', environ_vars: `A=${'x'.repeat(200_000)}` },
    { application: 'echo', name: 'n'.repeat(800) },
    { application: 'echo', threads_per_rank: 2_147_483_647, threads_per_core: 2_147_483_647 },
    { application: 'echo', node_packing_count: 2_147_483_647, wall_time_minutes: 2_147_483_647 },
    { application: '' },
    { application: 'no such "application"' },
    {
      application: 'echo',
      data: { ['__proto__']: 1, constructor: { prototype: null }, '': [], '\\': 'x' },
    },
  );
  for (const field of ['workflow', 'name', 'application'])
    await t.throwsAsync(world.jobs([{ application: 'echo', [field]: '\u{1f980}'.repeat(1_000_000) }]), {
      name: 'UserError',
      message: `${field} has 4000000 bytes; give at most 800`,
    });
  await t.throwsAsync(world.command('x'.repeat(3_000), 'x'), { name: 'UserError', message: /at most 800/ });
  const isRefused = (job: NewJob): boolean =>
    Object.entries(job).some(([name, value]) => fieldFault(name as WritableField, value, name) !== null);
  const refused = jobs.filter((job) => isRefused(job));
  t.true(refused.length > TEXTS.length, 'most kinds of words are refused somewhere');
  for (const job of refused.slice(0, 40)) await t.throwsAsync(world.jobs([job]), { name: 'UserError' });
  const ids = [
    ...(await world.jobs(jobs.filter((job) => !isRefused(job)))),
    ...(await world.jobsBySql(refused)),
  ];
  const documents = [
    await withData('deep', 'reader', `'{"a":' || ${deep(3_000)} || '}'`),
    await withData('deeper', 'reader', `'{"a":' || ${deep(5_500)} || '}'`),
    await withData('large', 'reader', `'{"a":"' || repeat('x', 1000000) || '"}'`),
    await withData('too large', 'reader', `'{"a":"' || repeat('ü', 5000000) || '"}'`),
    await withData('number', 'reader', `'{"a":1e400,"b":-1e-400,"c":123456789012345678901234567890}'`),
    await withData('keys', 'reader', `'{"__proto__":{"x":1},"constructor":1,"":2,"\\\\":3,"a.b[0]":4}'`),
    await withData(
      'many',
      'reader',
      `select jsonb_object_agg('key' || n, n) from generate_series(1, 50000) n`,
    ),
  ];
  const launcher = world.launcher(['--consume-all', '--nodes', '2', '--idle-exit-seconds', '0']);
  const all = [...ids, ...documents];
  await world.until(all, ['JOB_FINISHED', 'FAILED'], 120_000);
  t.is(await launcher.exit(), 3, launcher.out);
  t.is(launcher.err, '');
  t.notRegex(world.logs(), /took over from a dead coordinator|assertion|RangeError|TypeError/);
  let finished = 0;
  for (const row of await world.rows(all)) {
    if (row.state === 'JOB_FINISHED') finished += 1;
    else
      t.regex(
        await world.messages(row.job_id),
        /could not be started|is not registered|has \d+ characters/,
        row.name.slice(0, 80),
      );
  }
  t.log(`${finished} of ${all.length} finished`);
  t.true(finished > FIELDS.length * TEXTS.length * 0.6);
  for (const [name, state, pattern] of [
    ['deep', 'JOB_FINISHED', /"ok": ?true/],
    ['large', 'JOB_FINISHED', /"ok": ?true/],
    ['too large', 'JOB_FINISHED', /"too-large"/],
    ['number', 'JOB_FINISHED', /"ok": ?true/],
    ['keys', 'JOB_FINISHED', /"ok": ?true/],
    ['many', 'JOB_FINISHED', /"ok": ?true/],
  ] as const) {
    const row = (await world.rows(documents)).find((r) => r.name === name)!;
    t.is(row.state, state, name);
    t.regex((await world.output(row.job_id)).split('\n')[1] ?? '', pattern, name);
    t.is(row.data['read'], true, name);
  }
  t.false(fs.existsSync('/tmp/pwned'));
  t.deepEqual(
    fs
      .readdirSync(world.home, { recursive: true, encoding: 'utf8' })
      .filter((f) => path.basename(f) === 'pwned'),
    [],
  );
});

test.serial('what people look at them with prints them', async (t) => {
  const rows = await world.rows();
  for (const args of [['ls'], ['ls', '--json'], ['ls', '--history'], ['ls', '--verbose']]) {
    const ran = await world.balsam(args);
    t.is(ran.code, 0, `${args.join(' ')}: ${ran.err.slice(0, 500)}`);
    t.is(ran.err, '');
    // Nothing speaks to the terminal; a program's JSON may hold what is no control character in it.
    t.false((args[1] === '--json' ? CONTROL_IN_JSON : CONTROL).test(ran.out), args.join(' '));
    if (args[1] === '--json') t.is(ran.out.trim().split('\n').length, rows.length);
    else for (const { job_id } of rows.slice(0, 20)) t.true(ran.out.includes(job_id), args.join(' '));
  }
});

test.serial('applications that are none', async (t) => {
  const directory = `${world.home}/a directory`;
  fs.mkdirSync(directory);
  const plain = `${world.home}/not executable`;
  fs.writeFileSync(plain, 'x');
  const empty = await world.script('empty', '#!');
  const looped = `${world.home}/loop`;
  fs.symlinkSync(looped, looped);
  const apps: [string, string, string, RegExp][] = [
    ['empty', '', '', /executable is empty/],
    ['blank', ' \n\t ', '', /executable is empty/],
    ['directory', `"${directory}"`, '', /could not be started/],
    ['missing', '/nowhere/at all', '', /could not be started/],
    ['plain', `"${plain}"`, '', /could not be started/],
    ['no interpreter', empty, '', /could not be started/],
    ['loop', looped, '', /could not be started/],
    ['quote', '/bin/echo "', '', /quote that is never closed/],
    ['newline', '/bin/echo\nnot a word', '', /^$/],
    ['relative', 'no-such-program-anywhere', '', /could not be started/],
    ['long', 'x'.repeat(2_000_000), '', /has 2000000 characters/],
    ['envscript', '/bin/true', '/nowhere/env.sh', /nonzero return/],
    ['env directory', '/bin/true', directory, /nonzero return/],
  ];
  for (const [name, executable, envscript] of apps) await world.commandBySql(name, executable, envscript);
  const ids = await world.jobs([
    ...apps.map(([name]) => ({ name, application: name, node_packing_count: 8 })),
    ...Array.from({ length: 20 }, (_, i) => ({
      name: `good${i}`,
      application: 'echo',
      args: 'fine',
      node_packing_count: 8,
    })),
  ]);
  const launcher = world.launcher(['--consume-all', '--nodes', '2', '--idle-exit-seconds', '0']);
  await world.until(ids, ['JOB_FINISHED', 'FAILED']);
  t.is(await launcher.exit(), 3, launcher.out);
  const rows = new Map((await world.rows(ids)).map((row) => [row.name, row]));
  for (const [name, , , pattern] of apps) {
    const row = rows.get(name)!;
    const fine = pattern.test('');
    t.is(row.state, fine ? 'JOB_FINISHED' : 'FAILED', name);
    if (!fine) t.regex(await world.messages(row.job_id), pattern, name);
  }
  for (let i = 0; i < 20; i++) t.is(rows.get(`good${i}`)?.state, 'JOB_FINISHED');
  t.is((await world.balsam(['ls', 'apps'])).code, 0);
  t.is((await world.balsam(['ls', 'apps', '--json'])).code, 0);
  t.notRegex(world.logs(), /took over from a dead coordinator/);
});

test.serial('a row that is changed by hand while its job runs ends the job, and nothing else', async (t) => {
  await world.app('wait', `while [ ! -e ${world.home}/go ]; do sleep 0.05; done`);
  const states = ['FAILED', 'JOB_FINISHED', 'READY', 'RUN_DONE', 'CREATED'];
  const ids = await world.jobs(
    states.map((name) => ({ name, application: 'wait', node_packing_count: 8, auto_timeout_retry: false })),
  );
  const [beside] = (await world.jobs([{ name: 'beside', application: 'wait', node_packing_count: 8 }])) as [
    string,
  ];
  const launcher = world.launcher(['--consume-all', '--persistent']);
  await world.until([...ids, beside], ['RUNNING']);
  for (const [i, state] of states.entries())
    await world.db.run((sql) => sql`update job set state = ${state} where id = ${ids[i]!}`);
  fs.writeFileSync(`${world.home}/go`, '');
  await world.until([beside], ['JOB_FINISHED']);
  await until(
    async () => (await world.rows(ids.slice(0, 2))).every((row) => row.launcher === null),
    async () =>
      `end states are let go: ${JSON.stringify((await world.rows(ids)).map((r) => [r.state, r.launcher]))}\n${world.logs()}`,
  );
  launcher.child.kill('SIGTERM');
  t.is(await launcher.exit(), 3, launcher.out);
  for (const [i, row] of (await world.rows(ids)).entries())
    t.is(row.state, row.name as typeof row.state, states[i]);
  t.notRegex(world.logs(), /took over from a dead coordinator/);
});
