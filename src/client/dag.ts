/**
 * `addJob`: the original's `dag.add_job`, which checks what a plain save does not: that the application is registered.
 */
import { UserError } from '../base/errors.ts';
import { didYouMean } from '../base/suggest.ts';
import { found } from './gateway.ts';
import type { Connection } from './gateway.ts';
import type { NewJobFields } from './fields.ts';
import { BalsamJob } from './job.ts';

/** The fields of a new job; name, workflow and application must be said. */
export type AddJobFields = NewJobFields & { name: string; workflow: string; application: string };

/**
 * Makes and saves a job of a registered application. UserError, with the nearest name, when there is no such application.
 * `database`: another than the one in BALSAM_DB_PATH.
 */
export async function addJob(fields: AddJobFields, database: Connection = found): Promise<BalsamJob> {
  const job = new BalsamJob(fields, database);
  const open = await database.gateway();
  if ((await open.application(job.application)) === null) {
    const names = (await open.applications()).map((app) => app.name);
    throw new UserError(
      `there is no application ${JSON.stringify(job.application)}${didYouMean(job.application, names)}: register it first`,
    );
  }
  await job.save();
  return job;
}
