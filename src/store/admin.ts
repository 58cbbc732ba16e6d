/**
 * Statements about the server itself, not about jobs: making the database at init, who is connected, settings and clock.
 * Each runs once in a while, none is on a hot path. Must never be given a name that a person typed without quoting.
 */
import type { Database } from './connection.ts';

/** One connection, as `balsam server --list-active-connections` shows it. */
export interface ActiveConnection {
  pid: number;
  application_name: string;
  user: string;
  state: string;
  /** First 60 characters of the present or last query. */
  query: string;
}

/** Makes the database `name` unless it is there. Must be called on another database of the same server. */
export async function createDatabase(db: Database, name: string): Promise<void> {
  const found = await db.sql`select 1 from pg_database where datname = ${name}`;
  if (found.length === 0) await db.sql`create database ${db.sql(name)}`;
}

/** The connections of clients to this database, oldest first; ours among them. */
export async function activeConnections(db: Database): Promise<ActiveConnection[]> {
  return [
    ...(await db.sql<ActiveConnection[]>`
      select pid, application_name, coalesce(usename, '') as "user", coalesce(state, '') as state,
             left(regexp_replace(query, '\\s+', ' ', 'g'), 60) as query
      from pg_stat_activity
      where datname = current_database() and backend_type = 'client backend'
      order by backend_start, pid`),
  ];
}

/** Major version of the server. */
export async function serverMajor(db: Database): Promise<number> {
  const [row] = await db.sql<
    { version: number }[]
  >`select current_setting('server_version_num')::int as version`;
  return Math.floor((row?.version ?? 0) / 10_000);
}

/** What `balsam doctor` asks of the server. */
export interface ServerFacts {
  /** As the server says it: '18.0'. */
  version: string;
  major: number;
  fsync: boolean;
  full_page_writes: boolean;
  recovering: boolean;
  connections: number;
  max_connections: number;
  /** Milliseconds since 1970 by the server's clock, at the moment of the answer. */
  now: number;
}

/** Settings, connections and clock of the server. */
export async function serverFacts(db: Database): Promise<ServerFacts> {
  const [row] = await db.run(
    (sql) => sql<ServerFacts[]>`
      select split_part(current_setting('server_version'), ' ', 1) as version,
        current_setting('server_version_num')::int / 10000 as major,
        current_setting('fsync')::boolean as fsync, current_setting('full_page_writes')::boolean as full_page_writes,
        pg_is_in_recovery() as recovering,
        (select count(*)::int from pg_stat_activity where backend_type = 'client backend') as connections,
        current_setting('max_connections')::int as max_connections,
        (extract(epoch from clock_timestamp()) * 1000)::float8 as now`,
  );
  return row!;
}
