/**
 * What the flavours and their caller share: an MPI launcher, a job of several ranks, and the look into its own flags.
 * Nothing here may know of any flavour.
 */

export type MpiName = 'openmpi' | 'mpich';

/** An MPI launcher that answered on this node. */
export interface MpiFlavour {
  readonly name: MpiName;
  /** Path or name by which it was found. */
  readonly mpirun: string;
  /** As it says itself: '4.1.4'. */
  readonly version: string;
  /** Where its mpirun must run: on the first node of the job (aprun and jsrun, say, run only on the batch host). */
  readonly launchFrom: 'lead-agent' | 'batch-host';
}

export interface MpiJob {
  readonly ranks: number;
  readonly ranksPerNode: number;
  /** Names of the nodes in the order of their ranks; null: this node only. */
  readonly hosts: readonly string[] | null;
  /** What each rank runs. */
  readonly argv: readonly string[];
  /** Names of the variables that the job adds to the base environment: exported to ranks on other nodes. */
  readonly env: readonly string[];
  /** The job's own flags, after ours. A flag of ours that they give too is left out. */
  readonly mpiFlags: readonly string[];
  readonly asRoot: boolean;
  /** The program that stands in for ssh, called as `agentPath [options] HOST COMMAND…`. */
  readonly remoteStart?: { readonly agentPath: string };
  /** Names in the base environment; of these `unset` is made. */
  readonly inherited?: Iterable<string>;
  /** Set for the ranks but not for mpirun: what describes the batch allocation, which mpirun must not see. */
  readonly rankEnv?: Readonly<Record<string, string>>;
}

/** Whether the flags have one of these names, written `--name`, `-name` or `--name=value`. */
export function hasFlag(flags: readonly string[], ...names: readonly string[]): boolean {
  return flags.some(
    (flag) => flag.startsWith('-') && names.includes(flag.replace(/^--?/, '').replace(/=.*$/s, '')),
  );
}
