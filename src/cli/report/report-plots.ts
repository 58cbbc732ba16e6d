/** The plots of a report as SVG: jobs by state, throughput, what the nodes did, waits and run times. */
import type { Report } from '../../analytics/shape.ts';
import { WASTE_PARTS } from '../../analytics/waste.ts';
import type { Spread } from '../../store/history/rows.ts';
import { clip, escaped } from '../output/format.ts';
import { dot, plot, rectY, ruleY, tickX } from '../plot-library.mjs';
import type { PageDocument, PageElement } from '../plot-library.mjs';
import { STATE_GROUPS, WASTE_NAMES } from './report-text.ts';

const WIDTH = 960;
const HEIGHT = 260;
const LEFT = 64;
/** Applications in the plot of times; the table has more. */
const APPLICATIONS_SHOWN = 20;
const LABEL_WIDTH = 28;
/** Where a scale of logarithms begins, seconds: what is shorter is drawn there. */
const SHORTEST_S = 0.001;

/** Colours that stay apart for eyes that see red and green alike. */
const STATE_COLOURS = ['#b8c0cc', '#3b82c4', '#3a9a68', '#d1495b', '#6b4c7a'];
const END_COLOURS = { finished: '#3a9a68', failed: '#d1495b', killed: '#6b4c7a', retried: '#e0a030' };
const WASTE_COLOURS = ['#3b82c4', '#9dc3e6', '#d9dde3', '#e0a030', '#6b4c7a', '#d1495b'];

interface Step {
  readonly at: Date;
  readonly until: Date;
  readonly value: number;
  readonly what: string;
}

/** Jobs by state over time, stacked. */
export function statesPlot(document: PageDocument, r: Report): PageElement {
  const groups = STATE_GROUPS.filter(({ states }) =>
    r.buckets.some((b) => states.some((state) => (b.states[state] ?? 0) > 0)),
  );
  const steps = stepsOf(r, groups.map((g) => g.name), (b, name) =>
    groups.find((g) => g.name === name)!.states.reduce((sum, state) => sum + (b.states[state] ?? 0), 0),
  ); // prettier-ignore
  const colours = STATE_GROUPS.map(({ name }, i): [string, string] => [name, STATE_COLOURS[i]!]);
  return stacked(document, { steps, colours, label: 'jobs', about: 'Jobs by state over time' });
}

/** Ends by second, stacked. */
export function throughputPlot(document: PageDocument, r: Report): PageElement {
  const kinds = ['finished', 'failed', 'killed', 'retried'] as const;
  const steps = stepsOf(r, kinds, (b, kind) => b[kind as (typeof kinds)[number]] / r.bucketSeconds);
  const colours = kinds.map((kind): [string, string] => [kind, END_COLOURS[kind]]);
  return stacked(document, { steps, colours, label: 'jobs a second', about: 'Throughput' });
}

/** What the nodes did, stacked: the height is the number of nodes that there were. */
export function nodesPlot(document: PageDocument, r: Report): PageElement {
  const names = WASTE_PARTS.map((part) => WASTE_NAMES[part]);
  const steps = stepsOf(
    r,
    names,
    (b, name) => b.nodeSeconds[WASTE_PARTS[names.indexOf(name)]!] / r.bucketSeconds,
  );
  const colours = names.map((name, i): [string, string] => [name, WASTE_COLOURS[i]!]);
  return stacked(document, { steps, colours, label: 'nodes', about: 'What the nodes did' });
}

/** Of each application: from the median (dot) by the 90th percentile (tick) to the 99th. */
export function timesPlot(document: PageDocument, r: Report, of: 'wait' | 'run'): PageElement | null {
  const rows = r.applications
    .slice(0, APPLICATIONS_SHOWN)
    .map((a, i) => ({
      name: `${i + 1}. ${clip(escaped(a.application) || '(none)', LABEL_WIDTH)}`,
      ...drawn(a[of]),
    }))
    .filter((row) => row.p50 !== null);
  if (rows.length === 0) return null;
  const names = rows.map((row) => row.name);
  return plot({
    document,
    width: WIDTH,
    height: 70 + 24 * rows.length,
    marginLeft: 220,
    marginBottom: 44,
    ariaLabel: of === 'wait' ? 'Waits by application' : 'Run times by application',
    style: { fontSize: '12px' },
    x: { type: 'log', grid: true, label: 'seconds', tickFormat: '~s' },
    y: { domain: names, label: null },
    marks: [
      ruleY(rows, { y: 'name', x1: 'p50', x2: 'p99', stroke: '#3b82c4', strokeWidth: 4, strokeOpacity: 0.4 }),
      tickX(rows, { y: 'name', x: 'p90', stroke: '#3b82c4', strokeWidth: 2, inset: 5 }),
      dot(rows, { y: 'name', x: 'p50', fill: '#1f4e79', r: 5 }),
    ],
  });
}

function drawn({ p50, p90, p99 }: Spread): Spread {
  const least = (s: number | null): number | null => (s === null ? null : Math.max(SHORTEST_S, s));
  return { p50: least(p50), p90: least(p90), p99: least(p99), max: null };
}

function stepsOf(
  r: Report,
  names: readonly string[],
  value: (bucket: Report['buckets'][number], name: string) => number,
): Step[] {
  return r.buckets.flatMap((b) => {
    const until = new Date(b.at.getTime() + r.bucketSeconds * 1_000);
    return names.map((what) => ({ at: b.at, until, value: value(b, what), what }));
  });
}

/** What tells neighbouring ticks apart: seconds within minutes, dates beyond two days. */
function timeFormat(steps: readonly Step[]): string {
  const hours = (steps.at(-1)!.until.getTime() - steps[0]!.at.getTime()) / 3_600_000;
  if (hours < 0.2) return '%H:%M:%S';
  return hours < 48 ? '%H:%M' : '%m-%d';
}

function stacked(
  document: PageDocument,
  of: { steps: readonly Step[]; colours: readonly [string, string][]; label: string; about: string },
): PageElement {
  const { steps, label, about } = of;
  const used = new Set(steps.filter((s) => s.value > 0).map((s) => s.what));
  const colours = of.colours.filter(([name]) => used.has(name));
  const shown = steps.filter((s) => used.has(s.what) && s.value > 0);
  return plot({
    document,
    width: WIDTH,
    height: HEIGHT,
    marginLeft: LEFT,
    marginBottom: 34,
    ariaLabel: about,
    style: { fontSize: '12px' },
    x: {
      type: 'utc',
      domain: [steps[0]!.at, steps.at(-1)!.until],
      label: null,
      tickFormat: timeFormat(steps),
    },
    y: { grid: true, label, nice: true, ...(shown.length === 0 ? { domain: [0, 1] } : {}) },
    color: {
      domain: colours.map(([name]) => name),
      range: colours.map(([, colour]) => colour),
      legend: true,
    },
    marks: [
      rectY(shown, {
        x1: 'at',
        x2: 'until',
        y: 'value',
        fill: 'what',
        order: colours.map(([name]) => name),
        shapeRendering: 'crispEdges',
        inset: 0,
      }),
      ruleY([0]),
    ],
  });
}
