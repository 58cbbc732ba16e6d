/**
 * A node agent of an earlier launcher that wakes up when everything else of that launcher is gone and another listens on
 * its port: the keys are others, so it is refused there; its guard has ended its job by the lease; and it ends by itself.
 */
import fs from 'node:fs';
import path from 'node:path';
import test from 'ava';
import { makeLauncherKeys, readKeyFile } from '../../src/wire/curve.ts';
import { RouterLink } from '../../src/wire/router-link.ts';
import { lives, makeWorld, until, type World } from './_world.ts';

let world: World;
test.before(async () => {
  world = await makeWorld();
  await world.app('long', 'exec sleep 300');
});
test.after.always('nothing is left behind', async (t) => {
  // The killed launcher's keys are swept by the next one on this host.
  fs.rmSync(path.join(world.dbPath, 'keys'), { recursive: true, force: true });
  t.deepEqual(await world.close(), []);
});

function pids(part: RegExp): number[] {
  return world
    .processes()
    .filter((p) => p.argv.some((a) => part.test(a)))
    .map((p) => p.pid);
}

test.serial('a stale agent is refused at the port, and nothing of it stays', async (t) => {
  const [id] = (await world.jobs([{ name: 'long', application: 'long' }])) as [string];
  const launcher = world.launcher(['--consume-all', '--persistent']);
  await world.until([id], ['RUNNING']);
  const port = Number(/"port":(\d+),.*"msg":"bound"/.exec(world.logs())?.[1]);
  const [agent] = pids(/\/agent\.js$/) as [number];
  const [coordinator] = pids(/\/coordinator\.js$/) as [number];
  const [job] = pids(/^sleep$/) as [number];
  const keys = path.join(world.dbPath, 'keys');
  const old = await readKeyFile(path.join(keys, fs.readdirSync(keys)[0]!, 'client.key'));

  process.kill(agent, 'SIGSTOP');
  const wardens = pids(/\/cli\.js$/);
  for (const pid of [...wardens, coordinator]) process.kill(pid, 'SIGKILL');
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
  await link.bind({ addresses: ['127.0.0.1'], port });
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
});
