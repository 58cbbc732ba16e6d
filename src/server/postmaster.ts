/**
 * Drives the programs of Postgres for one data directory: makes the files, starts the postmaster detached from us (own
 * session, log to a file), finds out whether it runs, stops it. Knows nothing of hosts, locks or logins: the caller
 * (server.ts) holds the lock and has decided that this host may.
 * Must never signal a process that is not surely the postmaster of exactly this directory.
 */
import { spawn, type ChildProcess } from 'node:child_process';
import fs from 'node:fs';
import net from 'node:net';
import { networkInterfaces } from 'node:os';
import path from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { EXIT_FAILED, UserError } from '../base/errors.ts';
import {
  SERVER_LOG_BYTES,
  SERVER_LOGIN_S,
  SERVER_REAP_MS,
  SERVER_START_MS,
  SERVER_STOP_MS,
  SHARED_MEMORY_BYTES,
} from '../base/limits.ts';
import { processStartTime } from '../base/proc.ts';
import { readStat } from '../process/proc.ts';
import { dataPlace, directorySetting, nameFor, type ServerAccount } from './account.ts';
import type { PostgresBinaries } from './binaries.ts';
import { takeHold } from './hold.ts';
import { codeOf, fileError, type Credentials, type Layout } from './layout.ts';

/** A running postmaster. */
export interface Postmaster {
  pid: number;
  startTime: string;
  port: number;
  socketDir: string;
}

/** What is set at initdb; a person may change it in postgresql.conf afterwards. */
const CONFIGURATION = `
# Written once by balsam init; yours to change. Port, addresses and socket are given at each start.
max_connections = 128
shared_buffers = 128MB
max_wal_size = 2GB
wal_compression = off
fsync = on
synchronous_commit = on
full_page_writes = on
password_encryption = 'scram-sha-256'
# Rows of a queue are updated a few times and then rest: clean early, in small steps, and keep statistics fresh.
autovacuum_naptime = 10s
autovacuum_vacuum_scale_factor = 0.02
autovacuum_vacuum_insert_scale_factor = 0.1
autovacuum_analyze_scale_factor = 0.02
autovacuum_vacuum_cost_limit = 2000
checkpoint_timeout = 15min
# A client that is gone must not keep its locks: noticed within about half a minute.
tcp_keepalives_idle = 10
tcp_keepalives_interval = 5
tcp_keepalives_count = 4
client_connection_check_interval = 10s
log_min_messages = error
log_min_error_statement = error
log_min_duration_statement = 5s
log_checkpoints = off
log_line_prefix = '%m [%p] %a '
`;

/**
 * Runs initdb as `account`: scram everywhere, trust nowhere. UserError with initdb's own last words when it fails, or is
 * `aborted`. `started` hears its pid.
 */
export async function makeDataDirectory(
  layout: Layout,
  binaries: PostgresBinaries,
  account: ServerAccount,
  credentials: Credentials,
  {
    listen,
    aborted,
    started,
  }: { listen: string | null; aborted: AbortSignal; started: (pid: number) => void },
): Promise<void> {
  const place = dataPlace(account, layout.balsamdb);
  const password = openUnnamed(layout.root, `${credentials.password}\n`, account);
  const memory = sharedMemory();
  const [program, ...before] = [...nameFor(account), path.join(binaries.directory, 'initdb')];
  const child = spawn(
    program,
    [
      ...before,
      `--pgdata=${place.name}`,
      `--username=${credentials.user}`,
      '--pwfile=/dev/stdin',
      '--auth=scram-sha-256',
      '--encoding=UTF8',
      '--locale=C.UTF-8',
      '--no-instructions',
      // Older ones do not take settings; they fail with the sentence about shared memory.
      ...(binaries.major >= 16 ? memory.map((setting) => `--set=${setting}`) : []),
    ],
    {
      ...account.switchTo,
      cwd: layout.balsamdb,
      env: postgresEnvironment(),
      stdio: [password, 'ignore', 'pipe'],
    },
  );
  fs.closeSync(password);
  started(child.pid ?? 0);
  const words = await wordsOf(child, aborted);
  if (words !== null) throw initFailed(layout, words);
  fs.appendFileSync(path.join(layout.balsamdb, 'postgresql.conf'), CONFIGURATION);
  const networks = listen === null ? [] : [listen];
  fs.writeFileSync(
    path.join(layout.balsamdb, 'pg_hba.conf'),
    `# Written once by balsam init. Passwords always; never trust.\nlocal all all scram-sha-256\n${networks
      .map((network) => `host all all ${network} scram-sha-256\n`)
      .join('')}`,
  );
}

