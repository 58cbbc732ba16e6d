/**
 * Makes a database directory: its files, its own Postgres (or the login of a given one), the schema. All or nothing,
 * whatever ends it (aside.ts). Must never touch an existing database.
 */
import { randomBytes } from 'node:crypto';
import fs from 'node:fs';
import os from 'node:os';
import path from 'node:path';
import { EXIT_FAILED, UserError } from '../base/errors.ts';
import { createDatabase, serverMajor } from '../store/admin.ts';
import { connect, type DatabaseAddress } from '../store/connection.ts';
import { migrate } from '../store/migrate.ts';
import { accountForNew, assertReachable, removeSocketDirectory, socketDirectory } from './account.ts';
import { Aside, isDatabase } from './aside.ts';
import { findPostgres } from './binaries.ts';
import { mustNotStart, thisHost } from './host.ts';
import { rememberDatabase } from './known.ts';
import {
  codeOf,
  expandHome,
  fileError,
  layoutOf,
  STOPPED,
  writeAtomically,
  writeCredentials,
  writeServerInfo,
  type Credentials,
  type Layout,
} from './layout.ts';
import { refuseLostSettings } from './open.ts';
import { makeDataDirectory, startPostmaster, stopPostmaster } from './postmaster.ts';
import { checkListen } from './server.ts';

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
 * starts it. UserError when there is one already, the place does not fit, or Postgres can't run here. A signal that ends
 * programs ends this one after everything is removed.
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

  const end = new Interruption();
  const aside = await makeAside(wanted).catch((error: unknown) => {
    end.leave();
    throw error;
  });
  const layout = layoutOf(aside.directory);
  try {
    makeDirectories(layout);
    const work =
      given === null ? makeLocal(aside, layout, listen, options.postgresBin, end) : makeByUrl(layout, given);
    await end.orDone(work);
    writeAtomically(layout.settings, `${JSON.stringify(DEFAULT_SETTINGS, null, 2)}\n`, 0o644);
    aside.settle();
  } catch (error) {
    await end.wait();
    aside.remove();
    end.leave();
    throw inPlace(fileError(error, wanted), aside, wanted);
  }
  end.ignore();
  rememberDatabase(aside.place);
  return { path: aside.place };
}

/**
 * What `balsam init` does when it is told to end: what it has started ends first, then what it has made is removed, then the
 * signal has its way. One that can't be caught is the watcher's.
 */
