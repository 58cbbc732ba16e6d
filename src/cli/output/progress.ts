/**
 * Progress of many jobs: a bar that redraws itself on a terminal, plain lines now and then where nobody can see it move.
 *
 * The launcher, `watch` and the demo use it. It draws at most a few times a second, touches nothing but its stream, and
 * keeps no process alive.
 */
import { DRAW_MS, PLAIN_LINE_MS } from '../../base/client-limits.ts';
import { clip, displayWidth, escaped } from './format.ts';

/** How many jobs are where; together they are all. */
export interface Counts {
  /** Ended well. */
  readonly done: number;
  readonly running: number;
  /** Failed or killed. */
  readonly failed: number;
  readonly waiting: number;
  /** More wait than were counted. */
  readonly more?: boolean;
}

/** What a display writes to: a tty.WriteStream, or anything that takes text. */
export interface Screen {
  write(text: string): unknown;
  readonly isTTY?: boolean;
  readonly columns?: number;
  readonly rows?: number;
}

/** Ends per second over about the last 10 s, by exponential decay; null until something ended. */
export class Rate {
  #ended: number | null = null;
  #at = 0;
  #weighted = 0;
  #weight = 0;

  /** `ended` jobs are done or failed at `now` (milliseconds, monotonic). */
  update(ended: number, now: number): void {
    if (this.#ended === null || ended < this.#ended) {
      this.#ended = ended;
      this.#at = now;
      return;
    }
    const seconds = (now - this.#at) / 1000;
    if (seconds < 0.05) return;
    const keep = Math.exp(-seconds / 10);
    this.#weighted = this.#weighted * keep + (ended - this.#ended);
    this.#weight = this.#weight * keep + seconds;
    this.#ended = ended;
    this.#at = now;
  }

  get perSecond(): number | null {
    return this.#weighted < 1e-6 || this.#weight === 0 ? null : this.#weighted / this.#weight;
  }
}

/** One line about `counts`, `width` columns at most: label, bar, numbers, rate, time left. */
export function progressLine(label: string, counts: Counts, rate: number | null, width: number): string {
  const { done, running, failed, waiting, more = false } = counts;
  const total = done + running + failed + waiting;
  const parts = [`${done + failed}/${total}${more ? '+' : ''}`];
  if (running > 0) parts.push(`${running} running`);
  if (failed > 0) parts.push(`${failed} failed`);
  const left = running + waiting;
  // Of what has all ended a rate would only fall.
  if (rate !== null && left > 0)
    parts.push(
      `${rate < 10 ? rate.toFixed(1) : Math.round(rate)}/s`,
      `${more ? 'more than ' : ''}${duration(left / rate)} left`,
    );
  const numbers = parts.join('  ');
  const name = escaped(label);
  const space = width - displayWidth(name) - numbers.length - 4;
  if (space < 10) return clip(`${name} ${numbers}`, width);
  return `${name} ${bar(counts, total, Math.min(30, space - 2))} ${numbers}`;
}

/** `[####=== ...]`: ended, running, to come. */
function bar(counts: Counts, total: number, width: number): string {
  const share = (n: number): number => (total === 0 ? 0 : Math.floor((n / total) * width));
  const ended = share(counts.done + counts.failed);
  const started = share(counts.done + counts.failed + counts.running) - ended;
  return `[${'█'.repeat(ended)}${'▒'.repeat(started)}${'·'.repeat(width - ended - started)}]`;
}

/** Seconds as `45s`, `3m20s`, `2h05m`, `4d`. */
export function duration(seconds: number): string {
  const s = Math.ceil(seconds);
  if (s < 60) return `${s}s`;
  if (s < 3600) return `${Math.floor(s / 60)}m${String(s % 60).padStart(2, '0')}s`;
  if (s < 48 * 3600)
    return `${Math.floor(s / 3600)}h${String(Math.floor((s % 3600) / 60)).padStart(2, '0')}m`;
  return `${Math.round(s / 86_400)}d`;
}

/** Lines that stay in place on a terminal; elsewhere a block is printed when it changed, every few seconds at most. */
export class LiveBlock {
  readonly #screen: Screen;
  readonly #now: () => number;
  #lines = 0;
  #drawnAt = -Infinity;
  #shown = '';
  #pending: readonly string[] | null = null;

  constructor(screen: Screen = process.stdout, now: () => number = () => performance.now()) {
    this.#screen = screen;
    this.#now = now;
  }

  get width(): number {
    return Math.max(20, (this.#screen.columns ?? 100) - 1);
  }

  /** How many lines fit: a block that scrolls cannot be redrawn. */
  get height(): number {
    return this.#screen.isTTY === true ? Math.max(2, (this.#screen.rows ?? 24) - 1) : 1000;
  }

  /** Shows `lines` in place of the block before; not at once when it was drawn just now. */
  draw(lines: readonly string[]): void {
    const wait = this.#screen.isTTY === true ? DRAW_MS : PLAIN_LINE_MS;
    this.#pending = lines;
    if (this.#now() - this.#drawnAt >= wait) this.#flush();
  }

  /** Draws what was held back; the block stays where it is, and what is written next comes below. */
  close(): void {
    this.#flush();
    this.#lines = 0;
  }

  /** Takes the block away, so that something else can be printed; the next draw is at once. */
  clear(): void {
    if (this.#lines > 0) this.#screen.write(`\u001B[${this.#lines}A\r\u001B[J`);
    this.#lines = 0;
    this.#shown = '';
    this.#drawnAt = -Infinity;
  }

  #flush(): void {
    const lines = this.#pending;
    this.#pending = null;
    if (lines === null) return;
    const text = lines.map((line) => `${line}\n`).join('');
    if (text === this.#shown) return;
    const terminal = this.#screen.isTTY === true;
    const up = terminal && this.#lines > 0 ? `\u001B[${this.#lines}A\r\u001B[J` : '';
    this.#screen.write(up + text);
    this.#lines = terminal ? lines.length : 0;
    this.#shown = text;
    this.#drawnAt = this.#now();
  }
}

export class Progress {
  readonly #label: string;
  readonly #block: LiveBlock;
  readonly #rate = new Rate();
  #last: Counts | null = null;
  readonly #now: () => number;

  /** `label` stands before the bar; `screen` is stdout when not given. */
  constructor(label: string, screen: Screen = process.stdout, now: () => number = () => performance.now()) {
    this.#label = label;
    this.#now = now;
    this.#block = new LiveBlock(screen, now);
  }

  /** Shows how many jobs are where. Cheap: may be called as often as something changes. */
  update(counts: Counts): void {
    this.#last = counts;
    this.#rate.update(counts.done + counts.failed, this.#now());
    this.#block.draw([progressLine(this.#label, counts, this.#rate.perSecond, this.#block.width)]);
  }

  /** Draws the last state and leaves it on the screen: nothing goes on, so that no rate and no time are told. */
  close(): void {
    if (this.#last !== null)
      this.#block.draw([progressLine(this.#label, this.#last, null, this.#block.width)]);
    this.#block.close();
  }
}
