/**
 * The agent's side of the job channel (docs/job-channel.md): a unix socket to which the processes of its jobs speak
 * lines of JSON. Every connection proves by its token which attempt it belongs to; what it asks becomes an event of the
 * agent's core, and the answer comes back by reference. It never blocks the agent; what a
 * connection may send and leave unread is bounded in channel-connection.ts.
 */
import { randomFillSync, timingSafeEqual } from 'node:crypto';
import { createServer, type Server, type Socket } from 'node:net';
import { parseJson } from '../base/json.ts';
import { MAX_DATA_BYTES } from '../base/limits.ts';
import {
  CHANNEL_ANSWER_MS,
  parseHello,
  parseRequest,
  type Answer,
  type ChannelErrorCode,
  type JobRecord,
  type Request,
  type RequestId,
} from '../model/job-channel.ts';
import type { AgentEvent } from '../core/agent/event.ts';
import type { JsonValue } from '../model/query.ts';
import { Attempt } from './channel-attempt.ts';
import { ChannelRoom, Connection } from './channel-connection.ts';

type Reply = (answer: { json: string; error: string }) => void;

export interface ChannelOptions {
  socket: string;
  post: (event: AgentEvent) => void;
  /** Something was refused; counted and logged by whoever owns us. */
  refused: (rule: string) => void;
}

/** Connections that have not proven a token; the oldest goes when there are more. Guess. */
const UNPROVEN_CONNECTIONS = 256;
/** Connections of one attempt at once. Guess: one a rank of the largest nodes, several times. */
const CONNECTIONS_PER_ATTEMPT = 1_024;
/** How long the end of an attempt waits for what its processes wrote before they ended, milliseconds. */
const SETTLE_MS = 1_000;

export class JobChannel {
  socket: string;
  readonly #options: ChannelOptions;
  #server: Server;
  readonly #random = new RandomText();
  readonly #attempts = new Map<string, Attempt>();
  readonly #replies = new Map<number, Reply>();
  readonly #connections = new Set<Connection>();
  readonly #unproven = new Set<Connection>();
  readonly #room = new ChannelRoom();
  #nextRef = 1;

  constructor(options: ChannelOptions) {
    this.#options = options;
    this.socket = options.socket;
    this.#server = this.#makeServer();
  }

  #makeServer(): Server {
    return createServer({ allowHalfOpen: true }, (socket) => this.#onConnection(socket));
  }

