/**
 * Two hundred jobs of a second while everything that can die does: agents, helpers, the guard, the coordinator, the
 * warden, Postgres, all of them at once, and an agent and a coordinator that stand still for 20 s. The order and the
 * moments come from a seed, which is printed; CHAOS_SEED repeats it.
 */
import os from 'node:os';
import path from 'node:path';
import test from 'ava';
import { Chaos } from './_chaos.ts';
import { faults } from './_faults.ts';
import { keepEvidence, verdictOf } from './_verdict.ts';
import { makeWorld } from './_world.ts';

const seed = Number(process.env['CHAOS_SEED'] ?? Date.now() % 1_000_000);
const JOBS = 200;
/** As long as faults come there is work for some seconds. */
const BACKLOG = 30;
const PAUSE_S = 5;

test(`${JOBS} jobs through kills of everything, CHAOS_SEED=${seed}`, async (t) => {
  t.timeout(400_000);
  const world = await makeWorld();
  const say = (line: string): void => t.log(line);
  const chaos = new Chaos(world, { seed, nodes: 2, packing: 6, jobs: JOBS, say });
  try {
    await chaos.begin();
    await chaos.strikeEach(
      faults(
        'stop agent',
        'stop coordinator',
        'kill agent',
        'kill helper',
        'kill helper',
        'kill guard',
        'kill coordinator',
        'kill warden',
        'kill Postgres',
        'kill a job',
        'kill everything',
      ),
      PAUSE_S,
      BACKLOG,
    );
    await chaos.settle();
    const { findings, figures } = await verdictOf(chaos);
    if (findings.length > 0)
      t.log(
        `kept: ${await keepEvidence(world, path.join(os.tmpdir(), `balsam-chaos-${seed}`), findings.join('\n'))}`,
      );
    t.log(JSON.stringify(figures));
    t.log(JSON.stringify(Object.fromEntries(chaos.peaks)));
    t.deepEqual(findings, []);
    t.true(figures.jobs >= JOBS);
  } finally {
    t.deepEqual(await world.close(), []);
  }
});
