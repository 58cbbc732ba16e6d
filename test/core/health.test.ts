/** Bad nodes (PROTOCOL 10), and what is put on record of a launcher for people and for a successor. */
import type { ExecutionContext } from 'ava';
import { coordinatorTest, type CoordinatorRig } from './support/coordinator-rig.ts';
import { leasedJob } from './support/jobs.ts';

const NODES = { nodes: [0, 1, 2] };

/** Lets a job be refused by n0 and run to its end on another node. */
function refusedThenRuns(t: ExecutionContext, rig: CoordinatorRig, id: string): void {
  rig.leased(leasedJob(id));
  const first = whereIs(rig, id);
  if (first !== 'n0') return t.fail(`${id} is on ${first}`);
  rig.notStarted('n0', id);
  rig.ended(whereIs(rig, id), id);
  rig.commit();
  rig.take();
}

function whereIs(rig: CoordinatorRig, id: string): string {
  return rig.state.entries.get(id)?.on[0] ?? '';
}

/** One job on each node at a time, which ends there as `how` says. */
function rounds(
  rig: CoordinatorRig,
  count: number,
  how: (at: string) => { exitCode?: number; ranMs?: number },
): void {
  for (let i = 0; i < count; i++) {
    const ids = ['x', 'y', 'z'].map((x) => `${x}${i}`);
    rig.leased(...ids.map((id) => leasedJob(id, { nodePackingCount: 1 })));
    for (const id of ids) {
      const at = whereIs(rig, id);
      rig.ended(at, id, how(at));
      rig.commit();
    }
  }
  rig.take();
}

coordinatorTest(
  'three in a row that could not be started here and started elsewhere: the node is drained, its queue goes elsewhere',
  NODES,
  (t, rig) => {
    rig.agents('n0', 'n1', 'n2');
    for (const id of ['A', 'B']) refusedThenRuns(t, rig, id);
    t.is(rig.state.nodes.get(0)?.drained, '');
    refusedThenRuns(t, rig, 'C');
    t.regex(rig.state.nodes.get(0)!.drained, /3 jobs in a row could not be started here/);
    t.true(rig.records.includes('record drained node 0'));
    rig.leased(leasedJob('D'), leasedJob('E'), leasedJob('F'));
    for (const id of ['D', 'E']) t.not(whereIs(rig, id), 'n0');
    t.is(rig.state.agents.get('n0')!.entries.size, 0);
    rig.take();
  },
);

coordinatorTest('a job that starts in between ends the row', NODES, (t, rig) => {
  rig.agents('n0', 'n1', 'n2');
  for (const id of ['A', 'B']) refusedThenRuns(t, rig, id);
  rig.leased(leasedJob('good'));
  rig.ended('n0', 'good');
  rig.commit();
  for (const id of ['C', 'D']) refusedThenRuns(t, rig, id);
  t.is(rig.state.nodes.get(0)?.drained, '');
  rig.take();
});

coordinatorTest('what no node can start is FAILED, and counts against none', NODES, (t, rig) => {
  rig.agents('n0', 'n1', 'n2');
  for (const id of ['A', 'B', 'C', 'D', 'E']) {
    rig.leased(leasedJob(id));
    rig.notStarted(whereIs(rig, id), id);
    rig.notStarted(whereIs(rig, id), id);
    t.is(rig.lastCommit?.rows.releases[0]?.to, 'FAILED');
    rig.commit();
  }
  for (const node of [0, 1, 2]) t.is(rig.state.nodes.get(node)?.drained ?? '', '');
  rig.take();
});

coordinatorTest(
  'a node where most jobs fail within a second while others succeed is drained',
  NODES,
  (t, rig) => {
    rig.agents('n0', 'n1', 'n2');
    rounds(rig, 29, (at) => (at === 'n0' ? { exitCode: 1 } : {}));
    t.false(rig.state.agents.get('n0')!.drained, 'too few to judge');
    rounds(rig, 1, (at) => (at === 'n0' ? { exitCode: 1 } : {}));
    t.regex(rig.state.nodes.get(0)!.drained, /30 of its last 30 jobs failed within a second/);
    t.true(rig.state.agents.get('n0')!.drained);
    t.false(rig.state.agents.get('n1')!.drained);
  },
);

