/** Time cut into buckets of a width that people can read: a second, a minute, a quarter of an hour, a week. Pure. */
import { REPORT_BUCKETS } from '../base/client-limits.ts';
import type { TimeBuckets } from '../store/history/rows.ts';

/** Seconds. Each divides a day or is whole days, so that edges fall on round times. */
const WIDTHS_S = [1, 2, 5, 10, 15, 30, 60, 120, 300, 600, 900, 1_800, 3_600, 7_200, 10_800, 21_600, 43_200];
const DAY_S = 86_400;

/**
 * The narrowest readable buckets, `limit` at most, from the edge before `firstMs` to an edge after `lastMs` (milliseconds
 * since 1970); at least one.
 */
export function bucketsOf(firstMs: number, lastMs: number, limit: number = REPORT_BUCKETS): TimeBuckets {
  const countOf = (widthMs: number): number =>
    Math.max(1, Math.floor(lastMs / widthMs) - Math.floor(firstMs / widthMs) + 1);
  const within = (widthMs: number): TimeBuckets => {
    const fromMs = Math.floor(firstMs / widthMs) * widthMs;
    return { widthMs, edgesMs: Array.from({ length: countOf(widthMs) + 1 }, (_, i) => fromMs + i * widthMs) };
  };
  const width = WIDTHS_S.find((widthS) => countOf(widthS * 1_000) <= limit);
  if (width !== undefined) return within(width * 1_000);
  // Whole days: one more for a span that begins late on its first.
  const days = Math.ceil((lastMs - firstMs) / 1_000 / DAY_S / Math.max(1, limit - 1));
  return within(Math.max(1, days) * DAY_S * 1_000);
}

/** The same buckets from `sinceMs` on and until `untilMs`, which lie within them or at their end; null cuts nothing. */
export function cutTo(
  { edgesMs, widthMs }: TimeBuckets,
  sinceMs: number | null,
  untilMs: number | null,
): TimeBuckets {
  const inside = edgesMs.filter((edge) => edge > (sinceMs ?? -Infinity) && edge < (untilMs ?? Infinity));
  const ends = (ms: number | null): number[] => (ms === null ? [] : [ms]);
  return { widthMs, edgesMs: [...ends(sinceMs), ...inside, ...ends(untilMs)] };
}
