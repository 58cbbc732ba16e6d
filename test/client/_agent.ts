/** The agent's end of the job channel, as docs/job-channel.md describes it, for tests of the client inside a job. */
import { once } from 'node:events';
import fs from 'node:fs';
import net from 'node:net';
import os from 'node:os';
import path from 'node:path';
import { createInterface } from 'node:readline';
import { answerLine, parseHello, parseRequest } from '../../src/model/job-channel.ts';
import type { Answer, ApplicationRecord, JobRecord, Request } from '../../src/model/job-channel.ts';
import { applyDifference } from '../../src/model/json.ts';

export const JOB_ID = '7862d523-6e55-44f7-84f2-5df1a2dec8d8';
export const TOKEN = 'token-of-the-attempt';

export class FakeAgent {
  readonly socket: string;
  /** Every request that came, in order. */
  readonly requests: Request[] = [];
  readonly applications = new Map<string, ApplicationRecord>();
  record: JobRecord = aRecord();
  /** Answers that a test decides: null lets the usual one through. */
  override: (request: Request, id: number) => Answer | null = () => null;
  connections = 0;
  readonly #directory: string;
  readonly #server: net.Server;
  readonly #sockets = new Set<net.Socket>();

  private constructor(directory: string) {
    this.#directory = directory;
    this.socket = path.join(directory, 's');
    this.#server = net.createServer({ allowHalfOpen: true }, (socket) => this.#serve(socket));
  }

  static async start(): Promise<FakeAgent> {
    const agent = new FakeAgent(await fs.promises.mkdtemp(path.join(os.tmpdir(), 'balsam-agent-')));
    agent.#server.listen(agent.socket);
    await once(agent.#server, 'listening');
    return agent;
  }

  /** What an agent gives to a job. */
  get environment(): Record<string, string> {
    return { BALSAM_JOB_ID: JOB_ID, BALSAM_JOB_SOCKET: this.socket, BALSAM_JOB_TOKEN: TOKEN };
  }

  /** Ends every connection, as when the attempt is over. */
  hangUp(): void {
    for (const socket of this.#sockets) socket.destroy();
  }

  async close(): Promise<void> {
    this.hangUp();
    await new Promise((done) => this.#server.close(done));
    await fs.promises.rm(this.#directory, { recursive: true, force: true });
  }

  #serve(socket: net.Socket): void {
    this.connections += 1;
    this.#sockets.add(socket);
    socket.on('close', () => this.#sockets.delete(socket)).on('error', () => {});
    let greeted = false;
    // A program that was killed resets the connection: its test says so by the program's end.
    const lines = createInterface({ input: socket }).on('error', () => {});
    lines.on('line', (line) => {
      if (greeted) {
        const answer = this.#answer(line);
        if (answer !== null) socket.write(answerLine(answer));
        return;
      }
      greeted = true;
      const hello = parseHello(line);
      if (hello.ok && hello.token === TOKEN) {
        socket.write(answerLine({ ok: true, v: 1, job: JOB_ID, attempt: 1 }));
      } else {
        const refusal = {
          code: 'over',
          error: 'This attempt is over, or the token is not one of this agent’s.',
        } as const;
        socket.end(answerLine({ ok: false, ...refusal }));
      }
    });
    lines.on('close', () => socket.end());
  }

  #answer(line: string): Answer | null {
    const parsed = parseRequest(line);
    if (!parsed.ok) return parsed;
    const { id, request } = parsed;
    this.requests.push(request);
    const given = this.override(request, Number(id));
    if (given !== null) return given;
    return { id, ok: true, result: JSON.parse(JSON.stringify(this.#result(request))) };
  }

  #result(request: Request): unknown {
    switch (request.op) {
      case 'job.get':
        return this.record;
      case 'job.patch': {
        const data = applyDifference(this.record.data, request);
        this.record = { ...this.record, ...request.fields, data };
        return { durable: request.durable };
      }
      case 'application.get':
        return { application: this.applications.get(request.name) ?? null };
      case 'application.getOrCreate': {
        const there = this.applications.get(request.name);
        if (there !== undefined) return { application: there, created: false };
        const application = anApplication(this.applications.size + 1, request.name, request.defaults);
        this.applications.set(request.name, application);
        return { application, created: true };
      }
      case 'application.save': {
        const application = {
          ...anApplication(1, request.name),
          ...this.applications.get(request.name),
          ...request.set,
        };
        this.applications.set(request.name, application);
        return { application };
      }
    }
  }
}

function anApplication(id: number, name: string, fields: Partial<ApplicationRecord> = {}): ApplicationRecord {
  return {
    description: '',
    executable: '',
    preprocess: '',
    envscript: '',
    postprocess: '',
    ...fields,
    id,
    name,
  };
}

function aRecord(): JobRecord {
  return {
    job_id: JOB_ID,
    workflow: 'demo-square',
    name: 'square9',
    description: '',
    parents: [],
    input_files: '',
    stage_in_url: '',
    stage_out_files: '',
    stage_out_url: '',
    wall_time_minutes: 1,
    num_nodes: 1,
    coschedule_num_nodes: 0,
    ranks_per_node: 1,
    cpu_affinity: 'none',
    threads_per_rank: 1,
    threads_per_core: 1,
    node_packing_count: 1,
    environ_vars: '',
    mpi_flags: '',
    application: 'square',
    args: '',
    user_workdir: '',
    wait_for_parents: true,
    post_error_handler: false,
    post_timeout_handler: false,
    auto_timeout_retry: true,
    state: 'RUNNING',
    data: { x: 9, other: { deep: [1, 2] } },
    attempt: 1,
    tries: 1,
    launcher: 3,
    queued_launch_id: null,
    created_at: '2026-11-22T13:37:03.330Z',
    updated_at: '2026-11-22T13:37:04.000Z',
    working_directory: '/db/data/demo-square/square9_7862d523',
  };
}
