/**
 * The statements of a commit: each takes a batch as columns, writes what its guard matches, and says which did not.
 *
 * Called by commit.ts only. The guard is (id, launcher, attempt) and the states from which the step is allowed; the
 * fence and every value of the guard are joined as columns, never constants (a constant lets the planner start from the
 * table: measured, up to 15 times slower). It must never write a row that another launcher or attempt owns.
 */
import { JOB_STATES, type JobState } from '../../model/job.ts';
import type { EndRow, PatchRow, ReleaseRow, StartRow } from '../commit-rows.ts';
import type { Queries } from '../connection.ts';
import { column, plainArray, textArray } from '../sql-array.ts';

/** What a statement says of itself: whether the fence was there, and the places in the batch that matched nothing. */
export interface Written {
  fenced: boolean;
  missed: number[];
}

/** A start is an end that has not come yet: one statement writes both. */
export interface RunRow {
  id: string;
  attempt: number;
  report: number;
  node: string;
  leasedAt: number;
  startedAt: number | null;
  end: EndRow | null;
}

export function runRowOfStart(start: StartRow): RunRow {
  return { ...start, end: null };
}

export function runRowOfEnd(end: EndRow): RunRow {
  const { id, attempt, report, node, leasedAt, startedAt } = end;
  return { id, attempt, report, node, leasedAt, startedAt, end };
}

const FENCE = `fence as materialized (
  select id as launcher from launcher where id = $1::int and epoch = $2::int and state = 'alive' for key share)`;

/**
 * Always true; it makes the planner believe in one row (two comparisons of 0.005), so that the join starts from the
 * batch and looks each job up by its key, whatever the statistics of the table were when the plan was made. For the same
 * reason the guard has `is not distinct from` and `any (column)`, which give no way into the table of their own: with
 * `=` and constants the plan starts from all that is held (measured: 930 ms a batch of 1,000 instead of 25).
 */
const FEW = 'where r.place + 0 = r.place and r.place - 0 = r.place';

/** States in which our own steps leave a held row; any other was given to it by somebody else: a kill, or plain SQL. */
const OURS: readonly JobState[] = ['PREPROCESSED', 'RESTART_READY', 'RUNNING'];
const OTHERS = JOB_STATES.filter((state) => !OURS.includes(state))
  .map((state) => `'${state}'`)
  .join(', ');

/** Whether a held row is at a state that somebody else gave it. */
export function isOthers(state: JobState): boolean {
  return !OURS.includes(state);
}

/** The answer: nothing but a count when everything matched. `places` numbers the batch from 0. */
const ANSWER = `select exists (select from fence) as fenced,
  case when (select count(*) from done) < (select count(*) from u)
    then (select coalesce(json_agg(place), '[]') from u where place not in (select place from done)) end as missed`;

function dataOf(set: string, removed: string): string {
  return `case when ${set} is null and ${removed} is null then j.data else
    (j.data || coalesce(${set}::jsonb, '{}')) - coalesce(array(select jsonb_array_elements_text(${removed}::jsonb)), '{}') end`;
}

