/**
 * The GPUs that the surroundings grant: the list of visible devices that a batch system or a person put into the environment.
 *
 * Why it exists: on a shared node the GPUs that a host has are not the GPUs that a launcher may use.
 * Who calls it: the agent, the launcher at its start. Sources: an environment, and what gpu.ts found.
 * It must never number GPUs anew: an entry of a list is handed on as the text that it is (an index, a UUID, a MIG device, a
 * tile), because only the runtime of the vendor knows what the text means.
 */
import type { Gpu, GpuVendor } from './gpu.ts';

export type GpuGrant = {
  /** Whose runtime will read the list; null where neither the host nor the environment tells. */
  readonly vendor: GpuVendor | null;
  /** The variable that the list was read from; null when there was none, and GPUs are what was found on the host. */
  readonly from: string | null;
  readonly ids: readonly string[];
};

type Environment = Readonly<Record<string, string | undefined>>;

/** Lists of each vendor, the one that all the others work inside of first. */
const LISTS: Readonly<Record<GpuVendor, readonly string[]>> = {
  nvidia: ['CUDA_VISIBLE_DEVICES'],
  amd: ['ROCR_VISIBLE_DEVICES', 'HIP_VISIBLE_DEVICES', 'CUDA_VISIBLE_DEVICES', 'GPU_DEVICE_ORDINAL'],
  intel: ['ZE_AFFINITY_MASK'],
};

/** Slurm's numbers of the GPUs of a step and of a job, for sites where it sets no list of a vendor. */
const SLURM_LISTS = ['SLURM_STEP_GPUS', 'SLURM_JOB_GPUS'];

/** An empty value of these is no list: their runtimes read it as if it were not there. */
const EMPTY_IS_UNSET: readonly string[] = ['ZE_AFFINITY_MASK', 'GPU_DEVICE_ORDINAL', ...SLURM_LISTS];

/** Every variable that a grant can be read from. */
export const GPU_VARIABLES: readonly string[] = [
  ...new Set([...Object.values(LISTS).flat(), ...SLURM_LISTS]),
];

/** What may be used of the GPUs that were `found` on the host: the list in `env` when there is one, else all of them. */
export function grantedGpus(found: readonly Gpu[], env: Environment): GpuGrant {
  const vendor = found[0]?.vendor ?? vendorOf(env);
  const lists = vendor === null ? [] : LISTS[vendor];
  for (const from of [...lists, ...SLURM_LISTS]) {
    const text = env[from];
    if (text === undefined || (text.trim() === '' && EMPTY_IS_UNSET.includes(from))) continue;
    const ids = idsOf(from, text);
    return { vendor, from, ids: from === 'ROCR_VISIBLE_DEVICES' ? narrowed(ids, env) : ids };
  }
  return { vendor, from: null, ids: found.map((gpu) => gpu.id) };
}

/** Who reads the lists that are there, on a host whose GPUs can't be seen. */
function vendorOf(env: Environment): GpuVendor | null {
  if (env['CUDA_VISIBLE_DEVICES'] !== undefined) return 'nvidia';
  const vendors: readonly GpuVendor[] = ['amd', 'intel'];
  return vendors.find((vendor) => LISTS[vendor].some((name) => env[name] !== undefined)) ?? null;
}

/**
 * The entries of a list, each once. As in the runtimes a list ends at an entry that names no device: `-1`, `NoDevFiles`
 * (Slurm's word for none), or nothing.
 */
function idsOf(from: string, text: string): string[] {
  const entries = text.split(',').map((entry) => entry.trim());
  const end = entries.findIndex((entry) => entry === '' || /^(?:-1|NoDevFiles|none|void)$/i.test(entry));
  const named = [...new Set(end === -1 ? entries : entries.slice(0, end))];
  if (SLURM_LISTS.includes(from)) return [...new Set(named.flatMap(withRange))];
  // A tile of a device that is named whole is in it already.
  return from === 'ZE_AFFINITY_MASK'
    ? named.filter((entry) => !entry.includes('.') || !named.includes(entry.slice(0, entry.indexOf('.'))))
    : named;
}

/** `0-3` as Slurm writes it. */
function withRange(entry: string): string[] {
  const [, from, to] = /^(\d+)-(\d+)$/.exec(entry) ?? [];
  if (from === undefined || to === undefined) return [entry];
  const count = Math.min(1_024, Number(to) - Number(from) + 1);
  return Array.from({ length: Math.max(0, count) }, (_, i) => String(Number(from) + i));
}

/**
 * A list of HIP's beside ROCr's counts inside of that, and leaves fewer. Slurm, told nothing of the vendor, writes the same
 * text into all of them: a list that can't be meant so is not.
 */
function narrowed(ids: readonly string[], env: Environment): readonly string[] {
  const outer = env['ROCR_VISIBLE_DEVICES'];
  for (const name of LISTS.amd.slice(1)) {
    const text = env[name];
    if (text === undefined || text.trim() === '') continue;
    const inner = idsOf(name, text);
    if (text === outer || !inner.every((entry) => /^\d+$/.test(entry) && Number(entry) < ids.length))
      return ids;
    return inner.map((entry) => ids[Number(entry)] as string);
  }
  return ids;
}
