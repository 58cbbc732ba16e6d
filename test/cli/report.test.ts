/** `balsam report` as people and programs run it: text, JSON, CSV, wrong words, and names that try to break each form. */
import fs from 'node:fs';
import path from 'node:path';
import { stripVTControlCharacters } from 'node:util';
import test from 'ava';
import * as z from 'zod';
import { bar, resampled, sparkline } from '../../src/cli/report/plot.ts';
import { displayWidth } from '../../src/cli/output/format.ts';
import { percent, seconds } from '../../src/cli/report/report-text.ts';
import { JOB_STATES } from '../../src/model/job.ts';
import { connect } from '../../src/store/connection.ts';
import { insertJobs } from '../../src/store/jobs/change.ts';
import { HOSTILE_APPLICATIONS, HOSTILE_WORKFLOW, writeDay } from '../analytics/_rows.ts';
import { databaseDirectory } from '../helpers/directory.ts';
import type { DatabaseDirectory } from '../helpers/directory.ts';
import { balsam } from '../helpers/program.ts';
import type { Ran } from '../helpers/program.ts';
import { onTerminal } from './_cli.ts';

const JOBS = 3_000;
let day: DatabaseDirectory;

test.before(async () => {
  day = await databaseDirectory();
  await using db = connect(day.address, { applicationName: 'test', role: 'client' });
  await writeDay(db, JOBS);
});
test.after.always(() => day?.remove());

const on =
  (db: DatabaseDirectory) =>
  (...words: string[]): Promise<Ran> =>
    balsam(['report', ...words], { env: { BALSAM_DB_PATH: db.path }, deadline: 90_000 });

test('an empty database, in every form', async (t) => {
  const db = await databaseDirectory();
  t.teardown(() => db.remove());
  const run = on(db);
  const [text, json, csv, none] = await Promise.all([run(), run('--json'), run('--csv'), run('--wf', 'x')]);
  t.deepEqual([text.code, text.out, text.err], [0, 'No jobs found matching query\n', '']);
  t.like(none, { code: 2, out: '', err: 'balsam: --wf: there is no workflow x, nor any other\n' });
  t.like(REPORT.parse(JSON.parse(json.out)), { jobs: 0, from: null, buckets: [] });
  t.is(parseCsv(csv.out).filter((row) => row['table'] !== 'all').length, 0, csv.err);
  const file = path.join(path.dirname(db.path), 'empty.html');
  const html = await run('--html', file);
  t.is(html.code, 0, html.err);
  t.regex(await fs.promises.readFile(file, 'utf8'), /Nothing is on record/);
});

test('wrong words: a sentence and exit 2', async (t) => {
  const run = on(day);
  const ran = await Promise.all([
    run('--json', '--csv'),
    run('--html', ' '),
    run('extra'),
    run('--wff', 'x'),
  ]);
  t.deepEqual(
    ran.map(({ code, out, err }) => [code, out, err.replace(/;.*/, '')]),
    [
      [2, '', 'balsam: report gives one form at a time: --json or --csv\n'],
      [2, '', 'balsam: --html needs the name of a file\n'],
      [2, '', 'balsam: report: "extra" is one word too many\n'],
      [2, '', 'balsam: report: unknown option --wff (did you mean --wf?)\n'],
    ].map(([code, out, err]) => [code, out, (err as string).replace(/;.*/, '')]),
  );
  const nowhere = await run('--html', path.join(day.path, 'no/such/directory/x.html'));
  t.is(nowhere.code, 1);
  t.regex(nowhere.err, /^balsam: the report cannot be written to .*ENOENT/);
});

