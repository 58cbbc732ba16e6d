/**
 * `balsam ls`: jobs, applications, workflows or launchers, as tables, records, histories, counts, or JSON lines for programs.
 *
 * BALSAM_LS_FIELDS adds columns, BALSAM_LS_LIMIT bounds the rows of a table. A listing reads only what it shows; `--json`
 * streams, so that a million jobs do not pile up in memory.
 */
import { defineCommand } from 'citty';
import { LS_LIMIT } from '../base/client-limits.ts';
import { UserError } from '../base/errors.ts';
import { isId } from '../base/ids.ts';
import { didYouMean } from '../base/suggest.ts';
import type { OpenDatabase } from '../cluster/open.ts';
import { isJobState, JOB_STATES } from '../core/job.ts';
import { all, field, queryOf } from '../core/query.ts';
import type { Condition } from '../core/query.ts';
import { applicationsByName, listApplications } from '../store/application-store.ts';
import { history } from '../store/event-store.ts';
import { countByState, countJobs, getJobs, streamJobs, workflows } from '../store/job-store.ts';
import type { JobRow } from '../store/rows.ts';
import {
  applicationRecord,
  applicationTable,
  escaped,
  historyText,
  isLsField,
  jobJson,
  jobRecord,
  jobTable,
  LS_FIELDS,
} from './format.ts';
import type { LsField } from './format.ts';
import { print, printLine, withDatabase } from './terminal.ts';

interface Wanted {
  readonly name?: string | undefined;
  readonly id?: string | undefined;
  readonly state?: string | undefined;
  readonly wf?: string | undefined;
  readonly history?: boolean | undefined;
  readonly 'by-states'?: boolean | undefined;
  readonly verbose?: boolean | undefined;
  readonly json?: boolean | undefined;
}

export const lsCommand = defineCommand({
  meta: { name: 'ls', description: 'List jobs, applications, workflows or launchers' },
  args: {
    what: {
      type: 'positional',
      description: 'jobs, apps, wf or launchers',
      required: false,
      default: 'jobs',
    },
    name: { type: 'string', description: 'name contains (any case)' },
    id: { type: 'string', description: 'id contains' },
    state: { type: 'string', description: 'exactly this state' },
    wf: { type: 'string', description: 'workflow contains' },
    history: { type: 'boolean', description: 'the history of each job' },
    'by-states': { type: 'boolean', description: 'how many are in each state' },
    verbose: { type: 'boolean', description: 'whole records' },
    json: { type: 'boolean', description: 'one JSON object a line, for programs' },
  },
  async run({ args }) {
    const list = LISTS[args.what];
    if (list === undefined || !Object.hasOwn(LISTS, args.what)) {
      throw new UserError(
        `balsam ls lists jobs, apps, wf or launchers, not ${JSON.stringify(args.what)}${didYouMean(args.what, Object.keys(LISTS))}`,
      );
    }
    await withDatabase((db) => list(db, args));
  },
});

type List = (db: OpenDatabase, wanted: Wanted) => Promise<void>;

const LISTS: { readonly [what: string]: List } = {
  jobs: listJobs,
  job: listJobs,
  apps: listApps,
  app: listApps,
  wf: listWorkflows,
  workflows: listWorkflows,
  launchers: listAllLaunchers,
  launcher: listAllLaunchers,
};

async function listJobs(db: OpenDatabase, wanted: Wanted): Promise<void> {
  const where = conditionOf(wanted);
  if (wanted.json === true) return jsonJobs(db, where);
  if (wanted.history !== true && wanted['by-states'] === true) return countStates(db, where);
  const extra = extraFields();
  if (extra === null) return;
  const limit = rowLimit();
  // One more than is shown, to know whether counting the rest is worth a query.
  const found = await getJobs(db, { where, orderBy: [], limit: limit + 1 });
  if (found.length === 0) return printLine('No jobs found matching query');
  const jobs = found.slice(0, limit);
  if (wanted.history === true) await printHistories(db, jobs);
  else if (wanted.verbose === true) await printRecords(db, jobs);
  else await printLine(jobTable(jobs, extra));
  if (found.length > limit) {
    const more = (await countJobs(db, queryOf(where))) - jobs.length;
    await printLine(`(${more} more BalsamJobs not shown...)`);
  }
}

async function jsonJobs(db: OpenDatabase, where: Condition): Promise<void> {
  for await (const job of streamJobs(db, queryOf(where))) await printLine(jobJson(job));
}

async function countStates(db: OpenDatabase, where: Condition): Promise<void> {
  const counts = await countByState(db, queryOf(where));
  if (counts.size === 0) return printLine('No jobs found matching query');
  for (const state of JOB_STATES) {
    const count = counts.get(state);
    if (count !== undefined) await printLine(`${state.padStart(16)}  ${count}`);
  }
}

