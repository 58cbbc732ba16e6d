/**
 * Under which account Postgres runs, and where its socket lies.
 *
 * Postgres refuses to run as root, so root's databases run as an unprivileged account that exists; everybody else's run
 * as themselves. The owner of `balsamdb` is the truth: whoever made it runs it. The socket lies in a directory of the
 * user's place for sockets (base/socket-place.ts), which is checked like that place. Must never follow a link there.
 */
import { spawnSync, type SpawnSyncReturns } from 'node:child_process';
import { createHash } from 'node:crypto';
import fs from 'node:fs';
import os from 'node:os';
import path from 'node:path';
import { assert } from '../base/assert.ts';
import { EXIT_FAILED, UserError } from '../base/errors.ts';
import { socketPlace } from '../base/socket-place.ts';
import { codeOf, fileError } from './layout.ts';

/** Who runs Postgres. `switchTo` is what `spawn` needs when that is not ourselves. */
export interface ServerAccount {
  name: string;
  uid: number;
  gid: number;
  switchTo: { uid: number; gid: number } | Record<string, never>;
}

const UNPRIVILEGED = ['postgres', 'nobody', 'daemon'];

/** The account for a new database: ourselves, or for root the first unprivileged account of the system. */
export function accountForNew(): ServerAccount {
  const uid = process.getuid?.() ?? 0;
  if (uid !== 0) return ourselves();
  for (const name of UNPRIVILEGED) {
    const account = lookUp(name);
    if (account !== null && account.uid !== 0)
      return { ...account, switchTo: { uid: account.uid, gid: account.gid } };
  }
  throw new UserError(
    `Postgres does not run as root, and none of the accounts ${UNPRIVILEGED.join(', ')} exists: run balsam as an ordinary user`,
    EXIT_FAILED,
  );
}

/** The account of an existing database: the owner of its files. UserError when we may not act as that account. */
export function accountOf(balsamdb: string): ServerAccount {
  const owner = fs.statSync(balsamdb);
  const uid = process.getuid?.() ?? 0;
  if (owner.uid === uid && uid !== 0) return ourselves();
  const account = lookUp(String(owner.uid));
  if (uid !== 0) {
    throw new UserError(
      `only ${account?.name ?? `user ${owner.uid}`}, the owner of ${balsamdb}, can start or stop its server: ask them to run ` +
        '`balsam server --connect`',
      EXIT_FAILED,
    );
  }
  if (account === null || account.uid === 0) {
    throw new UserError(
      `${balsamdb} belongs to ${account === null ? `user ${owner.uid}, who has no entry in passwd` : 'root'}; Postgres can't run as that: ` +
        'chown -R it to the account that ran it before (balsam init as root uses `postgres` or `nobody`)',
      EXIT_FAILED,
    );
  }
  return { ...account, switchTo: { uid: account.uid, gid: account.gid } };
}

/**
 * Proves that `account` can run `program`; UserError naming the directory that is closed. Only for root: whoever runs as
 * themselves learns it from the program itself.
 */
export function assertReachable(account: ServerAccount, program: string): void {
  const run = tryAs(account, 'exec "$1" --version', program);
  if (run === null || run.status === 0) return;
  if (codeOf(run.error) === 'EPERM' || codeOf(run.error) === 'EINVAL') {
    throw new UserError(
      `root of this container can't become ${account.name}, and Postgres does not run as root: run balsam as an ordinary user`,
      EXIT_FAILED,
    );
  }
  const closed = closedParent(account, program);
  throw new UserError(
    closed === null
      ? `the account ${account.name} can't run ${program}: ${run.stderr.trim() || run.error?.message || 'no reason given'}`
      : `Postgres runs as the account ${account.name}, which can't enter ${closed}: choose programs it can reach, or \`chmod o+x ${closed}\``,
    EXIT_FAILED,
  );
}

/** Whether `account` can run `program`. */
export function canRun(account: ServerAccount, program: string): boolean {
  const run = tryAs(account, 'exec "$1" --version', program);
  return run === null || run.status === 0;
}

/**
 * How Postgres is told its directory: where it is started, the word for `-D`, and further settings.
 *
 * Root's database may lie where the account that runs Postgres can't pass through (/root, a fresh `mktemp -d`). Then it is
 * started *in* its directory, which we enter before we become the account, and calls it by the kernel's own name for the
 * directory one is in. Nothing is opened to anybody by that. The path stands in a setting, so that who looks at the
 * process finds whose it is.
 */
export function dataPlace(
  account: ServerAccount,
  balsamdb: string,
): { cwd: string; name: string; settings: string[] } {
  const run = tryAs(account, 'cd "$1"', balsamdb);
  if (run === null || run.status === 0) return { cwd: '/', name: balsamdb, settings: [] };
  return { cwd: balsamdb, name: '/proc/self/cwd', settings: [directorySetting(balsamdb)] };
}

