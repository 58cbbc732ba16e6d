/**
 * Leases: a launcher takes runnable jobs, each once. One statement picks, locks and takes (PROTOCOL 2), behind the fence.
 *
 * Called by the coordinator's lease pump, and by whoever asks what waits. A lease is spread over *lanes*, one for each
 * (owner, workflow) that is asked for; a lane is one range of one index, so that a filter that matches few of a million
 * costs little. It must never give one job to two launchers, and never wait for another leaser.
 */
import { LEASE_ROUNDS } from '../../base/limits.ts';
import type { LeasedJob } from '../../core/coordinator/batch.ts';
import type { JobState } from '../../model/job.ts';
import { isUndone, type Database, type Queries } from '../connection.ts';
import { selectJobs } from '../jobs/columns.ts';
import type { JobRow } from '../rows.ts';
import { plainArray, textArray } from '../sql-array.ts';

export type { LeasedJob };

export interface LeaseRequest {
  launcher: number;
  epoch: number;
  limit: number;
  maxNodes: number;
  /** Whole minutes that are left; null for no limit. */
  maxWallMinutes: number | null;
  /** 'mpi': most nodes, then longest, then oldest first. 'serial': whole-node jobs, then longest, then oldest first. */
  order: 'mpi' | 'serial';
  /** Only jobs of one rank. With order 'serial' and without this, larger jobs come after them, in the order of 'mpi'. */
  serialOnly: boolean;
  /** Exactly these workflows (see matchWorkflows); null for all. */
  workflows: readonly string[] | null;
  /** Jobs made by other database roles too. */
  anyOwner: boolean;
}

export interface LeaseAnswer {
  /** false: the fence row was not there: the launcher is not ours any more, and nothing was leased. */
  fenced: boolean;
  jobs: LeasedJob[];
}

/** Free, and nothing to do before it runs. The predicate of the lease indexes, word for word. */
export const RUNNABLE = `launcher is null and (state in ('PREPROCESSED', 'RESTART_READY') or (state = 'CREATED' and stage_in_url = ''
    and (parents = '{}' or (not wait_for_parents and input_files = ''))))`;

/** Always true; opens the indexes that have no workflow, which a lease by workflow must not take (see the migration). */
const ANY_WORKFLOW = `and owner <> ''`;

const ONE_RANK = 'num_nodes = 1 and ranks_per_node = 1';
const ORDERS = {
  mpi: 'num_nodes desc, wall_time_minutes desc, seq',
  serial: 'node_packing_count, wall_time_minutes desc, seq',
} as const;

const FENCE = `fence as materialized (
  select id from launcher where id = $1::int and epoch = $2::int and state = 'alive' for key share)`;

/** A LeasedJob, of job j, with the names under which its files are. */
const LEASED = `j.id, j.attempt, coalesce(j.filed_as->>1, j.name) as name, coalesce(j.filed_as->>0, j.workflow) as workflow, j.application, j.args, j.environ_vars as "environVars",
    j.num_nodes as "numNodes", j.ranks_per_node as "ranksPerNode", j.threads_per_rank as "threadsPerRank",
    j.threads_per_core as "threadsPerCore", j.node_packing_count as "nodePackingCount",
    j.wall_time_minutes as "wallTimeMinutes", j.cpu_affinity as "cpuAffinity", j.mpi_flags as "mpiFlags",
    j.user_workdir as "userWorkdir", j.auto_timeout_retry as "autoTimeoutRetry", j.node_losses as "nodeLosses",
    j.helper_losses as "helperLosses",
    array_to_json(j.parents)::text as parents`;

/** Takes the rows of `picked` and hands them out; CREATED passes to PREPROCESSED on the way. */
const TAKE = `update job j set launcher = $1::int, attempt = j.attempt + 1, updated_at = clock_timestamp(),
    state = case when j.state = 'CREATED' then 'PREPROCESSED' else j.state end
  from picked where j.id = picked.id
  returning ${LEASED}`;

type Shape = { order: 'mpi' | 'serial'; oneRank: boolean; lanes: 'own' | 'own-workflow' | 'many' };

