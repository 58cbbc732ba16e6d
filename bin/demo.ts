/**
 * `npm run demo [-- DIRECTORY]`: the tutorial, alone. Makes a database in a temporary (or the named) directory, creates
 * ten jobs that square a number, runs them with a launcher of two nodes while a bar shows how far they are, prints the
 * table and where the files are, and stops what it started.
 */
import { spawn, type ChildProcess } from 'node:child_process';
import { chmodSync, existsSync, mkdtempSync, readFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { processStartTime } from '../src/base/proc.ts';

const root = path.join(import.meta.dirname, '..');
const balsam = path.join(root, 'bin', 'balsam');
const named = process.argv[2];
const home = named === undefined ? temporaryDirectory() : path.resolve(named);
const db = path.join(home, 'demo-db');
const env = {
  ...process.env,
  BALSAM_DB_PATH: db,
  // Scripts of jobs begin with `#!/usr/bin/env node`: they must find the Node that runs this, as balsamactivate would see to.
  PATH: `${path.join(root, 'bin')}:${path.dirname(process.execPath)}:${process.env['PATH'] ?? ''}`,
};

let interrupted: NodeJS.Signals | null = null;
let current: ChildProcess | null = null;
// A terminal that is gone takes no words; the commands are ended all the same.
for (const stream of [process.stdout, process.stderr]) stream.on('error', () => undefined);
for (const signal of ['SIGINT', 'SIGTERM', 'SIGHUP', 'SIGQUIT'] as const)
  process.on(signal, () => {
    interrupted ??= signal;
    current?.kill(signal === 'SIGQUIT' ? 'SIGTERM' : signal);
  });

function temporaryDirectory(): string {
  try {
    const made = mkdtempSync(path.join(tmpdir(), 'balsam-demo-'));
    // As root Postgres runs under an account of its own, which may pass through; nobody can list or write there.
    chmodSync(made, 0o711);
    return made;
  } catch (error) {
    const why = error instanceof Error && 'code' in error ? String(error.code) : String(error);
    console.error(
      `balsam: no directory can be made in ${tmpdir()} (${why}), which is for temporary files (TMPDIR): make it, or name a directory: npm run demo -- DIRECTORY`,
    );
    process.exit(1);
  }
}

/** What ends the commands and the server when this process is killed (demo-watch.ts). */
function startWatch(): ChildProcess {
  const npm = process.env['npm_lifecycle_event'] === undefined ? null : parentOf(process.ppid);
  const known = [process.pid, npm].flatMap((pid) => (pid === null ? [] : [String(pid), startOf(pid)]));
  const child = spawn(
    process.execPath,
    [path.join(import.meta.dirname, 'demo-watch.ts'), balsam, db, ...known],
    { stdio: ['pipe', 'ignore', 'ignore'], detached: true, cwd: '/' },
  );
  child.on('error', () => undefined);
  child.stdin?.on('error', () => undefined);
  child.unref();
  return child;
}

function startOf(pid: number): string {
  return processStartTime(pid) ?? '';
}

function parentOf(pid: number): number | null {
  try {
    return Number(/^PPid:\s*(\d+)/m.exec(readFileSync(`/proc/${pid}/status`, 'utf8'))?.[1] ?? 0) || null;
  } catch {
    return null;
  }
}

function refuseAfterSignal(): void {
  if (interrupted !== null) throw new Error(`ended by ${String(interrupted)}`);
}

/** Runs a command as a person would type it; its output is ours. */
async function run(
  shown: string,
  file: string,
  args: string[],
  extra: NodeJS.ProcessEnv = {},
): Promise<void> {
  refuseAfterSignal();
  console.log(`\n$ ${shown}`);
  const code = await ended(spawn(file, args, { stdio: 'inherit', env: { ...env, ...extra }, cwd: root }));
  refuseAfterSignal();
  if (code !== 0) throw new Error(`\`${shown}\` ended with code ${code}`);
}

async function ended(child: ChildProcess): Promise<number> {
  current = child;
  if (child.pid !== undefined) watch.stdin?.write(`child ${child.pid} ${startOf(child.pid)}\n`);
  return await new Promise<number>((resolve, reject) => {
    child.once('error', reject);
    child.once('exit', (exit) => resolve(exit ?? 1));
  }).finally(() => {
    current = null;
  });
}

/** In a session of its own: who types Ctrl-C once more does not stop the stopping. */
async function stopServer(): Promise<void> {
  if (interrupted === null) console.log('\n$ balsam server --stop');
  const stdio = interrupted === null ? 'inherit' : 'ignore';
  const child = spawn(balsam, ['server', '--stop'], { stdio, env, cwd: root, detached: true });
  const code = await new Promise<number>((resolve) => {
    child.once('error', () => resolve(1));
    child.once('exit', (exit) => resolve(exit ?? 1));
  });
  if (code === 0) watch.stdin?.end('done\n');
}

if (existsSync(db)) {
  console.error(`balsam: ${db} is there already: remove it, or name another directory`);
  process.exit(2);
}
const watch = startWatch();
const startedAt = performance.now();
try {
  await run(`balsam init ${db}`, balsam, ['init', db]);
  await run('examples/square/app.ts 10', path.join(root, 'examples', 'square', 'app.ts'), ['10']);
  await run('BALSAM_LS_FIELDS=data balsam ls', balsam, ['ls'], { BALSAM_LS_FIELDS: 'data' });
  const launcher = [
    'launcher',
    '--consume-all',
    '--job-mode',
    'mpi',
    '--nodes',
    '2',
    '--idle-exit-seconds',
    '0',
  ];
  await run(`balsam ${launcher.join(' ')}`, balsam, launcher);
  await run('BALSAM_LS_FIELDS=data balsam ls', balsam, ['ls'], { BALSAM_LS_FIELDS: 'data' });
  console.log(
    `\nTen jobs, created, run and read back in ${((performance.now() - startedAt) / 1000).toFixed(1)} s.`,
  );
  console.log(`Working directories: ${path.join(db, 'data', 'demo-square')}`);
  console.log(`Logs:                ${path.join(db, 'log')}`);
  console.log(
    `Look around with:    source ${path.relative(process.cwd(), path.join(root, 'bin', 'balsamactivate'))} ${db}`,
  );
} catch (error) {
  console.error(`balsam: ${error instanceof Error ? error.message : String(error)}`);
  process.exitCode = 1;
} finally {
  if (existsSync(db)) await stopServer();
  // Without a server there is nothing to stop; otherwise the watch tries again when this process is gone.
  else watch.stdin?.end('done\n');
}
if (interrupted !== null) {
  process.removeAllListeners(interrupted);
  process.kill(process.pid, interrupted);
}
