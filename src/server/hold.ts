/**
 * The kernel's word on whether a server's processes use these files: a fifo in Postgres' directory whose reading end the
 * postmaster inherits. Whoever opens the other end without waiting is let in while a reader lives, and refused when there
 * is none. The kernel forgets a reader when its last process ends, however it ends, and knows it in every pid namespace
 * and container of this machine, where /proc shows nothing of it.
 *
 * Why no flock: Node has none, and a fifo needs no program beside it. The backends inherit the end too: the fifo is free
 * only when none of them writes any more. (A program that Postgres itself starts, such as an archive_command, holds it as
 * long as it runs. No job is started by Postgres.) A server that a person starts by hand holds nothing, and another
 * machine's is not seen: `free` alone is no proof of death.
 */
import { spawnSync } from 'node:child_process';
import fs from 'node:fs';
import path from 'node:path';
import { codeOf, type Layout } from './layout.ts';

/** `unknown`: there is no fifo, or it can't be asked: no rights, or a file system without fifos. */
export type Hold = 'held' | 'free' | 'unknown';

/** Who runs Postgres: see ServerAccount. */
type Account = { uid: number; gid: number; switchTo: object };

function fifoOf(layout: Layout): string {
  return path.join(layout.balsamdb, 'in-use');
}

/** Whether a process of this machine, in any namespace, holds the files. */
export function holdOf(layout: Layout): Hold {
  const { O_WRONLY, O_NONBLOCK, O_NOFOLLOW } = fs.constants;
  try {
    const fd = fs.openSync(fifoOf(layout), O_WRONLY | O_NONBLOCK | O_NOFOLLOW);
    try {
      return fs.fstatSync(fd).isFIFO() ? 'held' : 'unknown';
    } finally {
      fs.closeSync(fd);
    }
  } catch (error) {
    return codeOf(error) === 'ENXIO' ? 'free' : 'unknown';
  }
}

/**
 * A descriptor for the postmaster to inherit; the caller closes its own. Null where the file system has no fifos: then
 * the record alone says who uses the files.
 */
export function takeHold(layout: Layout, account: Account): number | null {
  const fifo = fifoOf(layout);
  const { O_RDONLY, O_NONBLOCK, O_NOFOLLOW } = fs.constants;
  try {
    makeFifo(fifo, account);
    const fd = fs.openSync(fifo, O_RDONLY | O_NONBLOCK | O_NOFOLLOW);
    if (fs.fstatSync(fd).isFIFO()) return fd;
    fs.closeSync(fd);
  } catch {
    // No fifos here, or not ours to open.
  }
  return null;
}

/** One that is there is never made anew: its readers would be lost sight of. A file of that name is what a copy left. */
function makeFifo(fifo: string, account: Account): void {
  const there = fs.lstatSync(fifo, { throwIfNoEntry: false });
  if (there?.isFIFO() === true) return;
  if (there !== undefined) fs.rmSync(fifo, { recursive: true, force: true });
  spawnSync('mkfifo', ['-m', '600', fifo], { stdio: 'ignore' });
  if ('uid' in account.switchTo) fs.lchownSync(fifo, account.uid, account.gid);
}