  async listen(): Promise<void> {
    const { promise, resolve, reject } = Promise.withResolvers<void>();
    this.#server.once('error', reject);
    this.#server.listen(this.socket, () => resolve());
    await promise;
    this.#server.off('error', reject);
    // No descriptors left, for example: those that are connected go on.
    this.#server.on('error', (error) =>
      this.#options.refused(`no connection was accepted: ${error.message}`),
    );
  }

  /** Listens at this path from now on; who is connected stays so. For when the socket was removed. */
  async reopen(socket: string): Promise<void> {
    // First: closing removes what is at its path.
    this.#server.close();
    this.#server = this.#makeServer();
    this.socket = socket;
    await this.listen();
  }

  close(): void {
    this.#server.close();
    for (const c of this.#connections) c.destroy();
  }

  /** The token of an attempt; from now on its processes may speak here. */
  admit(job: string, attempt: number, workingDirectory: string): string {
    const token = `${job}:${attempt}:${this.#random.next()}`;
    this.#attempts.set(job, new Attempt({ job, attempt, token, workingDirectory }));
    return token;
  }

  /** Waits until what the attempt's processes sent before they ended has been read, then closes its connections. */
  async over(job: string): Promise<void> {
    const attempt = this.#attempts.get(job);
    if (!attempt) return;
    const open = [...attempt.connections].filter((c) => !c.isEnded);
    if (open.length > 0) {
      const { promise, resolve } = Promise.withResolvers<void>();
      const timer = setTimeout(resolve, SETTLE_MS);
      void Promise.all(open.map((c) => c.ended)).then(() => resolve());
      await promise;
      clearTimeout(timer);
    }
    // A connection without a pending answer has nothing to wait for; the others close when they were answered.
    for (const c of attempt.connections) if (c.pending === 0) c.end();
    // Its helper may have died meanwhile, and the job be here again: that one speaks on.
    if (this.#attempts.get(job) === attempt) this.#attempts.delete(job);
  }

  /** Whether an attempt has open connections: only then its end has to wait for them. */
  isOpen(job: string): boolean {
    return (this.#attempts.get(job)?.connections.size ?? 0) > 0;
  }

  /** The attempt is over and never spoke. */
  forget(job: string): void {
    this.#attempts.delete(job);
  }

  /** The core's answer to what was asked under this reference. */
  answer(ref: number, json: string, error: string): void {
    const reply = this.#replies.get(ref);
    this.#replies.delete(ref);
    reply?.({ json, error });
  }

  /** The attempt that a token proves, if it is live here. */
  #prove(token: string): Attempt | null {
    const [job = '', attempt = ''] = token.split(':');
    const live = this.#attempts.get(job);
    if (!live || live.attempt !== Number(attempt)) return null;
    const [given, right] = [Buffer.from(token), Buffer.from(live.token)];
    return given.length === right.length && timingSafeEqual(given, right) ? live : null;
  }

  #onConnection(socket: Socket): void {
    const c = new Connection(socket, this.#room, {
      onLine: (from, line) => this.#onLine(from, line),
      onRefused: (from, rule) => this.#refused(from, rule),
      onClosed: (from) => {
        this.#connections.delete(from);
        this.#unproven.delete(from);
        from.attempt?.connections.delete(from);
      },
    });
    this.#connections.add(c);
    this.#unproven.add(c);
    if (this.#unproven.size <= UNPROVEN_CONNECTIONS) return;
    const [oldest] = this.#unproven;
    this.#unproven.delete(oldest!);
    oldest!.drop('too many connections without a first line');
  }

  #refused(c: Connection, rule: string): void {
    this.#options.refused(c.attempt ? `${rule} (job ${c.attempt.job}, attempt ${c.attempt.attempt})` : rule);
  }

  #onLine(c: Connection, line: string): void {
    if (!c.attempt) return this.#onHello(c, line);
    const parsed = parseRequest(line);
    if (parsed.ok) return this.#ask(c, c.attempt, line.length, parsed);
    this.#refused(c, parsed.error);
    c.send(parsed);
  }

  #onHello(c: Connection, line: string): void {
    c.greeted();
    const hello = parseHello(line);
    if (!hello.ok) {
      this.#refused(c, hello.error);
      return c.end({ ok: false, code: hello.code, error: hello.error });
    }
    const attempt = this.#prove(hello.token);
    if (!attempt) {
      this.#refused(c, 'unknown or ended token');
      const error = "This attempt is over, or the token is not one of this agent's.";
      return c.end({ ok: false, code: 'over', error });
    }
    if (attempt.connections.size >= CONNECTIONS_PER_ATTEMPT) {
      const error = `This attempt has ${CONNECTIONS_PER_ATTEMPT} connections open: close some.`;
      this.#refused(c, error);
      return c.end({ ok: false, code: 'unavailable', error });
    }
    c.attempt = attempt;
    this.#unproven.delete(c);
    attempt.connections.add(c);
    c.send({ ok: true, v: 1, job: attempt.job, attempt: attempt.attempt });
  }

  #ask(c: Connection, a: Attempt, bytes: number, { id, request }: { id: RequestId; request: Request }): void {
    if (request.op === 'job.get' && a.record && !request.fresh)
      return c.send({ id, ok: true, result: a.record as unknown as JsonValue });
    const patch = request.op === 'job.patch' ? a.patch(request) : null;
    if (request.op === 'job.patch' && patch === null) {
      const error = `data would have more than ${MAX_DATA_BYTES} bytes as JSON: keep large results in files.`;
      this.#refused(c, error);
      return c.send({ id, ok: false, code: 'too-large', error });
    }
    if (request.op === 'job.get') a.ask();
    const ref = this.#nextRef++;
    const answered = c.begin(bytes);
    const reply = (answer: Answer): void => {
      clearTimeout(timer);
      this.#replies.delete(ref);
      c.send(answer);
      answered();
      // Nothing more is read of what is over; of what has ended all was.
      if (c.pending === 0 && (c.isEnded || this.#attempts.get(a.job) !== a)) c.end();
    };
    const timer = setTimeout(() => {
      if (request.op === 'job.get') a.unanswered();
      const error = 'The database can not be reached now: try again.';
      reply({ id, ok: false, code: 'unavailable', error });
    }, CHANNEL_ANSWER_MS);
    this.#replies.set(ref, ({ json, error }) => {
      if (error === '') return reply({ id, ok: true, result: resultOf(a, request, json) });
      if (request.op === 'job.get') a.unanswered();
      const code = codeOf(error);
      reply({ id, ok: false, code, error: error.replace(CODE, '') });
    });
    const base = { ref, job: a.job, attempt: a.attempt };
    if (request.op === 'job.patch')
      this.#options.post({ kind: 'patch', ...base, ...patch!, durable: request.durable });
    else this.#options.post({ kind: 'request', ...base, op: request.op, json: JSON.stringify(request) });
  }
}

function resultOf(a: Attempt, request: Request, json: string): JsonValue {
  if (request.op === 'job.patch') return { durable: request.durable };
  const result = parseJson(json) as JsonValue;
  if (request.op !== 'job.get') return result;
  return a.answered(result as unknown as JobRecord) as unknown as JsonValue;
}

/** An answer's error may begin with its code in brackets; without one it is `over`, which is what the core refuses for. */
const CODE = /^\[([a-z-]+)\] /;

function codeOf(error: string): ChannelErrorCode {
  return (CODE.exec(error)?.[1] ?? 'over') as ChannelErrorCode;
}

/** Bytes of chance in a proof: 192 bits. */
const PROOF_BYTES = 24;

/** Unguessable text, drawn from the system many at a time: a call for each job would cost as much as its start request. */
class RandomText {
  readonly #pool = Buffer.allocUnsafeSlow(PROOF_BYTES * 256);
  #used = this.#pool.length;

  next(): string {
    if (this.#used === this.#pool.length) {
      randomFillSync(this.#pool);
      this.#used = 0;
    }
    const from = this.#used;
    this.#used += PROOF_BYTES;
    return this.#pool.toString('base64url', from, this.#used);
  }
}
