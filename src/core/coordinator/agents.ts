/**
 * The agents: how they join, how they are heard, when they are given up. D counts from the RECEIPT of the last heartbeat;
 * by then the agent has ended its jobs itself (PROTOCOL 0), so what it held is released.
 */
import { assert } from '../../base/assert.ts';
import { KILL_LOST, type Envelope, type Heartbeat, type Join } from '../messages.ts';
import type { CoordinatorEffect, Now } from './event.ts';
import { adoptHeld, endedWas, heardOf } from './adoption.ts';
import { endUnknown } from './commits.ts';
import { drainShort, healthOf } from './health.ts';
import { ending, note } from './note.ts';
import { dropAgent, newAgentStatus, setStatus } from './phases.ts';
import { retractBeyond, sendKill, unreserve, vacate, vacateOn } from './placement.ts';
import { putBack, releaseLost, releaseUnstarted } from './release.ts';
import { inventoryFault, isShunned, mayReport, messageFault, refuse } from './refusals.ts';
import { onReport } from './reports.ts';
import { endDrought, isLive, type Agent, type CoordinatorState, type Entry } from './state.ts';
import { acknowledged, command, inOrder, kill, resetCommands } from './streams.ts';

/** Why an agent is given up: silent for D while we lived, or by the word of the incarnation that follows it. */
const NODE_LOST = 'node lost';
const CRASHED = 'its agent died';
const ENDED_ITSELF = 'its agent ended itself';
const LEFT = 'it drained and left';
/** A roster row that was not written is tried again after this, milliseconds. */
const ENROL_RETRY_MS = 500;

export function onMessage(s: CoordinatorState, m: Envelope, now: Now, effects: CoordinatorEffect[]): void {
  const a = s.agents.get(m.incarnation);
  if (a?.status === 'dead') return onDead(s, a, m, now, effects);
  if (a && isShunned(a)) return dismiss(a, 'too much of what it said was refused', effects);
  if (m.join) return onJoin(s, m, m.join, now, effects);
  // A successor speaks to it: our fence will tell.
  if (m.epoch > s.epoch) return;
  if (!a || m.epoch < s.epoch || a.joinedEpoch !== s.epoch) {
    // It follows an older coordinator, or none, or its answer was lost: it answers hello with its inventory.
    effects.push({ kind: 'send', incarnation: m.incarnation, body: { hello: {} } });
    return;
  }
  const fault = messageFault(a, m);
  if (fault !== null) return refuse(s, a.incarnation, fault, effects);
  a.heardAt = now.mono;
  if (a.status === 'suspect') setStatus(s, a, 'live');
  if (m.heartbeat) onHeartbeat(s, a, m.heartbeat, now, effects);
  if (m.reports) {
    acknowledged(a, m.reports.receivedCommands, now.mono);
    if (mayReport(s, a)) {
      for (const r of inOrder(a, m.reports.reports)) onReport(s, a, r, now, effects);
      judgeDoubtful(s, a);
    }
  }
}

/** Nothing but "you are dead" goes to an incarnation that was given up; its reports are classified by their rows. */
function onDead(s: CoordinatorState, a: Agent, m: Envelope, now: Now, effects: CoordinatorEffect[]): void {
  if (m.reports && mayReport(s, a))
    for (const r of inOrder(a, m.reports.reports)) onReport(s, a, r, now, effects);
  dismiss(a, 'no word from this agent for too long', effects);
}

function dismiss(a: Agent, reason: string, effects: CoordinatorEffect[]): void {
  effects.push({ kind: 'send', incarnation: a.incarnation, body: { dismissed: { reason } } });
}

function onJoin(s: CoordinatorState, m: Envelope, join: Join, now: Now, effects: CoordinatorEffect[]): void {
  const { incarnation } = m;
  if (!s.config.nodes.includes(join.node)) {
    effects.push({
      kind: 'refused',
      incarnation,
      rule: `refused an agent of a node that is not ours: ${join.node}`,
    });
    effects.push({
      kind: 'send',
      incarnation,
      body: { dismissed: { reason: `node ${join.node} is not part of this launcher` } },
    });
    return;
  }
  if (m.epoch !== s.epoch) {
    effects.push({ kind: 'send', incarnation, body: { hello: {} } });
    return;
  }
  const fault = inventoryFault(s, incarnation, join);
  if (fault !== null) return refuse(s, incarnation, fault, effects);
  if (join.endedIncarnation !== '') onProvenDead(s, join, now, effects);
  let a = s.agents.get(incarnation);
  if (!a) {
    a = makeAgent(s, incarnation, join, now);
    s.agents.set(incarnation, a);
    effects.push({
      kind: 'log',
      level: 'info',
      text: 'an agent joined',
      fields: { node: join.node, host: join.hostname, cpus: join.cpus, rule: 'PROTOCOL 3' },
    });
    effects.push({ kind: 'enrol', incarnation, join });
    // Two of one node: the older one has ended, or will be given up.
    for (const o of s.agents.values())
      if (o !== a && o.node === a.node && isLive(o)) setStatus(s, o, 'suspect');
  }
  a.heardAt = now.mono;
  if (a.joinedEpoch === s.epoch) return;
  if (a.status === 'suspect') setStatus(s, a, 'live');
  a.joinedEpoch = s.epoch;
  a.receivedReport = Math.max(a.receivedReport, join.oldestReport - 1);
  compareInventory(s, a, join, now);
  heardOf(s, incarnation);
}

