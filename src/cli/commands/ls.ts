/**
 * `balsam ls`: jobs, applications, workflows, batch queues or launchers, as tables, records, histories, trees, counts, or
 * JSON lines for programs.
 *
 * BALSAM_LS_FIELDS adds columns, BALSAM_LS_LIMIT bounds the rows of a table. A listing reads only what it shows; `--json`
 * streams, so that a million jobs do not pile up in memory.
 */
import { defineCommand } from 'citty';
import { LS_LIMIT } from '../../base/client-limits.ts';
import { UserError } from '../../base/errors.ts';
import { didYouMean } from '../../base/suggest.ts';
import type { OpenDatabase } from '../../server/open.ts';
import { JOB_STATES } from '../../model/job.ts';
import { EVERYTHING, field, matches, queryOf } from '../../model/query.ts';
import type { Condition } from '../../model/query.ts';
import { applicationsByName, listApplications } from '../../store/applications.ts';
import { history } from '../../store/history/lines.ts';
import { countByState, countJobs, getJobs, streamJobs, workflows } from '../../store/jobs/change.ts';
import { listJobs } from '../../store/jobs/list.ts';
import {
  applicationRecord,
  applicationTable,
  columnsOf,
  escaped,
  historyText,
  isLsField,
  jobRecord,
  jobTable,
  LS_FIELDS,
  TABLE_FIELDS,
  treeText,
} from '../output/format.ts';
import type { LsField } from '../output/format.ts';
import { integer } from '../input/options.ts';
import { JSON_OPTION, jsonLine } from '../output/json.ts';
import { inStateColour, lookOf } from '../output/look.ts';
import { conditionOf, LOOK_FILTERS, named, workflowsNamed } from '../input/select.ts';
import type { Filters } from '../input/select.ts';
import { print, printLine, withDatabase } from '../output/terminal.ts';
import { TREE_FIELDS, treeOf } from '../output/tree.ts';

export interface Wanted extends Filters {
  readonly history?: boolean | undefined;
  readonly tree?: boolean | undefined;
  readonly 'by-states'?: boolean | undefined;
  readonly verbose?: boolean | undefined;
  readonly json?: boolean | undefined;
}

export const lsCommand = defineCommand({
  meta: { name: 'ls', description: 'List jobs, applications, workflows, batch queues or launchers' },
  args: {
    what: {
      type: 'positional',
      description: 'jobs, apps, wf, queues or launchers',
      required: false,
      default: 'jobs',
    },
    ...LOOK_FILTERS,
    history: { type: 'boolean', description: 'the history of each job' },
    tree: { type: 'boolean', description: 'children below their parents' },
    'by-states': { type: 'boolean', description: 'how many are in each state' },
    verbose: { type: 'boolean', description: 'whole records' },
    ...JSON_OPTION,
  },
  async run({ args }) {
    const list = Object.hasOwn(LISTS, args.what) ? LISTS[args.what] : undefined;
    if (list === undefined) {
      throw new UserError(
        `balsam ls lists jobs, apps, wf, queues or launchers, not ${JSON.stringify(args.what)}${didYouMean(args.what, Object.keys(LISTS))}`,
      );
    }
    await withDatabase((db) => list(db, args));
  },
});

type List = (db: OpenDatabase, wanted: Wanted) => Promise<void>;

const LISTS: { readonly [what: string]: List } = {
  jobs: listTheJobs,
  job: listTheJobs,
  apps: listApps,
  app: listApps,
  wf: listWorkflows,
  workflows: listWorkflows,
  queues: async (db, wanted) => (await import('./ls-queues.ts')).listQueues(db, wanted),
  queue: async (db, wanted) => (await import('./ls-queues.ts')).listQueues(db, wanted),
  launchers: listAllLaunchers,
  launcher: listAllLaunchers,
};

