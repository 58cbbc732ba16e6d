/**
 * Row `latency`: launcher idle; from the moment at which the client's `save()` returned to the moment at which the client
 * sees JOB_FINISHED (`job.finished()`), /bin/true, one job after the other with a pause between. Beside it, for scale, what
 * the machine takes for a bare insert with its commit, and for a process started from this one and waited for.
 * The pause is random, so that no timer of ours can beat in step with the samples.
 */
import { spawn } from 'node:child_process';
import { setTimeout as sleep } from 'node:timers/promises';
import { BalsamJob } from '../src/client/index.ts';
import { BenchDatabase } from './support/balsam.ts';
import { list, quantile, round, rounded, type Result, type Row, type RowOptions } from './support/figures.ts';

/** Longest pause between two samples, milliseconds: nothing of the last job is still being written. */
const PAUSE_MS = 120;
const WARM_UP = 10;

export const latency: Row = {
  name: 'latency',
  question: 'launcher idle: save() returned until the client sees JOB_FINISHED',
  run,
};

async function run(options: RowOptions): Promise<Result[]> {
  const samples = options.samples ?? (options.small ? 10 : 100);
  const database = await BenchDatabase.make(options);
  try {
    database.command('app', '--name', 'true', '--executable', '/bin/true');
    const { child, ended } = database.launch('--consume-all', '--job-mode', 'serial', '--persistent');
    let gone = false;
    ended.then(
      () => (gone = true),
      () => (gone = true),
    );
    const save: number[] = [];
    const done: number[] = [];
    const commit: number[] = [];
    const fork: number[] = [];
    for (let i = 0; i < WARM_UP + samples; i++) {
      if (gone) await ended;
      const sample = await oneJob(i);
      const bare = { commit: await timed(() => bareInsert(database)), fork: await timed(forkTrue) };
      if (i < WARM_UP) continue;
      save.push(sample.save);
      done.push(sample.done);
      commit.push(bare.commit);
      fork.push(bare.fork);
    }
    child.kill('SIGTERM');
    await ended;
    const of = (name: string, values: readonly number[]): Record<string, number> => ({
      [`${name}_p50_ms`]: quantile(values, 0.5),
      [`${name}_p99_ms`]: quantile(values, 0.99),
    });
    const figures = rounded({
      ...of('finished', done),
      finished_max_ms: Math.max(...done),
      ...of('save', save),
      ...of('bare_commit', commit),
      ...of('fork', fork),
    });
    options.say(`  ${list(figures)}`);
    const floor = quantile(commit, 0.5) * 2 + quantile(fork, 0.5);
    return [
      {
        parameters: { samples },
        figures,
        ratios: { p50_of_two_commits_and_a_fork: round(quantile(done, 0.5) / floor) },
        aim: 'finished_p50_ms < 15, finished_p99_ms < 60',
      },
    ];
  } finally {
    await database.remove();
  }
}

async function oneJob(i: number): Promise<{ save: number; done: number }> {
  await sleep(Math.random() * PAUSE_MS);
  const job = new BalsamJob({ name: `job${i}`, workflow: 'latency', application: 'true' });
  const save = await timed(() => job.save());
  const done = await timed(() => job.finished({ timeoutMs: 60_000 }));
  if (job.state !== 'JOB_FINISHED') throw new Error(`a job of the row latency ended as ${job.state}`);
  return { save, done };
}

/** The same row in the same table, inserted by hand; a state that no launcher takes. */
async function bareInsert(database: BenchDatabase): Promise<void> {
  await database.db
    .sql`insert into job (id, name, workflow, state) values (gen_random_uuid(), 'bare', 'bare', 'FAILED')`;
}

function forkTrue(): Promise<void> {
  return new Promise((resolve, reject) => {
    const child = spawn('/bin/true', { stdio: 'ignore' });
    child.once('error', reject);
    child.once('exit', () => resolve());
  });
}

async function timed(work: () => Promise<unknown>): Promise<number> {
  const from = performance.now();
  await work();
  return performance.now() - from;
}
