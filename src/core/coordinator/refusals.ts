/**
 * What a peer with the right key may say and we do not believe: refused, counted, and nothing changes. Who goes on with it
 * is not heard any more: its lease ends its processes, and D later it is given up like every silent agent (PROTOCOL 0),
 * or sooner by the word of the incarnation that follows it.
 */
import {
  MAX_REFUSED_MESSAGES,
  MAX_INCARNATIONS_A_NODE,
  MAX_UNACKED_COMMANDS,
  MAX_UNCOMMITTED_BYTES,
  MAX_UNCOMMITTED_REPORTS,
} from '../../base/limits.ts';
import type { Envelope, Join, Report } from '../messages.ts';
import type { CoordinatorEffect } from './event.ts';
import { setStatus } from './phases.ts';
import type { Agent, CoordinatorState, Entry } from './state.ts';

/** Counts a refusal against the incarnation that caused it. */
export function refuse(
  s: CoordinatorState,
  incarnation: string,
  rule: string,
  effects: CoordinatorEffect[],
): void {
  effects.push({ kind: 'refused', incarnation, rule });
  const a = s.agents.get(incarnation);
  if (!a || a.status === 'dead') return;
  a.refused += 1;
  if (isShunned(a) && a.status === 'live') setStatus(s, a, 'suspect');
}

/** It went on with what is refused: nothing that it says counts. */
export function isShunned(a: Agent): boolean {
  return a.refused >= MAX_REFUSED_MESSAGES;
}

/** Why a message of an agent that has joined can't be true, by what we sent it. */
export function messageFault(a: Agent, m: Envelope): string | null {
  const acknowledged = m.heartbeat?.receivedCommands ?? m.reports?.receivedCommands ?? 0;
  return acknowledged <= a.leftCommand ? null : 'an agent acknowledges only what was sent';
}

/** Why an inventory is not taken. */
export function inventoryFault(s: CoordinatorState, incarnation: string, join: Join): string | null {
  const there = [...s.agents.values()].filter((a) => a.node === join.node && a.status !== 'dead');
  if (there.length >= MAX_INCARNATIONS_A_NODE && !s.agents.has(incarnation))
    return 'a node has only so many incarnations at once';
  const nodes = new Set(s.config.nodes);
  const known = join.held.every((h) => h.nodes.every((node) => nodes.has(node)));
  return known ? null : 'a gang is on nodes of this launcher';
}

/**
 * Whether a report tells of an attempt that its sender never got: it waits here, or another agent has it. What came back
 * unstarted is told again after a takeover, and may be elsewhere by then: that says nothing of the entry and does no harm.
 */
export function isForeign(entry: Entry, a: Agent, r: Report): boolean {
  if (entry.job.attempt !== r.attempt || r.retracted || r.notStarted) return false;
  if (entry.phase === 'queued' || entry.phase === 'claimed') return true;
  return entry.phase === 'sent' && entry.on[0] !== a.incarnation;
}

/** Whether reports are taken: not beyond what we may keep, nor from one that takes no answers. */
export function mayReport(s: CoordinatorState, a: Agent): boolean {
  return (
    s.uncommitted.length < MAX_UNCOMMITTED_REPORTS &&
    s.uncommittedBytes < MAX_UNCOMMITTED_BYTES &&
    a.unacked.length < 2 * MAX_UNACKED_COMMANDS
  );
}

/** Bytes of text of a report, about. */
export function bytesOfReport(r: Report): number {
  let units = r.ended ? r.ended.tail.length : 0;
  if (r.patch) {
    units += r.patch.dataJson.length + r.patch.fieldsJson.length;
    for (const key of r.patch.removed) units += key.length;
  }
  if (r.request) units += r.request.json.length;
  return units * 3;
}
