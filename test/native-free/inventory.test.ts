/**
 * What a node has, on fixture trees of a laptop, a 128-core node, limited cgroups of both versions, and on this machine.
 */
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { availableParallelism, hostname } from 'node:os';
import test from 'ava';
import fc from 'fast-check';
import { formatCpuList, intersectCpus, parseCpuList } from '../../native-free/cpu-list.ts';
import { oomCountFile, readCgroupLimits } from '../../native-free/cgroup.ts';
import { readGpus } from '../../native-free/gpu.ts';
import { readAvailableMemoryBytes, readInventory } from '../../native-free/inventory.ts';
import {
  isSameProcessAlive,
  judgeProcess,
  parseProcessStat,
  processIdentity,
  readProcessStat,
} from '../../native-free/process-identity.ts';
import { computeNode, hostTree, laptop, makeTree } from './_fixture.ts';

test('a CPU list is the inverse of its text', (t) => {
  t.deepEqual(parseCpuList('0-3,8,10-11\n'), [0, 1, 2, 3, 8, 10, 11]);
  t.is(formatCpuList([11, 10, 8, 3, 2, 1, 0, 0]), '0-3,8,10-11');
  t.deepEqual(parseCpuList(''), []);
  t.is(formatCpuList([]), '');
  fc.assert(
    fc.property(fc.uniqueArray(fc.nat(5000)), (cpus) => {
      const sorted = cpus.toSorted((a, b) => a - b);
      t.deepEqual(parseCpuList(formatCpuList(cpus)), sorted);
    }),
  );
});

test('what is no CPU list is refused, and never makes a long list of a short text', (t) => {
  for (const text of ['a', '1-', '-1', '3-1', '1,,2', '0-4294967295', '0-70000', '0x3', '1 2', '0-31:2/4']) {
    t.is(parseCpuList(text), null, text);
  }
  fc.assert(
    fc.property(fc.string(), (text) => {
      const cpus = parseCpuList(text);
      t.true(cpus === null || cpus.length <= 65_536);
    }),
  );
  t.deepEqual(intersectCpus([4, 2, 9], [9, 4]), [4, 9]);
});

test('a laptop: one socket, two threads a core, no GPU of use', (t) => {
  const inventory = readInventory({ root: makeTree(t, laptop()) });
  t.is(inventory.hostname, 'nid00042');
  t.is(inventory.bootId, 'b8f4c2ad-2c5e-4a8c-9d55-0d6c3d4e1a11');
  t.is(inventory.pidNamespace, 'pid:[4026531836]');
  t.is(inventory.os, 'Linux');
  t.is(inventory.cpus.length, 8);
  t.deepEqual(inventory.cpus[5], { id: 5, core: 1, thread: 1, package: 0, numaNode: 0 });
  t.deepEqual(inventory.gpus, []);
  t.is(inventory.memoryBytes, 16_384_000 * 1024);
  t.is(inventory.cpuQuota, null);
});

test('a node of two sockets and 128 cores: cores are unique over packages, CPUs know their NUMA node', (t) => {
  const inventory = readInventory({ root: makeTree(t, computeNode()) });
  t.is(new Set(inventory.cpus.map((cpu) => cpu.core)).size, 128);
  t.deepEqual(inventory.cpus[100], { id: 100, core: 100, thread: 0, package: 1, numaNode: 6 });
  t.is(inventory.numaNodes.length, 8);
  t.deepEqual(inventory.numaNodes[5]?.distances, [32, 32, 32, 32, 12, 10, 12, 12]);
  t.is(inventory.numaNodes[5]?.memoryBytes, 65_000_000 * 1024);
  t.deepEqual(
    inventory.gpus.map((gpu) => [gpu.id, gpu.vendor, gpu.model, gpu.pciAddress, gpu.numaNode]),
    [
      ['0', 'nvidia', 'NVIDIA A100-SXM4-40GB', '0000:03:00.0', 6],
      ['1', 'nvidia', 'NVIDIA A100-SXM4-40GB', '0000:41:00.0', 4],
      ['2', 'nvidia', 'NVIDIA A100-SXM4-40GB', '0000:82:00.0', 2],
      ['3', 'nvidia', 'NVIDIA A100-SXM4-40GB', '0000:c1:00.0', 0],
    ],
  );
});