/** $1 launcher, $2 epoch, then the columns. Variants: with data or without; of jobs that a user has killed. */
export function runStatement(variant: { data: boolean; killed: boolean }): string {
  const { data, killed } = variant;
  const patch = data && !killed;
  const columns = `$3::uuid[], $4::int[], $5::bigint[], $6::text[], $7::float8[], $8::float8[], $9::float8[], $10::text[],
    $11::text[], $12::int[], $13::int[], $14::real[], $15::real[], $16::bigint[], $17::text[], $18::int[]${data ? ', $19::text[], $20::text[], $21::text[]' : ''}`;
  const names = `id, attempt, report, node, leased_ms, started_ms, ended_ms, outcome, state, exit_code, signal, user_s, system_s,
    max_rss_kib, message, helper_lost${data ? ', set_json, removed_json, new_description' : ''}`;
  const counted = killed
    ? `not exists (select from attempt a where a.job_id = u.id and a.attempt = u.attempt and a.started_at is not null)`
    : `j.state <> 'RUNNING'`;
  return `with ${FENCE}, u as materialized (
    select f.launcher, r.*, ${killed ? `array[${OTHERS}]` : `case when r.ended_ms is null then array['PREPROCESSED', 'RESTART_READY'] else array['PREPROCESSED', 'RESTART_READY', 'RUNNING'] end`} as allowed
    from fence f cross join unnest(${columns}) with ordinality as r(${names}, place) ${FEW}),
  done as (
    update job j set state = ${killed ? 'j.state' : 'u.state'}, updated_at = clock_timestamp(),
      launcher = case when u.ended_ms is null then j.launcher end,
      tries = least(j.attempt, j.tries + (u.started_ms is not null and ${counted})::int)${killed ? '' : ',\n      helper_losses = j.helper_losses + u.helper_lost'}
      ${patch ? `, data = ${dataOf('u.set_json', 'u.removed_json')}, description = coalesce(u.new_description, j.description)` : ''}
    from u where j.id = u.id and j.attempt = u.attempt and j.launcher is not distinct from u.launcher
      and j.state = any (u.allowed)
    returning u.place, u.launcher, u.id, u.attempt, u.report, u.node, u.leased_ms, u.started_ms, u.ended_ms, u.outcome, j.state,
      u.exit_code, u.signal, u.user_s, u.system_s, u.max_rss_kib, u.message),
  written as (
    insert into attempt as a (job_id, attempt, launcher, node, leased_at, started_at, ended_at, outcome, end_state, exit_code,
      signal, user_s, system_s, max_rss_kib, message, last_report)
    select id, attempt, launcher, node, to_timestamp(leased_ms / 1000), to_timestamp(started_ms / 1000),
      to_timestamp(ended_ms / 1000), ${killed ? `case when ended_ms is not null then 'USER_KILLED' end` : 'outcome'},
      case when ended_ms is not null then state end, exit_code, signal, user_s, system_s, max_rss_kib, message, report
    from done
    on conflict (job_id, attempt) do update set node = excluded.node, leased_at = coalesce(a.leased_at, excluded.leased_at),
      started_at = coalesce(excluded.started_at, a.started_at), ended_at = excluded.ended_at, outcome = excluded.outcome,
      end_state = excluded.end_state, exit_code = excluded.exit_code, signal = excluded.signal, user_s = excluded.user_s,
      system_s = excluded.system_s, max_rss_kib = excluded.max_rss_kib, message = excluded.message,
      last_report = greatest(a.last_report, excluded.last_report)),
  told as materialized (select pg_notify('balsam_done', '') from done where ended_ms is not null limit 1),
  offered as materialized (
    select pg_notify('balsam_job', '') from done where state in ('RESTART_READY', 'PREPROCESSED') and ended_ms is not null limit 1)
  ${ANSWER}, (select count(*) from told) as told, (select count(*) from offered) as offered`;
}

const PATCHES = `with ${FENCE}, u as materialized (
    select f.launcher, r.*, array['PREPROCESSED', 'RESTART_READY', 'RUNNING'] as allowed
    from fence f cross join unnest($3::uuid[], $4::int[], $5::bigint[], $6::text[], $7::text[], $8::text[])
      with ordinality as r(id, attempt, report, set_json, removed_json, new_description, place) ${FEW}),
  done as (
    update job j set data = ${dataOf('u.set_json', 'u.removed_json')}, description = coalesce(u.new_description, j.description),
      updated_at = clock_timestamp()
    from u where j.id = u.id and j.attempt = u.attempt and j.launcher is not distinct from u.launcher
      and j.state = any (u.allowed)
      and not exists (select from attempt a where a.job_id = u.id and a.attempt = u.attempt and a.last_report >= u.report)
    returning u.place, u.launcher, u.id, u.attempt, u.report),
  written as (
    insert into attempt as a (job_id, attempt, launcher, last_report) select id, attempt, launcher, report from done
    on conflict (job_id, attempt) do update set last_report = greatest(a.last_report, excluded.last_report))
  ${ANSWER}`;

/** Killed, or at another end state: only launcher is cleared. 'keep' of a row that is RUNNING matches nothing: a bug. */
const RELEASES = `with ${FENCE}, u as materialized (
    select f.launcher, r.*, case when r.state is null then array['PREPROCESSED', 'RESTART_READY']
      else array['PREPROCESSED', 'RESTART_READY', 'RUNNING'] end as allowed
    from fence f cross join unnest($3::uuid[], $4::int[], $5::text[], $6::text[], $7::text[], $8::text[], $9::int[], $10::int[],
      $11::int[]) with ordinality as r(id, attempt, node, state, outcome, message, lost, node_lost, tried, place) ${FEW}),
  done as (
    update job j set launcher = null, state = coalesce(u.state, j.state), tries = least(j.attempt, j.tries + u.tried * (j.state <> 'RUNNING')::int),
      lost_ends = j.lost_ends + u.lost, node_losses = j.node_losses + u.node_lost, updated_at = clock_timestamp()
    from u where j.id = u.id and j.attempt = u.attempt and j.launcher is not distinct from u.launcher
      and j.state = any (u.allowed)
    returning u.place, u.launcher, u.id, u.attempt, u.node, u.outcome, u.message, j.state),
  written as (
    insert into attempt as a (job_id, attempt, launcher, node, ended_at, outcome, end_state, message)
    select id, attempt, launcher, coalesce(node, ''), clock_timestamp(), outcome, state, message from done where outcome is not null
    on conflict (job_id, attempt) do update set ended_at = excluded.ended_at, outcome = excluded.outcome,
      end_state = excluded.end_state, message = excluded.message, node = case when excluded.node = '' then a.node else excluded.node end),
  noted as (
    insert into job_event (job_id, state, message) select id, state, message from done where outcome is null and message <> ''),
  told as materialized (select pg_notify('balsam_done', '') from done where state = 'FAILED' limit 1),
  offered as materialized (select pg_notify('balsam_job', '') from done where state in ('PREPROCESSED', 'RESTART_READY') limit 1)
  ${ANSWER}, (select count(*) from told) as told, (select count(*) from offered) as offered`;

