/**
 * `balsam rm jobs|apps`: removes what the filters match, after saying how much that is and asking. Without a filter it
 * removes nothing: everything is `--all`.
 */
import { defineCommand } from 'citty';
import { EXIT_FAILED, UserError } from '../base/errors.ts';
import type { OpenDatabase } from '../cluster/open.ts';
import { all, EVERYTHING, field, queryOf } from '../core/query.ts';
import type { Condition } from '../core/query.ts';
import { deleteApplications, listApplications } from '../store/application-store.ts';
import { countJobs, deleteJobs } from '../store/job-store.ts';
import { escaped } from './format.ts';
import { JSON_OPTION, jsonLine } from './json.ts';
import { conditionOf, FILTERS, matching } from './select.ts';
import type { Filters } from './select.ts';
import { confirmed, printLine, withDatabase } from './terminal.ts';

interface Wanted extends Filters {
  readonly all?: boolean | undefined;
  readonly 'wf-filter'?: string | undefined;
  readonly force?: boolean | undefined;
  readonly json?: boolean | undefined;
}

export const rmCommand = defineCommand({
  meta: { name: 'rm', description: 'Remove jobs or applications' },
  args: {
    what: { type: 'positional', required: true, description: 'jobs or apps' },
    ...FILTERS,
    id: { type: 'string', description: 'id contains, and only one does; for apps: their number' },
    'wf-filter': { type: 'string', description: 'exactly this workflow' },
    all: { type: 'boolean', description: 'all of them' },
    force: { type: 'boolean', alias: 'yes', description: 'do not ask' },
    ...JSON_OPTION,
  },
  async run({ args }) {
    const remove = { job: removeJobs, jobs: removeJobs, app: removeApps, apps: removeApps }[args.what];
    if (remove === undefined)
      throw new UserError(`balsam rm removes jobs or apps, not ${JSON.stringify(args.what)}`);
    const filters = [args.name, args.id, args.state, args.wf, args.application, args['wf-filter']];
    const given = filters.some((value) => value !== undefined);
    if (given === (args.all === true)) {
      throw new UserError(
        `rm ${args.what} needs a filter (--name, --id, --state, --wf, --application), or --all${given ? ', not both' : ''}`,
      );
    }
    await withDatabase((db) => remove(db, args));
  },
});

async function removeJobs(db: OpenDatabase, wanted: Wanted): Promise<void> {
  const exact = wanted['wf-filter'];
  const where: Condition = all(
    conditionOf(wanted),
    exact === undefined ? EVERYTHING : field('workflow', 'equals', exact),
  );
  const count = await countJobs(db, queryOf(where));
  if (wanted.id !== undefined && count !== 1) {
    throw new UserError(
      count === 0
        ? `no job's id contains ${wanted.id}`
        : `${count} jobs have ids that contain ${wanted.id}; give more of it`,
      EXIT_FAILED,
    );
  }
  if (count === 0) return nothing(wanted, 'jobs');
  const which = matching({ ...wanted, wf: exact ?? wanted.wf });
  const what = wanted.all === true ? 'ALL jobs' : `${count} jobs${which}`;
  if (!(await confirmed(wanted, `PERMANENTLY remove ${escaped(what)}? [y/n]: `, 'Delete aborted'))) return;
  await said(wanted, 'jobs', await deleteJobs(db, where));
}

async function removeApps(db: OpenDatabase, wanted: Wanted): Promise<void> {
  for (const option of ['state', 'wf', 'application', 'wf-filter'] as const) {
    if (wanted[option] !== undefined) throw new UserError(`balsam rm apps does not take --${option}`);
  }
  const part = wanted.name?.toLowerCase();
  const apps = (await listApplications(db)).filter(
    (app) =>
      (part === undefined || app.name.toLowerCase().includes(part)) &&
      (wanted.id === undefined || String(app.id) === wanted.id),
  );
  if (wanted.id !== undefined && apps.length === 0)
    throw new UserError(`no application has the number ${wanted.id}`, EXIT_FAILED);
  if (apps.length === 0) return nothing(wanted, 'apps');
  const what = wanted.all === true ? 'ALL apps' : `${apps.length} apps${matching(wanted)}`;
  if (!(await confirmed(wanted, `PERMANENTLY remove ${escaped(what)}? [y/n]: `, 'Delete aborted'))) return;
  await said(
    wanted,
    'apps',
    await deleteApplications(
      db,
      apps.map((app) => app.id),
    ),
  );
}

function nothing(wanted: Wanted, what: string): Promise<void> {
  return wanted.json === true ? said(wanted, what, 0) : printLine(`No ${what} found matching query`);
}

function said(wanted: Wanted, what: string, count: number): Promise<void> {
  return printLine(
    wanted.json === true
      ? jsonLine('removed', { what, count })
      : `Deleted ${count} ${count === 1 ? what.slice(0, -1) : what}.`,
  );
}
