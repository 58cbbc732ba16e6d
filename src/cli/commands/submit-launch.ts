/** `balsam submit-launch`: hands a launcher to the batch system (or starts it in the background where there is none). */
import { defineCommand } from 'citty';
import { UserError } from '../../base/errors.ts';
import { didYouMean } from '../../base/suggest.ts';
import type { LaunchRequest } from '../../batch/submit.ts';
import { JSON_OPTION, jsonLine } from '../output/json.ts';
import { minutesOf } from '../input/minutes.ts';
import { integer } from '../input/options.ts';

export const submitLaunchCommand = defineCommand({
  meta: { name: 'submit-launch', description: 'Submit a launcher to the batch queue' },
  args: {
    nodes: { type: 'string', alias: 'n', required: true, description: 'number of nodes' },
    'time-minutes': {
      type: 'string',
      alias: 't',
      required: true,
      valueHint: 'TIME',
      description: 'wall time of the launch: minutes, or HH:MM:SS',
    },
    queue: { type: 'string', alias: 'q', required: true, description: 'queue or partition' },
    project: { type: 'string', alias: 'A', required: true, description: 'project or account to charge' },
    'job-mode': {
      type: 'enum',
      options: ['serial', 'mpi', 'mixed'],
      required: true,
      description: 'as of `balsam launcher`',
    },
    'wf-filter': { type: 'string', valueHint: 'TEXT', description: 'only jobs whose workflow contains this' },
    'sched-flags': {
      type: 'string',
      description: "further flags of the batch system's submit command",
    },
    ...JSON_OPTION,
  },
  async run({ args }) {
    const request: LaunchRequest = {
      nodes: integer('--nodes', args.nodes, 1),
      minutes: wallTime(args['time-minutes']),
      queue: args.queue,
      project: args.project,
      jobMode: args['job-mode'],
      wfFilter: args['wf-filter'] ?? '',
      schedFlags: args['sched-flags'] ?? '',
    };
    const [{ openDatabase }, { submitLaunch }, { workflows }] = await Promise.all([
      import('../../server/open.ts'),
      import('../../batch/submit.ts'),
      import('../../store/jobs/change.ts'),
    ]);
    await using db = await openDatabase({ applicationName: 'balsam submit-launch', role: 'client', max: 1 });
    const known = request.wfFilter === '' ? [] : await workflows(db);
    if (request.wfFilter !== '' && !known.some((name) => name.includes(request.wfFilter))) {
      throw new UserError(
        `--wf-filter ${request.wfFilter}: no job has a workflow with that in its name${didYouMean(request.wfFilter, known)} (\`balsam ls wf\` lists them); nothing was submitted`,
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

function wallTime(text: string): number {
  const minutes = minutesOf('--time-minutes', text);
  if (minutes > 0) return minutes;
  throw new UserError(`--time-minutes must be more than 0, not ${JSON.stringify(text)}`);
}
