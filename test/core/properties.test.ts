/**
 * What must hold for any input, tried with random ones; the seed is printed on failure, and CORE_SEED repeats it. Slots and
 * streams alone, the two cores under random events, and shells that never complete anything.
 */
import test from 'ava';
import fc from 'fast-check';
import { MAX_BATCH, MAX_UNACKED_COMMANDS, MAX_UNCOMMITTED_REPORTS } from '../../src/base/limits.ts';
import { TRANSITIONS, afterRun, isAllowed, type JobState, type Outcome } from '../../src/model/job.ts';
import { KILL_NOW, KILL_TIMEOUT, KILL_USER, type Body } from '../../src/core/messages.ts';
import { giveBack, makeSlots, take, WHOLE, type Allocation } from '../../src/core/slots.ts';
import { AgentRig } from './support/agent-rig.ts';
import { CoordinatorRig } from './support/coordinator-rig.ts';
import { agentJob, leasedJob } from './support/jobs.ts';

const given = process.env['CORE_SEED'];
const options = { numRuns: 200, ...(given ? { seed: Number(given) } : {}) };

// --- slots ---

const packings = fc.constantFrom(1, 2, 3, 4, 7, 64, 128, 1_000);

test('slots are never given twice, and what is taken and what is free is all of it', (t) => {
  const step = fc.record({
    take: fc.boolean(),
    packing: packings,
    cpus: fc.integer({ min: 1, max: 5 }),
    which: fc.nat(),
  });
  fc.assert(
    fc.property(
      fc.integer({ min: 0, max: 8 }),
      fc.integer({ min: 0, max: 5 }),
      fc.array(step, { maxLength: 60 }),
      (cpus, gpus, steps) => {
        const all = Array.from({ length: cpus }, (_, i) => i * 2);
        const slots = makeSlots(all, gpus);
        const held: Allocation[] = [];
        for (const s of steps) {
          if (s.take) {
            const a = take(slots, s);
            if (a) held.push(a);
          } else if (held.length > 0) giveBack(slots, held.splice(s.which % held.length, 1)[0]!);
          const ids = [...slots.freeCpus, ...held.flatMap((a) => a.cpus ?? [])].toSorted((x, y) => x - y);
          if (ids.join() !== all.join()) return false;
          if (slots.used !== held.reduce((n, a) => n + a.share, 0) || slots.used > WHOLE) return false;
          for (let id = 0; id < gpus; id++) {
            const load = held
              .flatMap((a) => a.gpus)
              .filter((g) => g.id === id)
              .reduce((n, g) => n + g.share, 0);
            if (load > WHOLE || load !== slots.gpuLoad[id]) return false;
          }
        }
        return true;
      },
    ),
    options,
  );
  t.pass();
});

test('as many jobs of one packing as it says fit, and no more, on GPUs shared evenly', (t) => {
  fc.assert(
    fc.property(fc.integer({ min: 1, max: 3_000 }), fc.integer({ min: 0, max: 9 }), (packing, gpus) => {
      const slots = makeSlots([0], gpus);
      const jobs = Array.from({ length: gpus }, () => 0);
      for (let i = 0; i < packing; i++) {
        const a = take(slots, { packing, cpus: 1 });
        if (!a || (gpus > 0 && a.gpus.length === 0)) return false;
        for (const { id } of a.gpus) jobs[id]! += 1;
      }
      if (Math.max(0, ...jobs) - Math.min(...jobs, Infinity) > 1) return false;
      return take(slots, { packing, cpus: 1 }) === null;
    }),
    options,
  );
  t.pass();
});

// --- the agent's core ---

type AgentInput = { what: number; job: number; n: number };
const agentInputs = fc.array(fc.record({ what: fc.nat(15), job: fc.nat(7), n: fc.nat(3) }), {
  maxLength: 80,
});

