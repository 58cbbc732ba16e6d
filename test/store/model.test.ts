/**
 * The simulation's database against the real one: what test/sim/store.test.ts expects of the simulated tables is expected
 * here of Postgres, with the statements of src/store on two or three connections. Where they differ, the model is wrong,
 * and what the simulation proves with it.
 */
import test from 'ava';
import { INTERLEAVINGS } from '../sim/interleavings.ts';
import { PostgresHands } from './_hands.ts';

for (const { name, rules, play, expected } of INTERLEAVINGS)
  test.serial(name, async (t) => {
    await using db = await PostgresHands.open(rules);
    t.deepEqual(await play(db), [...expected]);
  });
