/**
 * What breaks in a run, and when: each kind of storm has its own. Everything happens before the calm. Each fault is a part of
 * the run with a name and chance of its own, so that one that is left out changes no other.
 */
import { CHAIN } from '../../src/base/limits.ts';
import type { AgentSim } from './agent.ts';
import type { Chance } from './chance.ts';
import type { LauncherSim } from './launcher.ts';
import type { Store } from './store.ts';
import type { World } from './world.ts';

/** Faults happen before this; from then on everything works, milliseconds. */
export const STORM_MS = 60_000;
/** Share of statements that are lost while connections break. */
const BROKEN = 0.8;

/**
 * plain: what one coordinator and its agents meet. takeover: coordinators die and hang as well. quiet: nothing but that, and
 * Postgres away: nothing may be started anew. death: launchers die, beside others. cut: one of two launchers is out of
 * reach of Postgres, or stands still, until it is rescued by time. rows: rows go away under their launcher, statements are lost
 * and coordinators replaced.
 */
export type Storm = 'plain' | 'takeover' | 'quiet' | 'death' | 'cut' | 'rows';

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
  deleteRow: (id: string) => void;
}

export function brew(s: Breakable): void {
  clocks(s);
  maybe(s, 0.3, 'slow disk', [0, STORM_MS], (c) => {
    s.store.slowDisk(s.world.now + c.between(1_000, 20_000), c.pick([100, 1_000, 4_000, 12_000]));
  });
  if (s.kind !== 'quiet') users(s);
  some(s, 1, 'late loop', (c) => {
    const l = anyLauncher(s, c);
    lateLoop(s, c, { stall: (ms) => l.coordinator.stall(ms), isOver: () => l.over !== null });
  });
  switch (s.kind) {
    case 'plain':
      agents(s);
      store(s, 0.85);
      leaving(s);
      some(s, 1, 'stall', (c) =>
        anyLauncher(s, c).coordinator.stall(c.between(100, c.chance() < 0.8 ? 2_000 : 30_000)),
      );
      return;
    case 'takeover':
      agents(s);
      store(s, 0.85);
      leaving(s);
      some(s, 4, 'coordinator', (c) => hurtCoordinator(s, c));
      maybe(s, 0.2, 'another launcher', [0, STORM_MS], () => s.startLauncher());
      return;
    case 'quiet':
      maybe(s, 0.5, 'away', [1_000, STORM_MS], (c) => away(s, c, c.between(500, 60_000)));
      some(s, 4, 'coordinator', oneAfterTheOther(s, hurtCoordinator));
      return;
    case 'death':
      if (s.world.own('agents too').chance() < 0.5) agents(s);
      store(s, 0.95);
      maybe(s, 0.7, 'another launcher', [0, STORM_MS], () => s.startLauncher());
      some(s, 2, 'coordinator', (c) => hurtCoordinator(s, c));
      some(s, 3, 'death', (c) => anyLauncher(s, c).die(howToDie(s, c)));
      return;
    case 'cut':
      maybe(s, 1, 'another launcher', [0, 20_000], () => s.startLauncher());
      maybe(s, 1, 'cut', [2_000, STORM_MS], (c) => cut(s, c));
      some(s, 2, 'coordinator', (c) => hurtCoordinator(s, c));
      return;
    case 'rows':
      agents(s);
      some(s, 8, 'deletion', (c) => deletions(s, c));
      some(s, 2, 'coordinator', (c) => hurtCoordinator(s, c));
  }
}

/** At most so many of this fault, each at a time of its own. */
function some(s: Breakable, most: number, what: string, act: (c: Chance) => void): void {
  const c = s.world.own(what);
  for (let n = c.int(0, most); n > 0; n--) once(s, `${what} ${n}`, c.between(1_000, STORM_MS), act);
}

/** One of this fault, with this probability. */
function maybe(
  s: Breakable,
  share: number,
  what: string,
  [from, to]: [number, number],
  act: (c: Chance) => void,
): void {
  const c = s.world.own(what);
  if (c.chance() < share) once(s, what, c.between(from, to), act);
}

function once(s: Breakable, what: string, at: number, act: (c: Chance) => void): void {
  const name = `fault ${what} at ${at.toFixed(0)} ms`;
  const c = s.world.own(name);
  if (s.world.has(name)) s.world.at(at, () => act(c));
}

