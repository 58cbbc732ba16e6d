/**
 * What every session says of itself, whatever the site has set, and that nothing hangs on the columns that the hot statements
 * write (PROTOCOL 7). Asked of the sessions themselves; and read off the source, that there is one place that opens any.
 */
import { readdirSync, readFileSync } from 'node:fs';
import net from 'node:net';
import path from 'node:path';
import test from 'ava';
import {
  IDLE_IN_TRANSACTION_MS,
  STATEMENT_DEADLINE_MS,
  STATEMENT_TIMEOUT_MS,
  TCP_KEEPALIVE_S,
} from '../../src/base/limits.ts';
import { connect, type Database } from '../../src/store/connection.ts';
import { freshDatabase, startServer, type TestServer } from '../helpers/database.ts';

const ROOT = path.join(import.meta.dirname, '../..');

/** What these settings are in a session. */
async function shown(db: Database, names: readonly string[]): Promise<Record<string, string>> {
  const found: Record<string, string> = {};
  for (const name of names) {
    const [row] = await db.run((sql) =>
      sql.unsafe<{ value: string }[]>(`select setting as value from pg_settings where name = '${name}'`),
    );
    found[name] = row!.value;
  }
  return found;
}

/** A server that listens on TCP: a unix socket has no keepalive to ask for. */
async function byTcp(): Promise<{ server: TestServer; port: number }> {
  const free = net.createServer().listen(0, '127.0.0.1');
  await new Promise((resolve) => free.once('listening', resolve));
  const { port } = free.address() as net.AddressInfo;
  await new Promise((resolve) => free.close(resolve));
  return {
    server: await startServer({ settings: { listen_addresses: '127.0.0.1', port: String(port) } }),
    port,
  };
}

test('a coordinator, on every connection: timeouts below its own deadline, keepalive, isolation, its name', async (t) => {
  const { server, port } = await byTcp();
  t.teardown(() => server.remove());
  const own = { ...server.address, port };
  {
    await using root = connect(own, { applicationName: 'test', role: 'client', max: 1 });
    for (const site of [
      "statement_timeout = '1h'",
      'synchronous_commit = off',
      'idle_in_transaction_session_timeout = 0',
      "application_name = 'site'",
      'tcp_keepalives_idle = 7200',
    ])
      await root.sql.unsafe(`alter database postgres set ${site}`);
  }
  await using db = connect(
    { ...own, host: '127.0.0.1' },
    { applicationName: 'balsam x 1', role: 'coordinator', max: 2 },
  );
  const wanted = {
    application_name: 'balsam x 1',
    transaction_isolation: 'read committed',
    synchronous_commit: 'on',
    statement_timeout: String(STATEMENT_TIMEOUT_MS),
    idle_in_transaction_session_timeout: String(IDLE_IN_TRANSACTION_MS),
    tcp_keepalives_idle: String(TCP_KEEPALIVE_S),
    tcp_keepalives_interval: String(TCP_KEEPALIVE_S),
    tcp_keepalives_count: '3',
    tcp_user_timeout: String(STATEMENT_DEADLINE_MS),
  };
  // Two at once are on two connections; the third is one that listens.
  const both = await Promise.all([1, 2].map(() => shown(db, Object.keys(wanted))));
  t.deepEqual(both, [wanted, wanted]);
  const listening = await db.listen(
    'balsam_job',
    () => undefined,
    () => undefined,
  );
  const names = await db.run(
    (sql) => sql<{ application_name: string }[]>`
    select application_name from pg_stat_activity where datname = 'postgres' and backend_type = 'client backend'`,
  );
  t.deepEqual(new Set(names.map((row) => row.application_name)), new Set(['balsam x 1']));
  t.true(names.length >= 3);
  await listening.unlisten();
  t.true(
    STATEMENT_TIMEOUT_MS < STATEMENT_DEADLINE_MS,
    'Postgres gives up first, and says that nothing was done',
  );
});

test('a client: isolation and name, and no timeout that its long queries would meet', async (t) => {
  const address = await freshDatabase();
  {
    await using root = connect(address, { applicationName: 'test', role: 'client', max: 1 });
    await root.sql.unsafe(`alter database ${address.database} set synchronous_commit = off`);
  }
  await using db = connect(address, {
    applicationName: 'balsam command',
    role: 'client',
    max: 1,
  });
  const wanted = {
    application_name: 'balsam command',
    transaction_isolation: 'read committed',
    synchronous_commit: 'on',
    statement_timeout: '0',
  };
  t.deepEqual(await shown(db, Object.keys(wanted)), wanted);
});

test('one place opens connections, and whoever asks it says who he is', (t) => {
  const files = ['src', 'bin'].flatMap((top) =>
    readdirSync(path.join(ROOT, top), { recursive: true, encoding: 'utf8' })
      .filter((f) => f.endsWith('.ts'))
      .map((f) => `${top}/${f}`),
  );
  const opening = files.filter((f) =>
    /import (?!type)[^;]*?from 'postgres'|import\('postgres'/.test(readFileSync(path.join(ROOT, f), 'utf8')),
  );
  t.deepEqual(opening, ['src/store/connection.ts']);
});

test('no foreign key and no trigger on what the hot statements write', async (t) => {
  await using db = connect(await freshDatabase(), { applicationName: 'test', role: 'client', max: 1 });
  const tables = await db.run(
    (sql) =>
      sql<
        { name: string }[]
      >`select relname as name from pg_class where relkind = 'r' and relnamespace = 'public'::regnamespace`,
  );
  for (const hot of ['job', 'attempt', 'launcher'])
    t.true(
      tables.some((row) => row.name === hot),
      hot,
    );
  const keys = await db.run(
    (
      sql,
    ) => sql`select conrelid::regclass::text as on, confrelid::regclass::text as to from pg_constraint where contype = 'f'
    and ('job'::regclass in (conrelid, confrelid) or 'attempt'::regclass in (conrelid, confrelid))`,
  );
  t.deepEqual([...keys], []);
  const triggers = await db.run(
    (sql) => sql`select tgname, tgrelid::regclass::text as on from pg_trigger
    where tgrelid in ('job'::regclass, 'attempt'::regclass, 'launcher'::regclass) and (not tgisinternal or tgrelid <> 'launcher'::regclass)`,
  );
  t.deepEqual([...triggers], []);
  const rules = await db.run(
    (sql) =>
      sql`select rulename from pg_rewrite where ev_class in ('job'::regclass, 'attempt'::regclass, 'launcher'::regclass)`,
  );
  t.deepEqual([...rules], []);
});
