/**
 * Row `create`: 100,000 jobs made by the client's `bulkCreate`, against psql's `\copy` of the same rows into the same empty
 * table with all its indexes. The file that psql reads is written before, from the rows that the client made; psql's time
 * is that of the whole command. They take turns, and each begins with an empty table.
 *
 * Then a million of them as scripts make them, 50,000 BalsamJob objects at a time, and from a generator: time against psql's
 * of all rows at once, and the peak memory of the process that makes them.
 */
import { execFile } from 'node:child_process';
import { statSync } from 'node:fs';
import path from 'node:path';
import { promisify } from 'node:util';
import { BalsamJob, type NewJobFields } from '../src/client/index.ts';
import { WRITABLE_FIELDS } from '../src/store/rows.ts';
import { BenchDatabase } from './support/balsam.ts';
import { list, medians, rounded, ROOT, type Result, type Row, type RowOptions } from './support/figures.ts';
import { fieldsOf } from './support/jobs.ts';
import { found } from './support/programs.ts';

const run = promisify(execFile);

const MILLION = 1_000_000;

/** Jobs of one bulkCreate of the million. */
const LIST = 50_000;

const MANY = path.join(ROOT, 'bench/support/create-many.ts');

export const create: Row = {
  name: 'create',
  question: '100,000 jobs, and a million in lists, by bulkCreate against psql \\copy of the same rows',
  run: runRow,
};

async function runRow(options: RowOptions): Promise<Result[]> {
  const count = options.jobs ?? (options.small ? 2_000 : 100_000);
  const samples = options.samples ?? (options.small ? 1 : 5);
  const psql = found('psql');
  if (psql === null) options.say('psql is not installed: without it there is no ratio');
  const database = await BenchDatabase.make(options);
  try {
    database.command('app', '--name', 'true', '--executable', '/bin/true');
    const file = path.join(database.path, 'rows.txt');
    const taken: Record<string, number>[] = [];
    for (let i = 0; i < samples; i++) {
      await database.clear();
      const cpu = process.cpuUsage();
      const client = await timed(() => BalsamJob.objects.bulkCreate(jobs(count)));
      const { user, system } = process.cpuUsage(cpu);
      if (psql !== null && i === 0)
        await copy(psql, database, `\\copy (select ${COLUMNS} from job order by seq) to '${file}'`);
      await database.clear();
      const bare =
        psql === null
          ? Number.NaN
          : await timed(() => copy(psql, database, `\\copy job (${COLUMNS}) from '${file}'`));
      const sample = {
        client_s: client,
        psql_s: bare,
        client_jobs_per_s: count / client,
        client_cpu_s: (user + system) / 1e6,
      };
      options.say(`  ${list(rounded({ ratio: client / bare, ...sample }))}`);
      taken.push(sample);
    }
    return [
      {
        parameters: {
          jobs: count,
          samples,
          bytesPerRow: psql === null ? 0 : Math.round(statSync(file).size / count),
        },
        figures: medians(taken),
        ratios: medians(taken.map((s) => ({ times_psql: s['client_s']! / s['psql_s']! }))),
        aim: 'times_psql <= 3',
      },
      await many(options, database, psql, file),
    ];
  } finally {
    await database.remove();
  }
}

async function many(
  options: RowOptions,
  database: BenchDatabase,
  psql: string | null,
  file: string,
): Promise<Result> {
  const count = options.jobs ?? (options.small ? 2_000 : MILLION);
  await database.clear();
  const lists = await made(database, count, Math.min(LIST, count / 2));
  if (psql !== null)
    await copy(psql, database, `\\copy (select ${COLUMNS} from job order by seq) to '${file}'`);
  await database.clear();
  const bare =
    psql === null
      ? Number.NaN
      : await timed(() => copy(psql, database, `\\copy job (${COLUMNS}) from '${file}'`));
  await database.clear();
  const generator = await made(database, count, 0);
  await database.clear();
  return {
    parameters: { jobs: count, list: LIST, samples: 1 },
    figures: rounded({
      lists_s: lists.seconds,
      lists_cpu_s: lists.cpuSeconds,
      lists_peak_mib: lists.peakMib,
      generator_s: generator.seconds,
      generator_cpu_s: generator.cpuSeconds,
      generator_peak_mib: generator.peakMib,
      psql_s: bare,
    }),
    ratios: rounded({
      lists_times_psql: lists.seconds / bare,
      generator_times_psql: generator.seconds / bare,
    }),
    aim: 'lists_times_psql <= 2, lists_peak_mib <= 600, generator_peak_mib <= 200',
  };
}

interface Made {
  readonly seconds: number;
  readonly cpuSeconds: number;
  readonly peakMib: number;
}

async function made(database: BenchDatabase, count: number, inList: number): Promise<Made> {
  const env = { ...process.env, BALSAM_DB_PATH: database.path };
  const { stdout } = await run(process.execPath, [MANY, String(count), String(inList)], { env });
  return JSON.parse(stdout) as Made;
}

/** What the client writes, so that both write the same. */
const COLUMNS = ['id', ...WRITABLE_FIELDS].join(', ');

function* jobs(count: number): Generator<NewJobFields> {
  for (let i = 0; i < count; i++) {
    yield fieldsOf(i);
  }
}

async function copy(psql: string, database: BenchDatabase, command: string): Promise<void> {
  const { host, port, user, password, database: name } = database.address;
  const env = { ...process.env, PGPASSWORD: password };
  await run(
    psql,
    [
      '-X',
      '-q',
      '-v',
      'ON_ERROR_STOP=1',
      '-h',
      host,
      '-p',
      String(port),
      '-U',
      user,
      '-d',
      name,
      '-c',
      command,
    ],
    { env },
  );
}

async function timed(work: () => Promise<unknown>): Promise<number> {
  const from = performance.now();
  await work();
  return (performance.now() - from) / 1_000;
}
