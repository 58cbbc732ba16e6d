/**
 * Waits for jobs to reach an end: one listener and one question for all waiting calls of the process.
 *
 * Called by the SQL gateway. Notifications only make it faster: a slow poll finds what a lost one hid, and what was
 * deleted meanwhile. Nothing keeps the process alive but a call that still waits.
 */
import { EXIT_FAILED, messageOf, UserError } from '../base/errors.ts';
import { FINISH_OUTAGE_MS, FINISH_POLL_MS } from '../base/client-limits.ts';
import { MAX_BATCH } from '../base/limits.ts';
import { END_STATES } from '../model/job.ts';
import { all, byIds, field, queryOf } from '../model/query.ts';
import type { Database } from '../store/connection.ts';
import { countJobs, getJobs } from '../store/jobs/change.ts';
import { listen } from '../store/notify.ts';
import type { Listener } from '../store/notify.ts';
import type { JobRow } from '../store/rows.ts';

interface Waiter {
  resolve(row: JobRow): void;
  reject(error: Error): void;
}

export class FinishWatch {
  readonly #db: Database;
  readonly #waiting = new Map<string, Set<Waiter>>();
  #listener: Promise<Listener> | null = null;
  #timer: NodeJS.Timeout | null = null;
  #looking = false;
  #again = false;
  #failingSince: number | null = null;

  constructor(db: Database) {
    this.#db = db;
  }

  /** Resolves with the job's row once it is at an end; UserError after `timeoutMs`, or when the job was deleted. */
  async wait(id: string, timeoutMs: number | null): Promise<JobRow> {
    const { promise, resolve, reject } = Promise.withResolvers<JobRow>();
    const waiter: Waiter = { resolve, reject };
    const others = this.#waiting.get(id);
    if (others === undefined) this.#waiting.set(id, new Set([waiter]));
    else others.add(waiter);
    this.#start();
    const timer =
      timeoutMs === null ? null : setTimeout(() => reject(tooLate(id, timeoutMs)), Math.max(0, timeoutMs));
    try {
      return await promise;
    } finally {
      if (timer !== null) clearTimeout(timer);
      this.#leave(id, waiter);
    }
  }

  async close(): Promise<void> {
    this.#rejectAll(new UserError('closeBalsam() was called while a job was being waited for', EXIT_FAILED));
    if (this.#timer !== null) clearInterval(this.#timer);
    const listener = this.#listener;
    this.#listener = null;
    if (listener !== null) await (await listener).close();
  }

  #start(): void {
    this.#timer ??= setInterval(() => this.#look(true), FINISH_POLL_MS);
    this.#listener ??= listen(this.#db, 'balsam_done', () => this.#look(false));
    // The look must begin after LISTEN is in force, or an end between the two would wait for the poll.
    this.#listener.then(
      () => this.#look(false),
      (error: unknown) => {
        this.#listener = null;
        this.#failed(error);
      },
    );
  }

  #leave(id: string, waiter: Waiter): void {
    const waiters = this.#waiting.get(id);
    waiters?.delete(waiter);
    if (waiters?.size === 0) this.#waiting.delete(id);
    if (this.#waiting.size > 0 || this.#timer === null) return;
    clearInterval(this.#timer);
    this.#timer = null;
  }

  /** One look at a time; what comes during it makes one more. `thorough` also finds deleted jobs. */
  #look(thorough: boolean): void {
    if (this.#looking) {
      this.#again = true;
      return;
    }
    if (this.#waiting.size === 0) return;
    this.#looking = true;
    this.#ask(thorough)
      .then(
        () => {
          this.#failingSince = null;
        },
        (error: unknown) => this.#failed(error),
      )
      .finally(() => {
        this.#looking = false;
        if (!this.#again) return;
        this.#again = false;
        this.#look(false);
      });
  }

  async #ask(thorough: boolean): Promise<void> {
    const ids = [...this.#waiting.keys()];
    for (let i = 0; i < ids.length; i += MAX_BATCH) {
      const chunk = ids.slice(i, i + MAX_BATCH);
      const ended = all(byIds(chunk), field('state', 'in', END_STATES));
      for (const row of await getJobs(this.#db, queryOf(ended))) {
        for (const waiter of this.#waiting.get(row.job_id) ?? []) waiter.resolve(row);
      }
      if (thorough) await this.#findDeleted(chunk);
    }
  }

  async #findDeleted(ids: readonly string[]): Promise<void> {
    if ((await countJobs(this.#db, queryOf(byIds(ids)))) === ids.length) return;
    const there = new Set((await getJobs(this.#db, queryOf(byIds(ids)))).map((row) => row.job_id));
    for (const id of ids) {
      if (there.has(id)) continue;
      const gone = new UserError(`job ${id} was deleted while it was being waited for`, EXIT_FAILED);
      for (const waiter of this.#waiting.get(id) ?? []) waiter.reject(gone);
    }
  }

  /** Postgres away: wait on, but not for ever in silence. */
  #failed(error: unknown): void {
    this.#failingSince ??= Date.now();
    if (Date.now() - this.#failingSince < FINISH_OUTAGE_MS) return;
    this.#rejectAll(error instanceof Error ? error : new Error(messageOf(error)));
  }

  #rejectAll(error: Error): void {
    for (const waiters of this.#waiting.values()) for (const waiter of waiters) waiter.reject(error);
  }
}

function tooLate(id: string, timeoutMs: number): UserError {
  return new UserError(`job ${id} did not reach an end within ${timeoutMs} ms`, EXIT_FAILED);
}
