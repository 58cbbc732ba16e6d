/** `balsam server --connect|--reset|--stop|--status`: the database's server, from the host it belongs to. */
import { defineCommand } from 'citty';
import { EXIT_FAILED, UserError } from '../base/errors.ts';

const ACTIONS = ['connect', 'reset', 'stop', 'status'] as const;

export const serverCommand = defineCommand({
  meta: { name: 'server', description: "Start, stop or look at the database's server" },
  args: {
    connect: { type: 'boolean', description: 'start it when it is down' },
    reset: { type: 'boolean', description: 'stop and start it' },
    stop: { type: 'boolean', description: 'stop it' },
    status: { type: 'boolean', description: 'say whether and where it runs' },
    'list-active-connections': { type: 'boolean', description: 'say who is connected' },
    listen: { type: 'string', description: 'with --reset: from now on also on ADDRESS/CIDR' },
    'move-here': {
      type: 'boolean',
      description: 'with --connect: the host it belonged to is gone for good; this host takes it over',
    },
  },
  async run({ args }) {
    const chosen = ACTIONS.filter((action) => args[action] === true);
    const list = args['list-active-connections'] === true;
    const [action] = chosen;
    if (chosen.length > 1 || (action === undefined && !list)) {
      throw new UserError('give exactly one of --connect, --reset, --stop, --status');
    }
    if (args.listen !== undefined && action !== 'reset') throw new UserError('--listen goes with --reset');
    if (args['move-here'] === true && action !== 'connect')
      throw new UserError('--move-here goes with --connect');
    const { findDatabasePath } = await import('../cluster/index.ts');
    const root = findDatabasePath();
    if (action !== undefined) await perform(action, root, args.listen, args['move-here'] === true);
    if (list) await listConnections(root);
  },
});

async function perform(
  action: (typeof ACTIONS)[number],
  root: string,
  listen: string | undefined,
  move: boolean,
): Promise<void> {
  const { moveServerHere, openDatabase, readServerInfo, resetServer, stopServer } =
    await import('../cluster/index.ts');
  const say = (line: string): boolean => process.stdout.write(`${line}\n`);
  switch (action) {
    case 'connect': {
      const before = readServerInfo(root);
      if (move) await moveServerHere(root);
      await using db = await openDatabase({
        path: root,
        applicationName: 'balsam server',
        role: 'client',
        max: 1,
      });
      const after = readServerInfo(db.path);
      const same =
        before.kind === 'url' || (before.pid === after.pid && before.start_time === after.start_time);
      say(
        same
          ? 'Connected to already running Balsam DB server!'
          : `Started the Balsam DB server on ${after.host}, port ${after.port}`,
      );
      return;
    }
    case 'reset': {
      const after = await resetServer(root, listen === undefined ? {} : { listen });
      say(`Started the Balsam DB server on ${after.host}, port ${after.port}`);
      return;
    }
    case 'stop':
      say((await stopServer(root)) ? 'Stopped the Balsam DB server' : 'The Balsam DB server was not running');
      return;
    case 'status':
      await showStatus(root);
  }
}

async function showStatus(root: string): Promise<void> {
  const { serverStatus } = await import('../cluster/index.ts');
  const { state, info, answers } = await serverStatus(root);
  const where = `${info.host}, port ${info.port}`;
  if (state === 'running') {
    process.stdout.write(`running on ${where}${info.pid === null ? '' : `, pid ${info.pid}`}\n`);
    return;
  }
  const words =
    state === 'stopped'
      ? `stopped (belongs to ${info.host})`
      : `belongs to ${where}; ${answers === true ? 'answers' : 'does not answer from here'}`;
  process.stdout.write(`${words}\n`);
  if (answers !== true) process.exitCode = EXIT_FAILED;
}

async function listConnections(root: string): Promise<void> {
  const [{ openDatabase }, { activeConnections }] = await Promise.all([
    import('../cluster/index.ts'),
    import('../store/admin.ts'),
  ]);
  await using db = await openDatabase({
    path: root,
    applicationName: 'balsam server',
    role: 'client',
    max: 1,
  });
  const rows = (await activeConnections(db)).map((row) => [
    String(row.pid),
    row.application_name,
    row.user,
    row.state,
    row.query,
  ]);
  const header = ['pid', 'application_name', 'user', 'state', 'query'];
  const widths = header.map((title, i) => Math.max(title.length, ...rows.map((row) => row[i]?.length ?? 0)));
  const line = (cells: readonly string[]): string =>
    cells
      .map((cell, i) => cell.padEnd(widths[i] ?? 0))
      .join(' | ')
      .trimEnd();
  process.stdout.write(`${[header, ...rows].map(line).join('\n')}\n`);
}
