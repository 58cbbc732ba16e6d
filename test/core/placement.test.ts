/** Where jobs go: leases, shares, prefetch, gangs, stealing, claims, nodes that can't start a job (PROTOCOL 2, 6, 10). */
import { leasedJob } from './support/jobs.ts';
import { coordinatorTest } from './support/coordinator-rig.ts';

const whole = { nodePackingCount: 1 };
const once = { autoTimeoutRetry: false };

coordinatorTest(
  'it leases when an agent has room: what fits and a small prefetch, of no more nodes than it has',
  {},
  (t, rig) => {
    rig.on({ kind: 'tick' });
    rig.join('n0');
    t.deepEqual(rig.take(), ['enrol n0'], 'no work before the roster row');
    rig.on({ kind: 'enrolled', incarnation: 'n0' });
    t.deepEqual(rig.take(), ['lease 2 nodes 1'], 'one whole node and one ahead');
    rig.on({ kind: 'wake' });
    t.deepEqual(rig.take(), [], 'one lease at a time');
    rig.on({ kind: 'leased', asked: 2, jobs: [], apps: rig.apps });
    t.deepEqual(rig.take(), ['lease 2 nodes 1'], 'the first may not have seen what woke us');
    rig.on({ kind: 'leased', asked: 2, jobs: [], apps: rig.apps });
    rig.passAlive(4_900, 'n0');
    t.deepEqual(rig.take(), [], 'dry: the slow poll');
    rig.passAlive(200, 'n0');
    t.deepEqual(rig.take(), ['lease 2 nodes 1']);
    rig.on({ kind: 'leased', asked: 2, jobs: [], apps: rig.apps }, { kind: 'wake' });
    t.deepEqual(rig.take(), ['lease 2 nodes 1'], 'a wake-up ends the drought');
    rig.on({ kind: 'lease-failed', why: 'away' });
    rig.pass(499);
    t.deepEqual(rig.take(), []);
    rig.pass(1);
    t.deepEqual(rig.take(), ['lease 2 nodes 1']);
  },
);

coordinatorTest(
  'a commit that met rows of others ends the drought: a lease beside it may have passed them by',
  {},
  (t, rig) => {
    rig.agents('n0');
    rig.leased(leasedJob('A'));
    rig.on({ kind: 'leased', asked: 2, jobs: [], apps: rig.apps });
    rig.take();
    rig.ended('n0', 'A');
    rig.commit({ ends: ['not-ours'] });
    t.true(rig.take().some((line) => line.startsWith('lease ')));
  },
);

coordinatorTest(
  'a launcher with a time limit leases what still fits in whole minutes',
  { endAt: 150_000 },
  (t, rig) => {
    rig.join('n0');
    rig.on({ kind: 'enrolled', incarnation: 'n0' });
    t.deepEqual(rig.take(), ['enrol n0', 'lease 2 nodes 1 minutes 2']);
  },
);

coordinatorTest('jobs go to the agent with the most room, by share, and one more ahead', {}, (t, rig) => {
  rig.agents('n0', 'n1');
  rig.leased(...['A', 'B', 'C', 'D', 'E', 'F', 'G'].map((id) => leasedJob(id)));
  t.deepEqual(rig.take(), ['n0: start A#1 D#1 E#1', 'n1: start B#1 C#1 F#1']);
  t.is(rig.phases()['G'], 'queued');
  rig.ended('n1', 'B');
  t.deepEqual(rig.take(), ['commit end B#1@1 RUN_DONE JOB_FINISHED', 'n1: start G#1']);
});

coordinatorTest('in mpi mode packing does not count', { mode: 'mpi' }, (t, rig) => {
  rig.agents('n0');
  rig.leased(leasedJob('A'), leasedJob('B'), leasedJob('C'));
  t.deepEqual(rig.take(), ['n0: start A#1 B#1']);
});

coordinatorTest('prefetch is bounded by the measured rate', {}, (t, rig) => {
  rig.agents('n0');
  rig.leased(...Array.from({ length: 2_000 }, (_, i) => leasedJob(`J${i}`)));
  t.is(rig.state.agents.get('n0')?.entries.size, 3);
  rig.state.agents.get('n0')!.rate = 100_000;
  rig.on({ kind: 'tick' });
  t.is(rig.state.agents.get('n0')?.entries.size, 1_002);
  rig.take();
});

// --- gangs ---

