/** Shortages of a node and helpers that jobs kill (PROTOCOL 10), in both cores. */
import { CAUSE_LOST, HELPER_LOST } from '../../src/core/messages.ts';
import { NOTHING_STARTS_MS } from '../../src/base/process-limits.ts';
import { agentTest, type AgentRig } from './support/agent-rig.ts';
import { coordinatorTest, type CoordinatorRig } from './support/coordinator-rig.ts';
import { agentJob, leasedJob } from './support/jobs.ts';

const LETTERS = ['A', 'B', 'C', 'D', 'E', 'F', 'G', 'H'];
const eight = LETTERS.map((id) => agentJob(id, { packing: 8 }));

function lacks(rig: AgentRig, helper: number, token: number): void {
  rig.on({ kind: 'job-failed', helper, token, stage: 'fork', message: 'no process is left', short: true });
}

function says(rig: AgentRig): { short: string; most: number } {
  return { short: rig.state.short?.reason ?? '', most: rig.state.short?.most ?? 0 };
}

agentTest('what the node lacked a process for waits, in its order, and nothing is reported', {}, (t, rig) => {
  rig.work();
  rig.start(...eight);
  rig.take();
  for (let token = 1; token <= 3; token++) rig.started(token - 1, token);
  rig.pass(50);
  t.deepEqual(rig.take(), ['1 A#1 started', '2 B#1 started', '3 C#1 started']);
  for (const token of [8, 5, 6, 7, 4]) lacks(rig, token - 1, token);
  t.deepEqual(rig.take(), ['close 7', 'close 5', 'close 6', 'close 4'], 'one helper stays for the next try');
  t.deepEqual(
    rig.state.queue.map((l) => l.job.id),
    ['D', 'E', 'F', 'G', 'H'],
  );
  t.deepEqual(says(rig), { short: 'fork: no process is left', most: 3 });
  rig.pass(100);
  t.deepEqual(rig.take(), [], 'it waits before it tries again');
  rig.pass(150);
  t.deepEqual(rig.take(), ['run 3/9 D#1'], 'one more, not all');
  lacks(rig, 3, 9);
  rig.pass(499);
  t.deepEqual(rig.take(), [], 'the pause has grown');
  rig.pass(1);
  t.deepEqual(rig.take(), ['run 3/10 D#1']);
  rig.started(3, 10);
  rig.pass(250);
  t.deepEqual(rig.take(), ['4 D#1 started', 'open 4', 'run 4/11 E#1'], 'what works lets the next be tried');
  rig.ended(0, 1);
  rig.pass(50);
  t.deepEqual(rig.take(), ['run 0/12 F#1', '5 A#1 ended exit 0'], 'an end makes room at once');
});

agentTest(
  'a helper that could not be started gives back what it was given, and is asked for again',
  {},
  (t, rig) => {
    rig.work();
    rig.start(agentJob('A'), agentJob('B'));
    t.deepEqual(rig.take(), ['open 0', 'run 0/1 A#1', 'open 1', 'run 1/2 B#1']);
    rig.on({ kind: 'helper-failed', helper: 1, reason: 'spawn EAGAIN' });
    t.deepEqual(rig.take(), []);
    rig.pass(250);
    t.deepEqual(rig.take(), ['open 1', 'run 1/3 B#1']);
  },
);

agentTest('where nothing at all starts for a while it says so; what runs is no such while', {}, (t, rig) => {
  rig.work();
  rig.start(agentJob('A'));
  rig.take();
  let token = 1;
  lacks(rig, 0, token);
  const beats: number[] = [];
  for (let ms = 0; ms < NOTHING_STARTS_MS + 10_000; ms += 100) {
    rig.pass(100);
    rig.echo();
    for (const line of rig.take()) if (line.startsWith('run ')) lacks(rig, 0, ++token);
    beats.push(rig.state.queue.length);
  }
  t.true(token > 5 && token < 15, `tried ${token} times`);
  rig.start(agentJob('B'));
  rig.retract('A');
  rig.pass(50);
  t.true(
    rig.take().some((l) => l.includes('A#1 retracted')),
    'it is given back unstarted',
  );
  rig.retract('B');
  rig.pass(50);
  rig.take();
});

