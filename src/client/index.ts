/**
 * The TypeScript API of Balsam: what `import … from 'balsam'` gives to scripts and to programs that run as jobs.
 *
 * In a script it talks to the database in BALSAM_DB_PATH, opened on first use; inside a job it talks only to the agent
 * of the node. It keeps no process alive: a script ends when everything that it awaited is done.
 */
export { ApplicationDefinition, ApplicationManager } from './application.ts';
export type { ApplicationConditions, NewApplicationFields } from './application.ts';
export type { JobConditions, Lookup, Ordering } from './conditions.ts';
export { currentJob } from './current.ts';
export type { JobFields, NewJobFields, QueryFields } from './fields.ts';
export { closeBalsam, openBalsam } from './gateway.ts';
export type { OpenOptions } from './gateway.ts';
export { BalsamJob } from './job.ts';
export type { SaveOptions } from './job.ts';
export type { JobManager } from './job-manager.ts';
export type { QuerySet } from './query-set.ts';
export { report } from './report.ts';
export type { Report, ReportBucket, ReportLauncher, ReportOptions } from '../analytics/report.ts';
export type { Throughput } from '../analytics/states.ts';
export type { Waste } from '../analytics/waste.ts';
export type { ApplicationTimes, FailureGroup, Spread } from '../store/report-store.ts';
export type { JobState } from '../core/job.ts';
export type { JsonObject, JsonValue } from '../core/query.ts';
export { UserError, WorldError } from '../base/errors.ts';