test('the affinity cuts CPUs and NUMA nodes', (t) => {
  const tree = { ...computeNode(), ...statusOf('16-19,33') };
  const inventory = readInventory({ root: makeTree(t, tree) });
  t.deepEqual(
    inventory.cpus.map((cpu) => cpu.id),
    [16, 17, 18, 19, 33],
  );
  t.deepEqual(
    inventory.numaNodes.map((node) => [node.id, node.cpus]),
    [
      [1, [16, 17, 18, 19]],
      [2, [33]],
    ],
  );
  t.is(inventory.onlineCpus, 128);
});

test('cgroup version 1: a container sees the path of the host, its own part is mounted', (t) => {
  const point = (controller: string): string => `/sys/fs/cgroup/${controller}`;
  const mount = (id: number, controllers: string): string =>
    `${id} 24 0:${id} /docker/4f2a ${point(controllers)} ro,nosuid master:1 - cgroup cgroup rw,${controllers}`;
  const root = makeTree(t, {
    ...hostTree({ packages: 1, coresPerPackage: 8, threadsPerCore: 2 }),
    'proc/self/cgroup':
      '5:memory:/docker/4f2a/job\n4:cpu,cpuacct:/docker/4f2a\n3:cpuset:/docker/4f2a\n1:name=systemd:/\n',
    'proc/self/mountinfo': [
      '1 0 8:1 / / rw - ext4 /dev/sda rw',
      mount(31, 'memory'),
      mount(32, 'cpu,cpuacct'),
      mount(33, 'cpuset'),
    ].join('\n'),
    'sys/fs/cgroup/memory/memory.limit_in_bytes': '4294967296\n',
    'sys/fs/cgroup/memory/job/memory.limit_in_bytes': '9223372036854771712\n',
    'sys/fs/cgroup/cpu,cpuacct/cpu.cfs_quota_us': '350000\n',
    'sys/fs/cgroup/cpu,cpuacct/cpu.cfs_period_us': '100000\n',
    'sys/fs/cgroup/cpuset/cpuset.cpus': '0-3,8-11\n',
  });
  t.deepEqual(readCgroupLimits(root), {
    cpus: [0, 1, 2, 3, 8, 9, 10, 11],
    cpuQuota: 3.5,
    memoryBytes: 4294967296,
  });
  const inventory = readInventory({ root });
  t.deepEqual(
    inventory.cpus.map((cpu) => cpu.id),
    [0, 1, 2],
    'cut to the quota, a core each',
  );
  t.is(inventory.memoryBytes, 4294967296);
});

test('cgroup version 2: the tightest limit of all ancestors counts', (t) => {
  const slice = 'sys/fs/cgroup/system.slice/slurmstepd.scope';
  const root = makeTree(t, {
    ...hostTree({ packages: 1, coresPerPackage: 8, threadsPerCore: 2 }),
    'proc/self/cgroup': '0::/system.slice/slurmstepd.scope/job_7/step_0\n',
    'proc/self/mountinfo': '35 24 0:30 / /sys/fs/cgroup rw shared:9 - cgroup2 cgroup2 rw\n',
    [`${slice}/job_7/memory.max`]: '8589934592\n',
    [`${slice}/job_7/cpuset.cpus.effective`]: '4-7,12-15\n',
    [`${slice}/job_7/cpu.max`]: 'max 100000\n',
    [`${slice}/job_7/step_0/memory.max`]: 'max\n',
    [`${slice}/job_7/step_0/cpuset.cpus.effective`]: '4-5,12-13\n',
    [`${slice}/job_7/step_0/cpuset.cpus`]: '\n',
    [`${slice}/cpu.max`]: '1600000 100000\n',
  });
  t.deepEqual(readCgroupLimits(root), { cpus: [4, 5, 12, 13], cpuQuota: 16, memoryBytes: 8589934592 });
  t.deepEqual(
    readInventory({ root }).cpus.map((cpu) => [cpu.id, cpu.core, cpu.thread]),
    [
      [4, 4, 0],
      [5, 5, 0],
      [12, 4, 1],
      [13, 5, 1],
    ],
  );
});