/** A file without a name that only `account` can read, open at its beginning: nothing of it is left, whatever ends us. */
function openUnnamed(directory: string, text: string, account: ServerAccount): number {
  const file = path.join(directory, `.password.${process.pid}`);
  const fd = fs.openSync(file, 'wx+', 0o600);
  fs.unlinkSync(file);
  fs.writeSync(fd, text, 0);
  if ('uid' in account.switchTo) fs.fchownSync(fd, account.uid, account.gid);
  return fd;
}

/** Waits for the end of `child`; null when it ended well, else what it said. Ends it when `aborted`. */
async function wordsOf(child: ChildProcess, aborted: AbortSignal): Promise<string | null> {
  let words = '';
  child.stderr?.setEncoding('utf8').on('data', (text: string) => (words += text));
  const stop = (): void => void child.kill('SIGTERM');
  aborted.addEventListener('abort', stop);
  if (aborted.aborted) stop();
  try {
    return await new Promise((resolve) => {
      child.once('error', (error) => resolve(error.message));
      child.once('close', (code, signal) =>
        resolve(code === 0 ? null : words || `exit ${code ?? signal ?? ''}`),
      );
    });
  } finally {
    aborted.removeEventListener('abort', stop);
  }
}

/**
 * Settings for a machine whose shared memory is too small for Postgres (containers: 64 kB have been seen): it takes files of
 * its own directory instead, which parallel queries feel and we do not.
 */
function sharedMemory(): string[] {
  try {
    const { bavail, bsize } = fs.statfsSync('/dev/shm');
    return bavail * bsize < SHARED_MEMORY_BYTES ? ['dynamic_shared_memory_type=mmap'] : [];
  } catch {
    return []; // without the directory Postgres finds another way by itself
  }
}

/**
 * Starts the postmaster and returns when it takes connections. It outlives us: own session, no pipe of ours.
 * UserError with the log's last words when it does not come up. `started` hears its pid as soon as it has one.
 */
export async function startPostmaster(
  layout: Layout,
  binaries: PostgresBinaries,
  account: ServerAccount,
  where: { socketDir: string; listen: string | null; preferredPort: number | null },
  started: (pid: number) => void = () => undefined,
): Promise<Postmaster> {
  await untilReaped(layout);
  // Without an address the port only names the socket; with one it must be free.
  const port = await freePort(where.preferredPort);
  const asked = where.listen === null ? '' : (where.listen.split('/')[0] ?? '');
  // Postgres starts with no address, and not with one that is another host's (a database that was moved, a new network).
  const address = isOwnAddress(asked) ? asked : '';
  capLog(layout.postgresLog);
  const log = openLog(layout.postgresLog, account);
  const from = fs.fstatSync(log).size;
  const place = dataPlace(account, layout.balsamdb);
  const hold = takeHold(layout, account);
  const child = spawn(
    path.join(binaries.directory, 'postgres'),
    [
      '-D',
      place.name,
      ...place.settings.map((setting) => `--${setting}`),
      ...sharedMemory().map((setting) => `--${setting}`),
      `--port=${port}`,
      `--listen_addresses=${address}`,
      `--unix_socket_directories=${where.socketDir}`,
      '--unix_socket_permissions=0700',
      ...(setsLoginTime(layout) ? [] : [`--authentication_timeout=${SERVER_LOGIN_S}s`]),
    ],
    {
      ...account.switchTo,
      cwd: place.cwd,
      env: postgresEnvironment(),
      detached: true,
      stdio: ['ignore', log, log, ...(hold === null ? [] : [hold])],
    },
  );
  fs.closeSync(log);
  if (hold !== null) fs.closeSync(hold);
  if (child.pid !== undefined) started(child.pid);
  let ended: string | null = null;
  child.once('error', (error) => (ended = error.message));
  child.once('exit', (code, signal) => (ended = `exit ${code ?? signal ?? ''}`));
  const deadline = performance.now() + SERVER_START_MS;
  for (;;) {
    const running = findPostmaster(layout);
    if (running !== null && running.pid === child.pid && running.ready) break;
    if (ended !== null) throw startFailed(layout, from, ended);
    // A long recovery after a crash is no failure: it goes on while we stop waiting.
    if (performance.now() > deadline)
      throw startFailed(layout, from, 'not ready yet: it may still be recovering, try again later');
    await sleep(5);
  }
  child.removeAllListeners();
  child.unref();
  const pid = child.pid ?? 0;
  return { pid, startTime: processStartTime(pid) ?? '', port, socketDir: where.socketDir };
}

