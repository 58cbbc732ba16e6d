/**
 * A million jobs: what the command line and the client ask of them. Postgres itself tells the plan of every statement that
 * they really send (auto_explain, over the server's log), and none may read more rows than it is allowed to, nor scan the
 * whole table where an index would do. Then all of them are streamed, in the memory of a few batches.
 *
 * The jobs lie as after weeks of work: workflows one after the other, most of it finished, what waits at the very end, so
 * that a walk in order of creation finds it last.
 */
import fs from 'node:fs';
import test from 'ava';
import { BalsamJob, closeBalsam } from '../../src/client/index.ts';
import { JOB_STATES } from '../../src/model/job.ts';
import { connect } from '../../src/store/connection.ts';
import { FILLER, startServer, type TestServer } from '../helpers/database.ts';
import { databaseDirectory, type DatabaseDirectory } from '../helpers/directory.ts';
import { balsam, program, runNode, userDirectory } from '../helpers/program.ts';
import { outline, touched, type PlanNode } from '../store/_plans.ts';

const JOBS = 1_000_000;
/** Every job once; means over loops are rounded. */
const ALL = JOBS + 10;
const WORKFLOWS = 50;
const IN_WORKFLOW = JOBS / WORKFLOWS;
/** Rows that the lists below show, as BALSAM_LS_LIMIT. */
const SHOWN = 100;
/** A list by state or workflow: some jobs in order of creation, and each lane of the index. */
const LIST = 10 * (SHOWN + 1) + JOB_STATES.length * (SHOWN + 1) + WORKFLOWS * (SHOWN + 1) + 2 * WORKFLOWS;
/** Rows that a search found, by key, and the first ones in order of creation. */
const SEARCH = 2 * 10 * (SHOWN + 1);
/** A handful of rows by key, the names of the workflows, and what opening a database asks. */
const FEW = 2 * WORKFLOWS + 20;

interface Logged {
  text: string;
  plan: PlanNode;
}

let server: TestServer;
let directory: DatabaseDirectory;
/** What the server said since it was last taken. */
let log = '';

test.before(async (t) => {
  t.timeout(600_000);
  server = await startServer({
    ...FILLER,
    settings: {
      ...FILLER.settings,
      shared_preload_libraries: 'auto_explain',
      'auto_explain.log_analyze': 'on',
      'auto_explain.log_timing': 'off',
      'auto_explain.log_format': 'json',
      log_line_prefix: '',
    },
  });
  server.process.stderr?.on('data', (chunk: string) => (log += chunk));
  const address = await server.database();
  directory = await databaseDirectory(address);
  await using db = connect(address, { applicationName: 'filler', role: 'client' });
  await db.sql.unsafe(
    `insert into launcher (name, host, mode, wf_filter, nodes, scheduler_id) values ('L', 'h', 'mpi', '', 1, '')`,
  );
  await db.sql.unsafe(
    `insert into job (id, name, workflow, application, args, data, state, launcher, attempt)
     select gen_random_uuid(), 'square' || i, 'workflow-' || (i / ${IN_WORKFLOW}), 'square', 'a b', jsonb_build_object('x', i),
       case when i >= 951000 then 'CREATED' when i >= 950300 then 'PREPROCESSED' when i >= 950000 then 'RUNNING'
         when i % 10000 = 7 then 'FAILED' when i % 10000 = 9 then 'USER_KILLED' else 'JOB_FINISHED' end,
       case when i >= 950000 and i < 951000 then 1 end, (i < 951000)::int
     from generate_series(0, ${JOBS - 1}) i`,
  );
  await db.sql.unsafe(
    `insert into attempt (job_id, attempt, launcher, node, leased_at, started_at, ended_at, outcome, end_state)
     select id, 1, 1, 'n', now(), now(), now(), 'RUN_DONE', 'JOB_FINISHED' from job where seq <= 20000`,
  );
  await db.sql.unsafe(`insert into job_event (job_id, state) select id, 'READY' from job where seq <= 20000`);
  await db.sql.unsafe(`insert into application (name) select 'app' || i from generate_series(1, 20) i`);
  await db.sql.unsafe('vacuum analyze');
  await db.sql.unsafe(`alter database ${address.database} set auto_explain.log_min_duration = 0`);
  process.env['BALSAM_DB_PATH'] = directory.path;
});

