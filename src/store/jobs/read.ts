/**
 * Reading jobs: rows, chosen values, counts, the names of workflows; whole, by slices, or through a cursor.
 *
 * Called through change.ts. A list of a few rows out of a million must not depend on what statistics believe: what asks
 * for workflows or states in order of creation reads *lanes*, one range of the index (workflow, state, seq) each, and
 * merges them. What asks for a text that no index is sorted by goes through job-keys.
 */
import { JOB_STATES, type JobState } from '../../model/job.ts';
import type { Query, Selection } from '../../model/query.ts';
import type { Database, Queries } from '../connection.ts';
import { jobColumns } from './columns.ts';
import {
  conjuncts,
  isCommonState,
  isUnindexed,
  matchingRows,
  MAX_LANE_WORKFLOWS,
  mayBeCommon,
  searchSql,
  valuesAsked,
  whereSql,
  withWorkflowNames,
  workflowNames,
} from './search.ts';
import {
  Parameters,
  conditionSql,
  orderAndSliceSql,
  orderCollation,
  sliceSql,
  valueSql,
} from './query-sql.ts';
import { isJobField, JOB_FIELDS, type FieldType, type JobField, type JobRow } from '../rows.ts';
import { textArray } from '../sql-array.ts';

/** For each row that is wanted, rows that are looked at in order of creation before the lanes are. Guess. */
const NEAREST = 10;

const ALL_FIELDS = Object.keys(JOB_FIELDS) as JobField[];

/** The rows of a query, in its order. All of them in memory: use streamJobs for many. */
export async function getJobs(db: Database, query: Query): Promise<JobRow[]> {
  return db.run((sql) => readJobs(sql, query));
}

/** The same where `sql` is. */
export async function readJobs(sql: Queries, query: Query): Promise<JobRow[]> {
  return readFields(sql, query, ALL_FIELDS);
}

/** Only these fields of them: a job's `data` may be megabytes. */
export async function readFields<F extends JobField>(
  sql: Queries,
  query: Query,
  fields: readonly F[],
): Promise<Pick<JobRow, F>[]> {
  const columns = jobColumns('job', fields);
  const run = async ({ text, values }: Statement): Promise<Pick<JobRow, F>[]> => [
    ...(await sql.unsafe<Pick<JobRow, F>[]>(text, values, { prepare: false })),
  ];
  const resolved = { ...query, where: await withWorkflowNames(sql, query.where) };
  if (mayBeCommon(resolved)) {
    const nearest = await run(nearestStatement(columns, resolved));
    if (nearest.length === query.limit) return nearest;
  }
  return run(await statementOf(sql, columns, resolved));
}

/** The rows of a query through a cursor: memory stays flat. Holds one connection until it ends or is left. */
export async function* streamJobs(db: Database, query: Query): AsyncGenerator<JobRow> {
  const { text, values } = await db.run(async (sql) => {
    const where = await withWorkflowNames(sql, query.where);
    return statementOf(sql, jobColumns('job'), { ...query, where });
  });
  yield* db.stream<JobRow>(text, values);
}

/** How many rows getJobs would give. */
export async function countJobs(db: Database, query: Query): Promise<number> {
  return db.run(async (sql) => {
    const parameters = new Parameters();
    const rows = await matchingRows(sql, query.where, [], parameters);
    return countOf(sql, `${rows}${sliceSql(query, parameters)}`, parameters);
  });
}

/** How many jobs of the query's condition are in each state that occurs. */
export async function countByState(db: Database, query: Query): Promise<Map<JobState, number>> {
  const rows = await db.run(async (sql) => {
    const parameters = new Parameters();
    const matching = await matchingRows(sql, query.where, ['state'], parameters);
    return sql.unsafe<{ state: JobState; n: number }[]>(
      `select state, count(*)::float8 as n from (${matching}) r group by state order by state`,
      parameters.values,
      { prepare: false },
    );
  });
  return new Map(rows.map(({ state, n }) => [state, n]));
}

