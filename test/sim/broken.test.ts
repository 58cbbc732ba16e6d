/**
 * The simulation is worth something only if it sees what it is there to see: each world here breaks one rule that the cores
 * rely on, and some seed must notice. A guess of how many seeds that takes is in each; they are far fewer than what was
 * needed when it was tried.
 */
import test from 'ava';
import { CHAIN } from '../../src/base/limits.ts';
import { runSeed, type Broken } from './scenario.ts';

const SEEDS = 1_000;

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

test('a store without the fence is noticed', (t) => {
  const noticed = firstViolation({ fence: false });
  t.log(noticed);
  t.regex(noticed, /held by nobody|two live processes|started twice|matches nothing/);
});

test('an agent called dead before it has ended its jobs is noticed', (t) => {
  const noticed = firstViolation({ chain: { ...CHAIN, agentDead: 7_000 } });
  t.log(noticed);
  t.regex(noticed, /two live processes/);
});
