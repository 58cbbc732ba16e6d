/**
 * A job's own environment variables as one text, the field `environ_vars`: the one place that reads and writes it, for every
 * door by which it comes and for the start.
 *
 * Two forms are read. `A=1:B=2` is the original's; a colon separates only where a name and `=` follow, so that `PATH=/a:/b:X=1`
 * and `URL=http://host:80/` mean what they say. `{"A": "1", "B": "x:C=3"}` holds any value, and is written where the first
 * would be read back differently. A byte that is no UTF-8 is half of a surrogate pair there, U+DC80 to U+DCFF, as in Python.
 */
import { UserError } from '../base/errors.ts';
import { parseJson } from '../base/json.ts';
import { isJsonObject } from './json.ts';

const NAME = /^[A-Za-z_][A-Za-z0-9_]*$/;

/** Characters of a wrong text that a sentence repeats. */
const SHOWN = 80;

/** The variables of `text`, in its order; `label` names the field in the UserError for what is neither form. */
export function parseEnvironVars(text: string, label = 'environ_vars'): Map<string, string> {
  if (text.trimStart().startsWith('{')) return fromObject(text, label);
  const found = new Map<string, string>();
  if (text.trim() === '') return found;
  let last: string | null = null;
  for (const piece of text.split(':')) {
    const cut = piece.indexOf('=');
    const name = piece.slice(0, Math.max(0, cut)).trim();
    if (NAME.test(name)) {
      last = name;
      found.set(name, piece.slice(cut + 1));
    } else if (last !== null) {
      found.set(last, `${found.get(last)}:${piece}`);
    } else {
      throw noForm(text, label);
    }
  }
  return found;
}

function fromObject(text: string, label: string): Map<string, string> {
  let value: unknown;
  try {
    value = parseJson(text);
  } catch {
    throw noForm(text, label);
  }
  if (!isJsonObject(value)) throw noForm(text, label);
  return checked(Object.entries(value), label);
}

function noForm(text: string, label: string): UserError {
  const shown = JSON.stringify(text.length > SHOWN ? `${text.slice(0, SHOWN)}…` : text);
  return new UserError(
    `${label} must be NAME=VALUE, several of them joined by ":", or an object like {"NAME": "VALUE"}, not ${shown}`,
  );
}

/** The text that says exactly these variables; UserError for a name or a value that no variable can have. */
export function environText(variables: Iterable<readonly [string, unknown]>, label = 'environ_vars'): string {
  const wanted = checked(variables, label);
  if (wanted.size === 0) return '';
  const simple = [...wanted].map(([name, value]) => `${name}=${value}`).join(':');
  const isSame = simple.isWellFormed() && same(parseEnvironVars(simple, label), wanted);
  return isSame ? simple : JSON.stringify(Object.fromEntries(wanted));
}

/** Why `text` is no value of the field, or null. */
export function environFault(text: string, label: string): string | null {
  try {
    for (const [name, value] of parseEnvironVars(text, label)) {
      const fault = valueFault(name, value, label);
      if (fault !== null) return fault;
    }
    return null;
  } catch (error) {
    if (error instanceof UserError) return error.message;
    throw error;
  }
}

function checked(variables: Iterable<readonly [string, unknown]>, label: string): Map<string, string> {
  const found = new Map<string, string>();
  for (const [name, value] of variables) {
    if (!NAME.test(name)) throw new UserError(`${label}: ${JSON.stringify(name)} is no name of a variable`);
    if (typeof value !== 'string')
      throw new UserError(`${label}: ${name} must be text, not ${JSON.stringify(value) ?? typeof value}`);
    const fault = valueFault(name, value, label);
    if (fault !== null) throw new UserError(fault);
    found.set(name, value);
  }
  return found;
}

function valueFault(name: string, value: string, label: string): string | null {
  if (value.includes('\0')) return `${label}: ${name} holds a NUL character, which no variable can hold`;
  return value.isWellFormed() || value.replaceAll(RAW_BYTE, '').isWellFormed()
    ? null
    : `${label}: ${name} holds half of a surrogate pair, which is no valid text`;
}

/** One that stands for a byte. */
export const RAW_BYTE = /(?<![\uD800-\uDBFF])[\uDC80-\uDCFF]/g;

function same(a: ReadonlyMap<string, string>, b: ReadonlyMap<string, string>): boolean {
  return a.size === b.size && [...a].every(([name, value]) => b.get(name) === value);
}
