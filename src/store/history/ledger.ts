/**
 * The waste ledger: where the node-seconds of launchers went, by bucket of time, to the microsecond, computed by
 * Postgres. docs/report.md has the definitions; whatever happens, the categories of a launcher add up to its nodes times
 * its time.
 *
 * Called by src/analytics inside a snapshot. Changes of what a launcher does become a step function by one window a
 * launcher; each step is given to the categories in order, and whatever is left of its nodes was idle. Reads only.
 */
import { MAX_PACKING } from '../../base/limits.ts';
import type { Queries } from '../connection.ts';
import { bucketSql, MARKS } from './marks.ts';
import type { LedgerLauncher, LedgerRow, TimeBuckets } from './rows.ts';
import { edgesOf } from './report.ts';

/** Shares of a node in whole billionths, as the slots count them: sums never drift. */
const WHOLE = 1_000_000_000;

/**
 * $1 '%' (marks of all jobs), $2 edges of buckets, $3 silence in ms, $4 workflows. A launcher that is dead, or silent
 * for longer than others wait before they bury it, was there until its last heartbeat.
 */
const LAUNCHERS = `
  l as materialized (
    select * from (
      select id, name, state, nodes, mode, wf_filter, owner, greatest(started_at, ($2::timestamptz[])[1]) as t0,
        least(($2::timestamptz[])[array_upper($2::timestamptz[], 1)], case
          when state = 'ended' then coalesce(ended_at, heartbeat_at)
          when state = 'dead' or heartbeat_at < now() - $3::float8 * interval '1 ms' then heartbeat_at
          else now() end) as t1
      from launcher
      where $4::text = '%' or id in (
        select a.launcher from attempt a join job j on j.id = a.job_id where j.workflow like $4::text)) x
    where t1 > t0)`;

/** What attempts held, as intervals with a share. Lost: nobody saw the end, or its helper died under it. */
const RUNS = `
  runs as (
    select l.id as launcher, greatest(a.started_at, l.t0) as s, least(coalesce(a.ended_at, l.t1), l.t1) as e,
      case when l.mode = 'mpi' or j.num_nodes > 1 then ${WHOLE}::float8 * j.num_nodes
        else ${WHOLE} / least(greatest(j.node_packing_count, 1), ${MAX_PACKING}) end as share,
      case when a.outcome = 'RUN_TIMEOUT' and (coalesce(a.exit_code, a.signal) is null or a.message = 'helper lost') then 'lost'
        when j.workflow like $4::text then 'busy' else 'other' end as kind
    from attempt a join l on l.id = a.launcher join job j on j.id = a.job_id
    where a.started_at is not null and (a.ended_at is not null or (j.attempt = a.attempt and j.launcher = a.launcher)))`;

/** Nodes without an agent that lives, and nodes that are drained, until they are taken again; a drained one stays drained,
 * whatever its agent does. */
const NODES = `
  drains as (
    select d.launcher, d.node, greatest(d.at, l.t0) as s, least(coalesce(d.next_at, l.t1), l.t1) as e
    from (select launcher, node, kind, at, lead(at) over (partition by launcher, node order by source, number) as next_at
      from launcher_event where kind in ('drained', 'undrained') and node is not null) d
    join l on l.id = d.launcher where d.kind = 'drained'),
  losses as (
    select e.launcher, greatest(e.at, l.t0) as s, least(l.t1,
      (select min(case when d.s <= e.at then e.at else d.s end) from drains d
        where d.launcher = e.launcher and d.node = e.node and d.e > e.at), lead(e.at) over (partition by e.launcher, e.node order by e.at),
      (select min(r.added_at) from roster r where r.launcher = e.launcher and r.kind = 'agent' and r.node = e.node::text and r.added_at > e.at)) as e
    from launcher_event e join l on l.id = e.launcher
    where e.kind = 'agent-lost' and e.node is not null)`;

/**
 * When something was there that a launcher could have leased: free jobs by what its filter, owner and mode see, and jobs
 * that it held and had not started; each merged to islands first, so that a million of them are few steps.
 */
const WAITING = `
  spans as materialized (
    select j.workflow, j.owner, j.num_nodes = 1 and j.ranks_per_node = 1 as one_rank, m.free, m.holder, m.at as s,
      coalesce(m.next_at, 'infinity') as e
    from marks m join job j on j.id = m.job_id where m.free or m.holder is not null),
  classes as (select distinct wf_filter, owner, mode = 'serial' as serial from l),
  offers as (
    select c.wf_filter, c.owner, c.serial, null::int as holder, s, e from classes c
    join spans on spans.free and spans.owner = c.owner and position(c.wf_filter in spans.workflow) > 0 and (not c.serial or spans.one_rank)
    union all
    select null, null, null, holder, s, e from spans where holder in (select id from l)),
  edges as (
    select *, max(e) over (partition by wf_filter, owner, serial, holder order by s, e
      rows between unbounded preceding and 1 preceding) as reached from offers),
  numbered as (
    select *, count(*) filter (where reached is null or s > reached) over (partition by wf_filter, owner, serial, holder order by s, e
      rows unbounded preceding) as island from edges),
  islands as (
    select wf_filter, owner, serial, holder, min(s) as s, max(e) as e from numbered
    group by wf_filter, owner, serial, holder, island),
  waiting as (
    select l.id as launcher, greatest(i.s, l.t0) as s, least(i.e, l.t1) as e
    from l join islands i on i.wf_filter = l.wf_filter and i.owner = l.owner and i.serial = (l.mode = 'serial')
    where i.s < l.t1 and i.e > l.t0
    union all
    select l.id, greatest(i.s, l.t0), least(i.e, l.t1) from l join islands i on i.holder = l.id)`;

