/** What `balsam doctor` looks at in the database: its files, its server, its clock, its address, its disk. */
import fs from 'node:fs';
import { connect as connectTo } from 'node:net';
import { detectScheduler } from '../../batch/choose.ts';
import {
  CLOCK_SKEW_WARN_MS,
  DISK_FAIL_BYTES,
  DISK_WARN_BYTES,
  DOCTOR_CONNECT_MS,
  INODES_FAIL,
  INODES_WARN,
} from '../../base/client-limits.ts';
import { findDatabasePath, layoutOf, readServerInfo } from '../../server/layout.ts';
import { openDatabase } from '../../server/open.ts';
import { serverFacts } from '../../store/admin.ts';
import type { ServerFacts } from '../../store/admin.ts';
import { fail, ok, warn } from './doctor.ts';
import type { Check, Finding } from './doctor.ts';

/** Oldest Postgres that has what the statements use. */
const OLDEST_MAJOR = 15;

interface Asked {
  readonly facts: ServerFacts;
  /** Our clock in the middle of the question, and how long the answer took, milliseconds. */
  readonly at: number;
  readonly took: number;
}

export function databaseChecks(): Check[] {
  let asked: Promise<Asked> | null = null;
  const ask = (): Promise<Asked> => (asked ??= askServer());
  return [
    { name: 'database', look: filesOf },
    { name: 'server', look: async () => serverOf((await ask()).facts) },
    { name: 'connections', look: async () => connectionsOf((await ask()).facts) },
    { name: 'clock', look: async () => clockOf(await ask()) },
    { name: 'address', look: addressOf },
    { name: 'disk', look: () => diskOf(findDatabasePath()) },
  ];
}

function filesOf(): Finding {
  const root = findDatabasePath();
  readServerInfo(root);
  const { credentials, log, data } = layoutOf(root);
  const mode = fs.statSync(credentials).mode & 0o777;
  if ((mode & 0o077) !== 0)
    return warn(
      `${root}: others can read the password (mode ${mode.toString(8)})`,
      `chmod 600 ${credentials}`,
    );
  for (const directory of [log, data]) {
    try {
      fs.accessSync(directory, fs.constants.W_OK);
    } catch {
      return fail(
        `${directory} cannot be written`,
        'ask its owner for the right, or use a database of your own',
      );
    }
  }
  return ok(root);
}

async function askServer(): Promise<Asked> {
  await using db = await openDatabase({ applicationName: 'balsam doctor', role: 'client', max: 1 });
  const from = Date.now();
  const facts = await serverFacts(db);
  const to = Date.now();
  return { facts, at: (from + to) / 2, took: to - from };
}

function serverOf({ version, major, fsync, full_page_writes, recovering }: ServerFacts): Finding {
  const what = `Postgres ${version}, fsync ${fsync ? 'on' : 'off'}`;
  if (recovering)
    return fail(`${what}, in recovery: nothing can be written`, 'connect to the primary server');
  if (major < OLDEST_MAJOR) return fail(what, `use Postgres ${OLDEST_MAJOR} or newer`);
  if (!fsync || !full_page_writes) {
    const off = fsync ? 'full_page_writes' : 'fsync';
    return fail(
      `${what}: a crash of its host may lose or damage what it confirmed`,
      `set ${off} = on in postgresql.conf`,
    );
  }
  return ok(what);
}

function connectionsOf({ connections, max_connections: most }: ServerFacts): Finding {
  const what = `${connections} of ${most} in use`;
  return connections > most * 0.8
    ? warn(what, 'raise max_connections, or see who has them: balsam server --list-active-connections')
    : ok(what);
}

function clockOf({ facts, at, took }: Asked): Finding {
  const skew = Math.round(facts.now - at);
  const what = `the server's is ${Math.abs(skew)} ms ${skew < 0 ? 'behind' : 'ahead of'} ours (asked in ${took} ms)`;
  // Half of what the question took is no skew.
  return Math.abs(skew) - took / 2 > CLOCK_SKEW_WARN_MS
    ? warn(what, 'let ntp or chrony set both clocks: times in histories are taken from both')
    : ok(what);
}

async function addressOf(): Promise<Finding> {
  const root = findDatabasePath();
  const info = readServerInfo(root);
  const batch = detectScheduler();
  if (info.kind === 'local' && info.listen === null) {
    const what = `the server listens only on this host (${info.host})`;
    return batch === 'local'
      ? ok(`${what}; there is no batch system`)
      : warn(what, `so that compute nodes of ${batch} reach it: balsam server --reset --listen ADDRESS/CIDR`);
  }
  // A host that is a directory is a unix socket, which only this host has.
  if (info.host.startsWith('/')) return ok(`unix socket in ${info.host}`);
  const host = info.kind === 'url' ? info.host : (info.listen?.split('/')[0] ?? info.host);
  const took = await connectionTime(host, info.port);
  const where = `${host}:${info.port}`;
  return took === null
    ? fail(`${where} does not answer`, 'look at firewalls and at listen_addresses of the server')
    : ok(`${where} answers in ${took.toFixed(1)} ms`);
}

/** Milliseconds until a connection is there; null when none comes. */
function connectionTime(host: string, port: number): Promise<number | null> {
  const from = performance.now();
  return new Promise((resolve) => {
    const socket = connectTo({ host, port, timeout: DOCTOR_CONNECT_MS });
    const done = (took: number | null): void => {
      socket.destroy();
      resolve(took);
    };
    socket.once('connect', () => done(performance.now() - from));
    socket.once('timeout', () => done(null));
    socket.once('error', () => done(null));
  });
}

/** Free space and inodes of the file system of `place`. */
export function diskOf(place: string): Finding {
  const { bavail, bsize, blocks, ffree, files } = fs.statfsSync(place);
  const free = bavail * bsize;
  const share = blocks === 0 ? 1 : bavail / blocks;
  // Some file systems make inodes as they are needed, and say 0 of 0.
  const inodes = files === 0 ? Infinity : ffree;
  const what = `${(free / 2 ** 30).toFixed(1)} GiB (${Math.round(share * 100)} %) and ${files === 0 ? 'any number of' : inodes} inodes free at ${place}`;
  const advice = 'remove what is not needed (balsam rm, old directories under data/), or move the database';
  if (free < DISK_FAIL_BYTES || inodes < INODES_FAIL) return fail(what, advice);
  return free < DISK_WARN_BYTES || inodes < INODES_WARN ? warn(what, advice) : ok(what);
}
