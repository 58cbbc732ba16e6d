/** Limits and paths that the programs below us can't bear are said in a sentence, before one of them dumps, hangs or half works. */
import fs from 'node:fs';
import os from 'node:os';
import path from 'node:path';
import test, { type ExecutionContext } from 'ava';
import { ROOT, run, type Ran } from '../helpers/program.ts';
import { NOT_ROOT, unless } from '../helpers/unless.ts';
import { copyInstallation } from './_installation.ts';

const BALSAM = path.join(ROOT, 'bin/balsam');
/** Nobody else runs anything as this user. */
const ALONE = 12_347;

function place(t: ExecutionContext): string {
  const directory = fs.realpathSync(fs.mkdtempSync(path.join(os.tmpdir(), 'balsam-limits-')));
  fs.chmodSync(directory, 0o755);
  t.teardown(() => fs.rmSync(directory, { recursive: true, force: true }));
  return directory;
}

function bash(line: string, words: readonly string[], prefix: readonly string[] = []): Promise<Ran> {
  return run('/usr/bin/env', [...prefix, 'bash', '-c', line, 'bash', ...words]);
}

test('too little address space is said, enough is not', async (t) => {
  const little = await bash('ulimit -v 1000000 && exec "$@"', [BALSAM, '--version']);
  t.is(little.code, 1);
  t.regex(little.err, /^balsam: Node needs 2 GB of address space, and the limit here is 976 MB: .*\n$/);
  const enough = await bash('ulimit -v 4000000 && exec "$@"', [BALSAM, '--version']);
  t.regex(enough.out, /^balsam \d/, enough.err);
});

unless(NOT_ROOT, test)('too few processes are said, and doctor counts what is left', async (t) => {
  const balsam = path.join(copyInstallation(path.join(place(t), 'balsam')), 'bin/balsam');
  const as = ['setpriv', `--reuid=${ALONE}`, `--regid=${ALONE}`, '--clear-groups'];
  const few = await bash('ulimit -u 6 && exec "$@"', [balsam, 'which', '--list'], as);
  t.is(few.code, 1);
  t.regex(
    few.err,
    /^balsam: Node needs about 12 processes and threads, and this user may start \d more .*\n$/,
  );
  const enough = await bash('ulimit -u 20 && exec "$@"', [balsam, 'which', '--list'], as);
  t.is(enough.code, 0, enough.err);
  const doctor = await bash('ulimit -u 60 && exec "$@"', [balsam, 'doctor'], as);
  t.regex(doctor.out, /WARN +processes +\d+ more for this user \(ulimit -u 60, \d+ in use\)/, doctor.err);
});

test('doctor says that the directory for temporary files is missing', async (t) => {
  const ran = await run(BALSAM, ['doctor'], { env: { TMPDIR: path.join(place(t), 'gone') } });
  t.regex(
    ran.out,
    /FAIL +temporary dir +no directory can be made in .*gone \(ENOENT\)\n +→ .*TMPDIR/,
    ran.err,
  );
});

test('paths of an installation that can not work are refused', async (t) => {
  const home = place(t);
  const bins = (name: string): string => {
    const bin = path.join(home, name, 'bin');
    fs.mkdirSync(bin, { recursive: true });
    for (const file of ['balsam', 'balsamactivate', 'ensure']) {
      fs.copyFileSync(path.join(ROOT, 'bin', file), path.join(bin, file));
      fs.chmodSync(path.join(bin, file), 0o755);
    }
    return bin;
  };
  const back = bins('back\\slash');
  for (const [line, cwd] of [
    ['exec "$1/balsam" --version', '/'],
    ['cd "$1" && exec ./balsam --version', '/'],
  ] as const) {
    const ran = await run('/bin/bash', ['-c', line, 'bash', back], { cwd });
    t.is(ran.code, 1);
    t.regex(ran.err, /^balsam: the path of this installation has a backslash/);
  }
  for (const name of ['back\\slash', 'a:b', 'a"b', 'a$b', 'a`b']) {
    const ran = await run(path.join(bins(name), 'ensure'), []);
    t.is(ran.code, 1, name);
    t.regex(ran.err, /^balsam: the path of this checkout \(.*\) has a character/, name);
  }
  const colon = await bash('. "$1/balsamactivate" x; echo "$? ${BALSAM_DB_PATH-none}"', [bins('c:d')]);
  t.regex(colon.err, /^balsamactivate: the path of this installation .* has a colon/);
  t.is(colon.out, '1 none\n');
});
