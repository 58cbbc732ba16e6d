/**
 * The simulated world: one clock, one source of chance, one queue of what happens next, and a trace. Everything of a run
 * comes from its seed; two runs of one seed have the same trace, byte for byte.
 *
 * Parts (network, store, nodes, coordinator) hang on it and know nothing of each other beyond what they are given. It must
 * never read a real clock or real chance.
 */
import { createHash, type Hash } from 'node:crypto';
import { Chance, seedOf } from './chance.ts';

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

export class World extends Chance {
  readonly seed: number;
  /** Milliseconds of true time. */
  now = 0;
  /** Steps of the tables (phases of the cores, states of jobs) that were taken. */
  readonly trail = new Set<string>();
  /** What this run is made of, by name. */
  readonly parts: string[] = [];
  readonly #only: ReadonlySet<string> | null;
  readonly #queue: Due[] = [];
  readonly #hash: Hash = createHash('sha256');
  readonly #trace: string[] = [];
  #order = 0;

  /** `only`: of all its parts just these happen, so that a failure can be made small (shrink.ts). */
  constructor(seed: number, only: ReadonlySet<string> | null = null) {
    super(seed * 2_654_435_761 + 1);
    this.seed = seed;
    this.#only = only;
  }

  /** A stream of chance of its own: what is drawn from it moves nothing else. */
  own(name: string): Chance {
    return new Chance(seedOf(this.seed, name));
  }

  /** Whether this part of the run (a fault, a job, a kind of weather) happens; those that do are noted. */
  has(part: string): boolean {
    if (this.#only !== null && !this.#only.has(part)) return false;
    this.parts.push(part);
    return true;
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
