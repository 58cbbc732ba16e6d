/** The coordinator's core, rule by rule: what becomes a row of a commit, and what each outcome of one means (PROTOCOL 6, 7). */
import type { RowOutcome } from '../../src/core/coordinator/batch.ts';
import { leasedJob } from './support/jobs.ts';
import { coordinatorTest } from './support/coordinator-rig.ts';

const once = { autoTimeoutRetry: false };

coordinatorTest(
  'start, patches and end of one batch are one row; a later patch wins per key, even __proto__',
  {},
  (t, rig) => {
    rig.agents('n0');
    rig.leased(leasedJob('A'));
    rig.leased(leasedJob('B'));
    rig.ended('n0', 'B', { exitCode: 3, tail: 'one\ntwo' });
    rig.take();
    const patch = (dataJson: string, removed: string[] = [], fieldsJson = '') =>
      rig.report('n0', 'A', { patch: { dataJson, removed, fieldsJson } });
    rig.started('n0', 'A');
    patch('{"a":1,"b":1,"__proto__":{"x":1}}', ['c', 'd'], '{"description":"first"}');
    patch('{"a":2,"c":3}', ['b']);
    rig.ended('n0', 'A');
    t.deepEqual(rig.take(), [], 'one commit at a time');
    t.is(rig.lastCommit?.rows.ends[0]?.message, 'nonzero return 3:\n    one\n    two');
    rig.commit();
    t.deepEqual(rig.take(), ['commit end A#1@5 RUN_DONE JOB_FINISHED', 'n0: committed 1']);
    t.like(rig.lastCommit?.rows.ends[0], {
      dataJson: '{"a":2,"__proto__":{"x":1},"c":3}',
      dataRemoved: ['d', 'b'],
      description: 'first',
    });
    rig.commit();
    t.deepEqual(rig.take(), ['n0: committed 5']);
    t.like(rig.state.done, { finished: 1, failed: 1, killed: 0, other: 0, unstarted: 0 });
  },
);

coordinatorTest(
  'what an end means: exit 0, and exit 0 of one that was told to end; killed by its user, by a signal',
  {},
  (t, rig) => {
    rig.agents('n0');
    rig.leased(...['A', 'B', 'C', 'D', 'E'].map((id) => leasedJob(id)));
    rig.take();
    rig.ended('n0', 'A');
    rig.ended('n0', 'B', { exited: false, signal: 15, killed: 1 });
    rig.ended('n0', 'C', { exited: false, signal: 15, killed: 2 });
    rig.ended('n0', 'D', { exited: false, signal: 11 });
    rig.ended('n0', 'E', { killed: 2 });
    rig.commit();
    t.deepEqual(rig.take(), [
      'commit end A#1@1 RUN_DONE JOB_FINISHED',
      'n0: start D#1',
      'n0: start E#1',
      'commit end B#1@2 USER_KILLED USER_KILLED, end C#1@3 RUN_TIMEOUT RESTART_READY, end D#1@4 RUN_ERROR FAILED, end E#1@5 RUN_TIMEOUT RESTART_READY',
      'n0: committed 1',
    ]);
  },
);

coordinatorTest(
  'an end says why: told to end and by whom, the name of the signal, want of memory',
  {},
  (t, rig) => {
    rig.agents('n0');
    for (const [id, how, why] of [
      ['A', { killed: 2 }, 'told to end because its launcher left: exit code 0'],
      [
        'B',
        { killed: 2, exited: false, signal: 15 },
        'told to end because its launcher left: ended by signal 15 (SIGTERM)',
      ],
      ['C', { killed: 3, exitCode: 7 }, 'told to end because a node of it was lost: exit code 7'],
      ['D', { killed: 3, exited: false, signal: 9, note: 'helper lost' }, 'helper lost'],
      ['E', { exited: false, signal: 9 }, 'ended by signal 9 (SIGKILL)'],
      ['F', { exited: false, signal: 64, tail: 'x' }, 'ended by signal 64:\n    x'],
      [
        'G',
        { exited: false, signal: 9, note: 'out of memory?', tail: 'x' },
        'ended by signal 9 (SIGKILL), out of memory?:\n    x',
      ],
    ] as const) {
      rig.leased(leasedJob(id));
      rig.ended('n0', id, how);
      t.is(rig.lastCommit?.rows.ends[0]?.message, why);
      rig.commit();
    }
    rig.take();
  },
);

coordinatorTest('a start is committed within 200 ms, an end at once', {}, (t, rig) => {
  rig.agents('n0');
  rig.leased(leasedJob('A'));
  rig.take();
  rig.started('n0', 'A');
  rig.pass(99);
  t.deepEqual(rig.take(), []);
  rig.pass(100);
  t.deepEqual(rig.take(), ['commit start A#1@1']);
});

