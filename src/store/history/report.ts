/**
 * What reports are made of, one query each, aggregated by Postgres: a database may hold a million jobs, and what comes
 * back has as many rows as a report has buckets, applications or reasons.
 *
 * Called by src/analytics inside one snapshot, so that the numbers of one report agree. Reads only.
 */
import type { Database, Queries } from '../connection.ts';
import { ENDED } from '../jobs/columns.ts';
import { bucketSql, FIRST_EDGE, LAST_EDGE, MARK_ORDER, MARKS } from './marks.ts';
import type { ApplicationTimes, FailureGroup, Spread, StateChange, TimeBuckets } from './rows.ts';
import { textArray } from '../sql-array.ts';

/** Where the buckets begin, and where the last one ends, as an array for Postgres. */
export function edgesOf({ edgesMs }: TimeBuckets): string {
  return textArray(edgesMs.map((ms) => new Date(ms).toISOString()));
}

/** What there is, and when it happened. */
export interface RecordedSpan {
  /** The first thing on record, and the last; null when there is nothing. Milliseconds since 1970. */
  firstMs: number | null;
  lastMs: number | null;
  nowMs: number;
  /** Something goes on: a launcher lives, or holds jobs. */
  live: boolean;
}

/** Runs `work` in one snapshot, read only, with room to sort. */
export function inSnapshot<T>(db: Database, work: (sql: Queries) => Promise<T>): Promise<T> {
  return db.transaction(async (sql) => {
    await sql`set transaction isolation level repeatable read read only`;
    await sql`set local work_mem = '64MB'`;
    await sql`set local jit = off`;
    return work(sql);
  });
}

/** When things happened to the jobs of these workflows and, without a filter, to launchers. */
export async function recordedSpan(sql: Queries, workflows: string, silentMs: number): Promise<RecordedSpan> {
  const [row] = await sql.unsafe<RecordedSpan[]>(
    `with j as materialized (select id, created_at, updated_at, launcher from job where workflow like $1::text),
     l as (select started_at, coalesce(ended_at, heartbeat_at) as last_at,
         state = 'alive' and heartbeat_at > now() - $2::float8 * interval '1 ms' as live from launcher
       where $1::text = '%'),
     t as (
       select created_at as first_at, updated_at as last_at from j
       union all select at, at from job_event e join j on j.id = e.job_id
       union all select coalesce(leased_at, started_at, ended_at), greatest(leased_at, started_at, ended_at) from attempt a join j on j.id = a.job_id
       union all select started_at, last_at from l)
     select (extract(epoch from min(first_at)) * 1000)::float8 as "firstMs", (extract(epoch from max(last_at)) * 1000)::float8 as "lastMs",
       (extract(epoch from now()) * 1000)::float8 as "nowMs",
       exists (select from j where launcher is not null) or exists (select from l where live) as live from t`,
    [workflows, silentMs],
  );
  return row!;
}

/**
 * How many jobs of these workflows went from which state to which, by bucket. A job that was over before the first edge, and
 * to which nothing happened since, is not counted at all.
 */
export async function stateChanges(sql: Queries, workflows: string, b: TimeBuckets): Promise<StateChange[]> {
  return [
    ...(await sql.unsafe<StateChange[]>(
      `with ${MARKS},
       told as (
         select *, bool_or(at < ${LAST_EDGE} and (at >= ${FIRST_EDGE}
             or (state not in ${ENDED} and coalesce(next_at, 'infinity') > ${FIRST_EDGE}))) over (partition by job_id) as counts
         from marks)
       select ${bucketSql('at', '$2')} as bucket, before, state, count(*)::float8 as jobs
       from told where counts and at < ${LAST_EDGE} and state is distinct from before group by 1, 2, 3 order by 1, 2 nulls first, 3`,
      [workflows, edgesOf(b)],
    )),
  ];
}

const SPREAD = [0.5, 0.9, 0.99];

/**
 * Waits and run times of the attempts that started within the buckets, by application, those with most starts first,
 * `limit` at most. A wait is from the time when the job could be leased (made, its parents done, or the end of the attempt
 * before) to the start; run times are of processes that ended by themselves, within the buckets too.
 */
export async function applicationTimes(
  sql: Queries,
  workflows: string,
  b: TimeBuckets,
  limit: number,
): Promise<ApplicationTimes[]> {
  const rows = await sql.unsafe<
    (Pick<ApplicationTimes, 'application' | 'started' | 'ran'> & Record<'waits' | 'runs', Quantiles>)[]
  >(
    `with ${MARKS},
     waited as (
       select job_id, at, started, case when at + run_s * interval '1 s' < ${LAST_EDGE} then run_s end as run_s, date_part('epoch', at - coalesce(max(case when free and not was_free then at end) over w,
         min(at) over w)) as wait_s
       from marks window w as (${MARK_ORDER}))
     select j.application, count(*)::float8 as started, count(run_s)::float8 as ran,
       array_to_json(percentile_cont(array[${SPREAD.join(', ')}]) within group (order by wait_s) || max(wait_s)) as waits,
       array_to_json(percentile_cont(array[${SPREAD.join(', ')}]) within group (order by run_s) || max(run_s)) as runs
     from waited w join job j on j.id = w.job_id where started and at >= ${FIRST_EDGE} and at < ${LAST_EDGE}
     group by j.application order by count(*) desc, j.application limit $3::int`,
    [workflows, edgesOf(b), limit],
  );
  return rows.map(({ waits, runs, ...row }) => ({ ...row, wait: spreadOf(waits), run: spreadOf(runs) }));
}

type Quantiles = readonly (number | null)[] | null;

function spreadOf(q: Quantiles): Spread {
  const [p50 = null, p90 = null, p99 = null] = q ?? [];
  return { p50, p90, p99, max: q?.at(-1) ?? null };
}

/** Failures within the buckets by application and reason, the commonest first, `limit` at most. Names of nodes and launchers
 * become `…`. */
export async function failureGroups(
  sql: Queries,
  workflows: string,
  b: TimeBuckets,
  limit: number,
): Promise<FailureGroup[]> {
  return [
    ...(await sql.unsafe<FailureGroup[]>(
      `with j as materialized (select id, application from job where workflow like $1::text),
       bad as (
         select j.application, a.outcome as kind, a.message, j.id, a.ended_at as at, a.end_state = 'FAILED' as final
         from attempt a join j on j.id = a.job_id where a.outcome in ('RUN_ERROR', 'RUN_TIMEOUT')
         union all
         select j.application, e.state, e.message, j.id, e.at, e.state = 'FAILED'
         from job_event e join j on j.id = e.job_id where e.state in ('FAILED', 'RUN_ERROR', 'RUN_TIMEOUT', 'USER_KILLED')),
       said as (
         select bad.*, split_part(message, E'\\n', 1) as head, btrim(substring(message from '\\n[^\\n]*\\S[^\\n]*\\s*$'), E' \\n\\t') as tail
         from bad where at >= ${FIRST_EDGE} and at < ${LAST_EDGE})
       select application, kind, reason, count(*)::float8 as count, count(distinct id)::float8 as jobs,
         count(*) filter (where final)::float8 as final, min(at) as first, max(at) as last, coalesce(min(nullif(tail, '')), '') as example
       from (select *, btrim(regexp_replace(regexp_replace(head, '(launcher) \\S+?(?=,|$| )', '\\1 …', 'g'), ' on [^ :]+', ' on …'), ' :') as reason
         from said) r
       group by application, kind, reason order by count(*) desc, application, kind, reason limit $3::int`,
      [workflows, edgesOf(b), limit],
    )),
  ];
}
