/**
 * The agent's core: `agentStep(state, events, now) → effects`. It decides everything about one node's attempts and does
 * nothing itself. The rules are PROTOCOL 0 (lease), 5 (streams, drain, dismissal), 6 (outbox), 9 and 10.
 */
import { KILL_NOW, KILL_TIMEOUT, type Command, type Envelope } from '../messages.ts';
import type { AgentEffect, AgentEvent, AgentStep } from './event.ts';
import * as jobs from './jobs.ts';
import * as outbox from './outbox.ts';
import { setPhase } from './phases.ts';
import { noteShort, sayShort } from './shortage.ts';
import { commandsFault, echoFault } from './refusals.ts';
import type { AgentState } from './state.ts';

/** A heartbeat that was not echoed is remembered this long; older ones can't renew the lease any more. */
const HEARTBEATS_REMEMBERED = 64;
const NEVER_ECHOED = 'no word from the coordinator since it was told of this agent';

export function agentStep(s: AgentState, events: readonly AgentEvent[], now: number): AgentStep {
  const effects: AgentEffect[] = [];
  // Before what arrived is read: no echo saves an incarnation whose time is over.
  watchLease(s, now, effects);
  for (const e of events) on(s, e, now, effects);
  const pumpAt = jobs.pump(s, now, effects);
  // Not when hello is read: a later hello of the same step would let it out under an epoch whose commands it has not seen.
  if (s.joinDue && s.phase !== 'ending' && s.phase !== 'ended') sendJoin(s, now, effects);
  const flushAt = outbox.flush(s, now, effects);
  const beatAt = beat(s, now, effects);
  finish(s, effects);
  return { effects, wakeAt: Math.min(pumpAt, flushAt, beatAt, leaseEdge(s)) };
}

function on(s: AgentState, e: AgentEvent, now: number, effects: AgentEffect[]): void {
  switch (e.kind) {
    case 'message':
      return onMessage(s, e.envelope, now, effects);
    case 'connected':
      s.sentReport = Math.max(s.receivedByCoordinator, s.committedReport);
      s.joinSentAt = s.phase === 'joining' ? -Infinity : s.joinSentAt;
      return;
    case 'job-started':
      return jobs.started(s, e, now, effects);
    case 'job-ended':
      return jobs.ended(s, e, now);
    case 'job-failed':
      return jobs.failed(s, e, now, effects);
    case 'job-recalled':
      return jobs.recalled(s, e, now);
    case 'helper-lost':
      return jobs.helperLost(s, e.helper, now);
    case 'helper-failed':
      return jobs.helperFailed(s, e.helper, e.reason, now, effects);
    case 'guard':
      s.guardAlive = e.alive;
      if (!e.alive) jobs.recallAhead(s, effects);
      if (e.reason !== '') noteShort(s, e.reason, s.nextToken, now, effects);
      if (e.alive && s.echoedAt !== null)
        effects.push({ kind: 'lease', until: s.echoedAt + s.config.chain.agentLease });
      return;
    case 'patch':
      return outbox.offer(s, { ...e, kind: 'patch', op: '', json: e.dataJson }, now, effects);
    case 'request':
      return outbox.offer(
        s,
        { ...e, kind: 'request', removed: [], fieldsJson: '', durable: true },
        now,
        effects,
      );
    case 'stop':
      drain(s, now, effects);
      for (const live of s.live.values())
        jobs.kill(s, live.job.id, live.job.attempt, KILL_TIMEOUT, now, effects);
      return;
    case 'tick':
      return;
  }
}

