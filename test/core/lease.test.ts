/**
 * The agent's lease (PROTOCOL 0, 5): it runs from the send time of the newest echoed heartbeat; before the first echo, from
 * the first inventory that a coordinator may have answered with jobs. At TERM the incarnation ends, whatever comes later.
 */
import { CHAIN } from '../../src/base/limits.ts';
import type { AgentEvent } from '../../src/core/agent/event.ts';
import type { Body } from '../../src/core/messages.ts';
import { agentTest, type AgentRig } from './support/agent-rig.ts';
import { APP, agentJob } from './support/jobs.ts';

agentTest('an echo renews from the time its heartbeat was sent, never backwards', {}, (t, rig) => {
  rig.work();
  rig.pass(1_000);
  const first = rig.state.heartbeat;
  rig.pass(1_000);
  rig.echo();
  t.deepEqual(rig.take(), ['lease 12000']);
  rig.hear({ echo: { number: first, receivedReports: 0, committedReports: 0 } });
  rig.hear({ echo: { number: first + 1, receivedReports: 0, committedReports: 0 } });
  t.deepEqual(rig.take(), []);
});

agentTest(
  'without echoes it beats faster, and at TERM the incarnation ends, even if an echo comes',
  {},
  (t, rig) => {
    rig.work();
    rig.start(agentJob('A'), agentJob('B'), agentJob('C'));
    rig.take();
    rig.pass(2_000);
    const beats = rig.take(true).length;
    rig.pass(2_000);
    t.true(rig.take(true).length > 3 * beats, 'impatient');
    rig.pass(4_000);
    t.deepEqual(rig.take(), ['end 0/1 in 2000', 'end 1/2 in 2000', '1 C#1 retracted']);
    rig.echo();
    rig.start(agentJob('D'));
    rig.pass(1_000);
    t.deepEqual(rig.take(true), [], 'no echo revives it, nothing starts, no heartbeat');
    rig.ended(0, 1, { signal: 15 }, { told: true });
    rig.ended(1, 2, { signal: 15 }, { told: true });
    t.deepEqual(rig.take(), ['2 A#1 ended signal 15 killed 2', 'rejoin']);
  },
);

// --- never echoed ---

/** TERM between two heartbeats, so that only the lease wakes the core then. */
const ODD = { ...CHAIN, agentTerm: 8_050 };

/** Greeted at 500 ms and not echoed: its inventory is out from there, and D may run from there as well. */
function greeted(rig: AgentRig): void {
  rig.on({ kind: 'tick' });
  rig.now = 500;
  rig.hear({ hello: {} });
  rig.take();
}

/** A message as an event, for those that are read in one step. */
function heard(rig: AgentRig, body: Body): AgentEvent {
  return {
    kind: 'message',
    envelope: { version: 1, launcher: 1, epoch: rig.epoch, incarnation: 'a', ...body },
  };
}

function echoOf(rig: AgentRig): AgentEvent {
  return heard(rig, { echo: { number: rig.state.heartbeat, receivedReports: 0, committedReports: 0 } });
}

const startOf = (rig: AgentRig, seq: number): AgentEvent =>
  heard(rig, { commands: { commands: [{ seq, start: { apps: [APP], jobs: [agentJob('A')] } }] } });

agentTest(
  'given a job and never echoed: at TERM after its first inventory it gives the job back and joins anew',
  { chain: ODD },
  (t, rig) => {
    greeted(rig);
    rig.pass(3_000);
    rig.start(agentJob('A'));
    rig.pass(5_049);
    t.is(rig.now, 8_549);
    t.deepEqual(rig.take(), [], 'neither started nor given back before TERM');
    t.is(rig.wakeAt, 8_550, 'it wakes by itself for that');
    rig.pass(1);
    t.deepEqual(rig.take(true), ['1 A#1 retracted', 'rejoin']);
    rig.echo();
    rig.start(agentJob('B'));
    rig.pass(5_000);
    t.deepEqual(rig.take(true), [], 'no echo revives it, nothing starts');
  },
);

