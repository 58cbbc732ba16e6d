/**
 * Decides and does: is the server of a database up, may this process start it, start it once however many ask at the
 * same time, stop it. `server-info` names the one host that may; from anywhere else (another host, a batch allocation, a
 * job) the answer is a sentence that says what to do, never a second postmaster on the same files.
 * Called by every command through openDatabase, and by `balsam server`.
 */
import net from 'node:net';
import fs from 'node:fs';
import path from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { EXIT_FAILED, UserError } from '../base/errors.ts';
import { SERVER_HELD_MS, SERVER_LOCK_POLL_MS, SERVER_START_MS } from '../base/limits.ts';
import { processStartTime } from '../base/proc.ts';
import { accountOf, assertReachable, removeSocketDirectory, socketDirectory } from './account.ts';
import { findPostgres } from './binaries.ts';
import { holdOf } from './hold.ts';
import { mustNotStart, pidNamespace, thisHost } from './host.ts';
import { rememberDatabase } from './known.ts';
import {
  layoutOf,
  readServerInfo,
  STOPPED,
  writeServerInfo,
  type Layout,
  type ServerInfo,
} from './layout.ts';
import { withLock } from './lock.ts';
import {
  capLog,
  findPostmaster,
  isOwnAddress,
  namesAnother,
  startPostmaster,
  stopPostmaster,
} from './postmaster.ts';
import {
  canConnect,
  hasDied,
  inodeOf,
  isCutOff,
  isRunning,
  originalOf,
  reachableAddress,
  refuseCopy,
  whereIs,
} from './whose.ts';

/** What `serverStatus` found. `elsewhere`: another host or container runs it, if it runs; `address` answers or not. */
export interface ServerStatus {
  state: 'running' | 'stopped' | 'elsewhere';
  info: ServerInfo;
  /** For `elsewhere` and URLs: whether a connection to its address was taken. */
  answers: boolean | null;
}

/**
 * The server's record after making sure that it runs. Starts it when it is down and this host may; concurrent calls,
 * also from other processes, start it once. For a server elsewhere or by URL nothing is started: connecting tells.
 * UserError when it is down and may not be started from here, and for a copy of another database.
 */
export async function ensureServer(root: string): Promise<ServerInfo> {
  const info = readServerInfo(root);
  refuseCopy(root, info);
  if (whereIs(root, info) !== 'here') return info;
  const layout = layoutOf(root);
  if (isRunning(root, info) && !isCutOff(root, info)) {
    capLog(layout.postgresLog);
    return info;
  }
  // One that a person started by hand is only written down.
  if (isRunning(root, info))
    refuseOutside(
      root,
      info,
      `can't be reached any more, because its socket in ${info.socket_dir} was removed`,
    );
  else if (mustNotStart() !== null && findPostmaster(layout)?.ready !== true)
    refuseOutside(root, info, 'is down');
  accountOf(layout.balsamdb); // whoever may not start it learns that before waiting for the lock
  return await withLock(layout.lock, async () => {
    const now = readServerInfo(root);
    if (isRunning(root, now) && !isCutOff(root, now)) return now;
    if (!isRunning(root, now)) return await start(root, now);
    // A postmaster can't make its socket anew: those who are connected come back to the next one.
    await stop(root);
    return await start(root, readServerInfo(root));
  });
}

/** Stops the server. False when it did not run. UserError from where it may not be done. */
export async function stopServer(root: string): Promise<boolean> {
  const info = refuseForeign(root, 'stop');
  const why = mustNotStart();
  if (why !== null)
    throw new UserError(
      `the server of ${root} is not stopped from here: ${why}, and others use it too. On ${info.host}, outside of it, run \`balsam server --stop\``,
      EXIT_FAILED,
    );
  const layout = layoutOf(root);
  accountOf(layout.balsamdb);
  return await withLock(layout.lock, async () => {
    const stopped = await stop(root);
    if (!stopped && holdOf(layout) === 'held') throw heldElsewhere(root);
    return stopped;
  });
}

/**
 * Stops and starts it under one lock, so that nobody starts it in between. With `listen` (ADDRESS/CIDR) it listens on that
 * address too from now on, and lets that network in by password.
 */
export async function resetServer(root: string, options: { listen?: string } = {}): Promise<ServerInfo> {
  const info = refuseForeign(root, 'reset');
  refuseOutside(root, info, 'is to be stopped and started');
  const layout = layoutOf(root);
  accountOf(layout.balsamdb);
  const listen = options.listen === undefined ? null : checkListen(options.listen);
  return await withLock(layout.lock, async () => {
    await stop(root);
    const stopped = readServerInfo(root);
    if (listen !== null && listen !== stopped.listen) {
      fs.appendFileSync(path.join(layout.balsamdb, 'pg_hba.conf'), `host all all ${listen} scram-sha-256\n`);
      stopped.listen = listen;
    }
    writeServerInfo(root, stopped);
    return await start(root, stopped);
  });
}

