/** What the shell of a coordinator makes of a lease whose second half fails: the jobs are its own, and must not be forgotten. */
import test from 'ava';
import type { CoordinatorFile } from '../../src/coordinator/config.ts';
import { Performer, type PerformerOptions } from '../../src/coordinator/perform.ts';
import type { CoordinatorEvent } from '../../src/core/coordinator/event.ts';
import { insertJobs } from '../../src/store/job-store.ts';
import { heldJobs } from '../../src/store/lease-store.ts';
import { openTransaction, untilWaiting } from '../store/_locks.ts';
import { bench } from '../store/_store.ts';

test('jobs are leased and their applications cannot be read: the outcome is unknown, not nothing', async (t) => {
  await using b = await bench();
  await insertJobs(b.client, [{ application: 'a' }, { application: 'b' }]);
  const performed = Promise.withResolvers<CoordinatorEvent>();
  const options: Partial<PerformerOptions> = {
    file: { wfFilter: '', mode: 'mpi', anyOwner: false } as CoordinatorFile,
    work: b.db,
    launcher: b.launcher,
    epoch: () => b.epoch,
    post: performed.resolve,
    onAway: () => undefined,
    log: { info: () => undefined, warn: () => undefined },
  };
  // Somebody alters the table of applications, for longer than a statement waits.
  const user = await openTransaction(b.address, 'user');
  await user.db.sql`lock table application in access exclusive mode`;
  new Performer(options as PerformerOptions).perform({
    kind: 'lease',
    limit: 10,
    maxNodes: 10,
    maxWallMinutes: null,
  });
  await untilWaiting(b.client, 'test-coordinator');
  t.is((await heldJobs(b.client, b.launcher)).length, 2, 'the lease is done');
  await b.client
    .sql`select pg_cancel_backend(pid) from pg_stat_activity where application_name = 'test-coordinator' and wait_event_type = 'Lock'`;
  t.like(await performed.promise, { kind: 'outcome-unknown', lost: 'lease' });
  await user.rollback();
});
