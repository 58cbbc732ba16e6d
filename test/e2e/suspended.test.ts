/**
 * A whole node stands still for longer than D, its jobs too, and wakes up: nobody could end the old attempt in time, and by
 * now another has run. The old one may live for a moment (PROTOCOL 12); it never changes the database, whatever it tries.
 */
import fs from 'node:fs';
import test from 'ava';
import { history } from '../../src/store/history/lines.ts';
import { descendantsOf } from '../../src/process/proc.ts';
import { guardOf, partsOf, signal, type Part } from './_parts.ts';
import { GREETED } from './_python.ts';
import { makeWorld, until, type World } from './_world.ts';
import { lives } from '../helpers/lives.ts';

let world: World;
test.before(async () => {
  world = await makeWorld();
  // The first attempt waits, and writes as soon as it may; the second writes at once.
  await world.app(
    'job',
    `${GREETED}patch = {"id": 1, "op": "job.patch", "set": {"by": os.environ["BALSAM_ATTEMPT"]}}
if os.environ["BALSAM_ATTEMPT"] != "1":
    ask({**patch, "durable": True})
    sys.exit()
print(f"pid {os.getpid()}", flush=True)
while not os.path.exists("${world.home}/awake"):
    time.sleep(0.01)
f.write(json.dumps(patch) + "\\n")
f.flush()
open("${world.home}/said", "w").close()
f.readline()
`,
  );
});
test.after.always('nothing is left behind', async (t) => {
  t.deepEqual(await world.close(), []);
});

test('a node that was suspended with its jobs and wakes up changes nothing', async (t) => {
  const [id] = (await world.jobs([{ application: 'job' }])) as [string];
  const launcher = world.launcher(['--consume-all', '--nodes', '2', '--persistent']);
  await world.until([id], ['RUNNING']);
  await until(async () => /^pid \d+$/m.test(await world.output(id)), 'the first attempt waits');
  const pid = Number(/^pid (\d+)$/m.exec(await world.output(id))?.[1]);
  const { incarnation } = partsOf(world).find((p) => p.pid === pid)!;
  const its = partsOf(world).filter((p) => p.incarnation === incarnation);
  const [helper] = its.filter((p) => p.kind === 'helper');
  const below = (p: Part): number[] => descendantsOf([p.pid]).map((one) => one.pid);
  const agent = partsOf(world, 'agent').find((p) => below(p).includes(helper!.pid))!;
  const nurseries = partsOf(world, 'nursery').filter((p) => below(agent).includes(p.pid));
  const node = [agent, guardOf(world, agent)!, ...nurseries, ...its];

  signal(node, 'SIGSTOP');
  await world.until([id], ['JOB_FINISHED']);
  t.true(lives(pid), 'the first attempt is still there');
  const before = [await world.row(id), (await history(world.db, [id])).get(id)];
  t.is((await world.row(id)).attempt, 2);
  t.deepEqual((await world.row(id)).data, { by: '2' });
  t.regex(await world.messages(id), /node lost|no word|called dead|is lost/);

  fs.writeFileSync(`${world.home}/awake`, '');
  // The job first: what it says is in the socket when its agent wakes up.
  signal(
    node.filter((p) => p.pid === pid),
    'SIGCONT',
  );
  await until(() => fs.existsSync(`${world.home}/said`), 'it writes');
  signal(node, 'SIGCONT');
  await until(() => !lives(pid), 'the old attempt ends');
  await until(
    () => !partsOf(world).some((p) => p.incarnation === incarnation && p.kind !== 'agent'),
    'nothing of the old incarnation is left',
  );
  const [again] = (await world.jobs([{ application: 'job', num_nodes: 2 }])) as [string];
  await world.until([again], ['JOB_FINISHED']);
  t.deepEqual([await world.row(id), (await history(world.db, [id])).get(id)], before);
  launcher.child.kill('SIGTERM');
  t.is(await launcher.exit(), 0, launcher.err);
  t.deepEqual([await world.row(id), (await history(world.db, [id])).get(id)], before);
});