/** Whether it runs, without starting anything. UserError for a copy of another database. */
export async function serverStatus(root: string): Promise<ServerStatus> {
  const info = readServerInfo(root);
  refuseCopy(root, info);
  const where = whereIs(root, info);
  if (where === 'here' && (isRunningAnyhow(root, info) || holdOf(layoutOf(root)) !== 'held'))
    return { state: isRunningAnyhow(root, info) ? 'running' : 'stopped', info, answers: null };
  const answers = await answersFromHere(root, info);
  if (where === 'url') return { state: answers ? 'running' : 'stopped', info, answers };
  return { state: 'elsewhere', info, answers };
}

async function answersFromHere(root: string, info: ServerInfo): Promise<boolean> {
  try {
    const { host, port } = reachableAddress(root, info);
    return await canConnect(host, port);
  } catch (error) {
    if (error instanceof UserError) return false; // there is no address for us
    throw error;
  }
}

/**
 * Makes this host, and this container of it, the one that may start the server: for when the recorded one is gone for good
 * (a rebuilt machine, a new container). Refuses while the old one answers, or holds the files on this machine; what does
 * neither and still runs would be destroyed, so only a person may ask for it (`balsam server --connect --move-here`).
 * A copy of another database gets a server of its own.
 */
export async function moveServerHere(root: string): Promise<ServerInfo> {
  const layout = layoutOf(root);
  accountOf(layout.balsamdb);
  return await withLock(layout.lock, async () => {
    const info = readServerInfo(root);
    if (info.kind === 'url')
      throw new UserError('this database is a server given by URL: there is nothing to move');
    refuseOutside(root, info, 'is to be started');
    const original = originalOf(root, info);
    if (original?.certain === true) return await start(root, { ...info, ...STOPPED, listen: null });
    if (whereIs(root, info) === 'here') return isRunning(root, info) ? info : await start(root, info);
    if (await answersFromHere(root, info)) {
      throw new UserError(
        `the server of ${root} answers on ${info.host}: stop it there first (\`balsam server --stop\`)`,
        EXIT_FAILED,
      );
    }
    if (holdOf(layout) === 'held') throw heldElsewhere(root);
    // The old host's address is of no use here.
    const listen = info.listen !== null && isOwnAddress(info.listen.split('/')[0] ?? '') ? info.listen : null;
    return await start(root, { ...info, listen });
  });
}

/** The sentence for files that a process of this machine holds that can't be seen from here. */
function heldElsewhere(root: string): UserError {
  return new UserError(
    `a server of ${root} runs on this machine, in another container or pid namespace: the kernel shows that it has the files in use. ` +
      'Use the database there, or stop it there first (`balsam server --stop`)',
    EXIT_FAILED,
  );
}

/** Proves ADDRESS/CIDR. */
export function checkListen(listen: string): string {
  const [address, bits] = listen.split('/');
  const family = net.isIP(address ?? '');
  if (family === 0 || !/^\d{1,3}$/.test(bits ?? '') || Number(bits) > (family === 4 ? 32 : 128)) {
    throw new UserError(
      `--listen ${listen}: give this host's address and the network that may connect, as ADDRESS/CIDR (10.1.0.5/16)`,
    );
  }
  if (Number(bits) === 0)
    throw new UserError(`--listen ${listen}: /0 is the whole world; name the cluster's network`);
  return listen;
}

/** Starts it and writes down where it runs. The caller holds the lock and has decided that this host may. */
export async function start(root: string, info: ServerInfo): Promise<ServerInfo> {
  const layout = layoutOf(root);
  const account = accountOf(layout.balsamdb);
  const binaries = findPostgres(info.postgres_bin, account);
  assertReachable(account, path.join(binaries.directory, 'postgres'));
  checkMajor(layout.balsamdb, binaries.major);
  const here = thisHost();
  const running = await startPatiently(root, info);
  const now: ServerInfo = {
    ...info,
    host: here.hostname,
    boot_id: here.bootId,
    machine_id: here.machineId,
    port: running.port,
    pid: running.pid,
    start_time: running.startTime,
    pid_namespace: pidNamespace(),
    directory: root,
    inode: inodeOf(layout.balsamdb),
    holds: holdOf(layout) === 'held',
    socket_dir: running.socketDir,
  };
  writeServerInfo(root, now);
  rememberDatabase(root);
  return now;
}

/**
 * Starts it, unless one runs already or is just beginning: started by hand, or by somebody who died before writing it down.
 * Tries again what passes by itself: a port that was taken between our look and the server's, children of a killed
 * postmaster that have not yet noticed its death, and the postmaster itself as a zombie (Postgres takes it for alive).
 */
