/**
 * Row `store`: what the SQL alone can do, lease and commit in a loop in a process of its own, in two questions.
 *
 * `fence`: jobs a second with the fence of PROTOCOL 1 in every statement, against the same statements without it, by rows
 * in the table, batch and connections; the two take turns. `size`: what the lease of a job costs with a million finished
 * and a hundred thousand waiting jobs, against a table of ten thousand that wait.
 */
import { fork } from 'node:child_process';
import { once } from 'node:events';
import path from 'node:path';
import { BenchDatabase } from './support/balsam.ts';
import { list, medians, ROOT, rounded, type Result, type Row, type RowOptions } from './support/figures.ts';

export const store: Row = {
  name: 'store',
  question:
    'SQL lease and commit alone: with the fence against without, and in a large table against a small one',
  run,
};

interface Shape {
  readonly rows: readonly number[];
  readonly batches: readonly number[];
  readonly connections: readonly number[];
  /** Jobs of the question `size`. */
  readonly few: number;
  readonly finished: number;
  readonly waiting: number;
}

const FULL: Shape = {
  rows: [10_000, 100_000],
  batches: [100, 300, 1_000, 2_000],
  connections: [1, 2, 4],
  few: 10_000,
  finished: 1_000_000,
  waiting: 100_000,
};
const SMALL: Shape = {
  rows: [2_000],
  batches: [300],
  connections: [2],
  few: 1_000,
  finished: 5_000,
  waiting: 2_000,
};

async function run(options: RowOptions): Promise<Result[]> {
  const shape = options.small ? SMALL : FULL;
  const samples = options.samples ?? (options.small ? 1 : 3);
  const database = await BenchDatabase.make(options);
  try {
    const results: Result[] = [];
    if (options.only === null || options.only === 'fence')
      for (const rows of options.jobs === null ? shape.rows : [options.jobs])
        for (const batch of shape.batches)
          results.push(await fenceCost(database, options, { ...shape, rows, batch, samples }));
    if (options.only === null || options.only === 'size')
      results.push(await sizeCost(database, options, shape, samples));
    return results;
  } finally {
    await database.remove();
  }
}

async function fenceCost(
  database: BenchDatabase,
  options: RowOptions,
  of: { rows: number; batch: number; connections: readonly number[]; samples: number },
): Promise<Result> {
  const { rows, batch, connections, samples } = of;
  const taken: Record<string, number>[] = [];
  for (let i = 0; i < samples; i++) {
    const sample: Record<string, number> = {};
    for (const count of connections) {
      // Who is first has the colder cache: they change about.
      const order = i % 2 === 0 ? (['fence', 'bare'] as const) : (['bare', 'fence'] as const);
      for (const fence of order) {
        await fill(database, { finished: 0, waiting: rows });
        const { done, seconds } = await loop(database, { connections: count, batch, fence, jobs: rows });
        if (done !== rows) throw new Error(`the loop ended ${done} of ${rows} jobs`);
        sample[`${fence}_${count}_per_s`] = done / seconds;
      }
    }
    options.say(`  ${list({ rows, batch, ...rounded(sample) })}`);
    taken.push(sample);
  }
  const ratio = (sample: Record<string, number>, count: number): number =>
    sample[`fence_${count}_per_s`]! / sample[`bare_${count}_per_s`]!;
  return {
    parameters: { rows, batch, samples },
    figures: medians(taken),
    ratios: medians(
      taken.map((sample) =>
        Object.fromEntries(connections.map((count) => [`fence_of_bare_${count}`, ratio(sample, count)])),
      ),
    ),
    aim: 'near 1: the fence costs nothing that can be seen',
  };
}

async function sizeCost(
  database: BenchDatabase,
  options: RowOptions,
  { few, finished, waiting }: Shape,
  samples: number,
): Promise<Result> {
  const taken: Record<string, number>[] = [];
  for (let i = 0; i < samples; i++) {
    const small = await costs(database, { finished: 0, waiting: few }, few);
    const large = await costs(database, { finished, waiting }, few);
    const sample = {
      small_lease_us: small.lease,
      large_lease_us: large.lease,
      small_commit_us: small.commit,
      large_commit_us: large.commit,
    };
    options.say(`  ${list(rounded({ ratio: large.lease / small.lease, ...sample }))}`);
    taken.push(sample);
  }
  return {
    parameters: { few, finished, waiting, jobs: few, samples },
    figures: medians(taken),
    ratios: medians(
      taken.map((s) => ({
        lease_cost: s['large_lease_us']! / s['small_lease_us']!,
        commit_cost: s['large_commit_us']! / s['small_commit_us']!,
      })),
    ),
    aim: 'lease_cost <= 1.3',
  };
}

/** Microseconds a job, over as many jobs at both sizes, by one connection. */
async function costs(
  database: BenchDatabase,
  rows: { finished: number; waiting: number },
  jobs: number,
): Promise<{ lease: number; commit: number }> {
  await fill(database, rows);
  const took = await loop(database, {
    connections: 1,
    batch: Math.min(1_000, jobs / 2),
    fence: 'fence',
    jobs,
  });
  return { lease: (took.leaseMs * 1e3) / took.done, commit: (took.commitMs * 1e3) / took.done };
}

/** Finished jobs have their attempt, as after weeks of work. */
async function fill(
  database: BenchDatabase,
  { finished, waiting }: { finished: number; waiting: number },
): Promise<void> {
  await database.clear();
  const { sql } = database.db;
  await sql.unsafe(
    `insert into job (id, name, workflow, application, args, data, state, attempt, tries)
     select gen_random_uuid(), 'job' || i, 'bench', 'true', 'a b ' || i, jsonb_build_object('x', i, 'note', repeat('a', 80)),
       case when i <= ${finished} then 'JOB_FINISHED' else 'CREATED' end, (i <= ${finished})::int, (i <= ${finished})::int
     from generate_series(1, ${finished + waiting}) i`,
  );
  await sql.unsafe(
    `insert into attempt (job_id, attempt, launcher, leased_at, started_at, ended_at, outcome, end_state, exit_code)
     select id, 1, 0, created_at, created_at, created_at, 'RUN_DONE', state, 0 from job where state = 'JOB_FINISHED'`,
  );
  await sql.unsafe('vacuum analyze job, attempt');
  await sql.unsafe('checkpoint');
}

interface Took {
  done: number;
  seconds: number;
  leaseMs: number;
  commitMs: number;
}

async function loop(
  database: BenchDatabase,
  of: { connections: number; batch: number; fence: 'fence' | 'bare'; jobs: number },
): Promise<Took> {
  const args = [database.path, of.connections, of.batch, of.fence, of.jobs].map(String);
  const child = fork(path.join(ROOT, 'bench/support/bare-store.ts'), args, {
    stdio: ['ignore', 2, 2, 'ipc'],
  });
  let took: Took | null = null;
  child.once('message', (message) => (took = message as Took));
  const [code, signal] = (await once(child, 'close')) as [number | null, string | null];
  if (took === null) throw new Error(`the loop ended with ${String(signal ?? code)} and told nothing`);
  return took;
}
