/**
 * A report for programs: as JSON with the field names of SQL, and as one CSV table that has a line for each figure, so that
 * a spreadsheet or pandas can pivot it. Pure.
 */
import type { Report } from '../../analytics/shape.ts';
import { WASTE_PARTS } from '../../analytics/waste.ts';
import type { Waste } from '../../store/history/rows.ts';
import { JOB_STATES } from '../../model/job.ts';
import { jsonLine } from '../output/json.ts';
import type { Spread } from '../../store/history/rows.ts';

/** The same object with snake_case names, as one line. */
export function reportJson(r: Report): string {
  return jsonLine('report', renamed(r) as object);
}

/** Names of members only: all that users named is in values. Names of states are in capitals and stay. */
function renamed(value: unknown): unknown {
  if (Array.isArray(value)) return value.map(renamed);
  if (typeof value !== 'object' || value === null || value instanceof Date) return value;
  return Object.fromEntries(Object.entries(value).map(([name, inner]) => [snake(name), renamed(inner)]));
}

function snake(name: string): string {
  return name.replaceAll(/(?<=[a-z])[A-Z]/g, (c) => `_${c.toLowerCase()}`);
}

/** What a figure is of; a column each, empty where it does not apply. */
interface Of {
  at?: Date;
  launcher?: number;
  application?: string;
  kind?: string;
  reason?: string;
}

const COLUMNS = ['table', 'at', 'launcher', 'application', 'kind', 'reason', 'measure', 'value'] as const;

/** Lines of the CSV, the names of the columns first; each ends with a newline. */
export function* reportCsv(r: Report): Generator<string> {
  yield line(COLUMNS);
  const states = JOB_STATES.filter((state) => r.buckets.some((b) => (b.states[state] ?? 0) > 0));
  for (const b of r.buckets) {
    const { at, started, finished, failed, killed, retried } = b;
    const jobs = states.map((state): Figure => [`jobs_${state}`, b.states[state] ?? 0]);
    const ends = Object.entries({ started, finished, failed, killed, retried });
    yield* figures('over_time', { at }, [...jobs, ...ends, ...wasteFigures(b.nodeSeconds)]);
  }
  for (const a of r.applications) {
    const counts: Figure[] = [
      ['started', a.started],
      ['ran', a.ran],
    ];
    const { application } = a;
    yield* figures('applications', { application }, [
      ...counts,
      ...spread('wait', a.wait),
      ...spread('run', a.run),
    ]);
  }
  for (const { application, kind, reason, count, jobs, final } of r.failures)
    yield* figures('failures', { application, kind, reason }, Object.entries({ count, jobs, final }));
  for (const { launcher, nodes, nodeSeconds } of r.launchers)
    yield* figures('launchers', { launcher }, [['nodes', nodes], ...wasteFigures(nodeSeconds)]);
  yield* figures('all', {}, [['jobs', r.jobs], ...wasteFigures(r.nodeSeconds)]);
}

type Figure = [measure: string, value: number | null];

function wasteFigures(waste: Waste): Figure[] {
  return [...WASTE_PARTS, 'total' as const].map((part) => [`node_seconds_${snake(part)}`, waste[part]]);
}

function spread(what: string, s: Spread): Figure[] {
  return Object.entries(s).map(([name, value]) => [`${what}_${name}_s`, value as number | null]);
}

function* figures(table: string, of: Of, all: readonly Figure[]): Generator<string> {
  const { at, launcher, application, kind, reason } = of;
  const common = [table, at?.toISOString(), launcher, application, kind, reason];
  for (const [measure, value] of all) yield line([...common, measure, value]);
}

function line(cells: readonly (string | number | null | undefined)[]): string {
  return `${cells.map(cell).join(',')}\n`;
}

/**
 * Quoted where it must be (RFC 4180). Text that a spreadsheet would take for a formula gets a ' before it: names are the
 * users', and who opens the table may be somebody else.
 */
function cell(value: string | number | null | undefined): string {
  if (value === null || value === undefined) return '';
  if (typeof value === 'number') return String(value);
  const text = /^[=+\-@\t\r]/.test(value) ? `'${value}` : value;
  return /[",\r\n]/.test(text) ? `"${text.replaceAll('"', '""')}"` : text;
}
