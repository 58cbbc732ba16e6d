/**
 * A pooler between us and Postgres that drops what a session sets when it connects, as pgbouncer does with
 * `ignore_startup_parameters`, or refuses it, as pgbouncer does without: each command says so, and nothing is done through it.
 */
import { once } from 'node:events';
import fs from 'node:fs';
import net from 'node:net';
import path from 'node:path';
import test, { type ExecutionContext } from 'ava';
import { readServerInfo, writeServerInfo } from '../../src/server/layout.ts';
import { balsam, fresh } from '../cli/_cli.ts';

/** What pgbouncer takes of a startup message by itself. */
const KNOWN = new Set(['user', 'database', 'application_name', 'client_encoding', 'DateStyle', 'TimeZone']);

/** Hands a connection on to `socket` without the settings for which `drops` is true; gives its port. */
async function pooler(
  t: ExecutionContext,
  socket: string,
  drops: (name: string) => boolean,
): Promise<number> {
  const server = net.createServer((client) => {
    const behind = net.connect(socket);
    client.on('error', () => behind.destroy());
    behind.on('error', () => client.destroy());
    client.once('data', (startup: Buffer) => {
      behind.write(without(startup, drops));
      client.pipe(behind);
      behind.pipe(client);
    });
  });
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  t.teardown(() => server.close());
  return (server.address() as net.AddressInfo).port;
}

/** A pooler that knows no other settings. */
async function strict(t: ExecutionContext): Promise<number> {
  const server = net.createServer((client) => {
    client.on('error', () => undefined);
    client.once('data', () => {
      const fields = ['SFATAL', 'C08P01', 'Munsupported startup parameter: statement_timeout', ''].join('\0');
      const body = Buffer.from(`${fields}\0`);
      const head = Buffer.alloc(5);
      head.write('E');
      head.writeInt32BE(body.length + 4, 1);
      client.end(Buffer.concat([head, body]));
    });
  });
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  t.teardown(() => server.close());
  return (server.address() as net.AddressInfo).port;
}

function without(startup: Buffer, drops: (name: string) => boolean): Buffer {
  const words = startup.subarray(8, -1).toString('utf8').split('\0');
  const kept: string[] = [];
  for (let i = 0; i + 1 < words.length; i += 2) if (!drops(words[i]!)) kept.push(words[i]!, words[i + 1]!);
  const body = Buffer.from(`${kept.join('\0')}\0\0`);
  const head = Buffer.alloc(8);
  head.writeInt32BE(body.length + 8, 0);
  startup.copy(head, 4, 4, 8);
  return Buffer.concat([head, body]);
}

test('a pooler that drops the settings of a session is refused, by commands and by init', async (t) => {
  const db = await fresh(t);
  const info = readServerInfo(db.path);
  const socket = path.join(info.host, `.s.PGSQL.${info.port}`);

  // One that hands on everything is not in the way.
  const honest = await pooler(t, socket, () => false);
  writeServerInfo(db.path, { ...info, host: '127.0.0.1', port: honest });
  t.is((await db.run('ls')).code, 0);

  for (const [drops, named] of [
    [(name: string) => !KNOWN.has(name), /default_transaction_isolation|synchronous_commit|random_page_cost/],
    [(name: string) => name === 'random_page_cost', /\(random_page_cost\)/],
  ] as const) {
    const port = await pooler(t, socket, drops);
    writeServerInfo(db.path, { ...info, host: '127.0.0.1', port });
    for (const words of [['ls'], ['make_dummies', '3'], ['launcher', '--consume-all']]) {
      const ran = await balsam(words, { env: db.env });
      t.is(ran.code, 1, words.join(' '));
      if (words[0] === 'launcher') continue; // its coordinator meets it
      t.regex(
        ran.err,
        /does not keep what a session sets \(.*\): is a connection pooler \(pgbouncer\) between\?/,
      );
      t.regex(ran.err, named);
    }
    const { user, password, database } = db.address;
    const target = path.join(path.dirname(db.path), 'new');
    const url = `postgres://${user}:${password}@127.0.0.1:${port}/${database}`;
    const made = await balsam(['init', target, '--url', url]);
    t.is(made.code, 1);
    t.regex(made.err, /does not keep what a session sets/);
    t.false(fs.existsSync(target));
  }
  t.is(Number((await db.sql`select count(*) as n from job`)[0]?.['n']), 0);
});

test('a coordinator needs more settings than a client, and a pooler that drops one of them is refused', async (t) => {
  const db = await fresh(t);
  const info = readServerInfo(db.path);
  const socket = path.join(info.host, `.s.PGSQL.${info.port}`);
  const port = await pooler(t, socket, (name) => name === 'statement_timeout');
  writeServerInfo(db.path, { ...info, host: '127.0.0.1', port });
  const ran = await balsam(['launcher', '--consume-all', '--idle-exit-seconds', '0'], { env: db.env });
  t.is(ran.code, 1);
  const logs = fs
    .readdirSync(path.join(db.path, 'log'))
    .map((name) => fs.readFileSync(path.join(db.path, 'log', name), 'utf8'));
  t.regex(logs.join('') + ran.err, /does not keep what a session sets \(statement_timeout\)/);
});

test('a pooler that refuses our settings says which, and what to do', async (t) => {
  const db = await fresh(t);
  const info = readServerInfo(db.path);
  writeServerInfo(db.path, { ...info, host: '127.0.0.1', port: await strict(t) });
  const ran = await db.run('ls');
  t.is(ran.code, 1);
  t.regex(
    ran.err,
    /refuses what a session sets \(.*unsupported startup parameter: statement_timeout\): is a connection pooler/,
  );
});