coordinatorTest('a gang gets whole nodes, all or none, with their hosts', {}, (t, rig) => {
  rig.agents('n0', 'n1');
  rig.leased(leasedJob('G', { numNodes: 2 }));
  t.deepEqual(rig.take(), ['n0: start G#1']);
  t.deepEqual(rig.state.agents.get('n0')!.unacked[0]!.start!.jobs[0]!.hosts, ['n0', 'n1']);
  t.deepEqual(
    [...rig.state.agents.values()].map((a) => a.used),
    [1, 1],
  );
  rig.ended('n0', 'G');
  t.deepEqual(
    [...rig.state.agents.values()].map((a) => a.used),
    [0, 0],
  );
  t.deepEqual(rig.take(), ['commit end G#1@1 RUN_DONE JOB_FINISHED']);
});

coordinatorTest(
  'a gang that waits reserves nodes and takes their prefetch back; small jobs fill the others',
  {},
  (t, rig) => {
    rig.agents('n0', 'n1', 'n2');
    rig.leased(leasedJob('A'), leasedJob('B'), leasedJob('C'));
    rig.leased(leasedJob('G', { numNodes: 2 }), ...['D', 'E', 'F'].map((id) => leasedJob(id)));
    t.deepEqual(rig.take(), ['n0: start A#1', 'n1: start B#1', 'n2: start C#1', 'n2: start D#1 E#1']);
    t.deepEqual(rig.phases()['G'], 'queued');
    rig.ended('n0', 'A');
    rig.passAlive(1_000, 'n0', 'n1', 'n2');
    t.deepEqual(rig.take(), ['commit end A#1@1 RUN_DONE JOB_FINISHED'], 'the node stays free for the gang');
    rig.ended('n1', 'B');
    t.deepEqual(rig.take(), ['n0: start G#1']);
    t.is([...rig.state.agents.values()].filter((a) => a.reservedFor !== null).length, 0);
    t.is(rig.phases()['F'], 'queued');
  },
);

coordinatorTest('the prefetch of a reserved node comes back, and goes elsewhere', {}, (t, rig) => {
  rig.agents('n0', 'n1');
  rig.leased(leasedJob('A', whole), leasedJob('B', whole), leasedJob('C', whole), leasedJob('D', whole));
  rig.leased(leasedJob('G', { numNodes: 2 }));
  t.deepEqual(rig.take(), ['n0: start A#1 D#1', 'n1: start B#1 C#1', 'n0: retract D#1', 'n1: retract C#1']);
  rig.retracted('n0', 'D');
  rig.retracted('n1', 'C');
  rig.ended('n0', 'A');
  rig.ended('n1', 'B');
  t.deepEqual(rig.state.agents.get('n0')?.entries.has('G'), true, 'no starvation');
  rig.take();
});

coordinatorTest('a gang that waits and is killed lets its nodes go', {}, (t, rig) => {
  rig.agents('n0', 'n1');
  rig.leased(leasedJob('A', whole), leasedJob('G', { numNodes: 2 }));
  rig.leased(leasedJob('B', whole));
  t.deepEqual(rig.take(), ['n0: start A#1']);
  rig.on({ kind: 'killed', jobs: [{ id: 'G', attempt: 1 }] });
  t.deepEqual(rig.take(), ['commit release G#1 keep', 'n1: start B#1']);
});

coordinatorTest('a gang for which too few nodes are left goes back', {}, (t, rig) => {
  rig.agents('n0', 'n1');
  rig.leased(leasedJob('A', whole), leasedJob('G', { numNodes: 2 }));
  rig.take();
  rig.passAlive(15_000, 'n0');
  t.deepEqual(rig.take(), ['commit release G#1 keep']);
});

coordinatorTest(
  'a node of a running gang dies: its lead ends the rest before the attempt is over',
  {},
  (t, rig) => {
    rig.agents('n0', 'n1');
    rig.leased(leasedJob('G', { numNodes: 2 }));
    rig.take();
    rig.started('n0', 'G');
    rig.passAlive(15_000, 'n0');
    t.deepEqual(rig.take(), ['commit start G#1@1', 'n0: kill 3 G#1']);
    rig.commit();
    t.is(rig.phases()['G'], 'sent');
    rig.ended('n0', 'G', { exited: false, signal: 15, killed: 3 });
    t.deepEqual(rig.take(), ['n0: committed 1', 'commit end G#1@2 RUN_TIMEOUT RESTART_READY']);
  },
);

coordinatorTest(
  'a large job that is sent only to a free place reserves it, or small ones would starve it',
  {},
  (t, rig) => {
    rig.agents('n0', 'n1');
    rig.leased(leasedJob('A'), leasedJob('B'));
    rig.leased(leasedJob('W', { ...whole, ...once }), leasedJob('C'), leasedJob('D'), leasedJob('E'));
    t.deepEqual(rig.take(), ['n0: start A#1', 'n1: start B#1', 'n1: start C#1 D#1']);
    rig.ended('n0', 'A');
    t.deepEqual(rig.take(), ['commit start W#1@0, end A#1@1 RUN_DONE JOB_FINISHED']);
  },
);

