/**
 * The simulated database is as honest as the simulation needs it (PROTOCOL 13). Goal: each interleaving ends as on a real
 * Postgres, where test/store/model.test.ts plays the same; and where a rule is broken, it ends otherwise. Method: sessions
 * driven by hand, then a server with a clock, without weather.
 */
import test from 'ava';
import { ModelHands } from './hands.ts';
import { INTERLEAVINGS } from './interleavings.ts';

for (const { name, rules, play, expected } of INTERLEAVINGS)
  test(name, async (t) => t.deepEqual(await play(new ModelHands(rules)), [...expected]));
