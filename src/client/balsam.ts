/**
 * An open database: what `openBalsam` gives to scripts that name their database, or use several at once. Scripts with one
 * database in BALSAM_DB_PATH need none of it: `BalsamJob.objects` finds it.
 */
import type { Report, ReportOptions } from '../analytics/shape.ts';
import { UserError } from '../base/errors.ts';
import { ApplicationDefinition } from './application.ts';
import type { ApplicationManager } from './application-manager.ts';
import { Connection, insideJob } from './gateway.ts';
import type { OpenOptions } from './gateway.ts';
import { BalsamJob } from './job.ts';
import type { JobManager } from './job-manager.ts';
import { reportOf } from './report.ts';

/** One database: its jobs and applications. Several may be open at once; jobs know which one they are of. */
export class BalsamDatabase extends Connection {
  /** Its jobs, as `BalsamJob.objects` are those of the database in BALSAM_DB_PATH. */
  readonly jobs: JobManager<BalsamJob> = BalsamJob.objectsOf(this);
  /** Its applications. */
  readonly applications: ApplicationManager<ApplicationDefinition> = ApplicationDefinition.objectsOf(this);

  /** What happened in it: see `report`. */
  report(options: ReportOptions = {}): Promise<Report> {
    return reportOf(this, options);
  }
}

/**
 * Opens a database and checks that it can be used: `await using db = await openBalsam({ path: './mydb' })`; Node 22 has no
 * `await using`, there `close()` does the same. UserError with what to do when there is none or it is out of reach, and
 * inside a job, which has none.
 */
export async function openBalsam(options: OpenOptions = {}): Promise<BalsamDatabase> {
  if (insideJob())
    throw new UserError('a running job has no database to open: it reaches its own record by currentJob');
  const db = new BalsamDatabase(options);
  await db.gateway();
  return db;
}
