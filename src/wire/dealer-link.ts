/**
 * An agent's end of the wire: a ZeroMQ DEALER to whichever address of the coordinator answers.
 *
 * Why it exists: a login or head node has many addresses, some unreachable from a compute node and some another host's;
 * the coordinator publishes all and the agent finds out. And a coordinator may die and come back on the same port.
 * How: probes race over all addresses; the first whose server proves the key wins; only then a socket with this agent's
 * identity connects to it. (Were the racers to carry the identity, each late one would push out the winner.) When that
 * connection ends, the race begins anew.
 * Who calls it: the agent's shell. It must never send to a server that has not proved its key, and never send after a
 * reconnect what was meant for the connection before.
 */
import { Dealer } from 'zeromq';
import { assert } from '../base/assert.ts';
import {
  WIRE_HANDSHAKE_MS,
  WIRE_MAX_ENDPOINTS,
  WIRE_MAX_IDENTITY_BYTES,
  WIRE_MAX_RECONNECT_MS,
  WIRE_RECONNECT_MS,
} from '../base/wire-limits.ts';
import { countSend, emptyCounters } from './link.ts';
import { errorCode, sendResultOf, wireOptions } from './socket.ts';
import type { ClientHandlers, ClientLink, ClientState, LinkCounters, SendResult } from './link.ts';
import type { CurveKeys } from './curve.ts';

export type DealerLinkOptions = ClientHandlers & {
  /** The incarnation: printable ASCII. */
  readonly identity: string;
  /** The client's pair and the server's public key. */
  readonly keys: CurveKeys;
};

/** The socket that carries messages, and how to end waiting for its end. */
type Held = { readonly socket: Dealer; readonly endpoint: string; readonly over: () => void };

export class DealerLink implements ClientLink {
  readonly counters: LinkCounters = emptyCounters();
  readonly done: Promise<void>;
  readonly #options: DealerLinkOptions;
  readonly #settle: { resolve: () => void; reject: (error: unknown) => void };
  #state: ClientState = 'disconnected';
  #held: Held | null = null;
  /** Ends whatever the link waits for at the moment: a race, or a pause. */
  #interrupt: (() => void) | null = null;
  #maintained: Promise<void> = Promise.resolve();
  #started = false;
  #closed = false;

  constructor(options: DealerLinkOptions) {
    const length = Buffer.byteLength(options.identity);
    assert(length > 0 && length <= WIRE_MAX_IDENTITY_BYTES, 'an identity has between 1 and 64 bytes');
    assert(/^[!-~]+$/.test(options.identity), 'an identity is printable ASCII');
    this.#options = options;
    const { promise, resolve, reject } = Promise.withResolvers<void>();
    this.done = promise;
    this.#settle = { resolve, reject };
  }

  get state(): ClientState {
    return this.#state;
  }