test('text: thousands of jobs, small plots and tables; no name speaks to the terminal', async (t) => {
  const { code, out, err } = await on(day)();
  t.deepEqual([code, err], [0, '']);
  t.regex(
    out,
    /^All workflows, 2026-03-01 08:00:00 \+00:00 to 2026-03-01 10:00:00 \+00:00 \(2h00m\)\n3000 jobs: 2700 JOB_FINISHED, 300 FAILED\n/,
  );
  t.regex(out, /Jobs over time[\s\S]*finished +▕ +▁[▁▂▃▄▅▆▇█]*█▏2700 at the end, 2700 at most/);
  t.regex(out, /Throughput[\s\S]*started .*3060 in all/);
  t.regex(out, /Nodes \(9\.333 node-hours\)[\s\S]*busy +█+·+ +\d+\.\d %[\s\S]*lost to a fault/);
  t.regex(out, /square & sons +\| 600 /);
  t.regex(out, /300 +\| 300 +\| 300 +\| square & sons +\| RUN_ERROR +\| nonzero return 3 /);
  t.is(stripVTControlCharacters(out), out);
  t.true(out.includes(String.raw`\u001b[2Jclear\u0007`));
  // Every plot line is as wide as the others.
  const plots = out.split('\n').filter((line) => line.includes('▕'));
  t.is(new Set(plots.map((line) => line.indexOf('▏'))).size, 1);
  t.true(plots.length > 8);

  const shown = await onTerminal(['report'], { env: { BALSAM_DB_PATH: day.path }, columns: 95 });
  const lines = stripVTControlCharacters(shown.out).split('\r\n');
  t.deepEqual(lines.filter((line) => displayWidth(line) > 95 && !line.startsWith('All workflows') && !/^\d+ jobs/.test(line)), []); // prettier-ignore

  const one = await on(day)('--wf', '<img*');
  t.regex(one.out, /^Workflow "<img\*", .*\n1500 jobs: /);
  t.regex(one.out, /busy with other workflows/);
});

const waste = z.strictObject({
  busy: z.number(),
  busy_other: z.number(),
  idle_nothing_runnable: z.number(),
  idle_nothing_fitted: z.number(),
  drained: z.number(),
  lost: z.number(),
  total: z.number(),
});
const spread = z.strictObject({
  p50: z.number().nullable(),
  p90: z.number().nullable(),
  p99: z.number().nullable(),
  max: z.number().nullable(),
});
const states = z.partialRecord(z.enum(JOB_STATES), z.int().nonnegative());
const share = z.number().min(0).max(1).nullable();
const time = z.iso.datetime();
const count = z.int().nonnegative();
const REPORT = z.strictObject({
  kind: z.literal('report'),
  version: z.literal(1),
  workflow: z.string(),
  made_at: time,
  from: time.nullable(),
  to: time.nullable(),
  bucket_seconds: z.number(),
  jobs: count,
  states,
  buckets: z.array(
    z.strictObject({
      at: time,
      states,
      started: count,
      finished: count,
      failed: count,
      killed: count,
      retried: count,
      node_seconds: waste,
      utilisation: share,
    }),
  ),
  applications: z.array(
    z.strictObject({ application: z.string(), started: count, ran: count, wait: spread, run: spread }),
  ),
  more_applications: z.boolean(),
  failures: z.array(
    z.strictObject({
      application: z.string(),
      kind: z.enum(['RUN_ERROR', 'RUN_TIMEOUT', 'FAILED', 'USER_KILLED']),
      reason: z.string(),
      count,
      jobs: count,
      final: count,
      first: time,
      last: time,
      example: z.string(),
    }),
  ),
  more_failures: z.boolean(),
  launchers: z.array(
    z.strictObject({
      launcher: z.int(),
      name: z.string(),
      state: z.enum(['alive', 'ended', 'dead']),
      nodes: count,
      from: time,
      to: time,
      node_seconds: waste,
      utilisation: share,
    }),
  ),
  node_seconds: waste,
  utilisation: share,
});

