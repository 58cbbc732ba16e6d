/**
 * Whoever else speaks to the coordinator's port is refused, counted and logged, and changes nothing: raw bytes, a wrong
 * key, a wrong protocol version, another launcher's id, a node that is not ours, and far too much at once. Jobs go on.
 */
import fs from 'node:fs';
import net from 'node:net';
import test from 'ava';
import fc from 'fast-check';
import { newId } from '../../src/base/ids.ts';
import { MAX_MESSAGE_BYTES } from '../../src/base/limits.ts';
import { PROTOCOL_VERSION, type Body } from '../../src/core/messages.ts';
import { bodyOf, decodeEnvelope } from '../../src/wire/codec.ts';
import { makeLauncherKeys, type CurveKeys } from '../../src/wire/curve.ts';
import { DealerLink } from '../../src/wire/dealer-link.ts';
import { only } from './_parts.ts';
import { JOIN, envelope as anEnvelope, hostileBytes, lastBound, publishedKeys } from './_stranger.ts';
import { makeWorld, until, type Launcher, type World } from './_world.ts';
import { lives } from '../helpers/lives.ts';

let world: World;
let launcher: Launcher;
let ids: string[];
let port = 0;
let launcherId = 0;
let keys: CurveKeys;
let roster = 0;

test.before(async () => {
  world = await makeWorld();
  await world.app('short', 'sleep 0.05');
  ids = await world.jobs(Array.from({ length: 2_000 }, (_, i) => ({ name: `s${i}`, application: 'short' })));
  launcher = world.launcher(['--consume-all', '--nodes', '2', '--persistent']);
  await world.until(ids.slice(0, 2), ['JOB_FINISHED']);
  const bound = lastBound(world);
  if (!bound) throw new Error(`the log does not say where the coordinator is bound:\n${world.logs()}`);
  launcherId = bound.launcher;
  port = bound.port;
  [keys] = (await publishedKeys(world)) as [CurveKeys];
  await until(async () => (roster = (await world.incarnations()).length) === 2, 'both agents are enrolled');
});
test.after.always('nothing is left behind', async (t) => {
  launcher.child.kill('SIGTERM');
  await launcher.exit();
  t.deepEqual(await world.close(), []);
});

async function finished(): Promise<number> {
  return (await world.counts()).JOB_FINISHED ?? 0;
}

/** Connects with these keys, sends each message, and gives what came back within the time that jobs take to go on. */
async function speak(
  link: CurveKeys,
  messages: (incarnation: string) => Uint8Array[],
  enough: () => boolean,
): Promise<Uint8Array[]> {
  const incarnation = newId();
  const answers: Uint8Array[] = [];
  const dealer = new DealerLink({
    identity: incarnation,
    keys: link,
    onMessage: (bytes) => void answers.push(bytes),
  });
  dealer.connect([`tcp://127.0.0.1:${port}`]);
  try {
    await until(() => dealer.state === 'connected' || enough(), 'the stranger connects, or is refused');
    if (dealer.state === 'connected') for (const bytes of messages(incarnation)) await dealer.send(bytes);
    await until(
      () => enough() || answers.length > 0,
      () => `it is refused:\n${world.logs()}`,
    );
    return answers;
  } finally {
    await dealer.close();
  }
}

function envelope(
  incarnation: string,
  body: Body,
  over: Partial<{ version: number; launcher: number; epoch: number }> = {},
): Uint8Array {
  return anEnvelope(launcherId, incarnation, body, over);
}

test.serial('bytes that are no ZMTP at all', async (t) => {
  const before = await finished();
  for (const bytes of ['GET / HTTP/1.1\r\nHost: x\r\n\r\n', '\0'.repeat(10_000), 'x'.repeat(1_000_000)]) {
    const socket = net.connect(port, '127.0.0.1');
    socket.on('error', () => undefined);
    await new Promise((resolve) => socket.once('connect', resolve));
    socket.write(bytes);
    await new Promise((resolve) => socket.once('close', resolve));
  }
  t.true(lives(launcher.pid));
  await until(async () => (await finished()) > before, 'jobs go on');
});

test.serial('a key that is not this launcher’s', async (t) => {
  const others = makeLauncherKeys();
  const before = await finished();
  const answers = await speak(
    { ...others.client, peerPublicKey: keys.peerPublicKey },
    (incarnation) => [envelope(incarnation, { join: JOIN })],
    () => world.said(/refused a stranger at the port/) >= 1,
  );
  t.deepEqual(answers, []);
  t.is((await world.incarnations()).length, roster);
  await until(async () => (await finished()) > before, 'jobs go on');
});

