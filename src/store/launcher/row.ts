/**
 * Launchers: the row that fences, its epoch and heartbeat, and what it holds (PROTOCOL 1, 3, 9).
 *
 * Called by the coordinator and by the warden. Every change of epoch or state locks the row and changes it in one
 * statement: only that makes a zombie with an older snapshot see it. It must never revive a row that is ended or dead.
 */
import type { Database } from '../connection.ts';
import type { LauncherRow, RosterMember } from '../rows.ts';
import { column, plainArray, textArray } from '../sql-array.ts';

/** Launchers of one list; what they hold is counted up to the other. Guess: nobody reads more. */
const MANY_LAUNCHERS = 1_000;
const HELD_COUNT_LIMIT = 100_000;

export interface NewLauncher {
  /** Unique, made by the warden. */
  name: string;
  host: string;
  mode: string;
  wfFilter: string;
  nodes: number;
  schedulerId: string;
  /** It runs jobs of other database users too. */
  anyOwner?: boolean;
  /** Until its time limit, milliseconds; null: none. The row has the time by the database's own clock. */
  leftMs: number | null;
}

/**
 * Makes the row of a new launcher, alive, epoch 1, or finds the one of this name: a repeat gives the same id and the
 * epoch that it has now. The owner is the database role.
 */
export async function registerLauncher(
  db: Database,
  launcher: NewLauncher,
): Promise<{ id: number; epoch: number }> {
  const { name, host, mode, wfFilter, nodes, schedulerId, leftMs, anyOwner = false } = launcher;
  return db.run(async (sql) => {
    const [made] = await sql<{ id: number; epoch: number }[]>`
      insert into launcher (name, host, mode, wf_filter, nodes, scheduler_id, any_owner, ends_at)
      values (${name}, ${host}, ${mode}, ${wfFilter}, ${nodes}, ${schedulerId}, ${anyOwner},
        clock_timestamp() + ${leftMs}::float8 * interval '1 ms')
      on conflict (name) do nothing returning id, epoch`;
    if (made) return { id: made.id, epoch: made.epoch };
    const [found] = await sql<
      { id: number; epoch: number }[]
    >`select id, epoch from launcher where name = ${name}`;
    return { id: found!.id, epoch: found!.epoch };
  });
}

/** What a heartbeat tells people of the launcher. */
export interface LauncherHealth {
  /** Wall clock, milliseconds: the database does not take what is written since then. */
  degradedSince: number | null;
  degradedWhy: string;
  /** Nodes that take work. */
  nodesAlive: number | null;
}

const HEALTHY: LauncherHealth = { degradedSince: null, degradedWhy: '', nodesAlive: null };

/** Confirms that the launcher lives. false: the row is not ours under this epoch, or not alive any more. */
export async function heartbeat(
  db: Database,
  id: number,
  epoch: number,
  health: LauncherHealth = HEALTHY,
): Promise<boolean> {
  const { degradedSince, degradedWhy, nodesAlive } = health;
  const rows = await db.run(
    (sql) => sql`update launcher set heartbeat_at = clock_timestamp(), degraded_why = ${degradedWhy},
        degraded_since = to_timestamp(${degradedSince}::float8 / 1000), nodes_alive = ${nodesAlive}
      where id = ${id} and epoch = ${epoch} and state = 'alive' returning id`,
  );
  return rows.length === 1;
}

/**
 * Raises the epoch from `epoch` to `epoch + 1` and counts as a heartbeat; everything sent under an older one is then
 * void. A repeat after an unknown outcome gives the same answer. null: the row is another's, ended or dead.
 */
export async function raiseEpoch(db: Database, id: number, epoch: number): Promise<number | null> {
  const [row] = await db.run(
    (sql) => sql<{ epoch: number }[]>`
      with l as materialized (
        select id from launcher where id = ${id} and epoch in (${epoch}, ${epoch + 1}) and state = 'alive' for update)
      update launcher set epoch = ${epoch + 1}, heartbeat_at = clock_timestamp() from l where launcher.id = l.id
      returning launcher.epoch`,
  );
  return row?.epoch ?? null;
}

/**
 * The epoch that a successor finds, null when the launcher is dead or has ended. It takes over by `raiseEpoch` from there,
 * and from there again when the outcome was unknown: so a late one of its own raises nothing under it (PROTOCOL 3, 7).
 */
