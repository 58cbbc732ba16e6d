/**
 * One connection of the job channel: lines in, lines out, and the bounds of both. What a program sends faster than it is
 * answered stays in its socket; what it does not read stops us from reading more of it.
 *
 * Called by job-channel. It must never hold more than one line that is not complete, hand out bytes that are no UTF-8, or
 * forget a line that came before the end.
 */
import { isUtf8 } from 'node:buffer';
import type { Socket } from 'node:net';
import {
  answerLine,
  CHANNEL_HELLO_MS,
  MAX_CHANNEL_LINE_BYTES,
  MAX_CHANNEL_PENDING,
  type Answer,
  type ChannelErrorCode,
  type HelloAnswer,
} from '../model/job-channel.ts';
import type { Attempt } from './channel-attempt.ts';

/** Longest first line, bytes: a token has about 80. Guess. */
const HELLO_BYTES = 4_096;
/** Unread answers of one connection, bytes: beyond it nothing more of it is read. Guess: what a pipe holds, many times. */
const UNREAD_BYTES = 1024 * 1024;
/** Lines of all connections that are not complete, and requests that are not answered, bytes. Guess: what a node bears. */
const PARTIAL_BYTES = 128 * 1024 * 1024;
const HELD_BYTES = 64 * 1024 * 1024;
/** From our end of a connection to its destruction, milliseconds: the time to read the last answer. Guess. */
const LINGER_MS = 5_000;

const LF = 10;
const CR = 13;

/** What all connections of an agent hold together. */
export class ChannelRoom {
  /** Bytes of lines that are not complete. */
  partial = 0;
  /** Bytes of requests that are not answered. */
  held = 0;
  readonly waiting = new Set<Connection>();

  /** Lets those go on that waited for others' answers. */
  wake(): void {
    if (this.held >= HELD_BYTES / 2) return;
    // Who finds no room again waits again, for the next time.
    const all = [...this.waiting];
    this.waiting.clear();
    for (const c of all) c.pump();
  }
}

export interface ConnectionHandlers {
  onLine: (c: Connection, line: string) => void;
  onClosed: (c: Connection) => void;
  /** It is being ended for what it did. */
  onRefused: (c: Connection, rule: string) => void;
}

export class Connection {
  /** Set once the token was proven. */
  attempt: Attempt | null = null;
  /** Resolves when all that the other side sent was read, or the connection is gone. */
  readonly ended: Promise<void>;
  isEnded = false;
  readonly #markEnded: () => void;
  readonly #socket: Socket;
  readonly #room: ChannelRoom;
  readonly #handlers: ConnectionHandlers;
  readonly #helloTimer: NodeJS.Timeout;
  /** Bytes that were not looked at, from `#at` of the first; and the beginning of a line in them, without its end. */
  readonly #queue: Buffer[] = [];
  #at = 0;
  #partial: Buffer[] = [];
  #partialBytes = 0;
  #pending = 0;
  #peerEnded = false;
  #closing = false;
  #pumping = false;