function anyLauncher(s: Breakable, c: Chance): LauncherSim {
  const alive = s.launchers.filter((l) => l.over === null);
  return c.pick(alive.length > 0 ? alive : s.launchers);
}

function anyAgent(s: Breakable, c: Chance): { of: LauncherSim; agent: AgentSim } {
  const of = anyLauncher(s, c);
  return { of, agent: c.pick(of.agents) };
}

function agents(s: Breakable): void {
  const { world: w } = s;
  some(s, 6, 'cut of an agent', (c) => {
    const { of, agent } = anyAgent(s, c);
    const until = w.now + c.between(500, 25_000);
    const way = c.pick(['in', 'out', 'both'] as const);
    if (way !== 'out') of.network.cut(agent.incarnation, 'in', until);
    if (way !== 'in') of.network.cut(agent.incarnation, 'out', until);
  });
  some(s, 3, 'stall of an agent', (c) => anyAgent(s, c).agent.stall(c.between(100, 20_000)));
  some(s, 1, 'late agent', (c) => {
    const { agent } = anyAgent(s, c);
    lateLoop(s, c, { stall: (ms) => agent.stall(ms), isOver: () => agent.over });
  });
  some(s, 4, 'helper', (c) => anyAgent(s, c).agent.loseHelper());
  some(s, 2, 'shortage', (c) =>
    anyAgent(s, c).agent.short(c.pick([0, 1, 3]), c.pick([2_000, 20_000, 50_000])),
  );
  some(s, 2, 'guard', (c) => anyAgent(s, c).agent.loseGuard(c.between(50, 3_000)));
  some(s, 2, 'crash of an agent', (c) => {
    const { of, agent } = anyAgent(s, c);
    // One node of a launcher stays.
    const restart = c.chance() < 0.6 || agent === of.agents[0];
    // Some are cut off in their first moments, between the answer to hello and the first echo.
    if (restart && c.chance() < 0.3) agent.cutAtStart = firstMoments(c);
    agent.crash(restart);
  });
  maybe(s, 0.15, 'cut at the start', [0, 1], (c) => {
    anyAgent(s, c).agent.cutAtStart = firstMoments(c);
  });
  some(s, 1, 'signal to an agent', (c) => {
    if (c.chance() < 0.3) anyAgent(s, c).agent.stop();
  });
}

function firstMoments(c: Chance): { afterMs: number; ms: number } {
  return { afterMs: c.between(0.5, 4), ms: c.between(10_000, 25_000) };
}

/** Now and then longer than S, so that the launcher pauses and its agents end what they run. */
function store(s: Breakable, short: number): void {
  maybe(s, 0.5, 'away', [1_000, STORM_MS], (c) =>
    away(s, c, c.between(500, c.chance() < short ? 60_000 : 200_000)),
  );
}

function away({ world: w, store: server }: Breakable, c: Chance, ms: number): void {
  const until = w.now + ms;
  if (c.chance() < 0.5) return server.crash(until);
  server.awayUntil = until;
  w.trace(`store: away until ${until.toFixed(0)}`);
}

/** Users kill several jobs at once, now and then in a transaction that they leave open for seconds. */
function users(s: Breakable): void {
  some(s, 1, 'kills of a user', (c) => {
    const ids = [...s.store.jobs].map(([id]) => id).filter(() => c.chance() < 0.1);
    if (c.chance() < 0.5) s.store.kill(...ids);
    else s.store.killSlowly(ids, c.between(100, 15_000));
  });
}

function clocks(s: Breakable): void {
  const { world: w } = s;
  some(s, 2, 'wall clock', (c) => {
    s.wallStep = c.between(-3_600_000, 3_600_000);
  });
  // The database host's clock is not stepped forward by more than 30 s (PROTOCOL 12).
  maybe(s, 0.3, 'clock of the store', [0, STORM_MS], (c) => {
    s.store.clockStep = c.between(-60_000, 30_000);
    w.trace(`store: its clock is stepped by ${s.store.clockStep.toFixed(0)}`);
  });
}

/** It dies, or hangs so long that its warden ends it; both at once with an older one's takeover under way. */
function hurtCoordinator(s: Breakable, c: Chance): void {
  const l = anyLauncher(s, c);
  if (c.chance() < 0.6 || !l.beats) l.killCoordinator();
  else l.coordinator.stall(c.between(100, c.chance() < 0.4 ? 2_000 : 30_000));
}