export async function epochFound(db: Database, id: number): Promise<number | null> {
  const [row] = await db.run(
    (sql) => sql<{ epoch: number }[]>`select epoch from launcher where id = ${id} and state = 'alive'`,
  );
  return row?.epoch ?? null;
}

/** What a launcher could take when it looked for jobs last. */
interface Fitted {
  nodes: number;
  /** null: no limit. */
  minutes: number | null;
}

/** Ends the launcher: nothing is leased or written under it any more. false: it is not ours. A repeat gives false. */
export async function leave(
  db: Database,
  id: number,
  epoch: number,
  fitted: Fitted | null = null,
): Promise<boolean> {
  const rows = await db.run(
    (sql) => sql`
      with l as materialized (select id from launcher where id = ${id} and epoch = ${epoch} and state = 'alive' for update)
      update launcher set state = 'ended', ended_at = clock_timestamp(), took_nodes = ${fitted?.nodes ?? null},
        took_minutes = ${fitted?.minutes ?? null}
      from l where launcher.id = l.id
      returning launcher.id`,
  );
  return rows.length === 1;
}

/** Writes down who can run or guard jobs of the launcher, before it may. Fenced; a member that is there is left. */
export async function addRoster(
  db: Database,
  id: number,
  epoch: number,
  members: readonly RosterMember[],
): Promise<boolean> {
  const [row] = await db.run((sql) =>
    sql.unsafe<{ fenced: boolean }[]>(
      `with fence as materialized (
         select id from launcher where id = $1::int and epoch = $2::int and state = 'alive' for key share),
       added as (
         insert into roster (launcher, kind, host, boot_id, pid_namespace, uid, pid, start_time, node, incarnation)
         select f.id, m.* from fence f cross join unnest($3::text[], $4::text[], $5::text[], $6::text[], $7::int[], $8::int[],
           $9::text[], $10::text[], $11::text[]) as m
         on conflict (launcher, host, boot_id, pid_namespace, pid, start_time, incarnation) do update set ended_at = null)
       select exists (select from fence) as fenced`,
      [
        id,
        epoch,
        textArray(column(members, (m) => m.kind)),
        textArray(column(members, (m) => m.host)),
        textArray(column(members, (m) => m.boot_id)),
        textArray(column(members, (m) => m.pid_namespace)),
        plainArray(column(members, (m) => m.uid)),
        plainArray(column(members, (m) => m.pid)),
        textArray(column(members, (m) => m.start_time)),
        textArray(column(members, (m) => m.node)),
        textArray(column(members, (m) => m.incarnation)),
      ],
    ),
  );
  return row!.fenced;
}

/** Incarnations that may have a job of the launcher: all on the roster but those that are over and written (PROTOCOL 3). */
export async function livingIncarnations(db: Database, id: number): Promise<string[]> {
  const rows = await db.run(
    (sql) => sql<{ incarnation: string }[]>`
      select distinct incarnation from roster where launcher = ${id} and incarnation <> '' and ended_at is null`,
  );
  return rows.map((row) => row.incarnation);
}

/** What it holds and a user has killed. Cheap: the poll of PROTOCOL 9. */
export async function killedJobs(db: Database, id: number): Promise<{ id: string; attempt: number }[]> {
  return db.run(async (sql) => [
    ...(await sql<{ id: string; attempt: number }[]>`
      select id, attempt from job where launcher = ${id} and state = 'USER_KILLED'`),
  ]);
}

/** The newest launchers first, with the age of their heartbeat by the database's clock, and how many jobs they hold. */
export async function listLaunchers(db: Database, limit = MANY_LAUNCHERS): Promise<LauncherRow[]> {
  return db.run(async (sql) => [
    ...(await sql<LauncherRow[]>`
      select id, name, epoch, state, heartbeat_at, host, mode, wf_filter, nodes, scheduler_id, owner, started_at, ended_at,
        (extract(epoch from clock_timestamp() - heartbeat_at) * 1000)::float8 as heartbeat_age_ms,
        degraded_since, degraded_why, ends_at, nodes_alive, rescued_by, rescued_at, rescued_how, rescued_jobs,
        (select count(*)::int from (
          select from job j where j.launcher is not null and j.launcher = launcher.id limit ${HELD_COUNT_LIMIT}) h) as held
      from launcher order by id desc limit ${limit}`),
  ]);
}
