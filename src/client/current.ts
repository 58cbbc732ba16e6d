/**
 * `currentJob`: the job that this process is, read through the job channel when the module is imported; null outside.
 *
 * When BALSAM_JOB_ID is set and the agent is not there, the import fails with what to do: a program that silently took
 * itself for a script would create jobs where it should compute.
 */
import { assert } from '../base/assert.ts';
import { found, insideJob } from './gateway.ts';
import { BalsamJob } from './job.ts';

/** The job that this process runs as; null in a script. */
export const currentJob: BalsamJob | null = insideJob() ? await ownJob() : null;

async function ownJob(): Promise<BalsamJob> {
  const open = await found.gateway();
  assert(open.ownJob !== undefined, 'a job has a job channel');
  return BalsamJob.fromRow(await open.ownJob());
}
