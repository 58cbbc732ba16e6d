/**
 * Row `slots`: N jobs of one second that share one node, for several N: how long until the last has started, the longest turn
 * of the agent's loop, and what a slot costs in memory (PSS of its helper; what is forked from the nursery counts so). The
 * yardstick is the time in which /bin/sh starts as many and waits for them.
 */
import { spawnSync } from 'node:child_process';
import { readdirSync, readFileSync } from 'node:fs';
import path from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { BalsamJob } from '../src/client/index.ts';
import { BenchDatabase } from './support/balsam.ts';
import { list, rounded, type Result, type Row, type RowOptions } from './support/figures.ts';

const COUNTS = [64, 100, 350, 500, 1_000, 1_024];
const SMALL = [16];
/** Between two looks for helpers, milliseconds. */
const LOOK_MS = 200;

export const slots: Row = {
  name: 'slots',
  question: 'N jobs of `sleep 1` at once on one node: starts, the longest turn of the agent, memory a slot',
  run,
};

async function run(options: RowOptions): Promise<Result[]> {
  const counts = options.jobs === null ? (options.small ? SMALL : COUNTS) : [options.jobs];
  const database = await BenchDatabase.make(options);
  try {
    database.command('app', '--name', 'second', '--executable', '/bin/sleep 1');
    const results: Result[] = [];
    for (const count of counts) {
      const result = await one(database, count);
      options.say(`  ${count}: ${list(result.figures)}`);
      results.push(result);
    }
    return results;
  } finally {
    await database.remove();
  }
}

async function one(database: BenchDatabase, count: number): Promise<Result> {
  await database.clear();
  const made = { workflow: 'slots', application: 'second', nodePackingCount: count };
  await BalsamJob.objects.bulkCreate(
    Array.from({ length: count }, (_, i) => new BalsamJob({ name: `s${i}`, ...made })),
  );
  const yardstick = shell(count);
  const from = Date.now();
  const { ended } = database.launch('--consume-all', '--idle-exit-seconds', '0');
  let over = false;
  const done = ended.finally(() => (over = true));
  let [most, pss] = [0, 0];
  while (!over) {
    const helpers = helpersOf();
    // Once, when about all are there: it takes the kernel milliseconds for each.
    if (helpers.length > most && helpers.length >= 0.9 * count) {
      most = helpers.length;
      pss = helpers.reduce((sum, pid) => sum + pssOf(pid), 0) / most;
    }
    await Promise.race([sleep(LOOK_MS), done.catch(() => undefined)]);
  }
  const { tookMs } = await done;
  const [row] = await database.db.sql<{ first: number; last: number; ran: number; tries: number }[]>`
    select extract(epoch from min(started_at))::float8 * 1000 as first,
      extract(epoch from max(started_at))::float8 * 1000 as last, count(*)::int as ran,
      (select max(tries) from job) as tries from attempt where outcome = 'RUN_DONE'`;
  if (row!.ran !== count || row!.tries !== 1)
    throw new Error(`${row!.ran} of ${count} jobs ran, in at most ${row!.tries} tries`);
  return {
    parameters: { jobs: count },
    figures: rounded({
      first_start_ms: row!.first - from,
      last_start_ms: row!.last - from,
      all_ms: tookMs,
      shell_ms: yardstick,
      longest_turn_ms: longestTurn(database),
      pss_kib_a_slot: pss,
    }),
    ratios: rounded({ all_of_shell: tookMs / yardstick }),
    aim: 'last_start_ms < 10000, longest_turn_ms <= 50, pss_kib_a_slot <= 2048',
  };
}

function shell(count: number): number {
  const from = performance.now();
  const script = `i=0; while [ $i -lt ${count} ]; do /bin/sleep 1 & i=$((i+1)); done; wait`;
  spawnSync('/bin/sh', ['-c', script]);
  return performance.now() - from;
}

function helpersOf(): number[] {
  return readdirSync('/proc')
    .filter((name) => /^\d+$/.test(name) && text(`/proc/${name}/comm`) === 'balsam-helper\n')
    .map(Number);
}

function pssOf(pid: number): number {
  return Number(/^Pss:\s+(\d+)/m.exec(text(`/proc/${pid}/smaps_rollup`))?.[1] ?? 0);
}

/** As the agent logged it when it ended; the newest. */
function longestTurn(database: BenchDatabase): number {
  const directory = path.join(database.path, 'log');
  const lines = readdirSync(directory)
    .filter((name) => name.endsWith('.node0'))
    .flatMap((name) => text(path.join(directory, name)).split('\n'))
    .flatMap((line) => /"time":"([^"]+)".*"longestTurnMs":(\d+)/.exec(line) ?? []);
  const found: [string, number][] = [];
  for (let i = 0; i + 2 < lines.length; i += 3) found.push([lines[i + 1]!, Number(lines[i + 2])]);
  return found.toSorted(([a], [b]) => a.localeCompare(b)).at(-1)?.[1] ?? Number.NaN;
}

function text(file: string): string {
  try {
    return readFileSync(file, 'utf8');
  } catch {
    return '';
  }
}