function makeAgent(s: CoordinatorState, incarnation: string, join: Join, now: Now): Agent {
  return {
    incarnation,
    node: join.node,
    hostname: join.hostname,
    status: newAgentStatus(s),
    heardAt: now.mono,
    enrolAt: Infinity,
    join,
    joinedEpoch: 0,
    used: 0,
    entries: new Map(),
    reservedFor: null,
    knownApps: new Set(),
    rate: 0,
    endsSince: 0,
    rateAt: now.mono,
    unacked: [],
    openBytes: 0,
    nextCommand: 1,
    sentCommand: 0,
    leftCommand: 0,
    ackedCommand: 0,
    ackGrewAt: now.mono,
    receivedReport: 0,
    committedReport: 0,
    draining: false,
    drained: healthOf(s, join.node).drained !== '',
    most: Infinity,
    says: { running: 0, queued: 0 },
    refused: 0,
    doubtful: null,
  };
}

/**
 * The inventory after hello: from now on the agent refuses commands of lower epochs, so what it does not hold and will
 * not report has never started and never will.
 */
function compareInventory(s: CoordinatorState, a: Agent, join: Join, now: Now): void {
  adoptHeld(s, a, join, now);
  const held = new Map(join.held.map((h) => [h.id, h.attempt]));
  for (const [id, attempt] of held) endUnknown(s, a, id, attempt);
  const missing = [...a.entries.values()].filter(
    (e) =>
      e.on[0] === a.incarnation &&
      e.phase === 'sent' &&
      e.sentEpoch < s.epoch &&
      held.get(e.job.id) !== e.job.attempt,
  );
  // The end of one may be in the outbox: the reports up to the last one tell.
  a.doubtful = { until: join.lastReport, ids: missing.map((e) => e.job.id) };
  judgeDoubtful(s, a);
}

function judgeDoubtful(s: CoordinatorState, a: Agent): void {
  if (!a.doubtful || a.receivedReport < a.doubtful.until) return;
  for (const id of a.doubtful.ids) {
    const entry = a.entries.get(id);
    // It may have come back meanwhile and be sent again, in the stream of this epoch.
    if (entry?.phase !== 'sent' || entry.sentEpoch === s.epoch) continue;
    vacate(s, entry);
    releaseUnstarted(s, entry, 'its start command was never received');
  }
  a.doubtful = null;
}

export function onEnrolled(s: CoordinatorState, incarnation: string): void {
  const a = s.agents.get(incarnation);
  if (a?.status !== 'enrolling') return;
  a.enrolAt = Infinity;
  setStatus(s, a, 'live');
  // What was too big for those before it may fit now.
  endDrought(s);
}

/** The database did not take the roster row: the agent is given no work until it did. */
export function onEnrolFailed(s: CoordinatorState, incarnation: string, now: Now): void {
  const a = s.agents.get(incarnation);
  if (a?.status === 'enrolling') a.enrolAt = now.mono + ENROL_RETRY_MS;
}

function onHeartbeat(
  s: CoordinatorState,
  a: Agent,
  h: Heartbeat,
  now: Now,
  effects: CoordinatorEffect[],
): void {
  acknowledged(a, h.receivedCommands, now.mono);
  a.says = { running: h.running, queued: h.queued };
  if (h.draining && !a.draining) beginDrain(s, a, effects);
  a.most = h.short === '' ? Infinity : Math.max(1, h.most);
  if (h.short !== '' && !a.drained) {
    if (h.most === 0) drainShort(s, a, h.short, now, effects);
    else retractBeyond(a, a.most);
  }
  // One that gives up its row has stopped echoing before (PROTOCOL 9).
  if (isPaused(s, now.mono) || s.phase === 'leaving-row') return;
  // Not beyond answers that are on their way: "committed" alone would be taken for success.
  const answering = a.unacked.some((c) => c.committed && c.committed.answers.length > 0);
  const committedReports = answering ? 0 : a.committedReport;
  effects.push({
    kind: 'send',
    incarnation: a.incarnation,
    body: { echo: { number: h.number, receivedReports: a.receivedReport, committedReports } },
  });
}

/** It got a signal of its own: what it gives back goes elsewhere, what runs there is ended by it. */
function beginDrain(s: CoordinatorState, a: Agent, effects: CoordinatorEffect[]): void {
  a.draining = true;
  if (a.reservedFor !== null) unreserve(s, a.reservedFor);
  const fields = { node: a.node, host: a.hostname, rule: 'PROTOCOL 9' };
  if (s.phase === 'running') effects.push({ kind: 'log', level: 'warn', text: 'an agent drains', fields });
}

