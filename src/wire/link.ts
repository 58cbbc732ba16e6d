/**
 * What a link between the coordinator and its agents can do, whatever carries it: ZeroMQ or memory.
 *
 * Why it exists: the shells and the simulation use the same words; router-link, dealer-link and memory-link implement
 * them. A link carries bytes that are whole messages. It may lose and (after a reconnect) repeat them, and says nothing
 * about their order over a reconnect: the numbered streams of the protocol repair that.
 * It must never queue without bound, and never hand out bytes of a peer that has not proved its key.
 */

/**
 * ok: handed to the transport, which is no proof of arrival. unreachable: no connection to that peer; nothing was sent.
 * full: the peer does not read and the transport's bounded queue to it is full; nothing was sent. After the last two the
 * sender keeps the message and sends again when it hears from the peer or at its next tick.
 */
export type SendResult = 'ok' | 'unreachable' | 'full';

/** A connection that was refused before any message of it was read, or a message that was none. */
export type Stranger = {
  /** Where it came from, if the transport tells. */
  readonly address: string | null;
  readonly reason: string;
  /** Refusals that were counted but not reported one by one, in the report that ends a minute; otherwise 0. */
  readonly unreported: number;
};

/** All of them count since the link was made. */
export type LinkCounters = {
  received: number;
  receivedBytes: number;
  sent: number;
  sentBytes: number;
  /** Sends that found no connection, and sends that found a full queue. */
  unreachable: number;
  full: number;
  /** Messages that were no [identity, bytes]: dropped. */
  malformed: number;
  /**
   * TCP connections, before any proof. What speaks no ZMTP at all is closed by ZeroMQ at once and without a reason: it is
   * seen only as the difference of these and the next two.
   */
  attempts: number;
  /** Connections that proved their keys (at the server an agent makes two: its probe and the one that stays). */
  connections: number;
  /** Connections and malformed messages refused, or (at the client) servers that did not prove their key. */
  strangers: number;
};

export type ServerHandlers = {
  /** A message of a peer. Bytes may be kept. While a returned promise is pending nothing more is read: that is backpressure. */
  readonly onMessage: (identity: string, bytes: Uint8Array) => void | Promise<void>;
  /** Told at a limited rate; the counter has all of them. */
  readonly onStranger?: (stranger: Stranger) => void;
};

export type ClientState = 'connected' | 'disconnected';

export type ClientHandlers = {
  readonly onMessage: (bytes: Uint8Array) => void | Promise<void>;
  /** Each change, from 'disconnected' on; always before the first message of a connection. `endpoint`: which one it is. */
  readonly onState?: (state: ClientState, endpoint: string) => void;
};

/** The coordinator's side. Fits as a child of a Supervisor. */
export interface ServerLink {
  /** Starts to listen and resolves with the port, one for all addresses. Rejects if the address or port is taken. Once. */
  bind(options: {
    readonly addresses: readonly string[];
    readonly port?: number | undefined;
  }): Promise<{ port: number }>;
  /** Sends at once or not at all; messages to one peer keep their order. The bytes must not be changed afterwards. */
  send(identity: string, bytes: Uint8Array): Promise<SendResult>;
  readonly counters: Readonly<LinkCounters>;
  /** Resolves after close(); rejects with what a handler threw, which is a bug: the link is closed then. */
  readonly done: Promise<void>;
  /** Ends all connections at once; what was not on its way is lost. May be called again. */
  close(): Promise<void>;
}

/** An agent's side. */
export interface ClientLink {
  /** Begins to connect, and to connect again whenever the connection is lost, until close(). Once. */
  connect(endpoints: readonly string[]): void;
  readonly state: ClientState;
  send(bytes: Uint8Array): Promise<SendResult>;
  readonly counters: Readonly<LinkCounters>;
  readonly done: Promise<void>;
  close(): Promise<void>;
}

export function emptyCounters(): LinkCounters {
  return {
    received: 0,
    receivedBytes: 0,
    sent: 0,
    sentBytes: 0,
    unreachable: 0,
    full: 0,
    malformed: 0,
    attempts: 0,
    connections: 0,
    strangers: 0,
  };
}

/** Notes the result of sending a message of so many bytes, and passes it on. */
export function countSend(counters: LinkCounters, result: SendResult, bytes: number): SendResult {
  if (result === 'ok') {
    counters.sent++;
    counters.sentBytes += bytes;
  } else {
    counters[result]++;
  }
  return result;
}
