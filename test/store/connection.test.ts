/** Connections and the schema: what is said when Postgres is away, late, or another; and that nobody is kept alive. */
import { execFile } from 'node:child_process';
import { promisify } from 'node:util';
import test from 'ava';
import { UserError, WorldError } from '../../src/base/errors.ts';
import { connect, isRefusal, type Database } from '../../src/store/connection.ts';
import { insertJobs } from '../../src/store/jobs/change.ts';
import { checkSchema, migrate } from '../../src/store/migrate.ts';
import { listen } from '../../src/store/notify.ts';
import { freshDatabase, sharedServer, startServer } from '../helpers/database.ts';
import { until } from './_locks.ts';

const coordinator = { applicationName: 'test', role: 'coordinator' } as const;
const code = (expected: string) => ({ instanceOf: WorldError, code: expected }) as const;

test('migrations: applied once by racing migrators, a newer or changed schema is refused', async (t) => {
  const { address } = await sharedServer();
  await using root = connect(address, { applicationName: 'test', role: 'client' });
  await root.sql.unsafe('create database fresh_schema');
  const there = { ...address, database: 'fresh_schema' };
  await using db = connect(there, { applicationName: 'test', role: 'client', max: 4 });
  await t.throwsAsync(checkSchema(db), { instanceOf: UserError, message: /has schema 0/ });
  const done = await Promise.all(Array.from({ length: 4 }, () => migrate(db)));
  t.is(done.filter(({ from, to }) => from === 0 && to > 0).length, 1);
  await checkSchema(db);
  await db.sql.unsafe(`insert into migration (number, name, checksum) values (9999, 'later', 'x')`);
  await t.throwsAsync(checkSchema(db), { instanceOf: UserError, message: /use a newer version/ });
  await t.throwsAsync(migrate(db), { instanceOf: UserError, message: /use a newer version/ });
  await db.sql.unsafe(`delete from migration where number = 9999`);
  await db.sql.unsafe(`update migration set checksum = 'x' where number = 1`);
  await t.throwsAsync(checkSchema(db), { instanceOf: UserError, message: /other contents/ });
});

test('a wrong password and a server that is not there', async (t) => {
  const address = await freshDatabase();
  await using wrong = connect({ ...address, password: 'wrong' }, { applicationName: 'test', role: 'client' });
  await t.throwsAsync(
    wrong.run((sql) => sql`select 1`),
    { code: '28P01' },
  );
  await using nowhere = connect({ ...address, host: '/nowhere' }, coordinator);
  // More often than it has connections: none of them is lost to a failure.
  for (let i = 0; i < 5; i++)
    await t.throwsAsync(
      nowhere.run((sql) => sql`select 1`),
      code('unavailable'),
    );
});

test('a statement past its deadline: outcome unknown, the connection dropped, the next one works', async (t) => {
  await using db = connect(await freshDatabase(), { ...coordinator, deadline: 5_000 });
  await db.run((sql) => sql`select 1`);
  await t.throwsAsync(
    db.run((sql) => sql`select pg_sleep(60)`),
    code('outcome-unknown'),
  );
  const [row] = await db.run((sql) => sql`select 7 as n`);
  t.is(row!['n'], 7);
});

test('a session that is ended inside a transaction: outcome unknown, and its connection is there for the next', async (t) => {
  const address = await freshDatabase();
  await using db = connect(address, { ...coordinator, applicationName: 'victim', max: 2 });
  await using killer = connect(address, { applicationName: 'killer', role: 'client', max: 1 });
  for (let round = 0; round < 5; round++) {
    const lost = [1, 2].map(() =>
      t.throwsAsync(
        db.transaction(async (sql) => {
          await sql`select 1`;
          await sql`select pg_sleep(60)`;
        }),
        code('outcome-unknown'),
      ),
    );
    await untilCount(killer, `wait_event = 'PgSleep'`, 2);
    await killer.sql`select pg_terminate_backend(pid) from pg_stat_activity where application_name = 'victim'`;
    await Promise.all(lost);
    const both = await Promise.all([1, 2].map((n) => db.transaction((sql) => sql`select ${n}::int as n`)));
    t.deepEqual(
      both.map(([row]) => row!['n']),
      [1, 2],
    );
  }
});

test('a session that is ended in a statement: the next one, at once, gets a connection of its own and nothing of the old', async (t) => {
  await using db = connect(await freshDatabase(), { ...coordinator, max: 1 });
  for (let round = 0; round < 20; round++) {
    await t.throwsAsync(
      db.run((sql) => sql`select pg_terminate_backend(pg_backend_pid())`),
      code('outcome-unknown'),
    );
    const [row] = await db.run((sql) => sql`select ${round}::int as n`);
    t.is(row!['n'], round);
  }
});

