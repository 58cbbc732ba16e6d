/**
 * `balsam rm jobs|apps`: removes what the filters match, after saying how much that is and asking. Without a filter it
 * removes nothing: everything is `--all`. What jobs wrote stays, unless `--files` says otherwise.
 */
import fs from 'node:fs';
import path from 'node:path';
import { defineCommand } from 'citty';
import { EXIT_FAILED, UserError } from '../../base/errors.ts';
import type { OpenDatabase } from '../../server/open.ts';
import { EVERYTHING, matches, queryOf } from '../../model/query.ts';
import type { Condition } from '../../model/query.ts';
import { deleteApplications, listApplications } from '../../store/applications.ts';
import { deleteJobs, deleteMany } from '../../store/jobs/many.ts';
import { countJobs } from '../../store/jobs/change.ts';
import { counted, escaped } from '../output/format.ts';
import { JSON_OPTION, jsonLine } from '../output/json.ts';
import { DirectoryRemover } from './remove-directories.ts';
import {
  anyFilter,
  assertOneId,
  conditionOf,
  FILTERS,
  matching,
  named,
  nothingNamed,
} from '../input/select.ts';
import type { Filters } from '../input/select.ts';
import { confirmed, printLine, withDatabase } from '../output/terminal.ts';

interface Wanted extends Filters {
  readonly all?: boolean | undefined;
  readonly files?: boolean | undefined;
  readonly force?: boolean | undefined;
  readonly json?: boolean | undefined;
}

export const rmCommand = defineCommand({
  meta: { name: 'rm', description: 'Remove jobs or applications' },
  args: {
    what: { type: 'positional', required: true, description: 'jobs or apps' },
    ...FILTERS,
    id: { type: 'string', description: 'id contains, and only one does; for apps: their number' },
    wf: { ...FILTERS.wf, alias: 'wf-filter' },
    all: { type: 'boolean', description: 'all of them' },
    files: { type: 'boolean', description: 'their directories below data too, with what they wrote' },
    force: { type: 'boolean', alias: 'yes', description: 'do not ask' },
    ...JSON_OPTION,
  },
  async run({ args }) {
    const remove = { job: removeJobs, jobs: removeJobs, app: removeApps, apps: removeApps }[args.what];
    if (remove === undefined)
      throw new UserError(`balsam rm removes jobs or apps, not ${JSON.stringify(args.what)}`);
    const given = anyFilter(args);
    if (given === (args.all === true)) {
      throw new UserError(
        `rm ${args.what} needs a filter (--name, --id, --state, --wf, --application), or --all${given ? ', not both' : ''}`,
      );
    }
    await withDatabase((db) => remove(db, args), 2);
  },
});

async function removeJobs(db: OpenDatabase, wanted: Wanted): Promise<void> {
  const where = await conditionOf(db, wanted, 'whole');
  const count = await countJobs(db, queryOf(where));
  assertOneId(wanted, count);
  if (count === 0) return nothing(wanted, 'jobs');
  const data = path.join(db.path, 'data');
  const stays = wanted.files !== true && hasEntries(data);
  const what = `${wanted.all === true ? 'ALL jobs' : counted(count, 'job')}${matching(wanted)}`;
  const files = wanted.files === true ? `, and what they wrote below ${data}` : '';
  const hint = stays ? ' What they wrote stays; with --files it goes too.' : '';
  const question = `PERMANENTLY remove ${escaped(what)}${escaped(files)}?${hint} [y/n]: `;
  if (!(await confirmed(wanted, question, 'Delete aborted'))) return;
  if (wanted.files === true) return removeWithFiles(db, wanted, where, data);
  const deleted = await deleteJobs(db, where);
  await said(wanted, 'jobs', deleted, 0, stays ? ` What they wrote stays below ${escaped(data)}.` : '');
}

/** Rows first: a job that is no longer there starts nowhere. */
async function removeWithFiles(
  db: OpenDatabase,
  wanted: Wanted,
  where: Condition,
  data: string,
): Promise<void> {
  const remover = new DirectoryRemover(db, data);
  let deleted = 0;
  try {
    for await (const jobs of deleteMany(db, where)) {
      deleted += jobs.length;
      await remover.remove(jobs);
    }
  } finally {
    await remover.finish();
    const { removed } = remover;
    const also = removed === 1 ? '1 directory' : `${removed} directories`;
    if (deleted > 0) await said(wanted, 'jobs', deleted, removed, ` Removed ${also} below ${escaped(data)}.`);
  }
  const { count, first } = remover.left;
  if (count > 0) {
    const were = count === 1 ? '1 directory was' : `${count} directories were`;
    throw new UserError(`${were} left (${escaped(first)})`, EXIT_FAILED);
  }
}

function hasEntries(directory: string): boolean {
  try {
    using found = fs.opendirSync(directory);
    return found.readSync() !== null;
  } catch {
    return false;
  }
}

async function removeApps(db: OpenDatabase, wanted: Wanted): Promise<void> {
  for (const option of ['state', 'wf', 'application'] as const) {
    if (wanted[option] !== undefined) throw new UserError(`balsam rm apps does not take --${option}`);
  }
  if (wanted.files === true) throw new UserError('balsam rm apps does not take --files');
  const name = wanted.name === undefined ? EVERYTHING : named(wanted.name, 'whole');
  const all = await listApplications(db);
  const apps = all.filter(
    (app) => matches({ name: app.name }, name) && (wanted.id === undefined || String(app.id) === wanted.id),
  );
  if (wanted.id !== undefined && apps.length === 0)
    throw new UserError(`no application has the number ${wanted.id}`, EXIT_FAILED);
  if (wanted.name !== undefined && apps.length === 0) {
    const known = all.map((app) => app.name);
    throw new UserError(nothingNamed('--name', 'application', wanted.name, known, 'balsam ls apps'));
  }
  if (apps.length === 0) return nothing(wanted, 'apps');
  const what = wanted.all === true ? 'ALL apps' : `${counted(apps.length, 'app')}${matching(wanted)}`;
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

function said(wanted: Wanted, what: string, count: number, directories = 0, more = ''): Promise<void> {
  return printLine(
    wanted.json === true
      ? jsonLine('removed', { what, count, directories })
      : `Deleted ${counted(count, what.slice(0, -1))}.${more}`,
  );
}
