/**
 * A launcher whose agents never join, because the loopback interface is down: after 15 s it says so, with what to look at,
 * `explain` says it too, and its last words are true.
 */
import { spawn, spawnSync } from 'node:child_process';
import path from 'node:path';
import test from 'ava';
import { cleanEnvironment, ROOT } from '../helpers/program.ts';
import { unless } from '../helpers/unless.ts';
import { Launcher, makeWorld, until } from '../e2e/_world.ts';

const NO_NETWORK =
  spawnSync('unshare', ['-n', 'true']).status === 0 ? null : 'unshare -n is not permitted here';

unless(NO_NETWORK, test.serial)('no agent joins: it is said, with what to look at', async (t) => {
  const world = await makeWorld();
  await world.command('quick', '/bin/true');
  const [id] = await world.jobs([{ application: 'quick' }]);
  const child = spawn('unshare', ['-n', path.join(ROOT, 'bin/balsam'), 'launcher', '--consume-all'], {
    cwd: world.home,
    env: cleanEnvironment(world.env()),
    stdio: ['ignore', 'pipe', 'pipe'],
  });
  const launcher = new Launcher(child);
  try {
    await until(
      () => launcher.err.includes('no agent has joined yet'),
      () => launcher.out + launcher.err,
    );
    t.regex(
      launcher.err,
      /15 s after the start: .* port \d+ of 127\.0\.0\.1 \(is the loopback interface up\?\)/,
    );
    t.regex(launcher.err, /see \S+\.log\.node0\./);
    await until(
      async () => /no agent has joined launcher \d+ on/.test((await world.balsam(['explain', id!])).out),
      async () => (await world.balsam(['explain', id!])).out,
    );
    t.regex((await world.balsam(['ls', 'launchers'])).out, /no agent has joined yet/);
    launcher.child.kill('SIGTERM');
    t.is(await launcher.exit(), 3, launcher.err);
    t.regex(launcher.out, /received SIGTERM; 1 job is left to run \(0 done, 0 failed, 1 left\)\n$/);
  } finally {
    if (!launcher.ended) launcher.child.kill('SIGTERM');
    await launcher.exit().catch(() => launcher.child.kill('SIGKILL'));
    t.deepEqual(await world.close(), []);
  }
});
