/**
 * What the record `server-info` means to this process: is its server one that this process may judge, does it run, is it
 * this directory's at all, and how is it reached. It changes nothing.
 *
 * Death is proven only where the server's processes would be seen: on the recorded machine, in the recorded pid namespace.
 * From anywhere else the server counts as alive, and the answer is a sentence.
 */
import fs from 'node:fs';
import net from 'node:net';
import path from 'node:path';
import { EXIT_FAILED, UserError } from '../base/errors.ts';
import { holdOf } from './hold.ts';
import {
  isSurelyThisHost,
  isThisHost,
  judgeRecorded,
  pidNamespace,
  thisHost,
  type Judgement,
} from './host.ts';
import { codeOf, layoutOf, type ServerInfo } from './layout.ts';

/** `namespace`: this machine, but a container or pid namespace of it whose processes are not seen from here. */
export type Where = 'here' | 'namespace' | 'host' | 'url';

/** Where the server of the record is, or would be started. */
export function whereIs(root: string, info: ServerInfo): Where {
  if (info.kind === 'url') return 'url';
  const here = thisHost();
  const record = { hostname: info.host, bootId: info.boot_id, machineId: info.machine_id };
  // A stopped server has no process that could be overlooked; the name is enough.
  if (info.pid === null) return isThisHost(record, here) ? 'here' : 'host';
  if (!isSurelyThisHost(record, here)) return 'host';
  if (info.boot_id !== here.bootId) return 'here'; // it ended with its boot
  if (info.pid_namespace !== null && info.pid_namespace === pidNamespace()) return 'here';
  if (isOfOlderVersion(info) && isSeenServing(root, info)) return 'here';
  return isReleased(root, info) ? 'here' : 'namespace';
}

/** Its record does not say in which pid namespace it was started. */
function isOfOlderVersion(info: ServerInfo): boolean {
  return info.pid_namespace === null;
}

/** Whether the recorded process lives in our pid namespace and serves this very directory. */
function isSeenServing(root: string, { boot_id: bootId, pid, start_time: startTime }: ServerInfo): boolean {
  if (pid === null || judgeRecorded({ bootId, pidNamespace: pidNamespace(), pid, startTime }) === 'dead')
    return false;
  const served = servedBy(pid);
  return served !== null && isSameFile(served, layoutOf(root).balsamdb);
}

/**
 * Whether the kernel proves that the recorded server, which held the files of `root`, holds them no more: it is dead, or
 * was never this directory's. Only where every namespace sees the same fifo: a network file system mounted twice has two.
 */
function isReleased(root: string, info: ServerInfo): boolean {
  return info.holds === true && isLocalDisk(root) && holdOf(layoutOf(root)) === 'free';
}

/** ext, xfs, btrfs, tmpfs, zfs, f2fs: one of them has one set of files on one machine. */
const LOCAL_DISKS = [0xef53, 0x58465342, 0x9123683e, 0x01021994, 0x2fc12fc1, 0xf2f52010];

function isLocalDisk(root: string): boolean {
  try {
    return LOCAL_DISKS.includes(fs.statfsSync(layoutOf(root).balsamdb).type);
  } catch {
    return false;
  }
}

/** What /proc says of the recorded postmaster; null when none is recorded. */
export function judgeServer(root: string, info: ServerInfo): Judgement | null {
  if (info.pid === null) return null;
  const { boot_id: bootId, pid, start_time: startTime } = info;
  const where = whereIs(root, info);
  const seen = where === 'here' && isOfOlderVersion(info) && isSeenServing(root, info);
  const pid_namespace = seen ? pidNamespace() : info.pid_namespace;
  // Its boot is over, or the kernel has proven it.
  if (where === 'here' && (bootId !== thisHost().bootId || pid_namespace !== pidNamespace())) return 'dead';
  return judgeRecorded({ bootId, pidNamespace: pid_namespace, pid, startTime });
}

/** Whether it runs here, by the recorded process: not proven dead. What this costs is a few files of /proc. */
export function isRunning(root: string, info: ServerInfo): boolean {
  return info.pid !== null && whereIs(root, info) === 'here' && judgeServer(root, info) !== 'dead';
}

/** Whether it ran here and is proven dead without being stopped; reads nothing but /proc. */
export function hasDied(root: string, info: ServerInfo): boolean {
  return whereIs(root, info) === 'here' && judgeServer(root, info) === 'dead';
}

/** The other directory whose server the record of `root` names, and whether that is certain; null when it is this one's. */
export function originalOf(root: string, info: ServerInfo): { directory: string; certain: boolean } | null {
  if (info.kind === 'url' || info.pid === null) return null;
  const { balsamdb } = layoutOf(root);
  if (isRunning(root, info)) {
    const served = servedBy(info.pid);
    if (served !== null) {
      const same = isSameFile(served, balsamdb);
      return same ? null : { directory: info.directory ?? nameOf(info.pid), certain: true };
    }
    if (holdOf(layoutOf(root)) === 'held') return null;
  } else if (whereIs(root, info) === 'here' || holdOf(layoutOf(root)) === 'held') {
    return null; // a dead server is nobody's, and a held directory has its own
  }
  // Moved, or mounted elsewhere: same inode. A file system that numbers files anew for each host: same path.
  if (info.directory === null || info.directory === root) return null;
  const inode = inodeOf(balsamdb);
  return inode === null || inode === info.inode ? null : { directory: info.directory, certain: false };
}

