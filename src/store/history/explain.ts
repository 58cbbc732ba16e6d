/**
 * What `balsam explain` is decided from: one job's attempts and events, its parents, the launchers, and what waits. All of
 * one moment (one transaction with one snapshot), read only.
 */
import { WAITING_COUNT_LIMIT } from '../../base/limits.ts';
import type {
  ExplainedAttempt,
  ExplainedEnd,
  ExplainedJob,
  ExplainedLauncher,
  ExplainedParent,
  ExplainFacts,
} from '../../model/explain.ts';
import type { Database, Queries } from '../connection.ts';
import { RUNNABLE } from '../launcher/lease.ts';

/** Events read of one job, the newest. Guess: more than a person reads. */
const EVENTS_READ = 200;

/** The facts of a job; null when it is gone. `silentMs`: a launcher not heard for so long is called silent. */
export async function explainFacts(db: Database, id: string, silentMs: number): Promise<ExplainFacts | null> {
  return db.transaction(async (sql) => {
    await sql`set transaction isolation level repeatable read read only`;
    const [job] = await sql<(ExplainedJob & { registered: boolean; user: string })[]>`
      select id as job_id, name, workflow, application, state, array_to_json(parents) as parents, wait_for_parents, input_files,
        stage_in_url, num_nodes, ranks_per_node, wall_time_minutes, launcher, owner, created_at, updated_at, current_user::text as "user",
        exists (select from application a where a.name = job.application) as registered
      from job where id = ${id}::uuid`;
    if (job === undefined) return null;
    const { registered, user, ...rest } = job;
    return {
      job: rest,
      registered,
      parents: [
        ...(await sql<ExplainedParent[]>`
          select p.id, p.name, p.state from job j join job p on p.id = any (j.parents) where j.id = ${id}::uuid order by p.seq`),
      ],
      user,
      launchers: await launchers(sql, job.launcher, silentMs),
      last: await lastEnded(sql, rest),
      attempts: [
        ...(await sql<ExplainedAttempt[]>`
          select attempt, launcher, node, leased_at, started_at, ended_at, outcome, end_state, exit_code, signal, message
          from attempt where job_id = ${id}::uuid order by attempt`),
      ],
      events: (
        await sql<ExplainFacts['events'][number][]>`
          select at, state, message from job_event where job_id = ${id}::uuid order by id desc limit ${EVENTS_READ}`
      ).toReversed(),
      ...(await waiting(sql)),
    };
  });
}

async function launchers(
  sql: Queries,
  holder: number | null,
  silentMs: number,
): Promise<ExplainedLauncher[]> {
  return [
    ...(await sql<ExplainedLauncher[]>`
      select l.id, l.state, l.host, l.mode, l.wf_filter, coalesce(l.nodes_alive, l.nodes) as nodes, l.owner, l.any_owner,
        exists (select from roster r where r.launcher = l.id and r.kind = 'agent') as joined, l.degraded_since is not null as degraded,
        l.heartbeat_at < clock_timestamp() - ${silentMs}::float8 * interval '1 ms' as silent,
        floor(extract(epoch from l.ends_at - clock_timestamp()) / 60)::int as minutes_left
      from launcher l
      where l.state = 'alive' or l.id = ${holder} order by l.id`),
  ];
}

/** Of the last one whose filter matches, what it could take when it looked last, and its last words. */
async function lastEnded(sql: Queries, job: ExplainedJob): Promise<ExplainedEnd | null> {
  const [row] = await sql<ExplainedEnd[]>`
    select l.id, l.state, l.host, l.mode, l.wf_filter, coalesce(l.took_nodes, l.nodes) as nodes, l.owner, l.any_owner,
      false as silent, false as degraded, true as joined, floor(l.took_minutes)::int as minutes_left, l.ended_at,
      coalesce((select e.message from launcher_event e where e.launcher = l.id and e.kind = 'left'
        order by e.source desc, e.number desc limit 1), '') as left,
      coalesce((select e.message from launcher_event e where e.launcher = l.id and e.kind = 'left-over'
        order by e.source desc, e.number desc limit 1), '') as left_over
    from launcher l
    where l.state <> 'alive' and strpos(${job.workflow}, l.wf_filter) > 0
      and coalesce(l.ended_at, l.rescued_at, l.heartbeat_at) > ${job.created_at}
    order by l.id desc limit 1`;
  return row ?? null;
}

async function waiting(sql: Queries): Promise<{ runnable: number; queued_launches: number }> {
  const [row] = await sql.unsafe<{ runnable: number; queued_launches: number }[]>(
    `select (select count(*)::int from (select from job where ${RUNNABLE} limit ${WAITING_COUNT_LIMIT}) r) as runnable,
       (select count(*)::int from queued_launch where state not in ('finished', 'running')) as queued_launches`,
  );
  return row!;
}
