/** The coordinator's core, rule by rule: agents, streams, commits, kills (PROTOCOL 0, 4-7, 9). */
import type { RowOutcome } from '../../src/core/coordinator/batch.ts';
import { leasedJob } from './support/jobs.ts';
import { coordinatorTest } from './support/coordinator-rig.ts';

const once = { autoTimeoutRetry: false };

// --- agents ---

coordinatorTest(
  'an agent without our epoch is asked for its inventory; one of a node that is not ours is refused',
  {},
  (t, rig) => {
    rig.join('n0', {}, 0);
    rig.beat('n0', 0);
    rig.join('n9', {}, 0);
    t.deepEqual(rig.take(), [
      'n0: hello',
      'n0: hello',
      'refused n9: refused an agent of a node that is not ours: 9',
      'n9: dismissed',
    ]);
    rig.beat('n0');
    t.deepEqual(rig.take(), ['n0: hello'], 'its answer was lost');
    rig.join('n0');
    rig.join('n0');
    t.deepEqual(rig.take(), ['enrol n0']);
    rig.beat('n0');
    t.deepEqual(rig.take(), ['n0: echo 1 received 0 committed 0']);
  },
);

coordinatorTest('who follows a later epoch is not ours any more', {}, (t, rig) => {
  rig.agents('n0');
  rig.beat('n0', 2);
  t.deepEqual(rig.take(), []);
});

coordinatorTest('a roster row that was not written is asked for again; no work before', {}, (t, rig) => {
  rig.join('n0');
  rig.on({ kind: 'enrol-failed', incarnation: 'n0' });
  rig.pass(500);
  rig.on({ kind: 'enrolled', incarnation: 'n0' });
  t.deepEqual(rig.take(), ['enrol n0', 'enrol n0', 'lease 2 nodes 1']);
});

coordinatorTest(
  'silent for 5 s: nothing new; heard again: live; for 15 s: dead, and what it held is released',
  {},
  (t, rig) => {
    rig.agents('n0');
    rig.leased(leasedJob('A'), leasedJob('B'));
    rig.started('n0', 'A');
    rig.passAlive(5_000);
    t.is(rig.state.agents.get('n0')?.status, 'suspect');
    rig.leased(leasedJob('C'));
    rig.commit();
    t.deepEqual(rig.take(), ['n0: start A#1 B#1', 'commit start A#1@1', 'n0: committed 1']);
    rig.beat('n0');
    t.deepEqual(rig.take(), ['n0: echo 1 received 1 committed 1', 'n0: start C#1']);
    rig.pass(15_000);
    t.deepEqual(rig.take(), [
      'commit release A#1 RESTART_READY lost, release B#1 RESTART_READY lost tried, release C#1 RESTART_READY lost tried',
    ]);
    t.deepEqual(
      rig.lastCommit?.rows.releases.map((r) => r.message),
      [
        'node lost: its run on n0 is lost',
        'node lost: it may have started on n0',
        'node lost: it may have started on n0',
      ],
    );
    rig.ended('n0', 'A');
    rig.beat('n0');
    t.deepEqual(rig.take(), ['n0: dismissed', 'n0: dismissed'], 'nothing else goes to it');
    rig.commit();
    t.deepEqual(
      rig.take(),
      ['commit end A#1@2 RUN_DONE JOB_FINISHED'],
      'its reports are classified by their rows',
    );
    rig.commit({ ends: ['not-ours'] });
    t.deepEqual(rig.phases(), {});
  },
);

coordinatorTest('the third node that dies under a job ends it', {}, (t, rig) => {
  rig.agents('n0');
  rig.leased(
    leasedJob('A', { nodeLosses: 2 }),
    leasedJob('B', { nodeLosses: 1 }),
    leasedJob('C', { nodeLosses: 2 }),
  );
  rig.started('n0', 'A');
  rig.started('n0', 'B');
  rig.passAlive(200, 'n0');
  rig.commit();
  rig.take();
  rig.pass(15_000);
  t.deepEqual(rig.take(), [
    'commit release A#1 FAILED lost, release B#1 RESTART_READY lost, release C#1 RESTART_READY lost tried',
  ]);
  const releases = rig.lastCommit!.rows.releases;
  t.deepEqual(
    releases.map((r) => r.nodeLost),
    [true, true, false],
    'C only waited there',
  );
  t.is(releases[0]!.message, 'node lost: its run on n0 is lost; its node died 3 times');
});

coordinatorTest('a new incarnation that names the old one as ended is proof of its death', {}, (t, rig) => {
  rig.agents('n0');
  rig.leased(leasedJob('A', once));
  rig.commit();
  rig.join('new', { node: 0, endedIncarnation: 'n0' });
  t.deepEqual(rig.take(), [
    'commit start A#1@0',
    'n0: start A#1',
    'enrol new',
    'commit release A#1 FAILED lost',
  ]);
});