function onMessage(s: AgentState, m: Envelope, now: number, effects: AgentEffect[]): void {
  if (s.phase === 'ending' || s.phase === 'ended') return;
  if (m.epoch < s.epoch) return;
  if (m.hello) {
    if (m.epoch > s.epoch) {
      s.epoch = m.epoch;
      s.receivedCommands = 0;
      s.apps.clear();
      // What an older coordinator received and did not commit is with nobody any more.
      s.sentReport = s.committedReport;
      s.receivedByCoordinator = s.committedReport;
    }
    s.joinDue = true;
    return;
  }
  if (m.dismissed && s.epoch === 0) return refusedAtTheDoor(s, m.dismissed.reason, effects);
  if (m.dismissed)
    return beginEnd(s, `called dead by the coordinator: ${m.dismissed.reason}`, KILL_NOW, now, effects);
  if (s.phase === 'joining' && (m.echo || m.commands) && now >= termAt(s))
    return beginEnd(s, NEVER_ECHOED, KILL_TIMEOUT, now, effects);
  if (m.echo) {
    // A successor echoes before it has an epoch of its own (PROTOCOL 3): an echo of the followed epoch counts.
    const fault = echoFault(s, m.echo);
    if (fault === null) onEcho(s, m.echo, now, effects);
    else effects.push({ kind: 'refused', rule: fault });
    return;
  }
  if (m.epoch !== s.epoch || !m.commands) return;
  const fault = commandsFault(s, m.commands);
  if (fault !== null) return void effects.push({ kind: 'refused', rule: fault });
  for (const c of m.commands.commands) {
    if (c.seq !== s.receivedCommands + 1) continue;
    s.receivedCommands = c.seq;
    onCommand(s, c, now, effects);
  }
}

/** Never taken in: no incarnation of this node would be. */
function refusedAtTheDoor(s: AgentState, reason: string, effects: AgentEffect[]): void {
  setPhase(s, 'ended');
  effects.push(
    { kind: 'log', level: 'warn', text: `refused by the coordinator: ${reason}`, rule: 'PROTOCOL 5' },
    { kind: 'leave' },
  );
}

function onEcho(
  s: AgentState,
  echo: NonNullable<Envelope['echo']>,
  now: number,
  effects: AgentEffect[],
): void {
  const sentAt = s.heartbeatTimes.get(echo.number);
  outbox.received(s, echo.receivedReports, now);
  outbox.committed(s, echo.committedReports, [], now, effects);
  if (sentAt === undefined) return;
  for (const n of s.heartbeatTimes.keys()) if (n <= echo.number) s.heartbeatTimes.delete(n);
  if (s.echoedAt !== null && sentAt <= s.echoedAt) return;
  s.echoedAt = sentAt;
  if (s.phase === 'joining') setPhase(s, 'working');
  effects.push({ kind: 'lease', until: sentAt + s.config.chain.agentLease });
}

function onCommand(s: AgentState, c: Command, now: number, effects: AgentEffect[]): void {
  if (c.start) {
    for (const app of c.start.apps) s.apps.set(app.index, app);
    for (const job of c.start.jobs) jobs.takeIn(s, job, now, effects);
  } else if (c.kill) {
    for (const j of c.kill.jobs) jobs.kill(s, j.id, j.attempt, c.kill.reason, now, effects);
  } else if (c.retract) {
    for (const j of c.retract.jobs) jobs.giveBackJob(s, j.id, j.attempt, now, effects);
  } else if (c.committed) {
    outbox.committed(s, c.committed.reports, c.committed.answers, now, effects);
  } else if (c.drain) {
    drain(s, now, effects);
  }
}

function drain(s: AgentState, now: number, effects: AgentEffect[]): void {
  // Said at once, or what comes back would be sent again.
  if (!s.draining) s.heartbeatSentAt = -Infinity;
  s.draining = true;
  jobs.giveBackAll(s, now, effects);
}

/**
 * The lease from the SEND time of the newest echoed heartbeat: at TERM the incarnation ends, whatever comes later. Before
 * the first echo from the first inventory that a coordinator may have answered with jobs: D may be over there as well.
 */
function watchLease(s: AgentState, now: number, effects: AgentEffect[]): void {
  if (now < leaseEdge(s)) return;
  const reason = s.phase === 'joining' ? NEVER_ECHOED : 'the lease ran out: no word from the coordinator';
  beginEnd(s, reason, KILL_TIMEOUT, now, effects);
}

