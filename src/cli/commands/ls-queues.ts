/** `balsam ls queues`: the launches handed to the batch system, after asking it how they are. */
import path from 'node:path';
import { refreshLaunches } from '../../batch/refresh.ts';
import { UserError } from '../../base/errors.ts';
import type { OpenDatabase } from '../../server/open.ts';
import { listQueuedLaunches } from '../../store/queued-launches.ts';
import type { QueuedLaunchRow } from '../../store/rows.ts';
import { escaped, table } from '../output/format.ts';
import { jsonLine } from '../output/json.ts';
import { lookOf } from '../output/look.ts';
import { refuse } from './ls.ts';
import type { Wanted } from './ls.ts';
import { printLine } from '../output/terminal.ts';

const HEADERS = [
  'scheduler_id',
  'project',
  'queue',
  'nodes',
  'wall_minutes',
  'state',
  'job_mode',
  'Command',
  'Submitted from Balsam?',
] as const;

/** Launches that have not ended; those too with `--history`. */
export async function listQueues(db: OpenDatabase, wanted: Wanted): Promise<void> {
  refuse('queues', wanted, ['name', 'id', 'state', 'wf', 'by-states', 'application', 'tree', 'verbose']);
  const rows = (await refreshed(db)).filter((row) => wanted.history === true || row.state !== 'finished');
  if (wanted.json === true) {
    for (const row of rows) await printLine(jsonLine('launch', row));
    return;
  }
  if (rows.length === 0) return printLine('No queued jobs detected');
  await printLine(
    table(
      HEADERS,
      rows.map((row) => [
        String(row.scheduler_id),
        row.project,
        row.queue,
        String(row.nodes),
        String(row.wall_minutes),
        row.state,
        row.job_mode,
        path.basename(row.command),
        String(row.from_balsam),
      ]),
      lookOf(),
    ),
  );
}

/** As the batch system says; as they were last seen, and said so, when it can't be asked. */
async function refreshed(db: OpenDatabase): Promise<QueuedLaunchRow[]> {
  try {
    return await refreshLaunches(db, db.path);
  } catch (error) {
    if (!(error instanceof UserError)) throw error;
    process.stderr.write(`Scheduler is not reachable: ${escaped(error.message)}\n`);
    return listQueuedLaunches(db);
  }
}