/** $1 launcher, $2 epoch, $3 ids, $4 attempts, in order of id. */
const LOCKS = `with ${FENCE}, u as materialized (
    select f.launcher, r.* from fence f cross join unnest($3::uuid[], $4::int[]) with ordinality as r(id, attempt, place) ${FEW})
  select from u join job j on j.id = u.id and j.attempt = u.attempt and j.launcher is not distinct from u.launcher
  order by u.place for no key update of j`;

/**
 * Locks the rows of a batch that takes several statements, in order of id: what one statement locks before the next would
 * else be another order than that of a user's `kill` (measured: deadlocks, each a second of waiting).
 */
export async function lockRows(
  sql: Queries,
  { launcher, epoch }: Holder,
  rows: readonly { id: string; attempt: number }[],
): Promise<void> {
  const values = [
    launcher,
    epoch,
    plainArray(column(rows, (r) => r.id)),
    plainArray(column(rows, (r) => r.attempt)),
  ];
  await sql.unsafe(LOCKS, values, { prepare: true });
}

/** The hot ones by name, exported so that their plans can be tested. */
export const commitStatements = {
  run: runStatement({ data: false, killed: false }),
  runWithData: runStatement({ data: true, killed: false }),
  runKilled: runStatement({ data: false, killed: true }),
  patches: PATCHES,
  releases: RELEASES,
  locks: LOCKS,
} as const;

interface Answer {
  fenced: boolean;
  /** Places from 1, null when all matched. */
  missed: number[] | null;
}

async function send(sql: Queries, text: string, values: (string | number)[]): Promise<Written> {
  const [answer] = await sql.unsafe<Answer[]>(text, values, { prepare: true });
  return { fenced: answer!.fenced, missed: (answer!.missed ?? []).map((place) => place - 1) };
}

function removedText(keys: readonly string[]): string | null {
  return keys.length === 0 ? null : JSON.stringify(keys);
}

export interface Holder {
  launcher: number;
  epoch: number;
}

export function runValues(
  { launcher, epoch }: Holder,
  rows: readonly RunRow[],
  data: boolean,
): (string | number)[] {
  const values = [
    launcher,
    epoch,
    plainArray(column(rows, (r) => r.id)),
    plainArray(column(rows, (r) => r.attempt)),
    plainArray(column(rows, (r) => r.report)),
    textArray(column(rows, (r) => r.node)),
    plainArray(column(rows, (r) => r.leasedAt)),
    plainArray(column(rows, (r) => r.startedAt)),
    plainArray(column(rows, (r) => r.end?.endedAt ?? null)),
    plainArray(column(rows, (r) => r.end?.outcome ?? null)),
    plainArray(column(rows, (r) => r.end?.state ?? 'RUNNING')),
    plainArray(column(rows, (r) => r.end?.exitCode ?? null)),
    plainArray(column(rows, (r) => r.end?.signal ?? null)),
    plainArray(column(rows, (r) => r.end?.userS ?? null)),
    plainArray(column(rows, (r) => r.end?.systemS ?? null)),
    plainArray(column(rows, (r) => r.end?.maxRssKib ?? null)),
    textArray(column(rows, (r) => r.end?.message ?? '')),
    plainArray(column(rows, (r) => (r.end?.helperLost === true ? 1 : 0))),
  ];
  if (data)
    values.push(
      textArray(column(rows, (r) => r.end?.dataJson || null)),
      textArray(column(rows, (r) => removedText(r.end?.dataRemoved ?? []))),
      textArray(column(rows, (r) => r.end?.description ?? null)),
    );
  return values;
}

/** Starts and ends, each job once. */
export function writeRuns(sql: Queries, holder: Holder, rows: readonly RunRow[]): Promise<Written> {
  const data = rows.some(
    (r) =>
      r.end !== null && (r.end.dataJson !== '' || r.end.dataRemoved.length > 0 || r.end.description !== null),
  );
  return send(sql, data ? commitStatements.runWithData : commitStatements.run, runValues(holder, rows, data));
}

