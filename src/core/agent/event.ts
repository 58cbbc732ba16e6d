/**
 * What may happen to an agent, and what its core may ask the shell to do. Events come in batches, in the order in which
 * they happened; effects are performed in order, and what comes of them returns as new events.
 */
import type { App, Body, Envelope, Job } from '../messages.ts';
import type { Allocation } from '../slots.ts';

export type AgentEvent =
  | { kind: 'message'; envelope: Envelope }
  | { kind: 'connected' }
  /** `at`: when its process started, monotonic milliseconds. */
  | { kind: 'job-started'; helper: number; token: number; at: number }
  | {
      kind: 'job-ended';
      helper: number;
      token: number;
      exitCode: number | null;
      signal: number | null;
      userS: number | null;
      systemS: number | null;
      maxRssKib: number | null;
      /** Monotonic milliseconds. */
      startedAt: number;
      endedAt: number;
      /** It was signalled by us before it was reaped: its end is not its own. */
      told: boolean;
      /** It ended badly, and the kernel killed something of this node's cgroup meanwhile for want of memory. */
      oom: boolean;
      tail: string;
    }
  /** `short`: the node had no process, memory or file for it. */
  | { kind: 'job-failed'; helper: number; token: number; stage: string; message: string; short: boolean }
  | { kind: 'job-recalled'; helper: number; token: number }
  /** The helper died; whatever it ran was ended by marker before this is said. */
  | { kind: 'helper-lost'; helper: number }
  /** It could not be started, and has started nothing. */
  | { kind: 'helper-failed'; helper: number; reason: string }
  /** `reason`: why another could not be started; '' when that was not tried. */
  | { kind: 'guard'; alive: boolean; reason: string }
  | {
      kind: 'patch';
      ref: number;
      job: string;
      attempt: number;
      dataJson: string;
      removed: string[];
      fieldsJson: string;
      durable: boolean;
    }
  | { kind: 'request'; ref: number; job: string; attempt: number; op: string; json: string }
  | { kind: 'stop' }
  | { kind: 'tick' };

export type AgentEffect =
  | { kind: 'send'; body: Body }
  | { kind: 'open-helper'; helper: number }
  /** It runs nothing, and its process is wanted for something else. */
  | { kind: 'close-helper'; helper: number }
  | { kind: 'start'; helper: number; token: number; job: Job; app: App; allocation: Allocation }
  | { kind: 'kill'; helper: number; token: number; graceMs: number }
  | { kind: 'recall'; helper: number; token: number }
  /** Everything of this incarnation must be dead at this monotonic time: fed to the guard. */
  | { kind: 'lease'; until: number }
  | { kind: 'answer'; ref: number; json: string; error: string }
  /** Nothing runs and nothing is uncommitted: the agent may end (drained). */
  | { kind: 'leave' }
  /** The lease was lost or the coordinator called us dead, and no process is left: join again as a new incarnation. */
  | { kind: 'rejoin'; reason: string }
  /** Something of the coordinator was refused as a whole, and nothing changed. */
  | { kind: 'refused'; rule: string }
  /** `often`: what a job can make happen a million times; such lines are counted and thinned. */
  | { kind: 'log'; level: 'info' | 'warn'; text: string; rule: string; often?: boolean };

export interface AgentStep {
  effects: AgentEffect[];
  /** Monotonic time at which the core wants a tick; Infinity when it waits for events only. */
  wakeAt: number;
}
