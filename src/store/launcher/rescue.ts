/**
 * Rescue: taking back what a dead launcher held (PROTOCOL 4), and ending the sessions of a dead coordinator.
 *
 * Two steps, by anyone, repeatable: a tombstone (state `dead`, epoch + 1, never undone), after which no statement of the
 * old launcher writes; then chunks of what it held, each by its own state and with history. It must never touch a row of a launcher that has no tombstone.
 */
import type { Database, Queries } from '../connection.ts';
import type { RosterMember } from '../rows.ts';

/** Rows released by one statement. */
export const RESCUE_CHUNK = 1_000;

/** A launcher that may have to be rescued. */
export interface Candidate {
  id: number;
  name: string;
  host: string;
  epoch: number;
  state: 'alive' | 'ended' | 'dead';
  /** Its heartbeat is older than R by the database's clock: no proof is needed. */
  silent: boolean;
}

/** Launchers that say they live, and those that ended while they held jobs; not ours. */
export async function rescueCandidates(db: Database, own: number, rescueMs: number): Promise<Candidate[]> {
  return db.run(async (sql) => [
    ...(await sql<Candidate[]>`
      select l.id, l.name, l.host, l.epoch, l.state,
        l.heartbeat_at < clock_timestamp() - ${rescueMs}::float8 * interval '1 ms' as silent
      from launcher l
      where l.id <> ${own} and (l.state = 'alive' or exists (
        select from job j where j.launcher is not null and j.launcher = l.id))
      order by l.id`),
  ]);
}

/** Every process that can run or guard jobs of the launcher. */
export async function rosterOf(db: Database, launcher: number): Promise<RosterMember[]> {
  return db.run(async (sql) => [
    ...(await sql<RosterMember[]>`
      select kind, host, boot_id, pid_namespace, uid, pid, start_time, node, incarnation
      from roster where launcher = ${launcher}`),
  ]);
}

/**
 * Declares the launcher dead, under the epoch that was judged; false when it is not that any more (it lives, it raised its
 * epoch, somebody was faster). Without `proven` only when it is silent for `rescueMs`, judged in the same statement. `by` is
 * the launcher that buries it.
 */
export async function tombstone(
  db: Database,
  candidate: Pick<Candidate, 'id' | 'epoch'>,
  rescueMs: number,
  proven: boolean,
  by: number | null = null,
): Promise<boolean> {
  return db.run((sql) => tombstoneIn(sql, candidate, rescueMs, proven, by));
}

/** The same where `sql` is. */
export async function tombstoneIn(
  sql: Queries,
  candidate: Pick<Candidate, 'id' | 'epoch'>,
  rescueMs: number,
  proven: boolean,
  by: number | null,
): Promise<boolean> {
  const rows = await sql`
    with l as materialized (
      select id from launcher where id = ${candidate.id} and epoch = ${candidate.epoch} and state in ('alive', 'ended')
        and (${proven}::boolean or heartbeat_at < clock_timestamp() - ${rescueMs}::float8 * interval '1 ms') for update)
    update launcher set state = 'dead', epoch = launcher.epoch + 1, ended_at = coalesce(launcher.ended_at, clock_timestamp()),
      rescued_by = ${by}, rescued_at = clock_timestamp(), rescued_how = ${proven ? 'proof' : 'silence'}
    from l where launcher.id = l.id returning launcher.id`;
  return rows.length === 1;
}

/** A launcher whose row says that it lives, as any schema has it. */
export type SaysItLives = Pick<Candidate, 'id' | 'epoch' | 'silent'> & { ageSeconds: number };

/**
 * The launchers whose rows say that they live, and keeps every row of the table as it is until the transaction ends: no
 * heartbeat and no new launcher comes in between. Reads only columns that every schema has. Must be called in a transaction.
 */
