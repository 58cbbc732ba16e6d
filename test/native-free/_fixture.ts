/**
 * Builds small trees that look like /proc and /sys of real machines, in a temporary directory.
 *
 * Why it exists: the readers of native-free take a root, so that a 128-core node can be tested on two cores.
 * Who calls it: test/native-free. It must never leave a tree behind: each belongs to a test and goes with it.
 */
import { mkdirSync, mkdtempSync, rmSync, symlinkSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import type { ExecutionContext } from 'ava';

export type Tree = Record<string, string>;

/** Writes the files; a value that begins with '->' is a symbolic link. Returns the root. */
export function makeTree(t: ExecutionContext, tree: Tree): string {
  const root = mkdtempSync(join(tmpdir(), 'balsam-sys-'));
  t.teardown(() => rmSync(root, { recursive: true, force: true }));
  for (const [path, content] of Object.entries(tree)) {
    const file = join(root, path);
    mkdirSync(dirname(file), { recursive: true });
    if (content.startsWith('->')) symlinkSync(content.slice(2), file);
    else writeFileSync(file, content);
  }
  return root;
}

export type Shape = {
  packages: number;
  coresPerPackage: number;
  threadsPerCore: number;
  allowed?: string;
  memoryKiB?: number;
};

/**
 * CPUs as x86 kernels number them: the first threads of all cores, package by package, then the second threads.
 * core_id begins anew in each package and has holes, as on real machines.
 */
export function hostTree(shape: Shape): Tree {
  const { packages, coresPerPackage, threadsPerCore } = shape;
  const cores = packages * coresPerPackage;
  const cpus = cores * threadsPerCore;
  const memory = shape.memoryKiB ?? 16_384_000;
  const tree: Tree = {
    'proc/sys/kernel/hostname': 'nid00042\n',
    'proc/sys/kernel/osrelease': '5.14.21-150400.24.81_12.0.87-cray_shasta_c\n',
    'proc/sys/kernel/ostype': 'Linux\n',
    'proc/sys/kernel/random/boot_id': 'b8f4c2ad-2c5e-4a8c-9d55-0d6c3d4e1a11\n',
    'proc/self/ns/pid': '->pid:[4026531836]',
    'proc/self/status': `Name:\tnode\nCpus_allowed:\tff\nCpus_allowed_list:\t${shape.allowed ?? `0-${cpus - 1}`}\n`,
    'proc/meminfo': `MemTotal:       ${memory} kB\nMemFree:  1000 kB\nMemAvailable:   ${memory - 1000} kB\n`,
    'sys/devices/system/cpu/online': `0-${cpus - 1}\n`,
    'sys/devices/system/cpu/cpufreq/boost': '1\n',
  };
  for (let cpu = 0; cpu < cpus; cpu++) {
    const core = cpu % cores;
    const siblings = Array.from({ length: threadsPerCore }, (_, thread) => core + thread * cores);
    const directory = `sys/devices/system/cpu/cpu${cpu}/topology`;
    const within = core % coresPerPackage;
    tree[`${directory}/physical_package_id`] = `${Math.floor(core / coresPerPackage)}\n`;
    tree[`${directory}/core_id`] = `${within + Math.floor(within / 4) * 4}\n`;
    tree[`${directory}/thread_siblings_list`] = `${siblings.join(',')}\n`;
  }
  return tree;
}

/** A laptop: one socket, 4 cores, 2 threads each, integrated Intel graphics, cgroup 2 without limits. */
export function laptop(): Tree {
  return {
    ...hostTree({ packages: 1, coresPerPackage: 4, threadsPerCore: 2 }),
    'sys/devices/system/node/node0/cpulist': '0-7\n',
    'sys/devices/system/node/node0/meminfo': 'Node 0 MemTotal:       16384000 kB\n',
    'sys/devices/system/node/node0/distance': '10\n',
    'sys/class/drm/card0/device/vendor': '0x8086\n',
    'sys/class/drm/card0/device/uevent': 'DRIVER=i915\nPCI_SLOT_NAME=0000:00:02.0\n',
    'proc/self/cgroup': '0::/user.slice/user-1000.slice/session-2.scope\n',
    'proc/self/mountinfo': '35 24 0:30 / /sys/fs/cgroup rw,nosuid shared:9 - cgroup2 cgroup2 rw,nsdelegate\n',
    'sys/fs/cgroup/cgroup.controllers': 'cpuset cpu io memory pids\n',
    'sys/fs/cgroup/user.slice/user-1000.slice/memory.max': 'max\n',
    'sys/fs/cgroup/user.slice/user-1000.slice/cpu.max': 'max 100000\n',
  };
}

/** A compute node: 2 sockets of 64 cores, no second threads, 8 NUMA nodes, 4 NVIDIA GPUs. */
export function computeNode(): Tree {
  const tree: Tree = {
    ...hostTree({ packages: 2, coresPerPackage: 64, threadsPerCore: 1, memoryKiB: 527_000_000 }),
    'sys/class/drm/card0/device/vendor': '0x1a03\n',
  };
  for (let node = 0; node < 8; node++) {
    tree[`sys/devices/system/node/node${node}/cpulist`] = `${node * 16}-${node * 16 + 15}\n`;
    tree[`sys/devices/system/node/node${node}/meminfo`] = `Node ${node} MemTotal:       65000000 kB\n`;
    const distances = Array.from({ length: 8 }, (_, other) =>
      other === node ? 10 : Math.floor(other / 4) === Math.floor(node / 4) ? 12 : 32,
    );
    tree[`sys/devices/system/node/node${node}/distance`] = `${distances.join(' ')}\n`;
  }
  for (const [index, address] of ['0000:03:00.0', '0000:41:00.0', '0000:82:00.0', '0000:c1:00.0'].entries()) {
    tree[`proc/driver/nvidia/gpus/${address}/information`] =
      `Model: \t\t NVIDIA A100-SXM4-40GB\nIRQ:   \t\t ${100 + index}\nDevice Minor: \t ${3 - index}\n`;
    tree[`sys/bus/pci/devices/${address}/numa_node`] = `${6 - index * 2}\n`;
  }
  return tree;
}
