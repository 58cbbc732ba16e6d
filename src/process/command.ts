/**
 * From an application's executable and a job's arguments to an argv, without a shell. Words are split as a POSIX shell
 * splits them (quotes and backslashes honoured), because people write such lines with a shell in mind; nothing else of
 * a shell happens: no $, no globs, no operators, no comments. Who calls it: the agent, before a start.
 * It must never start anything, and never guess what a broken line means.
 */
import { UserError } from '../base/errors.ts';
import { homeDirectory } from '../base/home.ts';

/**
 * argv of a job: the words of `executable`, then those of `args`; an unquoted leading `~` or `~/` becomes the home
 * directory. UserError for a quote that is not closed, or when there is no word at all.
 */
export function jobArgv(executable: string, args: string, home?: string): string[] {
  const argv = [...splitWords(executable, 'executable', home), ...splitWords(args, 'args', home)];
  if (argv.length === 0) throw new UserError('the executable is empty: there is nothing to run');
  return argv;
}

/** The same command after an environment script in bash; the script's failure is the job's, the command replaces the shell. */
export function withEnvscript(envscript: string, argv: readonly string[]): string[] {
  return ['/bin/bash', '-c', '. "$0" && exec "$@"', envscript, ...argv];
}

/** Words of `text`; `field` names it in the error. */
export function splitWords(text: string, field: string, home?: string): string[] {
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
      word = home ?? ownHome(text, field);
    } else {
      word = (word ?? '') + c;
    }
  }
  if (word !== null) words.push(word);
  return words;
}

/** Asked for only where a `~` stands: most jobs have none, and there may be no home. */
function ownHome(text: string, field: string): string {
  const home = homeDirectory();
  if (home === null)
    throw new UserError(
      `${field} has a ~, and there is no home directory here (HOME): write the whole path: ${text}`,
    );
  return home;
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
