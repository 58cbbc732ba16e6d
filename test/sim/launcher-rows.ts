/**
 * The statements of src/store/launcher/row.ts and rescue-store.ts on the simulated tables, with their locks and their
 * conditions. Each function gives a statement; what several of them make together is in store.ts.
 */
import type { LauncherNote } from '../../src/core/coordinator/batch.ts';
import { afterRun, isEnd } from '../../src/model/job.ts';
import type { Client } from './client.ts';
import type { Work } from './rows.ts';
import { reading, type Fence, type LauncherRow, type Member, type Tables } from './tables.ts';

/** Rows released by one statement; few, so that a rescue takes several. */
const RESCUE_CHUNK = 20;

export interface Candidate {
  id: number;
  epoch: number;
  state: LauncherRow['state'];
  silent: boolean;
}

/** `insert … on conflict (name) do nothing`: null when there is one of this name. */
export function insertLauncher(t: Tables, name: string, by: Client): Work<number | null> {
  return function* (s) {
    let made = 0;
    yield* s.upsert(t.names.row(name), (old) => (old === undefined ? (made = ++t.lastLauncher) : null));
    if (made === 0) return null;
    const row = { id: made, name, epoch: 1, state: 'alive' as const, heartbeatAt: t.clock(), owner: by };
    yield* s.upsert(t.launchers.row(made), () => row);
    s.tx.notes.push(() => t.world.trace(`store: launcher ${made} (${name})`));
    return made;
  };
}

export function launcherOfName(t: Tables, name: string): Work<{ id: number; epoch: number } | null> {
  return reading((s) => {
    const [found] = s.all(t.launchers, (l) => l.name === name);
    return found ? { id: found.value.id, epoch: found.value.epoch } : null;
  });
}

/** A plain update, which no fence stops. */
export function heartbeat(t: Tables, f: Fence): Work<boolean> {
  return function* (s) {
    const row = t.launchers.row(f.launcher);
    const l = yield* s.take(row, 'noKeyUpdate', (x) => x.epoch === f.epoch && x.state === 'alive');
    if (l) s.write(row, { ...l, heartbeatAt: t.clock() });
    return l !== null;
  };
}

export function raise(t: Tables, { launcher, epoch }: Fence, by: Client): Work<number | null> {
  return function* (s) {
    const raised = yield* t.changeLauncher(
      s,
      launcher,
      (l) => l.state === 'alive' && (l.epoch === epoch || l.epoch === epoch + 1),
      (l) => ({
        epoch: epoch + 1,
        heartbeatAt: t.clock(),
        owner: l.epoch === epoch || by.number > l.owner.number ? by : l.owner,
      }),
      (l) => `launcher ${l.id} epoch ${l.epoch} by ${by.name}`,
    );
    return raised?.epoch ?? null;
  };
}

export function epochFound(t: Tables, id: number): Work<number | null> {
  return reading((s) => {
    const l = s.see(t.launchers.row(id));
    return l?.state === 'alive' ? l.epoch : null;
  });
}

export function leave(t: Tables, f: Fence): Work<boolean> {
  return function* (s) {
    const left = yield* t.changeLauncher(
      s,
      f.launcher,
      (l) => l.epoch === f.epoch && l.state === 'alive',
      () => ({ state: 'ended' }),
      (l) => `launcher ${l.id} has ended`,
    );
    return left !== null;
  };
}

export function enrol(t: Tables, f: Fence, by: Client, members: readonly Member[]): Work<boolean> {
  return function* (s) {
    if (!(yield* t.fence(s, f, by))) return false;
    for (const m of members) {
      const key = m.incarnation === '' ? `#${++t.lastMember}` : m.incarnation;
      yield* s.upsert(t.roster.row(key), () => ({ ...m, launcher: f.launcher, ended: false }));
    }
    return true;
  };
}

export function roster(t: Tables, launcher: number): Work<Member[]> {
  return reading((s) => s.all(t.roster, (m) => m.launcher === launcher).map(({ value }) => value));
}

/** Those that a successor waits for. */
export function livingIncarnations(t: Tables, launcher: number): Work<string[]> {
  return reading((s) => {
    const rows = s.all(t.roster, (m) => m.launcher === launcher && m.incarnation !== '' && !m.ended);
    return rows.map(({ value }) => value.incarnation);
  });
}

