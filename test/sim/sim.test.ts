/**
 * The real cores in a simulated world, one run for each seed. SIM_SEEDS says how many (default 500), SIM_FROM where they
 * begin; a failure prints its seed and the last lines of its trace, and `SIM_FROM=<seed> SIM_SEEDS=1` repeats it exactly
 * (SIM_TRACE=100000 prints the whole trace).
 */
import test from 'ava';
import { runSeed } from './scenario.ts';

const from = Number(process.env['SIM_FROM'] ?? 1);
const count = Number(process.env['SIM_SEEDS'] ?? 500);

test('one seed is one run, byte for byte', (t) => {
  t.deepEqual(runSeed(from), runSeed(from));
});

test(`${count} seeds from ${from}: one live process a job, every job ends, history complete, memory bounded`, (t) => {
  const sum = { simulatedMs: 0, jobs: 0, processes: 0, epochs: 0, successors: 0, rescued: 0, drained: 0 };
  const kinds = new Map<string, number>();
  const failures: string[] = [];
  for (let seed = from; seed < from + count; seed++) {
    try {
      const o = runSeed(seed);
      kinds.set(o.kind, (kinds.get(o.kind) ?? 0) + 1);
      for (const key of Object.keys(sum) as (keyof typeof sum)[]) sum[key] += o[key];
    } catch (error) {
      failures.push((error as Error).message);
    }
  }
  t.log([...kinds].map(([kind, n]) => `${n} ${kind}`).join(', '));
  t.log(
    `${(sum.simulatedMs / 60_000).toFixed(0)} simulated minutes, ${sum.jobs} jobs, ${sum.processes} processes, ` +
      `${sum.epochs} epochs, ${sum.successors} successors, ${sum.rescued} launchers rescued, ${sum.drained} nodes drained`,
  );
  t.log(`failing seeds: ${failures.map((f) => f.split('\n')[0]).join('\n') || 'none'}`);
  t.is(failures[0] ?? '', '');
});
