/**
 * The coordinator's end of the wire: one ZeroMQ ROUTER that all agents of a launcher connect to.
 *
 * Why it exists: CURVE alone proves the server to the client; which clients may come in is decided by the ZAP handler in
 * here, and a CURVE server without one accepts any key. Who calls it: the coordinator's shell.
 * It must never bind before that handler answers, accept a key that it was not given, or let one agent that does not read
 * hold up the others.
 */
import { Context, Router } from 'zeromq';
import { assert } from '../base/assert.ts';
import { WIRE_STRANGER_REPORTS, WIRE_STRANGER_WINDOW_MS } from '../base/wire-limits.ts';
import { decodeZ85 } from './curve.ts';
import { countSend, emptyCounters } from './link.ts';
import { errorCode, sendResultOf, wireOptions } from './socket.ts';
import type { Event } from 'zeromq';
import type { LinkCounters, SendResult, ServerHandlers, ServerLink } from './link.ts';
import type { KeyPair } from './curve.ts';

/** The name under which the ZAP handler knows our socket. */
const zapDomain = 'balsam';

/** Tries to find one port that is free on all addresses. With two or three addresses the first one nearly always fits. */
const bindTries = 20;

export type RouterLinkOptions = ServerHandlers & {
  /** This server's pair. */
  readonly keys: KeyPair;
  /** Public keys of the clients that may come in: usually one, the launcher's. */
  readonly clientKeys: readonly string[];
};

