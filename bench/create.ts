/**
 * Row `create`: 100,000 jobs made by the client's `bulkCreate`, against psql's `\copy` of the same rows into the same empty
 * table with all its indexes. The file that psql reads is written before, from the rows that the client made; psql's time
 * is that of the whole command. They take turns, and each begins with an empty table.
 */
import { execFile } from 'node:child_process';
import { statSync } from 'node:fs';
import path from 'node:path';
import { promisify } from 'node:util';
import { BalsamJob, type NewJobFields } from '../src/client/index.ts';
import { WRITABLE_FIELDS } from '../src/store/rows.ts';
import { BenchDatabase } from './support/balsam.ts';
import { list, medians, rounded, type Result, type Row, type RowOptions } from './support/figures.ts';
import { found } from './support/programs.ts';

const run = promisify(execFile);

export const create: Row = {
  name: 'create',
  question: '100,000 jobs by bulkCreate against psql \\copy of the same rows',
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
    ];
  } finally {
    await database.remove();
  }
}

/** What the client writes, so that both write the same. */
const COLUMNS = ['id', ...WRITABLE_FIELDS].join(', ');

function* jobs(count: number): Generator<NewJobFields> {
  for (let i = 0; i < count; i++) {
    yield {
      name: `job${i}`,
      workflow: 'create',
      application: 'true',
      args: `--input ${i}`,
      nodePackingCount: 8,
      data: { x: i, note: 'a'.repeat(40) },
    };
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
