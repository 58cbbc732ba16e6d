/**
 * Signals that mean "leave" (batch systems send USR1, USR2, XCPU before their limit; a closed terminal HUP), those that
 * the launcher's shell ignored and that stay ignored, and that none of them opens a debugger's port.
 */
import { spawn, spawnSync } from 'node:child_process';
import fs from 'node:fs';
import path from 'node:path';
import test, { type ExecutionContext } from 'ava';
import { makeWorld, readMaybe, until, type Launcher, type World } from '../e2e/_world.ts';
import { lives } from '../helpers/lives.ts';
import { cleanEnvironment, ROOT } from '../helpers/program.ts';
import { unless } from '../helpers/unless.ts';

const NO_PYTHON =
  spawnSync('python3', ['-c', 'import pty']).status === 0 ? null : 'no python3 that makes terminals';
const ALL = ['--consume-all', '--idle-exit-seconds', '0'] as const;

let world: World;
test.before(async () => {
  world = await makeWorld();
  // Its grace: it says that it was told to leave, and needs a while.
  await world.app(
    'gentle',
    `[ "$BALSAM_ATTEMPT" = 1 ] || exit 0
trap 'echo told; sleep 1; echo gently; exit 99' TERM
echo running; while :; do sleep 0.05; done`,
  );
  await world.app('held', 'echo running; until [ -e go ]; do sleep 0.05; done');
});
test.after.always('nothing is left behind', async (t) => {
  t.deepEqual(await world.close(), []);
});

async function running(application: string): Promise<string> {
  const [id] = (await world.jobs([{ application, wall_time_minutes: 0 }])) as [string];
  return id;
}

async function untilRunning(id: string): Promise<void> {
  await until(
    async () => (await world.output(id)).includes('running'),
    () => world.logs(),
  );
}

/** TCP ports that processes of this world listen on. */
function ports(): string[] {
  const inodes = new Map<string, string>();
  for (const file of ['/proc/net/tcp', '/proc/net/tcp6'])
    for (const line of readMaybe(file).split('\n').slice(1)) {
      const [, local = '', , state, , , , , , inode = ''] = line.trim().split(/\s+/);
      if (state === '0A') inodes.set(inode, local.split(':')[1] ?? '');
    }
  const found = world.processes().flatMap(({ pid }) => {
    try {
      return fs.readdirSync(`/proc/${pid}/fd`).map((fd) => {
        try {
          return /^socket:\[(\d+)\]$/.exec(fs.readlinkSync(`/proc/${pid}/fd/${fd}`))?.[1] ?? '';
        } catch {
          return '';
        }
      });
    } catch {
      return [];
    }
  });
  return [...new Set(found.map((inode) => inodes.get(inode) ?? ''))].filter(Boolean).toSorted();
}

async function leftInOrder(
  t: ExecutionContext,
  launcher: Launcher,
  id: string,
  reason: RegExp,
): Promise<void> {
  await launcher.exit();
  t.regex(launcher.out, reason);
  t.deepEqual((await world.states(id)).slice(-2), ['RUN_TIMEOUT', 'RESTART_READY']);
  t.regex(await world.output(id), /told\ngently\n/, 'the job had its grace');
  t.deepEqual(fs.readdirSync(path.join(world.dbPath, 'keys')), []);
  const next = world.launcher(ALL);
  t.is(await next.exit(), 0, next.err);
  t.is((await world.row(id)).state, 'JOB_FINISHED');
}

for (const helper of ['python', 'node'] as const)
  for (const signal of ['SIGUSR1', 'SIGUSR2', 'SIGXCPU', 'SIGHUP', 'SIGQUIT'] as const)
    test.serial(`${signal}: the launcher leaves in order (${helper} helper)`, async (t) => {
      const id = await running('gentle');
      const launcher = world.launcher([...ALL, '--helper', helper]);
      await untilRunning(id);
      const before = ports();
      process.kill(launcher.pid, signal);
      await until(
        async () => (await world.output(id)).includes('told'),
        () => world.logs(),
      );
      // A terminal that closes says so twice, a batch system may warn again: that hurries nobody.
      process.kill(launcher.pid, signal);
      t.deepEqual(ports(), before);
      await leftInOrder(t, launcher, id, new RegExp(`Launcher ended: received ${signal}\\b`));
      t.is(launcher.child.exitCode, 3, 'a job is left');
    });

