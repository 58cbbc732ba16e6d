/**
 * The slots of one node: how much of it is taken, and which CPU and GPU ids each job holds. Ids are leased and given back,
 * never computed: two live jobs never hold the same CPU, and never more than a whole GPU between them.
 *
 * Rules (the original's, without its faults): a job costs 1/packing of the node; jobs run together while the sum is at
 * most 1. Shares are counted in whole billionths, rounded down: 3 × 1/3 fits, no sum ever drifts, and what is given back
 * is exactly what was taken. A whole-node job holds every id and is not pinned further. A packed job
 * holds `cpus` ids when that many are free, else none and runs unpinned: packing more jobs than cores is the user's choice.
 * With G GPUs a packed job holds floor(G/packing) whole GPUs. When packing exceeds G, ceil(packing/G) jobs share a GPU, each
 * on the least loaded one: so `packing` such jobs always fit, and no two GPUs differ by more than one of them.
 */
import { assert } from '../base/assert.ts';

/** A whole node, or a whole GPU: a billion units. So `packing` jobs of one share always fit, and one more never does. */
export const WHOLE = 1_000_000_000;

export interface Slots {
  cpuIds: readonly number[];
  gpuCount: number;
  /** Units of WHOLE, of the node and of each GPU. */
  used: number;
  freeCpus: number[];
  gpuLoad: number[];
}

/** What one attempt holds on this node; shares in units of WHOLE. */
export interface Allocation {
  share: number;
  cpus: number[] | null;
  gpus: { id: number; share: number }[];
}

export interface Need {
  packing: number;
  cpus: number;
}

export function makeSlots(cpuIds: readonly number[], gpuCount: number): Slots {
  return {
    cpuIds,
    gpuCount,
    used: 0,
    freeCpus: [...cpuIds],
    gpuLoad: Array.from({ length: gpuCount }, () => 0),
  };
}

/** Takes what the job needs, or returns null when it does not fit now; nothing is taken then. */
export function take(slots: Slots, need: Need): Allocation | null {
  const share = Math.floor(WHOLE / need.packing);
  if (slots.used + share > WHOLE) return null;
  const gpus = pickGpus(slots, need.packing);
  if (gpus === null) return null;
  const whole = need.packing === 1;
  const count = whole ? slots.freeCpus.length : need.cpus;
  const cpus = count > 0 && slots.freeCpus.length >= count ? slots.freeCpus.splice(0, count) : null;
  slots.used += share;
  for (const g of gpus) slots.gpuLoad[g.id]! += g.share;
  return { share, cpus, gpus };
}

/** Gives back what `take` returned; once. */
export function giveBack(slots: Slots, a: Allocation): void {
  slots.used -= a.share;
  assert(slots.used >= 0, 'more of a node was given back than taken');
  if (a.cpus) slots.freeCpus = [...slots.freeCpus, ...a.cpus].sort((x, y) => x - y);
  assert(slots.freeCpus.length <= slots.cpuIds.length, 'a CPU id was given back twice');
  for (const g of a.gpus) slots.gpuLoad[g.id]! -= g.share;
}

function pickGpus(slots: Slots, packing: number): { id: number; share: number }[] | null {
  const { gpuCount } = slots;
  if (gpuCount === 0) return [];
  const share = Math.floor(WHOLE / Math.ceil(packing / gpuCount));
  const wanted = Math.max(1, Math.floor(gpuCount / packing));
  const ids = slots.gpuLoad
    .map((load, id) => ({ id, load }))
    .filter((g) => g.load + share <= WHOLE)
    .sort((a, b) => a.load - b.load || a.id - b.id)
    .slice(0, wanted);
  return ids.length < wanted ? null : ids.map((g) => ({ id: g.id, share }));
}

/** Cores a job needs, as the original counts them: ranks × threads / threads per core, at least one. */
export function coresNeeded(ranksPerNode: number, threadsPerRank: number, threadsPerCore: number): number {
  return Math.max(1, Math.floor((ranksPerNode * threadsPerRank) / threadsPerCore));
}