/** Beyond S without a confirmed heartbeat of our own: no echo, no start, no lease. It is a pause and writes nothing. */
export function isPaused(s: CoordinatorState, mono: number): boolean {
  return mono - s.confirmedAt > s.config.chain.pause;
}

/** Judges silence. Returns when it wants to look again. */
export function watch(s: CoordinatorState, now: Now, effects: CoordinatorEffect[]): number {
  let next = Infinity;
  for (const a of s.agents.values()) {
    if (a.status === 'dead') continue;
    if (now.mono >= a.enrolAt) {
      a.enrolAt = Infinity;
      effects.push({ kind: 'enrol', incarnation: a.incarnation, join: a.join });
    }
    next = Math.min(next, a.enrolAt);
    if (now.mono < s.judgeAfter) {
      next = Math.min(next, s.judgeAfter);
      continue;
    }
    const silent = now.mono - a.heardAt;
    if (silent >= s.config.chain.agentDead) {
      giveUp(s, a, a.draining && a.entries.size === 0 ? LEFT : NODE_LOST, now, effects);
      continue;
    }
    if (silent >= s.config.chain.agentSuspect) {
      if (a.status === 'live') setStatus(s, a, 'suspect');
      next = Math.min(next, a.heardAt + s.config.chain.agentDead);
    } else next = Math.min(next, a.heardAt + s.config.chain.agentSuspect);
  }
  return next;
}

function onProvenDead(
  s: CoordinatorState,
  { endedIncarnation, endedCrashed, node, hostname }: Join,
  now: Now,
  effects: CoordinatorEffect[],
): void {
  const why = endedCrashed ? CRASHED : ENDED_ITSELF;
  const a = s.agents.get(endedIncarnation);
  if (endedWas(s, endedIncarnation) && !a) {
    // One that only our predecessor knew: what it had is among what nobody will name.
    ending(s, endedIncarnation);
    note(s, now, 'agent-lost', { agent: { node, hostname }, message: why });
  }
  if (a && a.status !== 'dead') giveUp(s, a, why, now, effects);
}

function giveUp(s: CoordinatorState, a: Agent, why: string, now: Now, effects: CoordinatorEffect[]): void {
  const held = a.entries.size;
  effects.push({
    kind: 'log',
    level: 'warn',
    text: `an agent is given up: ${why}`,
    fields: {
      node: a.node,
      host: a.hostname,
      held,
      rule: why === NODE_LOST ? 'PROTOCOL 0: D' : 'PROTOCOL 5',
    },
  });
  setStatus(s, a, 'dead');
  a.unacked = [];
  if (a.reservedFor !== null) unreserve(s, a.reservedFor);
  for (const entry of a.entries.values()) giveUpEntry(s, a, entry, why);
  assert(a.entries.size === 0, 'a dead agent holds nothing');
  ending(s, a.incarnation);
  if (why === LEFT) note(s, now, 'agent-left', { agent: a, message: why });
  else note(s, now, 'agent-lost', { agent: a, message: `${why}; it held ${held} jobs` });
  const dead = [...s.agents.values()].filter((x) => x.status === 'dead');
  if (dead.length > s.config.deadRemembered) dropAgent(s, dead[0]!);
}

function giveUpEntry(s: CoordinatorState, a: Agent, entry: Entry, why: string): void {
  if (entry.phase === 'claimed') {
    // Never sent. One whose RUNNING is being committed waits, without a place, for what comes of that.
    vacate(s, entry);
    if (!s.claims.includes(entry)) return;
    s.claims = s.claims.filter((c) => c !== entry);
    return putBack(s, entry, why);
  }
  const lead = s.agents.get(entry.on[0]!);
  if (lead && lead.status !== 'dead') {
    // A node of a gang: its lead ends the rest and says so; until then the attempt lives.
    entry.on = entry.on.filter((incarnation) => incarnation !== a.incarnation);
    vacateOn(a, entry);
    return sendKill(s, entry, KILL_LOST);
  }
  vacate(s, entry);
  releaseLost(s, entry, { node: a.hostname, why, nodeLost: why === NODE_LOST || why === CRASHED });
}

/** A new epoch of our own: every agent is asked for its inventory, and its command stream begins anew. */
export function sayHello(s: CoordinatorState, now: Now, effects: CoordinatorEffect[]): void {
  for (const a of s.agents.values()) {
    if (a.status === 'dead') continue;
    resetCommands(a, now.mono);
    // What was asked for in the old stream may be lost with it; who did it already, ignores it.
    if (s.phase !== 'running') command(a, { drain: {} });
    for (const entry of a.entries.values()) {
      if (entry.on[0] !== a.incarnation) continue;
      entry.retractSent = false;
      if (entry.killSent !== 0) kill(a, { id: entry.job.id, attempt: entry.job.attempt }, entry.killSent);
    }
    effects.push({ kind: 'send', incarnation: a.incarnation, body: { hello: {} } });
  }
}