const refused: readonly (readonly [string, (incarnation: string) => Uint8Array])[] = [
  ['garbage', () => Buffer.from('no protobuf \xff\xff\xff\xff at all', 'latin1')],
  ['nothing', () => Buffer.alloc(0)],
  ['another protocol version', (i) => envelope(i, { join: JOIN }, { version: PROTOCOL_VERSION + 1 })],
  ['another launcher', (i) => envelope(i, { join: JOIN }, { launcher: launcherId + 1 })],
  ['another incarnation than its own', () => envelope(newId(), { join: JOIN })],
];
for (const [title, message] of refused) {
  test.serial(`the right key, but ${title}`, async (t) => {
    const before = world.said(/refused a message/);
    const done = await finished();
    const answers = await speak(
      keys,
      (incarnation) => [message(incarnation)],
      () => world.said(/refused a message/) > before,
    );
    t.deepEqual(answers, []);
    t.is((await world.incarnations()).length, roster);
    await until(async () => (await finished()) > done, 'jobs go on');
  });
}

test.serial('an agent of a node that is not ours is dismissed', async (t) => {
  const answers = await speak(
    keys,
    (incarnation) => [envelope(incarnation, { join: { ...JOIN, node: 7 } })],
    () => false,
  );
  const decoded = decodeEnvelope(answers[0]!);
  t.true(decoded.ok && /node 7 is not part/.test(decoded.envelope.dismissed?.reason ?? ''));
  t.regex(world.logs(), /refused an agent of a node that is not ours/);
  t.is((await world.incarnations()).length, roster);
});

test.serial('more than a message may have', async (t) => {
  const before = await finished();
  let closed = false;
  const incarnation = newId();
  const dealer = new DealerLink({
    identity: incarnation,
    keys,
    onMessage: () => undefined,
    onState: (state) => (closed ||= state === 'disconnected'),
  });
  dealer.connect([`tcp://127.0.0.1:${port}`]);
  await until(() => dealer.state === 'connected', 'it connects');
  await dealer.send(Buffer.alloc(MAX_MESSAGE_BYTES + 1));
  await until(() => closed, 'the connection is ended');
  await dealer.close();
  await until(async () => (await finished()) > before, 'jobs go on');
  t.is((await world.incarnations()).length, roster);
});

function coordinator(): number {
  return only(world, 'coordinator').pid;
}

function used(pid: number): { fds: number; rssMib: number } {
  const rss = /VmRSS:\s+(\d+)/.exec(fs.readFileSync(`/proc/${pid}/status`, 'utf8'));
  return { fds: fs.readdirSync(`/proc/${pid}/fd`).length, rssMib: Number(rss?.[1]) / 1_024 };
}

/** Lines about strangers or messages, and the number that the last of them says. */
function refusals(text: string): { lines: number; counted: number } {
  const found = world.logs().matchAll(new RegExp(`"refused":(\\d+).*"msg":"${text}`, 'g'));
  const numbers = [...found].map((m) => Number(m[1]));
  return { lines: numbers.length, counted: numbers.at(-1) ?? 0 };
}

/** What a ZMTP 3.1 peer sends first: signature, version, mechanism, role, filler. */
function greeting(mechanism: string): Buffer {
  const bytes = Buffer.alloc(64);
  bytes.set([0xff, 0, 0, 0, 0, 0, 0, 0, 0, 0x7f, 3, 1]);
  bytes.write(mechanism, 12, 20, 'latin1');
  return bytes;
}

const bytes = (most: number): fc.Arbitrary<Buffer> =>
  fc.uint8Array({ maxLength: most }).map((b) => Buffer.from(b));
/** A command of the handshake: its flag, its size, its name, and whatever. */
const handshake = fc
  .tuple(
    fc.constantFrom('HELLO', 'INITIATE', 'READY', 'WELCOME', 'ERROR', ''),
    bytes(250),
    fc.constantFrom(4, 6, 0, 2, 255),
  )
  .map(([name, rest, flag]) => {
    const body = Buffer.concat([Buffer.from([name.length]), Buffer.from(name), rest]);
    const size = Buffer.alloc(8);
    if ((flag & 2) !== 0) size.writeBigUInt64BE(flag === 255 ? 2n ** 62n : BigInt(body.length));
    return Buffer.concat([
      Buffer.from([flag]),
      (flag & 2) === 0 ? Buffer.from([body.length & 255]) : size,
      body,
    ]);
  });
