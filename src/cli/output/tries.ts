/**
 * Where the outputs of a job's tries are: `NAME.out` of the newest, `NAME.out.N` of those before it (the helper that starts
 * the next try renames it so). Called by `output --try` and `explain`. It reads the directory of one job, and opens nothing.
 */
import fs from 'node:fs';
import path from 'node:path';

/** Numbers of the tries whose output is kept beside `file`, rising; empty when its directory can't be read. */
export function keptTries(file: string): number[] {
  const prefix = `${path.basename(file)}.`;
  let names: string[];
  try {
    names = fs.readdirSync(path.dirname(file));
  } catch {
    return [];
  }
  return names
    .filter((name) => name.startsWith(prefix) && /^[1-9]\d{0,8}$/.test(name.slice(prefix.length)))
    .map((name) => Number(name.slice(prefix.length)))
    .toSorted((a, b) => a - b);
}

/** The output of try `number`; null when it is not kept. The newest try is the one after those that are kept. */
export function outputOfTry(file: string, number: number): string | null {
  const kept = keptTries(file);
  if (kept.includes(number)) return `${file}.${number}`;
  return number === (kept.at(-1) ?? 0) + 1 ? file : null;
}

/** `1`, `1 and 2`, `3 to 12`, or a list where there are gaps. */
export function triesText(numbers: readonly number[]): string {
  const [first = 0] = numbers;
  const last = numbers.at(-1) ?? 0;
  if (numbers.length > 2 && last - first === numbers.length - 1) return `${first} to ${last}`;
  return numbers.length > 2 ? `${numbers.slice(0, -1).join(', ')} and ${last}` : numbers.join(' and ');
}
