/**
 * `balsam launcher`: runs jobs here, now: on this machine, or on the nodes of the batch allocation that it finds itself in.
 * The process stays as the warden of the launcher; a bar shows how far it is.
 */
import { defineCommand } from 'citty';
import { UserError } from '../../base/errors.ts';
import { JSON_OPTION } from '../output/json.ts';
import { minutesOf } from '../input/minutes.ts';
import { integer } from '../input/options.ts';
import { printLine } from '../output/terminal.ts';

/** Idle seconds after which a launcher leaves, by mode: the original's. */
const IDLE_EXIT_SECONDS = { mpi: 10, mixed: 10, serial: 120 };

export const launcherCommand = defineCommand({
  meta: { name: 'launcher', description: 'Run jobs here, now' },
  args: {
    'consume-all': { type: 'boolean', description: 'run all jobs of the database' },
    'wf-filter': {
      type: 'string',
      valueHint: 'TEXT',
      description: 'run only jobs whose workflow contains this',
    },
    'job-mode': {
      type: 'enum',
      options: ['mixed', 'mpi', 'serial'],
      default: 'mixed',
      description:
        'mixed: pack jobs of one node and spread the others; mpi: one job a node; serial: jobs of one rank only',
    },
    'time-limit-minutes': {
      type: 'string',
      default: '0',
      valueHint: 'MINUTES',
      description: 'leave after this; 0: what the batch system says, else never',
    },
    nodes: {
      type: 'string',
      valueHint: 'N',
      description: 'nodes: logical ones of this machine, or of the batch allocation',
    },
    'limit-nodes': { type: 'string', valueHint: 'N', description: 'use only so many of them' },
    'offset-nodes': { type: 'string', default: '0', valueHint: 'N', description: 'leave out the first ones' },
    'gpus-per-node': {
      type: 'string',
      valueHint: 'N',
      description: 'GPUs of each node, of those granted; default: all',
    },
    persistent: { type: 'boolean', description: 'stay when nothing is left to run' },
    'idle-exit-seconds': {
      type: 'string',
      valueHint: 'S',
      description: 'leave after this without work; default 10, in serial mode 120',
    },
    launch: {
      type: 'enum',
      options: ['local', 'mpirun'],
      description: 'how agents are started; default: local on one machine, mpirun on several hosts',
    },
    hosts: {
      type: 'string',
      valueHint: 'A,B',
      description: 'hosts for mpirun; default: those of the batch allocation',
    },
    helper: {
      type: 'enum',
      options: ['auto', 'python', 'node'],
      default: 'auto',
      description: 'what starts job processes',
    },
    mpi: {
      type: 'string',
      valueHint: 'NAME',
      description: 'openmpi, mpich or the path of an mpirun; default: the one on PATH',
    },
    'any-owner': { type: 'boolean', description: 'run jobs made by other database users too' },
    'num-transition-threads': {
      type: 'string',
      valueHint: 'N',
      description: "no effect: the original's transition processes are not needed",
    },
    ...JSON_OPTION,
  },
  async run({ args }) {
    const consumeAll = args['consume-all'] === true;
    const wfFilter = args['wf-filter'];
    if (consumeAll === (wfFilter !== undefined)) {
      throw new UserError('balsam launcher needs either --consume-all or --wf-filter TEXT');
    }
    const mode = args['job-mode'] as keyof typeof IDLE_EXIT_SECONDS;
    const [
      { prepareServer },
      { findDatabasePath },
      { runLauncher },
      { chooseScheduler },
      { readBatchSettings },
      { display },
      { workflowsTaken },
    ] = await Promise.all([
      import('../../server/open.ts'),
      import('../../server/layout.ts'),
      import('../../warden/warden.ts'),
      import('../../batch/choose.ts'),
      import('../../batch/settings.ts'),
      import('./launcher-display.ts'),
      import('../input/wf-filter.ts'),
    ]);
    const dbPath = findDatabasePath();
    await prepareServer(dbPath);
    const here = allocation(() => chooseScheduler(readBatchSettings(dbPath).scheduler));
    const hosts = args.hosts === undefined ? here.hosts : args.hosts.split(',').filter((h) => h !== '');
    const launch = (args.launch as 'local' | 'mpirun' | undefined) ?? (hosts === null ? 'local' : 'mpirun');
    integer('--num-transition-threads', args['num-transition-threads'], 0);
    const options = {
      dbPath,
      mode,
      wfFilter: wfFilter ?? '',
      timeLimitMinutes: timeLimit(args['time-limit-minutes']) ?? here.minutesLeft,
      nodes: integer('--nodes', args.nodes, 1) ?? hosts?.length ?? 1,
      limitNodes: integer('--limit-nodes', args['limit-nodes'], 1) ?? null,
      offsetNodes: integer('--offset-nodes', args['offset-nodes'], 0),
      gpusPerNode: integer('--gpus-per-node', args['gpus-per-node'], 0) ?? null,
      persistent: args.persistent === true,
      idleExitSeconds:
        integer('--idle-exit-seconds', args['idle-exit-seconds'], 0) ?? IDLE_EXIT_SECONDS[mode],
      launch,
      hosts,
      helper: args.helper as 'auto' | 'python' | 'node',
      mpi: args.mpi ?? null,
      anyOwner: args['any-owner'] === true,
      schedulerId: process.env['SLURM_JOB_ID'] ?? process.env['PBS_JOBID'] ?? '',
    };
    const taken = await workflowsTaken(dbPath, wfFilter);
    if (taken !== null && args.json !== true) await printLine(taken);
    const shown = display(args.json === true, wfFilter ?? 'jobs');
    const end = await runLauncher(options, shown);
    await shown.end(end);
    process.exitCode = end.exitCode;
  },
});

/** What the batch system says of where we are; a batch system that is not supported yet says nothing. */
function allocation(
  choose: () => {
    nodeList(env: NodeJS.ProcessEnv): string[] | null;
    timeLeftMinutes(env: NodeJS.ProcessEnv): number | null;
  },
): { hosts: string[] | null; minutesLeft: number | null } {
  try {
    const scheduler = choose();
    return { hosts: scheduler.nodeList(process.env), minutesLeft: scheduler.timeLeftMinutes(process.env) };
  } catch (error) {
    if (error instanceof UserError) return { hosts: null, minutesLeft: null };
    throw error;
  }
}

/** null for 0. */
function timeLimit(text: string): number | null {
  const minutes = minutesOf('--time-limit-minutes', text);
  return minutes === 0 ? null : minutes;
}
