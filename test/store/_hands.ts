/**
 * The words of test/sim/hands.ts for a real Postgres: each hand is one connection on which the functions of src/store run,
 * with begin and commit where the test says so. Whether one waits is asked of pg_stat_activity; a statement is held after
 * its snapshot by an advisory lock before its fence.
 */
import type postgres from 'postgres';
import { commitBatch } from '../../src/store/launcher/commit.ts';
import { connect, type Database, type DatabaseAddress, type Queries } from '../../src/store/connection.ts';
import { field } from '../../src/model/query.ts';
import { insertJobs, killJobs } from '../../src/store/jobs/change.ts';
import { heartbeat, raiseEpoch } from '../../src/store/launcher/row.ts';
import { leaseJobs } from '../../src/store/launcher/lease.ts';
import { releaseChunk, tombstone } from '../../src/store/launcher/rescue.ts';
import { freshDatabase } from '../helpers/database.ts';
import {
  idOf,
  leaseLine,
  outcomeLine,
  shortOf,
  type Ask,
  type Hand,
  type Hands,
  type Sent,
  type SentState,
} from '../sim/hands.ts';
import type { Rules } from '../sim/tables.ts';
import { newLauncher, request } from './_store.ts';

/** Far more than a statement needs on a busy machine, milliseconds. */
const PATIENCE_MS = 60_000;
const GATE = 4711;

export class PostgresHands implements Hands {
  readonly #address: DatabaseAddress;
  readonly #rules: Partial<Rules>;
  /** Looks from outside, and holds the gate. */
  readonly #watch: Database;
  readonly #open: Database[] = [];
  /** A connection that waits in a transaction does not keep the test alive by itself. */
  readonly #alive = setInterval(() => undefined, 1_000);

  private constructor(address: DatabaseAddress, rules: Partial<Rules>) {
    this.#address = address;
    this.#rules = rules;
    this.#watch = connect(address, { applicationName: 'test-watch', role: 'client', max: 1 });
  }

