/**
 * The filters of `ls`, and of every command that takes the same ones: `--name --id --state --wf --application`. One place
 * turns them into a condition and into the words of a question.
 *
 * A word is a whole name, in which `*` stands for any text; a workflow, application or state that is not there is refused
 * with the names that come near, so that nobody takes a mistyped name for an empty list. Only who looks (`ls`) is given
 * the names that contain the word of `--name`, as in the original: who changes something gets what was named.
 */
import { EXIT_FAILED, UserError } from '../../base/errors.ts';
import { isId } from '../../base/ids.ts';
import { didYouMean, nearNames } from '../../base/suggest.ts';
import { isJobState, JOB_STATES } from '../../model/job.ts';
import type { JobState } from '../../model/job.ts';
import { all, field, globParts, matches } from '../../model/query.ts';
import type { Condition } from '../../model/query.ts';
import { listApplications } from '../../store/applications.ts';
import type { Database } from '../../store/connection.ts';
import { workflows } from '../../store/jobs/change.ts';
import { listJobs } from '../../store/jobs/list.ts';
import { escaped } from '../output/format.ts';

/** What who changes something chooses by. */
export const FILTERS = {
  name: { type: 'string', description: 'exactly this name; a * stands for any text' },
  id: { type: 'string', description: 'id contains' },
  state: { type: 'string', description: 'exactly this state' },
  wf: { type: 'string', description: 'exactly this workflow; a * stands for any text' },
  application: { type: 'string', description: 'exactly this application; a * stands for any text' },
} as const;

/** What who looks chooses by. */
export const LOOK_FILTERS = {
  ...FILTERS,
  name: { type: 'string', description: 'name contains (any case); with a * as the other commands' },
} as const;

export interface Filters {
  readonly name?: string | undefined;
  readonly id?: string | undefined;
  readonly state?: string | undefined;
  readonly wf?: string | undefined;
  readonly application?: string | undefined;
}

/** Whether one of them is given. */
export function anyFilter({ name, id, state, wf, application }: Filters): boolean {
  return [name, id, state, wf, application].some((value) => value !== undefined);
}

/** UserError unless the part of an id chose one job, which is what who types it means. */
export function assertOneId(wanted: Filters, count: number): void {
  if (wanted.id === undefined || count === 1) return;
  throw new UserError(
    count === 0
      ? `no job's id contains ${shown(wanted.id)}`
      : `${count} jobs have ids that contain ${shown(wanted.id)}; give more of it`,
    EXIT_FAILED,
  );
}

/** Whether a name is meant as a part of one, or as the whole. */
export type Names = 'parts' | 'whole';

/**
 * The jobs that meet all of the filters given; all jobs when none is. UserError for a state that does not exist, and for a
 * workflow or application that no job has.
 */
export async function conditionOf(db: Database, wanted: Filters, names: Names): Promise<Condition> {
  const parts: Condition[] = [];
  const { name, wf, id, state, application } = wanted;
  if (state !== undefined) parts.push(field('state', 'equals', stateNamed('--state', state)));
  if (name !== undefined) parts.push(named(name, names));
  if (wf !== undefined) parts.push(await workflowNamed(db, '--wf', wf));
  if (id !== undefined) {
    const lower = id.toLowerCase();
    parts.push(field('job_id', isId(lower) ? 'equals' : 'contains', lower));
  }
  if (application !== undefined) parts.push(await applicationNamed(db, application));
  return all(...parts);
}

/** The jobs, or applications, that are named so. */
export function named(name: string, names: Names): Condition {
  if (names === 'parts' && !hasStar(name)) return field('name', 'icontains', name);
  return field('name', 'glob', name);
}

/** The jobs of the workflow, or workflows, that are named so. An exact name wins. UserError when there is none. */
export async function workflowNamed(db: Database, option: string, typed: string): Promise<Condition> {
  const exact = field('workflow', 'equals', typed);
  if (await isThere(db, exact)) return exact;
  workflowsNamed(option, typed, await workflows(db));
  return field('workflow', 'glob', typed);
}

/** The same as a pattern, for who asks for it by another way. */
export async function workflowPattern(db: Database, option: string, typed: string): Promise<string> {
  const found = await workflowNamed(db, option, typed);
  return 'field' in found && found.op === 'equals' ? typed.replaceAll('*', '\\*') : typed;
}

/** The same of the names of all workflows. */
export function workflowsNamed(option: string, typed: string, known: readonly string[]): string[] {
  if (known.includes(typed)) return [typed];
  const found = known.filter((workflow) => matches({ workflow }, field('workflow', 'glob', typed)));
  if (found.length === 0) throw new UserError(nothingNamed(option, 'workflow', typed, known, 'balsam ls wf'));
  return found;
}

async function applicationNamed(db: Database, typed: string): Promise<Condition> {
  const known = (await listApplications(db)).map(({ name }) => name);
  const exact = field('application', 'equals', typed);
  if (known.includes(typed)) return exact;
  // Of one that was removed there may be jobs still.
  const glob = field('application', hasStar(typed) ? 'glob' : 'equals', typed);
  if (known.some((application) => matches({ application }, glob)) || (await isThere(db, glob))) return glob;
  throw new UserError(nothingNamed('--application', 'application', typed, known, 'balsam ls apps'));
}

async function isThere(db: Database, where: Condition): Promise<boolean> {
  return (await listJobs(db, { where, orderBy: [], limit: 1 }, ['job_id'])).length > 0;
}

function hasStar(pattern: string): boolean {
  return globParts(pattern).length > 1;
}

/** The sentence about a word that names none of `known`, with those that come near. */
export function nothingNamed(
  option: string,
  what: string,
  typed: string,
  known: readonly string[],
  list: string,
): string {
  const none = `${option}: there is no ${what} ${shown(typed)}`;
  if (known.length === 0) return `${none}, nor any other`;
  const near = nearNames(globParts(typed).join(''), known);
  if (near.length === 0) return `${none}; \`${list}\` lists them`;
  const hint = hasStar(typed) ? '' : '; a * stands for any text';
  return `${none} (did you mean ${near.map(shown).join(' or ')}?)${hint}; \`${list}\` lists them`;
}

function shown(name: string): string {
  return /^[\w.@%+:,-]+$/.test(name) ? name : escaped(JSON.stringify(name));
}

/** The state that a person wrote, in any case, with `-` or `_`. UserError with a suggestion when there is none. */
export function stateNamed(what: string, typed: string): JobState {
  const state = typed.toUpperCase().replaceAll('-', '_');
  if (isJobState(state)) return state;
  throw new UserError(
    `${what}: there is no state ${shown(typed)}${didYouMean(state, JOB_STATES)}; there are ${JOB_STATES.join(', ')}`,
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
