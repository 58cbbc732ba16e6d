/**
 * A report as text: lines with small plots, and tables. Pure: `balsam report` prints it.
 *
 * Every column of a plot is the same stretch of time; `at most` is the highest bucket, not the highest column.
 */
import type { Report, ReportLauncher } from '../../analytics/shape.ts';
import { WASTE_PARTS } from '../../analytics/waste.ts';
import type { Waste } from '../../store/history/rows.ts';
import { JOB_STATES } from '../../model/job.ts';
import type { JobState } from '../../model/job.ts';
import type { Spread } from '../../store/history/rows.ts';
import { clip, counted, escaped, table } from '../output/format.ts';
import type { Look } from '../output/look.ts';
import { bar, sparkline } from './plot.ts';
import { duration } from '../output/progress.ts';
import { timeText } from '../output/times.ts';

/** Columns for which a report is made where there is no terminal. */
const NO_TERMINAL = 100;
/** Columns of a plot, at most and at least. */
const PLOT_MAX = 60;
const PLOT_MIN = 10;
/** Beside a plot: its label, and what is said of it. */
const BESIDE = 46;
/** Launchers of the table; the rest are in its last line. Guess: what a person reads. */
const LAUNCHERS_SHOWN = 20;
const GROUPS_SHOWN = 20;

/** States as people think of them; together they are all. */
export const STATE_GROUPS: readonly { name: string; states: readonly JobState[] }[] = [
  {
    name: 'waiting',
    states: ['CREATED', 'AWAITING_PARENTS', 'READY', 'STAGED_IN', 'PREPROCESSED', 'RESTART_READY'],
  },
  { name: 'running', states: ['RUNNING', 'RUN_DONE', 'POSTPROCESSED', 'RUN_TIMEOUT', 'RUN_ERROR'] },
  { name: 'finished', states: ['JOB_FINISHED'] },
  { name: 'failed', states: ['FAILED'] },
  { name: 'killed', states: ['USER_KILLED'] },
];

/** The parts of the ledger in words. */
export const WASTE_NAMES: { readonly [part in (typeof WASTE_PARTS)[number]]: string } = {
  busy: 'busy',
  busyOther: 'busy with other workflows',
  idleNothingRunnable: 'idle, nothing was runnable',
  idleNothingFitted: 'idle, nothing fitted',
  drained: 'drained',
  lost: 'lost to a fault',
};

/** The whole report for a place of this look: plots of its width, tables cut to it; ends with a newline. */
export function reportText(r: Report, look: Look): string {
  const width = look.width ?? NO_TERMINAL;
  const columns = Math.max(PLOT_MIN, Math.min(PLOT_MAX, width - BESIDE));
  const parts = [
    headText(r),
    r.jobs === 0 ? '' : statesText(r, columns),
    r.jobs === 0 ? '' : throughputText(r, columns),
    r.launchers.length === 0 ? '' : nodesText(r, columns, look),
    applicationsText(r, look),
    failuresText(r, width, look),
  ];
  return `${parts.filter(Boolean).join('\n\n')}\n`;
}

function headText({ workflow, from, to, jobs, states }: Report): string {
  const which = workflow === '' ? 'All workflows' : `Workflow ${JSON.stringify(escaped(workflow))}`;
  const span =
    from === null || to === null ? '' : `, ${timeText(from)} to ${timeText(to)} (${between(from, to)})`;
  const counts = JOB_STATES.filter((state) => (states[state] ?? 0) > 0).map((s) => `${states[s]} ${s}`);
  return `${which}${span}\n${counted(jobs, 'job')}${counts.length === 0 ? '' : `: ${counts.join(', ')}`}`;
}

function statesText(r: Report, columns: number): string {
  const lines = STATE_GROUPS.map(({ name, states }) => ({
    name,
    values: r.buckets.map((b) => states.reduce((sum, state) => sum + (b.states[state] ?? 0), 0)),
  }))
    .filter(({ values }) => values.some((v) => v > 0))
    .map(({ name, values }) => {
      const top = Math.max(...values);
      return plotLine(name, sparkline(values, top, columns), `${values.at(-1)} at the end, ${top} at most`);
    });
  const each = Math.max(1, r.buckets.length / columns) * r.bucketSeconds;
  return [`Jobs over time (a column is ${seconds(each)})`, ...lines].join('\n');
}

function throughputText(r: Report, columns: number): string {
  const kinds = ['started', 'finished', 'failed', 'killed', 'retried'] as const;
  const lines = kinds
    .map((kind) => ({ kind, values: r.buckets.map((b) => b[kind]) }))
    .filter(({ values }) => values.some((v) => v > 0))
    .map(({ kind, values }) => {
      const top = Math.max(...values);
      const all = values.reduce((sum, v) => sum + v, 0);
      const said = `${all} in all, ${rate(top / r.bucketSeconds)} at most`;
      return plotLine(kind, sparkline(values, top, columns), said);
    });
  return lines.length === 0 ? '' : ['Throughput', ...lines].join('\n');
}

