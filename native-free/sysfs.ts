/**
 * Small, safe reads below a root directory: /proc and /sys, or a fixture tree that looks like them.
 *
 * Why it exists: what a node has is spread over hundreds of tiny kernel files, any of which may be absent, unreadable,
 * or vanish between listing and reading. All readers of native-free go through here, so "not there" is one value (null).
 * Who calls it: every other file of native-free.
 * It must never throw for a missing or unreadable file, never read more than a bounded number of bytes, and never be
 * pointed at a shared file system: the reads are synchronous.
 */
import { closeSync, openSync, readdirSync, readlinkSync, readSync } from 'node:fs';
import { join } from 'node:path';

/** Bytes. The largest file read is /proc/self/mountinfo: guessed at 100 bytes a mount, 10,000 mounts on a container host. */
export const maxFileBytes = 1 << 20;

/** Bytes read at first; most kernel files are shorter, so one buffer and two system calls serve them. */
const chunkBytes = 4096;

/**
 * The text of a file below root, or null if it is not there or can't be read.
 * Longer files are cut at maxFileBytes, which no file that we read reaches (sizes in /proc are 0, so it reads to the end).
 */
export function readText(root: string, path: string): string | null {
  let file: number;
  try {
    file = openSync(join(root, path), 'r');
  } catch {
    return null;
  }
  try {
    const chunks: Buffer[] = [];
    let total = 0;
    while (total < maxFileBytes) {
      const chunk = Buffer.allocUnsafe(total === 0 ? chunkBytes : chunkBytes * 16);
      const read = readSync(file, chunk, 0, Math.min(chunk.length, maxFileBytes - total), null);
      if (read === 0) break;
      chunks.push(chunk.subarray(0, read));
      total += read;
    }
    return Buffer.concat(chunks, total).toString('utf8');
  } catch {
    return null;
  } finally {
    closeSync(file);
  }
}

/** The text without surrounding white space and NUL; null if there is no file or nothing in it. */
export function readTrimmed(root: string, path: string): string | null {
  const text = readText(root, path)?.replaceAll('\0', '').trim();
  return text === undefined || text === '' ? null : text;
}

/** A file that holds one decimal or 0x-hexadecimal integer; null if there is no file or something else in it. */
export function readInteger(root: string, path: string): number | null {
  const text = readTrimmed(root, path);
  if (text === null || !/^(?:-?\d+|0x[\da-f]+)$/i.test(text)) return null;
  return Number(text);
}

/** The names in a directory, sorted as text; empty if it is not there. */
export function listDirectory(root: string, path: string): string[] {
  try {
    return readdirSync(join(root, path)).toSorted();
  } catch {
    return [];
  }
}

/** Where a symbolic link points (not resolved further), or null. */
export function readLink(root: string, path: string): string | null {
  try {
    return readlinkSync(join(root, path));
  } catch {
    return null;
  }
}

/** The names `prefix` + decimal number in a directory, as numbers in rising order: node0, node1, node10. */
export function listNumbered(root: string, path: string, prefix: string): number[] {
  const numbers: number[] = [];
  for (const name of listDirectory(root, path)) {
    const rest = name.startsWith(prefix) ? name.slice(prefix.length) : '';
    if (/^\d{1,9}$/.test(rest)) numbers.push(Number(rest));
  }
  return numbers.toSorted((a, b) => a - b);
}
