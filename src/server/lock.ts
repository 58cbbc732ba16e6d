/**
 * One holder at a time for a database directory: whoever starts, stops or makes its server. Works on any file system
 * that can create a file exclusively, without flock (which some parallel file systems refuse or ignore).
 *
 * The lock is a directory of numbered files; the holder is who made the highest number, until it says `free` there or is
 * seen dead. To take it one creates the next number exclusively. The highest file is never removed, so whoever judged an
 * old number stale too late fails on the new one instead of stealing it (unlinking a stale lock file has that race).
 * Must never be held while waiting for a person.
 */
import { randomBytes } from 'node:crypto';
import fs from 'node:fs';
import path from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { EXIT_FAILED, UserError } from '../base/errors.ts';
import {
  SERVER_LOCK_POLL_MS,
  SERVER_LOCK_SILENCE_MS,
  SERVER_LOCK_TOUCH_MS,
  SERVER_LOCK_WAIT_MS,
} from '../base/limits.ts';
import { processStartTime } from '../base/proc.ts';
import { codeOf, fileError } from './layout.ts';
import { isThisHost, judgeRecorded, pidNamespace, thisHost, type HostIdentity } from './host.ts';

interface Holder {
  host: string;
  boot_id: string | null;
  machine_id: string | null;
  pid_namespace: string | null;
  pid: number;
  start_time: string | null;
}

interface Seen {
  number: number;
  mtime: number;
  /** Monotonic time of this process at which this number and mtime were first seen. */
  since: number;
}

/**
 * Runs `work` while holding the lock in `directory` (made when missing). Waits for another holder; takes over from one
 * that died (same host: by the process table; other hosts: by `silence` ms without a sign of life).
 * UserError after SERVER_LOCK_WAIT_MS.
 */
export async function withLock<T>(
  directory: string,
  work: () => Promise<T>,
  silence: number = SERVER_LOCK_SILENCE_MS,
): Promise<T> {
  const number = await acquire(directory, silence);
  const file = path.join(directory, String(number));
  const touch = setInterval(() => {
    const now = new Date();
    fs.utimes(file, now, now, () => undefined);
  }, SERVER_LOCK_TOUCH_MS);
  touch.unref();
  try {
    return await work();
  } finally {
    clearInterval(touch);
    release(file);
  }
}

async function acquire(directory: string, silence: number): Promise<number> {
  const deadline = performance.now() + SERVER_LOCK_WAIT_MS;
  const me = ourselves();
  let seen: Seen | null = null;
  try {
    makeDirectory(directory);
    for (;;) {
      const highest = highestNumber(directory);
      const file = path.join(directory, String(highest));
      const state: Inspection = highest === 0 ? { free: true } : inspect(file, me);
      if (state.free) {
        if (createExclusively(path.join(directory, String(highest + 1)), JSON.stringify(me))) {
          removeOlder(directory, highest + 1);
          return highest + 1;
        }
        continue; // somebody was faster: look again
      }
      if (seen === null || seen.number !== highest || seen.mtime !== state.mtime) {
        seen = { number: highest, mtime: state.mtime, since: performance.now() };
      }
      const silent = performance.now() - seen.since > silence;
      if (silent && createExclusively(path.join(directory, String(highest + 1)), JSON.stringify(me))) {
        removeOlder(directory, highest + 1);
        return highest + 1;
      }
      if (performance.now() > deadline) throw busy(file);
      await sleep(SERVER_LOCK_POLL_MS);
    }
  } catch (error) {
    throw fileError(error, directory);
  }
}

/** Made with the owner of the database, so that root's visit does not shut the owner out. */
function makeDirectory(directory: string): void {
  if (fs.existsSync(directory)) return;
  fs.mkdirSync(directory, { mode: 0o755, recursive: true });
  if (process.getuid?.() !== 0) return;
  const owner = fs.statSync(path.dirname(directory));
  fs.chownSync(directory, owner.uid, owner.gid);
}

type Inspection = { free: true } | { free: false; mtime: number };

