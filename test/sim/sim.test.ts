/**
 * The real cores in a simulated world, one run for each seed. SIM_SEEDS says how many (default 300), SIM_FROM where they
 * begin; a failure prints its seed and the last lines of its trace, and `SIM_FROM=<seed> SIM_SEEDS=1` repeats it exactly.
 */
import test from 'ava';
import { runSeed } from './scenario.ts';

const from = Number(process.env['SIM_FROM'] ?? 1);
const count = Number(process.env['SIM_SEEDS'] ?? 300);

test('one seed is one run, byte for byte', (t) => {
  t.deepEqual(runSeed(from), runSeed(from));
});

test(`${count} seeds from ${from}: one live process a job, every job ends, history complete, memory bounded`, (t) => {
  const sum = { simulatedMs: 0, jobs: 0, processes: 0, epochs: 0 };
  const failures: string[] = [];
  for (let seed = from; seed < from + count; seed++) {
    try {
      const o = runSeed(seed);
      sum.simulatedMs += o.simulatedMs;
      sum.jobs += o.jobs;
      sum.processes += o.processes;
      sum.epochs += o.epochs - 1;
    } catch (error) {
      failures.push((error as Error).message);
    }
  }
  t.log(
    `${(sum.simulatedMs / 60_000).toFixed(0)} simulated minutes, ${sum.jobs} jobs, ${sum.processes} processes, ${sum.epochs} raises`,
  );
  t.log(`failing seeds: ${failures.map((f) => f.split('\n')[0]).join('\n') || 'none'}`);
  t.is(failures[0] ?? '', '');
});