test.after.always(async () => {
  await closeBalsam();
  await directory?.remove();
  await server?.remove();
});

/** The plans of all statements since the last call; the server writes each when its statement is over. */
async function plans(): Promise<Logged[]> {
  // A statement of ours after them: what the server said before it is complete when this one is there.
  const mark = `mark_${Math.random().toString(36).slice(2)}`;
  await using db = connect(directory.address, { applicationName: 'mark', role: 'client' });
  await db.sql.unsafe(`select '${mark}' as mark`);
  const deadline = performance.now() + 60_000;
  while (!log.includes(mark)) {
    if (performance.now() > deadline) throw new Error('the server does not log plans');
    await new Promise((resolve) => void setImmediate(resolve));
  }
  const said = log;
  log = '';
  return said
    .split(/^LOG: {2}duration: .* plan:$/m)
    .slice(1)
    .map((part) => {
      const json = part
        .split('\n')
        .filter((line) => line.startsWith('\t'))
        .join('\n');
      const parsed = JSON.parse(json) as { 'Query Text': string; Plan: PlanNode };
      return { text: parsed['Query Text'], plan: parsed.Plan };
    })
    .filter(({ text }) => !text.includes(mark));
}

/** Sentences about statements that read more than `allowed` rows, or the whole table without `wholeTable`. */
function tooMany(logged: readonly Logged[], what: string, allowed: number, wholeTable = false): string[] {
  return logged.flatMap(({ text, plan }) => {
    const rows = touched(plan);
    const scans = steps(plan).some((s) => s['Node Type'] === 'Seq Scan' && s['Relation Name'] === 'job');
    if (rows <= allowed && (wholeTable || !scans)) return [];
    return [`${what}: touched ${rows} rows, allowed are ${allowed}\n${text}\n${outline(plan)}`];
  });
}

function steps(node: PlanNode): PlanNode[] {
  return [node, ...(node.Plans ?? []).flatMap(steps)];
}

interface Asked {
  what: string;
  ask: () => Promise<unknown>;
  allowed: number;
  /** It reads every job once, and may do so without an index: a bound, not a goal. */
  wholeTable?: boolean;
}

/** `code`: 2 for a word that names nothing, which is refused. */
function command(args: string[], allowed: number, code = 0): Asked {
  const ask = async (): Promise<void> => {
    const env = { BALSAM_DB_PATH: directory.path, BALSAM_LS_LIMIT: String(SHOWN) };
    const ran = await balsam(args, { env, deadline: 120_000 });
    if (ran.code !== code) throw new Error(`balsam ${args.join(' ')}: ${ran.code} ${ran.err}`);
  };
  return { what: `balsam ${args.join(' ')}`, ask, allowed };
}

async function check(t: { log(...values: unknown[]): void }, asked: readonly Asked[]): Promise<string[]> {
  const wrong: string[] = [];
  await plans();
  for (const { what, ask, allowed, wholeTable } of asked) {
    const from = performance.now();
    await ask();
    const took = performance.now() - from;
    const logged = await plans();
    if (logged.length === 0) wrong.push(`${what}: no plan was logged`);
    const most = Math.max(0, ...logged.map(({ plan }) => touched(plan)));
    t.log(`${what}: ${took.toFixed(0)} ms, ${logged.length} statements, at most ${most} rows`);
    wrong.push(...tooMany(logged, what, allowed, wholeTable));
  }
  return wrong;
}

