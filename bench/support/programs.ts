/**
 * The yardsticks: the C loop (compiled here, at the first use), `xargs -P2` and GNU parallel, each running the same no-op in
 * the same directory tree with the same environment as the launcher's jobs. Called by the rows no-op and latency.
 * It must never write outside the directory that its caller gives it, and removes nothing there.
 */
import { execFile, execFileSync, spawn } from 'node:child_process';
import { existsSync, mkdirSync, mkdtempSync, rmSync } from 'node:fs';
import path from 'node:path';
import { promisify } from 'node:util';
import { ROOT } from './figures.ts';

const run = promisify(execFile);

/** Variables of a job's environment that make it as large as a user's on a cluster; DESIGN 10 says 40. */
export const VARIABLES = 40;

/** An environment of 40 variables: those given, PATH, and fillers. */
export function environment(given: Readonly<Record<string, string>> = {}): Record<string, string> {
  const env: Record<string, string> = {
    PATH: process.env['PATH'] ?? '/usr/bin:/bin',
    HOME: process.env['HOME'] ?? '/',
    ...given,
  };
  for (let i = Object.keys(env).length; i < VARIABLES; i++)
    env[`BENCH_FILLER_${i}`] = `/some/path/of/a/module/${i}/lib:x`;
  return env;
}

const made = new Map<string, string>();

/** Path of the compiled loop, or null where there is no C compiler. */
export function cLoop(directory: string): string | null {
  return compiled('loop', directory);
}

/** Path of a program of bench/c, compiled into `directory`, or null where there is no C compiler. It is removed when this
 * process ends. */
export function compiled(name: 'loop' | 'stamps', directory: string): string | null {
  const known = made.get(name);
  if (known !== undefined) return known;
  const compiler = ['cc', 'gcc', 'clang'].find((one) => found(one) !== null);
  if (compiler === undefined) return null;
  const place = mkdtempSync(path.join(directory, 'balsam-bench-c-'));
  process.once('exit', () => rmSync(place, { recursive: true, force: true }));
  const program = path.join(place, name);
  execFileSync(compiler, ['-O2', '-o', program, path.join(ROOT, `bench/c/${name}.c`)]);
  made.set(name, program);
  return program;
}

export interface LoopRate {
  readonly perS: number;
  /** Microseconds of CPU a job: of the loop itself, and of the job. On a busy machine these are steadier than the rate. */
  readonly loopUs: number;
  readonly jobUs: number;
}

/** One run of the C loop. `in` is a directory for its files, which the caller removes. */
export async function runCLoop(
  program: string,
  kind: 'dirs' | 'flat',
  options: { in: string; count: number; inFlight: number },
): Promise<LoopRate> {
  return inFresh(options.in, async (base) => {
    const args = [kind, base, String(options.count), String(options.inFlight), '/bin/true'];
    const { stdout } = await run(program, args, { env: environment() });
    const [took, loop, jobs] = stdout.split(' ').map(Number);
    const us = (seconds: number): number => (seconds * 1e6) / options.count;
    return { perS: options.count / took!, loopUs: us(loop!), jobUs: us(jobs!) };
  });
}

/** Jobs a second of `xargs -P2 -n1`, or of GNU parallel with two slots; null where it is not installed. */
export async function runShellTool(
  tool: 'xargs' | 'parallel',
  options: { in: string; count: number; inFlight: number },
): Promise<number | null> {
  const program = found(tool);
  if (program === null) return null;
  const slots = String(options.inFlight);
  const args = tool === 'xargs' ? [`-P${slots}`, '-n1', '/bin/true'] : [`-j${slots}`, '/bin/true'];
  return inFresh(options.in, async (base) => {
    const from = performance.now();
    const child = spawn(program, args, {
      stdio: ['pipe', 'ignore', 'inherit'],
      env: environment(),
      cwd: base,
    });
    child.stdin.end(Array.from({ length: options.count }, (_, i) => `${i}\n`).join(''));
    await new Promise((resolve, reject) => {
      child.once('error', reject);
      child.once('close', resolve);
    });
    return (options.count * 1_000) / (performance.now() - from);
  });
}

/** Where a program is, or null. */
export function found(name: string): string | null {
  for (const directory of (process.env['PATH'] ?? '').split(':')) {
    const at = path.join(directory, name);
    if (directory !== '' && existsSync(at)) return at;
  }
  return null;
}

/** A directory of its own for each run; whoever gave `parent` removes it. */
async function inFresh<T>(parent: string, work: (base: string) => Promise<T>): Promise<T> {
  mkdirSync(parent, { recursive: true });
  return work(mkdtempSync(path.join(parent, 'loop-')));
}
