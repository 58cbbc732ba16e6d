/**
 * Where the unix sockets of one user lie on this node: those of Postgres servers and those of job channels. One rule for
 * both, and `balsam doctor` tries what it gives.
 *
 * 1. BALSAM_SOCKET_DIR, when it is not empty: an absolute path without a comma. A place there that does not work is an
 *    error, because a person chose it.
 * 2. XDG_RUNTIME_DIR, when it is ours, closed to others, and stays after the last logout.
 * 3. /tmp.
 * 4. Another directory of this node (/tmp, TMPDIR, /var/tmp, /dev/shm), with a name that nobody could guess before.
 *
 * In the first three the place is called `balsam-UID`; in the fourth `balsam-UID.` and chance, and it is found again by
 * its owner and mode. Each place is proven by a socket. Nothing is agreed upon: `server-info` records where a server's
 * socket is, and a job is told where its agent's is.
 *
 * A place that somebody else made is never repaired and never used: what is in it may be a trap.
 */
import { randomBytes } from 'node:crypto';
import { chmod, lstat, mkdir, mkdtemp, readdir, stat } from 'node:fs/promises';
import { createServer } from 'node:net';
import { userInfo } from 'node:os';
import path from 'node:path';
import { EXIT_FAILED, UserError, messageOf } from './errors.ts';
import { SOCKET_PATH_BYTES } from './limits.ts';

/** The longest path below a place: a server's `HASH/.s.PGSQL.65535`; a job channel's `TAG-INCARNATION/s` is shorter. */
const LONGEST_BELOW = '/0123456789ab/.s.PGSQL.65535';

const uid = (): number => process.getuid?.() ?? 0;
const placeName = (): string => `balsam-${uid()}`;

/**
 * The place for sockets of this user by `env`, made when it is missing. UserError when BALSAM_SOCKET_DIR names a place
 * that does not work, or when no directory of this node takes sockets.
 */
export async function socketPlace(env: NodeJS.ProcessEnv = process.env): Promise<string> {
  const named = env['BALSAM_SOCKET_DIR'] ?? '';
  if (named !== '') {
    const place = path.join(checkNamed(named), placeName());
    const why = await problemOf(place);
    if (why === null) return place;
    throw new UserError(`BALSAM_SOCKET_DIR=${named} can't be used: ${why}; name another place`, EXIT_FAILED);
  }
  const problems: string[] = [];
  for (const base of await firstChoices(env)) {
    const place = path.join(base, placeName());
    const why = await problemOf(place);
    if (why === null) return place;
    problems.push(why);
  }
  for (const base of await otherChoices(env)) {
    const place = await freshPlace(base);
    if (place.problem === null) return place.directory;
    problems.push(place.problem);
  }
  throw new UserError(
    `no directory of this node takes the sockets of balsam (${[...new Set(problems)].join('; ')}): name one by BALSAM_SOCKET_DIR`,
    EXIT_FAILED,
  );
}

/** All places of this user that are there, whichever was chosen: where to look for what was left. */
export async function socketPlaces(env: NodeJS.ProcessEnv = process.env): Promise<string[]> {
  const found: string[] = [];
  const named = env['BALSAM_SOCKET_DIR'] ?? '';
  const bases = [named, env['XDG_RUNTIME_DIR'] ?? '', ...(await otherChoices(env))];
  for (const base of new Set(bases.filter((one) => path.isAbsolute(one)))) {
    const fixed = path.join(base, placeName());
    if ((await strangeness(fixed)) === null) found.push(fixed);
    found.push(...(await earlierPlaces(base)));
  }
  return found;
}

