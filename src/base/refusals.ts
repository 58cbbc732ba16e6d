/**
 * What others did and we did not go along with, in the log: every one is counted, the first few of a kind in a minute are
 * lines of their own, and the rest is one line with their number. A stranger that hammers must not fill the disk.
 */
import { REFUSAL_LINES, REFUSAL_WINDOW_MS } from './limits.ts';
import type { LogFields, Logger } from './log.ts';

/** Kinds that are told apart; further ones share one. Guess: our own texts are fewer. */
const KINDS = 32;

interface Kind {
  told: number;
  untold: number;
  /** Of the last one: the sum names it. */
  rule: string;
  timer: NodeJS.Timeout;
}

export class Refusals {
  /** Since the process began. */
  count = 0;
  readonly #log: Pick<Logger, 'warn'>;
  readonly #windowMs: number;
  readonly #kinds = new Map<string, Kind>();

  constructor(log: Pick<Logger, 'warn'>, windowMs = REFUSAL_WINDOW_MS) {
    this.#log = log;
    this.#windowMs = windowMs;
  }

  /** Counts one; `text` is its kind and the message of its line, `fields` say which rule was broken and by whom. */
  note(text: string, fields: LogFields): void {
    this.count += 1;
    const name = this.#kinds.has(text) || this.#kinds.size < KINDS ? text : 'refused something';
    const kind = this.#kinds.get(name) ?? this.#open(name);
    kind.rule = fields.rule;
    if (kind.told >= REFUSAL_LINES) {
      kind.untold += 1;
      return;
    }
    kind.told += 1;
    this.#log.warn({ ...fields, refused: this.count }, text);
  }

  /** Says what was only counted. */
  end(): void {
    for (const [text, kind] of this.#kinds) this.#close(text, kind);
  }

  #open(text: string): Kind {
    const kind: Kind = {
      told: 0,
      untold: 0,
      rule: '',
      timer: setTimeout(() => this.#close(text, kind), this.#windowMs).unref(),
    };
    this.#kinds.set(text, kind);
    return kind;
  }

  #close(text: string, kind: Kind): void {
    clearTimeout(kind.timer);
    this.#kinds.delete(text);
    const { untold, rule } = kind;
    if (untold > 0) this.#log.warn({ rule, refused: this.count }, `${text}: refused ${untold} more`);
  }
}
