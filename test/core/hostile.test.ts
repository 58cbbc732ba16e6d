/**
 * Peers that have the key and say anything. Goal: neither core throws, keeps more than its limits, or changes what the
 * sender has nothing to do with. Method: messages of every kind, well formed and mutated, as bytes through the codec and
 * the check of values as in the shells, then into cores that are at work. The seed is printed on failure, and CORE_SEED
 * repeats it. What is refused by name is in refusals.test.ts.
 */
import test from 'ava';
import fc from 'fast-check';
import { MAX_UNACKED_COMMANDS } from '../../src/base/limits.ts';
import type { CoordinatorEffect } from '../../src/core/coordinator/event.ts';
import { coordinatorStep } from '../../src/core/coordinator/step.ts';
import { faultFromAgent, faultFromCoordinator } from '../../src/core/message-fault.ts';
import { encodeEnvelope } from '../../src/wire/codec.ts';
import { AgentRig } from './support/agent-rig.ts';
import { CoordinatorRig } from './support/coordinator-rig.ts';
import {
  EVIL,
  GOOD,
  JOBS,
  fromAgent,
  fromCoordinator,
  spoil,
  throughTheWire,
} from './support/hostile-messages.ts';
import { agentJob, leasedJob } from './support/jobs.ts';

const given = process.env['CORE_SEED'];
const options = { numRuns: 1_000, ...(given ? { seed: Number(given) } : {}) };

/** A coordinator with two agents, two jobs on the good one, one on the other, one queued for a gang that never fits. */
function coordinatorAtWork(): CoordinatorRig {
  const rig = new CoordinatorRig({ nodes: [0, 1] });
  for (const [node, incarnation] of [GOOD, EVIL].entries()) {
    rig.join(incarnation, { node });
    rig.on({ kind: 'enrolled', incarnation });
  }
  rig.state.leasing = true;
  const [a, b, c, d] = JOBS as [string, string, string, string];
  rig.leased(leasedJob(a, { nodePackingCount: 1 }), leasedJob(b, { nodePackingCount: 1 }));
  rig.leased(leasedJob(c, { autoTimeoutRetry: false }), leasedJob(d, { numNodes: 2 }));
  return rig;
}

/** What the good agent had from the beginning, as one text; that it is given more later is no harm. */
function goods(rig: CoordinatorRig): string {
  const { status, receivedReport, committedReport, entries } = rig.state.agents.get(GOOD)!;
  const first = entries.get(JOBS[0]!);
  const { phase, on, killSent, startedAt, userKilled } = first ?? {};
  return JSON.stringify([
    status,
    receivedReport,
    committedReport,
    phase,
    on,
    killSent,
    startedAt,
    userKilled,
  ]);
}

test('whatever an agent with the key says, the coordinator goes on and the other agents keep what they have', (t) => {
  let heard = 0;
  let refused = 0;
  const message = fc.tuple(fromAgent, spoil, fc.constantFrom(1, 1, 1, 0, 2, 2 ** 32 - 1));
  fc.assert(
    fc.property(fc.array(message, { minLength: 1, maxLength: 8 }), (messages) => {
      const rig = coordinatorAtWork();
      const before = goods(rig);
      if (!before.includes(GOOD)) return false;
      const effects: CoordinatorEffect[] = [];
      for (const [body, how, epoch] of messages) {
        const envelope = throughTheWire({ version: 1, launcher: 1, epoch, incarnation: EVIL, ...body }, how);
        if (!envelope || envelope.incarnation !== EVIL) continue;
        const fault = faultFromAgent(envelope);
        if (fault === null) heard += 1;
        else refused += 1;
        const event =
          fault === null
            ? ({ kind: 'message', envelope } as const)
            : ({ kind: 'refused', incarnation: EVIL, rule: fault } as const);
        // Long enough for a start to be committed.
        rig.now += 200;
        effects.push(...coordinatorStep(rig.state, [event], { mono: rig.now, wall: rig.now }).effects);
        const commit = effects.findLast((e) => e.kind === 'commit');
        if (rig.state.flight && rig.state.retryAt === 0 && commit?.kind === 'commit') {
          const all = (rows: unknown[]): 'applied'[] => rows.map(() => 'applied');
          const { starts, patches, ends, releases } = commit.rows;
          // Nothing of the good agent's is written by the other's word.
          const rows = [...starts, ...patches, ...ends].filter((r) => r.report > 0);
          const goodOnes = new Set(rig.state.agents.get(GOOD)!.entries.keys());
          if (rows.some((r) => goodOnes.has(r.id) && r.attempt === 1)) return false;
          const outcomes = {
            starts: all(starts),
            patches: all(patches),
            ends: all(ends),
            releases: all(releases),
          };
          coordinatorStep(rig.state, [{ kind: 'committed', outcomes, answers: [] }], {
            mono: rig.now,
            wall: rig.now,
          });
        }
      }
      rig.on({ kind: 'tick' });
      for (const a of rig.state.agents.values())
        if (a.unacked.length > MAX_UNACKED_COMMANDS + 10) return false;
      for (const e of effects)
        if (e.kind === 'send')
          encodeEnvelope({ version: 1, launcher: 1, epoch: 1, incarnation: EVIL, ...e.body });
      return effects.length <= 200 && goods(rig) === before;
    }),
    options,
  );
  t.log(`${heard} heard, ${refused} refused`);
  t.true(heard > 500 && refused > 500);
});

test('whatever somebody with the coordinator’s key says, an agent goes on and its books add up', (t) => {
  let heard = 0;
  let refused = 0;
  const message = fc.tuple(fromCoordinator, spoil, fc.constantFrom(1, 1, 1, 0, 2));
  fc.assert(
    fc.property(fc.array(message, { minLength: 1, maxLength: 8 }), (messages) => {
      const rig = new AgentRig({ maxHelpers: 4 }).work();
      rig.start(agentJob(JOBS[0]!), agentJob(JOBS[1]!));
      for (const [body, how, epoch] of messages) {
        const envelope = throughTheWire({ version: 1, launcher: 1, epoch, incarnation: GOOD, ...body }, how);
        if (!envelope) continue;
        const fault = faultFromCoordinator(envelope);
        if (fault === null) heard += 1;
        else {
          refused += 1;
          continue;
        }
        rig.now += 1;
        rig.on({ kind: 'message', envelope });
        rig.check(t);
        for (const live of rig.state.live.values())
          if (!JOBS.includes(live.job.id) || !(live.job.packing >= 1)) return false;
      }
      return rig.state.live.size <= JOBS.length;
    }),
    options,
  );
  t.log(`${heard} heard, ${refused} refused`);
  t.true(heard > 500 && refused > 500);
});
