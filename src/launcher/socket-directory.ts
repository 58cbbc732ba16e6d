/**
 * Where the job channel's socket lives: a directory of mode 0700 in the user's place for sockets (base/socket-place.ts),
 * because a socket path has at most 107 bytes and shared file systems can't hold sockets.
 *
 * An incarnation removes its own at its end. What a killed agent could not remove, the warden does on its own host, and
 * the next agent on any other: nothing may pile up in /tmp of a node that nobody looks at.
 */
import { existsSync, lstatSync, mkdirSync, rmSync } from 'node:fs';
import { readdir, rm, stat } from 'node:fs/promises';
import { connect } from 'node:net';
import path from 'node:path';
import { EXIT_FAILED, UserError } from '../base/errors.ts';
import { socketPlaces } from '../base/socket-place.ts';

/** A directory younger than this may not have its socket yet, milliseconds. Guess: it is made a millisecond before. */
const SETTLED_MS = 60_000;

/** Makes `<place>/<tag of the launcher>-<start of the incarnation>`; UserError when somebody else put something there. */
export function channelDirectory(place: string, tag: string, incarnation: string): string {
  const uid = process.getuid?.() ?? 0;
  const directory = `${place}/${tag}-${incarnation.slice(0, 13)}`;
  mkdirSync(directory, { recursive: true, mode: 0o700 });
  const found = lstatSync(directory);
  if (found.isDirectory() && found.uid === uid && (found.mode & 0o077) === 0) return directory;
  throw new UserError(
    `${directory} is not a directory of user ${uid} with mode 700: remove it, it is where jobs reach their agent`,
    EXIT_FAILED,
  );
}

/** Whether a channel's socket is still there: a clean-up of /tmp may have taken it. */
export function isSocketThere(socket: string): boolean {
  return existsSync(socket);
}

export function removeChannelDirectory(directory: string): void {
  rmSync(directory, { recursive: true, force: true });
}

/** Those of a launcher on this host. */
export async function channelDirectoriesOf(tag: string, env?: NodeJS.ProcessEnv): Promise<string[]> {
  const found: string[] = [];
  for (const place of await socketPlaces(env)) {
    const names: string[] = await readdir(place).catch(() => []);
    found.push(...names.filter((name) => name.startsWith(`${tag}-`)).map((name) => `${place}/${name}`));
  }
  return found;
}

/** Removes those of a launcher whose agents on this host have all ended. */
export async function removeChannelDirectories(tag: string): Promise<void> {
  for (const directory of await channelDirectoriesOf(tag)) removeChannelDirectory(directory);
}

/** Removes those on this host whose agent is gone: nobody listens at their socket. Never fails: it is only tidying. */
export async function sweepChannelDirectories(env?: NodeJS.ProcessEnv): Promise<void> {
  for (const place of await socketPlaces(env)) await sweep(place);
}

async function sweep(parent: string): Promise<void> {
  const names: string[] = await readdir(parent).catch(() => []);
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
