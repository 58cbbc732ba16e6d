/** Launchers: the row that fences, its epoch and heartbeat, and what it holds. */
import type { JobState } from '../core/job.ts';
import type { Database } from './connection.ts';
import type { LauncherRow, RosterMember } from './rows.ts';

export interface NewLauncher {
  /** Unique, made by the warden. */
  name: string;
  host: string;
  mode: string;
  wfFilter: string;
  nodes: number;
  schedulerId: string;
}
export interface HeldJob {
  id: string;
  attempt: number;
  state: JobState;
}
const notYet = (): never => {
  throw new Error('not yet written');
};
export async function registerLauncher(
  _db: Database,
  _launcher: NewLauncher,
): Promise<{ id: number; epoch: number }> {
  return notYet();
}
export async function heartbeat(_db: Database, _id: number, _epoch: number): Promise<boolean> {
  return notYet();
}
export async function raiseEpoch(_db: Database, _id: number, _epoch: number): Promise<number | null> {
  return notYet();
}
export async function leave(_db: Database, _id: number, _epoch: number): Promise<boolean> {
  return notYet();
}
export async function addRoster(
  _db: Database,
  _id: number,
  _epoch: number,
  _members: readonly RosterMember[],
): Promise<void> {
  return notYet();
}
export async function heldJobs(_db: Database, _id: number): Promise<HeldJob[]> {
  return notYet();
}
export async function killedJobs(_db: Database, _id: number): Promise<{ id: string; attempt: number }[]> {
  return notYet();
}
export async function listLaunchers(_db: Database): Promise<LauncherRow[]> {
  return notYet();
}
