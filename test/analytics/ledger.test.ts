/**
 * The waste ledger and the states over time, as Postgres counts them, against a simulation that goes second by second over
 * the same random history. Goal: every category is right in every bucket, and the categories add up to nodes times time.
 */
import test from 'ava';
import fc from 'fast-check';
import { statesOverTime, throughputOverTime } from '../../src/analytics/states.ts';
import { WASTE_PARTS } from '../../src/analytics/waste.ts';
import { isEnd } from '../../src/model/job.ts';
import type { Database } from '../../src/store/connection.ts';
import { launcherLedger, ledgerLaunchers } from '../../src/store/history/ledger.ts';
import { inSnapshot, stateChanges } from '../../src/store/history/report.ts';
import type { TimeBuckets } from '../../src/store/history/rows.ts';
import { freshConnection } from '../helpers/database.ts';
import { histories, jobAt, LAST, wasteAt, write, ZERO } from './_history.ts';

const SILENT_MS = 180_000;
/** Histories a property; each is some inserts and a query. */
const RUNS = 100;

let db: Database;
test.before(async () => {
  db = await freshConnection();
});
test.after.always(() => db?.close());

const near = (a: number, b: number): boolean => Math.abs(a - b) < 1e-6;

/** Widths that divide nothing, and a first bucket that begins before, at or after second 0. */
const cuts = fc
  .record({
    fromMs: fc.integer({ min: -5, max: 15 }).map((s) => ZERO + s * 1_000),
    widthMs: fc.integer({ min: 1, max: 40 }).map((s) => s * 1_000),
    count: fc.integer({ min: 1, max: 8 }),
  })
  .map(cutOf);

interface Cut {
  fromMs: number;
  widthMs: number;
  count: number;
}

function cutOf(cut: Cut): TimeBuckets & Cut {
  return { ...cut, edgesMs: Array.from({ length: cut.count + 1 }, (_, i) => cut.fromMs + i * cut.widthMs) };
}

/** The workflows that contain this, as the store is asked for them. */
const like = (part: string): string => (part === '' ? '%' : `%${part}%`);

test.serial(
  'the ledger is what a simulation by the second gives, in every bucket, and adds up',
  async (t) => {
    let compared = 0;
    await fc.assert(
      fc.asyncProperty(histories, cuts, fc.constantFrom('', 'a', 'b'), async (history, cut, workflow) => {
        await write(db, history);
        const [launchers, rows] = await inSnapshot(db, async (sql) => [
          await ledgerLaunchers(sql, like(workflow), cut, SILENT_MS),
          await launcherLedger(sql, like(workflow), cut, SILENT_MS),
        ]);
        const [first, end] = [cut.fromMs, cut.fromMs + cut.widthMs * cut.count].map(
          (ms) => (ms - ZERO) / 1_000,
        );
        const there = history.launchers.filter(
          (l) =>
            Math.max(l.from, first!) < Math.min(l.to, end!) &&
            (workflow === '' ||
              history.jobs.some(
                (j) => j.workflow.includes(workflow) && j.attempts.some((a) => a.launcher === l.id),
              )),
        );
        t.deepEqual(launchers.map((l) => l.launcher), there.map((l) => l.id)); // prettier-ignore
        for (const l of there) {
          const [from, to] = [Math.max(l.from, first!), Math.min(l.to, end!)];
          const own = rows.filter((r) => r.launcher === l.id);
          t.true(near(own.reduce((sum, r) => sum + r.total, 0), l.nodes * (to - from))); // prettier-ignore
          for (let bucket = 0; bucket < cut.count; bucket++) {
            const begins = (cut.fromMs + bucket * cut.widthMs - ZERO) / 1_000;
            const row = own.find((r) => r.bucket === bucket);
            const seconds = Array.from({ length: cut.widthMs / 1_000 }, (_, i) => begins + i).filter(
              (s) => s >= from && s < to,
            );
            const expected = seconds.map((s) => wasteAt(history, l, workflow, s));
            const sum = (part: (typeof WASTE_PARTS)[number]): number =>
              expected.reduce((total, waste) => total + waste[part], 0);
            for (const part of WASTE_PARTS) {
              const [got, wanted] = [row?.[part] ?? 0, sum(part)];
              if (!near(got, wanted))
                t.fail(`launcher ${l.id} bucket ${bucket} ${part}: ${got}, not ${wanted}`);
              compared += 1;
            }
            const parts = WASTE_PARTS.reduce((total, part) => total + (row?.[part] ?? 0), 0);
            t.true(near(parts, row?.total ?? 0), `${parts} of ${row?.total}`);
          }
        }
      }),
      { numRuns: RUNS },
    );
    t.log(`${compared} figures compared`);
    t.true(compared > RUNS);
  },
);

