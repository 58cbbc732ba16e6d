/**
 * Connections to Postgres. One `Database` is one small pool for one purpose: a client's, or a coordinator's with the
 * planner settings, the timeouts and the deadline of PROTOCOL 7.
 *
 * Called by everybody who talks to Postgres; the stores take a `Database` and nothing else. It must never hide that the
 * outcome of a statement is unknown, and an idle connection must never keep a script alive.
 */
import type postgres from 'postgres';

export interface DatabaseAddress {
  /** Directory of the unix socket, or a host. */
  host: string;
  port: number;
  user: string;
  password: string;
  database: string;
}

export interface ConnectOptions {
  applicationName: string;
  /** Connections at most; 2 when not given. */
  max?: number;
  role: 'client' | 'coordinator';
}

export interface Database {
  readonly sql: postgres.Sql;
  readonly role: 'client' | 'coordinator';
  close(): Promise<void>;
  [Symbol.asyncDispose](): Promise<void>;
}

/** A pool for `address`; nothing is sent before the first query. */
export function connect(_address: DatabaseAddress, _opts: ConnectOptions): Database {
  throw new Error('not yet written');
}
