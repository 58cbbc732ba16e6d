/** `balsam which`: the database of this shell; `--list` all known ones; `--name PART` the path that a part of it means. */
import { defineCommand } from 'citty';
import { EXIT_FAILED, UserError } from '../../base/errors.ts';
import { spacedJson } from '../output/format.ts';
import { JSON_OPTION, jsonLine } from '../output/json.ts';

export const whichCommand = defineCommand({
  meta: { name: 'which', description: 'Say which database is active' },
  args: {
    list: { type: 'boolean', description: 'list the known databases' },
    name: { type: 'string', description: 'a path, or a unique part of the path of a known database' },
    ...JSON_OPTION,
  },
  async run({ args }) {
    const [{ findDatabasePath, readServerInfo }, { knownDatabases, lookUpDatabase }] = await Promise.all([
      import('../../server/layout.ts'),
      import('../../server/known.ts'),
    ]);
    const json = args.json === true;
    const asJson = (root: string): string =>
      jsonLine('database', { path: root, server: readServerInfo(root) });
    const list = (): string => {
      const known = knownDatabases();
      if (json) return known.map((root) => `${asJson(root)}\n`).join('');
      return known.length === 0
        ? 'No known Balsam databases\n'
        : `Known Balsam databases:\n${known.map((root) => `  ${root}\n`).join('')}`;
    };
    if (args.name !== undefined) {
      try {
        const root = lookUpDatabase(args.name);
        process.stdout.write(`${json ? asJson(root) : root}\n`);
      } catch (error) {
        if (error instanceof UserError) throw new UserError(error.message, EXIT_FAILED);
        throw error;
      }
      return;
    }
    if (args.list === true) {
      process.stdout.write(list());
      return;
    }
    if (!process.env['BALSAM_DB_PATH']) {
      process.stdout.write(json ? '' : `BALSAM_DB_PATH is not set\n${list()}`);
      return;
    }
    const root = findDatabasePath();
    // What a person can use, as the original printed it; --json has all.
    const { host, port, database, socket_dir } = readServerInfo(root);
    const server = spacedJson({ host, port, database, socket_dir });
    process.stdout.write(json ? `${asJson(root)}\n` : `Current Balsam DB: ${root}\n${server}\n`);
  },
});
