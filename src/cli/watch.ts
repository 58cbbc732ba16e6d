/**
 * `balsam watch`: a bar for each workflow that is not done, and the last failures, until nothing is left or Ctrl-C.
 *
 * It looks when Postgres says that jobs ended, and every few seconds; the slower its question, the seldomer it asks, so
 * that watching a million jobs costs the launchers little.
 */
import { once } from 'node:events';
import { setTimeout as sleep } from 'node:timers/promises';
import { defineCommand } from 'citty';
import { WATCH_FASTEST_MS, WATCH_POLL_MS } from '../base/client-limits.ts';
import type { OpenDatabase } from '../cluster/open.ts';
import { isEnd } from '../core/job.ts';
import type { JobState } from '../core/job.ts';
import { all, field, queryOf } from '../core/query.ts';
import { history } from '../store/event-store.ts';
import { countByState, getJobs, workflows } from '../store/job-store.ts';
import { listen } from '../store/notify.ts';
import { clip, cute, escaped } from './format.ts';
import { LiveBlock, progressLine, Rate } from './progress.ts';
import type { Counts } from './progress.ts';
import { printLine, withDatabase } from './terminal.ts';

/** Bars and failures shown; the rest is summed up. Guess: what a small terminal holds. */
const MAX_BARS = 12;
const MAX_FAILURES = 5;

export const watchCommand = defineCommand({
  meta: { name: 'watch', description: 'Follow the progress of all jobs' },
  args: {
    wf: { type: 'string', description: 'only workflows whose name contains this' },
    forever: { type: 'boolean', description: 'go on when nothing is left' },
  },
  run: ({ args }) => withDatabase((db) => watch(db, args.wf, args.forever === true), 2),
});

async function watch(db: OpenDatabase, part: string | undefined, forever: boolean): Promise<void> {
  const stop = new AbortController();
  const onSignal = (): void => stop.abort();
  process.once('SIGINT', onSignal);
  process.once('SIGTERM', onSignal);
  const bell = new EventTarget();
  const listener = await listen(db, 'balsam_done', () => bell.dispatchEvent(new Event('ring')));
  const view = new View(db, part);
  try {
    for (;;) {
      const began = performance.now();
      const left = await view.refresh();
      if (left === 0 && !forever) break;
      const took = performance.now() - began;
      const pause = Math.max(WATCH_FASTEST_MS, 5 * took);
      if (!(await quiet(stop.signal, bell, pause))) break;
    }
  } finally {
    view.close();
    process.off('SIGINT', onSignal);
    process.off('SIGTERM', onSignal);
    await listener.close();
  }
  if (view.empty) await printLine('No jobs found matching query');
}

/** Waits at least `pause`, then for the bell or the slow poll; false when told to stop. */
async function quiet(stop: AbortSignal, bell: EventTarget, pause: number): Promise<boolean> {
  const woken = new AbortController();
  const signal = AbortSignal.any([stop, woken.signal]);
  const ring = once(bell, 'ring', { signal }).then(
    () => 'ring',
    () => 'stop',
  );
  try {
    await sleep(pause, undefined, { signal: stop });
    await Promise.race([ring, sleep(WATCH_POLL_MS, undefined, { signal })]);
  } catch {
    // Stopped in the middle of a wait.
  } finally {
    woken.abort();
  }
  return !stop.aborted;
}

class View {
  readonly #db: OpenDatabase;
  readonly #part: string | undefined;
  readonly #block = new LiveBlock();
  readonly #rates = new Map<string, Rate>();
  /** Names of workflows are asked for anew only now and then: the question looks at every job. */
  empty = true;

  constructor(db: OpenDatabase, part: string | undefined) {
    this.#db = db;
    this.#part = part;
  }

  close(): void {
    this.#block.close();
  }

  /** Asks, draws, and says how many jobs are not at an end. */
  async refresh(): Promise<number> {
    const part = this.#part;
    const names = (await workflows(this.#db)).filter((name) => part === undefined || name.includes(part));
    this.empty = names.length === 0;
    const rows: { name: string; counts: Counts }[] = [];
    for (const name of names) {
      const states = await countByState(this.#db, queryOf(field('workflow', 'equals', name)));
      rows.push({ name, counts: countsOf(states) });
    }
    const left = rows.reduce((sum, { counts }) => sum + counts.running + counts.waiting, 0);
    if (!this.empty)
      this.#block.draw([...this.#bars(rows), ...(await this.#failures(names))].slice(0, this.#block.height));
    return left;
  }

  #bars(rows: readonly { name: string; counts: Counts }[]): string[] {
    const now = performance.now();
    const lines = rows.map(({ name, counts }) => {
      const rate = this.#rates.get(name) ?? new Rate();
      this.#rates.set(name, rate);
      rate.update(counts.done + counts.failed, now);
      const unfinished = counts.running + counts.waiting > 0;
      const label = name === '' ? '(no workflow)' : name;
      const line = progressLine(label, counts, unfinished ? rate.perSecond : null, this.#block.width);
      return { line, unfinished };
    });
    // Unfinished ones first, so that they are what a small terminal shows.
    const order = [...lines.filter((l) => l.unfinished), ...lines.filter((l) => !l.unfinished)];
    const shown = order.slice(0, MAX_BARS).map((l) => l.line);
    return order.length > MAX_BARS ? [...shown, `… and ${order.length - MAX_BARS} more workflows`] : shown;
  }

  async #failures(names: readonly string[]): Promise<string[]> {
    const within = this.#part === undefined ? [] : [field('workflow', 'in', names)];
    const failed = await getJobs(this.#db, {
      where: all(field('state', 'equals', 'FAILED'), ...within),
      orderBy: [['updated_at', 'desc']],
      limit: MAX_FAILURES,
    });
    if (failed.length === 0) return [];
    const lines = await history(
      this.#db,
      failed.map((job) => job.job_id),
    );
    return [
      'last failures:',
      ...failed.map((job) => {
        const why = lines.get(job.job_id)?.findLast((line) => line.message !== '')?.message ?? '';
        return clip(`  ${cute(job)} ${escaped(why.trim())}`, this.#block.width);
      }),
    ];
  }
}

function countsOf(states: ReadonlyMap<JobState, number>): Counts {
  const counts = { done: 0, running: 0, failed: 0, waiting: 0 };
  for (const [state, count] of states) {
    if (state === 'JOB_FINISHED') counts.done += count;
    else if (isEnd(state)) counts.failed += count;
    else if (state === 'RUNNING') counts.running += count;
    else counts.waiting += count;
  }
  return counts;
}
