/**
 * The one way to a database: find it, connect, start its server when it is down, check the schema. Used by every command,
 * the client library and the coordinator. When the server is up it costs one connection and one query: the server's state
 * is not asked for first, the failed connection tells.
 * Must never print or log a password.
 */
import { setTimeout as sleep } from 'node:timers/promises';
import { EXIT_FAILED, messageOf, UserError, WorldError } from '../base/errors.ts';
import { SERVER_START_MS } from '../base/limits.ts';
import { connect, type ConnectOptions, type Database, type DatabaseAddress } from '../store/connection.ts';
import { checkSchema, migrate } from '../store/migrate.ts';
import { lostSettings } from '../store/session-settings.ts';
import { ensureServer } from './server.ts';
import { elsewhere, isRunning, reachableAddress, refuseCopy, whereIs } from './whose.ts';
import {
  codeOf,
  findDatabasePath,
  layoutOf,
  readCredentials,
  readServerInfo,
  readServerInfoLater,
  type ServerInfo,
} from './layout.ts';

/** How to open; `path` is BALSAM_DB_PATH when not given. `mayStart` false: a server that is down is not started, nor waited for. */
export type OpenOptions = ConnectOptions & { path?: string; mayStart?: boolean };

/** An open database, with the directory it belongs to. */
export type OpenDatabase = Database & { readonly path: string };

/**
 * Opens the database: connected, schema of this program's version. Starts the server when it is down and this host may
 * start it. UserError when there is no database, it is out of reach, or its login fails; WorldError('unavailable') when a
 * server elsewhere does not answer is turned into a UserError that says where to start it.
 */
export async function openDatabase(options: OpenOptions): Promise<OpenDatabase> {
  const { path: given, mayStart = true, ...connectOptions } = options;
  const root = findDatabasePath(given);
  let info = readServerInfo(root);
  // A record whose process is gone is a server that is down; at its address there may be that of a copy, or its original.
  if (mayStart && whereIs(root, info) === 'here' && !isRunning(root, info)) info = await ensureServer(root);
  refuseCopy(root, info);
  try {
    return await open(root, info, connectOptions);
  } catch (error) {
    if (!mayStart || !isUnavailable(error)) throw inWords(error, root, info);
    if (info.kind === 'local' && whereIs(root, info) !== 'here') throw elsewhere(root, info);
    if (info.kind === 'url')
      throw new UserError(`the server at ${info.host}:${info.port} of ${root} does not answer`, EXIT_FAILED, {
        passing: true,
      });
  }
  info = await ensureServer(root);
  const deadline = performance.now() + SERVER_START_MS;
  for (;;) {
    try {
      return await open(root, info, connectOptions);
    } catch (error) {
      // It may still be recovering, or was stopped again in between by somebody else.
      if (!isUnavailable(error) || performance.now() > deadline) throw inWords(error, root, info);
      await sleep(50);
      info = await ensureServer(root);
    }
  }
}

/**
 * UserError when this process can't log in to the server of `root`, as far as its files tell: for whoever leaves the
 * connecting to a child. Starts the server when it is down.
 */
export async function prepareServer(root: string): Promise<void> {
  addressOf(root, await ensureServer(root));
}

/** The address and login of the database at `root`, for whoever connects by other means. UserError when out of reach. */
export function addressOf(root: string, info: ServerInfo = readServerInfo(root)): DatabaseAddress {
  const where = reachableAddress(root, info);
  const { user, password } = readCredentials(root);
  return { ...where, user, password, database: info.database };
}

/**
 * Turns an open database to where its server is now: it may have come back at another port, because its own was taken, or
 * on another host. Does not block; throws what can't be read, and the connection stays as it was.
 */
export async function followServer(db: OpenDatabase): Promise<void> {
  const info = await readServerInfoLater(db.path);
  if (info.pid !== null || info.kind === 'url') Object.assign(db.address, reachableAddress(db.path, info));
}

async function open(root: string, info: ServerInfo, options: ConnectOptions): Promise<OpenDatabase> {
  const db = connect(addressOf(root, info), options);
  try {
    await refuseLostSettings(db, root);
    await ensureSchema(db);
  } catch (error) {
    await db.close().catch(() => undefined); // what failed first is what the caller must hear
    throw error;
  }
  return Object.assign(db, { path: root });
}

