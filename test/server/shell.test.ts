/**
 * The shell's side: `balsam` finds its Node, `source balsamactivate` makes a database the shell's and `balsamdeactivate`
 * undoes it, `ensure` installs only what is missing. With real shells; other Nodes and npm are small scripts that say
 * that they were called.
 */
import fs from 'node:fs';
import path from 'node:path';
import test, { type ExecutionContext } from 'ava';
import { readServerInfo } from '../../src/server/layout.ts';
import { lives } from '../helpers/lives.ts';
import { newDatabase, openDirectory, run } from './_cluster.ts';

const BIN = path.resolve(import.meta.dirname, '../../bin');

function program(file: string, body: string): void {
  fs.mkdirSync(path.dirname(file), { recursive: true });
  fs.writeFileSync(file, `#!/bin/sh\n${body}\n`, { mode: 0o755 });
}

/** An installation with our bin/balsam and a bundle that does nothing. */
function installation(t: ExecutionContext): string {
  const root = openDirectory(t);
  for (const name of ['balsam', 'entry', 'ensure']) {
    fs.mkdirSync(path.join(root, 'bin'), { recursive: true });
    fs.copyFileSync(path.join(BIN, name), path.join(root, 'bin', name));
    fs.chmodSync(path.join(root, 'bin', name), 0o755);
  }
  fs.mkdirSync(path.join(root, 'dist'));
  fs.writeFileSync(path.join(root, 'dist', 'cli.js'), '');
  return root;
}

/** A Node that says its name and arguments, and its version when asked. */
const fakeNode = (name: string, version: string): string =>
  `[ "$1" = -v ] && { echo ${version}; exit; }\necho ${name} "$@"`;

test("balsam takes the package's Node unasked, then BALSAM_NODE, then one on PATH that is new enough", async (t) => {
  const root = installation(t);
  const balsam = path.join(root, 'bin', 'balsam');
  const elsewhere = path.join(root, 'elsewhere');
  const env = { PATH: `${elsewhere}:/usr/bin:/bin`, BALSAM_NODE: '' };

  for (const [version, fits] of [
    ['v22.17.9', false],
    ['v20.20.2', false],
    ['v22.18.0', true],
    ['v24.0.1', true],
  ] as const) {
    program(path.join(elsewhere, 'node'), fakeNode('path', version));
    const ended = await run([balsam, 'ls'], { env });
    if (fits)
      t.like(ended, {
        code: 0,
        stdout: `path --disable-sigusr1 ${root}/bin/../dist/cli.js ls\n`,
        stderr: '',
      });
    else {
      t.is(ended.code, 1);
      t.true(
        ended.stderr.includes(`needs Node 22.18 or newer, and the one on PATH is ${version}`),
        ended.stderr,
      );
    }
  }
  program(path.join(root, 'mine'), fakeNode('mine', 'v24.0.0'));
  t.regex((await run([balsam], { env: { ...env, BALSAM_NODE: path.join(root, 'mine') } })).stdout, /^mine /);
  t.regex(
    (await run([balsam], { env: { ...env, BALSAM_NODE: '/no/node' } })).stderr,
    /BALSAM_NODE=\/no\/node is no program/,
  );

  program(path.join(root, 'node_modules', '.bin', 'node'), 'echo "bundled $#" "$@"');
  const spaces = await run([balsam, 'a b', '', '*'], {
    env: { ...env, BALSAM_NODE: path.join(root, 'mine') },
  });
  t.is(spaces.stdout, `bundled 5 --disable-sigusr1 ${root}/bin/../dist/cli.js a b  *\n`);
});

test('balsam without any Node, and by a link to a link', async (t) => {
  const root = installation(t);
  const empty = path.join(root, 'empty');
  fs.mkdirSync(empty);
  for (const tool of ['readlink', 'sh']) fs.symlinkSync(`/bin/${tool}`, path.join(empty, tool));
  fs.symlinkSync('../bin/balsam', path.join(empty, 'one'));
  fs.symlinkSync(path.join(empty, 'one'), path.join(empty, 'balsam'));
  const env = { PATH: empty, BALSAM_NODE: '' };
  const none = await run([path.join(empty, 'balsam')], { env });
  t.is(none.code, 1);
  t.regex(none.stderr, /there is none on PATH: set BALSAM_NODE/);
  program(path.join(empty, 'node'), fakeNode('path', 'v24.1.0'));
  t.regex((await run([path.join(empty, 'balsam'), 'x'], { env })).stdout, /^path .*\/dist\/cli\.js x$/m);
  fs.rmSync(path.join(root, 'dist'), { recursive: true });
  t.regex((await run([path.join(empty, 'balsam')], { env })).stderr, /installation is damaged/);
  fs.mkdirSync(path.join(root, 'src', 'cli'), { recursive: true });
  fs.writeFileSync(path.join(root, 'src', 'cli', 'main.ts'), '');
  t.regex((await run([path.join(empty, 'balsam'), 'x'], { env })).stdout, /src\/cli\/main\.ts x$/m);
});