/** The names of all workflows, sorted: one step of an index a workflow. */
export async function workflows(db: Database): Promise<string[]> {
  return db.run((sql) => workflowNames(sql, null));
}

/** Chosen values of the rows of a query, in the order of the selection. */
export async function getValues(db: Database, query: Query, selection: Selection): Promise<unknown[][]> {
  if (isWorkflowNames(query, selection)) {
    const names = (await workflows(db)).map((name) => [name]);
    const from = query.offset ?? 0;
    return names.slice(from, query.limit === undefined ? undefined : from + query.limit);
  }
  return db.run(async (sql) => {
    const { text, values } = await valuesStatement(sql, query, selection);
    const rows = await sql.unsafe<Record<string, unknown>[]>(text, values, { prepare: false });
    return rows.map((row) => Object.values(row));
  });
}

/** The same through a cursor. */
export async function* streamValues(
  db: Database,
  query: Query,
  selection: Selection,
): AsyncGenerator<unknown[]> {
  const { text, values } = await db.run((sql) => valuesStatement(sql, query, selection));
  for await (const row of db.stream<Record<string, unknown>>(text, values)) yield Object.values(row);
}

/** How many rows getValues would give. */
export async function countValues(db: Database, query: Query, selection: Selection): Promise<number> {
  if (!selection.distinct) return countJobs(db, query);
  if (isWorkflowNames(query, selection)) return (await getValues(db, query, selection)).length;
  return db.run(async (sql) => {
    const parameters = new Parameters();
    const rows = await distinctRows(sql, query, selection, parameters);
    return countOf(sql, `select from (${rows}) d${sliceSql(query, parameters)}`, parameters);
  });
}

interface Statement {
  text: string;
  values: Parameters['values'];
}

async function countOf(sql: Queries, rows: string, parameters: Parameters): Promise<number> {
  const text = `select count(*)::float8 as n from (${rows}) r`;
  const [row] = await sql.unsafe<{ n: number }[]>(text, parameters.values, { prepare: false });
  return row!.n;
}

/** `query` says workflows by their names (withWorkflowNames), so that they can be lanes. */
async function statementOf(sql: Queries, columns: string, query: Query): Promise<Statement> {
  const parameters = new Parameters();
  const { where, limit, offset = 0, reversed = false } = query;
  const first = limit === undefined || query.orderBy.length > 0 ? null : { count: limit + offset, reversed };
  const search = searchSql(where, parameters, first);
  if (search !== null) {
    const text = `select ${columns} from job where ${search} and ${restSql(query, parameters)}`;
    return { text, values: parameters.values };
  }
  if (first !== null && isUnindexed(conjuncts(where))) {
    // Not by the index of their order: a walk through it reads the table page by page out of order (measured: 2.5 times).
    const rows = `select * from job where ${conditionSql(where, parameters)} offset 0`;
    const text = `select ${columns} from (${rows}) job ${orderAndSliceSql(query, parameters)}`;
    return { text, values: parameters.values };
  }
  const lanes = first === null ? null : await lanesOf(sql, query);
  const text =
    lanes === null
      ? `select ${columns} from job where ${restSql(query, parameters)}`
      : lanesSql(columns, query, lanes, parameters);
  return { text, values: parameters.values };
}

function restSql(query: Query, parameters: Parameters): string {
  return `${conditionSql(query.where, parameters)} ${orderAndSliceSql(query, parameters)}`;
}

interface Lanes {
  workflows: readonly string[];
  states: readonly string[];
}

/** The lanes of a list of a few rows in order of creation; null where the plain statement is as good. */
async function lanesOf(sql: Queries, query: Query): Promise<Lanes | null> {
  const parts = conjuncts(query.where);
  const states = valuesAsked(parts, 'state');
  const workflow = valuesAsked(parts, 'workflow');
  if (workflow === null && !isCommonState(parts)) return null;
  const names = workflow ?? (await workflowNames(sql, MAX_LANE_WORKFLOWS + 1));
  return names.length > MAX_LANE_WORKFLOWS ? null : { workflows: names, states: states ?? JOB_STATES };
}

