/** Small plots for a terminal: one line of blocks for a series, one bar for a share. Pure; names are escaped by who prints. */

const BLOCKS = ' ▁▂▃▄▅▆▇█';

/**
 * `values` as one line, at most `columns` wide, from 0 to `top`: a value above 0 always shows. Where there are more values
 * than columns, each column is the mean of its values.
 */
export function sparkline(values: readonly number[], top: number, columns: number): string {
  return resampled(values, columns)
    .map((value) => {
      if (value <= 0 || top <= 0) return BLOCKS[0];
      return BLOCKS[Math.min(8, Math.max(1, Math.round((value / top) * 8)))];
    })
    .join('');
}

/** Means of neighbours, `columns` of them at most; a value that lies in two columns counts in each by its part. */
export function resampled(values: readonly number[], columns: number): number[] {
  if (values.length <= columns) return [...values];
  const width = values.length / columns;
  return Array.from({ length: columns }, (_, column) => {
    const [from, to] = [column * width, (column + 1) * width];
    let sum = 0;
    for (let i = Math.floor(from); i < Math.min(values.length, Math.ceil(to)); i++)
      sum += values[i]! * (Math.min(to, i + 1) - Math.max(from, i));
    return sum / width;
  });
}

/** `share` (0 to 1) of `columns` blocks; a share above 0 always shows. */
export function bar(share: number, columns: number): string {
  const filled = share <= 0 ? 0 : Math.max(1, Math.round(Math.min(1, share) * columns));
  return '█'.repeat(filled) + '·'.repeat(columns - filled);
}
