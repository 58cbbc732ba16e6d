/**
 * The statements of src/store/launcher/lease.ts, job-store.ts and the poll for kills on the simulated tables.
 */
import type { LeasedJob } from '../../src/core/coordinator/batch.ts';
import { LEASABLE_STATES, isEnd, type JobState } from '../../src/model/job.ts';
import type { Client } from './client.ts';
import type { Work } from './rows.ts';
import { reading, type Fence, type JobRow, type Tables } from './tables.ts';

export type Held = LeasedJob & { state: JobState };

/** Pick, lock what nobody else has locked, take: rows in the order that the snapshot gives, each judged as it is now. */
export function lease(t: Tables, f: Fence, by: Client, limit: number, maxNodes: number): Work<LeasedJob[]> {
  const runnable = (r: JobRow): boolean =>
    r.launcher === null &&
    (LEASABLE_STATES as readonly JobState[]).includes(r.state) &&
    r.job.numNodes <= maxNodes;
  return function* (s) {
    if (!(yield* t.fence(s, f, by))) return [];
    const free = s.all(t.jobs, runnable);
    free.sort((a, b) => b.value.job.numNodes - a.value.job.numNodes);
    const taken: LeasedJob[] = [];
    for (const { row } of free) {
      if (taken.length === limit) break;
      const r = yield* s.take(row, 'update', runnable, true);
      if (!r) continue;
      const steps = r.state === 'CREATED' ? (['READY', 'STAGED_IN', 'PREPROCESSED'] as const) : [];
      t.writeJob(s, row, steps, { launcher: f.launcher, attempt: r.attempt + 1 }, '');
      taken.push({ ...r.job, attempt: r.attempt + 1 });
    }
    return taken;
  };
}

/** The fence read and not locked: why a lease was empty. */
export function isFenced(t: Tables, f: Fence): Work<boolean> {
  return reading((s) => {
    if (t.rules.fence === 'none') return true;
    const l = s.see(t.launchers.row(f.launcher));
    return l?.epoch === f.epoch && l.state === 'alive';
  });
}

export function held(t: Tables, launcher: number): Work<Held[]> {
  return reading((s) =>
    s
      .all(t.jobs, (r) => r.launcher === launcher)
      .map(({ value: r }) => {
        return { ...r.job, attempt: r.attempt, state: r.state };
      }),
  );
}

export function killed(t: Tables, launcher: number): Work<{ id: string; attempt: number }[]> {
  return reading((s) =>
    s
      .all(t.jobs, (r) => r.launcher === launcher && r.state === 'USER_KILLED')
      .map(({ value: r }) => ({ id: r.job.id, attempt: r.attempt })),
  );
}

/** Somebody deletes a row past all guards, whoever holds it. */
export function remove(t: Tables, id: string): Work<boolean> {
  return function* (s) {
    const row = t.jobs.row(id);
    const r = yield* s.take(row, 'update', () => true);
    if (!r) return false;
    s.write(row, undefined);
    s.tx.notes.push(() => t.world.trace(`user: deletes ${id}`));
    return true;
  };
}

/** A user's kill, in the order of ids: held or not, the state is USER_KILLED; launcher and attempt stay. */
export function kill(t: Tables, ids: readonly string[]): Work<string[]> {
  return function* (s) {
    const killed: string[] = [];
    for (const id of ids.toSorted()) {
      const row = t.jobs.row(id);
      const r = yield* s.take(row, 'update', () => true);
      const before = s.see(row);
      if (!r || !before || isEnd(before.state) || isEnd(r.state)) continue;
      s.tx.notes.push(() => t.world.trace(`user: kills ${id} (${r.state})`));
      t.writeJob(s, row, ['USER_KILLED'], {}, '');
      killed.push(id);
    }
    return killed;
  };
}
