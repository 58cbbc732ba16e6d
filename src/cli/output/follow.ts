/**
 * Reads files as they grow. Called by `output -f` and `log`. It looks at the size now and then instead of waiting for the
 * system to tell: files on a parallel file system are written on other hosts, and no system tells of that. Only ordinary files are
 * opened: what a job has put in place of its output must not block anybody.
 */
import fs from 'node:fs';
import { StringDecoder } from 'node:string_decoder';
import { promisify } from 'node:util';
import { FOLLOW_CHUNK_BYTES } from '../../base/client-limits.ts';
import { openOrdinary, unreadable } from '../../base/ordinary-file.ts';

const read = promisify(fs.read);

export class GrowingFile {
  readonly file: string;
  #at: number;
  #decoder = new StringDecoder('utf8');
  #inode: number | null = null;

  /** Begins at byte `at`. */
  constructor(file: string, at = 0) {
    this.file = file;
    this.#at = at;
  }

  /** `bytes` as text; a character that is not whole yet comes with its rest. */
  async *read(): AsyncGenerator<string> {
    for await (const bytes of this.bytes()) yield this.#decoder.write(bytes);
  }

  /** What was added since, in parts of bounded size; nothing while there is no file. A file that got shorter, or is another
   * one of this name (the next try of a job), was begun anew, and is read from its beginning. UserError when it can't be read. */
  async *bytes(): AsyncGenerator<Buffer> {
    const fd = openOrdinary(this.file);
    if (fd === null) return;
    try {
      const { size, ino } = fs.fstatSync(fd);
      if (size < this.#at || (this.#inode !== null && ino !== this.#inode)) {
        this.#at = 0;
        this.#decoder = new StringDecoder('utf8');
      }
      this.#inode = ino;
      for (;;) {
        // A new one each time: who writes the last one may not be done.
        const buffer = Buffer.alloc(FOLLOW_CHUNK_BYTES);
        const { bytesRead } = await read(fd, buffer, 0, buffer.length, this.#at);
        if (bytesRead === 0) return;
        this.#at += bytesRead;
        yield buffer.subarray(0, bytesRead);
      }
    } catch (error) {
      throw unreadable(this.file, error);
    } finally {
      fs.closeSync(fd);
    }
  }
}

/** The last `most` bytes of a file as text, and its size; null when there is none. UserError when it can't be read. */
export function endOf(file: string, most: number): { text: string; size: number } | null {
  const fd = openOrdinary(file);
  if (fd === null) return null;
  try {
    const { size } = fs.fstatSync(fd);
    const buffer = Buffer.alloc(Math.min(size, most));
    const length = fs.readSync(fd, buffer, 0, buffer.length, size - buffer.length);
    return { text: buffer.toString('utf8', 0, length), size };
  } catch (error) {
    throw unreadable(file, error);
  } finally {
    fs.closeSync(fd);
  }
}

/** The last `lines` lines of a file, without the newline at its end, looked for in its last `most` bytes. */
export function tailOf(file: string, lines: number, most: number): { text: string; size: number } | null {
  const end = endOf(file, most);
  if (end === null) return null;
  const all = end.text.replace(/\n$/, '').split('\n');
  return { text: lines === 0 ? '' : all.slice(-lines).join('\n'), size: end.size };
}
