/**
 * Opens files that a job had in its hands. Each of them may be a fifo, a device, a socket, a directory or a link by now:
 * an ordinary open of such a thing waits for ever, or does what the device does. Called wherever a command, the client or
 * a reader of outputs opens a file that it has not written itself. What is no ordinary file is refused with a sentence.
 */
import fs from 'node:fs';
import { EXIT_FAILED, messageOf, UserError } from './errors.ts';

const { O_NOCTTY, O_NOFOLLOW, O_NONBLOCK, O_RDONLY } = fs.constants;

export interface OrdinaryOptions {
  /** A link to an ordinary file counts as one: for names that a person gave. Of an output it never does. */
  readonly follow?: boolean;
}

/** A descriptor for reading; null when nothing is there. UserError when it is no ordinary file, or can't be read. */
export function openOrdinary(file: string, { follow = false }: OrdinaryOptions = {}): number | null {
  try {
    const found = follow ? fs.statSync(file) : fs.lstatSync(file);
    if (!found.isFile()) throw notOrdinary(file, found);
    const fd = fs.openSync(file, O_RDONLY | O_NONBLOCK | O_NOCTTY | (follow ? 0 : O_NOFOLLOW));
    // Between the two it may have become another.
    const opened = fs.fstatSync(fd);
    if (opened.isFile()) return fd;
    fs.closeSync(fd);
    throw notOrdinary(file, opened);
  } catch (error) {
    if (isMissing(error)) return null;
    throw unreadable(file, error);
  }
}

/** Nothing is there, or no directory to it. */
function isMissing(error: unknown): boolean {
  return error instanceof Error && 'code' in error && (error.code === 'ENOENT' || error.code === 'ENOTDIR');
}

export function unreadable(file: string, error: unknown): UserError {
  if (error instanceof UserError) return error;
  return new UserError(`${file} cannot be read: ${messageOf(error)}`, EXIT_FAILED);
}

function notOrdinary(file: string, found: fs.Stats): UserError {
  return new UserError(`${file} cannot be read: it is ${kindOf(file, found)}, no ordinary file`, EXIT_FAILED);
}

function kindOf(file: string, found: fs.Stats): string {
  if (found.isDirectory()) return 'a directory';
  if (found.isFIFO()) return 'a fifo';
  if (found.isSocket()) return 'a socket';
  if (found.isSymbolicLink()) return `a link to ${linkTarget(file)}`;
  return 'a device';
}

function linkTarget(file: string): string {
  try {
    return fs.readlinkSync(file);
  } catch {
    return 'elsewhere';
  }
}
