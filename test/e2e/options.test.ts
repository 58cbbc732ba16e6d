/** What a launcher may use and what it takes: nodes of an allocation, GPUs, workflows; and how it refuses nonsense. */
import fs from 'node:fs';
import path from 'node:path';
import test from 'ava';
import { makeWorld, until, type World } from './_world.ts';

let world: World;
test.before(async () => {
  world = await makeWorld();
  // Each GPU has a lock file; a job takes those it was given and says so when somebody has one already.
  await world.app(
    'gpu',
    `mkdir -p ${world.home}/gpus
echo "gpus=$CUDA_VISIBLE_DEVICES order=$CUDA_DEVICE_ORDER"
for id in $(echo "$CUDA_VISIBLE_DEVICES" | tr , ' '); do
  mkdir "${world.home}/gpus/$id" || { echo "gpu $id is taken"; exit 9; }
done
sleep 0.05
for id in $(echo "$CUDA_VISIBLE_DEVICES" | tr , ' '); do rmdir "${world.home}/gpus/$id"; done`,
  );
  await world.app(
    'where',
    `echo "cpus=$(sed -n 's/^Cpus_allowed_list:\\s*//p' /proc/self/status) gpus=$CUDA_VISIBLE_DEVICES"`,
  );
});
test.after.always('nothing is left behind', async (t) => {
  t.deepEqual(await world.close(), []);
});

test.serial('--gpus-per-node: leased, whole, and never two jobs on one at once', async (t) => {
  const ids = await world.jobs([
    ...Array.from({ length: 12 }, (_, i) => ({
      name: `half${i}`,
      application: 'gpu',
      node_packing_count: 4,
    })),
    ...Array.from({ length: 3 }, (_, i) => ({ name: `all${i}`, application: 'gpu', node_packing_count: 1 })),
    ...Array.from({ length: 12 }, (_, i) => ({ name: `two${i}`, application: 'gpu', node_packing_count: 2 })),
  ]);
  const launcher = world.launcher(['--consume-all', '--gpus-per-node', '4', '--idle-exit-seconds', '0']);
  await world.until(ids, ['JOB_FINISHED', 'FAILED']);
  t.is(await launcher.exit(), 0, launcher.err);
  const used = new Map<string, Set<string>>();
  for (const row of await world.rows(ids)) {
    const output = await world.output(row.job_id);
    t.is(row.state, 'JOB_FINISHED', output);
    const gpus = /^gpus=([\d,]+) order=PCI_BUS_ID$/m.exec(output)?.[1]?.split(',') ?? [];
    t.is(gpus.length, 4 / row.node_packing_count, output);
    const key = row.name.replace(/\d+$/, '');
    used.set(key, new Set([...(used.get(key) ?? []), ...gpus]));
  }
  t.is(used.get('half')?.size, 4, 'all four are used');
});

test.serial('--limit-nodes and --offset-nodes: two launchers share one allocation', async (t) => {
  const nodes = (launcher: { out: string }): number[] => {
    const log = /^Log: (.*)$/m.exec(launcher.out)![1]!;
    return fs
      .readdirSync(path.dirname(log))
      .flatMap((name) =>
        name.startsWith(`${path.basename(log)}.node`) ? [Number(name.split('.node')[1])] : [],
      )
      .toSorted((a, b) => a - b);
  };
  const common = ['--consume-all', '--nodes', '3', '--idle-exit-seconds', '10'];
  const front = world.launcher([...common, '--limit-nodes', '1']);
  const back = world.launcher([...common, '--offset-nodes', '1']);
  await until(
    () => world.said(/an agent joined/) >= 4,
    () => `agents join: ${world.logs()}`,
  );
  // One wants two nodes: only the second launcher has them.
  const [pair, ...ones] = await world.jobs([
    { name: 'pair', application: 'where', num_nodes: 2 },
    ...Array.from({ length: 6 }, (_, i) => ({ name: `w${i}`, application: 'where' })),
  ]);
  await world.until([pair!, ...ones], ['JOB_FINISHED']);
  t.is(await front.exit(), 0, front.err);
  t.is(await back.exit(), 0, back.err);
  t.deepEqual(nodes(front), [0]);
  t.deepEqual(nodes(back), [1, 2]);
});

test.serial('--wf-filter takes what contains it, --consume-all the rest', async (t) => {
  const [mine, mine2, other] = await world.jobs([
    { workflow: 'night run_1', application: 'where' },
    { workflow: 'a night', application: 'where' },
    { workflow: 'day', application: 'where' },
  ]);
  const launcher = world.launcher(['--wf-filter', 'night', '--idle-exit-seconds', '0']);
  t.is(await launcher.exit(), 0, launcher.err);
  t.regex(launcher.out, /^The 2 workflows with "night" in their name: a night, night run_1\n/);
  t.is((await world.row(mine!)).state, 'JOB_FINISHED');
  t.is((await world.row(mine2!)).state, 'JOB_FINISHED');
  t.is((await world.row(other!)).state, 'CREATED');
  const nothing = world.launcher(['--wf-filter', 'no%such_', '--idle-exit-seconds', '0']);
  t.is(await nothing.exit(), 3, 'the filter matches nothing');
  t.regex(nothing.out, /^No workflow has "no%such_" in its name now; one may come\n/);
  t.is((await world.row(other!)).state, 'CREATED');
  const rest = world.launcher(['--consume-all', '--idle-exit-seconds', '0']);
  t.is(await rest.exit(), 0, rest.err);
  t.is((await world.row(other!)).state, 'JOB_FINISHED');
});

test.serial('serial mode takes jobs of one rank only', async (t) => {
  const [one, two] = await world.jobs([
    { application: 'where', name: 'one' },
    { application: 'where', name: 'two', ranks_per_node: 2 },
  ]);
  const launcher = world.launcher(['--consume-all', '--job-mode', 'serial', '--idle-exit-seconds', '0']);
  t.is(await launcher.exit(), 3, launcher.err);
  t.is((await world.row(one!)).state, 'JOB_FINISHED');
  t.is((await world.row(two!)).state, 'CREATED');
  t.is((await world.balsam(['kill', two!, '--yes'])).code, 0);
});

const wrong: readonly (readonly [string, readonly string[], RegExp])[] = [
  ['neither filter', [], /either --consume-all or --wf-filter/],
  ['both filters', ['--consume-all', '--wf-filter', 'x'], /either --consume-all or --wf-filter/],
  ['an unknown mode', ['--consume-all', '--job-mode', 'both'], /--job-mode|job-mode/],
  ['a time that is none', ['--consume-all', '--time-limit-minutes', 'soon'], /--time-limit-minutes must be/],
  [
    'an offset beyond the nodes',
    ['--consume-all', '--nodes', '2', '--offset-nodes', '2'],
    /--offset-nodes 2 leaves no node of 2/,
  ],
  ['no nodes', ['--consume-all', '--nodes', '0'], /--nodes/],
  [
    'an mpirun that is not there',
    ['--consume-all', '--launch', 'mpirun', '--mpi', '/nowhere/mpirun'],
    /mpirun/,
  ],
  ['an unknown option', ['--consume-all', '--node', '2', '--frobnicate'], /frobnicate/],
];
for (const [title, args, sentence] of wrong) {
  test(`refused with one sentence: ${title}`, async (t) => {
    const ran = await world.balsam(['launcher', ...args]);
    t.not(ran.code, 0);
    t.regex(ran.err, sentence);
    t.notRegex(ran.err, /\n\s+at /, 'no stack trace');
  });
}
