/**
 * The rescuer on a real database and real processes (PROTOCOL 4): it takes back what a dead launcher held, of one that may
 * live it touches nothing, and what the dead left on this host is ended before anything of theirs may run again.
 */
import { spawn, type ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import test, { type ExecutionContext } from 'ava';
import { pino } from 'pino';
import { assert } from '../../src/base/assert.ts';
import { CHAIN } from '../../src/base/limits.ts';
import { newId } from '../../src/base/ids.ts';
import { rescueDead, type Rescued } from '../../src/coordinator/rescuer.ts';
import { commitBatch } from '../../src/store/launcher/commit.ts';
import { history } from '../../src/store/history/lines.ts';
import { copyJobs, insertJobs } from '../../src/store/jobs/change.ts';
import { addRoster, leave } from '../../src/store/launcher/row.ts';
import { heldJobs } from '../../src/store/launcher/lease.ts';
import { RESCUE_CHUNK, tombstone } from '../../src/store/launcher/rescue.ts';
import type { RosterMember } from '../../src/store/rows.ts';
import { processIdentity } from '../../native-free/inventory.ts';
import { alive, until } from '../process/_rig.ts';
import { another, batch, bench, lease, start, type Bench, type Launcher } from '../store/_store.ts';

const LOG = pino({ level: 'silent' });
const started = new Set<ChildProcess>();
test.after.always(() => {
  for (const child of started) child.kill('SIGKILL');
});

/** A process that lives until it is ended; with the marker of an incarnation, one of its jobs. */
function living(incarnation?: string): ChildProcess {
  const env = incarnation === undefined ? {} : { BALSAM_INCARNATION: incarnation };
  const child = spawn('sleep', ['600'], { env: { PATH: process.env['PATH'], ...env }, stdio: 'ignore' });
  started.add(child);
  return child;
}

async function ended(child: ChildProcess): Promise<void> {
  const exit = once(child, 'exit');
  child.kill('SIGKILL');
  await exit;
}

/** Its row on the roster. */
function member(child: { pid?: number | undefined }, more: Partial<RosterMember> = {}): RosterMember {
  const p = processIdentity(child.pid!)!;
  return {
    kind: 'agent',
    host: 'host',
    boot_id: p.bootId,
    pid_namespace: p.pidNamespace,
    uid: p.uid,
    pid: p.pid,
    start_time: String(p.startTime),
    node: '0',
    incarnation: '',
    ...more,
  };
}

/** A launcher with these on its roster and two jobs, of which the first runs. */
async function holding(b: Bench, name: string, members: readonly RosterMember[]): Promise<Launcher> {
  const launcher = await another(b.db, name);
  assert(await addRoster(b.db, launcher.launcher, launcher.epoch, members), 'on the roster');
  await insertJobs(b.client, [{ name: `${name}-0` }, { name: `${name}-1` }]);
  const jobs = await lease(launcher);
  assert(jobs.length === 2, 'it holds both');
  await commitBatch(b.db, batch(launcher, { starts: [start(jobs[0]!, 1)] }));
  return launcher;
}

const silence = (b: Bench, of: Launcher, ms: number): Promise<unknown> =>
  b.client.run(
    (sql) =>
      sql`update launcher set heartbeat_at = clock_timestamp() - ${ms}::float8 * interval '1 ms' where id = ${of.launcher}`,
  );

/** What a launcher holds, its state and epoch. */
async function seen(b: Bench, of: Launcher): Promise<string> {
  const [row] = await b.client.run(
    (sql) =>
      sql<{ state: string; epoch: number }[]>`select state, epoch from launcher where id = ${of.launcher}`,
  );
  return `${row!.state} ${row!.epoch} holds ${(await heldJobs(b.db, of.launcher)).length}`;
}

const rescue = (b: Bench): Promise<Rescued[]> => rescueDead(b.db, b.launcher, LOG);

/** A process that has ended and was reaped, as it was. */
async function gone(more: Partial<RosterMember> = {}): Promise<RosterMember> {
  const child = living();
  const row = member(child, more);
  await ended(child);
  return row;
}

// --- who may be rescued ---

test('a launcher of which one process lives is not touched; when the last has ended it is rescued', async (t) => {
  await using b = await bench();
  const last = living();
  const of = await holding(b, 'two', [await gone(), member(last), await gone()]);
  t.deepEqual(await rescue(b), []);
  t.is(await seen(b, of), 'alive 1 holds 2');
  await ended(last);
  t.deepEqual(await rescue(b), [{ launcher: 'two', jobs: 2, by: 'proof' }]);
  t.is(await seen(b, of), 'dead 2 holds 0');
  t.deepEqual(await rescue(b), [], 'once');
});

for (const [what, members] of [
  ['nobody is on its roster', async () => []],
  [
    'one is of another boot, so perhaps of another host',
    async () => [await gone(), await gone({ boot_id: 'x' })],
  ],
  ['one is of another pid namespace', async () => [await gone(), await gone({ pid_namespace: 'pid:[1]' })]],
  ['one is of another user', async () => [await gone(), await gone({ uid: 12_345 })]],
] as const)
  test(`no proof where ${what}: it waits for R`, async (t) => {
    await using b = await bench();
    const of = await holding(b, 'two', await members());
    await silence(b, of, CHAIN.rescue - 20_000);
    t.deepEqual(await rescue(b), []);
    t.is(await seen(b, of), 'alive 1 holds 2');
    await silence(b, of, CHAIN.rescue + 1);
    t.deepEqual(await rescue(b), [{ launcher: 'two', jobs: 2, by: 'silence' }]);
    t.is(await seen(b, of), 'dead 2 holds 0');
  });

test('a number that another process has by now is not that process: proven dead, and the other lives on', async (t) => {
  await using b = await bench();
  const stranger = living();
  const before = member(stranger);
  await holding(b, 'two', [{ ...before, start_time: String(Number(before.start_time) - 1) }]);
  t.like((await rescue(b))[0], { by: 'proof' });
  t.true(alive(stranger.pid!));
});

test('silent for R it is rescued though a process of it lives: it has ended its jobs by then', async (t) => {
  await using b = await bench();
  const hung = living();
  const of = await holding(b, 'two', [member(hung)]);
  await silence(b, of, CHAIN.rescue + 1);
  t.deepEqual(await rescue(b), [{ launcher: 'two', jobs: 2, by: 'silence' }]);
  t.is(await seen(b, of), 'dead 2 holds 0');
  t.true(alive(hung.pid!), 'who lives is not ours to end');
});

test('its own row is no candidate, whatever it looks like', async (t) => {
  await using b = await bench();
  await addRoster(b.db, b.launcher, b.epoch, [await gone()]);
  await insertJobs(b.client, [{ name: 'mine' }]);
  await lease(b);
  await silence(b, b, CHAIN.rescue + 1);
  t.deepEqual(await rescue(b), []);
  t.is(await seen(b, b), 'alive 1 holds 1');
});

test('one that left while it held something is rescued by proof; one that left clean is none of ours', async (t) => {
  await using b = await bench();
  const of = await holding(b, 'two', [await gone()]);
  await leave(b.db, of.launcher, of.epoch);
  const clean = await another(b.db, 'clean');
  await addRoster(b.db, clean.launcher, clean.epoch, [await gone()]);
  await leave(b.db, clean.launcher, clean.epoch);
  const left = await seen(b, clean);
  t.deepEqual(await rescue(b), [{ launcher: 'two', jobs: 2, by: 'proof' }]);
  t.is(await seen(b, clean), left);
});

// --- what they left ---

test('what the dead left on this host is ended before anything is taken back, and nothing of others', async (t) => {
  await using b = await bench();
  const incarnation = newId();
  const [orphan, other, unmarked] = [living(incarnation), living(`${incarnation}x`), living()];
  await holding(b, 'two', [await gone({ incarnation })]);
  t.like((await rescue(b))[0], { jobs: 2, by: 'proof' });
  await until('the orphan has ended', () => !alive(orphan.pid!));
  t.true(alive(other.pid!) && alive(unmarked.pid!));
});

test('as long as something of theirs comes back there is no proof', async (t) => {
  await using b = await bench();
  const incarnation = newId();
  // Themselves without the marker: out of reach, as a process that cleared its environment is. So many that on a busy
  // machine too one of them is back between two looks.
  const springs = Array.from({ length: 20 }, () =>
    spawn('sh', ['-c', `while :; do BALSAM_INCARNATION=${incarnation} sleep 600; done`], { stdio: 'ignore' }),
  );
  for (const spring of springs) started.add(spring);
  const of = await holding(b, 'two', [await gone({ incarnation })]);
  t.deepEqual(await rescue(b), []);
  t.is(await seen(b, of), 'alive 1 holds 2');
  await Promise.all(springs.map(ended));
  t.like((await rescue(b))[0], { jobs: 2, by: 'proof' });
});

// --- chunks and history ---

test('all of it comes back in chunks, and every job says who took it back from whom', async (t) => {
  await using b = await bench();
  const count = 2 * RESCUE_CHUNK + 500;
  const of = await another(b.db, 'two');
  await addRoster(b.db, of.launcher, of.epoch, [await gone()]);
  await copyJobs(
    b.client,
    Array.from({ length: count }, (_, i) => ({ name: `j${i}` })),
  );
  const jobs = [];
  while (jobs.length < count) jobs.push(...(await lease(of)));
  await commitBatch(b.db, batch(of, { starts: [start(jobs[0]!, 1)] }));
  t.deepEqual(await rescue(b), [{ launcher: 'two', jobs: count, by: 'proof' }]);
  const chunks = await b.client.run(
    (sql) => sql<{ rows: number }[]>`select count(*)::int as rows from job group by xmin::text`,
  );
  t.deepEqual(
    chunks.map((x) => x.rows).toSorted((x, y) => y - x),
    [RESCUE_CHUNK, RESCUE_CHUNK, 500],
    'no statement took more',
  );
  const lines = await history(b.client, [jobs[0]!.id, jobs[1]!.id, jobs.at(-1)!.id]);
  const told = [...lines.values()].map((l) => l.at(-2)!.message);
  const how = `in launcher two, proven dead, taken back by launcher ${b.launcher}`;
  t.deepEqual(told.toSorted(), [
    `lost with launcher two, proven dead, taken back by launcher ${b.launcher}`,
    `may have started ${how}`,
    `may have started ${how}`,
  ]);
  await sums(t, b, of, count);
});

test('a rescue that was cut short after the tombstone is brought to its end by the next look', async (t) => {
  await using b = await bench();
  const first = await another(b.db, 'first rescuer');
  const of = await holding(b, 'two', [await gone()]);
  t.true(await tombstone(b.db, { id: of.launcher, epoch: of.epoch }, CHAIN.rescue, true, first.launcher));
  t.deepEqual(await rescue(b), [{ launcher: 'two', jobs: 2, by: 'tombstone' }]);
  t.is(await seen(b, of), 'dead 2 holds 0');
  await sums(t, b, of, 2, first.launcher);
});

test('rows that somebody has locked stay for the next look; the others come back now', async (t) => {
  await using b = await bench();
  const of = await holding(b, 'two', [await gone()]);
  await b.client.transaction(async (sql) => {
    await sql`select from job where name = 'two-0' for update`;
    t.deepEqual(await rescue(b), [{ launcher: 'two', jobs: 1, by: 'proof' }]);
    t.is(await seen(b, of), 'dead 2 holds 1');
    t.deepEqual(await rescue(b), [], 'nothing was done, so nothing is said');
  });
  t.deepEqual(await rescue(b), [{ launcher: 'two', jobs: 1, by: 'tombstone' }]);
  await sums(t, b, of, 2);
});

/** What `balsam ls launchers` shows of the rescue. */
async function sums(
  t: ExecutionContext,
  b: Bench,
  of: Launcher,
  jobs: number,
  by = b.launcher,
): Promise<void> {
  const rows = await b.client.run(
    (sql) => sql`select rescued_by, rescued_how, rescued_jobs from launcher where id = ${of.launcher}`,
  );
  t.deepEqual([...rows], [{ rescued_by: by, rescued_how: 'proof', rescued_jobs: jobs }]);
}
