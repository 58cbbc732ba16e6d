/** `doctor`: on a machine that is well, and on ones that lack something, made by an environment that lacks it. */
import fs from 'node:fs';
import path from 'node:path';
import test from 'ava';
import { diskOf } from '../../src/cli/doctor/doctor-database.ts';
import { nodeOf } from '../../src/cli/doctor/doctor-machine.ts';
import { startServer } from '../helpers/database.ts';
import { balsam, fresh } from './_cli.ts';

const line = (out: string, name: string): string =>
  out.split('\n').find((one) => one.slice(6).startsWith(name)) ?? '';

test.serial('each line is OK, WARN or FAIL, and what is not OK says what to do', async (t) => {
  const db = await fresh(t);
  const { out, err, code } = await db.run('doctor');
  t.log(out);
  t.is(err, '');
  const lines = out.split('\n').filter(Boolean);
  for (const [i, one] of lines.entries()) {
    t.regex(one, /^(?:OK {2}|WARN|FAIL) {2}[a-z ]{14} {2}\S|^ {22}→ \S/);
    if (/^(?:WARN|FAIL)/.test(one)) t.regex(lines[i + 1] ?? '', /^ +→ /, one);
  }
  t.is(code, lines.some((one) => one.startsWith('FAIL')) ? 1 : 0);
  t.regex(line(out, 'node'), /^OK {4}node +v\d+/);
  t.regex(line(out, 'server'), /^OK {4}server +Postgres 18[\d.]*, fsync on/);
  t.regex(
    line(out, 'start rate'),
    /^(?:OK|WARN) +start rate +\d+ processes\/s through the helper, \d\.\d\d of a shell loop/,
  );
  t.regex(line(out, 'mpirun'), /^OK {4}mpirun +(?:openmpi|mpich) [\d.]+ \(.*\): two ranks in/);
  t.regex(line(out, 'clock'), /the server's is \d+ ms (?:behind|ahead of) ours/);
});

test.serial('the GPUs that the surroundings grant', async (t) => {
  const { out } = await balsam(['doctor'], { env: { CUDA_VISIBLE_DEVICES: '2,GPU-8f1c', PATH: '/bin' } });
  t.regex(line(out, 'gpus'), /^OK {4}gpus +2 granted by CUDA_VISIBLE_DEVICES \(.*\): 2, GPU-8f1c$/);
});

test.serial('no database, no mpirun, no python3: said, with what to do', async (t) => {
  const empty = fs.mkdtempSync(path.join(fs.realpathSync('/tmp'), 'balsam-path-'));
  t.teardown(() => fs.rmSync(empty, { recursive: true }));
  for (const name of ['bash', 'sh', 'true']) fs.symlinkSync(`/bin/${name}`, path.join(empty, name));
  const { out, code } = await balsam(['doctor'], { env: { PATH: empty } });
  t.is(code, 1);
  t.regex(line(out, 'mpirun'), /^WARN {2}mpirun +none on PATH/);
  t.regex(line(out, 'helper'), /^WARN {2}helper +Node: there is no usable python3/);
  t.regex(line(out, 'database'), /^FAIL {2}database +BALSAM_DB_PATH is not set/);
  t.regex(line(out, 'server'), /^FAIL {2}server +BALSAM_DB_PATH is not set/);
});

test.serial(
  'a server that may lose what it confirmed, a password that others read, an mpirun that starts one rank',
  async (t) => {
    const db = await fresh(t);
    const careless = await startServer({ fsync: false });
    t.teardown(() => careless.remove());
    const { host, port, user, password, database } = await careless.database();
    const home = fs.mkdtempSync(path.join(fs.realpathSync('/tmp'), 'balsam-home-'));
    t.teardown(() => fs.rmSync(home, { recursive: true }));
    const url = `postgres://${user}:${password}@localhost:${port}/${database}?host=${encodeURIComponent(host)}`;
    const made = await balsam(['init', path.join(home, 'db'), '--url', url], { env: { BALSAM_HOME: home } });
    t.is(made.code, 0, made.err);
    fs.chmodSync(path.join(home, 'db', 'credentials'), 0o644);
    const bin = path.join(home, 'bin');
    fs.mkdirSync(bin);
    const script =
      '#!/bin/sh\ncase $1 in --version) echo "mpirun (Open MPI) 4.1.4" ;; *) echo rank ;; esac\n';
    fs.writeFileSync(path.join(bin, 'mpirun'), script, { mode: 0o755 });
    fs.writeFileSync(path.join(bin, 'sbatch'), '#!/bin/sh\n', { mode: 0o755 });
    const env = { ...db.env, BALSAM_DB_PATH: path.join(home, 'db'), PATH: `${bin}:${process.env['PATH']}` };
    const { out, code } = await balsam(['doctor'], { env });
    t.is(code, 1);
    t.regex(out, /FAIL {2}server .*fsync off: a crash of its host .*\n +→ set fsync = on/);
    t.regex(out, /WARN {2}database .*others can read the password \(mode 644\)\n +→ chmod 600/);
    t.regex(out, /FAIL {2}mpirun .*openmpi 4\.1\.4 \(mpirun\) started 1 of 2 ranks\n +→ try/);
    t.regex(out, /WARN {2}batch system .*slurm, which submit-launch cannot use yet\n +→ run/);
  },
);

test.serial('versions and disks', (t) => {
  t.is(nodeOf('22.17.9').status, 'FAIL');
  t.is(nodeOf('22.18.0').status, 'WARN');
  t.is(nodeOf('24.0.0').status, 'OK');
  t.regex(diskOf('/').finding, /GiB \(\d+ %\) and .* inodes free at \/$/);
});
