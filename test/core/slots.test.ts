/** Slots of a node: shares, CPU and GPU ids, and that nothing drifts or is given twice. */
import test from 'ava';
import { coresNeeded, giveBack, makeSlots, take, WHOLE } from '../../src/core/slots.ts';

test('jobs run together while their shares fit, each on CPUs of its own', (t) => {
  const s = makeSlots([4, 5, 6], 0);
  const three = [1, 2, 3].map(() => take(s, { packing: 3, cpus: 1 }));
  t.deepEqual(
    three.map((a) => a?.cpus),
    [[4], [5], [6]],
  );
  t.is(take(s, { packing: 3, cpus: 1 }), null);
  t.is(take(s, { packing: 1_000_000, cpus: 1 }), null, 'only a billionth is left');
  giveBack(s, three[1]!);
  t.is(take(s, { packing: 1, cpus: 1 }), null);
  t.deepEqual(take(s, { packing: 3, cpus: 1 })?.cpus, [5]);
});

test('a whole-node job waits for all of the node and holds every id', (t) => {
  const s = makeSlots([0, 1], 1);
  const small = take(s, { packing: 1_000, cpus: 1 })!;
  t.is(take(s, { packing: 1, cpus: 1 }), null, 'even a thousandth is in its way');
  giveBack(s, small);
  const whole = take(s, { packing: 1, cpus: 1 })!;
  t.deepEqual([whole.cpus, whole.gpus], [[0, 1], [{ id: 0, share: WHOLE }]]);
});

test('more jobs than CPUs: those without run unpinned', (t) => {
  const s = makeSlots([0], 0);
  t.deepEqual([take(s, { packing: 4, cpus: 1 })!.cpus, take(s, { packing: 4, cpus: 1 })!.cpus], [[0], null]);
});

test('GPUs: whole ones while packing allows, else a share of the least loaded', (t) => {
  const two = makeSlots([], 4);
  t.deepEqual(
    take(two, { packing: 2, cpus: 1 })!.gpus.map((g) => g.id),
    [0, 1],
  );
  t.deepEqual(
    take(two, { packing: 2, cpus: 1 })!.gpus.map((g) => g.id),
    [2, 3],
  );
  const shared = makeSlots([], 2);
  const ids = [1, 2, 3, 4].map(() => take(shared, { packing: 4, cpus: 1 })!.gpus.map((g) => g.id)[0]);
  t.deepEqual(ids, [0, 1, 0, 1]);
  t.is(take(shared, { packing: 4, cpus: 1 }), null);
});

test('GPUs that a packing does not divide: so many jobs as it says run, and the GPUs are shared evenly', (t) => {
  for (const [gpus, packing, loads] of [
    [2, 3, [2, 1]],
    [8, 10, [2, 2, 1, 1, 1, 1, 1, 1]],
    [3, 7, [3, 2, 2]],
    [1, 5, [5]],
  ] as const) {
    const s = makeSlots([], gpus);
    const held = Array.from({ length: packing }, () => take(s, { packing, cpus: 1 }));
    const on = held.map((a) => a?.gpus.map((g) => g.id).join());
    t.deepEqual(
      Array.from({ length: gpus }, (_, id) => on.filter((ids) => ids === String(id)).length),
      [...loads],
      `${gpus} GPUs, packing ${packing}`,
    );
    t.is(take(s, { packing, cpus: 1 }), null);
  }
  const three = makeSlots([], 3);
  t.deepEqual(
    [1, 2].map(() => take(three, { packing: 2, cpus: 1 })?.gpus.map((g) => g.id)),
    [[0], [1]],
    'whole ones, and one is left',
  );
});

test('a share that is no sum of decimals does not drift, however often it comes and goes', (t) => {
  const s = makeSlots([0], 1);
  for (const packing of [128, 3, 7, 384, 1_024]) {
    for (let i = 0; i < 3_000; i++) giveBack(s, take(s, { packing, cpus: 1 })!);
    t.is(s.used, 0);
    t.deepEqual(s.gpuLoad, [0]);
  }
  t.truthy(take(s, { packing: 1, cpus: 1 }));
});

test('giving back what was not taken stops the process', (t) => {
  const s = makeSlots([0], 0);
  const a = take(s, { packing: 1, cpus: 1 })!;
  giveBack(s, a);
  t.throws(() => giveBack(s, a), { message: /assertion failed/ });
});

test('cores are ranks × threads / threads per core, at least one', (t) => {
  t.deepEqual([coresNeeded(2, 4, 2), coresNeeded(1, 1, 4)], [4, 1]);
});