/** One lane: candidates are locked as they are found, so that nobody waits and nothing is found twice. */
function singleLane({ order, oneRank, lanes }: Shape): string {
  return `with ${FENCE}, picked as materialized (
    select id from job where exists (select from fence) and ${RUNNABLE} and owner = current_user::text
      ${lanes === 'own-workflow' ? 'and workflow = $6::text' : ANY_WORKFLOW} and num_nodes <= $4::int and wall_time_minutes <= $5::int
      ${oneRank ? `and ${ONE_RANK}` : ''}
    order by ${ORDERS[order]} limit $3::int for update skip locked)
  ${TAKE}`;
}

/** Several lanes: the best of each, merged, and only then locked; what another leaser got first is missing, so that the
 * caller asks again. Locked is only what has not changed since it was seen. The comparisons of seq and the columns `nobody`
 * and `allowed` make the join start from the candidates (FEW in commit-statements.ts says why). $6: the workflows, null for all of them; $7: whether of any owner. */
function manyLanes({ order, oneRank }: Shape): string {
  const columns =
    order === 'mpi' ? 'num_nodes, wall_time_minutes, seq' : 'node_packing_count, wall_time_minutes, seq';
  return `with recursive ${FENCE},
  owners as (
    (select owner from job where ${RUNNABLE} ${ANY_WORKFLOW} order by owner limit 1)
    union all
    select (select owner from job where ${RUNNABLE} ${ANY_WORKFLOW} and owner > owners.owner order by owner limit 1)
    from owners where owners.owner is not null),
  lanes as materialized (
    select o.owner, w.workflow from owners o cross join unnest($6::text[]) as w(workflow)
    where o.owner is not null and ($7::boolean or o.owner = current_user::text)),
  best as materialized (
    select c.* from lanes l cross join lateral (
      select id, ${columns}, updated_at, null::int as nobody, array['CREATED', 'PREPROCESSED', 'RESTART_READY'] as allowed
      from job j where exists (select from fence) and ${RUNNABLE}
        and j.owner = l.owner and j.workflow = l.workflow and num_nodes <= $4::int and wall_time_minutes <= $5::int
        ${oneRank ? `and ${ONE_RANK}` : ''}
      order by ${ORDERS[order]} limit $3::int) c
    order by ${ORDERS[order]} limit $3::int),
  picked as materialized (
    select j.id from best b join job j on j.id = b.id and j.updated_at = b.updated_at
      and j.launcher is not distinct from b.nobody and j.state = any (b.allowed)
    where b.seq + 0 = b.seq and b.seq - 0 = b.seq
    for update of j skip locked)
  ${TAKE}`;
}

const statements = new Map<string, string>();

function statement(shape: Shape): string {
  const key = `${shape.order} ${shape.oneRank} ${shape.lanes}`;
  let text = statements.get(key);
  if (text === undefined) {
    text = shape.lanes === 'many' ? manyLanes(shape) : singleLane(shape);
    statements.set(key, text);
  }
  return text;
}

/** What one lease sends; exported so that its plans can be tested. */
export function leaseStatement(
  request: LeaseRequest,
  oneRank: boolean,
): { text: string; values: (string | number | boolean)[] } {
  const { workflows, anyOwner } = request;
  const lanes =
    anyOwner || (workflows !== null && workflows.length > 1)
      ? 'many'
      : workflows === null
        ? 'own'
        : 'own-workflow';
  const values: (string | number | boolean)[] = [
    request.launcher,
    request.epoch,
    request.limit,
    request.maxNodes,
    request.maxWallMinutes ?? 2_147_483_647,
  ];
  if (lanes === 'own-workflow') values.push(workflows![0]!);
  if (lanes === 'many') values.push(textArray(workflows ?? []), anyOwner);
  return { text: statement({ order: oneRank ? request.order : 'mpi', oneRank, lanes }), values };
}

/**
 * Takes up to `limit` runnable jobs in the order of the mode: sets launcher and attempt + 1. Each job goes to one leaser;
 * a repeat takes other jobs. Fewer than `limit`, or none, means that no more can be had now. WorldError when Postgres is
 * away; after 'outcome-unknown' the caller raises its epoch and reads what it holds.
 */
export async function leaseJobs(db: Database, request: LeaseRequest): Promise<LeaseAnswer> {
  if (request.limit <= 0 || request.workflows?.length === 0) return { fenced: true, jobs: [] };
  return db.run(async (sql) => {
    const resolved = await withLanes(sql, request);
    const jobs: LeasedJob[] = [];
    try {
      await leaseRounds(sql, resolved, request.order === 'serial' || request.serialOnly, jobs);
      if (request.order === 'serial' && !request.serialOnly) await leaseRounds(sql, resolved, false, jobs);
    } catch (error) {
      // What the statements before it took is ours: whoever hears that nothing was done would hold it for ever.
      if (jobs.length === 0 || !isUndone(error)) throw error;
    }
    if (jobs.length > 0) return { fenced: true, jobs };
    const [row] = await sql`select 1 from launcher
      where id = ${request.launcher} and epoch = ${request.epoch} and state = 'alive'`;
    return { fenced: row !== undefined, jobs };
  });
}

