/** The waste ledger as people read it: node-seconds by category, of launchers, of buckets of time, and of all. Pure. */
import type { LedgerRow, Waste } from '../store/history/rows.ts';

/** The parts of a total, in the order in which they are shown. */
export const WASTE_PARTS = [
  'busy',
  'busyOther',
  'idleNothingRunnable',
  'idleNothingFitted',
  'drained',
  'lost',
] as const satisfies readonly (keyof Waste)[];

export function noWaste(): Waste {
  return {
    busy: 0,
    busyOther: 0,
    idleNothingRunnable: 0,
    idleNothingFitted: 0,
    drained: 0,
    lost: 0,
    total: 0,
  };
}

/** The sum of `rows`. */
export function wasteOf(rows: readonly Omit<LedgerRow, 'launcher' | 'bucket'>[]): Waste {
  const sum = noWaste();
  for (const row of rows) {
    for (const part of WASTE_PARTS) sum[part] += row[part];
    sum.total += row.total;
  }
  return sum;
}

/** The sum over launchers of each of `count` buckets. */
export function wasteOverTime(rows: readonly LedgerRow[], count: number): Waste[] {
  const ofBucket = Map.groupBy(rows, (row) => row.bucket);
  return Array.from({ length: count }, (_, bucket) => wasteOf(ofBucket.get(bucket) ?? []));
}

/** Share of the node-seconds that attempts held, 0 to 1; null when there were none. */
export function utilisationOf(waste: Waste): number | null {
  return waste.total === 0 ? null : (waste.busy + waste.busyOther) / waste.total;
}
