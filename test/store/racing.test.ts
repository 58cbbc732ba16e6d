/**
 * Racing coordinators (PROTOCOL 1 to 4, 7, 9): several launchers lease and commit thousands of jobs while users kill and
 * change them, coordinators die with statements in flight and are followed by successors, and launchers are rescued. What
 * they were told is then held against the rows, and against what the rows went through. RACE_SEED repeats the choices (not
 * how they interleave); the seed is printed.
 */
import test, { type ExecutionContext } from 'ava';
import { byIds } from '../../src/model/query.ts';
import { connect, type Database } from '../../src/store/connection.ts';
import { copyJobs, killJobs, updateJob } from '../../src/store/jobs/change.ts';
import { freshDatabase } from '../helpers/database.ts';
import { AUDIT, Dice, Ledger, Racer, rescue, type Told } from './_race.ts';

const JOBS = 4_000;
const LAUNCHERS = 4;
/** Deaths of each line of coordinators; then it lives to the end. */
const DEATHS = 12;

/** A launcher, its successors, and the launchers that are started anew after a rescue. */
async function line(
  name: string,
  world: { db: Database; rescuers: Database[]; seed: number; ledger: Ledger },
): Promise<void> {
  const { db, rescuers, ledger } = world;
  const dice = new Dice(world.seed);
  let racer = await Racer.begin(db.address, name, dice, ledger);
  const gone: Promise<void>[] = [];
  for (let deaths = 0; deaths < DEATHS;) {
    if (!(await racer.step())) throw new Error(`${racer.application} lives and was fenced`);
    if (!dice.chance(0.2)) continue;
    deaths++;
    gone.push(racer.die());
    // Some are followed, some rescued, some both at once.
    const way = dice.unit();
    const [next, ...buried] = await Promise.all([
      way < 0.8 ? racer.succeed(db.address) : null,
      ...rescuers.map((r) => (way > 0.55 ? rescue(r, racer) : false)),
    ]);
    const won = [next !== null, ...buried].filter(Boolean).length;
    if (won !== 1) ledger.wrong.push(`${racer.application}: ${won} won`);
    if (next === null) ledger.rescues++;
    else ledger.takeovers++;
    racer = next ?? (await Racer.begin(db.address, `${name}-${deaths}`, dice, ledger));
  }
  await Promise.all(gone);
  for (;;) {
    if (!(await racer.lease()) || !(await racer.finish())) throw new Error('fenced at the end');
    const [row] = await db.sql`
      select count(*)::int as n from job where state not in ('JOB_FINISHED', 'FAILED', 'USER_KILLED')`;
    if (row!['n'] === 0) break;
  }
  await racer.finish();
  await racer.db.close();
}

/** A user who kills a few jobs, and adds keys to others, until told to stop. */
async function user(
  db: Database,
  ids: readonly string[],
  world: { dice: Dice; ledger: Ledger; done: () => boolean },
): Promise<{ killed: string[]; keys: [string, string][] }> {
  const killed: string[] = [];
  const keys: [string, string][] = [];
  const { dice, ledger, done } = world;
  while (!done()) {
    // Often what was leased a moment ago: it is held, or just let go.
    const newest = ledger.leases.slice(-50).map((lease) => lease.id);
    const among = newest.length > 0 && dice.chance(0.7) ? newest : ids;
    const some = Array.from({ length: 1 + dice.below(8) }, () => among[dice.below(among.length)]!);
    if (dice.chance(0.3) && killed.length < ids.length / 20)
      killed.push(...(await killJobs(db, byIds(some))).killed.map((job) => job.id));
    const key = `u${dice.below(1_000_000)}`;
    await updateJob(db, some[0]!, { fields: {}, dataSet: { [key]: true }, dataRemoved: [] });
    keys.push([some[0]!, key]);
  }
  return { killed, keys };
}

interface JobEnd {
  id: string;
  attempt: number;
  tries: number;
  lost_ends: number;
  state: string;
  launcher: number | null;
  data: Record<string, unknown>;
}