/** Whether this host has the address, or it stands for all. */
export function isOwnAddress(address: string): boolean {
  if (address === '0.0.0.0' || address === '::') return true;
  if (address.startsWith('127.')) return true;
  return Object.values(networkInterfaces()).some((list) => list?.some((one) => one.address === address));
}

/** Whether a person has said how long a login may take; databases of older versions get our time too. */
function setsLoginTime(layout: Layout): boolean {
  return ['postgresql.conf', 'postgresql.auto.conf'].some((name) => {
    try {
      return /^\s*authentication_timeout\b/m.test(fs.readFileSync(path.join(layout.balsamdb, name), 'utf8'));
    } catch {
      return false; // Postgres says what is wrong with its own files
    }
  });
}

/**
 * Waits until the postmaster of the pid file is no zombie any more. Postgres takes it for alive as long as its parent (after
 * a crash mostly the host's init) has not asked for its exit, and refuses to start beside it. The file itself must stay: by
 * it Postgres sees whether a backend of the dead one still lives.
 */
async function untilReaped(layout: Layout): Promise<void> {
  const deadline = performance.now() + SERVER_REAP_MS;
  for (;;) {
    const isZombie = readStat(Number(pidFileLines(layout)?.[0]))?.state === 'Z';
    if (!isZombie || performance.now() > deadline) return;
    await sleep(20);
  }
}

function pidFileLines(layout: Layout): string[] | null {
  try {
    return fs.readFileSync(path.join(layout.balsamdb, 'postmaster.pid'), 'utf8').split('\n');
  } catch (error) {
    if (codeOf(error) === 'ENOENT') return null;
    throw fileError(error, layout.balsamdb);
  }
}

/**
 * The live postmaster of this data directory on this machine, by its own pid file; null when there is none (a pid file
 * left by a crash or a reboot names a process that is gone or is another program).
 */
export function findPostmaster(
  layout: Layout,
): { pid: number; port: number; socketDir: string; ready: boolean } | null {
  const lines = pidFileLines(layout);
  if (lines === null) return null;
  const pid = Number(lines[0]);
  if (!Number.isInteger(pid) || pid <= 1 || processStartTime(pid) === null) return null;
  if (!isPostmasterOf(pid, layout.balsamdb)) return null;
  return {
    pid,
    port: Number(lines[3]),
    socketDir: (lines[4] ?? '').trim(),
    ready: (lines[7] ?? '').trim() === 'ready',
  };
}

/** Stops it: no new connections, running ones ended (`fast`); returns when the process is gone. */
export async function stopPostmaster(layout: Layout): Promise<boolean> {
  const running = findPostmaster(layout);
  if (running === null) return false;
  const startTime = processStartTime(running.pid);
  try {
    process.kill(running.pid, 'SIGINT');
  } catch (error) {
    if (codeOf(error) === 'EPERM') throw fileError(error, layout.balsamdb);
    if (codeOf(error) !== 'ESRCH') throw error;
  }
  const deadline = performance.now() + SERVER_STOP_MS;
  while (processStartTime(running.pid) === startTime && startTime !== null) {
    if (performance.now() > deadline) {
      throw new UserError(
        `the server (pid ${running.pid}) did not stop within ${SERVER_STOP_MS / 1000} s: see ${layout.postgresLog}`,
        EXIT_FAILED,
      );
    }
    await sleep(5);
  }
  return true;
}

/**
 * Keeps the log below its limit: copied to `.1`, then emptied in place (the server holds it open for appending). Lines
 * written between the two steps are lost; they are errors and slow statements only. Only the owner does it.
 */
export function capLog(file: string): void {
  try {
    if (fs.statSync(file).size <= SERVER_LOG_BYTES) return;
    fs.copyFileSync(file, `${file}.1`);
    fs.truncateSync(file);
  } catch (error) {
    if (!['ENOENT', 'EACCES', 'EPERM'].includes(codeOf(error))) throw fileError(error, file);
  }
}