async function untilCount(watcher: Database, condition: string, count: number): Promise<void> {
  await until(condition, async () => {
    const [row] = await watcher.sql.unsafe(
      `select count(*)::int as n from pg_stat_activity where application_name = 'victim' and ${condition}`,
    );
    return row!['n'] === count;
  });
}

test('a server that stops and comes back; another server in its place is refused', async (t) => {
  const server = await startServer();
  t.teardown(() => server.remove());
  const address = await server.database();
  await using db = connect(address, coordinator);
  await db.run((sql) => sql`select 1`);
  let woken = 0;
  const listener = await listen(db, 'balsam_job', () => woken++);
  await insertJobs(db, [{}]);
  await until('a notification', () => woken === 1);
  const asleep = t.throwsAsync(
    db.run((sql) => sql`select pg_sleep(30)`),
    code('outcome-unknown'),
  );
  await db.run((sql) => sql`select 1`);
  await server.stop('immediate');
  await asleep;
  await t.throwsAsync(
    db.run((sql) => sql`select 1`),
    { instanceOf: WorldError },
  );
  await t.throwsAsync(
    db.run((sql) => sql`select 1`),
    code('unavailable'),
  );
  await server.start();
  await until('a wake-up after the reconnect', () => woken >= 2);
  const before = woken;
  await insertJobs(db, [{}, {}]);
  await until('a notification after the reconnect', () => woken > before);
  await listener.close();

  const impostor = await startServer();
  t.teardown(() => impostor.remove());
  await using other = connect({ ...server.address }, coordinator);
  await other.run((sql) => sql`select 1`);
  // The same address and login, another server behind it.
  Object.assign(other.address, impostor.address);
  await other.run((sql) => sql`select pg_terminate_backend(pg_backend_pid())`).catch(() => {});
  const refused = { ...code('wrong-server'), message: /another Postgres answers/ };
  await t.throwsAsync(
    other.run((sql) => sql`select 1`),
    refused,
  );

  await using successor = connect(impostor.address, {
    ...coordinator,
    systemIdentifier: other.systemIdentifier!,
  });
  await t.throwsAsync(
    successor.run((sql) => sql`select 1`),
    refused,
  );
  Object.assign(successor.address, server.address);
  await successor.run((sql) => sql`select 1`);
});

test('a server in recovery is refused', async (t) => {
  const server = await startServer();
  t.teardown(() => server.remove());
  await server.stop();
  await server.startAsStandby();
  await using db = connect(server.address, coordinator);
  await t.throwsAsync(
    db.run((sql) => sql`select 1`),
    { ...code('wrong-server'), message: /in recovery/ },
  );
});

// 40P01 deadlock, 53100 disk full, 53200 memory, 53300 connections, 55P03 locked, 57014 cancelled, 58030 input or output,
// XX000 inner: undone, and another try may do. 57P01 to 57P04: the session ends. 22, 23 and 54: the values are refused.
const ANSWERS = [
  ['40001 40P01 53000 53100 53200 53300 55P03 57014 58030 XX000 XX001', 'unavailable'],
  ['57P01 57P02 57P04 08006', 'outcome-unknown'],
  ['22003 23505 54000 42P01', 'itself'],
] as const;
for (const [states, expected] of ANSWERS) {
  test(`SQLSTATE ${states}: ${expected}`, async (t) => {
    const address = await freshDatabase();
    await using db = connect(address, coordinator);
    for (const state of states.split(' ')) {
      const raised = db.run((sql) =>
        sql.unsafe(`do $$ begin raise exception using errcode = '${state}'; end $$`),
      );
      const error = await t.throwsAsync(raised, undefined, state);
      t.is(error instanceof WorldError ? error.code : 'itself', expected, state);
      t.is(isRefusal(error), /^(2|54)/.test(state), state);
    }
    const [row] = await db.run((sql) => sql`select 1 as n`);
    t.is(row!['n'], 1, 'the connection goes on');
  });
}

test('an idle connection does not keep a script alive', async (t) => {
  const address = await freshDatabase();
  const script = `
    const { connect } = await import(${JSON.stringify(new URL('../../src/store/connection.ts', import.meta.url).href)});
    const { listen } = await import(${JSON.stringify(new URL('../../src/store/notify.ts', import.meta.url).href)});
    const db = connect(JSON.parse(process.env.ADDRESS), { applicationName: 'script', role: 'client' });
    await listen(db, 'balsam_done', () => {});
    await Promise.all([1, 2, 3, 4].map(() => db.run((sql) => sql\`select pg_sleep(0.1)\`)));
    await db.transaction((sql) => sql\`select pg_sleep(0.3)\`);
    console.log('done');`;
  const { stdout } = await promisify(execFile)(process.execPath, ['--input-type=module', '-e', script], {
    env: { ...process.env, ADDRESS: JSON.stringify(address) },
    timeout: 30_000,
  });
  t.is(stdout.trim(), 'done');
});
