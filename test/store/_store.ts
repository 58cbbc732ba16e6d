/**
 * Shared by the store's tests: a database with a launcher, and rows of a report with the dull fields filled in.
 */
import { connect, type Database, type DatabaseAddress } from '../../src/store/connection.ts';
import type { CommitBatch, EndRow, PatchRow, ReleaseRow, StartRow } from '../../src/store/launcher/commit.ts';
import { registerLauncher } from '../../src/store/launcher/row.ts';
import { leaseJobs, type LeaseRequest, type LeasedJob } from '../../src/store/launcher/lease.ts';
import { freshDatabase } from '../helpers/database.ts';

export interface Launcher {
  db: Database;
  launcher: number;
  epoch: number;
}

export interface Bench extends Launcher {
  address: DatabaseAddress;
  client: Database;
  [Symbol.asyncDispose](): Promise<void>;
}

/** A fresh database, a client's and a coordinator's connection, and a launcher. */
export async function bench(max = 2): Promise<Bench> {
  const address = await freshDatabase();
  const client = connect(address, { applicationName: 'test-client', role: 'client' });
  const db = connect(address, { applicationName: 'test-coordinator', role: 'coordinator', max });
  const { id, epoch } = await newLauncher(db, 'one');
  return {
    address,
    client,
    db,
    launcher: id,
    epoch,
    async [Symbol.asyncDispose]() {
      await Promise.all([client.close(), db.close()]);
    },
  };
}

export function newLauncher(db: Database, name: string): Promise<{ id: number; epoch: number }> {
  return registerLauncher(db, {
    name,
    host: 'host',
    mode: 'mpi',
    wfFilter: '',
    nodes: 4,
    schedulerId: '',
    leftMs: null,
  });
}

/** One more launcher, over this connection. */
export async function another(db: Database, name: string): Promise<Launcher> {
  const { id, epoch } = await newLauncher(db, name);
  return { db, launcher: id, epoch };
}

/** A lease of whatever runs, with changes. */
export async function lease(of: Launcher, changes: Partial<LeaseRequest> = {}): Promise<LeasedJob[]> {
  const { fenced, jobs } = await leaseJobs(of.db, request(of, changes));
  if (!fenced) throw new Error('fenced');
  return jobs;
}

export function request({ launcher, epoch }: Launcher, changes: Partial<LeaseRequest> = {}): LeaseRequest {
  const all = {
    limit: 1000,
    maxNodes: 1000,
    maxWallMinutes: null,
    serialOnly: false,
    workflows: null,
    anyOwner: false,
  } as const;
  return { launcher, epoch, order: 'mpi', ...all, ...changes };
}

export function batch({ launcher, epoch }: Launcher, rows: Partial<CommitBatch>): CommitBatch {
  return { launcher, epoch, starts: [], patches: [], ends: [], releases: [], ...rows };
}

type Held = Pick<LeasedJob, 'id' | 'attempt'>;

export function start({ id, attempt }: Held, report: number, changes: Partial<StartRow> = {}): StartRow {
  const now = Date.now();
  return { id, attempt, report, node: 'node1', leasedAt: now, startedAt: now, ...changes };
}

export function patch(
  { id, attempt }: Held,
  report: number,
  data: object,
  changes: Partial<PatchRow> = {},
): PatchRow {
  return {
    id,
    attempt,
    report,
    dataJson: JSON.stringify(data),
    dataRemoved: [],
    description: null,
    ...changes,
  };
}

export function end({ id, attempt }: Held, report: number, changes: Partial<EndRow> = {}): EndRow {
  const now = Date.now();
  // prettier-ignore
  return {
    id, attempt, report, node: 'node1', leasedAt: now, startedAt: now, endedAt: now, outcome: 'RUN_DONE', state: 'JOB_FINISHED',
    helperLost: false,
    exitCode: 0, signal: null, userS: 0.5, systemS: 0.25, maxRssKib: 2048, message: '', dataJson: '', dataRemoved: [],
    description: null, ...changes,
  };
}

export function release({ id, attempt }: Held, changes: Partial<ReleaseRow> = {}): ReleaseRow {
  const nothing = {
    node: null,
    outcome: null,
    message: '',
    lostEnd: false,
    nodeLost: false,
    countTry: false,
  } as const;
  return { id, attempt, to: 'keep', ...nothing, ...changes };
}
