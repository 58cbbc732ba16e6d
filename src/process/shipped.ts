/**
 * Where the programs are that this room starts as processes of their own (helper.py, guard.py and their Node twins):
 * beside this file as source, beside the bundle once bundled. It must never look anywhere else.
 */
import { existsSync } from 'node:fs';
import path from 'node:path';

const found = new Map<string, string>();

/**
 * Absolute path of the first of these files that was shipped; throws when the installation is incomplete. Looked for once:
 * an agent opens helpers while it works, and must not stand still then on a slow file system (PROTOCOL 0).
 */
export function shippedFile(...names: string[]): string {
  const key = names.join();
  const known = found.get(key);
  if (known !== undefined) return known;
  for (const name of names) {
    const file = path.join(import.meta.dirname, name);
    if (!existsSync(file)) continue;
    found.set(key, file);
    return file;
  }
  throw new Error(`not installed completely: ${names.join(' or ')} is missing in ${import.meta.dirname}`);
}
