/**
 * Zombies (PROTOCOL 1, 3): the client was killed, its backend still waits with a statement of an old epoch behind a lock that
 * somebody holds. What it does when the lock is free must be nothing, or be seen by the successor's read after its raise.
 */
import test from 'ava';
import { IDLE_IN_TRANSACTION_MS } from '../../src/base/limits.ts';
import { connect, type Database } from '../../src/store/connection.ts';
import { commitBatch } from '../../src/store/launcher/commit.ts';
import { insertJobs } from '../../src/store/jobs/change.ts';
import { raiseEpoch } from '../../src/store/launcher/row.ts';
import { heldJobs, leaseJobs, type LeasedJob } from '../../src/store/launcher/lease.ts';
import { endSessions } from '../../src/store/launcher/rescue.ts';
import { openTransaction, untilQuiet, untilWaiting } from './_locks.ts';
import { batch, bench, end, lease, patch, release, request, start, type Bench } from './_store.ts';
import { startZombie, zombie, type ZombieCall } from './_zombie.ts';

const ZOMBIE = 'balsam x 1';
const SUCCESSOR = 'balsam x 2';
/** Also a coordinator of this launcher may have another name: of another version, or behind a connection pooler. */
const STRANGER = 'pgbouncer';

/** Everything that a coordinator could have written, as text. */
async function contents(db: Database): Promise<string> {
  const tables = [];
  for (const table of ['job', 'attempt', 'job_event', 'roster', 'launcher'])
    tables.push([...(await db.sql.unsafe(`select * from ${table} t order by t::text`))]);
  return JSON.stringify(tables);
}

/** Two free jobs and two held ones. */
async function filled(b: Bench): Promise<LeasedJob[]> {
  await insertJobs(b.client, [{ name: 'held1' }, { name: 'held2' }]);
  const held = await lease(b);
  await insertJobs(b.client, [{ name: 'free1' }, { name: 'free2' }]);
  return held;
}

const CALLS: Record<string, (b: Bench, held: readonly LeasedJob[]) => ZombieCall> = {
  lease: (b) => ({ kind: 'lease', request: request(b) }),
  'lease of several workflows': (b) => ({ kind: 'lease', request: request(b, { workflows: ['', 'x'] }) }),
  'lease of any owner': (b) => ({ kind: 'lease', request: request(b, { anyOwner: true }) }),
  starts: (b, held) => ({ kind: 'commit', batch: batch(b, { starts: held.map((j, i) => start(j, i + 1)) }) }),
  ends: (b, held) => ({
    kind: 'commit',
    batch: batch(b, { ends: held.map((j, i) => end(j, i + 1, { dataJson: '{"y":1}' })) }),
  }),
  'patch and end in one transaction': (b, held) => ({
    kind: 'commit',
    batch: batch(b, { patches: [patch(held[0]!, 1, { k: 1 })], ends: [end(held[1]!, 2)] }),
  }),
  releases: (b, held) => ({ kind: 'commit', batch: batch(b, { releases: held.map((j) => release(j)) }) }),
};
const half = (b: Bench, held: readonly LeasedJob[]): ZombieCall => ({
  kind: 'half',
  batch: batch(b, { ends: held.map((j, i) => end(j, i + 1)) }),
});
const OF_THE_ROW = ['heartbeat', 'leave', 'roster', 'raise'] as const;

for (const [name, call] of Object.entries(CALLS)) {
  for (const application of [ZOMBIE, STRANGER]) {
    const reached = application === ZOMBIE;
    test.serial(
      `${name} of a killed client behind a user's table lock, ${reached ? 'its session ended by' : 'out of reach of'} the successor: it writes nothing`,
      async (t) => {
        await using b = await bench();
        const held = await filled(b);
        const user = await openTransaction(b.address, 'user');
        // As `create index` or a migration takes it: nobody changes jobs meanwhile, everybody reads.
        await user.db.sql`lock table job in share mode`;
        await zombie(b.client, { application, call: call(b, held) });
        await using successor = connect(b.address, { applicationName: SUCCESSOR, role: 'coordinator' });
        t.is(await endSessions(successor, 'balsam x ', SUCCESSOR), reached ? 1 : 0);
        t.is(await raiseEpoch(successor, b.launcher, b.epoch), b.epoch + 1);
        t.is((await heldJobs(successor, b.launcher)).length, 2);
        const before = await contents(b.client);
        await user.commit();
        await untilQuiet(b.client, application);
        t.is(await contents(b.client), before);
      },
    );
  }

  test.serial(`${name} of a killed client that waits for the raise itself: it writes nothing`, async (t) => {
    await using b = await bench();
    const held = await filled(b);
    const successor = await openTransaction(b.address, SUCCESSOR);
    t.is(await raiseEpoch(successor.db, b.launcher, b.epoch), b.epoch + 1);
    await zombie(b.client, { application: STRANGER, call: call(b, held) });
    const before = await contents(successor.db);
    await successor.commit();
    await untilQuiet(b.client, STRANGER);
    t.is(await contents(b.client), before);
  });
}

