/**
 * Why a process ended that can say so only in its log: the last thing there that is a sentence for people. Agents started by
 * mpirun, a crash and an aborted Node have no other voice. Called by the warden; it must never fail.
 */
import { closeSync, fstatSync, openSync, readSync } from 'node:fs';

/** The end of a log that is looked at, bytes: a stack trace with the line of source before it. */
const TAIL_BYTES = 16 * 1024;
/** Longest reason that is told, characters. Guess: three lines of a terminal. */
const REASON_CHARACTERS = 400;

/** Lines that frame an error, and name none: stack frames, pointers into source, rulers, V8's and Node's own. */
const FRAME =
  /^(\s+at .*|\s*\^+\s*|[-=*#\s]*|Node\.js v[\d.]+|node:internal\/.*|(?:file:\/\/)?\/\S+:\d+|[})\];,\s]*)$/;
/** An error as Node prints it: `Error: …`, `WorldError [code]: …`. */
const ERROR = /^(?:Uncaught )?(?:[A-Za-z]*(?:Error|Exception)(?: \[\w+\])?): (.+)$/;
const FATAL = /^(?:FATAL ERROR|terminate called|.*: error while loading shared libraries|.*Out of memory).*$/;

/** How long a log is; 0 where it is none. What a process says begins here. */
export function lengthOf(file: string): number {
  return withFile(file, (fd) => fstatSync(fd).size) ?? 0;
}

/** The reason in what was written to `file` since `from`; '' where there is none. */
export function reasonIn(file: string, from: number): string {
  const text = withFile(file, (fd) => {
    const { size } = fstatSync(fd);
    const begin = Math.max(from, size - TAIL_BYTES);
    const bytes = Buffer.alloc(Math.max(0, size - begin));
    return bytes.subarray(0, readSync(fd, bytes, 0, bytes.length, begin)).toString('utf8');
  });
  return text === null ? '' : reasonOf(text);
}

/** The same of a text. */
export function reasonOf(text: string): string {
  const lines = text.split('\n').filter((line) => !line.startsWith('{') && !FRAME.test(line));
  const error = lines.findLast((line) => ERROR.test(line));
  const words =
    (error === undefined ? undefined : ERROR.exec(error)?.[1]) ??
    lines.findLast((line) => FATAL.test(line)) ??
    firstOfLastBlock(text) ??
    '';
  const told = words.trim();
  return told.length > REASON_CHARACTERS ? `${told.slice(0, REASON_CHARACTERS).toWellFormed()}…` : told;
}

/** mpirun begins with what is wrong, and goes on with advice. */
function firstOfLastBlock(text: string): string | undefined {
  const blocks: string[][] = [[]];
  for (const line of text.split('\n')) {
    if (line.startsWith('{') || line.trim() === '' || /^-{10,}$/.test(line)) blocks.push([]);
    else if (!FRAME.test(line)) blocks.at(-1)!.push(line);
  }
  return blocks.findLast((block) => block.length > 0)?.[0];
}

function withFile<T>(file: string, work: (fd: number) => T): T | null {
  let fd: number | null = null;
  try {
    fd = openSync(file, 'r');
    return work(fd);
  } catch {
    return null;
  } finally {
    if (fd !== null) closeSync(fd);
  }
}