test('--json has the shape that is written down, and adds up', async (t) => {
  const { code, out, err } = await on(day)('--json');
  t.deepEqual([code, err], [0, '']);
  const r = REPORT.parse(JSON.parse(out));
  t.is(r.buckets.length, 61);
  t.is(r.launchers.length, 3);
  for (const { total, ...parts } of [r.node_seconds, ...r.launchers.map((l) => l.node_seconds)])
    t.true(Math.abs(Object.values(parts).reduce((a, b) => a + b) - total) < 1e-3);
  // 4 nodes for 110 minutes, 2 for 30, 2 for 30 (the dead one's last heartbeat).
  t.true(Math.abs(r.node_seconds.total - (4 * 110 + 2 * 30 + 2 * 30) * 60) < 1e-3);
  // Node 3 is drained for 50 minutes, node 2 is gone for 15; 60 runs of 10 s on an eighth of a node were lost.
  t.true(Math.abs(r.node_seconds.drained - 50 * 60) < 1e-3);
  const lost = Array.from({ length: JOBS / 50 }, (_, i) => (10 + ((i * 50) % 20)) / 8).reduce(
    (a, b) => a + b,
  );
  t.true(Math.abs(r.node_seconds.lost - (15 * 60 + lost)) < 1e-3, `${r.node_seconds.lost}`);
  t.deepEqual(r.applications.map((a) => a.application).toSorted(), [...HOSTILE_APPLICATIONS].toSorted());
  t.is(r.launchers[0]!.name, '=1+1');
  const one = REPORT.parse(JSON.parse((await on(day)('--json', '--wf', HOSTILE_WORKFLOW)).out));
  t.is(one.jobs, JOBS / 2);
  t.is(one.workflow, HOSTILE_WORKFLOW);
});

test('--since and --until: the same in every form; a time that is none is refused', async (t) => {
  const run = on(day);
  const hour = ['--since', '2026-03-01T08:30Z', '--until', '2026-03-01 09:30'];
  const [text, json, csv, quiet, early] = await Promise.all([
    run(...hour),
    run(...hour, '--json'),
    run(...hour, '--csv'),
    run('--since', '2h'),
    run('--until', '2026-03-01'),
  ]);
  t.regex(
    text.out,
    /^All workflows, 2026-03-01 08:30:00 \+00:00 to 2026-03-01 09:30:00 \+00:00 \(1h00m\)\n\d+ jobs: /,
  );
  const r = REPORT.parse(JSON.parse(json.out));
  t.deepEqual([r.from, r.to, r.buckets[0]!.at], ['2026-03-01T08:30:00.000Z', '2026-03-01T09:30:00.000Z', '2026-03-01T08:30:00.000Z']); // prettier-ignore
  // Launcher 1 an hour, launcher 2 half of it, launcher 3 half.
  t.is(r.node_seconds.total, (4 * 60 + 2 * 30 + 2 * 30) * 60);
  t.true(r.jobs > 1_000 && r.jobs < JOBS);
  t.is(
    parseCsv(csv.out).find((row) => row['table'] === 'all' && row['measure'] === 'jobs')?.['value'],
    String(r.jobs),
  );
  // Nothing of that day is left to tell.
  t.regex(quiet.out, /^All workflows, \S+ \S+ \S+ to \S+ \S+ \S+ \(2h00m\)\n0 jobs\n$/);
  t.is(early.out, 'Nothing is on record in this time\n');
  for (const [words, pattern] of [
    [['--since', 'monday'], /^balsam: --since must be a time like .*, not "monday"\n$/],
    [['--until', '5'], /^balsam: --until must be a time/],
    [['--since', '1h', '--until', '2h'], /^balsam: the report would end before it begins/],
  ] as const) {
    const ran = await run(...words);
    t.deepEqual([ran.code, ran.out], [2, '']);
    t.regex(ran.err, pattern);
  }
});

