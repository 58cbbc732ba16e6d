/** `balsam submit-launch`: hands a launcher to the batch system (or starts it in the background where there is none). */
import { defineCommand } from 'citty';
import { UserError } from '../base/errors.ts';
import type { LaunchRequest } from '../batch/index.ts';
import { JSON_OPTION, jsonLine } from './json.ts';
import { integer } from './options.ts';

export const submitLaunchCommand = defineCommand({
  meta: { name: 'submit-launch', description: 'Submit a launcher to the batch queue' },
  args: {
    nodes: { type: 'string', alias: 'n', required: true, description: 'number of nodes' },
    'time-minutes': { type: 'string', alias: 't', required: true, description: 'wall time of the launch' },
    queue: { type: 'string', alias: 'q', required: true, description: 'queue or partition' },
    project: { type: 'string', alias: 'A', required: true, description: 'project or account to charge' },
    'job-mode': {
      type: 'enum',
      options: ['serial', 'mpi', 'mixed'],
      required: true,
      description: 'as of `balsam launcher`',
    },
    'wf-filter': { type: 'string', description: 'only jobs whose workflow contains this' },
    'sched-flags': {
      type: 'string',
      description: "further flags of the batch system's submit command",
    },
    ...JSON_OPTION,
  },
  async run({ args }) {
    const request: LaunchRequest = {
      nodes: integer('--nodes', args.nodes, 1),
      minutes: integer('--time-minutes', args['time-minutes'], 1),
      queue: args.queue,
      project: args.project,
      jobMode: args['job-mode'],
      wfFilter: args['wf-filter'] ?? '',
      schedFlags: args['sched-flags'] ?? '',
    };
    const [{ openDatabase }, { submitLaunch }, { countJobs }, { field, queryOf }] = await Promise.all([
      import('../cluster/index.ts'),
      import('../batch/index.ts'),
      import('../store/job-store.ts'),
      import('../core/query.ts'),
    ]);
    await using db = await openDatabase({ applicationName: 'balsam submit-launch', role: 'client', max: 1 });
    if (
      request.wfFilter !== '' &&
      (await countJobs(db, queryOf(field('workflow', 'contains', request.wfFilter)))) === 0
    ) {
      throw new UserError(
        `--wf-filter ${request.wfFilter}: no job has a workflow with that in its name (\`balsam ls wf\` lists them); nothing was submitted`,
      );
    }
    const row = await submitLaunch(db, db.path, request);
    process.stdout.write(
      args.json === true
        ? `${jsonLine('launch', row)}\n`
        : `Submit OK: Qlaunch ${JSON.stringify(row, null, 2)}\n`,
    );
  },
});
