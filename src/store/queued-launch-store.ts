/** Launches handed to the batch system, as rows. */
import type { Database } from './connection.ts';
import type { NewQueuedLaunch, QueuedLaunchRow } from './rows.ts';

const notYet = (): never => {
  throw new Error('not yet written');
};
export async function insertQueuedLaunch(_db: Database, _launch: NewQueuedLaunch): Promise<QueuedLaunchRow> {
  return notYet();
}
export async function updateQueuedLaunch(
  _db: Database,
  _id: number,
  _fields: NewQueuedLaunch,
): Promise<QueuedLaunchRow> {
  return notYet();
}
export async function deleteQueuedLaunches(_db: Database, _ids: readonly number[]): Promise<number> {
  return notYet();
}
export async function listQueuedLaunches(_db: Database): Promise<QueuedLaunchRow[]> {
  return notYet();
}
