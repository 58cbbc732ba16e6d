/**
 * How a coordinator comes to its launcher row: the first one makes it; a successor ends its predecessor's sessions, raises
 * the epoch and reads what the launcher holds (PROTOCOL 3), waiting for Postgres as long as it takes.
 */
import { setTimeout as pause } from 'node:timers/promises';
import { systemClock } from '../base/clock.ts';
import { EXIT_FAILED, messageOf, UserError, WorldError } from '../base/errors.ts';
import { CHAIN } from '../base/limits.ts';
import type { Logger } from '../base/log.ts';
import { openDatabase, type OpenDatabase } from '../server/open.ts';
import type { CoordinatorEvent } from '../core/coordinator/event.ts';
import { processIdentity } from '../../native-free/inventory.ts';
import { hostname } from 'node:os';
import type { Database } from '../store/connection.ts';
import { drainedNodes, noteTakeover } from '../store/launcher/events.ts';
import {
  addRoster,
  epochFound,
  livingIncarnations,
  raiseEpoch,
  registerLauncher,
} from '../store/launcher/row.ts';
import { heldJobs } from '../store/launcher/lease.ts';
import { endSessions } from '../store/launcher/rescue.ts';
import type { RosterMember } from '../store/rows.ts';
import { factsOf } from './applications.ts';
import type { CoordinatorFile, Predecessor } from '../launcher/coordinator-file.ts';

/** Connections for leases, commits, applications and the roster; the heartbeat has one of its own. */
const WORK_CONNECTIONS = 3;
/** Between two tries to reach Postgres, milliseconds. */
const RETRY_MS = 250;

export interface Session {
  id: number;
  epoch: number;
  /** When the statement was sent that made the row ours (monotonic): S counts from there. */
  confirmedAt: number;
  work: OpenDatabase;
  heart: OpenDatabase;
  /** What a predecessor held; null for the first coordinator. */
  adopt: Omit<Extract<CoordinatorEvent, { kind: 'adopt' }>, 'kind'> | null;
}

/**
 * Opens the connections and takes the row; `onWait` hears why it has to wait, once for each reason. WorldError 'fenced' when
 * the launcher was declared dead meanwhile; UserError when it can't begin.
 */
export async function openSession(
  file: CoordinatorFile,
  log: Logger,
  onWait: (why: string) => void,
): Promise<Session> {
  const { predecessor } = file;
  const kept: Kept = { askedAt: null, epoch: null };
  const until = predecessor ? Infinity : systemClock.monotonic() + CHAIN.pause;
  for (let said = ''; ;) {
    try {
      return await takeRow(file, kept, log);
    } catch (error) {
      // Without a warden nobody needs a successor: its agents end by themselves, and a rescue takes what they held.
      if (!mayPass(error, predecessor !== null || kept.askedAt !== null) || process.connected === false)
        throw error;
      const why = messageOf(error);
      if (systemClock.monotonic() > until) throw new UserError(why, EXIT_FAILED);
      if (why !== said) {
        const what = predecessor ? 'the takeover' : 'the start';
        log.warn({ error: why, rule: 'PROTOCOL 3' }, `${what} waits for the database`);
        onWait(why);
        said = why;
      }
      await pause(RETRY_MS);
    }
  }
}

/** Whether it is worth another try. What a person has to mend in a database that was never reached is told at once. */
function mayPass(error: unknown, reached: boolean): boolean {
  if (error instanceof UserError) return reached || error.passing;
  // Before the first answer no other server is wrong than one in recovery.
  return error instanceof WorldError && error.code !== 'fenced';
}

/** All sessions of one launcher begin with this; the pid tells a coordinator from its predecessor. At most 63 bytes. */
function sessionPrefix(file: CoordinatorFile): string {
  return `balsam ${file.name.slice(-40)} `;
}

/**
 * A successor's are to its predecessor's server alone: a launcher of that number in another one is somebody else's. While
 * that one answers it waits, as for a server that is away.
 */
