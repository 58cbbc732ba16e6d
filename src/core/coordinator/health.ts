/**
 * Bad nodes (PROTOCOL 10): a node that fails what others can do is drained: it gets nothing more, and gives back what it has
 * not started; what runs there goes on. By node, not by incarnation: an agent that joins again is on the same node.
 *
 * - Three in a row of jobs could not be started here, and started elsewhere.
 * - More than half of the last ends here came within a second and nonzero, while the other nodes succeed.
 * - Nothing could be started there for a while, because it is short of processes, memory or files.
 *
 * The last node that takes work is not drained, and when only drained ones are left they are taken again: bad nodes are better
 * than none. Not so for a shortage: with such nodes alone the launcher leaves, and says why. A job that is FAILED because two nodes could not start it counts against neither.
 */
import type { Ended } from '../messages.ts';
import { CAUSE_NONE } from '../messages.ts';
import type { CoordinatorEffect, Now } from './event.ts';
import { note } from './note.ts';
import { beginLeave } from './leave.ts';
import { takeBackUnstarted } from './placement.ts';
import { isLive, type Agent, type CoordinatorState, type Entry, type NodeHealth } from './state.ts';

/** PROTOCOL 10. */
const REFUSED_IN_A_ROW = 3;
/** Jobs in a row that are remembered. Guess: far more than what is needed to decide. */
const REFUSED_MAX = 100;
/** "Ends under a second" are judged over this many of one node, and at least this many of the others. Guess: see WELL. */
const WINDOW = 30;
const QUICK_MS = 1_000;
/**
 * The others succeed when at most this share of their last ends is quick and nonzero. Derived: jobs that fail by themselves,
 * on every node alike, then drain a node once in 20,000 windows at worst (binomial, at a share of 0.28).
 */
const WELL = 0.1;

export function healthOf(s: CoordinatorState, node: number): NodeHealth {
  let h = s.nodes.get(node);
  if (!h)
    s.nodes.set(node, (h = { drained: '', short: false, refused: new Map(), ends: [], next: 0, bad: 0 }));
  return h;
}

/** It could not be started here. */
export function refusedHere(s: CoordinatorState, a: Agent, entry: Entry): void {
  const { refused } = healthOf(s, a.node);
  refused.set(entry.job.id, false);
  if (refused.size > REFUSED_MAX) refused.delete(refused.keys().next().value!);
}

/** No node could start it: that is no fault of theirs. */
export function refusedEverywhere(s: CoordinatorState, entry: Entry): void {
  for (const node of entry.avoid) healthOf(s, node).refused.delete(entry.job.id);
}

/** It runs here: the row of this node is broken, and where it could not be started that is now known for the node's fault. */
export function startedHere(
  s: CoordinatorState,
  a: Agent,
  entry: Entry,
  now: Now,
  effects: CoordinatorEffect[],
): void {
  const { refused } = healthOf(s, a.node);
  if (refused.size > 0) refused.clear();
  for (const node of entry.avoid) {
    const h = healthOf(s, node);
    if (!h.refused.has(entry.job.id)) continue;
    h.refused.set(entry.job.id, true);
    const proven = [...h.refused.values()].filter(Boolean).length;
    if (proven >= REFUSED_IN_A_ROW)
      drain(s, node, `${proven} jobs in a row could not be started here and started elsewhere`, now, effects);
  }
}

/** One ended here by itself. */
export function endedHere(
  s: CoordinatorState,
  a: Agent,
  e: Ended,
  now: Now,
  effects: CoordinatorEffect[],
): void {
  if (e.killed !== CAUSE_NONE) return;
  const h = healthOf(s, a.node);
  const bad = e.ranMs < QUICK_MS && (!e.exited || e.exitCode !== 0) ? 1 : 0;
  h.bad += bad - (h.ends[h.next] ?? 0);
  h.ends[h.next] = bad;
  h.next = (h.next + 1) % WINDOW;
  if (bad === 0 || h.ends.length < WINDOW || h.bad * 2 <= WINDOW || !othersDoWell(s, h)) return;
  drain(
    s,
    a.node,
    `${h.bad} of its last ${WINDOW} jobs failed within a second, and other nodes succeed`,
    now,
    effects,
  );
}

function othersDoWell(s: CoordinatorState, own: NodeHealth): boolean {
  let [ends, bad] = [0, 0];
  for (const h of s.nodes.values()) {
    if (h === own || h.drained !== '') continue;
    ends += h.ends.length;
    bad += h.bad;
  }
  return ends >= WINDOW && bad <= ends * WELL;
}

/** Takes drained nodes again when no other is left that could be given work. */
export function liftDrains(s: CoordinatorState, now: Now, effects: CoordinatorEffect[]): void {
  // Others may not have joined a successor yet.
  if (s.adoption) return;
  const there: Agent[] = [];
  for (const a of s.agents.values()) {
    if (a.status === 'dead' || a.draining) continue;
    if (!a.drained) return;
    there.push(a);
  }
  const others = there.filter((a) => !healthOf(s, a.node).short);
  if (others.length === 0 && there.length > 0) return giveUpShort(s, there, now, effects);
  for (const a of others) {
    a.drained = false;
    s.nodes.delete(a.node);
    const fields = { node: a.node, host: a.hostname, rule: 'PROTOCOL 10' };
    effects.push({
      kind: 'log',
      level: 'warn',
      text: 'a drained node is taken again: no other is left',
      fields,
    });
    note(s, now, 'undrained', { agent: a, message: 'no other node is left' });
  }
}

/** Nothing could be started on its node for a while: whatever else there is, no job would be started there. */
export function drainShort(
  s: CoordinatorState,
  a: Agent,
  why: string,
  now: Now,
  effects: CoordinatorEffect[],
): void {
  healthOf(s, a.node).short = true;
  drain(s, a.node, `nothing can be started there: ${why}`, now, effects);
}

/** No node is left that could start anything. */
function giveUpShort(
  s: CoordinatorState,
  there: readonly Agent[],
  now: Now,
  effects: CoordinatorEffect[],
): void {
  const [a] = there as [Agent];
  const where = there.length === 1 ? a.hostname : `all ${there.length} nodes`;
  const reason = `no job can be started on ${where}: ${healthOf(s, a.node).drained}`;
  beginLeave(s, { reason, failed: true }, now, effects);
}

function drain(
  s: CoordinatorState,
  node: number,
  reason: string,
  now: Now,
  effects: CoordinatorEffect[],
): void {
  const h = healthOf(s, node);
  const agents = [...s.agents.values()];
  const another = agents.some((a) => a.node !== node && isLive(a));
  if (h.drained !== '' || (!another && !h.short)) return;
  h.drained = reason;
  const here = agents.filter((a) => a.node === node && a.status !== 'dead');
  for (const a of here) {
    a.drained = true;
    takeBackUnstarted(s, a);
  }
  const [agent] = here;
  const fields = { node, host: agent?.hostname ?? '', reason, rule: 'PROTOCOL 10' };
  effects.push({ kind: 'log', level: 'warn', text: 'a node is drained', fields });
  note(s, now, 'drained', { agent: agent ?? { node, hostname: '' }, message: reason });
}
