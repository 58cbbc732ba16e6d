/**
 * A line of a command, split into words as a POSIX shell splits them (quotes and backslashes honoured), because people write
 * such lines with a shell in mind. Nothing else of a shell happens: no $, no globs, no operators, no comments. What is
 * checked where a line comes in is read by the same code at the start. It must never guess what a broken line means.
 */
import { UserError } from '../base/errors.ts';

/** Why `text` can't be split into words, or null. */
export function wordsFault(text: string, field: string): string | null {
  if (!/['"\\]/.test(text)) return null;
  try {
    splitWords(text, field, () => '~');
    return null;
  } catch (error) {
    if (error instanceof UserError) return error.message;
    throw error;
  }
}

/** Words of `text`; `field` names it in the UserError; `home` is asked where an unquoted `~` stands. */
export function splitWords(text: string, field: string, home: () => string): string[] {
  const words: string[] = [];
  let word: string | null = null;
  for (let i = 0; i < text.length; i++) {
    const c = text[i] as string;
    if (c === ' ' || c === '\t' || c === '\n' || c === '\r') {
      if (word !== null) words.push(word);
      word = null;
    } else if (c === "'" || c === '"') {
      const [inside, end] = c === "'" ? single(text, i, field) : double(text, i, field);
      word = (word ?? '') + inside;
      i = end;
    } else if (c === '\\') {
      if (i + 1 === text.length)
        throw new UserError(`${field} ends with a backslash that escapes nothing: ${text}`);
      i += 1;
      if (text[i] !== '\n') word = (word ?? '') + text[i];
    } else if (c === '~' && word === null && /^(?:[\s/]|$)/.test(text.slice(i + 1, i + 2))) {
      word = home();
    } else {
      word = (word ?? '') + c;
    }
  }
  if (word !== null) words.push(word);
  return words;
}

function single(text: string, start: number, field: string): [inside: string, end: number] {
  const end = text.indexOf("'", start + 1);
  if (end < 0) throw unclosed(text, start, field);
  return [text.slice(start + 1, end), end];
}

function double(text: string, start: number, field: string): [inside: string, end: number] {
  let inside = '';
  for (let i = start + 1; i < text.length; i++) {
    const c = text[i] as string;
    if (c === '"') return [inside, i];
    const next = text[i + 1];
    if (c === '\\' && next !== undefined && '$`"\\\n'.includes(next)) {
      if (next !== '\n') inside += next;
      i += 1;
    } else {
      inside += c;
    }
  }
  throw unclosed(text, start, field);
}

function unclosed(text: string, at: number, field: string): UserError {
  return new UserError(`${field} has a quote that is never closed, at character ${at + 1}: ${text}`);
}