/** UserError when the record of `root` was copied together with its directory: its server has other files. */
export function refuseCopy(root: string, info: ServerInfo): void {
  const original = originalOf(root, info);
  if (original === null) return;
  throw new UserError(
    `${root} is a copy of ${original.directory}, and its server-info names the server of that one (pid ${info.pid} on ${info.host}): ` +
      `use ${original.directory}, or copy it again while its server is stopped. ` +
      '(To give this copy a server of its own all the same, though files copied from a running one may not fit together: `balsam server --connect --move-here`)',
    EXIT_FAILED,
  );
}

/** The inode of Postgres' files, as text; null when it can't be asked. */
export function inodeOf(balsamdb: string): string | null {
  try {
    return String(fs.statSync(balsamdb, { bigint: true }).ino);
  } catch {
    return null;
  }
}

/** The directory in which the postmaster `pid` works, as a path that leads there; null when we may not ask. */
function servedBy(pid: number): string | null {
  try {
    const cwd = `/proc/${pid}/cwd`;
    fs.statSync(cwd);
    return cwd;
  } catch {
    return null;
  }
}

function nameOf(pid: number): string {
  return path.dirname(fs.readlinkSync(`/proc/${pid}/cwd`));
}

function isSameFile(one: string, other: string): boolean {
  const [a, b] = [one, other].map((file) => fs.statSync(file, { bigint: true, throwIfNoEntry: false }));
  return a !== undefined && b !== undefined && a.dev === b.dev && a.ino === b.ino;
}

/**
 * The directory of the server's socket as this process reaches it: under its own name, or, where /tmp is not the server's
 * (a mount namespace of a job or a service), through the postmaster. Null when the socket is gone.
 */
export function socketDirectoryOf(root: string, info: ServerInfo): string | null {
  if (info.socket_dir === null || info.kind === 'url') return null;
  const name = `.s.PGSQL.${info.port}`;
  const socket = path.join(info.socket_dir, name);
  if (fs.existsSync(socket)) return info.socket_dir;
  if (info.pid === null || whereIs(root, info) !== 'here') return null;
  // What we may not look into is still there: the connection says that it is not ours.
  if (!isGone(socket)) return info.socket_dir;
  const through = `/proc/${info.pid}/root${info.socket_dir}`;
  return isGone(path.join(through, name)) ? null : through;
}

function isGone(file: string): boolean {
  try {
    fs.statSync(file);
    return false;
  } catch (error) {
    return ['ENOENT', 'ENOTDIR'].includes(codeOf(error));
  }
}

/** Whether it runs here and nobody new can reach it: its socket was removed (a clean-up of /tmp) and it has no address. */
export function isCutOff(root: string, info: ServerInfo): boolean {
  return info.listen === null && isRunning(root, info) && socketDirectoryOf(root, info) === null;
}

/** Host and port (or socket directory) by which this process reaches the server. UserError when it can't. */
export function reachableAddress(root: string, info: ServerInfo): { host: string; port: number } {
  const where = whereIs(root, info);
  if (where === 'url') return { host: info.host, port: info.port };
  if (where !== 'host') {
    const socket = socketDirectoryOf(root, info);
    if (socket !== null) return { host: socket, port: info.port };
    // Nobody is there: the failed connection says so in the usual way.
    if (where === 'here' && info.listen === null)
      return { host: info.socket_dir ?? '/nowhere', port: info.port };
  }
  if (info.listen === null) throw elsewhere(root, info);
  return { host: tcpHost(info), port: info.port };
}

/** The sentence for a server that is on another host, or in another container, and does not answer here. */
export function elsewhere(root: string, info: ServerInfo): UserError {
  const here = thisHost().hostname;
  if (whereIs(root, info) === 'namespace') {
    const reach =
      info.listen === null
        ? "its socket can't be reached"
        : `it does not answer at ${tcpHost(info)}:${info.port}`;
    return new UserError(
      `the server of ${root} belongs to another container or pid namespace of ${info.host} (pid ${info.pid} there), and ${reach} from here: ` +
        'use the database there, or stop it there first (`balsam server --stop`). ' +
        '(If that container is gone for good: `balsam server --connect --move-here`)',
      EXIT_FAILED,
    );
  }
  const why =
    info.listen === null
      ? `listens only there; this is ${here}. On ${info.host} run \`balsam server --reset --listen ADDRESS/CIDR\` with an address that ${here} reaches`
      : `does not answer at ${tcpHost(info)}:${info.port}; this is ${here}. On ${info.host} run \`balsam server --connect\``;
  const same = info.host === here ? ' (another machine of this name, or an earlier life of this one)' : '';
  return new UserError(
    `the server of ${root} belongs to the host ${info.host}${same} and ${why}. (If ${info.host} is gone for good: \`balsam server --connect --move-here\`)`,
    EXIT_FAILED,
  );
}

export function tcpHost(info: ServerInfo): string {
  return info.kind === 'local' && info.listen !== null ? (info.listen.split('/')[0] ?? info.host) : info.host;
}

/** Whether something takes a connection there. */
export async function canConnect(host: string, port: number): Promise<boolean> {
  return await new Promise((resolve) => {
    const socket = host.startsWith('/')
      ? net.connect({ path: path.join(host, `.s.PGSQL.${port}`) })
      : net.connect({ host, port });
    const done = (answer: boolean): void => {
      socket.destroy();
      resolve(answer);
    };
    socket.setTimeout(3_000, () => done(false));
    socket.once('connect', () => done(true));
    socket.once('error', () => done(false));
  });
}
