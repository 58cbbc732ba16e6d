/**
 * Postgres killed -9 while a statement of the coordinator is in it, each moment held open until the kill: before the commit
 * (it waits for a lock, so it is lost), and after it is on disk but before its answer (it waits for a standby that is not
 * there, so it is done and nobody knows). Goal: what was lost is written again, what was done is not; work goes on; no job
 * runs twice. Postgres itself says afterwards what became of the transaction that was in flight.
 */
import fs from 'node:fs';
import path from 'node:path';
import test, { type ExecutionContext } from 'ava';
import { postgresOf, signal } from './_parts.ts';
import { locking, makeWorld, until, type Launcher, type World } from './_world.ts';
import { lives } from '../helpers/lives.ts';

let world: World;
test.before(async () => {
  world = await makeWorld();
  await world.app('gate', locking(world.ticks, 'while [ ! -e "$1" ]; do sleep 0.05; done'));
});
test.after.always('nothing is left behind', async (t) => {
  t.deepEqual(await world.close(), []);
});

/** A launcher in an allocation: nobody but the test starts the server again. */
function launch(): Launcher {
  return world.launcher(['--consume-all', '--idle-exit-seconds', '1'], { env: { PBS_JOBID: '1.test' } });
}

/** A job that runs until its gate is opened, and is on record as running. */
async function running(name: string): Promise<{ id: string; open: () => void; launcher: Launcher }> {
  const gate = path.join(world.home, name);
  const [id] = (await world.jobs([{ name, application: 'gate', args: gate }])) as [string];
  const launcher = launch();
  await world.until([id], ['RUNNING']);
  return { id, open: () => fs.writeFileSync(gate, ''), launcher };
}

interface InFlight {
  xid: string;
  query: string;
}

/** The one statement of a coordinator that waits so and writes `what`; its transaction has a number, so it has written. */
async function inFlight(wait: string, what: RegExp): Promise<InFlight> {
  let found: InFlight | undefined;
  const look = (): Promise<InFlight[]> =>
    world.db.run(async (sql) => [
      ...(await sql<InFlight[]>`
        select backend_xid::text as xid, query from pg_stat_activity
        where application_name like 'balsam %' and state = 'active' and backend_xid is not null
          and (wait_event = ${wait} or wait_event_type = ${wait})`),
    ]);
  await until(
    async () => (found = (await look()).find((s) => what.test(s.query))) !== undefined,
    async () =>
      `a statement of the coordinator waits for ${wait}: ${JSON.stringify(await look())}\n${world.logs()}`,
  );
  return found!;
}

/** Kills every process of the server at once. */
async function killPostgres(): Promise<void> {
  const parts = postgresOf(world);
  signal(parts, 'SIGKILL');
  await until(() => parts.every((p) => !lives(p.pid)), 'the server is dead');
}

async function bringBack(): Promise<void> {
  // From now on commits wait for nobody again.
  fs.writeFileSync(path.join(world.dbPath, 'balsamdb/postgresql.auto.conf'), '');
  const back = await world.balsam(['server', '--connect'], { deadline: 90_000 });
  if (back.code !== 0) throw new Error(back.err);
  await world.open();
}

/** Every commit from now on is on disk and has no answer: it waits for a standby that is not there. */
async function waitForStandby(): Promise<void> {
  await world.db.run((sql) => sql`alter system set synchronous_standby_names = 'nobody'`);
  await world.db.run((sql) => sql`select pg_reload_conf()`);
  await until(async () => {
    const [row] = await world.db.run(
      (sql) => sql<{ v: string }[]>`select current_setting('synchronous_standby_names') as v`,
    );
    return row!.v === 'nobody';
  }, 'the setting is read');
}

/** What Postgres says of a transaction after the crash. */
async function fateOf({ xid }: InFlight): Promise<string> {
  const [row] = await world.db.run(
    (sql) => sql<{ fate: string }[]>`select pg_xact_status(${xid}::xid8) as fate`,
  );
  return row!.fate;
}

async function writerOf(id: string): Promise<string> {
  const [row] = await world.db.run(
    (sql) => sql<{ xid: string }[]>`select xmin::text as xid from job where id = ${id}`,
  );
  return row!.xid;
}

/** How often a coordinator said that it does not know what became of a statement. */
function unknowns(): number {
  return world.said(/"code":"outcome-unknown"/);
}

