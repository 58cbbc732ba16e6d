/** What `explain` decides, fact by fact: every reason once, the number that is too big, where the time went. */
import test from 'ava';
import { explain } from '../../src/model/explain.ts';
import type {
  ExplainedAttempt,
  ExplainedEnd,
  ExplainedJob,
  ExplainedLauncher,
  ExplainFacts,
} from '../../src/model/explain.ts';

const at = (seconds: number): Date => new Date(Date.UTC(2026, 0, 1, 12, 0, seconds));

function job(changes: Partial<ExplainedJob> = {}): ExplainedJob {
  return {
    job_id: '12345678-0000-4000-8000-000000000000',
    name: 'relax',
    workflow: 'alloy',
    application: 'vasp',
    state: 'CREATED',
    parents: [],
    wait_for_parents: true,
    input_files: '',
    stage_in_url: '',
    num_nodes: 1,
    ranks_per_node: 1,
    wall_time_minutes: 1,
    launcher: null,
    owner: 'alice',
    created_at: at(0),
    updated_at: at(0),
    ...changes,
  };
}

function launcher(changes: Partial<ExplainedLauncher> = {}): ExplainedLauncher {
  return {
    id: 3,
    state: 'alive',
    silent: false,
    degraded: false,
    host: 'n1',
    mode: 'mixed',
    wf_filter: '',
    nodes: 4,
    owner: 'alice',
    any_owner: false,
    joined: true,
    minutes_left: null,
    ...changes,
  };
}

function attempt(changes: Partial<ExplainedAttempt> = {}): ExplainedAttempt {
  return {
    attempt: 1,
    launcher: 3,
    node: 'n1',
    leased_at: at(2),
    started_at: at(3),
    ended_at: at(5),
    outcome: 'RUN_DONE',
    end_state: 'JOB_FINISHED',
    exit_code: 0,
    signal: null,
    message: '',
    ...changes,
  };
}

function facts(changes: Partial<ExplainFacts> = {}): ExplainFacts {
  return {
    job: job(),
    parents: [],
    registered: true,
    launchers: [],
    last: null,
    user: 'alice',
    attempts: [],
    events: [],
    runnable: 1,
    queued_launches: 0,
    ...changes,
  };
}

const ended = (changes: Partial<ExplainedEnd>): ExplainedEnd => ({
  ...launcher({ state: 'ended' }),
  ended_at: at(9),
  left: 'nothing is left to run',
  left_over: '',
  ...changes,
});

for (const [what, last, code, text] of [
  [
    'too little time',
    ended({ minutes_left: 0 }),
    'wall-time',
    /wall_time_minutes is 1, too big for launcher 3 on n1: it had 0 minutes left$/,
  ],
  [
    'too few nodes',
    ended({ nodes: 0 }),
    'nodes',
    /num_nodes is 1, too big for launcher 3 on n1: 0 of its nodes took work$/,
  ],
  [
    'another owner',
    ended({ owner: 'bob' }),
    'owner',
    /launcher 3 on n1 runs jobs of the database user bob alone/,
  ],
  [
    'it could not work',
    ended({ left: 'no agent is left: x', left_over: '1 job is left to run' }),
    'last',
    /\(3 on n1\) ended: no agent is left: x; 1 job is left to run$/,
  ],
  ['it died', ended({ state: 'dead' }), 'last', /\(3 on n1\) died$/],
] as const)
  test(`explain remembers why the last launcher left the job: ${what}`, (t) => {
    const { reasons } = explain(facts({ last }));
    t.deepEqual(
      reasons.map((r) => r.code),
      ['no-launcher', code],
    );
    t.regex(reasons[1]!.text, text);
  });

const PARENT = '99999999-0000-4000-8000-000000000000';

