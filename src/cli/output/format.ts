/**
 * How things look on a terminal: tables, records, histories. The only file that lays out tables.
 *
 * Layouts are the original's, with `data`, booleans and null in JSON's spelling. Names are the users' and may hold
 * anything: control characters are shown escaped, so that no name can break a table or speak to the terminal.
 */
import path from 'node:path';
import { writeJson } from '../../base/json.ts';
import { CELL_MIN, CELL_PAD_MAX, TREE_DEPTH_SHOWN } from '../../base/client-limits.ts';
import { cuteId, filed, ID_DIGITS, jobDirectory, shortId, type FiledJob } from '../../model/job-directory.ts';
import type {
  ApplicationRow,
  HistoryLine,
  JobField,
  JobRow,
  LauncherEventRow,
  LauncherRow,
} from '../../store/rows.ts';
import { inStateColour, PLAIN } from './look.ts';
import type { Look } from './look.ts';
import { historyStamp, timeWord } from './times.ts';
import type { TreeNode } from './tree.ts';

/** The columns of a record, in the original's order. */
export const RECORD_FIELDS = [
  'workflow',
  'name',
  'description',
  'lock',
  'parents',
  'input_files',
  'stage_in_url',
  'stage_out_files',
  'stage_out_url',
  'wall_time_minutes',
  'num_nodes',
  'coschedule_num_nodes',
  'ranks_per_node',
  'cpu_affinity',
  'threads_per_rank',
  'threads_per_core',
  'node_packing_count',
  'environ_vars',
  'mpi_flags',
  'application',
  'args',
  'user_workdir',
  'wait_for_parents',
  'post_error_handler',
  'post_timeout_handler',
  'auto_timeout_retry',
  'state',
  'queued_launch_id',
  'data',
] as const;

/** What BALSAM_LS_FIELDS may name. */
export const LS_FIELDS = [
  ...RECORD_FIELDS,
  'job_id',
  'launcher',
  'attempt',
  'tries',
  'owner',
  'created_at',
  'updated_at',
] as const;

/** The columns of every table of jobs. */
export const TABLE_FIELDS = ['job_id', 'name', 'workflow', 'application', 'state'] as const;
export type LsField = (typeof LS_FIELDS)[number];

export function isLsField(name: string): name is LsField {
  return (LS_FIELDS as readonly string[]).includes(name);
}

/** The columns of a job that `fields` are made from. */
export function columnsOf(fields: readonly LsField[]): JobField[] {
  return [...new Set(fields.map((name): JobField => (name === 'lock' ? 'launcher' : name)))];
}

/** A job with at least the columns that are shown. */
export type ShownJob = { readonly [F in JobField]?: JobRow[F] };

/**
 * Header cells right-justified, data cells left-justified, joined by ` | `, a line of dashes between; each column as
 * wide as its widest cell. On a terminal the widest columns are cut to fit, with `…`, except states, which are coloured;
 * where that is not enough, ids are their first digits. No newline at the end.
 */
export function table(
  headers: readonly string[],
  rows: readonly (readonly string[])[],
  look: Look = PLAIN,
): string {
  const cells = rows.map((row) => row.map((text) => escaped(text)));
  const natural = headers.map((header, i) =>
    cells.reduce(
      (widest, row) => Math.max(widest, Math.min(CELL_PAD_MAX, displayWidth(row[i] ?? ''))),
      displayWidth(header),
    ),
  );
  const cut = look.width !== null;
  const widths = look.width === null ? natural : fitted(headers, natural, look.width);
  const fit = (text: string, i: number): string => {
    if (!cut) return text;
    const width = widths[i] ?? 0;
    return headers[i] === 'job_id' && width === ID_DIGITS ? shortId(text) : clip(text, width);
  };
  const state = headers.indexOf('state');
  const head = headers.map((header, i) => padStart(fit(header, i), widths[i] ?? 0)).join(' | ');
  const lines = cells.map((row) =>
    row
      .map((text, i) => {
        const shown = padEnd(fit(text, i), widths[i] ?? 0);
        return i === state ? inStateColour(shown, text, look) : shown;
      })
      .join(' | '),
  );
  return [head, '-'.repeat(displayWidth(head)), ...lines].join('\n');
}

/** Columns that are never cut: a part of a state says nothing. */
const HARD = ['job_id', 'state'];

