/**
 * The benchmark: one file a row, one question a row. `npm run bench -- [ROW…] [options]`, or `node bench/run.ts`.
 * Without names all rows run. Each prints its figures and appends a line to `bench/results.jsonl`.
 *
 *   --small          seconds instead of minutes: shows that figures come out, and records nothing unless --results
 *   --only VARIANT   of a row with variants
 *   --samples N --jobs N    instead of the row's own
 *   --dir PATH       where databases go (default: the system's temporary directory)
 *   --files PATH     where the files of jobs and of the C loop go (default: /dev/shm, else --dir). A disk's file system has
 *                    states of its own: ext4 searches longer for an inode for half a minute after many were deleted, which
 *                    halved both sides (measured). Files are removed at the end of a row only.
 *   --profiles PATH  CPU profiles of every Node process of the launchers
 *   --results PATH   the file to append to
 *   --json           results as JSON lines on stdout, and nothing else there
 */
import { existsSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { parseArgs } from 'node:util';
import { create } from './create.ts';
import { dispatch } from './dispatch.ts';
import { latency } from './latency.ts';
import { noOp } from './no-op.ts';
import { runTimes } from './run-times.ts';
import { slots } from './slots.ts';
import { start } from './start.ts';
import { store } from './store.ts';
import { list, record, ROOT, type Result, type Row, type RowOptions } from './support/figures.ts';

const ROWS: readonly Row[] = [noOp, dispatch, store, create, latency, slots, start, runTimes];

/** A file system in memory on every Linux that has one. */
const MEMORY = '/dev/shm';

const { values, positionals } = parseArgs({
  allowPositionals: true,
  options: {
    small: { type: 'boolean', default: false },
    only: { type: 'string' },
    samples: { type: 'string' },
    jobs: { type: 'string' },
    dir: { type: 'string' },
    files: { type: 'string' },
    profiles: { type: 'string' },
    results: { type: 'string' },
    json: { type: 'boolean', default: false },
  },
});

const unknown = positionals.find((name) => !ROWS.some((row) => row.name === name));
if (unknown !== undefined) {
  console.error(`no row ${unknown}; there are: ${ROWS.map((row) => row.name).join(', ')}`);
  process.exit(2);
}

const number = (text: string | undefined): number | null => (text === undefined ? null : Number(text));
const options: RowOptions = {
  small: values.small,
  files: path.resolve(values.files ?? values.dir ?? (existsSync(MEMORY) ? MEMORY : tmpdir())),
  directory: values.dir === undefined ? tmpdir() : path.resolve(values.dir),
  samples: number(values.samples),
  jobs: number(values.jobs),
  only: values.only ?? null,
  profiles: values.profiles === undefined ? null : path.resolve(values.profiles),
  say: (line) => void process.stderr.write(`${line}\n`),
};
const file = values.results ?? (values.small ? null : path.join(ROOT, 'bench/results.jsonl'));

for (const row of ROWS) {
  if (positionals.length > 0 && !positionals.includes(row.name)) continue;
  options.say(`${row.name}: ${row.question}`);
  for (const result of await row.run(options)) {
    if (file !== null) record(file, row.name, options, result);
    if (values.json) console.log(JSON.stringify({ row: row.name, ...result }));
    else show(row.name, result);
  }
}

function show(name: string, { parameters, figures, ratios, aim }: Result): void {
  console.log(`${name}: ${list(parameters)}\n  ${list(figures)}\n  ratios: ${list(ratios)}; aim: ${aim}`);
}
