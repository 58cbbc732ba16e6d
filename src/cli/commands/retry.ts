/**
 * `balsam retry` and `balsam reset`: run again what failed, chosen by the filters of `ls`, or the one job that is named. A
 * retry goes on from where the job stands (RESTART_READY); a reset begins it anew (CREATED). Both forget the counts of
 * starts and losses, or the limit that ended the job would end it again; `data` stays as it is.
 */
import { defineCommand } from 'citty';
import { EXIT_FAILED, UserError } from '../../base/errors.ts';
import { END_STATES, isEnd } from '../../model/job.ts';
import type { JobState, SettableState } from '../../model/job.ts';
import { all, byIds, EVERYTHING, field, queryOf } from '../../model/query.ts';
import { countJobs } from '../../store/jobs/change.ts';
import { putState } from '../../store/jobs/put-state.ts';
import { counted, cute, escaped } from '../output/format.ts';
import { JSON_OPTION, jsonLine } from '../output/json.ts';
import { NAMES_A_JOB, theJob } from '../input/one-job.ts';
import { conditionOf, FILTERS, matching, stateNamed } from '../input/select.ts';
import type { Filters } from '../input/select.ts';
import { confirmed, printLine, withDatabase } from '../output/terminal.ts';

interface Wanted extends Filters {
  readonly job?: string | undefined;
  readonly force?: boolean | undefined;
  readonly json?: boolean | undefined;
}

const OPTIONAL_JOB = { job: { type: 'positional', required: false, description: NAMES_A_JOB } } as const;

const OPTIONS = {
  force: { type: 'boolean', alias: 'yes', description: 'do not ask' },
  ...JSON_OPTION,
} as const;

export const retryCommand = defineCommand({
  meta: { name: 'retry', description: 'Run failed jobs again' },
  args: {
    ...OPTIONAL_JOB,
    ...FILTERS,
    state: { type: 'string', description: 'FAILED (as without it) or JOB_FINISHED' },
    ...OPTIONS,
  },
  run: ({ args }) => again(args, 'retry', 'RESTART_READY', ['FAILED', 'JOB_FINISHED']),
});

export const resetCommand = defineCommand({
  meta: { name: 'reset', description: 'Begin failed, killed or finished jobs anew' },
  args: {
    ...OPTIONAL_JOB,
    ...FILTERS,
    state: { type: 'string', description: 'FAILED (as without it), USER_KILLED or JOB_FINISHED' },
    ...OPTIONS,
  },
  run: ({ args }) => again(args, 'reset', 'CREATED', END_STATES),
});

async function again(
  wanted: Wanted,
  verb: 'retry' | 'reset',
  to: SettableState,
  allowed: readonly JobState[],
): Promise<void> {
  const asked = wanted.state === undefined ? null : stateNamed('--state', wanted.state);
  const begun = verb === 'retry' ? 'Retry' : 'Reset';
  const takes = `balsam ${verb} takes jobs that are ${allowed.join(' or ')}`;
  if (asked !== null && !allowed.includes(asked)) {
    const hint = isEnd(asked) ? '; balsam reset begins them anew' : '';
    throw new UserError(`${takes}, not ${asked}${hint}`);
  }
  await withDatabase(async (db) => {
    const job = wanted.job === undefined ? null : await theJob(db, wanted.job, ['state']);
    // Who names one job means it as it is; of many, what failed.
    const state = asked ?? job?.state ?? 'FAILED';
    if (job !== null && !allowed.includes(state))
      throw new UserError(`job ${cute(job)} is ${state}: ${takes}`, EXIT_FAILED);
    const where = all(
      await conditionOf(db, { ...wanted, state: undefined }, 'whole'),
      field('state', 'equals', state),
      job === null ? EVERYTHING : byIds([job.job_id]),
    );
    const count = await countJobs(db, queryOf(where));
    if (count === 0) {
      if (wanted.json !== true) await printLine(`No ${state} jobs found matching query`);
      return;
    }
    const matches = escaped(matching({ ...wanted, state: undefined }));
    const which = job === null ? `${counted(count, `${state} job`)}${matches}` : `${state} job ${cute(job)}`;
    const question = `${begun} ${which}? [y/n]: `;
    if (!(await confirmed(wanted, question, `${begun} aborted`))) return;
    const message = verb === 'retry' ? 'retried by a person' : 'reset by a person';
    const { moved, held } = await putState(db, where, { from: [state], to, afresh: true, message });
    if (wanted.json === true) {
      for (const { id, name } of moved) {
        await printLine(jsonLine('requeued', { job_id: id, name, from: state, state: to }));
      }
    } else {
      await printLine(`${counted(moved.length, 'job')} ${moved.length === 1 ? 'is' : 'are'} ${to} now`);
    }
    if (held.length > 0) {
      throw new UserError(
        `left as they are, because launchers still hold them: ${counted(held.length, 'job')}; try again when they are let go`,
        EXIT_FAILED,
      );
    }
  });
}
