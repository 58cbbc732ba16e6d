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
import { SERVER_LOCK_POLL_MS, SERVER_START_MS } from '../base/limits.ts';
import { processStartTime } from '../base/proc.ts';
import { accountOf, assertReachable, removeSocketDirectory, socketDirectory } from './account.ts';
import { findPostgres } from './binaries.ts';
import { isThisHost, mustNotStart, thisHost } from './host.ts';
import { rememberDatabase } from './known.ts';
import { layoutOf, readServerInfo, writeServerInfo, type Layout, type ServerInfo } from './layout.ts';
import { withLock } from './lock.ts';
import { capLog, findPostmaster, startPostmaster, stopPostmaster } from './postmaster.ts';

/** What `serverStatus` found. `elsewhere`: another host runs it, if it runs; `address` answers or not. */
export interface ServerStatus {
  state: 'running' | 'stopped' | 'elsewhere';
  info: ServerInfo;
  /** For `elsewhere` and URLs: whether a connection to its address was taken. */
  answers: boolean | null;
}

/** Whether the server of `info` is of the kind that this host starts. */
export function belongsHere(info: ServerInfo): boolean {
  return (
    info.kind === 'local' &&
    isThisHost({ hostname: info.host, bootId: info.boot_id, machineId: info.machine_id }, thisHost())
  );
}

/** Whether it ran on this host and died without being stopped; reads nothing but /proc. */
export function hasDied(info: ServerInfo): boolean {
  return info.pid !== null && belongsHere(info) && !isRunning(info);
}

/**
 * The server's record after making sure that it runs. Starts it when it is down and this host may; concurrent calls,
 * also from other processes, start it once. For a server elsewhere or by URL nothing is started: connecting tells.
 * UserError when it is down and may not be started from here.
 */
export async function ensureServer(root: string): Promise<ServerInfo> {
  const info = readServerInfo(root);
  if (!belongsHere(info)) return info;
  const layout = layoutOf(root);
  if (isRunning(info)) {
    capLog(layout.postgresLog);
    return info;
  }
  refuseOutside(root, info);
  accountOf(layout.balsamdb); // whoever may not start it learns that before waiting for the lock
  return await withLock(layout.lock, async () => {
    const now = readServerInfo(root);
    return isRunning(now) ? now : await start(root, now);
  });
}

/** Stops the server. False when it did not run. UserError from where it may not be done. */
export async function stopServer(root: string): Promise<boolean> {
  refuseForeign(root, 'stop');
  const layout = layoutOf(root);
  accountOf(layout.balsamdb);
  return await withLock(layout.lock, async () => {
    return await stop(root);
  });
}

/**
 * Stops and starts it under one lock, so that nobody starts it in between. With `listen` (ADDRESS/CIDR) it listens on that
 * address too from now on, and lets that network in by password.
 */