/** UserError when something between us and Postgres drops what our sessions set, whatever else works through it. */
export async function refuseLostSettings(db: Database, root: string): Promise<void> {
  const lost = await db.run((sql) => lostSettings(sql, db.role));
  if (lost.length === 0) return;
  throw new UserError(
    `the server of ${root} does not keep what a session sets (${lost.join(', ')}): ${BETWEEN}`,
    EXIT_FAILED,
  );
}

/** What to do about a pooler. */
const BETWEEN =
  'is a connection pooler (pgbouncer) between? Give the address of Postgres itself (host and port in server-info, or `balsam init --url`)';

/** An older schema is brought up to date; UserError of `migrate` when that must not be, or when the schema is newer. */
async function ensureSchema(db: Database): Promise<void> {
  try {
    await checkSchema(db);
  } catch (error) {
    if (!(error instanceof UserError)) throw error;
    await migrate(db);
    await checkSchema(db);
  }
}

const NOT_LISTENING = [
  'ECONNREFUSED',
  'ENOENT',
  'ECONNRESET',
  'EPIPE',
  'ETIMEDOUT',
  'EHOSTUNREACH',
  'ENETUNREACH',
  'CONNECT_TIMEOUT',
];
/** Starting up, shutting down, recovering; ended by an administrator (57P0x), or cut (08xxx, CONNECTION_x). */
const NOT_NOW = /^(57P0[123]|08...|CONNECTION_(CLOSED|DESTROYED|ENDED))$/;

/** Whether `error` says that no server is there (now): nothing was done. */
function isUnavailable(error: unknown): boolean {
  const codes = codesOf(error);
  if (isOfPooler(error)) return false;
  if (codes.some((code) => NOT_LISTENING.includes(code) || NOT_NOW.test(code))) return true;
  return error instanceof WorldError && error.code === 'unavailable' && inWords(error, '', null) === error;
}

function codesOf(error: unknown): string[] {
  const codes: string[] = [];
  for (let at: unknown = error, depth = 0; at instanceof Error && depth < 5; at = at.cause, depth++) {
    codes.push(codeOf(at));
    if (at instanceof AggregateError) codes.push(...at.errors.map(codeOf));
  }
  return codes;
}

/** pgbouncer's words for a setting that it does not hand on. */
function isOfPooler(error: unknown): boolean {
  return /unsupported startup parameter/.test(innermost(error));
}

function innermost(error: unknown): string {
  let at = error;
  while (at instanceof Error && at.cause instanceof Error) at = at.cause;
  return messageOf(at);
}

/** `inWords` for what failed after the opening; `error` itself when nobody but us can mend it. */
export function spoken(error: unknown): unknown {
  return inWords(error, process.env['BALSAM_DB_PATH'] ?? 'the database', null);
}

/** What Postgres answered, as a sentence for the person who can do something about it; other errors unchanged. */
function inWords(error: unknown, root: string, info: ServerInfo | null): unknown {
  if (error instanceof UserError) return error;
  for (const code of codesOf(error)) {
    switch (code) {
      case '08P01':
        if (!isOfPooler(error)) break;
        return new UserError(
          `the server of ${root} refuses what a session sets (${innermost(error)}): ${BETWEEN}`,
          EXIT_FAILED,
        );
      case '28P01':
      case '28000':
        return new UserError(
          `the server of ${root} refused the login: the password in ${layoutOf(root).credentials} is not its password`,
          EXIT_FAILED,
        );
      case '3D000':
        return new UserError(
          `the server of ${root} has no database ${info?.database ?? ''}: was it made by balsam init?`,
          EXIT_FAILED,
        );
      case '53300':
        return new UserError(
          `the server of ${root} has no free connection (\`balsam server --status --list-active-connections\` shows who has them; max_connections in balsamdb/postgresql.conf)`,
          EXIT_FAILED,
          { passing: true },
        );
      case '53100':
        return new UserError(
          `the disk of the server of ${root} is full: free some space and try again`,
          EXIT_FAILED,
          { passing: true },
        );
      case '42501':
        return new UserError(
          `the login in ${layoutOf(root).credentials} lacks a right in the database: ask its owner`,
          EXIT_FAILED,
        );
      case '53200':
        return new UserError(
          `the server of ${root} is out of memory: ask for less at once, or look at what else runs on its host`,
          EXIT_FAILED,
          { passing: true },
        );
      case '25006':
        return new UserError(
          `the server of ${root} takes no writes (it is a standby, or its owner made it read-only): connect to the primary server`,
          EXIT_FAILED,
        );
      default:
    }
  }
  return error;
}
