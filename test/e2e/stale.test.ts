/**
 * A node agent of an earlier launcher that wakes up when everything else of that launcher is gone and another listens on
 * its port: the keys are others, so it is refused there; its guard has ended its job by the lease; and it ends by itself.
 * And a coordinator of another version at an agent's door: refused, counted and logged, and nothing of it is followed.
 */
import { once } from 'node:events';
import fs from 'node:fs';
import net from 'node:net';
import path from 'node:path';
import test from 'ava';
import { PROTOCOL_VERSION } from '../../src/core/messages.ts';
import { decodeEnvelope, encodeEnvelope } from '../../src/wire/codec.ts';
import { makeLauncherKeys, readKeyFile } from '../../src/wire/curve.ts';
import { RouterLink } from '../../src/wire/router-link.ts';
import { only, type Kind } from './_parts.ts';
import { lastBound, type Bound } from './_stranger.ts';
import { makeWorld, until, type Launcher, type World } from './_world.ts';
import { lives } from '../helpers/lives.ts';

let world: World;
test.before(async () => {
  world = await makeWorld();
  await world.app('long', 'exec sleep 300');
  await world.app('once', '[ "$BALSAM_ATTEMPT" -gt 1 ] || exec sleep 300');
  await world.command('quick', '/bin/true');
});
test.after.always('nothing is left behind', async (t) => {
  // The killed launcher's keys are swept by the next one on this host.
  fs.rmSync(path.join(world.dbPath, 'keys'), { recursive: true, force: true });
  t.deepEqual(await world.close(), []);
});

/** A launcher with this job at work; its parts, and where its coordinator is bound. */
async function working(id: string): Promise<{
  launcher: Launcher;
  agent: number;
  coordinator: number;
  warden: number;
  bound: Bound;
}> {
  const launcher = world.launcher(['--consume-all', '--persistent']);
  await world.until([id], ['RUNNING']);
  const pid = (kind: Kind): number => only(world, kind).pid;
  return {
    launcher,
    agent: pid('agent'),
    coordinator: pid('coordinator'),
    warden: pid('warden'),
    bound: lastBound(world)!,
  };
}

test.serial('a stale agent is refused at the port, and nothing of it stays', async (t) => {
  const [id] = (await world.jobs([{ name: 'long', application: 'long' }])) as [string];
  const { launcher, agent, coordinator, warden, bound } = await working(id);
  const job = only(world, 'job').pid;
  const keys = path.join(world.dbPath, 'keys');
  const old = await readKeyFile(path.join(keys, fs.readdirSync(keys)[0]!, 'client.key'));

  process.kill(agent, 'SIGSTOP');
  for (const pid of [warden, coordinator]) process.kill(pid, 'SIGKILL');
  await launcher.exit();
  await until(() => !lives(job), 'the guard ends the job when the lease is over');
  t.true(lives(agent));

  // The next launcher's coordinator has the port by now.
  const next = makeLauncherKeys().server;
  const strangers: string[] = [];
  let messages = 0;
  const link = new RouterLink({
    keys: next,
    clientKeys: [next.peerPublicKey],
    onMessage: () => void messages++,
    onStranger: (stranger) => void strangers.push(stranger.reason),
  });
  await link.bind({ addresses: ['127.0.0.1'], port: bound.port });
  t.not(old.peerPublicKey, next.publicKey);
  process.kill(agent, 'SIGCONT');
  await until(() => link.counters.strangers > 0, 'it knocks, and is refused');
  await until(() => !lives(agent), 'it ends by itself: its warden is dead');
  await link.close();
  t.is(messages, 0);
  t.log([...new Set(strangers)].join('; '));
  await until(() => world.processes().every((p) => p.incarnation === ''), 'helpers and guard are gone too');
  const row = await world.row(id);
  t.is(row.state, 'RUNNING', 'nothing of it changed the row');
  t.is(row.attempt, 1);
  // The next launcher takes it back, and need not run it.
  t.is((await world.balsam(['kill', id, '--yes'])).code, 0);
});

