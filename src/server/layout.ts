/**
 * The files of a Balsam database directory: where each one is, and how the small JSON ones are read and written.
 *
 * Everything that a command must know to find the server is in `server-info` (where it runs) and `credentials` (how to
 * log in); both are written whole or not at all (temporary file, then rename), because commands on other hosts read
 * them at any time. Used by every file of this room and by the commands. Must never follow what a half-written file says.
 */
import { randomBytes } from 'node:crypto';
import fs from 'node:fs';
import path from 'node:path';
import { EXIT_FAILED, UserError } from '../base/errors.ts';
import { homeDirectory } from '../base/home.ts';

/** Every path inside one database directory. */
export interface Layout {
  readonly root: string;
  /** Postgres' own files, mode 0700, owned by the account that runs Postgres. */
  readonly balsamdb: string;
  /** Working directories of jobs. */
  readonly data: string;
  readonly log: string;
  /** Rendered batch scripts and their output. */
  readonly qsubmit: string;
  /** CURVE keys of launchers, 0700. */
  readonly keys: string;
  readonly serverInfo: string;
  readonly settings: string;
  readonly credentials: string;
  readonly postgresLog: string;
  readonly lock: string;
}

/** The layout of the database at `root` (absolute). Pure: touches no file. */
export function layoutOf(root: string): Layout {
  const at = (name: string): string => path.join(root, name);
  return {
    root,
    balsamdb: at('balsamdb'),
    data: at('data'),
    log: at('log'),
    qsubmit: at('qsubmit'),
    keys: at('keys'),
    serverInfo: at('server-info'),
    settings: at('settings.json'),
    credentials: at('credentials'),
    postgresLog: at('postgres.log'),
    lock: at('.lock'),
  };
}

/** What `server-info` holds. */
export interface ServerInfo {
  /** `local`: Postgres runs on `host`, started by our commands there. `url`: somebody else's Postgres. */
  kind: 'local' | 'url';
  /** Host name of the machine that may start the server (local), or the address of the given server (url). */
  host: string;
  port: number;
  database: string;
  /** Identity of that machine and its present boot; null when unknown, or for `url`. */
  boot_id: string | null;
  machine_id: string | null;
  /** The postmaster, and its start time in clock ticks since boot; null when stopped. */
  pid: number | null;
  start_time: string | null;
  /** The pid namespace in which `pid` is a number; null when stopped, or written by an older version. */
  pid_namespace: string | null;
  /** The directory that the server was started for, and the inode of its `balsamdb`: a copy has neither. Null when stopped. */
  directory: string | null;
  inode: string | null;
  /** Whether it holds the files by the kernel's word (hold.ts); null when stopped or unknown. */
  holds: boolean | null;
  /** Directory of the unix socket on that host; null when stopped. */
  socket_dir: string | null;
  /** Extra address that compute nodes reach, as ADDRESS/CIDR; null: only this host. */
  listen: string | null;
  /** Directory with the programs `postgres` and `initdb`; null: the packaged ones. */
  postgres_bin: string | null;
}

/** What `credentials` holds (mode 0600). */
export interface Credentials {
  user: string;
  password: string;
}

/** Types of the fields; `?` may be null. By hand: every command pays for this, and zod costs 6 ms to load (measured). */
type Shape<T> = { readonly [K in keyof T]: 'string' | 'number' | 'string?' | 'number?' | 'boolean?' };

const SERVER_INFO: Shape<ServerInfo> = {
  kind: 'string',
  host: 'string',
  port: 'number',
  database: 'string',
  boot_id: 'string?',
  machine_id: 'string?',
  pid: 'number?',
  start_time: 'string?',
  pid_namespace: 'string?',
  directory: 'string?',
  inode: 'string?',
  holds: 'boolean?',
  socket_dir: 'string?',
  listen: 'string?',
  postgres_bin: 'string?',
};
const CREDENTIALS: Shape<Credentials> = { user: 'string', password: 'string' };

/** Reads `server-info`. UserError when the directory is no Balsam database or may not be read. */
export function readServerInfo(root: string): ServerInfo {
  return checkKind(readJson(layoutOf(root).serverInfo, SERVER_INFO, root), root);
}

/** The same without blocking: for a process that must not stand still on a slow file system. */
export async function readServerInfoLater(root: string): Promise<ServerInfo> {
  const file = layoutOf(root).serverInfo;
  return checkKind(parseFields(await fs.promises.readFile(file, 'utf8'), SERVER_INFO, file), root);
}

function checkKind(info: ServerInfo, root: string): ServerInfo {
  if (info.kind === 'local' || info.kind === 'url') return info;
  throw damaged(layoutOf(root).serverInfo, 'kind');
}

/** Reads the login. UserError when it belongs to another user or is damaged. */
export function readCredentials(root: string): Credentials {
  return readJson(layoutOf(root).credentials, CREDENTIALS, root);
}

