/**
 * Runs the tests and prints what a person and a machine want to know: failures whole, skips with their reason, and at the
 * end one plain line `N passed, N failed` (`, N skipped` only when something was). In CI a skip is a failure.
 *
 * The tests get surroundings of their own; what they leave behind is a failure. Arguments are passed on to ava (files, --match).
 */
import { spawn } from 'node:child_process';
import path from 'node:path';
import { createInterface } from 'node:readline';
import { surroundings } from './test-surroundings.ts';

const ava = ['--import', './bin/ava-tap.mjs', 'node_modules/ava/entrypoints/cli.js', '--tap'];
const around = surroundings(path.join(import.meta.dirname, '..'));
const child = spawn(process.execPath, [...ava, ...process.argv.slice(2)], {
  env: around.env,
  stdio: ['ignore', 'pipe', 'inherit'],
});
let passed = 0;
const failures: string[] = [];
const skipped: string[] = [];
let inFailure = false;
let whole = false;
const startedAt = performance.now();

for await (const line of createInterface({ input: child.stdout })) {
  const result = /^(ok|not ok) \d+ - (.*)$/.exec(line);
  if (!result) {
    // The plan comes last: without it ava ended before it had told everything.
    whole ||= /^1\.\.\d+$/.test(line);
    // Below a failure TAP has its details; what a test printed itself begins with #.
    if (inFailure || (line.startsWith('#') && !/^# (tests|pass|fail|skip)/.test(line) && !isTitle(line)))
      console.log(line);
    continue;
  }
  const [, verdict, title = ''] = result;
  inFailure = verdict === 'not ok';
  if (/# SKIP/i.test(title)) skipped.push(title);
  else if (inFailure) {
    failures.push(title);
    console.log(`FAILED ${title}`);
  } else {
    passed += 1;
    if (process.stdout.isTTY)
      process.stdout.write(
        `\r\u001B[K${passed} passed  ${title.slice(0, (process.stdout.columns ?? 80) - 20)}`,
      );
  }
}
const code: number = await new Promise((resolve) => {
  if (child.exitCode !== null) resolve(child.exitCode);
  else child.once('exit', (exit) => resolve(exit ?? 1));
});
if (process.stdout.isTTY) process.stdout.write('\r\u001B[K');
for (const title of skipped) console.log(`SKIPPED ${title}`);
if (!whole || (code !== 0 && failures.length === 0))
  failures.push(`ava ended with ${code} ${whole ? 'after' : 'before'} its last result`);
for (const line of await around.close()) failures.push(`left behind: ${line}`);
// Once more in one place: above there are pages between them.
for (const title of failures) console.log(`FAILED ${title}`);
const failed = failures.length;
console.log(`tests took ${((performance.now() - startedAt) / 1000).toFixed(0)} s`);
console.log(`${passed} passed, ${failed} failed${skipped.length > 0 ? `, ${skipped.length} skipped` : ''}`);
process.exit(failed > 0 || (process.env['CI'] === 'true' && skipped.length > 0) ? 1 : 0);

/** ava repeats each title as a comment before its result. */
function isTitle(line: string): boolean {
  return !line.startsWith('#  ') && !line.startsWith('# SKIPPED');
}
