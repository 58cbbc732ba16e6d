/** `balsam which`: the database of this shell; `--list` all known ones; `--name PART` the path that a part of it means. */
import { defineCommand } from 'citty';
import { EXIT_FAILED, UserError } from '../base/errors.ts';

export const whichCommand = defineCommand({
  meta: { name: 'which', description: 'Say which database is active' },
  args: {
    list: { type: 'boolean', description: 'list the known databases' },
    name: { type: 'string', description: 'a path, or a unique part of the path of a known database' },
  },
  async run({ args }) {
    const { findDatabasePath, knownDatabases, lookUpDatabase, readServerInfo } =
      await import('../cluster/index.ts');
    const list = (): string => {
      const known = knownDatabases();
      return known.length === 0
        ? 'No known Balsam databases'
        : `Known Balsam databases:\n${known.map((root) => `  ${root}`).join('\n')}`;
    };
    if (args.name !== undefined) {
      try {
        process.stdout.write(`${lookUpDatabase(args.name)}\n`);
      } catch (error) {
        if (error instanceof UserError) throw new UserError(error.message, EXIT_FAILED);
        throw error;
      }
      return;
    }
    if (args.list === true) {
      process.stdout.write(`${list()}\n`);
      return;
    }
    if (!process.env['BALSAM_DB_PATH']) {
      process.stdout.write(`BALSAM_DB_PATH is not set\n${list()}\n`);
      return;
    }
    const root = findDatabasePath();
    process.stdout.write(`Current Balsam DB: ${root}\n${JSON.stringify(readServerInfo(root), null, 2)}\n`);
  },
});