for (const helper of ['python', 'node'] as const)
  test.serial(
    `a warning for every process of a launcher, as Slurm sends it (${helper} helper)`,
    async (t) => {
      const id = await running('gentle');
      const launcher = world.launcher([...ALL, '--helper', helper]);
      await untilRunning(id);
      const before = ports();
      const all = world.processes().filter((p) => !/\/(?:postgres|sleep)$|\.sh$/.test(p.argv.join(' ')));
      const ours = all.filter((p) => /balsam|helper|guard|agent|coordinator/.test(p.argv.join(' ')));
      t.true(ours.length >= 5, JSON.stringify(ours));
      for (const { pid, argv } of ours)
        if (!argv.join(' ').includes('postgres')) process.kill(pid, 'SIGUSR1');
      await until(
        async () => (await world.output(id)).includes('told'),
        () => world.logs(),
      );
      t.deepEqual(ports(), before);
      await leftInOrder(t, launcher, id, /Launcher ended: received SIGUSR1\b/);
    },
  );

test.serial('a short command that is sent USR1 opens no port', async (t) => {
  const watch = spawn(path.join(ROOT, 'bin/balsam'), ['watch'], {
    env: cleanEnvironment(world.env()),
    stdio: ['ignore', 'pipe', 'ignore'],
  });
  t.teardown(() => watch.kill('SIGKILL'));
  await new Promise((resolve) => watch.stdout.once('data', resolve));
  const before = ports();
  watch.kill('SIGUSR1');
  // What answers the next signal has had the time to answer that one.
  const status = (): string => readMaybe(`/proc/${watch.pid}/status`);
  await until(() => /^S(?:ig|hd)Pnd:\s*0*2[0-9a-f]{2}$/m.test(status()) || !lives(watch.pid ?? 0), status);
  t.deepEqual(ports(), before);
});

for (const signal of ['HUP', 'INT', 'QUIT', 'TERM', 'USR1', 'USR2', 'XCPU'] as const)
  test.serial(`${signal} that the launcher's shell ignored stays ignored`, async (t) => {
    const id = await running('held');
    const launcher = world.launcher(ALL, { bash: `trap '' ${signal}; exec "$@"` });
    await untilRunning(id);
    process.kill(launcher.pid, `SIG${signal}`);
    // Another one comes after it, and is heard.
    const other = signal === 'HUP' ? 'SIGUSR2' : 'SIGHUP';
    process.kill(launcher.pid, other);
    await launcher.exit();
    t.regex(launcher.out, new RegExp(`Launcher ended: received ${other}\\b`));
    t.notRegex(launcher.err, new RegExp(`SIG${signal}`));
    const [row] = await world.rows([id]);
    t.is(row?.state, 'RESTART_READY');
    await world.balsam(['kill', id, '--yes']);
  });

/** An interactive bash on a terminal of its own, which types a line and closes the terminal when a file is there. */
const TERMINAL = `
import os, pty, sys, time
pid, terminal = pty.fork()
if pid == 0:
    os.execv("/bin/bash", ["bash", "--norc", "--noprofile", "-i"])
os.write(terminal, (sys.argv[1] + "\\n").encode())
os.set_blocking(terminal, False)
while not os.path.exists(sys.argv[2]):
    try:
        os.read(terminal, 65536)
    except OSError:
        pass
    time.sleep(0.02)
os.close(terminal)
os.waitpid(pid, 0)
`;

for (const [title, line, survives] of [
  ['nohup: it works on', 'nohup balsam launcher $ALL >nohup.out 2>&1 &', true],
  ['disowned, and still written to: it works on', 'balsam launcher $ALL & disown; set +m', true],
  ['in the background: it leaves in order', 'balsam launcher $ALL >job.out 2>&1 &', false],
  ['in the foreground: it leaves in order', 'balsam launcher $ALL', false],
] as const)
  unless(NO_PYTHON, test.serial)(`a terminal that closes over a launcher, ${title}`, async (t) => {
    const id = await running(survives ? 'held' : 'gentle');
    const closed = path.join(world.home, `close-${id}`);
    const env = cleanEnvironment(world.env({ ALL: ALL.join(' ') }));
    const terminal = spawn('python3', ['-c', TERMINAL, line, closed], {
      env,
      cwd: world.home,
      stdio: 'ignore',
    });
    const ended = new Promise((resolve) => terminal.once('exit', resolve));
    await untilRunning(id);
    fs.writeFileSync(closed, '');
    await ended;
    if (survives) {
      // Longer than a line of its display takes.
      await fs.promises.writeFile(path.join(world.directory(await world.row(id)), 'go'), '');
      await world.until([id], ['JOB_FINISHED']);
      t.is((await world.row(id)).tries, 1);
    } else {
      await world.until([id], ['RESTART_READY']);
      t.regex(await world.output(id), /told\ngently\n/);
    }
    const keys = path.join(world.dbPath, 'keys');
    await until(
      () => fs.readdirSync(keys).length === 0,
      () => `${fs.readdirSync(keys).join()} ${JSON.stringify(world.processes())}`,
    );
    if (!survives) {
      t.regex(world.logs(), /leaving: received SIGHUP/);
      await world.balsam(['kill', id, '--yes']);
    }
  });
