/**
 * New jobs: a few by one insert, many by COPY in constant memory. One wake-up a transaction, none a job.
 *
 * Called through change.ts. Ids are made here unless given; one that is there already makes the insert do nothing, so
 * that a repeated request finds the same job.
 */
import { pipeline } from 'node:stream/promises';
import { UserError } from '../../base/errors.ts';
import { newId } from '../../base/ids.ts';
import { COPY_CHUNK_BYTES, STREAM_ROWS } from '../../base/limits.ts';
import { codeOf, type Database, type Queries } from '../connection.ts';
import { jobColumns, selectJobs } from './columns.ts';
import { refuseMissing } from './parents.ts';
import { checkNewJob, columnType, valueText } from './values.ts';
import { WRITABLE_FIELDS, type JobRow, type NewJob } from '../rows.ts';
import { column, plainArray, textArray } from '../sql-array.ts';

const INSERT = `with made as (
    insert into job (id, ${WRITABLE_FIELDS.join(', ')})
    select r.id, ${WRITABLE_FIELDS.map((f) => `r.${f}::${columnType(f)}`).join(', ')}
    from unnest($1::uuid[], ${WRITABLE_FIELDS.map((_, i) => `$${i + 2}::text[]`).join(', ')})
      with ordinality as r(id, ${WRITABLE_FIELDS.join(', ')}, place) order by r.place
    on conflict (id) do nothing returning job.*),
  told as materialized (select pg_notify('balsam_job', '') from made limit 1)
  select ${jobColumns('made')} from made left join told on true`;

/**
 * Creates jobs and returns their rows in the order given; for an id that is there already, the row that is there.
 * UserError, and nothing is created, when a value is wrong or a parent is missing. All in one transaction.
 */
export async function insertJobs(db: Database, jobs: readonly NewJob[]): Promise<JobRow[]> {
  const single = jobs.length <= STREAM_ROWS && jobs.every((job) => (job.parents ?? []).length === 0);
  const write = (sql: Queries): Promise<JobRow[]> => insertIn(sql, jobs);
  return single ? db.run(write) : db.transaction(write);
}

/** The same where `sql` is; several chunks, or parents, must be in a transaction. */
export async function insertIn(sql: Queries, jobs: readonly NewJob[]): Promise<JobRow[]> {
  if (jobs.length === 0) return [];
  for (const job of jobs) checkNewJob(job);
  const named = jobs.map((job) => ({ id: job.job_id ?? newId(), job }));
  await refuseMissing(sql, foreignParents(named));
  const rows = new Map<string, JobRow>();
  for (let i = 0; i < named.length; i += STREAM_ROWS) {
    for (const row of await insertChunk(sql, named.slice(i, i + STREAM_ROWS))) rows.set(row.job_id, row);
  }
  const there = named.filter(({ id }) => !rows.has(id)).map(({ id }) => id);
  if (there.length > 0) for (const row of await readRows(sql, there)) rows.set(row.job_id, row);
  return named.map(({ id }) => rows.get(id)!);
}

/** Parents that are not among the new jobs before their child; a job before its parent would be a circle or a mistake. */
function foreignParents(named: readonly { id: string; job: NewJob }[]): string[] {
  const made = new Set<string>();
  const foreign = new Set<string>();
  for (const { id, job } of named) {
    for (const parent of job.parents ?? []) {
      if (parent === id) throw new UserError(`job ${id} cannot be its own parent`);
      if (!made.has(parent)) foreign.add(parent);
    }
    made.add(id);
  }
  return [...foreign];
}

function insertChunk(sql: Queries, named: readonly { id: string; job: NewJob }[]): Promise<JobRow[]> {
  const values = [
    plainArray(column(named, (n) => n.id)),
    ...WRITABLE_FIELDS.map((field) => textArray(column(named, (n) => valueText(field, n.job[field])))),
  ];
  return sql.unsafe<JobRow[]>(INSERT, values, { prepare: true });
}

async function readRows(sql: Queries, ids: readonly string[]): Promise<JobRow[]> {
  return sql.unsafe<JobRow[]>(`${selectJobs('job')} from job where id = any ($1::uuid[])`, [plainArray(ids)]);
}

/**
 * Creates jobs by COPY, in one transaction and constant memory; returns how many. UserError, and nothing is created, when a
 * value is wrong or an id is there already. Parents are not looked up: the caller has made them, before or in the same call.
 */
export async function copyJobs(
  db: Database,
  jobs: AsyncIterable<NewJob> | Iterable<NewJob>,
): Promise<number> {
  let made = 0;
  let source = jobs;
  async function* lines(): AsyncGenerator<Buffer> {
    let text = '';
    for await (const job of source) {
      text += copyLine(job);
      made++;
      if (text.length >= COPY_CHUNK_BYTES) {
        yield Buffer.from(text);
        text = '';
      }
    }
    if (text !== '') yield Buffer.from(text);
  }
  try {
    await db.transaction(async (sql) => {
      const failed = Promise.withResolvers<never>();
      const copy = sql.unsafe(`copy job (id, ${WRITABLE_FIELDS.join(', ')}) from stdin`);
      // An error after the last row (an id that is there already) reaches neither the stream nor, once it gave us the
      // stream, the query's promise: without this the call would wait for ever.
      void Object.assign(copy, { reject: failed.reject });
      const target = await Promise.race([copy.writable(), failed.promise]);
      await Promise.race([pipeline(lines(), target), failed.promise]);
      await sql`select pg_notify('balsam_job', '')`;
    });
  } catch (error) {
    if (codeOf(error) === '23505')
      throw new UserError('one of the job ids is there already, or twice in the list; nothing was created');
    throw error;
  } finally {
    // The driver's connection keeps the stream of its last COPY, and with that what fed it: a list of the caller's, say.
    source = [];
  }
  return made;
}

const COPY_SPECIAL = /[\\\t\n\r]/;
const COPY_ESCAPES: Record<string, string> = { '\\': '\\\\', '\t': '\\t', '\n': '\\n', '\r': '\\r' };

/** One field of COPY's text format. */
export function copyField(text: string | null): string {
  if (text === null) return '\\N';
  return COPY_SPECIAL.test(text) ? text.replace(/[\\\t\n\r]/g, (c) => COPY_ESCAPES[c]!) : text;
}

/** Columns of a job that says nothing but its id: most fields of most jobs are defaults. */
const DEFAULTS = WRITABLE_FIELDS.map((field) => copyField(valueText(field, undefined)));

function copyLine(job: NewJob): string {
  checkNewJob(job);
  let line = job.job_id ?? newId();
  for (let i = 0; i < WRITABLE_FIELDS.length; i++) {
    const field = WRITABLE_FIELDS[i]!;
    const value = job[field];
    line += `\t${value === undefined ? DEFAULTS[i]! : copyField(valueText(field, value))}`;
  }
  return `${line}\n`;
}
