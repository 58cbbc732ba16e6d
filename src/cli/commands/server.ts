/** `balsam server --connect|--reset|--stop|--status`: the database's server, from the host it belongs to. */
import { defineCommand } from 'citty';
import { EXIT_FAILED, UserError } from '../../base/errors.ts';
import type { ServerInfo } from '../../server/layout.ts';
import { table } from '../output/format.ts';
import { JSON_OPTION, jsonLine } from '../output/json.ts';
import { lookOf } from '../output/look.ts';

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
    'list-users': { type: 'boolean', description: 'the users of the database (not supported yet)' },
    'add-user': { type: 'string', valueHint: 'USER', description: 'let somebody in (not supported yet)' },
    'drop-user': { type: 'string', valueHint: 'USER', description: 'shut somebody out (not supported yet)' },
    ...JSON_OPTION,
  },
  async run({ args }) {
    const users = (['list-users', 'add-user', 'drop-user'] as const).find(
      (option) => args[option] !== undefined && args[option] !== false,
    );
    if (users !== undefined)
      throw new UserError(
        `--${users} is not supported yet: a database has one login, which is in its file credentials; share a server by \`balsam init --url\``,
      );
    const chosen = ACTIONS.filter((action) => args[action] === true);
    const list = args['list-active-connections'] === true;
    const [action] = chosen;
    if (chosen.length > 1 || (action === undefined && !list)) {
      throw new UserError('give exactly one of --connect, --reset, --stop, --status');
    }
    if (args.listen !== undefined && action !== 'reset') throw new UserError('--listen goes with --reset');
    if (args['move-here'] === true && action !== 'connect')
      throw new UserError('--move-here goes with --connect');
    const { findDatabasePath } = await import('../../server/layout.ts');
    const root = findDatabasePath();
    if (action !== undefined) {
      await perform(action, root, {
        listen: args.listen,
        move: args['move-here'] === true,
        json: args.json === true,
      });
    }
    if (list) await listConnections(root, args.json === true);
  },
});

async function perform(
  action: (typeof ACTIONS)[number],
  root: string,
  { listen, move, json }: { listen: string | undefined; move: boolean; json: boolean },
): Promise<void> {
  const [{ moveServerHere, resetServer, stopServer }, { openDatabase }, { readServerInfo }] =
    await Promise.all([
      import('../../server/server.ts'),
      import('../../server/open.ts'),
      import('../../server/layout.ts'),
    ]);
  const say = (line: string, state: string, info: ServerInfo, started: boolean): boolean =>
    process.stdout.write(`${json ? serverJson(state, info, null, started) : line}\n`);
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
          : `Started the Balsam DB server on ${placeOf(after)}`,
        'running',
        after,
        !same,
      );
      return;
    }
    case 'reset': {
      const after = await resetServer(root, listen === undefined ? {} : { listen });
      say(`Started the Balsam DB server on ${placeOf(after)}`, 'running', after, true);
      return;
    }
    case 'stop':
      say(
        (await stopServer(root)) ? 'Stopped the Balsam DB server' : 'The Balsam DB server was not running',
        'stopped',
        readServerInfo(root),
        false,
      );
      return;
    case 'status':
      await showStatus(root, json);
  }
}

/** Where it is reached: without an address only by its socket, whose name has the port. */
function placeOf({ kind, host, port, listen }: ServerInfo): string {
  return kind === 'url' || listen !== null
    ? `${host}, port ${port}`
    : `${host}, port ${port} (unix socket only)`;
}

function serverJson(state: string, info: ServerInfo, answers: boolean | null, started: boolean): string {
  const { host, port, pid } = info;
  return jsonLine('server', { state, host, port, pid, answers, started });
}

async function showStatus(root: string, json: boolean): Promise<void> {
  const { serverStatus } = await import('../../server/server.ts');
  const { state, info, answers } = await serverStatus(root);
  if (json) {
    process.stdout.write(`${serverJson(state, info, answers, false)}\n`);
    if (state !== 'running' && answers !== true) process.exitCode = EXIT_FAILED;
    return;
  }
  const where = placeOf(info);
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

async function listConnections(root: string, json: boolean): Promise<void> {
  const [{ openDatabase }, { activeConnections }] = await Promise.all([
    import('../../server/open.ts'),
    import('../../store/admin.ts'),
  ]);
  await using db = await openDatabase({
    path: root,
    applicationName: 'balsam server',
    role: 'client',
    max: 1,
  });
  const found = await activeConnections(db);
  if (json) {
    for (const row of found) process.stdout.write(`${jsonLine('connection', row)}\n`);
    return;
  }
  const rows = found.map((row) => [String(row.pid), row.application_name, row.user, row.state, row.query]);
  process.stdout.write(`${table(['pid', 'application_name', 'user', 'state', 'query'], rows, lookOf())}\n`);
}