test.serial(
  'no list, count or kill of the command line reads a million jobs where it need not',
  async (t) => {
    t.timeout(600_000);
    const last = (await BalsamJob.objects.last())!;
    const finished = (await BalsamJob.objects.first())!;
    const wrong = await check(t, [
      // What is not shown is counted: every key of one index, no row of the table.
      command(['ls'], ALL),
      command(['ls', '--state', 'FAILED', '--wf', 'workflow-4'], LIST),
      command(['ls', '--wf', 'workflow-47', '--state', 'RUNNING'], LIST),
      command(['ls', '--wf', 'workflow-49'], IN_WORKFLOW),
      command(['ls', '--wf', 'nosuch'], FEW, 2),
      command(['ls', '--state', 'FAILED'], LIST),
      command(['ls', '--state', 'RUN_ERROR'], FEW),
      command(['ls', '--state', 'RUNNING'], LIST),
      command(['ls', '--state', 'CREATED'], ALL),
      command(['ls', '--id', last.id], FEW),
      command(['ls', '--id', finished.id, '--history'], FEW),
      command(['ls', '--id', finished.id, '--verbose'], FEW),
      command(['ls', '--by-states'], ALL),
      command(['ls', '--by-states', '--wf', 'workflow-3'], 12 * IN_WORKFLOW),
      command(['ls', 'wf'], FEW),
      command(['ls', 'apps'], FEW),
      // What a launcher holds is counted up to a thousand.
      command(['ls', 'launchers'], 1_000 + FEW),
      command(['ls', '--tree', '--wf', 'workflow-47'], IN_WORKFLOW),
      command(['explain', last.id], LIST),
      command(['modify', last.id, 'description', 'modified'], FEW),
      command(['kill', last.id, '--yes'], FEW),
      // The beginning of an id may be somebody's name.
      command(['explain', last.id.slice(0, 13)], ALL + SEARCH),
      // A part of a name or of an id may be anywhere: every key of one index, and the rows that have it.
      command(['explain', 'square999000'], ALL + SEARCH),
      command(['ls', '--name', 'E99999'], ALL + SEARCH),
      command(['ls', '--name', 'QUARE'], ALL + SEARCH),
      command(['ls', '--name', 'e94000', '--wf', 'workflow-47'], IN_WORKFLOW + SEARCH),
      command(['ls', '--name', 'e999', '--state', 'JOB_FINISHED'], ALL + SEARCH),
      command(['ls', '--by-states', '--name', 'e99999'], ALL),
      command(['ls', '--id', last.id.slice(9, 13)], ALL + SEARCH),
      command(['ls', '--application', 'nosuch'], ALL, 2),
      command(['ls', '--application', 'square'], ALL + SEARCH),
      command(['rm', 'jobs', '--name', 'nosuch', '--force'], ALL),
      command(['rm', 'jobs', '--wf', '*flow-47', '--name', 'nosuch', '--force'], IN_WORKFLOW + FEW),
      command(['retry', '--wf', '*flow-47', '--name', 'nosuch', '--force'], IN_WORKFLOW + FEW),
      command(['kill', '--wf', 'workflow-48', '--name', '*99', '--yes'], IN_WORKFLOW + SEARCH),
    ]);
    t.deepEqual(wrong, []);
  },
);