test.serial('states and throughput over time are what a simulation by the second gives', async (t) => {
  let compared = 0;
  await fc.assert(
    fc.asyncProperty(
      histories,
      fc.integer({ min: 1, max: 30 }),
      fc.constantFrom('', 'a'),
      async (h, width, workflow) => {
        await write(db, h);
        const cut = cutOf({ fromMs: ZERO, widthMs: width * 1_000, count: Math.ceil((LAST * 3) / width) });
        const changes = await inSnapshot(db, (sql) => stateChanges(sql, like(workflow), cut));
        const states = statesOverTime(changes, cut.count);
        const jobs = h.jobs.filter((j) => j.workflow.includes(workflow));
        for (const [bucket, counts] of states.entries()) {
          const expected = new Map<string, number>();
          for (const j of jobs) {
            const here = jobAt(j, (bucket + 1) * width - 1);
            if (here) expected.set(here.state, (expected.get(here.state) ?? 0) + 1);
          }
          t.deepEqual(counts, Object.fromEntries(expected));
          compared += 1;
        }
        const ends = throughputOverTime(changes, cut.count);
        const total = (kind: 'started' | 'finished' | 'failed' | 'killed'): number =>
          ends.reduce((sum, bucket) => sum + bucket[kind], 0);
        t.is(total('killed'), jobs.filter((j) => j.killed !== null).length);
        t.is(total('finished') - (states.at(-1)?.JOB_FINISHED ?? 0), jobs.filter((j) => j.killed !== null && j.attempts.at(-1)?.end === 'done').length); // prettier-ignore
        t.is(total('started') >= (states.at(-1)?.RUNNING ?? 0), true);
      },
    ),
    { numRuns: RUNS },
  );
  t.true(compared > RUNS);
});

test.serial(
  'an interval holds the changes within it, and the jobs that were there and not over',
  async (t) => {
    let [compared, left] = [0, 0];
    await fc.assert(
      fc.asyncProperty(histories, cuts, async (h, cut) => {
        await write(db, h);
        const changes = await inSnapshot(db, (sql) => stateChanges(sql, like(''), cut));
        const [first, end] = [cut.fromMs, cut.fromMs + cut.widthMs * cut.count].map(
          (ms) => (ms - ZERO) / 1_000,
        );
        const within = (at: number | null): boolean => at !== null && at >= first! && at < end!;
        const jobs = h.jobs.filter((j) => {
          const before = jobAt(j, first! - 1);
          const times = [j.created, j.killed, ...j.attempts.flatMap((a) => [a.leased, a.started, a.ended])];
          return (before !== null && !isEnd(before.state)) || times.some(within);
        });
        left += h.jobs.length - jobs.length;
        for (const [bucket, counts] of statesOverTime(changes, cut.count).entries()) {
          const last = first! + ((bucket + 1) * cut.widthMs) / 1_000 - 1;
          const states = jobs.flatMap((j) => jobAt(j, last)?.state ?? []);
          t.deepEqual(
            counts,
            Object.fromEntries([...Map.groupBy(states, (s) => s)].map(([s, all]) => [s, all.length])),
          );
          compared += 1;
        }
        const started = throughputOverTime(changes, cut.count).reduce((sum, b) => sum + b.started, 0);
        t.is(started, h.jobs.flatMap((j) => j.attempts).filter((a) => within(a.started)).length);
      }),
      { numRuns: RUNS },
    );
    t.true(compared > RUNS && left > 10, `${compared} buckets, ${left} jobs left out`);
  },
);
