/**
 * `balsam watch`: a bar for each workflow, what runs, the launchers, and the last failures with their reason, until
 * nothing is left, `q` or Ctrl-C. On a terminal it stays in place; in a pipe it prints lines now and then.
 *
 * It looks when Postgres says that jobs ended, and every few seconds; the slower its question, the seldomer it asks, so
 * that watching a million jobs costs the launchers little.
 */
import { once } from 'node:events';
import { setTimeout as sleep } from 'node:timers/promises';
import { defineCommand } from 'citty';
import { WATCH_FASTEST_MS, WATCH_POLL_MS } from '../../base/client-limits.ts';
import type { OpenDatabase } from '../../server/open.ts';
import { listen } from '../../store/notify.ts';
import { JSON_OPTION, jsonLine } from '../output/json.ts';
import { printLine, withDatabase } from '../output/terminal.ts';
import { Observer } from './watch-observer.ts';
import { WatchView } from './watch-view.ts';

export const watchCommand = defineCommand({
  meta: { name: 'watch', description: 'Follow the progress of all jobs' },
  args: {
    wf: { type: 'string', description: 'only workflows whose name contains this' },
    forever: { type: 'boolean', description: 'go on when nothing is left' },
    ...JSON_OPTION,
  },
  run: ({ args }) => withDatabase((db) => watch(db, args), 2),
});

interface Wanted {
  readonly wf?: string | undefined;
  readonly forever?: boolean | undefined;
  readonly json?: boolean | undefined;
}

async function watch(db: OpenDatabase, { wf, forever, json }: Wanted): Promise<void> {
  const stop = new AbortController();
  const onSignal = (): void => stop.abort();
  process.once('SIGINT', onSignal);
  process.once('SIGTERM', onSignal);
  const keys = json === true ? () => undefined : leaveByKey(onSignal);
  const bell = new EventTarget();
  const listener = await listen(db, 'balsam_done', () => bell.dispatchEvent(new Event('ring')));
  const observer = new Observer(db, wf);
  const view = new WatchView();
  let empty = true;
  try {
    for (;;) {
      const began = performance.now();
      const seen = await observer.look();
      empty = seen.workflows.length === 0;
      if (json === true) await printLine(jsonLine('progress', seen));
      else if (!empty) view.show(seen);
      const left = seen.workflows.some((one) => one.running + one.waiting > 0);
      if (!left && forever !== true) break;
      const pause = Math.max(WATCH_FASTEST_MS, 5 * (performance.now() - began));
      if (!(await quiet(stop.signal, bell, pause))) break;
    }
  } finally {
    view.close();
    keys();
    process.off('SIGINT', onSignal);
    process.off('SIGTERM', onSignal);
    await listener.close();
  }
  if (empty && json !== true) await printLine('No jobs found matching query');
}

/** On a terminal `q` leaves, and so does Ctrl-C, which arrives as a key there. Returns what puts the terminal back. */
function leaveByKey(leave: () => void): () => void {
  const { stdin, stdout } = process;
  if (!stdin.isTTY || !stdout.isTTY) return () => undefined;
  const onData = (typed: Buffer): void => {
    const text = typed.toString('latin1');
    if (['q', 'Q', '\u0003'].some((key) => text.includes(key))) leave();
  };
  stdin.setRawMode(true);
  stdin.on('data', onData);
  return () => {
    stdin.off('data', onData);
    stdin.setRawMode(false);
    stdin.pause();
  };
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
