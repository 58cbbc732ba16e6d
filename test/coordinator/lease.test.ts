/** What the shell of a coordinator makes of a lease whose jobs it cannot place yet (PROTOCOL 2, 7). */
import test from 'ava';
import { Performer, type PerformerOptions } from '../../src/coordinator/perform.ts';
import type { CoordinatorEvent } from '../../src/core/coordinator/event.ts';
import { connect } from '../../src/store/connection.ts';
import { heldJobs } from '../../src/store/launcher/lease.ts';
import { bench } from '../store/_store.ts';

test('leased, and then their applications cannot be read: that is not "nothing was leased"', async (t) => {
  await using b = await bench();
  await b.client.sql`insert into application (name, executable) values ('app', 'true')`;
  await b.client.sql`insert into job (id, name, application) values (gen_random_uuid(), 'j', 'app')`;
  // Whoever meets the lock below is told soon that it can't be done now.
  await b.client.sql.unsafe(`alter database "${b.address.database}" set lock_timeout = '100ms'`);
  await using work = connect(b.address, { applicationName: 'coordinator', role: 'coordinator', max: 2 });
  const lease = (): Promise<CoordinatorEvent> =>
    new Promise((post) => {
      const file = { wfFilter: '', mode: 'mpi', anyOwner: false };
      const log = { info: () => {}, warn: () => {} };
      const of = { work, launcher: b.launcher, epoch: () => 1, post, onAway: () => {}, file, log };
      const performer = new Performer(of as unknown as PerformerOptions);
      performer.perform({ kind: 'lease', limit: 5, maxNodes: 1, maxWallMinutes: null });
    });
  const locked = Promise.withResolvers<void>();
  const answered = Promise.withResolvers<void>();
  const holder = b.client.transaction(async (sql) => {
    await sql`lock table application in access exclusive mode`;
    locked.resolve();
    await answered.promise;
  });
  await locked.promise;
  t.like(await lease(), { kind: 'outcome-unknown', lost: 'lease' }, 'so that a raise reads what is held');
  answered.resolve();
  await holder;
  t.is((await heldJobs(b.client, b.launcher)).length, 1);
  t.like(await lease(), { kind: 'leased', jobs: [] });
});
