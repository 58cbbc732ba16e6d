/**
 * Where the job channel's socket lives: a short, node-local directory of mode 0700, because a socket path has at most 107
 * bytes and shared file systems can't hold sockets. Owner and mode are checked, links are refused.
 *
 * An incarnation removes its own at its end. What a killed agent could not remove, the warden does on its own host, and
 * the next agent on any other: nothing may pile up in /tmp of a node that nobody looks at.
 */
import { lstatSync, mkdirSync, readdirSync, rmSync } from 'node:fs';
import { readdir, rm, stat } from 'node:fs/promises';
import { connect } from 'node:net';
import path from 'node:path';
import { EXIT_FAILED, UserError } from '../base/errors.ts';

/** A directory younger than this may not have its socket yet, milliseconds. Guess: it is made a millisecond before. */
const SETTLED_MS = 60_000;

function parentDirectory(): string {
  return `/tmp/balsam-${process.getuid?.() ?? 0}`;
}

/** Makes `/tmp/balsam-UID/<tag of the launcher>-<start of the incarnation>`; UserError when somebody else put something there. */
export function channelDirectory(tag: string, incarnation: string): string {
  const uid = process.getuid?.() ?? 0;
  // Postgres' sockets live beside ours, and as root its account must be able to pass through.
  makeOwn(parentDirectory(), uid, 0o022);
  const directory = `${parentDirectory()}/${tag}-${incarnation.slice(0, 13)}`;
  makeOwn(directory, uid, 0o077);
  return directory;
}

export function removeChannelDirectory(directory: string): void {
  rmSync(directory, { recursive: true, force: true });
}

/** Those of a launcher on this host. */
export function channelDirectoriesOf(tag: string): string[] {
  return namesIn(parentDirectory())
    .filter((name) => name.startsWith(`${tag}-`))
    .map((name) => `${parentDirectory()}/${name}`);
}

/** Removes those of a launcher whose agents on this host have all ended. */
export function removeChannelDirectories(tag: string): void {
  for (const directory of channelDirectoriesOf(tag)) removeChannelDirectory(directory);
}

function namesIn(directory: string): string[] {
  try {
    return readdirSync(directory);
  } catch {
    return []; // nothing was ever made here
  }
}

/** Removes those on this host whose agent is gone: nobody listens at their socket. Never fails: it is only tidying. */
export async function sweepChannelDirectories(): Promise<void> {
  const parent = parentDirectory();
  const names = await readdir(parent).catch(() => []);
  for (const name of names.filter((n) => /^[0-9a-f]{8}-[0-9a-f]{8}-[0-9a-f]{4}$/.test(n))) {
    const socket = path.join(parent, name, 's');
    // oxlint-disable-next-line no-await-in-loop -- no hurry, and no burst of connections
    const found = await stat(socket).catch(() => null);
    if (!found || Date.now() - found.mtimeMs < SETTLED_MS) continue;
    // oxlint-disable-next-line no-await-in-loop
    if (await refuses(socket))
      await rm(path.join(parent, name), { recursive: true, force: true }).catch(() => undefined);
  }
}

function refuses(socket: string): Promise<boolean> {
  return new Promise((resolve) => {
    const probe = connect(socket, () => {
      probe.destroy();
      resolve(false);
    });
    probe.once('error', (error: NodeJS.ErrnoException) => resolve(error.code === 'ECONNREFUSED'));
  });
}

function makeOwn(directory: string, uid: number, forbidden: number): void {
  mkdirSync(directory, { recursive: true, mode: 0o700 });
  const stat = lstatSync(directory);
  if (!stat.isDirectory() || stat.uid !== uid) {
    throw new UserError(
      `${directory} is not a directory of user ${uid}: remove it, it is where jobs reach their agent`,
      EXIT_FAILED,
    );
  }
  if ((stat.mode & forbidden) !== 0)
    throw new UserError(`${directory} is open to others: chmod 700 it`, EXIT_FAILED);
}
