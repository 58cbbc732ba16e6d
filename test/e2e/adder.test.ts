/**
 * Two applications side by side, in each job mode: three hellos of which two share a node, and an adder in Python whose
 * fourth input raises a TypeError. What the others computed is in their data; what it raised is where a person looks.
 */
import fs from 'node:fs';
import test from 'ava';
import { GREETED } from './_python.ts';
import { makeWorld, readMaybe, until, type World } from './_world.ts';

let world: World;
test.before(async () => {
  world = await makeWorld();
  await world.app(
    'hello',
    `echo 1 >>${world.home}/here
while [ ! -e ${world.home}/go ]; do sleep 0.05; done
echo -1 >>${world.home}/here
echo hello "$1"`,
  );
  await world.app(
    'adder',
    `${GREETED}x = ask({"id": 1, "op": "job.get"})["result"]["data"]["x"]
ask({"id": 2, "op": "job.patch", "set": {"sum": x + 1}})
`,
  );
});
test.after.always('nothing is left behind', async (t) => {
  t.deepEqual(await world.close(), []);
});

/** How many hellos were there at once, as they wrote themselves. */
function mostAtOnce(): number {
  let [now, most] = [0, 0];
  for (const step of readMaybe(`${world.home}/here`).split('\n'))
    most = Math.max(most, (now += Number(step)));
  return most;
}

for (const mode of ['serial', 'mpi', 'mixed'])
  test.serial(`${mode} mode: three hellos of packing two, and an adder that gets a word`, async (t) => {
    // Of the mode before this one.
    for (const name of ['go', 'here']) fs.rmSync(`${world.home}/${name}`, { force: true });
    const hellos = await world.jobs(
      ['a', 'b', 'c'].map((name) => ({
        name: `${mode} ${name}`,
        application: 'hello',
        args: name,
        node_packing_count: 2,
      })),
    );
    const launcher = world.launcher([
      '--consume-all',
      '--job-mode',
      mode,
      '--mpi',
      'mpirun.openmpi',
      '--persistent',
    ]);
    // One node: two at once by packing; in mpi mode a job has its node alone.
    const together = mode === 'mpi' ? 1 : 2;
    await until(
      () => mostAtOnce() === together,
      () => `${together} run:\n${world.logs()}`,
    );
    fs.writeFileSync(`${world.home}/go`, '');
    await world.until(hellos, ['JOB_FINISHED']);
    for (const [i, id] of hellos.entries()) t.is(await world.output(id), `hello ${'abc'[i]}\n`);
    t.is(mostAtOnce(), together);

    const adders = await world.jobs(
      [1, 2, 3, 'four'].map((x, i) => ({
        name: `${mode} adder${i}`,
        application: 'adder',
        node_packing_count: 2,
        data: { x },
      })),
    );
    await world.until(adders, ['JOB_FINISHED', 'FAILED']);
    const rows = await world.rows(adders);
    t.deepEqual(
      rows
        .map((r) => [r.state, r.data])
        .toSorted((a, b) => JSON.stringify(a[1]).localeCompare(JSON.stringify(b[1]))),
      [
        ['FAILED', { x: 'four' }],
        ['JOB_FINISHED', { x: 1, sum: 2 }],
        ['JOB_FINISHED', { x: 2, sum: 3 }],
        ['JOB_FINISHED', { x: 3, sum: 4 }],
      ],
    );
    const failed = rows.find((r) => r.state === 'FAILED')!.job_id;
    t.regex(await world.messages(failed), /nonzero return 1:[^]*TypeError: can only concatenate str/);
    t.regex((await world.balsam(['explain', failed])).out, /TypeError: can only concatenate str/);
    launcher.child.kill('SIGTERM');
    t.is(await launcher.exit(), 0, launcher.err);
  });