for (const kind of OF_THE_ROW) {
  test.serial(
    `${kind} of a killed client that waits for the raise itself: the row stays the successor's`,
    async (t) => {
      await using b = await bench();
      const successor = await openTransaction(b.address, SUCCESSOR);
      t.is(await raiseEpoch(successor.db, b.launcher, b.epoch), b.epoch + 1);
      await zombie(b.client, { application: STRANGER, call: { kind, launcher: b.launcher, epoch: b.epoch } });
      const before = await contents(successor.db);
      await successor.commit();
      await untilQuiet(b.client, STRANGER);
      if (kind !== 'raise') t.is(await contents(b.client), before);
      // A raise may be repeated, its predecessor's too: it leads to the same epoch and never past it.
      const [row] = await b.client.sql`select epoch, state from launcher where id = ${b.launcher}`;
      t.deepEqual({ ...row }, { epoch: b.epoch + 1, state: 'alive' });
      t.true((await commitBatch(b.db, batch({ ...b, epoch: b.epoch + 1 }, { releases: [] }))).fenced);
    },
  );
}

/** Every change of a job by a session whose name begins with `zombie` stops until the advisory lock 7 is free. */
async function stall(b: Bench): Promise<void> {
  await b.client.sql.unsafe(`
    create function stall() returns trigger language plpgsql as $$ begin
      if current_setting('application_name') like 'zombie%' then perform pg_advisory_xact_lock(7); end if;
      return new; end $$;
    create trigger stall before update on job for each row execute function stall()`);
}

test.serial(
  'a lease that has the fence before the raise: the raise waits for it, and the read after it sees what was leased',
  async (t) => {
    await using b = await bench();
    await stall(b);
    await filled(b);
    const user = await openTransaction(b.address, 'user');
    await user.db.sql`select pg_advisory_xact_lock(7)`;
    await zombie(b.client, { application: 'zombie', call: { kind: 'lease', request: request(b) } });
    await using successor = connect(b.address, { applicationName: SUCCESSOR, role: 'coordinator' });
    const raise = raiseEpoch(successor, b.launcher, b.epoch);
    await untilWaiting(b.client, SUCCESSOR);
    t.is((await heldJobs(b.db, b.launcher)).length, 2, 'not yet');
    await user.commit();
    t.is(await raise, b.epoch + 1);
    t.is((await heldJobs(successor, b.launcher)).length, 4, 'none is lost: the successor knows all');
  },
);

for (const how of [
  "the user's transaction ends",
  'its session is ended',
  'its statement times out',
] as const) {
  test.serial(
    `a commit that has the fence and waits behind a user's row: ${how}, and nothing is lost`,
    async (t) => {
      await using b = await bench();
      const held = await filled(b);
      const user = await openTransaction(b.address, 'user');
      await user.db.sql`update job set description = 'mine' where id = ${held[1]!.id}`;
      const call: ZombieCall = {
        kind: 'commit',
        batch: batch(b, { ends: held.map((j, i) => end(j, i + 1)) }),
      };
      const settings: Record<string, number> =
        how === 'its statement times out' ? { statement_timeout: 6_000 } : {};
      await zombie(b.client, { application: ZOMBIE, call, settings });
      await using successor = connect(b.address, { applicationName: SUCCESSOR, role: 'coordinator', max: 2 });
      const raise = raiseEpoch(successor, b.launcher, b.epoch);
      if (how !== 'its statement times out') await untilWaiting(b.client, SUCCESSOR);
      if (how === 'its session is ended')
        t.is(await endSessions(successor, 'balsam x ', SUCCESSOR), 1, 'by the name of its launcher');
      if (how === "the user's transaction ends") await user.commit();
      t.is(await raise, b.epoch + 1);
      const left = await heldJobs(successor, b.launcher);
      t.is(left.length, how === "the user's transaction ends" ? 0 : 2, 'all or nothing, and seen');
      const [row] = await b.client.sql`select count(*)::int as n from attempt where outcome = 'RUN_DONE'`;
      t.is(row!['n'], 2 - left.length);
      if (how !== "the user's transaction ends") await user.rollback();
      await untilQuiet(b.client, ZOMBIE);
      t.is((await heldJobs(successor, b.launcher)).length, left.length, 'and nothing comes after it');
    },
  );
}