/** Every interval as two steps; the edges of buckets and of the launcher are steps of nothing. */
const STEPS = `
  parts as (
    select launcher, s, e, case kind when 'busy' then share else 0 end as busy, case kind when 'other' then share else 0 end as other,
      case kind when 'lost' then share else 0 end as lost, 0::float8 as down, 0::float8 as drained, 0::float8 as waiting from runs
    union all select launcher, s, e, 0, 0, 0, ${WHOLE}, 0, 0 from losses
    union all select launcher, s, e, 0, 0, 0, 0, ${WHOLE}, 0 from drains
    union all select launcher, s, e, 0, 0, 0, 0, 0, 1 from waiting),
  steps as (
    select launcher, s as at, busy, other, lost, down, drained, waiting from parts where s < e
    union all select launcher, e, -busy, -other, -lost, -down, -drained, -waiting from parts where s < e
    union all select id, t0, 0, 0, 0, 0, 0, 0 from l
    union all select id, t1, 0, 0, 0, 0, 0, 0 from l
    union all select l.id, edge, 0, 0, 0, 0, 0, 0 from l join unnest($2::timestamptz[]) as edge on edge between l.t0 and l.t1),
  levels as (
    select launcher, at, date_part('epoch', lead(at) over w - at) as dt, sum(busy) over w as busy, sum(other) over w as other,
      sum(lost) over w as lost, sum(down) over w as down, sum(drained) over w as drained, sum(waiting) over w as waiting
    from steps window w as (partition by launcher order by at rows unbounded preceding))`;

/**
 * Gives the nodes of each step away in order: who runs, then what is lost, then what is drained; the rest was idle. Each
 * column is what is given so far, so that a category is the difference of two.
 */
const GIVEN = `
  given as (
    select v.launcher, ${bucketSql('v.at', '$2')} as bucket, v.dt, v.waiting > 0 as waited, room, least(busy, room) as busy,
      least(busy + other, room) as held, least(busy + other + lost + down, room) as gone, least(busy + other + lost + down + drained, room) as used
    from levels v join (select id, nodes * ${WHOLE}::float8 as room from l) r on r.id = v.launcher where v.dt > 0),
  sums as (
    select launcher, bucket, sum(busy * dt) / ${WHOLE} as busy, sum(held * dt) / ${WHOLE} as held, sum(gone * dt) / ${WHOLE} as gone,
      sum(used * dt) / ${WHOLE} as used, coalesce(sum((room - used) * dt) filter (where waited), 0) / ${WHOLE} as waited,
      coalesce(sum((room - used) * dt) filter (where not waited), 0) / ${WHOLE} as empty, sum(room * dt) / ${WHOLE} as total
    from given group by launcher, bucket)`;

const LEDGER = `with ${LAUNCHERS}, ${MARKS}, ${RUNS}, ${NODES}, ${WAITING}, ${STEPS}, ${GIVEN}
  select launcher, bucket, busy, greatest(held - busy, 0) as "busyOther", empty as "idleNothingRunnable", waited as "idleNothingFitted",
    greatest(used - gone, 0) as drained, greatest(gone - held, 0) as lost, total
  from sums order by launcher, bucket`;

/** The launchers of the report: all of them, or those that ran something of these workflows. Oldest first. */
export async function ledgerLaunchers(
  sql: Queries,
  workflows: string,
  b: TimeBuckets,
  silentMs: number,
): Promise<LedgerLauncher[]> {
  return [
    ...(await sql.unsafe<LedgerLauncher[]>(
      `with ${LAUNCHERS} select id as launcher, name, state, nodes, (extract(epoch from t0) * 1000)::float8 as "fromMs",
        (extract(epoch from t1) * 1000)::float8 as "toMs" from l where $1::text = '%' order by id`,
      ['%', edgesOf(b), silentMs, workflows],
    )),
  ];
}

/** The node-seconds of each of these launchers by bucket. */
export async function launcherLedger(
  sql: Queries,
  workflows: string,
  b: TimeBuckets,
  silentMs: number,
): Promise<LedgerRow[]> {
  return [...(await sql.unsafe<LedgerRow[]>(LEDGER, ['%', edgesOf(b), silentMs, workflows]))];
}
