/**
 * What the launcher's shell has is what a job has: the limit of open files, the variables, and nothing of ours in between;
 * while our own programs obey none of the variables that are meant for the person's. By both helpers, by mpirun, through
 * `submit-launch`, and as an ordinary user.
 */
import { spawnSync } from 'node:child_process';
import fs from 'node:fs';
import os from 'node:os';
import path from 'node:path';
import test, { type ExecutionContext } from 'ava';
import { makeWorld, until, type World } from '../e2e/_world.ts';
import { detectMpi } from '../../src/process/mpi/flavour.ts';
import { cleanEnvironment, ROOT, run } from '../helpers/program.ts';
import { NOT_ROOT, unless } from '../helpers/unless.ts';
import { copyInstallation } from './_installation.ts';

const NO_MPI = (await detectMpi()) ? null : 'no mpirun here';
const ALL = ['--consume-all', '--idle-exit-seconds', '0'] as const;
/** Each would break or change a Node, a python or a bash that obeyed it. */
const HOSTILE = {
  NODE_OPTIONS: '--require /nonexistent/a.cjs --inspect=127.0.0.1:0 --max-old-space-size=1',
  NODE_PATH: '/nonexistent/modules',
  NODE_EXTRA_CA_CERTS: '/nonexistent/ca.pem',
  NODE_V8_COVERAGE: '/nonexistent/coverage',
  NODE_REPL_EXTERNAL_MODULE: '/nonexistent/repl',
  NODE_DEBUG: 'net,child_process',
  NODE_TLS_REJECT_UNAUTHORIZED: '0',
  OPENSSL_CONF: '/nonexistent/openssl.cnf',
  UV_THREADPOOL_SIZE: '1',
  PYTHONHOME: '/nonexistent/python',
  PYTHONPATH: '/nonexistent/modules',
  PYTHONWARNINGS: 'error',
  PYTHONSTARTUP: '/nonexistent/start.py',
  BASH_ENV: '/nonexistent/bash_env',
  ENV: '/nonexistent/env',
  SHELLOPTS: 'braceexpand:hashall:interactive-comments',
  // Names that our own scripts use.
  root: 'theirs',
  self: 'theirs',
  node: 'theirs',
  'BASH_FUNC_theirs%%': '() {  echo "a\nb"\n}',
  LINES_OF: 'a\nb\n',
};
/** Prints how a job finds itself, as bytes that are compared. */
const SHOW = `#!/usr/bin/python3 -IS
import os, resource, sys
sys.stdout.buffer.write(b"nofile %d %d\\n" % resource.getrlimit(resource.RLIMIT_NOFILE))
status = open("/proc/self/status").read()
low = (1 << 31) - 1 & ~(1 << 24)  # python ignores XFSZ
ignored, blocked = (int(status.split(key)[1].split()[0], 16) & low for key in ("SigIgn:", "SigBlk:"))
sys.stdout.buffer.write(b"ignored %x blocked %x\\n" % (ignored & ~(1 << 12), blocked))  # and PIPE
sys.stdout.buffer.write(b"\\0".join(k + b"=" + v for k, v in sorted(os.environb.items())))
`;

let world: World;
test.before(async () => {
  world = await makeWorld();
  await world.app('show', SHOW);
});
test.after.always('nothing is left behind', async (t) => {
  t.deepEqual(await world.close(), []);
});

/** What is wrong with what a job printed. */
function judge(t: ExecutionContext, output: string, softLimit: number): void {
  const [limits = '', signals = '', ...rest] = output.split('\n');
  t.regex(limits, new RegExp(`^nofile ${softLimit} \\d+$`));
  t.is(signals, 'ignored 0 blocked 0');
  const entries = rest.join('\n').split('\0');
  for (const [name, value] of Object.entries(HOSTILE))
    t.true(entries.includes(`${name}=${value}`), `${name} in ${entries.join('|')}`);
  const ours = entries
    .map((entry) => entry.split('=')[0] ?? '')
    .filter((name) => /^(?:BALSAM|NODE_CH)/.test(name));
  t.deepEqual(
    ours.filter((name) => name.startsWith('BALSAM_ENTRY') || name.startsWith('NODE_CH')),
    [],
  );
}

