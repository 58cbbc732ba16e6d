/**
 * What an agent's core knows: the attempts that were given to it, the seats of its helpers, the node's slots, its
 * outbox, and how long its lease runs. Plain data; `step.ts` is the only one that changes it. What each phase means, and
 * every step between them, is written down in `phases.ts`.
 */
import { CHAIN, type Chain, MAX_PACKING, OUTBOX_PLACES } from '../../base/limits.ts';
import type { App, Job, Join, Report } from '../messages.ts';
import { assert } from '../../base/assert.ts';
import type { Trail } from '../phase-table.ts';
import { makeSlots, type Allocation, type Slots } from '../slots.ts';
import { firstPhase, type AgentPhase, type LivePhase } from './phases.ts';

export interface AgentConfig {
  node: number;
  hostname: string;
  cpuIds: readonly number[];
  gpus: number;
  memoryBytes: number;
  /** Most helpers at once; more jobs than this never run side by side on this node. */
  maxHelpers: number;
  /** From TERM to KILL of a job, milliseconds. */
  killGraceMs: number;
  chain: Chain;
  outboxPlaces: number;
  /** Short jobs that a helper holds behind the one that runs there, at most. */
  aheadMax: number;
  /** Jobs given to helpers in one step, at most: heartbeats go out between two steps. */
  startsAStep: number;
}

/**
 * aheadMax is measured: with several a pipe write and a report carry several, a fifth of the agent's CPU a job. startsAStep too:
 * a start is 0.1 ms of the agent's loop.
 */
export const AGENT_DEFAULTS = {
  maxHelpers: MAX_PACKING,
  chain: CHAIN,
  outboxPlaces: OUTBOX_PLACES,
  aheadMax: 4,
  startsAStep: 64,
};

export interface Live {
  job: Job;
  /** As it was when the job came: a new epoch numbers applications anew. */
  app: App;
  /** Grows with each job that comes. */
  order: number;
  phase: LivePhase;
  helper: number;
  token: number;
  allocation: Allocation | null;
  /** CAUSE_* of messages.ts: why we are ending it; 0 = we are not. */
  killed: number;
  /** It was asked to be taken back while a helper held it ahead. */
  recall: 'no' | 'requeue' | 'give-back';
  startedReported: boolean;
  /** When its process started, as its helper said; null before. */
  startedAt: number | null;
  /** Times that it alone could not be started for a shortage, and how many others had been started here before. */
  shortAlone: number;
  shortSince: number;
}

/** One helper and what it holds: `running` first, then those `ahead`, in the order in which it will start them. */
export interface Seat {
  /** Its helper was asked for, and is not known to be gone. */
  open: boolean;
  running: Live | null;
  ahead: Live[];
}

/** The node could not start all that it should (shortage.ts). */
export interface Shortage {
  reason: string;
  /** What was given to helpers before it was noticed has lower tokens: how that ends says nothing new. */
  token: number;
  /** Most jobs side by side. */
  most: number;
  /** One more is tried at this time; Infinity while one is. */
  tryAt: number;
  pauseMs: number;
  failedAt: number;
  /** Since when nothing runs and nothing could be started. */
  nothingSince: number;
}

/** A report that Postgres has not confirmed. `at` is monotonic; the age is computed when it is sent. */
export interface OutboxEntry {
  report: Report;
  at: number;
}

/** A patch or request of a job that waits for a place in the outbox, or for its answer. */
export interface Waiting {
  ref: number;
  job: string;
  attempt: number;
  kind: 'patch' | 'request';
  op: string;
  json: string;
  removed: string[];
  fieldsJson: string;
  durable: boolean;
}

export interface AgentState {
  config: AgentConfig;
  phase: AgentPhase;
  identity: Pick<Join, 'agent' | 'guard' | 'endedIncarnation' | 'endedCrashed'>;
  epoch: number;
  receivedCommands: number;
  apps: Map<number, App>;
  live: Map<string, Live>;
  queue: Live[];
  seats: Seat[];
  slots: Slots;
  nextToken: number;
  /** null: the node starts all that it should. */
  short: Shortage | null;
  /** Jobs that came. */
  taken: number;
  /** Jobs that were started. */
  started: number;
  guardAlive: boolean;
  draining: boolean;
  /** Milliseconds that the last jobs ran, a moving average: below a threshold jobs are given to helpers ahead. */
  typicalRunMs: number;
  outbox: OutboxEntry[];
  /** Of its patches and requests, about. */
  outboxBytes: number;
  /** Number of the newest report, of the newest one sent, and of the newest one committed. */
  lastReport: number;
  sentReport: number;
  committedReport: number;
  /** What the coordinator says has arrived, and when that last grew. */
  receivedByCoordinator: number;
  receivedGrewAt: number;
  /** Places kept for the starts and ends of what was started. */
  reserved: number;
  waiting: Waiting[];
  /** Report number → the job channel's reference that waits for its commit or answer. */
  refs: Map<number, number>;
  heartbeat: number;
  heartbeatSentAt: number;
  /** Send times of the heartbeats that were not echoed yet, by number. */
  heartbeatTimes: Map<number, number>;
  /** Send time of the newest echoed heartbeat; null before the first echo. */
  echoedAt: number | null;
  /** Send time of the first inventory under an epoch: a coordinator may give jobs from then on. Null before it. */
  offeredAt: number | null;
  joinSentAt: number;
  /** A coordinator asked for the inventory: it leaves at the end of the step, as everything is by then. */
  joinDue: boolean;
  flushedAt: number;
  trail: Trail;
}

export function makeAgentState(
  config: AgentConfig,
  identity: AgentState['identity'],
  now: number,
  trail: Trail = null,
): AgentState {
  // Two places for each job that a helper may hold: with no more than these a patch would wait for one that its own job has.
  assert(
    config.outboxPlaces > 2 * (1 + config.aheadMax) * config.maxHelpers,
    'the outbox has places beyond those of all that may run',
  );
  return {
    config,
    phase: firstPhase(trail),
    identity,
    epoch: 0,
    receivedCommands: 0,
    apps: new Map(),
    live: new Map(),
    queue: [],
    seats: [],
    slots: makeSlots(config.cpuIds, config.gpus),
    nextToken: 1,
    short: null,
    taken: 0,
    started: 0,
    guardAlive: true,
    draining: false,
    typicalRunMs: 1_000,
    outbox: [],
    outboxBytes: 0,
    lastReport: 0,
    sentReport: 0,
    committedReport: 0,
    receivedByCoordinator: 0,
    receivedGrewAt: now,
    reserved: 0,
    waiting: [],
    refs: new Map(),
    heartbeat: 0,
    heartbeatSentAt: -Infinity,
    heartbeatTimes: new Map(),
    echoedAt: null,
    offeredAt: null,
    joinSentAt: -Infinity,
    joinDue: false,
    flushedAt: -Infinity,
    trail,
  };
}
