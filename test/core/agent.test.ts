/** The agent's core, rule by rule: joining (its lease: lease.test.ts), streams, starting, killing, the outbox (PROTOCOL 0, 5, 6, 8, 10). */
import test from 'ava';
import { KILL_LOST, KILL_NOW, KILL_TIMEOUT, KILL_USER, type Body } from '../../src/core/messages.ts';
import type { AgentEvent } from '../../src/core/agent/event.ts';
import { agentTest, AgentRig, STARTED_AFTER_MS } from './support/agent-rig.ts';
import { APP, agentJob } from './support/jobs.ts';

// --- joining, epochs ---

agentTest('it asks to join each second, answers hello, and works with the first echo', {}, (t, rig) => {
  rig.on({ kind: 'tick' });
  t.deepEqual(rig.take(), ['join []']);
  rig.pass(1_000);
  t.deepEqual(rig.take(), ['join []']);
  rig.hear({ hello: {} });
  t.deepEqual(rig.take(true), ['join []', 'beat 1']);
  rig.start(agentJob('A'));
  t.deepEqual(rig.take(), [], 'no start without a lease');
  rig.echo();
  t.deepEqual(rig.take(), ['lease 11000', 'open 0', 'run 0/1 A#1']);
});

agentTest(
  'lower epochs are refused; a higher one begins at 1 and gets the inventory and all uncommitted reports',
  {},
  (t, rig) => {
    rig.work();
    rig.start(agentJob('A'), agentJob('B'), agentJob('C'));
    rig.started(0, 1);
    rig.take();
    rig.echo(0, 1);
    rig.epoch = 2;
    rig.seq = 0;
    rig.hear({ hello: {} });
    rig.pass(50);
    t.deepEqual(rig.take(), ['join [A#1+ B#1+ C#1]', '1 A#1 started']);
    rig.hear({ dismissed: { reason: 'old' } }, 1);
    rig.hear(
      { commands: { commands: [{ seq: 1, kill: { reason: KILL_NOW, jobs: [{ id: 'A', attempt: 1 }] } }] } },
      1,
    );
    t.deepEqual(rig.take(), []);
    rig.ended(0, 1);
    rig.pass(50);
    t.deepEqual(
      rig.take(),
      ['run 0/3 C#1', '2 A#1 ended exit 0'],
      'C waited through the epoch, with its application',
    );
  },
);

agentTest('called dead: killed at once, then it joins anew', {}, (t, rig) => {
  rig.work();
  rig.start(agentJob('A'));
  rig.take();
  rig.hear({ dismissed: { reason: 'silent' } });
  t.deepEqual(rig.take(), ['end 0/1 in 0']);
  rig.on({ kind: 'helper-lost', helper: 0 });
  t.deepEqual(rig.take(), ['1 A#1 ended signal 9 killed 2', 'rejoin']);
});

agentTest(
  'refused before it was ever greeted, it leaves: another incarnation would be refused too',
  {},
  (t, rig) => {
    rig.on({ kind: 'tick' });
    rig.take();
    rig.hear({ dismissed: { reason: 'node 9 is not part of this launcher' } });
    t.deepEqual(rig.take(), ['leave']);
  },
);

// --- streams ---

agentTest('commands count once and in order; a gap waits', {}, (t, rig) => {
  rig.work();
  const start = {
    seq: 1,
    start: { apps: [{ index: 1, name: 'app', executable: '', envscript: '' }], jobs: [agentJob('A')] },
  };
  const drain = { seq: 2, drain: {} };
  rig.hear({ commands: { commands: [drain] } });
  t.is(rig.state.receivedCommands, 0);
  rig.hear({ commands: { commands: [start] } });
  rig.hear({ commands: { commands: [start, drain] } });
  rig.hear({ commands: { commands: [start, drain] } });
  t.deepEqual(rig.take(), ['open 0', 'run 0/1 A#1']);
  t.is(rig.state.receivedCommands, 2);
  t.true(rig.state.draining);
});

