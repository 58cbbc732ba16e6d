/** `balsam job`: adds one job, after showing it and asking. */
import { defineCommand } from 'citty';
import { SHOWN_VALUE } from '../../base/client-limits.ts';
import { EXIT_FAILED, UserError } from '../../base/errors.ts';
import { newId } from '../../base/ids.ts';
import { didYouMean } from '../../base/suggest.ts';
import { environText } from '../../model/environ-vars.ts';
import { notYetSupported } from '../../model/not-yet.ts';
import { field, queryOf } from '../../model/query.ts';
import { getApplication, listApplications } from '../../store/applications.ts';
import { countJobs, insertJobs } from '../../store/jobs/change.ts';
import { checkNewJob } from '../../store/jobs/values.ts';
import { JOB_FIELDS } from '../../store/rows.ts';
import type { JobField, JobRow, NewJob } from '../../store/rows.ts';
import { clip, escaped, jobRecord } from '../output/format.ts';
import { JSON_OPTION, jsonLine } from '../output/json.ts';
import { integer, repeated, words } from '../input/options.ts';
import { typedBytes } from '../input/typed-bytes.ts';
import { confirmed, printLine, withDatabase } from '../output/terminal.ts';

const count = (description: string) => ({ type: 'string', description, valueHint: 'N' }) as const;

export const jobCommand = defineCommand({
  meta: { name: 'job', description: 'Add a job' },
  args: {
    name: { type: 'string', description: 'name of the job', required: true },
    workflow: { type: 'string', description: 'tag that groups jobs', required: true },
    application: { type: 'string', description: 'name of a registered application', required: true },
    args: words('arguments for the executable'),
    description: words('what it is'),
    'wall-time-minutes': count('estimate, for the order of starts (1)'),
    'num-nodes': count('nodes (1)'),
    'coschedule-num-nodes': count('further nodes to reserve (0)'),
    'node-packing-count': count('such jobs that fit on one node (1)'),
    'ranks-per-node': count('MPI ranks on each node (1)'),
    'threads-per-rank': count('threads of each rank (1)'),
    'threads-per-core': count('hardware threads used of each core (1)'),
    'mpi-flags': words('flags for the MPI start command', 'FLAG…'),
    env: repeated('environment variable', 'NAME=VALUE', '\0'),
    'post-handle-error': { type: 'boolean', description: 'postprocess handles errors (not supported yet)' },
    'post-handle-timeout': {
      type: 'boolean',
      description: 'postprocess handles timeouts (not supported yet)',
    },
    'disable-auto-timeout-retry': { type: 'boolean', description: 'do not run again after a timeout' },
    'input-files': words('files of parents to link (not supported yet)', 'GLOB…'),
    'url-in': { type: 'string', description: 'stage in from (not supported yet)' },
    'url-out': { type: 'string', description: 'stage out to (not supported yet)' },
    'stage-out-files': words('files to stage out (not supported yet)', 'GLOB…'),
    yes: { type: 'boolean', description: 'do not ask' },
    ...JSON_OPTION,
  },
  async run({ args }) {
    const job: NewJob = {
      job_id: newId(),
      name: args.name,
      workflow: args.workflow,
      application: args.application,
      args: args.args ?? '',
      description: args.description ?? '',
      ...counts(args),
      mpi_flags: args['mpi-flags'] ?? '',
      environ_vars: environment(args.env),
      post_error_handler: args['post-handle-error'] ?? false,
      post_timeout_handler: args['post-handle-timeout'] ?? false,
      auto_timeout_retry: args['disable-auto-timeout-retry'] !== true,
      input_files: args['input-files'] ?? '',
      stage_in_url: args['url-in'] ?? '',
      stage_out_url: args['url-out'] ?? '',
      stage_out_files: args['stage-out-files'] ?? '',
    };
    await add(job, args);
  },
});

interface Sure {
  readonly yes?: boolean | undefined;
  readonly json?: boolean | undefined;
}

async function add(job: NewJob, sure: Sure): Promise<void> {
  await withDatabase(async (db) => {
    const name = job.application ?? '';
    const application = await getApplication(db, name);
    if (application === null) {
      const known = (await listApplications(db)).map((app) => app.name);
      throw new UserError(
        `no application named ${name} is registered${didYouMean(name, known)}`,
        EXIT_FAILED,
      );
    }
    const missing = notYetSupported(job, application);
    if (missing !== null) throw new UserError(missing);
    checkNewJob(job);
    if (sure.json !== true) await printLine(jobRecord(withDefaults(job), application, db.path));
    if (sure.json !== true && sure.yes !== true) {
      const workflow = job.workflow ?? '';
      const there = await countJobs(db, queryOf(field('workflow', 'equals', workflow)));
      if (there > 0) await printLine(`Workflow ${escaped(workflow)} already has ${there} jobs`);
    }
    if (!(await confirmed(sure, 'Confirm adding job to DB [y/n]: ', 'Add job aborted'))) return;
    const [row] = await insertJobs(db, [job]);
    if (sure.json === true && row !== undefined) await printLine(jsonLine('job', row));
  });
}

interface Counts {
  readonly 'wall-time-minutes'?: string | undefined;
  readonly 'num-nodes'?: string | undefined;
  readonly 'coschedule-num-nodes'?: string | undefined;
  readonly 'node-packing-count'?: string | undefined;
  readonly 'ranks-per-node'?: string | undefined;
  readonly 'threads-per-rank'?: string | undefined;
  readonly 'threads-per-core'?: string | undefined;
}

function counts(args: Counts): NewJob {
  const read = (option: keyof Counts, min: number, otherwise: number): number =>
    integer(`--${option}`, args[option], min) ?? otherwise;
  return {
    wall_time_minutes: read('wall-time-minutes', 0, 1),
    num_nodes: read('num-nodes', 1, 1),
    coschedule_num_nodes: read('coschedule-num-nodes', 0, 0),
    node_packing_count: read('node-packing-count', 1, 1),
    ranks_per_node: read('ranks-per-node', 1, 1),
    threads_per_rank: read('threads-per-rank', 1, 1),
    threads_per_core: read('threads-per-core', 1, 1),
  };
}

/** The pairs come joined by NUL, which no argument can hold; each is one variable, whatever its value holds. */
function environment(pairs: string | undefined): string {
  if (pairs === undefined) return '';
  const variables = pairs.split('\0').map((pair) => {
    const [, name, value] = /^([A-Za-z_][A-Za-z0-9_]*)=(.*)$/s.exec(typedBytes(pair)) ?? [];
    if (name === undefined || value === undefined)
      throw new UserError(`--env must be NAME=VALUE, not ${JSON.stringify(clip(pair, SHOWN_VALUE))}`);
    return [name, value] as const;
  });
  return environText(variables, '--env');
}

/** The row as it will be, to show it before it is there. */
function withDefaults(job: NewJob): JobRow {
  const defaults = (Object.keys(JOB_FIELDS) as JobField[]).map((name) => [
    name,
    JOB_FIELDS[name].default ?? null,
  ]);
  return { ...(Object.fromEntries(defaults) as JobRow), ...job, state: 'CREATED', job_id: job.job_id ?? '' };
}