agentTest('a job that alone can never be started is its own fault when others can', {}, (t, rig) => {
  rig.work();
  rig.start(agentJob('X', { packing: 1 }), ...['A', 'B', 'C', 'D'].map((id) => agentJob(id, { packing: 1 })));
  const started: string[] = [];
  let over = '';
  for (let i = 0; i < 200 && over === ''; i++) {
    for (const line of rig.take()) {
      const [, helper, token, id] = /^run (\d+)\/(\d+) (\w+)#1/.exec(line) ?? [];
      if (/not started/.test(line)) over = line;
      if (id === undefined) continue;
      if (id === 'X') {
        lacks(rig, Number(helper), Number(token));
        rig.start(agentJob(`N${i}`, { packing: 1 }));
      } else {
        started.push(id);
        rig.ended(Number(helper), Number(token));
      }
    }
    rig.pass(100);
    rig.echo();
  }
  t.deepEqual(started.slice(0, 3), ['A', 'B', 'C'], 'the others do not wait for it');
  t.regex(over, /X#1 not started: fork/);
  rig.pass(1_000);
  rig.take();
});

// --- the coordinator ---

function short(rig: CoordinatorRig, name: string, most: number): void {
  const receivedCommands = rig.state.agents.get(name)?.sentCommand ?? 0;
  const counts = { number: 9, receivedCommands, lastReport: 0, queued: 0, running: 0, draining: false };
  rig.hear(name, { heartbeat: { ...counts, short: 'fork: no process is left', most } });
}

coordinatorTest('a node that is short keeps what it can hold, the rest goes elsewhere', {}, (t, rig) => {
  rig.agents('n0');
  rig.leased(...LETTERS.slice(0, 4).map((id) => leasedJob(id, { nodePackingCount: 4 })));
  t.deepEqual(rig.take(), ['n0: start A#1 B#1 C#1 D#1']);
  rig.started('n0', 'A');
  rig.agents('n1');
  short(rig, 'n0', 2);
  t.deepEqual(
    rig.take().filter((l) => !l.includes('echo')),
    ['n0: retract D#1 C#1'],
  );
  rig.retracted('n0', 'D');
  rig.retracted('n0', 'C');
  t.deepEqual(
    rig.take().filter((l) => l.includes(': start')),
    ['n1: start D#1', 'n1: start C#1'],
  );
});

coordinatorTest(
  'nothing starts on the last node: it is drained, and the launcher leaves with the reason',
  {},
  (t, rig) => {
    rig.agents('n0');
    rig.leased(leasedJob('A'));
    rig.take();
    rig.state.leasing = false;
    short(rig, 'n0', 0);
    const lines = rig.take().filter((l) => !l.includes('echo'));
    t.deepEqual(lines, ['n0: retract A#1', 'n0: kill 2 A#1', 'n0: drain']);
    t.regex(
      rig.state.leaveReason,
      /no job can be started on n0: nothing can be started there: fork: no process is left/,
    );
    rig.retracted('n0', 'A');
    t.deepEqual(rig.take(), ['commit release A#1 keep']);
    rig.on({
      kind: 'committed',
      outcomes: { starts: [], patches: [], ends: [], releases: ['applied'] },
      answers: [],
    });
    rig.on({ kind: 'recorded' });
    rig.on({ kind: 'left', over: null });
    t.deepEqual(
      rig.take().filter((l) => !l.includes('committed')),
      ['leave-row', 'end left failed'],
    );
  },
);

coordinatorTest(
  'a job whose helper died three times is FAILED; before that it rests, longer each time',
  {},
  (t, rig) => {
    rig.agents('n0');
    const lost = { exited: false, signal: 9, killed: CAUSE_LOST, note: HELPER_LOST };
    rig.leased(leasedJob('A'), leasedJob('B', { helperLosses: 1 }));
    t.deepEqual(rig.take(), ['n0: start A#1']);
    rig.pass(999);
    t.deepEqual(rig.take(), []);
    rig.pass(1);
    t.deepEqual(rig.take(), ['n0: start B#1']);
    rig.ended('n0', 'A', lost);
    rig.ended('n0', 'B', lost);
    const [first] = rig.lastCommit!.rows.ends;
    t.like(first, { id: 'A', state: 'RESTART_READY', helperLost: true, message: 'helper lost' });
    rig.take();
  },
);

coordinatorTest('the third lost helper', {}, (t, rig) => {
  rig.agents('n0');
  rig.leased(leasedJob('C', { helperLosses: 2 }));
  rig.pass(9_000);
  rig.beat('n0');
  t.deepEqual(
    rig.take().filter((l) => l.includes(': start')),
    [],
  );
  rig.pass(1_000);
  t.deepEqual(
    rig.take().filter((l) => l.includes(': start')),
    ['n0: start C#1'],
  );
  rig.ended('n0', 'C', { exited: false, signal: 9, killed: CAUSE_LOST, note: HELPER_LOST });
  t.like(rig.lastCommit!.rows.ends[0], {
    outcome: 'RUN_TIMEOUT',
    state: 'FAILED',
    helperLost: true,
    message: 'helper lost: its helper died 3 times',
  });
  rig.take();
});
