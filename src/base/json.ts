/**
 * JSON.parse, but right. The JSON.parse of Node 24.21 gives the key `\` for a key of one escaped character ("\"", "\\",
 * "\n"): measured, one in six of random objects with such keys; Node 20 is right. A job's data would change in silence,
 * so a text that may hold such a key is read by a parser of our own; every other text (nearly all) by JSON.parse.
 *
 * Called wherever JSON that people wrote is read. It must accept and refuse exactly what JSON.parse does.
 */

/** A string of one escaped character before a colon: a key, or something inside a string that looks like one. */
const SUSPICIOUS = /"\\(?:["\\/bfnrt]|u[0-9a-fA-F]{4})"\s*:/;

/** The next string, number or word; strings are checked by JSON.parse itself, which reads single values right. */
const TOKEN = /[ \t\n\r]*("(?:[^"\\]|\\.)*"|[{}[\]:,]|[^\s{}[\]:,"]+)/suy;

/** As JSON.parse without a reviver; SyntaxError for what is no JSON. */
export function parseJson(text: string): unknown {
  return SUSPICIOUS.test(text) ? new Reader(text).document() : (JSON.parse(text) as unknown);
}

/**
 * As JSON.stringify of what JSON.parse gave, at any depth: Postgres keeps documents that are nested deeper than the
 * platform's own writer can follow (measured: it fails between 3,000 and 5,000 levels).
 */
export function writeJson(value: unknown): string {
  try {
    return JSON.stringify(value);
  } catch (error) {
    if (!(error instanceof RangeError)) throw error;
    return writeDeep(value);
  }
}

/** Levels whose values are asked for one after the other: a stack of our own instead of the platform's. */
function writeDeep(value: unknown): string {
  const parts: string[] = [];
  const open: { rest: Iterator<[string | null, unknown]>; end: string; first: boolean }[] = [];
  const begin = (inner: unknown): void => {
    if (typeof inner !== 'object' || inner === null || inner instanceof Date) {
      parts.push(JSON.stringify(inner) ?? 'null');
      return;
    }
    const isList = Array.isArray(inner);
    parts.push(isList ? '[' : '{');
    const entries: [string | null, unknown][] = isList
      ? inner.map((item) => [null, item])
      : Object.entries(inner).filter(([, item]) => item !== undefined);
    open.push({ rest: entries.values(), end: isList ? ']' : '}', first: true });
  };
  begin(value);
  for (let level = open.at(-1); level !== undefined; level = open.at(-1)) {
    const next = level.rest.next();
    if (next.done === true) {
      parts.push(level.end);
      open.pop();
      continue;
    }
    if (!level.first) parts.push(',');
    level.first = false;
    const [key, inner] = next.value;
    if (key !== null) parts.push(JSON.stringify(key), ':');
    begin(inner);
  }
  return parts.join('');
}

class Reader {
  readonly #text: string;
  #at = 0;

  constructor(text: string) {
    this.#text = text;
  }

  /** With a stack of its own: the platform's would not do for what Postgres keeps. */
  document(): unknown {
    const open: { into: object; isList: boolean; key: string }[] = [];
    let done: { value: unknown } | null = null;
    let token = this.#next();
    for (;;) {
      if (token === '{' || token === '[') {
        const isList = token === '[';
        open.push({ into: isList ? [] : {}, isList, key: '' });
        done = null;
      } else done = { value: JSON.parse(token) };
      // What is complete goes into what surrounds it, until something wants another value.
      for (;;) {
        const level = open.at(-1);
        if (done !== null) {
          if (level === undefined) return this.#end(done.value);
          this.#put(level, done.value);
        }
        const more = this.#another(level!, done === null);
        if (more !== null) {
          token = more;
          break;
        }
        open.pop();
        done = { value: level!.into };
      }
    }
  }

  #end(value: unknown): unknown {
    if (/[^ \t\n\r]/.test(this.#text.slice(this.#at))) throw this.#wrong();
    return value;
  }

  #put(level: { into: object; isList: boolean; key: string }, value: unknown): void {
    if (level.isList) {
      (level.into as unknown[]).push(value);
      return;
    }
    // Not by assignment: "__proto__" is a key like others.
    Object.defineProperty(level.into, level.key, {
      value,
      configurable: true,
      enumerable: true,
      writable: true,
    });
  }

  /** The token that the next value of this level begins with; null when the level ends. */
  #another(level: { isList: boolean; key: string }, isFirst: boolean): string | null {
    let token = this.#next();
    if (token === (level.isList ? ']' : '}')) return null;
    if (!isFirst) {
      if (token !== ',') throw this.#wrong();
      token = this.#next();
    }
    if (level.isList) return token === ']' ? this.#refuse() : token;
    if (!token.startsWith('"') || this.#next() !== ':') throw this.#wrong();
    level.key = JSON.parse(token) as string;
    return this.#next();
  }

  #refuse(): never {
    throw this.#wrong();
  }

  #wrong(): SyntaxError {
    return new SyntaxError(`no valid JSON at position ${this.#at}`);
  }

  #next(): string {
    TOKEN.lastIndex = this.#at;
    const found = TOKEN.exec(this.#text);
    if (found === null) throw this.#wrong();
    this.#at = TOKEN.lastIndex;
    return found[1]!;
  }
}
