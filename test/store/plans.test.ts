/**
 * The plans of the hot statements: none may read more rows than about its batch, however large the table is, whatever
 * statistics there are, and also when the plan was made while the table was empty and kept since. Hot is all that a
 * coordinator, its rescuer and the requests of its jobs send; the list is held against what they import.
 */
import { readdirSync, readFileSync } from 'node:fs';
import path from 'node:path';
import test from 'ava';
import { applicationsByName, getApplication } from '../../src/store/applications.ts';
import { connect, type Database, type Queries } from '../../src/store/connection.ts';
import { commitBatch } from '../../src/store/launcher/commit.ts';
import {
  addRoster,
  epochFound,
  heartbeat,
  killedJobs,
  leave,
  livingIncarnations,
  raiseEpoch,
} from '../../src/store/launcher/row.ts';
import { drainedNodes, noteTakeover, recordNotes } from '../../src/store/launcher/events.ts';
import {
  countRunnable,
  heldJobs,
  jobRecords,
  leaseJobs,
  matchWorkflows,
  type LeasedJob,
  type LeaseRequest,
} from '../../src/store/launcher/lease.ts';
import {
  releaseChunk,
  rescueCandidates,
  rosterOf,
  stillHeld,
  tombstone,
} from '../../src/store/launcher/rescue.ts';
import { FILLER, startServer } from '../helpers/database.ts';
import { nested } from './_locks.ts';
import { outline, Prepared, recording, touched, undone, type Sent } from './_plans.ts';
import { batch, end, newLauncher, patch, release, request, start } from './_store.ts';
import { ROOT } from '../helpers/program.ts';

const BATCH = 1_000;
/** Of the table, the rows that wait at least: the lanes of the filter must not be empty. */
const WORKFLOWS = 5;
const R = 180_000;

/** What a coordinator sends at its start or end only, or that is no statement about jobs. */
const COLD = [
  'registerLauncher',
  'endSessions',
  'leftFacts',
  'listen',
  'getOrCreateApplication',
  'updateApplication',
];

interface Hot {
  name: string;
  /** Rows that one of its statements may touch. */
  allowed: number | ((held: number) => number);
  call: (db: Database, held: readonly LeasedJob[]) => Promise<unknown>;
  /** Done before in the same transaction, not looked at. */
  before?: (sql: Queries, db: Database, held: readonly LeasedJob[]) => Promise<unknown>;
}

function leases(launcher: number): Hot[] {
  const workflows = Array.from({ length: WORKFLOWS }, (_, i) => `workflow-${i}`);
  const shapes: [string, number, Partial<LeaseRequest>][] = [
    ['lease mpi', 1, {}],
    ['lease serial', 1, { order: 'serial', serialOnly: true }],
    ['lease serial, then the larger ones', 1, { order: 'serial' }],
    ['lease one workflow', 1, { workflows: ['workflow-1'] }],
    ['lease serial one workflow', 1, { workflows: ['workflow-1'], order: 'serial' }],
    ['lease several workflows', WORKFLOWS, { workflows }],
    ['lease serial several workflows', WORKFLOWS, { workflows, order: 'serial', serialOnly: true }],
    ['lease of any owner', WORKFLOWS, { anyOwner: true }],
    ['lease serial of any owner', WORKFLOWS, { anyOwner: true, order: 'serial', serialOnly: true }],
    ['lease of any owner, some workflows', WORKFLOWS, { workflows, anyOwner: true, order: 'serial' }],
    ['lease that matches nothing', 1, { workflows: ['none'] }],
  ];
  return shapes.map(([name, lanes, changes]) => ({
    name,
    // Found, found again to be changed, and for several lanes found a third time to be locked; the loose scans of lanes.
    allowed: (lanes + 2) * BATCH + 100,
    call: (db) => leaseJobs(db, request({ db, launcher, epoch: 1 }, { limit: BATCH, ...changes })),
  }));
}