coordinatorTest('a second incarnation of a node: the first is given nothing new', {}, (t, rig) => {
  rig.agents('n0');
  rig.join('new', { node: 0 });
  t.is(rig.state.agents.get('n0')?.status, 'suspect');
  rig.take();
});

coordinatorTest('who slept himself judges nobody before he has read his sockets', {}, (t, rig) => {
  rig.agents('n0');
  rig.leased(leasedJob('A'));
  rig.take();
  rig.now += 60_000;
  rig.on({ kind: 'tick' });
  t.is(rig.state.agents.get('n0')?.status, 'live');
  rig.beat('n0');
  rig.pass(4_000);
  t.is(rig.state.agents.get('n0')?.status, 'live');
  t.deepEqual(rig.take(), ['n0: echo 1 received 0 committed 0']);
});

coordinatorTest(
  'beyond S without a confirmed heartbeat: no echo, no start, no lease, and nothing is written',
  {},
  (t, rig) => {
    rig.agents('n0');
    rig.state.leasing = false;
    rig.passAlive(121_000, 'n0');
    rig.take();
    rig.on({ kind: 'lease-failed', why: 'away' });
    rig.beat('n0');
    rig.on({ kind: 'wake' });
    t.deepEqual(rig.take(), []);
    rig.on({ kind: 'confirmed', sentAt: rig.now });
    rig.beat('n0');
    t.deepEqual(rig.take(), ['lease 2 nodes 1', 'n0: echo 1 received 0 committed 0']);
  },
);

// --- streams ---

coordinatorTest('commands are sent again in order until they are acknowledged', {}, (t, rig) => {
  rig.agents('n0');
  rig.leased(leasedJob('A'));
  rig.on({ kind: 'killed', jobs: [{ id: 'A', attempt: 1 }] });
  t.deepEqual(rig.take(), ['n0: start A#1', 'n0: kill 1 A#1']);
  const silent = { number: 1, receivedCommands: 0, lastReport: 0, queued: 0, running: 0, draining: false };
  rig.now += 1_100;
  rig.hear('n0', { heartbeat: silent });
  t.deepEqual(rig.take(), ['n0: echo 1 received 0 committed 0', 'n0: start A#1', 'n0: kill 1 A#1']);
  rig.now += 1_100;
  rig.hear('n0', { heartbeat: { ...silent, receivedCommands: 1 } });
  rig.now += 1_100;
  rig.hear('n0', { heartbeat: { ...silent, receivedCommands: 1 } });
  t.deepEqual(
    rig.take().filter((l) => !l.includes('echo')),
    ['n0: kill 1 A#1'],
  );
});

coordinatorTest('reports count once and in order; a gap waits', {}, (t, rig) => {
  rig.agents('n0');
  rig.leased(leasedJob('A'));
  rig.take();
  const report = (seq: number, body: object) => ({ seq, job: 'A', attempt: 1, ageMs: 0, ...body });
  const started = report(1, { started: {} });
  const patch = (seq: number) =>
    report(seq, { patch: { dataJson: `{"n":${seq}}`, removed: [], fieldsJson: '' } });
  rig.hear('n0', { reports: { receivedCommands: 1, reports: [patch(2)] } });
  t.deepEqual(rig.take(), []);
  rig.hear('n0', { reports: { receivedCommands: 1, reports: [started, patch(2), started] } });
  rig.hear('n0', { reports: { receivedCommands: 1, reports: [started, patch(2)] } });
  t.deepEqual(rig.take(), ['commit start A#1@1, patch A#1@2']);
  rig.commit({ starts: ['duplicate'], patches: ['duplicate'] });
  t.deepEqual(rig.take(), ['n0: committed 2']);
});

coordinatorTest('an acknowledgement of what was never sent is refused as a whole', {}, (t, rig) => {
  rig.agents('n0');
  rig.hear('n0', {
    heartbeat: { number: 1, receivedCommands: 9, lastReport: 0, queued: 0, running: 0, draining: false },
  });
  t.deepEqual(rig.take(), ['refused n0: an agent acknowledges only what was sent'], 'and not echoed');
});

// --- commits ---

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
      dataRemoved: ['c', 'd', 'b'].filter((k) => k !== 'c'),
      description: 'first',
    });
    rig.commit();
    t.deepEqual(rig.take(), ['n0: committed 5']);
    t.deepEqual(rig.state.done, { finished: 1, failed: 1, other: 0 });
  },
);

