// The declaration files of the client: what `import … from 'balsam'` means to a compiler. Written by the build for the
// package, and read by the generator of docs/api.md. What is marked @internal is left out.
import { execFileSync } from 'node:child_process';
import { cpSync, mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { fileURLToPath } from 'node:url';

const root = fileURLToPath(new URL('..', import.meta.url));
const ENTRY = 'src/client/index.ts';

/** Writes those that `src/client/index.ts` needs below `target`, by the paths of their sources. */
export function writeDeclarations(target) {
  const all = mkdtempSync(path.join(tmpdir(), 'balsam-types-'));
  try {
    execFileSync(`${root}node_modules/.bin/tsc`, ['-p', `${root}tsconfig.types.json`, '--outDir', all], {
      stdio: 'inherit',
    });
    for (const file of reachable(all)) cpSync(`${all}/${file}`, `${target}/${file}`);
  } finally {
    rmSync(all, { recursive: true, force: true });
  }
}

/** The declaration files below `all` that the entry names, itself among them, and those that these name. */
function reachable(all) {
  const found = new Set([ENTRY]);
  for (const file of found) {
    const text = readFileSync(`${all}/${declarationOf(file)}`, 'utf8');
    for (const [, name] of text.matchAll(/\b(?:from|import\()\s*['"](\.[^'"]+)['"]/g))
      found.add(path.join(path.dirname(file), name));
  }
  return [...found].map(declarationOf);
}

function declarationOf(file) {
  return file.replace(/\.ts$/, '.d.ts');
}
