// The declaration files of the client: what `import … from 'balsam'` means to a compiler. Written by the build for the
// package, and read by the generator of docs/api.md. What is marked @internal is left out.
import { execFileSync } from 'node:child_process';
import { mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { fileURLToPath } from 'node:url';

const root = fileURLToPath(new URL('..', import.meta.url));
const ENTRY = 'src/client/index.ts';

// What every Node that runs the client has, and a compiler with an older target does not know by itself: TypeScript 5 takes
// ES5 when it is told no target, and `Symbol.asyncDispose` is in none of its yearly libraries.
const LIBRARIES = ['es2022', 'esnext.disposable'].map((name) => `/// <reference lib="${name}" />\n`).join('');

/** Writes those that `src/client/index.ts` needs below `target`, by the paths of their sources. */
export function writeDeclarations(target) {
  const all = mkdtempSync(path.join(tmpdir(), 'balsam-types-'));
  try {
    execFileSync(`${root}node_modules/.bin/tsc`, ['-p', `${root}tsconfig.types.json`, '--outDir', all], {
      stdio: 'inherit',
    });
    for (const file of reachable(all)) {
      const text = withoutPrivateNames(readFileSync(`${all}/${file}`, 'utf8'));
      mkdirSync(path.dirname(`${target}/${file}`), { recursive: true });
      writeFileSync(`${target}/${file}`, file === declarationOf(ENTRY) ? LIBRARIES + text : text);
    }
  } finally {
    rmSync(all, { recursive: true, force: true });
  }
}

/**
 * The mark of a class with private members, in words that ES5 has too: a private member that is called after the class keeps
 * it apart from others as `#private` does.
 */
function withoutPrivateNames(text) {
  let name = '';
  const lines = text.split('\n').map((line) => {
    name = /^export (?:declare )?(?:abstract )?class (\w+)/.exec(line)?.[1] ?? name;
    return line.replace(/^( *)#private;$/, `$1private '#${name}';`);
  });
  return lines.join('\n');
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