async function startPatiently(root: string, info: ServerInfo): ReturnType<typeof startPostmaster> {
  const layout = layoutOf(root);
  const account = accountOf(layout.balsamdb);
  const binaries = findPostgres(info.postgres_bin, account);
  const where = { socketDir: await socketDirectory(root, account), listen: info.listen };
  if (findPostmaster(layout) === null && holdOf(layout) !== 'held')
    removeStale(layout, info, where.socketDir);
  const deadline = performance.now() + SERVER_START_MS;
  // Children of one that died here end by and by; of one that was never here nobody knows when.
  const heldUntil = hasDied(root, info) ? deadline : performance.now() + SERVER_HELD_MS;
  // The port of last time first: what people noted down stays true.
  let preferredPort = info.port || null;
  for (;;) {
    const found = findPostmaster(layout);
    if (found?.ready) return { ...found, startTime: processStartTime(found.pid) ?? '' };
    if (found !== null && performance.now() > deadline)
      throw new UserError(
        `the server of ${root} (pid ${found.pid}) is not ready yet: it may still be recovering, try again later`,
        EXIT_FAILED,
      );
    const held = found === null && holdOf(layout) === 'held';
    // Nobody else in this directory, or children of a killed postmaster that have not yet noticed its death.
    if (held && performance.now() > heldUntil) throw heldElsewhere(root);
    try {
      if (found === null && !held)
        return await startPostmaster(layout, binaries, account, { ...where, preferredPort });
    } catch (error) {
      const words = error instanceof Error ? error.message : '';
      if (performance.now() > deadline || !passes(layout, words)) throw error;
      if (words.includes('could not create any TCP')) preferredPort = null;
    }
    await sleep(SERVER_LOCK_POLL_MS);
  }
}

/** Whether a start that failed with these words may do in a moment. */
function passes(layout: Layout, words: string): boolean {
  const holder = Number(/Is another postmaster \(PID (\d+)\)/.exec(words)?.[1] ?? 0);
  if (holder === 0) return /could not create any TCP|still in use/.test(words);
  return processStartTime(holder) === null || findPostmaster(layout)?.pid === holder;
}

/**
 * Removes what a dead server left and what would make Postgres refuse when its pid is used by another program now. The
 * socket's directory is ours alone, and nobody holds the files. The pid file goes only after a reboot of surely this
 * machine, or when its process works in another directory: else it guards against children of a server that a person
 * started by hand, which Postgres finds by it.
 */
function removeStale(layout: Layout, info: ServerInfo, socketDir: string): void {
  for (const name of fs.readdirSync(socketDir)) {
    if (name.startsWith('.s.PGSQL.')) fs.rmSync(path.join(socketDir, name), { force: true });
  }
  const here = thisHost();
  const rebooted = info.boot_id !== null && here.bootId !== null && info.boot_id !== here.bootId;
  const sameMachine = info.machine_id !== null && info.machine_id === here.machineId;
  if ((rebooted && sameMachine) || namesAnother(layout))
    fs.rmSync(path.join(layout.balsamdb, 'postmaster.pid'), { force: true });
}

/** Stops it (the caller holds the lock) and takes away the socket's directory, which `start` makes anew. */
export async function stop(root: string): Promise<boolean> {
  const stopped = await stopPostmaster(layoutOf(root));
  const info = readServerInfo(root);
  writeServerInfo(root, { ...info, ...STOPPED });
  if (info.socket_dir !== null) removeSocketDirectory(info.socket_dir);
  return stopped;
}

/** Files of one major version run only under it: say so before Postgres does in its own words. */
function checkMajor(balsamdb: string, major: number): void {
  const version = fs.readFileSync(path.join(balsamdb, 'PG_VERSION'), 'utf8').trim();
  if (Number(version) === major) return;
  throw new UserError(
    `${balsamdb} was made by Postgres ${version}, and the programs found are version ${major}: name the directory of a Postgres ${version} by POSTGRES_BIN`,
    EXIT_FAILED,
  );
}

/** Also one that was started by hand, which only the owner of its files can see. */
function isRunningAnyhow(root: string, info: ServerInfo): boolean {
  if (isRunning(root, info)) return true;
  try {
    return findPostmaster(layoutOf(root)) !== null;
  } catch (error) {
    if (error instanceof UserError) return false;
    throw error;
  }
}

/** For what only the server's own host can do. */
function refuseForeign(root: string, verb: string): ServerInfo {
  const info = readServerInfo(root);
  if (info.kind === 'url')
    throw new UserError(`the server of ${root} was given by URL: whoever runs it must ${verb} it`);
  refuseCopy(root, info);
  const where = whereIs(root, info);
  if (where === 'here') return info;
  const whose =
    where === 'namespace'
      ? `another container or pid namespace of ${info.host} (pid ${info.pid} there)`
      : `the host ${info.host}, and this is ${thisHost().hostname}`;
  throw new UserError(
    `the server of ${root} belongs to ${whose}: ${verb} it there. (If that is gone for good: \`balsam server --connect --move-here\`)`,
    EXIT_FAILED,
  );
}

/** For starting: never from inside an allocation or a job, though the host be the right one. */
function refuseOutside(root: string, info: ServerInfo, what: string): void {
  const why = mustNotStart();
  if (why === null) return;
  throw new UserError(
    `the server of ${root} ${what}, and it is not started from here: ${why}. On ${info.host}, outside of it, run \`balsam server --connect\` and try again`,
    EXIT_FAILED,
  );
}
