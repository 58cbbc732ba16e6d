/**
 * Agents that start nothing: a process that joins a coordinator as N nodes over the real wire and reports each job as ended
 * well the moment it gets it. Started by the row dispatch: `stub-agents.ts FILE N`, where FILE is what a warden writes for
 * agents. It keeps the protocol's rules that a coordinator can see (streams in order, join, heartbeat, outbox until
 * committed) and none that only jobs could see. It ends when it was drained, or with its parent.
 */
import { hostname } from 'node:os';
import { readAgentFile, type AgentFile } from '../../src/agent/config.ts';
import { newId } from '../../src/base/ids.ts';
import { CHAIN } from '../../src/base/limits.ts';
import {
  PROTOCOL_VERSION,
  type Body,
  type Envelope,
  type Job,
  type Report,
} from '../../src/core/messages.ts';
import { decodeEnvelope, encodeEnvelope } from '../../src/wire/codec.ts';
import { readKeyFile, type CurveKeys } from '../../src/wire/curve.ts';
import { DealerLink } from '../../src/wire/dealer-link.ts';

/** Reports in one message: far below the wire's limit. */
const REPORTS_PER_MESSAGE = 1_000;

class StubAgent {
  readonly #id = newId();
  readonly #file: AgentFile;
  readonly #node: number;
  readonly #link: DealerLink;
  #epoch = 0;
  #commands = 0;
  #heartbeat = 0;
  #outbox: Report[] = [];
  #lastReport = 0;
  #sent = 0;
  #committed = 0;
  #drained = false;

  constructor(file: AgentFile, keys: CurveKeys, node: number) {
    this.#file = file;
    this.#node = node;
    this.#link = new DealerLink({
      identity: this.#id,
      keys,
      onMessage: (bytes) => this.#onBytes(bytes),
      onState: (state) => {
        if (state === 'connected') this.#join();
      },
    });
  }

  async run(): Promise<void> {
    this.#link.connect(this.#file.endpoints);
    const timer = setInterval(() => this.#beat(), CHAIN.heartbeat);
    while (!this.#drained || this.#outbox.length > 0) await new Promise((resolve) => setTimeout(resolve, 50));
    clearInterval(timer);
    await this.#link.close();
  }

  #send(body: Body): void {
    const { launcher } = this.#file;
    const bytes = encodeEnvelope({
      version: PROTOCOL_VERSION,
      launcher,
      epoch: this.#epoch,
      incarnation: this.#id,
      ...body,
    });
    this.#link.send(bytes).catch(() => undefined);
  }

  #join(): void {
    this.#send({
      join: {
        node: this.#node,
        hostname: hostname(),
        cpus: 1,
        gpus: 0,
        memoryBytes: 0,
        agent: null,
        guard: null,
        endedIncarnation: '',
        endedCrashed: false,
        held: [],
        lastReport: this.#lastReport,
        oldestReport: this.#committed + 1,
      },
    });
  }

  #beat(): void {
    this.#heartbeat += 1;
    const beat = {
      number: this.#heartbeat,
      receivedCommands: this.#commands,
      lastReport: this.#sent,
      queued: 0,
      running: 0,
      draining: false,
      short: '',
      most: 0,
    };
    this.#send({ heartbeat: beat });
  }

  #onBytes(bytes: Uint8Array): void {
    const decoded = decodeEnvelope(bytes);
    if (!decoded.ok) throw new Error(`a message that is none: ${decoded.reason}`);
    const { envelope } = decoded;
    if (envelope.hello) {
      this.#epoch = envelope.epoch;
      this.#join();
      this.#beat();
    } else if (envelope.commands) this.#onCommands(envelope);
    else if (envelope.dismissed) throw new Error(`called dead: ${envelope.dismissed.reason}`);
  }

  #onCommands(envelope: Envelope): void {
    for (const c of envelope.commands!.commands) {
      if (c.seq !== this.#commands + 1) continue;
      this.#commands = c.seq;
      if (c.start) for (const job of c.start.jobs) this.#end(job);
      else if (c.committed) this.#forget(c.committed.reports);
      else if (c.drain) this.#drained = true;
    }
    this.#flush();
  }

  #end({ id, attempt }: Job): void {
    const ended = {
      ranMs: 1,
      exited: true,
      exitCode: 0,
      signal: 0,
      userS: 0.001,
      systemS: 0.002,
      maxRssKib: 1_024,
      tail: '',
      killed: 0,
      note: '',
    };
    this.#outbox.push({ seq: ++this.#lastReport, job: id, attempt, ageMs: 0, ended });
  }

  #forget(upTo: number): void {
    if (upTo <= this.#committed) return;
    this.#outbox.splice(0, upTo - this.#committed);
    this.#committed = upTo;
  }

  #flush(): void {
    while (this.#sent < this.#lastReport) {
      const from = this.#sent - this.#committed;
      const reports = this.#outbox.slice(from, from + REPORTS_PER_MESSAGE);
      this.#sent += reports.length;
      this.#send({ reports: { reports, receivedCommands: this.#commands } });
    }
  }
}

const [path, count] = process.argv.slice(2);
const file = await readAgentFile(path!);
const keys = await readKeyFile(file.clientKey);
process.once('disconnect', () => process.exit(0));
await Promise.all(Array.from({ length: Number(count) }, (_, node) => new StubAgent(file, keys, node).run()));
process.exit(0);
