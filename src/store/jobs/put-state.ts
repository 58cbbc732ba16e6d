/**
 * A person puts jobs into a state by hand: `balsam modify ID state X`, `retry`, `reset`. Only jobs that no launcher holds
 * (PROTOCOL 9), with a line in their history, and one wake-up for who waits. It never touches `data`.
 */
import { isEnd, type JobState, type SettableState } from '../../model/job.ts';
import type { Condition } from '../../model/query.ts';
import type { Database } from '../connection.ts';
import { whereSql } from './search.ts';
import { Parameters } from './query-sql.ts';
import { plainArray } from '../sql-array.ts';

export interface Put {
  readonly id: string;
  readonly name: string;
  /** Before. */
  readonly state: JobState;
}

export interface PutResult {
  moved: Put[];
  /** Matched, in one of the states asked for, but a launcher holds them. */
  held: Put[];
}

/**
 * Moves the matching jobs that are in one of `from` to `to`. With `afresh` they count no starts, no lost ends and no lost
 * nodes and helpers any more, so that no limit reached before ends them at once. All in one statement; a repeat moves what is in
 * `from` again.
 */
export async function putState(
  db: Database,
  where: Condition,
  change: { from: readonly JobState[]; to: SettableState; afresh: boolean; message: string },
): Promise<PutResult> {
  const afresh = change.afresh ? 'tries = 0, lost_ends = 0, node_losses = 0, helper_losses = 0,' : '';
  const rows = await db.run(async (sql) => {
    const parameters = new Parameters([
      plainArray(change.from),
      change.to,
      change.message.replaceAll('\0', '?'),
      isEnd(change.to) ? 'balsam_done' : 'balsam_job',
    ]);
    const condition = await whereSql(sql, where, parameters);
    return sql.unsafe<(Put & { held: boolean })[]>(
      `with target as materialized (
         select id, name, state, launcher from job where state = any ($1::text[]) and ${condition} order by id for update),
       moved as (
         update job set state = $2::text, ${afresh} updated_at = clock_timestamp() from target
         where job.id = target.id and job.launcher is null returning job.id),
       noted as (insert into job_event (job_id, state, message) select id, $2::text, $3::text from moved),
       told as materialized (select pg_notify($4::text, '') from moved limit 1)
       select target.id, target.name, target.state, target.launcher is not null as held
       from target left join told on true order by target.id`,
      parameters.values,
    );
  });
  const result: PutResult = { moved: [], held: [] };
  for (const { id, name, state, held } of rows) (held ? result.held : result.moved).push({ id, name, state });
  return result;
}
