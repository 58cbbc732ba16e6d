/** The real wire on loopback: who comes in, who does not, what a lost connection does. */
import { randomBytes } from 'node:crypto';
import { spawn } from 'node:child_process';
import { createServer } from 'node:net';
import { once } from 'node:events';
import { fileURLToPath } from 'node:url';
import test from 'ava';
import { Dealer, Router } from 'zeromq';
import { MAX_MESSAGE_BYTES } from '../../src/base/limits.ts';
import { WIRE_STRANGER_REPORTS } from '../../src/base/wire-limits.ts';
import { makeKeyPair, makeLauncherKeys } from '../../src/wire/curve.ts';
import { DealerLink } from '../../src/wire/dealer-link.ts';
import { RouterLink } from '../../src/wire/router-link.ts';
import { startClient, startServer, throwAt, until } from './_wire.ts';
import type { AddressInfo } from 'node:net';

test('messages pass both ways; an identity that nobody has is unreachable, and so is everybody before a connection', async (t) => {
  const keys = makeLauncherKeys();
  const server = await startServer(t, keys, { echo: true });
  const client = startClient(t, keys.client, [server.endpoint]);
  t.is(await client.link.send(Buffer.from('too early')), 'unreachable');
  await until('connected', () => client.link.state === 'connected');
  t.is(await client.link.send(Buffer.from('hello')), 'ok');
  await until('echo', () => client.got.length === 1);
  t.deepEqual([server.got, client.got], [['agent-1: hello'], ['hello']]);
  t.is(await server.link.send('agent-2', Buffer.from('x')), 'unreachable');
  t.like(server.link.counters, { received: 1, receivedBytes: 5, sent: 1, unreachable: 1, strangers: 0 });
  t.like(client.link.counters, { received: 1, sent: 1, unreachable: 1, connections: 1, strangers: 0 });
  await client.link.close();
  await client.link.close();
  t.deepEqual(client.states, [`connected ${server.endpoint}`, `disconnected ${server.endpoint}`]);
  await until('gone', async () => (await server.link.send('agent-1', Buffer.from('x'))) === 'unreachable');
  await server.link.close();
  t.is(await server.link.send('agent-1', Buffer.from('x')), 'unreachable');
});

test('an unknown client key is refused and counted, with its address; reports are limited in rate', async (t) => {
  const keys = makeLauncherKeys();
  const server = await startServer(t, keys);
  const evil = startClient(
    t,
    { ...makeKeyPair(), peerPublicKey: keys.server.publicKey },
    [server.endpoint],
    'agent-1',
  );
  await until('refused', () => server.link.counters.strangers > 0);
  t.deepEqual(server.strangers[0], { address: '127.0.0.1', reason: 'unknown client key', unreported: 0 });
  await until('more than is reported', () => {
    if (server.link.counters.strangers > WIRE_STRANGER_REPORTS + 2) return true;
    // ZeroMQ does not try again after a refusal, so new strangers are sent.
    startClient(t, { ...makeKeyPair(), peerPublicKey: keys.server.publicKey }, [server.endpoint]);
    return false;
  });
  t.is(server.strangers.length, WIRE_STRANGER_REPORTS);
  t.is(evil.link.state, 'disconnected');
  t.deepEqual(evil.states, []);
  const good = startClient(t, keys.client, [server.endpoint], 'agent-2');
  await until('the right key still comes in', () => good.link.state === 'connected');
  t.deepEqual(server.got, []);
});

test('a server with another key is never connected to, by either side’s count', async (t) => {
  const keys = makeLauncherKeys();
  const impostor = await startServer(t, { server: makeLauncherKeys().server, client: keys.client });
  const client = startClient(t, keys.client, [impostor.endpoint]);
  await until('handshake failed', () => impostor.link.counters.strangers > 0);
  t.is(client.link.state, 'disconnected');
  t.deepEqual([client.states, impostor.got], [[], []]);
});

test('among endpoints the one that proves the key wins: not the impostor, the dead, the silent or the deaf', async (t) => {
  const keys = makeLauncherKeys();
  const real = await startServer(t, keys, { echo: true });
  const impostor = await startServer(t, { server: makeLauncherKeys().server, client: keys.client });
  const silent = createServer(() => undefined).listen(0, '127.0.0.1');
  t.teardown(() => silent.close());
  await once(silent, 'listening');
  const endpoints = [
    impostor.endpoint,
    'tcp://127.0.0.1:1',
    `tcp://127.0.0.1:${(silent.address() as AddressInfo).port}`,
    'tcp://10.255.255.1:9',
    real.endpoint,
  ];
  const client = startClient(t, keys.client, endpoints);
  await until('connected', () => client.link.state === 'connected');
  t.deepEqual(client.states, [`connected ${real.endpoint}`]);
  t.is(await client.link.send(Buffer.from('hi')), 'ok');
  await until('echo', () => client.got.length === 1);
});

