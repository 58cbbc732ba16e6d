/**
 * What a batch system is to us: something that takes a script and runs it later on some nodes. One file implements it
 * per batch system; `choose.ts` picks one. Used by `submit-launch`, the service and the launcher (time left, nodes).
 * Ids are numbers, as the column `scheduler_id` holds them; how a batch system spells them is its file's business.
 */

/** A rendered script to hand in. */
export interface Submission {
  /** Absolute path of the executable script. */
  script: string;
  /** Where stdout and stderr of the script go. */
  output: string;
  /** Name of the batch job. */
  name: string;
  nodes: number;
  minutes: number;
  queue: string;
  project: string;
  /** Further flags of the batch system, as one would type them. */
  flags: string;
}

export type BatchState = 'queued' | 'running' | 'finished';

export interface Scheduler {
  readonly name: string;
  /** Hands in the script; the batch system's id of it. Errors: UserError with the batch system's own words. */
  submit(submission: Submission): Promise<number>;
  /** The state of each id; one that the batch system does not know (any more) is `finished`. */
  status(ids: readonly number[]): Promise<Map<number, BatchState>>;
  /** Ends it; done when it is gone. One that has ended already is no error. */
  cancel(id: number): Promise<void>;
  /** Minutes until the batch allocation ends, from inside it; null: not in one, or no limit. */
  timeLeftMinutes(env: NodeJS.ProcessEnv): number | null;
  /** Host names of the batch allocation, from inside it; null: not in one, then the nodes are logical ones of this host. */
  nodeList(env: NodeJS.ProcessEnv): string[] | null;
}
