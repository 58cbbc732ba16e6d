/** How `watch` looks: bars first, then what runs, the launchers, the failures; as many lines as the terminal has. */
import { WATCH_BARS } from '../../base/client-limits.ts';
import { clip, counted, cute, escaped } from '../output/format.ts';
import { inStateColour, lookOf } from '../output/look.ts';
import type { Look } from '../output/look.ts';
import { duration, LiveBlock, progressLine } from '../output/progress.ts';
import type { FailureSeen, LauncherSeen, Seen } from './watch-observer.ts';

export class WatchView {
  readonly #block = new LiveBlock();
  readonly #terminal = process.stdout.isTTY;

  show(seen: Seen): void {
    const { width, height } = this.#block;
    const foot = this.#terminal ? ['q leaves'] : [];
    const lines = linesOf(seen, width, lookOf());
    this.#block.draw([...lines.slice(0, height - foot.length), ...foot]);
  }

  /** Leaves what was shown last on the screen. */
  close(): void {
    this.#block.close();
  }
}

/** The lines for one look, each `width` columns at most. */
export function linesOf(seen: Seen, width: number, look: Look): string[] {
  return [
    ...bars(seen, width),
    ...seen.running.map(({ name, job_id, node, seconds }) =>
      inStateColour(
        clip(`  ${duration(seconds)} ${cute({ job_id, name })} on ${escaped(node)}`, width),
        'RUNNING',
        look,
      ),
    ),
    ...seen.launchers.map((one) => clip(launcherLine(one), width)),
    ...failures(seen.failures, width, look),
  ];
}

function bars({ workflows }: Seen, width: number): string[] {
  // Unfinished ones first, so that they are what a small terminal shows.
  const order = [
    ...workflows.filter((one) => one.running + one.waiting > 0),
    ...workflows.filter((one) => one.running + one.waiting === 0),
  ];
  const lines = order.slice(0, WATCH_BARS).map((one) => {
    const label = one.workflow === '' ? '(no workflow)' : one.workflow;
    return progressLine(label, one, one.rate, width);
  });
  const more = order.length - WATCH_BARS;
  return more > 0 ? [...lines, clip(`… and ${more} more workflows`, width)] : lines;
}

function launcherLine({ id, host, nodes, nodes_alive, held, troubles }: LauncherSeen): string {
  const state = troubles.length === 0 ? '' : `: ${troubles.join('; ')}`;
  // Before its first heartbeat nobody knows how many live.
  const alive = nodes_alive === null ? `starts on ${nodes}` : `${nodes_alive}/${nodes}`;
  return escaped(`launcher ${id} on ${host}, ${alive} nodes, holds ${counted(held, 'job')}${state}`);
}

function failures(seen: readonly FailureSeen[], width: number, look: Look): string[] {
  if (seen.length === 0) return [];
  return [
    'last failures:',
    ...seen.map((job) => inStateColour(clip(`  ${cute(job)} ${escaped(job.reason)}`, width), 'FAILED', look)),
  ];
}
