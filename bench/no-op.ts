/**
 * Row `no-op`: how many no-op jobs a second go through everything on one node of two cores (Postgres with fsync, warden,
 * coordinator, agent, helpers; a directory and an output file a job, 40 variables), against a C loop that makes the same
 * system calls alone on the machine, two in flight. Counted is the steady window, from the first start to the last end as
 * committed in the attempt rows; the launcher's whole time, with its start and its wait for more work, is shown too.
 * The C loop runs before and after each sample, and a sample's ratio is to the mean of the two.
 */
import { BalsamJob } from '../src/client/index.ts';
import { BenchDatabase } from './support/balsam.ts';
import { CpuMeter } from './support/cpu.ts';
import { list, medians, round, rounded, type Result, type Row, type RowOptions } from './support/figures.ts';
import { cLoop, found, runCLoop, runShellTool, type LoopRate } from './support/programs.ts';

/** Slots of the node: as many jobs at once. Helpers one a slot. */
const VARIANTS = [
  { name: 'python-2', helper: 'python', packing: 2 },
  { name: 'python-4', helper: 'python', packing: 4 },
  { name: 'node-2', helper: 'node', packing: 2 },
] as const;

type Variant = (typeof VARIANTS)[number];

const IN_FLIGHT = 2;

export const noOp: Row = {
  name: 'no-op',
  question: 'no-op jobs a second through everything, one node of two cores, against a C loop',
  run,
};

async function run(options: RowOptions): Promise<Result[]> {
  const count = options.jobs ?? (options.small ? 200 : 20_000);
  const samples = options.samples ?? (options.small ? 1 : 3);
  const program = cLoop(options.directory);
  if (program === null) options.say('no C compiler: without the C loop there are no ratios');
  const database = await BenchDatabase.make(options);
  try {
    database.command('app', '--name', 'true', '--executable', '/bin/true');
    const beside = await shellTools(database, options, count);
    const results: Result[] = [];
    for (const variant of VARIANTS) {
      if (options.only !== null && variant.name !== options.only) continue;
      if (variant.helper === 'python' && found('python3') === null) {
        options.say('no python3: its helper is left out');
        continue;
      }
      results.push(await measure(database, options, variant, { count, samples, program, beside }));
    }
    return results;
  } finally {
    await database.remove();
  }
}

/** For scale, once: what people use without a launcher. */
async function shellTools(
  database: BenchDatabase,
  options: RowOptions,
  count: number,
): Promise<Record<string, number>> {
  const rates: Record<string, number> = {};
  for (const tool of ['xargs', 'parallel'] as const) {
    const rate = await runShellTool(tool, {
      in: database.yardstickDirectory,
      count: Math.min(count, 2_000),
      inFlight: IN_FLIGHT,
    });
    if (rate === null) options.say(`${tool} is not installed`);
    else rates[`${tool}_per_s`] = round(rate);
  }
  return rates;
}

async function measure(
  database: BenchDatabase,
  options: RowOptions,
  variant: Variant,
  of: { count: number; samples: number; program: string | null; beside: Record<string, number> },
): Promise<Result> {
  const { program } = of;
  const loop = async (kind: 'dirs' | 'flat'): Promise<LoopRate> =>
    program === null
      ? { perS: Number.NaN, loopUs: Number.NaN, jobUs: Number.NaN }
      : runCLoop(program, kind, {
          in: database.yardstickDirectory,
          count: Math.min(of.count, 3_000),
          inFlight: IN_FLIGHT,
        });
  const taken: Record<string, number>[] = [];
  for (let i = 0; i < of.samples; i++) {
    const before = { dirs: await loop('dirs'), flat: await loop('flat') };
    const sample = await sampleOf(database, variant, of.count);
    const after = { dirs: await loop('dirs'), flat: await loop('flat') };
    const mean = (figure: (c: typeof before) => number): number => (figure(before) + figure(after)) / 2;
    const all = {
      ...sample,
      c_loop_per_s: mean((c) => c.dirs.perS),
      c_flat_per_s: mean((c) => c.flat.perS),
      cpu_us_c_loop: mean((c) => c.dirs.loopUs),
      cpu_us_c_jobs: mean((c) => c.dirs.jobUs),
    };
    taken.push(all);
    options.say(`  ${variant.name}: ${list(rounded({ ...ratiosOf(all), ...all }))}`);
  }
  return {
    parameters: { ...variant, jobs: of.count, samples: of.samples, cInFlight: IN_FLIGHT },
    figures: { ...medians(taken), ...of.beside },
    ratios: medians(taken.map(ratiosOf)),
    aim: 'of_c_loop >= 0.8 (python-2)',
  };
}

/** By rate, and by CPU a job: on a machine that others use too, the second is the steadier. */
function ratiosOf(sample: Record<string, number>): Record<string, number> {
  const of = (name: string): number => sample[name] ?? Number.NaN;
  return {
    of_c_loop: of('jobs_per_s') / of('c_loop_per_s'),
    of_flat_c_loop: of('jobs_per_s') / of('c_flat_per_s'),
    of_c_loop_by_cpu: (of('cpu_us_c_loop') + of('cpu_us_c_jobs')) / of('cpu_us_total'),
  };
}

/** One launcher over `count` fresh jobs: rates, and microseconds of CPU a job by part. */
async function sampleOf(
  database: BenchDatabase,
  variant: Variant,
  count: number,
): Promise<Record<string, number>> {
  await database.clear();
  const jobs = Array.from({ length: count }, (_, i) => ({
    name: `job${i}`,
    workflow: 'bench',
    application: 'true',
    nodePackingCount: variant.packing,
  }));
  await BalsamJob.objects.bulkCreate(jobs);
  await database.db.sql.unsafe('analyze job');
  const { child, ended } = database.launch(
    '--consume-all',
    '--job-mode',
    'serial',
    '--idle-exit-seconds',
    '1',
    '--helper',
    variant.helper,
  );
  const meter = new CpuMeter(child.pid!, database.postmaster);
  const { tookMs, output } = await ended;
  const cpu = meter.stop();
  const [row] = await database.db.sql.unsafe<{ n: number; s: number }[]>(
    `select count(*)::int as n, extract(epoch from max(ended_at) - min(started_at))::float8 as s from attempt where outcome = 'RUN_DONE'`,
  );
  if (row?.n !== count) throw new Error(`${row?.n ?? 0} of ${count} jobs ended well: ${output}`);
  const total = Object.values(cpu).reduce((sum, seconds) => sum + seconds, 0);
  const perJob = Object.fromEntries(
    Object.entries({ ...cpu, total }).map(([part, seconds]) => [`cpu_us_${part}`, (seconds * 1e6) / count]),
  );
  return { jobs_per_s: count / row.s, whole_launcher_s: tookMs / 1_000, ...perJob };
}
