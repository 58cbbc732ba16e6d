/**
 * What a peer with the key may say and is not believed, rule by rule: each of these beliefs used to stop the process, or
 * let its memory or a message grow without bound.
 */
import test from 'ava';
import {
  CHAIN,
  MAX_HELD_ATTEMPTS,
  MAX_INCARNATIONS_A_NODE,
  MAX_JOB_TEXT,
  MAX_MESSAGE_BYTES,
  MAX_PACKING,
  MAX_REFUSED_MESSAGES,
  MAX_UNACKED_COMMANDS,
  OUTBOX_BYTES,
} from '../../src/base/limits.ts';
import { newId } from '../../src/base/ids.ts';
import type { CoordinatorEffect } from '../../src/core/coordinator/event.ts';
import { coordinatorStep } from '../../src/core/coordinator/step.ts';
import { faultFromAgent, faultFromCoordinator } from '../../src/core/message-fault.ts';
import { KILL_USER, type Body, type Envelope, type Report } from '../../src/core/messages.ts';
import { encodeEnvelope } from '../../src/wire/codec.ts';
import { AgentRig, agentTest } from './support/agent-rig.ts';
import { CoordinatorRig, coordinatorTest } from './support/coordinator-rig.ts';
import { GOOD, JOBS } from './support/hostile-messages.ts';
import { APP, agentJob, leasedJob } from './support/jobs.ts';

const ended = {
  ranMs: 1,
  exited: true,
  exitCode: 0,
  signal: 0,
  userS: 0,
  systemS: 0,
  maxRssKib: 1,
  tail: '',
  killed: 0,
  note: '',
};

coordinatorTest(
  'an end, a start or a patch of what another agent has is no row, and is counted',
  {},
  (t, rig) => {
    rig.agents('n0', 'n1');
    rig.leased(leasedJob('A', { nodePackingCount: 1 }));
    t.deepEqual(rig.take(), ['n0: start A#1']);
    const patch = { dataJson: '{"a":1}', removed: [], fieldsJson: '' };
    rig.report('n1', 'A', { ended });
    rig.report('n1', 'A', { started: {} });
    rig.report('n1', 'A', { patch });
    rig.report('n1', 'A', { request: { op: 'job.get', json: '{}' } });
    rig.pass(500);
    const lines = rig.take();
    t.is(lines.filter((l) => l === 'refused n1: an agent reports only what it was sent').length, 4);
    t.deepEqual(
      lines.filter((l) => !l.startsWith('refused')),
      ['n1: committed 1', 'n1: committed 2', 'n1: committed 3', 'n1: committed 4'],
      'its numbers count: what comes after them is heard',
    );
    t.is(rig.phases()['A'], 'sent');
    rig.ended('n0', 'A');
    t.deepEqual(rig.take(), ['commit end A#1@1 RUN_DONE JOB_FINISHED']);
    rig.commit();
    t.deepEqual(rig.take(), ['n0: committed 1']);
  },
);

coordinatorTest('what waits for its RUNNING cannot have come back', {}, (t, rig) => {
  rig.agents('n0');
  rig.leased(leasedJob('A', { autoTimeoutRetry: false }));
  rig.take();
  rig.retracted('n0', 'A');
  rig.notStarted('n0', 'A');
  t.is(rig.phases()['A'], 'claimed');
  rig.commit();
  t.true(rig.take().includes('n0: start A#1'));
});

