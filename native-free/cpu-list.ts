/**
 * The kernel's list format for sets of CPUs and nodes: `0-3,8,10-11`.
 *
 * Why it exists: affinity, cpusets, NUMA nodes and thread siblings are all written in it, and helpers pin with it.
 * Who calls it: the other files of native-free; whoever prints or hands on a set of CPUs.
 * It must never accept what it does not understand (half a list pins jobs to the wrong CPUs) and never build a list of
 * unbounded length from a short text.
 */

/** Highest CPU number accepted. The kernel's NR_CPUS limit is 8192 on x86; 65,535 leaves room (guessed). */
export const maxCpuNumber = 65_535;

/**
 * The numbers of a list, rising and without doubles; an empty text is the empty set; null if it is no such list.
 * Overlapping and unordered ranges are accepted, as the kernel accepts them; a range that falls is not.
 */
export function parseCpuList(text: string): number[] | null {
  const trimmed = text.trim();
  if (trimmed === '') return [];
  const numbers = new Set<number>();
  for (const part of trimmed.split(',')) {
    const match = /^\s*(\d{1,5})(?:-(\d{1,5}))?\s*$/.exec(part);
    if (match === null) return null;
    const first = Number(match[1]);
    const last = match[2] === undefined ? first : Number(match[2]);
    if (last < first || last > maxCpuNumber) return null;
    for (let number = first; number <= last; number++) numbers.add(number);
  }
  return [...numbers].toSorted((a, b) => a - b);
}

/** The shortest list of a set of numbers; the inverse of parseCpuList. Order and doubles of the input do not matter. */
export function formatCpuList(numbers: Iterable<number>): string {
  const sorted = [...new Set(numbers)].toSorted((a, b) => a - b);
  const parts: string[] = [];
  for (let start = 0; start < sorted.length;) {
    let end = start;
    while (end + 1 < sorted.length && sorted[end + 1] === sorted[end]! + 1) end++;
    parts.push(start === end ? `${sorted[start]}` : `${sorted[start]}-${sorted[end]}`);
    start = end + 1;
  }
  return parts.join(',');
}

/** The numbers that are in both, in the order of the first. */
export function intersectCpus(left: readonly number[], right: readonly number[]): number[] {
  const wanted = new Set(right);
  return left.filter((cpu) => wanted.has(cpu));
}
