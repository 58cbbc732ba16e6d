/**
 * The simulated world: one clock, one source of chance, one queue of what happens next, and a trace. Everything of a run
 * comes from its seed; two runs of one seed have the same trace, byte for byte.
 *
 * Parts (network, store, nodes, coordinator) hang on it and know nothing of each other beyond what they are given. It must
 * never read a real clock or real chance.
 */
import { createHash, type Hash } from 'node:crypto';

/** Lines of the trace that are kept for a report; SIM_TRACE asks for more. */
const TRACE_KEPT = Number(process.env['SIM_TRACE'] ?? 80);

export class Violation extends Error {
  override readonly name = 'Violation';
}

interface Due {
  at: number;
  order: number;
  act: () => void;
}

export class World {
  readonly seed: number;
  /** Milliseconds of true time. */
  now = 0;
  readonly #queue: Due[] = [];
  readonly #hash: Hash = createHash('sha256');
  readonly #trace: string[] = [];
  #order = 0;
  #random: number;

  constructor(seed: number) {
    this.seed = seed;
    this.#random = seed * 2_654_435_761 + 1;
  }

  /** In [0, 1), by mulberry32. */
  chance(): number {
    this.#random = (this.#random + 0x6d2b79f5) | 0;
    let t = Math.imul(this.#random ^ (this.#random >>> 15), 1 | this.#random);
    t = (t + Math.imul(t ^ (t >>> 7), 61 | t)) ^ t;
    return ((t ^ (t >>> 14)) >>> 0) / 4_294_967_296;
  }

  /** In [from, to). */
  between(from: number, to: number): number {
    return from + this.chance() * (to - from);
  }

  int(from: number, to: number): number {
    return Math.floor(this.between(from, to + 1));
  }

  pick<T>(from: readonly T[]): T {
    return from[Math.floor(this.chance() * from.length)]!;
  }

  after(ms: number, act: () => void): void {
    this.at(this.now + Math.max(0, ms), act);
  }

  at(at: number, act: () => void): void {
    push(this.#queue, { at: Math.max(at, this.now), order: this.#order++, act });
  }

  /** Runs until nothing is due before `until`, or `done` says so. */
  run(until: number, done: () => boolean): void {
    for (;;) {
      if (done()) return;
      const next = this.#queue[0];
      if (!next || next.at > until) break;
      pop(this.#queue);
      this.now = next.at;
      next.act();
    }
    this.now = until;
  }

  trace(line: string): void {
    const text = `${this.now.toFixed(3).padStart(11)} ${line}`;
    this.#hash.update(text);
    this.#trace.push(text);
    if (this.#trace.length > 2 * TRACE_KEPT) this.#trace.splice(0, TRACE_KEPT);
  }

  /** Identifies the whole run. */
  digest(): string {
    return this.#hash.copy().digest('hex');
  }

  lastLines(): string {
    return this.#trace.slice(-TRACE_KEPT).join('\n');
  }

  violated(what: string): never {
    throw new Violation(what);
  }

  check(condition: boolean, what: string): void {
    if (!condition) this.violated(what);
  }
}

// --- a binary heap, the earliest first; of equals the first that was put in ---

function before(a: Due, b: Due): boolean {
  return a.at < b.at || (a.at === b.at && a.order < b.order);
}

function push(h: Due[], x: Due): void {
  let i = h.length;
  h.push(x);
  while (i > 0) {
    const parent = (i - 1) >> 1;
    if (!before(x, h[parent]!)) break;
    h[i] = h[parent]!;
    i = parent;
  }
  h[i] = x;
}

function pop(h: Due[]): void {
  const x = h.pop()!;
  if (h.length === 0) return;
  let i = 0;
  for (;;) {
    const l = 2 * i + 1;
    if (l >= h.length) break;
    const c = l + 1 < h.length && before(h[l + 1]!, h[l]!) ? l + 1 : l;
    if (!before(h[c]!, x)) break;
    h[i] = h[c]!;
    i = c;
  }
  h[i] = x;
}