coordinatorTest(
  'who goes on with what is refused is not heard any more, and loses its jobs after D',
  {},
  (t, rig) => {
    rig.agents('n0', 'n1');
    rig.leased(leasedJob('A', { nodePackingCount: 1 }));
    rig.take();
    for (let i = 0; i < MAX_REFUSED_MESSAGES; i++)
      rig.on({ kind: 'refused', incarnation: 'n0', rule: 'a number is a number' });
    t.is(rig.take().length, MAX_REFUSED_MESSAGES);
    rig.beat('n0');
    t.deepEqual(rig.take(), ['n0: dismissed'], 'no echo: its lease ends its jobs');
    t.is(rig.phases()['A'], 'sent', 'not released before it must have ended itself');
    rig.passAlive(CHAIN.agentDead - 1_000, 'n1');
    for (const line of rig.take()) t.is(line, 'n0: dismissed');
    t.is(rig.phases()['A'], 'sent');
    rig.passAlive(2_000, 'n1');
    t.is(rig.state.agents.get('n0')?.status, 'dead');
    t.is(rig.phases()['A'], 'over');
    t.regex(rig.take().join('\n'), /commit release A#1/);
  },
);

test('incarnations of one node, agents that acknowledge nothing, and inventories are bounded', (t) => {
  const rig = new CoordinatorRig({ nodes: [0] });
  for (let i = 0; i < 500; i++) rig.join(newId(), { node: 0 });
  t.is(rig.state.agents.size, MAX_INCARNATIONS_A_NODE);
  t.is(
    rig.take().filter((l) => l.includes('only so many incarnations')).length,
    500 - MAX_INCARNATIONS_A_NODE,
  );

  const held = Array.from({ length: MAX_HELD_ATTEMPTS }, () => ({
    id: newId(),
    attempt: 1,
    started: true,
    nodes: [],
  }));
  const one = new CoordinatorRig({ nodes: [0] });
  const join = (list: typeof held): Envelope => {
    const body = { node: 0, hostname: 'h', cpus: 1, gpus: 0, memoryBytes: 1, agent: null, guard: null };
    const numbers = { endedIncarnation: '', endedCrashed: false, lastReport: 0, oldestReport: 1 };
    return {
      version: 1,
      launcher: 1,
      epoch: 1,
      incarnation: GOOD,
      join: { ...body, ...numbers, held: list },
    };
  };
  t.is(faultFromAgent(join(held)), null);
  t.regex(faultFromAgent(join([...held, ...held.slice(0, 1)])) ?? '', /holds at most/);
  const { effects } = coordinatorStep(one.state, [{ kind: 'message', envelope: join(held) }], {
    mono: 0,
    wall: 0,
  });
  let kills = 0;
  for (const e of effects) {
    if (e.kind !== 'send') continue;
    t.true(encodeEnvelope({ ...join([]), join: null, ...e.body }).length < MAX_MESSAGE_BYTES);
    for (const c of e.body.commands?.commands ?? []) kills += c.kill?.jobs.length ?? 0;
  }
  t.is(kills, MAX_HELD_ATTEMPTS, 'each stray is ended');

  // Commits are answered, and the answers never acknowledged.
  const deaf = new CoordinatorRig();
  deaf.agents('n0');
  for (let i = 1; i <= 20_000; i++) {
    const report = { seq: i, job: 'X', attempt: 1, ageMs: 0, ended };
    deaf.hear('n0', { reports: { receivedCommands: 0, reports: [report] } });
    if (deaf.state.flight) deaf.commit();
  }
  t.true((deaf.state.agents.get('n0')?.unacked.length ?? 0) <= 2 * MAX_UNACKED_COMMANDS);
  deaf.take();
});

test('commands are never longer than a message, whatever a row or an answer holds', (t) => {
  const rig = new CoordinatorRig({ nodes: [0] });
  const sent: Envelope[] = [];
  const step = (event: Parameters<CoordinatorRig['on']>[0]): CoordinatorEffect[] => {
    const { effects } = coordinatorStep(rig.state, [event], { mono: rig.now, wall: rig.now });
    for (const e of effects)
      if (e.kind === 'send') sent.push({ version: 1, launcher: 1, epoch: 1, incarnation: 'n0', ...e.body });
    return effects;
  };
  rig.agents('n0');
  // Applications as long as may be, each with jobs as long as may be, and one job that is too long.
  const names = Array.from({ length: 40 }, (_, i) => `app${i}`);
  const long = '\uffff'.repeat(MAX_JOB_TEXT - 100);
  const apps = new Map(
    names.map((name) => [name, { name, executable: long, envscript: '', preprocess: '', postprocess: '' }]),
  );
  const jobs = names.map((name, i) =>
    leasedJob(`J${i}`, { application: name, nodePackingCount: MAX_PACKING }),
  );
  const tooLong = leasedJob('L', { application: 'app', args: 'x'.repeat(MAX_JOB_TEXT) });
  apps.set('app', { name: 'app', executable: '/bin/app', envscript: '', preprocess: '', postprocess: '' });
  step({ kind: 'leased', asked: 50, jobs: [...jobs, tooLong], apps });
  const release = rig.state.flight?.rows.releases.find((r) => r.id === 'L');
  t.regex(release?.message ?? '', /its args has \d+ characters; a start takes 1048576 in all/);
  t.is(release?.to, 'FAILED');
  // Sixty answers of megabytes in one commit.
  rig.lastCommit = { kind: 'commit', rows: rig.state.flight!.rows, requests: [] };
  rig.commit();
  const requests = Array.from({ length: 60 }, (_, i) => ({
    seq: i + 1,
    job: 'J1',
    attempt: 1,
    ageMs: 0,
    request: { op: 'job.get', json: '{}' },
  }));
  const envelope = { version: 1, launcher: 1, epoch: 1, incarnation: 'n0' };
  step({ kind: 'message', envelope: { ...envelope, reports: { receivedCommands: 1, reports: requests } } });
  const answers = rig.state.flight!.requests.map(({ incarnation, request }) => ({
    incarnation,
    request,
    json: `"${'x'.repeat(8_400_000)}"`,
    error: '',
  }));
  step({ kind: 'committed', outcomes: { starts: [], patches: [], ends: [], releases: [] }, answers });
  const commands = sent.flatMap((e) => e.commands?.commands ?? []);
  for (const e of sent) t.true(encodeEnvelope(e).length < MAX_MESSAGE_BYTES);
  t.is(commands.flatMap((c) => c.start?.jobs ?? []).length, names.length);
  t.is(commands.flatMap((c) => c.committed?.answers ?? []).length, answers.length);
  const committed = commands.filter((c) => c.committed).map((c) => c.committed!.reports);
  t.is(committed.at(-1), 60, 'committed is said with the last answer');
  t.true(committed.slice(0, -1).every((n) => n === 0));
});

test('a job that says it packs a thousand million to a node takes no more than an agent can run', (t) => {
  const rig = new CoordinatorRig({ nodes: [0] });
  rig.agents('n0');
  const jobs = Array.from({ length: 5_000 }, (_, i) =>
    leasedJob(`J${i}`, { nodePackingCount: 2_147_483_647 }),
  );
  rig.leased(...jobs);
  t.true(rig.state.agents.get('n0')!.entries.size <= MAX_PACKING + 2);
  rig.take();
});

agentTest('what was never reported cannot be committed, or have been received', {}, (t, rig) => {
  rig.work();
  const refused = 'refused: a coordinator has only what was reported';
  rig.hear({ echo: { number: 1, receivedReports: 1, committedReports: 0 } });
  rig.hear({ echo: { number: 1, receivedReports: 0, committedReports: 7 } });
  rig.hear({ commands: { commands: [{ seq: 1, committed: { reports: 4_000_000_000, answers: [] } }] } });
  t.deepEqual(rig.take(), [refused, refused, refused]);
  t.is(rig.state.receivedCommands, 0, 'nothing of it is acknowledged');
  rig.hear({ commands: { commands: [{ seq: 1, committed: { reports: 0, answers: [] } }] } });
  t.is(rig.state.receivedCommands, 1);
});

agentTest(
  'a job of an application that was never told, and more jobs than fit, are refused whole',
  {},
  (t, rig) => {
    rig.work();
    const kill = { seq: 1, kill: { jobs: [{ id: 'A', attempt: 1 }], reason: KILL_USER } };
    rig.hear({ commands: { commands: [kill, { seq: 2, start: { apps: [], jobs: [agentJob('A')] } }] } });
    t.deepEqual(rig.take(), ['refused: a job names an application that was sent before']);
    t.is(rig.state.receivedCommands, 0);
    const jobs = Array.from({ length: MAX_HELD_ATTEMPTS + 1 }, (_, i) => agentJob(`J${i}`));
    rig.hear({ commands: { commands: [{ seq: 1, start: { apps: [APP], jobs } }] } });
    t.deepEqual(rig.take(), [`refused: an agent holds at most ${MAX_HELD_ATTEMPTS} attempts`]);
    t.is(rig.state.live.size, 0);
  },
);

test('patches that nobody commits take no more memory than the outbox has bytes, and keep their order', (t) => {
  const rig = new AgentRig({ maxHelpers: 2 }).work();
  rig.start(agentJob('A'));
  rig.started(0, rig.state.seats[0]!.running!.token);
  rig.take();
  const dataJson = `{"a":"${'x'.repeat(1_000_000)}"}`;
  const base = { job: 'A', attempt: 1, removed: [], fieldsJson: '', durable: false };
  for (let n = 1; n <= 100; n++) rig.on({ kind: 'patch', ref: n, ...base, dataJson });
  t.true(rig.state.outboxBytes < OUTBOX_BYTES + 3 * dataJson.length);
  const waited = rig.state.waiting.length;
  t.true(waited > 50);
  rig.on({ kind: 'patch', ref: 101, ...base, dataJson: '{"a":1}' });
  t.is(rig.state.waiting.length, waited + 1, 'a short one does not overtake');
  while (rig.state.outbox.length > 0) {
    rig.pass(50);
    rig.committed(rig.state.sentReport);
  }
  t.is(rig.state.outboxBytes, 0);
  t.is(rig.state.waiting.length, 0);
  t.is(rig.state.lastReport, 102);
  rig.take();
});

const envelopeOf = (body: Body): Envelope => ({
  version: 1,
  launcher: 1,
  epoch: 1,
  incarnation: GOOD,
  ...body,
});
const reportOf = (over: Partial<Report>): Envelope =>
  envelopeOf({
    reports: { receivedCommands: 0, reports: [{ seq: 1, job: JOBS[0]!, attempt: 1, ageMs: 0, ...over }] },
  });
const patchOf = (dataJson: string, fieldsJson = ''): Envelope =>
  reportOf({ patch: { dataJson, removed: [], fieldsJson } });
const startOf = (over: Parameters<typeof agentJob>[1]): Envelope =>
  envelopeOf({
    commands: { commands: [{ seq: 1, start: { apps: [APP], jobs: [agentJob(JOBS[0]!, over)] } }] },
  });

const faults: readonly (readonly [string, string | null, RegExp | null])[] = [
  ['an ordinary end', faultFromAgent(reportOf({ ended })), null],
  ['an ordinary patch', faultFromAgent(patchOf('{"__proto__":{"a":[1]}}', '{"description":"x"}')), null],
  ['an ordinary start', faultFromCoordinator(startOf({})), null],
  [
    'an incarnation that is no id',
    faultFromAgent({ ...reportOf({ ended }), incarnation: 'x' }),
    /incarnation/,
  ],
  ['a job that is no id', faultFromAgent(reportOf({ job: '{x}', ended })), /uuid/],
  ['attempt zero', faultFromAgent(reportOf({ attempt: 0, ended })), /an attempt/],
  ['an attempt beyond int', faultFromAgent(reportOf({ attempt: 2 ** 31, ended })), /an attempt/],
  ['report zero', faultFromAgent(reportOf({ seq: 0, ended })), /number of a report/],
  ['no body', faultFromAgent(reportOf({})), /one body/],
  ['two bodies', faultFromAgent(reportOf({ started: {}, ended })), /one body/],
  ['an age that is no number', faultFromAgent(reportOf({ ageMs: NaN, ended })), /age/],
  ['a run that is endless', faultFromAgent(reportOf({ ended: { ...ended, ranMs: Infinity } })), /run time/],
  ['a signal beyond all', faultFromAgent(reportOf({ ended: { ...ended, signal: 2 ** 31 } })), /signal/],
  ['half a KiB', faultFromAgent(reportOf({ ended: { ...ended, maxRssKib: 0.5 } })), /peak memory/],
  ['CPU time beyond all', faultFromAgent(reportOf({ ended: { ...ended, userS: 1e300 } })), /user time/],
  ['a tail with NUL', faultFromAgent(reportOf({ ended: { ...ended, tail: 'a\0' } })), /tail holds a NUL/],
  ['a patch that is no JSON', faultFromAgent(patchOf('{')), /data is no JSON/],
  ['a patch that is a list', faultFromAgent(patchOf('[1]')), /data is an object/],
  ['a patch with NUL', faultFromAgent(patchOf('{"a":"\\u0000"}')), /data.a holds a NUL/],
  ['a patch with half a character', faultFromAgent(patchOf('{"\\ud800":1}')), /surrogate/],
  [
    'a patch that is too deep',
    faultFromAgent(patchOf(`{"a":${'['.repeat(70)}${']'.repeat(70)}}`)),
    /nested deeper/,
  ],
  ['a patch of depth beyond all', faultFromAgent(patchOf('['.repeat(1_000_000))), /no JSON/],
  [
    'a patch that is too long',
    faultFromAgent(patchOf(`{"a":"${'x'.repeat(9_000_000)}"}`)),
    /larger than it may be/,
  ],
  ['fields that are none', faultFromAgent(patchOf('', '{"state":"FAILED"}')), /only data and description/],
  ['a description that is a number', faultFromAgent(patchOf('', '{"description":5}')), /must be text/],
  ['a command of a coordinator', faultFromAgent(envelopeOf({ hello: {} })), /an agent sends/],
  ['a report of an agent', faultFromCoordinator(reportOf({ ended })), /a coordinator sends/],
  ['a job that leaves its directory', faultFromCoordinator(startOf({ id: '../../x' })), /uuid/],
  ['packing zero', faultFromCoordinator(startOf({ packing: 0 })), /node_packing_count/],
  ['no threads', faultFromCoordinator(startOf({ threadsPerCore: 0 })), /threads_per_core/],
  ['parents that are no list', faultFromCoordinator(startOf({ parents: '{' })), /parents/],
  ['hosts without nodes', faultFromCoordinator(startOf({ hosts: ['a', 'b'] })), /as many hosts/],
  ['arguments with NUL', faultFromCoordinator(startOf({ args: 'a\0b' })), /args holds a NUL/],
];
for (const [title, fault, pattern] of faults)
  test(`a message with ${title} is ${pattern ? 'refused' : 'heard'}`, (t) => {
    if (pattern) t.regex(fault ?? '', pattern);
    else t.is(fault, null);
  });
