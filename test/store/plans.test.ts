/**
 * The plans of the hot statements: none may read more rows than about its batch, however large the table is, whatever
 * statistics there are, and also when the plan was made while the table was empty and kept since.
 */
import test from 'ava';
import { connect, type Queries } from '../../src/store/connection.ts';
import { commitStatements, runRowOfEnd, runValues } from '../../src/store/commit-statements.ts';
import {
  leaseJobs,
  leaseStatement,
  RUNNABLE_WORKFLOWS,
  type LeasedJob,
} from '../../src/store/lease-store.ts';
import { column, plainArray, textArray } from '../../src/store/sql-array.ts';
import { startServer } from '../helpers/database.ts';
import { end, newLauncher, request } from './_store.ts';

const BATCH = 1_000;
/** Of the table, the rows that wait at least: the lanes of the filter must not be empty. */
const WORKFLOWS = 5;

type Value = string | number | boolean;
interface PlanNode {
  'Node Type': string;
  'Relation Name'?: string;
  'Index Name'?: string;
  'Actual Rows': number;
  'Actual Loops': number;
  'Rows Removed by Filter'?: number;
  'Rows Removed by Index Recheck'?: number;
  'Rows Removed by Join Filter'?: number;
  Plans?: PlanNode[];
}

/** Rows that the plan touched: what scans of tables found or threw away, and pairs that a join threw away. */
function touched(node: PlanNode): number {
  const loops = node['Actual Loops'];
  const scanned =
    node['Relation Name'] !== undefined && node['Node Type'].includes('Scan')
      ? node['Actual Rows'] +
        (node['Rows Removed by Filter'] ?? 0) +
        (node['Rows Removed by Index Recheck'] ?? 0)
      : 0;
  const paired = node['Rows Removed by Join Filter'] ?? 0;
  return (scanned + paired) * loops + (node.Plans ?? []).reduce((sum, inner) => sum + touched(inner), 0);
}

/** The plan as lines, for whoever has to find out why. */
function outline(node: PlanNode, indent = ''): string {
  const counts = `${node['Actual Rows']} x ${node['Actual Loops']}, removed ${node['Rows Removed by Filter'] ?? 0} + ${node['Rows Removed by Join Filter'] ?? 0}`;
  const line = `${indent}${node['Node Type']} ${node['Index Name'] ?? node['Relation Name'] ?? ''} (${counts})`;
  return [line, ...(node.Plans ?? []).map((inner) => outline(inner, `${indent}  `))].join('\n');
}

function literal(value: Value): string {
  return typeof value === 'string' ? `'${value.replaceAll("'", "''")}'` : String(value);
}

interface Hot {
  name: string;
  text: string;
  /** Rows that it may touch. */
  allowed: number;
  values(held: readonly LeasedJob[]): Value[];
}

function hotStatements(launcher: number): Hot[] {
  const of = { db: undefined as never, launcher, epoch: 1 };
  const workflows = Array.from({ length: WORKFLOWS }, (_, i) => `workflow-${i}`);
  const leases = [
    { name: 'lease mpi', changes: {}, oneRank: false, lanes: 1 },
    { name: 'lease serial', changes: { order: 'serial', serialOnly: true }, oneRank: true, lanes: 1 },
    { name: 'lease one workflow', changes: { workflows: ['workflow-1'] }, oneRank: false, lanes: 1 },
    {
      name: 'lease serial one workflow',
      changes: { workflows: ['workflow-1'], order: 'serial' },
      oneRank: true,
      lanes: 1,
    },
    { name: 'lease several workflows', changes: { workflows }, oneRank: false, lanes: WORKFLOWS },
    {
      name: 'lease of any owner',
      changes: { workflows, anyOwner: true, order: 'serial' },
      oneRank: true,
      lanes: WORKFLOWS,
    },
    { name: 'lease that matches nothing', changes: { workflows: ['none'] }, oneRank: false, lanes: 1 },
  ] as const;
  const holder = { launcher, epoch: 1 };
  const ends = (held: readonly LeasedJob[]) =>
    held.map((job, i) => runRowOfEnd(end(job, i + 1, { dataJson: '{"y":1}' })));
  const keys = (held: readonly LeasedJob[]): Value[] => [
    launcher,
    1,
    plainArray(column(held, (j) => j.id)),
    plainArray(column(held, (j) => j.attempt)),
  ];
  const texts = (held: readonly LeasedJob[], value: string | null) => textArray(held.map(() => value));
  const numbers = (held: readonly LeasedJob[], value: number) => plainArray(held.map(() => value));
  return [
    ...leases.map(({ name, changes, oneRank, lanes }): Hot => {
      const { text, values } = leaseStatement(request(of, { limit: BATCH, ...changes }), oneRank);
      // Found, found again to be changed, and for several lanes found a third time to be locked.
      return { name, text, allowed: (lanes + 2) * BATCH + 100, values: () => values };
    }),
    {
      name: 'ends',
      text: commitStatements.run,
      allowed: BATCH + 100,
      values: (held) => runValues(holder, ends(held), false),
    },
    {
      name: 'ends with data',
      text: commitStatements.runWithData,
      allowed: BATCH + 100,
      values: (held) => runValues(holder, ends(held), true),
    },
    {
      name: 'ends of killed jobs',
      text: commitStatements.runKilled,
      allowed: 2 * BATCH + 100,
      values: (held) => runValues(holder, ends(held), false),
    },
    {
      name: 'patches',
      text: commitStatements.patches,
      allowed: 2 * BATCH + 100,
      values: (held) => [
        ...keys(held),
        numbers(held, 1),
        texts(held, '{"y":1}'),
        texts(held, null),
        texts(held, null),
      ],
    },
    {
      name: 'releases',
      text: commitStatements.releases,
      allowed: BATCH + 100,
      values: (held) => [
        ...keys(held),
        texts(held, 'n'),
        texts(held, 'RESTART_READY'),
        texts(held, 'RUN_TIMEOUT'),
        texts(held, ''),
        numbers(held, 1),
        numbers(held, 0),
        numbers(held, 1),
      ],
    },
    { name: 'runnable workflows', text: RUNNABLE_WORKFLOWS, allowed: 2 * WORKFLOWS + 20, values: () => [] },
  ];
}

