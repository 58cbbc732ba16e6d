/**
 * Deadlocks, serialisation failures, timeouts and deadlines (PROTOCOL 7), provoked on purpose: what comes through by trying
 * again, what is said to have been given up, and what is unknown.
 */
import test from 'ava';
import { WorldError } from '../../src/base/errors.ts';
import { byIds } from '../../src/model/query.ts';
import { connect, type ConnectOptions } from '../../src/store/connection.ts';
import { commitBatch, type CommitBatch } from '../../src/store/launcher/commit.ts';
import { insertJobs, killJobs } from '../../src/store/jobs/change.ts';
import { raiseEpoch } from '../../src/store/launcher/row.ts';
import { heldJobs, leaseJobs, type LeasedJob } from '../../src/store/launcher/lease.ts';
import { openTransaction, until, untilQuiet, untilWaiting } from './_locks.ts';
import { batch, bench, end, lease, patch, release, request, start, type Bench } from './_store.ts';

const NAME = 'test-coordinator';
const unavailable = { instanceOf: WorldError, code: 'unavailable' } as const;
const unknown = { instanceOf: WorldError, code: 'outcome-unknown' } as const;

/** Two held jobs, in order of id. */
async function held(b: Bench): Promise<[LeasedJob, LeasedJob]> {
  await insertJobs(b.client, [{ name: 'a' }, { name: 'b' }]);
  const jobs = await lease(b);
  const [low, high] = jobs.toSorted((x, y) => (x.id < y.id ? -1 : 1));
  return [low!, high!];
}

const BATCHES: Record<string, (b: Bench, low: LeasedJob, high: LeasedJob) => CommitBatch> = {
  'two ends': (b, low, high) => batch(b, { ends: [end(high, 2), end(low, 1)] }),
  'a patch and an end': (b, low, high) =>
    batch(b, { patches: [patch(high, 2, { k: 1 })], ends: [end(low, 1)] }),
  'a start and a release': (b, low, high) => batch(b, { starts: [start(low, 1)], releases: [release(high)] }),
};

function outcomes({ starts, patches, ends, releases }: Awaited<ReturnType<typeof commitBatch>>): string[] {
  return [...starts, ...patches, ...ends, ...releases];
}

/** A commit that waits for a user who has changed one of its two jobs, and would change the other one. */
async function meet(
  b: Bench,
  make: (typeof BATCHES)[string],
  deadlockTimeout: string,
  first: 'low' | 'high',
) {
  const [low, high] = await held(b);
  const user = await openTransaction(b.address, 'user');
  // Who looks for deadlocks later is not the one that is given up.
  await user.db.sql.unsafe(`set local deadlock_timeout = '${deadlockTimeout}'`);
  const change = async ({ id }: LeasedJob): Promise<void> => {
    await user.db.sql`update job set description = 'x' where id = ${id}`;
  };
  await change(first === 'low' ? low : high);
  const commit = commitBatch(b.db, make(b, low, high));
  await untilWaiting(b.client, NAME);
  return { user, commit, changeOther: () => change(first === 'low' ? high : low) };
}

for (const [name, make] of Object.entries(BATCHES)) {
  test.serial(
    `${name} in a deadlock with a user's transaction: the batch comes through by trying again`,
    async (t) => {
      await using b = await bench();
      const { user, commit, changeOther } = await meet(b, make, '60s', 'high');
      await changeOther();
      await user.commit();
      t.deepEqual(outcomes(await commit), ['applied', 'applied']);
      const rows = await b.client.sql`select description from job`;
      t.deepEqual(
        rows.map((r) => r['description']),
        ['x', 'x'],
      );
    },
  );

  test.serial(`${name} in a deadlock that the user's transaction loses`, async (t) => {
    await using b = await bench();
    const { user, commit, changeOther } = await meet(b, make, '10ms', 'high');
    await t.throwsAsync(changeOther, { code: '40P01' });
    await user.rollback();
    t.deepEqual(outcomes(await commit), ['applied', 'applied']);
  });

  test.serial(`${name} and a user who locks in order of id: no deadlock`, async (t) => {
    await using b = await bench();
    const { user, commit, changeOther } = await meet(b, make, '10ms', 'low');
    await changeOther();
    await user.commit();
    t.deepEqual(outcomes(await commit), ['applied', 'applied']);
  });
}