export function drainedNodes(t: Tables, launcher: number): Work<{ node: number; reason: string }[]> {
  return reading((s) =>
    s.all(t.drained, (d) => d.launcher === launcher && !d.isLifted).map(({ value }) => value),
  );
}

/** Notes, each once, and the ends of incarnations. */
export function record(
  t: Tables,
  f: Fence,
  by: Client,
  source: number,
  notes: readonly LauncherNote[],
  ended: readonly string[],
): Work<boolean> {
  return function* (s) {
    if (!(yield* t.fence(s, f, by))) return false;
    for (const n of notes) {
      if (n.kind !== 'drained' && n.kind !== 'undrained') continue;
      // The newest of a node is what counts.
      const row = t.drained.row(`${f.launcher} ${n.node}`);
      const at = source * 1e6 + n.number;
      const isLifted = n.kind === 'undrained';
      const drained = { launcher: f.launcher, node: n.node!, reason: n.message, isLifted, at };
      yield* s.upsert(row, (old) => (old === undefined || old.at < at ? drained : null));
    }
    for (const incarnation of ended.toSorted()) {
      const row = t.roster.row(incarnation);
      const m = yield* s.take(row, 'noKeyUpdate', (x) => !x.ended);
      if (m) s.write(row, { ...m, ended: true });
    }
    return true;
  };
}

/** Alive, or over and still holding something. */
export function candidates(t: Tables, own: number, rescueMs: number): Work<Candidate[]> {
  return reading((s) => {
    const holders = new Set(s.all(t.jobs, (r) => r.launcher !== null).map(({ value }) => value.launcher));
    const found = s.all(t.launchers, (l) => l.id !== own && (l.state === 'alive' || holders.has(l.id)));
    return found.map(({ value: { id, epoch, state, heartbeatAt } }) => {
      return { id, epoch, state, silent: heartbeatAt < t.clock() - rescueMs };
    });
  });
}

export function tombstone(t: Tables, c: Candidate, rescueMs: number, proven: boolean): Work<boolean> {
  return function* (s) {
    const dead = yield* t.changeLauncher(
      s,
      c.id,
      (l) => l.epoch === c.epoch && l.state !== 'dead' && (proven || l.heartbeatAt < t.clock() - rescueMs),
      (l) => ({ state: 'dead', epoch: l.epoch + 1 }),
      (l) => `launcher ${l.id} is dead${proven ? ', proven' : ''}`,
    );
    return dead !== null;
  };
}

/** One chunk of what a dead launcher held, each by its state; the number of rows. What somebody has locked is left. */
export function releaseChunk(t: Tables, launcher: number): Work<number> {
  return function* (s) {
    const dead = yield* s.take(t.launchers.row(launcher), 'keyShare', (l) => l.state === 'dead');
    if (!dead) return 0;
    const held = s.all(t.jobs, (r) => r.launcher === launcher);
    held.sort((a, b) => (a.value.job.id < b.value.job.id ? -1 : 1));
    let released = 0;
    for (const { row } of held) {
      if (released === RESCUE_CHUNK) break;
      const r = yield* s.take(row, 'update', (x) => x.launcher === launcher, true);
      if (!r) continue;
      released += 1;
      const over = isEnd(r.state);
      const counted = { tries: r.tries + (r.state === 'RUNNING' ? 0 : 1), lostEnds: r.lostEnds + 1 };
      const steps = over ? [] : afterRun('RUN_TIMEOUT', r.job.autoTimeoutRetry);
      t.writeJob(s, row, steps, { launcher: null, ...(over ? {} : counted) }, 'rescue');
      if (over) continue;
      yield* s.upsert(t.attempt(r.job.id, r.attempt), (a) => ({
        launcher,
        started: a?.started ?? false,
        lastReport: a?.lastReport ?? 0,
        outcome: 'RUN_TIMEOUT' as const,
      }));
    }
    return released;
  };
}

export function stillHeld(t: Tables, launcher: number): Work<number> {
  return reading((s) => s.all(t.jobs, (r) => r.launcher === launcher).length);
}
