/**
 * The simulated database is as honest as the simulation needs it (PROTOCOL 13). Goal: each interleaving ends as on a real
 * Postgres, where test/store/model.test.ts plays the same; and where a rule is broken, it ends otherwise. Method: sessions
 * driven by hand, then a server with a clock, without weather.
 */
import test from 'ava';
import { WorldError } from '../../src/base/errors.ts';
import type { CommitRows } from '../../src/core/coordinator/batch.ts';
import { end, patch } from '../store/_store.ts';
import { Client, type Program } from './client.ts';
import { ModelHands } from './hands.ts';
import { INTERLEAVINGS } from './interleavings.ts';
import { kill } from './job-rows.ts';
import { Transaction } from './rows.ts';
import { CALM_STORE } from './server.ts';
import { Store } from './store.ts';
import { Violation, World } from './world.ts';

for (const { name, rules, play, expected } of INTERLEAVINGS)
  test(name, async (t) => t.deepEqual(await play(new ModelHands(rules)), [...expected]));

// --- in time ---

const FENCE = { launcher: 1, epoch: 1 };
const EMPTY: CommitRows = { starts: [], patches: [], ends: [], releases: [] };
const A = { id: 'a', attempt: 1 };

/** A server with one launcher that holds job a; what its clients are told is in `told`, each with its time. */
class Rig {
  readonly world: World;
  readonly store: Store;
  readonly told: string[] = [];
  readonly first = new Client('L1.0', 0, 1, { awayUntil: 0 });
  readonly second = new Client('L1.1', 1, 1, { awayUntil: 0 });

  constructor(seed = 1) {
    this.world = new World(seed);
    this.store = new Store(this.world, CALM_STORE, {}, () => {});
    this.store.create('a', {});
    this.send('registered', this.first, this.store.register('L1', this.first));
    this.runTo(50);
    this.send('leased', this.first, this.store.lease(FENCE, this.first, 1, 1));
    this.runTo(100);
    this.told.length = 0;
  }

  send<T>(what: string, client: Client, program: Program<T>): void {
    this.store.run(client, program, (result) => {
      const s = Math.round(this.world.now / 1_000);
      this.told.push(`${what} ${result instanceof WorldError ? result.code : 'done'} at ${s}`);
    });
  }

  /** A commit of one statement, or of two in a transaction. */
  write(client: Client, statements: 1 | 2 = 1): void {
    const patches = statements === 2 ? [patch(A, 1, { at: 1 })] : [];
    this.send('end', client, this.store.commit(FENCE, client, { ...EMPTY, patches, ends: [end(A, 2)] }));
  }

  runTo(ms: number): void {
    this.world.run(ms, () => false);
  }

  get state(): string {
    return this.store.jobs.get('a')!.state;
  }

  get epoch(): number {
    return this.store.launchers.get(1)!.epoch;
  }
}

/** Runs until the condition holds; the world may not end before it. */
function until(rig: Rig, condition: () => boolean): void {
  rig.world.run(rig.world.now + 400_000, condition);
  if (!condition()) throw new Error('it did not come to that');
}

test('a statement goes on when its client is dead; a transaction that lacks its commit does not', (t) => {
  for (const statements of [1, 2] as const) {
    const rig = new Rig();
    rig.write(rig.first, statements);
    rig.first.isDead = true;
    rig.runTo(1_000);
    t.is(rig.state, statements === 1 ? 'JOB_FINISHED' : 'PREPROCESSED');
    t.deepEqual(rig.told, [], 'the dead hear nothing');
    t.is(rig.store.sessions.size, 0);
  }
});

test('a commit that is on its way to a slow disk: unknown to its client after 10 s, unseen until it is there', (t) => {
  const rig = new Rig();
  rig.store.slowDisk(Infinity, 300_000);
  rig.write(rig.first);
  rig.runTo(10_500);
  t.deepEqual(rig.told, ['end outcome-unknown at 10']);
  t.is(rig.state, 'PREPROCESSED');
  rig.store.kill('a');
  rig.runTo(20_000);
  t.is(rig.state, 'PREPROCESSED', 'the kill waits for the row');
  until(rig, () => rig.state === 'JOB_FINISHED');
  t.pass();
});

test('what is past the point commits though its client is dead and its backend was told to end', (t) => {
  const rig = new Rig();
  rig.store.slowDisk(200, 7_000);
  rig.write(rig.first);
  rig.runTo(200);
  rig.first.isDead = true;
  t.is(rig.store.endSessions(1, rig.second), 1);
  rig.send('raise', rig.second, rig.store.raise(FENCE, rig.second));
  rig.runTo(300);
  t.is(rig.epoch, 1, 'the change of epoch waits for the fence of the zombie');
  until(rig, () => rig.told.length > 0);
  t.deepEqual([rig.state, rig.told[0]!.slice(0, 10)], ['JOB_FINISHED', 'raise done']);
  t.is(rig.epoch, 2);
});

test('a backend that waits ends when it is told to, and writes nothing', (t) => {
  for (let seed = 1; seed <= 20; seed++) {
    const rig = new Rig(seed);
    const holder = heldRow(rig.store, 'a');
    rig.write(rig.first);
    rig.runTo(200);
    rig.store.endSessions(1, rig.second);
    // It heeds a signal late, but before its statement is over.
    rig.runTo(6_000);
    t.is(rig.told.length, 1);
    t.regex(rig.told[0]!, /^end outcome-unknown/);
    rig.store.transactions.abort(holder);
    rig.runTo(20_000);
    t.is(rig.state, 'PREPROCESSED');
  }
});

