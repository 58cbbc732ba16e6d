/** From the GPUs that the surroundings grant to what a job is told: every notation, every vendor, every share. */
import fs from 'node:fs';
import path from 'node:path';
import test from 'ava';
import { shareOfGpus } from '../../src/agent/config.ts';
import { makeSlots, take, WHOLE, type Allocation } from '../../src/core/slots.ts';
import { gpuVariables } from '../../src/process/gpu-variables.ts';
import { readGpus, type GpuVendor } from '../../native-free/gpu.ts';
import { grantedGpus } from '../../native-free/gpu-grant.ts';
import { makeTree, type Tree } from '../native-free/_fixture.ts';

type Env = Record<string, string>;

/** Hosts with four GPUs each, and one on which none can be seen. */
const HOSTS: Record<GpuVendor | 'unseen', Tree> = {
  nvidia: Object.fromEntries(
    [1, 2, 3, 4].map((bus) => [`proc/driver/nvidia/gpus/0000:0${bus}:00.0/information`, 'Model: A100\n']),
  ),
  amd: Object.fromEntries(
    [1, 2, 3, 4].map((node) => [
      `sys/class/kfd/kfd/topology/nodes/${node}/properties`,
      `simd_count 440\nlocation_id ${node * 256}\n`,
    ]),
  ),
  intel: Object.fromEntries(
    [1, 2, 3, 4].flatMap((card) => [
      [`sys/class/drm/card${card}/device/vendor`, '0x8086\n'],
      [`sys/class/drm/card${card}/device/uevent`, `PCI_SLOT_NAME=0000:4${card}:00.0\n`],
    ]),
  ),
  unseen: { 'proc/version': 'x' },
};

const U = 'GPU-8932f937-d72c-4106-c12f-20bd9faed9f6';
const MIG = 'MIG-GPU-8932f937-d72c-4106-c12f-20bd9faed9f6/1/2';

/** Host, environment, and the ids that are granted. */
const GRANTS: [keyof typeof HOSTS, Env, string[]][] = [
  ['nvidia', {}, ['0', '1', '2', '3']],
  ['nvidia', { CUDA_VISIBLE_DEVICES: '2,3' }, ['2', '3']],
  ['nvidia', { CUDA_VISIBLE_DEVICES: ' 3 , 1 ' }, ['3', '1']],
  ['nvidia', { CUDA_VISIBLE_DEVICES: `${U},GPU-12ab` }, [U, 'GPU-12ab']],
  ['nvidia', { CUDA_VISIBLE_DEVICES: `${MIG},MIG-a1b2` }, [MIG, 'MIG-a1b2']],
  ['nvidia', { CUDA_VISIBLE_DEVICES: '0,2,-1,1' }, ['0', '2']],
  ['nvidia', { CUDA_VISIBLE_DEVICES: '1,1,2' }, ['1', '2']],
  ['nvidia', { CUDA_VISIBLE_DEVICES: '' }, []],
  ['nvidia', { CUDA_VISIBLE_DEVICES: '-1' }, []],
  ['nvidia', { CUDA_VISIBLE_DEVICES: 'NoDevFiles' }, []],
  ['nvidia', { CUDA_VISIBLE_DEVICES: '0', SLURM_JOB_GPUS: '3' }, ['0']],
  ['nvidia', { SLURM_JOB_GPUS: '2,3' }, ['2', '3']],
  ['nvidia', { SLURM_JOB_GPUS: '0-2' }, ['0', '1', '2']],
  ['nvidia', { SLURM_JOB_GPUS: '0,1', SLURM_STEP_GPUS: '1' }, ['1']],
  ['nvidia', { SLURM_JOB_GPUS: '' }, ['0', '1', '2', '3']],
  ['nvidia', { ROCR_VISIBLE_DEVICES: '0', ZE_AFFINITY_MASK: '0' }, ['0', '1', '2', '3']],
  ['amd', { ROCR_VISIBLE_DEVICES: '2,3' }, ['2', '3']],
  ['amd', { ROCR_VISIBLE_DEVICES: 'GPU-DEADBEEFDEADBEEF,1' }, ['GPU-DEADBEEFDEADBEEF', '1']],
  ['amd', { ROCR_VISIBLE_DEVICES: '' }, []],
  ['amd', { ROCR_VISIBLE_DEVICES: '2,3', HIP_VISIBLE_DEVICES: '1' }, ['3']],
  ['amd', { ROCR_VISIBLE_DEVICES: '2,3', HIP_VISIBLE_DEVICES: '-1' }, []],
  ['amd', { ROCR_VISIBLE_DEVICES: '2,3', CUDA_VISIBLE_DEVICES: '2,3' }, ['2', '3']],
  ['amd', { ROCR_VISIBLE_DEVICES: '0,1', GPU_DEVICE_ORDINAL: '0,1' }, ['0', '1']],
  ['amd', { HIP_VISIBLE_DEVICES: '1,2', CUDA_VISIBLE_DEVICES: '0' }, ['1', '2']],
  ['amd', { CUDA_VISIBLE_DEVICES: '1' }, ['1']],
  ['amd', { GPU_DEVICE_ORDINAL: '3' }, ['3']],
  ['intel', { ZE_AFFINITY_MASK: '6,7' }, ['6', '7']],
  ['intel', { ZE_AFFINITY_MASK: '0.0,0.1,1.0' }, ['0.0', '0.1', '1.0']],
  ['intel', { ZE_AFFINITY_MASK: '0,0.1,1.1' }, ['0', '1.1']],
  ['intel', { ZE_AFFINITY_MASK: '' }, ['0', '1', '2', '3']],
  ['unseen', {}, []],
  ['unseen', { CUDA_VISIBLE_DEVICES: '2,3' }, ['2', '3']],
  ['unseen', { ROCR_VISIBLE_DEVICES: '2' }, ['2']],
  ['unseen', { ZE_AFFINITY_MASK: '1.0' }, ['1.0']],
  ['unseen', { SLURM_JOB_GPUS: '5' }, ['5']],
];

