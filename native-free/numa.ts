/**
 * The NUMA nodes of a host: their CPUs, memory and distances.
 *
 * Why it exists: a job whose CPUs and memory lie on different nodes runs at a fraction of the speed; placement keeps
 * slots within one. Who calls it: inventory.ts. Source: /sys/devices/system/node.
 * It must never be used for the memory of the host: inside containers and virtual machines the sum over nodes has been
 * seen at less than half of /proc/meminfo (measured).
 */
import { parseCpuList } from './cpu-list.ts';
import { listNumbered, readText, readTrimmed } from './sysfs.ts';

const nodeDirectory = 'sys/devices/system/node';

export type NumaNode = {
  /** The kernel's number of it. */
  readonly id: number;
  /** Its CPUs, rising; empty for nodes of memory alone (high-bandwidth or CXL memory). */
  readonly cpus: readonly number[];
  /** Bytes of memory, 0 if the kernel does not say. */
  readonly memoryBytes: number;
  /** Relative cost to reach each node, in the order of the nodes; 10 is local. Empty if the kernel does not say. */
  readonly distances: readonly number[];
};

/** All NUMA nodes, rising by id; empty on a kernel without NUMA. */
export function readNumaNodes(root: string): NumaNode[] {
  return listNumbered(root, nodeDirectory, 'node').map((id) => {
    const memory = /MemTotal:\s*(\d+) kB/.exec(readText(root, `${nodeDirectory}/node${id}/meminfo`) ?? '');
    const distances =
      readTrimmed(root, `${nodeDirectory}/node${id}/distance`)?.split(/\s+/).map(Number) ?? [];
    return {
      id,
      cpus: parseCpuList(readText(root, `${nodeDirectory}/node${id}/cpulist`) ?? '') ?? [],
      memoryBytes: memory === null ? 0 : Number(memory[1]) * 1024,
      distances: distances.every(Number.isFinite) ? distances : [],
    };
  });
}
