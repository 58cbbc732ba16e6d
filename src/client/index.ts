/**
 * The TypeScript API of Balsam: what `import … from 'balsam'` gives to scripts and to programs that run as jobs.
 *
 * In a script it talks to the database in BALSAM_DB_PATH, opened on first use, or to those that `openBalsam` opens; inside
 * a job it talks only to the agent of the node. It keeps no process alive: a script ends when everything that it awaited
 * is done.
 */
export { BalsamJob } from './job.ts';
export type { SaveOptions } from './job.ts';
export { currentJob } from './current.ts';
export { ApplicationDefinition } from './application.ts';
export { closeBalsam } from './gateway.ts';
export type { Connection, OpenOptions } from './gateway.ts';
export { openBalsam } from './balsam.ts';
export type { BalsamDatabase } from './balsam.ts';
export { addJob } from './dag.ts';
export type { AddJobFields } from './dag.ts';
export type { JobManager, JobQuery, StateCounts } from './job-manager.ts';
export type { ApplicationManager, ApplicationQuery, NewApplicationFields } from './application-manager.ts';
export type { QuerySet } from './query-set.ts';
export type { ValueQuery, ValueRow } from './value-query.ts';
export type { ApplicationConditions, DataLookup, JobConditions, Lookup, Ordering } from './lookups.ts';
export type { JobChanges, JobFields, NewJobFields, QueryFields } from './fields.ts';
export { report } from './report.ts';
export type { Report, ReportBucket, ReportLauncher, ReportOptions } from '../analytics/shape.ts';
export type { Throughput } from '../analytics/states.ts';
export type { Waste } from '../store/history/rows.ts';
export type { ApplicationTimes, FailureGroup, Spread } from '../store/history/rows.ts';
export type { JobState } from '../model/job.ts';
export type { JsonObject, JsonValue } from '../model/query.ts';
export type { HistoryLine } from '../store/rows.ts';
export { UserError, WorldError } from '../base/errors.ts';