/**
 * Widths that fit `total` columns: the widest gives way first, none below CELL_MIN. Where that does not do, ids are their
 * first digits, which every command takes, and the others have the more room.
 */
function fitted(headers: readonly string[], natural: readonly number[], total: number): number[] {
  const widths = [...natural];
  for (;;) {
    const excess = widths.reduce((sum, width) => sum + width + 3, -3) - total;
    if (excess <= 0) return widths;
    const soft = widths.map((width, i) => (HARD.includes(headers[i] ?? '') ? 0 : width));
    const widest = Math.max(...soft);
    if (widest <= CELL_MIN) {
      const id = headers.indexOf('job_id');
      if (id < 0 || natural[id] === ID_DIGITS) return widths;
      return fitted(headers, natural.with(id, ID_DIGITS), total);
    }
    const next = Math.max(CELL_MIN, ...soft.filter((width) => width < widest));
    widths[soft.indexOf(widest)] = Math.max(next - 1, CELL_MIN, widest - excess);
  }
}

/** The table of jobs: the five usual columns and `extra` ones. */
export function jobTable(jobs: readonly ShownJob[], extra: readonly LsField[], look: Look = PLAIN): string {
  const fields: LsField[] = [...TABLE_FIELDS, ...extra];
  return table(
    fields,
    jobs.map((job) =>
      fields.map((name) =>
        name === 'application' ? baseNames(job.application ?? '') : fieldText(job, name),
      ),
    ),
    look,
  );
}

/** One line a node: bars for its depth, its name, its short id. */
export function treeText(nodes: readonly TreeNode[]): string {
  return nodes
    .map(({ job, depth, repeated }) => {
      const levels = Math.min(depth, TREE_DEPTH_SHOWN);
      const name = padEnd(escaped(job.name), 10);
      const again = repeated ? ' (children above)' : '';
      return `${'|'.repeat(levels)} ${' '.repeat(5 * levels)} ${name} ${cute(job)}${again}`;
    })
    .join('\n');
}

export function applicationTable(apps: readonly ApplicationRow[], look: Look = PLAIN): string {
  return table(
    ['pk', 'name', 'executable', 'description'],
    apps.map((app) => [String(app.id), app.name, baseNames(app.executable), app.description]),
    look,
  );
}

/** Where a job runs: the directory that the agent makes, or the one that its maker named. */
export function workingDirectory(databasePath: string, job: FiledJob & Pick<JobRow, 'user_workdir'>): string {
  return job.user_workdir === ''
    ? path.join(databasePath, 'data', jobDirectory(filed(job)))
    : job.user_workdir;
}

/** The whole record of a job. `application` is null when none of its name is registered. */
export function jobRecord(job: JobRow, application: ApplicationRow | null, databasePath: string): string {
  const command =
    application === null
      ? `NO APPLICATION MATCHING ${escaped(job.application)}`
      : escaped(`${application.executable.trim()} ${job.args}`.trim());
  const directory = workingDirectory(databasePath, job);
  return [
    `BalsamJob ${job.job_id}`,
    '-'.repeat(46),
    ...RECORD_FIELDS.map((field) => keyed(`${field}:`, escaped(fieldText(job, field)))),
    keyed('  *** Executed command:', command),
    keyed('  *** Working directory:', escaped(directory)),
    '',
  ].join('\n');
}

export function applicationRecord(app: ApplicationRow): string {
  const fields = ['name', 'description', 'executable', 'preprocess', 'envscript', 'postprocess'] as const;
  return [
    `Application ${app.id}:`,
    '-'.repeat(23),
    ...fields.map((field) => keyed(`${field}:`, escaped(app[field]))),
  ].join('\n');
}

/** Width of the head of a line of a history: the original's, and the offset of the zone. */
const HISTORY_PAD = 45 + '+00:00'.length;

/** A job's history, oldest first. The pad before each newline is the original's. */
export function historyText(job: Pick<JobRow, 'job_id' | 'name'>, lines: readonly HistoryLine[]): string {
  const text = lines.map(({ at, state, message }) => {
    const head = `\n[${historyStamp(at)} ${state}]`.padStart(HISTORY_PAD);
    return `${head} ${escaped(message, true)}`;
  });
  return [`Job ${escaped(job.name)} [${job.job_id}]`, '-'.repeat(48), text.join(''), ''].join('\n');
}