coordinatorTest('who has a reservation is placed, whoever came back before it', {}, (t, rig) => {
  rig.agents('n0');
  rig.leased(leasedJob('A'), leasedJob('P', whole));
  rig.leased(leasedJob('W', { ...whole, ...once }));
  t.deepEqual(rig.take(), ['n0: start A#1 P#1', 'n0: retract P#1']);
  rig.retracted('n0', 'P');
  rig.ended('n0', 'A');
  t.deepEqual(rig.phases(), { A: 'over', P: 'queued', W: 'claimed' });
  rig.take();
});

coordinatorTest(
  'five free nodes take two jobs of two nodes and eight packed ones on the fifth; of twelve, two wide ones wait',
  { nodes: [0, 1, 2, 3, 4] },
  (t, rig) => {
    rig.agents('n0', 'n1', 'n2', 'n3', 'n4');
    const small = Array.from({ length: 8 }, (_, i) => leasedJob(`S${i}`, { nodePackingCount: 8 }));
    const wide = Array.from({ length: 4 }, (_, i) => leasedJob(`G${i}`, { numNodes: 2 }));
    rig.leased(...wide.slice(0, 2), ...small);
    t.deepEqual(rig.take(), [
      'n0: start G0#1',
      'n2: start G1#1',
      'n4: start S0#1 S1#1 S2#1 S3#1 S4#1 S5#1 S6#1 S7#1',
    ]);
    rig.leased(...wide.slice(2));
    t.deepEqual(rig.take(), []);
    t.deepEqual([rig.phases()['G2'], rig.phases()['G3']], ['queued', 'queued']);
    rig.ended('n0', 'G0');
    t.deepEqual(rig.take(), ['commit end G0#1@1 RUN_DONE JOB_FINISHED', 'n0: start G2#1']);
  },
);