/** One replacement fits into a lease, and nobody promises two: a second one begins when the successor of the first is heard. */
function oneAfterTheOther(s: Breakable, hurt: (s: Breakable, c: Chance) => void): (c: Chance) => void {
  let heardAt = -Infinity;
  return (c) => {
    if (s.world.now < heardAt) return;
    heardAt = s.world.now + CHAIN.takeover + 2 * CHAIN.heartbeat;
    hurt(s, c);
  };
}

/** A loop comes seconds late again and again; where nothing may be started anew, not so late that it is ended. */
function lateLoop(s: Breakable, c: Chance, of: { stall: (ms: number) => void; isOver: () => boolean }): void {
  const { world: w } = s;
  const until = w.now + c.between(5_000, 30_000);
  const again = (): void => {
    if (w.now >= until || of.isOver()) return;
    const ms = c.between(1_000, s.kind === 'quiet' ? 1_900 : 3_000);
    of.stall(ms);
    // Between two of them its beat is heard.
    w.after(ms + c.between(s.kind === 'quiet' ? 600 : 50, 2_000), again);
  };
  again();
}

function leaving(s: Breakable): void {
  const { world: w } = s;
  maybe(s, 0.15, 'signal to the launcher', [1_000, STORM_MS], (c) => {
    s.launchers[0]!.leave('signal', false);
    if (c.chance() < 0.3) w.after(1_000, () => s.launchers[0]!.leave('signal', true));
  });
}

/** Rows that are held go away under their launcher; some while a successor asks who has them, and one agent is not heard. */
function deletions(s: Breakable, c: Chance): void {
  const { world: w } = s;
  const until = w.now + c.between(0, 10_000);
  if (c.chance() < 0.6) {
    const { of, agent } = anyAgent(s, c);
    of.killCoordinator();
    for (const way of ['in', 'out'] as const) of.network.cut(agent.incarnation, way, until);
  }
  const again = (): void => {
    const held = [...s.store.jobs.values()].filter((r) => r.launcher !== null).map((r) => r.job.id);
    // Rather those that are not sent yet, or that nobody has named yet: they are so for short times.
    const brief = held.filter((id) => s.launchers.some((l) => isBrief(l, id)));
    const from = brief.length > 0 && c.chance() < 0.8 ? brief : held;
    const all = c.chance() < 0.3;
    if (from.length > 0) for (const id of all ? from : [c.pick(from)]) s.deleteRow(id);
    if (c.chance() < 0.4) breakConnections(s, c.between(100, 1_500));
    // Who is woken asks for more.
    for (const l of s.launchers) l.coordinator.post({ kind: 'wake' });
    if (w.now < until) w.after(c.between(1, 1_000), again);
  };
  again();
}

/** Most statements are lost in flight for so long: what the database holds is asked for again. */
function breakConnections({ world: w, store: server }: Breakable, ms: number): void {
  const { weather } = server;
  if (weather.unknown === BROKEN || w.now + ms >= STORM_MS) return;
  w.trace(`store: connections break for ${ms.toFixed(0)} ms`);
  server.weather = { ...weather, unknown: BROKEN };
  w.after(ms, () => {
    server.weather = weather;
  });
}

function isBrief(l: LauncherSim, id: string): boolean {
  const phase = l.coordinator.state?.entries.get(id)?.phase;
  return phase === 'queued' || phase === 'claimed' || phase === 'adopting';
}

/** Jobs that nobody watches are ended by a prover of the same host; on other hosts nobody could. */
function howToDie(s: Breakable, c: Chance): 'head' | 'all' | 'all-but-jobs' {
  return c.pick(s.oneHost ? ['head', 'all', 'all-but-jobs'] : ['head', 'all']);
}

/** Warden and coordinator stand still, or reach no database, beyond R. Some are told to leave before they hear of that. */
function cut(s: Breakable, c: Chance): void {
  const { world: w } = s;
  const l = c.chance() < 0.7 && s.launchers[0]?.over === null ? s.launchers[0] : anyLauncher(s, c);
  const ms = c.between(120_000, 400_000);
  if (c.chance() < 0.4) w.after(ms - c.between(0, 10_000), () => l.leave('signal', false));
  if (c.chance() < 0.6) return l.cutFromStore(w.now + ms);
  l.stallWarden(ms + 1_000);
  l.coordinator.stall(ms);
}