agentTest(
  'reports that did not arrive are sent again, and all of the uncommitted ones after a reconnect',
  {},
  (t, rig) => {
    rig.work();
    rig.start(agentJob('A'));
    rig.started(0, 1);
    t.deepEqual(rig.take(), ['open 0', 'run 0/1 A#1', '1 A#1 started']);
    rig.echo(0, 0);
    t.deepEqual(rig.take(), [], 'it may be under way');
    rig.pass(1_100);
    rig.echo(0, 0);
    t.deepEqual(rig.take(), ['lease 11000', '1 A#1 started']);
    rig.on({ kind: 'connected' });
    rig.pass(50);
    t.deepEqual(rig.take(), ['1 A#1 started']);
    rig.committed(1);
    rig.on({ kind: 'connected' });
    t.deepEqual(rig.take(), []);
  },
);

// --- starting ---

agentTest('first come, first started: no job overtakes one that waits for room', {}, (t, rig) => {
  rig.work();
  rig.start(agentJob('A'), agentJob('W', { packing: 1 }), agentJob('C'));
  t.deepEqual(rig.take(), ['open 0', 'run 0/1 A#1'], 'no helper is opened for one that does not fit');
  rig.ended(0, 1);
  t.deepEqual(rig.take(), ['run 0/2 W#1', '1 A#1 ended exit 0']);
  rig.ended(0, 2);
  rig.pass(50);
  t.deepEqual(rig.take(), ['run 0/3 C#1', '2 W#1 ended exit 0']);
});

agentTest('no start without a guard', {}, (t, rig) => {
  rig.work();
  rig.on({ kind: 'guard', alive: false, reason: '' });
  rig.start(agentJob('A'));
  t.deepEqual(rig.take(), []);
  rig.on({ kind: 'guard', alive: true, reason: '' });
  t.deepEqual(rig.take(), ['lease 10000', 'open 0', 'run 0/1 A#1']);
});

agentTest('the helpers are limited', { maxHelpers: 1 }, (t, rig) => {
  rig.work();
  rig.start(agentJob('A'), agentJob('B'));
  t.deepEqual(rig.take(), ['open 0', 'run 0/1 A#1']);
});

/** A rig whose jobs are short, so that the next is given to a helper ahead. */
function shortJobs(rig: AgentRig): void {
  rig.work();
  rig.state.typicalRunMs = 5;
  rig.start(agentJob('A', { packing: 1 }), agentJob('B', { packing: 1 }), agentJob('C', { packing: 1 }));
}

agentTest(
  'short jobs are given ahead; when the one before turns out long they come back to the front',
  {},
  (t, rig) => {
    shortJobs(rig);
    t.deepEqual(rig.take(), ['open 0', 'run 0/1 A#1', 'run 0/2 B#1']);
    rig.started(0, 1);
    t.deepEqual(rig.take(), ['recall 0/2', '1 A#1 started']);
    rig.on({ kind: 'job-recalled', helper: 0, token: 2 });
    t.deepEqual(
      rig.state.queue.map((l) => l.job.id),
      ['B', 'C'],
    );
  },
);

agentTest('the recalled one had moved up meanwhile: it waits again, and its slot is free', {}, (t, rig) => {
  shortJobs(rig);
  rig.started(0, 1);
  rig.ended(0, 1);
  rig.take();
  rig.on({ kind: 'job-recalled', helper: 0, token: 2 });
  t.deepEqual(rig.take(), ['run 0/3 B#1']);
});

agentTest('one that is ahead inherits the slot, and only of a job with the same need', {}, (t, rig) => {
  shortJobs(rig);
  rig.start(agentJob('D', { packing: 2 }));
  rig.ended(0, 1, 0, { ranMs: 3 });
  t.deepEqual(rig.take(), ['open 0', 'run 0/1 A#1', 'run 0/2 B#1', 'run 0/3 C#1', '1 A#1 ended exit 0']);
  rig.ended(0, 2, 0, { ranMs: 3 });
  rig.pass(50);
  t.deepEqual(rig.take(), ['2 B#1 ended exit 0'], 'D needs less than C holds');
});

