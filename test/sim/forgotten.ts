/**
 * What a living launcher holds is known to its coordinator, but for the time that an answer of the database takes: what a
 * zombie leased for it, or what an unknown outcome hid, would else be held for ever (PROTOCOL 3, 7, 13).
 */
import type { LauncherSim } from './launcher.ts';
import type { Store } from './store.ts';
import type { World } from './world.ts';

const LOOK_MS = 2_000;
/** Three deadlines of a statement: a lease under way, and a raise that reads what is held. Guess. */
const PATIENCE_MS = 30_000;

/** Looks from now on, and tells the world when a row is forgotten. */
export function watchForgotten(world: World, store: Store, launchers: readonly LauncherSim[]): void {
  /** Held and not known, since when. */
  const since = new Map<string, number>();
  const look = (): void => {
    for (const [id, { launcher, attempt }] of store.jobs) {
      const key = `${id}#${attempt}`;
      const holder = launcher === null ? undefined : launchers.find((l) => l.id === launcher);
      if (!holder || isKnown(holder, id)) since.delete(key);
      else if (!since.has(key)) since.set(key, world.now);
      else
        world.check(
          world.now - since.get(key)! < PATIENCE_MS,
          `${key} is held by ${holder.name}, which knows nothing of it`,
        );
    }
    world.after(LOOK_MS, look);
  };
  look();
}

/** Nobody is asked who is over, has not begun, stands still, leaves, or is about to read what it holds. */
function isKnown({ over, coordinator }: LauncherSim, id: string): boolean {
  const s = coordinator.state;
  if (over !== null || !s || !coordinator.isAwake || s.phase !== 'running' || s.raising !== 'no') return true;
  return s.entries.has(id);
}