function commits(launcher: number): Hot[] {
  const of = { db: undefined as never, launcher, epoch: 1 };
  const kill = (sql: Queries) =>
    sql.unsafe(`update job set state = 'USER_KILLED' where launcher = ${launcher}`);
  const claim = (_: Queries, db: Database, held: readonly LeasedJob[]) =>
    commitBatch(db, batch(of, { starts: held.map((j) => start(j, 0)) }));
  const commit =
    (rows: (held: readonly LeasedJob[]) => Parameters<typeof batch>[1]): Hot['call'] =>
    (db, held) =>
      commitBatch(db, batch(of, rows(held)));
  // Each row is found once; what matched nothing is read, with its attempt row.
  const once = BATCH + 100;
  const twice = 2 * BATCH + 100;
  return [
    {
      name: 'starts',
      allowed: once,
      call: commit((held) => ({ starts: held.map((j, i) => start(j, i + 1)) })),
    },
    { name: 'ends', allowed: once, call: commit((held) => ({ ends: held.map((j, i) => end(j, i + 1)) })) },
    {
      name: 'ends with data',
      allowed: once,
      call: commit((held) => ({ ends: held.map((j, i) => end(j, i + 1, { dataJson: '{"y":1}' })) })),
    },
    {
      name: 'late starts',
      allowed: twice,
      before: claim,
      call: commit((held) => ({ starts: held.map((j, i) => start(j, i + 1)) })),
    },
    {
      name: 'ends of killed jobs',
      allowed: twice,
      before: kill,
      call: commit((held) => ({ ends: held.map((j, i) => end(j, i + 1)) })),
    },
    {
      name: 'patches and ends',
      allowed: twice,
      call: commit((held) => ({
        patches: held.map((j, i) => patch(j, 2 * i + 1, { y: 1 })),
        ends: held.map((j, i) => end(j, 2 * i + 2)),
      })),
    },
    {
      name: 'releases',
      allowed: once,
      call: commit((held) => ({ releases: held.map((j) => release(j, { message: 'given back' })) })),
    },
    {
      name: 'releases of killed jobs',
      allowed: twice,
      before: kill,
      call: commit((held) => ({ releases: held.map((j) => release(j)) })),
    },
  ];
}

const MEMBER = {
  kind: 'agent',
  host: 'h',
  boot_id: 'b',
  pid_namespace: '1',
  uid: 1,
  pid: 1,
  start_time: '1',
  node: 'n',
  incarnation: 'i',
} as const;

const NOTE = { number: 1, at: 0, kind: 'drained', node: 0, host: 'h', message: '' } as const;

function rest(launcher: number): Hot[] {
  const id = launcher;
  const workflows = Array.from({ length: WORKFLOWS }, (_, i) => `workflow-${i}`);
  const few = 20;
  const bury = (_: Queries, db: Database) => tombstone(db, { id, epoch: 1 }, R, true);
  return [
    { name: 'heartbeat', allowed: few, call: (db) => heartbeat(db, id, 1) },
    { name: 'poll for kills', allowed: few, call: (db) => killedJobs(db, id) },
    {
      name: 'poll for kills, all killed',
      allowed: (held) => held + few,
      before: (sql) => sql.unsafe(`update job set state = 'USER_KILLED' where launcher = ${id}`),
      call: (db) => killedJobs(db, id),
    },
    {
      name: 'count of what waits',
      allowed: BATCH + few,
      call: (db) => countRunnable(db, null, BATCH),
    },
    {
      name: 'count of what waits, by workflow',
      allowed: (WORKFLOWS + 1) * BATCH + few,
      call: (db) => countRunnable(db, workflows, BATCH),
    },
    { name: 'workflows', allowed: 2 * WORKFLOWS + few, call: (db) => matchWorkflows(db, 'flow') },
    { name: 'all that is held', allowed: (held) => held + few, call: (db) => heldJobs(db, id) },
    {
      name: 'records',
      allowed: BATCH + few,
      call: (db, held) =>
        jobRecords(
          db,
          held.map((j) => j.id),
        ),
    },
    { name: 'applications', allowed: few, call: (db) => applicationsByName(db, ['app', 'none']) },
    { name: 'application', allowed: few, call: (db) => getApplication(db, 'app') },
    { name: 'who may be dead', allowed: few, call: (db) => rescueCandidates(db, 0, R) },
    { name: 'roster', allowed: few, call: (db) => rosterOf(db, id) },
    { name: 'onto the roster', allowed: few, call: (db) => addRoster(db, id, 1, [MEMBER]) },
    { name: 'incarnations', allowed: few, call: (db) => livingIncarnations(db, id) },
    {
      name: 'notes',
      allowed: few,
      call: (db) => recordNotes(db, { launcher: id, epoch: 1, source: 1, notes: [NOTE], ended: ['i'] }),
    },
    { name: 'takeover', allowed: few, call: (db) => noteTakeover(db, { launcher: id, epoch: 1, held: 1 }) },
    { name: 'drained nodes', allowed: few, call: (db) => drainedNodes(db, id) },
    { name: 'epoch', allowed: few, call: (db) => epochFound(db, id) },
    { name: 'raise', allowed: few, call: (db) => raiseEpoch(db, id, 1) },
    { name: 'leave', allowed: few, call: (db) => leave(db, id, 1) },
    { name: 'tombstone', allowed: few, call: (db) => tombstone(db, { id, epoch: 1 }, R, true) },
    {
      name: 'chunk of a rescue',
      allowed: 2 * BATCH + few,
      before: bury,
      call: (db) => releaseChunk(db, { id }),
    },
    { name: 'still held', allowed: BATCH + few, before: bury, call: (db) => stillHeld(db, id) },
  ];
}

