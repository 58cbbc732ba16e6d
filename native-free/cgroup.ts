/**
 * What the control groups of this process allow: CPUs, CPU time and memory, under version 1, version 2 and both at once.
 *
 * Why it exists: batch systems and containers give a share of a host by cgroups; /proc/meminfo and os.cpus() still show
 * all of it, and a job that believes them is killed or throttled. Who calls it: inventory.ts.
 * Sources: /proc/self/cgroup, /proc/self/mountinfo and the files below the mounts.
 * It must never write there, and never take an absent file for a limit of 0.
 */
import { join } from 'node:path';
import { parseCpuList, intersectCpus } from './cpu-list.ts';
import { readText, readTrimmed } from './sysfs.ts';

export type CgroupLimits = {
  /** CPUs of the cpuset, rising; null without one. */
  readonly cpus: readonly number[] | null;
  /** CPU time in CPUs (2.5: two and a half CPUs' worth); null without a quota. */
  readonly cpuQuota: number | null;
  /** Bytes; null without a limit. */
  readonly memoryBytes: number | null;
};

/** A directory of one hierarchy that applies to this process, and whether it speaks version 2. */
type Group = {
  readonly unified: boolean;
  readonly controllers: readonly string[];
  readonly paths: readonly string[];
};

/** Bytes. Version 1 writes "no limit" as the largest page-aligned 63-bit number; nothing real is near it. */
const unlimitedBytes = 2 ** 60;

/** The tightest limits over this process's groups and all of their ancestors that can be seen. */
export function readCgroupLimits(root: string): CgroupLimits {
  let cpus: readonly number[] | null = null;
  let cpuQuota: number | null = null;
  let memoryBytes: number | null = null;
  for (const group of readGroups(root)) {
    const rules = group.unified ? version2 : version1;
    for (const path of group.paths) {
      if (group.unified || group.controllers.includes('cpuset')) {
        const set = rules.cpus(root, path);
        if (set !== null) cpus = cpus === null ? set : intersectCpus(cpus, set);
      }
      if (group.unified || group.controllers.includes('cpu'))
        cpuQuota = smaller(cpuQuota, rules.quota(root, path));
      if (group.unified || group.controllers.includes('memory')) {
        memoryBytes = smaller(memoryBytes, rules.memory(root, path));
      }
    }
  }
  return { cpus, cpuQuota, memoryBytes };
}

/**
 * The file whose line `oom_kill N` counts the processes that the kernel has killed for want of memory where this process
 * is: of its memory group, or of the whole host where no group counts; null where nothing does.
 */
export function oomCountFile(root: string): string | null {
  const files = readGroups(root)
    .filter((group) => group.unified || group.controllers.includes('memory'))
    .flatMap(({ unified, paths }) =>
      paths.map((path) => `${path}/${unified ? 'memory.events' : 'memory.oom_control'}`),
    );
  const found = [...files, 'proc/vmstat'].find((file) => /^oom_kill \d/m.test(readText(root, file) ?? ''));
  return found === undefined ? null : join(root, found);
}

type Rules = {
  cpus(root: string, path: string): number[] | null;
  quota(root: string, path: string): number | null;
  memory(root: string, path: string): number | null;
};

const version1: Rules = {
  cpus: (root, path) => readCpus(root, [`${path}/cpuset.effective_cpus`, `${path}/cpuset.cpus`]),
  quota: (root, path) =>
    ratio(readTrimmed(root, `${path}/cpu.cfs_quota_us`), readTrimmed(root, `${path}/cpu.cfs_period_us`)),
  memory: (root, path) => bytes(readTrimmed(root, `${path}/memory.limit_in_bytes`)),
};

const version2: Rules = {
  cpus: (root, path) => readCpus(root, [`${path}/cpuset.cpus.effective`, `${path}/cpuset.cpus`]),
  quota: (root, path) => {
    const [quota, period] = (readTrimmed(root, `${path}/cpu.max`) ?? '').split(/\s+/);
    return ratio(quota ?? null, period ?? null);
  },
  memory: (root, path) => bytes(readTrimmed(root, `${path}/memory.max`)),
};

/** The first of the files that holds a list which is not empty. An empty cpuset file means "as the parent". */
function readCpus(root: string, files: readonly string[]): number[] | null {
  for (const file of files) {
    const cpus = parseCpuList(readTrimmed(root, file) ?? '');
    if (cpus !== null && cpus.length > 0) return cpus;
  }
  return null;
}

/** quota / period, or null for -1, "max" and what is not there. */
function ratio(quota: string | null, period: string | null): number | null {
  const [over, under] = [Number(quota ?? Number.NaN), Number(period ?? Number.NaN)];
  return over > 0 && under > 0 ? over / under : null;
}

function bytes(text: string | null): number | null {
  const value = Number(text ?? Number.NaN);
  return value > 0 && value < unlimitedBytes ? value : null;
}

function smaller(left: number | null, right: number | null): number | null {
  if (left === null || right === null) return left ?? right;
  return Math.min(left, right);
}

/** This process's group in each mounted hierarchy, with its ancestors up to the mount, deepest first. */
function readGroups(root: string): Group[] {
  const mounts = readMounts(root);
  const groups: Group[] = [];
  for (const line of (readText(root, 'proc/self/cgroup') ?? '').split('\n')) {
    // hierarchy-id:controller,controller:/path — the path may hold colons, and version 2 has no controllers.
    const match = /^\d+:([^:]*):(\/.*)$/.exec(line);
    if (match === null) continue;
    const controllers = match[1] === '' ? [] : match[1]!.split(',');
    const unified = controllers.length === 0;
    const mount = mounts.find((candidate) =>
      unified ? candidate.unified : controllers.some((name) => candidate.options.includes(name)),
    );
    if (mount !== undefined) groups.push({ unified, controllers, paths: pathsUpTo(mount, match[2]!) });
  }
  return groups;
}

type Mount = {
  readonly unified: boolean;
  readonly options: readonly string[];
  readonly root: string;
  readonly point: string;
};

function readMounts(root: string): Mount[] {
  const mounts: Mount[] = [];
  for (const line of (readText(root, 'proc/self/mountinfo') ?? '').split('\n')) {
    // id parent major:minor root point options [tags] - type source super-options
    const [before, after] = line.split(' - ', 2);
    const [type, , options] = (after ?? '').split(' ');
    const fields = (before ?? '').split(' ');
    if ((type !== 'cgroup' && type !== 'cgroup2') || fields.length < 6) continue;
    const [mountRoot, point] = [unescapeMount(fields[3]!), unescapeMount(fields[4]!)];
    mounts.push({ unified: type === 'cgroup2', options: (options ?? '').split(','), root: mountRoot, point });
  }
  return mounts;
}

/** mountinfo writes space, tab, newline and backslash as \ooo. */
function unescapeMount(text: string): string {
  return text.replaceAll(/\\([0-7]{3})/g, (_, digits: string) =>
    String.fromCodePoint(Number.parseInt(digits, 8)),
  );
}

/**
 * The directories from the group up to the mount point. A container sees the path of the host in /proc/self/cgroup while
 * only its own part is mounted (the mount's root): that prefix is cut. A path outside of it: only the mount point is ours.
 */
function pathsUpTo(mount: Mount, path: string): string[] {
  const prefix = mount.root === '/' ? '' : mount.root;
  const inside = path === prefix || path.startsWith(`${prefix}/`);
  const parts = inside && !path.includes('/..') ? path.slice(prefix.length).split('/').filter(Boolean) : [];
  return parts
    .map((_, index) => [mount.point, ...parts.slice(0, parts.length - index)].join('/'))
    .concat(mount.point);
}
