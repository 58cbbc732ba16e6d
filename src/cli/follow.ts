/**
 * Reads files as they grow. Called by `output -f` and `log`. It looks at the size now and then instead of waiting for the
 * system to tell: files on a parallel file system are written on other hosts, and no system tells of that.
 */
import fs from 'node:fs';
import { StringDecoder } from 'node:string_decoder';
import { FOLLOW_CHUNK_BYTES } from '../base/client-limits.ts';
import { EXIT_FAILED, messageOf, UserError } from '../base/errors.ts';

export class GrowingFile {
  readonly file: string;
  #at: number;
  #decoder = new StringDecoder('utf8');

  /** Begins at byte `at`. */
  constructor(file: string, at = 0) {
    this.file = file;
    this.#at = at;
  }

  /** `bytes` as text; a character that is not whole yet comes with its rest. */
  async *read(): AsyncGenerator<string> {
    for await (const bytes of this.bytes()) yield this.#decoder.write(bytes);
  }

  /** What was added since, in parts of bounded size; nothing while there is no file. A file that got shorter was begun
   * anew, and is read from its beginning. UserError when it can't be read. */
  async *bytes(): AsyncGenerator<Buffer> {
    const handle = await open(this.file);
    if (handle === null) return;
    try {
      if ((await handle.stat()).size < this.#at) {
        this.#at = 0;
        this.#decoder = new StringDecoder('utf8');
      }
      for (;;) {
        // A new one each time: who writes the last one may not be done.
        const buffer = Buffer.alloc(FOLLOW_CHUNK_BYTES);
        const { bytesRead } = await handle.read(buffer, 0, buffer.length, this.#at);
        if (bytesRead === 0) return;
        this.#at += bytesRead;
        yield buffer.subarray(0, bytesRead);
      }
    } catch (error) {
      throw unreadable(this.file, error);
    } finally {
      await handle.close();
    }
  }
}

async function open(file: string): Promise<fs.promises.FileHandle | null> {
  try {
    return await fs.promises.open(file, 'r');
  } catch (error) {
    if (error instanceof Error && 'code' in error && error.code === 'ENOENT') return null;
    throw unreadable(file, error);
  }
}

function unreadable(file: string, error: unknown): UserError {
  return new UserError(`${file} cannot be read: ${messageOf(error)}`, EXIT_FAILED);
}

/** The last `most` bytes of a file as text, and its size; null when there is none that can be read. */
export function endOf(file: string, most: number): { text: string; size: number } | null {
  let fd: number;
  try {
    fd = fs.openSync(file, 'r');
  } catch (error) {
    const code = error instanceof Error && 'code' in error ? String(error.code) : '';
    if (['ENOENT', 'EACCES', 'ENOTDIR'].includes(code)) return null;
    throw unreadable(file, error);
  }
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
