/**
 * Times that are promised, measured from what the processes themselves wrote (log lines, ticks) and not from when a test
 * looked. Where the machine itself stood still meanwhile the measurement is repeated once; the bound stays.
 */
import type { ExecutionContext } from 'ava';
import { readMaybe, ms, type World } from './_world.ts';

/** Our own event loop this late says that the machine was not there. */
const STALLED_MS = 1_000;
const LOOK_MS = 100;

/** The longest that this process did not get to run while `work` did, milliseconds. */
async function stallOf<T>(work: () => Promise<T>): Promise<{ value: T; stalled: number }> {
  let stalled = 0;
  let last = performance.now();
  const looks = setInterval(() => {
    stalled = Math.max(stalled, performance.now() - last - LOOK_MS);
    last = performance.now();
  }, LOOK_MS);
  try {
    return { value: await work(), stalled };
  } finally {
    clearInterval(looks);
  }
}

/** Asserts that what `measure` gives (milliseconds) is at most `bound`. */
export async function within(
  t: ExecutionContext,
  what: string,
  bound: number,
  measure: () => Promise<number>,
): Promise<void> {
  for (const last of [false, true]) {
    // oxlint-disable-next-line no-await-in-loop -- the second only when the first does not count
    const { value, stalled } = await stallOf(measure);
    t.log(`${what}: ${ms(value)} (at most ${ms(bound)}; the machine stood still for ${ms(stalled)})`);
    if (value > bound && stalled > STALLED_MS && !last) continue;
    t.true(value <= bound, `${what} after ${ms(value)}, and at most ${ms(bound)} is promised`);
    return;
  }
}

/** When a log of the world first said this after `since` (both milliseconds since 1970); null when it did not. */
export function saidAt(world: World, text: RegExp, since: number): number | null {
  for (const line of world.logs().split('\n')) {
    if (!text.test(line)) continue;
    const at = Date.parse(/"time":"([^"]+)"/.exec(line)?.[1] ?? '');
    if (at >= since) return at;
  }
  return null;
}

/** Seconds since the host began, as ticks have it. */
export function uptime(): number {
  return Number(readMaybe('/proc/uptime').split(' ')[0]);
}
