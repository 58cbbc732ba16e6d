/**
 * Parts of the Node helper that keep nothing in mind: from the latin1 strings of the wire to what node:fs and
 * node:child_process want, and to answers. Called by helper-node.ts alone. Values are bytes here (a character each)
 * until `toText`; nothing may pass them through a shell but `startThroughShell`, which quotes them.
 */
import { isUtf8 } from 'node:buffer';
import { spawn, type ChildProcess } from 'node:child_process';
import fs from 'node:fs';
import { constants, tmpdir } from 'node:os';
import path from 'node:path';
import type { FailedEvent, FailedStage, WireStart } from './helper-messages.ts';

const DEFAULT_PATH = '/usr/local/bin:/usr/bin:/bin';

function invalid(message: string): Error {
  return Object.assign(new Error(message), { code: 'EINVAL' });
}

/** The string that these bytes are as UTF-8, or null when they are none. */
export function toText(bytes: string): string | null {
  if (/^[\0-\x7f]*$/.test(bytes)) return bytes;
  const buffer = Buffer.from(bytes, 'latin1');
  return isUtf8(buffer) ? buffer.toString('utf8') : null;
}

/** Environment of one job; throws EINVAL for names and values that exec can't carry. */
export function buildEnv(base: ReadonlyMap<string, string>, request: WireStart): Map<string, string> {
  const env = new Map(base);
  for (const name of request.u) env.delete(name);
  for (const [name, value] of Object.entries(request.e)) {
    if (name === '' || name.includes('=', 1)) throw invalid('illegal environment variable name');
    env.set(name, value);
  }
  for (const text of [...request.a, ...env.keys(), ...env.values()]) {
    if (text.includes('\0')) throw invalid('embedded null byte');
    if (/[^\0-\xff]/.test(text)) throw invalid('a character that is no byte');
  }
  return env;
}

/** Path of the command: argv[0], or what the job's own PATH has for it. */
export function findCommand(request: WireStart, env: ReadonlyMap<string, string>): string {
  const name = request.a[0];
  if (name === undefined) throw invalid('no command');
  if (name.includes('/')) return name;
  let denied = false;
  for (const part of (env.get('PATH') ?? DEFAULT_PATH).split(':')) {
    // A relative part means the job's directory, not ours.
    const directory = part.startsWith('/') ? part : `${request.d}/${part}`;
    const candidate = Buffer.from(`${directory}/${name}`, 'latin1');
    if (fs.statSync(candidate, { throwIfNoEntry: false })?.isFile() !== true) continue;
    try {
      fs.accessSync(candidate, fs.constants.X_OK);
      return candidate.toString('latin1');
    } catch {
      denied = true;
    }
  }
  throw Object.assign(new Error('not found in PATH'), { code: denied ? 'EACCES' : 'ENOENT' });
}

/**
 * Starts a command with bytes that Node's spawn can't carry (no UTF-8), or with a soft limit of open files: /bin/sh reads a quoted line from an unlinked
 * file and becomes the command by way of env.
 */
export function startThroughShell(
  request: WireStart,
  file: string,
  env: ReadonlyMap<string, string>,
  out: number,
  openFiles: string | null,
): ChildProcess {
  if (file.includes('=')) throw invalid('a command with = in its path and values that are no UTF-8');
  const absolute = file.startsWith('/') ? file : `${request.d}/${file}`;
  fs.accessSync(Buffer.from(absolute, 'latin1'), fs.constants.X_OK);
  const quote = (text: string): string => `'${text.replaceAll("'", "'\\''")}'`;
  const words = [...[...env].map(([name, value]) => `${name}=${value}`), file, ...request.a.slice(1)];
  const limit = openFiles === null ? '' : `ulimit -Sn ${openFiles}\n`;
  const script = `${limit}cd ${quote(request.d)} && exec /usr/bin/env -i -- ${words.map(quote).join(' ')} 3<&-\n`;
  const directory = fs.mkdtempSync(path.join(tmpdir(), 'balsam-start-'));
  const scriptFile = path.join(directory, 'start');
  fs.writeFileSync(scriptFile, script, 'latin1');
  const fd = fs.openSync(scriptFile, 'r');
  fs.rmSync(directory, { recursive: true });
  try {
    return spawn('/bin/sh', ['-c', '. /dev/fd/3'], {
      cwd: '/',
      env: { LC_ALL: 'C' },
      detached: true,
      stdio: ['ignore', out, out, fd],
    });
  } finally {
    fs.closeSync(fd);
  }
}

/** The answer to a start that failed before exec. */
export function startFailure(request: WireStart, stage: FailedStage, error: unknown): FailedEvent {
  const { code = 'EIO', message } = error as NodeJS.ErrnoException;
  const errno = (constants.errno as Record<string, number>)[code] ?? constants.errno.EIO;
  const forked = code === 'EAGAIN' || code === 'ENOMEM';
  const what =
    { mkdir: request.d, chdir: request.d, output: request.o, fork: request.a[0], exec: request.a[0] }[
      stage
    ] ?? '';
  const shown = Buffer.from(what.slice(0, 1024), 'latin1').toString('utf8').replaceAll('\0', '\ufffd');
  return {
    kind: 'failed',
    token: request.t,
    stage: stage === 'exec' && forked ? 'fork' : stage,
    errno,
    code,
    message: `${shown}: ${message}`.replaceAll('\0', '\ufffd'),
  };
}
