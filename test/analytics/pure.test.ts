/** The pure parts of reports: buckets, sums of changes, sums of waste. */
import test from 'ava';
import fc from 'fast-check';
import { bucketsOf, cutTo } from '../../src/analytics/buckets.ts';
import { momentOf } from '../../src/analytics/interval.ts';
import { statesOverTime, throughputOverTime } from '../../src/analytics/states.ts';
import { utilisationOf, WASTE_PARTS, wasteOf, wasteOverTime } from '../../src/analytics/waste.ts';
import { UserError } from '../../src/base/errors.ts';
import { JOB_STATES } from '../../src/model/job.ts';
import type { LedgerRow } from '../../src/store/history/rows.ts';

test('buckets hold the whole span, on round edges, and are not more than asked for', (t) => {
  fc.assert(
    fc.property(
      fc.integer({ min: 0, max: 4e12 }),
      fc.integer({ min: 0, max: 4e11 }),
      fc.integer({ min: 2, max: 200 }),
      (first, length, limit) => {
        const { edgesMs, widthMs } = bucketsOf(first, first + length, limit);
        const [fromMs, count] = [edgesMs[0]!, edgesMs.length - 1];
        t.true(edgesMs.every((edge, i) => edge === fromMs + i * widthMs));
        t.true(fromMs <= first && first < fromMs + widthMs);
        t.true(first + length < fromMs + count * widthMs && first + length >= fromMs + (count - 1) * widthMs);
        t.true(count >= 1 && count <= limit, `${count} of ${limit}`);
        t.true(86_400_000 % widthMs === 0 || widthMs % 86_400_000 === 0);
        t.is(fromMs % widthMs, 0);
      },
    ),
  );
  t.deepEqual(bucketsOf(0, 0), { edgesMs: [0, 1_000], widthMs: 1_000 });
  t.is(bucketsOf(0, 7_200_000).widthMs, 120_000);
});

test('buckets are cut to an interval: no edge outside, none lost, none twice', (t) => {
  const cut = (since: number | null, until: number | null): readonly number[] =>
    cutTo(bucketsOf(500, 3_500), since, until).edgesMs;
  t.deepEqual(cut(null, null), [0, 1_000, 2_000, 3_000, 4_000]);
  t.deepEqual(cut(500, null), [500, 1_000, 2_000, 3_000, 4_000]);
  t.deepEqual(cut(1_000, 3_000), [1_000, 2_000, 3_000]);
  t.deepEqual(cut(null, 3_001), [0, 1_000, 2_000, 3_000, 3_001]);
  t.deepEqual(cut(1_001, 1_002), [1_001, 1_002]);
});

test('moments: times, durations, and what is neither', (t) => {
  const at = (text: string): unknown => momentOf('--since', text);
  const noon = Date.UTC(2026, 0, 31, 12);
  for (const text of [
    '2026-01-31T12:00',
    '2026-01-31 12:00:00',
    '2026-01-31T12:00Z',
    '2026-01-31t13:00:00.000+0100',
    '2026-01-31T07:30-04:30',
  ])
    t.deepEqual(at(text), { atMs: noon }, text);
  t.deepEqual(at('2026-01-31'), { atMs: noon - 12 * 3_600_000 });
  t.deepEqual(momentOf('since', new Date(noon)), { atMs: noon });
  for (const [text, seconds] of [
    ['90s', 90],
    ['90m', 5_400],
    ['2H', 7_200],
    [' 1d12h ', 129_600],
    ['1w', 604_800],
    ['0.5h', 1_800],
    ['0s', 0],
  ] as const)
    t.deepEqual(at(text), { agoMs: seconds * 1_000 }, text);
  for (const bad of [
    '',
    'yesterday',
    '2',
    'h',
    '-2h',
    '2h ago',
    '2y',
    '2026',
    '2026-13-01',
    '2026-02-30',
    '2026-01-31T25:00',
    '2026-01-31T12',
    '12:00',
    '1769860800',
    'Jan 31 2026',
  ])
    t.throws(
      () => at(bad),
      {
        instanceOf: UserError,
        message: `--since must be a time like 2026-01-31 or 2026-01-31T12:00Z, or how long ago like 90m, 2h or 1d12h, not ${JSON.stringify(bad)}`,
      },
      bad,
    );
  for (const bad of [3, null, new Date(NaN), {}])
    t.throws(() => momentOf('since', bad), { instanceOf: UserError });
});

/** Jobs that walk through states; bucket of each step, -1 for what was before the first. */
const walks = fc.array(
  fc.array(fc.tuple(fc.integer({ min: -1, max: 9 }), fc.constantFrom(...JOB_STATES)), { minLength: 1, maxLength: 5 }),
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
