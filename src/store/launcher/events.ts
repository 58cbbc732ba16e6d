/**
 * What happened to launchers (PROTOCOL 3, 4, 10): takeovers, agents lost, nodes drained, outages, rescues.
 *
 * Called by the coordinator, `ls launchers`, `watch` and the history of jobs. A launcher writes its own under its fence; a
 * repeat writes nothing. It must never be needed for a decision about a job.
 */
import type { LauncherNote } from '../../core/coordinator/batch.ts';
import type { Database } from '../connection.ts';
import type { LauncherEventRow } from '../rows.ts';
import { column, plainArray, textArray } from '../sql-array.ts';

/** Of all launchers together, the newest events that are read for a list. Guess: more than anybody reads. */
const EVENTS_LIMIT = 10_000;

export interface Recording {
  launcher: number;
  /** The epoch that is written under, and that in which the coordinator began. */
  epoch: number;
  source: number;
  notes: readonly LauncherNote[];
  /** Incarnations of which nothing is left to be heard or written. */
  ended: readonly string[];
}

/** Writes notes and the ends of incarnations, fenced; false: the row is not ours. A repeat changes nothing. */
export async function recordNotes(db: Database, r: Recording): Promise<boolean> {
  const [row] = await db.run((sql) =>
    sql.unsafe<{ fenced: boolean }[]>(
      `with fence as materialized (
         select id from launcher where id = $1::int and epoch = $2::int and state = 'alive' for key share),
       noted as (
         insert into launcher_event (launcher, source, number, at, kind, node, host, message)
         select f.id, $3::int, n.number, to_timestamp(n.at_ms / 1000), n.kind, n.node, n.host, n.message
         from fence f cross join unnest($4::int[], $5::float8[], $6::text[], $7::int[], $8::text[], $9::text[])
           as n(number, at_ms, kind, node, host, message)
         on conflict do nothing),
       ended as (
         update roster r set ended_at = clock_timestamp() from fence f
         where r.launcher = f.id and r.incarnation = any ($10::text[]) and r.ended_at is null)
       select exists (select from fence) as fenced`,
      [
        r.launcher,
        r.epoch,
        r.source,
        plainArray(column(r.notes, (n) => n.number)),
        plainArray(column(r.notes, (n) => n.at)),
        textArray(column(r.notes, (n) => n.kind)),
        plainArray(column(r.notes, (n) => n.node)),
        textArray(column(r.notes, (n) => n.host)),
        textArray(column(r.notes, (n) => n.message)),
        textArray(r.ended),
      ],
    ),
  );
  return row!.fenced;
}

/** A successor took over: told in the history of every job that it holds. Fenced; a repeat writes nothing. */
export async function noteTakeover(
  db: Database,
  of: { launcher: number; epoch: number; held: number },
): Promise<void> {
  const message = `its coordinator died and was replaced: epoch ${of.epoch}, ${of.held} jobs held`;
  await db.run(
    (sql) => sql`
      with fence as materialized (
        select id from launcher where id = ${of.launcher} and epoch = ${of.epoch} and state = 'alive' for key share)
      insert into launcher_event (launcher, source, number, kind, message)
      select id, ${of.epoch}, 0, 'takeover', ${message} from fence on conflict do nothing`,
  );
}

/** The events of these launchers, oldest first. */
export async function launcherEvents(
  db: Database,
  launchers: readonly number[],
): Promise<Map<number, LauncherEventRow[]>> {
  if (launchers.length === 0) return new Map();
  const rows = await db.run(
    (sql) => sql<LauncherEventRow[]>`
      select e.launcher, e.at, e.kind, e.node, e.host, e.message from launcher_event e
      where e.launcher = any (${plainArray(launchers)}::int[])
      order by e.launcher desc, e.source desc, e.number desc limit ${EVENTS_LIMIT}`,
  );
  return Map.groupBy(rows.toReversed(), (row) => row.launcher);
}

/** The nodes that this launcher has drained and not taken again, with the reason. */
export async function drainedNodes(
  db: Database,
  launcher: number,
): Promise<{ node: number; reason: string }[]> {
  return db.run(async (sql) => [
    ...(await sql<{ node: number; reason: string }[]>`
      select node, message as reason from (
        select distinct on (node) node, kind, message from launcher_event
        where launcher = ${launcher} and kind in ('drained', 'undrained') and node is not null
        order by node, source desc, number desc) e
      where kind = 'drained' order by node`),
  ]);
}
