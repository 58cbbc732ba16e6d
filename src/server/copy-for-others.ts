/**
 * A copy of programs that another account can reach: for Postgres under root, whose account can't enter an installation
 * below /root or another closed directory. It lies in a directory that root alone can write, as does every directory above,
 * and comes to its name as a whole, so that what has the name is what root put there. One copy a version; it stays.
 * Must never run or hand out what another user could have made or changed.
 */
import fs from 'node:fs';
import path from 'node:path';
import { isGuarded } from '../base/own-directory.ts';
import { deadOnes, ownMark } from './aside.ts';

/** Where copies may lie, best first. In /tmp another user may have the name already; then there is none. */
const PLACES = ['/var/cache/balsam', '/var/lib/balsam', '/opt/balsam', '/tmp/balsam-programs'];

/** The copy of `source` called `name` for which `works` holds; null when no place has or takes one. Only for root. */
export function copyForOthers(
  source: string,
  name: string,
  works: (copy: string) => boolean,
  places: readonly string[] = PLACES,
): string | null {
  for (const place of places) {
    const copy = path.join(place, name);
    if (makeOpen(place) && isRoots(place)) {
      if (!fs.existsSync(copy)) copyAsWhole(source, copy);
      // A place on a disk from which nothing may be run has one that does not work.
      if (isRoots(copy) && works(copy)) return copy;
    }
  }
  return null;
}

/** Copies to a name beside, then renames: of several at a time one stays, and they are all the same. */
function copyAsWhole(source: string, copy: string): void {
  const prefix = `${path.basename(copy)}.new-`;
  for (const left of deadOnes(path.dirname(copy), prefix)) fs.rmSync(left, { recursive: true, force: true });
  const made = path.join(path.dirname(copy), `${prefix}${ownMark()}`);
  try {
    fs.mkdirSync(made);
    copyOpen(source, made);
    fs.renameSync(made, copy);
  } catch {
    // No room, read-only, or somebody was faster: what has the name now decides.
    fs.rmSync(made, { recursive: true, force: true });
  }
}

/** Every file readable, and runnable where it was; whatever the umask and the original's owner and mode. */
function copyOpen(source: string, target: string): void {
  fs.chmodSync(target, 0o755);
  for (const entry of fs.readdirSync(source, { withFileTypes: true })) {
    const [from, to] = [path.join(source, entry.name), path.join(target, entry.name)];
    if (entry.isDirectory()) {
      fs.mkdirSync(to);
      copyOpen(from, to);
    } else if (entry.isSymbolicLink()) {
      fs.symlinkSync(fs.readlinkSync(from), to);
    } else {
      fs.copyFileSync(from, to);
      fs.chmodSync(to, (fs.statSync(from).mode & 0o111) === 0 ? 0o644 : 0o755);
    }
  }
}

function makeOpen(place: string): boolean {
  try {
    fs.mkdirSync(place);
    fs.chmodSync(place, 0o755);
    return true;
  } catch {
    return fs.existsSync(place);
  }
}

/** A directory that only root could have made and can change, and nobody above it either. */
function isRoots(directory: string): boolean {
  const found = fs.lstatSync(directory, { throwIfNoEntry: false });
  return (
    found?.isDirectory() === true &&
    found.uid === 0 &&
    (found.mode & 0o022) === 0 &&
    isGuarded(path.dirname(directory))
  );
}