test('a cgroup path outside of what is mounted is not followed', (t) => {
  const root = makeTree(t, {
    'proc/self/cgroup': '0::/../../other\n',
    'proc/self/mountinfo': '35 24 0:30 / /sys/fs/cgroup rw - cgroup2 cgroup2 rw\n',
    'sys/fs/cgroup/memory.max': '1000000\n',
  });
  t.is(readCgroupLimits(root).memoryBytes, 1_000_000);
});

test('AMD GPUs are the compute driver’s nodes with SIMDs; Intel cards are counted, integrated ones not', (t) => {
  const amd = makeTree(t, {
    'sys/class/kfd/kfd/topology/nodes/0/properties': 'cpu_cores_count 64\nsimd_count 0\nlocation_id 0\n',
    'sys/class/kfd/kfd/topology/nodes/1/properties':
      'cpu_cores_count 0\nsimd_count 440\ndomain 0\nlocation_id 49408\n',
    'sys/class/kfd/kfd/topology/nodes/1/name': 'aldebaran\n',
    'sys/bus/pci/devices/0000:c1:00.0/numa_node': '-1\n',
  });
  t.deepEqual(readGpus(amd), [
    { index: 0, id: '0', vendor: 'amd', model: 'aldebaran', pciAddress: '0000:c1:00.0', numaNode: null },
  ]);
  const intel = makeTree(t, {
    'sys/class/drm/card0/device/vendor': '0x8086\n',
    'sys/class/drm/card0/device/uevent': 'PCI_SLOT_NAME=0000:00:02.0\n',
    'sys/class/drm/card1/device/vendor': '0x8086\n',
    'sys/class/drm/card1/device/uevent': 'PCI_SLOT_NAME=0000:4d:00.0\n',
    'sys/class/drm/card1/device/numa_node': '1\n',
    'sys/class/drm/card1-DP-1/status': 'disconnected\n',
  });
  t.deepEqual(
    readGpus(intel).map((gpu) => [gpu.vendor, gpu.pciAddress, gpu.numaNode]),
    [['intel', '0000:4d:00.0', 1]],
  );
});

test('an empty tree gives an answer all the same', (t) => {
  const inventory = readInventory({ root: makeTree(t, { 'proc/version': 'x' }) });
  t.is(inventory.cpus.length, availableParallelism());
  t.is(inventory.numaNodes.length, 1);
  t.is(inventory.bootId, '');
  t.true(inventory.memoryBytes > 0);
});

test('this machine', (t) => {
  const inventory = readInventory();
  t.is(inventory.hostname, hostname());
  t.regex(inventory.bootId, /^[\da-f-]{36}$/);
  t.true(inventory.cpus.length >= 1 && inventory.cpus.length <= inventory.onlineCpus);
  t.true(inventory.cpus.length <= availableParallelism());
  t.true(readAvailableMemoryBytes() > 0);
});

test('a process name with spaces, parentheses and newlines does not shift the fields', (t) => {
  const fields = 'S 17 18 19 0 -1 4194304 100 0 0 0 0 0 0 0 20 0 5 0 76144 3133440 384';
  const stat = { state: 'S', parent: 17, processGroup: 18, session: 19, threads: 5, startTime: 76144 };
  for (const name of ['cat', 'a b', ') Z 1 (', '((', ')\n)', '']) {
    t.deepEqual(parseProcessStat(`4307 (${name}) ${fields}\n`), stat, name);
  }
  t.is(parseProcessStat('4307 (cat'), null);
  t.is(parseProcessStat('4307 (cat) S 1'), null);
});

test('a process is itself while it lives, and dead as a zombie, when gone, and when its number is another’s', async (t) => {
  // The shell's child ends once the shell is a program that does not wait for it: a zombie until that ends too.
  const waits = '( while [ "$(cat /proc/$$/comm)" != sleep ]; do :; done ) & echo $!; exec sleep 1000';
  const shell = spawn('/bin/sh', ['-c', waits], {
    stdio: ['ignore', 'pipe', 'ignore'],
  });
  t.teardown(() => shell.kill('SIGKILL'));
  const [line] = (await once(shell.stdout, 'data')) as [Buffer];
  const identity = processIdentity(shell.pid!)!;
  t.true(isSameProcessAlive(identity));
  t.is(identity.uid, process.getuid!());
  t.false(isSameProcessAlive({ ...identity, startTime: identity.startTime - 1 }));
  const child = Number(line.toString());
  const deadline = Date.now() + 30_000;
  while (readProcessStat(child)?.state !== 'Z' && Date.now() < deadline) {
    await new Promise((resolve) => setImmediate(resolve));
  }
  t.is(judgeProcess(processIdentity(child)!), 'dead');
  const exit = once(shell, 'exit');
  shell.kill('SIGKILL');
  await exit;
  t.is(processIdentity(shell.pid!), null);
  t.false(isSameProcessAlive(identity));
});