test.serial('no query of the client reads a million jobs where it need not', async (t) => {
  t.timeout(600_000);
  const { objects } = BalsamJob;
  const list = (
    what: string,
    ask: () => PromiseLike<unknown>,
    allowed: number,
    wholeTable = false,
  ): Asked => ({ what, ask: async () => ask(), allowed, wholeTable });
  const one = (await objects.first())!;
  const set = objects.filter({ workflow: 'workflow-47' });
  const ended = objects.filter({ workflow: { contains: 'flow-47' }, state: 'FAILED' });
  const none = objects.filter({ workflow: { contains: 'flow-47' }, name: { endsWith: 'nosuch' } });
  const getOrCreate = (more: { workflow?: string }) => objects.getOrCreate({ name: 'square940001', ...more });
  const values = (part: string) => objects.filter({ name: { contains: part } }).values('name', 'data.x');
  const left = async (query: AsyncIterable<unknown>): Promise<void> => {
    let n = 0;
    for await (const job of query) if (job !== null && ++n === 10) break;
  };
  const wrong = await check(t, [
    ...JOB_STATES.map((state) =>
      list(`filter state ${state}`, () => objects.filter({ state }).limit(SHOWN), LIST),
    ),
    ...JOB_STATES.map((state) => list(`last of ${state}`, () => objects.filter({ state }).last(), LIST)),
    list('first', () => objects.first(), 1),
    list('last', () => objects.last(), 1),
    list('exists', () => objects.exists(), 1),
    list('slice', () => objects.slice(500, 600), 600),
    list('get by id', () => objects.get({ id: one.id }), 1),
    list('beginning of an id', () => objects.filter({ id: { startsWith: one.id.slice(0, 8) } }), 20),
    list('ids', () => objects.filter({ id: { in: [one.id] } }).count(), 1),
    list('held', () => objects.filter({ launcher: 1 }).count(), 1_000),
    list('the last workflow', () => set.limit(SHOWN), LIST),
    list('first of a workflow', () => set.first(), LIST),
    list('last of a workflow', () => set.last(), LIST),
    list('workflows by a part', () => objects.filter({ workflow: { contains: '-4' } }).limit(SHOWN), LIST),
    list('get by workflow and name', () => set.get({ name: 'square940001' }), IN_WORKFLOW + LIST),
    list('count of a workflow', () => set.count(), IN_WORKFLOW),
    list('states of a workflow', () => set.countByState(), IN_WORKFLOW),
    list('names of workflows', () => objects.values('workflow').distinct(), FEW),
    list('values of a workflow', () => set.values('name', 'data.x'), IN_WORKFLOW),
    list('update of a few', () => objects.filter({ state: 'FAILED' }).update({ description: 'seen' }), LIST),
    list('children', () => one.children(), 1),
    list('save', () => objects.bulkUpdate([Object.assign(one, { description: 'saved' })]), 5),
    list('a stream of everything that is left', () => left(objects), 2_000),
    list('a stream of a workflow that is left', () => left(set), IN_WORKFLOW + FEW),
    list('get or create in a workflow', () => getOrCreate({ workflow: 'workflow-47' }), IN_WORKFLOW + SEARCH),
    list('kill by a part of a workflow', () => ended.kill(), IN_WORKFLOW + SEARCH),
    list('delete by a part of a workflow', () => none.delete(), IN_WORKFLOW + SEARCH),
    list('update by a part of a workflow', () => none.update({ description: 'x' }), IN_WORKFLOW + SEARCH),
    // Every job once: the keys of an index where that is enough, the table where what is asked is only there.
    list('count', () => objects.count(), ALL),
    list('states', () => objects.countByState(), ALL),
    list('get or create by name', () => getOrCreate({}), ALL + SEARCH),
    list('a part of a name', () => objects.filter({ name: { icontains: 'E99999' } }).count(), ALL),
    list('rows by a part of a name', () => objects.filter({ name: { contains: 'e99999' } }), ALL + SEARCH),
    list('the end of a name', () => objects.filter({ name: { endsWith: '99999' } }).last(), ALL + SEARCH),
    list(
      'the beginning of a name',
      () => objects.filter({ name: { startsWith: 'square99999' } }),
      ALL + SEARCH,
    ),
    list(
      'names',
      () => objects.filter({ name: { in: ['square1', 'square2'] } }).orderBy('name'),
      ALL + SEARCH,
    ),
    list(
      'either of two names',
      () => objects.filter({ or: [{ name: 'square3' }, { name: 'x' }] }),
      ALL + SEARCH,
    ),
    list('values by a part of a name', () => values('e99999'), ALL + SEARCH),
    list(
      'a part of a name that all have',
      () => objects.filter({ name: { contains: 'q' } }).limit(9),
      SEARCH,
    ),
    list('a part of an id', () => objects.filter({ id: { contains: one.id.slice(9, 18) } }), ALL + SEARCH),
    list('parts of an id, counted', () => objects.filter({ id: { contains: 'abcd' } }).count(), ALL),
    list('an application', () => objects.filter({ application: 'square' }).count(), ALL),
    list('an application that no job has', () => objects.filter({ application: 'x' }), ALL),
    list('a name and a value in data', () => none.filter({ 'data.x': 1 }).first(), IN_WORKFLOW + SEARCH),
    list('a value in data', () => objects.filter({ 'data.x': 999_000 }).first(), ALL, true),
  ]);
  t.deepEqual(wrong, []);
});