agentTest('the one ahead may be told as started and ended before the one that it followed', {}, (t, rig) => {
  shortJobs(rig);
  rig.started(0, 2);
  rig.kill(KILL_USER, 'B');
  rig.pass(50);
  t.deepEqual(rig.take(), ['open 0', 'run 0/1 A#1', 'run 0/2 B#1', '1 B#1 started', 'end 0/2 in 5000']);
  rig.ended(0, 2, { signal: 15 });
  rig.ended(0, 1);
  rig.pass(50);
  t.deepEqual(rig.take(), ['2 B#1 ended signal 15 killed 1', 'run 0/3 C#1', '3 A#1 ended exit 0']);
});

agentTest('what is ahead comes back when the guard is gone', {}, (t, rig) => {
  shortJobs(rig);
  rig.take();
  rig.on({ kind: 'guard', alive: false, reason: '' });
  t.deepEqual(rig.take(), ['recall 0/2']);
});

agentTest('a failure before exec gives the job back and frees its place', {}, (t, rig) => {
  rig.work();
  rig.start(agentJob('A'));
  rig.take();
  rig.on({
    kind: 'job-failed',
    helper: 0,
    token: 1,
    stage: 'chdir',
    message: 'no such directory',
    short: false,
  });
  t.deepEqual(rig.take(), ['1 A#1 not started: chdir']);
});

agentTest('a lost helper ends what it held, and what comes late about it is nothing', {}, (t, rig) => {
  shortJobs(rig);
  rig.take();
  rig.on({ kind: 'helper-lost', helper: 0 });
  t.deepEqual(rig.take(), [
    'open 0',
    'run 0/3 C#1',
    '1 A#1 ended signal 9 killed 3',
    '2 B#1 ended signal 9 killed 3',
  ]);
  rig.ended(0, 1);
  rig.started(0, 2);
  rig.on(
    { kind: 'job-failed', helper: 0, token: 2, stage: 'exec', message: '', short: false },
    { kind: 'job-recalled', helper: 0, token: 2 },
  );
  t.deepEqual(rig.take(), []);
});

// --- kill, retract, drain ---

agentTest('a kill in each phase, and again harder', {}, (t, rig) => {
  shortJobs(rig);
  rig.take();
  rig.kill(KILL_USER, 'C');
  t.deepEqual(rig.take(), ['1 C#1 retracted'], 'queued: it never starts');
  rig.kill(KILL_USER, 'B');
  t.deepEqual(rig.take(), ['end 0/2 in 5000'], 'ahead: the helper knows whether it runs');
  rig.kill(KILL_TIMEOUT, 'A');
  rig.kill(KILL_USER, 'A');
  rig.kill(KILL_NOW, 'A');
  rig.kill(KILL_USER, 'X');
  t.deepEqual(rig.take(), ['end 0/1 in 5000', 'end 0/1 in 0']);
  rig.on({ kind: 'job-recalled', helper: 0, token: 2 });
  rig.ended(0, 1, { signal: 9 }, { told: true });
  rig.pass(50);
  t.deepEqual(rig.take(), ['2 B#1 retracted', '3 A#1 ended signal 9 killed 2']);
});

agentTest(
  "an end before our signal is the job's own; one that its user has killed stays killed",
  {},
  (t, rig) => {
    rig.work();
    rig.start(agentJob('A'), agentJob('B'));
    rig.kill(KILL_TIMEOUT, 'A');
    rig.kill(KILL_USER, 'B');
    rig.take();
    rig.ended(0, 1, 3);
    rig.ended(1, 2);
    rig.pass(50);
    t.deepEqual(rig.take(), ['1 A#1 ended exit 3', '2 B#1 ended exit 0 killed 1']);
  },
);

agentTest(
  'a start is reported with the time at which its process began, a lost one with how long it ran',
  {},
  (t, rig) => {
    rig.work();
    rig.start(agentJob('A'));
    rig.pass(200);
    rig.started(0, 1);
    t.is(rig.state.outbox[0]?.at, rig.now - STARTED_AFTER_MS);
    rig.pass(100);
    rig.on({ kind: 'helper-lost', helper: 0 });
    t.is(rig.state.outbox[1]?.report.ended?.ranMs, STARTED_AFTER_MS + 100);
    rig.take();
  },
);

agentTest('a bad end while the kernel killed for want of memory says so', {}, (t, rig) => {
  rig.work();
  rig.start(agentJob('A'));
  rig.ended(0, 1, { signal: 9 }, { oom: true });
  t.regex(rig.state.outbox[0]?.report.ended?.note ?? '', /^out of memory\?/);
  rig.take();
});

