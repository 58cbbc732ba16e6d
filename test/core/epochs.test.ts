/** The coordinator's core, rule by rule: unknown outcomes and its own epochs, the fence, leaving (PROTOCOL 1, 5, 7, 9). */
import { leasedJob } from './support/jobs.ts';
import { coordinatorTest } from './support/coordinator-rig.ts';

const once = { autoTimeoutRetry: false };

// --- unknown outcomes ---

coordinatorTest(
  'an unknown outcome: the epoch is raised once, then rows and books are compared',
  {},
  (t, rig) => {
    rig.agents('n0');
    rig.leased(leasedJob('A'), leasedJob('B'), leasedJob('C'), leasedJob('D'), leasedJob('E'));
    rig.ended('n0', 'A');
    rig.take();
    rig.state.leasing = true;
    rig.on({ kind: 'outcome-unknown', lost: 'commit', why: 'away' });
    t.deepEqual(rig.take(), [], 'the lease is still under way');
    rig.on({ kind: 'outcome-unknown', lost: 'lease', why: 'away' });
    t.deepEqual(rig.take(), ['raise']);
    rig.on({ kind: 'raise-failed' });
    rig.pass(500);
    t.deepEqual(rig.take(), ['raise']);
    rig.on({
      kind: 'raised',
      epoch: 2,
      held: [leasedJob('B'), leasedJob('E'), leasedJob('X')],
      apps: rig.apps,
    });
    rig.state.leasing = true;
    t.deepEqual(Object.keys(rig.phases()).toSorted(), ['A', 'B', 'E', 'X'], 'C and D are not ours any more');
    const lines = rig.take();
    t.deepEqual(lines.slice(0, 1), ['n0: hello']);
    t.true(lines.includes('commit end A#1@1 RUN_DONE JOB_FINISHED'), 'the same commit, under the new epoch');
    rig.join('n0', {
      held: [
        { id: 'B', attempt: 1, started: true, nodes: [] },
        { id: 'C', attempt: 1, started: true, nodes: [] },
      ],
    });
    t.true(
      rig.take().some((l) => l.startsWith('n0: kill 3') && l.includes('C#1')),
      'what we do not hold is ended',
    );
  },
);

coordinatorTest(
  'what was sent in an old stream and never received goes back; in the new stream it is on its way',
  {},
  (t, rig) => {
    rig.agents('n0');
    rig.leased(leasedJob('A'), leasedJob('B', once));
    rig.commit();
    rig.raise();
    rig.leased(leasedJob('C'));
    rig.take();
    rig.join('n0', { held: [] });
    t.deepEqual(rig.take(), ['commit release A#1 keep, release B#1 RESTART_READY']);
    t.deepEqual(rig.phases(), { A: 'over', B: 'over', C: 'sent' });
  },
);

coordinatorTest('the end of what the inventory lacks may still be in the outbox', {}, (t, rig) => {
  rig.agents('n0');
  rig.leased(leasedJob('A'), leasedJob('B'));
  rig.raise();
  rig.take();
  rig.join('n0', { held: [], lastReport: 2 });
  rig.retracted('n0', 'B');
  t.deepEqual(rig.phases(), { A: 'sent', B: 'sent' }, 'B came back and is sent again');
  rig.ended('n0', 'A');
  t.deepEqual(rig.phases(), { A: 'over', B: 'sent' });
  rig.take();
});

coordinatorTest('kills, and the drain, survive the end of their stream', {}, (t, rig) => {
  rig.agents('n0');
  rig.leased(leasedJob('A'));
  rig.on({ kind: 'killed', jobs: [{ id: 'A', attempt: 1 }] });
  rig.on({ kind: 'leave', reason: 'signal', now: false });
  rig.take();
  rig.raise();
  t.deepEqual(rig.take(), ['raise', 'n0: hello', 'n0: drain', 'n0: kill 2 A#1']);
});

coordinatorTest('a job whose attempt is over may come back by the lease that was lost', {}, (t, rig) => {
  rig.agents('n0');
  rig.leased(leasedJob('A'));
  rig.ended('n0', 'A', { exited: false, signal: 9, killed: 3 });
  rig.on(
    { kind: 'outcome-unknown', lost: 'lease', why: 'away' },
    { kind: 'outcome-unknown', lost: 'commit', why: 'away' },
  );
  rig.on({ kind: 'raised', epoch: 2, held: [leasedJob('A', { attempt: 2 })], apps: rig.apps });
  rig.state.leasing = true;
  rig.commit({ ends: ['duplicate'] });
  t.deepEqual(rig.phases(), { A: 'sent' });
  t.is(rig.state.entries.get('A')?.job.attempt, 2);
  rig.take();
});

coordinatorTest('fenced: it ends itself, and does nothing more', {}, (t, rig) => {
  rig.agents('n0');
  rig.on({ kind: 'fenced' });
  rig.on({ kind: 'wake' });
  rig.beat('n0');
  rig.pass(60_000);
  t.deepEqual(rig.take(), ['end fenced']);
});

// --- leaving ---