test.serial('at the port of a real launcher it is refused too, and that one works on', async (t) => {
  const [id] = (await world.jobs([{ name: 'once', application: 'once' }])) as [string];
  const first = await working(id);
  process.kill(first.agent, 'SIGSTOP');
  for (const pid of [first.warden, first.coordinator]) process.kill(pid, 'SIGKILL');
  await first.launcher.exit();

  const second = world.launcher(['--consume-all', '--persistent']);
  const [quick] = (await world.jobs([{ application: 'quick' }])) as [string];
  await world.until([quick], ['JOB_FINISHED']);
  t.is((await world.row(id)).attempt, 1, 'its agent lives, so nothing is proven');
  const its = lastBound(world)!.port;
  t.not(its, first.bound.port);
  // Ports are chance: what comes to the first one's is carried to the second's.
  const door = net.createServer((from) => {
    const to = net.connect(its, '127.0.0.1');
    for (const socket of [from, to]) socket.on('error', () => undefined);
    from.pipe(to).pipe(from);
  });
  door.listen(first.bound.port, '127.0.0.1');
  await once(door, 'listening');
  const roster = (await world.incarnations()).length;
  process.kill(first.agent, 'SIGCONT');
  await until(
    () => /refused a stranger at the port/.test(world.logs()),
    () => `it knocks, and is refused:\n${world.logs()}`,
  );
  await until(() => !lives(first.agent), 'it ends by itself: its warden is dead');
  door.close();
  t.is((await world.incarnations()).length, roster, 'it did not join');
  const [after] = (await world.jobs([{ application: 'quick' }])) as [string];
  await world.until([after], ['JOB_FINISHED']);
  t.is(second.err, '');
  // Now its death is proven: whoever looks next has the job run again.
  const third = world.launcher(['--consume-all', '--idle-exit-seconds', '0']);
  await world.until([id], ['JOB_FINISHED']);
  t.is((await world.row(id)).attempt, 2);
  second.child.kill('SIGTERM');
  for (const launcher of [second, third]) t.is(await launcher.exit(), 0, launcher.err);
});

test.serial('a coordinator of another protocol version at an agent’s door is not followed', async (t) => {
  const [id] = (await world.jobs([{ name: 'door', application: 'long' }])) as [string];
  const { launcher, agent, coordinator, warden, bound } = await working(id);
  const directory = path.join(world.dbPath, 'keys');
  const [own] = fs.readdirSync(directory) as [string];
  const keys = await readKeyFile(path.join(directory, own, 'server.key'));
  // Nobody may take its place.
  process.kill(warden, 'SIGSTOP');
  process.kill(coordinator, 'SIGKILL');
  await until(() => !lives(coordinator), 'the coordinator is dead');

  let incarnation = '';
  const epochs = new Set<number>();
  const link: RouterLink = new RouterLink({
    keys,
    clientKeys: [keys.peerPublicKey],
    onMessage: (identity, bytes) => {
      const decoded = decodeEnvelope(bytes);
      incarnation = identity;
      if (decoded.ok) epochs.add(decoded.envelope.epoch);
    },
    onStranger: (stranger) => t.fail(stranger.reason),
  });
  await link.bind({ addresses: ['127.0.0.1'], port: bound.port });
  await until(() => incarnation !== '', 'the agent speaks to whoever has the key');
  const hello = (version: number): Uint8Array =>
    encodeEnvelope({ version, launcher: bound.launcher, epoch: 99, incarnation, hello: {} });
  const told = (): number => world.said(/protocol version 2, this is 1/);
  for (let i = 0; i < 3; i++) t.is(await link.send(incarnation, hello(PROTOCOL_VERSION + 1)), 'ok');
  await until(
    () => told() === 3,
    () => `each is refused:\n${world.logs()}`,
  );
  t.regex(
    world.logs(),
    /"who":"agent".*"rule":"protocol version 2, this is 1","refused":3,"msg":"refused a message"/,
  );
  t.deepEqual([...epochs], [1], 'it goes on under the epoch that it had');
  // The same in its own version it follows: it was the version alone.
  t.is(await link.send(incarnation, hello(PROTOCOL_VERSION)), 'ok');
  await until(() => epochs.has(99), 'it answers under the new epoch');

  process.kill(warden, 'SIGKILL');
  await launcher.exit();
  await until(() => !lives(agent), 'it ends by itself: its warden is dead');
  await link.close();
  await until(() => world.processes().every((p) => p.incarnation === ''), 'nothing of it is left');
});
