/** The history of jobs: attempts and events, as one list. */
import type { JobState } from '../core/job.ts';
import type { Database } from './connection.ts';
import type { HistoryLine } from './rows.ts';

export interface NewEvent {
  job_id: string;
  /** When it happened; now when not given. */
  at?: Date;
  state: JobState;
  message: string;
}
export async function addEvents(_db: Database, _events: readonly NewEvent[]): Promise<void> {
  throw new Error('not yet written');
}
export async function history(_db: Database, _ids: readonly string[]): Promise<Map<string, HistoryLine[]>> {
  throw new Error('not yet written');
}
