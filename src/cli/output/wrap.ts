/** Breaks the usage of a command, as citty renders it, to the width of a terminal. */
import { stripVTControlCharacters } from 'node:util';

/** Two columns: what stands before the first four blanks after a word, colours included, and the rest. */
// oxlint-disable-next-line no-control-regex -- colours begin with it
const COLUMNS = /^(\s*\S.*?(?:\u001B\[\d+m)*\s{4,})(\S.*)$/;

/** `text` with no line longer than `width` where a blank allows it; what goes on stands below its own column. */
export function wrapped(text: string, width: number): string {
  return text
    .split('\n')
    .flatMap((line) => wrappedLine(line.trimEnd(), width))
    .join('\n');
}

function wrappedLine(line: string, width: number): string[] {
  if (widthOf(line) <= width) return [line];
  const [, left, right] = COLUMNS.exec(line) ?? [];
  const [first, words] =
    left === undefined || right === undefined ? ['', line.split(' ')] : [left, right.split(/\s+/)];
  const indent = ' '.repeat(first === '' ? 2 : widthOf(first));
  const lines: string[] = [];
  let at = first;
  let empty = true;
  for (const word of words) {
    if (!empty && widthOf(at) + 1 + widthOf(word) > width) {
      lines.push(at);
      [at, empty] = [indent, true];
    }
    at += empty ? word : ` ${word}`;
    empty = false;
  }
  return [...lines, at];
}

function widthOf(text: string): number {
  return stripVTControlCharacters(text).length;
}
