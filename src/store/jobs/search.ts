/**
 * Looking for jobs by what no index is sorted by: a part of a name, an application, a part of a workflow or of an id. The
 * keys of one index are read, which holds these columns beside its order, and only the rows that match are fetched.
 *
 * Called by the stores that take a condition, but for what is asked of the few jobs that run. What an index is sorted by
 * stays the better way, and the planner's choice; but how many rows have a text in them it can't know, so that nothing here
 * depends on what it believes.
 */
import type { JobState } from '../../model/job.ts';
import { matches, type Condition, type Query } from '../../model/query.ts';
import type { Queries } from '../connection.ts';
import { conditionSql, type Parameters } from './query-sql.ts';

/** Workflows whose names are looked through one by one. Derived: 14 states of each are 14,000 descents, 0.1 s. */
export const MAX_LANE_WORKFLOWS = 1_000;

/** The states that job_by_state lacks: in one of them is nearly every job, so nobody knows which is rare. */
const COMMON: readonly JobState[] = ['CREATED', 'PREPROCESSED', 'RUNNING', 'JOB_FINISHED'];

/**
 * The columns of job_by_workflow. What asks for no other one is answered from its keys, while most pages of the table are
 * known to be visible to all; after many changes and before the next vacuum the planner may take the table.
 */
const HELD: readonly string[] = ['workflow', 'state', 'name', 'application'];

const PARTS: readonly string[] = ['contains', 'icontains', 'startsWith', 'endsWith', 'glob'];
const ONE_OF: readonly string[] = ['equals', 'in'];

export function conjuncts(where: Condition): Condition[] {
  return 'and' in where ? where.and.flatMap(conjuncts) : [where];
}

/** The values to which a conjunct holds the field, or null when none does. */
export function valuesAsked(parts: readonly Condition[], field: string): readonly string[] | null {
  for (const part of parts) {
    if (!('field' in part) || part.field !== field) continue;
    const values = part.op === 'equals' ? [part.value] : part.op === 'in' ? part.value : null;
    if (Array.isArray(values) && values.every((value) => typeof value === 'string')) return values;
  }
  return null;
}

/** The condition with each part of a workflow's name replaced by the names that have it, while these are not too many. */
export async function withWorkflowNames(sql: Queries, where: Condition): Promise<Condition> {
  const parts = conjuncts(where);
  const isPart = (c: Condition): boolean => 'field' in c && c.field === 'workflow' && PARTS.includes(c.op);
  if (!parts.some(isPart)) return where;
  const names = await workflowNames(sql, MAX_LANE_WORKFLOWS + 1);
  if (names.length > MAX_LANE_WORKFLOWS) return where;
  const found = names.filter((workflow) => parts.filter(isPart).every((c) => matches({ workflow }, c)));
  return { and: [...parts.filter((c) => !isPart(c)), { field: 'workflow', op: 'in', value: found }] };
}

/** Sorted; at most `limit` of them. */
export async function workflowNames(sql: Queries, limit: number | null): Promise<string[]> {
  const rows = await sql<{ workflow: string }[]>`
    with recursive w as (
      (select workflow from job order by workflow limit 1)
      union all
      select (select workflow from job where workflow > w.workflow order by workflow limit 1) from w where w.workflow is not null)
    select workflow from w where workflow is not null limit ${limit}::bigint`;
  return rows.map((row) => row.workflow);
}

/**
 * The condition as SQL over the table `job`, for a statement that takes all that match: with parts of workflows as names,
 * and with a search where it has one.
 */
export async function whereSql(sql: Queries, where: Condition, parameters: Parameters): Promise<string> {
  return resolvedSql(await withWorkflowNames(sql, where), parameters);
}

function resolvedSql(where: Condition, parameters: Parameters): string {
  const search = searchSql(where, parameters);
  const whole = conditionSql(where, parameters);
  return search === null ? whole : `(${search} and ${whole})`;
}

/**
 * What narrows `job` to the rows that a search found, to be joined with the whole condition; null where the condition has
 * none, or something that an index is sorted by. `first`: only so many in order of creation, where the keys say it all.
 */
