/**
 * Programs that speak the job channel wrongly, on purpose or not. Goal: the agent lives, its memory is bounded, and what a
 * correct client beside them writes and reads is right. Method: real sockets, seeded lines (CORE_SEED repeats them), and
 * the whole channel but for the core behind it.
 */
import { once } from 'node:events';
import test from 'ava';
import fc from 'fast-check';
import { MAX_DATA_BYTES } from '../../src/base/limits.ts';
import { MAX_CHANNEL_LINE_BYTES, parseHello, parseRequest } from '../../src/model/job-channel.ts';
import { ChannelRig, type Client } from './_channel.ts';

const given = process.env['CORE_SEED'];
const seed = given ? { seed: Number(given) } : {};
const deep = (n: number): string => `${'['.repeat(n)}${']'.repeat(n)}`;

const value = fc.oneof(
  fc.json({ maxDepth: 2 }),
  fc.constantFrom(
    'null',
    '""',
    '5',
    '-1',
    '1.5',
    '1e400',
    '{}',
    '[]',
    '[1]',
    '"\\u0000"',
    '"\\ud800"',
    'true',
  ),
  fc.constantFrom(deep(60), deep(70), deep(20_000), '{"__proto__":{"x":1}}', '{"constructor":null}'),
);
const member = fc.constantFrom(
  'id',
  'op',
  'set',
  'removed',
  'fields',
  'durable',
  'fresh',
  'name',
  'defaults',
  'v',
  'token',
  '__proto__',
  'constructor',
  'toString',
);
const op = fc.constantFrom(
  'job.get',
  'job.patch',
  'application.get',
  'application.getOrCreate',
  'application.save',
  'job.drop',
  'constructor',
  '__proto__',
);
/** One line of text: nearly right, wrong in shape, or nothing at all. */
const line = fc.oneof(
  fc
    .tuple(op, fc.array(fc.tuple(member, value), { maxLength: 5 }))
    .map(
      ([name, members]) => `{"op":"${name}",${members.map(([k, v]) => `"${k}":${v}`).join(',') || '"id":1'}}`,
    ),
  fc
    .array(fc.tuple(member, value), { maxLength: 5 })
    .map((members) => `{${members.map(([k, v]) => `"${k}":${v}`).join(',')}}`),
  value,
  fc.string({ unit: 'binary', maxLength: 60 }),
);

test('no line makes the readers throw', (t) => {
  let right = 0;
  fc.assert(
    fc.property(line, (text) => {
      const [hello, request] = [parseHello(text), parseRequest(text)];
      if (request.ok) right += 1;
      for (const answer of [hello, request])
        t.true(answer.ok || (answer.error.length < 300 && answer.code.length > 0), text);
    }),
    { numRuns: 2_000, ...seed },
  );
  t.true(right > 5, `${right} were right`);
  for (const inner of [deep(100_000), `{"a":${deep(5_000)}}`])
    for (const key of ['v', 'token', 'op', 'id', 'set', 'removed', 'fields', 'durable', 'name']) {
      t.false(parseHello(`{"v":1,"${key}":${inner}}`).ok);
      t.false(parseRequest(`{"op":"job.patch","${key}":${inner}}`).ok);
    }
});

/** Bytes as a broken program sends them: lines, halves of lines, bytes that are no text, in pieces. */
const bytes = fc.array(
  fc.oneof(
    line.map((text) => Buffer.from(`${text.replaceAll('\n', ' ')}\n`)),
    line.map((text) => Buffer.from(text.slice(0, text.length / 2))),
    fc.uint8Array({ maxLength: 100 }).map((b) => Buffer.from(b)),
    fc.constant(Buffer.from('\r\n\n\n')),
  ),
  { maxLength: 12 },
);

test('broken programs beside a correct one: it reads what it wrote, and the row has it', async (t) => {
  const rig = await ChannelRig.start(t);
  const good = rig.admit({ kept: [1] });
  const evil = rig.admit();
  const client = await rig.client(good.hello);
  let n = 0;
  await fc.assert(
    fc.asyncProperty(bytes, fc.boolean(), fc.nat(2), async (chunks, proven, end) => {
      const wrong = await rig.client(proven ? evil.hello : '');
      for (const chunk of chunks) if (!wrong.socket.destroyed) wrong.socket.write(chunk);
      n += 1;
      const answer = await client.ask({ id: n, op: 'job.patch', set: { n, __proto__: undefined } });
      t.deepEqual(answer['result'], { durable: false });
      if (end === 0) wrong.socket.destroy();
      else wrong.socket.end();
      await wrong.closed;
    }),
    { numRuns: 150, ...seed },
  );
  const { result } = (await client.ask({ id: 'last', op: 'job.get' })) as { result: { data: object } };
  t.deepEqual(result.data, { kept: [1], n });
  t.deepEqual(rig.rows.get(good.job)!.data, { kept: [1], n });
  t.true(rig.refused.length > 100, `${rig.refused.length} refusals`);
  // The broken one is heard again when it speaks well.
  const healed = await rig.client(evil.hello);
  t.true((await healed.ask({ id: 1, op: 'job.patch', set: { fine: true } }))['ok']);
});