/** BALSAM_SOCKET_DIR as it may be; UserError names what is wrong with it. */
function checkNamed(named: string): string {
  const bad = (what: string): UserError =>
    new UserError(`BALSAM_SOCKET_DIR=${named} ${what}: give the absolute path of a directory of this node`);
  if (!path.isAbsolute(named)) throw bad('is no absolute path');
  // Postgres reads a list of directories, with quotes and commas.
  // oxlint-disable-next-line no-control-regex -- a line break would end the setting
  if (/[,"\u0000-\u001F]/.test(named)) throw bad('has a comma, a quote or a control character');
  const long = tooLong(path.join(named, placeName()));
  if (long !== null)
    throw new UserError(
      `BALSAM_SOCKET_DIR=${named} is too long for a unix socket (${long}): choose a shorter one`,
    );
  return path.normalize(named);
}

function tooLong(place: string): string | null {
  const bytes = Buffer.byteLength(place + LONGEST_BELOW);
  return bytes > SOCKET_PATH_BYTES ? `${bytes} bytes, at most ${SOCKET_PATH_BYTES}` : null;
}

async function firstChoices(env: NodeJS.ProcessEnv): Promise<string[]> {
  const runtime = env['XDG_RUNTIME_DIR'] ?? '';
  return (await isLasting(runtime)) ? [runtime, '/tmp'] : ['/tmp'];
}

/**
 * Whether a runtime directory can hold the sockets of what runs on after a logout. The one that systemd makes is removed
 * with the last session, unless the user lingers. The account that runs root's Postgres can't enter root's.
 */
async function isLasting(runtime: string): Promise<boolean> {
  if (uid() === 0 || !path.isAbsolute(runtime) || /[,"\n]/.test(runtime)) return false;
  if ((await strangeness(runtime)) !== null) return false;
  if (!path.normalize(runtime).startsWith('/run/user/')) return true;
  const lingers: string[] = await readdir('/var/lib/systemd/linger').catch(() => []);
  return lingers.includes(userName());
}

/** '' for a user without an entry in passwd. */
function userName(): string {
  try {
    return userInfo().username;
  } catch {
    return '';
  }
}

async function otherChoices(env: NodeJS.ProcessEnv): Promise<string[]> {
  const bases = ['/tmp', env['TMPDIR'] ?? '', '/var/tmp', '/dev/shm'];
  const found: string[] = [];
  for (const base of new Set(bases.filter((one) => path.isAbsolute(one) && !/[,"\n]/.test(one)))) {
    const at = await stat(base).catch(() => null);
    // The account that runs root's Postgres must be able to enter it.
    if (at?.isDirectory() === true && (uid() !== 0 || (at.mode & 0o001) !== 0))
      found.push(path.normalize(base));
  }
  return found;
}

/** Makes the place when it is missing and tries it; null when it works, else what is wrong. */
async function problemOf(place: string): Promise<string | null> {
  const long = tooLong(place);
  if (long !== null) return `${place} is too long for a unix socket (${long})`;
  try {
    await mkdir(place, { mode: 0o700 });
  } catch (error) {
    if (!(error instanceof Error && 'code' in error && error.code === 'EEXIST'))
      return `can't make ${place}: ${messageOf(error)}`;
  }
  return (await strangeness(place)) ?? (await opened(place)) ?? (await untried(place));
}

/** What is wrong with an existing place: not ours, no directory, or open to others. */
async function strangeness(place: string): Promise<string | null> {
  const at = await lstat(place).catch(() => null);
  if (at === null) return `${place} is not there`;
  // Root's lets its Postgres' account pass through, and nobody list or write.
  const allowed = uid() === 0 ? 0o011 : 0;
  if (at.isDirectory() && at.uid === uid() && (at.mode & 0o077 & ~allowed) === 0) return null;
  return `${place} is not a directory of user ${uid()} with mode ${uid() === 0 ? '711' : '700'}: somebody else made it, or changed it`;
}

/** Root's place lets the account through that runs Postgres. */
async function opened(place: string): Promise<string | null> {
  if (uid() !== 0) return null;
  try {
    await chmod(place, 0o711);
    return null;
  } catch (error) {
    return messageOf(error);
  }
}

/** Whether the file system takes a socket: some shared ones, and a full disk, do not. */
async function untried(place: string): Promise<string | null> {
  const server = createServer();
  const { promise, resolve } = Promise.withResolvers<string | null>();
  server.once('error', (error) => resolve(`${place} takes no socket: ${error.message}`));
  server.listen(path.join(place, `.try-${randomBytes(4).toString('hex')}`), () => resolve(null));
  const why = await promise;
  server.close();
  return why;
}

async function freshPlace(base: string): Promise<{ directory: string; problem: string | null }> {
  for (const directory of await earlierPlaces(base))
    if ((await problemOf(directory)) === null) return { directory, problem: null };
  try {
    const directory = await mkdtemp(path.join(base, `${placeName()}.`));
    return { directory, problem: await problemOf(directory) };
  } catch (error) {
    return { directory: base, problem: `can't make a directory in ${base}: ${messageOf(error)}` };
  }
}

/** Those of ours with a name of chance. Strangers may make such names too; they can't make them ours. */
async function earlierPlaces(base: string): Promise<string[]> {
  const found: string[] = [];
  const mine = new RegExp(`^${placeName()}\\.[A-Za-z0-9]{6}$`);
  const names: string[] = await readdir(base).catch(() => []);
  for (const name of names) {
    const place = path.join(base, name);
    if (mine.test(name) && (await strangeness(place)) === null) found.push(place);
  }
  return found;
}