coordinatorTest(
  'what an end means: exit 0 even under a kill, killed by its user, by the launcher, by a signal',
  {},
  (t, rig) => {
    rig.agents('n0');
    rig.leased(...['A', 'B', 'C'].map((id) => leasedJob(id)), leasedJob('D'));
    rig.take();
    rig.ended('n0', 'A', { killed: 2 });
    rig.ended('n0', 'B', { exited: false, signal: 15, killed: 1 });
    rig.ended('n0', 'C', { exited: false, signal: 15, killed: 2 });
    rig.ended('n0', 'D', { exited: false, signal: 11 });
    rig.commit();
    t.deepEqual(rig.take(), [
      'commit end A#1@1 RUN_DONE JOB_FINISHED',
      'n0: start D#1',
      'commit end B#1@2 USER_KILLED USER_KILLED, end C#1@3 RUN_TIMEOUT RESTART_READY, end D#1@4 RUN_ERROR FAILED',
      'n0: committed 1',
    ]);
  },
);

coordinatorTest('an end by us says why: its launcher left, or a node of it was lost', {}, (t, rig) => {
  rig.agents('n0');
  for (const [id, killed, why] of [
    ['A', 2, 'ended because its launcher left'],
    ['B', 3, 'ended because a node of it was lost'],
  ] as const) {
    rig.leased(leasedJob(id));
    rig.ended('n0', id, { exited: false, signal: 15, killed });
    t.is(rig.lastCommit?.rows.ends[0]?.message, why);
    rig.commit();
  }
  rig.take();
});

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
    t.deepEqual(rig.state.done, { finished: 0, failed: 0, other: 0 });
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

// --- kills ---

coordinatorTest('a kill of what waits, runs, or came back', {}, (t, rig) => {
  rig.agents('n0');
  rig.leased(...['A', 'B', 'C', 'D'].map((id) => leasedJob(id)));
  rig.take();
  const kill = (id: string) => rig.on({ kind: 'killed', jobs: [{ id, attempt: 1 }] });
  kill('D');
  t.deepEqual(rig.take(), ['commit release D#1 keep'], 'queued');
  kill('A');
  kill('A');
  kill('C');
  rig.on({ kind: 'killed', jobs: [{ id: 'A', attempt: 7 }] });
  t.deepEqual(rig.take(), ['n0: kill 1 A#1', 'n0: kill 1 C#1'], 'once');
  rig.retracted('n0', 'C');
  rig.ended('n0', 'A', { exited: false, signal: 15, killed: 1 });
  rig.commit();
  t.deepEqual(rig.take(), ['commit end A#1@2 USER_KILLED USER_KILLED, release C#1 keep']);
  rig.commit({ ends: ['killed'], releases: ['killed'] });
  t.deepEqual(rig.phases(), { B: 'sent' });
  t.deepEqual(rig.take(), ['n0: committed 2']);
});

coordinatorTest('killed, and it could not be started either: it is let go', {}, (t, rig) => {
  rig.agents('n0', 'n1');
  rig.leased(leasedJob('A'));
  rig.on({ kind: 'killed', jobs: [{ id: 'A', attempt: 1 }] });
  rig.notStarted('n0', 'A');
  t.deepEqual(rig.take(), ['n0: start A#1', 'n0: kill 1 A#1', 'commit release A#1 keep']);
});

coordinatorTest(
  'held by the database and not by the books: cleared, but not while a lease may bring it',
  {},
  (t, rig) => {
    rig.agents('n0');
    rig.on({ kind: 'killed', jobs: [{ id: 'A', attempt: 3 }] });
    t.deepEqual(rig.take(), []);
    rig.on(
      { kind: 'leased', asked: 1, jobs: [], apps: rig.apps },
      { kind: 'killed', jobs: [{ id: 'A', attempt: 3 }] },
    );
    rig.on({ kind: 'killed', jobs: [{ id: 'A', attempt: 3 }] });
    t.deepEqual(rig.take(), ['commit release A#3 keep']);
  },
);

coordinatorTest(
  'an agent that drains by itself gets nothing new; what it gives back goes elsewhere; then it is gone',
  {},
  (t, rig) => {
    rig.agents('n0');
    rig.leased(leasedJob('A'), leasedJob('B'));
    rig.take();
    const beat = { number: 1, lastReport: 0, queued: 0, running: 0, draining: true };
    rig.hear('n0', { heartbeat: { ...beat, receivedCommands: rig.state.agents.get('n0')!.sentCommand } });
    rig.retracted('n0', 'B');
    t.deepEqual(rig.phases(), { A: 'sent', B: 'queued' });
    rig.agents('n1');
    rig.ended('n0', 'A', { exited: false, signal: 15, killed: 2 });
    t.deepEqual(rig.take(), [
      'n0: echo 1 received 0 committed 0',
      'n0: committed 1',
      'n1: start B#1',
      'commit end A#1@2 RUN_TIMEOUT RESTART_READY',
    ]);
    rig.commit();
    rig.passAlive(15_000, 'n1');
    t.is(rig.state.agents.get('n0')?.status, 'dead');
    rig.take();
  },
);