async function printHistories(db: OpenDatabase, jobs: readonly JobRow[]): Promise<void> {
  const lines = await history(
    db,
    jobs.map((job) => job.job_id),
  );
  for (const job of jobs) await printLine(historyText(job, lines.get(job.job_id) ?? []));
}

async function printRecords(db: OpenDatabase, jobs: readonly JobRow[]): Promise<void> {
  const names = [...new Set(jobs.map((job) => job.application))];
  const apps = await applicationsByName(db, names);
  for (const job of jobs) await printLine(jobRecord(job, apps.get(job.application) ?? null, db.path));
}

async function listApps(db: OpenDatabase, wanted: Wanted): Promise<void> {
  refuse('apps', wanted, ['id', 'state', 'wf', 'history', 'by-states']);
  const part = wanted.name?.toLowerCase();
  const apps = (await listApplications(db)).filter(
    (app) => part === undefined || app.name.toLowerCase().includes(part),
  );
  if (wanted.json === true) {
    for (const app of apps) await printLine(JSON.stringify(app));
  } else if (apps.length === 0) {
    await printLine('No apps found matching query');
  } else {
    await printLine(
      wanted.verbose === true ? apps.map(applicationRecord).join('\n\n') : applicationTable(apps),
    );
  }
}

async function listAllLaunchers(db: OpenDatabase, wanted: Wanted): Promise<void> {
  refuse('launchers', wanted, ['id', 'state', 'wf', 'by-states', 'verbose']);
  const { showLaunchers } = await import('./launchers.ts');
  await showLaunchers(db, { ...wanted, limit: rowLimit() });
}

async function listWorkflows(db: OpenDatabase, wanted: Wanted): Promise<void> {
  refuse('wf', wanted, ['id', 'state', 'history', 'by-states', 'name']);
  const names = (await workflows(db)).filter((name) => wanted.wf === undefined || name.includes(wanted.wf));
  if (wanted.json === true) {
    for (const name of names) await printLine(JSON.stringify({ workflow: name }));
    return;
  }
  if (names.length === 0 && wanted.wf !== undefined)
    return printLine(`No workflow matching ${escaped(wanted.wf)}`);
  await print('Workflows\n---------\n');
  if (names.length === 0) return printLine('No jobs found matching query');
  if (wanted.verbose !== true && wanted.wf === undefined)
    return printLine(names.map((name) => escaped(name)).join('\n'));
  const extra = extraFields();
  if (extra === null) return;
  for (const name of names) {
    const shown = escaped(name);
    const jobs = await getJobs(db, {
      where: field('workflow', 'equals', name),
      orderBy: [],
      limit: rowLimit(),
    });
    await printLine(`${shown}\n${'-'.repeat(shown.length)}\n${jobTable(jobs, extra)}\n`);
  }
}

function conditionOf(wanted: Wanted): Condition {
  const parts: Condition[] = [];
  if (wanted.name !== undefined) parts.push(field('name', 'icontains', wanted.name));
  if (wanted.wf !== undefined) parts.push(field('workflow', 'contains', wanted.wf));
  if (wanted.id !== undefined) {
    const id = wanted.id.toLowerCase();
    parts.push(field('job_id', isId(id) ? 'equals' : 'contains', id));
  }
  if (wanted.state !== undefined) {
    const state = wanted.state.toUpperCase();
    if (!isJobState(state)) {
      throw new UserError(
        `--state: there is no state ${wanted.state}${didYouMean(state, JOB_STATES)}; there are ${JOB_STATES.join(', ')}`,
      );
    }
    parts.push(field('state', 'equals', state));
  }
  return all(...parts);
}

/** The columns in BALSAM_LS_FIELDS; null, with a word about it, when one does not exist. */
function extraFields(): LsField[] | null {
  const names = (process.env['BALSAM_LS_FIELDS'] ?? '').split(':').filter(Boolean);
  const wrong = names.find((name) => !isLsField(name));
  if (wrong === undefined) return names.filter(isLsField);
  const choices = [...LS_FIELDS].toSorted().join(', ');
  process.stdout.write(
    '***  You specified a nonexistent field in BALSAM_LS_FIELDS; please unset this ***\n' +
      `Cannot resolve keyword '${escaped(wrong)}' into field. Choices are: ${choices}\n`,
  );
  return null;
}

function rowLimit(): number {
  const text = process.env['BALSAM_LS_LIMIT'] ?? '';
  if (text === '') return LS_LIMIT;
  const value = Number(text);
  if (Number.isSafeInteger(value) && value > 0) return value;
  throw new UserError(`BALSAM_LS_LIMIT must be an integer of at least 1, not ${JSON.stringify(text)}`);
}

function refuse(what: string, wanted: Wanted, options: readonly (keyof Wanted)[]): void {
  const given = options.find((option) => wanted[option] !== undefined && wanted[option] !== false);
  if (given !== undefined) throw new UserError(`balsam ls ${what} does not take --${given}`);
}