async function listTheJobs(db: OpenDatabase, wanted: Wanted): Promise<void> {
  const where = await conditionOf(db, wanted, 'parts');
  const json = wanted.json === true;
  if (wanted.history === true) return printHistories(db, where, json);
  if (wanted.tree === true) return printTree(db, where, json);
  if (wanted['by-states'] === true) return countStates(db, where, json);
  if (json) return jsonJobs(db, where);
  if (wanted.verbose === true) return printRecords(db, where);
  await printTable(db, where);
}

async function jsonJobs(db: OpenDatabase, where: Condition): Promise<void> {
  for await (const job of streamJobs(db, queryOf(where))) await printLine(jsonLine('job', job));
}

async function printTable(db: OpenDatabase, where: Condition): Promise<void> {
  const extra = extraFields();
  if (extra === null) return;
  const fields = columnsOf([...TABLE_FIELDS, ...extra]);
  const shown = await limited(db, where, (query) => listJobs(db, query, fields));
  if (shown !== null) await printLine(jobTable(shown.rows, extra, lookOf()) + shown.more);
}

/** Up to the limit of `ls`, and the line about the others; null, and said so, when there is none. */
async function limited<T>(
  db: OpenDatabase,
  where: Condition,
  ask: (query: ReturnType<typeof queryOf>) => Promise<T[]>,
): Promise<{ rows: T[]; more: string } | null> {
  const limit = rowLimit();
  // One more than is shown, to know whether counting the rest is worth a query.
  const found = await ask({ where, orderBy: [], limit: limit + 1 });
  if (found.length === 0) {
    await printLine('No jobs found matching query');
    return null;
  }
  if (found.length <= limit) return { rows: found, more: '' };
  const more = (await countJobs(db, queryOf(where))) - limit;
  return { rows: found.slice(0, limit), more: `\n(${more} more BalsamJobs not shown...)` };
}

async function countStates(db: OpenDatabase, where: Condition, json: boolean): Promise<void> {
  const counts = await countByState(db, queryOf(where));
  if (counts.size === 0 && !json) return printLine('No jobs found matching query');
  const look = lookOf();
  for (const state of JOB_STATES) {
    const count = counts.get(state);
    if (count === undefined) continue;
    await printLine(
      json
        ? jsonLine('state_count', { state, count })
        : `${inStateColour(state.padStart(16), state, look)}  ${count}`,
    );
  }
}

async function printHistories(db: OpenDatabase, where: Condition, json: boolean): Promise<void> {
  const fields = ['job_id', 'name'] as const;
  const shown = json
    ? { rows: await listJobs(db, queryOf(where), fields), more: '' }
    : await limited(db, where, (query) => listJobs(db, query, fields));
  if (shown === null) return;
  const lines = await history(
    db,
    shown.rows.map((job) => job.job_id),
  );
  for (const job of shown.rows) {
    const of = lines.get(job.job_id) ?? [];
    await printLine(json ? jsonLine('history', { ...job, lines: of }) : historyText(job, of));
  }
  if (shown.more !== '') await printLine(shown.more.trimStart());
}

async function printTree(db: OpenDatabase, where: Condition, json: boolean): Promise<void> {
  if (json) {
    for (const node of treeOf(await listJobs(db, queryOf(where), TREE_FIELDS))) {
      await printLine(jsonLine('tree_node', { ...node.job, depth: node.depth, repeated: node.repeated }));
    }
    return;
  }
  const shown = await limited(db, where, (query) => listJobs(db, query, TREE_FIELDS));
  if (shown !== null) await printLine(treeText(treeOf(shown.rows)) + shown.more);
}

async function printRecords(db: OpenDatabase, where: Condition): Promise<void> {
  const shown = await limited(db, where, (query) => getJobs(db, query));
  if (shown === null) return;
  const apps = await applicationsByName(db, [...new Set(shown.rows.map((job) => job.application))]);
  for (const job of shown.rows) await printLine(jobRecord(job, apps.get(job.application) ?? null, db.path));
  if (shown.more !== '') await printLine(shown.more.trimStart());
}

