/**
 * The agent's side of the job channel (docs/job-channel.md): a unix socket to which the processes of its jobs speak
 * lines of JSON. Every connection proves by its token which attempt it belongs to; what it asks becomes an event of the
 * agent's core, and the answer comes back by reference. It never blocks the agent, and reads nothing from a connection
 * that has too much unanswered.
 */
import { randomFillSync, timingSafeEqual } from 'node:crypto';
import { createServer, type Server, type Socket } from 'node:net';
import { parseJson } from '../base/json.ts';
import {
  answerLine,
  CHANNEL_ANSWER_MS,
  CHANNEL_HELLO_MS,
  MAX_CHANNEL_LINE_BYTES,
  MAX_CHANNEL_PENDING,
  parseHello,
  parseRequest,
  type Answer,
  type ChannelErrorCode,
  type HelloAnswer,
  type JobRecord,
  type Request,
  type RequestId,
} from '../core/job-channel.ts';
import type { AgentEvent } from '../core/agent/event.ts';
import type { JsonValue } from '../core/query.ts';

/** An attempt that may speak here. */
interface Attempt {
  job: string;
  attempt: number;
  /** `<job>:<attempt>:<proof>`; nobody but the attempt's processes is told. */
  token: string;
  workingDirectory: string;
  connections: Set<Connection>;
  /** Its own record, once asked for, with every patch of this attempt applied. */
  record: JobRecord | null;
  /** Patches accepted while the record was on its way: the answer may not have them. */
  since: PatchRequest[];
}

interface Connection {
  socket: Socket;
  attempt: Attempt | null;
  pending: number;
  rest: Buffer[];
  restBytes: number;
  ended: boolean;
  helloTimer: NodeJS.Timeout;
}

type PatchRequest = Extract<Request, { op: 'job.patch' }>;
type Reply = (answer: { json: string; error: string }) => void;

export interface ChannelOptions {
  socket: string;
  post: (event: AgentEvent) => void;
  log: (text: string) => void;
}

/** How long the end of an attempt waits for what its processes wrote before they ended, milliseconds. */
const SETTLE_MS = 1_000;

export class JobChannel {
  readonly socket: string;
  readonly #options: ChannelOptions;
  readonly #server: Server;
  readonly #random = new RandomText();
  readonly #attempts = new Map<string, Attempt>();
  readonly #replies = new Map<number, Reply>();
  readonly #connections = new Set<Connection>();
  #nextRef = 1;

  constructor(options: ChannelOptions) {
    this.#options = options;
    this.socket = options.socket;
    this.#server = createServer({ allowHalfOpen: true }, (socket) => this.#onConnection(socket));
  }

  async listen(): Promise<void> {
    const { promise, resolve, reject } = Promise.withResolvers<void>();
    this.#server.once('error', reject);
    this.#server.listen(this.socket, () => resolve());
    await promise;
  }

