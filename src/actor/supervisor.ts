/**
 * Starts the parts of a process in order, watches them, restarts or gives up, and stops them in reverse order.
 *
 * Why it exists: a coordinator is a database connection, a link, a core and timers; when one of them fails, either it can
 * be replaced (within limits) or the whole must end, in an order that leaves nothing half open.
 * Who calls it: the main functions of coordinator, agent and warden.
 * It must never restart without a limit, forget a child that is just being started when it stops, or lose the first error.
 */
import { assert } from '../base/assert.ts';
import { systemScheduler } from './timer.ts';
import type { Scheduler } from './timer.ts';

/** Something that runs. `done` resolves when it has ended on purpose and rejects when it failed; stop() ends it. */
export type Child = {
  readonly done: Promise<unknown>;
  /** Ends it and resolves when it has ended; must work on a child that has ended already. */
  stop(): Promise<unknown>;
};

/** restart: start it again, within limits. escalate: the supervisor fails. ignore: the others go on without it. */
export type Strategy = 'restart' | 'escalate' | 'ignore';

export type RestartLimits = {
  /** At most so many restarts … */
  readonly restarts: number;
  /** … within so many milliseconds; one more failure fails the supervisor. */
  readonly windowMs: number;
  /** Milliseconds before the first restart of a window; doubled for each one more … */
  readonly backoffMs: number;
  /** … up to this. */
  readonly maxBackoffMs: number;
};

export type ChildSpec = {
  readonly name: string;
  readonly start: () => Child | Promise<Child>;
  readonly strategy: Strategy;
  /** For 'restart'; defaultRestarts if not given. */
  readonly limits?: RestartLimits;
};

export type SupervisorEvent = {
  readonly type: 'started' | 'restarted' | 'ended' | 'failed';
  readonly child: string;
  readonly error?: unknown;
};

/** Guessed: five quick failures within a minute are no accident. */
export const defaultRestarts: RestartLimits = {
  restarts: 5,
  windowMs: 60_000,
  backoffMs: 100,
  maxBackoffMs: 5_000,
};

type Kept = {
  readonly spec: ChildSpec;
  readonly limits: RestartLimits;
  /** When it was restarted, within the window. */
  restarts: number[];
  child: Child | null;
  /** Ends a wait before a restart at once. */
  hurry: (() => void) | null;
  /** Resolves when its last life is over; never rejects. */
  watched: Promise<void>;
};

export class Supervisor {
  readonly name: string;
  /** Resolves after stop(); rejects with the first error that ended it, when all children are stopped. */
  readonly done: Promise<void>;
  readonly #scheduler: Scheduler;
  readonly #onEvent: (event: SupervisorEvent) => void;
  readonly #children: Kept[] = [];
  readonly #settle: { resolve: () => void; reject: (error: unknown) => void };
  #starting: Promise<unknown> = Promise.resolve();
  #stopping = false;
  #failure: { error: unknown } | null = null;

  constructor(options: { name: string; scheduler?: Scheduler; onEvent?: (event: SupervisorEvent) => void }) {
    this.name = options.name;
    this.#scheduler = options.scheduler ?? systemScheduler;
    this.#onEvent = options.onEvent ?? ((): void => undefined);
    const { promise, resolve, reject } = Promise.withResolvers<void>();
    this.done = promise;
    this.#settle = { resolve, reject };
  }

  /** Whether children are still kept: false from stop() or from the failure on. */
  get running(): boolean {
    return !this.#stopping;
  }

  /**
   * Starts a child and resolves with it. Calls are served one after the other. Rejects with the child's error if the first
   * start fails (nothing else is stopped: the caller decides), or if the supervisor is stopping.
   */
  start(spec: ChildSpec): Promise<Child> {
    const started = this.#starting.then(() => this.#startFirst(spec));
    this.#starting = started.catch(() => undefined);
    return started;
  }

