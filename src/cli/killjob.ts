/**
 * `balsam kill JOB` and `balsam killjob --id JOB`: kills one job. A running one ends within a second; what comes later
 * never overwrites USER_KILLED.
 */
import { defineCommand } from 'citty';
import { UserError } from '../base/errors.ts';
import { byIds } from '../core/query.ts';
import { killJobs } from '../store/job-store.ts';
import { cute, escaped } from './format.ts';
import { JSON_OPTION, jsonLine } from './json.ts';
import { NAMES_A_JOB, ONE_JOB, theJob } from './one-job.ts';
import { confirmed, printLine, withDatabase } from './terminal.ts';

const OPTIONS = {
  recursive: { type: 'boolean', description: 'its descendants too (not supported yet)' },
  yes: { type: 'boolean', alias: 'force', description: 'do not ask' },
  ...JSON_OPTION,
} as const;

interface Wanted {
  readonly recursive?: boolean | undefined;
  readonly yes?: boolean | undefined;
  readonly json?: boolean | undefined;
}

export const killCommand = defineCommand({
  meta: { name: 'kill', description: 'Kill a job' },
  args: { ...ONE_JOB, ...OPTIONS },
  run: ({ args }) => kill(args.job, args),
});

export const killjobCommand = defineCommand({
  meta: { name: 'killjob', description: 'Kill a job' },
  args: {
    id: { type: 'string', description: NAMES_A_JOB, required: true },
    ...OPTIONS,
  },
  run: ({ args }) => kill(args.id, args),
});

async function kill(typed: string, wanted: Wanted): Promise<void> {
  if (wanted.recursive === true)
    throw new UserError('--recursive is not supported yet: jobs cannot have children yet; leave it out');
  await withDatabase(async (db) => {
    const job = await theJob(db, typed, []);
    const question = `Really kill job ${escaped(job.name)} ${cute(job)} ?? [y/n]: `;
    if (!(await confirmed(wanted, question, 'Kill aborted'))) return;
    const { already } = await killJobs(db, byIds([job.job_id]));
    const [ended] = already;
    if (wanted.json === true) {
      const { job_id, name } = job;
      const state = ended?.state ?? 'USER_KILLED';
      return printLine(jsonLine('killed', { job_id, name, killed: ended === undefined, state }));
    }
    await printLine(ended === undefined ? 'Job killed' : `Nothing to kill: the job is ${ended.state}`);
  });
}