/** It ran once, from start to end, and everything that the database says of it says so. */
async function ranOnce(t: ExecutionContext, id: string, launcher: Launcher): Promise<void> {
  await world.until([id], ['JOB_FINISHED']);
  t.is(await launcher.exit(), 0, launcher.err);
  const { attempt, tries, launcher: holder } = await world.row(id);
  t.deepEqual({ attempt, tries, holder }, { attempt: 1, tries: 1, holder: null });
  t.is(fs.readFileSync(path.join(world.ticks, id), 'utf8'), 'start 1\nend 1\n');
  const states = await world.states(id);
  t.is(states.filter((s) => s === 'JOB_FINISHED').length, 1, states.join(' '));
  t.is(states.filter((s) => s === 'RUNNING').length, 1, states.join(' '));
  t.is(await world.violations(), '');
}

test.serial('before the commit: it is lost, and written again', async (t) => {
  const said = unknowns();
  const { id, open, launcher } = await running('before');
  // One statement, so that something is in flight on this connection too when it dies.
  const held = t.throwsAsync(
    world.db.run((sql) =>
      sql.unsafe(`begin; select from job where id = '${id}' for no key update; select pg_sleep(600)`),
    ),
  );
  await until(async () => {
    const sleeping = await world.db.run(
      (sql) => sql`select from pg_stat_activity where wait_event = 'PgSleep'`,
    );
    return sleeping.length === 1;
  }, 'the row is locked');
  open();
  const statement = await inFlight('Lock', /update job j set state = u.state/);
  // Or the number of its transaction may be given away again after the crash: what it wrote may not be on disk.
  await world.db.run((sql) => sql`checkpoint`);
  await killPostgres();
  await held;
  t.regex(fs.readFileSync(path.join(world.ticks, id), 'utf8'), /end 1/, 'the job is over');
  await bringBack();
  t.is(await fateOf(statement), 'aborted');
  await ranOnce(t, id, launcher);
  t.not(await writerOf(id), statement.xid);
  t.true(unknowns() > said);
});

test.serial('after the commit and before its answer: it is done, and not written again', async (t) => {
  const said = unknowns();
  const { id, open, launcher } = await running('after');
  await waitForStandby();
  open();
  const statement = await inFlight('SyncRep', /update job j set state = u.state/);
  await killPostgres();
  await bringBack();
  t.is(await fateOf(statement), 'committed');
  await ranOnce(t, id, launcher);
  t.is(await writerOf(id), statement.xid, 'nothing wrote the job after that');
  t.true(unknowns() > said);
});

test.serial('a lease that is done and has no answer: the job is found and runs once', async (t) => {
  const said = unknowns();
  const { id: other, open, launcher } = await running('holder');
  await waitForStandby();
  // This one session waits for no standby.
  const gate = path.join(world.home, 'leased');
  fs.writeFileSync(gate, '');
  const id = await world.db.transaction(async (sql) => {
    await sql`set local synchronous_commit = local`;
    const [row] = await sql<{ id: string }[]>`
      insert into job (id, name, workflow, application, args, node_packing_count)
      select gen_random_uuid(), 'leased', 'wf', 'gate', ${gate}, node_packing_count from job where id = ${other} returning id`;
    await sql`select pg_notify('balsam_job', '')`;
    return row!.id;
  });
  const statement = await inFlight('SyncRep', /picked as materialized/);
  t.is((await world.row(id)).attempt, 0, 'nobody sees it before it is answered');
  await killPostgres();
  await bringBack();
  t.is(await fateOf(statement), 'committed');
  open();
  await ranOnce(t, id, launcher);
  await ranOnce(t, other, launcher);
  t.true(unknowns() > said);
});

test.serial(
  'a launcher that has just asked for its row: it begins once the database is back, as one',
  async (t) => {
    const gate = path.join(world.home, 'begins');
    fs.writeFileSync(gate, '');
    const [id] = (await world.jobs([{ name: 'begins', application: 'gate', args: gate }])) as [string];
    const named = /"launcher":"([^"]+)"/g;
    const before = new Set([...world.logs().matchAll(named)].map((m) => m[1]));
    await waitForStandby();
    const launcher = launch();
    const statement = await inFlight('SyncRep', /insert into launcher/);
    await killPostgres();
    await until(() => /the start waits for the database/.test(world.logs()), 'it says that it waits');
    await bringBack();
    t.is(await fateOf(statement), 'committed');
    await ranOnce(t, id, launcher);
    const name = [...world.logs().matchAll(named)].map((m) => m[1]!).findLast((n) => !before.has(n))!;
    const rows = await world.db.run((sql) => sql`select state from launcher where name = ${name}`);
    t.deepEqual([...rows], [{ state: 'ended' }]);
  },
);
