/**
 * Makes a database directory: its files, its own Postgres (or the login of a given one), the schema. All or nothing: what
 * fails half-way is removed again. Called by `balsam init` and by tests; must never touch an existing database.
 */
import { randomBytes } from 'node:crypto';
import fs from 'node:fs';
import os from 'node:os';
import path from 'node:path';
import { EXIT_FAILED, UserError } from '../base/errors.ts';
import { createDatabase, serverMajor } from '../store/admin.ts';
import { connect, type DatabaseAddress } from '../store/connection.ts';
import { migrate } from '../store/migrate.ts';
import { accountForNew, assertReachable } from './account.ts';
import { findPostgres } from './binaries.ts';
import { mustNotStart, thisHost } from './host.ts';
import { rememberDatabase } from './known.ts';
import {
  codeOf,
  expandHome,
  fileError,
  layoutOf,
  writeAtomically,
  writeCredentials,
  writeServerInfo,
  type Credentials,
  type Layout,
  type ServerInfo,
} from './layout.ts';
import { withLock } from './lock.ts';
import { addressOf } from './open.ts';
import { makeDataDirectory, stopPostmaster } from './postmaster.ts';
import { checkListen, start, stop } from './server.ts';

/** The settings a new database starts with; `settings.json` is the person's to change. */
const DEFAULT_SETTINGS = { scheduler: 'auto' };

/** Name of the database inside the server, and of its owner where the person's own name does not fit. */
const DATABASE = 'balsam';

/** Oldest server that a URL may name. */
const OLDEST_SERVER = 15;

export interface InitOptions {
  /** postgres://USER:PASSWORD@HOST:PORT/DATABASE of a server that somebody else runs. */
  url?: string;
  /** Directory with `postgres` and `initdb`. */
  postgresBin?: string;
  /** ADDRESS/CIDR: listen there too, and let that network in by password. */
  listen?: string;
}

/**
 * Makes the database at `target` and returns its absolute path. Its server is stopped afterwards: the first command
 * starts it. UserError when there is one already, the place does not fit, or Postgres can't run here.
 */
export async function initCluster(target: string, options: InitOptions = {}): Promise<{ path: string }> {
  const wanted = path.resolve(expandHome(target));
  if (options.url !== undefined && (options.listen !== undefined || options.postgresBin !== undefined)) {
    throw new UserError(
      '--url names a server that somebody else runs: --listen and --postgres-bin do not go with it',
    );
  }
  const listen = options.listen === undefined ? null : checkListen(options.listen);
  const given = options.url === undefined ? null : parseUrl(options.url);
  const why = given === null ? mustNotStart() : null;
  if (why !== null)
    throw new UserError(
      `a database's server is not started from here: ${why}. Run \`balsam init\` outside of it`,
      EXIT_FAILED,
    );

  const made = makeDirectories(wanted);
  const root = made.layout.root;
  try {
    if (given === null) await makeLocal(made.layout, listen, options.postgresBin);
    else await makeByUrl(made.layout, given);
    writeAtomically(made.layout.settings, `${JSON.stringify(DEFAULT_SETTINGS, null, 2)}\n`, 0o644);
  } catch (error) {
    await stopPostmaster(made.layout).catch(() => false);
    for (const item of made.created) fs.rmSync(item, { recursive: true, force: true });
    throw fileError(error, root);
  }
  rememberDatabase(root);
  return { path: root };
}

async function makeLocal(
  layout: Layout,
  listen: string | null,
  postgresBin: string | undefined,
): Promise<void> {
  const binaries = findPostgres(postgresBin);
  const account = accountForNew();
  fs.mkdirSync(layout.balsamdb, { mode: 0o700 });
  if ('uid' in account.switchTo) fs.chownSync(layout.balsamdb, account.uid, account.gid);
  assertReachable(account, layout.balsamdb, path.join(binaries.directory, 'postgres'));
  const credentials: Credentials = { user: roleName(), password: randomBytes(24).toString('base64url') };
  const here = thisHost();
  const info: ServerInfo = {
    kind: 'local',
    host: here.hostname,
    port: 0,
    database: DATABASE,
    boot_id: here.bootId,
    machine_id: here.machineId,
    pid: null,
    start_time: null,
    socket_dir: null,
    listen,
    postgres_bin: binaries.packaged ? null : binaries.directory,
  };
  makeDataDirectory(layout, binaries, account, credentials, listen);
  writeCredentials(layout.root, credentials);
  await withLock(layout.lock, async () => {
    // Who comes while the lock is held finds the record of `start`, and waits or is told that the database is not there.
    const running = await start(layout.root, info);
    const address = addressOf(layout.root, running);
    await prepare({ ...address, database: 'postgres' }, address);
    await stop(layout.root);
  });
}

