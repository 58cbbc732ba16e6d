/**
 * Where the job channel's socket lives: a short, node-local directory of mode 0700, because a socket path has at most 107
 * bytes and shared file systems can't hold sockets. Owner and mode are checked, links are refused.
 */
import { lstatSync, mkdirSync, rmSync } from 'node:fs';
import { EXIT_FAILED, UserError } from '../base/errors.ts';

/** Makes `/tmp/balsam-UID/<start of the incarnation>`; UserError when somebody else put something there. */
export function channelDirectory(incarnation: string): string {
  const uid = process.getuid?.() ?? 0;
  const parent = `/tmp/balsam-${uid}`;
  // Postgres' sockets live beside ours, and as root its account must be able to pass through.
  makeOwn(parent, uid, 0o022);
  const directory = `${parent}/${incarnation.slice(0, 13)}`;
  makeOwn(directory, uid, 0o077);
  return directory;
}

export function removeChannelDirectory(directory: string): void {
  rmSync(directory, { recursive: true, force: true });
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