export async function resetServer(root: string, options: { listen?: string } = {}): Promise<ServerInfo> {
  const info = refuseForeign(root, 'reset');
  refuseOutside(root, info);
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

/** Whether it runs, without starting anything. */
export async function serverStatus(root: string): Promise<ServerStatus> {
  const info = readServerInfo(root);
  if (belongsHere(info)) {
    return { state: isRunningAnyhow(root, info) ? 'running' : 'stopped', info, answers: null };
  }
  const answers = await canConnect(tcpHost(info), info.port);
  if (info.kind === 'url') return { state: answers ? 'running' : 'stopped', info, answers };
  return { state: 'elsewhere', info, answers };
}

/**
 * Makes this host the one that may start the server: for when the recorded one is gone for good (a rebuilt machine, a new
 * container). Refuses while the old one answers; what does not answer and still runs there would be destroyed, so only a
 * person may ask for it (`balsam server --connect --move-here`).
 */
export async function moveServerHere(root: string): Promise<ServerInfo> {
  const layout = layoutOf(root);
  accountOf(layout.balsamdb);
  return await withLock(layout.lock, async () => {
    const info = readServerInfo(root);
    if (info.kind === 'url')
      throw new UserError('this database is a server given by URL: there is nothing to move');
    refuseOutside(root, info);
    if (belongsHere(info)) return isRunning(info) ? info : await start(root, info);
    if ((info.listen !== null || info.pid !== null) && (await canConnect(tcpHost(info), info.port))) {
      throw new UserError(
        `the server of ${root} answers on ${info.host}: stop it there first (\`balsam server --stop\`)`,
        EXIT_FAILED,
      );
    }
    return await start(root, info);
  });
}

/** Host and port (or socket directory) by which this process reaches the server. UserError when it can't. */
export function reachableAddress(root: string, info: ServerInfo): { host: string; port: number } {
  if (info.kind === 'url') return { host: info.host, port: info.port };
  if (belongsHere(info)) {
    // Another user of this host can't enter the socket's directory, and /tmp may have been cleaned: loopback then.
    const socket = info.socket_dir === null ? null : path.join(info.socket_dir, `.s.PGSQL.${info.port}`);
    return {
      host: socket !== null && fs.existsSync(socket) ? (info.socket_dir ?? '') : '127.0.0.1',
      port: info.port,
    };
  }
  if (info.listen === null) throw elsewhere(root, info);
  return { host: tcpHost(info), port: info.port };
}

/** The sentence for a server that is on another host and does not answer here. */
export function elsewhere(root: string, info: ServerInfo): UserError {
  const here = thisHost().hostname;
  const why =
    info.listen === null
      ? `listens only there; this is ${here}. On ${info.host} run \`balsam server --reset --listen ADDRESS/CIDR\` with an address that ${here} reaches`
      : `does not answer at ${tcpHost(info)}:${info.port}; this is ${here}. On ${info.host} run \`balsam server --connect\``;
  return new UserError(
    `the server of ${root} belongs to the host ${info.host} and ${why}. (If ${info.host} is gone for good: \`balsam server --connect --move-here\`)`,
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
  const where = { socketDir: socketDirectory(root, account), listen: info.listen };
  if (findPostmaster(layout) === null) removeStale(layout, info, where.socketDir);
  const deadline = performance.now() + SERVER_START_MS;
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
    try {
      if (found === null)
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
 * socket's directory is ours alone. The pid file goes only after a reboot of surely this machine: in the same boot it
 * guards against children of the dead server, which Postgres finds by it.
 */
function removeStale(layout: Layout, info: ServerInfo, socketDir: string): void {
  for (const name of fs.readdirSync(socketDir)) {
    if (name.startsWith('.s.PGSQL.')) fs.rmSync(path.join(socketDir, name), { force: true });
  }
  const here = thisHost();
  const rebooted = info.boot_id !== null && here.bootId !== null && info.boot_id !== here.bootId;
  if (rebooted && info.machine_id !== null && info.machine_id === here.machineId) {
    fs.rmSync(path.join(layout.balsamdb, 'postmaster.pid'), { force: true });
  }
}

/** Stops it (the caller holds the lock) and takes away the socket's directory, which `start` makes anew. */
export async function stop(root: string): Promise<boolean> {
  const stopped = await stopPostmaster(layoutOf(root));
  const info = readServerInfo(root);
  writeServerInfo(root, { ...info, pid: null, start_time: null, socket_dir: null });
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

/** By the recorded process: its pid with its start time in this boot. What this costs is one file of /proc. */
function isRunning(info: ServerInfo): boolean {
  if (info.pid === null || info.start_time === null || info.boot_id !== thisHost().bootId) return false;
  return processStartTime(info.pid) === info.start_time;
}

/** Also one that was started by hand, which only the owner of its files can see. */
function isRunningAnyhow(root: string, info: ServerInfo): boolean {
  if (isRunning(info)) return true;
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
  if (!belongsHere(info)) {
    throw new UserError(
      `the server of ${root} belongs to the host ${info.host}, and this is ${thisHost().hostname}: ${verb} it there`,
      EXIT_FAILED,
    );
  }
  return info;
}

/** For starting: never from inside an allocation or a job, though the host be the right one. */
function refuseOutside(root: string, info: ServerInfo): void {
  const why = mustNotStart();
  if (why === null) return;
  throw new UserError(
    `the server of ${root} is down, and it is not started from here: ${why}. On ${info.host}, outside of it, run \`balsam server --connect\` and try again`,
    EXIT_FAILED,
  );
}

function tcpHost(info: ServerInfo): string {
  return info.kind === 'local' && info.listen !== null ? (info.listen.split('/')[0] ?? info.host) : info.host;
}

async function canConnect(host: string, port: number): Promise<boolean> {
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