async function makeByUrl(layout: Layout, given: DatabaseAddress): Promise<void> {
  writeCredentials(layout.root, { user: given.user, password: given.password });
  try {
    await prepare(null, given);
  } catch (error) {
    if (error instanceof UserError) throw error;
    const reason = error instanceof Error ? error.message || codeOf(error) : String(error);
    throw new UserError(
      `the server at ${given.host}:${given.port} could not be prepared: ${reason}`,
      EXIT_FAILED,
    );
  }
  writeServerInfo(layout.root, {
    kind: 'url',
    host: given.host,
    port: given.port,
    database: given.database,
    boot_id: null,
    machine_id: null,
    pid: null,
    start_time: null,
    socket_dir: null,
    listen: null,
    postgres_bin: null,
  });
}

/** Makes the database (through `maintenance`, when it is ours to make) and brings it to this program's schema. */
async function prepare(maintenance: DatabaseAddress | null, address: DatabaseAddress): Promise<void> {
  if (maintenance !== null) {
    await using server = connect(maintenance, { applicationName: 'balsam init', max: 1, role: 'client' });
    await createDatabase(server, address.database);
  }
  await using db = connect(address, { applicationName: 'balsam init', max: 1, role: 'client' });
  const major = await serverMajor(db);
  if (major < OLDEST_SERVER)
    throw new UserError(`the server is Postgres ${major}; ${OLDEST_SERVER} or newer is needed`);
  await migrate(db);
}

/** Makes the directories; refuses where any of our names is taken. `created` is what to remove after a failure. */
function makeDirectories(wanted: string): { layout: Layout; created: string[] } {
  if (fs.existsSync(path.join(wanted, 'server-info'))) {
    throw new UserError(
      `${wanted} is a Balsam database already: \`source balsamactivate ${wanted}\` uses it`,
    );
  }
  const created: string[] = [];
  try {
    if (!fs.existsSync(wanted)) {
      fs.mkdirSync(path.dirname(wanted), { recursive: true });
      fs.mkdirSync(wanted, { mode: 0o755 });
      created.push(wanted);
    }
    const layout = layoutOf(fs.realpathSync(wanted));
    for (const item of Object.values(layout)) {
      if (item !== layout.root && fs.existsSync(item)) {
        throw new UserError(`${item} exists: choose a new or empty directory for the database`);
      }
    }
    created.push(...Object.values(layout).filter((item) => item !== layout.root));
    for (const item of [layout.data, layout.log, layout.qsubmit]) fs.mkdirSync(item, { mode: 0o755 });
    fs.mkdirSync(layout.keys, { mode: 0o700 });
    return { layout, created };
  } catch (error) {
    for (const item of created) fs.rmSync(item, { recursive: true, force: true });
    throw fileError(error, wanted);
  }
}

/** The person's own name as the owner's, where Postgres takes it without trouble. */
function roleName(): string {
  try {
    const name = os.userInfo().username;
    return /^[a-z_][a-z0-9_]{0,62}$/.test(name) && !name.startsWith('pg_') ? name : DATABASE;
  } catch {
    return DATABASE;
  }
}

/** A postgres URL as address and login; UserError names what is missing, without repeating the password. */
export function parseUrl(text: string): DatabaseAddress {
  const bad = (what: string): UserError =>
    new UserError(`--url ${what}; write postgres://USER:PASSWORD@HOST:PORT/DATABASE`);
  let url: URL;
  try {
    url = new URL(text);
  } catch {
    throw bad('is no URL');
  }
  if (url.protocol !== 'postgres:' && url.protocol !== 'postgresql:')
    throw bad(`begins with ${url.protocol}//`);
  const sslmode = url.searchParams.get('sslmode');
  if (sslmode !== null && !['disable', 'allow', 'prefer'].includes(sslmode))
    throw bad(`asks for sslmode=${sslmode}, which is not supported yet`);
  const host = url.searchParams.get('host') ?? decodeURIComponent(url.hostname).replace(/^\[|\]$/g, '');
  if (host === '') throw bad('names no host');
  const user = decodeURIComponent(url.username);
  if (user === '') throw bad('names no user');
  const database = decodeURIComponent(url.pathname.slice(1)) || user;
  return {
    host,
    port: Number(url.port || url.searchParams.get('port') || 5432),
    user,
    password: decodeURIComponent(url.password),
    database,
  };
}
