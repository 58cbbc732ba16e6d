/**
 * An agent's job channel on a real socket, with a small core behind it that commits at once, and clients that send bytes.
 * Called by the tests of this folder.
 */
import { once } from 'node:events';
import fs from 'node:fs';
import net from 'node:net';
import os from 'node:os';
import path from 'node:path';
import type { ExecutionContext } from 'ava';
import { JobChannel } from '../../src/agent/job-channel.ts';
import { parseJson } from '../../src/base/json.ts';
import { newId } from '../../src/base/ids.ts';
import type { AgentEvent } from '../../src/core/agent/event.ts';

export interface Row {
  data: Record<string, unknown>;
  description: string;
}

export class ChannelRig {
  readonly channel: JobChannel;
  readonly directory: string;
  readonly refused: string[] = [];
  /** What the database has of each job. */
  readonly rows = new Map<string, Row>();
  /** Answers are held back while set. */
  hold = false;
  held: AgentEvent[] = [];
  asked = 0;

  private constructor(directory: string) {
    this.directory = directory;
    this.channel = new JobChannel({
      socket: path.join(directory, 's'),
      post: (event) => (this.hold ? void this.held.push(event) : void setImmediate(() => this.#do(event))),
      refused: (rule) => void this.refused.push(rule),
    });
  }

  /** One for this test, closed at its end. */
  static async start(t: ExecutionContext): Promise<ChannelRig> {
    const rig = new ChannelRig(await fs.promises.mkdtemp(path.join(os.tmpdir(), 'balsam-channel-')));
    t.teardown(() => rig.#close());
    await rig.channel.listen();
    return rig;
  }

  /** A live attempt; returns its first line. */
  admit(data: Record<string, unknown> = {}): { job: string; hello: string } {
    const job = newId();
    this.rows.set(job, { data, description: '' });
    const token = this.channel.admit(job, 1, '/work-directory');
    return { job, hello: `${JSON.stringify({ v: 1, token })}\n` };
  }

  release(): void {
    this.hold = false;
    for (const event of this.held.splice(0)) this.#do(event);
  }

  async client(hello = ''): Promise<Client> {
    const socket = net.connect(this.channel.socket);
    await once(socket, 'connect');
    const client = new Client(socket);
    if (hello !== '') socket.write(hello);
    return client;
  }

  async #close(): Promise<void> {
    this.channel.close();
    await fs.promises.rm(this.directory, { recursive: true, force: true });
  }

  #do(event: AgentEvent): void {
    if (event.kind === 'patch') {
      const row = this.rows.get(event.job)!;
      const data = new Map(Object.entries(row.data));
      for (const key of event.removed) data.delete(key);
      if (event.dataJson !== '')
        for (const [key, value] of Object.entries(parseJson(event.dataJson) as object)) data.set(key, value);
      row.data = Object.fromEntries(data);
      if (event.fieldsJson !== '') Object.assign(row, JSON.parse(event.fieldsJson));
      this.channel.answer(event.ref, '{}', '');
    } else if (event.kind === 'request') {
      this.asked += 1;
      const row = this.rows.get(event.job)!;
      const json =
        event.op === 'job.get' ? { job_id: event.job, state: 'RUNNING', ...row } : { application: null };
      this.channel.answer(event.ref, JSON.stringify(json), '');
    }
  }
}

export class Client {
  readonly socket: net.Socket;
  text = '';
  readonly closed: Promise<void>;

  constructor(socket: net.Socket) {
    this.socket = socket;
    socket.on('error', () => undefined);
    this.closed = new Promise((resolve) => socket.once('close', () => resolve()));
    socket.setEncoding('utf8').on('data', (chunk: string) => (this.text += chunk));
  }

  /** All that are whole. */
  get answers(): Record<string, unknown>[] {
    return this.text
      .slice(0, this.text.lastIndexOf('\n') + 1)
      .split('\n')
      .filter(Boolean)
      .map((line) => JSON.parse(line) as Record<string, unknown>);
  }

  /** Sends a request and waits for its answer. */
  async ask(request: Record<string, unknown>): Promise<Record<string, unknown>> {
    this.socket.write(`${JSON.stringify(request)}\n`);
    for (;;) {
      const [answer] = this.text.includes('"id"')
        ? this.answers.filter((a) => a['id'] === request['id'])
        : [];
      if (answer) return answer;
      await Promise.race([once(this.socket, 'data'), this.closed]);
      if (this.socket.destroyed) throw new Error(`closed without an answer: ${this.text}`);
    }
  }
}
