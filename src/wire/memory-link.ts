/**
 * The two links in memory, for tests and the simulation: same interfaces, no sockets, and a network that can be told to
 * lose, repeat, delay, reorder and cut.
 *
 * Why it exists: what a lost or doubled message does must be provoked on purpose and replayed from a seed.
 * Who calls it: test/sim, tests of the shells. It must never use a clock or chance of its own: both are given to it.
 */
import { assert } from '../base/assert.ts';
import { countSend, emptyCounters } from './link.ts';
import type {
  ClientHandlers,
  ClientLink,
  ClientState,
  LinkCounters,
  SendResult,
  ServerHandlers,
  ServerLink,
} from './link.ts';

/** A message on its way. */
export type Packet = {
  /** The agent at one end of it. */
  readonly identity: string;
  readonly toServer: boolean;
  readonly bytes: Uint8Array;
};

export type MemoryNetworkOptions = {
  /** Runs the callback `delay` later, in units of the caller's choice; 0 is "soon, but not now". queueMicrotask if absent. */
  readonly schedule?: (delay: number, callback: () => void) => void;
  /** One delay for each copy that arrives: [] loses the message, [0, 5] doubles it. One copy at once if absent. */
  readonly fate?: (packet: Packet) => readonly number[];
};

/** One coordinator's address and the agents around it. A new server may take the place of a closed one. */
export class MemoryNetwork {
  readonly #schedule: (delay: number, callback: () => void) => void;
  readonly #fate: (packet: Packet) => readonly number[];
  readonly #clients = new Map<string, MemoryClientLink>();
  readonly #cut = new Set<string>();
  #server: MemoryServerLink | null = null;

  constructor(options: MemoryNetworkOptions = {}) {
    this.#schedule = options.schedule ?? ((_, callback) => queueMicrotask(callback));
    this.#fate = options.fate ?? ((): readonly number[] => [0]);
  }

  /** A server that has not bound yet. */
  server(handlers: ServerHandlers): ServerLink {
    return new MemoryServerLink(this, handlers);
  }

  /** A client that has not connected yet. */
  client(options: ClientHandlers & { readonly identity: string }): ClientLink {
    return new MemoryClientLink(this, options);
  }

  /** No message passes to or from this agent any more, and both sides learn it as they would of a broken connection. */
  cut(identity: string): void {
    this.#cut.add(identity);
    this.#refresh();
  }

  heal(identity: string): void {
    this.#cut.delete(identity);
    this.#refresh();
  }

