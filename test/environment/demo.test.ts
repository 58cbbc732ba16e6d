/** `npm run demo` leaves nothing running, whatever ends it and whenever, and says in a sentence what it lacks. */
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import fs from 'node:fs';
import os from 'node:os';
import path from 'node:path';
import test, { type ExecutionContext } from 'ava';
import { cleanEnvironment, ROOT, run } from '../helpers/program.ts';
import { lives } from '../helpers/lives.ts';

function place(t: ExecutionContext): string {
  const directory = fs.realpathSync(fs.mkdtempSync(path.join(os.tmpdir(), 'balsam-demos-')));
  fs.chmodSync(directory, 0o711);
  t.teardown(() => fs.rmSync(directory, { recursive: true, force: true, maxRetries: 10 }));
  return directory;
}

async function until<T>(look: () => T | null | undefined | false, what: string): Promise<T> {
  const deadline = performance.now() + 250_000;
  for (;;) {
    const found = look();
    if (found !== null && found !== undefined && found !== false) return found;
    if (performance.now() > deadline) throw new Error(`not within 250 s: ${what}`);
    await new Promise((resolve) => setTimeout(resolve, 5));
  }
}

/** Processes that name `directory` in their command line or environment, or work in it. */
function processesOf(directory: string): number[] {
  const read = (look: () => string): string => {
    try {
      return look();
    } catch {
      return '';
    }
  };
  return fs
    .readdirSync('/proc')
    .filter((name) => /^\d+$/.test(name))
    .map(Number)
    .filter(
      (pid) =>
        pid !== process.pid &&
        lives(pid) &&
        (read(() => fs.readFileSync(`/proc/${pid}/cmdline`, 'latin1')).includes(directory) ||
          read(() => fs.readFileSync(`/proc/${pid}/environ`, 'latin1')).includes(directory) ||
          read(() => fs.readlinkSync(`/proc/${pid}/cwd`)).startsWith(directory)),
    );
}

function commandOf(pid: number): string {
  try {
    return fs.readFileSync(`/proc/${pid}/cmdline`, 'latin1').replaceAll('\0', ' ');
  } catch {
    return '';
  }
}

/** The server runs, or the launcher does. */
const MOMENTS: Record<string, (db: string) => boolean> = {
  'its server runs': (db) => /"pid": \d/.test(fs.readFileSync(path.join(db, 'server-info'), 'utf8')),
  'its launcher runs': (db) => fs.readdirSync(path.join(db, 'log')).length > 0,
};

const CASES = [
  ['SIGINT', 'node', 'its server runs'],
  ['SIGTERM', 'node', 'its launcher runs'],
  ['SIGHUP', 'node', 'its launcher runs'],
  ['SIGQUIT', 'node', 'its server runs'],
  ['SIGKILL', 'node', 'its server runs'],
  ['SIGKILL', 'node', 'its launcher runs'],
  ['SIGKILL', 'npm', 'its launcher runs'],
  ['SIGKILL', 'all', 'its server runs'],
] as const;

for (const [signal, whom, moment] of CASES) {
  test.serial(`${signal} to ${whom} when ${moment}: nothing runs afterwards`, async (t) => {
    t.timeout(400_000);
    const home = place(t);
    const db = path.join(home, 'demo-db');
    const npm = spawn('npm', ['run', 'demo', '--', home], {
      cwd: ROOT,
      env: cleanEnvironment({ BALSAM_HOME: path.join(home, 'own') }),
      stdio: 'ignore',
      detached: true,
    });
    const ended = once(npm, 'close');
    await until(() => {
      try {
        return MOMENTS[moment]!(db);
      } catch {
        return false; // not there yet
      }
    }, moment);
    const node = processesOf(home).find((pid) => /^\S*node \S*bin\/demo\.ts /.test(commandOf(pid)));
    t.truthy(node, 'the demo still runs');
    process.kill(whom === 'node' ? node! : whom === 'npm' ? npm.pid! : -npm.pid!, signal);
    await ended;
    await until(() => processesOf(home).length === 0, 'nothing of it runs').catch((error: unknown) => {
      t.fail(`${String(error)}: ${processesOf(home).map(commandOf).join('; ')}`);
    });
  });
}

test.serial('without a directory for temporary files the demo says so', async (t) => {
  const ran = await run(process.execPath, [path.join(ROOT, 'bin/demo.ts')], {
    env: { TMPDIR: path.join(place(t), 'gone') },
  });
  t.is(ran.code, 1);
  t.regex(ran.err, /^balsam: no directory can be made in .*gone \(ENOENT\).*TMPDIR.*\n$/);
});