  constructor(socket: Socket, room: ChannelRoom, handlers: ConnectionHandlers) {
    this.#socket = socket;
    this.#room = room;
    this.#handlers = handlers;
    const { promise, resolve } = Promise.withResolvers<void>();
    this.ended = promise;
    this.#markEnded = () => {
      this.isEnded = true;
      resolve();
    };
    this.#helloTimer = setTimeout(() => this.drop('no first line came in time'), CHANNEL_HELLO_MS);
    socket.on('error', () => socket.destroy());
    socket.on('close', () => this.#onClose());
    socket.on('drain', () => this.pump());
    socket.on('data', (bytes: Buffer) => {
      if (this.#closing) return;
      this.#queue.push(bytes);
      this.pump();
    });
    socket.on('end', () => {
      this.#peerEnded = true;
      this.pump();
    });
  }

  get pending(): number {
    return this.#pending;
  }

  /** Who has said the first line has no deadline any more. */
  greeted(): void {
    clearTimeout(this.#helloTimer);
  }

  /** A request of so many bytes is under way. Returns what is to be called, once, when it was answered. */
  begin(bytes: number): () => void {
    this.#pending += 1;
    this.#room.held += bytes;
    return () => {
      this.#pending -= 1;
      this.#room.held -= bytes;
      this.pump();
      this.#room.wake();
    };
  }

  send(answer: Answer | HelloAnswer): void {
    if (this.#socket.writableEnded || this.#socket.destroyed) return;
    const line = answerLine(answer);
    if (line.length * 3 > MAX_CHANNEL_LINE_BYTES && Buffer.byteLength(line) - 1 > MAX_CHANNEL_LINE_BYTES) {
      const error = `The answer has more than the ${MAX_CHANNEL_LINE_BYTES} bytes of a line.`;
      this.#socket.write(
        answerLine({ id: 'id' in answer ? answer.id : null, ok: false, code: 'too-large', error }),
      );
    } else this.#socket.write(line);
  }

  /** Ends it with a last answer, or without; what still comes is thrown away. */
  end(answer?: Answer | HelloAnswer): void {
    if (this.#closing) return;
    if (answer) this.send(answer);
    this.#closing = true;
    this.#forgetInput();
    this.#markEnded();
    this.#socket.end();
    this.#socket.resume();
    setTimeout(() => this.#socket.destroy(), LINGER_MS).unref();
  }

  /** Ends it at once. */
  drop(rule: string): void {
    this.#handlers.onRefused(this, rule);
    this.destroy();
  }

  destroy(): void {
    this.#socket.destroy();
  }

  /** Reads lines as long as their answers find room. */
  pump(): void {
    if (this.#pumping || this.#closing) return;
    this.#pumping = true;
    try {
      while (!this.#closing && this.#mayRead()) {
        const line = this.#nextLine();
        if (line === null) return this.#starve();
        if (line.length > 0) this.#take(line);
      }
    } finally {
      this.#pumping = false;
    }
    if (!this.#closing) this.#socket.pause();
  }

  #mayRead(): boolean {
    if (this.#room.held >= HELD_BYTES) {
      this.#room.waiting.add(this);
      return false;
    }
    return this.#pending < MAX_CHANNEL_PENDING && this.#socket.writableLength < UNREAD_BYTES;
  }

  /** No whole line is there. */
  #starve(): void {
    if (this.#peerEnded) {
      this.#markEnded();
      if (this.#pending === 0) this.end();
      return;
    }
    this.#socket.resume();
  }

  #take(line: Buffer): void {
    if (line.length > this.#longest()) return this.#tooLong();
    if (isUtf8(line)) return this.#handlers.onLine(this, line.toString('utf8'));
    const error = 'A line must be valid UTF-8.';
    if (this.attempt === null) return this.#refuse('bad-request', error);
    this.#handlers.onRefused(this, error);
    this.send({ id: null, ok: false, code: 'bad-request', error });
  }

  #longest(): number {
    return this.attempt === null ? HELLO_BYTES : MAX_CHANNEL_LINE_BYTES;
  }

  /** The next line without its end, or null; what is there of it is kept. */
  #nextLine(): Buffer | null {
    for (let chunk = this.#queue[0]; chunk !== undefined; chunk = this.#queue[0]) {
      const end = chunk.indexOf(LF, this.#at);
      const part = chunk.subarray(this.#at, end < 0 ? chunk.length : end);
      this.#at = end < 0 ? chunk.length : end + 1;
      if (this.#at === chunk.length) {
        this.#queue.shift();
        this.#at = 0;
      }
      if (end >= 0) return this.#completed(part);
      this.#partial.push(part);
      this.#partialBytes += part.length;
      this.#room.partial += part.length;
      // One more for a CR.
      if (this.#partialBytes > this.#longest() + 1) this.#tooLong();
      else if (this.#room.partial > PARTIAL_BYTES)
        this.#refuse('unavailable', 'Too much is being sent to this agent at once: try again.');
    }
    return null;
  }

  #completed(part: Buffer): Buffer {
    const line = this.#partial.length === 0 ? part : Buffer.concat([...this.#partial, part]);
    this.#forgetPartial();
    return line.at(-1) === CR ? line.subarray(0, -1) : line;
  }

  #tooLong(): void {
    if (this.attempt === null) this.#refuse('bad-request', 'The first line must be {"v":1,"token":"…"}.');
    else this.#refuse('too-large', `A line may have ${MAX_CHANNEL_LINE_BYTES} bytes.`);
  }

  #refuse(code: ChannelErrorCode, error: string): void {
    this.#handlers.onRefused(this, error);
    this.end(this.attempt === null ? { ok: false, code, error } : { id: null, ok: false, code, error });
  }

  #forgetPartial(): void {
    this.#room.partial -= this.#partialBytes;
    this.#partial = [];
    this.#partialBytes = 0;
  }

  #forgetInput(): void {
    this.#forgetPartial();
    this.#queue.length = 0;
    this.#at = 0;
  }

  #onClose(): void {
    clearTimeout(this.#helloTimer);
    this.#closing = true;
    this.#forgetInput();
    this.#room.waiting.delete(this);
    this.#markEnded();
    this.#handlers.onClosed(this);
  }
}
