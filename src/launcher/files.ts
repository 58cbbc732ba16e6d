/**
 * The files of one launcher: a directory of mode 0700 under the database's `keys/`, with both sides' keys, what the
 * coordinator and the agents must know, and the launcher's environment byte for byte; and its logs under `log/`.
 */
import { randomBytes } from 'node:crypto';
import { closeSync, mkdirSync, openSync, readFileSync, renameSync, rmSync, writeFileSync } from 'node:fs';
import { readdir, readFile, rm } from 'node:fs/promises';
import { hostname } from 'node:os';
import path from 'node:path';
import * as z from 'zod/mini';
import { judgeProcess, processIdentity } from '../../native-free/process-identity.ts';
import { OWNER_FILE } from './names.ts';
import { environmentAtEntry } from '../base/entry.ts';
import { removeChannelDirectories } from './socket-directory.ts';
import { fileError, layoutOf } from '../server/layout.ts';
import { makeLauncherKeys, writeKeyFile } from '../wire/curve.ts';

export interface LauncherFiles {
  name: string;
  /** Eight hex digits of its own, for what is short: see AgentFile. */
  tag: string;
  directory: string;
  serverKey: string;
  clientKey: string;
  environ: string;
  coordinator: string;
  agents: string;
  /** Log of warden and coordinator; an agent's is this with `.node<N>` behind it. */
  log: string;
}

const ownerSchema = z.object({
  pid: z.int(),
  startTime: z.int(),
  bootId: z.string(),
  pidNamespace: z.string(),
  uid: z.int(),
  tag: z.string().check(z.regex(/^[0-9a-f]{8}$/)),
});

/** Makes the directory, the keys and the copy of the environment. */
export async function makeLauncherFiles(dbPath: string, startedAt: Date): Promise<LauncherFiles> {
  const layout = layoutOf(dbPath);
  const tag = randomBytes(4).toString('hex');
  const name = `${hostname()}-${process.pid}-${tag}`;
  const directory = path.join(layout.keys, name);
  try {
    makeLogDirectory(layout.log);
    mkdirSync(directory, { recursive: true, mode: 0o700 });
  } catch (error) {
    throw fileError(error, layout.keys);
  }
  const at = (file: string): string => path.join(directory, file);
  const stamp = startedAt.toISOString().slice(0, 19).replace('T', '_').replaceAll(':', '');
  const files: LauncherFiles = {
    name,
    tag,
    directory,
    serverKey: at('server.key'),
    clientKey: at('client.key'),
    environ: at('environ'),
    coordinator: at('coordinator.json'),
    agents: at('agents.json'),
    log: path.join(layout.log, `launcher_${stamp}Z_${process.pid}.log`),
  };
  const me = processIdentity(process.pid);
  if (me) writeJson(at(OWNER_FILE), { ...me, tag });
  const keys = makeLauncherKeys();
  await Promise.all([writeKeyFile(files.serverKey, keys.server), writeKeyFile(files.clientKey, keys.client)]);
  writeFileSync(files.environ, environmentAtEntry(readFileSync('/proc/self/environ')), { mode: 0o600 });
  return files;
}

/** Where it can't be made the logs are tried again and again: what is said must not end who says it. */
function makeLogDirectory(directory: string): void {
  try {
    mkdirSync(directory, { recursive: true });
  } catch {
    // Whoever has a log says so when a line can be written.
  }
}

/**
 * Removes what wardens of this host left that were killed: their directories hold keys and a copy of an environment. One is
 * touched only when its owner, known by pid, start time and boot, is proven gone; never fails, it is only tidying.
 */
export async function removeAbandonedFiles(dbPath: string): Promise<void> {
  const keys = layoutOf(dbPath).keys;
  for (const name of await readdir(keys).catch(() => [])) {
    const directory = path.join(keys, name);
    const text = await readFile(path.join(directory, OWNER_FILE), 'utf8').catch(() => null);
    const owner = text === null ? null : ownerSchema.safeParse(safeJson(text)).data;
    if (!owner || judgeProcess(owner) !== 'dead') continue;
    await removeChannelDirectories(owner.tag).catch(() => undefined);
    await rm(directory, { recursive: true, force: true }).catch(() => undefined);
  }
}

function safeJson(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    return null; // its owner was killed while writing it
  }
}

/** Whole or not at all: agents may be waiting for this file to appear. */
export function writeJson(file: string, value: unknown): void {
  writeFileSync(`${file}.new`, `${JSON.stringify(value, null, 2)}\n`, { mode: 0o600 });
  renameSync(`${file}.new`, file);
}

/** Keys and environment are of no use to anybody once the launcher has ended, nor what a killed agent left on this host. */
export async function removeLauncherFiles(files: LauncherFiles): Promise<void> {
  await removeChannelDirectories(files.tag);
  rmSync(files.directory, { recursive: true, force: true });
}

/** Runs `work` with a descriptor that appends to the file; where that can't be opened, one that leads nowhere. */
export function withLog<T>(file: string, work: (fd: number) => T): T {
  const fd = openedLog(file);
  try {
    return work(fd);
  } finally {
    closeSync(fd);
  }
}

function openedLog(file: string): number {
  try {
    return openSync(file, 'a', 0o644);
  } catch {
    return openSync('/dev/null', 'a');
  }
}
