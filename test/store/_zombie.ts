/**
 * A coordinator that is killed with a statement in flight: a process of its own that sends one of the store's statements
 * and dies by SIGKILL while its backend waits. What the backend does afterwards nobody hears.
 *
 * Run as a program it is that process: address, application name, settings and the call come as JSON in argv[2].
 */
import { fork, type ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import { fileURLToPath } from 'node:url';
import { connect, type Database, type DatabaseAddress } from '../../src/store/connection.ts';
import { commitBatch, type CommitBatch } from '../../src/store/launcher/commit.ts';
import { addRoster, heartbeat, leave, raiseEpoch } from '../../src/store/launcher/row.ts';
import { leaseJobs, type LeaseRequest } from '../../src/store/launcher/lease.ts';
import { nested, untilInTransaction, untilWaiting } from './_locks.ts';

export type ZombieCall =
  | { kind: 'lease'; request: LeaseRequest }
  | { kind: 'commit'; batch: CommitBatch }
  /** The commit is made in a transaction that nobody ends. */
  | { kind: 'half'; batch: CommitBatch }
  | { kind: 'heartbeat' | 'raise' | 'leave' | 'roster'; launcher: number; epoch: number };

interface Orders {
  address: DatabaseAddress;
  application: string;
  /** Of its session, instead of the coordinator's own; milliseconds. */
  settings?: Readonly<Record<string, number>>;
  call: ZombieCall;
}

/** Starts it and waits until its statement stands before a lock, or its transaction waits for its client. */
export async function startZombie(
  watcher: Database,
  orders: Omit<Orders, 'address'>,
): Promise<{ child: ChildProcess; kill: () => Promise<void> }> {
  const { application, call } = orders;
  const child = fork(
    fileURLToPath(import.meta.url),
    [JSON.stringify({ ...orders, address: watcher.address })],
    { stdio: ['ignore', 2, 2, 'ipc'] },
  );
  const ended = once(child, 'exit');
  const kill = async (): Promise<void> => {
    child.kill('SIGKILL');
    await ended;
  };
  const early = ended.then(([code]) => {
    throw new Error(`it ended with ${String(code)} and never waited`);
  });
  early.catch(() => {});
  try {
    const there =
      call.kind === 'half' ? untilInTransaction(watcher, application) : untilWaiting(watcher, application);
    await Promise.race([there, early]);
  } catch (error) {
    await kill();
    throw error;
  }
  return { child, kill };
}

/** The same, and kills it: the backend stays. */
export async function zombie(watcher: Database, orders: Omit<Orders, 'address'>): Promise<void> {
  const { kill } = await startZombie(watcher, orders);
  await kill();
}

const MEMBER = {
  kind: 'agent',
  host: 'h',
  boot_id: 'b',
  pid_namespace: '4026',
  uid: 1,
  pid: 42,
  start_time: '1',
  node: 'n',
  incarnation: 'i',
} as const;

function perform(db: Database, call: ZombieCall): Promise<unknown> {
  switch (call.kind) {
    case 'lease':
      return leaseJobs(db, call.request);
    case 'commit':
      return commitBatch(db, call.batch);
    case 'half':
      return db.transaction(async (sql) => {
        await commitBatch(nested(db, sql), call.batch);
        await new Promise(() => {});
      });
    case 'heartbeat':
      return heartbeat(db, call.launcher, call.epoch);
    case 'raise':
      return raiseEpoch(db, call.launcher, call.epoch);
    case 'leave':
      return leave(db, call.launcher, call.epoch);
    case 'roster':
      return addRoster(db, call.launcher, call.epoch, [MEMBER]);
  }
}

if (process.argv[1] === fileURLToPath(import.meta.url)) {
  const { address, application, settings, call } = JSON.parse(process.argv[2]!) as Orders;
  const db = connect(address, { applicationName: application, role: 'coordinator', max: 1 });
  for (const [name, value] of Object.entries(settings ?? {}))
    await db.run((sql) => sql.unsafe(`set ${name} = ${value}`));
  await perform(db, call);
  await db.close();
}
