/**
 * A job that the kernel kills for want of memory says so in its history: a launcher in a memory cgroup with a limit, and a
 * job that takes more than that.
 */
import fs from 'node:fs';
import path from 'node:path';
import test from 'ava';
import { oomCountFile } from '../../native-free/cgroup.ts';
import { NOT_ROOT, unless } from '../helpers/unless.ts';
import { makeWorld, type World } from '../e2e/_world.ts';

const LIMIT_BYTES = 600 * 1024 * 1024;

/** A memory cgroup of our own below the one that we are in; a sentence when none can be made. */
function makeGroup(): { directory: string } | string {
  const counter = oomCountFile('/');
  if (counter === null || !counter.endsWith('memory.oom_control'))
    return 'no memory cgroup of version 1 is mounted here';
  const directory = path.join(path.dirname(counter), `balsam-test-${process.pid}`);
  try {
    fs.mkdirSync(directory);
    fs.writeFileSync(path.join(directory, 'memory.limit_in_bytes'), String(LIMIT_BYTES));
    return { directory };
  } catch (error) {
    return `no memory cgroup can be made here: ${String(error)}`;
  }
}

const group = NOT_ROOT ?? makeGroup();
const reason = typeof group === 'string' ? group : null;

let world: World;
test.before(async () => {
  world = await makeWorld();
  // More than the limit, in pieces that are written to; a moment first, as programs have.
  await world.app(
    'greedy',
    `exec python3 -c 'import time; time.sleep(0.3); a = [bytearray(1 << 24) for _ in range(100)]; print(len(a))'`,
  );
  await world.app('killed', 'sleep 0.3; kill -9 $$');
});
test.after.always('nothing is left behind', async (t) => {
  t.deepEqual(await world.close(), []);
  if (typeof group === 'object') fs.rmdirSync(group.directory);
});

unless(reason, test.serial)(
  'an end for want of memory is told as one, another end by SIGKILL is not',
  async (t) => {
    t.timeout(180_000);
    const { directory } = group as { directory: string };
    const [killed, greedy] = (await world.jobs([{ application: 'killed' }, { application: 'greedy' }])) as [
      string,
      string,
    ];
    // The launcher enters the group; everything that it starts is in it.
    const launcher = world.launcher(['--consume-all', '--idle-exit-seconds', '0', '--job-mode', 'serial'], {
      bash: `echo $$ > "${directory}/cgroup.procs"; exec "$@"`,
    });
    await world.until([killed, greedy], ['FAILED']);
    await launcher.exit();
    t.regex(await world.messages(greedy), /ended by signal 9 \(SIGKILL\), out of memory\?/, launcher.err);
    t.regex(await world.messages(killed), /ended by signal 9 \(SIGKILL\)/);
    t.notRegex(await world.messages(killed), /memory/);
  },
);
