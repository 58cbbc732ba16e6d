/**
 * What a job finds round itself, and what people find of it afterwards: environment, directory, output, the tail of an
 * error in its history; names and words that try to break out; what cannot be started, said so without harm to the others.
 */
import fs from 'node:fs';
import path from 'node:path';
import test from 'ava';
import type { NewJob } from '../../src/store/rows.ts';
import { makeWorld, type World } from './_world.ts';

let world: World;
test.before(async () => {
  world = await makeWorld();
  await world.app(
    'env',
    `tr '\\0' '\\n' </proc/$$/environ; echo "argc=$#"; for a in "$@"; do printf 'arg=%s\\n' "$a"; done; pwd`,
  );
  await world.app(
    'fail',
    `i=0; while [ $i -lt 40 ]; do i=$((i+1)); echo "line $i"; done; echo oops >&2; exit 3`,
  );
  await world.app('binary', `head -c 3000 /dev/urandom; printf 'end \\377\\000 of it\\n'; exit 1`);
  await world.app('killed', 'kill -SEGV $$');
  await world.command('quick', '/bin/true');
  await world.command('missing', '/nowhere/at-all --x');
  await world.command('not on path', 'surely-no-such-command');
  await world.command('quotes', `/bin/echo 'it is' "one word"`);
});
test.after.always('nothing is left behind', async (t) => {
  t.deepEqual(await world.close(), []);
});

/** Runs these jobs to their end with one launcher. */
async function runAll(
  jobs: readonly NewJob[],
  args: readonly string[] = [],
  env: Record<string, string> = {},
): Promise<string[]> {
  return runThese(await world.jobs(jobs), args, env);
}

async function runThese(
  ids: string[],
  args: readonly string[] = [],
  env: Record<string, string> = {},
): Promise<string[]> {
  const launcher = world.launcher(['--consume-all', '--idle-exit-seconds', '0', ...args], { env });
  await world.until(ids, ['JOB_FINISHED', 'FAILED']);
  const code = await launcher.exit();
  // What could not be started is work that was not done.
  const wanted = /could not be started/.test(launcher.out) ? 3 : 0;
  if (code !== wanted || launcher.err !== '')
    throw new Error(`the launcher ended with ${code}: ${launcher.err}`);
  return ids;
}

function environmentIn(output: string): Map<string, string> {
  return new Map(
    output.split('\n').flatMap((line) => {
      const m = /^([A-Za-z_][A-Za-z0-9_%]*)=(.*)$/s.exec(line);
      return m ? [[m[1]!, m[2]!] as const] : [];
    }),
  );
}

