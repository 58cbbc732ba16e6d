/** `balsam init PATH`: makes a database and says how to begin with it. */
import { defineCommand } from 'citty';
import { JSON_OPTION, jsonLine } from '../output/json.ts';

export const initCommand = defineCommand({
  meta: { name: 'init', description: 'Make a new Balsam database' },
  args: {
    path: { type: 'positional', required: true, description: 'directory to make' },
    url: { type: 'string', description: 'use this Postgres: postgres://USER:PASSWORD@HOST:PORT/DATABASE' },
    'postgres-bin': { type: 'string', description: 'directory with the programs postgres and initdb' },
    listen: {
      type: 'string',
      description: 'ADDRESS/CIDR to listen on for compute nodes; else only this host',
    },
    ...JSON_OPTION,
  },
  async run({ args }) {
    const [{ initCluster }, { detectScheduler }] = await Promise.all([
      import('../../server/init.ts'),
      import('../../batch/choose.ts'),
    ]);
    const made = await initCluster(args.path, {
      ...(args.url === undefined ? {} : { url: args.url }),
      ...(args['postgres-bin'] === undefined ? {} : { postgresBin: args['postgres-bin'] }),
      ...(args.listen === undefined ? {} : { listen: args.listen }),
    });
    if (args.json === true) {
      const { readServerInfo } = await import('../../server/layout.ts');
      process.stdout.write(
        `${jsonLine('database', { path: made.path, server: readServerInfo(made.path) })}\n`,
      );
      return;
    }
    const said = [
      `Successfully created Balsam DB at: ${made.path}`,
      `Use \`source balsamactivate ${made.path}\` to begin working.`,
    ];
    const stars = '*'.repeat(Math.max(53, ...said.map((line) => line.length)));
    process.stdout.write(`${[stars, ...said, stars].join('\n')}\n`);
    if (args.url === undefined && args.listen === undefined && detectScheduler() !== 'local') {
      process.stdout.write(
        'This host has a batch system, and the server listens only on this host. So that compute nodes reach it:\n' +
          '  balsam server --reset --listen ADDRESS/CIDR    (this host on the internal network, and that network)\n',
      );
    }
  },
});
