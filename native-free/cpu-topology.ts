/**
 * Which logical CPUs share a core, a package and a NUMA node.
 *
 * Why it exists: slots are packed by core and kept inside a package and a NUMA node; `os.cpus()` knows none of it.
 * Who calls it: inventory.ts. Sources: /sys/devices/system/cpu, and os.availableParallelism() where there is no sysfs.
 * It must never take the kernel's core_id as a name: it is unique only within its package (and die), and has holes.
 */
import { availableParallelism } from 'node:os';
import { parseCpuList } from './cpu-list.ts';
import { readInteger, readTrimmed, listNumbered } from './sysfs.ts';

const cpuDirectory = 'sys/devices/system/cpu';

/** One hardware thread that the kernel schedules on. */
export type LogicalCpu = {
  /** The kernel's number of it: what sched_setaffinity takes. */
  readonly id: number;
  /** Its core, numbered 0, 1, … over the whole host in the order of each core's lowest CPU. Stays with affinity cut. */
  readonly core: number;
  /** Its place among the threads of its core: 0 for the first. */
  readonly thread: number;
  /** Its package (socket), the kernel's number of it. */
  readonly package: number;
  /** Its NUMA node, 0 where the kernel has no NUMA. */
  readonly numaNode: number;
};

/**
 * All CPUs that are online, rising by id. `numaNodes` maps CPUs to nodes (see numa.ts).
 * Without sysfs every CPU that node:os counts is a core of its own in package 0: right for counting, no use for pinning.
 */
export function readCpuTopology(
  root: string,
  numaNodes: readonly { readonly id: number; readonly cpus: readonly number[] }[],
): LogicalCpu[] {
  const online = onlineCpus(root);
  const nodeOfCpu = new Map<number, number>();
  for (const node of numaNodes) for (const cpu of node.cpus) nodeOfCpu.set(cpu, node.id);
  const coreOfKey = new Map<string, { core: number; threads: number }>();
  return online.map((id): LogicalCpu => {
    const key = coreKey(root, id, online);
    const known = coreOfKey.get(key);
    const place = known ?? { core: coreOfKey.size, threads: 0 };
    if (known === undefined) coreOfKey.set(key, place);
    const thread = place.threads++;
    const packageId = readInteger(root, `${cpuDirectory}/cpu${id}/topology/physical_package_id`) ?? 0;
    // Some ARM and virtual machines say -1 for "unknown": one package then.
    return {
      id,
      core: place.core,
      thread,
      package: Math.max(0, packageId),
      numaNode: nodeOfCpu.get(id) ?? 0,
    };
  });
}

/** What two CPUs of one core have in common and no others: the list of siblings, else package and core id, else the CPU. */
function coreKey(root: string, id: number, online: readonly number[]): string {
  const topology = `${cpuDirectory}/cpu${id}/topology`;
  const text =
    readTrimmed(root, `${topology}/core_cpus_list`) ?? readTrimmed(root, `${topology}/thread_siblings_list`);
  const siblings = text === null ? null : parseCpuList(text);
  if (siblings !== null && siblings.includes(id))
    return `cpu ${siblings.find((cpu) => online.includes(cpu))}`;
  const core = readInteger(root, `${topology}/core_id`);
  const packageId = readInteger(root, `${topology}/physical_package_id`);
  return core === null ? `cpu ${id}` : `core ${packageId} ${core}`;
}

function onlineCpus(root: string): number[] {
  const online = parseCpuList(readTrimmed(root, `${cpuDirectory}/online`) ?? '');
  if (online !== null && online.length > 0) return online;
  const listed = listNumbered(root, cpuDirectory, 'cpu');
  return listed.length > 0 ? listed : Array.from({ length: availableParallelism() }, (_, index) => index);
}