const curveHello = fc
  .uint8Array({ minLength: 194, maxLength: 194 })
  .map((rest) => Buffer.concat([Buffer.from([4, 200, 5]), Buffer.from('HELLO'), Buffer.from(rest)]));
const opening = fc.oneof(
  fc.constant(Buffer.alloc(0)),
  bytes(100),
  fc.nat(64).map((n) => greeting('CURVE').subarray(0, n)),
  fc.tuple(fc.nat(63), fc.nat(255)).map(([place, byte]) => {
    const spoilt = greeting('CURVE');
    spoilt[place] = byte;
    return spoilt;
  }),
  fc
    .tuple(fc.constantFrom('NULL', 'PLAIN', 'CURVE', 'GSSAPI', '\u00ff'), handshake)
    .map((parts) => Buffer.concat([greeting(parts[0]), parts[1]])),
  curveHello.map((hello) => Buffer.concat([greeting('CURVE'), hello])),
);

test.serial(
  'hundreds of broken handshakes and silent connections: bounded memory, descriptors and log',
  async (t) => {
    const pid = coordinator();
    const [before, done, told] = [used(pid), await finished(), refusals('refused a stranger')];
    const openings = fc.sample(opening, { numRuns: 600, seed: Number(process.env['CORE_SEED'] ?? 7) });
    const sockets: net.Socket[] = [];
    for (const first of openings) {
      const socket = net.connect(port, '127.0.0.1');
      socket.on('error', () => undefined).on('data', () => undefined);
      socket.write(first);
      sockets.push(socket);
      // No more at once than wait to be accepted: the system itself would turn the others away.
      await until(() => sockets.filter((s) => s.connecting).length < 50, 'connections are accepted');
    }
    // None of them hangs up: the coordinator does, at the latest when a handshake has had its time.
    await until(
      () => sockets.every((s) => s.destroyed || s.readyState === 'closed'),
      () => `${sockets.filter((s) => !s.destroyed).length} are still open`,
    );
    const others = Array.from({ length: 20 }, () => {
      const dealer = new DealerLink({
        identity: newId(),
        keys: { ...makeLauncherKeys().client, peerPublicKey: keys.peerPublicKey },
        onMessage: () => t.fail('a stranger is told nothing'),
      });
      dealer.connect([`tcp://127.0.0.1:${port}`]);
      return dealer;
    });
    await until(() => others.every((d) => d.counters.strangers > 0), 'each of them is refused');
    await Promise.all(others.map((d) => d.close()));
    await until(
      () => used(pid).fds <= before.fds + 10,
      () => `descriptors come back: ${used(pid).fds} after ${before.fds}`,
    );
    const [after, now] = [used(pid), refusals('refused a stranger')];
    t.log(
      `${before.rssMib.toFixed(0)} MiB before, ${after.rssMib.toFixed(0)} MiB after; ${now.lines - told.lines} lines`,
    );
    t.true(after.rssMib < before.rssMib + 200);
    t.true(now.lines - told.lines <= 22, 'ten a minute, and one that counts the rest');
    t.is(coordinator(), pid);
    t.is((await world.incarnations()).length, roster);
    await until(async () => (await finished()) > done, 'jobs go on');
  },
);

/** Sends it as soon as there is room. */
async function sendWhole(dealer: DealerLink, message: Uint8Array): Promise<void> {
  await until(async () => (await dealer.send(message)) === 'ok', 'there is room for a message');
}

test.serial('the right key and a thousand messages of any kind', async (t) => {
  const pid = coordinator();
  const [before, done, told] = [used(pid), await finished(), refusals('refused a message')];
  let answers = 0;
  let last = '';
  const incarnation = newId();
  const dealer = new DealerLink({
    identity: incarnation,
    keys,
    onMessage: (received) => {
      answers++;
      const decoded = decodeEnvelope(received);
      last = (decoded.ok && decoded.envelope.dismissed?.reason) || '';
    },
  });
  dealer.connect([`tcp://127.0.0.1:${port}`]);
  await until(() => dealer.state === 'connected', 'it connects');
  const seed = Number(process.env['CORE_SEED'] ?? 7);
  for (const sent of hostileBytes(launcherId, incarnation, { count: 1_000, seed }))
    await sendWhole(dealer, sent);
  // What is answered last was sent last.
  await sendWhole(dealer, envelope(incarnation, { join: { ...JOIN, node: 9 } }));
  await until(
    () => /node 9/.test(last),
    () => `it is answered still: ${last}, ${answers}`,
  );
  await dealer.close();
  const [after, now] = [used(pid), refusals('refused a message')];
  t.log(
    `${answers} answers, ${now.lines - told.lines} lines, ${after.rssMib.toFixed(0)} MiB after ${before.rssMib.toFixed(0)}`,
  );
  t.true(now.lines - told.lines <= 22);
  t.true(after.rssMib < before.rssMib + 200);
  t.is(coordinator(), pid);
  t.is((await world.incarnations()).length, roster);
  await until(async () => (await finished()) > done, 'jobs go on');
});