test.serial(
  'a transaction of a killed client between two statements is undone at once, and frees the fence',
  async (t) => {
    await using b = await bench();
    const held = await filled(b);
    const { kill } = await startZombie(b.client, { application: STRANGER, call: half(b, held) });
    await using successor = connect(b.address, { applicationName: SUCCESSOR, role: 'coordinator' });
    const raise = raiseEpoch(successor, b.launcher, b.epoch);
    await untilWaiting(b.client, SUCCESSOR);
    await kill();
    t.is(await raise, b.epoch + 1);
    t.is((await heldJobs(successor, b.launcher)).length, 2);
  },
);

test.serial(
  'a transaction whose client hangs, or whose host is gone, is ended by the server, and frees the fence',
  async (t) => {
    await using b = await bench();
    const held = await filled(b);
    const [row] = await b.db.run((sql) => sql`show idle_in_transaction_session_timeout`);
    t.is(row!['idle_in_transaction_session_timeout'], `${IDLE_IN_TRANSACTION_MS / 1000}s`);
    const settings = { idle_in_transaction_session_timeout: 5_000 };
    const { child, kill } = await startZombie(b.client, {
      application: STRANGER,
      settings,
      call: half(b, held),
    });
    child.kill('SIGSTOP');
    await using successor = connect(b.address, { applicationName: SUCCESSOR, role: 'coordinator' });
    t.is(await raiseEpoch(successor, b.launcher, b.epoch), b.epoch + 1);
    t.is((await heldJobs(successor, b.launcher)).length, 2);
    await kill();
  },
);

for (const shape of ['locked', 'bare'] as const) {
  test.serial(
    `why a change of epoch locks in the same statement: ${shape === 'bare' ? 'a bare update passes a lease that has the fence, and what it takes is lost' : "the store's raise waits"}`,
    async (t) => {
      await using b = await bench();
      await stall(b);
      await insertJobs(b.client, [{ name: 'a' }, { name: 'b' }]);
      const user = await openTransaction(b.address, 'user');
      await user.db.sql`select pg_advisory_xact_lock(7)`;
      await zombie(b.client, { application: 'zombie', call: { kind: 'lease', request: request(b) } });
      await using successor = connect(b.address, { applicationName: SUCCESSOR, role: 'coordinator' });
      if (shape === 'locked') {
        const raise = raiseEpoch(successor, b.launcher, b.epoch);
        await untilWaiting(b.client, SUCCESSOR);
        await user.commit();
        t.is(await raise, b.epoch + 1);
        t.is((await heldJobs(successor, b.launcher)).length, 2);
        return;
      }
      await successor.run(
        (sql) => sql`update launcher set epoch = epoch + 1 where id = ${b.launcher} and epoch = ${b.epoch}`,
      );
      t.deepEqual(await heldJobs(successor, b.launcher), [], 'what the successor believes that it holds');
      await user.commit();
      await untilQuiet(b.client, 'zombie');
      t.is((await heldJobs(successor, b.launcher)).length, 2, 'held, and nobody knows');
    },
  );
}

test.serial(
  'why a change of epoch locks in the same statement: during a bare update a lease of the old epoch takes what it likes',
  async (t) => {
    await using b = await bench();
    await insertJobs(b.client, [{ name: 'a' }, { name: 'b' }]);
    const successor = await openTransaction(b.address, SUCCESSOR);
    await successor.db
      .sql`update launcher set epoch = epoch + 1 where id = ${b.launcher} and epoch = ${b.epoch}`;
    // It does not wait: a row lock for key share and an update of other columns do not meet.
    const { fenced, jobs } = await leaseJobs(b.db, request(b));
    t.deepEqual([fenced, jobs.length], [true, 2]);
    await successor.commit();
    t.is((await heldJobs(b.db, b.launcher)).length, 2);
  },
);
