/**
 * Jobs that write down when they live, and what their files say afterwards. Each holds a lock on a file of its own for
 * life, and so does what it starts; every line has the attempt and the host's uptime, so that lives can be compared.
 */
import fs from 'node:fs';
import path from 'node:path';
import { locking, type World } from './_world.ts';

/** Between two ticks, seconds. */
const TICK_S = 0.2;

/**
 * A job that ticks $1 times and ends. With $2 = kin it also starts a process in a session of its own, which inherits the
 * lock and ticks until it is ended: an orphan is seen. With $2 = once only the first attempt is as long.
 */
export function ticking(directory: string): string {
  const tick = (who: string): string =>
    `read now rest </proc/uptime; echo "${who} $BALSAM_ATTEMPT $$ $now" >&9`;
  return locking(
    directory,
    `${tick('tick')}
if [ "$2" = kin ]; then setsid sh -c 'while :; do ${tick('kin')}; sleep ${TICK_S}; done' & fi
n=$1
if [ "$2" = once ] && [ "$BALSAM_ATTEMPT" -gt 1 ]; then n=1; fi
while [ $n -gt 0 ]; do sleep ${TICK_S}; ${tick('tick')}; n=$((n - 1)); done`,
  );
}

/** Jobs of the application `tick` that all run, four to a node, each for so many seconds; `once`: its first attempt only. */
export async function runningTicks(
  world: World,
  { count, seconds, once = false }: { count: number; seconds: number; once?: boolean },
): Promise<string[]> {
  const args = `${Math.round(seconds / TICK_S)}${once ? ' once' : ''}`;
  const ids = await world.jobs(
    Array.from({ length: count }, (_, i) => ({
      name: `t${i}`,
      application: 'tick',
      args,
      node_packing_count: 4,
    })),
  );
  await world.until(ids, ['RUNNING']);
  return ids;
}

/** One execution of a job, as its file says. */
export interface Execution {
  attempt: number;
  /** First and last tick of it or of what it started, seconds of uptime; Infinity and -Infinity when it wrote none. */
  from: number;
  to: number;
  /** It came to its end. */
  ended: boolean;
}

/** The executions of a job in the order of their starts; a start without a first tick was killed there. */
export function executionsIn(text: string): Execution[] {
  const found: Execution[] = [];
  for (const line of text.split('\n')) {
    const [what, number, , at] = line.split(' ');
    const attempt = Number(number);
    if (what === 'start') found.push({ attempt, from: Infinity, to: -Infinity, ended: false });
    const one = found.findLast((x) => x.attempt === attempt);
    if (!one || what === undefined) continue;
    if (what === 'end') one.ended = true;
    else if (at !== undefined) {
      one.from = Math.min(one.from, Number(at));
      one.to = Math.max(one.to, Number(at));
    }
  }
  return found;
}

/** The executions of a job that `ticking` made; none when it never started. */
export async function executionsOf(directory: string, id: string): Promise<Execution[]> {
  return executionsIn(await fs.promises.readFile(path.join(directory, id), 'utf8').catch(() => ''));
}
