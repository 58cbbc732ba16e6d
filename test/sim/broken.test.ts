/**
 * The simulation is worth something only if it sees what it is there to see: each world here breaks one rule that the cores
 * rely on, and some seed must notice.
 */
import test from 'ava';
import { CHAIN } from '../../src/base/limits.ts';
import { runSeed, type Broken } from './scenario.ts';

/** Far more than what was needed when it was tried; the first that notices ends it. */
const SEEDS = 200;

function firstViolation(broken: Broken): string {
  for (let seed = 1; seed <= SEEDS; seed++) {
    try {
      runSeed(seed, broken);
    } catch (error) {
      return (error as Error).message.split('\n')[0]!;
    }
  }
  return 'nothing was noticed';
}

test('a store without the fence is noticed (PROTOCOL 1)', (t) => {
  const noticed = firstViolation({ rules: { fence: 'none' } });
  t.log(noticed);
  t.regex(noticed, /is fenced off/);
});

test('a launcher that does not pause before it is rescued by time is noticed (PROTOCOL 4)', (t) => {
  const noticed = firstViolation({ chain: { ...CHAIN, pause: Infinity } });
  t.log(noticed);
  t.regex(noticed, /is let go by rescue and lives on|two live processes/);
});

test('what is asked back and counted as free before the answer is noticed (PROTOCOL 5)', (t) => {
  const noticed = firstViolation({ retract: true });
  t.log(noticed);
  // The core may notice first that its books do not fit what it hears.
  t.regex(
    noticed,
    /two live processes|started twice|lives on in|only what is over is forgotten|began 2 times/,
  );
});

test('an agent called dead before it has ended its jobs is noticed (PROTOCOL 0)', (t) => {
  const noticed = firstViolation({ chain: { ...CHAIN, agentDead: 7_000 } });
  t.log(noticed);
  t.regex(noticed, /two live processes|lives on in/);
});