export class RouterLink implements ServerLink {
  readonly counters: LinkCounters = emptyCounters();
  readonly done: Promise<void>;
  readonly #options: RouterLinkOptions;
  readonly #allowed: ReadonlySet<string>;
  /** Its own: the ZAP handler's address is one per context, and other sockets of this process are not our business. */
  readonly #context = new Context();
  readonly #zap: Router;
  readonly #router: Router;
  readonly #settle: { resolve: () => void; reject: (error: unknown) => void };
  readonly #reports: { told: number; unreported: number; timer: NodeJS.Timeout | null } = {
    told: 0,
    unreported: 0,
    timer: null,
  };
  #bound = false;
  #closed = false;

  constructor(options: RouterLinkOptions) {
    this.#options = options;
    this.#allowed = new Set(options.clientKeys.map(rawKey));
    assert(this.#allowed.size > 0, 'a server has at least one client key');
    const { promise, resolve, reject } = Promise.withResolvers<void>();
    this.done = promise;
    this.#settle = { resolve, reject };
    this.#zap = new Router({ context: this.#context, linger: 0 });
    this.#router = new Router({
      ...wireOptions,
      context: this.#context,
      mandatory: true,
      handover: true,
      curveServer: true,
      curveSecretKey: options.keys.secretKey,
      zapDomain,
    });
  }

  async bind(options: {
    readonly addresses: readonly string[];
    readonly port?: number | undefined;
  }): Promise<{ port: number }> {
    assert(!this.#bound && !this.#closed, 'a link is bound once');
    assert(options.addresses.length > 0, 'a link is bound to at least one address');
    this.#bound = true;
    await this.#zap.bind('inproc://zeromq.zap.01');
    this.#run(this.#authenticate());
    this.#run(this.#watch());
    // With IPv6 on, '*' is both families, and IPv4 addresses go on working; some kernels have none of it.
    if (options.addresses.some((address) => address.includes(':'))) this.#router.ipv6 = true;
    const port = await this.#bindAll(options.addresses, options.port ?? null);
    this.#run(this.#receive());
    return { port };
  }

  async send(identity: string, bytes: Uint8Array): Promise<SendResult> {
    if (this.#closed) return countSend(this.counters, 'unreachable', 0);
    try {
      await this.#router.send([Buffer.from(identity, 'latin1'), bytes]);
      return countSend(this.counters, 'ok', bytes.length);
    } catch (error) {
      return countSend(this.counters, sendResultOf(error), 0);
    }
  }

  close(): Promise<void> {
    this.#end();
    this.#settle.resolve();
    return this.done;
  }

  #end(): void {
    if (this.#closed) return;
    this.#closed = true;
    this.#tellRest();
    this.#router.close();
    this.#zap.close();
  }

  /** A loop that ends with the link; what it throws before that ends the link. */
  #run(loop: Promise<void>): void {
    loop.catch((error: unknown) => {
      if (this.#closed && errorCode(error) !== null) return;
      this.#end();
      this.#settle.reject(error);
    });
  }

  /** The first address chooses the port when none is given; if another address has it taken, all begin anew. */
  async #bindAll(addresses: readonly string[], given: number | null): Promise<number> {
    for (let attempt = 1; ; attempt++) {
      const bound: string[] = [];
      try {
        let port = given;
        for (const address of addresses) {
          const host = address.includes(':') ? `[${address}]` : address;
          // oxlint-disable-next-line no-await-in-loop -- the port of the first is that of the others
          await this.#router.bind(`tcp://${host}:${port ?? '*'}`);
          const endpoint = this.#router.lastEndpoint;
          assert(endpoint !== null, 'a bound socket has an endpoint');
          bound.push(endpoint);
          port ??= Number(endpoint.slice(endpoint.lastIndexOf(':') + 1));
        }
        assert(port !== null, 'a bound socket has a port');
        return port;
      } catch (error) {
        if (given !== null || errorCode(error) !== 'EADDRINUSE' || attempt === bindTries) throw error;
        // oxlint-disable-next-line no-await-in-loop
        for (const endpoint of bound) await this.#router.unbind(endpoint);
      }
    }
  }

  async #receive(): Promise<void> {
    for await (const frames of this.#router) {
      const [identity, bytes] = frames;
      if (frames.length !== 2 || identity === undefined || bytes === undefined) {
        this.counters.malformed++;
        this.#refused(null, `a message of ${frames.length} frames`);
        continue;
      }
      this.counters.received++;
      this.counters.receivedBytes += bytes.length;
      const handled = this.#options.onMessage(identity.toString('latin1'), bytes);
      // Awaiting what is no promise would cost a turn of the microtask queue for each message.
      if (handled !== undefined) await handled;
    }
  }

  /**
   * The ZAP handler (RFC 27). Every handshake asks it: [peer, '', version, request, domain, address, identity, mechanism,
   * key]; 200 lets it in, 400 closes it for good. A request that is none of ours is answered 400 too: silence would
   * leave the connection waiting.
   */
  async #authenticate(): Promise<void> {
    for await (const frames of this.#zap) {
      const separator = frames.findIndex((frame) => frame.length === 0);
      const [version, request, domain, address, , mechanism, key] = frames.slice(separator + 1);
      if (separator === -1 || version === undefined || request === undefined) continue;
      const known = domain?.toString() === zapDomain && mechanism?.toString() === 'CURVE';
      const allowed = known && key !== undefined && this.#allowed.has(key.toString('hex'));
      if (!allowed) this.#refused(address?.toString() ?? null, known ? 'unknown client key' : 'no CURVE');
      const [status, text] = allowed ? ['200', 'OK'] : ['400', 'unknown key'];
      await this.#zap.send([...frames.slice(0, separator + 1), version, request, status, text, '', '']);
    }
  }

  /** Handshakes that fail before a key is known (garbage, plain clients, a client with another server's key). */
  async #watch(): Promise<void> {
    for await (const event of this.#router.events) this.#onEvent(event);
  }

  #onEvent(event: Event): void {
    // 'handshake:error:auth' is the end of what the ZAP handler refused and counted; the other kinds are everyday.
    if (event.type === 'accept') this.counters.attempts++;
    else if (event.type === 'handshake') this.counters.connections++;
    // These events name our own address, not the peer's.
    else if (event.type === 'accept:error') this.#refused(null, `accept: ${event.error.message}`);
    else if (event.type === 'handshake:error:protocol' || event.type === 'handshake:error:other') {
      this.#refused(null, `handshake: ${event.error.message}`);
    }
  }

  #refused(address: string | null, reason: string): void {
    this.counters.strangers++;
    const reports = this.#reports;
    reports.timer ??= setTimeout(() => this.#tellRest(), WIRE_STRANGER_WINDOW_MS).unref();
    if (reports.told >= WIRE_STRANGER_REPORTS) {
      reports.unreported++;
      return;
    }
    reports.told++;
    this.#options.onStranger?.({ address, reason, unreported: 0 });
  }

  /** The end of a minute, or of the link: what was only counted is one report. */
  #tellRest(): void {
    const reports = this.#reports;
    if (reports.timer !== null) clearTimeout(reports.timer);
    const { unreported } = reports;
    reports.timer = null;
    reports.told = 0;
    reports.unreported = 0;
    if (unreported > 0)
      this.#options.onStranger?.({ address: null, reason: `refused ${unreported} more`, unreported });
  }
}

/** ZAP gives raw keys; sets compare text. */
function rawKey(key: string): string {
  const raw = decodeZ85(key);
  assert(raw?.length === 32, 'a client key is Z85 text of 32 bytes');
  return raw.toString('hex');
}