agentTest(
  'a later hello does not give a longer lease: the first coordinator may have sent jobs already',
  {},
  (t, rig) => {
    greeted(rig);
    rig.start(agentJob('A'));
    rig.pass(6_000);
    rig.take();
    rig.epoch = 2;
    rig.seq = 0;
    rig.hear({ hello: {} });
    t.deepEqual(rig.take(), ['join [A#1]']);
    rig.pass(1_999);
    t.deepEqual(rig.take(), []);
    rig.pass(1);
    t.deepEqual(rig.take(), ['1 A#1 retracted', 'rejoin']);
  },
);

agentTest('an echo that is read in the step in which TERM passes does not save it', {}, (t, rig) => {
  greeted(rig);
  rig.start(agentJob('A'));
  rig.take(true);
  rig.now = 8_500;
  rig.on(echoOf(rig), startOf(rig, 2));
  t.deepEqual(rig.take(), ['1 A#1 retracted', 'rejoin']);
});

agentTest('nor does it save one that works', {}, (t, rig) => {
  rig.work();
  rig.now = 7_999;
  rig.on(startOf(rig, 1));
  t.deepEqual(rig.take(), ['open 0', 'run 0/1 A#1']);
  rig.now = 8_000;
  rig.on(echoOf(rig));
  t.deepEqual(rig.take(), ['end 0/1 in 2000']);
  rig.ended(0, 1, { signal: 15 }, { told: true });
  t.deepEqual(rig.take(), ['1 A#1 ended signal 15 killed 2', 'rejoin']);
});

agentTest('the first echo just before TERM: it works, on the lease of that heartbeat', {}, (t, rig) => {
  greeted(rig);
  rig.start(agentJob('A'));
  rig.pass(7_999);
  rig.take(true);
  const sentAt = rig.state.heartbeatSentAt;
  rig.echo();
  t.deepEqual(rig.take(), [`lease ${sentAt + CHAIN.agentLease}`, 'open 0', 'run 0/1 A#1']);
  rig.pass(sentAt + CHAIN.agentTerm - rig.now);
  t.deepEqual(rig.take(), ['end 0/1 in 2000']);
  rig.ended(0, 1, { signal: 15 }, { told: true });
  t.deepEqual(rig.take(), ['1 A#1 ended signal 15 killed 2', 'rejoin']);
});

for (const [what, came] of [
  ['a job', (rig: AgentRig) => startOf(rig, 1)],
  ['an echo', echoOf],
] as const)
  agentTest(
    `never echoed and holding nothing it waits beyond TERM; ${what} that comes then ends it`,
    {},
    (t, rig) => {
      greeted(rig);
      rig.pass(60_000);
      t.deepEqual(rig.take(), [], 'there is nothing to give back, and nobody else to join');
      rig.hear({ hello: {} });
      t.deepEqual(rig.take(), ['join []'], 'a hello gives it nothing');
      rig.on(came(rig));
      t.deepEqual(rig.take(true), ['rejoin'], 'what was offered is not taken in');
      t.is(rig.state.live.size, 0);
    },
  );

agentTest('a job that was taken back before TERM is no reason to end', {}, (t, rig) => {
  greeted(rig);
  rig.start(agentJob('A'));
  rig.retract('A');
  t.deepEqual(rig.take(), ['1 A#1 retracted']);
  rig.pass(60_000);
  t.deepEqual(rig.take(), []);
});

agentTest('never greeted it asks for ever: no coordinator may have given it anything', {}, (t, rig) => {
  rig.on({ kind: 'tick' });
  rig.pass(60_000);
  t.deepEqual([...new Set(rig.take(true))], ['join []']);
  rig.hear({ hello: {} });
  rig.start(agentJob('A'));
  rig.echo();
  t.deepEqual(rig.take(), ['join []', 'lease 70000', 'open 0', 'run 0/1 A#1'], 'TERM counts from here');
});