/** Ends of jobs that a user has killed, or given another state by hand: the exit is kept, launcher is cleared, the state stays. */
export function writeKilledRuns(sql: Queries, holder: Holder, rows: readonly RunRow[]): Promise<Written> {
  return send(sql, commitStatements.runKilled, runValues(holder, rows, false));
}

/** Patches, each job once. */
export function writePatches(sql: Queries, holder: Holder, rows: readonly PatchRow[]): Promise<Written> {
  return send(sql, commitStatements.patches, [
    holder.launcher,
    holder.epoch,
    plainArray(column(rows, (r) => r.id)),
    plainArray(column(rows, (r) => r.attempt)),
    plainArray(column(rows, (r) => r.report)),
    textArray(column(rows, (r) => r.dataJson || null)),
    textArray(column(rows, (r) => removedText(r.dataRemoved))),
    textArray(column(rows, (r) => r.description)),
  ]);
}

/** Releases, each job once. */
export function writeReleases(sql: Queries, holder: Holder, rows: readonly ReleaseRow[]): Promise<Written> {
  return send(sql, commitStatements.releases, [
    holder.launcher,
    holder.epoch,
    plainArray(column(rows, (r) => r.id)),
    plainArray(column(rows, (r) => r.attempt)),
    textArray(column(rows, (r) => r.node)),
    plainArray(column(rows, (r) => (r.to === 'keep' ? null : r.to))),
    plainArray(column(rows, (r) => r.outcome)),
    textArray(column(rows, (r) => r.message)),
    plainArray(column(rows, (r) => (r.lostEnd ? 1 : 0))),
    plainArray(column(rows, (r) => (r.nodeLost ? 1 : 0))),
    plainArray(column(rows, (r) => (r.countTry ? 1 : 0))),
  ]);
}

/** A job that a write did not match, as it is now. */
export interface Unmatched {
  /** null: the job is gone. */
  state: JobState | null;
  launcher: number | null;
  attempt: number | null;
  /** Of the attempt row that the write named; null where there is none. */
  lastReport: number | null;
  ended: boolean;
}

const UNMATCHED = `select j.state, j.launcher, j.attempt, a.last_report::float8 as "lastReport",
    coalesce(a.ended_at is not null, false) as ended
  from unnest($1::uuid[], $2::int[]) with ordinality as u(id, attempt, place)
  left join job j on j.id = u.id left join attempt a on a.job_id = u.id and a.attempt = u.attempt
  order by u.place`;

/** The jobs behind `rows` and the attempts that they name, in the same order: one query. */
export async function readUnmatched(
  sql: Queries,
  rows: readonly { id: string; attempt: number }[],
): Promise<Unmatched[]> {
  const values = [plainArray(column(rows, (r) => r.id)), plainArray(column(rows, (r) => r.attempt))];
  return [...(await sql.unsafe<Unmatched[]>(UNMATCHED, values, { prepare: true }))];
}

const CLEAR = `with ${FENCE}, u as materialized (
    select f.launcher, r.*, array[${OTHERS}] as allowed
    from fence f cross join unnest($3::uuid[], $4::int[]) with ordinality as r(id, attempt, place) ${FEW}),
  done as (
    update job j set launcher = null, updated_at = clock_timestamp() from u
    where j.id = u.id and j.attempt = u.attempt and j.launcher is not distinct from u.launcher and j.state = any (u.allowed)
    returning u.place)
  ${ANSWER}`;

/** Lets go of jobs at a state that somebody else gave them. */
export function clearHeld(
  sql: Queries,
  holder: Holder,
  rows: readonly { id: string; attempt: number }[],
): Promise<Written> {
  return send(sql, CLEAR, [
    holder.launcher,
    holder.epoch,
    plainArray(column(rows, (r) => r.id)),
    plainArray(column(rows, (r) => r.attempt)),
  ]);
}

const LATE_STARTS = `with ${FENCE}, u as materialized (
    select f.launcher, r.* from fence f cross join unnest($3::uuid[], $4::int[], $5::bigint[], $6::text[], $7::float8[], $8::float8[])
      with ordinality as r(id, attempt, report, node, leased_ms, started_ms, place) ${FEW}),
  done as (
    update attempt a set node = u.node, started_at = to_timestamp(u.started_ms / 1000), last_report = greatest(a.last_report, u.report)
    from u where a.job_id = u.id and a.attempt = u.attempt and a.launcher is not distinct from u.launcher and a.ended_at is null
    returning u.place)
  ${ANSWER}`;

/** Starts of jobs that are RUNNING already: when and where they really started. */
export function noteLateStarts(sql: Queries, holder: Holder, rows: readonly RunRow[]): Promise<Written> {
  return send(sql, LATE_STARTS, runValues(holder, rows, false).slice(0, 8));
}
