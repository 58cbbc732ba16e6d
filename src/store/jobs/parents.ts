/**
 * The edges between jobs: parents must exist, and nobody may become its own ancestor. Called by change.ts before it writes
 * an edge; refused when the edge is made, since a circle would wait for ever.
 */
import { UserError } from '../../base/errors.ts';
import type { Queries } from '../connection.ts';
import { plainArray } from '../sql-array.ts';

/** Number of the advisory lock of everybody who changes edges: two edges made at once could close a circle. */
const EDGE_LOCK = 7_225_727;

/** UserError when `id` with these parents would depend on itself, or one of them is missing. Inside a transaction. */
export async function refuseCircle(sql: Queries, id: string, parents: readonly string[]): Promise<void> {
  await sql`select pg_advisory_xact_lock(${EDGE_LOCK}::bigint)`;
  await refuseMissing(sql, parents);
  const [circle] = await sql`
    with recursive up as (
      select unnest(${plainArray(parents)}::uuid[]) as id
      union select unnest(job.parents) from up join job on job.id = up.id)
    select 1 from up where id = ${id}::uuid`;
  if (circle !== undefined)
    throw new UserError(`job ${id} would be its own ancestor; take a parent away that depends on it`);
}

/** UserError when one of `parents` is no job. */
export async function refuseMissing(sql: Queries, parents: readonly string[]): Promise<void> {
  if (parents.length === 0) return;
  const [missing] = await sql<{ id: string }[]>`
    select u.id from unnest(${plainArray(parents)}::uuid[]) as u(id) where not exists (select from job where job.id = u.id) limit 1`;
  if (missing !== undefined)
    throw new UserError(`the parent ${missing.id} is no job of this database; create it first`);
}
