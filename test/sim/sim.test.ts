/**
 * The real cores in a simulated world, one run for each seed. SIM_SEEDS says how many (default 500), SIM_FROM where they
 * begin; a failure prints its seed, the last lines of its trace, and the fewest faults and jobs that violate the same.
 * `SIM_FROM=<seed> SIM_SEEDS=1` repeats it exactly, with SIM_ONLY=<parts, one a line> the small one (SIM_TRACE=100000 prints
 * the whole trace).
 */
import { setImmediate as nextTurn } from 'node:timers/promises';
import test from 'ava';
import { Coverage } from './coverage.ts';
import { runSeed, SeedFailure, type Outcome } from './scenario.ts';
import { shrink } from './shrink.ts';

/** So many seeds take every step of the tables. */
const ENOUGH = 500;
const from = Number(process.env['SIM_FROM'] ?? 1);
const count = Number(process.env['SIM_SEEDS'] ?? ENOUGH);
const given = process.env['SIM_ONLY'];
const only = given === undefined ? null : new Set(given.split('\n'));

function tryOne(seed: number, parts: ReadonlySet<string> | null): Outcome | SeedFailure {
  try {
    return runSeed(seed, {}, parts);
  } catch (error) {
    if (error instanceof SeedFailure) return error;
    throw error;
  }
}

function small(first: SeedFailure): string {
  const { smallest, runs } = shrink(first, (parts) => {
    const r = tryOne(first.seed, parts);
    return r instanceof SeedFailure ? r : null;
  });
  return `after ${runs} runs with fewer parts these are left:\n${smallest.parts.join('\n')}\n${smallest.message}`;
}

test('one seed is one run, byte for byte', (t) => {
  t.deepEqual(tryOne(from, only), tryOne(from, only));
});

test(`${count} seeds from ${from}: one live process a job, every job ends, history complete, memory bounded`, async (t) => {
  t.timeout(Math.max(600_000, count * 1_000), 'two busy cores take a minute for 500 seeds');
  const sum = { simulatedMs: 0, jobs: 0, processes: 0, epochs: 0, successors: 0, rescued: 0, drained: 0 };
  const kinds = new Map<string, number>();
  const failures: SeedFailure[] = [];
  const coverage = new Coverage();
  for (let seed = from; seed < from + count; seed++) {
    // Others of this process, and who watches it, get their turn.
    await nextTurn();
    const o = tryOne(seed, only);
    if (o instanceof SeedFailure) {
      failures.push(o);
      continue;
    }
    kinds.set(o.kind, (kinds.get(o.kind) ?? 0) + 1);
    for (const key of Object.keys(sum) as (keyof typeof sum)[]) sum[key] += o[key];
    coverage.add(o.trail);
  }
  t.log([...kinds].map(([kind, n]) => `${n} ${kind}`).join(', '));
  t.log(
    `${(sum.simulatedMs / 60_000).toFixed(0)} simulated minutes, ${sum.jobs} jobs, ${sum.processes} processes, ` +
      `${sum.epochs} epochs, ${sum.successors} successors, ${sum.rescued} launchers rescued, ${sum.drained} nodes drained`,
  );
  t.log(`failing seeds: ${failures.map((f) => f.message.split('\n')[0]).join('\n') || 'none'}`);
  if (failures[0]) t.log(`${failures[0].message}\n${only ? '' : small(failures[0])}`);
  t.is(failures[0]?.what ?? '', '');
  t.log(`${coverage.summary()}; rare: ${coverage.rare().join(', ')}`);
  t.deepEqual(coverage.rotten(), [], 'what the list says cannot be taken is not taken');
  if (count >= ENOUGH) t.deepEqual(coverage.missing(), [], 'every other step of the tables is taken');
  else t.log(`too few seeds to ask for every step; not taken: ${coverage.missing().join(', ') || 'none'}`);
});