/** RFC 4180, strictly: throws at a quote that is out of place, and where a row has another length than the first. */
function parseCsv(text: string): Record<string, string>[] {
  const rows: string[][] = [[]];
  const pattern = /(?:"((?:[^"]|"")*)"|([^",\n]*))(,|\n|$)/gy;
  while (pattern.lastIndex < text.length) {
    const match = pattern.exec(text);
    if (match === null) throw new Error(`no CSV: ${text.slice(0, 100)}`);
    rows.at(-1)!.push(match[1]?.replaceAll('""', '"') ?? match[2] ?? '');
    if (match[3] === '\n') rows.push([]);
  }
  rows.pop();
  const [names, ...values] = rows;
  return values.map((row) => {
    if (row.length !== names!.length) throw new Error(`${row.length} cells: ${JSON.stringify(row)}`);
    return Object.fromEntries(names!.map((name, i) => [name, row[i]!]));
  });
}

test('--csv: one table, a line for each figure, no formula in it', async (t) => {
  const { code, out, err } = await on(day)('--csv');
  t.deepEqual([code, err], [0, '']);
  const rows = parseCsv(out);
  const figure = (of: Record<string, string>): number => {
    const found = rows.filter((row) => Object.entries(of).every(([name, value]) => row[name] === value));
    t.is(found.length, 1, JSON.stringify(of));
    return Number(found[0]?.['value']);
  };
  t.is(figure({ table: 'all', measure: 'jobs' }), JOBS);
  t.is(figure({ table: 'over_time', at: '2026-03-01T10:00:00.000Z', measure: 'jobs_JOB_FINISHED' }), 2_700);
  t.is(figure({ table: 'launchers', launcher: '2', measure: 'node_seconds_idle_nothing_runnable' }), 3_600);
  t.is(figure({ table: 'applications', application: 'a,"b"\r\nc', measure: 'started' }), 600);
  t.is(figure({ table: 'failures', application: 'square & sons', kind: 'RUN_ERROR', measure: 'final' }), 300);
  t.is(
    figure({ table: 'applications', application: `'${HOSTILE_APPLICATIONS[0]}`, measure: 'started' }),
    660,
  );
  t.deepEqual(rows.flatMap(Object.values).filter((cell: string) => /^[=+\-@\t\r]/.test(cell)), []); // prettier-ignore
});

test('a job that never ran, and no launcher at all', async (t) => {
  const db = await databaseDirectory();
  t.teardown(() => db.remove());
  await using client = connect(db.address, { applicationName: 'test', role: 'client' });
  await insertJobs(client, [{ workflow: 'w' }]);
  const { code, out, err } = await on(db)();
  t.deepEqual([code, err], [0, '']);
  t.regex(
    out,
    /^All workflows, .*\n1 job: 1 CREATED\n\nJobs over time \(a column is 1\.00s\)\n {2}waiting {3}▕█+▏1 at the end, 1 at most\n$/,
  );
});

test('small plots', (t) => {
  t.is(sparkline([0, 1, 50, 100], 100, 10), ' ▁▄█');
  t.is(sparkline([0, 0], 0, 10), '  ');
  t.deepEqual(resampled([1, 2, 3], 5), [1, 2, 3]);
  t.deepEqual(resampled([1, 3, 5, 7], 2), [2, 6]);
  const sum = (all: readonly number[]): number => all.reduce((a, b) => a + b, 0);
  for (const columns of [1, 7, 60]) {
    const values = Array.from({ length: 61 }, (_, i) => i);
    t.true(Math.abs((sum(resampled(values, columns)) * 61) / columns - sum(values)) < 1e-6);
  }
  t.deepEqual([bar(0, 4), bar(0.001, 4), bar(0.5, 4), bar(1, 4)], ['····', '█···', '██··', '████']);
  t.deepEqual([0, 0.0001, 0.5, 0.99999, 1].map(percent), ['0.0 %', '<0.1 %', '50.0 %', '>99.9 %', '100.0 %']);
  t.deepEqual([0.0123, 3.456, 12.34, 61, 7_200].map(seconds), ['0.012s', '3.46s', '12.3s', '1m01s', '2h00m']);
});
