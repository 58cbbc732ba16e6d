/**
 * The benchmark still runs: every row, small, gives finite figures and ratios. No time is judged here: what a figure should
 * be is shown by `npm run bench` on a quiet machine.
 */
import { execFile } from 'node:child_process';
import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';
import test from 'ava';

const run = promisify(execFile);
const BENCH = fileURLToPath(new URL('../../bench/run.ts', import.meta.url));

interface Line {
  row: string;
  small: boolean;
  figures: Record<string, number>;
  ratios: Record<string, number>;
}

for (const row of ['no-op', 'dispatch', 'store', 'create', 'latency', 'slots', 'start', 'run-times']) {
  test.serial(`row ${row} runs small and gives figures`, async (t) => {
    t.timeout(240_000);
    const place = mkdtempSync(path.join(tmpdir(), 'balsam-bench-test-'));
    t.teardown(() => rmSync(place, { recursive: true, force: true }));
    const results = path.join(place, 'results.jsonl');
    const env = { ...process.env };
    for (const name of ['BALSAM_DB_PATH', 'BALSAM_JOB_ID']) delete env[name];
    const { stdout } = await run(process.execPath, [BENCH, row, '--small', '--json', '--results', results], {
      env,
      timeout: 200_000,
    });
    const lines = readFileSync(results, 'utf8').trim().split('\n');
    t.is(stdout.trim().split('\n').length, lines.length, 'what is printed is what is recorded');
    for (const line of lines) {
      const found = JSON.parse(line) as Line;
      t.is(found.row, row);
      t.true(found.small);
      t.true(Object.keys(found.figures).length > 0);
      for (const [name, value] of Object.entries(found.figures)) {
        if (value === null) t.log(`${row}: no ${name} on this machine`);
        else t.true(Number.isFinite(value) && value >= 0, `${name} is ${value}`);
      }
    }
  });
}

test('an unknown row is refused with the names of those that there are', async (t) => {
  const error = await t.throwsAsync(run(process.execPath, [BENCH, 'nothing']), { any: true });
  const { code, stderr } = error as unknown as { code: number; stderr: string };
  t.is(code, 2);
  t.regex(
    stderr,
    /no row nothing; there are: no-op, dispatch, store, create, latency, slots, start, run-times/,
  );
});