coordinatorTest(
  'the same twelve with the wide ones first: the third keeps the fifth node free for itself, or the small ones would starve it',
  { nodes: [0, 1, 2, 3, 4] },
  (t, rig) => {
    rig.agents('n0', 'n1', 'n2', 'n3', 'n4');
    const small = Array.from({ length: 8 }, (_, i) => leasedJob(`S${i}`, { nodePackingCount: 8 }));
    rig.leased(...Array.from({ length: 4 }, (_, i) => leasedJob(`G${i}`, { numNodes: 2 })), ...small);
    const sent = rig.take();
    t.false(sent.some((line) => line.startsWith('n4')));
    t.is(rig.state.agents.get('n4')!.reservedFor, 'G2');
    rig.ended('n0', 'G0');
    t.true(rig.take().some((line) => /start G2#1/.test(line)));
  },
);

// --- stealing ---

coordinatorTest('when nothing waits, a node that idles gets what another has ahead', {}, (t, rig) => {
  rig.agents('n0');
  rig.leased(leasedJob('A', whole), leasedJob('B', whole));
  t.deepEqual(rig.take(), ['n0: start A#1 B#1']);
  rig.agents('n1');
  rig.leased();
  t.deepEqual(rig.take(), ['n0: retract B#1']);
  rig.retracted('n0', 'B');
  rig.state.leasing = true;
  t.deepEqual(rig.take(), ['n0: committed 1', 'n1: start B#1'].toSorted());
});

// --- claims ---

coordinatorTest(
  'RUNNING is committed before the start of a job that must not be lost to a doubt, and only for a free slot',
  {},
  (t, rig) => {
    rig.agents('n0');
    rig.leased(leasedJob('A', { ...once, ...whole }), leasedJob('B', { ...once, ...whole }));
    t.deepEqual(rig.take(), ['commit start A#1@0']);
    t.deepEqual(rig.phases(), { A: 'claimed', B: 'queued' });
    rig.commit();
    t.deepEqual(rig.take(), ['n0: start A#1']);
    rig.started('n0', 'A');
    rig.pass(100);
    t.deepEqual(rig.take(), ['commit start A#1@1'], 'the report adds when and where');
    rig.commit();
    t.deepEqual(rig.take(), ['n0: committed 1']);
    rig.ended('n0', 'A', { exited: true, exitCode: 0 });
    t.deepEqual(
      rig.take(),
      ['commit start B#1@0, end A#1@2 RUN_DONE JOB_FINISHED'],
      'the next is claimed with it',
    );
  },
);

coordinatorTest('a claim whose node dies before it was sent waits for another', {}, (t, rig) => {
  rig.agents('n0', 'n1');
  rig.leased(leasedJob('A', once));
  t.deepEqual(rig.take(), ['commit start A#1@0']);
  rig.passAlive(15_000, 'n1');
  t.is(rig.phases()['A'], 'claimed', 'what comes of its RUNNING is not known');
  rig.commit();
  t.deepEqual(rig.take(), ['n1: start A#1']);
});

coordinatorTest('a claim that was killed while it was committed is never sent', {}, (t, rig) => {
  rig.agents('n0');
  rig.leased(leasedJob('A', once), leasedJob('B', once));
  rig.on({ kind: 'killed', jobs: [{ id: 'A', attempt: 1 }] });
  rig.commit({ starts: ['applied', 'killed'] });
  t.deepEqual(rig.take(), [
    'commit start A#1@0, start B#1@0',
    'commit release A#1 RESTART_READY, release B#1 keep',
  ]);
  rig.commit();
  t.deepEqual(rig.phases(), {});
});

// --- failures before exec ---

coordinatorTest('not started: elsewhere, and FAILED at the second node', {}, (t, rig) => {
  rig.agents('n0', 'n1', 'n2');
  rig.leased(leasedJob('A'));
  rig.notStarted('n0', 'A');
  t.deepEqual(rig.take(), ['n0: start A#1', 'n0: committed 1', 'n1: start A#1']);
  rig.notStarted('n1', 'A');
  t.deepEqual(rig.take(), ['commit release A#1 FAILED']);
  t.regex(rig.lastCommit!.rows.releases[0]!.message, /could not be started on n1: exec: no such file/);
});

coordinatorTest(
  'not started with no other node left: FAILED; with the other lost meanwhile: it goes back',
  {},
  (t, rig) => {
    rig.agents('n0');
    rig.leased(leasedJob('A'));
    rig.notStarted('n0', 'A');
    t.deepEqual(rig.take(), ['n0: start A#1', 'commit release A#1 FAILED']);
    rig.commit();
    rig.take();
    rig.agents('n1');
    rig.leased(
      leasedJob('W', whole),
      leasedJob('V', whole),
      leasedJob('B', { ...once, ...whole }),
      leasedJob('C', whole),
    );
    rig.notStarted('n0', 'W');
    t.is(rig.phases()['W'], 'queued');
    rig.take();
    rig.passAlive(15_000, 'n0');
    t.false('W' in rig.phases() && rig.phases()['W'] === 'queued');
    rig.take();
  },
);

coordinatorTest('a gang that failed on a node and has too few others is FAILED', {}, (t, rig) => {
  rig.agents('n0', 'n1');
  rig.leased(leasedJob('G', { numNodes: 2 }));
  rig.notStarted('n0', 'G');
  t.deepEqual(rig.take(), ['n0: start G#1', 'commit release G#1 FAILED']);
});

// --- applications ---

coordinatorTest('what cannot be started at all is FAILED with the reason', {}, (t, rig) => {
  rig.agents('n0');
  rig.apps.set('gone', null).set('scripted', { ...rig.apps.get('app')!, name: 'scripted', preprocess: 'x' });
  rig.leased(leasedJob('A', { application: 'gone' }), leasedJob('B', { application: 'scripted' }));
  t.deepEqual(rig.take(), ['commit release A#1 FAILED, release B#1 FAILED']);
  t.deepEqual(
    rig.lastCommit!.rows.releases.map((r) => r.message),
    [
      'application gone is not registered',
      'application scripted has a preprocess script, which is not supported yet',
    ],
  );
});

coordinatorTest('an application is sent once to an agent; an edited one again', {}, (t, rig) => {
  rig.agents('n0');
  rig.leased(leasedJob('A'));
  rig.leased(leasedJob('B'));
  rig.apps.set('app', { ...rig.apps.get('app')!, executable: '/bin/new' });
  rig.leased(leasedJob('C'));
  const sent = rig.state.agents.get('n0')!.unacked.map((c) => c.start!.apps.map((a) => a.executable));
  t.deepEqual(sent, [['/bin/app'], [], ['/bin/new']]);
  rig.take();
});

coordinatorTest('large jobs are not gathered beyond what the wire takes', {}, (t, rig) => {
  rig.agents('n0');
  rig.state.agents.get('n0')!.rate = 1_000;
  rig.leased(...Array.from({ length: 100 }, (_, i) => leasedJob(`J${i}`, { args: 'x'.repeat(200_000) })));
  t.is(rig.state.agents.get('n0')!.entries.size, 100);
  const commands = rig.state.agents.get('n0')!.unacked;
  t.true(commands.every((c) => c.start!.jobs.length <= 2));
  rig.take();
});