coordinatorTest('leaving: what was never sent goes back, what runs is ended, then the row', {}, (t, rig) => {
  rig.agents('n0');
  rig.leased(...['A', 'B', 'C', 'D'].map((id) => leasedJob(id)), leasedJob('E', once));
  rig.started('n0', 'A');
  rig.take();
  rig.on({ kind: 'leave', reason: 'signal', now: false });
  t.deepEqual(rig.take(), [
    'commit start A#1@1, release D#1 keep, release E#1 keep',
    'n0: kill 2 A#1 B#1 C#1',
    'n0: drain',
  ]);
  rig.on({ kind: 'leave', reason: 'signal', now: false });
  rig.commit();
  rig.on({ kind: 'leased', asked: 1, jobs: [leasedJob('F')], apps: rig.apps });
  t.deepEqual(
    rig.take(),
    ['n0: committed 1', 'commit release F#1 keep'],
    'what a lease brings now goes back',
  );
  rig.retracted('n0', 'B');
  rig.ended('n0', 'A', { exited: false, signal: 15, killed: 2 });
  rig.commit();
  t.deepEqual(rig.take(), ['commit end A#1@3 RUN_TIMEOUT RESTART_READY, release B#1 keep']);
  // Its end was there before the signal.
  rig.ended('n0', 'C');
  rig.commit();
  rig.commit();
  t.deepEqual(rig.take(), [
    'commit end C#1@4 RUN_DONE JOB_FINISHED',
    'n0: committed 3',
    'leave-row',
    'n0: committed 4',
  ]);
  rig.beat('n0');
  rig.on({ kind: 'fenced' });
  t.deepEqual(rig.take(), [], 'no echo any more, and the fence is its own');
  rig.on({ kind: 'left', over: null });
  t.deepEqual(rig.take(), ['end left']);
});

coordinatorTest(
  'after 12 s it leaves with what is still held; a second signal ends at once',
  {},
  (t, rig) => {
    rig.agents('n0');
    rig.leased(leasedJob('A'));
    rig.on({ kind: 'leave', reason: 'signal', now: false });
    rig.on({ kind: 'leave', reason: 'signal', now: true });
    t.deepEqual(rig.take(), ['n0: start A#1', 'n0: kill 2 A#1', 'n0: drain', 'n0: kill 4 A#1']);
    rig.state.leasing = false;
    rig.passAlive(11_900, 'n0');
    t.deepEqual(rig.take(), []);
    rig.passAlive(200, 'n0');
    t.deepEqual(rig.take(), ['leave-row']);
  },
);

coordinatorTest(
  'a claim in flight, or one that came back unstarted: its row leaves RUNNING again',
  {},
  (t, rig) => {
    rig.agents('n0');
    rig.leased(leasedJob('A', once));
    rig.commit();
    rig.leased(leasedJob('B', once));
    rig.take();
    rig.on({ kind: 'leave', reason: 'signal', now: false });
    rig.retracted('n0', 'A');
    rig.commit();
    t.deepEqual(rig.take(), [
      'n0: kill 2 A#1',
      'n0: drain',
      'commit release A#1 RESTART_READY, release B#1 RESTART_READY',
    ]);
  },
);

coordinatorTest('the time limit ends it', { endAt: 10_000 }, (t, rig) => {
  rig.agents('n0');
  rig.passAlive(10_000, 'n0');
  t.is(rig.state.leaveReason, 'the time limit is reached');
  t.deepEqual(rig.take(), ['n0: drain'], 'not before its lease is answered');
  rig.on({ kind: 'lease-failed', why: 'away' });
  t.deepEqual(rig.take(), ['leave-row']);
});

coordinatorTest(
  'idle: it leaves when nothing is left to run for as long as was said',
  { idleExitMs: 3_000, nodes: [0] },
  (t, rig) => {
    rig.agents('n0');
    rig.leased(leasedJob('A'));
    rig.passAlive(4_000, 'n0');
    rig.ended('n0', 'A');
    rig.commit();
    rig.on({ kind: 'leased', asked: 2, jobs: [], apps: rig.apps });
    t.is(rig.state.phase, 'running');
    rig.take();
    rig.passAlive(2_000, 'n0');
    t.is(rig.state.phase, 'running', 'idle since the end of A');
    rig.passAlive(1_100, 'n0');
    t.deepEqual(rig.take(), ['lease 3 nodes 1'], 'it asks once more');
    rig.on({ kind: 'leased', asked: 2, jobs: [], apps: rig.apps });
    t.is(rig.state.leaveReason, 'nothing is left to run');
    t.deepEqual(rig.take(), ['leave-row', 'n0: drain']);
  },
);

coordinatorTest(
  'idle: before all its nodes have come it leaves no sooner than an agent takes to join',
  { idleExitMs: 0, nodes: [0, 1] },
  (t, rig) => {
    rig.agents('n0');
    rig.on({ kind: 'leased', asked: 2, jobs: [], apps: rig.apps });
    rig.passAlive(14_000, 'n0');
    t.is(rig.state.phase, 'running', 'node 1 may still come, for a job that needs both');
    // Asked by the slow poll meanwhile.
    rig.on({ kind: 'leased', asked: 2, jobs: [], apps: rig.apps });
    rig.take();
    rig.passAlive(2_000, 'n0');
    t.is(rig.state.phase, 'running', 'asked once more');
    rig.on({ kind: 'leased', asked: 2, jobs: [], apps: rig.apps });
    t.is(rig.state.phase, 'leaving-row');
    rig.take();
  },
);
