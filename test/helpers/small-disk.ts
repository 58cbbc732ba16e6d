/** Small disks for tests of full ones: file systems in memory of a given size. Only root can mount; others skip, aloud. */
import { spawnSync } from 'node:child_process';
import fs from 'node:fs';
import os from 'node:os';
import path from 'node:path';

export interface SmallDisk {
  /** Fills it to the last block with one file, and if asked to its last file; returns what makes room again. */
  fill(options?: { files: boolean }): () => void;
  /** Takes it away, also while somebody still has a file of it open. */
  remove(): void;
}

/** Why small disks can't be made here; null when they can. Tried for real, once. */
export const NO_SMALL_DISK: string | null = tryOnce();

function tryOnce(): string | null {
  const directory = fs.mkdtempSync(path.join(os.tmpdir(), 'balsam-mount-'));
  try {
    smallDisk(directory, 'size=64k').remove();
    return null;
  } catch (error) {
    return error instanceof Error ? error.message : String(error);
  } finally {
    fs.rmdirSync(directory);
  }
}

/** Mounts one over an existing directory; `options` are tmpfs's (`size=2m,nr_inodes=50`). Throws where that is not permitted. */
export function smallDisk(directory: string, options: string): SmallDisk {
  run('mount', ['-t', 'tmpfs', '-o', options, 'none', directory]);
  return {
    fill(options = { files: false }) {
      const file = path.join(directory, 'filler');
      const fd = fs.openSync(file, 'w');
      try {
        for (const block of [1_048_576, 4_096]) fillBy(fd, block);
      } finally {
        fs.closeSync(fd);
      }
      const more = path.join(directory, 'more');
      if (options.files) fillWithFiles(more);
      return () => {
        fs.rmSync(file);
        fs.rmSync(more, { recursive: true, force: true });
      };
    },
    remove: () => run('umount', ['-l', directory]),
  };
}

function fillWithFiles(directory: string): void {
  try {
    fs.mkdirSync(directory);
    for (let i = 0; ; i++) fs.writeFileSync(path.join(directory, `${i}`), '');
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== 'ENOSPC') throw error;
  }
}

function fillBy(fd: number, block: number): void {
  const zeros = Buffer.alloc(block);
  try {
    for (;;) if (fs.writeSync(fd, zeros) < block) return;
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== 'ENOSPC') throw error;
  }
}

/** Moves what is below `directory` to a small disk over it; owner and mode stay. Nobody may have a file of it open. */
export function moveToSmallDisk(directory: string, options: string): SmallDisk {
  const { uid, gid, mode } = fs.statSync(directory);
  const aside = `${directory}.aside`;
  fs.renameSync(directory, aside);
  fs.mkdirSync(directory);
  const disk = smallDisk(directory, `${options},mode=${(mode & 0o777).toString(8)},uid=${uid},gid=${gid}`);
  run('cp', ['-a', `${aside}/.`, directory]);
  fs.rmSync(aside, { recursive: true });
  return disk;
}

function run(program: string, args: readonly string[]): void {
  const { status, stderr, error } = spawnSync(program, args, { encoding: 'utf8' });
  if (status !== 0) throw new Error(`${program} ${args.join(' ')}: ${(error?.message ?? stderr).trim()}`);
}
