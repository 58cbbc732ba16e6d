/**
 * Where a process that must go on writes its lines: a log file, or the stdout and stderr that it was given. What it says
 * must never end it, nor hold it up. A line that can't be written (disk or quota full, directory gone, reader too slow) is
 * dropped and counted, and the count is said once lines can be written again. Where nobody will ever read again (a broken
 * pipe, a closed terminal) it falls silent.
 *
 * Used by the log of every long-lived process and by the display of `balsam launcher`.
 */
import { appenderOf, descriptorOf, type Target } from './outlet-target.ts';

export interface OutletOptions {
  /** The line that says that lines are missing, and why. */
  readonly missed: (lines: number, why: string) => string;
  /** Once an outage: lines can't be written, or (`forGood`) will never be read. */
  readonly onTrouble?: (why: string, forGood: boolean) => void;
}

/** What waits for a slow file, characters; beyond it lines are dropped. Guess: minutes of a busy log. */
const PENDING_MAX = 1 << 20;
/** Between two tries to write again, milliseconds. */
const RETRY_MS = 1_000;
/** How often the end of an outlet looks whether all is written, milliseconds. */
const LOOK_MS = 10;
/** Nobody reads what is written here, and nobody will. */
const GONE = new Set(['EPIPE', 'EIO', 'EBADF', 'ENXIO', 'ECONNRESET', 'ENOTCONN']);

/** At the end of the process what still waits is written. */
const open = new Set<Outlet>();
process.on('exit', () => {
  for (const outlet of open) outlet.last();
});

export class Outlet {
  readonly #o: OutletOptions;
  readonly #target: Target;
  /** It may be opened anew: no error is for good. */
  readonly #lasts: boolean;
  #pending: string[] = [];
  #size = 0;
  #busy = false;
  /** What is being written while busy. */
  #text = '';
  #missed = 0;
  #why: string | null = null;
  #retry: NodeJS.Timeout | undefined;
  /** The last thing written was a part of a line. */
  #torn = false;
  #gone = false;

  private constructor(target: Target, lasts: boolean, options: OutletOptions) {
    this.#target = target;
    this.#lasts = lasts;
    this.#o = options;
    open.add(this);
  }

  /** Appends to a file, which is made when it is not there, and again when it has vanished. */
  static file(path: string, options: OutletOptions): Outlet {
    return new Outlet(appenderOf(path), true, options);
  }

  /** Writes to a descriptor that the process was started with. */
  static descriptor(fd: 1 | 2, options: OutletOptions): Outlet {
    return new Outlet(descriptorOf(fd), false, options);
  }

  /** `text` is whole lines. Never throws, never waits. */
  write(text: string): void {
    if (this.#gone) return;
    if (this.#why !== null || this.#size > PENDING_MAX) {
      this.#missed += linesOf(text);
      return;
    }
    this.#pending.push(text);
    this.#size += text.length;
    this.#flush();
  }

  /** Waits until all is written, at most so many milliseconds. */
  async end(limitMs: number): Promise<void> {
    const until = performance.now() + limitMs;
    while (!this.#gone && (this.#busy || this.#size > 0 || this.#missed > 0) && performance.now() < until) {
      this.#again();
      // oxlint-disable-next-line no-await-in-loop
      await new Promise((resolve) => setTimeout(resolve, LOOK_MS));
    }
    clearTimeout(this.#retry);
    this.last();
    open.delete(this);
  }

  /** What still waits, at the end of the process. */
  last(): void {
    const underWay = this.#busy && !this.#target.issued() ? this.#text : '';
    const text = underWay + this.#pending.join('');
    this.#pending = [];
    this.#size = 0;
    if (text !== '' && this.#why === null && !this.#gone) this.#target.writeLast(Buffer.from(text));
  }

  #flush(): void {
    if (this.#busy || this.#size === 0) return;
    const text = this.#pending.join('');
    this.#pending = [];
    this.#size = 0;
    this.#send(text, linesOf(text));
  }

  /** `lines` of it count as missed when it can't be written. */
  #send(text: string, lines: number): void {
    const bytes = Buffer.from(text);
    this.#text = text;
    this.#busy = true;
    this.#target.write(bytes, (code, written) => {
      this.#busy = false;
      if (code === null) return this.#written();
      if (written > 0) this.#torn = bytes[written - 1] !== 0x0a;
      // A part of a line is no line.
      this.#missed += Math.min(lines, linesOf(bytes.subarray(written).toString('latin1')));
      this.#failed(code);
    });
  }

  #written(): void {
    this.#torn = false;
    const missed = this.#missed;
    const why = this.#why ?? 'too much at once';
    this.#why = null;
    // The count went out as the try itself, or goes out now.
    this.#missed = 0;
    if (missed > this.#told) this.write(this.#o.missed(missed - this.#told, why));
    this.#told = 0;
    this.#flush();
  }

  /** How many of the missed lines the line under way tells. */
  #told = 0;

  #failed(code: string): void {
    this.#told = 0;
    if (!this.#lasts && GONE.has(code)) {
      this.#gone = true;
      this.#pending = [];
      this.#size = 0;
      open.delete(this);
      this.#o.onTrouble?.(code, true);
      return;
    }
    this.#missed += linesOf(this.#pending.join(''));
    this.#pending = [];
    this.#size = 0;
    const first = this.#why === null;
    this.#why = code;
    if (first) this.#o.onTrouble?.(code, false);
    clearTimeout(this.#retry);
    this.#retry = setTimeout(() => this.#again(), RETRY_MS).unref();
  }

  /** The first thing to be written after an outage is how much was missed. */
  #again(): void {
    if (this.#why === null || this.#busy || this.#gone) return;
    this.#told = this.#missed;
    this.#send((this.#torn ? '\n' : '') + this.#o.missed(this.#missed, this.#why), 0);
  }
}

function linesOf(text: string): number {
  let lines = 0;
  for (let at = text.indexOf('\n'); at >= 0; at = text.indexOf('\n', at + 1)) lines += 1;
  return lines;
}
