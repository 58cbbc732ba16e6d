/**
 * The *marks* of jobs as SQL: every moment at which something about a job changed, in causal order, made from the rows
 * `job`, `attempt` and `job_event`. States over time, waits and what was runnable when are all read off them.
 *
 * Called by report.ts and ledger.ts. One sort by job serves all windows; nothing is kept in memory but by Postgres,
 * which spills. Times are event times; where the clocks of two hosts disagree, a mark is never earlier than the one before.
 */
import { ENDED } from '../jobs/columns.ts';

/** Number of the bucket that holds the time `at`, by the array of edges `$edges`; -1 before the first. */
export function bucketSql(at: string, edges: string): string {
  return `(width_bucket(${at}, ${edges}::timestamptz[]) - 1)`;
}

/** A window over the marks of one job; the order in which they are made, so that nothing is sorted twice. */
export const MARK_ORDER = 'partition by job_id order by rank, told_at, ord';

/** The first and the last of the edges `$2`: nothing after the last is of interest. */
export const FIRST_EDGE = '($2::timestamptz[])[1]';
export const LAST_EDGE = '($2::timestamptz[])[array_upper($2::timestamptz[], 1)]';

/** When a job that nobody holds can be leased: the two halves of RUNNABLE in lease.ts. */
const FREE_STATES = `('PREPROCESSED', 'RESTART_READY')`;
const FREE_WHEN_CREATED = `stage_in_url = '' and (parents = '{}' or (not wait_for_parents and input_files = ''))`;

/**
 * `marks`: job_id, rank, told_at and ord (MARK_ORDER, the order within the job), at, state (never null), before (state before it, null at the first),
 * free (a launcher could lease it from then on), was_free, holder (the launcher that holds it from then on without
 * running it), next_at (null at the last), started (of the attempt that starts there), run_s (how long that ran, when it
 * ended by itself).
 * `$1`: only workflows that are like this; '%' for all of them. `$2`: edges of buckets; jobs that were over long before
 * the first, or made after the last, are left out (an hour is more than clocks differ). Columns of job are joined by whoever
 * needs them.
 */
export const MARKS = `
  chosen as materialized (
    select id, state, launcher, created_at, updated_at, (${FREE_WHEN_CREATED}) as free_when_created
    from job where workflow like $1::text and created_at < ${LAST_EDGE}
      and (updated_at >= ${FIRST_EDGE} - interval '1 hour' or state not in ${ENDED})),
  raw as (
    select id as job_id, 0 as rank, 0::bigint as ord, created_at as at, 'CREATED' as state, free_when_created as free, null::int as holder,
      false as started, null::float8 as run_s from chosen
    union all
    select e.job_id, 1, 10000000000 + e.id, e.at, e.state, e.state in ${FREE_STATES} or (e.state = 'CREATED' and j.free_when_created), null, false, null
      from job_event e join chosen j on j.id = e.job_id
    union all
    select a.job_id, 1, a.attempt * 3 + m.part, case m.part when 0 then a.leased_at when 1 then a.started_at else a.ended_at end,
      case m.part when 0 then null when 1 then 'RUNNING' else a.end_state end,
      m.part = 2 and a.end_state in ${FREE_STATES}, case when m.part = 0 then a.launcher end, m.part = 1,
      case when m.part = 1 and a.outcome in ('RUN_DONE', 'RUN_ERROR') then date_part('epoch', a.ended_at - a.started_at) end
      from attempt a join chosen j on j.id = a.job_id cross join (values (0), (1), (2)) as m(part)
      where case m.part when 0 then a.leased_at when 1 then a.started_at else a.ended_at end is not null
    union all
    select id, 2, 0, updated_at, state, state in ${FREE_STATES} and launcher is null, case when state <> 'RUNNING' then launcher end, false, null
      from chosen where state not in ('CREATED', 'RUNNING') and state not in ${ENDED}),
  ordered as (
    select job_id, rank, at as told_at, ord, max(at) over w as at, free, holder, started, run_s,
      coalesce(state, case lag(state) over w when 'CREATED' then 'PREPROCESSED' else lag(state) over w end, 'PREPROCESSED') as state
    from raw window w as (partition by job_id order by rank, at, ord)),
  marks as (
    select *, lag(state) over w as before, coalesce(lag(free) over w, false) as was_free, lead(at) over w as next_at
    from ordered window w as (${MARK_ORDER}))`;
