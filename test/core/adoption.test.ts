/** The coordinator's core, rule by rule: what a successor takes over (PROTOCOL 3, 4). */
import type { LeasedJob } from '../../src/core/coordinator/batch.ts';
import { coordinatorTest, type CoordinatorRig } from './support/coordinator-rig.ts';
import { leasedJob } from './support/jobs.ts';

/** It follows a dead coordinator, which held these; `running` are RUNNING by the database. */
function takesOver(
  rig: CoordinatorRig,
  incarnations: string[],
  held: LeasedJob[],
  running: string[] = [],
): void {
  rig.state.leasing = true;
  const rows = held.map(
    (j) => ({ ...j, state: running.includes(j.id) ? 'RUNNING' : 'PREPROCESSED' }) as const,
  );
  rig.on({ kind: 'adopt', held: rows, apps: rig.apps, incarnations, drained: [] });
}

function adoptionTest(
  name: string,
  over: Parameters<typeof coordinatorTest>[1],
  body: Parameters<typeof coordinatorTest>[2],
): void {
  coordinatorTest(name, over, body, { successor: true });
}

const holds = (...ids: string[]): { id: string; attempt: number; started: boolean; nodes: number[] }[] =>
  ids.map((id) => ({ id, attempt: 1, started: true, nodes: [] }));

adoptionTest('what an agent names goes on; what nobody has goes back uncounted', {}, (t, rig) => {
  takesOver(rig, ['n0', 'n1'], [leasedJob('A'), leasedJob('B')]);
  rig.join('n0', { held: holds('A') });
  t.deepEqual(rig.phases(), { A: 'sent', B: 'adopting' }, 'the other agent may have B');
  rig.take();
  rig.join('n1');
  t.deepEqual(rig.phases(), { A: 'sent', B: 'over' });
  t.true(rig.take().includes('commit release B#1 keep'));
});

adoptionTest('an agent that never says hello: after D, counted', {}, (t, rig) => {
  takesOver(rig, ['n0', 'n1'], [leasedJob('A')]);
  rig.join('n0');
  rig.take();
  rig.passAlive(14_900, 'n0');
  t.deepEqual(rig.phases(), { A: 'adopting' });
  rig.passAlive(200, 'n0');
  t.deepEqual(rig.take(), ['commit release A#1 RESTART_READY lost tried']);
  t.false(rig.lastCommit?.rows.releases[0]?.nodeLost, 'its coordinator did not live');
});

adoptionTest('what an incarnation that ended had started is known to nobody: counted', {}, (t, rig) => {
  takesOver(rig, ['n0'], [leasedJob('A')]);
  rig.join('n0b', { node: 0, endedIncarnation: 'n0' });
  t.true(rig.take().includes('commit release A#1 RESTART_READY lost tried'));
});

adoptionTest('what came back before it was placed again is told once more, and is no proof', {}, (t, rig) => {
  takesOver(rig, ['n0', 'n1'], [leasedJob('A'), leasedJob('B'), leasedJob('C')]);
  // A and B came back from n0; A was sent there again and ended, B runs there now, C came back and went to n1.
  rig.join('n0', { held: holds('B'), lastReport: 4 });
  rig.take();
  rig.retracted('n0', 'A');
  rig.retracted('n0', 'B');
  rig.retracted('n0', 'C');
  t.deepEqual(rig.phases(), { A: 'adopting', B: 'sent', C: 'adopting' });
  rig.take();
  rig.ended('n0', 'A');
  t.deepEqual(rig.take(), ['commit end A#1@4 RUN_DONE JOB_FINISHED']);
  rig.join('n1', { held: holds('C') });
  t.deepEqual(rig.phases(), { A: 'over', B: 'sent', C: 'sent' });
  rig.commit();
  rig.retracted('n0', 'B');
  t.deepEqual(rig.phases(), { B: 'queued', C: 'sent' }, 'B came back now');
  rig.take();
});

adoptionTest('an agent that was given up is not given what it says it had started', {}, (t, rig) => {
  takesOver(rig, ['n0', 'n1'], [leasedJob('A'), leasedJob('B')]);
  rig.join('n0', { lastReport: 3 });
  rig.join('n0b', { node: 0, endedIncarnation: 'n0' });
  rig.take();
  rig.started('n0', 'A');
  t.deepEqual(rig.phases(), { A: 'adopting', B: 'adopting' });
  rig.ended('n0', 'A');
  t.deepEqual(rig.phases(), { A: 'over', B: 'adopting' });
  rig.commit();
  rig.take();
});

adoptionTest(
  'what agents say before it has read what is held is not heard, and comes again',
  {},
  (t, rig) => {
    rig.join('n0', { held: holds('A') });
    rig.beat('n0');
    rig.started('n0', 'A');
    t.deepEqual(rig.take(), [], 'an inventory that it can not judge ends nothing');
    takesOver(rig, ['n0'], [leasedJob('A')]);
    rig.beat('n0');
    t.deepEqual(rig.take(), ['n0: hello']);
    rig.join('n0', { held: holds('A') });
    t.deepEqual(rig.take(), ['enrol n0']);
    t.deepEqual(rig.phases(), { A: 'sent' });
  },
);

adoptionTest('a kill that is found before is not let go: its process may live', {}, (t, rig) => {
  rig.on({ kind: 'killed', jobs: [{ id: 'A', attempt: 1 }] });
  rig.pass(1_000);
  t.deepEqual(rig.take(), []);
  takesOver(rig, ['n0'], [leasedJob('A')]);
  rig.join('n0', { held: holds('A') });
  rig.on({ kind: 'killed', jobs: [{ id: 'A', attempt: 1 }] });
  t.deepEqual(rig.take(), ['enrol n0', 'n0: kill 1 A#1']);
});

adoptionTest('told to leave before, it takes over first and ends what it finds', {}, (t, rig) => {
  rig.on({ kind: 'leave', reason: 'signal', now: true }, { kind: 'leave', reason: 'signal', now: false });
  t.is(rig.state.phase, 'taking-over');
  takesOver(rig, ['n0'], [leasedJob('A')]);
  t.is(rig.state.phase, 'leaving');
  rig.join('n0', { held: holds('A') });
  const lines = rig.take();
  t.true(
    lines.some((l) => l.startsWith('n0: kill')),
    lines.join('; '),
  );
});

adoptionTest('that its row is lost is heard when it has taken over', {}, (t, rig) => {
  rig.on({ kind: 'fenced' });
  t.deepEqual(rig.take(), []);
  takesOver(rig, ['n0'], [leasedJob('A')]);
  rig.on({ kind: 'fenced' });
  t.deepEqual(rig.take(), ['end fenced']);
});

coordinatorTest('the first coordinator of a launcher adopts nothing', {}, (t, rig) => {
  t.throws(() => takesOver(rig, [], []), { message: /never goes from running to running/ });
});
