/**
 * Starts a process with pipes, or says why it could not be started: whatever the system is short of (processes, memory, files)
 * is an answer here and no exception. Who calls it: helper.ts and guard.ts.
 */
import { spawn, type ChildProcessByStdio, type SpawnOptions } from 'node:child_process';
import type { Readable, Writable } from 'node:stream';
import { messageOf } from '../base/errors.ts';

export type Piped = ChildProcessByStdio<Writable, Readable, null>;

/** What the node lacks, and any job would have met: nothing of it is a job's fault. */
const SHORTAGES: ReadonlySet<string> = new Set(['EAGAIN', 'ENOMEM', 'EMFILE', 'ENFILE']);

/** Whether an error says that the node is short of processes, memory or files. */
export function isShortage(code: string | undefined): boolean {
  return code !== undefined && SHORTAGES.has(code);
}

/** A process with pipes for stdin and stdout; null when there is none, and `failed` is told why, later. */
export function spawnPiped(
  file: string,
  args: readonly string[],
  options: Omit<SpawnOptions, 'stdio'>,
  failed: (reason: string) => void,
): Piped | null {
  try {
    const child = spawn(file, args, { ...options, stdio: ['pipe', 'pipe', 'inherit'] }) as Piped;
    if (child.pid !== undefined) return child;
    // Its pipes may not even be there: Node leaves them out where no file is left.
    child.once('error', (error) => failed(messageOf(error)));
  } catch (error) {
    // Where the system lacks memory it throws instead.
    process.nextTick(failed, messageOf(error));
  }
  return null;
}