  /** Used by the links. */
  bindServer(server: MemoryServerLink): void {
    if (this.#server !== null) throw Object.assign(new Error('address in use'), { code: 'EADDRINUSE' });
    this.#server = server;
    this.#refresh();
  }

  unbindServer(server: MemoryServerLink): void {
    if (this.#server !== server) return;
    this.#server = null;
    this.#refresh();
  }

  /** A second client of the same identity takes over, as at a ROUTER with handover. */
  attach(client: MemoryClientLink): void {
    const before = this.#clients.get(client.identity);
    this.#clients.set(client.identity, client);
    before?.lose();
    this.#refresh();
  }

  detach(client: MemoryClientLink): void {
    if (this.#clients.get(client.identity) === client) this.#clients.delete(client.identity);
    this.#refresh();
  }

  carry(packet: Packet): SendResult {
    const [server, client] = [this.#server, this.#clients.get(packet.identity)];
    if (server === null || client?.state !== 'connected') return 'unreachable';
    for (const delay of this.#fate(packet)) {
      this.#schedule(delay, () => {
        // What was on its way when the connection broke is lost with it.
        if (this.#server !== server || this.#clients.get(packet.identity) !== client) return;
        if (client.state !== 'connected') return;
        if (packet.toServer) server.arrive(packet);
        else client.arrive(packet.bytes);
      });
    }
    return 'ok';
  }

  #refresh(): void {
    for (const client of this.#clients.values()) {
      const connects = this.#server !== null && !this.#cut.has(client.identity);
      const soon = connects ? (): void => this.#join(client) : (): void => client.lose();
      if ((client.state === 'connected') !== connects) this.#schedule(0, soon);
    }
  }

  /** Decided again when its time has come: much may have changed since. */
  #join(client: MemoryClientLink): void {
    const server = this.#server;
    if (server === null || this.#cut.has(client.identity) || this.#clients.get(client.identity) !== client)
      return;
    if (client.state === 'connected') return;
    server.counters.attempts++;
    server.counters.connections++;
    client.gain();
  }
}

/** What both ends share: counters, and handlers one after the other. */
class MemoryEnd {
  readonly counters: LinkCounters = emptyCounters();
  readonly done: Promise<void>;
  protected readonly settle: { resolve: () => void; reject: (error: unknown) => void };
  #busy: Promise<void> | null = null;

  constructor() {
    const { promise, resolve, reject } = Promise.withResolvers<void>();
    this.done = promise;
    this.settle = { resolve, reject };
  }

  /** Calls the handler now, or after the one before has ended. What it throws is told by `done`. */
  protected handle(call: () => void | Promise<void>): void {
    const before = this.#busy;
    try {
      const result = before === null ? call() : before.then(call);
      if (result === undefined) return;
      const ended = result
        .catch((error: unknown) => this.settle.reject(error))
        .then(() => {
          if (this.#busy === ended) this.#busy = null;
        });
      this.#busy = ended;
    } catch (error) {
      this.settle.reject(error);
    }
  }
}

class MemoryServerLink extends MemoryEnd implements ServerLink {
  readonly #network: MemoryNetwork;
  readonly #handlers: ServerHandlers;

  constructor(network: MemoryNetwork, handlers: ServerHandlers) {
    super();
    this.#network = network;
    this.#handlers = handlers;
  }

  async bind(options: {
    readonly addresses: readonly string[];
    readonly port?: number | undefined;
  }): Promise<{ port: number }> {
    this.#network.bindServer(this);
    return { port: options.port ?? 1 };
  }

  async send(identity: string, bytes: Uint8Array): Promise<SendResult> {
    return countSend(this.counters, this.#network.carry({ identity, toServer: false, bytes }), bytes.length);
  }

  arrive({ identity, bytes }: Packet): void {
    this.counters.received++;
    this.counters.receivedBytes += bytes.length;
    this.handle(() => this.#handlers.onMessage(identity, bytes));
  }

  async close(): Promise<void> {
    this.#network.unbindServer(this);
    this.settle.resolve();
    await this.done;
  }
}

class MemoryClientLink extends MemoryEnd implements ClientLink {
  readonly identity: string;
  readonly #network: MemoryNetwork;
  readonly #handlers: ClientHandlers;
  #state: ClientState = 'disconnected';
  #endpoint = '';

  constructor(network: MemoryNetwork, options: ClientHandlers & { readonly identity: string }) {
    super();
    this.identity = options.identity;
    this.#network = network;
    this.#handlers = options;
  }

  get state(): ClientState {
    return this.#state;
  }

  connect(endpoints: readonly string[]): void {
    assert(this.#endpoint === '' && endpoints[0] !== undefined, 'a link is connected once, to something');
    this.#endpoint = endpoints[0];
    this.#network.attach(this);
  }

  async send(bytes: Uint8Array): Promise<SendResult> {
    const result = this.#network.carry({ identity: this.identity, toServer: true, bytes });
    return countSend(this.counters, result, bytes.length);
  }

  arrive(bytes: Uint8Array): void {
    this.counters.received++;
    this.counters.receivedBytes += bytes.length;
    this.handle(() => this.#handlers.onMessage(bytes));
  }

  gain(): void {
    this.counters.attempts++;
    this.counters.connections++;
    this.#change('connected');
  }

  lose(): void {
    this.#change('disconnected');
  }

  async close(): Promise<void> {
    this.#network.detach(this);
    this.#change('disconnected');
    this.settle.resolve();
    await this.done;
  }

  #change(state: ClientState): void {
    if (this.#state === state) return;
    this.#state = state;
    this.#handlers.onState?.(state, this.#endpoint);
  }
}
