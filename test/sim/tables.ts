/**
 * The tables of the simulated database, and what its statements share: the fence, the change of a launcher's row, the step
 * of a job's state by the table of states. The statements are in launcher-rows, job-rows and commit-rows.
 */
import type { LeasedJob } from '../../src/core/coordinator/batch.ts';
import { isAllowed, type JobState, type Outcome } from '../../src/model/job.ts';
import { Table, type Row, type Statement, type Stop, type Work } from './rows.ts';
import type { Client } from './client.ts';
import type { World } from './world.ts';

/** Values are never changed in place: a write makes a new one. */
export interface JobRow {
  readonly job: LeasedJob;
  readonly state: JobState;
  readonly launcher: number | null;
  readonly attempt: number;
  readonly tries: number;
  readonly lostEnds: number;
  readonly data: ReadonlyMap<string, unknown>;
}

export interface AttemptRow {
  readonly launcher: number;
  readonly started: boolean;
  readonly outcome: Outcome | null;
  readonly lastReport: number;
}

/** A process that can run or guard jobs of a launcher; the prover sees whether it lives, when it is of his own host. */
export interface Member {
  host: string;
  incarnation: string;
  lives: () => boolean;
}

/** A row of `roster`; `ended`: it is over, and all that it reported or held is written. */
export interface RosterRow extends Member {
  readonly launcher: number;
  readonly ended: boolean;
}

/** A drained node, of the rows of `launcher_event` the only ones that anybody decides by. */
export interface DrainedRow {
  readonly launcher: number;
  readonly node: number;
  readonly reason: string;
  /** It was taken again. */
  readonly isLifted: boolean;
  /** Order of its notes. */
  readonly at: number;
}

export interface LauncherRow {
  readonly id: number;
  readonly name: string;
  readonly epoch: number;
  readonly state: 'alive' | 'ended' | 'dead';
  /** By the database's clock. */
  readonly heartbeatAt: number;
  /** Who raised the epoch last: the only one that may write. Not in the real table: for the check alone. */
  readonly owner: Client;
}

export interface Fence {
  launcher: number;
  epoch: number;
}

/** Rules of PROTOCOL 1 that can be broken on purpose. */
export interface Rules {
  /** locked: `for key share`; plain: the same row, read and not locked; none: no fence at all. */
  fence: 'locked' | 'plain' | 'none';
  /** locked: the row is locked `for update` and changed in one statement; bare: a plain update. */
  change: 'locked' | 'bare';
  /** The check at each commit that nobody but the owner of the launcher's row writes for it. */
  owner: boolean;
  /** Lost helpers are counted (PROTOCOL 10). */
  counts: boolean;
}

export const HONEST: Rules = { fence: 'locked', change: 'locked', owner: true, counts: true };

export class Tables {
  readonly jobs = new Table<string, JobRow>('job');
  readonly attempts = new Table<string, AttemptRow>('attempt');
  readonly launchers = new Table<number, LauncherRow>('launcher');
  /** The unique index on the name of a launcher. */
  readonly names = new Table<string, number>('launcher of name');
  readonly roster = new Table<string, RosterRow>('roster');
  readonly drained = new Table<string, DrainedRow>('launcher_event');
  /** Of the identity columns. */
  lastLauncher = 0;
  lastMember = 0;
  readonly world: World;
  readonly rules: Rules;
  /** The clock of the database. */
  readonly clock: () => number;
  /** Hears, at a commit, that a row is held by nobody any more. */
  readonly #freed: (id: string, attempt: number, by: string) => void;

  constructor(
    world: World,
    rules: Rules,
    clock: () => number,
    freed: (id: string, attempt: number, by: string) => void,
  ) {
    this.world = world;
    this.rules = rules;
    this.clock = clock;
    this.#freed = freed;
  }

  attempt(id: string, attempt: number): Row<AttemptRow> {
    return this.attempts.row(`${id} ${attempt}`);
  }

  /** The fence of PROTOCOL 1, first in every statement that writes for a launcher. */
  *fence(s: Statement, f: Fence, by: Client): Generator<Stop, boolean, void> {
    const row = this.launchers.row(f.launcher);
    const matches = (l: LauncherRow): boolean => l.epoch === f.epoch && l.state === 'alive';
    const { fence } = this.rules;
    let there = true;
    if (fence === 'locked') there = (yield* s.take(row, 'keyShare', matches)) !== null;
    if (fence === 'plain') {
      const l = s.see(row);
      there = l !== undefined && matches(l);
    }
    if (there) this.#owns(s, f, by);
    return there;
  }

  /** Whoever writes under a fence must be the newest coordinator of a launcher that lives, still when it commits. */
  #owns(s: Statement, f: Fence, by: Client): void {
    if (!this.rules.owner) return;
    s.tx.notes.push(() => {
      const l = this.launchers.get(f.launcher)!;
      this.world.check(
        s.tx.written.size === 0 || (l.owner === by && l.state === 'alive' && l.epoch === f.epoch),
        `${by.name} writes under epoch ${f.epoch} and is fenced off: ${l.name} is ${l.state}, epoch ${l.epoch}`,
      );
    });
  }

  /** A change of epoch or state (PROTOCOL 1): lock and update in one statement. null: no such row. */
  *changeLauncher(
    s: Statement,
    id: number,
    matches: (l: LauncherRow) => boolean,
    change: (l: LauncherRow) => Partial<LauncherRow>,
    say: (l: LauncherRow) => string,
  ): Generator<Stop, LauncherRow | null, void> {
    const row = this.launchers.row(id);
    const l = yield* s.take(row, this.rules.change === 'bare' ? 'noKeyUpdate' : 'update', matches);
    if (!l) return null;
    const changed = { ...l, ...change(l) };
    s.write(row, changed);
    s.tx.notes.push(() => this.world.trace(`store: ${say(changed)}`));
    return changed;
  }

  /** A new version of a job's row; `steps` are the states that it passes. `by` says who lets it go, if it is let go. */
  writeJob(
    s: Statement,
    row: Row<JobRow>,
    steps: readonly JobState[],
    change: Partial<JobRow>,
    by: string,
  ): void {
    const old = row.newest(s.tx)!.value!;
    let { state } = old;
    for (const to of steps) {
      this.world.check(isAllowed(state, to), `${old.job.id}: ${state} → ${to} is not in the table`);
      this.world.trail.add(`job ${state}→${to}`);
      state = to;
    }
    const changed = { ...old, ...change, state };
    s.write(row, changed);
    if (old.launcher === null || changed.launcher !== null) return;
    s.tx.notes.push(() => this.#freed(old.job.id, old.attempt, by));
  }
}

/** A plain read. */
export function reading<T>(read: (s: Statement) => T): Work<T> {
  // A statement that never waits.
  // oxlint-disable-next-line require-yield
  return function* (s) {
    return read(s);
  };
}