test.serial(
  "a kill in a deadlock with another user's transaction comes through by trying again",
  async (t) => {
    await using b = await bench();
    const [low, high] = await held(b);
    const user = await openTransaction(b.address, 'user');
    await user.db.sql`set local deadlock_timeout = '60s'`;
    await user.db.sql`update job set description = 'x' where id = ${high.id}`;
    const kill = killJobs(b.client, byIds([low.id, high.id]));
    await untilWaiting(b.db, 'test-client');
    await user.db.sql`update job set description = 'x' where id = ${low.id}`;
    await user.commit();
    t.is((await kill).killed.length, 2);
  },
);

/** The next `times` changes of a job fail with this SQLSTATE. A sequence counts them: it is not undone. */
async function fails(b: Bench, code: string, times: number): Promise<void> {
  await b.client.sql.unsafe(`
    create sequence failures;
    create function fail() returns trigger language plpgsql as $$ begin
      if nextval('failures') <= ${times} then raise exception 'provoked' using errcode = '${code}'; end if;
      return new; end $$;
    create trigger fail before update on job for each statement execute function fail()`);
}

for (const code of ['40001', '40P01']) {
  test.serial(`${code} again and again: the batch comes through once it may`, async (t) => {
    await using b = await bench();
    const [low, high] = await held(b);
    await fails(b, code, 5);
    t.deepEqual(outcomes(await commitBatch(b.db, BATCHES['two ends']!(b, low, high))), [
      'applied',
      'applied',
    ]);
    const [row] = await b.client.sql`select last_value::int as n from failures`;
    t.true((row!['n'] as number) > 5);
  });

  test.serial(`${code} without an end is given up, as if Postgres were away: not a bug`, async (t) => {
    await using b = await bench();
    const [low, high] = await held(b);
    await fails(b, code, 1_000);
    await t.throwsAsync(commitBatch(b.db, BATCHES['two ends']!(b, low, high)), unavailable);
    await t.throwsAsync(killJobs(b.client, byIds([low.id])), unavailable);
    t.is((await heldJobs(b.db, b.launcher)).length, 2);
  });
}

test.serial('a site may have set another isolation: ours is what the fence counts on', async (t) => {
  await using b = await bench();
  const { database } = b.address;
  await b.client.sql.unsafe(
    `alter database ${database} set default_transaction_isolation = 'repeatable read'`,
  );
  for (const role of ['client', 'coordinator'] as const) {
    await using db = connect(b.address, { applicationName: 'later', role, max: 1 });
    const [row] = await db.run((sql) => sql`show transaction_isolation`);
    t.is(row!['transaction_isolation'], 'read committed');
  }
});

/** A coordinator's session with settings of its own. */
async function session(b: Bench, settings: string[], options: Partial<ConnectOptions> = {}) {
  const db = connect(b.address, { applicationName: 'short', role: 'coordinator', max: 1, ...options });
  for (const setting of settings) await db.run((sql) => sql.unsafe(`set ${setting}`));
  return db;
}

for (const setting of ['statement_timeout', 'lock_timeout', 'transaction_timeout'] as const) {
  test.serial(
    `past ${setting} behind a user's row: ${setting === 'transaction_timeout' ? 'the session is gone, so it is unknown' : 'given up'}; nothing was done, and the next try does it`,
    async (t) => {
      await using b = await bench();
      const [low, high] = await held(b);
      await using short = await session(b, [`${setting} = 2000`]);
      const user = await openTransaction(b.address, 'user');
      await user.db.sql`update job set description = 'x' where id = ${high.id}`;
      const rows = BATCHES['a patch and an end']!(b, low, high);
      const told = setting === 'transaction_timeout' ? unknown : unavailable;
      await t.throwsAsync(commitBatch(short, rows), told);
      await user.commit();
      const [row] = await b.client.sql`select count(*)::int as n from attempt`;
      t.is(row!['n'], 0, 'nothing of the transaction is there');
      t.deepEqual(outcomes(await commitBatch(b.db, rows)), ['applied', 'applied']);
    },
  );
}

