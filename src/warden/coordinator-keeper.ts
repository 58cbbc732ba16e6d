/**
 * Keeps one coordinator alive (PROTOCOL 0, 3): starts it, hears its beat, kills one that hangs, and starts a successor that
 * is told the port, and the epoch and the confirmed heartbeat of the last beat. At most five successors in ten minutes.
 * Called by the warden alone; it must never have two coordinators at once.
 */
import type { ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import { systemClock } from '../base/clock.ts';
import { CHAIN, LEAVE_MS } from '../base/limits.ts';
import type { Predecessor, ToWarden } from '../launcher/coordinator-file.ts';
import { nothingDone, type Done, type LeftOver } from '../model/last-words.ts';
import { ended } from './processes.ts';
import { lengthOf, reasonIn } from './reason.ts';

/** Successors within the window; more means that whatever ends them will end the next one too (PROTOCOL 0). */
const SUCCESSORS = 5;
const SUCCESSOR_WINDOW_MS = 600_000;
/** How often the beat is looked at, and how late that look may be: a warden that stood still judges nobody, milliseconds. */
const LOOK_MS = 250;
const LOOK_LATE_MS = 1_000;
/** A successor's first beat comes within this, milliseconds: one that hangs before it is replaced too. Guess: a slow disk. */
const START_MS = 30_000;
/** A leaving coordinator that does not end in its time is ended this much later. */
const LEAVE_SLACK_MS = 3_000;

export interface CoordinatorEnd {
  code: 'left' | 'fenced' | 'failed';
  reason: string;
  /** It could not do what it is for. */
  failed: boolean;
  done: Done;
  /** null: it did not say. */
  over: LeftOver | null;
  /** It died without a word; its log may have more. */
  died: boolean;
}

export interface KeeperOptions {
  start: (predecessor: Predecessor | null) => ChildProcess;
  /** Where it speaks. */
  log: string;
  onMessage: (message: ToWarden) => void;
  onNote: (text: string, rule: string) => void;
}

export class CoordinatorKeeper {
  readonly #o: KeeperOptions;
  readonly #successions: number[] = [];
  #child!: ChildProcess;
  #bound: Omit<Extract<ToWarden, { kind: 'bound' }>, 'kind'> | null = null;
  #beat: { epoch: number; confirmedAt: number } | null = null;
  #beatAt = Infinity;
  #done: Done = nothingDone();
  #end: CoordinatorEnd | null = null;
  #leaving = false;
  #hammer: NodeJS.Timeout | undefined;

  constructor(options: KeeperOptions) {
    this.#o = options;
  }

  /** Runs coordinators until one has ended on purpose, or no successor may be started. */
  async run(): Promise<CoordinatorEnd> {
    let lookedAt = systemClock.monotonic();
    const looks = setInterval(() => {
      const now = systemClock.monotonic();
      // After standing still ourselves, what waits in the channel is read first.
      if (now - lookedAt < LOOK_MS + LOOK_LATE_MS) this.#look(now);
      lookedAt = now;
    }, LOOK_MS);
    try {
      for (let predecessor: Predecessor | null = null; ;) {
        const how = await this.#one(predecessor);
        if (this.#end) return this.#end;
        predecessor = this.#predecessor();
        const bare = how.error?.message ?? `it ended with ${how.signal ?? `code ${how.code}`}`;
        const reason = how.said === '' ? bare : how.said;
        if (!predecessor || this.#leaving || !this.#maySucceed())
          return { code: 'failed', reason, failed: true, done: this.#done, over: null, died: true };
        this.#o.onNote(`the coordinator died (${reason}): another takes over, jobs go on`, 'PROTOCOL 3');
      }
    } finally {
      clearInterval(looks);
      clearTimeout(this.#hammer);
    }
  }

  /** Whether it was asked to leave. */
  get leaving(): boolean {
    return this.#leaving;
  }

  /** Asks the coordinator to leave; `now` ends jobs without grace, `failed`: the launcher can't do what it is for. */
  leave(reason: string, now: boolean, failed = false): void {
    this.#leaving = true;
    if (this.#child.connected) this.#child.send({ kind: 'leave', reason, now, failed }, () => undefined);
    this.#hammer ??= setTimeout(() => this.#child.kill('SIGKILL'), LEAVE_MS + LEAVE_SLACK_MS);
  }

  async #one(predecessor: Predecessor | null): Promise<Awaited<ReturnType<typeof ended>> & { said: string }> {
    this.#beatAt = predecessor ? systemClock.monotonic() + START_MS : Infinity;
    const from = lengthOf(this.#o.log);
    const child = this.#o.start(predecessor);
    this.#child = child;
    child.on('message', (m: ToWarden) => this.#onMessage(m));
    const how = await ended(child);
    // Its death may be read before its last words, when others end in the same moment: an end on purpose is no death.
    if (how.error === null && child.connected) await once(child, 'disconnect');
    return { ...how, said: this.#end || how.signal !== null ? '' : reasonIn(this.#o.log, from) };
  }

  #onMessage(m: ToWarden): void {
    if (m.kind === 'beat') {
      this.#beat = { epoch: m.epoch, confirmedAt: m.confirmedAt };
      this.#beatAt = systemClock.monotonic();
    } else if (m.kind === 'bound') {
      const { launcher, systemIdentifier, port } = m;
      this.#bound = { launcher, systemIdentifier, port };
    } else if (m.kind === 'progress') this.#done = m.done;
    else if (m.kind === 'end') {
      const { code, reason, failed, done, over } = m;
      this.#end = { code, reason, failed, done, over, died: false };
    }
    this.#o.onMessage(m);
  }

  #look(now: number): void {
    if (now - this.#beatAt <= CHAIN.beatSilence) return;
    this.#o.onNote('the coordinator hangs: it is ended', 'PROTOCOL 0: T');
    this.#beatAt = Infinity;
    this.#child.kill('SIGKILL');
  }

  /** What a successor must know; null when the dead one had not begun. */
  #predecessor(): Predecessor | null {
    return this.#bound && this.#beat ? { ...this.#bound, ...this.#beat, done: this.#done } : null;
  }

  #maySucceed(): boolean {
    const now = systemClock.monotonic();
    while (this.#successions.length > 0 && now - this.#successions[0]! > SUCCESSOR_WINDOW_MS)
      this.#successions.shift();
    this.#successions.push(now);
    return this.#successions.length <= SUCCESSORS;
  }
}