function nodesText(r: Report, columns: number, look: Look): string {
  const all = r.nodeSeconds;
  const used = r.buckets.map((b) => b.utilisation ?? 0);
  const lines = WASTE_PARTS.filter((part) => part !== 'busyOther' || all.busyOther > 0).map(
    (part) => `  ${WASTE_NAMES[part].padEnd(27)}${bar(share(all, part), 20)}  ${percent(share(all, part))}`,
  );
  const shown = r.launchers.slice(-LAUNCHERS_SHOWN);
  const more = r.launchers.length - shown.length;
  return [
    `Nodes (${hours(all.total)} node-hours)`,
    plotLine('in use', sparkline(used, 1, columns), `${percent(r.utilisation ?? 0)} in all`),
    ...lines,
    '',
    table(
      [
        'launcher',
        'state',
        'nodes',
        'time',
        'node-hours',
        'busy',
        'not runnable',
        'not fitted',
        'drained',
        'lost',
      ],
      shown.map(launcherCells),
      look,
    ),
    ...(more > 0 ? [`(${more} older launchers not shown; --json has all)`] : []),
  ].join('\n');
}

function launcherCells(l: ReportLauncher): string[] {
  const w = l.nodeSeconds;
  return [
    String(l.launcher),
    l.state,
    String(l.nodes),
    between(l.from, l.to),
    hours(w.total),
    percent(l.utilisation ?? 0),
    percent(share(w, 'idleNothingRunnable')),
    percent(share(w, 'idleNothingFitted')),
    percent(share(w, 'drained')),
    percent(share(w, 'lost')),
  ];
}

function applicationsText({ applications, moreApplications }: Report, look: Look): string {
  if (applications.length === 0) return '';
  const shown = applications.slice(0, GROUPS_SHOWN);
  return [
    'Waits and run times',
    table(
      ['application', 'started', 'wait p50', 'p90', 'p99', 'max', 'run p50', 'p90', 'p99', 'max'],
      shown.map((a) => [a.application, String(a.started), ...spreadCells(a.wait), ...spreadCells(a.run)]),
      look,
    ),
    ...leftOut('applications', applications.length - shown.length, moreApplications),
  ].join('\n');
}

function failuresText({ failures, moreFailures }: Report, width: number, look: Look): string {
  if (failures.length === 0) return '';
  const shown = failures.slice(0, GROUPS_SHOWN);
  const cells = shown.map((f) => [
    String(f.count),
    String(f.jobs),
    String(f.final),
    f.application,
    f.kind,
    // In a pipe nothing is cut: the end of a reason is often the reason.
    look.width === null ? escaped(f.reason) : clip(escaped(f.reason), 60),
    look.width === null ? escaped(f.example) : clip(escaped(f.example), Math.max(40, width - 100)),
  ]);
  return [
    'Failures',
    table(['times', 'jobs', 'for good', 'application', 'what', 'reason', 'example'], cells, look),
    ...leftOut('reasons', failures.length - shown.length, moreFailures),
  ].join('\n');
}

function leftOut(what: string, count: number, more: boolean): string[] {
  if (count === 0 && !more) return [];
  return [`(${more ? 'at least ' : ''}${count + (more ? 1 : 0)} more ${what} not shown)`];
}

function plotLine(label: string, plot: string, said: string): string {
  return `  ${label.padEnd(9)} ▕${plot}▏${said}`;
}

export function spreadCells({ p50, p90, p99, max }: Spread): string[] {
  return [p50, p90, p99, max].map((s) => (s === null ? '' : seconds(s)));
}

/** Seconds with what matters: `0.012s`, `3.4s`, `12s`, then as durations are written. */
export function seconds(s: number): string {
  if (s >= 60) return duration(s);
  if (s >= 10) return `${s.toFixed(1)}s`;
  return `${s.toFixed(s < 1 ? 3 : 2)}s`;
}

export function share(waste: Waste, part: keyof Waste): number {
  return waste.total === 0 ? 0 : waste[part] / waste.total;
}

/** One decimal; never 0 or 100 for what only rounds to it. */
export function percent(part: number): string {
  const text = (part * 100).toFixed(1);
  if (text === '0.0' && part > 0) return '<0.1 %';
  if (text === '100.0' && part < 1 - 1e-9) return '>99.9 %';
  return `${text} %`;
}

export function hours(nodeSeconds: number): string {
  const h = nodeSeconds / 3_600;
  return h.toFixed(h < 10 ? 3 : 1);
}

function rate(perSecond: number): string {
  if (perSecond >= 1) return `${perSecond.toFixed(1)}/s`;
  if (perSecond * 60 >= 1) return `${(perSecond * 60).toFixed(1)}/min`;
  return `${(perSecond * 3_600).toFixed(1)}/h`;
}

export function between(from: Date, to: Date): string {
  return duration(Math.max(0, to.getTime() - from.getTime()) / 1_000);
}

/** Of a page that may be sent to anybody: UTC, and the page says so. */
export function stamp(at: Date): string {
  return at.toISOString().slice(0, 19).replace('T', ' ');
}
