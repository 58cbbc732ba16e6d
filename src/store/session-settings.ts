/**
 * What every session of ours sets when it connects, and the proof that it holds. A pooler between us and Postgres may drop
 * what is set at the start of a connection, or give each transaction another session: then nothing of this holds, and
 * what must not be undone or wait for ever may do both.
 */
import {
  IDLE_IN_TRANSACTION_MS,
  STATEMENT_DEADLINE_MS,
  STATEMENT_TIMEOUT_MS,
  TCP_KEEPALIVE_S,
} from '../base/limits.ts';
import type postgres from 'postgres';

type Role = 'client' | 'coordinator';

/** Settings of a coordinator's sessions: the guarded joins must start from the batch (measured: 2 to 15 times slower
 * else), and nothing waits longer than the client does. */
const COORDINATOR_SETTINGS = {
  enable_seqscan: 'off',
  enable_hashjoin: 'off',
  enable_mergejoin: 'off',
  enable_bitmapscan: 'off',
  enable_sort: 'off',
  random_page_cost: '1.1',
  plan_cache_mode: 'force_generic_plan',
  max_parallel_workers_per_gather: '0',
  jit: 'off',
  statement_timeout: String(STATEMENT_TIMEOUT_MS),
  idle_in_transaction_session_timeout: String(IDLE_IN_TRANSACTION_MS),
  tcp_keepalives_idle: String(TCP_KEEPALIVE_S),
  tcp_keepalives_interval: String(TCP_KEEPALIVE_S),
  tcp_keepalives_count: '3',
  tcp_user_timeout: String(STATEMENT_DEADLINE_MS),
};

/** Of every session, whatever the site has set. The guards and the fence count on a statement seeing a row as it is when the
 * wait for it is over (PROTOCOL 1; under `repeatable read` it fails instead); and what was acknowledged is forgotten
 * elsewhere, so that a crash must not undo it (PROTOCOL 6, 12; with `off` it does). */
const SETTINGS = { default_transaction_isolation: 'read committed', synchronous_commit: 'on' };
/** Settings of everybody else's: the tables are in memory more often than not, and with Postgres' own figure for a random
 * page a count of a million jobs reads the whole table instead of an index (measured). Compiling costs more than it gains. */
const CLIENT_SETTINGS = { random_page_cost: '1.1', jit: 'off' };

export function sessionSettings(role: Role): Record<string, string> {
  return { ...SETTINGS, ...(role === 'coordinator' ? COORDINATOR_SETTINGS : CLIENT_SETTINGS) };
}

/** Those that this session does not have. One query; on a unix socket Postgres shows no TCP settings. */
export async function lostSettings(sql: postgres.ISql, role: Role): Promise<string[]> {
  const wanted = Object.entries(sessionSettings(role)).filter(([name]) => !name.startsWith('tcp_'));
  const names = wanted.map(([name]) => name);
  const rows = await sql<{ name: string; setting: string }[]>`
    select name, setting from pg_settings where name in ${sql(names)}`;
  const now = new Map(rows.map(({ name, setting }) => [name, setting]));
  return wanted.filter(([name, value]) => now.get(name) !== value).map(([name]) => name);
}