class Rollback extends Error {}

test('no hot statement reads more than its batch at 1,000, 40,000 and 1,000,000 rows', async (t) => {
  t.timeout(300_000);
  // A filler: nothing of it needs to outlive a crash, and nobody but us may analyze.
  const server = await startServer({
    fsync: false,
    settings: {
      autovacuum: 'off',
      wal_level: 'minimal',
      max_wal_senders: '0',
      synchronous_commit: 'off',
      full_page_writes: 'off',
      max_wal_size: '8GB',
    },
  });
  t.teardown(() => server.remove());
  const address = await server.database();
  await using filler = connect(address, { applicationName: 'filler', role: 'client' });
  await using db = connect(address, {
    applicationName: 'plans',
    role: 'coordinator',
    max: 1,
    deadline: 120_000,
  });
  await db.sql.unsafe('set statement_timeout = 0');
  const { id: launcher } = await newLauncher(db, 'plans');
  const hot = hotStatements(launcher);

  const explain = async (sql: Queries, i: number, held: readonly LeasedJob[]): Promise<PlanNode> => {
    const values = hot[i]!.values(held);
    const args = values.length === 0 ? '' : `(${values.map(literal).join(', ')})`;
    const [row] = await sql.unsafe(
      `explain (analyze, timing off, costs off, buffers off, format json) execute hot_${i}${args}`,
    );
    const plan = (row as unknown as { 'QUERY PLAN': { Plan: PlanNode }[] | string })['QUERY PLAN'];
    return (typeof plan === 'string' ? (JSON.parse(plan) as { Plan: PlanNode }[]) : plan)[0]!.Plan;
  };
  const checkAll = async (what: string): Promise<void> => {
    const { jobs } = await leaseJobs(db, request({ db, launcher, epoch: 1 }, { limit: BATCH }));
    for (const [i, { name, allowed }] of hot.entries()) {
      const error = await t.throwsAsync(
        db.transaction(async (sql) => {
          if (name === 'ends of killed jobs')
            await sql.unsafe(`update job set state = 'USER_KILLED' where launcher = ${launcher}`);
          const plan = await explain(sql, i, jobs);
          const rows = touched(plan);
          if (rows > allowed)
            tooMany.push(`${name} ${what}: touched ${rows} rows, allowed are ${allowed}\n${outline(plan)}`);
          throw new Rollback();
        }),
      );
      if (!(error instanceof Rollback)) throw error;
    }
    // They stay held: so the table has many held rows that no statistics know.
  };

  const tooMany: string[] = [];
  for (const [i, { text }] of hot.entries()) await db.sql.unsafe(`prepare hot_${i} as ${text}`);
  await checkAll('of an empty table');
  let rows = 0;
  for (const size of [10, 1_000, 40_000, 1_000_000]) {
    // Finished ones in front, as after weeks of work; what waits is at least two batches of each workflow where it can be.
    await filler.sql.unsafe(
      `insert into job (id, name, workflow, application, args, state, num_nodes)
       select gen_random_uuid(), 'job' || i, 'workflow-' || (i % ${WORKFLOWS}), 'app', 'a b ' || i,
         case when i % 20 = 0 or i < 41000 then 'CREATED' else 'JOB_FINISHED' end, 1 + (i % 3 = 0)::int
       from generate_series(${rows + 1}, ${size}) i`,
    );
    rows = size;
    await checkAll(`at ${size} rows, by the plan made when there were fewer`);
    await filler.sql.unsafe('vacuum analyze');
    await checkAll(`at ${size} rows, analyzed`);
  }
  t.deepEqual(tooMany, []);
});