/** What happened to a launcher, oldest first, as the history of a job looks. */
export function eventsText(launcher: LauncherRow, events: readonly LauncherEventRow[]): string {
  const lines = events.map(({ at, kind, node, host, message }) => {
    const where = node === null ? '' : `node ${node}${host === '' ? '' : ` (${escaped(host)})`}: `;
    return `${`\n[${historyStamp(at)} ${kind}]`.padStart(HISTORY_PAD)} ${where}${escaped(message, true)}`;
  });
  const head = `Launcher ${launcher.id} ${escaped(launcher.name)} (${launcher.state})`;
  return [head, '-'.repeat(48), lines.join(''), ''].join('\n');
}

/** `1 job`, `2 jobs`. */
export function counted(n: number, what: string): string {
  return `${n} ${what}${n === 1 ? '' : 's'}`;
}

/** `[name | first8]` for a person. */
export function cute(job: { job_id: string; name: string }): string {
  return escaped(cuteId(job));
}

/** A field as text: JSON for data, lists, booleans and null. */
export function fieldText(job: ShownJob, field: LsField): string {
  if (field === 'lock') return typeof job.launcher === 'number' ? `launcher ${job.launcher}` : '';
  const value = job[field];
  if (typeof value === 'string') return value;
  if (value instanceof Date) return timeWord(value);
  return spacedJson(value);
}

/** JSON on one line with a space after commas and colons, as the original printed its dictionaries. */
export function spacedJson(value: unknown): string {
  if (value === undefined) return '';
  try {
    return spaced(value);
  } catch (error) {
    // Nested deeper than a function can call itself.
    if (error instanceof RangeError) return writeJson(value);
    throw error;
  }
}

function spaced(value: unknown): string {
  if (Array.isArray(value)) return `[${value.map(spaced).join(', ')}]`;
  if (typeof value !== 'object' || value === null) return JSON.stringify(value);
  const members = Object.entries(value).map(([key, inner]) => `${JSON.stringify(key)}: ${spaced(inner)}`);
  return `{${members.join(', ')}}`;
}

/** `text` with control characters as escapes; `lines` keeps newlines and tabs. */
export function escaped(text: string, lines = false): string {
  // oxlint-disable-next-line no-control-regex -- control characters are what is looked for
  return text.replaceAll(/[\u0000-\u001f\u007f-\u009f\u2028\u2029\u202a-\u202e\u2066-\u2069]/g, (c) => {
    if (lines && (c === '\n' || c === '\t')) return c;
    const short = { '\n': '\\n', '\t': '\\t', '\r': '\\r' }[c];
    return short ?? `\\u${c.charCodeAt(0).toString(16).padStart(4, '0')}`;
  });
}

/** The file name of each word: `python3 /a/b.py` is shown as `python3 b.py`. */
function baseNames(words: string): string {
  return words
    .split(/\s+/)
    .filter(Boolean)
    .map((word) => path.basename(word))
    .join(' ');
}

function keyed(key: string, value: string): string {
  return `${key.padEnd(32)}${value}`;
}

function padStart(text: string, width: number): string {
  return ' '.repeat(Math.max(0, width - displayWidth(text))) + text;
}

function padEnd(text: string, width: number): string {
  return text + ' '.repeat(Math.max(0, width - displayWidth(text)));
}

/** Columns on a terminal: two for wide characters and emoji, none for combining marks. Exact for ASCII, close for the rest. */
export function displayWidth(text: string): number {
  if (/^[\u0020-\u007e]*$/.test(text)) return text.length;
  let width = 0;
  for (const c of text) {
    if (/^(?:\p{M}|[\u200b-\u200f])$/u.test(c)) continue;
    width +=
      /^[\u1100-\u115f\u2e80-\ua4cf\uac00-\ud7a3\uf900-\ufaff\ufe30-\ufe6f\uff00-\uff60\u{1f300}-\u{1faff}\u{20000}-\u{3fffd}]$/u.test(
        c,
      )
        ? 2
        : 1;
  }
  return width;
}

/** `text` cut to `width` columns, with … where something is missing. */
export function clip(text: string, width: number): string {
  if (displayWidth(text) <= width) return text;
  let shown = '';
  let used = 1;
  for (const c of text) {
    used += displayWidth(c);
    if (used > width) break;
    shown += c;
  }
  return `${shown}…`;
}
