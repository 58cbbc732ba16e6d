/**
 * Without a home directory, or with one that is not ours alone: every command works, keeps nothing where others could
 * write, and makes no home. Each command is started as a user starts it.
 */
import fs from 'node:fs';
import os from 'node:os';
import path from 'node:path';
import test, { type ExecutionContext } from 'ava';
import { codeDirectory, isGuarded } from '../../src/base/own-directory.ts';
import { jobArgv } from '../../src/process/command.ts';
import { ROOT, run, type Ran } from '../helpers/program.ts';
import { NOT_ROOT, unless } from '../helpers/unless.ts';
import { copyInstallation } from './_installation.ts';

const BALSAM = path.join(ROOT, 'bin/balsam');
/** No entry in passwd has this number. */
const NOBODY_AT_ALL = 12_345;

function place(t: ExecutionContext): string {
  const directory = fs.realpathSync(fs.mkdtempSync(path.join(os.tmpdir(), 'balsam-home-')));
  t.teardown(() => fs.rmSync(directory, { recursive: true, force: true }));
  return directory;
}

/** Runs with these variables and nothing else; `undefined` is not there at all. */
function bare(words: readonly string[], env: Record<string, string>, cwd: string): Promise<Ran> {
  const all = { PATH: '/usr/local/bin:/usr/bin:/bin', ...env };
  return run('/usr/bin/env', ['-i', ...Object.entries(all).map(([k, v]) => `${k}=${v}`), ...words], { cwd });
}

/** Each with a word of what it says when it works, or why it can't without a database. */
const COMMANDS: readonly (readonly [readonly string[], RegExp])[] = [
  [['ls'], /BALSAM_DB_PATH is not set/],
  [['which', '--list'], /No known Balsam databases/],
  [['completion', 'bash'], /complete -F _balsam/],
  [['help', 'tour'], /balsam/],
];

for (const [title, env] of [
  ['HOME is empty', { HOME: '' }],
  ['HOME is relative', { HOME: 'home' }],
  ['HOME is not there', { HOME: '/nonexistent/home' }],
  ['BALSAM_HOME is relative', { HOME: '', BALSAM_HOME: 'here' }],
  ['BALSAM_HOME is empty', { HOME: '', BALSAM_HOME: '' }],
] as const) {
  test(`commands where ${title}: they work, and leave nothing`, async (t) => {
    const directory = place(t);
    for (const [words, said] of COMMANDS) {
      const ran = await bare([BALSAM, ...words], env, directory);
      t.regex(ran.out + ran.err, said, words.join(' '));
      t.notRegex(ran.err, /\n {4}at |SystemError/);
    }
    t.deepEqual(fs.readdirSync(directory), []);
    t.false(fs.existsSync('/nonexistent'));
  });
}

unless(NOT_ROOT, test)('commands of a user whom nobody knows, without HOME', async (t) => {
  const directory = place(t);
  fs.chownSync(directory, NOBODY_AT_ALL, NOBODY_AT_ALL);
  const as = ['setpriv', `--reuid=${NOBODY_AT_ALL}`, `--regid=${NOBODY_AT_ALL}`, '--clear-groups'];
  // Ours may lie where only root gets.
  const elsewhere = place(t);
  fs.chmodSync(elsewhere, 0o755);
  const balsam = path.join(copyInstallation(path.join(elsewhere, 'balsam')), 'bin/balsam');
  for (const [words, said] of COMMANDS) {
    const ran = await bare([...as, balsam, ...words], {}, directory);
    t.regex(ran.out + ran.err, said, words.join(' '));
    t.notRegex(ran.err, /\n {4}at |SystemError/);
  }
  t.deepEqual(fs.readdirSync(directory), []);
});

test('~ is refused where there is no home, and other words of a job need none', (t) => {
  const before = process.env['HOME'];
  try {
    process.env['HOME'] = '';
    t.deepEqual(jobArgv('/bin/echo', 'a b~'), ['/bin/echo', 'a', 'b~']);
    t.throws(() => jobArgv('~/bin/x', ''), { message: /executable has a ~, and there is no home directory/ });
  } finally {
    process.env['HOME'] = before;
  }
});

test.serial('code is kept only where nobody else can write', (t) => {
  const home = place(t);
  const before = process.env['BALSAM_HOME'];
  t.teardown(() => {
    process.env['BALSAM_HOME'] = before;
  });
  process.env['BALSAM_HOME'] = path.join(home, 'ours');
  const directory = codeDirectory('compile-cache');
  t.is(directory, path.join(home, 'ours', 'compile-cache'));
  t.is(fs.statSync(directory!).mode & 0o777, 0o700);

  // Others could have entered: what was there is gone.
  fs.mkdirSync(path.join(directory!, 'v1'));
  fs.writeFileSync(path.join(directory!, 'v1', 'theirs'), 'x');
  fs.chmodSync(directory!, 0o775);
  t.is(codeDirectory('compile-cache'), directory);
  t.deepEqual(fs.readdirSync(directory!), []);
  t.is(fs.statSync(directory!).mode & 0o777, 0o700);

  // A link in its place, or a directory above that others can write.
  fs.rmdirSync(directory!);
  fs.symlinkSync(home, directory!);
  t.is(codeDirectory('compile-cache'), null);
  fs.unlinkSync(directory!);
  for (const mode of [0o775, 0o777]) {
    fs.chmodSync(path.join(home, 'ours'), mode);
    t.is(codeDirectory('compile-cache'), null, mode.toString(8));
  }
  fs.chmodSync(path.join(home, 'ours'), 0o700);
  fs.chmodSync(home, 0o775);
  t.is(codeDirectory('compile-cache'), null);
  fs.chmodSync(home, 0o1777);
  t.is(codeDirectory('compile-cache'), directory, 'a sticky directory lets nobody rename what is ours');
  fs.chmodSync(home, 0o755);

  // Through a link: what counts is where the link lies, and where it leads.
  fs.mkdirSync(path.join(home, 'open'));
  fs.symlinkSync('../ours', path.join(home, 'open', 'link'));
  t.true(isGuarded(path.join(home, 'open', 'link')));
  fs.chmodSync(path.join(home, 'open'), 0o777);
  t.false(isGuarded(path.join(home, 'open', 'link')));
});

test.serial('a command keeps no code in a home that others can write, and works', async (t) => {
  const home = place(t);
  const env = { HOME: home, BALSAM_HOME: path.join(home, 'project') };
  fs.mkdirSync(env.BALSAM_HOME);
  fs.chmodSync(env.BALSAM_HOME, 0o777);
  t.is((await bare([BALSAM, 'completion', 'bash'], env, home)).code, 0);
  t.deepEqual(fs.readdirSync(env.BALSAM_HOME), []);
  fs.chmodSync(env.BALSAM_HOME, 0o700);
  t.is((await bare([BALSAM, 'completion', 'bash'], env, home)).code, 0);
  t.true(fs.existsSync(path.join(env.BALSAM_HOME, 'compile-cache')));
});

test.serial('a list of databases that others could have written is not read', async (t) => {
  const home = place(t);
  const list = path.join(home, 'databases.json');
  const database = path.join(home, 'db');
  fs.mkdirSync(database);
  fs.writeFileSync(path.join(database, 'server-info'), '{}');
  fs.writeFileSync(list, JSON.stringify([database]), { mode: 0o600 });
  const listed = async (): Promise<string> =>
    (await bare([BALSAM, 'which', '--list'], { HOME: '', BALSAM_HOME: home }, home)).out;
  t.regex(await listed(), /db/);
  fs.chmodSync(list, 0o666);
  t.notRegex(await listed(), /db/);
});