coordinatorTest(
  'jobs that fail on every node alike drain none, nor do those that fail after a second',
  NODES,
  (t, rig) => {
    rig.agents('n0', 'n1', 'n2');
    rounds(rig, 40, () => ({ exitCode: 1 }));
    rounds(rig, 40, () => ({}));
    rounds(rig, 40, (at) => (at === 'n0' ? { exitCode: 1, ranMs: 1_001 } : {}));
    for (const a of rig.state.agents.values()) t.false(a.drained);
  },
);

coordinatorTest('the last node is not drained', { nodes: [0, 1] }, (t, rig) => {
  rig.agents('n0', 'n1');
  for (const id of ['A', 'B']) refusedThenRuns(t, rig, id);
  rig.leased(leasedJob('C'));
  rig.notStarted('n0', 'C');
  // The other one drains by itself meanwhile.
  rig.hear('n1', {
    heartbeat: {
      number: 2,
      receivedCommands: 0,
      lastReport: 0,
      queued: 0,
      running: 1,
      draining: true,
      short: '',
      most: 0,
    },
  });
  rig.ended('n1', 'C');
  rig.commit();
  t.is(rig.state.nodes.get(0)?.drained, '');
  rig.take();
});

coordinatorTest('when only drained nodes are left they are taken again', { nodes: [0, 1] }, (t, rig) => {
  rig.agents('n0', 'n1');
  for (const id of ['A', 'B', 'C']) refusedThenRuns(t, rig, id);
  t.true(rig.state.agents.get('n0')!.drained);
  rig.passAlive(15_000, 'n0');
  t.is(rig.state.agents.get('n1')!.status, 'dead');
  t.false(rig.state.agents.get('n0')!.drained);
  rig.leased(leasedJob('D'));
  t.is(whereIs(rig, 'D'), 'n0');
  rig.on({ kind: 'recorded' });
  t.true(rig.records.some((r) => r.includes('undrained node 0')));
  rig.take();
});

coordinatorTest('an incarnation is over on record when what it held is written, not before', {}, (t, rig) => {
  rig.agents('n0', 'n1');
  rig.leased(leasedJob('A'));
  rig.started('n0', 'A');
  rig.pass(200);
  rig.commit();
  rig.join('again', { node: 0, endedIncarnation: 'n0', endedCrashed: true });
  t.deepEqual(rig.records, ['record agent-lost node 0'], 'the release is not committed');
  rig.on({ kind: 'recorded' });
  rig.on({ kind: 'commit-failed', why: 'away' });
  rig.pass(500);
  t.is(rig.records.length, 1);
  rig.commit();
  t.deepEqual(rig.records.slice(1), ['record n0 is over']);
  t.like(
    rig.lastCommit?.rows.releases[0],
    { nodeLost: true, lostEnd: true },
    'a crash is a death of its node',
  );
  rig.take();
});

coordinatorTest('an outage is told once it is over, a short one is not', {}, (t, rig) => {
  rig.agents('n0');
  rig.leased(leasedJob('A'));
  rig.ended('n0', 'A');
  rig.on({ kind: 'commit-failed', why: 'No space left on device' });
  t.is(rig.state.degraded?.why, 'No space left on device');
  rig.passAlive(3_000, 'n0');
  rig.commit();
  t.is(rig.state.degraded, null);
  t.deepEqual(rig.records, ['record degraded']);
  rig.take();
});

coordinatorTest('a record that failed is written again, before what came since', {}, (t, rig) => {
  rig.agents('n0', 'n1');
  rig.passAlive(15_000, 'n1');
  t.deepEqual(rig.records, ['record agent-lost node 0, n0 is over']);
  rig.on({ kind: 'record-failed' });
  rig.passAlive(2_000, 'n1');
  t.deepEqual(rig.records.slice(1), ['record agent-lost node 0, n0 is over']);
  rig.take();
});

coordinatorTest(
  'a successor keeps the nodes drained that its predecessor had drained',
  {},
  (t, rig) => {
    rig.state.leasing = true;
    const drained = [{ node: 0, reason: 'bad memory' }];
    rig.on({ kind: 'adopt', held: [], apps: rig.apps, incarnations: ['n0', 'n1'], drained });
    rig.agents('n0', 'n1');
    t.true(rig.state.agents.get('n0')!.drained);
    rig.leased(leasedJob('A'));
    t.is(whereIs(rig, 'A'), 'n1');
    rig.take();
  },
  { successor: true },
);