test.serial('through all of it every job finishes, once', async (t) => {
  const [finishedJobs, first] = [ids.slice(0, 200), ids[0]!];
  await world.until(finishedJobs, ['JOB_FINISHED']);
  for (const row of await world.rows(finishedJobs)) t.is(row.attempt, 1);
  t.is((await world.row(first)).tries, 1);
  t.is(launcher.err, '');
});

test.serial(
  'an agent that joins and then says what cannot be is dismissed; its jobs run elsewhere',
  async (t) => {
    const pid = coordinator();
    const incarnation = newId();
    let epoch = 0;
    let reason = '';
    const given: string[] = [];
    const dealer = new DealerLink({
      identity: incarnation,
      keys,
      onMessage: (received) => {
        const decoded = decodeEnvelope(received);
        if (!decoded.ok) return;
        if (decoded.envelope.hello) epoch = decoded.envelope.epoch;
        for (const c of decoded.envelope.commands?.commands ?? [])
          given.push(...(c.start?.jobs ?? []).map((job) => job.id));
        reason ||= decoded.envelope.dismissed?.reason ?? '';
      },
    });
    dealer.connect([`tcp://127.0.0.1:${port}`]);
    await until(() => dealer.state === 'connected', 'it connects');
    await dealer.send(envelope(incarnation, { join: JOIN }, { epoch: 0 }));
    await until(() => epoch > 0, 'it is greeted');
    await dealer.send(envelope(incarnation, { join: { ...JOIN, agent: null, guard: null } }, { epoch }));
    await until(() => given.length > 0, 'it is given jobs');
    // Acknowledgements of what was never sent, reports of attempts that nobody has, numbers that are none.
    const heartbeat = {
      number: 1,
      receivedCommands: 4_000_000_000,
      lastReport: 0,
      queued: 0,
      running: 0,
      draining: false,
      short: '',
      most: 0,
    };
    const bad = { seq: 1, job: newId(), attempt: 1, ageMs: NaN, started: {} };
    while (reason === '') {
      await dealer.send(envelope(incarnation, { heartbeat }, { epoch }));
      await dealer.send(
        envelope(incarnation, { reports: { reports: [bad], receivedCommands: 0 } }, { epoch }),
      );
      await new Promise((resolve) => setImmediate(resolve));
    }
    t.regex(reason, /too much of what it said was refused/);
    await dealer.close();
    await world.until(given.slice(0, 2), ['JOB_FINISHED']);
    for (const row of await world.rows(given.slice(0, 2))) t.true(row.attempt >= 2);
    t.is(coordinator(), pid);
    t.regex(world.logs(), /an agent is given up: node lost/);
    // Given up, it is told so whatever it says, and nothing else.
    const again: string[] = [];
    const back = new DealerLink({
      identity: incarnation,
      keys,
      onMessage: (received) => {
        const decoded = decodeEnvelope(received);
        again.push(decoded.ok ? (bodyOf(decoded.envelope) ?? '') : decoded.reason);
      },
    });
    back.connect([`tcp://127.0.0.1:${port}`]);
    await until(() => back.state === 'connected', 'it connects');
    for (const body of [{ join: JOIN }, { heartbeat: { ...heartbeat, receivedCommands: 0 } }])
      for (const old of [0, epoch]) await back.send(envelope(incarnation, body, { epoch: old }));
    await until(() => again.length === 4, 'each is answered');
    await back.close();
    t.deepEqual(again, ['dismissed', 'dismissed', 'dismissed', 'dismissed']);
  },
);

test.serial('what the log does not tell one by one it counts', async (t) => {
  launcher.child.kill('SIGTERM');
  t.is(await launcher.exit(), 3, launcher.out);
  const counted = (what: string): number => {
    const found = world.logs().matchAll(new RegExp(`${what} (\\d+) more`, 'g'));
    return [...found].reduce((sum, m) => sum + Number(m[1]), 0);
  };
  t.true(counted('refused a message: refused') > 500, `${counted('refused a message: refused')}`);
  t.true(counted('"reason":"refused') > 100, `${counted('"reason":"refused')}`);
});