for (const outcome of ['not-ours', 'killed', 'rejected'] satisfies RowOutcome[]) {
  coordinatorTest(`a start whose outcome is ${outcome}: its process is ended`, {}, (t, rig) => {
    rig.agents('n0');
    rig.leased(leasedJob('A'));
    rig.started('n0', 'A');
    rig.pass(100);
    rig.commit({ starts: [outcome] });
    const kill = outcome === 'killed' ? 1 : 3;
    t.deepEqual(rig.take(), [
      'n0: start A#1',
      'commit start A#1@1',
      `n0: kill ${kill} A#1`,
      'n0: committed 1',
    ]);
    t.deepEqual(rig.phases(), outcome === 'killed' ? { A: 'sent' } : {});
    rig.ended('n0', 'A', { exited: false, signal: 15, killed: kill === 1 ? 1 : 3 });
    rig.commit({ ends: [outcome] });
    t.is(rig.take().length, 2);
    t.deepEqual(rig.phases(), {});
  });
  coordinatorTest(`a patch whose outcome is ${outcome}`, {}, (t, rig) => {
    rig.agents('n0');
    rig.leased(leasedJob('A'));
    rig.report('n0', 'A', { patch: { dataJson: '{}', removed: [], fieldsJson: '' } });
    rig.commit({ patches: [outcome] });
    const error = {
      'not-ours': '[over] attempt 1 of job A is over: nothing was written',
      killed: '[over] job A was killed: nothing was written',
      rejected: '[refused] the database refused what job A wrote',
    }[outcome];
    const told = ['n0: start A#1', 'commit patch A#1@1', `n0: committed 1 1=${error}`];
    t.deepEqual(
      rig.take().toSorted(),
      (outcome === 'not-ours' ? [...told, 'n0: kill 3 A#1'] : told).toSorted(),
    );
    const acknowledged = rig.state.agents.get('n0')!.ackedCommand;
    rig.hear('n0', {
      heartbeat: {
        number: 1,
        receivedCommands: acknowledged,
        lastReport: 1,
        queued: 0,
        running: 0,
        draining: false,
        short: '',
        most: 0,
      },
    });
    t.deepEqual(rig.take(), ['n0: echo 1 received 1 committed 0'], 'an echo does not overtake the answer');
    rig.beat('n0');
    rig.beat('n0');
    t.deepEqual(rig.take(), ['n0: echo 1 received 1 committed 1', 'n0: echo 1 received 1 committed 1']);
  });
  coordinatorTest(`an end or a claim whose outcome is ${outcome} is over`, {}, (t, rig) => {
    rig.agents('n0');
    rig.leased(leasedJob('A'), leasedJob('B', once));
    rig.commit({ starts: [outcome] });
    rig.ended('n0', 'A');
    if (outcome === 'killed') rig.commit();
    rig.commit({ ends: [outcome] });
    t.deepEqual(rig.phases(), {});
    const killed = outcome === 'killed' ? 1 : 0;
    const failed = outcome === 'rejected' ? 2 : 0;
    t.like(rig.state.done, { finished: 0, failed, killed, other: 0 });
    rig.take();
  });
}

coordinatorTest(
  'a commit that failed is asked for again, the same rows; what comes meanwhile waits',
  {},
  (t, rig) => {
    rig.agents('n0');
    rig.leased(leasedJob('A'), leasedJob('B'));
    rig.ended('n0', 'A');
    rig.on({ kind: 'commit-failed', why: 'away' });
    rig.ended('n0', 'B');
    t.not(rig.state.degraded, null);
    rig.pass(499);
    t.deepEqual(rig.take(), ['n0: start A#1 B#1', 'commit end A#1@1 RUN_DONE JOB_FINISHED']);
    rig.pass(1);
    rig.commit();
    t.is(rig.state.degraded, null);
    t.deepEqual(rig.take(), [
      'commit end A#1@1 RUN_DONE JOB_FINISHED',
      'commit end B#1@2 RUN_DONE JOB_FINISHED',
      'n0: committed 1',
    ]);
  },
);

coordinatorTest(
  'a question is asked after the rows that came before it, and answered with the commit',
  {},
  (t, rig) => {
    rig.agents('n0');
    rig.leased(leasedJob('A'));
    rig.report('n0', 'A', { request: { op: 'job.get', json: '{}' } });
    t.deepEqual(rig.take(), ['n0: start A#1', 'commit ask 1']);
    const none = { starts: [], patches: [], ends: [], releases: [] };
    rig.on({
      kind: 'committed',
      outcomes: none,
      answers: [{ incarnation: 'n0', request: 1, json: '{}', error: '' }],
    });
    t.deepEqual(rig.take(), ['n0: committed 1 1={}']);
    rig.raise();
    t.true(
      rig.take().includes('n0: committed 1 1={}'),
      'an answer that may be lost with its stream goes again',
    );
  },
);