/** What a record says of a server that does not run. */
export const STOPPED = {
  pid: null,
  start_time: null,
  pid_namespace: null,
  directory: null,
  inode: null,
  holds: null,
  socket_dir: null,
} as const satisfies Partial<ServerInfo>;

/** Replaces `server-info` in one step. */
export function writeServerInfo(root: string, info: ServerInfo): void {
  writeAtomically(layoutOf(root).serverInfo, `${JSON.stringify(info, null, 2)}\n`, 0o644);
}

/** Replaces the login in one step, mode 0600 from its first byte. */
export function writeCredentials(root: string, credentials: Credentials): void {
  writeAtomically(layoutOf(root).credentials, `${JSON.stringify(credentials, null, 2)}\n`, 0o600);
}

/** Writes `text` beside `file` and renames it over: a reader sees the old or the new, never a part. */
export function writeAtomically(file: string, text: string, mode: number): void {
  const temporary = `${file}.${process.pid}.${randomBytes(4).toString('hex')}.tmp`;
  try {
    const fd = fs.openSync(temporary, 'wx', mode);
    try {
      fs.writeFileSync(fd, text);
      fs.fsyncSync(fd);
    } finally {
      fs.closeSync(fd);
    }
    fs.renameSync(temporary, file);
  } catch (error) {
    fs.rmSync(temporary, { force: true });
    throw fileError(error, file);
  }
}

/**
 * The absolute, real path of the database to use: `given`, else BALSAM_DB_PATH. Two spellings of one directory (a
 * symbolic link, a trailing slash) give one path, because lock and socket are named after it.
 */
export function findDatabasePath(given?: string): string {
  const named = given ?? process.env['BALSAM_DB_PATH'];
  if (named === undefined || named === '') {
    throw new UserError(
      'BALSAM_DB_PATH is not set: run `source balsamactivate PATH` (or `balsam init PATH` for a new database)',
    );
  }
  let root: string;
  try {
    root = fs.realpathSync(expandHome(named));
  } catch (error) {
    if (codeOf(error) === 'ENOENT' || codeOf(error) === 'ENOTDIR') {
      throw new UserError(
        `no Balsam database at ${named}: the directory does not exist (\`balsam init ${named}\` makes one)`,
      );
    }
    throw fileError(error, named);
  }
  return root;
}

/** `~` and `~/x` as a shell would read them: a settings file or a quoted variable has them unexpanded. */
export function expandHome(name: string): string {
  if (name !== '~' && !name.startsWith('~/')) return name;
  const home = homeDirectory();
  if (home === null)
    throw new UserError(`${name} means your home directory, and there is none (HOME): write the whole path`);
  return path.join(home, name.slice(1));
}

/** The `code` of a system or Postgres error, '' when it has none. */
export function codeOf(error: unknown): string {
  if (typeof error !== 'object' || error === null || !('code' in error)) return '';
  return typeof error.code === 'string' ? error.code : '';
}

/** A file-system error as a sentence for the person who can do something about it; other errors unchanged. */
export function fileError(error: unknown, file: string): unknown {
  switch (codeOf(error)) {
    case 'EACCES':
    case 'EPERM':
      return new UserError(
        `no permission for ${file}: it belongs to another user, or a directory above it is closed`,
        EXIT_FAILED,
      );
    case 'EROFS':
      return new UserError(`${file} is on a read-only file system`, EXIT_FAILED);
    case 'ENOSPC':
    case 'EDQUOT':
      return new UserError(`no space left for ${file}: free some space or quota and try again`, EXIT_FAILED);
    default:
      return error;
  }
}

function readJson<T extends object>(file: string, shape: Shape<T>, root: string): T {
  let text: string;
  try {
    text = fs.readFileSync(file, 'utf8');
  } catch (error) {
    if (codeOf(error) === 'ENOENT' || codeOf(error) === 'ENOTDIR') {
      throw new UserError(
        `${root} is no Balsam database: it has no file ${path.basename(file)} (\`balsam init\` makes one)`,
      );
    }
    throw fileError(error, file);
  }
  return parseFields(text, shape, file);
}

function parseFields<T extends object>(text: string, shape: Shape<T>, file: string): T {
  let value: unknown;
  try {
    value = JSON.parse(text);
  } catch {
    throw new UserError(`${file} is damaged: it is not JSON`, EXIT_FAILED);
  }
  if (typeof value !== 'object' || value === null) throw damaged(file, 'no object');
  for (const [field, type] of Object.entries<string>(shape)) {
    const found: unknown = (value as Record<string, unknown>)[field];
    // An older version did not know every field.
    if (found === undefined && type.endsWith('?')) Object.assign(value, { [field]: null });
    if ((found ?? null) === null && type.endsWith('?')) continue;
    if (typeof found !== type.replace('?', '')) throw damaged(file, field);
  }
  return value as T; // proven field by field
}

function damaged(file: string, what: string): UserError {
  return new UserError(`${file} is damaged: ${what} is missing or of the wrong type`, EXIT_FAILED);
}
