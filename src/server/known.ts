/**
 * The list of databases this person has used, in `~/.balsam/databases.json` (BALSAM_HOME names another directory): what
 * `which --list` shows and where `balsamactivate` looks up a part of a name. A convenience: a damaged or unwritable list
 * is made anew or left alone and never stops a command. Where there is no home directory there is no list.
 */
import fs from 'node:fs';
import path from 'node:path';
import { UserError } from '../base/errors.ts';
import { balsamHome, isOwnFile } from '../base/own-directory.ts';
import { expandHome, writeAtomically } from './layout.ts';

/** Null where there is no place for it. What others could have written would send a command to a database of theirs. */
function listFile(): string | null {
  const home = balsamHome();
  return home === null ? null : path.join(home, 'databases.json');
}

/** The databases that still exist, in the order in which they were made. */
export function knownDatabases(): string[] {
  return readList().filter((root) => fs.existsSync(path.join(root, 'server-info')));
}

/** Adds `root`; nothing happens when it is there. Databases that are gone are dropped. */
export function rememberDatabase(root: string): void {
  const file = listFile();
  if (file === null || readList().includes(root)) return;
  try {
    writeAtomically(file, `${JSON.stringify([...knownDatabases(), root], null, 2)}\n`, 0o644);
  } catch {
    // No home directory, or it is full: the list is a convenience.
  }
}

/** The one database that `name` means: a path to one, else a part of exactly one known path. UserError otherwise. */
export function lookUpDatabase(name: string): string {
  const direct = path.resolve(expandHome(name));
  if (fs.existsSync(path.join(direct, 'server-info'))) return fs.realpathSync(direct);
  const known = knownDatabases();
  const byName = known.filter((root) => path.basename(root) === name);
  const found = byName.length === 1 ? byName : known.filter((root) => root.includes(name));
  const [only] = found;
  if (only !== undefined && found.length === 1) return only;
  if (found.length === 0)
    throw new UserError(
      `no Balsam database at ${name}, and no known one has that in its path (\`balsam which --list\`)`,
    );
  throw new UserError(`${name} fits several databases: ${found.join(', ')}; give more of the path`);
}

function readList(): string[] {
  const file = listFile();
  if (file === null || !isOwnFile(file)) return [];
  try {
    const value: unknown = JSON.parse(fs.readFileSync(file, 'utf8'));
    return Array.isArray(value) ? value.filter((item): item is string => typeof item === 'string') : [];
  } catch {
    return [];
  }
}