test.serial(
  "past the client's deadline: unknown; the own raise waits until the server has given it up or done it",
  async (t) => {
    await using b = await bench();
    const [low, high] = await held(b);
    await using short = await session(b, [], { deadline: 4_000 });
    const user = await openTransaction(b.address, 'user');
    await user.db.sql`update job set description = 'x' where id = ${high.id}`;
    await t.throwsAsync(commitBatch(short, BATCHES['two ends']!(b, low, high)), unknown);
    const raise = raiseEpoch(b.db, b.launcher, b.epoch);
    await untilWaiting(b.client, NAME);
    await user.commit();
    t.is(await raise, b.epoch + 1);
    t.is((await heldJobs(b.db, b.launcher)).length, 0, 'it was done, and the read after the raise sees it');
    const again = await commitBatch(
      b.db,
      batch({ ...b, epoch: b.epoch + 1 }, { ends: [end(low, 1), end(high, 2)] }),
    );
    t.deepEqual(again.ends, ['duplicate', 'duplicate']);
  },
);

test.serial(
  'a deadline drops every connection of its pool: what was in flight beside it is unknown too',
  async (t) => {
    await using b = await bench();
    await using short = await session(b, [], { deadline: 8_000, max: 2 });
    const user = await openTransaction(b.address, 'user');
    await user.db.sql`lock table job in share mode`;
    const [one, two] = await Promise.allSettled([
      leaseJobs(short, request(b)),
      leaseJobs(short, request(b, { workflows: ['x'] })),
    ]);
    for (const { reason } of [one, two] as PromiseRejectedResult[])
      t.like(reason, { code: 'outcome-unknown' });
    await user.commit();
    await untilQuiet(b.client, 'short');
    t.deepEqual(await leaseJobs(short, request(b)), { fenced: true, jobs: [] });
  },
);

test.serial(
  'a lease of two statements of which the second is given up: what the first took is told',
  async (t) => {
    await using b = await bench();
    await insertJobs(b.client, [{ name: 'small' }, { name: 'large', num_nodes: 2 }]);
    await b.client.sql.unsafe(`
    create function stall() returns trigger language plpgsql as $$ begin
      if new.num_nodes > 1 and new.launcher is not null then perform pg_sleep(120); end if;
      return new; end $$;
    create trigger stall before update on job for each row execute function stall()`);
    await using short = await session(b, ['statement_timeout = 4000']);
    const { fenced, jobs } = await leaseJobs(short, request(b, { order: 'serial' }));
    t.true(fenced);
    t.deepEqual(
      jobs.map((j) => j.name),
      ['small'],
    );
    t.deepEqual(
      (await heldJobs(b.db, b.launcher)).map((j) => j.name),
      ['small'],
      'nothing is held that nobody knows',
    );
    await t.throwsAsync(leaseJobs(short, request(b, { order: 'serial' })), unavailable);
  },
);

for (const code of ['53100', '53200', '25006', '55P03']) {
  test.serial(`a server that answers ${code} did not do it`, async (t) => {
    await using b = await bench();
    const [low, high] = await held(b);
    await fails(b, code, 1);
    const rows = BATCHES['two ends']!(b, low, high);
    await t.throwsAsync(commitBatch(b.db, rows), unavailable);
    t.deepEqual(outcomes(await commitBatch(b.db, rows)), ['applied', 'applied']);
  });
}

test.serial(
  'a session that was idle for too long: unknown at most once, then there is another',
  async (t) => {
    await using b = await bench();
    await using short = await session(b, ['idle_session_timeout = 200']);
    await until('it is closed', async () => {
      const rows = await b.client.sql`
      select from pg_stat_activity where datname = current_database() and application_name = 'short'`;
      return rows.length === 0;
    });
    // What is written while the server's farewell is under way is as lost as any other.
    await leaseJobs(short, request(b)).catch((error: unknown) => t.like(error, { code: 'outcome-unknown' }));
    t.deepEqual(await leaseJobs(short, request(b)), { fenced: true, jobs: [] });
  },
);

test.serial('a mistake of ours stays one', async (t) => {
  await using b = await bench();
  await t.throwsAsync(
    b.db.run((sql) => sql`select * from nowhere`),
    { code: '42P01' },
  );
});
