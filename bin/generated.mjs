// What the generators of pages share: a page is written, or with `--check` held against what is there.
import { readFileSync, writeFileSync } from 'node:fs';
import path from 'node:path';
import { fileURLToPath } from 'node:url';

/** Of the checkout, with a slash at its end. */
export const root = fileURLToPath(new URL('..', import.meta.url));

/** Writes `text` to `page` (from the root); with `--check` writes nothing and fails when it is not what is there. */
export function publish(page, text) {
  if (!process.argv.includes('--check')) writeFileSync(root + page, text);
  else if (readFileSync(root + page, 'utf8') !== text) {
    const maker = path.basename(process.argv[1]);
    console.error(`${page} is not what bin/${maker} makes of the sources: run \`npm run generate\``);
    process.exitCode = 1;
  }
}
