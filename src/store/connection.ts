/**
 * Connections to Postgres. One `Database` is one small pool for one purpose: a client's, or a coordinator's with the
 * planner settings, the timeouts and the deadline of PROTOCOL 7.
 *
 * Called by everybody who talks to Postgres; the stores take a `Database` and nothing else. It must never hide that the
 * outcome of a statement is unknown, and an idle connection must never keep a script alive.
 */
import net from 'node:net';
import postgres from 'postgres';
import { parseJson } from '../base/json.ts';
import { WorldError, messageOf } from '../base/errors.ts';
import {
  CONNECT_TIMEOUT_S,
  DEADLOCK_ROUNDS,
  DEFAULT_CONNECTIONS,
  STATEMENT_DEADLINE_MS,
  STREAM_ROWS,
  TCP_KEEPALIVE_S,
} from '../base/limits.ts';
import { sessionSettings } from './session-settings.ts';

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
  /** Connections at most; DEFAULT_CONNECTIONS when not given. */
  max?: number;
  role: 'client' | 'coordinator';
  /** Milliseconds; STATEMENT_DEADLINE_MS for a coordinator, none for a client, when not given. */
  deadline?: number;
  /** Only this server will do (PROTOCOL 7); the first one that answers when not given. */
  systemIdentifier?: string;
}

/** The part of postgres.js that a transaction has too. */
export type Queries = postgres.ISql;

export interface Database {
  /** Bare access, without deadline and translation of errors; the stores use `run` and `transaction`. */
  readonly sql: postgres.Sql;
  readonly role: 'client' | 'coordinator';
  /** Read at each new connection: who changes it moves the pool. */
  readonly address: DatabaseAddress;
  readonly applicationName: string;
  /** Of the server that answered first; every other one is refused as 'wrong-server'. Undefined before the first statement. */
  readonly systemIdentifier: string | undefined;
  /** Work outside a transaction: under the deadline, its errors translated to WorldError where the world is to blame. */
  run<T>(work: (sql: Queries) => Promise<T>): Promise<T>;
  /** The same inside one transaction; an error rolls it back. */
  transaction<T>(work: (sql: Queries) => Promise<T>): Promise<T>;
  /** Rows through a server-side cursor, STREAM_ROWS at a time, without the deadline; it holds a connection meanwhile. */
  stream<Row>(text: string, values: readonly (string | number | boolean)[]): AsyncIterable<Row>;
  /** LISTEN on a connection of its own; use notify.ts. */
  listen(channel: string, fn: () => void, onListen: () => void): Promise<{ unlisten(): Promise<void> }>;
  close(): Promise<void>;
  [Symbol.asyncDispose](): Promise<void>;
}

/** A pool for `address`; nothing is sent before the first query. */
export function connect(address: DatabaseAddress, opts: ConnectOptions): Database {
  return new Pool(address, opts);
}

/** Sockets of one postgres.js: so that a late one can be dropped, and an idle one does not keep the process alive. */
class Sockets {
  readonly #open = new Set<net.Socket>();
  readonly #address: DatabaseAddress;
  /** Opened since the server was last looked at. */
  fresh = true;
  /** One of them was lost after it had been ready. */
  lost = false;

  constructor(address: DatabaseAddress) {
    this.#address = address;
  }