  close(): void {
    this.#server.close();
    for (const c of this.#connections) c.socket.destroy();
  }

  /** The token of an attempt; from now on its processes may speak here. */
  admit(job: string, attempt: number, workingDirectory: string): string {
    const token = `${job}:${attempt}:${this.#random.next()}`;
    this.#attempts.set(job, {
      job,
      attempt,
      token,
      workingDirectory,
      connections: new Set(),
      record: null,
      since: [],
    });
    return token;
  }

  /** Waits until what the attempt's processes sent before they ended has been read, then closes its connections. */
  async over(job: string): Promise<void> {
    const attempt = this.#attempts.get(job);
    if (!attempt) return;
    const open = [...attempt.connections].filter((c) => !c.ended);
    if (open.length > 0) {
      const { promise, resolve } = Promise.withResolvers<void>();
      const timer = setTimeout(resolve, SETTLE_MS);
      for (const c of open) c.socket.once('end', () => open.every((x) => x.ended) && resolve());
      await promise;
      clearTimeout(timer);
    }
    // A connection without a pending answer has nothing to wait for; the others close when they were answered.
    for (const c of attempt.connections) if (c.pending === 0) c.socket.end();
    this.#attempts.delete(job);
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
    const helloTimer = setTimeout(() => socket.destroy(), CHANNEL_HELLO_MS);
    const c: Connection = {
      socket,
      attempt: null,
      pending: 0,
      rest: [],
      restBytes: 0,
      ended: false,
      helloTimer,
    };
    this.#connections.add(c);
    socket.on('error', () => socket.destroy());
    socket.on('close', () => {
      c.ended = true;
      clearTimeout(helloTimer);
      this.#connections.delete(c);
      c.attempt?.connections.delete(c);
    });
    socket.on('data', (bytes: Buffer) => this.#onData(c, bytes));
    socket.on('end', () => {
      c.ended = true;
      if (c.pending === 0) socket.end();
    });
  }

  #onData(c: Connection, bytes: Buffer): void {
    let from = 0;
    for (let at = bytes.indexOf(10); at >= 0; at = bytes.indexOf(10, from)) {
      c.rest.push(bytes.subarray(from, at));
      const line = Buffer.concat(c.rest).toString('utf8').replace(/\r$/, '');
      c.rest = [];
      c.restBytes = 0;
      from = at + 1;
      if (line !== '') this.#onLine(c, line);
      if (c.socket.destroyed || c.socket.writableEnded) return;
    }
    if (from < bytes.length) {
      c.rest.push(bytes.subarray(from));
      c.restBytes += bytes.length - from;
    }
    if (c.restBytes > MAX_CHANNEL_LINE_BYTES) {
      this.#end(c, {
        id: null,
        ok: false,
        code: 'too-large',
        error: `A line may have ${MAX_CHANNEL_LINE_BYTES} bytes.`,
      });
    }
  }

  #onLine(c: Connection, line: string): void {
    if (line.length > MAX_CHANNEL_LINE_BYTES) {
      return this.#end(c, {
        id: null,
        ok: false,
        code: 'too-large',
        error: `A line may have ${MAX_CHANNEL_LINE_BYTES} bytes.`,
      });
    }
    if (!c.attempt) return this.#onHello(c, line);
    const parsed = parseRequest(line);
    if (!parsed.ok) return this.#send(c, parsed);
    c.pending += 1;
    if (c.pending >= MAX_CHANNEL_PENDING) c.socket.pause();
    this.#ask(c, c.attempt, parsed.id, parsed.request);
  }

  #onHello(c: Connection, line: string): void {
    clearTimeout(c.helloTimer);
    const hello = parseHello(line);
    if (!hello.ok) return this.#end(c, { ok: false, code: hello.code, error: hello.error });
    const attempt = this.#prove(hello.token);
    if (!attempt) {
      this.#options.log('refused a connection to the job channel: unknown or ended token');
      const error = "This attempt is over, or the token is not one of this agent's.";
      return this.#end(c, { ok: false, code: 'over', error });
    }
    c.attempt = attempt;
    attempt.connections.add(c);
    this.#send(c, { ok: true, v: 1, job: attempt.job, attempt: attempt.attempt });
  }

  #ask(c: Connection, a: Attempt, id: RequestId, request: Request): void {
    if (request.op === 'job.get' && a.record && !request.fresh) {
      return this.#done(c, { id, ok: true, result: a.record as unknown as JsonValue });
    }
    const ref = this.#nextRef++;
    const timer = setTimeout(() => {
      this.#replies.delete(ref);
      this.#refuse(c, id, 'unavailable', 'The database can not be reached now: try again.');
    }, CHANNEL_ANSWER_MS);
    const base = { ref, job: a.job, attempt: a.attempt };
    this.#replies.set(ref, (answer) => {
      clearTimeout(timer);
      if (answer.error === '') this.#succeed(c, a, id, request, answer.json);
      else this.#refuse(c, id, codeOf(answer.error), answer.error.replace(CODE, ''));
    });
    if (request.op === 'job.patch') {
      const empty = Object.keys(request.set).length === 0;
      this.#options.post({
        kind: 'patch',
        ...base,
        dataJson: empty ? '' : JSON.stringify(request.set),
        removed: request.removed,
        fieldsJson: Object.keys(request.fields).length === 0 ? '' : JSON.stringify(request.fields),
        durable: request.durable,
      });
      if (a.record) apply(a.record, request);
      a.since.push(request);
      return;
    }
    if (request.op === 'job.get') a.since = [];
    this.#options.post({ kind: 'request', ...base, op: request.op, json: JSON.stringify(request) });
  }

  #succeed(c: Connection, a: Attempt, id: RequestId, request: Request, json: string): void {
    if (request.op === 'job.patch')
      return this.#done(c, { id, ok: true, result: { durable: request.durable } });
    const result = parseJson(json) as JsonValue;
    if (request.op !== 'job.get') return this.#done(c, { id, ok: true, result });
    const record = { ...(result as unknown as JobRecord), working_directory: a.workingDirectory };
    // Whatever of its start is committed by now: the program that asks is running.
    if (record.state !== 'USER_KILLED') record.state = 'RUNNING';
    for (const patch of a.since) apply(record, patch);
    a.record = record;
    this.#done(c, { id, ok: true, result: record as unknown as JsonValue });
  }

  #refuse(c: Connection, id: RequestId, code: ChannelErrorCode, error: string): void {
    this.#done(c, { id, ok: false, code, error });
  }

  #done(c: Connection, answer: Answer): void {
    c.pending -= 1;
    if (c.socket.isPaused() && c.pending < MAX_CHANNEL_PENDING / 2) c.socket.resume();
    this.#send(c, answer);
    if (c.pending === 0 && (c.ended || !this.#attempts.has(c.attempt!.job))) c.socket.end();
  }

  #send(c: Connection, answer: Answer | HelloAnswer): void {
    if (!c.socket.writableEnded && !c.socket.destroyed) c.socket.write(answerLine(answer));
  }

  #end(c: Connection, answer: Answer | HelloAnswer): void {
    this.#send(c, answer);
    c.socket.end();
    c.socket.removeAllListeners('data');
    c.socket.resume();
  }
}

/** An answer's error may begin with its code in brackets; without one it is `over`, which is what the core refuses for. */
const CODE = /^\[([a-z-]+)\] /;

function codeOf(error: string): ChannelErrorCode {
  return (CODE.exec(error)?.[1] ?? 'over') as ChannelErrorCode;
}

function apply(record: JobRecord, patch: PatchRequest): void {
  const data = new Map(Object.entries(record.data));
  for (const key of patch.removed) data.delete(key);
  for (const [key, value] of Object.entries(patch.set)) data.set(key, value);
  record.data = Object.fromEntries(data);
  if (patch.fields.description !== undefined) record.description = patch.fields.description;
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