/** Nobody wrote what he might not. */
async function checkAudit(t: ExecutionContext, db: Database): Promise<void> {
  const rows = await db.sql<{ rule: string; n: number }[]>`
    select rule, count(*)::int as n from audit cross join lateral (values
      ('written under an old epoch, or of a launcher that is not alive', application like 'race %'
        and (split_part(application, ' ', 2)::int <> coalesce(launcher, was_launcher)
          or split_part(application, ' ', 3)::int <> epoch or launcher_state <> 'alive')),
      ('rescued without a tombstone', application = 'rescuer' and launcher_state <> 'dead'),
      ('passed from holder to holder', was_launcher <> launcher),
      ('an attempt without a lease, or a lease without its attempt',
        attempt <> was_attempt + (was_launcher is null and launcher is not null)::int),
      ('a user changed the holder', application = 'user' and (was_launcher is distinct from launcher)),
      ('an end was left', was_state in ('JOB_FINISHED', 'FAILED', 'USER_KILLED') and state <> was_state),
      ('RUNNING and not held', state = 'RUNNING' and launcher is null)) as r(rule, broken)
    where broken group by rule`;
  t.deepEqual([...rows], []);
  const [twice] = await db.sql`
    select count(*)::int as n from (select from audit where was_launcher is null and launcher is not null
      group by job, attempt having count(*) > 1) d`;
  t.is(twice!['n'], 0, 'every attempt is leased once');
}

/** What was told of leases is what happened. */
async function checkLeases(t: ExecutionContext, db: Database, ledger: Ledger): Promise<void> {
  const happened = await db.sql<{ key: string; application: string }[]>`
    select job || '#' || attempt as key, application from audit where was_launcher is null and launcher is not null`;
  const by = new Map(happened.map((row) => [row.key, row.application]));
  const told = new Map<string, string>();
  for (const { id, attempt, application } of ledger.leases) {
    const key = `${id}#${attempt}`;
    if (told.has(key)) ledger.wrong.push(`${key} was leased to ${told.get(key)} and to ${application}`);
    if (by.get(key) !== application) ledger.wrong.push(`${key}: told ${application}, was ${by.get(key)}`);
    told.set(key, application);
  }
  const untold = happened.filter((row) => !told.has(row.key) && !ledger.unknownLeases.has(row.application));
  t.deepEqual(untold, [], 'nothing was leased that nobody was told of, unless its session was lost');
}

interface AttemptEnd {
  outcome: string | null;
  end_state: string | null;
  last_report: number;
}

/** What was told of reports is what the attempt rows and `data` have. */
function checkReports(
  ledger: Ledger,
  attempts: ReadonlyMap<string, AttemptEnd>,
  data: ReadonlyMap<string, Record<string, unknown>>,
): void {
  const ends = new Map<string, number>();
  const newest = new Map<string, number>();
  const keyOf = ({ id, attempt }: Told): string => `${id}#${attempt}`;
  for (const told of ledger.told) {
    if (told.outcome === 'applied' || (told.kind === 'ends' && told.outcome === 'killed'))
      newest.set(keyOf(told), Math.max(newest.get(keyOf(told)) ?? 0, told.report));
  }
  for (const told of ledger.told) {
    const attempt = attempts.get(keyOf(told));
    const wrong = (what: string): void =>
      void ledger.wrong.push(
        `${told.kind} ${told.report} of ${keyOf(told)} was ${told.outcome}, but ${what}`,
      );
    const applied = told.outcome === 'applied';
    if (
      told.kind === 'patches' &&
      told.outcome !== 'unknown' &&
      applied !== `p${told.report}` in data.get(told.id)!
    )
      wrong(applied ? 'its key is missing' : 'its key is there');
    if (applied && told.report > 0 && (attempt === undefined || attempt.last_report < told.report))
      wrong('its attempt does not have it');
    if (
      !applied &&
      told.report > 0 &&
      attempt?.last_report === told.report &&
      // A batch without patches is a statement of its own: the fence may be lost after it, when what matched nothing is read.
      !['unknown', 'killed', 'fenced'].includes(told.outcome)
    )
      wrong('its attempt has it');
    if (told.kind !== 'ends' || !(applied || told.outcome === 'killed')) continue;
    ends.set(keyOf(told), (ends.get(keyOf(told)) ?? 0) + 1);
    const { row } = told;
    if (attempt?.outcome !== (applied ? row!.outcome : 'USER_KILLED'))
      wrong(`the row says ${attempt?.outcome}`);
    if (attempt?.end_state !== (applied ? row!.state : 'USER_KILLED'))
      wrong(`the row says ${attempt?.end_state}`);
    if (newest.get(keyOf(told)) !== told.report) wrong('something was applied after the end');
  }
  for (const [key, n] of ends) if (n > 1) ledger.wrong.push(`${key} ended ${n} times`);
}