class Interruption {
  readonly #abort = new AbortController();
  readonly #came = Promise.withResolvers<never>();
  #signal: NodeJS.Signals | null = null;
  #work: Promise<unknown> = Promise.resolve();
  readonly #listeners = (['SIGINT', 'SIGTERM', 'SIGHUP'] as const).map((name) => {
    const listener = (): void => {
      this.#signal = name;
      this.#abort.abort();
      this.#came.reject(new UserError(`ended by ${name}: nothing was made`, EXIT_FAILED));
    };
    process.on(name, listener);
    return [name, listener] as const;
  });

  constructor() {
    this.#came.promise.catch(() => undefined);
  }

  /** Aborted by the signal: whoever has started a program ends it then. */
  get aborted(): AbortSignal {
    return this.#abort.signal;
  }

  /** Does `work`; throws at once when a signal comes. */
  async orDone(work: Promise<unknown>): Promise<void> {
    this.#work = work;
    await Promise.race([work, this.#came.promise]);
  }

  /** Until the work has ended after all: nothing is written any more, no program runs. */
  async wait(): Promise<void> {
    this.#abort.abort();
    await this.#work.catch(() => undefined);
  }

  /** Lets the signal that came have its way; returns when none came. */
  leave(): void {
    this.ignore();
    if (this.#signal !== null) process.kill(process.pid, this.#signal);
  }

  ignore(): void {
    for (const [name, listener] of this.#listeners) process.removeListener(name, listener);
  }
}

/** The directory in which it is made; refuses where one of our names is taken. */
async function makeAside(wanted: string): Promise<Aside> {
  try {
    const present = fs.statSync(wanted, { throwIfNoEntry: false });
    if (present !== undefined && !present.isDirectory())
      throw new UserError(`${wanted} is no directory: name a new or empty one for the database`);
    const aside = await Aside.make(wanted, removeLeftover);
    try {
      if (present !== undefined) refuseTaken(aside.place);
      return aside;
    } catch (error) {
      aside.remove();
      throw error;
    }
  } catch (error) {
    throw fileError(error, wanted);
  }
}

function refuseTaken(place: string): void {
  const layout = layoutOf(place);
  if (fs.existsSync(layout.serverInfo)) throw isDatabase(place);
  for (const item of Object.values(layout)) {
    if (item !== place && fs.existsSync(item))
      throw new UserError(`${item} exists: choose a new or empty directory for the database`);
  }
}

/** Removes what a killed init left: its server first, if one still runs. */
async function removeLeftover(directory: string): Promise<void> {
  await stopPostmaster(layoutOf(directory)).catch(() => false);
  fs.rmSync(directory, { recursive: true, force: true, maxRetries: 10 });
}

function makeDirectories(layout: Layout): void {
  for (const item of [layout.data, layout.log, layout.qsubmit]) fs.mkdirSync(item, { mode: 0o755 });
  fs.mkdirSync(layout.keys, { mode: 0o700 });
}

/** A sentence about the directory in which it was made is about the place that was asked for. */
function inPlace(error: unknown, aside: Aside, wanted: string): unknown {
  return error instanceof UserError && error.message.includes(aside.directory)
    ? new UserError(error.message.replaceAll(aside.directory, wanted), error.exitCode)
    : error;
}

async function makeLocal(
  aside: Aside,
  layout: Layout,
  listen: string | null,
  postgresBin: string | undefined,
  end: Interruption,
): Promise<void> {
  const account = accountForNew();
  const binaries = findPostgres(postgresBin, account);
  assertReachable(account, path.join(binaries.directory, 'postgres'));
  fs.mkdirSync(layout.balsamdb, { mode: 0o700 });
  if ('uid' in account.switchTo) fs.chownSync(layout.balsamdb, account.uid, account.gid);
  const credentials: Credentials = { user: roleName(), password: randomBytes(24).toString('base64url') };
  const started = (pid: number): void => aside.tell(`pid ${pid}`);
  await makeDataDirectory(layout, binaries, account, credentials, { listen, aborted: end.aborted, started });
  writeCredentials(layout.root, credentials);
  const socketDir = await socketDirectory(layout.root, account);
  aside.tell(`socket ${socketDir}`);
  let port: number;
  try {
    const where = { socketDir, listen: null, preferredPort: null };
    const running = await startPostmaster(layout, binaries, account, where, started);
    port = running.port;
    const address = { host: socketDir, port, ...credentials, database: DATABASE };
    await whileNot(end.aborted, prepare({ ...address, database: 'postgres' }, address));
  } finally {
    await stopPostmaster(layout);
    removeSocketDirectory(socketDir);
  }
  const here = thisHost();
  writeServerInfo(layout.root, {
    kind: 'local',
    host: here.hostname,
    port,
    database: DATABASE,
    boot_id: here.bootId,
    machine_id: here.machineId,
    ...STOPPED,
    listen,
    postgres_bin: binaries.packaged ? null : binaries.directory,
  });
}

/** Throws as soon as it is aborted; `work` then fails by itself, because its server is stopped. */
async function whileNot(aborted: AbortSignal, work: Promise<void>): Promise<void> {
  const { promise, reject } = Promise.withResolvers<never>();
  const stop = (): void => reject(new UserError('interrupted', EXIT_FAILED));
  aborted.addEventListener('abort', stop);
  if (aborted.aborted) stop();
  work.catch(() => undefined);
  try {
    await Promise.race([work, promise]);
  } finally {
    aborted.removeEventListener('abort', stop);
  }
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
    ...STOPPED,
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
  await refuseLostSettings(db, `${address.host}:${address.port}`);
  const major = await serverMajor(db);
  if (major < OLDEST_SERVER)
    throw new UserError(`the server is Postgres ${major}; ${OLDEST_SERVER} or newer is needed`);
  await migrate(db);
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
    // As psql takes it: the variable would be read again by each command otherwise, and is not set in all of them.
    password: decodeURIComponent(url.password) || (process.env['PGPASSWORD'] ?? ''),
    database,
  };
}