/** One random event; helpers answer only for tokens that they hold, in any order among helpers. */
function agentInput(rig: AgentRig, { what, job, n }: AgentInput, twice: boolean): void {
  const id = 'ABCDEFGH'[job]!;
  const { seats } = rig.state;
  const at = seats[job % Math.max(1, seats.length)];
  const helper = at ? seats.indexOf(at) : 0;
  const deliver = (act: () => void): void => {
    act();
    if (!twice) return;
    const before = snapshot(rig);
    const seq = rig.seq;
    rig.seq -= 1;
    if (what < 5) act();
    rig.seq = seq;
    if (what < 5 && snapshot(rig) !== before) throw new Error('a command that came twice changed something');
  };
  if (what === 0) return deliver(() => rig.start(agentJob(`${id}${n}`, { packing: n + 1 })));
  if (what === 1) return deliver(() => rig.kill([KILL_USER, KILL_TIMEOUT, KILL_NOW][n % 3]!, `${id}${n}`));
  if (what === 2) return deliver(() => rig.retract(`${id}${n}`));
  if (what === 3)
    return deliver(() => rig.committed(Math.min(rig.state.sentReport, rig.state.committedReport + n)));
  if (what === 4) return n === 3 && job === 0 ? deliver(() => rig.command({ drain: {} })) : rig.echo();
  if (what === 5) return rig.on({ kind: 'guard', alive: n > 0, reason: '' });
  if (what === 6) return rig.pass(n * 400);
  if (what === 7) rig.state.typicalRunMs = n * 30;
  if (what === 8) return rig.on({ kind: 'helper-lost', helper });
  const live = what % 2 === 0 ? at?.running : (at?.ahead[0] ?? at?.running);
  if (what === 15 && n === 0) {
    rig.epoch += 1;
    rig.seq = 0;
    return rig.hear({ hello: {} });
  }
  if (!live) return;
  const { token } = live;
  if (what >= 13) {
    const base = { ref: token, job: live.job.id, attempt: 1 };
    return rig.on({ kind: 'patch', ...base, dataJson: '{}', removed: [], fieldsJson: '', durable: n === 0 });
  }
  if (what === 12 && !live.startedReported)
    return rig.on({ kind: 'job-failed', helper, token, stage: 'exec', message: '', short: false });
  if (what === 11 && live.phase === 'ahead') return rig.on({ kind: 'job-recalled', helper, token });
  if (n === 0) return rig.started(helper, token);
  rig.ended(helper, token, 0, { ranMs: n });
}

function snapshot(rig: AgentRig): string {
  const s = rig.state;
  return (
    JSON.stringify([...s.live.values()].map((l) => [l.job.id, l.phase, l.killed, l.recall])) +
    s.lastReport +
    s.reserved
  );
}

/** What is given back unstarted takes a place that nobody reserved; no more than were sent in one run. */
const GIVEN_BACK = 80;

function agentHolds(rig: AgentRig): boolean {
  const s = rig.state;
  const seated = s.seats.flatMap((x) => [x.running, ...x.ahead]).filter((x) => x !== null);
  const shares = s.seats.reduce((n, x) => n + (x.running?.allocation?.share ?? 0), 0);
  return (
    s.live.size === s.queue.length + seated.length &&
    s.reserved === seated.reduce((n, l) => n + (l.startedReported ? 1 : 2), 0) &&
    s.slots.used === shares &&
    s.outbox.length + s.reserved <= s.config.outboxPlaces + GIVEN_BACK &&
    s.outbox.length === s.lastReport - s.committedReport &&
    s.heartbeatTimes.size <= 64
  );
}

for (const twice of [false, true]) {
  test(`an agent's books add up under random events${twice ? ', and every command twice equals once' : ''}`, (t) => {
    fc.assert(
      fc.property(agentInputs, (inputs) => {
        const rig = new AgentRig({ maxHelpers: 4, outboxPlaces: 40, aheadMax: 3 }).work();
        for (const input of inputs) {
          agentInput(rig, input, twice);
          if (!agentHolds(rig)) return false;
        }
        return true;
      }),
      options,
    );
    t.pass();
  });
}

