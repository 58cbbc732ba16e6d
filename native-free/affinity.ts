/**
 * The CPUs that the scheduler lets this process use.
 *
 * Why it exists: mpirun, srun and taskset bind what they start; an agent that ignored it would pin jobs to CPUs that are
 * another's, or give all of them one core. Who calls it: inventory.ts. Source: /proc/self/status.
 * It must never change the affinity; it only reads. The kernel already cuts this mask by the cpuset.
 */
import { parseCpuList } from './cpu-list.ts';
import { readText } from './sysfs.ts';

/** The allowed CPUs of this process's main thread, rising, or null if the kernel does not say. */
export function readAffinity(root: string): number[] | null {
  const match = /^Cpus_allowed_list:\s*(\S+)$/m.exec(readText(root, 'proc/self/status') ?? '');
  const cpus = match === null ? null : parseCpuList(match[1]!);
  return cpus === null || cpus.length === 0 ? null : cpus;
}
