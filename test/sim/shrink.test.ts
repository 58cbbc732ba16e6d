/** A failing run is made small: what is left violates the same property, and no part of it can go. */
import test from 'ava';
import { runSeed, SeedFailure } from './scenario.ts';
import { propertyOf, shrink } from './shrink.ts';
import { World } from './world.ts';

function failure(parts: readonly string[], what = 'J1#2 lives on in n3.1'): SeedFailure {
  const world = new World(1, new Set(parts));
  for (const part of parts) world.has(part);
  return new SeedFailure(world, what, null);
}

test('names and numbers of a case are no part of what was violated', (t) => {
  t.is(
    propertyOf('J1#2 is let go by rescue and lives on in n3.1\nmore'),
    propertyOf('J77#1 is let go by rescue and lives on in n0.12'),
  );
  t.not(propertyOf('J1 was started twice'), propertyOf('J1 is held by nobody that lives'));
});

test('only what is needed is left, and another violation does not count', (t) => {
  const parts = Array.from({ length: 40 }, (_, i) => `part ${i}`);
  const needed = ['part 7', 'part 31'];
  const { smallest, runs } = shrink(failure(parts), (only) => {
    if (needed.every((p) => only.has(p))) return failure([...only], 'J9#1 lives on in n0.4');
    return only.size > 5 ? failure([...only], 'a job has not ended') : null;
  });
  t.deepEqual([...smallest.parts], needed);
  t.true(runs < 100);
});

test('it gives up in time', (t) => {
  const parts = Array.from({ length: 1_000 }, (_, i) => `part ${i}`);
  t.is(shrink(failure(parts), () => null).runs, 200);
  let now = 0;
  t.is(
    shrink(
      failure(parts),
      () => null,
      () => (now += 10_000),
    ).runs,
    3,
  );
});

test('a run of a store without the fence is made small', (t) => {
  const broken = { rules: { fence: 'none' } } as const;
  const run = (seed: number, only: ReadonlySet<string> | null): SeedFailure | null => {
    try {
      runSeed(seed, broken, only);
      return null;
    } catch (error) {
      if (error instanceof SeedFailure) return error;
      throw error;
    }
  };
  let first: SeedFailure | null = null;
  for (let seed = 1; first === null && seed <= 200; seed++) {
    const f = run(seed, null);
    if (f !== null && f.parts.length >= 20) first = f;
  }
  if (first === null) return t.fail('no seed notices');
  const { seed } = first;
  const { smallest, runs } = shrink(first, (only) => run(seed, only));
  t.log(
    `seed ${seed}: ${first.parts.length} parts, ${smallest.parts.length} left after ${runs} runs: ${smallest.parts.join('; ')}`,
  );
  t.is(propertyOf(smallest.what), propertyOf(first.what));
  t.true(smallest.parts.length < first.parts.length / 2);
  t.is(run(seed, new Set(smallest.parts))?.message, smallest.message, 'and it is repeated exactly');
  return undefined;
});
