/**
 * Reads what a person typed after a command, strictly, before citty sees it: unknown options, missing and misplaced
 * values are errors that name them; long options may be shortened while they stay unique; `-` and `_` in names are alike.
 *
 * main.ts calls `canonical` for every command, so that each gets only what it declared. Nothing here has an effect.
 */
import type { ArgDef, ArgsDef } from 'citty';
import { SHOWN_VALUE } from '../../base/client-limits.ts';
import { UserError } from '../../base/errors.ts';
import { MAX_INT } from '../../base/limits.ts';
import { readDecimal, readInteger } from '../../base/numbers.ts';
import { didYouMean } from '../../base/suggest.ts';
import { clip } from '../output/format.ts';

/** An option that takes one word or more, and may be repeated; the words arrive as one text joined by `join`. */
export interface ListOption {
  type: 'string';
  description: string;
  valueHint: string;
  join: string;
  /** With several words after one `--option`; otherwise one word each time. */
  many: boolean;
  required?: boolean;
}

/** An option like argparse's nargs='+': `--args one two`. */
export function words(description: string, valueHint = 'WORD…'): ListOption {
  return { type: 'string', description, valueHint, join: ' ', many: true };
}

/** An option that may be repeated, one word each time: `--env A=1 --env B=2`. */
export function repeated(description: string, valueHint: string, join: string): ListOption {
  return { type: 'string', description, valueHint, join, many: false };
}

interface Option {
  readonly key: string;
  readonly def: ArgDef;
  readonly join: string | null;
  readonly many: boolean;
}

interface Known {
  readonly command: string;
  /** By every spelling, folded: long names, aliases. */
  readonly long: ReadonlyMap<string, Option>;
  readonly short: ReadonlyMap<string, Option>;
  readonly positionals: readonly { key: string; def: ArgDef }[];
}

/**
 * `raw` rewritten so that citty can only read it one way: `--key=value`, `--key`, and positionals after `--`. UserError
 * for whatever the command does not take.
 */
export function canonical(command: string, raw: readonly string[], args: ArgsDef): string[] {
  const known = knownOf(command, args);
  const values = new Map<Option, string | boolean>();
  const positionals: string[] = [];
  const rest = [...raw];
  for (let word = rest.shift(); word !== undefined; word = rest.shift()) {
    if (word === '--') {
      positionals.push(...rest.splice(0));
    } else if (word.startsWith('--')) {
      takeLong(known, word, rest, values);
    } else if (looksLikeOption(word)) {
      takeShort(known, word, rest, values);
    } else {
      positionals.push(word);
    }
  }
  return result(known, values, positionals);
}

/** Whether a person asks for help: `-h` or `--help` before any `--`. */
export function asksHelp(raw: readonly string[]): boolean {
  const end = raw.indexOf('--');
  return raw.slice(0, end < 0 ? raw.length : end).some((word) => word === '-h' || word === '--help');
}

/** The integer that `text` writes; UserError naming option, value and range otherwise. Undefined stays undefined. */
export function integer<T extends string | undefined>(
  option: string,
  text: T,
  min: number,
): T extends string ? number : number | undefined;
export function integer(option: string, text: string | undefined, min: number): number | undefined {
  if (text === undefined) return undefined;
  const value = readInteger(text);
  if (value !== null && value >= min && value <= MAX_INT) return value;
  throw new UserError(
    `${option} must be a whole number from ${min} to ${MAX_INT}, not ${JSON.stringify(clip(text, SHOWN_VALUE))}`,
  );
}

/** The number that `text` writes, with a fraction or without; UserError naming option, value and range otherwise. */
export function decimal(
  option: string,
  text: string,
  min: number,
  max: number,
  what = 'a number',
  more = '',
): number {
  const value = readDecimal(text);
  if (value !== null && value >= min && value <= max) return value;
  throw new UserError(
    `${option} must be ${what} from ${min} to ${max}${more}, not ${JSON.stringify(clip(text, SHOWN_VALUE))}`,
  );
}

function knownOf(command: string, args: ArgsDef): Known {
  const long = new Map<string, Option>();
  const short = new Map<string, Option>();
  const positionals: { key: string; def: ArgDef }[] = [];
  for (const [key, def] of Object.entries(args)) {
    if (def.type === 'positional') {
      positionals.push({ key, def });
      continue;
    }
    const join = 'join' in def && typeof def.join === 'string' ? def.join : null;
    const option: Option = { key, def, join, many: 'many' in def && def.many === true };
    long.set(fold(key), option);
    const aliases = 'alias' in def ? [def.alias ?? []].flat() : [];
    for (const alias of aliases)
      (alias.length === 1 ? short : long).set(alias.length === 1 ? alias : fold(alias), option);
  }
  return { command, long, short, positionals };
}