  static async open(rules: Partial<Rules> = {}): Promise<PostgresHands> {
    const hands = new PostgresHands(await freshDatabase(), rules);
    for (const name of ['one', 'two']) await newLauncher(hands.#watch, name);
    return hands;
  }

  async hand(): Promise<Hand> {
    const db = connect(this.#address, { applicationName: 'test-hand', role: 'coordinator', max: 1 });
    this.#open.push(db);
    const { sql } = db;
    const [row] = await sql`select pg_backend_pid() as pid`;
    return new PostgresHand(db, sql, Number(row!['pid']), this.#watch, this.#rules);
  }

  async create(...ids: string[]): Promise<void> {
    await insertJobs(
      this.#watch,
      ids.map((id) => ({ name: id, job_id: idOf(id) })),
    );
  }

  async row(id: string): Promise<string> {
    const [r] = await this.#watch.sql`select state, launcher, attempt from job where id = ${idOf(id)}`;
    return `${r!['state']} ${r!['launcher'] ?? '-'}#${r!['attempt']}`;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    clearInterval(this.#alive);
    await Promise.all([this.#watch, ...this.#open].map((db) => db.close()));
  }
}

class PostgresHand implements Hand {
  readonly #db: Database;
  readonly #sql: postgres.Sql;
  readonly #pid: number;
  readonly #watch: Database;
  readonly #rules: Partial<Rules>;
  #begun = false;
  #held = false;

  constructor(db: Database, sql: postgres.Sql, pid: number, watch: Database, rules: Partial<Rules>) {
    this.#sql = sql;
    this.#pid = pid;
    this.#watch = watch;
    this.#rules = rules;
    const queries = Object.assign((...args: Parameters<Queries>) => sql(...args), sql, {
      unsafe: (text: string, ...rest: []) => sql.unsafe(this.#spoilt(text), ...rest),
    }) as unknown as Queries;
    const transaction = async <T>(work: (q: Queries) => Promise<T>): Promise<T> => {
      if (this.#begun) return work(queries);
      await sql.unsafe('begin');
      try {
        const result = await work(queries);
        await sql.unsafe('commit');
        return result;
      } catch (error) {
        await sql.unsafe('rollback');
        throw error;
      }
    };
    // Everything on this one connection, outside the turns and deadlines of a pool.
    this.#db = Object.assign(Object.create(db) as Database, {
      run: <T>(work: (q: Queries) => Promise<T>): Promise<T> => work(queries),
      transaction,
    });
  }

  /** A statement of the store as this test wants it: held before its fence, or with a rule broken. */
  #spoilt(text: string): string {
    let spoilt = text;
    if (this.#held) {
      this.#held = false;
      spoilt = replaced(
        replaced(
          spoilt,
          'with fence as materialized (',
          `with gate as materialized (select pg_advisory_xact_lock_shared(${GATE})::text as passed), fence as materialized (`,
        ),
        'from launcher where',
        'from gate cross join launcher where gate.passed is not null and',
      );
    }
    return this.#rules.fence === 'plain' ? spoilt.replace(' for key share)', ')') : spoilt;
  }

  async begin(): Promise<void> {
    await this.#sql.unsafe('begin');
    this.#begun = true;
  }

  async commit(): Promise<void> {
    await this.#sql.unsafe('commit');
    this.#begun = false;
  }

  async rollback(): Promise<void> {
    await this.#sql.unsafe('rollback');
    this.#begun = false;
  }

  async ask(ask: Ask): Promise<string> {
    return (await this.send(ask)).answer();
  }

  async send(ask: Ask, { held } = { held: false }): Promise<Sent> {
    const watch = this.#watch.sql;
    if (held) await watch`select pg_advisory_lock(${GATE})`;
    this.#held = held;
    let done = false;
    const result = this.#answer(ask).finally(() => {
      done = true;
    });
    const state = (): Promise<SentState> => this.#rests(() => done);
    const sent: Sent = {
      state,
      go: async () => {
        await watch`select pg_advisory_unlock(${GATE})`;
      },
      answer: () => result,
    };
    // It has its snapshot, and waits, or it is done.
    await state();
    return sent;
  }

  async #rests(isDone: () => boolean): Promise<SentState> {
    const deadline = Date.now() + PATIENCE_MS;
    while (Date.now() < deadline) {
      const [row] = await this.#watch.sql`select wait_event from pg_stat_activity
        where pid = ${this.#pid} and state = 'active' and wait_event_type = 'Lock'`;
      if (isDone()) return 'done';
      if (row) return row['wait_event'] === 'advisory' ? 'held' : 'waits';
    }
    throw new Error(`neither done nor waiting within ${PATIENCE_MS} ms`);
  }

  async #answer(ask: Ask): Promise<string> {
    const db = this.#db;
    const launcher = ask.launcher ?? 1;
    switch (ask.kind) {
      case 'lease': {
        const { epoch, limit } = ask;
        return leaseLine((await leaseJobs(db, request({ db, launcher, epoch }, { limit }))).jobs);
      }
      case 'raise':
        return this.#raise(launcher, ask.epoch);
      case 'heartbeat':
        return String(await heartbeat(db, launcher, ask.epoch));
      case 'bury':
        return String(await tombstone(db, { id: launcher, epoch: ask.epoch }, 0, true));
      case 'kill': {
        const of = field('name', 'in', ask.jobs);
        return (await killJobs(db, of)).killed.map((k) => shortOf(k.id)).join(' ') || 'nothing';
      }
      case 'take back':
        return String(await releaseChunk(db, { id: launcher }));
      case 'commit': {
        const { fenced, ...outcomes } = await commitBatch(db, { launcher, epoch: ask.epoch, ...ask.rows });
        return fenced ? outcomeLine(outcomes) : 'fenced off';
      }
    }
  }

  async #raise(launcher: number, epoch: number): Promise<string> {
    if (this.#rules.change !== 'bare') return String(await raiseEpoch(this.#db, launcher, epoch));
    const [row] = await this.#sql`update launcher set epoch = ${epoch + 1}, heartbeat_at = clock_timestamp()
      where id = ${launcher} and epoch in (${epoch}, ${epoch + 1}) and state = 'alive' returning epoch`;
    return String(row?.['epoch'] ?? null);
  }
}

function replaced(text: string, what: string, by: string): string {
  if (!text.includes(what)) throw new Error(`the statement has no "${what}" any more: ${text}`);
  return text.replace(what, by);
}
