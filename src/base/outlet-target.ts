/**
 * The kinds of place that an outlet writes to. None of them blocks the process: files are written by Node's threads, pipes
 * and terminals through a description of their own that refuses (EAGAIN) instead of waiting for its reader. Called by
 * outlet.ts alone; it must never throw.
 */
import fs from 'node:fs';
import path from 'node:path';

/** What came of a write: an error's code or null, and how many bytes of it were written. */
type Done = (code: string | null, written: number) => void;

export interface Target {
  /** Never called again before `done`. */
  write(bytes: Buffer, done: Done): void;
  /** Whether the write that is not done yet has reached the system, which brings it to its end. */
  issued(): boolean;
  /** At the end of the process: now, or not at all. */
  writeLast(bytes: Buffer): void;
}

/** Beyond so many bytes a reader is too slow. */
const UNREAD_MAX = 1 << 16;

function codeOf(error: unknown): string {
  return (error as NodeJS.ErrnoException).code ?? 'EIO';
}

/** Writes all of it by Node's threads. */
function writeAll(fd: number, bytes: Buffer, done: Done, from = 0): void {
  fs.write(fd, bytes, from, bytes.length - from, null, (error, written) => {
    if (error !== null) return done(codeOf(error), from);
    if (from + written === bytes.length) return done(null, bytes.length);
    writeAll(fd, bytes, done, from + written);
  });
}

function writeNow(fd: number, bytes: Buffer): void {
  try {
    fs.writeSync(fd, bytes);
  } catch {
    // It was said for nobody.
  }
}

/** A file by its path, opened at the first line; anew after an error, and when it was removed. */
export function appenderOf(file: string): Target {
  let fd = -1;
  let issued = false;
  const close = (): void => {
    if (fd >= 0) fs.close(fd, () => undefined);
    fd = -1;
  };
  const opened = (done: (error: Error | null) => void): void => {
    fs.open(file, 'a', 0o644, (error, got) => {
      if (error === null) fd = got;
      done(error);
    });
  };
  const openOrMake = (then: (code: string | null) => void): void => {
    opened((error) => {
      if (error === null) return then(null);
      if (codeOf(error) !== 'ENOENT') return then(codeOf(error));
      // Its directory was removed; what is above it is not ours to make.
      fs.mkdir(path.dirname(file), () => opened((again) => then(again === null ? null : codeOf(again))));
    });
  };
  const ready = (then: (code: string | null) => void): void => {
    if (fd < 0) return openOrMake(then);
    fs.fstat(fd, (error, stat) => {
      if (error === null && stat.nlink > 0) return then(null);
      close();
      openOrMake(then);
    });
  };
  return {
    issued: () => issued,
    write(bytes, done) {
      issued = false;
      ready((code) => {
        if (code !== null) return done(code, 0);
        issued = true;
        writeAll(fd, bytes, (failed, written) => {
          if (failed !== null) close();
          done(failed, written);
        });
      });
    },
    writeLast(bytes) {
      try {
        if (fd < 0) fd = fs.openSync(file, 'a', 0o644);
        fs.writeSync(fd, bytes);
      } catch {
        // It was said for nobody.
      }
    },
  };
}

/** stdout or stderr, whatever it is. */
export function descriptorOf(fd: 1 | 2): Target {
  let stat: fs.Stats;
  try {
    stat = fs.fstatSync(fd);
  } catch (error) {
    return nowhere(codeOf(error));
  }
  if (stat.isFile())
    return {
      issued: () => true,
      write: (bytes, done) => writeAll(fd, bytes, done),
      writeLast: (bytes) => writeNow(fd, bytes),
    };
  const flags = fs.constants.O_WRONLY | fs.constants.O_NONBLOCK | fs.constants.O_NOCTTY;
  try {
    return impatient(fs.openSync(`/proc/self/fd/${fd}`, flags));
  } catch (error) {
    // A pipe without a reader.
    if (stat.isFIFO() && codeOf(error) === 'ENXIO') return nowhere('EPIPE');
    // A socket, or another user's pipe or terminal: Node's stream, which waits for its reader in the background.
    return streamed(fd === 1 ? process.stdout : process.stderr);
  }
}

function nowhere(code: string): Target {
  return { issued: () => true, write: (_bytes, done) => done(code, 0), writeLast: () => undefined };
}

/** A description that never waits: what does not fit is refused. */
function impatient(fd: number): Target {
  return {
    issued: () => true,
    write(bytes, done) {
      let from = 0;
      try {
        while (from < bytes.length) from += fs.writeSync(fd, bytes, from);
      } catch (error) {
        return done(codeOf(error), from);
      }
      done(null, from);
    },
    writeLast: (bytes) => writeNow(fd, bytes),
  };
}

function streamed(stream: NodeJS.WriteStream): Target {
  let broken: string | null = null;
  stream.on('error', (error) => (broken = codeOf(error)));
  return {
    issued: () => true,
    write(bytes, done) {
      if (broken !== null) return done(broken, 0);
      if (stream.writableLength > UNREAD_MAX) return done('EAGAIN', 0);
      stream.write(bytes);
      done(null, bytes.length);
    },
    writeLast: (bytes) => void (broken ?? stream.write(bytes)),
  };
}