test('statement_timeout ends a statement that waits: nothing is done, and its client knows', (t) => {
  const rig = new Rig();
  const holder = heldRow(rig.store, 'a');
  rig.write(rig.first, 2);
  rig.runTo(9_000);
  t.deepEqual(rig.told, ['end unavailable at 8']);
  rig.store.transactions.abort(holder);
  rig.runTo(20_000);
  t.is(rig.state, 'PREPROCESSED');
  t.is(rig.store.sessions.size, 0);
});

test('a client that stands still in a transaction loses it: its rows are free after 10 s', (t) => {
  const rig = new Rig();
  rig.write(rig.first, 2);
  rig.first.stalledUntil = 40_000;
  rig.runTo(5_000);
  rig.store.kill('a');
  rig.runTo(9_000);
  t.is(rig.state, 'PREPROCESSED', 'it holds the row');
  rig.runTo(12_000);
  t.is(rig.state, 'USER_KILLED');
  rig.runTo(50_000);
  t.is(rig.told.length, 1);
  t.regex(rig.told[0]!, /^end outcome-unknown/);
  t.is(rig.state, 'USER_KILLED');
});

test('an answer that comes while its client stands still beyond its deadline is not heard: unknown, and done', (t) => {
  const rig = new Rig();
  rig.write(rig.first);
  rig.first.stalledUntil = 40_000;
  rig.runTo(50_000);
  t.is(rig.state, 'JOB_FINISHED');
  t.regex(rig.told.join(), /^end outcome-unknown/);
});

test('unknown outcomes: some are done, some later, some never, and of all the client says that it does not know', (t) => {
  const ends = new Map<string, number>();
  for (let seed = 1; seed <= 200; seed++) {
    const rig = new Rig(seed);
    rig.store.weather = { unknown: 1, failed: 0, slow: 0 };
    rig.write(rig.first);
    rig.store.weather = CALM_STORE;
    rig.runTo(15_000);
    t.regex(rig.told.join(), /^end outcome-unknown/);
    const early = rig.state;
    rig.runTo(60_000);
    const end = `${early} ${rig.state}`;
    ends.set(end, (ends.get(end) ?? 0) + 1);
  }
  t.log([...ends].map(([end, n]) => `${end}: ${n}`).join(', '));
  t.deepEqual([...ends.keys()].toSorted(), [
    'JOB_FINISHED JOB_FINISHED',
    'PREPROCESSED JOB_FINISHED',
    'PREPROCESSED PREPROCESSED',
  ]);
});

test('a crash undoes what was not committed; what was on its way to the disk is there or not', (t) => {
  const states = new Set<string>();
  for (let seed = 1; seed <= 20; seed++) {
    const rig = new Rig(seed);
    rig.store.slowDisk(200, 1e9);
    rig.write(rig.first);
    rig.runTo(200);
    rig.store.crash(1_000);
    states.add(rig.state);
    rig.runTo(2_000);
    t.regex(rig.told.join(), /^end outcome-unknown/);
    t.is(rig.store.sessions.size, 0);
    rig.send('again', rig.first, rig.store.heartbeat(FENCE));
    rig.runTo(3_000);
    t.is(rig.told.length, 2);
  }
  t.deepEqual([...states].toSorted(), ['JOB_FINISHED', 'PREPROCESSED']);
});

test('who writes under a fence that is not his is told at the commit', (t) => {
  const rig = new Rig();
  rig.send('raise', rig.second, rig.store.raise(FENCE, rig.second));
  rig.runTo(200);
  rig.send(
    'end',
    rig.first,
    rig.store.commit({ launcher: 1, epoch: 2 }, rig.first, { ...EMPTY, ends: [end(A, 2)] }),
  );
  t.throws(() => rig.runTo(300), {
    instanceOf: Violation,
    message: /L1.0 writes under epoch 2 and is fenced off/,
  });
});

/** A commit that has b and wants a, and a kill that has a and wants b; the kill is sent again when it is undone, or not. */
function crosswise(rig: Rig, repeats: true | undefined): void {
  const { first, store } = rig;
  rig.store.create('b', {});
  rig.send('leased', first, store.lease(FENCE, first, 1, 1));
  rig.runTo(200);
  rig.told.length = 0;
  const holder = heldRow(store, 'a');
  const user = new Client('user', 0, 0, { awayUntil: 0 }, false);
  rig.send('kill', user, { ...(repeats && { repeats }), work: kill(store.tables, ['a', 'b']) });
  rig.runTo(300);
  const patches = [patch({ id: 'b', attempt: 1 }, 1, { at: 1 })];
  rig.send('end', first, store.commit(FENCE, first, { ...EMPTY, patches, ends: [end(A, 2)] }));
  rig.runTo(400);
  store.transactions.abort(holder);
}

test('a deadlock is ended by undoing who closed the circle; what is sent again comes to its end', (t) => {
  const rig = new Rig();
  crosswise(rig, true);
  rig.runTo(10_000);
  t.deepEqual(rig.told.map((line) => line.slice(0, 8)).toSorted(), ['end done', 'kill don']);
  t.is(rig.store.jobs.get('b')!.state, 'USER_KILLED');
});

test('a deadlock that hits who does not repeat is a violation', (t) => {
  const rig = new Rig();
  crosswise(rig, undefined);
  t.throws(() => rig.runTo(10_000), { instanceOf: Violation, message: /undone by a deadlock/ });
});

/** Somebody outside holds this job's row. */
function heldRow(store: Store, id: string): Transaction {
  const holder = new Transaction('somebody');
  store.jobs.row(id).hold(holder, 'update');
  return holder;
}
