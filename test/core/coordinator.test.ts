/** The coordinator's core, rule by rule: agents, streams, kills (PROTOCOL 0, 4, 5, 9). */
import type { CoordinatorEvent } from '../../src/core/coordinator/event.ts';
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
  const silent = {
    number: 1,
    receivedCommands: 0,
    lastReport: 0,
    queued: 0,
    running: 0,
    draining: false,
    short: '',
    most: 0,
  };
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

coordinatorTest(
  'a command that is sent again has what it had: who has it already takes it for a repeat',
  {},
  (t, rig) => {
    rig.agents('n0');
    rig.leased(leasedJob('A'));
    const sent = (): string[] => rig.take().filter((l) => !l.includes('echo'));
    t.deepEqual(sent(), ['n0: start A#1']);
    const heartbeat = {
      number: 1,
      receivedCommands: 0,
      lastReport: 0,
      queued: 0,
      running: 0,
      draining: false,
      short: '',
      most: 0,
    };
    const envelope = { version: 1, launcher: 1, epoch: 1, incarnation: 'n0', heartbeat };
    // In one step: what was sent is not acknowledged for a second, and there is more to say.
    const late = (event: CoordinatorEvent): void => {
      rig.now += 1_100;
      rig.on({ kind: 'message', envelope }, event);
    };
    late({ kind: 'leased', asked: 2, jobs: [leasedJob('B')], apps: rig.apps });
    t.deepEqual(sent(), ['n0: start A#1', 'n0: start B#1']);
    late({ kind: 'killed', jobs: [{ id: 'A', attempt: 1 }] });
    t.deepEqual(sent(), ['n0: start A#1', 'n0: start B#1', 'n0: kill 1 A#1']);
    late({ kind: 'killed', jobs: [{ id: 'B', attempt: 1 }] });
    t.deepEqual(sent(), ['n0: start A#1', 'n0: start B#1', 'n0: kill 1 A#1', 'n0: kill 1 B#1']);
  },
);

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
    heartbeat: {
      number: 1,
      receivedCommands: 9,
      lastReport: 0,
      queued: 0,
      running: 0,
      draining: false,
      short: '',
      most: 0,
    },
  });
  t.deepEqual(rig.take(), ['refused n0: an agent acknowledges only what was sent'], 'and not echoed');
});

// --- rows that were changed by hand ---

coordinatorTest(
  'let go by hand and leased again: the attempt before it ends and leaves no trace in the books',
  {},
  (t, rig) => {
    rig.agents('n0');
    rig.leased(leasedJob('A'), leasedJob('B'), leasedJob('C'), leasedJob('D'));
    t.deepEqual(rig.take(), ['n0: start A#1 B#1 C#1']);
    t.deepEqual(rig.phases(), { A: 'sent', B: 'sent', C: 'sent', D: 'queued' });
    rig.leased({ ...leasedJob('A'), attempt: 2 }, { ...leasedJob('D'), attempt: 2 });
    t.deepEqual(rig.take(), ['n0: kill 3 A#1', 'n0: start A#2']);
    t.deepEqual(rig.phases(), { A: 'sent', B: 'sent', C: 'sent', D: 'queued' });
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
    const beat = { number: 1, lastReport: 0, queued: 0, running: 0, draining: true, short: '', most: 0 };
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
