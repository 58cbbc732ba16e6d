/**
 * What a coordinator's core knows: its agents, the attempts that it holds, and what it has not heard back about. Plain
 * data; the functions of this folder are the only ones that change it. What each phase means, and every step between them,
 * is written down in `phases.ts`.
 */
import { CHAIN, type Chain } from '../../base/limits.ts';
import type { App, Command, Join, Report } from '../messages.ts';
import { nothingDone, type Done, type Fits } from '../../model/last-words.ts';
import type { CommitRows, LauncherNote, LeasedJob, Recording, ReleaseRow } from './batch.ts';
import type { JobRequest } from './event.ts';
import type { Trail } from '../phase-table.ts';
import {
  firstPhases,
  type AgentStatus,
  type CoordinatorPhase,
  type EntryPhase,
  type Raising,
} from './phases.ts';

export type Mode = 'mpi' | 'serial' | 'mixed';

export interface CoordinatorConfig {
  launcher: number;
  mode: Mode;
  /** Nodes of this launcher, after limit and offset; agents with other indexes are refused. */
  nodes: readonly number[];
  /** Monotonic time at which the launcher leaves; null = never. */
  endAt: number | null;
  /** Idle for this long, the launcher leaves; null = persistent. */
  idleExitMs: number | null;
  chain: Chain;
  /** Dead incarnations that are remembered, to refuse them; older ones are gone for good. */
  deadRemembered: number;
}

export const COORDINATOR_DEFAULTS = { chain: CHAIN, deadRemembered: 1_000 };

export interface Entry {
  job: LeasedJob;
  app: App;
  phase: EntryPhase;
  /** Part of a node that it takes here; 1 for a gang, on each of its nodes. */
  share: number;
  /** Incarnations of its nodes, the lead first; empty while queued. */
  on: string[];
  leasedAt: number;
  sentAt: number;
  /** Not placed before this: it rests after a lost helper. */
  notBefore: number;
  /** Wall clock; null until its start is known. */
  startedAt: number | null;
  runningCommitted: boolean;
  /** KILL_* that was sent; 0 = none. */
  killSent: number;
  /** A user killed it: its row is USER_KILLED. */
  userKilled: boolean;
  retractSent: boolean;
  /** Epoch of the command stream that its start went into. */
  sentEpoch: number;
  /** Nodes on which it failed before exec. */
  avoid: number[];
  /** Node indexes of an adopted gang, the lead first; empty otherwise. */
  gang: number[];
  /** Last report of its agent when an inventory named it here: what came back before that had been placed again since. */
  namedAt: number;
}

export interface Agent {
  incarnation: string;
  node: number;
  hostname: string;
  status: AgentStatus;
  heardAt: number;
  /** Its roster row is not written yet: asked for again at this time. */
  enrolAt: number;
  join: Join;
  /** It has answered hello of this epoch with its inventory. */
  joinedEpoch: number;
  used: number;
  entries: Map<string, Entry>;
  reservedFor: string | null;
  knownApps: Set<number>;
  /** Ends a second, a moving average, and what it is made from. */
  rate: number;
  endsSince: number;
  rateAt: number;
  /** Commands that the agent has not acknowledged. */
  unacked: Command[];
  /** Bytes, about, of the start command that is still open. */
  openBytes: number;
  nextCommand: number;
  /** Sent and not to be sent again; goes back to what is acknowledged when that does not grow. */
  sentCommand: number;
  /** The last that ever left: no command up to it changes any more. */
  leftCommand: number;
  ackedCommand: number;
  ackGrewAt: number;
  receivedReport: number;
  committedReport: number;
  /** It drains by itself, asked by a signal: no work for it. */
  draining: boolean;
  /** Its node is drained (health.ts): no work for it. */
  drained: boolean;
  /** Jobs that it can hold: fewer than fit while its node is short of something. */
  most: number;
  /** What its last heartbeat said. */
  says: { running: number; queued: number };
  /** Messages of it that were refused. */
  refused: number;
  /** Attempts that its inventory did not name, to be judged when its reports up to `until` are in. */
  doubtful: { until: number; ids: string[] } | null;
}

/** A report that came in and is not committed yet. */
export interface Uncommitted {
  incarnation: string;
  report: Report;
  /** Wall clock of the event. */
  at: number;
  /** Monotonic time of receipt. */
  receivedAt: number;
}

/** A commit that is under way: what to do when it is done. */
export interface Flight {
  rows: CommitRows;
  requests: JobRequest[];
  /** Highest report of each incarnation in it. */
  upTo: Map<string, number>;
  claims: Set<string>;
  /** Reports of patches, by `job attempt`: those whose row is refused are answered with an error. */
  patches: Map<string, { incarnation: string; reports: number[] }>;
}

/** An incarnation that is dead: written down when all that it had reported or held is. */
export interface Ending {
  incarnation: string;
  /** Releases that were made before; Infinity while a takeover is not settled. */
  after: number;
}

/** What is known of a node, whichever agent is there (health.ts). */
export interface NodeHealth {
  /** Why it is drained; '' = it is not. */
  drained: string;
  /** For a shortage: it is not taken again for want of others. */
  short: boolean;
  /** Jobs in a row that could not be started here, and whether they started elsewhere since. */
  refused: Map<string, boolean>;
  /** The last ends: 1 for one within a second and nonzero; a ring, and where it goes on. */
  ends: number[];
  next: number;
  bad: number;
}