/**
 * The last words of the server's log from byte `from`, for a message: up to its last error, or to its end when it has none.
 * After the error that ends it the server tells at length how it ends.
 */
export function lastWords(file: string, from = 0): string {
  try {
    const lines = fs.readFileSync(file).subarray(from).toString('utf8').trim().split('\n');
    const error = lines.findLastIndex((line) => /\b(?:ERROR|FATAL|PANIC): /.test(line));
    return lines
      .slice(0, error === -1 ? undefined : error + 1)
      .slice(-4)
      .join('\n');
  } catch {
    return '';
  }
}

/**
 * Whether the pid file names a living process that surely works in another directory: the file was copied, or its number is
 * another program's now. Postgres would take that process for a postmaster of these files.
 */
export function namesAnother(layout: Layout): boolean {
  const pid = Number(pidFileLines(layout)?.[0]);
  if (!Number.isInteger(pid) || pid <= 1 || processStartTime(pid) === null) return false;
  try {
    return fs.readlinkSync(`/proc/${pid}/cwd`) !== fs.realpathSync(layout.balsamdb);
  } catch {
    return false; // gone, or somebody's whose directory we may not know
  }
}

function isPostmasterOf(pid: number, balsamdb: string): boolean {
  try {
    return fs.readlinkSync(`/proc/${pid}/cwd`) === fs.realpathSync(balsamdb);
  } catch (error) {
    if (codeOf(error) === 'ENOENT') return false;
  }
  // Another user's process: its command line is all that may be read.
  try {
    const words = fs.readFileSync(`/proc/${pid}/cmdline`, 'utf8').split('\0');
    const names = [balsamdb, `--${directorySetting(balsamdb)}`];
    return path.basename(words[0] ?? '') === 'postgres' && words.some((word) => names.includes(word));
  } catch {
    return false;
  }
}

/** Only what Postgres needs: no PG* variables, nothing of a job or a rank. */
function postgresEnvironment(): NodeJS.ProcessEnv {
  return { PATH: process.env['PATH'] ?? '/usr/bin:/bin', LC_ALL: 'C.UTF-8', TZ: 'UTC' };
}

function openLog(file: string, account: ServerAccount): number {
  try {
    const fd = fs.openSync(file, 'a', 0o600);
    if ('uid' in account.switchTo) fs.fchownSync(fd, account.uid, account.gid);
    return fd;
  } catch (error) {
    throw fileError(error, file);
  }
}

/** `preferred` when nothing listens there on loopback, else a port that the system chooses. */
async function freePort(preferred: number | null): Promise<number> {
  for (const port of preferred === null ? [0] : [preferred, 0]) {
    const found = await new Promise<number | null>((resolve) => {
      const server = net.createServer();
      server.once('error', () => resolve(null));
      server.listen({ host: '127.0.0.1', port, exclusive: true }, () => {
        const address = server.address();
        server.close(() => resolve(typeof address === 'object' && address !== null ? address.port : null));
      });
    });
    if (found !== null) return found;
  }
  throw new UserError('no free port on 127.0.0.1 for the server', EXIT_FAILED);
}

function initFailed(layout: Layout, words: string): UserError {
  return new UserError(
    explain(words) ??
      `initdb could not make ${layout.balsamdb}: ${words.trim().split('\n').slice(-3).join('; ')}`,
    EXIT_FAILED,
  );
}

function startFailed(layout: Layout, from: number, how: string): UserError {
  const words = lastWords(layout.postgresLog, from);
  return new UserError(
    explain(words) ??
      `the server of ${layout.root} did not start (${how}); ${layout.postgresLog} says: ${words || '(nothing)'}`,
    EXIT_FAILED,
  );
}

/** Known causes in plain words; null for others. */
function explain(words: string): string | null {
  if (/shared memory segment .*no space left on device/i.test(words)) {
    return `the shared memory of this machine (/dev/shm) is too small for Postgres: give it more (in a container --shm-size=128m), or use Postgres 16 or newer, which does without`;
  }
  if (/no space left on device|disk quota exceeded/i.test(words)) {
    return `the disk is full or the quota is used up, so Postgres can't run: free some space and try again (it said: ${words.trim().split('\n').at(-1) ?? ''})`;
  }
  return null;
}