  connect(endpoints: readonly string[]): void {
    assert(!this.#started && !this.#closed, 'a link is connected once');
    assert(endpoints.length > 0 && endpoints.length <= WIRE_MAX_ENDPOINTS, 'between 1 and 32 endpoints');
    this.#started = true;
    this.#maintained = this.#maintain([...new Set(endpoints)]).catch((error: unknown) => this.#fail(error));
  }

  async send(bytes: Uint8Array): Promise<SendResult> {
    const held = this.#held;
    if (held === null || this.#state !== 'connected') return countSend(this.counters, 'unreachable', 0);
    try {
      await held.socket.send(bytes);
      return countSend(this.counters, 'ok', bytes.length);
    } catch (error) {
      return countSend(this.counters, sendResultOf(error), 0);
    }
  }

  async close(): Promise<void> {
    this.#closed = true;
    this.#held?.over();
    this.#interrupt?.();
    await this.#maintained;
    this.#settle.resolve();
    await this.done;
  }

  #fail(error: unknown): void {
    this.#closed = true;
    this.#held?.over();
    this.#interrupt?.();
    this.#settle.reject(error);
  }

  async #maintain(endpoints: readonly string[]): Promise<void> {
    let pause = WIRE_RECONNECT_MS;
    while (!this.#closed) {
      // oxlint-disable-next-line no-await-in-loop -- one connection after the other
      const endpoint = await this.#race(endpoints);
      if (endpoint === null) return;
      // oxlint-disable-next-line no-await-in-loop
      const connected = await this.#hold(endpoint);
      pause = connected ? WIRE_RECONNECT_MS : Math.min(pause * 2, WIRE_MAX_RECONNECT_MS);
      // oxlint-disable-next-line no-await-in-loop
      if (!this.#closed) await this.#pause(pause);
    }
  }

  /** The first endpoint whose server proves its key, however long that takes; null if the link is closed before. */
  async #race(endpoints: readonly string[]): Promise<string | null> {
    const { promise, resolve } = Promise.withResolvers<string | null>();
    this.#interrupt = () => resolve(null);
    const probes: Dealer[] = [];
    try {
      for (const endpoint of endpoints) {
        const probe = this.#makeSocket({
          reconnectInterval: WIRE_RECONNECT_MS,
          reconnectMaxInterval: WIRE_MAX_RECONNECT_MS,
        });
        probes.push(probe);
        this.#follow(probe, (type) => {
          if (type === 'handshake') resolve(endpoint);
        });
        // Throws EINVAL for what is no address: that ends the link.
        probe.connect(endpoint);
      }
      return await promise;
    } finally {
      this.#interrupt = null;
      for (const probe of probes) probe.close();
    }
  }

  /** Connects with this agent's identity and stays until that connection ends. Whether there was one. */
  async #hold(endpoint: string): Promise<boolean> {
    const { promise, resolve } = Promise.withResolvers<void>();
    // Without reconnecting: the end of this connection is the end of this socket, and nothing queued survives it.
    const socket = this.#makeSocket({
      routingId: this.#options.identity,
      immediate: true,
      reconnectInterval: -1,
    });
    const held: Held = { socket, endpoint, over: resolve };
    this.#held = held;
    const deadline = setTimeout(resolve, WIRE_HANDSHAKE_MS);
    let connected = false;
    const prove = (): void => {
      if (connected || socket.closed) return;
      connected = true;
      clearTimeout(deadline);
      this.counters.connections++;
      this.#change('connected', endpoint);
    };
    this.#follow(socket, (type) => {
      if (type === 'handshake') prove();
      else if (type === 'disconnect' || type === 'close' || type.startsWith('handshake:error')) resolve();
    });
    try {
      socket.connect(endpoint);
      this.#run(this.#receive(socket, prove));
      if (this.#closed) resolve();
      await promise;
    } finally {
      clearTimeout(deadline);
      this.#held = null;
      socket.close();
      if (connected) this.#change('disconnected', endpoint);
    }
    return connected;
  }

  async #receive(socket: Dealer, prove: () => void): Promise<void> {
    for await (const frames of socket) {
      // Events come by another way and may be later than the first message, which is proof as well.
      prove();
      const [bytes] = frames;
      if (frames.length !== 1 || bytes === undefined) {
        this.counters.malformed++;
        continue;
      }
      this.counters.received++;
      this.counters.receivedBytes += bytes.length;
      const handled = this.#options.onMessage(bytes);
      if (handled !== undefined) await handled;
    }
  }

  #makeSocket(options: {
    reconnectInterval: number;
    reconnectMaxInterval?: number;
    routingId?: string;
    immediate?: boolean;
  }): Dealer {
    const { keys } = this.#options;
    return new Dealer({
      ...wireOptions,
      ...options,
      curveServerKey: keys.peerPublicKey,
      curvePublicKey: keys.publicKey,
      curveSecretKey: keys.secretKey,
    });
  }

  /** Hears a socket's events until it is closed. Servers that fail to prove their key are counted. */
  #follow(socket: Dealer, onEvent: (type: string) => void): void {
    const { events } = socket;
    const loop = async (): Promise<void> => {
      for await (const event of events) {
        if (event.type === 'connect') this.counters.attempts++;
        else if (event.type.startsWith('handshake:error')) this.counters.strangers++;
        onEvent(event.type);
      }
    };
    this.#run(loop(), socket);
  }

  /** A loop over a socket: an error that comes of closing it is its end, any other (a handler threw) ends the link. */
  #run(loop: Promise<void>, socket: Dealer | null = this.#held?.socket ?? null): void {
    loop.catch((error: unknown) => {
      if ((this.#closed || socket?.closed === true) && errorCode(error) !== null) return;
      this.#fail(error);
    });
  }

  #change(state: ClientState, endpoint: string): void {
    this.#state = state;
    this.#options.onState?.(state, endpoint);
  }

  #pause(ms: number): Promise<void> {
    return new Promise((resolve) => {
      const timer = setTimeout(resolve, ms);
      this.#interrupt = () => {
        clearTimeout(timer);
        resolve();
      };
    });
  }
}