for (const [what, given, code, text] of [
  ['no launcher', facts(), 'no-launcher', /no launcher is alive: start one by/],
  [
    'no launcher for what needs nodes and is of another user',
    facts({ job: job({ num_nodes: 5 }), user: 'root' }),
    'no-launcher',
    /start one by `balsam launcher --consume-all --nodes 5 --any-owner`/,
  ],
  [
    'no agent',
    facts({ launchers: [launcher({ nodes: 0, joined: false })] }),
    'no-agent',
    /^no agent has joined launcher 3 on n1 yet/,
  ],
  [
    'a launcher of any owner',
    facts({ launchers: [launcher({ owner: 'bob', any_owner: true })] }),
    'queue',
    /who may take it: launcher 3/,
  ],
  [
    'launches in the queue',
    facts({ queued_launches: 2 }),
    'no-launcher',
    /2 launches are in the batch queue/,
  ],
  [
    'too many nodes',
    facts({ job: job({ num_nodes: 8 }), launchers: [launcher(), launcher({ id: 4, nodes: 2 })] }),
    'nodes',
    /^num_nodes is 8, too big: the largest launcher alive has 4$/,
  ],
  [
    'ranks for a serial launcher',
    facts({ job: job({ ranks_per_node: 4 }), launchers: [launcher({ mode: 'serial' })] }),
    'ranks',
    /^ranks_per_node is 4, too big for launcher 3 on n1: in mode serial/,
  ],
  [
    'nodes for a serial launcher',
    facts({ job: job({ num_nodes: 2 }), launchers: [launcher({ mode: 'serial' })] }),
    'ranks',
    /^num_nodes is 2, too big/,
  ],
  [
    'wall time',
    facts({ job: job({ wall_time_minutes: 90 }), launchers: [launcher({ minutes_left: 30 })] }),
    'wall-time',
    /^wall_time_minutes is 90, too big for launcher 3 on n1: it leaves in 30 minutes/,
  ],
  [
    'a filter',
    facts({ launchers: [launcher({ wf_filter: 'steel' })] }),
    'filter',
    /runs only workflows that contain "steel", and this one is "alloy"/,
  ],
  ['an owner', facts({ launchers: [launcher({ owner: 'bob' })] }), 'owner', /database user bob .*alice's/],
  ['silence', facts({ launchers: [launcher({ silent: true })] }), 'silent', /launcher 3 on n1 is silent/],
  [
    'its turn',
    facts({ runnable: 12, launchers: [launcher(), launcher({ id: 4, nodes: 0 })] }),
    'queue',
    /as do 11 other jobs; who may take it: launcher 3 on n1$/,
  ],
  [
    'an application',
    facts({ registered: false, launchers: [launcher()] }),
    'application',
    /no application vasp is registered/,
  ],
  [
    'a person',
    facts({ job: job({ state: 'RUN_ERROR' }) }),
    'person',
    /from RUN_ERROR by itself: `balsam modify 12345678 state RESTART_READY`/,
  ],
  ['staging', facts({ job: job({ stage_in_url: 'x:' }) }), 'person', /from CREATED/],
  [
    'a parent',
    facts({ job: job({ parents: [PARENT] }), parents: [{ id: PARENT, name: 'p', state: 'RUNNING' }] }),
    'parent',
    /waits for its parent \[p \| 99999999\], which is RUNNING/,
  ],
  [
    'a failed parent',
    facts({
      job: job({ parents: [PARENT], state: 'AWAITING_PARENTS' }),
      parents: [{ id: PARENT, name: 'p', state: 'FAILED' }],
    }),
    'parent-failed',
    /never runs unless/,
  ],
  [
    'a parent that is gone',
    facts({ job: job({ parents: [PARENT] }) }),
    'parent-missing',
    /99999999-.* was deleted/,
  ],
] as const) {
  test(`it waits for ${what}`, (t) => {
    const found = explain(given);
    t.is(found.phase, 'waiting');
    t.is(found.reasons[0]?.code, code);
    t.regex(found.reasons[0]?.text ?? '', text);
    t.is(found.summary, `${given.job.state}: ${found.reasons[0]?.text}`);
  });
}

test('parents that do not count are no reason', (t) => {
  const finished = { id: PARENT, name: 'p', state: 'JOB_FINISHED' } as const;
  const launchers = [launcher()];
  const free = job({ parents: [PARENT], wait_for_parents: false });
  t.is(explain(facts({ job: free, launchers })).reasons[0]?.code, 'queue');
  const ready = job({ parents: [PARENT], state: 'PREPROCESSED' });
  t.is(explain(facts({ job: ready, parents: [finished], launchers })).reasons[0]?.code, 'queue');
});

test('many launchers are summed up, one sentence each for the first ones', (t) => {
  const launchers = Array.from({ length: 9 }, (_, id) => launcher({ id, wf_filter: 'steel' }));
  const { reasons } = explain(facts({ launchers }));
  t.is(reasons.length, 5);
  t.regex(reasons[4]?.text ?? '', /; 4 more launchers cannot take it either$/);
});

test('held: by whom, for what, and when that one is gone', (t) => {
  const held = job({ state: 'PREPROCESSED', launcher: 3, updated_at: at(2) });
  const waiting = explain(facts({ job: held, launchers: [launcher()] }));
  t.like(waiting, { phase: 'held', summary: 'PREPROCESSED, leased by launcher 3' });
  t.deepEqual(waiting.timeline[2], { what: 'leased', at: at(2) });
  const gang = explain(facts({ job: { ...held, num_nodes: 4 }, launchers: [launcher()] }));
  t.regex(gang.reasons[0]?.text ?? '', /when 4 of its nodes are free at the same time/);
  const runs = facts({
    job: job({ state: 'RUNNING', launcher: 3 }),
    attempts: [attempt({ ended_at: null, outcome: null, end_state: null })],
  });
  t.like(explain({ ...runs, launchers: [launcher()] }), {
    phase: 'running',
    summary: 'RUNNING on n1 in launcher 3',
    reasons: [],
  });
  for (const launchers of [[], [launcher({ state: 'dead' })], [launcher({ silent: true })]])
    t.is(explain({ ...runs, launchers }).reasons[0]?.code, 'silent');
  const killed = explain(facts({ job: job({ state: 'USER_KILLED', launcher: 3 }), launchers: [launcher()] }));
  t.regex(killed.reasons[0]?.text ?? '', /has not yet let it go/);
});

test('ended: where the time went', (t) => {
  const done = explain(
    facts({ job: job({ state: 'JOB_FINISHED', updated_at: at(6) }), attempts: [attempt()] }),
  );
  t.like(done, { phase: 'ended', summary: 'JOB_FINISHED', reasons: [] });
  t.deepEqual(
    done.timeline,
    (['created', 'runnable', 'leased', 'started', 'ended', 'committed'] as const).map((what, i) => ({
      what,
      at: at([0, 0, 2, 3, 5, 6][i]!),
    })),
  );
  const again = explain(
    facts({
      job: job({ state: 'JOB_FINISHED', updated_at: at(20) }),
      attempts: [
        attempt({ outcome: 'RUN_TIMEOUT', end_state: 'RESTART_READY' }),
        attempt({ attempt: 2, leased_at: at(9), started_at: at(10), ended_at: at(11) }),
      ],
    }),
  );
  t.deepEqual(again.timeline[1], { what: 'runnable', at: at(5) });
});

test('ended: why it failed', (t) => {
  const failed = job({ state: 'FAILED' });
  const error = attempt({
    outcome: 'RUN_ERROR',
    end_state: 'FAILED',
    exit_code: 3,
    message: 'nonzero return 3:\n    oops',
  });
  const found = explain(facts({ job: failed, attempts: [error] }));
  t.like(found, { summary: 'FAILED: nonzero return 3 on n1' });
  t.is(found.reasons[0]?.text, 'nonzero return 3 on n1\n    oops');
  t.is(
    explain(facts({ job: failed, attempts: [attempt({ ...error, message: '', signal: 9 })] })).summary,
    'FAILED: ended by signal 9 (SIGKILL) on n1',
  );
  const events = [{ at: at(9), state: 'FAILED', message: 'its node died 3 times' }] as const;
  t.is(explain(facts({ job: failed, attempts: [error], events })).summary, 'FAILED: its node died 3 times');
  t.is(explain(facts({ job: failed })).summary, 'FAILED');
  const killed = [{ at: at(9), state: 'USER_KILLED', message: 'killed by alice' }] as const;
  t.is(
    explain(facts({ job: job({ state: 'USER_KILLED' }), events: killed })).summary,
    'USER_KILLED: killed by alice',
  );
});

test('a job that waits again forgets the attempt before', (t) => {
  const events = [{ at: at(9), state: 'RESTART_READY', message: 'retried by a person' }] as const;
  const { timeline, phase } = explain(
    facts({
      job: job({ state: 'RESTART_READY' }),
      attempts: [attempt({ outcome: 'RUN_ERROR', end_state: 'FAILED' })],
      events,
    }),
  );
  t.is(phase, 'waiting');
  t.deepEqual(timeline.slice(1, 3), [
    { what: 'runnable', at: at(9) },
    { what: 'leased', at: null },
  ]);
});
