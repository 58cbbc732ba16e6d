/**
 * Which variables tell a job the GPUs that it holds. Each vendor's runtimes read lists of their own, and some work inside of
 * others: inside of ROCr's list HIP counts from 0 again. Who calls it: the agent, for each start.
 * It must never name a GPU otherwise than the surroundings name it.
 */
import { GPU_VARIABLES, type GpuGrant } from '../../native-free/gpu-grant.ts';

/** Values with which no device is visible; an empty one would be no list for HIP and Level Zero, which then show all. */
const NONE: Readonly<Record<string, string>> = {
  CUDA_VISIBLE_DEVICES: '-1',
  HIP_VISIBLE_DEVICES: '-1',
  ROCR_VISIBLE_DEVICES: '',
  GPU_DEVICE_ORDINAL: '-1',
  ZE_AFFINITY_MASK: '9999',
};

/** What is set for a job that holds `ids` of the grant. Nothing, where nothing is granted: the job inherits just that. */
export function gpuVariables(
  grant: GpuGrant,
  ids: readonly string[],
  inherited: Readonly<Record<string, string | undefined>>,
): Record<string, string> {
  const names = namesFor(grant);
  const list = ids.join(',');
  const outer = names.includes('ROCR_VISIBLE_DEVICES');
  const set: Record<string, string> = {};
  for (const name of names) set[name] = list;
  if (outer) {
    const inside = ids.map((_, i) => i).join(',');
    for (const name of ['HIP_VISIBLE_DEVICES', 'CUDA_VISIBLE_DEVICES']) set[name] = inside;
    if (inherited['GPU_DEVICE_ORDINAL'] !== undefined) set['GPU_DEVICE_ORDINAL'] = inside;
  }
  // Slurm may write one list for every vendor: what says the same as the grant is cut like the grant.
  const whole = grant.from === null ? undefined : inherited[grant.from];
  for (const name of GPU_VARIABLES)
    if (name in NONE && !(name in set) && whole !== undefined && inherited[name] === whole) set[name] = list;
  if (ids.length === 0) {
    if (grant.ids.length === 0) return {};
    for (const name of Object.keys(set)) set[name] = NONE[name] ?? '';
  }
  // Numbers that we or Slurm counted are in the order of the bus; a list's own numbers keep the order that the list has.
  if (
    set['CUDA_VISIBLE_DEVICES'] !== undefined &&
    !outer &&
    (grant.from === null || grant.from.startsWith('SLURM_'))
  )
    set['CUDA_DEVICE_ORDER'] = 'PCI_BUS_ID';
  return set;
}

/** The variables that take entries of the grant. */
function namesFor({ vendor, from }: GpuGrant): readonly string[] {
  if (from !== null && !from.startsWith('SLURM_')) {
    // HIP reads both, and takes the first of them.
    const isHip = vendor === 'amd' && (from === 'HIP_VISIBLE_DEVICES' || from === 'CUDA_VISIBLE_DEVICES');
    return isHip ? ['HIP_VISIBLE_DEVICES', 'CUDA_VISIBLE_DEVICES'] : [from];
  }
  switch (vendor) {
    case 'nvidia':
      return ['CUDA_VISIBLE_DEVICES'];
    case 'amd':
      return ['ROCR_VISIBLE_DEVICES'];
    case 'intel':
      return ['ZE_AFFINITY_MASK'];
    case null:
      return ['CUDA_VISIBLE_DEVICES', 'HIP_VISIBLE_DEVICES', 'ZE_AFFINITY_MASK'];
  }
}