function beginEnd(s: AgentState, reason: string, kill: number, now: number, effects: AgentEffect[]): void {
  setPhase(s, 'ending');
  const leaseEnds = (s.echoedAt ?? now) + s.config.chain.agentLease;
  s.config = { ...s.config, killGraceMs: Math.max(0, Math.min(s.config.killGraceMs, leaseEnds - now)) };
  effects.push({ kind: 'log', level: 'warn', text: reason, rule: 'PROTOCOL 5' });
  jobs.giveBackAll(s, now, effects);
  for (const live of s.live.values()) jobs.kill(s, live.job.id, live.job.attempt, kill, now, effects);
}

/** When it ends by itself. One that holds nothing and was never echoed has nothing to lose, and waits. */
function leaseEdge(s: AgentState): number {
  return s.phase === 'working' || (s.phase === 'joining' && s.live.size > 0) ? termAt(s) : Infinity;
}

function termAt(s: AgentState): number {
  const since = s.echoedAt ?? s.offeredAt;
  return since === null ? Infinity : since + s.config.chain.agentTerm;
}

function beat(s: AgentState, now: number, effects: AgentEffect[]): number {
  if (s.phase === 'ending' || s.phase === 'ended') return Infinity;
  if (s.epoch === 0) {
    if (now - s.joinSentAt >= s.config.chain.heartbeat) sendJoin(s, now, effects);
    return s.joinSentAt + s.config.chain.heartbeat;
  }
  const late = s.echoedAt === null || now - s.echoedAt > s.config.chain.impatientAfter;
  const every = late ? s.config.chain.impatient : s.config.chain.heartbeat;
  if (now - s.heartbeatSentAt >= every) {
    s.heartbeat += 1;
    s.heartbeatSentAt = now;
    s.heartbeatTimes.set(s.heartbeat, now);
    s.heartbeatTimes.delete(s.heartbeat - HEARTBEATS_REMEMBERED);
    const running = s.live.size - s.queue.length;
    effects.push({
      kind: 'send',
      body: {
        heartbeat: {
          number: s.heartbeat,
          receivedCommands: s.receivedCommands,
          lastReport: s.sentReport,
          queued: s.queue.length,
          running,
          draining: s.draining,
          ...sayShort(s, now),
        },
      },
    });
  }
  const patienceEnds = late ? Infinity : s.echoedAt! + s.config.chain.impatientAfter + 1;
  return Math.min(s.heartbeatSentAt + every, patienceEnds);
}

function sendJoin(s: AgentState, now: number, effects: AgentEffect[]): void {
  s.joinSentAt = now;
  s.joinDue = false;
  if (s.epoch > 0) s.offeredAt ??= now;
  // The first heartbeat follows at once: its echo is what lets the first job start.
  if (s.epoch > 0 && s.echoedAt === null) s.heartbeatSentAt = -Infinity;
  const held = [...s.live.values()].map((l) => ({
    id: l.job.id,
    attempt: l.job.attempt,
    started: l.phase === 'running',
    nodes: l.job.nodes,
  }));
  effects.push({
    kind: 'send',
    body: {
      join: {
        node: s.config.node,
        hostname: s.config.hostname,
        cpus: s.config.cpuIds.length,
        gpus: s.config.gpus,
        memoryBytes: s.config.memoryBytes,
        ...s.identity,
        held,
        lastReport: s.lastReport,
        oldestReport: s.committedReport + 1,
      },
    },
  });
}

function finish(s: AgentState, effects: AgentEffect[]): void {
  if (s.phase === 'ending' && s.live.size === 0) {
    setPhase(s, 'ended');
    effects.push({ kind: 'rejoin', reason: 'everything of this incarnation has ended' });
  } else if (s.phase !== 'ended' && s.draining && s.live.size === 0 && s.outbox.length === 0) {
    setPhase(s, 'ended');
    effects.push({ kind: 'leave' });
  }
}
