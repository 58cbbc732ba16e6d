/**
 * What this process may use of its node: CPUs, memory, GPUs, and the names by which the node is known.
 *
 * Why it exists: an agent tells it to its coordinator once, at hello, and leases slots from it; `balsam doctor` prints it.
 * Who calls it: the agent, the launcher on a laptop, doctor. Sources: node:os, /proc and /sys below `root`.
 * It must never report what the scheduler, a cpuset or a cgroup withholds, and never start a process to find out.
 */
import { freemem, hostname as osHostname, release, totalmem, type as osType } from 'node:os';
import { readAffinity } from './affinity.ts';
import { readCgroupLimits } from './cgroup.ts';
import { intersectCpus } from './cpu-list.ts';
import { readCpuTopology } from './cpu-topology.ts';
import { readGpus } from './gpu.ts';
import { readNumaNodes } from './numa.ts';
import { readBootId, readPidNamespace } from './process-identity.ts';
import { readText, readTrimmed } from './sysfs.ts';
import type { LogicalCpu } from './cpu-topology.ts';
import type { Gpu } from './gpu.ts';
import type { NumaNode } from './numa.ts';

export { judgeProcess, processIdentity } from './process-identity.ts';
export type { Gpu, LogicalCpu, NumaNode };

export type Inventory = {
  readonly hostname: string;
  readonly bootId: string;
  readonly pidNamespace: string;
  /** The CPUs that this process may use, rising by id; never empty. */
  readonly cpus: readonly LogicalCpu[];
  /** All CPUs that are online, ours or not. */
  readonly onlineCpus: number;
  /** The cgroup's limit of CPU time, in CPUs; null without one. `cpus` is already cut to it. */
  readonly cpuQuota: number | null;
  /** The nodes that have at least one of `cpus`, with only those; one made-up node 0 on a kernel without NUMA. */
  readonly numaNodes: readonly NumaNode[];
  /** Bytes: the host's, or the cgroup's limit if that is less. */
  readonly memoryBytes: number;
  /** Those of the host; what may be used of them: gpu-grant.ts. */
  readonly gpus: readonly Gpu[];
  /** Release of the kernel, such as `6.1.0-18-amd64`. */
  readonly kernel: string;
  /** The kind of system: `Linux`. */
  readonly os: string;
};

export type InventoryOptions = {
  /** Directory that holds proc and sys; '/' unless a test says otherwise. */
  readonly root?: string | undefined;
};

/** Reads it anew at each call: about a dozen small files, and four for each CPU. Nothing in it can fail. */
export function readInventory(options: InventoryOptions = {}): Inventory {
  const root = options.root ?? '/';
  const limits = readCgroupLimits(root);
  const allNodes = readNumaNodes(root);
  const online = readCpuTopology(root, allNodes);
  const cpus = cutToQuota(usableCpus(root, online, limits.cpus), limits.cpuQuota);
  const hostMemory = readMemoryBytes(root);
  return {
    hostname: readTrimmed(root, 'proc/sys/kernel/hostname') ?? osHostname(),
    bootId: readBootId(root),
    pidNamespace: readPidNamespace(root),
    cpus,
    onlineCpus: online.length,
    cpuQuota: limits.cpuQuota,
    numaNodes: cutNodes(allNodes, cpus, hostMemory),
    memoryBytes: Math.min(hostMemory, limits.memoryBytes ?? hostMemory),
    gpus: readGpus(root),
    kernel: readTrimmed(root, 'proc/sys/kernel/osrelease') ?? release(),
    os: readTrimmed(root, 'proc/sys/kernel/ostype') ?? osType(),
  };
}

/** Bytes of memory that are free for new work now: MemAvailable, or what node:os says. */
export function readAvailableMemoryBytes(root = '/'): number {
  return meminfo(root, 'MemAvailable') ?? freemem();
}

function usableCpus(root: string, online: LogicalCpu[], cpuset: readonly number[] | null): LogicalCpu[] {
  let ids = online.map((cpu) => cpu.id);
  for (const allowed of [readAffinity(root), cpuset]) {
    const cut = allowed === null ? ids : intersectCpus(ids, allowed);
    // An empty intersection means that one of the files lied (a cpuset changed while we read): the process does run.
    if (cut.length > 0) ids = cut;
  }
  const wanted = new Set(ids);
  return online.filter((cpu) => wanted.has(cpu.id));
}

/**
 * No more CPUs than the quota pays for: 64 slots on a quota of 2 would all be throttled. First threads of cores go first,
 * so that each CPU kept has a core to itself while there are cores; a quota below one CPU still keeps one.
 */
function cutToQuota(cpus: LogicalCpu[], quota: number | null): LogicalCpu[] {
  // The small addend keeps 3.9999 (399,990 of 100,000 µs) from losing a CPU to rounding.
  const count = quota === null ? cpus.length : Math.max(1, Math.floor(quota + 0.01));
  if (count >= cpus.length) return cpus;
  const byThread = cpus.toSorted((a, b) => a.thread - b.thread || a.id - b.id);
  return byThread.slice(0, count).toSorted((a, b) => a.id - b.id);
}

function cutNodes(nodes: readonly NumaNode[], cpus: readonly LogicalCpu[], memoryBytes: number): NumaNode[] {
  const ids = cpus.map((cpu) => cpu.id);
  const ours = nodes
    .map((node) => ({ ...node, cpus: intersectCpus(node.cpus, ids) }))
    .filter((node) => node.cpus.length > 0);
  return ours.length > 0 ? ours : [{ id: 0, cpus: ids, memoryBytes, distances: [10] }];
}

function readMemoryBytes(root: string): number {
  return meminfo(root, 'MemTotal') ?? totalmem();
}

function meminfo(root: string, field: 'MemTotal' | 'MemAvailable'): number | null {
  const match = new RegExp(`^${field}:\\s*(\\d+) kB$`, 'm').exec(readText(root, 'proc/meminfo') ?? '');
  return match === null ? null : Number(match[1]) * 1024;
}
