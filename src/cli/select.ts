/**
 * The filters of `ls`, and of every command that takes the same ones: `--name --id --state --wf --application`. One place
 * turns them into a condition and into the words of a question.
 */
import { UserError } from '../base/errors.ts';
import { isId } from '../base/ids.ts';
import { didYouMean } from '../base/suggest.ts';
import { isJobState, JOB_STATES } from '../core/job.ts';
import type { JobState } from '../core/job.ts';
import { all, field } from '../core/query.ts';
import type { Condition } from '../core/query.ts';

export const FILTERS = {
  name: { type: 'string', description: 'name contains (any case)' },
  id: { type: 'string', description: 'id contains' },
  state: { type: 'string', description: 'exactly this state' },
  wf: { type: 'string', description: 'workflow contains' },
  application: { type: 'string', description: 'exactly this application' },
} as const;

export interface Filters {
  readonly name?: string | undefined;
  readonly id?: string | undefined;
  readonly state?: string | undefined;
  readonly wf?: string | undefined;
  readonly application?: string | undefined;
}

/** The jobs that meet all of the filters given; all jobs when none is. UserError for a state that does not exist. */
export function conditionOf(wanted: Filters): Condition {
  const parts: Condition[] = [];
  if (wanted.name !== undefined) parts.push(field('name', 'icontains', wanted.name));
  if (wanted.wf !== undefined) parts.push(field('workflow', 'contains', wanted.wf));
  if (wanted.id !== undefined) {
    const id = wanted.id.toLowerCase();
    parts.push(field('job_id', isId(id) ? 'equals' : 'contains', id));
  }
  if (wanted.state !== undefined) parts.push(field('state', 'equals', stateNamed('--state', wanted.state)));
  if (wanted.application !== undefined) parts.push(field('application', 'equals', wanted.application));
  return all(...parts);
}

/** The state that a person wrote, in any case, with `-` or `_`. UserError with a suggestion when there is none. */
export function stateNamed(what: string, typed: string): JobState {
  const state = typed.toUpperCase().replaceAll('-', '_');
  if (isJobState(state)) return state;
  throw new UserError(
    `${what}: there is no state ${typed}${didYouMean(state, JOB_STATES)}; there are ${JOB_STATES.join(', ')}`,
  );
}

/** ` matching name x, workflow y` for a question; '' without filters. */
export function matching(wanted: Filters): string {
  const words = [
    ['name', wanted.name],
    ['id', wanted.id],
    ['state', wanted.state],
    ['workflow', wanted.wf],
    ['application', wanted.application],
  ].flatMap(([what, value]) => (value === undefined ? [] : [`${what} ${value}`]));
  return words.length === 0 ? '' : ` matching ${words.join(', ')}`;
}
