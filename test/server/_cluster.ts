/**
 * Temporary databases and child processes for the tests of the cluster room: directories that the unprivileged account
 * can enter, children with an environment of their own (another user, host or allocation), everything stopped afterwards.
 */
import { spawn } from 'node:child_process';
import fs from 'node:fs';
import os from 'node:os';
import path from 'node:path';
import type { ExecutionContext } from 'ava';
import { ensureServer, stopServer } from '../../src/server/server.ts';
import { initCluster } from '../../src/server/init.ts';
import { messageOf } from '../../src/base/errors.ts';
import { lives } from '../helpers/lives.ts';

/** The tests' own list of known databases, and no variable of a surrounding allocation. */
process.env['BALSAM_HOME'] = fs.mkdtempSync(path.join(os.tmpdir(), 'balsam-home-'));
process.on('exit', () => fs.rmSync(process.env['BALSAM_HOME'] ?? '', { recursive: true, force: true }));
for (const name of [
  'SLURM_JOB_ID',
  'PBS_JOBID',
  'COBALT_JOBID',
  'LSB_JOBID',
  'BALSAM_JOB_ID',
  'BALSAM_DB_PATH',
]) {
  delete process.env[name];
}

/** A directory that every account may enter; gone after the test. */
export function openDirectory(t: ExecutionContext): string {
  const directory = fs.mkdtempSync(path.join(os.tmpdir(), 'balsam-cluster-'));
  fs.chmodSync(directory, 0o755);
  t.teardown(() => fs.rmSync(directory, { recursive: true, force: true, maxRetries: 5 }));
  return directory;
}

/** A new database; its server is stopped after the test, whoever started it. */
export async function newDatabase(
  t: ExecutionContext,
  options: Parameters<typeof initCluster>[1] = {},
): Promise<string> {
  const { path: root } = await initCluster(path.join(openDirectory(t), 'db'), options);
  t.teardown(() => stopQuietly(root));
  return root;
}

export async function stopQuietly(root: string): Promise<void> {
  try {
    await stopServer(root);
  } catch (error) {
    // A test that moved the server away, or took its files, has nothing to stop here.
    if (fs.existsSync(path.join(root, 'balsamdb', 'postmaster.pid'))) throw error;
  }
}

/** What a child said and how it ended. */
export interface Ended {
  code: number | null;
  stdout: string;
  stderr: string;
}

/** Runs `argv`; the child is killed after 60 s. */
export async function run(
  argv: readonly string[],
  options: { env?: NodeJS.ProcessEnv; uid?: number; gid?: number; cwd?: string } = {},
): Promise<Ended> {
  const child = spawn(argv[0] ?? '', argv.slice(1), {
    ...options,
    env: { ...process.env, ...options.env },
    stdio: ['ignore', 'pipe', 'pipe'],
    timeout: 60_000,
    killSignal: 'SIGKILL',
  });
  const said = { stdout: '', stderr: '' };
  child.stdout.on('data', (chunk: Buffer) => (said.stdout += chunk.toString()));
  child.stderr.on('data', (chunk: Buffer) => (said.stderr += chunk.toString()));
  return await new Promise((resolve, reject) => {
    child.once('error', reject);
    child.once('close', (code) => resolve({ code, ...said }));
  });
}

/** The words that run one step of this room in a Node of its own: `node child.ts STEP PATH`. */
export function step(name: 'init' | 'ensure' | 'move' | 'open' | 'stop', root: string): string[] {
  return [process.execPath, path.join(import.meta.dirname, '_child.ts'), name, root];
}

/** The message of what `work` throws. */
export async function failure(work: () => Promise<unknown>): Promise<string> {
  try {
    await work();
  } catch (error) {
    return messageOf(error);
  }
  return '(it did not fail)';
}

/** Kills the postmaster as a crash would, and returns when it is gone. */
export async function crash(root: string): Promise<void> {
  const { pid } = await ensureServer(root);
  process.kill(pid ?? -1, 'SIGKILL');
  await until(() => !lives(pid ?? -1), 'the postmaster is gone');
}

/** Waits until `condition` holds; fails after 30 s. */
export async function until(condition: () => boolean, what: string): Promise<void> {
  const deadline = performance.now() + 30_000;
  while (!condition()) {
    if (performance.now() > deadline) throw new Error(`not within 30 s: ${what}`);
    await new Promise((resolve) => setTimeout(resolve, 10));
  }
}
