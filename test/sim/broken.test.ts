/**
 * The simulation is worth something only if it sees what it is there to see: each world here breaks one rule that the cores
 * rely on, and some seed must notice.
 */
import { setImmediate as nextTurn } from 'node:timers/promises';
import test from 'ava';
import { CHAIN } from '../../src/base/limits.ts';
import { runSeed, type Broken } from './scenario.ts';
import type { Rules } from './tables.ts';

/** Far more than what was needed when it was tried; the first that notices ends it. */
const SEEDS = 200;

async function firstViolation(broken: Broken): Promise<string> {
  for (let seed = 1; seed <= SEEDS; seed++) {
    // So that the test runner hears how far we are.
    await nextTurn();
    try {
      runSeed(seed, broken);
    } catch (error) {
      return (error as Error).message.split('\n')[0]!;
    }
  }
  return 'nothing was noticed';
}

/** What breaks PROTOCOL 1. Each is noticed by who writes, and by what comes of it where nobody looks who writes. */
const FENCES: Record<string, Partial<Rules>> = {
  'a store without the fence': { fence: 'none' },
  'a fence that is read and not locked': { fence: 'plain' },
  'a change of epoch by a bare update': { change: 'bare' },
  'a change of epoch by a bare update, and a fence that is not locked': { change: 'bare', fence: 'plain' },
};

for (const [what, rules] of Object.entries(FENCES)) {
  test.serial(`${what} is noticed (PROTOCOL 1)`, async (t) => {
    const noticed = await firstViolation({ rules });
    t.log(noticed);
    t.regex(noticed, /is fenced off/);
  });

  test.serial(`${what} is noticed by the jobs that a zombie took (PROTOCOL 1)`, async (t) => {
    const weather = { unknown: 0.15, slow: 0.05, failed: 0 };
    const noticed = await firstViolation({ rules: { ...rules, owner: false }, weather });
    t.log(noticed);
    t.regex(noticed, /which knows nothing of it|two live processes|lives on in/);
  });
}

test.serial(
  'a launcher that does not pause before it is rescued by time is noticed (PROTOCOL 4)',
  async (t) => {
    const noticed = await firstViolation({ chain: { ...CHAIN, pause: Infinity }, kind: 'cut' });
    t.log(noticed);
    t.regex(noticed, /is let go by rescue and lives on|two live processes/);
  },
);

test.serial('what is asked back and counted as free before the answer is noticed (PROTOCOL 5)', async (t) => {
  const noticed = await firstViolation({ retract: true });
  t.log(noticed);
  // The core may notice first that its books do not fit what it hears.
  t.regex(
    noticed,
    /two live processes|started twice|lives on in|only what is over is forgotten|began 2 times|reports only what it was sent/,
  );
});

test.serial('a shortage that is booked on the job is noticed (PROTOCOL 10)', async (t) => {
  const noticed = await firstViolation({ shortage: true, kind: 'plain' });
  t.log(noticed);
  t.regex(noticed, /is FAILED, and its node was short of something/);
});

test.serial('lost helpers that nobody counts are noticed (PROTOCOL 10)', async (t) => {
  const noticed = await firstViolation({ rules: { counts: false }, kind: 'plain' });
  t.log(noticed);
  t.regex(noticed, /is started for ever/);
});

test.serial('an agent called dead before it has ended its jobs is noticed (PROTOCOL 0)', async (t) => {
  const noticed = await firstViolation({ chain: { ...CHAIN, agentDead: 7_000 } });
  t.log(noticed);
  t.regex(noticed, /two live processes|lives on in/);
});