/** Only among the first jobs: where a state is common, they are enough. */
function nearestStatement(columns: string, query: Query): Statement {
  const parameters = new Parameters();
  const { limit = 0, offset = 0 } = query;
  const direction = query.reversed === true ? ' desc' : '';
  const some = parameters.add(Math.min(NEAREST * (limit + offset), Number.MAX_SAFE_INTEGER), 'bigint');
  const text = `select ${columns} from (select * from job order by seq${direction} limit ${some}) job
    where ${restSql(query, parameters)}`;
  return { text, values: parameters.values };
}

function lanesSql(columns: string, query: Query, lanes: Lanes, parameters: Parameters): string {
  const { limit = 0, offset = 0 } = query;
  const direction = query.reversed === true ? ' desc' : '';
  const workflow = parameters.add(textArray(lanes.workflows), 'text[]');
  const state = parameters.add(textArray(lanes.states), 'text[]');
  const most = parameters.add(Math.min(limit + offset, Number.MAX_SAFE_INTEGER), 'bigint');
  return `select ${columns} from unnest(${workflow}) as w(workflow) cross join unnest(${state}) as s(state)
    cross join lateral (select * from job where job.workflow = w.workflow and job.state = s.state
      and ${conditionSql(query.where, parameters)} order by job.seq${direction} limit ${most}) job
    order by job.seq${direction}${sliceSql(query, parameters)}`;
}

/** `values('workflow').distinct()` of everything: there is an index for that. */
function isWorkflowNames(query: Query, { fields, distinct }: Selection): boolean {
  const whole = 'and' in query.where && query.where.and.length === 0;
  const [first, ...more] = fields;
  return distinct && whole && more.length === 0 && first?.join() === 'workflow' && query.orderBy.length === 0;
}

async function valuesStatement(sql: Queries, query: Query, selection: Selection): Promise<Statement> {
  const parameters = new Parameters();
  if (!selection.distinct) {
    const where = await whereSql(sql, query.where, parameters);
    const columns = selection.fields.map(
      (field, i) => `${crossing(field, valueSql(field, parameters))} as v${i}`,
    );
    const text = `select ${columns.join(', ')} from job where ${where} ${orderAndSliceSql(query, parameters)}`;
    return { text, values: parameters.values };
  }
  const rows = await distinctRows(sql, query, selection, parameters);
  const columns = selection.fields.map((field, i) => `${crossing(field, `d.v${i}`)} as v${i}`);
  const places = new Map(selection.fields.map((field, i) => [field.join('.'), i]));
  const asked = query.orderBy.map(([name, direction]) => [places.get(name) ?? 0, direction] as const);
  const order = [...asked, ...selection.fields.map((_, i) => [i, 'asc'] as const)].map(
    ([i, direction]) => `d.v${i}${orderCollation(typeOf(selection.fields[i]!))} ${direction}`,
  );
  const text = `select ${columns.join(', ')} from (${rows}) d order by ${order.join(', ')}${sliceSql(query, parameters)}`;
  return { text, values: parameters.values };
}

async function distinctRows(
  sql: Queries,
  query: Query,
  { fields }: Selection,
  parameters: Parameters,
): Promise<string> {
  const where = await whereSql(sql, query.where, parameters);
  const columns = fields.map((field, i) => `${valueSql(field, parameters)} as v${i}`);
  return `select distinct ${columns.join(', ')} from job where ${where}`;
}

/** A list of ids crosses as JSON: the driver knows no arrays. */
function crossing(field: readonly [string, ...string[]], expression: string): string {
  return typeOf(field) === 'uuids' ? `array_to_json(${expression})` : expression;
}

function typeOf([name, ...steps]: readonly [string, ...string[]]): FieldType {
  return steps.length > 0 || !isJobField(name) ? 'json' : JOB_FIELDS[name].type;
}