for (const [host, env, ids] of GRANTS) {
  test(`granted on a host of ${host} GPUs with ${JSON.stringify(env)}`, (t) => {
    t.deepEqual(grantedGpus(readGpus(makeTree(t, HOSTS[host])), env).ids, ids);
  });
}

/** Host, environment, the part that a job holds (places in the grant), and what is set for it. */
const TOLD: [keyof typeof HOSTS, Env, number[], Env][] = [
  ['nvidia', {}, [1], { CUDA_VISIBLE_DEVICES: '1', CUDA_DEVICE_ORDER: 'PCI_BUS_ID' }],
  ['nvidia', { CUDA_VISIBLE_DEVICES: '2,3' }, [0], { CUDA_VISIBLE_DEVICES: '2' }],
  ['nvidia', { CUDA_VISIBLE_DEVICES: `${U},${MIG}` }, [1], { CUDA_VISIBLE_DEVICES: MIG }],
  ['nvidia', { SLURM_JOB_GPUS: '2,3' }, [1], { CUDA_VISIBLE_DEVICES: '3', CUDA_DEVICE_ORDER: 'PCI_BUS_ID' }],
  [
    'nvidia',
    {
      CUDA_VISIBLE_DEVICES: '2,3',
      ROCR_VISIBLE_DEVICES: '2,3',
      GPU_DEVICE_ORDINAL: '2,3',
      ZE_AFFINITY_MASK: '0',
    },
    [1],
    { CUDA_VISIBLE_DEVICES: '3', ROCR_VISIBLE_DEVICES: '3', GPU_DEVICE_ORDINAL: '3' },
  ],
  ['nvidia', { CUDA_VISIBLE_DEVICES: '' }, [], {}],
  ['nvidia', { CUDA_VISIBLE_DEVICES: '2' }, [], { CUDA_VISIBLE_DEVICES: '-1' }],
  [
    'amd',
    {},
    [2, 3],
    { ROCR_VISIBLE_DEVICES: '2,3', HIP_VISIBLE_DEVICES: '0,1', CUDA_VISIBLE_DEVICES: '0,1' },
  ],
  [
    'amd',
    { ROCR_VISIBLE_DEVICES: '4,6', CUDA_VISIBLE_DEVICES: '4,6', GPU_DEVICE_ORDINAL: '4,6' },
    [1],
    {
      ROCR_VISIBLE_DEVICES: '6',
      HIP_VISIBLE_DEVICES: '0',
      CUDA_VISIBLE_DEVICES: '0',
      GPU_DEVICE_ORDINAL: '0',
    },
  ],
  ['amd', { HIP_VISIBLE_DEVICES: '1,2' }, [1], { HIP_VISIBLE_DEVICES: '2', CUDA_VISIBLE_DEVICES: '2' }],
  ['amd', { CUDA_VISIBLE_DEVICES: '1,2' }, [0], { HIP_VISIBLE_DEVICES: '1', CUDA_VISIBLE_DEVICES: '1' }],
  ['amd', { GPU_DEVICE_ORDINAL: '1,2' }, [0], { GPU_DEVICE_ORDINAL: '1' }],
  [
    'amd',
    { ROCR_VISIBLE_DEVICES: '4' },
    [],
    { ROCR_VISIBLE_DEVICES: '', HIP_VISIBLE_DEVICES: '-1', CUDA_VISIBLE_DEVICES: '-1' },
  ],
  ['intel', {}, [3], { ZE_AFFINITY_MASK: '3' }],
  ['intel', { ZE_AFFINITY_MASK: '6.0,6.1,7.0' }, [0, 2], { ZE_AFFINITY_MASK: '6.0,7.0' }],
  ['intel', { ZE_AFFINITY_MASK: '6' }, [], { ZE_AFFINITY_MASK: '9999' }],
  [
    'unseen',
    { ROCR_VISIBLE_DEVICES: '5,7' },
    [1],
    {
      ROCR_VISIBLE_DEVICES: '7',
      HIP_VISIBLE_DEVICES: '0',
      CUDA_VISIBLE_DEVICES: '0',
    },
  ],
];