test.serial('the environment: the launcher’s, the job’s own on top, ours above all; no ranks', async (t) => {
  const [id] = await runAll(
    [
      {
        name: 'child',
        application: 'env',
        environ_vars: 'MINE=1:PATHLIKE=/a:/b:URL=http://h:80/:BALSAM_JOB_ID=forged:OMPI_MCA_btl=tcp',
        threads_per_rank: 3,
        args: `plain 'two words' "$HOME" *.c ; rm -rf / \\\\ ""`,
      },
    ],
    [],
    {
      'BASH_FUNC_module%%': '() { echo hi; }',
      FROM_LAUNCHER: 'käse',
      OMPI_COMM_WORLD_RANK: '3',
      PMI_RANK: '3',
      SLURM_PROCID: '3',
      SLURM_JOB_NUM_NODES: '7',
    },
  );
  const row = await world.row(id!);
  const output = await world.output(id!);
  const env = environmentIn(output);
  const expected = {
    BALSAM_JOB_ID: id!,
    BALSAM_PARENT_IDS: '[]',
    BALSAM_DB_PATH: world.dbPath,
    OMP_NUM_THREADS: '3',
    MINE: '1',
    PATHLIKE: '/a:/b',
    URL: 'http://h:80/',
    FROM_LAUNCHER: 'käse',
    SLURM_JOB_NUM_NODES: '7',
  };
  for (const [name, value] of Object.entries(expected)) t.is(env.get(name), value, name);
  t.regex(
    env.get('BASH_FUNC_module%%') ?? '',
    /^\(\) \{ +echo hi/,
    'exported functions are there: module is one',
  );
  for (const name of ['OMPI_COMM_WORLD_RANK', 'PMI_RANK', 'SLURM_PROCID']) t.false(env.has(name), name);
  t.regex(
    output,
    /arg=plain\narg=two words\narg=\$HOME\narg=\*\.c\narg=;\narg=rm\narg=-rf\narg=\/\narg=\\\narg=\n/,
  );
  t.is(output.trimEnd().split('\n').at(-1), fs.realpathSync(world.directory(row)));
});

test.serial('quoted words of an executable, and output that is truncated at each start', async (t) => {
  const [id] = await runAll([{ name: 'q', application: 'quotes', args: `'and more'` }]);
  t.is(await world.output(id!), 'it is one word and more\n');
});

test.serial('errors: the last lines of the output in the history, whatever bytes they are', async (t) => {
  const [fail, binary, killed] = await runAll([
    { application: 'fail' },
    { application: 'binary' },
    { application: 'killed' },
  ]);
  t.is((await world.row(fail!)).state, 'FAILED');
  const message = await world.messages(fail!);
  t.regex(message, /nonzero return 3:/);
  t.regex(message, /line 40\n +oops/);
  t.regex(message, /line 26/);
  t.notRegex(message, /line 25\n/);
  t.is((await world.output(fail!)).split('\n').length, 42);
  t.regex(await world.messages(binary!), /nonzero return 1:[\s\S]*end \uFFFD\uFFFD of it/);
  t.regex(await world.messages(killed!), /signal/i);
  t.deepEqual((await world.states(fail!)).slice(-3), ['RUNNING', 'RUN_ERROR', 'FAILED']);
});

test.serial('what cannot be started is FAILED with the reason, and the others go on', async (t) => {
  const jobs: (NewJob & { reason: RegExp | null })[] = [
    { name: 'a', application: 'quick', reason: null },
    {
      name: 'missing',
      application: 'missing',
      reason: /could not be started.*\/nowhere\/at-all.*No such file/s,
    },
    { name: 'not on path', application: 'not on path', reason: /surely-no-such-command/ },
    { name: 'bad quotes', application: 'quick', args: `"open`, reason: /quote|close/i },
    { name: 'bad environment', application: 'quick', environ_vars: 'no pair', reason: /environ_vars/ },
    {
      name: 'bad object',
      application: 'quick',
      environ_vars: '{"A": 1}',
      reason: /environ_vars: A must be text/,
    },
    {
      name: 'bad flags',
      application: 'quick',
      ranks_per_node: 2,
      mpi_flags: "'",
      reason: /mpi_flags has a quote/,
    },
    {
      name: 'relative',
      application: 'quick',
      user_workdir: 'not/absolute',
      reason: /user_workdir must be an absolute path, one that begins with \/, not "not\/absolute"/,
    },
    {
      name: 'no directory',
      application: 'quick',
      user_workdir: '/nowhere/at/all',
      reason: /\/nowhere\/at\/all/,
    },
    { name: 'z', application: 'quick', reason: null },
  ];
  const ids = await world.jobsBySql(jobs.map((job) => ({ ...job, reason: undefined })));
  await runThese(ids, ['--nodes', '2']);
  for (const [i, id] of ids.entries()) {
    const { reason, name } = jobs[i]!;
    t.is((await world.row(id)).state, reason ? 'FAILED' : 'JOB_FINISHED', name!);
    if (reason) t.regex(await world.messages(id), reason, name!);
  }
});

test.serial('a job whose application nobody registered', async (t) => {
  const [id, other] = await runAll([{ application: 'unheard of' }, { application: 'quick' }]);
  t.is((await world.row(id!)).state, 'FAILED');
  t.regex(await world.messages(id!), /application unheard of is not registered/);
  t.is((await world.row(other!)).state, 'JOB_FINISHED');
});

test.serial('hostile names stay inside the data directory, one directory each', async (t) => {
  const names = [
    '../../escape',
    '..',
    '.',
    '/etc/passwd',
    '$(touch pwned)',
    'a;b|c&d',
    `quo'te"s`,
    '-rf',
    'new\nline',
    'tab\tand\u0007bell',
    'x'.repeat(255),
    'käse 🧀',
    '%s%n',
    '\\',
  ];
  const ids = await runAll(
    names.map((name, i) => ({ name, workflow: names[(i + 3) % names.length]!, application: 'env' })),
    ['--job-mode', 'serial'],
  );
  const data = path.join(world.dbPath, 'data');
  const seen = new Set<string>();
  for (const row of await world.rows(ids)) {
    t.is(row.state, 'JOB_FINISHED', row.name);
    const where = (await world.output(row.job_id)).trimEnd().split('\n').at(-1)!;
    const expected = world.directory(row);
    t.true(expected.startsWith(`${data}/`) && path.resolve(expected) === expected, expected);
    if (!/\n/.test(where)) t.is(where, fs.realpathSync(expected));
    seen.add(expected);
  }
  t.is(seen.size, names.length);
  for (const name of fs.readdirSync(world.home)) t.false(/escape|pwned/.test(name), name);
  t.false(fs.existsSync(path.join(data, '..', 'escape')));
});

test.serial('user_workdir is used as it is, and an envscript is sourced by bash', async (t) => {
  const own = path.join(world.home, 'my own');
  await fs.promises.mkdir(own);
  const envscript = await world.script('site.sh', '#!/bin/bash\nexport SOURCED="from ${BASH_SOURCE[0]##*/}"');
  await world.app('sourced', `echo "sourced=$SOURCED"; printf '%s\\n' "$@"`, { envscript });
  const [id] = await runAll([
    { name: 'own place', application: 'sourced', user_workdir: own, args: `'a b' "$x"` },
  ]);
  const output = await fs.promises.readFile(path.join(own, 'own_place.out'), 'utf8');
  t.is(output, 'sourced=from site.sh\na b\n$x\n');
  t.is((await world.row(id!)).state, 'JOB_FINISHED');
});

test.serial('the logs can be read: one JSON object a line, nothing else', async (t) => {
  const at = path.join(world.dbPath, 'log');
  for (const name of fs.readdirSync(at)) {
    const text = await fs.promises.readFile(path.join(at, name), 'utf8');
    for (const line of text.split('\n').filter(Boolean)) {
      const entry = JSON.parse(line) as { time: string; msg: string; level: number };
      t.true(entry.time.endsWith('Z') && entry.msg !== '' && entry.level < 50, line);
    }
  }
});

test.serial('the node’s helper serves the same: no python3', async (t) => {
  const [id, fail] = await runAll(
    [{ name: 'by node', application: 'env', environ_vars: 'MINE=2' }, { application: 'fail' }],
    ['--helper', 'node'],
  );
  t.is(environmentIn(await world.output(id!)).get('MINE'), '2', await world.output(id!));
  t.regex(await world.messages(fail!), /nonzero return 3:[\s\S]*oops/);
});
