/**
 * `npm run demo [-- DIRECTORY]`: the tutorial, alone. Makes a database in a temporary (or the named) directory, creates
 * ten jobs that square a number, runs them with a launcher of two nodes while a bar shows how far they are, prints the
 * table and where the files are, and stops what it started.
 */
import { spawn } from 'node:child_process';
import { chmodSync, existsSync, mkdtempSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';

const root = path.join(import.meta.dirname, '..');
const balsam = path.join(root, 'bin', 'balsam');
const named = process.argv[2];
const home = named === undefined ? mkdtempSync(path.join(tmpdir(), 'balsam-demo-')) : path.resolve(named);
// As root Postgres runs under an account of its own, which must be able to pass through; nobody can list or write there.
if (named === undefined) chmodSync(home, 0o711);
const db = path.join(home, 'demo-db');
const env = {
  ...process.env,
  BALSAM_DB_PATH: db,
  // Scripts of jobs begin with `#!/usr/bin/env node`: they must find the Node that runs this, as balsamactivate would see to.
  PATH: `${path.join(root, 'bin')}:${path.dirname(process.execPath)}:${process.env['PATH'] ?? ''}`,
};

/** Runs a command as a person would type it; its output is ours. */
async function run(
  shown: string,
  file: string,
  args: string[],
  extra: NodeJS.ProcessEnv = {},
): Promise<void> {
  console.log(`\n$ ${shown}`);
  const child = spawn(file, args, { stdio: 'inherit', env: { ...env, ...extra }, cwd: root });
  for (const signal of ['SIGINT', 'SIGTERM'] as const) process.once(signal, () => child.kill(signal));
  const code = await new Promise<number>((resolve, reject) => {
    child.once('error', reject);
    child.once('exit', (exit) => resolve(exit ?? 1));
  });
  if (code !== 0) throw new Error(`\`${shown}\` ended with code ${code}`);
}

if (existsSync(db)) {
  console.error(`balsam: ${db} is there already: remove it, or name another directory`);
  process.exit(2);
}
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
  if (existsSync(db)) await run('balsam server --stop', balsam, ['server', '--stop']).catch(() => undefined);
}