async function listApps(db: OpenDatabase, wanted: Wanted): Promise<void> {
  refuse('apps', wanted, ['state', 'wf', 'history', 'by-states', 'application', 'tree']);
  const name = wanted.name === undefined ? EVERYTHING : named(wanted.name, 'parts');
  const apps = (await listApplications(db)).filter(
    (app) => matches({ name: app.name }, name) && (wanted.id === undefined || String(app.id) === wanted.id),
  );
  if (wanted.json === true) {
    for (const app of apps) await printLine(jsonLine('application', app));
  } else if (apps.length === 0) {
    await printLine('No apps found matching query');
  } else {
    await printLine(
      wanted.verbose === true ? apps.map(applicationRecord).join('\n\n') : applicationTable(apps, lookOf()),
    );
  }
}

async function listAllLaunchers(db: OpenDatabase, wanted: Wanted): Promise<void> {
  refuse('launchers', wanted, ['id', 'state', 'wf', 'by-states', 'verbose', 'application', 'tree']);
  const { showLaunchers } = await import('./launchers.ts');
  await showLaunchers(db, { ...wanted, limit: rowLimit() });
}

async function listWorkflows(db: OpenDatabase, wanted: Wanted): Promise<void> {
  refuse('wf', wanted, ['id', 'state', 'history', 'by-states', 'application']);
  const all = await workflows(db);
  const names =
    wanted.wf === undefined ? all.filter(isNamed(wanted.name)) : workflowsNamed('--wf', wanted.wf, all);
  if (wanted.json === true) {
    for (const name of names) await printLine(jsonLine('workflow', { workflow: name }));
    return;
  }
  const part = wanted.wf ?? wanted.name;
  if (names.length === 0 && part !== undefined) return printLine(`No workflow matching ${escaped(part)}`);
  await print('Workflows\n---------\n');
  if (names.length === 0) return printLine('No jobs found matching query');
  if (wanted.verbose !== true && wanted.tree !== true && part === undefined)
    return printLine(names.map((name) => escaped(name)).join('\n'));
  for (const name of names) {
    const shown = escaped(name);
    await printLine(`${shown}\n${'-'.repeat(shown.length)}`);
    const where = field('workflow', 'equals', name);
    if (wanted.tree === true) await printTree(db, where, false);
    else await printTable(db, where);
    await printLine('');
  }
}

function isNamed(part: string | undefined): (name: string) => boolean {
  const condition = part === undefined ? EVERYTHING : named(part, 'parts');
  return (name) => matches({ name }, condition);
}

/** The columns in BALSAM_LS_FIELDS; null, with a word about it, when one does not exist. */
function extraFields(): LsField[] | null {
  const names = (process.env['BALSAM_LS_FIELDS'] ?? '').split(':').filter(Boolean);
  const wrong = names.find((name) => !isLsField(name));
  if (wrong === undefined) return names.filter(isLsField);
  const choices = [...LS_FIELDS].toSorted().join(', ');
  process.stdout.write(
    '***  You specified a nonexistent field in BALSAM_LS_FIELDS; please unset this ***\n' +
      `Cannot resolve keyword '${escaped(wrong)}' into field${didYouMean(wrong, LS_FIELDS)}. Choices are: ${choices}\n`,
  );
  return null;
}

function rowLimit(): number {
  const text = process.env['BALSAM_LS_LIMIT'] ?? '';
  if (text === '') return LS_LIMIT;
  return integer('BALSAM_LS_LIMIT', text, 1);
}

/** UserError for an option that means nothing to this list. */
export function refuse(what: string, wanted: Wanted, options: readonly (keyof Wanted)[]): void {
  const given = options.find((option) => wanted[option] !== undefined && wanted[option] !== false);
  if (given !== undefined) throw new UserError(`balsam ls ${what} does not take --${given}`);
}
