/**
 * An idle launcher and a new job: the notification of the insert has it leased at once; one that never came, or came to a
 * connection that was just lost, costs at most the slow poll. Times are Postgres' own: from the insert to the lease.
 */
import test from 'ava';
import { within } from './_bounds.ts';
import { makeWorld, until, type Launcher, type World } from './_world.ts';

/** An empty lease waits for a notification, or so long (PROTOCOL 2), milliseconds. */
const POLL_MS = 5_000;
/** For the statement and a busy machine. */
const GRACE_MS = 3_000;
const JOBS = 6;

let world: World;
let launcher: Launcher;
test.before(async () => {
  world = await makeWorld();
  await world.command('quick', '/bin/true');
  launcher = world.launcher(['--consume-all', '--persistent']);
  const [first] = (await world.jobs([{ application: 'quick' }])) as [string];
  await world.until([first], ['JOB_FINISHED']);
});
test.after.always('nothing is left behind', async (t) => {
  launcher.child.kill('SIGTERM');
  await launcher.exit();
  t.deepEqual(await world.close(), []);
});

/** Milliseconds from the making of a job to its lease. */
async function waited(id: string): Promise<number> {
  await world.until([id], ['JOB_FINISHED']);
  const [row] = await world.db.run(
    (sql) => sql<{ ms: number }[]>`
      select (extract(epoch from a.leased_at - j.created_at) * 1000)::float8 as ms
      from job j join attempt a on a.job_id = j.id where j.id = ${id}`,
  );
  return row!.ms;
}

/** A job that nobody is told of: plain SQL notifies nobody. */
async function unannounced(): Promise<string> {
  const [row] = await world.db.run(
    (sql) => sql<{ id: string }[]>`
      insert into job (id, name, workflow, application) values (gen_random_uuid(), 'silent', 'wf', 'quick') returning id`,
  );
  return row!.id;
}

/** Sessions of the coordinator that listen. */
function listeners(): Promise<number[]> {
  return world.db.run(async (sql) =>
    (
      await sql<{ pid: number }[]>`
        select pid from pg_stat_activity where application_name like 'balsam %' and query ilike 'listen %'`
    ).map((row) => row.pid),
  );
}

test.serial(`${JOBS} jobs, one after the other, and each is leased at once`, async (t) => {
  // By the poll alone they would have waited for about half of it each, and never all of them for less than this.
  await within(t, 'the longest wait of a job', POLL_MS / 5, async () => {
    let longest = 0;
    for (let i = 0; i < JOBS; i++) {
      const [id] = (await world.jobs([{ application: 'quick' }])) as [string];
      longest = Math.max(longest, await waited(id));
    }
    return longest;
  });
});

test.serial('a job whose notification is lost is found by the poll', async (t) => {
  await within(t, 'its wait', POLL_MS + GRACE_MS, async () => waited(await unannounced()));
});

test.serial(
  'the connection that listens is lost: another one listens, and meanwhile nothing is missed',
  async (t) => {
    const before = await listeners();
    t.true(before.length > 0, 'the coordinator listens');
    await within(t, 'the wait of a job that was made meanwhile', POLL_MS + GRACE_MS, async () => {
      await world.db.run(
        (sql) => sql`
      select pg_terminate_backend(pid) from pg_stat_activity where application_name like 'balsam %' and query ilike 'listen %'`,
      );
      return waited(await unannounced());
    });
    await until(async () => {
      const now = await listeners();
      return now.length > 0 && now.every((pid) => !before.includes(pid));
    }, 'the coordinator listens again');
    await within(t, 'the wait of the next one', POLL_MS / 5, async () => {
      const [id] = (await world.jobs([{ application: 'quick' }])) as [string];
      return waited(id);
    });
    t.notRegex(world.logs(), /took over from a dead coordinator/);
  },
);