test('an agent whose coordinator commits nothing stops starting, and keeps no more than its places', (t) => {
  const rig = new AgentRig({ maxHelpers: 2, outboxPlaces: 30 }).work();
  for (let i = 0; i < 200; i++) rig.start(agentJob(`J${i}`));
  for (let i = 0; i < 1_000; i++) {
    for (const [helper, at] of rig.state.seats.entries()) {
      const token = at.running?.token;
      if (token === undefined) continue;
      const base = { ref: i, job: at.running!.job.id, attempt: 1 };
      rig.on({ kind: 'patch', ...base, dataJson: '{}', removed: [], fieldsJson: '', durable: false });
      rig.started(helper, token);
      if (i % 3 === 0) rig.ended(helper, token);
    }
    rig.pass(100);
    rig.echo(0);
  }
  t.true(rig.state.outbox.length + rig.state.reserved <= 30);
  t.true(rig.state.queue.length > 150);
});

// --- the coordinator's core ---

type CoordinatorInput = { what: number; job: number; node: number; n: number };
const coordinatorInputs = fc.array(
  fc.record({ what: fc.nat(15), job: fc.nat(9), node: fc.nat(3), n: fc.nat(3) }),
  { maxLength: 80 },
);

function coordinatorInput(rig: CoordinatorRig, { what, job, node, n }: CoordinatorInput): void {
  const s = rig.state;
  const id = `J${job}`;
  const entry = s.entries.get(id);
  const lead = entry?.on[0];
  const alive = lead !== undefined && s.agents.get(lead)?.status === 'live' ? lead : null;
  if (what < 3 && !entry) {
    const over = { numNodes: n === 3 ? 2 : 1, nodePackingCount: n + 1, autoTimeoutRetry: job % 3 > 0 };
    return rig.leased(leasedJob(id, over));
  }
  if (what === 3) return rig.join(`n${node}`, { oldestReport: 1, lastReport: 0, held: [] });
  if (what === 4) return rig.on({ kind: 'enrolled', incarnation: `n${node}` });
  if (what === 5 && s.agents.has(`n${node}`)) return rig.beat(`n${node}`);
  if (what === 6) return rig.pass(n * 1_500);
  if (what === 7) return rig.on({ kind: 'killed', jobs: [{ id, attempt: 1 }] });
  if ((what === 8 || what === 9) && s.flight && s.retryAt === 0) return rig.commit();
  if (what === 10 && s.flight && s.retryAt === 0 && n === 0)
    return rig.on({ kind: 'commit-failed', why: 'away' });
  if (what === 14 && n === 0 && job < 2) return rig.on({ kind: 'leave', reason: 'test', now: node > 1 });
  if (!alive || entry?.phase !== 'sent') return;
  if (what === 11 && entry.startedAt === null)
    return n === 0 ? rig.notStarted(alive, id) : rig.retracted(alive, id);
  if (what === 12 && entry.startedAt === null) return rig.started(alive, id);
  if (what > 12) return rig.ended(alive, id);
}

function coordinatorHolds(rig: CoordinatorRig): boolean {
  const s = rig.state;
  for (const a of s.agents.values()) {
    const sum = [...a.entries.values()].reduce((n, e) => n + e.share, 0);
    if (Math.abs(a.used - sum) > 1e-6) return false;
    if (a.status === 'dead' && (a.entries.size > 0 || a.unacked.length > 0)) return false;
    if (
      a.reservedFor !== null &&
      s.entries.get(a.reservedFor) === undefined &&
      s.phase === 'running' &&
      a.status === 'live'
    ) {
      rig.on({ kind: 'tick' });
      if (a.reservedFor !== null) return false;
    }
  }
  for (const e of s.entries.values()) {
    const nodes = new Set(e.on.map((i) => s.agents.get(i)?.node)).size;
    // All or none; a node of a gang that died is taken off while its lead ends the rest.
    if (nodes !== e.on.length || (nodes !== 0 && nodes !== e.job.numNodes && e.killSent === 0)) return false;
    if ((e.phase === 'queued') !== s.queue.includes(e)) return false;
    if (e.phase === 'sent' && nodes === 0) return false;
    if ((e.phase === 'queued' || e.phase === 'over') && nodes > 0) return false;
  }
  return true;
}