test('every function of the store that a coordinator calls is in the list', (t) => {
  const room = path.join(ROOT, 'src/coordinator');
  const imported = readdirSync(room).flatMap((file) => {
    const text = readFileSync(path.join(room, file), 'utf8');
    return [...text.matchAll(/import \{([^}]*)\} from '\.\.\/store\/[^']*'/g)].flatMap((m) =>
      m[1]!
        .split(',')
        .map((name) => name.trim())
        .filter((name) => name !== '' && !name.startsWith('type ')),
    );
  });
  t.true(imported.length >= 20, `only ${imported.length} are imported`);
  const sources = [leases, commits, rest].map(String).join('\n');
  const missing = imported.filter((name) => !COLD.includes(name) && !sources.includes(`${name}(`));
  t.deepEqual(missing, []);
});

test('no hot statement reads more than its batch at 1,000, 40,000 and 1,000,000 rows', async (t) => {
  t.timeout(600_000);
  const server = await startServer(FILLER);
  t.teardown(() => server.remove());
  const address = await server.database();
  await using filler = connect(address, { applicationName: 'filler', role: 'client' });
  await using db = connect(address, {
    applicationName: 'plans',
    role: 'coordinator',
    max: 1,
    deadline: 240_000,
  });
  await db.sql.unsafe('set statement_timeout = 0');
  const { id: launcher } = await newLauncher(db, 'plans');
  const hot = [...leases(launcher), ...commits(launcher), ...rest(launcher)];
  const prepared = new Prepared();
  const tooMany: string[] = [];

  /** What the call sends, with the values that it has now. */
  const record = ({ call, before }: Hot, held: readonly LeasedJob[]): Promise<Sent[]> =>
    undone(db, async (sql) => {
      const sent: Sent[] = [];
      await before?.(sql, nested(db, sql), held);
      await call(nested(db, recording(sql, sent)), held);
      return sent;
    });
  const check = async (
    what: string,
    entry: Hot,
    sent: readonly Sent[],
    held: readonly LeasedJob[],
    holds: number,
  ): Promise<void> => {
    const { name, allowed, before } = entry;
    const bound = typeof allowed === 'number' ? allowed : allowed(holds);
    await undone(db, async (sql) => {
      await before?.(sql, nested(db, sql), held);
      for (const [i, one] of sent.entries()) {
        const plan = await prepared.explain(sql, one);
        const rows = touched(plan);
        if (rows > bound)
          tooMany.push(`${name} (${i}) ${what}: touched ${rows} rows, allowed ${bound}\n${outline(plan)}`);
      }
    });
  };

  let rows = 0;
  let holds = 0;
  // Finished ones in front, as after weeks of work; what waits is at least two batches of each workflow where it can be.
  const fill = async (size: number): Promise<void> => {
    await filler.sql.unsafe(
      `insert into job (id, name, workflow, application, args, state, num_nodes)
       select gen_random_uuid(), 'job' || i, 'workflow-' || (i % ${WORKFLOWS}), 'app', 'a b ' || i,
         case when i % 20 = 0 or i < 41000 then 'CREATED' else 'JOB_FINISHED' end, 1 + (i % 3 = 0)::int
       from generate_series(${rows + 1}, ${size}) i`,
    );
    rows = size;
  };
  /** A batch stays held each time: so the table has many held rows that no statistics know. */
  const held = async (): Promise<LeasedJob[]> => {
    const { jobs } = await leaseJobs(db, request({ db, launcher, epoch: 1 }, { limit: BATCH }));
    holds += jobs.length;
    return jobs;
  };
  const checkAll = async (what: string): Promise<void> => {
    const jobs = await held();
    for (const entry of hot) {
      const sent = await record(entry, jobs);
      const unknown = sent.filter((one) => !prepared.has(one));
      t.deepEqual(unknown, [], `${entry.name} sends what it did not send before`);
      await check(what, entry, sent, jobs, holds);
    }
  };

  // What they send is learnt from a few rows; the plans are made when the table is empty again.
  await fill(100);
  const jobs = await held();
  const learnt: Sent[][] = [];
  for (const entry of hot) learnt.push(await record(entry, jobs));
  await filler.sql.unsafe('truncate job, attempt, job_event');
  [rows, holds] = [0, 0];
  for (const sent of learnt.flat()) await prepared.prepare(db.sql, sent);
  for (const [i, entry] of hot.entries()) await check('of an empty table', entry, learnt[i]!, [], 0);
  for (const size of [10, 1_000, 40_000, 1_000_000]) {
    await fill(size);
    await checkAll(`at ${size} rows, by the plan made when there were fewer`);
    await filler.sql.unsafe('vacuum analyze');
    await checkAll(`at ${size} rows, analyzed`);
  }
  t.log(`${hot.length} calls, ${new Set(learnt.flat().map((one) => one.text)).size} statements`);
  t.deepEqual(tooMany, []);
});
