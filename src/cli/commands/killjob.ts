/**
 * `balsam kill JOB`, by the filters of `ls`, and `balsam killjob --id JOB`: kills jobs, queued or running. A running one
 * ends within a second; what comes later never overwrites USER_KILLED.
 */
import { defineCommand } from 'citty';
import { UserError } from '../../base/errors.ts';
import type { OpenDatabase } from '../../server/open.ts';
import { byIds, queryOf } from '../../model/query.ts';
import { killable, killMany } from '../../store/jobs/many.ts';
import { countJobs, killJobs } from '../../store/jobs/change.ts';
import { counted, cute, escaped } from '../output/format.ts';
import { JSON_OPTION, jsonLine } from '../output/json.ts';
import { NAMES_A_JOB, theJob } from '../input/one-job.ts';
import { anyFilter, assertOneId, conditionOf, FILTERS, matching } from '../input/select.ts';
import type { Filters } from '../input/select.ts';
import { confirmed, printLine, withDatabase } from '../output/terminal.ts';

const OPTIONS = {
  recursive: { type: 'boolean', description: 'its descendants too (not supported yet)' },
  yes: { type: 'boolean', alias: 'force', description: 'do not ask' },
  ...JSON_OPTION,
} as const;

interface Wanted extends Filters {
  readonly all?: boolean | undefined;
  readonly recursive?: boolean | undefined;
  readonly yes?: boolean | undefined;
  readonly json?: boolean | undefined;
}

export const killCommand = defineCommand({
  meta: { name: 'kill', description: 'Kill jobs' },
  args: {
    job: { type: 'positional', required: false, description: NAMES_A_JOB },
    ...FILTERS,
    id: { type: 'string', description: 'id contains, and only one does' },
    all: { type: 'boolean', description: 'all of them' },
    ...OPTIONS,
  },
  run: async ({ args }) => {
    refuseRecursive(args);
    const ways = [args.job !== undefined, anyFilter(args), args.all === true].filter(Boolean).length;
    if (ways !== 1)
      throw new UserError(
        `kill needs a JOB, or a filter (--name, --id, --state, --wf, --application), or --all${ways > 1 ? ', one of them' : ''}`,
      );
    const { job } = args;
    await (job === undefined
      ? withDatabase((db) => killAll(db, args), 2)
      : withDatabase((db) => killOne(db, job, args)));
  },
});

export const killjobCommand = defineCommand({
  meta: { name: 'killjob', description: 'Kill a job' },
  args: {
    id: { type: 'string', description: NAMES_A_JOB, required: true },
    ...OPTIONS,
  },
  run: async ({ args: { id, yes, json, recursive } }) => {
    refuseRecursive({ recursive });
    await withDatabase((db) => killOne(db, id, { yes, json }));
  },
});

function refuseRecursive(wanted: Wanted): void {
  if (wanted.recursive === true)
    throw new UserError('--recursive is not supported yet: jobs cannot have children yet; leave it out');
}

async function killOne(db: OpenDatabase, typed: string, wanted: Wanted): Promise<void> {
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
}

async function killAll(db: OpenDatabase, wanted: Wanted): Promise<void> {
  const where = await conditionOf(db, wanted, 'whole');
  if (wanted.id !== undefined) assertOneId(wanted, await countJobs(db, queryOf(where)));
  const count = await countJobs(db, queryOf(killable(where)));
  if (count === 0) {
    if (wanted.json !== true) await printLine('No jobs that could be killed found matching query');
    return;
  }
  const which =
    wanted.all === true ? `ALL jobs that are not at an end (${count})` : `${counted(count, 'job')}`;
  const question = `Really kill ${which}${escaped(matching(wanted))}? [y/n]: `;
  if (!(await confirmed(wanted, question, 'Kill aborted'))) return;
  let killed = 0;
  for await (const chunk of killMany(db, where)) {
    killed += chunk.killed.length;
    if (wanted.json !== true) continue;
    for (const { id, name } of chunk.killed)
      await printLine(jsonLine('killed', { job_id: id, name, killed: true, state: 'USER_KILLED' }));
  }
  if (wanted.json !== true) await printLine(`Killed ${counted(killed, 'job')}`);
}
