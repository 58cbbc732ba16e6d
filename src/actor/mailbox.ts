/**
 * A bounded queue of messages, first in first out.
 *
 * Why it exists: every queue has a limit, and when it is full the sender waits; an array with push has neither.
 * Who calls it: actor.ts; whoever needs a bounded queue between two asynchronous parts.
 * It must never grow beyond its capacity, drop a message in silence, or let a message overtake another: those who wait
 * in send() come in before those who post() later.
 */
import { assert } from '../base/assert.ts';

/** Where a message went that was given to a mailbox that is closed, or closed while it waited. */
export class MailboxClosed extends Error {
  override readonly name = 'MailboxClosed';
}

type Waiting<M> = {
  readonly message: M;
  readonly accept: () => void;
  readonly refuse: (error: Error) => void;
};

export class Mailbox<M> {
  readonly name: string;
  readonly capacity: number;
  /** Called after a message went in, synchronously: the owner's wake-up. It must not throw. */
  onArrival: (() => void) | null = null;
  #messages: M[] = [];
  /** Index of the oldest message in #messages: taking is O(1), the array is cut when it is emptied or half gone. */
  #head = 0;
  #waiting: Waiting<M>[] = [];
  #closed = false;

  constructor({ name, capacity }: { name: string; capacity: number }) {
    assert(
      Number.isSafeInteger(capacity) && capacity > 0,
      `capacity of mailbox ${name} is a positive integer`,
    );
    this.name = name;
    this.capacity = capacity;
  }

  /** Messages inside, without those whose senders wait. */
  get size(): number {
    return this.#messages.length - this.#head;
  }

  /** Senders that wait for room. */
  get waiting(): number {
    return this.#waiting.length;
  }

  get closed(): boolean {
    return this.#closed;
  }

  /**
   * For those who hold credit for the place: puts the message in now. Throws an ordinary Error when it is full or others
   * wait for the room: that is a bug in the sender's counting. Throws MailboxClosed after close().
   */
  post(message: M): void {
    if (this.#closed) throw new MailboxClosed(`mailbox ${this.name} is closed`);
    if (!this.#hasRoom())
      throw new Error(`mailbox ${this.name} is full (${this.capacity}): posted without credit`);
    this.#put(message);
  }

  /** As post, but says false instead of throwing when there is no room or the mailbox is closed. */
  tryPost(message: M): boolean {
    if (this.#closed || !this.#hasRoom()) return false;
    this.#put(message);
    return true;
  }

  /** Puts the message in, now or when there is room. Rejects with MailboxClosed if that never comes. */
  send(message: M): Promise<void> {
    if (this.tryPost(message)) return Promise.resolve();
    if (this.#closed) return Promise.reject(new MailboxClosed(`mailbox ${this.name} is closed`));
    return new Promise((accept, refuse) => this.#waiting.push({ message, accept, refuse }));
  }

  /** Takes up to `max` messages, oldest first; those who wait come in for them. Empty if there is none. */
  take(max: number): M[] {
    const end = Math.min(this.#head + max, this.#messages.length);
    const batch = this.#messages.slice(this.#head, end);
    this.#head = end;
    if (this.#head === this.#messages.length) {
      this.#messages = [];
      this.#head = 0;
    } else if (this.#head > 1024 && this.#head * 2 > this.#messages.length) {
      this.#messages = this.#messages.slice(this.#head);
      this.#head = 0;
    }
    this.#admit();
    return batch;
  }

  /**
   * Nothing goes in any more; those who wait are refused with MailboxClosed. What is inside can still be taken, unless
   * `discard`: then it is returned by this call. A second call changes nothing.
   */
  close({ discard = false }: { discard?: boolean } = {}): M[] {
    this.#closed = true;
    const refused = this.#waiting;
    this.#waiting = [];
    for (const waiting of refused) waiting.refuse(new MailboxClosed(`mailbox ${this.name} is closed`));
    return discard ? this.take(this.capacity) : [];
  }

  #hasRoom(): boolean {
    return this.size < this.capacity && this.#waiting.length === 0;
  }

  #put(message: M): void {
    this.#messages.push(message);
    this.onArrival?.();
  }

  #admit(): void {
    if (this.#waiting.length === 0) return;
    const admitted = this.#waiting.splice(0, this.capacity - this.size);
    for (const waiting of admitted) this.#messages.push(waiting.message);
    for (const waiting of admitted) waiting.accept();
    if (admitted.length > 0) this.onArrival?.();
  }
}
