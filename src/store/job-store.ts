/** Jobs as users see them: create, read, change, kill, delete. */
import type { JobState } from '../core/job.ts';
import type { Condition, Query } from '../core/query.ts';
import type { Database } from './connection.ts';
import type { JobRow, JsonObject, NewJob, WritableField } from './rows.ts';

export interface JobChange {
  fields: Partial<Pick<JobRow, Exclude<WritableField, 'data'>>>;
  /** Top-level keys to set. */
  dataSet: JsonObject;
  /** Top-level keys to remove. */
  dataRemoved: readonly string[];
}
export interface KillResult {
  killed: { id: string; name: string }[];
  /** Matched, but at an end state before. */
  already: { id: string; name: string; state: JobState }[];
}
const notYet = (): never => {
  throw new Error('not yet written');
};
export async function insertJobs(_db: Database, _jobs: readonly NewJob[]): Promise<JobRow[]> {
  return notYet();
}
export async function copyJobs(
  _db: Database,
  _jobs: AsyncIterable<NewJob> | Iterable<NewJob>,
): Promise<number> {
  return notYet();
}
export async function updateJob(_db: Database, _id: string, _change: JobChange): Promise<JobRow> {
  return notYet();
}
export async function deleteJobs(_db: Database, _where: Condition): Promise<number> {
  return notYet();
}
export async function killJobs(_db: Database, _where: Condition): Promise<KillResult> {
  return notYet();
}
export async function setState(
  _db: Database,
  _ids: readonly string[],
  _state: JobState,
  _message: string,
): Promise<number> {
  return notYet();
}
export async function getJobs(_db: Database, _query: Query): Promise<JobRow[]> {
  return notYet();
}
export async function countJobs(_db: Database, _query: Query): Promise<number> {
  return notYet();
}
export function streamJobs(_db: Database, _query: Query): AsyncIterable<JobRow> {
  return notYet();
}
export async function countByState(_db: Database, _query: Query): Promise<Map<JobState, number>> {
  return notYet();
}
export async function workflows(_db: Database): Promise<string[]> {
  return notYet();
}
