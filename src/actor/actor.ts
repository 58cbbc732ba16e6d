/**
 * An actor: state that only one function touches, fed by a bounded mailbox, one batch at a time.
 *
 * Why it exists: the shells round the cores turn sockets, SQL and timers into events for one step function; while a step
 * or its effects run, what arrives is gathered, and the next step takes all of it. An idle actor starts at once.
 * Who calls it: the coordinator's and agent's shells, the warden, tests.
 * It must never run receive() twice at once, swallow an error (the first one ends the actor and is what `done` rejects
 * with), or keep the event loop from sockets and timers between two batches.
 */
import { assert } from '../base/assert.ts';
import { Mailbox } from './mailbox.ts';

export type ActorOptions<M> = {
  readonly name: string;
  /** Messages that the mailbox holds. */
  readonly capacity: number;
  /** Messages given to one receive() at most; the capacity if not given. */
  readonly maxBatch?: number;
  /** Handles a batch, never empty, in the order of arrival. What it throws ends the actor. */
  readonly receive: (batch: M[]) => void | Promise<void>;
  /** Called once, after the last receive() returned, on a clean stop and after a failure alike. */
  readonly onStop?: () => Promise<void> | void;
};

export class Actor<M> {
  readonly name: string;
  /**
   * Settles when the actor has ended: resolves after stop(), rejects with the error that killed it. The owner must look
   * at it: a failure that nobody looks at is an unhandled rejection, and that stops the process.
   */
  readonly done: Promise<void>;
  readonly #mailbox: Mailbox<M>;
  readonly #options: ActorOptions<M>;
  readonly #maxBatch: number;
  readonly #settle: { resolve: () => void; reject: (error: unknown) => void };
  #running = false;
  #stopping = false;
  #ended = false;

  constructor(options: ActorOptions<M>) {
    this.name = options.name;
    this.#options = options;
    this.#mailbox = new Mailbox<M>({ name: options.name, capacity: options.capacity });
    this.#maxBatch = options.maxBatch ?? options.capacity;
    assert(this.#maxBatch > 0, `maxBatch of actor ${options.name} is positive`);
    const { promise, resolve, reject } = Promise.withResolvers<void>();
    this.done = promise;
    this.#settle = { resolve, reject };
    this.#mailbox.onArrival = () => this.#wake();
  }

  /** Messages that wait to be handled. */
  get backlog(): number {
    return this.#mailbox.size;
  }

  /** Whether it takes messages: false from the moment stop() was called or receive() threw. */
  get open(): boolean {
    return !this.#mailbox.closed;
  }

  /** For those who hold credit: throws when the mailbox is full or closed. Handled in a later microtask, never inside. */
  post(message: M): void {
    this.#mailbox.post(message);
  }

  /** As post; false when full or closed. */
  tryPost(message: M): boolean {
    return this.#mailbox.tryPost(message);
  }

  /** Waits for room in the mailbox, not for the message to be handled. Rejects with MailboxClosed if the actor ends first. */
  send(message: M): Promise<void> {
    return this.#mailbox.send(message);
  }

  /**
   * Ends the actor and settles as `done` does. With `drain` what is in the mailbox is handled first, otherwise it is
   * discarded; a running receive() is always waited for. Called again, it waits for the same end, and a call without
   * `drain` cuts short one with it.
   */
  stop({ drain }: { drain: boolean }): Promise<void> {
    this.#stopping = true;
    this.#mailbox.close({ discard: !drain });
    if (!this.#running && !this.#ended) {
      this.#running = true;
      queueMicrotask(() => void this.#run());
    }
    return this.done;
  }

  #wake(): void {
    if (this.#running || this.#ended) return;
    this.#running = true;
    queueMicrotask(() => void this.#run());
  }

  /** Runs until the mailbox is empty. Ends the actor if it was told to stop or failed. Never rejects. */
  async #run(): Promise<void> {
    try {
      while (this.#mailbox.size > 0) {
        // oxlint-disable-next-line no-await-in-loop -- one batch at a time is the contract
        await this.#options.receive(this.#mailbox.take(this.#maxBatch));
        // A turn of the event loop, always: sockets and timers are served, and what they bring joins the next batch.
        // Were it left out when the mailbox is empty, two actors that answer each other could starve them.
        // oxlint-disable-next-line no-await-in-loop
        await turn();
      }
    } catch (error) {
      await this.#end({ error });
      return;
    }
    if (this.#stopping) await this.#end(null);
    // No await between the last look at the mailbox and here, so nothing can have arrived unseen.
    else this.#running = false;
  }

  /** The first error is the cause and the one that `done` tells; that of onStop counts only after a clean end. */
  async #end(failure: { error: unknown } | null): Promise<void> {
    this.#ended = true;
    this.#mailbox.close({ discard: true });
    let cause = failure;
    try {
      await this.#options.onStop?.();
    } catch (error) {
      cause ??= { error };
    }
    if (cause === null) this.#settle.resolve();
    else this.#settle.reject(cause.error);
  }
}

/** One turn of the event loop: everything that is ready (sockets, timers, child processes) gets its callback first. */
export function turn(): Promise<void> {
  return new Promise((resolve) => setImmediate(resolve));
}