agentTest('killed before exec failed: it never ran, and counts against no node', {}, (t, rig) => {
  rig.work();
  rig.start(agentJob('A'));
  rig.kill(KILL_USER, 'A');
  rig.on({ kind: 'job-failed', helper: 0, token: 1, stage: 'exec', message: 'killed', short: false });
  t.deepEqual(rig.take(), ['open 0', 'run 0/1 A#1', 'end 0/1 in 5000', '1 A#1 retracted']);
});

agentTest(
  'retract: what waits comes back, what is ahead is asked back, what runs answers by its own reports',
  {},
  (t, rig) => {
    shortJobs(rig);
    rig.take();
    rig.retract('A', 'B', 'C');
    t.deepEqual(rig.take(), ['recall 0/2', '1 C#1 retracted']);
    rig.retract('B');
    rig.on({ kind: 'job-recalled', helper: 0, token: 2 });
    rig.pass(50);
    t.deepEqual(rig.take(), ['2 B#1 retracted']);
  },
);

agentTest('a recall for the queue becomes one for the coordinator, asked once', {}, (t, rig) => {
  shortJobs(rig);
  rig.started(0, 1);
  rig.take();
  rig.retract('B');
  t.deepEqual(rig.take(), []);
  rig.on({ kind: 'job-recalled', helper: 0, token: 2 });
  rig.pass(50);
  t.deepEqual(rig.take(), ['2 B#1 retracted']);
});

agentTest('a start that won against the retract is answered so', {}, (t, rig) => {
  shortJobs(rig);
  rig.take();
  rig.retract('B');
  rig.ended(0, 1);
  rig.started(0, 2);
  rig.pass(50);
  t.deepEqual(rig.take(), ['recall 0/2', '1 A#1 ended exit 0', '2 B#1 started']);
});

agentTest('an older attempt that still runs ends first; the new one goes back', {}, (t, rig) => {
  rig.work();
  rig.start(agentJob('A'));
  rig.start(agentJob('A'), agentJob('A', { attempt: 2 }));
  t.deepEqual(rig.take(), ['open 0', 'run 0/1 A#1', 'end 0/1 in 5000', '1 A#2 retracted']);
});

agentTest(
  'drain: what waits goes back, what runs ends, then it leaves when all is committed',
  {},
  (t, rig) => {
    rig.work();
    rig.start(agentJob('A'), agentJob('B'), agentJob('C'));
    rig.command({ drain: {} });
    rig.start(agentJob('D'));
    rig.pass(50);
    t.deepEqual(rig.take(), [
      'open 0',
      'run 0/1 A#1',
      'open 1',
      'run 1/2 B#1',
      '1 C#1 retracted',
      '2 D#1 retracted',
    ]);
    rig.ended(0, 1);
    rig.ended(1, 2);
    rig.pass(50);
    t.deepEqual(rig.take(), ['3 A#1 ended exit 0', '4 B#1 ended exit 0']);
    rig.committed(4);
    t.deepEqual(rig.take(), ['leave']);
  },
);

agentTest('a signal drains and ends what runs; one that never joined just leaves', {}, (t, rig) => {
  rig.work();
  rig.start(agentJob('A'));
  rig.take();
  rig.on({ kind: 'stop' });
  t.deepEqual(rig.take(), ['end 0/1 in 5000']);
  rig.ended(0, 1, 0, { told: true });
  t.deepEqual(rig.take(), ['1 A#1 ended exit 0 killed 2']);
  rig.echo(1, 1);
  t.deepEqual(rig.take(), ['leave']);
  const alone = new AgentRig();
  alone.on({ kind: 'tick' });
  alone.on({ kind: 'stop' });
  t.deepEqual(alone.take(), ['join []', 'leave']);
});

// --- the outbox ---