async function connections(file: CoordinatorFile): Promise<{ work: OpenDatabase; heart: OpenDatabase }> {
  const opened = {
    path: file.dbPath,
    role: 'coordinator',
    applicationName: `${sessionPrefix(file)}${process.pid}`,
    // It echoes meanwhile, and must not stand still: the warden starts a server that has died.
    ...(file.predecessor && { systemIdentifier: file.predecessor.systemIdentifier, mayStart: false }),
  } as const;
  const work = await openDatabase({ ...opened, max: WORK_CONNECTIONS });
  try {
    return { work, heart: await openDatabase({ ...opened, max: 1 }) };
  } catch (error) {
    // It is tried again four times a second, as long as the database is away.
    await work.close();
    throw error;
  }
}

/** What a try leaves to the next one. */
interface Kept {
  /** When the first coordinator asked for its row at first: it may have been made then, and its heartbeat is as old. */
  askedAt: number | null;
  /** The epoch that a successor found at first. */
  epoch: number | null;
}

async function takeRow(file: CoordinatorFile, kept: Kept, log: Logger): Promise<Session> {
  const { predecessor } = file;
  const { work, heart } = await connections(file);
  try {
    const row = predecessor
      ? await succeed(file, predecessor, work, kept, log)
      : await begin(file, work, kept);
    return { ...row, work, heart };
  } catch (error) {
    await Promise.all([work.close(), heart.close()]);
    throw error;
  }
}

type Row = Omit<Session, 'work' | 'heart'>;

async function begin(file: CoordinatorFile, work: Database, kept: Kept): Promise<Row> {
  const confirmedAt = (kept.askedAt ??= systemClock.monotonic());
  const leftMs = file.endAt === null ? null : file.endAt - systemClock.monotonic();
  const launcher = await registerLauncher(work, { ...file, nodes: file.nodes.length, leftMs });
  await enrolOurselves(work, launcher);
  return { ...launcher, confirmedAt, adopt: null };
}

async function succeed(
  file: CoordinatorFile,
  { launcher: id }: Predecessor,
  work: Database,
  kept: Kept,
  log: Logger,
): Promise<Row> {
  const killed = await endSessions(work, sessionPrefix(file), `${sessionPrefix(file)}${process.pid}`);
  kept.epoch ??= await epochFound(work, id);
  const confirmedAt = systemClock.monotonic();
  const epoch = kept.epoch === null ? null : await raiseEpoch(work, id, kept.epoch);
  if (epoch === null)
    throw new WorldError('fenced', 'the launcher was declared dead before its coordinator was replaced');
  await enrolOurselves(work, { id, epoch });
  const held = await heldJobs(work, id);
  const incarnations = await livingIncarnations(work, id);
  const drained = await drainedNodes(work, id);
  await noteTakeover(work, { launcher: id, epoch, held: held.length });
  log.warn(
    { id, epoch, held: held.length, ended_sessions: killed, rule: 'PROTOCOL 3' },
    'took over from a dead coordinator',
  );
  const apps = await factsOf(work, held);
  return { id, epoch, confirmedAt, adopt: { held, apps, incarnations, drained } };
}

/** Coordinator and warden are on the roster before anything is leased: proof of death needs all. */
async function enrolOurselves(db: Database, launcher: { id: number; epoch: number }): Promise<void> {
  const member = (kind: RosterMember['kind'], pid: number): RosterMember[] => {
    const p = processIdentity(pid);
    if (!p) return [];
    const { bootId: boot_id, pidNamespace: pid_namespace, uid } = p;
    return [
      {
        kind,
        host: hostname(),
        boot_id,
        pid_namespace,
        uid,
        pid,
        start_time: String(p.startTime),
        node: '',
        incarnation: '',
      },
    ];
  };
  const members = [...member('coordinator', process.pid), ...member('warden', process.ppid)];
  if (!(await addRoster(db, launcher.id, launcher.epoch, members))) {
    throw new WorldError('fenced', 'the launcher row is not ours any more');
  }
}