export interface CoordinatorState {
  config: CoordinatorConfig;
  epoch: number;
  phase: CoordinatorPhase;
  leaveDeadline: number;
  leaveReason: string;
  /** It leaves because it can't do what it is for. */
  leaveFailed: boolean;
  /** It was told to leave before it had taken over. */
  leaveEarly: { reason: string; now: boolean; failed: boolean } | null;
  agents: Map<string, Agent>;
  entries: Map<string, Entry>;
  queue: Entry[];
  apps: Map<string, App>;
  /** Own writes that wait for the next commit. */
  releases: ReleaseRow[];
  claims: Entry[];
  uncommitted: Uncommitted[];
  /** Of their texts, about. */
  uncommittedBytes: number;
  flight: Flight | null;
  /** The flight was asked for more than once: what it finds done already was done by itself. */
  flightAgain: boolean;
  /** A commit failed: the same flight is asked for again at this time. */
  retryAt: number;
  leasing: boolean;
  leaseAfter: number;
  raising: Raising;
  raiseAfter: number;
  /** When the raise was asked for: that is as old as its confirmation is. */
  raiseSentAt: number;
  /** When the next step was due at the latest; a step that comes much later has not read its sockets for as long. */
  dueAt: number;
  /** Silence of agents is not judged before this. */
  judgeAfter: number;
  /** The last lease brought less than was asked for; cleared by a wake-up and by the slow poll. */
  dry: boolean;
  /** Something may have become runnable since the lease was sent that is under way. */
  woken: boolean;
  /** Nothing that ended since the last lease can have made jobs runnable; only then is a launcher idle. */
  dryProven: boolean;
  typicalShare: number;
  /** Jobs of the queue that rest. */
  resting: number;
  lastBusyAt: number;
  confirmedAt: number;
  /** The database does not take what we write since (wall clock), and why; null: it does. */
  degraded: { since: number; why: string } | null;
  /** Beyond S without a confirmed heartbeat since (wall clock); null: not. */
  pausedSince: number | null;
  /** By node index. */
  nodes: Map<number, NodeHealth>;
  notes: LauncherNote[];
  lastNote: number;
  /** Notes that found no room. */
  notesLost: number;
  endings: Ending[];
  recording: Recording | null;
  recordAfter: number;
  /** Releases that were made, and that are committed, in their order. */
  releasesMade: number;
  releasesWritten: number;
  stealAfter: number;
  arrivals: number;
  arrivalsAt: number;
  arrivalRate: number;
  done: Done;
  /** What the last lease could have brought; null before the first. */
  fits: Fits | null;
  /** When this coordinator began (monotonic). */
  beganAt: number;
  /** Until an agent takes work: whether it was said that none has come; null: one has. */
  awaited: { said: boolean } | null;
  /** A takeover that is not settled yet: the incarnations that have not said what they hold, whether one has ended instead
   * of saying it, and how long we wait. */
  adoption: { awaiting: Set<string>; someEnded: boolean; until: number } | null;
  trail: Trail;
}

export interface Beginning {
  /** When the statement was sent that made the row ours; S counts from there, not from its answer. */
  confirmedAt?: number;
  /** It follows a dead coordinator: until `adopt` says what that one held it listens to nothing else. */
  successor?: boolean;
  /** What coordinators before it have done. */
  done?: Done;
  trail?: Trail;
}

export function makeCoordinatorState(
  config: CoordinatorConfig,
  epoch: number,
  now: number,
  { confirmedAt = now, successor = false, done = nothingDone(), trail = null }: Beginning = {},
): CoordinatorState {
  return {
    config,
    epoch,
    ...firstPhases(successor ? 'taking-over' : 'running', trail),
    leaveDeadline: Infinity,
    leaveReason: '',
    leaveFailed: false,
    leaveEarly: null,
    agents: new Map(),
    entries: new Map(),
    queue: [],
    apps: new Map(),
    releases: [],
    claims: [],
    uncommitted: [],
    uncommittedBytes: 0,
    flight: null,
    flightAgain: false,
    retryAt: 0,
    leasing: false,
    leaseAfter: 0,
    raiseAfter: 0,
    raiseSentAt: now,
    dueAt: Infinity,
    judgeAfter: 0,
    dry: false,
    woken: false,
    dryProven: false,
    typicalShare: 1,
    resting: 0,
    lastBusyAt: now,
    confirmedAt,
    degraded: null,
    pausedSince: null,
    nodes: new Map(),
    notes: [],
    lastNote: 0,
    notesLost: 0,
    endings: [],
    recording: null,
    recordAfter: 0,
    releasesMade: 0,
    releasesWritten: 0,
    stealAfter: 0,
    arrivals: 0,
    arrivalsAt: now,
    arrivalRate: 0,
    done: { ...done },
    fits: null,
    beganAt: now,
    awaited: successor ? null : { said: false },
    adoption: null,
    trail,
  };
}

/** Something may be runnable that the last lease did not see: the next is asked for at once. */
export function endDrought(s: CoordinatorState): void {
  s.woken = true;
  s.dry = false;
  s.leaseAfter = 0;
}

/** An agent that may be given work. */
export function isLive(a: Agent): boolean {
  return a.status === 'live' && !a.draining && !a.drained;
}