/** Runs lines in bash as an interactive user would, with our bin on PATH only by its full name. */
async function bash(lines: string): Promise<{ code: number | null; stdout: string; stderr: string }> {
  return await run(['bash', '--norc', '-c', lines], { env: { PATH: process.env['PATH'] ?? '', PS1: '$ ' } });
}

test('activate sets database, prompt and PATH and starts the server; deactivate undoes it', async (t) => {
  const root = await newDatabase(t);
  const parent = path.basename(path.dirname(root)); // a part of the name is enough
  const ended = await bash(`
    set -u; PS1='$ '; before=$PATH
    source ${BIN}/balsamactivate ${parent} || exit 9
    echo "db=$BALSAM_DB_PATH"; echo "ps1=$PS1"; command -v balsam
    source ${BIN}/balsamactivate ${root} >/dev/null; echo "ps1=$PS1"
    balsam which | head -1
    export PATH=/later:$PATH
    source ${BIN}/balsamdeactivate
    [ "$PATH" = "/later:$before" ] && echo 'path as before'
    echo "db=\${BALSAM_DB_PATH-none} ps1=$PS1"
    source ${BIN}/balsamdeactivate; echo "again $?"`);
  t.is(ended.stderr, '');
  t.is(ended.code, 0);
  const lines = ended.stdout.split('\n');
  t.regex(lines[0] ?? '', /^Started the Balsam DB server on /);
  t.deepEqual(lines.slice(1), [
    `db=${root}`,
    'ps1=[BalsamDB: db] $ ',
    `${BIN}/balsam`,
    'ps1=[BalsamDB: db] $ ',
    `Current Balsam DB: ${root}`,
    'path as before',
    'db=none ps1=$ ',
    'again 0',
    '',
  ]);
  t.true(lives(readServerInfo(root).pid ?? -1));
});

test('a shell with an old Node, or none, gets the one of the package in front', async (t) => {
  const root = await newDatabase(t);
  const old = openDirectory(t);
  program(path.join(old, 'node'), 'echo v18.0.0');
  const ended = await bash(`
    PATH=${old}:/usr/bin:/bin
    source ${BIN}/balsamactivate ${root} >/dev/null || exit 9
    node -p 'Number(process.versions.node.split(".")[0]) >= 22'
    source ${BIN}/balsamdeactivate; echo "$PATH"; node -v`);
  t.deepEqual(ended, { code: 0, stdout: `true\n${old}:/usr/bin:/bin\nv18.0.0\n`, stderr: '' });
});

test('activate with a wrong name, or none, leaves the shell as it is', async (t) => {
  const ended = await bash(`
    PS1='$ '; before=$PATH
    source ${BIN}/balsamactivate /no/such/database; echo "code $?"
    source ${BIN}/balsamactivate; echo "code $?"
    echo "\${BALSAM_DB_PATH-none} $PS1"; [ "$PATH" = "$before" ] && echo same`);
  t.regex(ended.stderr, /no Balsam database at \/no\/such\/database/);
  t.regex(ended.stderr, /usage: source balsamactivate PATH/);
  t.is(ended.stdout, 'code 1\ncode 2\nnone $ \nsame\n');
});

test('ensure installs when the lock file has changed, once', async (t) => {
  const root = installation(t);
  const tools = path.join(root, 'tools');
  program(path.join(tools, 'npm'), 'echo "npm $1"; mkdir -p node_modules; [ ! -e broken ]');
  const ensure = (): ReturnType<typeof run> =>
    run([path.join(root, 'bin', 'ensure')], { env: { PATH: `${tools}:/usr/bin:/bin` } });
  fs.writeFileSync(path.join(root, 'package-lock.json'), '{}');
  const first = await ensure();
  t.is(first.code, 0);
  t.regex(first.stdout, /^balsam: installing the dependencies.*\nnpm ci\n$/);
  t.deepEqual(await ensure(), { code: 0, stdout: '', stderr: '' });
  fs.writeFileSync(path.join(root, 'package-lock.json'), '{"changed": true}');
  fs.writeFileSync(path.join(root, 'broken'), '');
  const failed = await ensure();
  t.is(failed.code, 1);
  t.regex(failed.stderr, /npm ci failed/);
  fs.rmSync(path.join(root, 'broken'));
  t.is((await ensure()).code, 0);
  t.deepEqual(await ensure(), { code: 0, stdout: '', stderr: '' });
});