test('bytes that are no UTF-8 are refused, and change nothing', async (t) => {
  const rig = await ChannelRig.start(t);
  const { job, hello } = rig.admit();
  const client = await rig.client(hello);
  client.socket.write(Buffer.from('{"id":1,"op":"job.patch","set":{"a":"\xff\xfe"}}\n', 'latin1'));
  await client.ask({ id: 2, op: 'job.patch', set: { b: 1 } });
  t.deepEqual(
    client.answers.map((a) => a['code'] ?? 'ok'),
    ['ok', 'bad-request', 'ok'],
  );
  t.deepEqual(rig.rows.get(job)!.data, { b: 1 });
});

const MIB = 1024 * 1024;
function memory(): number {
  const { rss } = process.memoryUsage();
  return rss / MIB;
}

test.serial('a program that asks for ever and reads nothing does not fill the agent', async (t) => {
  const rig = await ChannelRig.start(t);
  const { hello } = rig.admit({ big: 'x'.repeat(MIB) });
  const other = rig.admit();
  const client = await rig.client(hello);
  await client.ask({ id: 1, op: 'job.get' });
  client.socket.pause();
  const before = memory();
  // Twenty gigabytes of answers, were they all made.
  for (let i = 0; i < 20_000; i++) client.socket.write('{"id":2,"op":"job.get"}\n');
  const beside = await rig.client(other.hello);
  for (let i = 0; i < 200; i++) t.true((await beside.ask({ id: i, op: 'job.patch', set: { i } }))['ok']);
  const grown = memory() - before;
  t.log(`${grown.toFixed(0)} MiB more`);
  t.true(grown < 200);
  // When it reads again it is answered again.
  client.text = '';
  client.socket.resume();
  while (client.text.length < 5 * MIB) await once(client.socket, 'data');
  client.socket.destroy();
  t.is(rig.asked, 1);
});

test.serial('a program whose patches nobody commits is not read any further', async (t) => {
  const rig = await ChannelRig.start(t);
  const { hello } = rig.admit();
  rig.hold = true;
  const clients: Client[] = [];
  const patch = Buffer.from(`{"op":"job.patch","set":{"a":"${'x'.repeat(4 * MIB)}"},"durable":true}\n`);
  for (let c = 0; c < 4; c++) {
    const client = await rig.client(hello);
    clients.push(client);
    for (let i = 0; i < 6; i++) client.socket.write(patch);
  }
  // It takes no more than the room of all and what was being read, of 96 MiB.
  const full = (): number => rig.held.length * 4;
  const deadline = performance.now() + 60_000;
  while (full() < 64 && performance.now() < deadline) await new Promise((resolve) => setTimeout(resolve, 10));
  const other = await rig.client();
  await once(other.socket.end(), 'close');
  t.true(full() >= 64 && full() <= 64 + 4 * 5, `${full()} MiB`);
  rig.release();
  while (clients.some((c) => c.answers.length < 7) && performance.now() < deadline)
    await new Promise((resolve) => setTimeout(resolve, 10));
  for (const c of clients) t.is(c.answers.filter((a) => a['ok'] === true).length, 7);
});

test.serial('lines without an end: each has its limit, and all together', async (t) => {
  const rig = await ChannelRig.start(t);
  const { hello } = rig.admit();
  const tooLong = await rig.client(hello);
  tooLong.socket.write(Buffer.alloc(MAX_CHANNEL_LINE_BYTES + 10, 'x'));
  await tooLong.closed;
  t.is(tooLong.answers.at(-1)?.['code'], 'too-large');
  const stranger = await rig.client();
  stranger.socket.write(Buffer.alloc(100_000, 'x'));
  await stranger.closed;
  t.is(stranger.answers[0]?.['code'], 'bad-request', 'nobody without a token may be so long');
  const before = memory();
  const part = Buffer.alloc(8 * MIB, 'x');
  const clients = await Promise.all(Array.from({ length: 30 }, () => rig.client(hello)));
  for (const c of clients) c.socket.write(part);
  await Promise.race(clients.map((c) => c.closed));
  const refused = clients.filter((c) => c.text.includes('unavailable'));
  t.true(refused.length > 0 && refused.length < 30);
  t.log(`${(memory() - before).toFixed(0)} MiB more`);
  for (const c of clients) c.socket.destroy();
  await Promise.all(clients.map((c) => c.closed));
  const after = await rig.client(hello);
  t.true((await after.ask({ id: 1, op: 'job.patch', set: { a: 1 } }))['ok'], 'its room is free again');
});

