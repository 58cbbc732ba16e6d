/**
 * Row `start`: `balsam ls` of ten jobs, and `balsam help`, against `node -e 0` of the same Node, wall time and CPU. They take
 * turns; the first turn, which fills the compile cache, is not counted. Time waiting for Postgres is part of it.
 */
import { spawnSync } from 'node:child_process';
import path from 'node:path';
import { BenchDatabase } from './support/balsam.ts';
import { list, medians, rounded, ROOT, type Result, type Row, type RowOptions } from './support/figures.ts';
import { environment } from './support/programs.ts';

const BALSAM = path.join(ROOT, 'bin/balsam');

export const start: Row = {
  name: 'start',
  question: '`balsam ls` of ten jobs, and `balsam help`, against `node -e 0`',
  run: runRow,
};

async function runRow(options: RowOptions): Promise<Result[]> {
  const samples = options.samples ?? (options.small ? 2 : 30);
  const jobs = options.jobs ?? 10;
  const database = await BenchDatabase.make(options);
  try {
    database.command('make_dummies', String(jobs));
    const env = environment({ BALSAM_DB_PATH: database.path, BALSAM_HOME: path.dirname(database.path) });
    const taken: { node_ms: number; ls_ms: number; help_ms: number }[] = [];
    for (let i = 0; i <= samples; i++) {
      const sample = {
        node_ms: timed(process.execPath, ['-e', '0'], env),
        ls_ms: timed(BALSAM, ['ls'], env),
        help_ms: timed(BALSAM, ['help'], env),
      };
      if (i === 0) continue;
      options.say(`  ${list(rounded({ ratio: sample.ls_ms / sample.node_ms, ...sample }))}`);
      taken.push(sample);
    }
    return [
      {
        parameters: { jobs, samples },
        figures: medians(taken),
        ratios: medians(
          taken.map((s) => ({
            ls_times_node: s.ls_ms / s.node_ms,
            help_times_node: s.help_ms / s.node_ms,
          })),
        ),
        aim: 'ls_times_node <= 3, help below ls',
      },
    ];
  } finally {
    await database.remove();
  }
}

/** Milliseconds from the start of a program to its end. */
function timed(file: string, args: readonly string[], env: Record<string, string>): number {
  const from = performance.now();
  const { status, stderr } = spawnSync(file, args, { env, encoding: 'utf8' });
  if (status !== 0) throw new Error(`${file} ${args.join(' ')} failed: ${stderr}`);
  return performance.now() - from;
}