async function show(fields: object = {}): Promise<string> {
  const [id] = (await world.jobs([{ application: 'show', ...fields }])) as [string];
  return id;
}

for (const [title, args, skip] of [
  ['python helper', ['--helper', 'python'], null],
  ['node helper', ['--helper', 'node'], null],
  ['agents under mpirun', ['--launch', 'mpirun', '--nodes', '1'], NO_MPI],
] as const)
  for (const soft of [300, 48])
    unless(skip, test.serial)(
      `a job has the ${soft} open files and the variables of its shell: ${title}`,
      async (t) => {
        const id = await show();
        const launcher = world.launcher([...ALL, ...args], {
          env: HOSTILE,
          bash: `set +x; trap '' HUP USR2; ulimit -Sn ${soft}; exec "$@"`,
        });
        t.is(await launcher.exit(), 0, launcher.err);
        t.is((await world.row(id)).state, 'JOB_FINISHED');
        judge(t, await world.output(id), soft);
        t.notRegex(launcher.err, /Debugger|nonexistent/);
      },
    );

unless(NO_MPI, test.serial)('ranks of a job have them too', async (t) => {
  const id = await show({ ranks_per_node: 2 });
  const launcher = world.launcher(ALL, { bash: 'ulimit -Sn 300; exec "$@"' });
  t.is(await launcher.exit(), 0, launcher.err);
  t.is((await world.output(id)).match(/^.*nofile 300 \d+$/gm)?.length, 2);
});

test.serial('through submit-launch', async (t) => {
  const id = await show();
  const words = ['submit-launch', '-n', '1', '-t', '5', '-q', 'q', '-A', 'a', '--job-mode', 'mixed'];
  const balsam = path.join(ROOT, 'bin/balsam');
  const submit = await run(
    '/bin/bash',
    ['-c', 'set +x; ulimit -Sn 300; exec "$@"', 'bash', balsam, ...words],
    {
      cwd: world.home,
      env: world.env(HOSTILE),
    },
  );
  t.is(submit.code, 0, submit.err);
  await world.until([id], ['JOB_FINISHED']);
  judge(t, await world.output(id), 300);
  const launcher = (): number => world.processes().find((p) => p.argv.includes('launcher'))?.pid ?? 0;
  if (launcher() > 0) process.kill(launcher(), 'SIGTERM');
  await until(() => launcher() === 0, 'it has left');
});

unless(NOT_ROOT, test.serial)('as an ordinary user, past a reader who left', async (t) => {
  const home = fs.realpathSync(fs.mkdtempSync(path.join(os.tmpdir(), 'balsam-given-')));
  t.teardown(() => fs.rmSync(home, { recursive: true, force: true }));
  fs.chmodSync(home, 0o755);
  const copy = copyInstallation(path.join(home, 'balsam'));
  const own = path.join(home, 'own');
  fs.mkdirSync(own);
  fs.chownSync(own, 65_534, 65_534);
  const show = path.join(home, 'show');
  fs.writeFileSync(show, SHOW, { mode: 0o755 });
  const line = `set -e; cd ${own}; balsam init db >/dev/null; export BALSAM_DB_PATH=$PWD/db
balsam app --name show --executable ${show} >/dev/null
balsam job --name one --workflow w --application show --yes >/dev/null
ulimit -Sn 300
( nohup balsam launcher ${ALL.join(' ')} 2>/dev/null; echo "ended $?" >&2 ) | head -1
balsam output one; ulimit -Sn 4096; balsam server --stop >/dev/null`;
  const env = { PATH: `${copy}/bin:/usr/bin:/bin`, HOME: own, ...HOSTILE, SHELLOPTS: undefined };
  const ran = spawnSync(
    'setpriv',
    ['--reuid=65534', '--regid=65534', '--clear-groups', '/bin/bash', '-pc', line],
    { env: cleanEnvironment(env), encoding: 'utf8', cwd: home },
  );
  t.regex(ran.stderr, /ended 0/);
  t.regex(ran.stdout, /^nofile 300 \d+$/m);
  t.true(ran.stdout.includes(`NODE_OPTIONS=${HOSTILE.NODE_OPTIONS}`), ran.stdout + ran.stderr);
});
