/** The tables of phases: each phase can be reached and left, and a step that is not written down stops the process. */
import test from 'ava';
import { AGENT_TABLES } from '../../src/core/agent/phases.ts';
import { COORDINATOR_TABLES } from '../../src/core/coordinator/phases.ts';
import { PhaseTable, type PhaseStep } from '../../src/core/phase-table.ts';
import { CoordinatorRig } from './support/coordinator-rig.ts';

type Steps = readonly PhaseStep<string>[];

function reached(steps: Steps): Set<string> {
  const seen = new Set<string>(['in']);
  for (const at of seen) for (const s of steps) if (s.from === at) seen.add(s.to);
  return seen;
}

test('each phase is reached from its beginning', (t) => {
  const tables: { of: string; steps: Steps }[] = [...AGENT_TABLES, ...COORDINATOR_TABLES];
  t.true(tables.length >= 6);
  for (const { of, steps } of tables) {
    const all = new Set(steps.flatMap((s) => [s.from, s.to]));
    t.deepEqual([...all].toSorted(), [...reached(steps)].toSorted(), of);
  }
});

test('a step that is not in the table stops the process; one that is leaves its name', (t) => {
  const table = new PhaseTable<'a' | 'b'>('thing', [
    { from: 'in', to: 'a', when: 'made' },
    { from: 'a', to: 'b', when: 'moved' },
    { from: 'b', to: 'gone', when: 'done' },
  ]);
  const trail = new Set<string>();
  t.is(table.take('a', 'b', trail), 'b');
  t.is(table.take('b', 'gone', null), 'gone');
  t.throws(() => table.take('b', 'a', trail), { message: /thing never goes from b to a/ });
  t.throws(() => table.take('a', 'a', trail), { message: /thing never goes from a to a/ });
  t.deepEqual([...trail], ['thing a→b']);
  t.deepEqual(table.names(), ['thing in→a', 'thing a→b', 'thing b→gone']);
});

test('a step is written down once', (t) => {
  const twice = { from: 'in', to: 'a', when: 'made' } as const;
  t.throws(() => new PhaseTable<'a'>('thing', [twice, twice]), { message: /is written down once/ });
});

test('a dead agent is remembered until a thousand died after it', (t) => {
  const trail = new Set<string>();
  const rig = new CoordinatorRig({}, { trail });
  rig.join('n0');
  for (let i = 1; i <= 1_001; i++) {
    t.false(trail.has('agent dead→gone'), `after ${i - 1}`);
    rig.join(`n0.${i}`, { node: 0, endedIncarnation: i === 1 ? 'n0' : `n0.${i - 1}` });
  }
  t.true(trail.has('agent dead→gone'));
  t.false(rig.state.agents.has('n0'));
  t.true(rig.state.agents.has('n0.1'));
});