test('what can not be seen from here is not called dead', (t) => {
  const identity = processIdentity(process.pid)!;
  t.is(judgeProcess({ ...identity, bootId: 'another' }), 'unknown');
  t.is(judgeProcess({ ...identity, pidNamespace: 'pid:[1]' }), 'unknown');
  t.true(isSameProcessAlive({ ...identity, bootId: 'another', pid: 999_999_999 }));
});

test('a leader that ended while its threads run is alive', (t) => {
  const stat = (threads: number): string =>
    `7 (x) Z 1 7 7 0 -1 4 1 0 0 0 0 0 0 0 20 0 ${threads} 0 555 1 1\n`;
  const host = hostTree({ packages: 1, coresPerPackage: 1, threadsPerCore: 1 });
  const tree = { ...host, 'proc/7/status': 'Uid:\t1000\t1000\t1000\t1000\n' };
  const living = makeTree(t, { ...tree, 'proc/7/stat': stat(3) });
  const identity = processIdentity(7, living)!;
  t.is(identity.uid, 1000);
  t.is(judgeProcess(identity, living), 'alive');
  t.is(judgeProcess(identity, makeTree(t, { ...tree, 'proc/7/stat': stat(1) })), 'dead');
});

function statusOf(allowed: string): Record<string, string> {
  return { 'proc/self/status': `Cpus_allowed_list:\t${allowed}\n` };
}

test('the file that counts kills for want of memory: of our group in version 2 and 1, of the host where no group counts', (t) => {
  const scope = 'sys/fs/cgroup/user.slice/user-1000.slice/session-2.scope';
  const vmstat = { 'proc/vmstat': 'nr_free_pages 5\noom_kill 3\n' };
  const events = 'low 0\nhigh 0\nmax 0\noom 0\noom_kill 0\noom_group_kill 0\n';
  const second = makeTree(t, { ...laptop(), ...vmstat, [`${scope}/memory.events`]: events });
  t.is(oomCountFile(second), `${second}/${scope}/memory.events`);
  // A scope without the controller: the slice above counts.
  const above = makeTree(t, {
    ...laptop(),
    ...vmstat,
    'sys/fs/cgroup/user.slice/user-1000.slice/memory.events': events,
  });
  t.is(oomCountFile(above), `${above}/sys/fs/cgroup/user.slice/user-1000.slice/memory.events`);
  const first = makeTree(t, {
    ...vmstat,
    'proc/self/cgroup': '4:memory:/slurm/job_7\n0::/\n',
    'proc/self/mountinfo': '30 24 0:25 / /sys/fs/cgroup/memory rw - cgroup cgroup rw,memory\n',
    'sys/fs/cgroup/memory/slurm/job_7/memory.oom_control': 'oom_kill_disable 0\nunder_oom 0\noom_kill 2\n',
  });
  t.is(oomCountFile(first), `${first}/sys/fs/cgroup/memory/slurm/job_7/memory.oom_control`);
  // An old kernel's has no count.
  const old = makeTree(t, {
    ...vmstat,
    'proc/self/cgroup': '4:memory:/\n',
    'proc/self/mountinfo': '30 24 0:25 / /sys/fs/cgroup/memory rw - cgroup cgroup rw,memory\n',
    'sys/fs/cgroup/memory/memory.oom_control': 'oom_kill_disable 0\nunder_oom 0\n',
  });
  t.is(oomCountFile(old), `${old}/proc/vmstat`);
  t.is(oomCountFile(makeTree(t, { 'proc/vmstat': 'nr_free_pages 5\n' })), null);
});