agentTest(
  'places are reserved at the start: a full outbox stops starts, and save() waits',
  { maxHelpers: 2, outboxPlaces: 9 },
  (t, rig) => {
    rig.work();
    rig.start(agentJob('A'), ...['B', 'C', 'D', 'E', 'F'].map((id) => agentJob(id)));
    rig.ended(0, 1);
    rig.ended(1, 2);
    rig.ended(0, 3);
    rig.pass(50);
    rig.take();
    rig.on(patch(1, 'D', '{"x":1}'), patch(2, 'D', '{"x":2}'), patch(3, 'D', '{"x":3}'));
    rig.pass(50);
    t.deepEqual(
      rig.take(),
      ['answer 1 {}', 'answer 2 {}', '4 D#1 patch {"x":1}', '5 D#1 patch {"x":2}'],
      'the third save() waits',
    );
    t.is(rig.state.outbox.length + rig.state.reserved, 9);
    rig.ended(1, 4);
    rig.pass(50);
    t.deepEqual(rig.take(), ['6 D#1 ended exit 0'], 'no place, no start');
    rig.committed(5);
    rig.pass(50);
    const late = 'no: attempt 1 of job D is over: nothing was written';
    t.deepEqual(rig.take(), [`answer 3 ${late}`, 'run 1/6 F#1']);
  },
);

function patch(ref: number, job: string, dataJson: string, durable = false, attempt = 1): AgentEvent {
  return { kind: 'patch', ref, job, attempt, dataJson, removed: [], fieldsJson: '', durable };
}

agentTest('a durable patch is answered by its commit; a late one is refused', {}, (t, rig) => {
  rig.work();
  rig.start(agentJob('A'), agentJob('B'), agentJob('C'));
  rig.take();
  rig.on(patch(1, 'A', '{}', true), patch(2, 'A', '{}', false, 2), patch(3, 'C', '{}'), patch(4, 'Z', '{}'));
  t.deepEqual(rig.take(), [
    'answer 2 no: attempt 2 of job A is over: nothing was written',
    'answer 3 no: attempt 1 of job C is over: nothing was written',
    'answer 4 no: attempt 1 of job Z is over: nothing was written',
    '1 A#1 patch {}',
  ]);
  rig.echo(1, 1);
  t.deepEqual(rig.take(), ['answer 1 {}']);
});

agentTest('a request is answered by its answer, not by its commit, and once', {}, (t, rig) => {
  rig.work();
  rig.start(agentJob('A'));
  rig.take();
  rig.on({ kind: 'request', ref: 7, job: 'A', attempt: 1, op: 'job.get', json: '{}' });
  t.deepEqual(rig.take(), ['1 A#1 asks job.get']);
  rig.echo(1, 1);
  t.deepEqual(rig.take(), []);
  rig.committed(1, [{ request: 1, json: '{"a":1}', error: '' }]);
  rig.committed(1, [{ request: 1, json: '{"a":1}', error: '' }]);
  t.deepEqual(rig.take(), ['answer 7 {"a":1}']);
  t.is(rig.state.refs.size, 0);
});

test('an outbox that running jobs alone could fill is refused', (t) => {
  t.throws(() => new AgentRig({ maxHelpers: 2, outboxPlaces: 8 }), { message: /places/ });
});

agentTest('a stray attempt is ended as lost', {}, (t, rig) => {
  rig.work();
  rig.start(agentJob('A'));
  rig.kill(KILL_LOST, 'A');
  t.deepEqual(rig.take(), ['open 0', 'run 0/1 A#1', 'end 0/1 in 5000']);
});

agentTest('two coordinators in one step: the inventory is that of the second', {}, (t, rig) => {
  rig.work();
  const hear = (epoch: number, body: Body): AgentEvent => ({
    kind: 'message',
    envelope: { version: 1, launcher: 1, epoch, incarnation: 'a', ...body },
  });
  const start = { seq: 1, start: { apps: [APP], jobs: [agentJob('A')] } };
  rig.on(hear(2, { hello: {} }), hear(2, { commands: { commands: [start] } }), hear(3, { hello: {} }));
  t.deepEqual(rig.take(), ['open 0', 'run 0/1 A#1', 'join [A#1+]']);
});

agentTest('a signal to this agent alone: it says at once that it drains, and leaves', {}, (t, rig) => {
  rig.work();
  rig.pass(500);
  rig.take(true);
  rig.on({ kind: 'stop' });
  t.deepEqual(rig.take(true), ['beat 2', 'leave']);
});