  /** Not yet connected when returned: postgres.js writes at once, and hears of a refusal by 'error' and 'close'. (A
   * promise that rejects would lose it one connection for good.) */
  open(): net.Socket {
    const { host, port } = this.#address;
    const socket = host.startsWith('/') ? net.connect(`${host}/.s.PGSQL.${port}`) : net.connect(port, host);
    socket.setKeepAlive(true, TCP_KEEPALIVE_S * 1000).setNoDelay(true);
    this.fresh = true;
    this.#open.add(socket);
    socket.once('close', () => this.#open.delete(socket));
    holdWhileBusy(socket);
    tellBeforeClosing(socket, () => (this.lost = true));
    return socket;
  }

  /** Drops every connection; what was in flight fails, its outcome unknown. */
  drop(): void {
    if (this.#open.size > 0) this.lost = true;
    for (const socket of this.#open) socket.destroy();
  }
}

/** ReadyForQuery, idle: the last message of an answer. */
const READY = Buffer.from([0x5a, 0, 0, 0, 5, 0x49]);

/** Referenced from a write until the server says that it is ready and in no transaction. One piece of work at a time is
 * on a connection (Pool's turns), so that this is exact. */
function holdWhileBusy(socket: net.Socket): void {
  const write = socket.write.bind(socket) as (...args: readonly unknown[]) => boolean;
  socket.write = ((...args: readonly unknown[]) => {
    socket.ref();
    return write(...args);
  }) as typeof socket.write;
  let tail: Buffer = Buffer.alloc(0);
  socket.on('data', (chunk: Buffer) => {
    tail =
      chunk.length >= READY.length
        ? chunk.subarray(-READY.length)
        : Buffer.concat([tail, chunk]).subarray(-READY.length);
    if (tail.equals(READY)) socket.unref();
  });
}

/**
 * postgres.js (3.4.9) forgets its socket at 'close' and only then fails what was in flight; a transaction that fails so
 * sends its `rollback` through the forgotten socket, which throws where nobody can catch it: a server that restarted ended
 * the process. So what was in flight fails by an 'error' first, and 'close' comes when what followed was written (into the
 * dead socket): two turns, since a write waits for one. `lost` is called before.
 */
function tellBeforeClosing(socket: net.Socket, lost: () => void): void {
  const emit = socket.emit.bind(socket) as (name: string | symbol, ...args: readonly unknown[]) => boolean;
  let ready = false;
  let told = false;
  socket.emit = ((name: string | symbol, ...args: readonly unknown[]) => {
    if (name === 'data') ready ||= (args[0] as Buffer).subarray(-READY.length).equals(READY);
    if (ready && (name === 'error' || name === 'close')) lost();
    if (name === 'error') told = true;
    if (name !== 'close') return emit(name, ...args);
    // Before the first "ready" nothing of ours was sent, and it says itself what became of the connection.
    if (ready && !told)
      emit('error', Object.assign(new Error('the server closed it'), { code: 'CONNECTION_CLOSED' }));
    // `false`: whatever is still in flight fails then.
    setImmediate(() => setImmediate(() => emit('close', false)));
    return true;
  }) as typeof socket.emit;
}

/**
 * One postgres.js and its connections. When one of them was lost it gets no new work, and is ended when its last work is
 * done: it keeps the rows and the error that it had half read, and gives them to the first statement of its next connection
 * (measured, 3.4.9).
 */
interface Generation {
  readonly sql: postgres.Sql;
  readonly sockets: Sockets;
  /** Pieces of work under way. */
  active: number;
}

class Pool implements Database {
  readonly role: 'client' | 'coordinator';
  readonly address: DatabaseAddress;
  readonly applicationName: string;
  readonly #deadline: number;
  readonly #max: number;
  #now: Generation;
  /** All that are not ended; the newest is `#now`. */
  readonly #generations = new Set<Generation>();
  /** Notifications come by connections of their own, which reconnect by themselves. */
  #listener: Generation | undefined;
  #systemIdentifier: string | undefined;
  #closed = false;
  /** Free connections, and who waits for one: nothing is sent behind another's statement, where a deadline could not
   * tell what was sent. */
  #free: number;
  readonly #waiting: (() => void)[] = [];

  constructor(address: DatabaseAddress, opts: ConnectOptions) {
    this.role = opts.role;
    this.address = address;
    this.applicationName = opts.applicationName;
    this.#deadline = opts.deadline ?? (opts.role === 'coordinator' ? STATEMENT_DEADLINE_MS : Infinity);
    this.#max = opts.max ?? DEFAULT_CONNECTIONS;
    this.#systemIdentifier = opts.systemIdentifier;
    this.#free = this.#max;
    this.#now = this.#generation();
  }

  get systemIdentifier(): string | undefined {
    return this.#systemIdentifier;
  }

  get sql(): postgres.Sql {
    return this.#current().sql;
  }

  #generation(): Generation {
    const { address, role, applicationName } = this;
    const sockets = new Sockets(address);
    const options = {
      host: address.host,
      port: address.port,
      user: address.user,
      password: address.password,
      database: address.database,
      max: this.#max,
      max_lifetime: null,
      idle_timeout: 0,
      connect_timeout: CONNECT_TIMEOUT_S,
      backoff: () => 0.05,
      fetch_types: false,
      types: { json: { to: 114, from: [114, 3802], serialize: JSON.stringify, parse: parseJson } },
      onnotice: () => {},
      socket: () => sockets.open(),
      connection: {
        application_name: applicationName,
        ...sessionSettings(role),
      },
    };
    // `socket` is an option of postgres.js that its types leave out.
    const sql = postgres(options as unknown as postgres.Options<Record<string, never>>);
    const generation = { sql, sockets, active: 0 };
    this.#generations.add(generation);
    return generation;
  }

  #current(): Generation {
    if (this.#now.sockets.lost && !this.#closed) {
      const old = this.#now;
      this.#now = this.#generation();
      this.#endIfIdle(old);
    }
    return this.#now;
  }

  #endIfIdle(generation: Generation): void {
    if (generation === this.#now || generation.active > 0 || !this.#generations.delete(generation)) return;
    // What it still has are idle connections; nobody waits for their end.
    void generation.sql.end({ timeout: 0 }).then(() => generation.sockets.drop());
  }

  run<T>(work: (sql: Queries) => Promise<T>): Promise<T> {
    return this.#guarded((sql) => work(sql));
  }

  transaction<T>(work: (sql: Queries) => Promise<T>): Promise<T> {
    return this.#guarded(
      async (whole) => (await whole.begin(async (sql) => ({ value: await work(sql) }))).value as T,
    );
  }

