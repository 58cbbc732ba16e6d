/**
 * Interleavings made by hand: a transaction that stays open with the store's own statements in it, and the wait until
 * somebody else stands before its locks. Nothing here waits for time.
 */
import { connect, type Database, type DatabaseAddress, type Queries } from '../../src/store/connection.ts';

/** How long a test waits for what must come, milliseconds: two busy cores and a deadlock's second are nothing beside it. */
const PATIENCE_MS = 60_000;

/** Asks again and again until the answer is yes. */
export async function until(what: string, condition: () => boolean | Promise<boolean>): Promise<void> {
  const deadline = performance.now() + PATIENCE_MS;
  while (!(await condition())) {
    if (performance.now() > deadline) throw new Error(`${what}: not within ${PATIENCE_MS} ms`);
    await new Promise((resolve) => setTimeout(resolve, 5));
  }
}

/** `count` sessions of this application stand before a lock that somebody holds. */
export function untilWaiting(watcher: Database, application: string, count = 1): Promise<void> {
  return until(`${count} of ${application} wait`, async () => {
    const [row] = await watcher.sql<{ n: number }[]>`
      select count(*)::int as n from pg_stat_activity
      where datname = current_database() and application_name = ${application} and wait_event_type = 'Lock' and cardinality(pg_blocking_pids(pid)) > 0`;
    return row!.n >= count;
  });
}

/** A session of this application waits inside a transaction for its client. */
export function untilInTransaction(watcher: Database, application: string): Promise<void> {
  return until(`${application} waits for its client`, async () => {
    const rows = await watcher.sql`
      select pid from pg_stat_activity where datname = current_database() and application_name = ${application}
        and state = 'idle in transaction' and query not ilike 'begin%'`;
    return rows.length > 0;
  });
}

/** No session of this application is there any more, or none is at work. */
export function untilQuiet(watcher: Database, application: string): Promise<void> {
  return until(`${application} is done`, async () => {
    const [row] = await watcher.sql<{ n: number }[]>`
      select count(*)::int as n from pg_stat_activity
      where datname = current_database() and application_name = ${application} and state is distinct from 'idle'`;
    return row!.n === 0;
  });
}

export interface OpenTransaction {
  /** The store's functions run inside the transaction. */
  readonly db: Database;
  commit(): Promise<void>;
  rollback(): Promise<void>;
}

/** The database as seen from inside a transaction: the store's functions send their statements there. */
export function nested(db: Database, sql: Queries): Database {
  const work = <T>(fn: (inside: Queries) => Promise<T>): Promise<T> => fn(sql);
  const members = new Map<PropertyKey, unknown>([
    ['run', work],
    ['transaction', work],
    ['sql', sql],
  ]);
  return new Proxy(db, {
    get: (target, name) => members.get(name) ?? (Reflect.get(target, name, target) as unknown),
  });
}

class RolledBack extends Error {}

/** A transaction that stays open until it is told how to end. */
export async function openTransaction(
  address: DatabaseAddress,
  application: string,
): Promise<OpenTransaction> {
  const pool = connect(address, { applicationName: application, role: 'client', max: 1 });
  const begun = Promise.withResolvers<Queries>();
  const ended = Promise.withResolvers<void>();
  const whole = pool.sql
    .begin(async (sql) => {
      begun.resolve(sql);
      await ended.promise;
    })
    .catch((error: unknown) => {
      begun.reject(error);
      if (!(error instanceof RolledBack)) throw error;
    });
  const inside = await begun.promise;
  return {
    db: nested(pool, inside),
    async commit() {
      ended.resolve();
      await whole;
      await pool.close();
    },
    async rollback() {
      ended.reject(new RolledBack());
      await whole;
      await pool.close();
    },
  };
}