test('two addresses of one server: one connection carries the identity, nothing is handed over and back', async (t) => {
  const keys = makeLauncherKeys();
  const server = await startServer(t, keys, { echo: true, addresses: ['127.0.0.1', '127.0.0.2'] });
  const client = startClient(t, keys.client, [server.endpoint, `tcp://127.0.0.2:${server.port}`]);
  await until('connected', () => client.link.state === 'connected');
  for (let number = 0; number < 200; number++) t.is(await client.link.send(Buffer.from(`${number}`)), 'ok');
  await until('all echoes', () => client.got.length === 200);
  t.deepEqual(
    client.got,
    Array.from({ length: 200 }, (_, number) => `${number}`),
  );
  t.is(client.states.length, 1);
});

test('plain ZeroMQ clients, garbage and half a handshake are refused and counted, and disturb nobody', async (t) => {
  const keys = makeLauncherKeys();
  const server = await startServer(t, keys, { echo: true });
  const client = startClient(t, keys.client, [server.endpoint]);
  await until('connected', () => client.link.state === 'connected');
  const plain = new Dealer({ linger: 0, sendTimeout: 0 });
  t.teardown(() => plain.close());
  plain.connect(server.endpoint);
  await plain.send('plain');
  await until('the plain client is counted', () => server.link.counters.strangers > 0);
  const before = { ...server.link.counters };
  // A ZMTP 3.1 greeting that promises CURVE, then garbage: the connection is closed.
  const greeting = Buffer.concat([
    Buffer.from('ff00000000000000017f0301', 'hex'),
    Buffer.from('CURVE'.padEnd(20, '\0')),
    Buffer.alloc(32),
  ]);
  await Promise.all([
    throwAt(server.port, Buffer.concat([greeting, randomBytes(4096)])),
    throwAt(server.port, randomBytes(65_536)),
    throwAt(server.port, Buffer.from('GET / HTTP/1.1\r\nHost: x\r\n\r\n'.padEnd(100, 'x'))),
    // Says nothing: closed when the time for a handshake is over.
    throwAt(server.port, Buffer.alloc(0)),
  ]);
  await until('garbage is counted', () => server.link.counters.strangers > before.strangers);
  await until('and so is what is no ZMTP', () => server.link.counters.attempts >= before.attempts + 4);
  t.is(await client.link.send(Buffer.from('still here')), 'ok');
  await until('echo', () => client.got.includes('still here'));
  t.deepEqual(server.got, ['agent-1: still here']);
  t.deepEqual(client.states, [`connected ${server.endpoint}`]);
});

test('a message beyond the limit is not delivered; its sender loses the connection and comes back', async (t) => {
  const keys = makeLauncherKeys();
  const server = await startServer(t, keys, { echo: true });
  const client = startClient(t, keys.client, [server.endpoint]);
  const other = startClient(t, keys.client, [server.endpoint], 'agent-2');
  await until('connected', () => client.link.state === 'connected' && other.link.state === 'connected');
  await client.link.send(Buffer.alloc(MAX_MESSAGE_BYTES - 100, 'a'));
  await until('the largest passes', () => client.got.length === 1);
  await client.link.send(Buffer.alloc(MAX_MESSAGE_BYTES + 100, 'b'));
  await until('thrown out and back', () => client.states.length === 3 && client.link.state === 'connected');
  await client.link.send(Buffer.from('small'));
  await until('echo', () => client.got.includes('small'));
  t.is(server.got.filter((text) => text.includes('bbb')).length, 0);
  t.deepEqual(other.states, [`connected ${server.endpoint}`]);
});

test('messages of several frames are no messages', async (t) => {
  const keys = makeLauncherKeys();
  const server = await startServer(t, keys);
  const dealer = new Dealer({
    linger: 0,
    curveServerKey: keys.server.publicKey,
    curvePublicKey: keys.client.publicKey,
    curveSecretKey: keys.client.secretKey,
  });
  t.teardown(() => dealer.close());
  dealer.connect(server.endpoint);
  await dealer.send(['a', 'b']);
  await dealer.send('c');
  await until('c', () => server.got.length === 1);
  t.is(server.link.counters.malformed, 1);
});

test('the server goes away and comes back on the same port with the same keys', async (t) => {
  const keys = makeLauncherKeys();
  const first = await startServer(t, keys, { echo: true });
  const clients = ['a', 'b', 'c'].map((name) => startClient(t, keys.client, [first.endpoint], name));
  await until('connected', () => clients.every(({ link }) => link.state === 'connected'));
  await first.link.close();
  await until('disconnected', () => clients.every(({ link }) => link.state === 'disconnected'));
  for (const { link } of clients) t.is(await link.send(Buffer.from('lost')), 'unreachable');
  const second = await startServer(t, keys, { port: first.port, echo: true });
  const begin = performance.now();
  await until('back', () => clients.every(({ link }) => link.state === 'connected'));
  t.log(`all back ${Math.round(performance.now() - begin)} ms after the bind`);
  for (const { link } of clients) t.is(await link.send(Buffer.from('again')), 'ok');
  await until('echoes', () => clients.every(({ got }) => got.includes('again')));
  t.deepEqual(second.got.toSorted(), ['a: again', 'b: again', 'c: again'], 'nothing sent before arrives now');
  await t.throwsAsync(startServer(t, keys, { port: first.port }), { code: 'EADDRINUSE' });
});

