/** GPUs as a user gives them to a launcher, and as jobs find them: the batch system's list, logical nodes, packing, ranks. */
import fs from 'node:fs';
import path from 'node:path';
import test from 'ava';
import type { NewJob } from '../../src/store/rows.ts';
import { makeWorld, type World } from './_world.ts';

let world: World;
test.before(async () => {
  world = await makeWorld();
  await world.app('told', `env | grep -E '_VISIBLE_DEVICES=|_DEVICE_ORD|^ZE_AFFINITY' | sort`);
  // Ends only when as many as its argument says are there at once: what runs one after the other fails.
  await world.app(
    'meet',
    `mkdir -p "${world.home}/$1"; touch "${world.home}/$1/$BALSAM_JOB_ID"
i=0; until [ "$(ls "${world.home}/$1" | wc -l)" -ge "$2" ]; do
  i=$((i+1)); [ $i -gt 600 ] && exit 9; sleep 0.05
done
echo "CUDA_VISIBLE_DEVICES=$CUDA_VISIBLE_DEVICES"`,
  );
});
test.after.always('nothing is left behind', async (t) => {
  t.deepEqual(await world.close(), []);
});

/** What each job printed of its variables, in the order of the jobs. */
async function told(
  jobs: readonly NewJob[],
  options: readonly string[],
  env: Record<string, string> = {},
): Promise<string[]> {
  const ids = await world.jobs(jobs);
  const launcher = world.launcher(['--consume-all', '--idle-exit-seconds', '0', ...options], { env });
  await world.until(ids, ['JOB_FINISHED', 'FAILED']);
  const code = await launcher.exit();
  if (code !== 0) throw new Error(`${code}: ${launcher.err}`);
  const outputs = await Promise.all(ids.map((id) => world.output(id)));
  const bad = (await world.rows(ids)).find((row) => row.state !== 'JOB_FINISHED');
  if (bad) throw new Error(`${bad.name} is ${bad.state}: ${outputs.join(' | ')}`);
  return outputs.map((text) => text.trim());
}

const job = (packing: number, args = ''): NewJob => ({
  application: args === '' ? 'told' : 'meet',
  args,
  node_packing_count: packing,
});

test.serial("the batch system's list is what jobs get their part of", async (t) => {
  const uuid = ['GPU-8932f937-d72c-4106-c12f-20bd9faed9f6', 'MIG-GPU-8932f937/1/2'];
  for (const [list, parts] of [
    ['2,3', ['2', '3']],
    [uuid.join(), uuid],
  ] as const) {
    const meeting = `list${list.length}`;
    const jobs = [job(2, `${meeting} 2`), job(2, `${meeting} 2`)];
    const found = await told(jobs, ['--gpus-per-node', '2'], { CUDA_VISIBLE_DEVICES: list });
    t.deepEqual(
      found.toSorted(),
      parts.map((id) => `CUDA_VISIBLE_DEVICES=${id}`),
    );
  }
});

test.serial('without --gpus-per-node the list alone counts, and an empty one means none', async (t) => {
  t.deepEqual(await told([job(1)], [], { CUDA_VISIBLE_DEVICES: '5,7' }), ['CUDA_VISIBLE_DEVICES=5,7']);
  t.deepEqual(await told([job(2)], [], { CUDA_VISIBLE_DEVICES: '' }), ['CUDA_VISIBLE_DEVICES=']);
  t.deepEqual(await told([job(2)], [], { CUDA_VISIBLE_DEVICES: 'NoDevFiles' }), [
    'CUDA_VISIBLE_DEVICES=NoDevFiles',
  ]);
  t.deepEqual(await told([job(1)], ['--gpus-per-node', '0'], { CUDA_VISIBLE_DEVICES: '5,7' }), [
    'CUDA_VISIBLE_DEVICES=5,7',
  ]);
});

test.serial("AMD's and Intel's lists are cut alike; inside ROCr's HIP counts from 0", async (t) => {
  const rocr = await told([job(2)], [], { ROCR_VISIBLE_DEVICES: '6,7' });
  t.deepEqual(rocr, ['CUDA_VISIBLE_DEVICES=0\nHIP_VISIBLE_DEVICES=0\nROCR_VISIBLE_DEVICES=6']);
  t.deepEqual(await told([job(2)], [], { ZE_AFFINITY_MASK: '6.0,6.1' }), ['ZE_AFFINITY_MASK=6.0']);
});

test.serial('logical nodes of one machine share the GPUs: no two get the same', async (t) => {
  const jobs = [job(1, 'nodes 2'), job(1, 'nodes 2')];
  const counted = await told(jobs, ['--nodes', '2', '--gpus-per-node', '1']);
  t.deepEqual(counted.toSorted(), ['CUDA_VISIBLE_DEVICES=0', 'CUDA_VISIBLE_DEVICES=1']);
  const granted = await told([job(1, 'named 2'), job(1, 'named 2')], ['--nodes', '2'], {
    CUDA_VISIBLE_DEVICES: '4,6',
  });
  t.deepEqual(granted.toSorted(), ['CUDA_VISIBLE_DEVICES=4', 'CUDA_VISIBLE_DEVICES=6']);
});

test.serial('as many jobs run at once as their packing says, whatever the number of GPUs', async (t) => {
  const three = await told(
    Array.from({ length: 3 }, () => job(3, 'three 3')),
    ['--gpus-per-node', '2'],
  );
  t.deepEqual(
    three.toSorted(),
    [0, 0, 1].map((id) => `CUDA_VISIBLE_DEVICES=${id}`),
  );
});

test.serial('more than is granted is refused before anything starts', async (t) => {
  const env = { CUDA_VISIBLE_DEVICES: '2,3' };
  const logs = path.join(world.dbPath, 'log');
  const before = fs.readdirSync(logs).length;
  for (const [options, asked] of [
    [['--gpus-per-node', '3'], '--gpus-per-node 3'],
    [['--nodes', '2', '--gpus-per-node', '2'], '--gpus-per-node 2 on each of 2 nodes of this machine'],
  ] as const) {
    const ran = await world.balsam(['launcher', '--consume-all', ...options], { env });
    t.not(ran.code, 0);
    t.is(
      ran.err.trim(),
      `balsam: ${asked} is more than CUDA_VISIBLE_DEVICES grants, which is 2: give a smaller number, or none`,
    );
  }
  t.is(fs.readdirSync(logs).length, before);
});

for (const mpi of ['mpirun.openmpi', 'mpiexec.mpich']) {
  test.serial(`every rank of a job sees the job's GPUs: ${mpi}`, async (t) => {
    const ranks = { ...job(2), ranks_per_node: 2 };
    const [found] = await told([ranks], ['--mpi', mpi], { CUDA_VISIBLE_DEVICES: 'GPU-a,GPU-b,GPU-c' });
    t.is(found, 'CUDA_VISIBLE_DEVICES=GPU-a\nCUDA_VISIBLE_DEVICES=GPU-a');
  });
}