/** Free: released, gone, or held by a process of this host that is dead. Unreadable content counts as held. */
function inspect(file: string, me: Holder): Inspection {
  let text: string;
  let mtime: number;
  try {
    text = fs.readFileSync(file, 'utf8');
    mtime = fs.statSync(file).mtimeMs;
  } catch (error) {
    // Only a newer number makes the highest one disappear: held, and the next look sees the newer one.
    if (codeOf(error) === 'ENOENT') return { free: false, mtime: 0 };
    throw error;
  }
  if (text === 'free') return { free: true };
  const holder = parseHolder(text);
  if (holder === null || !isThisHost(hostOf(holder), hostOf(me))) return { free: false, mtime };
  if (holder.boot_id !== me.boot_id) return { free: true };
  const judged = judgeRecorded({
    bootId: holder.boot_id,
    pidNamespace: holder.pid_namespace,
    pid: holder.pid,
    startTime: holder.start_time,
  });
  return judged === 'dead' ? { free: true } : { free: false, mtime };
}

function hostOf({ host, boot_id, machine_id }: Holder): HostIdentity {
  return { hostname: host, bootId: boot_id, machineId: machine_id };
}

function ourselves(): Holder {
  const here = thisHost();
  return {
    host: here.hostname,
    boot_id: here.bootId,
    machine_id: here.machineId,
    pid_namespace: pidNamespace(),
    pid: process.pid,
    start_time: processStartTime(process.pid),
  };
}

function parseHolder(text: string): Holder | null {
  try {
    const value: unknown = JSON.parse(text);
    if (typeof value !== 'object' || value === null) return null;
    const holder = value as Partial<Holder>;
    if (typeof holder.pid !== 'number' || typeof holder.host !== 'string') return null;
    return {
      host: holder.host,
      boot_id: holder.boot_id ?? null,
      machine_id: holder.machine_id ?? null,
      pid_namespace: holder.pid_namespace ?? null,
      pid: holder.pid,
      start_time: holder.start_time ?? null,
    };
  } catch {
    return null;
  }
}

function highestNumber(directory: string): number {
  let highest = 0;
  for (const name of fs.readdirSync(directory)) {
    if (/^\d{1,15}$/.test(name)) highest = Math.max(highest, Number(name));
  }
  return highest;
}

/** True when `file` was created by us with its content; false when it exists already. */
function createExclusively(file: string, text: string): boolean {
  const temporary = path.join(path.dirname(file), `new.${randomBytes(8).toString('hex')}`);
  fs.writeFileSync(temporary, text, { flag: 'wx', mode: 0o644 });
  try {
    // A hard link appears with its content and fails when the name exists, also over NFS.
    fs.linkSync(temporary, file);
    return true;
  } catch (error) {
    if (codeOf(error) === 'EEXIST') return false;
    if (!['EPERM', 'ENOTSUP', 'EOPNOTSUPP', 'ENOSYS', 'EMLINK'].includes(codeOf(error))) throw error;
    return createWithoutLink(file, text);
  } finally {
    fs.rmSync(temporary, { force: true });
  }
}

function createWithoutLink(file: string, text: string): boolean {
  try {
    fs.writeFileSync(file, text, { flag: 'wx', mode: 0o644 });
    return true;
  } catch (error) {
    if (codeOf(error) === 'EEXIST') return false;
    throw error;
  }
}

function removeOlder(directory: string, newest: number): void {
  for (const name of fs.readdirSync(directory)) {
    if (/^\d{1,15}$/.test(name) && Number(name) < newest)
      fs.rmSync(path.join(directory, name), { force: true });
  }
}

/** Says `free` in our own file. When it is gone, somebody took over from us: then there is nothing to free. */
function release(file: string): void {
  try {
    const fd = fs.openSync(file, 'r+');
    try {
      fs.ftruncateSync(fd, 0);
      fs.writeSync(fd, 'free');
    } finally {
      fs.closeSync(fd);
    }
  } catch (error) {
    if (codeOf(error) !== 'ENOENT') throw fileError(error, file);
  }
}

function busy(file: string): UserError {
  return new UserError(
    `another balsam command is starting or stopping this database's server (${file} names it); try again when it is done`,
    EXIT_FAILED,
  );
}
