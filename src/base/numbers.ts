/** Numbers that people write: in options, settings and variables. Digits are read, and nothing that only looks like a number. */

/** The whole number that `text` writes: digits, maybe a sign. Null for spaces, 0x10, 1e3, 1_000, fractions, and beyond 2^53. */
export function readInteger(text: string): number | null {
  const value = /^[+-]?\d+$/.test(text) ? Number(text) : Number.NaN;
  // `-0` is 0.
  return Number.isSafeInteger(value) ? value + 0 : null;
}

/** The number that `text` writes: digits, maybe with a point. Null for everything else, infinity too. */
export function readDecimal(text: string): number | null {
  const value = /^[+-]?(?:\d+\.?\d*|\.\d+)$/.test(text) ? Number(text) : Number.NaN;
  return Number.isFinite(value) ? value + 0 : null;
}