export async function holdLaunchers(sql: Queries, rescueMs: number): Promise<SaysItLives[]> {
  await sql`lock table launcher in share row exclusive mode`;
  return [
    ...(await sql<SaysItLives[]>`
      select id, epoch, heartbeat_at < clock_timestamp() - ${rescueMs}::float8 * interval '1 ms' as silent,
        extract(epoch from clock_timestamp() - heartbeat_at)::float8 as "ageSeconds"
      from launcher where state = 'alive' order by heartbeat_at desc, id`),
  ];
}

/** The order names the launcher too: with `id` alone the plan walks all jobs by their key (measured: 250,000 rows a chunk). */
const RELEASE = `with d as materialized (
    select id, name, case rescued_how when 'proof' then ', proven dead' when 'silence' then ', silent for too long' else '' end ||
        coalesce(', taken back by launcher ' || rescued_by, '') as how
    from launcher where id = $1::int and state = 'dead' for key share),
  picked as materialized (
    select j.id, j.attempt, j.state as was from job j
    where exists (select from d) and j.launcher is not null and j.launcher = $1::int
    order by j.launcher, j.id limit $2::int for update skip locked),
  done as (
    update job j set launcher = null, updated_at = clock_timestamp(),
      state = case when p.was in ('JOB_FINISHED', 'FAILED', 'USER_KILLED') then p.was
        when j.auto_timeout_retry then 'RESTART_READY' else 'FAILED' end,
      tries = j.tries + (p.was in ('PREPROCESSED', 'RESTART_READY'))::int,
      lost_ends = j.lost_ends + (p.was not in ('JOB_FINISHED', 'FAILED', 'USER_KILLED'))::int
    from picked p where j.id = p.id
    returning j.id, j.attempt, j.state, p.was),
  written as (
    insert into attempt as a (job_id, attempt, launcher, ended_at, outcome, end_state, message)
    select done.id, attempt, d.id, clock_timestamp(), 'RUN_TIMEOUT', state,
      case when was = 'RUNNING' then 'lost with launcher ' else 'may have started in launcher ' end || d.name || d.how
    from done, d where was not in ('JOB_FINISHED', 'FAILED', 'USER_KILLED')
    on conflict (job_id, attempt) do update set ended_at = excluded.ended_at, outcome = excluded.outcome,
      end_state = excluded.end_state, message = excluded.message),
  counted as (update launcher l set rescued_jobs = l.rescued_jobs + (select count(*) from done) from d
    where l.id = d.id and exists (select from done)),
  told as materialized (select pg_notify('balsam_done', '') from done where state = 'FAILED' limit 1),
  offered as materialized (select pg_notify('balsam_job', '') from done where state = 'RESTART_READY' limit 1)
  select (select count(*)::int from done) as released,
    (select count(*) from told) as told, (select count(*) from offered) as offered`;

/**
 * Releases one chunk of what a tombstoned launcher held; the number of rows, 0 when nothing is left that is not locked by
 * somebody else. By the row's state: an end state keeps it; RUNNING, and what may have started, goes through RUN_TIMEOUT.
 */
export async function releaseChunk(db: Database, launcher: Pick<Candidate, 'id'>): Promise<number> {
  const [row] = await db.run((sql) =>
    sql.unsafe<{ released: number }[]>(RELEASE, [launcher.id, RESCUE_CHUNK]),
  );
  return row!.released;
}

/** How many rows the launcher still holds, up to one chunk. */
export async function stillHeld(db: Database, launcher: number): Promise<number> {
  const [row] = await db.run(
    (sql) => sql<{ held: number }[]>`
      select count(*)::int as held from (
        select from job where launcher is not null and launcher = ${launcher} limit ${RESCUE_CHUNK}) h`,
  );
  return row!.held;
}

/**
 * Ends the sessions whose application name begins with `prefix`, except those called `own`: a dead coordinator's backend
 * may still wait behind somebody's lock with a write of ours. Same role only; returns how many were told to end.
 */
export async function endSessions(db: Database, prefix: string, own: string): Promise<number> {
  const rows = await db.run(
    (sql) => sql`
      select pg_terminate_backend(pid) from pg_stat_activity
      where datname = current_database() and usename = current_user and starts_with(application_name, ${prefix}) and application_name <> ${own}`,
  );
  return rows.length;
}
