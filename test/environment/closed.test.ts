/**
 * Root's database and root's installation in places that only root can enter, as they are in a fresh container: Postgres
 * runs under another account all the same. And small shared memory, a closed umask, a name that no passwd has.
 */
import { spawnSync } from 'node:child_process';
import fs from 'node:fs';
import os from 'node:os';
import path from 'node:path';
import test, { type ExecutionContext } from 'ava';
import { copyForOthers } from '../../src/server/copy-for-others.ts';
import { ROOT, run, type Ran } from '../helpers/program.ts';
import { NO_SMALL_DISK } from '../helpers/small-disk.ts';
import { NOT_ROOT, unless } from '../helpers/unless.ts';
import { copyInstallation } from './_installation.ts';

const BALSAM = path.join(ROOT, 'bin/balsam');
const asRoot = unless(NOT_ROOT, test.serial);

/** A directory that only its owner can enter. */
function closed(t: ExecutionContext): string {
  const directory = fs.realpathSync(fs.mkdtempSync(path.join(os.tmpdir(), 'balsam-closed-')));
  t.teardown(() => fs.rmSync(directory, { recursive: true, force: true, maxRetries: 10 }));
  return directory;
}

/** Makes, uses and stops a database in `home`; `prefix` are words before the command. */
async function useOne(
  t: ExecutionContext,
  home: string,
  options: { balsam?: string; prefix?: readonly string[] } = {},
): Promise<Ran> {
  const db = path.join(home, 'db');
  const words = (args: readonly string[]): string[] => [
    ...(options.prefix ?? []),
    options.balsam ?? BALSAM,
    ...args,
  ];
  const command = (args: readonly string[]): Promise<Ran> =>
    run('/usr/bin/env', words(args), { env: { BALSAM_DB_PATH: db, BALSAM_HOME: path.join(home, 'own') } });
  const made = await command(['init', db]);
  if (made.code !== 0) return made;
  const listed = await command(['ls']);
  t.deepEqual([listed.code, listed.out, listed.err], [0, 'No jobs found matching query\n', '']);
  // Who looks at the processes finds the server, also without the right to see its directory.
  const { pid } = JSON.parse(fs.readFileSync(path.join(db, 'server-info'), 'utf8')) as { pid: number };
  t.true(fs.readFileSync(`/proc/${pid}/cmdline`, 'utf8').includes(path.join(db, 'balsamdb')));
  const stopped = await command(['server', '--stop']);
  t.deepEqual([stopped.code, stopped.err], [0, '']);
  return made;
}

asRoot("root's database works where only root can enter", async (t) => {
  const home = closed(t);
  t.is((await useOne(t, home)).code, 0);
  t.is(fs.statSync(home).mode & 0o777, 0o700, 'nothing was opened');
});

asRoot('a database made by root under a closed umask works', async (t) => {
  const home = closed(t);
  const made = await useOne(t, home, { prefix: ['sh', '-c', 'umask 077; exec "$@"', 'sh'] });
  t.is(made.code, 0, made.err);
});

asRoot("root's installation works where only root can enter: the programs are copied once", async (t) => {
  // Where there was no copy before none is left by this.
  const copies = '/var/cache/balsam';
  if (!fs.existsSync(copies)) t.teardown(() => fs.rmSync(copies, { recursive: true, force: true }));
  const home = closed(t);
  const balsam = path.join(copyInstallation(path.join(home, 'balsam'), 0o700), 'bin/balsam');
  const made = await useOne(t, home, { balsam, prefix: ['sh', '-c', 'umask 077; exec "$@"', 'sh'] });
  t.is(made.code, 0, made.err);
});

asRoot('copies of programs are made only where root alone can have made them', (t) => {
  const home = closed(t);
  fs.chmodSync(home, 0o755);
  const source = path.join(home, 'source');
  fs.mkdirSync(path.join(source, 'bin'), { recursive: true });
  fs.writeFileSync(path.join(source, 'bin', 'postgres'), '#!/bin/sh\necho ours\n', { mode: 0o700 });
  fs.symlinkSync('postgres', path.join(source, 'bin', 'link'));
  const [pre, linked, open, free] = ['pre', 'linked', 'open', 'free'].map((name) =>
    path.join(home, name),
  ) as [string, string, string, string];
  // Another user has the place already, or the name in it; or can write into it; or put a link there.
  fs.mkdirSync(path.join(pre, 'programs'), { recursive: true });
  fs.chownSync(pre, 12_345, 12_345);
  fs.mkdirSync(path.join(open, 'programs'), { recursive: true });
  fs.chownSync(path.join(open, 'programs'), 12_345, 12_345);
  fs.symlinkSync(source, linked);
  const before = process.umask(0o077);
  try {
    const copy = copyForOthers(source, 'programs', () => true, [pre, linked, open, free]);
    t.is(copy, path.join(free, 'programs'));
  } finally {
    process.umask(before);
  }
  t.is(fs.statSync(path.join(free, 'programs', 'bin')).mode & 0o777, 0o755);
  t.is(fs.statSync(path.join(free, 'programs', 'bin', 'postgres')).mode & 0o777, 0o755);
  t.is(fs.readlinkSync(path.join(free, 'programs', 'bin', 'link')), 'postgres');
  t.deepEqual(fs.readdirSync(path.join(pre, 'programs')), []);
  // The second time it is the same; one that does not work is no copy.
  const inode = fs.statSync(path.join(free, 'programs')).ino;
  copyForOthers(source, 'programs', () => true, [free]);
  t.is(fs.statSync(path.join(free, 'programs')).ino, inode);
  t.is(
    copyForOthers(source, 'programs', () => false, [free]),
    null,
  );
});

/** Why a mount namespace with a small /dev/shm can't be had; null when it can. */
const NO_NAMESPACE =
  NO_SMALL_DISK ??
  (spawnSync('unshare', ['-m', 'true']).status === 0 ? null : 'unshare -m is not permitted here');

for (const size of ['64k', '1m'])
  unless(NO_NAMESPACE, test.serial)(`a database works with ${size} of shared memory`, async (t) => {
    const home = closed(t);
    const prefix = [
      'unshare',
      '-m',
      'sh',
      '-c',
      `mount --make-rprivate / && mount -t tmpfs -o size=${size} none /dev/shm && exec "$@"`,
      'sh',
    ];
    const made = await useOne(t, home, { prefix });
    t.is(made.code, 0, made.err);
  });