  async *stream<Row>(text: string, values: readonly (string | number | boolean)[]): AsyncGenerator<Row> {
    const generation = await this.#turn();
    try {
      for await (const rows of generation.sql.unsafe(text, [...values]).cursor(STREAM_ROWS))
        yield* rows as unknown as Row[];
    } catch (error) {
      throw translate(error);
    } finally {
      this.#done(generation);
    }
  }

  async listen(
    channel: string,
    fn: () => void,
    onListen: () => void,
  ): Promise<{ unlisten(): Promise<void> }> {
    try {
      this.#listener ??= this.#generation();
      return await this.#listener.sql.listen(channel, fn, onListen);
    } catch (error) {
      throw translate(error);
    }
  }

  async close(): Promise<void> {
    if (this.#closed) return;
    this.#closed = true;
    await Promise.all([...this.#generations].map(({ sql }) => sql.end({ timeout: 5 })));
    for (const { sockets } of this.#generations) sockets.drop();
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.close();
  }

  async #guarded<T>(work: (sql: postgres.Sql) => Promise<T>): Promise<T> {
    const generation = await this.#turn();
    try {
      return await this.#inTime(generation, async () => {
        if (this.role === 'coordinator' && generation.sockets.fresh) await this.#lookAtServer(generation);
        return work(generation.sql);
      });
    } catch (error) {
      throw translate(error);
    } finally {
      this.#done(generation);
    }
  }

  async #turn(): Promise<Generation> {
    if (this.#closed) throw new Error(`the connection of ${this.applicationName} was closed`);
    if (this.#free > 0) this.#free--;
    else await new Promise<void>((resolve) => this.#waiting.push(resolve));
    const generation = this.#current();
    generation.active++;
    return generation;
  }

  #done(generation: Generation): void {
    generation.active--;
    this.#endIfIdle(generation);
    const next = this.#waiting.shift();
    if (next) next();
    else this.#free++;
  }

  async #inTime<T>({ sockets }: Generation, work: () => Promise<T>): Promise<T> {
    if (!Number.isFinite(this.#deadline)) return work();
    const late = Promise.withResolvers<never>();
    const timer = setTimeout(() => {
      late.reject(new WorldError('outcome-unknown', `no answer from Postgres for ${this.#deadline} ms`));
      sockets.drop();
    }, this.#deadline);
    try {
      return await Promise.race([work(), late.promise]);
    } finally {
      clearTimeout(timer);
    }
  }

  /** After every new connection: still the server that we began with, and one that may write (PROTOCOL 7). */
  async #lookAtServer({ sql, sockets }: Generation): Promise<void> {
    sockets.fresh = false;
    const [row] = await sql`
      select pg_is_in_recovery() as recovering, system_identifier::text as identifier from pg_control_system()`;
    // Its own first connection made it fresh again.
    sockets.fresh = false;
    const { recovering, identifier } = row as { recovering: boolean; identifier: string };
    if (recovering || identifier !== (this.#systemIdentifier ??= identifier)) {
      sockets.fresh = true;
      sockets.drop();
      throw new WorldError(
        'wrong-server',
        recovering
          ? 'this Postgres is in recovery'
          : `another Postgres answers: ${identifier} instead of ${this.#systemIdentifier}`,
      );
    }
  }
}

/** Nothing of ours reached a server that would act on it. */
const UNSENT = new Set(['ECONNREFUSED', 'ENOENT', 'EACCES', 'CONNECT_TIMEOUT', '57P03', '25P03']);
const LOST = new Set([
  'CONNECTION_CLOSED',
  'CONNECTION_DESTROYED',
  'CONNECTION_ENDED',
  'ECONNRESET',
  'EPIPE',
  'ETIMEDOUT',
]);
/** The connection was cut: a backend ended by an administrator or with its server, or nobody knows (40003). */
const CUT = /^(08|57P0[124]|40003)/;
/**
 * The statement was undone, and later the same one may do: read-only (25006), rolled back for others' sake (40), out of
 * disk, memory or connections (53), locked (55), cancelled or timed out (57), input or output failed (58), an inner failure (XX).
 */
const NOT_NOW = /^(25006|40|53|55|57|58|XX)/;

/** SQLSTATE or system code of an error; '' where it has none. */
export function codeOf(error: unknown): string {
  return typeof error === 'object' && error !== null && 'code' in error && typeof error.code === 'string'
    ? error.code
    : '';
}

/** Whether Postgres refused the values of a statement (class 22 or 23, or 54: too large or too deep for it), which another
 * try does not change. */
export function isRefusal(error: unknown): boolean {
  return error instanceof postgres.PostgresError && /^(?:2[23]|54)/.test(error.code);
}

/** Does it again after a serialisation failure or a deadlock, DEADLOCK_ROUNDS times: both undo all of a transaction, so
 * `work` must be one, and nothing but one. */
export async function again<T>(work: () => Promise<T>): Promise<T> {
  for (let round = 1; ; round++) {
    try {
      return await work();
    } catch (error) {
      const code = codeOf(error instanceof WorldError ? error.cause : error);
      if ((code !== '40001' && code !== '40P01') || round >= DEADLOCK_ROUNDS) throw error;
    }
  }
}

/** Whether the statement that failed so has surely done nothing. */
export function isUndone(error: unknown): boolean {
  const told = translate(error);
  return told instanceof WorldError && told.code === 'unavailable';
}

function translate(error: unknown): unknown {
  if (error instanceof WorldError) return error;
  const code = codeOf(error);
  const words = messageOf(error);
  // A server that panics may have written the commit before that.
  const panic = error instanceof postgres.PostgresError && error.severity === 'PANIC';
  if (LOST.has(code) || CUT.test(code) || panic)
    return new WorldError('outcome-unknown', `the connection to Postgres was lost: ${words}`, error);
  if (UNSENT.has(code)) return new WorldError('unavailable', `Postgres is not available: ${words}`, error);
  if (NOT_NOW.test(code)) return new WorldError('unavailable', `Postgres can't do it now: ${words}`, error);
  return error;
}