test('coordinators, their successors, rescuers and users race for thousands of jobs', async (t) => {
  t.timeout(300_000);
  const seed = Number(process.env['RACE_SEED'] ?? Date.now() % 1_000_000);
  t.log(`RACE_SEED=${seed}`);
  const address = await freshDatabase();
  await using db = connect(address, { applicationName: 'referee', role: 'client', max: 1 });
  await db.sql.unsafe(AUDIT);
  await copyJobs(
    db,
    Array.from({ length: JOBS }, (_, i) => ({
      name: `j${i}`,
      workflow: `w${i % 4}`,
      auto_timeout_retry: i % 7 !== 0,
      node_packing_count: 1 + (i % 3),
    })),
  );
  const ids = (await db.sql<{ id: string }[]>`select id from job order by id`).map((row) => row.id);
  const rescuers = [1, 2].map(() =>
    connect(address, { applicationName: 'rescuer', role: 'coordinator', max: LAUNCHERS }),
  );
  const people = connect(address, { applicationName: 'user', role: 'client', max: 2 });
  const ledger = new Ledger();
  let done = false;
  const users = [1, 2].map((i) =>
    user(people, ids, { dice: new Dice(seed + 100 + i), ledger, done: () => done }),
  );
  const lines = Array.from({ length: LAUNCHERS }, (_, i) =>
    line(`l${i}`, { db, rescuers, seed: seed + i, ledger }),
  );
  await Promise.all(lines).finally(() => (done = true));
  const changes = await Promise.all(users);
  await Promise.all([people, ...rescuers].map((d) => d.close()));

  await checkAudit(t, db);
  await checkLeases(t, db, ledger);
  const jobs = await db.sql<JobEnd[]>`
    select id, attempt, tries, lost_ends, state, launcher, data from job`;
  const attempts = await db.sql<(AttemptEnd & { key: string; id: string; tried: boolean; lost: boolean })[]>`
    select job_id || '#' || attempt as key, job_id as id, outcome, end_state, last_report::int as last_report,
      started_at is not null or message like 'may have started%' as tried,
      message like 'may have started%' or message like 'lost with%' as lost from attempt`;
  checkReports(
    ledger,
    new Map(attempts.map((row) => [row.key, row])),
    new Map(jobs.map((job) => [job.id, job.data])),
  );
  const of = Map.groupBy(attempts, (row) => row.id);
  for (const job of jobs) {
    const rows = of.get(job.id) ?? [];
    const tries = rows.filter((row) => row.tried).length;
    const lost = rows.filter((row) => row.lost).length;
    if (job.tries !== tries) ledger.wrong.push(`${job.id} has ${job.tries} tries, its attempts ${tries}`);
    if (job.lost_ends !== lost)
      ledger.wrong.push(`${job.id} lost ${job.lost_ends} ends, its attempts ${lost}`);
    if (job.launcher !== null) ledger.wrong.push(`${job.id} is still held`);
  }
  const byId = new Map(jobs.map((job) => [job.id, job]));
  for (const { killed, keys } of changes) {
    for (const id of killed)
      if (byId.get(id)!.state !== 'USER_KILLED') ledger.wrong.push(`${id} was killed and is not`);
    for (const [id, key] of keys)
      if (!(key in byId.get(id)!.data)) ledger.wrong.push(`the user's ${key} of ${id} is lost`);
  }
  const counted = Map.groupBy(ledger.told, (told) => told.outcome);
  const outcomes = [...counted].map(([outcome, list]) => `${list.length} ${outcome}`).join(', ');
  const kills = changes.flatMap((change) => change.killed).length;
  t.log(
    `${ledger.leases.length} leases, reports: ${outcomes}; ${kills} kills, ${ledger.takeovers} takeovers, ${ledger.rescues} rescues`,
  );
  t.deepEqual(ledger.wrong, []);
  t.is(ledger.takeovers + ledger.rescues, LAUNCHERS * DEATHS);
});
