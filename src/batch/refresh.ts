/**
 * Brings the rows of launches up to what the batch system says. Called by `ls queues`. A launch that the batch system does
 * not know any more is `finished`; nothing is deleted, so that one can still see what was submitted.
 */
import type { Database } from '../store/connection.ts';
import { listQueuedLaunches, updateQueuedLaunch } from '../store/queued-launches.ts';
import type { QueuedLaunchRow } from '../store/rows.ts';
import { chooseScheduler } from './choose.ts';
import { readBatchSettings } from './settings.ts';

/** All launches of the database at `root`, in order of creation, as they are now. UserError when nobody can tell. */
export async function refreshLaunches(db: Database, root: string): Promise<QueuedLaunchRow[]> {
  const rows = await listQueuedLaunches(db);
  const open = rows.filter((row) => row.scheduler_id !== 0 && row.state !== 'finished');
  if (open.length === 0) return rows;
  const states = await chooseScheduler(readBatchSettings(root).scheduler).status(
    open.map((row) => row.scheduler_id),
  );
  const changed = new Map<number, QueuedLaunchRow>();
  for (const row of open) {
    const state = states.get(row.scheduler_id) ?? 'finished';
    if (state !== row.state) changed.set(row.id, await updateQueuedLaunch(db, row.id, { state }));
  }
  return rows.map((row) => changed.get(row.id) ?? row);
}
