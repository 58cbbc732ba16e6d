/** The pure parts of reports: buckets, sums of changes, sums of waste. */
import test from 'ava';
import fc from 'fast-check';
import { bucketsOf } from '../../src/analytics/buckets.ts';
import { statesOverTime, throughputOverTime } from '../../src/analytics/states.ts';
import { utilisationOf, WASTE_PARTS, wasteOf, wasteOverTime } from '../../src/analytics/waste.ts';
import { JOB_STATES } from '../../src/core/job.ts';
import type { LedgerRow } from '../../src/store/report-rows.ts';

test('buckets hold the whole span, on round edges, and are not more than asked for', (t) => {
  fc.assert(
    fc.property(
      fc.integer({ min: 0, max: 4e12 }),
      fc.integer({ min: 0, max: 4e11 }),
      fc.integer({ min: 2, max: 200 }),
      (first, length, limit) => {
        const { fromMs, widthMs, count } = bucketsOf(first, first + length, limit);
        t.true(fromMs <= first && first < fromMs + widthMs);
        t.true(first + length < fromMs + count * widthMs && first + length >= fromMs + (count - 1) * widthMs);
        t.true(count >= 1 && count <= limit, `${count} of ${limit}`);
        t.true(86_400_000 % widthMs === 0 || widthMs % 86_400_000 === 0);
        t.is(fromMs % widthMs, 0);
      },
    ),
  );
  t.deepEqual(bucketsOf(0, 0), { fromMs: 0, widthMs: 1_000, count: 1 });
  t.is(bucketsOf(0, 7_200_000).widthMs, 120_000);
});

/** Jobs that walk through states; bucket of each step. */
const walks = fc.array(
  fc.array(fc.tuple(fc.integer({ min: 0, max: 9 }), fc.constantFrom(...JOB_STATES)), { minLength: 1, maxLength: 5 }),
  { maxLength: 20 },
); // prettier-ignore

test('states and throughput are what following each job gives', (t) => {
  fc.assert(
    fc.property(walks, (jobs) => {
      const steps = jobs.map((steps) => steps.toSorted((a, b) => a[0] - b[0]));
      const changes = steps.flatMap((job) =>
        job.map(([bucket, state], i) => ({ bucket, before: job[i - 1]?.[1] ?? null, state, jobs: 1 })),
      );
      const states = statesOverTime(changes, 10);
      const ends = throughputOverTime(changes, 10);
      for (let bucket = 0; bucket < 10; bucket++) {
        const now = steps.map((job) => job.findLast(([at]) => at <= bucket)?.[1]);
        for (const state of JOB_STATES)
          t.is(states[bucket]![state] ?? 0, now.filter((s) => s === state).length);
        const failed = steps.flat().filter(([at, state]) => at === bucket && state === 'FAILED');
        t.is(ends[bucket]!.failed, failed.length);
      }
    }),
  );
});

test('waste adds up over launchers, buckets and categories', (t) => {
  const amount = fc.integer({ min: 0, max: 1_000 });
  const row = fc
    .record({
      launcher: fc.integer({ min: 1, max: 3 }),
      bucket: fc.integer({ min: 0, max: 4 }),
      busy: amount,
      busyOther: amount,
      idleNothingRunnable: amount,
      idleNothingFitted: amount,
      drained: amount,
      lost: amount,
    })
    .map((r): LedgerRow => ({ ...r, total: WASTE_PARTS.reduce((sum, part) => sum + r[part], 0) }));
  fc.assert(
    fc.property(fc.array(row, { maxLength: 30 }), (rows) => {
      const all = wasteOf(rows);
      t.is(
        WASTE_PARTS.reduce((sum, part) => sum + all[part], 0),
        all.total,
      );
      t.deepEqual(wasteOf(wasteOverTime(rows, 5)), all);
      const used = utilisationOf(all);
      t.is(used === null, all.total === 0);
      t.true(used === null || (used >= 0 && used <= 1));
    }),
  );
});