test.serial('a value in `data` is found by an index that somebody made for it', async (t) => {
  t.timeout(600_000);
  const { objects } = BalsamJob;
  await using db = connect(directory.address, { applicationName: 'index', role: 'client' });
  await db.sql.unsafe(`create index of_a_user on job ((data #> '{x}'))`);
  const asked = {
    first: () => objects.filter({ 'data.x': 999_000 }).first(),
    'first that is not there': () => objects.filter({ 'data.x': -1 }).first(),
    'all of some': () => objects.filter({ 'data.x': { in: [5, 999_000] } }),
    'a count': () => objects.filter({ 'data.x': 999_000 }).count(),
    'get or create': () => objects.getOrCreate({ data: { x: 7 }, name: 'square7', workflow: 'workflow-0' }),
  };
  const wrong = await check(
    t,
    Object.entries(asked).map(([what, ask]) => ({
      what,
      ask: async () => ask(),
      allowed: what === 'get or create' ? IN_WORKFLOW + SEARCH : SEARCH,
    })),
  );
  t.deepEqual(wrong, []);
  await db.sql.unsafe('drop index of_a_user');
});

test.serial('a million jobs stream through the memory of a few batches', async (t) => {
  t.timeout(600_000);
  const user = await userDirectory();
  t.teardown(() => fs.promises.rm(user, { recursive: true }));
  const file = await program(
    user,
    `import { BalsamJob } from 'balsam';
     let [n, sum, most] = [0, 0, 0];
     const begin = performance.now();
     let first = 0;
     for await (const job of BalsamJob.objects) {
       if (n === 0) first = performance.now() - begin;
       n += 1;
       sum += Number(job.data.x);
       if (n % 10_000 === 0) most = Math.max(most, process.memoryUsage().rss);
     }
     console.log(JSON.stringify({ n, sum, most, first, ms: performance.now() - begin }));`,
    'stream.ts',
  );
  const ran = await runNode(['--max-old-space-size=128', file], {
    env: { BALSAM_DB_PATH: directory.path },
    deadline: 550_000,
  });
  t.is(ran.code, 0, ran.err);
  const { n, sum, most, first, ms } = JSON.parse(ran.out) as Record<string, number>;
  t.is(n, JOBS);
  t.is(sum, (JOBS * (JOBS - 1)) / 2);
  t.log(
    `${(JOBS / ms!) * 1000} jobs/s, the first after ${first} ms, at most ${most! / 2 ** 20} MiB resident`,
  );
  // Node itself has some 60 MiB, its young generation up to 50; a million jobs are more than a gigabyte.
  t.true(most! < 300 * 2 ** 20, `${most! / 2 ** 20} MiB`);
});

test.serial(
  'two hundred thousand jobs are made in lists of fifty thousand, in the memory of two lists',
  async (t) => {
    t.timeout(600_000);
    const user = await userDirectory();
    t.teardown(() => fs.promises.rm(user, { recursive: true }));
    const file = await program(
      user,
      `import { BalsamJob } from 'balsam';
     const fields = (i: number) => ({ name: 'job' + i, workflow: 'made', application: 'square', args: 'a b', data: { x: i } });
     let last: BalsamJob[] = [];
     for (let made = 0; made < 200_000; made += 50_000) {
       last = Array.from({ length: 50_000 }, (_, i) => new BalsamJob(fields(made + i)));
       await BalsamJob.objects.bulkCreate(last);
     }
     const objects = BalsamJob.objects.filter({ workflow: 'made' });
     const [first] = last;
     first!.data.y = 1;
     await first!.save();
     console.log(JSON.stringify({ n: await objects.count(), y: await objects.filter({ 'data.y': 1 }).count() }));`,
      'create.ts',
    );
    // A job is 1.3 kB here; with 3 kB of each, as once, they do not fit.
    const ran = await runNode(['--max-old-space-size=160', file], {
      env: { BALSAM_DB_PATH: directory.path },
      deadline: 550_000,
    });
    t.is(ran.code, 0, ran.err.slice(0, 2_000));
    t.deepEqual(JSON.parse(ran.out), { n: 200_000, y: 1 });
  },
);
