/**
 * What breaks in a run, and when: each kind of storm has its own. Everything happens before the calm.
 */
import type { AgentSim } from './agent.ts';
import type { LauncherSim } from './launcher.ts';
import type { Store } from './store.ts';
import type { World } from './world.ts';

/** Faults happen before this; from then on everything works, milliseconds. */
export const STORM_MS = 60_000;

/**
 * plain: what one coordinator and its agents meet. takeover: coordinators die and hang as well. quiet: nothing but that, and
 * Postgres away: nothing may be started anew. death: launchers die, beside others. cut: one of two launchers is out of
 * reach of Postgres, or stands still, until it is rescued by time.
 */
export type Storm = 'plain' | 'takeover' | 'quiet' | 'death' | 'cut';

/** What can be broken. */
export interface Breakable {
  readonly world: World;
  readonly store: Store;
  readonly launchers: readonly LauncherSim[];
  readonly kind: Storm;
  /** All launchers are on one host, where one can judge the processes of another. */
  readonly oneHost: boolean;
  /** Wall clocks against true time. */
  wallStep: number;
  startLauncher: () => void;
}

export function brew(s: Breakable): void {
  const { world: w } = s;
  clocks(s);
  disk(s);
  if (w.chance() < 0.3) users(s);
  switch (s.kind) {
    case 'plain':
      agents(s);
      store(s, 0.85);
      leaving(s);
      some(s, 1, () => anyLauncher(s).coordinator.stall(w.between(100, w.chance() < 0.8 ? 2_000 : 30_000)));
      return;
    case 'takeover':
      agents(s);
      store(s, 0.85);
      leaving(s);
      some(s, 4, () => hurtCoordinator(s));
      if (w.chance() < 0.2) w.at(w.between(0, STORM_MS), () => s.startLauncher());
      return;
    case 'quiet':
      if (w.chance() < 0.5) away(s, w.between(500, 60_000));
      some(s, 4, () => hurtCoordinator(s));
      return;
    case 'death':
      if (w.chance() < 0.5) agents(s);
      store(s, 0.95);
      if (w.chance() < 0.7) w.at(w.between(0, STORM_MS), () => s.startLauncher());
      some(s, 2, () => hurtCoordinator(s));
      some(s, 3, () => anyLauncher(s).die(howToDie(s)));
      return;
    case 'cut':
      w.at(w.between(0, 20_000), () => s.startLauncher());
      w.at(w.between(2_000, STORM_MS), () => cut(s));
      some(s, 2, () => hurtCoordinator(s));
  }
}

function some({ world: w }: Breakable, most: number, act: () => void): void {
  for (let n = w.int(0, most); n > 0; n--) w.at(w.between(1_000, STORM_MS), act);
}

function anyLauncher(s: Breakable): LauncherSim {
  const alive = s.launchers.filter((l) => l.over === null);
  return s.world.pick(alive.length > 0 ? alive : s.launchers);
}

function anyAgent(s: Breakable): { of: LauncherSim; agent: AgentSim } {
  const of = anyLauncher(s);
  return { of, agent: s.world.pick(of.agents) };
}

function agents(s: Breakable): void {
  const { world: w } = s;
  some(s, 6, () => {
    const { of, agent } = anyAgent(s);
    const until = w.now + w.between(500, 25_000);
    const way = w.pick(['in', 'out', 'both'] as const);
    if (way !== 'out') of.network.cut(agent.incarnation, 'in', until);
    if (way !== 'in') of.network.cut(agent.incarnation, 'out', until);
  });
  some(s, 3, () => anyAgent(s).agent.stall(w.between(100, 20_000)));
  some(s, 4, () => anyAgent(s).agent.loseHelper());
  some(s, 2, () => {
    const { of, agent } = anyAgent(s);
    // One node of a launcher stays.
    const restart = w.chance() < 0.6 || agent === of.agents[0];
    agent.crash(restart);
  });
  some(s, 1, () => {
    if (w.chance() < 0.3) anyAgent(s).agent.stop();
  });
}

/** Now and then longer than S, so that the launcher pauses and its agents end what they run. */
function store(s: Breakable, short: number): void {
  const { world: w } = s;
  if (w.chance() < 0.5) away(s, w.between(500, w.chance() < short ? 60_000 : 200_000));
}

function away(s: Breakable, ms: number): void {
  const { world: w } = s;
  const crashes = w.chance() < 0.5;
  w.at(w.between(1_000, STORM_MS), () => {
    const until = w.now + ms;
    if (crashes) return s.store.crash(until);
    s.store.awayUntil = until;
    w.trace(`store: away until ${until.toFixed(0)}`);
  });
}

/** Users kill several jobs at once, now and then in a transaction that they leave open for seconds. */
function users(s: Breakable): void {
  const { world: w } = s;
  some(s, 2, () => {
    const ids = [...s.store.jobs].map(([id]) => id).filter(() => w.chance() < 0.1);
    if (w.chance() < 0.5) s.store.kill(...ids);
    else s.store.killSlowly(ids, w.between(100, 15_000));
  });
}

/** For a while a commit takes up to seconds, now and then longer than its client waits. */
function disk(s: Breakable): void {
  const { world: w } = s;
  if (w.chance() >= 0.3) return;
  const ms = w.pick([100, 1_000, 4_000, 12_000]);
  w.at(w.between(0, STORM_MS), () => s.store.slowDisk(w.now + w.between(1_000, 20_000), ms));
}

function clocks(s: Breakable): void {
  const { world: w } = s;
  some(s, 2, () => {
    s.wallStep = w.between(-3_600_000, 3_600_000);
  });
  // The database host's clock is not stepped forward by more than 30 s (PROTOCOL 12).
  if (w.chance() < 0.3)
    w.at(w.between(0, STORM_MS), () => {
      s.store.clockStep = w.between(-60_000, 30_000);
      w.trace(`store: its clock is stepped by ${s.store.clockStep.toFixed(0)}`);
    });
}

/** It dies, or hangs so long that its warden ends it; both at once with an older one's takeover under way. */
function hurtCoordinator(s: Breakable): void {
  const { world: w } = s;
  const l = anyLauncher(s);
  if (w.chance() < 0.6 || !l.beats) l.killCoordinator();
  else l.coordinator.stall(w.between(100, w.chance() < 0.4 ? 2_000 : 30_000));
}

function leaving(s: Breakable): void {
  const { world: w } = s;
  if (w.chance() >= 0.15) return;
  const at = w.between(1_000, STORM_MS);
  w.at(at, () => s.launchers[0]!.leave('signal', false));
  if (w.chance() < 0.3) w.at(at + 1_000, () => s.launchers[0]!.leave('signal', true));
}

/** Jobs that nobody watches are ended by a prover of the same host; on other hosts nobody could. */
function howToDie(s: Breakable): 'head' | 'all' | 'all-but-jobs' {
  return s.world.pick(s.oneHost ? ['head', 'all', 'all-but-jobs'] : ['head', 'all']);
}

/** Warden and coordinator stand still, or reach no database, beyond R. */
function cut(s: Breakable): void {
  const { world: w } = s;
  const l = w.chance() < 0.7 && s.launchers[0]?.over === null ? s.launchers[0] : anyLauncher(s);
  const ms = w.between(30_000, 400_000);
  if (w.chance() < 0.6) return l.cutFromStore(w.now + ms);
  l.stallWarden(ms + 1_000);
  l.coordinator.stall(ms);
}
