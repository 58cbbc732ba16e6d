/** Runs Node programs as users do: as processes, with a deadline, their whole output and their exit code. */
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import fs from 'node:fs';
import os from 'node:os';
import path from 'node:path';
import { fileURLToPath, pathToFileURL } from 'node:url';

export const ROOT = fileURLToPath(new URL('../../', import.meta.url));
const CLIENT = pathToFileURL(path.join(ROOT, 'src/client/index.ts')).href;

export interface Ran {
  /** null when a signal ended it. */
  code: number | null;
  signal: NodeJS.Signals | null;
  out: string;
  err: string;
}

export interface RunOptions {
  env?: Record<string, string | undefined>;
  input?: string;
  cwd?: string;
  /** Milliseconds; then SIGKILL. Generous: two busy cores. */
  deadline?: number;
}

/** Runs `node ...args` and waits for its end. */
export async function runNode(args: readonly string[], options: RunOptions = {}): Promise<Ran> {
  return run(process.execPath, args, options);
}

/** Runs any program and waits for its end. */
export async function run(file: string, args: readonly string[], options: RunOptions = {}): Promise<Ran> {
  const child = spawn(file, args, { cwd: options.cwd ?? os.tmpdir(), env: cleanEnvironment(options.env) });
  let [out, err] = ['', ''];
  child.stdout.setEncoding('utf8').on('data', (text: string) => (out += text));
  child.stderr.setEncoding('utf8').on('data', (text: string) => (err += text));
  child.stdin.on('error', () => {}).end(options.input ?? '');
  const timer = setTimeout(() => child.kill('SIGKILL'), options.deadline ?? 100_000);
  const [code, signal] = (await once(child, 'close')) as [number | null, NodeJS.Signals | null];
  clearTimeout(timer);
  return { code, signal, out, err };
}

let home: string | undefined;

/** A home for the programs that this test file starts; gone with the process of the file. */
function ownHome(): string {
  if (home !== undefined) return home;
  const made = fs.mkdtempSync(path.join(os.tmpdir(), 'balsam-home-'));
  // Programs that run as another account may look into it, as into most homes.
  fs.chmodSync(made, 0o755);
  process.once('exit', () => fs.rmSync(made, { recursive: true, force: true }));
  return (home = made);
}

/** Ours, without what a surrounding database or job would tell the program, with a home of its own and no compile cache. */
export function cleanEnvironment(env: Record<string, string | undefined> = {}): NodeJS.ProcessEnv {
  const kept = Object.entries({
    ...process.env,
    HOME: ownHome(),
    NO_COLOR: '1',
    NODE_DISABLE_COMPILE_CACHE: '1',
    ...env,
  });
  const named = new Set(Object.keys(env));
  return Object.fromEntries(
    kept.filter(([name, value]) => value !== undefined && (named.has(name) || !name.startsWith('BALSAM_'))),
  );
}

/** `balsam ...args` from the source. */
export function balsam(args: readonly string[], options: RunOptions = {}): Promise<Ran> {
  return runNode([path.join(ROOT, 'src/cli/main.ts'), ...args], options);
}

/** A directory in which `import … from 'balsam'` finds the client's source. Removed by the caller. */
export async function userDirectory(): Promise<string> {
  const directory = await fs.promises.mkdtemp(path.join(os.tmpdir(), 'balsam-user-'));
  const module = path.join(directory, 'node_modules/balsam');
  await fs.promises.mkdir(module, { recursive: true });
  const manifest = { name: 'balsam', type: 'module', exports: './index.js' };
  await fs.promises.writeFile(path.join(module, 'package.json'), JSON.stringify(manifest));
  await fs.promises.writeFile(path.join(module, 'index.js'), `export * from ${JSON.stringify(CLIENT)};\n`);
  await fs.promises.writeFile(path.join(directory, 'package.json'), '{"type":"module"}');
  return directory;
}

/** Writes `source` as a program there and gives its path. */
export async function program(directory: string, source: string, name = 'program.ts'): Promise<string> {
  const file = path.join(directory, name);
  await fs.promises.writeFile(file, source);
  return file;
}