  /** Stops the children, last started first, each when the one before has ended. Settles as `done` does. */
  stop(): Promise<void> {
    if (!this.#stopping) {
      this.#stopping = true;
      void this.#stopAll();
    }
    return this.done;
  }

  async #startFirst(spec: ChildSpec): Promise<Child> {
    if (this.#stopping) throw new Error(`${spec.name} is not started: ${this.name} is stopping`);
    const child = await spec.start();
    const limits = spec.limits ?? defaultRestarts;
    const kept: Kept = { spec, limits, restarts: [], child, hurry: null, watched: Promise.resolve() };
    this.#children.push(kept);
    this.#onEvent({ type: 'started', child: spec.name });
    kept.watched = this.#watch(kept, child);
    return child;
  }

  /** Follows one child through its lives. */
  async #watch(kept: Kept, first: Child): Promise<void> {
    const { spec } = kept;
    for (let life: Child | null = first; life !== null;) {
      try {
        // oxlint-disable-next-line no-await-in-loop -- lives come one after the other
        await life.done;
        kept.child = null;
        this.#onEvent({ type: 'ended', child: spec.name });
        return;
      } catch (error) {
        kept.child = null;
        this.#onEvent({ type: 'failed', child: spec.name, error });
        // oxlint-disable-next-line no-await-in-loop
        life = await this.#afterFailure(kept, error);
      }
    }
  }

  /** The next life of a child that failed, or null if there is none. A start that fails is one more failure. */
  async #afterFailure(kept: Kept, error: unknown): Promise<Child | null> {
    let cause = error;
    for (;;) {
      if (this.#stopping || kept.spec.strategy !== 'restart') break;
      const now = this.#scheduler.now();
      kept.restarts = kept.restarts.filter((when) => now - when < kept.limits.windowMs);
      if (kept.restarts.length >= kept.limits.restarts) break;
      const delay = Math.min(kept.limits.maxBackoffMs, kept.limits.backoffMs * 2 ** kept.restarts.length);
      // oxlint-disable-next-line no-await-in-loop
      await this.#wait(kept, delay);
      if (this.#stopping) return null;
      kept.restarts.push(this.#scheduler.now());
      try {
        // oxlint-disable-next-line no-await-in-loop
        kept.child = await kept.spec.start();
        this.#onEvent({ type: 'restarted', child: kept.spec.name });
        // Told to stop while it started: #stopAll waits for us, so it is ended here.
        // oxlint-disable-next-line no-await-in-loop
        if (this.#stopping) await kept.child.stop();
        return kept.child;
      } catch (failure) {
        cause = failure;
        kept.child = null;
        this.#onEvent({ type: 'failed', child: kept.spec.name, error: failure });
      }
    }
    if (kept.spec.strategy !== 'ignore') this.#fail(cause);
    return null;
  }

  #wait(kept: Kept, ms: number): Promise<void> {
    return new Promise((resolve) => {
      const cancel = this.#scheduler.after(ms, finish);
      function finish(): void {
        kept.hurry = null;
        cancel();
        resolve();
      }
      kept.hurry = finish;
    });
  }

  #fail(error: unknown): void {
    this.#failure ??= { error };
    if (this.#stopping) return;
    this.#stopping = true;
    void this.#stopAll();
  }

  /** Never rejects: every child is stopped whatever the others do, and the first error is told by `done`. */
  async #stopAll(): Promise<void> {
    assert(this.#stopping, 'stopping was decided');
    for (const kept of this.#children) kept.hurry?.();
    await this.#starting;
    for (const kept of this.#children.toReversed()) {
      try {
        // oxlint-disable-next-line no-await-in-loop -- in order is the contract
        await kept.child?.stop();
      } catch (error) {
        if (kept.spec.strategy !== 'ignore') this.#failure ??= { error };
      }
      // A restart in flight when we came is ended by its watcher.
      // oxlint-disable-next-line no-await-in-loop
      await kept.watched;
    }
    if (this.#failure === null) this.#settle.resolve();
    else this.#settle.reject(this.#failure.error);
  }
}
