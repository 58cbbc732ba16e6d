/**
 * The soak: work that goes on while things die, for as long as one likes. `npm run soak -- --minutes N --seed S`.
 *
 *   --minutes N   how long faults are struck; then everything is healed and every job must end (default 10)
 *   --seed S      chooses the faults and the jobs (default: from the clock; it is printed)
 *   --nodes N     logical nodes of a launcher (default 3)
 *   --backlog N   jobs that are kept unfinished meanwhile (default 60)
 *
 * A line for each fault, and at the end the verdict: what each job wrote itself against what the database says of it. Exit
 * code 1 when something does not hold; logs and files of the jobs are then kept, and it says where.
 */
import os from 'node:os';
import path from 'node:path';
import { setTimeout as pause } from 'node:timers/promises';
import { parseArgs } from 'node:util';
import { Chaos, type Fault } from '../test/e2e/_chaos.ts';
import { diskFaults, onSmallDisks } from '../test/e2e/_disks.ts';
import { FAULTS } from '../test/e2e/_faults.ts';
import { keepEvidence, verdictOf } from '../test/e2e/_verdict.ts';
import { makeWorld, type World } from '../test/e2e/_world.ts';
import { NO_SMALL_DISK } from '../test/helpers/small-disk.ts';

/** Between two faults, milliseconds. */
const PAUSE_MS = [500, 6_000] as const;

const { values } = parseArgs({
  options: {
    minutes: { type: 'string', default: '10' },
    seed: { type: 'string', default: String(Date.now() % 1_000_000) },
    nodes: { type: 'string', default: '3' },
    backlog: { type: 'string', default: '60' },
  },
});
const [minutes, seed, nodes, backlog] = [values.minutes, values.seed, values.nodes, values.backlog].map(
  Number,
) as [number, number, number, number];
if (![minutes, seed, nodes, backlog].every((n) => Number.isFinite(n) && n >= 0)) {
  console.error('--minutes, --seed, --nodes and --backlog take numbers');
  process.exit(2);
}

let stopped = false;
process.once('SIGINT', () => (stopped = true));
console.log(`soak of ${minutes} minutes, --seed ${seed}`);
const world = await makeWorld();
const faults = [...FAULTS];
if (NO_SMALL_DISK === null) faults.push(...diskFaults(await onSmallDisks(world)));
else console.log(`no disk will be full: ${NO_SMALL_DISK}`);
const chaos = new Chaos(world, { seed, nodes, packing: 4, jobs: backlog, say: (line) => console.log(line) });
const findings = await soak(chaos).catch((error: unknown) => [String(error)]);
if (findings.length > 0) await keep(world, findings);
findings.push(...(await world.close()));
for (const finding of findings) console.log(`BROKEN ${finding}`);
console.log(`struck: ${[...chaos.struck].map(([name, times]) => `${times} ${name}`).join(', ')}`);
console.log(findings.length === 0 ? 'everything held' : `${findings.length} findings, --seed ${seed}`);
process.exit(findings.length === 0 ? 0 : 1);

async function soak(c: Chaos): Promise<string[]> {
  await c.begin();
  const until = performance.now() + minutes * 60_000;
  while (performance.now() < until && !stopped) {
    await pause(Math.min(c.between(...PAUSE_MS), until - performance.now()));
    await c.strike(weighted(c));
    await c.feed(backlog);
  }
  await c.settle();
  const { findings: found, figures } = await verdictOf(c);
  console.log(
    Object.entries(figures)
      .map(([name, n]) => `${name} ${n}`)
      .join(', '),
  );
  for (const [kind, { mib, files }] of c.peaks)
    console.log(`${kind}: at most ${mib.toFixed(0)} MiB and ${files} open files`);
  return found;
}

/** A fault, by its weight. */
function weighted(c: Chaos): Fault {
  let left = c.between(
    1,
    faults.reduce((sum, f) => sum + f.weight, 0),
  );
  return faults.find((f) => (left -= f.weight) <= 0)!;
}

async function keep(of: World, broken: readonly string[]): Promise<void> {
  const to = path.join(os.tmpdir(), `balsam-soak-${seed}`);
  console.log(`kept: ${await keepEvidence(of, to, broken.join('\n'))}`);
}