test.serial(
  'hundreds of connections that say nothing, or the wrong thing, leave the others alone',
  async (t) => {
    const rig = await ChannelRig.start(t);
    const { job, hello } = rig.admit();
    const client = await rig.client(hello);
    await client.ask({ id: 0, op: 'job.get' });
    const silent = await Promise.all(Array.from({ length: 400 }, () => rig.client()));
    t.true((await client.ask({ id: 1, op: 'job.patch', set: { a: 1 } }))['ok']);
    await Promise.all(silent.slice(0, 144).map((c) => c.closed));
    // The oldest went; on a machine that is busy enough their ten seconds may be over as well.
    t.true(rig.refused.filter((r) => /first line/.test(r)).length >= 144);
    t.true(rig.refused.some((r) => r.includes('without a first line')));
    const other = rig.admit();
    const { token } = JSON.parse(hello) as { token: string };
    const [, , proof] = token.split(':');
    for (const forged of [
      `${other.job}:1:${proof}`,
      `${job}:2:${proof}`,
      `${job}:1:`,
      '__proto__',
      'x'.repeat(3_000),
    ]) {
      const c = await rig.client(`${JSON.stringify({ v: 1, token: forged })}\n`);
      await c.closed;
      t.is(c.answers[0]?.['code'], 'over', forged);
    }
    // One that was refused and does not hang up is hung up on.
    for (const c of silent) c.socket.destroy();
    t.true((await client.ask({ id: 2, op: 'job.patch', set: { b: 1 } }))['ok']);
  },
);

test('data as it would become is bounded, however small the steps', async (t) => {
  const rig = await ChannelRig.start(t);
  const { job, hello } = rig.admit();
  const client = await rig.client(hello);
  const half = 'x'.repeat(MAX_DATA_BYTES / 2);
  t.true((await client.ask({ id: 1, op: 'job.patch', set: { a: half } }))['ok']);
  t.is((await client.ask({ id: 2, op: 'job.patch', set: { b: half } }))['code'], 'too-large');
  t.true(
    (await client.ask({ id: 3, op: 'job.patch', set: { a: half } }))['ok'],
    'it takes the place of the first',
  );
  t.true((await client.ask({ id: 4, op: 'job.patch', removed: ['a'], set: { c: 1 } }))['ok']);
  t.true((await client.ask({ id: 5, op: 'job.patch', set: { b: half } }))['ok']);
  // A short line may be a long value: 1e20 is written with 21 digits.
  const numbers = `[${'1e20,'.repeat(1_000_000)}1]`;
  client.socket.write(`{"id":6,"op":"job.patch","set":{"n":${numbers}}}\n`);
  t.is((await client.ask({ id: 7, op: 'job.get' }))['ok'], true);
  t.is(client.answers.find((a) => a['id'] === 6)?.['code'], 'too-large');
  t.deepEqual(Object.keys(rig.rows.get(job)!.data), ['c', 'b']);
});

test('a record shows every patch of its attempt, also those that came while it was asked for', async (t) => {
  const rig = await ChannelRig.start(t);
  const { job, hello } = rig.admit({ x: 1 });
  const client = await rig.client(hello);
  await client.ask({ id: 0, op: 'job.patch' });
  rig.hold = true;
  for (const [id, request] of [
    { op: 'job.get' },
    { op: 'job.patch', set: { y: 1, __proto__: undefined } },
    { op: 'job.get', fresh: true },
    { op: 'job.patch', set: { z: 1 }, removed: ['x'], fields: { description: 'new' } },
  ].entries())
    client.socket.write(`${JSON.stringify({ id: id + 1, ...request })}\n`);
  while (rig.held.length < 4) await new Promise((resolve) => setImmediate(resolve));
  // The first answer was read before any of the patches.
  const row = structuredClone(rig.rows.get(job)!);
  const first = rig.held.shift()!;
  if (first.kind !== 'request') throw new Error('the first was a question');
  rig.channel.answer(first.ref, JSON.stringify({ job_id: job, state: 'RUNNING', ...row }), '');
  const cached = (await client.ask({ id: 9, op: 'job.get' })) as {
    result: { data: object; description: string };
  };
  t.deepEqual([cached.result.data, cached.result.description], [{ y: 1, z: 1 }, 'new']);
  rig.release();
  const last = (await client.ask({ id: 10, op: 'job.get' })) as { result: { data: object } };
  t.deepEqual(last.result.data, { y: 1, z: 1 });
});

test.serial(
  'the end of an attempt that still waits for a connection leaves the next one alone',
  async (t) => {
    const rig = await ChannelRig.start(t);
    const { job, hello } = rig.admit();
    const lingers = await rig.client(hello);
    await lingers.ask({ id: 1, op: 'job.get' });
    const over = rig.channel.over(job);
    const token = rig.channel.admit(job, 2, '/work-directory');
    await over;
    const next = await rig.client(`${JSON.stringify({ v: 1, token })}\n`);
    t.true((await next.ask({ id: 1, op: 'job.patch', set: { a: 1 } }))['ok']);
  },
);
