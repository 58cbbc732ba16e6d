/**
 * Interleavings of a few statements, and what must come of each: played on the simulated tables by store.test.ts and on a
 * real Postgres by test/store/model.test.ts, so that the model has what Postgres has. Each names the rule that needs it.
 */
import type { CommitRows } from '../../src/core/coordinator/batch.ts';
import { end, patch, release, start } from '../store/_store.ts';
import { idOf, type Hand, type Hands } from './hands.ts';
import type { Rules } from './tables.ts';

export interface Interleaving {
  name: string;
  /** Broken on purpose. */
  rules?: Partial<Rules>;
  play: (db: Hands) => Promise<string[]>;
  expected: readonly string[];
}

const EMPTY: CommitRows = { starts: [], patches: [], ends: [], releases: [] };
const job = (letter: string, attempt = 1): { id: string; attempt: number } => ({ id: idOf(letter), attempt });

const starts = (report: number, ...jobs: string[]): CommitRows => ({
  ...EMPTY,
  starts: jobs.map((j) => start(job(j), report)),
});
const ends = (report: number, ...jobs: string[]): CommitRows => ({
  ...EMPTY,
  ends: jobs.map((j) => end(job(j), report)),
});
const patches = (report: number, ...jobs: string[]): CommitRows => ({
  ...EMPTY,
  patches: jobs.map((j) => patch(job(j), report, { at: report })),
});
const releases = (...jobs: string[]): CommitRows => ({
  ...EMPTY,
  releases: jobs.map((j) => release(job(j))),
});

async function hands(db: Hands): Promise<[Hand, Hand, Hand]> {
  return [await db.hand(), await db.hand(), await db.hand()];
}

/** A zombie's lease has its snapshot; then the epoch is raised; then the zombie looks at its fence. */
async function zombieLeases(db: Hands): Promise<string[]> {
  const [zombie, successor] = await hands(db);
  await db.create('a');
  const lease = await zombie.send({ kind: 'lease', epoch: 1, limit: 5 }, { held: true });
  const before = await lease.state();
  const raised = await successor.ask({ kind: 'raise', epoch: 1 });
  await lease.go();
  return [before, raised, await lease.answer(), await db.row('a')];
}

