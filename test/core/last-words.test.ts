/** The last words of a launcher: what is left and why, how many of what, and whether its work is done. */
import test from 'ava';
import {
  endReason,
  IDLE,
  lastWords,
  leftOverOf,
  nothingDone,
  type Done,
  type LeftFacts,
  type LeftGroup,
  type LeftOver,
} from '../../src/model/last-words.ts';
import { NO_AGENT_END_MS, NO_AGENT_MS } from '../../src/base/limits.ts';
import { coordinatorTest } from './support/coordinator-rig.ts';
import { leasedJob } from './support/jobs.ts';

function group(code: LeftGroup['code'], count: number, over: Partial<LeftGroup> = {}): LeftGroup {
  return { code, count, least: 0, most: 0, who: '', ...over };
}

function left(groups: LeftGroup[], over: Partial<LeftFacts> = {}): LeftOver {
  const facts = { groups, more: false, filterMatches: true, workflows: [], ...over };
  const fits = { nodes: 1, minutes: 0.96 };
  return leftOverOf(facts, { launcher: 7, wfFilter: 'x', owner: 'alice', fits });
}

const done = (over: Partial<Done>): Done => ({ ...nothingDone(), ...over });

const sentences: readonly (readonly [string, LeftOver, string])[] = [
  ['nothing', left([]), ''],
  [
    'one that does not fit',
    left([group('wall-time', 1, { least: 1, most: 1 })]),
    '1 job waits that this launcher cannot take: its wall_time_minutes 1 is more than the 0.9 left',
  ],
  [
    'several reasons with counts',
    left([
      group('wall-time', 3, { least: 1, most: 90 }),
      group('nodes', 2, { least: 5, most: 5 }),
      group('owner', 1, { who: 'bob' }),
    ]),
    '6 jobs wait that this launcher cannot take: wall_time_minutes 1 to 90 is more than the 0.9 left (3); num_nodes 5 is more than the 1 node that takes work here (2); of the database user bob, and this launcher runs those of alice (--any-owner runs all) (1)',
  ],
  [
    'ranks in mode serial, and a state',
    left([group('ranks', 1, { least: 2, most: 2 }), group('state', 1, { who: 'AWAITING_PARENTS' })]),
    '2 jobs wait that this launcher cannot take: num_nodes or ranks_per_node is 2, and in mode serial it takes jobs of one rank (1); nothing moves a job on from AWAITING_PARENTS by itself (1)',
  ],
  [
    'what others hold',
    left([group('held', 2, { who: '4' })]),
    '2 jobs have not ended: launcher 4 holds them',
  ],
  [
    'what it holds itself',
    left([group('held', 1, { who: '7' })]),
    '1 job has not ended: this launcher still holds them: the next one takes them back',
  ],
  ['what it did not come to', left([group('open', 5)]), '5 jobs are left to run'],
  [
    'more than were counted',
    left([group('open', 100_001)], { more: true }),
    'more than 100001 jobs are left to run',
  ],
  [
    'a filter without a match',
    left([], { filterMatches: false, workflows: ['a', 'b'] }),
    'no workflow contains "x": the database has "a", "b"',
  ],
  ['an empty database', left([], { filterMatches: false }), ''],
];

for (const [what, over, sentence] of sentences)
  test(`what is left: ${what}`, (t) => {
    t.is(over.text, sentence);
  });

test('an idle launcher leaves for what it leaves; another reason stays before it', (t) => {
  t.is(endReason(IDLE, ''), IDLE);
  t.is(endReason(IDLE, 'x'), 'x');
  t.is(endReason('the time limit is reached', 'x'), 'the time limit is reached; x');
});

