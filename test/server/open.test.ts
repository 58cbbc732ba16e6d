/**
 * Opening a database whose schema is not this program's, or whose port somebody took.
 */
import { randomBytes } from 'node:crypto';
import { once } from 'node:events';
import net from 'node:net';
import test from 'ava';
import { ensureServer, stopServer } from '../../src/server/server.ts';
import { followServer, openDatabase } from '../../src/server/open.ts';
import { WorldError } from '../../src/base/errors.ts';
import { connect } from '../../src/store/connection.ts';
import { checkSchema, migrate } from '../../src/store/migrate.ts';
import { backToSchema4, oldDatabase } from '../helpers/old-database.ts';
import { failure, newDatabase } from './_cluster.ts';

const client = { applicationName: 'test', role: 'client', max: 1 } as const;

test.serial(
  'an older schema is brought up to date when no launcher is at work, else left alone',
  async (t) => {
    const root = await newDatabase(t);
    {
      await using db = await openDatabase({ ...client, path: root });
      await db.sql`insert into launcher (name) values ('at work')`;
      await db.sql`delete from migration`;
    }
    t.regex(
      await failure(() => openDatabase({ ...client, path: root })),
      /has schema 0, this program needs \d+, and 1 launcher is at work .* wait until it has ended/,
    );
    {
      // By the address, since opening is refused.
      const { addressOf } = await import('../../src/server/open.ts');
      await using db = connect(addressOf(root), client);
      await db.sql`drop schema public cascade`;
      await db.sql`create schema public`;
    }
    await using db = await openDatabase({ ...client, path: root });
    await t.notThrowsAsync(checkSchema(db));
  },
);

test.serial('rows from before names had a limit come into the index that has one', async (t) => {
  const db = connect(await oldDatabase(), client);
  t.teardown(() => db.close());
  const chance = randomBytes(3_000).toString('base64');
  await backToSchema4(db.sql);
  await db.sql`insert into job (id, name, workflow, application) values (gen_random_uuid(), ${chance}, 'w', 'a'),
    (gen_random_uuid(), ${'ü'.repeat(300)}, 'w', 'a')`;
  await migrate(db);
  t.deepEqual(
    [...(await db.sql`select name, workflow, application from job where workflow = 'w' order by seq`)],
    [
      { name: chance.slice(0, 200), workflow: 'w', application: 'a' },
      { name: 'ü'.repeat(300), workflow: 'w', application: 'a' },
    ],
  );
});

test.serial('a newer schema is refused with what to do', async (t) => {
  const root = await newDatabase(t);
  {
    await using db = await openDatabase({ ...client, path: root });
    await db.sql`insert into migration (number, name, checksum) values (9999, 'of the future', '')`;
  }
  t.regex(await failure(() => openDatabase({ ...client, path: root })), /use a newer version of balsam/);
});

test.serial('when another program has the port of last time, another port is taken', async (t) => {
  const root = await newDatabase(t);
  const { port } = await ensureServer(root);
  await stopServer(root);
  const other = net.createServer().listen(port, '127.0.0.1');
  await once(other, 'listening');
  t.teardown(() => other.close());
  const now = await ensureServer(root);
  t.not(now.port, port);
  await using db = await openDatabase({ ...client, path: root });
  t.is((await db.sql`select 1 as one`)[0]?.['one'], 1);
});

test.serial('a connection follows its server to another port', async (t) => {
  const root = await newDatabase(t);
  await using db = await openDatabase({ ...client, path: root });
  const { port } = await ensureServer(root);
  await stopServer(root);
  await followServer(db);
  t.is(db.address.port, port, 'a stopped server is nowhere else');
  const other = net.createServer().listen(port, '127.0.0.1');
  await once(other, 'listening');
  t.teardown(() => other.close());
  await ensureServer(root);
  await t.throwsAsync(
    db.run((sql) => sql`select 1`),
    { instanceOf: WorldError },
  );
  await followServer(db);
  t.is((await db.run((sql) => sql`select 1 as one`))[0]?.['one'], 1);
});