export function searchSql(
  where: Condition,
  parameters: Parameters,
  first: { count: number; reversed: boolean } | null = null,
): string | null {
  const parts = conjuncts(where);
  if (parts.some(isPinned)) return null;
  const held = parts.filter((part) => isOver(part, HELD));
  const ids = parts.filter((part) => isOver(part, ['job_id']));
  const searches: string[] = [];
  if (held.some(isSearch)) {
    const keys = `select job.seq from job where ${conditionSql({ and: held }, parameters)}`;
    const enough =
      first === null || held.length < parts.length
        ? keys
        : `select k.seq from (${keys} offset 0) k order by k.seq${first.reversed ? ' desc' : ''}
             limit ${parameters.add(Math.min(first.count, Number.MAX_SAFE_INTEGER), 'bigint')}`;
    searches.push(`job.seq = any (array(${enough}))`);
  }
  if (ids.some(isPartOfId))
    searches.push(
      `job.id = any (array(select job.id from job where ${conditionSql({ and: ids }, parameters)}))`,
    );
  return searches.length === 0 ? null : searches.join(' and ');
}

/** `select …` of the rows that match, for who counts them: from the keys of one index where they say it all. */
export async function matchingRows(
  sql: Queries,
  where: Condition,
  columns: readonly ('workflow' | 'state')[],
  parameters: Parameters,
): Promise<string> {
  const resolved = await withWorkflowNames(sql, where);
  const parts = conjuncts(resolved);
  const selected = `select ${columns.map((column) => `job.${column}`).join(', ')} from job where`;
  const said = columns.length === 0 && parts.every((part) => isOver(part, ['job_id']));
  const whole = said || parts.every((part) => isOver(part, HELD));
  return `${selected} ${whole ? conditionSql(resolved, parameters) : resolvedSql(resolved, parameters)}`;
}

/**
 * Whether a list of a few in order of creation should look among the first jobs before it looks at all: what is asked for
 * may be anything from rare to all there is, and says no workflow in which it is.
 */
export function mayBeCommon(query: Query): boolean {
  if (query.limit === undefined || query.orderBy.length > 0) return false;
  const parts = conjuncts(query.where);
  if (isNarrow(parts) || valuesAsked(parts, 'name') !== null) return false;
  return isCommonState(parts) || isUnindexed(parts) || parts.some(isSought);
}

/** Whether it asks by a state that is anything from rare to all there is. */
export function isCommonState(parts: readonly Condition[]): boolean {
  return (valuesAsked(parts, 'state') ?? []).some((state) => (COMMON as readonly string[]).includes(state));
}

/** Whether it asks what only the rows say, as by a value in `data`, and nothing that leads to few of them. */
export function isUnindexed(parts: readonly Condition[]): boolean {
  if (isNarrow(parts) || parts.some(isSought)) return false;
  if (valuesAsked(parts, 'state') !== null && !isCommonState(parts)) return false;
  return parts.some((part) => !isOver(part, [...HELD, 'job_id']));
}

/** An index leads to few rows, or to those of one workflow. */
function isNarrow(parts: readonly Condition[]): boolean {
  return parts.some(isPinned) || valuesAsked(parts, 'workflow') !== null;
}

/** It leads to few rows by an index that is sorted by it. */
function isPinned(c: Condition): boolean {
  if (!('field' in c)) return false;
  if (c.field === 'job_id') return ONE_OF.includes(c.op) || c.op === 'startsWith';
  return (c.field === 'launcher' && ONE_OF.includes(c.op)) || (c.field === 'parents' && c.op === 'contains');
}

/** It asks for a text that few jobs may have. */
function isSearch(c: Condition): boolean {
  if ('or' in c) return c.or.length > 0 && c.or.every(isSearch);
  if ('and' in c) return c.and.some(isSearch) && isOver(c, HELD);
  if (!('field' in c)) return false;
  if (c.field === 'name' || c.field === 'application') return PARTS.includes(c.op) || ONE_OF.includes(c.op);
  return c.field === 'workflow' && PARTS.includes(c.op);
}

/** It is looked for in the keys of an index. */
function isSought(c: Condition): boolean {
  return isSearch(c) || isPartOfId(c);
}

function isPartOfId(c: Condition): boolean {
  return 'field' in c && c.field === 'job_id' && PARTS.includes(c.op) && c.op !== 'startsWith';
}

/** Whether these fields are all that it asks about. */
function isOver(c: Condition, fields: readonly string[]): boolean {
  if ('and' in c) return c.and.every((part) => isOver(part, fields));
  if ('or' in c) return c.or.every((part) => isOver(part, fields));
  if ('not' in c) return isOver(c.not, fields);
  return 'field' in c && fields.includes(c.field);
}
