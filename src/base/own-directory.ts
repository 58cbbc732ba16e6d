/**
 * The directory of ours in the person's home: where the list of known databases and V8's compile cache lie. It may be
 * missing (containers, cron), and nothing that we do may need it: whoever asks gets null and goes without.
 *
 * What lies there becomes code or names what we run, so it is guarded like a key: no other user can have written it. Must
 * never make a home directory, and never repair what somebody else may have made.
 */
import fs from 'node:fs';
import path from 'node:path';
import { homeDirectory } from './home.ts';

/**
 * BALSAM_HOME, else `~/.balsam`: made when only it is missing, and proven to be nobody else's to write. Null when there is
 * no such place. An empty BALSAM_HOME is as good as none; a relative one would be another place in each directory.
 */
export function balsamHome(): string | null {
  const named = process.env['BALSAM_HOME'];
  if (named) return path.isAbsolute(named) ? ownDirectory(named) : null;
  const home = homeDirectory();
  return home === null ? null : ownDirectory(path.join(home, '.balsam'), { repair: true });
}

/**
 * A directory of our own for code, mode 0700: made when it is missing, and made anew when others could enter it, because
 * what lies deeper may have been open to them. Null when that can't be had.
 */
export function codeDirectory(name: string): string | null {
  const home = balsamHome();
  if (home === null) return null;
  const directory = path.join(home, name);
  const found = lookAt(directory);
  try {
    if (found?.isDirectory() === true && found.uid === process.geteuid?.() && (found.mode & 0o077) !== 0) {
      // Closed first: from then on nobody can put anything in the way of its removal.
      fs.chmodSync(directory, 0o700);
      fs.rmSync(directory, { recursive: true, force: true });
    }
  } catch {
    return null;
  }
  return ownDirectory(directory);
}

/** Whether `file` is a file of ours or of root that nobody else can write; its directory is the caller's to prove. */
export function isOwnFile(file: string): boolean {
  const found = lookAt(file);
  return found?.isFile() === true && isOwners(found.uid) && (found.mode & 0o022) === 0;
}

/** Makes `directory`, but none above it, and proves it and every directory above it. Null when it is not ours alone. */
function ownDirectory(directory: string, { repair = false } = {}): string | null {
  try {
    fs.mkdirSync(directory, { mode: 0o700 });
  } catch (error) {
    if (!(error instanceof Error && 'code' in error && error.code === 'EEXIST')) return null;
  }
  const found = lookAt(directory);
  if (found?.isDirectory() !== true || found.uid !== process.geteuid?.()) return null;
  if (!isGuarded(path.dirname(directory))) return null;
  if ((found.mode & 0o022) === 0) return directory;
  if (!repair) return null;
  try {
    // Earlier versions made it with the umask. What lies in it is proven by itself.
    fs.chmodSync(directory, found.mode & 0o755);
    return directory;
  } catch {
    return null;
  }
}

/**
 * Whether nobody but root and we can put another directory in the place of `directory`: each one above it belongs to us or
 * root, and others can't write it, or it is sticky, like /tmp. Links are followed, and where they lie is proven too.
 */
export function isGuarded(directory: string, links = 20): boolean {
  let at = '/';
  const parts = path.resolve(directory).split('/').filter(Boolean);
  for (const [i, part] of ['', ...parts].entries()) {
    at = path.join(at, part);
    const found = lookAt(at);
    if (found === null || !isOwners(found.uid)) return false;
    if (found.isSymbolicLink()) {
      if (links === 0) return false;
      const target = path.resolve(path.dirname(at), fs.readlinkSync(at));
      return isGuarded(path.join(target, ...parts.slice(i)), links - 1);
    }
    if ((found.mode & 0o022) !== 0 && (found.mode & 0o1000) === 0) return false;
  }
  return true;
}

function isOwners(uid: number): boolean {
  return uid === 0 || uid === process.geteuid?.();
}

function lookAt(file: string): fs.Stats | null {
  try {
    return fs.lstatSync(file);
  } catch {
    return null;
  }
}
