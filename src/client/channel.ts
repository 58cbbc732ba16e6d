/**
 * The program's end of the job channel: requests out, answers matched by id. One connection a process.
 *
 * Called by the channel gateway. An idle channel must never keep a program alive: the socket counts for the event loop
 * only while an answer is awaited. It retries nothing but a socket that is not there: an agent makes a removed one anew
 * within the second. When the agent is gone, so is the job.
 */
import { connect } from 'node:net';
import type { Socket } from 'node:net';
import { assert } from '../base/assert.ts';
import { EXIT_FAILED, messageOf, UserError, WorldError } from '../base/errors.ts';
import { parseJson } from '../base/json.ts';
import { CHANNEL_VERSION, MAX_CHANNEL_LINE_BYTES, requestLine } from '../model/job-channel.ts';
import type { Answer, HelloAnswer, Op, Refusal, Request, Results } from '../model/job-channel.ts';

const UNSET = 'If this program does not run as a job, unset BALSAM_JOB_ID';

/** How long a socket that is not there is looked for, and how often, milliseconds: an agent looks each 500. */
const SOCKET_WAIT_MS = 1_000;
const SOCKET_LOOK_MS = 50;

interface Waiting {
  resolve(value: unknown): void;
  reject(error: Error): void;
}

export class Channel {
  readonly #socket: Socket;
  /** The greeting waits under 0, requests under their ids. */
  readonly #waiting = new Map<number, Waiting>();
  #nextId = 1;
  #parts: Buffer[] = [];
  #held = 0;
  #broken: Error | null = null;

  private constructor(socket: Socket) {
    this.#socket = socket;
    socket.on('data', (chunk: Buffer) => this.#take(chunk));
    socket.on('error', (error) => this.#fail(`the job channel broke: ${messageOf(error)}`));
    socket.on('close', () => this.#fail('the agent closed the job channel: this attempt of the job is over'));
  }

  /** Connects and says the token. UserError with what to do when nobody answers or the token is refused. */
  static async open(
    path: string,
    token: string,
  ): Promise<{ channel: Channel; job: string; attempt: number }> {
    const socket = await reach(path, performance.now() + SOCKET_WAIT_MS);
    const channel = new Channel(socket);
    const greeting = channel.#await(0);
    socket.write(`${JSON.stringify({ v: CHANNEL_VERSION, token })}\n`);
    const { job, attempt } = (await greeting) as { job: string; attempt: number };
    return { channel, job, attempt };
  }

  /** Sends one request and waits for its answer. UserError for what the agent refuses, WorldError when it is away. */
  async request<O extends Op>(request: Request & { op: O }): Promise<Results[O]> {
    if (this.#broken !== null) throw this.#broken;
    const id = this.#nextId;
    this.#nextId += 1;
    const line = requestLine(id, request);
    if (Buffer.byteLength(line) > MAX_CHANNEL_LINE_BYTES) {
      throw new UserError(
        `this change is larger than ${MAX_CHANNEL_LINE_BYTES} bytes: keep large results in files`,
      );
    }
    const answer = this.#await(id);
    this.#socket.write(line);
    return (await answer) as Results[O];
  }

  close(): void {
    this.#socket.destroy();
  }

  #await(id: number): Promise<unknown> {
    const { promise, resolve, reject } = Promise.withResolvers<unknown>();
    this.#waiting.set(id, { resolve, reject });
    this.#socket.ref();
    return promise;
  }

  #take(chunk: Buffer): void {
    let rest = chunk;
    for (let end = rest.indexOf(10); end >= 0; end = rest.indexOf(10)) {
      this.#parts.push(rest.subarray(0, end));
      const line = Buffer.concat(this.#parts).toString('utf8');
      this.#parts = [];
      this.#held = 0;
      rest = rest.subarray(end + 1);
      this.#answer(line);
    }
    if (rest.length === 0) return;
    this.#parts.push(rest);
    this.#held += rest.length;
    if (this.#held > MAX_CHANNEL_LINE_BYTES) this.#fail('the agent sent a line that is too long');
  }

  #answer(line: string): void {
    const message = parseJson(line) as Answer | HelloAnswer;
    const id = 'id' in message ? message.id : 0;
    // A refused first line, or a request that was no JSON, has no id of ours.
    const waiting = typeof id === 'number' ? this.#waiting.get(id) : undefined;
    if (waiting === undefined) {
      this.#fail(message.ok ? 'the agent answered what was not asked' : `the agent said: ${message.error}`);
      return;
    }
    this.#waiting.delete(id as number);
    if (this.#waiting.size === 0) this.#socket.unref();
    if (!message.ok) waiting.reject(errorOf(message));
    else waiting.resolve('id' in message ? message.result : message);
  }

  #fail(why: string): void {
    this.#broken ??= new WorldError('unavailable', why);
    const broken = this.#broken;
    this.#socket.destroy();
    for (const waiting of this.#waiting.values()) waiting.reject(broken);
    this.#waiting.clear();
  }
}

function reach(path: string, until: number): Promise<Socket> {
  const { promise, resolve, reject } = Promise.withResolvers<Socket>();
  const socket = connect(path);
  socket.once('error', (error: NodeJS.ErrnoException) => {
    if (error.code === 'ENOENT' && performance.now() < until)
      return void setTimeout(() => resolve(reach(path, until)), SOCKET_LOOK_MS);
    reject(
      new UserError(`no agent answers on the job channel ${path} (${error.message}). ${UNSET}`, EXIT_FAILED),
    );
  });
  socket.once('connect', () => {
    socket.removeAllListeners('error');
    resolve(socket);
  });
  return promise;
}

function errorOf(refusal: Refusal): Error {
  assert(typeof refusal.error === 'string', 'a refusal has a sentence');
  switch (refusal.code) {
    case 'over':
      return new UserError(`${refusal.error} ${UNSET}`, EXIT_FAILED);
    case 'unavailable':
      return new WorldError('unavailable', refusal.error);
    case 'internal':
      return new Error(refusal.error);
    case 'bad-request':
    case 'unsupported':
    case 'too-large':
    case 'refused':
    case 'not-found':
      return new UserError(refusal.error, EXIT_FAILED);
  }
}
