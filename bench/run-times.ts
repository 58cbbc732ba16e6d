/**
 * Row `run-times`: how far the recorded run time of a job is from the job's own clock, for jobs of 10, 100 and 1,000 ms. What
 * is recorded encloses what the job saw, by the start and the end of a process. A job prints its first and last moment.
 */
import { readFileSync } from 'node:fs';
import path from 'node:path';
import { BalsamJob } from '../src/client/index.ts';
import { BenchDatabase } from './support/balsam.ts';
import {
  list,
  median,
  quantile,
  rounded,
  type Result,
  type Row,
  type RowOptions,
} from './support/figures.ts';
import { compiled } from './support/programs.ts';

const LENGTHS_MS = [10, 100, 1_000] as const;

export const runTimes: Row = {
  name: 'run-times',
  question: 'recorded run time less that by the clock of the job',
  run,
};

async function run(options: RowOptions): Promise<Result[]> {
  const each = options.jobs ?? (options.small ? 3 : 40);
  const database = await BenchDatabase.make(options);
  try {
    const program = compiled('stamps', options.files);
    if (program === null) return [resultOf(each, new Map())];
    database.command('app', '--name', 'stamps', '--executable', program);
    const jobs = LENGTHS_MS.flatMap((ms) =>
      Array.from(
        { length: each },
        (_, i) =>
          new BalsamJob({ name: `${ms}-${i}`, workflow: 'times', application: 'stamps', args: String(ms) }),
      ),
    );
    await BalsamJob.objects.bulkCreate(jobs);
    // One after the other: what is measured is the record, not how jobs share two cores.
    await database.launch('--consume-all', '--job-mode', 'serial', '--idle-exit-seconds', '0').ended;
    const rows = await database.db.sql<{ id: string; ran: number }[]>`
      select job_id as id, extract(epoch from ended_at - started_at)::float8 * 1000 as ran from attempt`;
    const ran = new Map(rows.map((row) => [row.id, row.ran]));
    const over = Map.groupBy(jobs, (job) => Number(job.args));
    const result = resultOf(
      each,
      new Map([...over].map(([ms, all]) => [ms, all.map((job) => ran.get(job.id)! - ownMs(job))])),
    );
    options.say(`  ${list(result.figures)}`);
    return [result];
  } finally {
    await database.remove();
  }
}

/** Without a compiler there are no jobs, and no figures. */
function resultOf(jobs: number, over: ReadonlyMap<number, readonly number[]>): Result {
  const figures = LENGTHS_MS.flatMap((ms) => [
    [`over_${ms}ms_p50_ms`, median(over.get(ms) ?? [])],
    [`over_${ms}ms_p90_ms`, quantile(over.get(ms) ?? [], 0.9)],
  ]);
  return {
    parameters: { jobs },
    figures: rounded(Object.fromEntries(figures) as Record<string, number>),
    ratios: {},
    aim: 'every p50 between 0 and 5 ms',
  };
}

/** How long it ran by its own clock, milliseconds. */
function ownMs(job: BalsamJob): number {
  const output = readFileSync(path.join(job.workingDirectory, `${job.name}.out`), 'utf8');
  const [from = 0, to = 0] = output.split(' ').map((ns) => Number(ns) / 1e6);
  return to - from;
}
