/**
 * `balsam kill ID` and `balsam killjob --id ID`: kills one job, named by the beginning of its id. A running one ends
 * within a second; what comes later never overwrites USER_KILLED.
 */
import { defineCommand } from 'citty';
import { EXIT_FAILED, UserError } from '../base/errors.ts';
import type { OpenDatabase } from '../cluster/open.ts';
import { byIds, field } from '../core/query.ts';
import { getJobs, killJobs } from '../store/job-store.ts';
import type { JobRow } from '../store/rows.ts';
import { cute, escaped } from './format.ts';
import { confirm, printLine, withDatabase } from './terminal.ts';

const yes = { type: 'boolean', description: 'do not ask' } as const;

export const killCommand = defineCommand({
  meta: { name: 'kill', description: 'Kill a job' },
  args: {
    id: { type: 'positional', required: true, description: 'beginning of the id, enough to be unique' },
    yes,
  },
  run: ({ args }) => kill(args.id, args.yes === true),
});

export const killjobCommand = defineCommand({
  meta: { name: 'killjob', description: 'Kill a job' },
  args: {
    id: { type: 'string', description: 'beginning of the id, enough to be unique', required: true },
    yes,
  },
  run: ({ args }) => kill(args.id, args.yes === true),
});

async function kill(prefix: string, sure: boolean): Promise<void> {
  if (!/^[0-9a-f-]+$/i.test(prefix)) {
    throw new UserError(
      `${JSON.stringify(prefix)} is not the beginning of a job's id (balsam ls shows them)`,
    );
  }
  await withDatabase(async (db) => {
    const job = await theJob(db, prefix.toLowerCase());
    if (!sure && !(await confirm(`Really kill job ${escaped(job.name)} ${cute(job)} ?? [y/n]: `))) {
      await printLine('Kill aborted');
      return;
    }
    const { already } = await killJobs(db, byIds([job.job_id]));
    const [ended] = already;
    await printLine(ended === undefined ? 'Job killed' : `Nothing to kill: the job is ${ended.state}`);
  });
}

async function theJob(db: OpenDatabase, prefix: string): Promise<JobRow> {
  const found = await getJobs(db, { where: field('job_id', 'startsWith', prefix), orderBy: [], limit: 6 });
  const [only] = found;
  if (only === undefined) throw new UserError(`no job's id begins with ${prefix}`, EXIT_FAILED);
  if (found.length === 1) return only;
  const some = found
    .slice(0, 5)
    .map((job) => cute(job))
    .join(', ');
  throw new UserError(
    `${found.length > 5 ? 'more than 5' : found.length} jobs have ids that begin with ${prefix}: ${some}`,
    EXIT_FAILED,
  );
}
