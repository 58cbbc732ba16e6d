/**
 * Jobs as users see them: create, read, change, kill, delete.
 *
 * Called by the client, the command line and the coordinator (for its jobs' requests). A job that a launcher holds
 * changes its state only through that launcher's coordinator: here it can be killed, and its data and description
 * changed, nothing else (PROTOCOL 9).
 */
import { UserError } from '../../base/errors.ts';
import { cuteId } from '../../model/job-directory.ts';
import { JOB_STATES, isAllowed, isEnd, type JobState } from '../../model/job.ts';
import type { Condition } from '../../model/query.ts';
import { again, type Database, type Queries } from '../connection.ts';
import { ENDED, jobColumns } from './columns.ts';
import { checkDataChange, checkValue, columnType, valueText } from './values.ts';
import { refuseCircle } from './parents.ts';
import { whereSql } from './search.ts';
import { Parameters } from './query-sql.ts';
import { JOB_FIELDS, isWritableField, type JobRow, type JsonObject, type WritableField } from '../rows.ts';
import { plainArray, textArray } from '../sql-array.ts';

export { copyJobs, insertJobs } from './insert.ts';
export { countByState, countJobs, getJobs, streamJobs, workflows } from './read.ts';

export interface JobChange {
  fields: Partial<Pick<JobRow, Exclude<WritableField, 'data'>>>;
  /** Top-level keys to set. */
  dataSet: JsonObject;
  /** Top-level keys to remove. */
  dataRemoved: readonly string[];
}

export interface KillResult {
  killed: { id: string; name: string }[];
  /** Matched, but at an end state before. */
  already: { id: string; name: string; state: JobState }[];
}

/**
 * Changes the fields given, and merges `data` by key: the later commit wins per key. Returns the row as it is then.
 * UserError when a value is wrong, the job is gone, parents would make a circle, or a field that the start is made from
 * is to change while a launcher holds the job. A repeat gives the same.
 */
export async function updateJob(db: Database, id: string, change: JobChange): Promise<JobRow> {
  const write = (sql: Queries): Promise<JobRow> => changeIn(sql, id, change);
  return again(() => (change.fields.parents === undefined ? db.run(write) : db.transaction(write)));
}

/** The same where `sql` is; with parents it must be in a transaction. */
export async function changeIn(sql: Queries, id: string, change: JobChange): Promise<JobRow> {
  const parameters = new Parameters([id]);
  const { sets, startFields } = changeSql(change, parameters);
  const text = `update job set ${sets} where id = $1::uuid ${startFields ? 'and launcher is null' : ''}
    returning ${jobColumns('job')}${startFields ? `, pg_notify('balsam_job', '')::text as told` : ''}`;
  const { parents } = change.fields;
  if (parents !== undefined) await refuseCircle(sql, id, parents);
  const [row] = await sql.unsafe<(JobRow & { told?: string })[]>(text, parameters.values, { prepare: true });
  if (row === undefined) throw await whyNot(sql, id, Object.keys(change.fields));
  delete row.told;
  return row;
}

/** A job that was leased may have a directory: its files stay where the names of now put them. */
const KEEPS_FILES = `filed_as = case when job.filed_as is null and job.attempt > 0
  then jsonb_build_array(job.workflow, job.name) else job.filed_as end`;

/** What follows `set`, and whether it names a field that the start is made from. UserError for a wrong value. */
export function changeSql(change: JobChange, parameters: Parameters): { sets: string; startFields: boolean } {
  const sets = ['updated_at = clock_timestamp()'];
  let startFields = false;
  for (const [name, value] of Object.entries(change.fields)) {
    if (!isWritableField(name) || name === 'data')
      throw new UserError(`the field "${name}" cannot be set; leave it out`);
    if (value === undefined) continue;
    checkValue(name, value);
    startFields ||= JOB_FIELDS[name].startField;
    const text = valueText(name, value);
    sets.push(`${name} = ${text === null ? 'null' : parameters.add(text, `text::${columnType(name)}`)}`);
  }
  if (change.fields.name !== undefined || change.fields.workflow !== undefined) sets.push(KEEPS_FILES);
  const merged = mergeSql(change, parameters);
  if (merged !== '') sets.push(merged);
  return { sets: sets.join(', '), startFields };
}

function mergeSql(change: JobChange, parameters: Parameters): string {
  if (Object.keys(change.dataSet).length === 0 && change.dataRemoved.length === 0) return '';
  checkDataChange(change.dataSet, change.dataRemoved);
  const set = parameters.add(JSON.stringify(change.dataSet), 'text::jsonb');
  const removed = parameters.add(textArray(change.dataRemoved), 'text[]');
  return `data = (data || ${set}) - ${removed}`;
}

async function whyNot(sql: Queries, id: string, fields: readonly string[]): Promise<UserError> {
  const [row] = await sql<{ name: string; launcher: number | null; node: string | null }[]>`
    select j.name, j.launcher, a.node from job j left join attempt a on a.job_id = j.id and a.attempt = j.attempt
    where j.id = ${id}::uuid`;
  if (row === undefined) return new UserError(`there is no job ${id}; it was deleted`);
  return new UserError(`${heldBy(id, row)}; kill it first, then change ${fields.join(', ')}`);
}

