/**
 * What of a launcher's jobs is left when it leaves, by why it did not run them: for its last words and its history.
 *
 * Read only; asked once at the end of a launcher, or while one waits for work. It must follow the conditions of a lease
 * (lease.ts, PROTOCOL 2) word for word.
 */
import { LEFT_COUNT_LIMIT } from '../../base/limits.ts';
import type { Fits, LeftFacts, LeftGroup } from '../../model/last-words.ts';
import type { Database } from '../connection.ts';
import { RUNNABLE } from './lease.ts';
import { textArray } from '../sql-array.ts';

/** Names of workflows that are told when a filter matches none. Guess: a line. */
const WORKFLOWS_TOLD = 5;

export interface LeftRequest {
  /** Substring of the workflows; '' = all. */
  wfFilter: string;
  /** The workflows with runnable jobs that match it; null for all. */
  workflows: readonly string[] | null;
  serialOnly: boolean;
  anyOwner: boolean;
  fits: Fits;
}

/** Free jobs that a lease may take by their state, by the first condition that keeps this launcher from them. */
const FREE = `select code, count(*)::int as count, coalesce(min(value), 0) as least, coalesce(max(value), 0) as most, who from (
    select case when $3::boolean and (num_nodes > 1 or ranks_per_node > 1) then 'ranks'
        when num_nodes > $4::int then 'nodes' when wall_time_minutes > $5::int then 'wall-time'
        when not $6::boolean and owner <> current_user::text then 'owner' else 'open' end as code, *
    from (select num_nodes, ranks_per_node, wall_time_minutes, owner from job
      where ${RUNNABLE} and ($2::text[] is null or workflow = any ($2::text[])) limit $1::int) j) c
  cross join lateral (select case code when 'ranks' then greatest(num_nodes, ranks_per_node) when 'nodes' then num_nodes
      when 'wall-time' then wall_time_minutes end as value, case code when 'owner' then owner else '' end as who) v
  group by code, who`;

/** Jobs that others, or this launcher itself, hold. $2: the filter. */
const HELD = `select 'held' as code, count(*)::int as count, 0 as least, 0 as most, launcher::text as who from (
    select launcher from job where launcher is not null and strpos(workflow, $2::text) > 0
      and state not in ('JOB_FINISHED', 'FAILED', 'USER_KILLED') and ($3::boolean or owner = current_user::text) limit $1::int) h
  group by launcher`;

/** Jobs at rest in a state from which no launcher takes them. */
const RESTING = `select 'state' as code, count(*)::int as count, 0 as least, 0 as most, state as who from (
    select state from job where launcher is null and strpos(workflow, $2::text) > 0
      and ($3::boolean or owner = current_user::text)
      and (state in ('AWAITING_PARENTS', 'READY', 'STAGED_IN', 'RUN_DONE', 'POSTPROCESSED', 'RUN_TIMEOUT', 'RUN_ERROR')
        or (state = 'CREATED' and not (stage_in_url = '' and (parents = '{}' or (not wait_for_parents and input_files = '')))))
    limit $1::int) s
  group by state`;

/** A loose scan of all workflows, one step each: whether one has the filter in its name, and some names. */
const WORKFLOWS = `with recursive w as (
    (select workflow from job order by workflow limit 1)
    union all
    select (select workflow from job where workflow > w.workflow order by workflow limit 1) from w where w.workflow is not null)
  select coalesce(bool_or(strpos(workflow, $1::text) > 0), false) as matches,
    array_to_json((array_agg(workflow order by workflow))[:$2::int]) as names
  from w where workflow is not null`;

/** Groups of at most LEFT_COUNT_LIMIT jobs each. WorldError when Postgres does not answer. */
export async function leftFacts(db: Database, of: LeftRequest): Promise<LeftFacts & { owner: string }> {
  const { wfFilter, workflows, fits, anyOwner } = of;
  const limit = LEFT_COUNT_LIMIT + 1;
  const minutes = fits.minutes === null ? 2_147_483_647 : Math.floor(fits.minutes);
  return db.run(async (sql) => {
    const [who] = await sql<{ owner: string }[]>`select current_user::text as owner`;
    const free =
      workflows?.length === 0
        ? []
        : await sql.unsafe<LeftGroup[]>(FREE, [
            limit,
            workflows === null ? null : textArray(workflows),
            of.serialOnly,
            fits.nodes,
            minutes,
            anyOwner,
          ] as (string | number | boolean)[]);
    const held = await sql.unsafe<LeftGroup[]>(HELD, [limit, wfFilter, anyOwner]);
    const resting = await sql.unsafe<LeftGroup[]>(RESTING, [limit, wfFilter, anyOwner]);
    const groups = [...free, ...held, ...resting].toSorted((a, b) => b.count - a.count);
    const more = [free, held, resting].some((g) => g.reduce((n, { count }) => n + count, 0) >= limit);
    const facts = { owner: who!.owner, groups, more };
    if (groups.length > 0 || wfFilter === '') return { ...facts, filterMatches: true, workflows: [] };
    const [all] = await sql.unsafe<{ matches: boolean; names: string[] | null }[]>(WORKFLOWS, [
      wfFilter,
      WORKFLOWS_TOLD,
    ]);
    return { ...facts, filterMatches: all!.matches, workflows: all!.names ?? [] };
  });
}