/** Any owner and no filter: the lanes are then all workflows that have something runnable. */
async function withLanes(sql: Queries, request: LeaseRequest): Promise<LeaseRequest> {
  if (!request.anyOwner || request.workflows !== null) return request;
  return { ...request, workflows: await runnableWorkflows(sql) };
}

/** Adds to `jobs` until there are `request.limit`. */
async function leaseRounds(
  sql: Queries,
  request: LeaseRequest,
  oneRank: boolean,
  jobs: LeasedJob[],
): Promise<void> {
  const { workflows, anyOwner } = request;
  const many = anyOwner || (workflows !== null && workflows.length > 1);
  for (let round = 0; round < (many ? LEASE_ROUNDS : 1) && jobs.length < request.limit; round++) {
    const { text, values } = leaseStatement({ ...request, limit: request.limit - jobs.length }, oneRank);
    const taken = await sql.unsafe<LeasedJob[]>(text, values, { prepare: true });
    if (taken.length === 0 && round > 0) break;
    for (const job of taken) jobs.push(job);
  }
}

/** Loose scan of the lease index: one step a workflow, whatever the number of jobs. */
async function runnableWorkflows(sql: Queries): Promise<string[]> {
  const rows = await sql.unsafe<{ workflow: string }[]>(RUNNABLE_WORKFLOWS, [], { prepare: true });
  return rows.map((r) => r.workflow);
}

export const RUNNABLE_WORKFLOWS = `with recursive w as (
    (select workflow from job where ${RUNNABLE} order by workflow limit 1)
    union all
    select (select workflow from job where ${RUNNABLE} and workflow > w.workflow order by workflow limit 1)
    from w where w.workflow is not null)
  select workflow from w where workflow is not null`;

/** Names of the workflows that have runnable jobs and contain `substring` (case counts), sorted. */
export async function matchWorkflows(db: Database, substring: string): Promise<string[]> {
  const names = await db.run(runnableWorkflows);
  return names.filter((name) => name.includes(substring));
}

/** Runnable jobs that nobody holds, of these workflows (null: all), counted up to `limit`: it reads no more rows. */
export async function countRunnable(
  db: Database,
  workflows: readonly string[] | null,
  limit: number,
): Promise<number> {
  const one = `select from job where ${RUNNABLE}`;
  const rows =
    workflows === null
      ? `${one} limit $1::int`
      : `select from unnest($2::text[]) as w(workflow)
           cross join lateral (${one} and job.workflow = w.workflow limit $1::int) c limit $1::int`;
  const values = workflows === null ? [limit] : [limit, textArray(workflows)];
  const [row] = await db.run((sql) =>
    sql.unsafe<{ count: number }[]>(`select count(*)::int as count from (${rows}) r`, values, {
      prepare: true,
    }),
  );
  return row!.count;
}

/** The records of these jobs, by id; what was deleted is missing. For the job channel. */
export async function jobRecords(db: Database, ids: readonly string[]): Promise<Map<string, JobRow>> {
  if (ids.length === 0) return new Map();
  const rows = await db.run((sql) =>
    sql.unsafe<JobRow[]>(
      `${selectJobs('j')} from unnest($1::uuid[]) as u(id) join job j on j.id = u.id`,
      [plainArray(ids)],
      {
        prepare: true,
      },
    ),
  );
  return new Map(rows.map((row) => [row.job_id, row]));
}

/** A job that a launcher holds: what its lease returned, and its state now. */
export type HeldJob = LeasedJob & { state: JobState };

/** Everything that the launcher holds, in no order. For adoption, and after an unknown outcome: read once. */
export async function heldJobs(db: Database, launcher: number): Promise<HeldJob[]> {
  return db.run(async (sql) => [
    ...(await sql.unsafe<HeldJob[]>(
      `select ${LEASED}, j.state from job j where j.launcher is not null and j.launcher = $1::int`,
      [launcher],
    )),
  ]);
}