test('a coordinator’s books add up under random events: used is the sum of the entries, gangs all or none', (t) => {
  fc.assert(
    fc.property(coordinatorInputs, (inputs) => {
      const rig = new CoordinatorRig();
      rig.agents('n0', 'n1', 'n2');
      for (const input of inputs) {
        coordinatorInput(rig, input);
        if (!coordinatorHolds(rig)) return false;
      }
      return true;
    }),
    options,
  );
  t.pass();
});

/** Every message comes twice. */
class Twice extends CoordinatorRig {
  override hear(incarnation: string, body: Body, epoch = this.state.epoch): void {
    super.hear(incarnation, structuredClone(body), epoch);
    super.hear(incarnation, structuredClone(body), epoch);
  }
}

test('every message twice equals once', (t) => {
  fc.assert(
    fc.property(coordinatorInputs, (inputs) => {
      const rigs = [new CoordinatorRig(), new Twice()];
      for (const rig of rigs) rig.agents('n0', 'n1', 'n2');
      for (const input of inputs) {
        const [one, two] = rigs.map((rig) => {
          coordinatorInput(rig, input);
          const { done, queue, uncommitted, releases } = rig.state;
          const on = [...rig.state.entries.values()].map((e) => [e.job.id, e.phase, e.on, e.killSent]);
          return JSON.stringify([on, done, queue.map((e) => e.job.id), uncommitted.length, releases.length]);
        });
        if (one !== two) return false;
      }
      return true;
    }),
    options,
  );
  t.pass();
});

test('a coordinator whose shell completes nothing keeps no more than its limits', (t) => {
  const rig = new CoordinatorRig();
  rig.agents('n0', 'n1');
  rig.leased(
    ...Array.from({ length: MAX_BATCH }, (_, i) => leasedJob(`J${i}`, { autoTimeoutRetry: i % 2 === 0 })),
  );
  const started = { ageMs: 0, attempt: 1, started: {} };
  for (let round = 0; round < 60; round++) {
    for (const name of ['n0', 'n1']) {
      const from = rig.state.agents.get(name)!.receivedReport;
      const reports = Array.from({ length: 1_000 }, (_, i) => ({
        ...started,
        seq: from + i + 1,
        job: `X${i}`,
      }));
      // It acknowledges nothing.
      rig.hear(name, { reports: { reports, receivedCommands: 0 } });
    }
    rig.on({ kind: 'wake' }, { kind: 'killed', jobs: [{ id: `J${round}`, attempt: 1 }] });
    rig.pass(500);
  }
  t.true(rig.state.uncommitted.length <= MAX_UNCOMMITTED_REPORTS + 1_000);
  for (const a of rig.state.agents.values()) t.true(a.unacked.length <= MAX_UNACKED_COMMANDS);
  t.true(rig.state.entries.size <= MAX_BATCH);
  rig.take();
});

// --- states ---

test('every state that the cores ask for is reached by allowed steps', (t) => {
  const outcomes: Outcome[] = ['RUN_DONE', 'RUN_ERROR', 'RUN_TIMEOUT', 'USER_KILLED'];
  for (const outcome of outcomes) {
    for (const retry of [true, false]) {
      let from: JobState = 'RUNNING';
      for (const to of afterRun(outcome, retry)) {
        t.true(isAllowed(from, to), `${from} → ${to}`);
        from = to;
      }
    }
  }
  // What a release asks for, from the states in which a row may be held.
  for (const from of ['PREPROCESSED', 'RESTART_READY', 'RUNNING'] as const) {
    t.true(isAllowed(from, 'RUN_TIMEOUT'));
    if (from !== 'RUNNING') t.true(isAllowed(from, 'FAILED'));
  }
  for (const s of ['CREATED', 'PREPROCESSED', 'RESTART_READY', 'RUNNING'] as const)
    t.true(reaches('CREATED', s));
});

function reaches(from: JobState, to: JobState): boolean {
  const seen = new Set<JobState>([from]);
  for (const at of seen) for (const step of TRANSITIONS) if (step.from === at) seen.add(step.to);
  return seen.has(to);
}
