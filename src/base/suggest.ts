/**
 * "Did you mean": the known word nearest to a mistyped one. The command line and the client use it for commands,
 * options and fields. It only suggests: nothing is ever carried out on a guess.
 */

/** The candidate within a third of the word's length in single edits (swapped neighbours count one), or null. */
export function suggest(word: string, candidates: Iterable<string>): string | null {
  const wanted = fold(word);
  const allowed = Math.max(1, Math.floor(wanted.length / 3));
  let best: string | null = null;
  let least = allowed + 1;
  for (const candidate of candidates) {
    const other = fold(candidate);
    if (Math.abs(other.length - wanted.length) >= least) continue;
    const cost = distance(wanted, other);
    if (cost < least) [best, least] = [candidate, cost];
  }
  return best;
}

/** ` (did you mean x?)`, or nothing: the end of a sentence about an unknown word. */
export function didYouMean(word: string, candidates: Iterable<string>): string {
  const near = suggest(word, candidates);
  return near === null ? '' : ` (did you mean ${near}?)`;
}

/** Names shown at most. Guess: enough to see the one that was meant. */
const NEAR_SHOWN = 3;

/** The candidates that a person may have meant: a few that contain the word, shortest first, else the nearest one. */
export function nearNames(word: string, candidates: readonly string[]): string[] {
  const wanted = fold(word);
  const containing = wanted === '' ? [] : candidates.filter((one) => fold(one).includes(wanted));
  if (containing.length > 0) return containing.toSorted((a, b) => a.length - b.length).slice(0, NEAR_SHOWN);
  const near = suggest(word, candidates);
  return near === null ? [] : [near];
}

/** num_nodes, numNodes and num-nodes are one word to who types them. */
function fold(word: string): string {
  return word.slice(0, 64).toLowerCase().replaceAll(/[-_]/g, '');
}

/** Edits between two short words: insert, delete, replace, swap of neighbours. */
function distance(a: string, b: string): number {
  let before: number[] = [];
  let previous = Array.from({ length: b.length + 1 }, (_, j) => j);
  for (let i = 1; i <= a.length; i += 1) {
    const row = [i];
    for (let j = 1; j <= b.length; j += 1) {
      const replace = previous[j - 1]! + (a[i - 1] === b[j - 1] ? 0 : 1);
      let cost = Math.min(replace, previous[j]! + 1, row[j - 1]! + 1);
      if (i > 1 && j > 1 && a[i - 1] === b[j - 2] && a[i - 2] === b[j - 1]) {
        cost = Math.min(cost, before[j - 2]! + 1);
      }
      row.push(cost);
    }
    [before, previous] = [previous, row];
  }
  return previous[b.length]!;
}