export const INTERLEAVINGS: readonly Interleaving[] = [
  {
    name: 'a lease that began before a change of epoch and locks its fence after it sees the new row (PROTOCOL 1)',
    play: zombieLeases,
    expected: ['held', '2', 'nothing', 'CREATED -#0'],
  },
  {
    name: 'a bare update of the epoch lets a zombie with an older snapshot lease (PROTOCOL 1)',
    rules: { change: 'bare' },
    play: zombieLeases,
    expected: ['held', '2', 'a#1', 'PREPROCESSED 1#1'],
  },
  {
    name: 'a fence that is read and not locked lets the zombie lease (PROTOCOL 1)',
    rules: { fence: 'plain' },
    play: zombieLeases,
    expected: ['held', '2', 'a#1', 'PREPROCESSED 1#1'],
  },
  {
    name: 'a heartbeat between the snapshot and the change of epoch hides nothing from the fence',
    async play(db) {
      const [zombie, successor] = await hands(db);
      await db.create('a');
      const lease = await zombie.send({ kind: 'lease', epoch: 1, limit: 5 }, { held: true });
      const beat = await successor.ask({ kind: 'heartbeat', epoch: 1 });
      const raised = await successor.ask({ kind: 'raise', epoch: 1 });
      await lease.go();
      return [beat, raised, await lease.answer()];
    },
    expected: ['true', '2', 'nothing'],
  },
  {
    name: 'a heartbeat under way, or done since the snapshot, keeps no fence from being locked',
    async play(db) {
      const [coordinator, heart, late] = await hands(db);
      await db.create('a', 'b');
      const held = await late.send({ kind: 'lease', epoch: 1, limit: 1 }, { held: true });
      await heart.begin();
      const beat = await heart.ask({ kind: 'heartbeat', epoch: 1 });
      const first = await coordinator.ask({ kind: 'lease', epoch: 1, limit: 1 });
      await heart.commit();
      await held.go();
      return [beat, first, await held.answer()];
    },
    expected: ['true', 'a#1', 'b#1'],
  },
  {
    name: 'a change of epoch waits for the fences that are locked, and no heartbeat does',
    async play(db) {
      const [zombie, heart, successor] = await hands(db);
      await db.create('a');
      await zombie.begin();
      const leased = await zombie.ask({ kind: 'lease', epoch: 1, limit: 5 });
      const beat = await heart.ask({ kind: 'heartbeat', epoch: 1 });
      const raise = await successor.send({ kind: 'raise', epoch: 1 });
      const waits = await raise.state();
      await zombie.commit();
      const raised = await raise.answer();
      return [leased, beat, waits, raised, await db.row('a')];
    },
    expected: ['a#1', 'true', 'waits', '2', 'PREPROCESSED 1#1'],
  },
  {
    name: 'a bare update of the epoch waits for no fence',
    rules: { change: 'bare' },
    async play(db) {
      const [zombie, successor] = await hands(db);
      await db.create('a');
      await zombie.begin();
      const leased = await zombie.ask({ kind: 'lease', epoch: 1, limit: 5 });
      const raised = await successor.ask({ kind: 'raise', epoch: 1 });
      await zombie.commit();
      return [leased, raised, await db.row('a')];
    },
    expected: ['a#1', '2', 'PREPROCESSED 1#1'],
  },
  {
    name: 'a fence and a heartbeat wait for a change of epoch, and find that it is not theirs any more',
    async play(db) {
      const [successor, zombie, heart] = await hands(db);
      await db.create('a');
      await zombie.ask({ kind: 'lease', epoch: 1, limit: 1 });
      await successor.begin();
      const raised = await successor.ask({ kind: 'raise', epoch: 1 });
      const write = await zombie.send({ kind: 'commit', epoch: 1, rows: ends(1, 'a') });
      const beat = await heart.send({ kind: 'heartbeat', epoch: 1 });
      const waits = [await write.state(), await beat.state()];
      await successor.commit();
      return [raised, ...waits, await write.answer(), await beat.answer(), await db.row('a')];
    },
    expected: ['2', 'waits', 'waits', 'fenced off', 'false', 'PREPROCESSED 1#1'],
  },
  {
    name: 'a change of epoch that is rolled back was none',
    async play(db) {
      const [successor, zombie] = await hands(db);
      await db.create('a');
      await successor.begin();
      await successor.ask({ kind: 'raise', epoch: 1 });
      const lease = await zombie.send({ kind: 'lease', epoch: 1, limit: 1 });
      const waits = await lease.state();
      await successor.rollback();
      return [waits, await lease.answer(), await db.row('a')];
    },
    expected: ['waits', 'a#1', 'PREPROCESSED 1#1'],
  },
  {
    name: 'two leasers never get one row: the second skips what is locked, and sees nothing that is not committed (PROTOCOL 2)',
    async play(db) {
      const [one, two, reader] = await hands(db);
      await db.create('a', 'b', 'c');
      await one.begin();
      const first = await one.ask({ kind: 'lease', epoch: 1, limit: 2 });
      const unseen = await db.row('a');
      const second = await two.ask({ kind: 'lease', launcher: 2, epoch: 1, limit: 5 });
      await one.rollback();
      const third = await reader.ask({ kind: 'lease', launcher: 2, epoch: 1, limit: 5 });
      return [first, unseen, second, third, await db.row('a')];
    },
    expected: ['a#1 b#1', 'CREATED -#0', 'c#1', 'a#1 b#1', 'PREPROCESSED 2#1'],
  },
  {
    name: 'a lease judges each row anew: dropped when it was taken or killed since, taken as it is now when it came back',
    async play(db) {
      const [late, other, user] = await hands(db);
      await db.create('a', 'b', 'c');
      const lease = await late.send({ kind: 'lease', epoch: 1, limit: 5 }, { held: true });
      const taken = await other.ask({ kind: 'lease', launcher: 2, epoch: 1, limit: 2 });
      await other.ask({ kind: 'commit', launcher: 2, epoch: 1, rows: releases('b') });
      await user.ask({ kind: 'kill', jobs: ['c'] });
      await lease.go();
      return [taken, await lease.answer(), await db.row('a'), await db.row('b'), await db.row('c')];
    },
    expected: ['a#1 b#1', 'b#2', 'PREPROCESSED 2#1', 'PREPROCESSED 1#2', 'USER_KILLED -#0'],
  },
  {
    name: 'a row that its snapshot does not show as free is not leased, though it is free now',
    async play(db) {
      const [late, other] = await hands(db);
      await db.create('a', 'b');
      await other.ask({ kind: 'lease', launcher: 2, epoch: 1, limit: 1 });
      const lease = await late.send({ kind: 'lease', epoch: 1, limit: 5 }, { held: true });
      await other.ask({ kind: 'commit', launcher: 2, epoch: 1, rows: releases('a') });
      await lease.go();
      return [await lease.answer(), await db.row('a')];
    },
    expected: ['b#1', 'PREPROCESSED -#1'],
  },
  {
    name: 'an end waits for a kill of its job, does not overwrite it, and lets the job go (PROTOCOL 7)',
    async play(db) {
      const [coordinator, user] = await hands(db);
      await db.create('a');
      await coordinator.ask({ kind: 'lease', epoch: 1, limit: 1 });
      await user.begin();
      const killed = await user.ask({ kind: 'kill', jobs: ['a'] });
      const write = await coordinator.send({ kind: 'commit', epoch: 1, rows: ends(1, 'a') });
      const waits = await write.state();
      await user.commit();
      return [killed, waits, await write.answer(), await db.row('a')];
    },
    expected: ['a', 'waits', 'killed', 'USER_KILLED -#1'],
  },
  {
    name: 'a kill waits for an end, and finds nothing to kill',
    async play(db) {
      const [coordinator, user] = await hands(db);
      await db.create('a');
      await coordinator.ask({ kind: 'lease', epoch: 1, limit: 1 });
      await coordinator.begin();
      const ended = await coordinator.ask({ kind: 'commit', epoch: 1, rows: ends(1, 'a') });
      const kill = await user.send({ kind: 'kill', jobs: ['a'] });
      const waits = await kill.state();
      await coordinator.commit();
      return [ended, waits, await kill.answer(), await db.row('a')];
    },
    expected: ['applied', 'waits', 'nothing', 'JOB_FINISHED -#1'],
  },
  {
    name: 'a report that is written twice at once is told as a duplicate the second time',
    async play(db) {
      const [one, two] = await hands(db);
      await db.create('a');
      await one.ask({ kind: 'lease', epoch: 1, limit: 1 });
      await one.ask({ kind: 'commit', epoch: 1, rows: starts(1, 'a') });
      await one.begin();
      const first = await one.ask({ kind: 'commit', epoch: 1, rows: ends(2, 'a') });
      const write = await two.send({ kind: 'commit', epoch: 1, rows: ends(2, 'a') });
      const waits = await write.state();
      await one.commit();
      return [first, waits, await write.answer(), await db.row('a')];
    },
    expected: ['applied', 'waits', 'duplicate', 'JOB_FINISHED -#1'],
  },
  {
    name: 'what a statement reads beside the row that it waited for is as old as its snapshot',
    async play(db) {
      const [one, two] = await hands(db);
      await db.create('a');
      await one.ask({ kind: 'lease', epoch: 1, limit: 1 });
      await one.begin();
      const first = await one.ask({ kind: 'commit', epoch: 1, rows: patches(1, 'a') });
      const write = await two.send({ kind: 'commit', epoch: 1, rows: patches(1, 'a') });
      const waits = await write.state();
      await one.commit();
      const second = await write.answer();
      return [first, waits, second, await one.ask({ kind: 'commit', epoch: 1, rows: patches(1, 'a') })];
    },
    // Not seen as a repeat: the attempt row is of its snapshot. Under one epoch nobody sends a patch twice at once.
    expected: ['applied', 'waits', 'applied', 'duplicate'],
  },
  {
    name: 'a rescue leaves a row that a user has locked, and takes it when it is free (PROTOCOL 4)',
    async play(db) {
      const [coordinator, user, rescuer] = await hands(db);
      await db.create('a', 'b');
      await coordinator.ask({ kind: 'lease', epoch: 1, limit: 2 });
      await coordinator.ask({ kind: 'commit', epoch: 1, rows: starts(1, 'a') });
      const early = await rescuer.ask({ kind: 'take back' });
      const buried = await rescuer.ask({ kind: 'bury', epoch: 1 });
      await user.begin();
      await user.ask({ kind: 'kill', jobs: ['a'] });
      const some = await rescuer.ask({ kind: 'take back' });
      await user.commit();
      const rest = await rescuer.ask({ kind: 'take back' });
      return [early, buried, some, rest, await db.row('a'), await db.row('b')];
    },
    expected: ['0', 'true', '1', '1', 'USER_KILLED -#1', 'RESTART_READY -#1'],
  },
  {
    name: 'a tombstone waits for a commit under way, and nothing is written after it',
    async play(db) {
      const [coordinator, rescuer] = await hands(db);
      await db.create('a', 'b');
      await coordinator.ask({ kind: 'lease', epoch: 1, limit: 2 });
      await coordinator.begin();
      const ended = await coordinator.ask({ kind: 'commit', epoch: 1, rows: ends(1, 'a') });
      const bury = await rescuer.send({ kind: 'bury', epoch: 1 });
      const waits = await bury.state();
      await coordinator.commit();
      const buried = await bury.answer();
      const late = await coordinator.ask({ kind: 'commit', epoch: 1, rows: ends(2, 'b') });
      return [ended, waits, buried, late, await db.row('a'), await db.row('b')];
    },
    expected: ['applied', 'waits', 'true', 'fenced off', 'JOB_FINISHED -#1', 'PREPROCESSED 1#1'],
  },
];
