/**
 * Deadlocks: each statement locks rows in the order of ids, a transaction of several does not. Goal: whom Postgres undoes
 * sends it again, and nobody hears of it. Method: three connections brought into a circle, step by step; one side alone is
 * made the one that is undone.
 */
import test from 'ava';
import { field } from '../../src/core/query.ts';
import { commitBatch } from '../../src/store/commit-store.ts';
import { connect, type Database } from '../../src/store/connection.ts';
import { insertJobs, killJobs } from '../../src/store/job-store.ts';
import { batch, bench, end, lease, patch, type Bench } from './_store.ts';

/** Far more than two busy cores need, milliseconds. */
const PATIENCE_MS = 60_000;
const A = '00000000-0000-4000-8000-00000000000a';
const B = '00000000-0000-4000-8000-00000000000b';

/** A connection of one, which looks for a deadlock after this time of waiting. */
async function one(b: Bench, name: string, deadlock: string): Promise<Database> {
  const db = connect(b.address, { applicationName: name, role: 'client', max: 1 });
  await db.sql.unsafe(`set deadlock_timeout = '${deadlock}'`);
  return db;
}

async function waiting(b: Bench, name: string): Promise<void> {
  const deadline = Date.now() + PATIENCE_MS;
  while (Date.now() < deadline) {
    const rows = await b.client.sql`select from pg_stat_activity
      where datname = current_database() and application_name = ${name} and state = 'active' and wait_event_type = 'Lock'`;
    if (rows.length === 1) return;
  }
  throw new Error(`${name} does not wait within ${PATIENCE_MS} ms`);
}

/** The kill has a and wants b; the commit has b, by its patch, and wants a, for its end. */
async function cross(b: Bench, kill: Database, commit: Database): Promise<[string[], string[]]> {
  await insertJobs(b.client, [
    { name: 'a', job_id: A },
    { name: 'b', job_id: B },
  ]);
  const jobs = new Map((await lease(b)).map((j) => [j.name, j]));
  await using holder = await one(b, 'test-holder', '1s');
  await holder.sql.unsafe('begin');
  await holder.sql`select from job where id = ${A} for update`;
  const killed = killJobs(kill, field('name', 'in', ['a', 'b']));
  await waiting(b, 'test-kill');
  const rows = batch(b, { patches: [patch(jobs.get('b')!, 1, { x: 1 })], ends: [end(jobs.get('a')!, 1)] });
  const committed = commitBatch(commit, rows);
  await waiting(b, 'test-commit');
  await holder.sql.unsafe('rollback');
  const { patches, ends } = await committed;
  return [(await killed).killed.map((k) => k.name).toSorted(), [...patches, ...ends]];
}

test.serial('a kill that Postgres undoes, because it met a commit crosswise, is sent again', async (t) => {
  await using b = await bench();
  await using kill = await one(b, 'test-kill', '100ms');
  await using commit = await one(b, 'test-commit', '60s');
  // The commit was first: a has ended, and b had its patch.
  t.deepEqual(await cross(b, kill, commit), [['b'], ['applied', 'applied']]);
});

test.serial('a commit that Postgres undoes, because it met a kill crosswise, is sent again', async (t) => {
  await using b = await bench();
  await using kill = await one(b, 'test-kill', '60s');
  await using commit = await one(b, 'test-commit', '10s');
  // The kill was first: the end keeps its exit and lets a go, the patch comes too late.
  t.deepEqual(await cross(b, kill, commit), [
    ['a', 'b'],
    ['killed', 'killed'],
  ]);
});
