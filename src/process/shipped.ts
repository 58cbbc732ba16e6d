/**
 * Where the programs are that this room starts as processes of their own (helper.py, guard.py and their Node twins):
 * beside this file as source, beside the bundle once bundled. It must never look anywhere else.
 */
import { existsSync } from 'node:fs';
import path from 'node:path';

/** Absolute path of the first of these files that was shipped; throws when the installation is incomplete. */
export function shippedFile(...names: string[]): string {
  for (const name of names) {
    const file = path.join(import.meta.dirname, name);
    if (existsSync(file)) return file;
  }
  throw new Error(`not installed completely: ${names.join(' or ')} is missing in ${import.meta.dirname}`);
}
