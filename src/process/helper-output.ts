/**
 * What the Node helper does with the files of a job; helper_output.py is its twin. It opens the output of a start, keeps
 * the output of earlier tries, reads the end of an output, and looks why a program can't be executed. A job had these
 * files in its hands: each may be a fifo, a link, a device or a directory by now. Nothing here may block on them, follow
 * a link that stands for them, or write over what is there.
 */
import fs from 'node:fs';
import { TAIL_BYTES, TAIL_LINES } from '../base/limits.ts';
import { KEPT_OUTPUT_BYTES, KEPT_OUTPUTS } from '../base/process-limits.ts';

const { O_CREAT, O_EXCL, O_NOCTTY, O_NOFOLLOW, O_NONBLOCK, O_RDONLY, O_TRUNC, O_WRONLY } = fs.constants;
/** O_EXCL follows no link. */
const NEW_OUTPUT = O_WRONLY | O_CREAT | O_EXCL | O_NOCTTY;
/** What a job said of a full disk may have found no space either. */
const NO_SPACE = '[no space is left where this output is written]';
const NO_FILE = '[its output is no ordinary file any more: the job has put something else there]';

/** A descriptor of an empty ordinary file at `path`; the output of an earlier attempt becomes PATH.N before. */
export function openOutput(path: Buffer, attempt: number): number {
  try {
    return fs.openSync(path, NEW_OUTPUT, 0o666);
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== 'EEXIST') throw error;
  }
  const fd = attempt <= 1 ? emptied(path) : null;
  if (fd !== null) return fd;
  keep(path, attempt);
  return fs.openSync(path, NEW_OUTPUT, 0o666);
}

/** Where the first attempt finds a file it begins it anew: another job of this name may share the directory. */
function emptied(path: Buffer): number | null {
  if (!fs.lstatSync(path).isFile()) return null;
  let fd = -1;
  try {
    fd = fs.openSync(path, O_WRONLY | O_NONBLOCK | O_NOCTTY | O_NOFOLLOW);
    if (!fs.fstatSync(fd).isFile()) return null;
    // The same file once more: nothing else here takes O_NONBLOCK off a descriptor.
    return fs.openSync(`/proc/self/fd/${fd}`, O_WRONLY | O_TRUNC | O_NOCTTY);
  } catch {
    return null;
  } finally {
    if (fd >= 0) fs.closeSync(fd);
  }
}

/** Renames what stands at `path`, whatever it is, to the next free PATH.N: N counts the tries whose output is here. */
function keep(path: Buffer, attempt: number): void {
  const named = (n: number): Buffer => Buffer.concat([path, Buffer.from(`.${n}`)]);
  const isThere = (n: number): boolean => fs.lstatSync(named(n), { throwIfNoEntry: false }) !== undefined;
  let number = Math.max(0, attempt - 1);
  while (number > 0 && !isThere(number)) number -= 1;
  do number += 1;
  while (isThere(number));
  fs.renameSync(path, named(number));
  let size = 0;
  for (let old = number; old > Math.max(0, number - 2 * KEPT_OUTPUTS); old--) {
    try {
      const info = fs.lstatSync(named(old));
      if (!info.isFile()) continue;
      size += info.size;
      if (old < number && (old <= number - KEPT_OUTPUTS || size > KEPT_OUTPUT_BYTES))
        fs.unlinkSync(named(old));
    } catch {
      // Not there, or not ours to remove.
    }
  }
}

/** Last lines of an output as text that JSON and Postgres accept; null when there is nothing to read. */
export function tailOf(output: Buffer): string | null {
  let fd = -1;
  try {
    if (!fs.lstatSync(output).isFile()) return NO_FILE;
    fd = fs.openSync(output, O_RDONLY | O_NONBLOCK | O_NOCTTY | O_NOFOLLOW);
    const info = fs.fstatSync(fd);
    if (!info.isFile()) return NO_FILE;
    const { size } = info;
    const { bavail, blocks } = fs.statfsSync(output);
    const note = bavail === 0 && blocks > 0 ? NO_SPACE : '';
    if (size === 0) return note || null;
    const buffer = Buffer.alloc(Math.min(size, TAIL_BYTES));
    const read = fs.readSync(fd, buffer, 0, buffer.length, size - buffer.length);
    const text = buffer.subarray(0, read).toString('utf8').replaceAll('\0', '\ufffd').replace(/\n+$/, '');
    const bytes = Buffer.from(text.split('\n').slice(-TAIL_LINES).join('\n'), 'utf8');
    // Replacement characters are longer than what they replace: cut at the front, between characters.
    let from = Math.max(0, bytes.length - (TAIL_BYTES - (note === '' ? 0 : note.length + 1)));
    while (((bytes[from] ?? 0) & 0xc0) === 0x80) from += 1;
    const tail = bytes.subarray(from).toString('utf8');
    return note === '' ? tail : `${tail}\n${note}`;
  } catch {
    return null;
  } finally {
    if (fd >= 0) fs.closeSync(fd);
  }
}

/** Why exec finds no such file although `path` is there; null when it is not, or nothing is known. */
export function missingInterpreter(path: string): string | null {
  const head = Buffer.alloc(256);
  let fd = -1;
  let read = 0;
  try {
    fd = fs.openSync(Buffer.from(path, 'latin1'), O_RDONLY | O_NONBLOCK | O_NOCTTY);
    if (fs.fstatSync(fd).isFile()) read = fs.readSync(fd, head, 0, head.length, 0);
  } catch {
    return null;
  } finally {
    if (fd >= 0) fs.closeSync(fd);
  }
  const text = head.toString('utf8', 0, read);
  if (!text.startsWith('#!'))
    return text.startsWith('\x7fELF') ? 'it is there, but not the loader that it was linked for' : null;
  const line = text.slice(2).split('\n', 1)[0]!;
  const name = line.split('\r', 1)[0]!.trim().split(/[ \t]/, 1)[0]!;
  const what = `its first line names an interpreter which is not there: ${name}`;
  return line.endsWith('\r')
    ? `${what} with a carriage return behind it (the file has line ends of Windows, CRLF: \`sed -i 's/\\r$//'\` mends it)`
    : what;
}

/** Processes of our memory cgroup that the kernel has killed for want of memory (the line `oom_kill` of `file`). */
export function killedForMemory(file: string): number {
  if (file === '') return 0;
  try {
    return Number(/^oom_kill (\d+)$/m.exec(fs.readFileSync(file, 'latin1'))?.[1] ?? 0);
  } catch {
    return 0;
  }
}
