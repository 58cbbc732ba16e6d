/** Leases: a launcher takes runnable jobs, each once. */
import type { Database } from './connection.ts';
import type { JobRow } from './rows.ts';

export interface LeaseRequest {
  launcher: number;
  epoch: number;
  limit: number;
  maxNodes: number;
  maxWallMinutes: number | null;
  order: 'mpi' | 'serial';
  /** Only jobs of one rank. */
  serialOnly: boolean;
  /** Exactly these workflows (see matchWorkflows); null for all. */
  workflows: readonly string[] | null;
  /** Jobs made by other database roles too. */
  anyOwner: boolean;
}
export interface LeasedJob {
  id: string;
  attempt: number;
  name: string;
  workflow: string;
  application: string;
  args: string;
  environVars: string;
  numNodes: number;
  ranksPerNode: number;
  threadsPerRank: number;
  threadsPerCore: number;
  nodePackingCount: number;
  wallTimeMinutes: number;
  cpuAffinity: string;
  mpiFlags: string;
  userWorkdir: string;
  autoTimeoutRetry: boolean;
  /** JSON text of a list of ids. */
  parents: string;
}
export interface LeaseAnswer {
  /** false: the fence row was not there: the launcher is not ours any more, and nothing was leased. */
  fenced: boolean;
  jobs: LeasedJob[];
}
export interface WaitingCount {
  /** Runnable and free, counted up to WAITING_COUNT_LIMIT. */
  runnable: number;
  /** Held by `launcher`, counted up to the same. */
  held: number;
}
const notYet = (): never => {
  throw new Error('not yet written');
};
export async function leaseJobs(_db: Database, _request: LeaseRequest): Promise<LeaseAnswer> {
  return notYet();
}
export async function matchWorkflows(_db: Database, _substring: string): Promise<string[]> {
  return notYet();
}
export async function countWaiting(
  _db: Database,
  _of: { workflows: readonly string[] | null; launcher: number },
): Promise<WaitingCount> {
  return notYet();
}
export async function jobRecords(_db: Database, _ids: readonly string[]): Promise<Map<string, JobRow>> {
  return notYet();
}