export function directorySetting(balsamdb: string): string {
  return `balsam.directory=${balsamdb}`;
}

/** What a line of shell does as `account`; null when that is ourselves. */
function tryAs(account: ServerAccount, line: string, word: string): SpawnSyncReturns<string> | null {
  if (!('uid' in account.switchTo)) return null;
  return spawnSync('/bin/sh', ['-c', line, 'sh', word], {
    ...account.switchTo,
    cwd: '/',
    encoding: 'utf8',
    timeout: 30_000,
  });
}

/** The first directory above `target` that `account` may not enter by its mode bits; null when all look open. */
function closedParent(account: ServerAccount, target: string): string | null {
  let at = '/';
  for (const part of path.dirname(target).split('/').filter(Boolean)) {
    at = path.join(at, part);
    const stat = fs.statSync(at);
    const bit = stat.uid === account.uid ? 0o100 : stat.gid === account.gid ? 0o010 : 0o001;
    if ((stat.mode & bit) === 0) return at;
  }
  return null;
}

/** Takes it away after a server that is not started again; what is not ours or not empty stays. */
export function removeSocketDirectory(directory: string): void {
  try {
    fs.rmdirSync(directory);
  } catch {
    // It does no harm.
  }
}

/**
 * Makes (or checks) the directory for the socket of the database at `root` and returns it: in the place of the user who
 * starts servers here one for each database, 0700 of the account that runs Postgres. It is named after path and inode, so
 * that databases of the same path in two containers that share /tmp do not meet.
 */
export async function socketDirectory(root: string, account: ServerAccount): Promise<string> {
  const place = await socketPlace();
  const { dev, ino } = fs.statSync(root, { bigint: true });
  const name = createHash('sha256').update(`${root}\0${dev}:${ino}`).digest('hex').slice(0, 12);
  const directory = path.join(place, name);
  try {
    fs.mkdirSync(directory, { mode: 0o700 });
    // The place is ours alone: nobody can put a link in place of what we just made.
    fs.chmodSync(directory, 0o700);
    if ('uid' in account.switchTo) fs.chownSync(directory, account.uid, account.gid);
  } catch (error) {
    if (codeOf(error) !== 'EEXIST') throw fileError(error, directory);
  }
  const stat = fs.lstatSync(directory);
  if (!stat.isDirectory() || stat.uid !== account.uid || (stat.mode & 0o077) !== 0)
    throw new UserError(
      `${directory} is not a directory of ${account.name} with mode 700: remove it, or name another place by BALSAM_SOCKET_DIR`,
      EXIT_FAILED,
    );
  return directory;
}

/**
 * Words before initdb, which refuses a user without an entry in passwd (containers with a uid of their own): in a user
 * namespace it sees one that is there, and what it makes is ours all the same. Postgres itself needs no name.
 */
export function nameFor(account: ServerAccount): string[] {
  if ('uid' in account.switchTo || lookUp(String(account.uid)) !== null) return [];
  const known = UNPRIVILEGED.map((name) => lookUp(name)).find((one) => one !== null);
  const words = ['unshare', '--user', `--map-user=${known?.uid ?? 0}`];
  const run = spawnSync(words[0] ?? '', [...words.slice(1), 'true'], { stdio: 'ignore', timeout: 30_000 });
  if (run.status === 0) return words;
  throw new UserError(
    `user ${account.uid} has no entry in passwd, and Postgres' initdb needs one: add it (or use libnss_wrapper), or use a server with --url`,
    EXIT_FAILED,
  );
}

function ourselves(): ServerAccount {
  const uid = process.getuid?.() ?? 0;
  assert(uid !== 0, 'root never runs Postgres as itself');
  let name = String(uid);
  try {
    name = os.userInfo().username;
  } catch {
    // No entry in passwd: Postgres itself will refuse with its own sentence.
  }
  return { name, uid, gid: process.getgid?.() ?? uid, switchTo: {} };
}

/** The passwd entry of a name or uid, by the system's own way (LDAP too), else by the file. */
function lookUp(key: string): { name: string; uid: number; gid: number } | null {
  const run = spawnSync('getent', ['passwd', key], { encoding: 'utf8', timeout: 30_000 });
  const lines = run.status === 0 ? run.stdout : run.error ? fs.readFileSync('/etc/passwd', 'utf8') : '';
  for (const line of lines.split('\n')) {
    const [name, , uid, gid] = line.split(':');
    if (name && uid && gid && (name === key || uid === key))
      return { name, uid: Number(uid), gid: Number(gid) };
  }
  return null;
}