function takeLong(known: Known, word: string, rest: string[], values: Map<Option, string | boolean>): void {
  const cut = word.indexOf('=');
  const typed = cut < 0 ? word : word.slice(0, cut);
  const value = cut < 0 ? null : word.slice(cut + 1);
  const [option, negated] = findLong(known, typed);
  take(known, option, typed, negated, value, rest, values);
}

function takeShort(known: Known, word: string, rest: string[], values: Map<Option, string | boolean>): void {
  const typed = word.slice(0, 2);
  const option = known.short.get(word[1] ?? '');
  if (option === undefined) throw unknown(known, word);
  const glued = word.length > 2 ? word.slice(word[2] === '=' ? 3 : 2) : null;
  take(known, option, typed, false, glued, rest, values);
}

function take(
  known: Known,
  option: Option,
  typed: string,
  negated: boolean,
  given: string | null,
  rest: string[],
  values: Map<Option, string | boolean>,
): void {
  if (option.def.type === 'boolean') {
    if (given !== null) throw new UserError(`${known.command}: ${typed} takes no value`);
    values.set(option, !negated);
    return;
  }
  const found = [given ?? rest.shift()].filter((v) => v !== undefined);
  const [first] = found;
  if (first === undefined || (given === null && looksLikeOption(first))) {
    const hint = first === undefined ? '' : ` (write ${typed}=${first} if that is the value)`;
    throw new UserError(`${known.command}: ${typed} needs a value${hint}`);
  }
  while (option.many && given === null && rest[0] !== undefined && !looksLikeOption(rest[0])) {
    found.push(rest.shift() as string);
  }
  const before = values.get(option);
  if (option.join === null && before !== undefined) {
    throw new UserError(`${known.command}: ${typed} is given twice`);
  }
  const all = typeof before === 'string' ? [before, ...found] : found;
  values.set(option, all.join(option.join ?? ''));
}

/** `-5` and a text with spaces are values; a lone `-` too. */
function looksLikeOption(word: string): boolean {
  return /^-(?:-|[^\d\s.-])\S*$/.test(word);
}

function findLong(known: Known, typed: string): [Option, negated: boolean] {
  const name = fold(typed.slice(2));
  const exact = known.long.get(name);
  if (exact !== undefined) return [exact, false];
  const negated = name.startsWith('no-') ? known.long.get(name.slice(3)) : undefined;
  if (negated?.def.type === 'boolean') return [negated, true];
  const near = [...known.long].filter(([spelling]) => name !== '' && spelling.startsWith(name));
  const options = new Set(near.map(([, option]) => option));
  const [only] = options;
  if (options.size === 1 && only !== undefined) return [only, false];
  if (options.size === 0) throw unknown(known, typed);
  const names = [...options].map((o) => `--${shownName(o.key)}`).join(', ');
  throw new UserError(`${known.command}: ${typed} could be ${names}`);
}

function unknown(known: Known, typed: string): UserError {
  const names = [...new Set(known.long.values())].map((o) => `--${shownName(o.key)}`);
  return new UserError(
    `${known.command}: unknown option ${typed}${didYouMean(typed, names)}; \`balsam ${known.command} --help\` lists them`,
  );
}

function result(known: Known, values: Map<Option, string | boolean>, positionals: string[]): string[] {
  const { command } = known;
  const missing = [...new Set(known.long.values())].filter(
    (o) => o.def.required === true && o.def.default === undefined && !values.has(o),
  );
  if (missing.length > 0) {
    throw new UserError(`${command} needs ${missing.map((o) => `--${shownName(o.key)}`).join(', ')}`);
  }
  for (const [option, value] of values) checkChoice(command, option, value);
  const extra = positionals[known.positionals.length];
  if (extra !== undefined) throw new UserError(`${command}: ${JSON.stringify(extra)} is one word too many`);
  const lacking = known.positionals[positionals.length];
  if (lacking !== undefined && lacking.def.required !== false && lacking.def.default === undefined) {
    throw new UserError(`${command} needs ${lacking.key.toUpperCase()}`);
  }
  const options = [...values].map(([{ key }, value]) => {
    if (typeof value === 'string') return `--${key}=${value}`;
    return value ? `--${key}` : `--no-${key}`;
  });
  return positionals.length === 0 ? options : [...options, '--', ...positionals];
}

function checkChoice(command: string, option: Option, value: string | boolean): void {
  if (option.def.type !== 'enum' || typeof value !== 'string') return;
  const choices = option.def.options ?? [];
  if (choices.includes(value)) return;
  throw new UserError(
    `${command}: --${shownName(option.key)} must be ${choices.join(' or ')}, not ${JSON.stringify(value)}`,
  );
}

/** num_nodes, num-nodes and numNodes are one option. */
function fold(name: string): string {
  return name
    .replaceAll(/([a-z0-9])([A-Z])/g, '$1-$2')
    .replaceAll('_', '-')
    .toLowerCase();
}

function shownName(key: string): string {
  return fold(key);
}
