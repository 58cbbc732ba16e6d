/** The chain of the right to run (PROTOCOL 0): each relation is refused where it is broken, with its figures, and only there. */
import test from 'ava';
import { assertChain, CHAIN, type Chain } from '../../src/base/limits.ts';

/** What breaks it by as little as can be, the relation, and its figures. */
const BROKEN: readonly (readonly [Partial<Chain>, string, number, number])[] = [
  [{ agentDead: 14_099 }, 'D >= 1.01 A + K + 2 s', 14_099, 14_100],
  [{ killWorks: 2_901 }, 'D >= 1.01 A + K + 2 s', 15_000, 15_001],
  [{ takeover: 5_501 }, '0.8 A >= T + 2 h + 0.5 s', 8_000, 8_001],
  [{ heartbeat: 1_251 }, '0.8 A >= T + 2 h + 0.5 s', 8_000, 8_002],
  [{ agentLease: 9_370 }, '0.8 A >= T + 2 h + 0.5 s', 7_496, 7_500],
  [{ rescue: 168_319 }, 'R >= 1.01 (S + A + K) + B + 30 s', 168_319, 168_320],
  [{ pause: 132_000 }, 'R >= 1.01 (S + A + K) + B + 30 s', 180_000, 180_440],
  [{ launcherHeartbeat: 17_000 }, 'R >= 1.01 (S + A + K) + B + 30 s', 180_000, 180_320],
  [{ agentTerm: 7_499 }, 'TERM >= T + 2 h + 0.5 s', 7_499, 7_500],
  [{ agentTerm: 10_000 }, 'A >= TERM + 1 ms', 10_000, 10_001],
  [{ beatSilence: 5_001 }, 'T >= the silence of the beat', 5_000, 5_001],
  [{ beat: 1_251 }, 'the silence of the beat >= 2 beats', 2_500, 2_502],
  [{ pause: 9_999 }, 'S >= 2 B', 9_999, 10_000],
];

test('the defaults keep every relation', (t) => {
  t.notThrows(() => assertChain(CHAIN));
});

for (const [change, relation, left, right] of BROKEN)
  test(`${JSON.stringify(change)} is refused: ${relation}`, (t) => {
    const message = `assertion failed: ${relation} does not hold: ${left} ms is less than ${right} ms`;
    t.throws(() => assertChain({ ...CHAIN, ...change }), { message });
  });

test('what just keeps a relation is taken', (t) => {
  for (const change of [
    { agentDead: 14_100 },
    { takeover: 5_500 },
    { rescue: 168_320 },
    { agentTerm: 7_500 },
    { agentTerm: 9_999 },
    { beatSilence: 5_000 },
    { beat: 1_250 },
    { pause: 10_000 },
  ])
    t.notThrows(() => assertChain({ ...CHAIN, ...change }), JSON.stringify(change));
});

for (const name of Object.keys(CHAIN) as (keyof Chain)[]) {
  // Nothing is promised of these: when to call oftener, when to send nothing new.
  if (['impatientAfter', 'impatient', 'agentSuspect'].includes(name)) continue;
  test(`a ${name} that is no number is refused`, (t) => {
    t.throws(() => assertChain({ ...CHAIN, [name]: Number.NaN }), { message: /does not hold: .*NaN ms/ });
  });
}