for (const [host, env, held, set] of TOLD) {
  test(`told on a host of ${host} GPUs with ${JSON.stringify(env)}: number ${held.join()} of the grant`, (t) => {
    const grant = grantedGpus(readGpus(makeTree(t, HOSTS[host])), env);
    t.deepEqual(
      gpuVariables(
        grant,
        held.map((i) => grant.ids[i]!),
        env,
      ),
      set,
    );
  });
}

type Cells = [string, string, string, string, string];

/** Rows of the table of docs/resources.md that has this heading, cell by cell. */
function rowsOf(heading: string): Cells[] {
  const lines = fs
    .readFileSync(path.join(import.meta.dirname, '../../docs/resources.md'), 'utf8')
    .split('\n');
  const at = lines.findIndex((line) => line.startsWith(heading));
  const rows = lines.slice(at + 2);
  const end = rows.findIndex((line) => !line.startsWith('|'));
  return rows.slice(0, end).map((line) => {
    const cells = line.split('|').slice(1, -1);
    return cells.map((cell) => cell.trim()) as unknown as Cells;
  });
}

const assignments = (cell: string): Env =>
  Object.fromEntries([...cell.matchAll(/`(\w+)=([^`]*)`/g)].map(([, name, value]) => [name!, value!]));

test('the table of docs/resources.md of what a job is told is true', (t) => {
  const rows = rowsOf('| GPUs of the host | the launcher');
  t.true(rows.length > 8);
  for (const [vendor, given, told] of rows) {
    const host = vendor === 'not seen' ? 'unseen' : (vendor.toLowerCase() as GpuVendor);
    const env = assignments(given);
    const grant = grantedGpus(readGpus(makeTree(t, HOSTS[host])).slice(0, 2), env);
    t.is(grant.ids.length, 2, given);
    t.deepEqual(gpuVariables(grant, [grant.ids[1]!], env), assignments(told), `${vendor} ${given}`);
  }
});

test('the table of docs/resources.md of what a job holds is true', (t) => {
  const rows = rowsOf('| G | `node_packing_count`');
  t.true(rows.length > 5);
  for (const [gpus, count, atOnce, share, loads] of rows) {
    const slots = makeSlots([], Number(gpus));
    const held: Allocation[] = [];
    for (let a = take(slots, { packing: Number(count), cpus: 1 }); a;) {
      held.push(a);
      a = take(slots, { packing: Number(count), cpus: 1 });
    }
    t.is(held.length, Number(atOnce));
    const [first] = held;
    const part = first!.gpus[0]!.share / WHOLE;
    const said =
      part < 1
        ? `1/${Math.round(1 / part)} GPU`
        : `${first!.gpus.length} GPU${first!.gpus.length > 1 ? 's' : ''}`;
    t.is(said, share);
    const on = held.flatMap((a) => a.gpus.map((g) => g.id));
    t.is(slots.gpuLoad.map((_, id) => on.filter((one) => one === id).length).join(' '), loads);
  }
});

test('a declared number on a host whose GPUs nobody sees is told to every vendor', (t) => {
  const grant = grantedGpus([], {});
  const ids = shareOfGpus(grant, { local: 0, localCount: 1 }, 2);
  t.deepEqual(gpuVariables(grant, ids, {}), {
    CUDA_VISIBLE_DEVICES: '0,1',
    HIP_VISIBLE_DEVICES: '0,1',
    ZE_AFFINITY_MASK: '0,1',
    CUDA_DEVICE_ORDER: 'PCI_BUS_ID',
  });
});

test('nodes of one machine share what is granted: no GPU has two of them', (t) => {
  const grant = grantedGpus([], { CUDA_VISIBLE_DEVICES: '4,5,6,7,9' });
  const of = (nodes: number, perNode: number | null): string[][] =>
    Array.from({ length: nodes }, (_, local) => shareOfGpus(grant, { local, localCount: nodes }, perNode));
  t.deepEqual(of(1, null), [['4', '5', '6', '7', '9']]);
  t.deepEqual(of(2, null), [
    ['4', '5'],
    ['6', '7', '9'],
  ]);
  t.deepEqual(of(2, 2), [
    ['4', '5'],
    ['6', '7'],
  ]);
  t.deepEqual(of(3, 0), [[], [], []]);
  t.deepEqual(of(6, null).flat(), [...grant.ids]);
  t.throws(() => of(3, 2), {
    message:
      '--gpus-per-node 2 on each of 3 nodes of this machine is more than CUDA_VISIBLE_DEVICES grants, which is 5: give a smaller number, or none',
  });
  t.throws(() => of(1, 6), {
    message: /^--gpus-per-node 6 is more than CUDA_VISIBLE_DEVICES grants, which is 5/,
  });
  const counted = grantedGpus([], {});
  t.deepEqual(
    shareOfGpus(counted, { local: 1, localCount: 2 }, 1),
    ['1'],
    'declared: numbered on through the nodes',
  );
});
