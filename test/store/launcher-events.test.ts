/** What is kept on record of launchers: notes written once and fenced, incarnations that are over, takeovers in histories. */
import test from 'ava';
import type { LauncherNote } from '../../src/core/coordinator/batch.ts';
import { commitBatch } from '../../src/store/launcher/commit.ts';
import { history } from '../../src/store/history/lines.ts';
import { insertJobs } from '../../src/store/jobs/change.ts';
import { drainedNodes, launcherEvents, noteTakeover, recordNotes } from '../../src/store/launcher/events.ts';
import {
  addRoster,
  heartbeat,
  listLaunchers,
  livingIncarnations,
  raiseEpoch,
} from '../../src/store/launcher/row.ts';
import { releaseChunk, rosterOf, tombstone } from '../../src/store/launcher/rescue.ts';
import type { RosterMember } from '../../src/store/rows.ts';
import { batch, bench, end, lease, newLauncher, start } from './_store.ts';

const note = (number: number, changes: Partial<LauncherNote> = {}): LauncherNote => ({
  number,
  at: Date.now(),
  kind: 'agent-lost',
  node: 0,
  host: 'h0',
  message: `it's "lost", \\ {really}`,
  ...changes,
});

const member = (incarnation: string): RosterMember => ({
  kind: 'agent',
  host: 'h',
  boot_id: 'b',
  pid_namespace: 'n',
  uid: 0,
  pid: incarnation.length,
  start_time: incarnation,
  node: '0',
  incarnation,
});

test('notes: written once, in order, not under an old epoch', async (t) => {
  await using b = await bench();
  const { db, launcher, epoch } = b;
  const notes = [note(1), note(2, { kind: 'drained', node: 3, host: 'h3', message: 'bad memory' })];
  t.true(await recordNotes(db, { launcher, epoch, source: epoch, notes, ended: [] }));
  t.true(await recordNotes(db, { launcher, epoch, source: epoch, notes: [...notes, note(3)], ended: [] }));
  const raised = await raiseEpoch(db, launcher, epoch);
  t.false(await recordNotes(db, { launcher, epoch, source: epoch, notes: [note(4)], ended: [] }));
  const after = { launcher, epoch: raised!, source: raised! };
  t.true(await recordNotes(db, { ...after, notes: [note(1, { kind: 'left', node: null })], ended: [] }));
  const events = (await launcherEvents(b.client, [launcher])).get(launcher)!;
  t.deepEqual(
    events.map((e) => [e.kind, e.node, e.host]),
    [
      ['agent-lost', 0, 'h0'],
      ['drained', 3, 'h3'],
      ['agent-lost', 0, 'h0'],
      ['left', null, 'h0'],
    ],
  );
  t.is(events[0]!.message, `it's "lost", \\ {really}`);
  t.deepEqual(await drainedNodes(db, launcher), [{ node: 3, reason: 'bad memory' }]);
  const lifted = note(2, { kind: 'undrained', node: 3, message: 'no other node is left' });
  t.true(await recordNotes(db, { ...after, notes: [lifted], ended: [] }));
  t.deepEqual(await drainedNodes(db, launcher), []);
});

test('an incarnation that is over is not waited for; one that joins again is', async (t) => {
  await using b = await bench();
  const { db, launcher, epoch } = b;
  await addRoster(db, launcher, epoch, [member('one'), member('three')]);
  t.deepEqual((await livingIncarnations(db, launcher)).toSorted(), ['one', 'three']);
  await recordNotes(db, { launcher, epoch, source: epoch, notes: [], ended: ['one'] });
  t.deepEqual(await livingIncarnations(db, launcher), ['three']);
  await addRoster(db, launcher, epoch, [member('one')]);
  t.deepEqual((await livingIncarnations(db, launcher)).toSorted(), ['one', 'three']);
});

test('an agent that joins again as the same process has a row for each of its lives', async (t) => {
  await using b = await bench();
  const { db, launcher, epoch } = b;
  const life = (incarnation: string): RosterMember => ({ ...member('process'), incarnation });
  await addRoster(db, launcher, epoch, [life('one')]);
  const lostAt = new Date();
  await addRoster(db, launcher, epoch, [life('two')]);
  await recordNotes(db, { launcher, epoch, source: epoch, notes: [], ended: ['one'] });
  t.deepEqual(await livingIncarnations(db, launcher), ['two'], 'a successor waits for its word');
  await addRoster(db, launcher, epoch, [life('two')]);
  const rows = await db.sql`select incarnation from roster where added_at > ${lostAt}`;
  t.deepEqual([...rows], [{ incarnation: 'two' }], 'and a report knows when the node was back');
  t.deepEqual((await rosterOf(db, launcher)).map((m) => m.incarnation).toSorted(), ['one', 'two']);
});

test('a takeover is in the history of every job that ran through it, and of no other', async (t) => {
  await using b = await bench();
  await insertJobs(b.client, [{ name: 'before' }, { name: 'through' }, { name: 'after' }]);
  const jobs = new Map((await lease(b)).map((j) => [j.name, j]));
  const [before, through, after] = ['before', 'through', 'after'].map((name) => jobs.get(name)!);
  const starts = [start(before!, 1), start(through!, 2)];
  await commitBatch(b.db, batch(b, { starts }));
  await commitBatch(b.db, batch(b, { ends: [end(before!, 3)] }));
  const takeover = { launcher: b.launcher, epoch: b.epoch + 1, held: 2 };
  await noteTakeover(b.db, takeover);
  t.is((await launcherEvents(b.client, [b.launcher])).size, 0, 'not before the row is its own');
  t.is(await raiseEpoch(b.db, b.launcher, b.epoch), takeover.epoch);
  await noteTakeover(b.db, takeover);
  await noteTakeover(b.db, takeover);
  await commitBatch(b.db, batch({ ...b, epoch: takeover.epoch }, { starts: [start(after!, 4)] }));
  const ids = [before!.id, through!.id, after!.id];
  const lines = await history(b.client, ids);
  const told = ids.map((id) => lines.get(id)!.filter((l) => l.message.includes('replaced')).length);
  t.deepEqual(told, [0, 1, 0]);
  const line = lines.get(through!.id)!.at(-1)!;
  t.is(line.state, 'RUNNING');
  t.regex(line.message, /goes on: its coordinator died and was replaced: epoch 2, 2 jobs held/);
});

test('the list of launchers: degraded since, nodes alive, held jobs, who rescued what', async (t) => {
  await using b = await bench();
  const since = Date.now() - 5_000;
  const health = { degradedSince: since, degradedWhy: 'No space left on device', nodesAlive: 3 };
  t.true(await heartbeat(b.db, b.launcher, b.epoch, health));
  await insertJobs(b.client, [{ name: 'a' }, { name: 'b' }]);
  await lease(b);
  const [sick] = await listLaunchers(b.client);
  t.like(sick, { degraded_why: 'No space left on device', nodes_alive: 3, held: 2, rescued_how: null });
  t.is(sick!.degraded_since!.getTime(), since);
  t.true(await heartbeat(b.db, b.launcher, b.epoch));
  const rescuer = await newLauncher(b.db, 'rescuer');
  t.true(await tombstone(b.db, { id: b.launcher, epoch: b.epoch }, 180_000, true, rescuer.id));
  t.is(await releaseChunk(b.db, { id: b.launcher }), 2);
  const dead = (await listLaunchers(b.client)).find((l) => l.id === b.launcher);
  t.like(dead, {
    state: 'dead',
    degraded_since: null,
    held: 0,
    rescued_how: 'proof',
    rescued_by: rescuer.id,
    rescued_jobs: 2,
  });
});