test('a new connection of an identity takes it over from one that hangs', async (t) => {
  const keys = makeLauncherKeys();
  const server = await startServer(t, keys);
  const old = startClient(t, keys.client, [server.endpoint]);
  await until('connected', () => old.link.state === 'connected');
  const fresh = new Dealer({
    linger: 0,
    routingId: 'agent-1',
    curveServerKey: keys.server.publicKey,
    curvePublicKey: keys.client.publicKey,
    curveSecretKey: keys.client.secretKey,
  });
  t.teardown(() => fresh.close());
  fresh.connect(server.endpoint);
  await fresh.send('mine now');
  await until('heard', () => server.got.includes('agent-1: mine now'));
  t.is(await server.link.send('agent-1', Buffer.from('for the new one')), 'ok');
  const [frame] = await fresh.receive();
  t.is(frame!.toString(), 'for the new one');
  t.deepEqual(old.got, []);
});

test('a peer that does not read fills its own queue only: full is said, others go on', async (t) => {
  const keys = makeLauncherKeys();
  const server = await startServer(t, keys, { echo: true });
  let release = (): void => undefined;
  const gate = new Promise<void>((resolve) => (release = resolve));
  let taken = 0;
  const slow = new DealerLink({
    identity: 'slow',
    keys: keys.client,
    onMessage: async () => {
      taken++;
      await gate;
    },
  });
  t.teardown(() => slow.close());
  slow.connect([server.endpoint]);
  const quick = startClient(t, keys.client, [server.endpoint], 'quick');
  await until('connected', () => slow.state === 'connected' && quick.link.state === 'connected');
  const bytes = Buffer.alloc(64 * 1024);
  let sent = 0;
  await until('full', async () => {
    for (;;) {
      const result = await server.link.send('slow', bytes);
      if (result !== 'ok') return result === 'full';
      if (++sent % 50 === 0) return false;
    }
  });
  t.true(sent < 10_000, `${sent} messages`);
  t.is(server.link.counters.full, 1);
  await quick.link.send(Buffer.from('quick'));
  await until('the other goes on', () => quick.got.length === 1);
  t.is(taken, 1);
  release();
  await until('it gets all that was accepted', () => taken === sent);
});

test('a handler that throws ends its link with that error', async (t) => {
  const keys = makeLauncherKeys();
  const server = new RouterLink({
    keys: keys.server,
    clientKeys: [keys.client.publicKey],
    onMessage: () => {
      throw new Error('a bug');
    },
  });
  const done = t.throwsAsync(server.done, { message: 'a bug' });
  const { port } = await server.bind({ addresses: ['127.0.0.1'] });
  const client = startClient(t, keys.client, [`tcp://127.0.0.1:${port}`]);
  await until('connected', () => client.link.state === 'connected');
  await client.link.send(Buffer.from('x'));
  await done;
});

test('a client closed while it races, and one whose endpoint is no address', async (t) => {
  const keys = makeLauncherKeys();
  const racing = startClient(t, keys.client, ['tcp://127.0.0.1:1']);
  await racing.link.close();
  t.deepEqual(racing.states, []);
  const wrong = new DealerLink({ identity: 'a', keys: keys.client, onMessage: () => undefined });
  wrong.connect(['nonsense']);
  await t.throwsAsync(wrong.done, { code: 'EINVAL' });
});

test('a plain server is not talked to', async (t) => {
  const plain = new Router({ linger: 0 });
  t.teardown(() => plain.close());
  await plain.bind('tcp://127.0.0.1:*');
  const { client: keys } = makeLauncherKeys();
  const client = startClient(t, keys, [plain.lastEndpoint!]);
  await until('the failed handshake is counted', () => client.link.counters.strangers > 0);
  t.is(client.link.state, 'disconnected');
});

test('a peer that stands still loses its connection by heartbeats, and comes back when it goes on', async (t) => {
  const keys = makeLauncherKeys();
  const server = await startServer(t, keys);
  const script = fileURLToPath(new URL('_agent.ts', import.meta.url));
  const options = JSON.stringify({ keys: keys.client, endpoint: server.endpoint });
  const agent = spawn(process.execPath, [script, options], { stdio: ['ignore', 'ignore', 'inherit'] });
  t.teardown(() => agent.kill('SIGKILL'));
  await until('connected', () => server.got.length === 1);
  agent.kill('SIGSTOP');
  const begin = performance.now();
  await until(
    'unreachable',
    async () => (await server.link.send('agent-1', Buffer.from('x'))) === 'unreachable',
  );
  t.log(`unreachable ${Math.round(performance.now() - begin)} ms after it was stopped`);
  agent.kill('SIGCONT');
  await until('connected again', () => server.got.length === 2);
  t.is(await server.link.send('agent-1', Buffer.from('x')), 'ok');
});