test('work is done when nothing is left and everything could be started', (t) => {
  const nothing = left([]);
  const words = lastWords({ reason: IDLE, done: done({ finished: 3, failed: 1 }), left: nothing });
  t.deepEqual(words, { reason: IDLE, counts: '3 done, 1 failed, 0 left', complete: true });
  const killed = lastWords({ reason: IDLE, done: done({ killed: 2 }), left: left([group('open', 1)]) });
  t.deepEqual(killed, {
    reason: '1 job is left to run',
    counts: '0 done, 0 failed, 2 killed, 1 left',
    complete: false,
  });
  const unstartedWhy = 'could not be started on n1: exec: no such file\nmore';
  const one = lastWords({
    reason: IDLE,
    done: done({ failed: 1, unstarted: 1, unstartedWhy }),
    left: nothing,
  });
  t.false(one.complete);
  t.is(one.reason, `${IDLE}; 1 job could not be started on n1: exec: no such file`);
  const two = lastWords({
    reason: IDLE,
    done: done({ failed: 2, unstarted: 2, unstartedWhy: 'application a is not registered' }),
    left: nothing,
  });
  t.is(two.reason, `${IDLE}; 2 jobs could not be started, the first: application a is not registered`);
  const silent = lastWords({ reason: IDLE, done: done({}), left: null });
  t.like(silent, { reason: `${IDLE}; the database did not say what is left`, complete: false });
});

coordinatorTest(
  'jobs that end without having run are counted: refused, killed before their start',
  {},
  (t, rig) => {
    rig.apps = new Map([...rig.apps, ['gone', null]]);
    rig.agents('n0', 'n1');
    rig.leased(leasedJob('A'), leasedJob('B', { application: 'gone' }), leasedJob('C', { numNodes: 2 }));
    t.is(rig.state.done.failed, 0, 'not before it is written');
    rig.on({ kind: 'killed', jobs: [{ id: 'C', attempt: 1 }] });
    rig.commit({ releases: ['applied'] });
    t.like(rig.state.done, { failed: 1, unstarted: 1, unstartedWhy: 'application gone is not registered' });
    rig.commit({ releases: ['killed'] });
    t.like(rig.state.done, { finished: 0, failed: 1, killed: 1, unstarted: 1 });
    rig.take();
  },
);

coordinatorTest('an end that was written by a commit whose answer was lost counts once', {}, (t, rig) => {
  rig.agents('n0');
  rig.leased(leasedJob('A'));
  rig.ended('n0', 'A');
  rig.on({ kind: 'commit-failed', why: 'away' });
  rig.pass(1_000);
  rig.commit({ ends: ['duplicate'] });
  t.like(rig.state.done, { finished: 1 });
  rig.take();
});

coordinatorTest('no agent: said after 15 s, the end with an error after five minutes', {}, (t, rig) => {
  rig.pass(NO_AGENT_MS - 1);
  t.deepEqual(rig.take(), []);
  rig.pass(1);
  t.deepEqual(rig.take(), ['no agent for 15 s']);
  rig.on({ kind: 'recorded' });
  rig.on({ kind: 'confirmed', sentAt: NO_AGENT_END_MS - 1_000 });
  rig.pass(NO_AGENT_END_MS - NO_AGENT_MS - 1);
  t.is(rig.state.phase, 'running');
  rig.pass(1);
  t.deepEqual(rig.take(), ['leave-row']);
  t.true(rig.state.leaveFailed);
  t.is(rig.state.leaveReason, 'no agent has joined for 5 minutes');
  rig.on({ kind: 'left', over: null });
  t.deepEqual(rig.take(), ['end left failed']);
  t.deepEqual(rig.records, ['record no-agent', 'record left']);
});

coordinatorTest(
  'an agent that came late is waited for no more, and one that is lost later neither',
  {},
  (t, rig) => {
    rig.pass(NO_AGENT_MS);
    rig.take();
    rig.agents('n0');
    rig.pass(1_000);
    t.is(rig.state.awaited, null);
    rig.on({ kind: 'confirmed', sentAt: 2 * NO_AGENT_END_MS });
    rig.pass(2 * NO_AGENT_END_MS);
    t.is(rig.state.phase, 'running');
    rig.take();
  },
);
