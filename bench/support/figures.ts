/**
 * What every row of the benchmark shares: its options, its figures, and the line that one run leaves in
 * `bench/results.jsonl` (date, commit, machine, parameters, figures, ratios), so that a change can be held against earlier
 * ones. Figures of a shared machine drift by tens of percent; ratios of two things measured side by side are to be trusted.
 * Called by run.ts and the rows. It must never judge: aims are shown beside the figures, they fail nothing.
 */
import { execFileSync } from 'node:child_process';
import { appendFileSync } from 'node:fs';
import { cpus, release } from 'node:os';
import { fileURLToPath } from 'node:url';

/** Repository root, with a slash at the end. */
export const ROOT = fileURLToPath(new URL('../../', import.meta.url));

export interface RowOptions {
  /** A run of seconds that only shows that figures come out. */
  readonly small: boolean;
  /** Where databases go. */
  readonly directory: string;
  /** Where the files of jobs and of the yardstick go; its file system is part of what is measured. */
  readonly files: string;
  /** Times that both sides are measured; null: the row's own. */
  readonly samples: number | null;
  /** Jobs of one sample; null: the row's own. */
  readonly jobs: number | null;
  /** For rows with variants: only this one; null: all. */
  readonly only: string | null;
  /** Collect CPU profiles of coordinator and agents into this directory; null: none. */
  readonly profiles: string | null;
  readonly say: (line: string) => void;
}

/** One result: numbers by name, with the unit in the name. Of several samples the medians. */
export interface Result {
  readonly parameters: Readonly<Record<string, string | number | boolean>>;
  readonly figures: Readonly<Record<string, number>>;
  /** Ours held against the yardstick, median of the samples' ratios; with the aim that DESIGN gives. */
  readonly ratios: Readonly<Record<string, number>>;
  readonly aim: string;
}

export interface Row {
  readonly name: string;
  readonly question: string;
  run(options: RowOptions): Promise<Result[]>;
}

/** Middle of the values; NaN of none. */
export function median(values: readonly number[]): number {
  return quantile(values, 0.5);
}

/** Value below which the share `q` of the values lies, between neighbours in proportion. */
export function quantile(values: readonly number[], q: number): number {
  const sorted = values.toSorted((a, b) => a - b);
  if (sorted.length === 0) return Number.NaN;
  const at = (sorted.length - 1) * q;
  const below = Math.floor(at);
  const above = Math.min(sorted.length - 1, below + 1);
  return sorted[below]! + (sorted[above]! - sorted[below]!) * (at - below);
}

/** Three significant digits: more would be noise. */
export function round(value: number): number {
  return Number(value.toPrecision(3));
}

/** Every value with three significant digits. */
export function rounded(values: Readonly<Record<string, number>>): Record<string, number> {
  return Object.fromEntries(Object.entries(values).map(([name, value]) => [name, round(value)]));
}

/** Medians by name, over samples that have the same names. */
export function medians(samples: readonly Readonly<Record<string, number>>[]): Record<string, number> {
  const names = Object.keys(samples[0] ?? {});
  return rounded(Object.fromEntries(names.map((n) => [n, median(samples.map((s) => s[n] ?? Number.NaN))])));
}

/** `name value, name value`, for people. */
export function list(of: Readonly<Record<string, string | number | boolean>>): string {
  return Object.entries(of)
    .map(([key, value]) => `${key} ${value}`)
    .join(', ');
}

/** Appends one line to the results. */
export function record(file: string, row: string, options: RowOptions, result: Result): void {
  const [cpu] = cpus();
  const line = {
    date: new Date().toISOString(),
    commit: commit(),
    cpu: cpu?.model ?? '',
    cores: cpus().length,
    // The version alone: what follows it names the machine's owner.
    kernel: release().split('-')[0],
    node: process.version,
    row,
    small: options.small,
    ...result,
  };
  appendFileSync(file, `${JSON.stringify(line)}\n`);
}

/** Short hash, with a `+` when sources differ from it; '' outside a repository. */
function commit(): string {
  const git = (...args: string[]): string =>
    execFileSync('git', args, { cwd: ROOT, encoding: 'utf8', stdio: ['ignore', 'pipe', 'ignore'] }).trim();
  try {
    const dirty = git('status', '--porcelain', '--', 'src', 'native-free', 'bin') !== '';
    return git('rev-parse', '--short', 'HEAD') + (dirty ? '+' : '');
  } catch {
    return '';
  }
}