/** A held job, for a sentence. */
export function heldBy(
  id: string,
  row: { name: string; launcher: number | null; node: string | null },
): string {
  const where = row.node === null || row.node === '' ? '' : `, running on ${row.node}`;
  return `job ${cuteId({ job_id: id, name: row.name })} is held by launcher ${row.launcher}${where}`;
}

/**
 * Sets USER_KILLED on what matches and is at no end state; who holds it ends its process and lets it go. With history,
 * and one wake-up for the coordinators. A repeat reports everything as `already`.
 */
export async function killJobs(db: Database, where: Condition): Promise<KillResult> {
  const kill = async (sql: Queries) => {
    const parameters = new Parameters();
    const condition = await whereSql(sql, where, parameters);
    return sql.unsafe<{ id: string; name: string; state: JobState; killed: boolean }[]>(
      `with target as materialized (
         select id, name, state from job where ${condition} order by id for update),
       killed as (
         update job set state = 'USER_KILLED', updated_at = clock_timestamp() from target
         where job.id = target.id and job.state not in ${ENDED} returning job.id, job.launcher),
       noted as (insert into job_event (job_id, state, message) select id, 'USER_KILLED', 'killed by ' || current_user from killed),
       told as materialized (select pg_notify('balsam_kill', ''), pg_notify('balsam_done', '') from killed limit 1)
       select target.id, target.name, target.state, target.id in (select id from killed) as killed
       from target left join told on true order by target.id`,
      parameters.values,
    );
  };
  const rows = await again(() => db.run(kill));
  const result: KillResult = { killed: [], already: [] };
  for (const { id, name, state, killed } of rows) {
    if (killed) result.killed.push({ id, name });
    else result.already.push({ id, name, state });
  }
  return result;
}

/**
 * Moves jobs to `state` by the table of core/job.ts, with history; all of them or none. UserError names the first job that
 * is held, gone, or in a state from which the table has no such step. `leaveKilled`: those that were killed are left as they
 * are. Returns how many moved.
 */
export async function setState(
  db: Database,
  ids: readonly string[],
  state: JobState,
  message: string,
  leaveKilled = false,
): Promise<number> {
  const from = JOB_STATES.filter((s) => isAllowed(s, state) && s !== 'RUNNING');
  const wanted = [...new Set(ids)].toSorted();
  const held = state === 'USER_KILLED' ? 'true' : 'launcher is null';
  const move = async (sql: Queries): Promise<number> => {
    const channel = state === 'USER_KILLED' ? 'balsam_kill' : isEnd(state) ? 'balsam_done' : 'balsam_job';
    const rows = await sql.unsafe<{ id: string }[]>(
      `with target as materialized (
         select id from job where id = any ($1::uuid[]) and ${held} and state = any ($2::text[]) order by id for update),
       moved as (update job set state = $3::text, updated_at = clock_timestamp() from target where job.id = target.id returning job.id),
       noted as (insert into job_event (job_id, state, message) select id, $3::text, $4::text from moved),
       told as materialized (select pg_notify($5::text, '') from moved limit 1)
       select moved.id from moved left join told on true`,
      [
        plainArray(wanted),
        plainArray(state === 'USER_KILLED' ? JOB_STATES.filter((s) => !isEnd(s)) : from),
        state,
        message.replaceAll('\0', '?'),
        channel,
      ],
    );
    const moved = new Set(rows.map((r) => r.id));
    const left = wanted.filter((id) => !moved.has(id));
    const killed = leaveKilled && left.length > 0 ? await killedAmong(sql, left) : new Set();
    const stuck = left.find((id) => !killed.has(id));
    if (stuck !== undefined) throw await whyNotMoved(sql, stuck, state);
    return rows.length;
  };
  return again(() => db.transaction(move));
}

async function killedAmong(sql: Queries, ids: readonly string[]): Promise<Set<string>> {
  const rows = await sql<{ id: string }[]>`
    select id from job where id = any (${plainArray(ids)}::uuid[]) and state = 'USER_KILLED'`;
  return new Set(rows.map((row) => row.id));
}

async function whyNotMoved(sql: Queries, id: string, state: JobState): Promise<UserError> {
  const [row] = await sql<{ name: string; state: JobState; launcher: number | null; node: string | null }[]>`
    select j.name, j.state, j.launcher, a.node from job j left join attempt a on a.job_id = j.id and a.attempt = j.attempt
    where j.id = ${id}::uuid`;
  if (row === undefined) return new UserError(`there is no job ${id}; it was deleted`);
  if (row.launcher !== null && state !== 'USER_KILLED')
    return new UserError(`${heldBy(id, row)}; kill it first`);
  const next = JOB_STATES.filter((s) => isAllowed(row.state, s)).join(', ') || 'none';
  return new UserError(
    `job ${cuteId({ job_id: id, name: row.name })} is ${row.state}, from where ${state} cannot be set; possible: ${next}`,
  );
}
