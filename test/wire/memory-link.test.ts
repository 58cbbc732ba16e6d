/** The links in memory behave as those over sockets do, and lose, double and reorder on demand. */
import test from 'ava';
import { MemoryNetwork } from '../../src/wire/memory-link.ts';
import type { ClientLink, ServerLink } from '../../src/wire/link.ts';
import type { MemoryNetworkOptions } from '../../src/wire/memory-link.ts';

type Setup = {
  network: MemoryNetwork;
  server: ServerLink;
  client: ClientLink;
  got: string[];
  back: string[];
  states: string[];
};

async function setup(options: MemoryNetworkOptions = {}): Promise<Setup> {
  const network = new MemoryNetwork(options);
  const [got, back, states] = [[] as string[], [] as string[], [] as string[]];
  const server = network.server({
    onMessage: (identity, bytes) => void got.push(`${identity}: ${text(bytes)}`),
  });
  const client = network.client({
    identity: 'a',
    onMessage: (bytes) => void back.push(text(bytes)),
    onState: (state) => states.push(state),
  });
  client.connect(['memory']);
  await server.bind({ addresses: ['memory'] });
  return { network, server, client, got, back, states };
}

const text = (bytes: Uint8Array): string => Buffer.from(bytes).toString();
const bytes = (message: string): Uint8Array => Buffer.from(message);
const turn = (): Promise<void> => new Promise((resolve) => setImmediate(resolve));

test('messages pass both ways, in order', async (t) => {
  const { server, client, got, back, states } = await setup();
  await turn();
  t.is(await client.send(bytes('1')), 'ok');
  t.is(await client.send(bytes('2')), 'ok');
  t.is(await server.send('a', bytes('x')), 'ok');
  t.is(await server.send('b', bytes('x')), 'unreachable');
  await turn();
  t.deepEqual([got, back, states], [['a: 1', 'a: 2'], ['x'], ['connected']]);
  t.like(server.counters, { received: 2, sent: 1, unreachable: 1 });
  t.like(client.counters, { received: 1, sent: 2, unreachable: 0 });
  await client.close();
  t.is(await server.send('a', bytes('x')), 'unreachable');
  t.deepEqual(states, ['connected', 'disconnected']);
});

test('a cut, a closed server and its successor are seen as over sockets', async (t) => {
  const { network, server, client, got, states } = await setup();
  await turn();
  const lost = client.send(bytes('on its way'));
  network.cut('a');
  await lost;
  await turn();
  t.is(await client.send(bytes('x')), 'unreachable');
  network.heal('a');
  await turn();
  await server.close();
  await turn();
  t.is(client.state, 'disconnected');
  const second = network.server({ onMessage: (_, message) => void got.push(`second: ${text(message)}`) });
  await second.bind({ addresses: ['memory'] });
  const third = network.server({ onMessage: () => undefined });
  await t.throwsAsync(third.bind({ addresses: ['memory'] }), { code: 'EADDRINUSE' });
  await turn();
  t.is(await client.send(bytes('again')), 'ok');
  await turn();
  t.deepEqual(got.at(-1), 'second: again');
  t.deepEqual(states, ['connected', 'disconnected', 'connected', 'disconnected', 'connected']);
});

test('a second client of the same identity takes over', async (t) => {
  const { network, server, client, back } = await setup();
  await turn();
  const fresh: string[] = [];
  network
    .client({ identity: 'a', onMessage: (message) => void fresh.push(text(message)) })
    .connect(['memory']);
  await turn();
  t.is(client.state, 'disconnected');
  await server.send('a', bytes('new'));
  await turn();
  t.deepEqual([fresh, back], [['new'], []]);
});

test('the fate of messages is the caller’s: lost, doubled, late', async (t) => {
  const queue: { when: number; callback: () => void }[] = [];
  const fates: (readonly number[])[] = [[], [0, 5], [9], [1]];
  const { client, got } = await setup({
    schedule: (delay, callback) => queue.push({ when: delay, callback }),
    fate: () => fates.shift() ?? [0],
  });
  const run = (): void => {
    for (const { callback } of queue.splice(0).toSorted((a, b) => a.when - b.when)) callback();
  };
  run();
  for (const message of ['lost', 'doubled', 'late', 'soon']) t.is(await client.send(bytes(message)), 'ok');
  run();
  t.deepEqual(got, ['a: doubled', 'a: soon', 'a: doubled', 'a: late']);
});

test('handlers run one after the other, and what they throw is told', async (t) => {
  const network = new MemoryNetwork();
  const log: string[] = [];
  const server = network.server({
    onMessage: async (_, message) => {
      log.push(`begin ${text(message)}`);
      await turn();
      log.push(`end ${text(message)}`);
      if (text(message) === '2') throw new Error('a bug');
    },
  });
  const done = t.throwsAsync(server.done, { message: 'a bug' });
  await server.bind({ addresses: ['memory'] });
  const client = network.client({ identity: 'a', onMessage: () => undefined });
  client.connect(['memory']);
  await turn();
  await client.send(bytes('1'));
  await client.send(bytes('2'));
  await done;
  t.deepEqual(log, ['begin 1', 'end 1', 'begin 2', 'end 2']);
});
