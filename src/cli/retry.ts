/**
 * `balsam retry` and `balsam reset`: run again what failed, chosen by the filters of `ls`. A retry goes on from where the
 * job stands (RESTART_READY); a reset begins it anew (CREATED). Both forget the counts of starts and losses, or the limit
 * that ended the job would end it again; `data` stays as it is.
 */
import { defineCommand } from 'citty';
import { EXIT_FAILED, UserError } from '../base/errors.ts';
import { END_STATES, isEnd } from '../core/job.ts';
import type { JobState, SettableState } from '../core/job.ts';
import { all, field, queryOf } from '../core/query.ts';
import { countJobs } from '../store/job-store.ts';
import { putState } from '../store/put-state-store.ts';
import { escaped } from './format.ts';
import { JSON_OPTION, jsonLine } from './json.ts';
import { conditionOf, FILTERS, matching, stateNamed } from './select.ts';
import type { Filters } from './select.ts';
import { confirmed, printLine, withDatabase } from './terminal.ts';

interface Wanted extends Filters {
  readonly force?: boolean | undefined;
  readonly json?: boolean | undefined;
}

const OPTIONS = {
  force: { type: 'boolean', alias: 'yes', description: 'do not ask' },
  ...JSON_OPTION,
} as const;

export const retryCommand = defineCommand({
  meta: { name: 'retry', description: 'Run failed jobs again' },
  args: {
    ...FILTERS,
    state: { type: 'string', description: 'FAILED (as without it) or JOB_FINISHED' },
    ...OPTIONS,
  },
  run: ({ args }) => again(args, 'retry', 'RESTART_READY', ['FAILED', 'JOB_FINISHED']),
});

export const resetCommand = defineCommand({
  meta: { name: 'reset', description: 'Begin failed, killed or finished jobs anew' },
  args: {
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
  const state = stateNamed('--state', wanted.state ?? 'FAILED');
  if (!allowed.includes(state)) {
    const hint = isEnd(state) ? '; balsam reset begins them anew' : '';
    throw new UserError(`balsam ${verb} takes jobs that are ${allowed.join(' or ')}, not ${state}${hint}`);
  }
  await withDatabase(async (db) => {
    const where = all(conditionOf({ ...wanted, state: undefined }), field('state', 'equals', state));
    const count = await countJobs(db, queryOf(where));
    if (count === 0) {
      if (wanted.json !== true) await printLine(`No ${state} jobs found matching query`);
      return;
    }
    const which = matching({ ...wanted, state: undefined });
    const question = `${verb === 'retry' ? 'Retry' : 'Reset'} ${count} ${state} jobs${escaped(which)}? [y/n]: `;
    if (!(await confirmed(wanted, question, `${verb === 'retry' ? 'Retry' : 'Reset'} aborted`))) return;
    const message = verb === 'retry' ? 'retried by a person' : 'reset by a person';
    const { moved, held } = await putState(db, where, { from: [state], to, afresh: true, message });
    if (wanted.json === true) {
      for (const { id, name } of moved) {
        await printLine(jsonLine('requeued', { job_id: id, name, from: state, state: to }));
      }
    } else {
      await printLine(`${moved.length} jobs are ${to} now`);
    }
    if (held.length > 0) {
      throw new UserError(
        `${held.length} jobs are still held by their launchers and were left: try again when they are let go`,
        EXIT_FAILED,
      );
    }
  });
}
