/**
 * Whoever else speaks to the coordinator's port is refused, counted and logged, and changes nothing: raw bytes, a wrong
 * key, a wrong protocol version, another launcher's id, a node that is not ours, and far too much at once. Jobs go on.
 */
import fs from 'node:fs';
import net from 'node:net';
import path from 'node:path';
import test from 'ava';
import { newId } from '../../src/base/ids.ts';
import { MAX_MESSAGE_BYTES } from '../../src/base/limits.ts';
import { PROTOCOL_VERSION, type Body, type Join } from '../../src/core/messages.ts';
import { decodeEnvelope, encodeEnvelope } from '../../src/wire/codec.ts';
import { makeLauncherKeys, readKeyFile, type CurveKeys } from '../../src/wire/curve.ts';
import { DealerLink } from '../../src/wire/dealer-link.ts';
import { lives, makeWorld, until, type Launcher, type World } from './_world.ts';

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
  const bound = /"id":(\d+),"epoch":\d+,"port":(\d+),.*"msg":"bound"/.exec(world.logs());
  [launcherId, port] = [Number(bound?.[1]), Number(bound?.[2])];
  if (!(port > 0)) throw new Error(`the log does not say where the coordinator is bound:\n${world.logs()}`);
  const directory = path.join(world.dbPath, 'keys');
  keys = await readKeyFile(path.join(directory, fs.readdirSync(directory)[0]!, 'client.key'));
  roster = (await world.incarnations()).length;
});
test.after.always('nothing is left behind', async (t) => {
  launcher.child.kill('SIGTERM');
  await launcher.exit();
  t.deepEqual(await world.close(), []);
});

async function finished(): Promise<number> {
  return (await world.counts()).JOB_FINISHED ?? 0;
}

function count(text: RegExp): number {
  return world.logs().match(new RegExp(text, 'g'))?.length ?? 0;
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
  return encodeEnvelope({
    version: PROTOCOL_VERSION,
    launcher: launcherId,
    epoch: 1,
    incarnation,
    ...over,
    ...body,
  });
}

const identity = { pid: 1, startTime: 1, bootId: 'x', pidNamespace: 'x', uid: 0 };
const join: Join = {
  node: 0,
  hostname: 'stranger',
  cpus: 1_000,
  gpus: 0,
  memoryBytes: 1,
  agent: identity,
  guard: identity,
  endedIncarnation: '',
  endedCrashed: false,
  held: [],
  oldestReport: 1,
  lastReport: 0,
};

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
    (incarnation) => [envelope(incarnation, { join })],
    () => count(/refused a stranger at the port/) >= 1,
  );
  t.deepEqual(answers, []);
  t.is((await world.incarnations()).length, roster);
  await until(async () => (await finished()) > before, 'jobs go on');
});

const refused: readonly (readonly [string, (incarnation: string) => Uint8Array])[] = [
  ['garbage', () => Buffer.from('no protobuf \xff\xff\xff\xff at all', 'latin1')],
  ['nothing', () => Buffer.alloc(0)],
  ['another protocol version', (i) => envelope(i, { join }, { version: PROTOCOL_VERSION + 1 })],
  ['another launcher', (i) => envelope(i, { join }, { launcher: launcherId + 1 })],
  ['another incarnation than its own', () => envelope(newId(), { join })],
];
for (const [title, message] of refused) {
  test.serial(`the right key, but ${title}`, async (t) => {
    const before = count(/refused a message/);
    const done = await finished();
    const answers = await speak(
      keys,
      (incarnation) => [message(incarnation)],
      () => count(/refused a message/) > before,
    );
    t.deepEqual(answers, []);
    t.is((await world.incarnations()).length, roster);
    await until(async () => (await finished()) > done, 'jobs go on');
  });
}

test.serial('an agent of a node that is not ours is dismissed', async (t) => {
  const answers = await speak(
    keys,
    (incarnation) => [envelope(incarnation, { join: { ...join, node: 7 } })],
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

test.serial('through all of it every job finishes, once', async (t) => {
  const [finishedJobs, first] = [ids.slice(0, 200), ids[0]!];
  await world.until(finishedJobs, ['JOB_FINISHED']);
  for (const row of await world.rows(finishedJobs)) t.is(row.attempt, 1);
  t.is((await world.row(first)).tries, 1);
  t.is(launcher.err, '');
});
