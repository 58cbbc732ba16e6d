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

class Reader {
  readonly #text: string;
  #at = 0;

  constructor(text: string) {
    this.#text = text;
  }

  document(): unknown {
    const value = this.#value(this.#next());
    if (/[^ \t\n\r]/.test(this.#text.slice(this.#at))) throw this.#wrong();
    return value;
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

  #value(token: string): unknown {
    if (token === '{') return this.#object();
    if (token === '[') return this.#array();
    return JSON.parse(token);
  }

  #object(): unknown {
    const object = {};
    for (let token = this.#next(); token !== '}';) {
      if (!token.startsWith('"') || this.#next() !== ':') throw this.#wrong();
      // Not by assignment: "__proto__" is a key like others.
      Object.defineProperty(object, JSON.parse(token) as string, {
        value: this.#value(this.#next()),
        configurable: true,
        enumerable: true,
        writable: true,
      });
      token = this.#next();
      if (token === '}') break;
      if (token !== ',') throw this.#wrong();
      token = this.#next();
      if (token === '}') throw this.#wrong();
    }
    return object;
  }

  #array(): unknown[] {
    const array: unknown[] = [];
    for (let token = this.#next(); token !== ']';) {
      array.push(this.#value(token));
      token = this.#next();
      if (token === ']') break;
      if (token !== ',') throw this.#wrong();
      token = this.#next();
      if (token === ']') throw this.#wrong();
    }
    return array;
  }
}
