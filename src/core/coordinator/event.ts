/**
 * What may happen to a coordinator, and what its core may ask the shell to do. Events come in batches in the order in
 * which they happened; effects are performed in order and what comes of them returns as new events.
 *
 * At most one lease, one commit and one roster write are under way: the core asks for the next when it has heard of the
 * last. So the shell needs no queue of its own.
 */
import type { JobState } from '../../model/job.ts';
import type { Fits, LeftOver } from '../../model/last-words.ts';
import type { Body, Envelope, Join } from '../messages.ts';
import type { CommitRows, LauncherNote, LeasedJob, Recording, RowOutcomes } from './batch.ts';

/** The facts of an application that a start is made from; null when no such application is registered. */
export interface AppFacts {
  name: string;
  executable: string;
  envscript: string;
  preprocess: string;
  postprocess: string;
}

/** A question of a job, to be answered after the rows that came before it are committed. */
export interface JobRequest {
  incarnation: string;
  request: number;
  job: string;
  attempt: number;
  op: string;
  json: string;
}

export interface RequestAnswer {
  incarnation: string;
  request: number;
  json: string;
  error: string;
}

export type CoordinatorEvent =
  | { kind: 'message'; envelope: Envelope }
  /** A message that the shell refused for what it says; `incarnation`: whose connection it came by. */
  | { kind: 'refused'; incarnation: string; rule: string }
  | { kind: 'leased'; asked: number; jobs: LeasedJob[]; apps: ReadonlyMap<string, AppFacts | null> }
  /** Nothing was leased: the database did not answer. Nothing is unknown. */
  | { kind: 'lease-failed'; why: string }
  | { kind: 'committed'; outcomes: RowOutcomes; answers: RequestAnswer[] }
  /** Nothing was written: the database did not answer. The same batch is asked for again. */
  | { kind: 'commit-failed'; why: string }
  /** A statement was lost in flight: whether it was done is unknown (PROTOCOL 7). `lost` says which. */
  | { kind: 'outcome-unknown'; lost: 'lease' | 'commit'; why: string }
  /** Our own raise: the new epoch, what the launcher holds by the database, and the applications of those jobs. */
  | { kind: 'raised'; epoch: number; held: LeasedJob[]; apps: ReadonlyMap<string, AppFacts | null> }
  | { kind: 'raise-failed' }
  /** We follow a dead coordinator: what the launcher holds by the database, the incarnations that may have it, and the nodes
   * that it had drained. */
  | {
      kind: 'adopt';
      held: (LeasedJob & { state: JobState })[];
      apps: ReadonlyMap<string, AppFacts | null>;
      incarnations: readonly string[];
      drained: readonly { node: number; reason: string }[];
    }
  | { kind: 'enrolled'; incarnation: string }
  | { kind: 'enrol-failed'; incarnation: string }
  | { kind: 'recorded' }
  | { kind: 'record-failed' }
  /** Rows that we hold and a user has killed. */
  | { kind: 'killed'; jobs: readonly { id: string; attempt: number }[] }
  /** Something may be runnable. */
  | { kind: 'wake' }
  /** The launcher's row was ours at this monotonic send time. */
  | { kind: 'confirmed'; sentAt: number }
  /** Leave: end jobs as RUN_TIMEOUT; `now` without grace. `failed`: the launcher can't do what it is for. */
  | { kind: 'leave'; reason: string; now: boolean; failed?: boolean }
  /** The row is given up; `over`: what is left of the launcher's jobs, null when the database did not say. */
  | { kind: 'left'; over: LeftOver | null }
  /** The launcher's row is not ours any more. */
  | { kind: 'fenced' }
  | { kind: 'tick' };

export type CoordinatorEffect =
  | { kind: 'send'; incarnation: string; body: Body }
  | { kind: 'lease'; limit: number; maxNodes: number; maxWallMinutes: number | null }
  | { kind: 'commit'; rows: CommitRows; requests: JobRequest[] }
  | { kind: 'enrol'; incarnation: string; join: Join }
  /** Notes for people, and incarnations that are over. One is under way at a time. */
  | ({ kind: 'record' } & Recording)
  | { kind: 'raise' }
  /** With the notes that are not on record yet, and the number of one more, which says what is left; `fits`: what the
   * launcher could take when it looked last. */
  | { kind: 'leave-row'; notes: LauncherNote[]; number: number; fits: Fits }
  | { kind: 'end'; code: 'left' | 'fenced'; reason: string; failed: boolean; over: LeftOver | null }
  /** No agent has ever taken work, for so long: for whoever looks at the launcher. */
  | { kind: 'no-agent'; seconds: number }
  /** Something of a peer was refused as a whole, and nothing changed. */
  | { kind: 'refused'; incarnation: string; rule: string }
  /** `often`: what a job or an agent can make happen a million times; such lines are counted and thinned. */
  | {
      kind: 'log';
      level: 'info' | 'warn';
      text: string;
      /** `rule`: by which it happened. */
      fields: Record<string, string | number> & { rule: string };
      often?: boolean;
    };

export interface CoordinatorStep {
  effects: CoordinatorEffect[];
  /** Monotonic time at which the core wants a tick; Infinity when it waits for events only. */
  wakeAt: number;
}

/** Both clocks at the time of a step, milliseconds: monotonic for durations, wall for what people read. */
export interface Now {
  mono: number;
  wall: number;
}
