/**
 * One launch, from its row to the batch system: the row first (its id names the script), then the script, then the batch
 * system; what fails takes the row back, so that no launch is listed that nobody runs. Called by `submit-launch`.
 */
import path from 'node:path';
import type { Database } from '../store/connection.ts';
import { deleteQueuedLaunches, insertQueuedLaunch, updateQueuedLaunch } from '../store/queued-launches.ts';
import type { QueuedLaunchRow } from '../store/rows.ts';
import { chooseScheduler } from './choose.ts';
import { balsamBin, findTemplate, renderTemplate, writeScript, type ScriptValues } from './render.ts';
import { readBatchSettings } from './settings.ts';

export interface LaunchRequest {
  nodes: number;
  /** More than 0, with a fraction; the batch system is asked for whole ones. */
  minutes: number;
  queue: string;
  project: string;
  jobMode: 'serial' | 'mpi' | 'mixed';
  /** Part of the workflows' names; '' takes all. */
  wfFilter: string;
  schedFlags: string;
}

/** Submits a launch for the database at `root`; the row as it is afterwards, state `submitted`. */
export async function submitLaunch(
  db: Database,
  root: string,
  request: LaunchRequest,
): Promise<QueuedLaunchRow> {
  const settings = readBatchSettings(root);
  const scheduler = chooseScheduler(settings.scheduler);
  const template = findTemplate(root, scheduler.name, settings);
  const wholeMinutes = Math.ceil(request.minutes);
  const row = await insertQueuedLaunch(db, {
    project: request.project,
    queue: request.queue,
    nodes: request.nodes,
    wall_minutes: wholeMinutes,
    job_mode: request.jobMode,
    wf_filter: request.wfFilter,
    sched_flags: request.schedFlags,
    prescheduled_only: false,
  });
  const name = `qlaunch${row.id}`;
  const output = path.join(root, 'qsubmit', `${name}.out`);
  let schedulerId: number;
  let script: string;
  try {
    const values: ScriptValues = {
      project: request.project,
      queue: request.queue,
      nodes: request.nodes,
      time_minutes: wholeMinutes,
      limit_minutes: request.minutes,
      job_mode: request.jobMode,
      wf_filter: request.wfFilter === '' ? 'consume-all' : `wf-filter=${request.wfFilter}`,
      sched_flags: request.schedFlags,
      balsam_bin: balsamBin(),
      balsam_db_path: root,
      balsam_node: process.execPath,
      balsam_node_bin: path.dirname(process.execPath),
      name,
      output,
    };
    script = writeScript(root, name, renderTemplate(template, { ...values }));
    const { nodes, queue, project, schedFlags } = request;
    schedulerId = await scheduler.submit({
      script,
      output,
      name,
      nodes,
      minutes: wholeMinutes,
      queue,
      project,
      flags: schedFlags,
    });
  } catch (error) {
    await deleteQueuedLaunches(db, [row.id]);
    throw error;
  }
  return await updateQueuedLaunch(db, row.id, {
    scheduler_id: schedulerId,
    command: script,
    state: 'submitted',
  });
}
