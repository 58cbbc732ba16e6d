/**
 * The agent's side of nursery.py, which forks helpers out of a warm python: a start of python for each of 1,024 helpers
 * took 25 s and 9 MB each. A helper connects to us by itself, so that it needs nobody between. Who calls it: helper.ts.
 */
import net from 'node:net';
import path from 'node:path';
import * as z from 'zod/mini';
import { HELPER_CLOSE_MS, HELPER_HELLO_MS } from '../base/process-limits.ts';
import { encodeBase } from './helper-messages.ts';
import { shippedFile } from './shipped.ts';
import { spawnPiped, type Piped } from './spawn.ts';

export interface NurseryOptions {
  /** Path or name of python3. */
  readonly python?: string;
  /** A directory of this node that nobody else can enter: helpers reach us there. */
  readonly directory: string;
  /** The environment that jobs start from, byte for byte as /proc/PID/environ has it. */
  readonly baseEnv: Uint8Array;
  /** Added to the environment of helpers and of every job; by it everything can be found again (marker.ts). */
  readonly marker: Readonly<Record<string, string>>;
  /** Where the kernel counts what it killed for want of memory; '' or nothing for nowhere. */
  readonly oomFile?: string;
  /** Helpers descend from this process. */
  readonly onProcess?: (pid: number) => void;
}

/** The way to one helper. */
export interface Line {
  /** `urgent`: it looks at once, also while a job runs. */
  write(text: string, urgent: boolean): void;
  /** End of file, at once. */
  end(): void;
  /** SIGKILL. */
  kill(): void;
}

/** What becomes of a helper that was asked for. */
export interface Birth {
  opened(pid: number, line: Line): void;
  data(text: string): void;
  /** Once. `unopened`: why it could not be started; null for one that was. */
  gone(unopened: string | null): void;
}

const HELLO = z.object({ hello: z.string(), pid: z.int() });
const SAID = z.object({
  gone: z.optional(z.string()),
  unforked: z.optional(z.string()),
  why: z.optional(z.string()),
});

export class Nursery {
  readonly #options: NurseryOptions;
  #server: net.Server;
  readonly #path: string;
  /** Asked for, and not there yet. */
  readonly #asked = new Map<string, Birth>();
  #child: Piped | null = null;
  /** It could not be started, and who waits is about to hear so. */
  #failing = false;
  #listening: string | null = null;
  #gone: Promise<void> = Promise.resolve();

  constructor(options: NurseryOptions) {
    this.#options = options;
    this.#path = path.join(options.directory, 'h');
    this.#server = this.#listen();
  }

  #listen(): net.Server {
    const server = net.createServer((socket) => this.#onConnection(socket));
    // Nobody can reach us then: who is asked for never says hello, and its end tells why.
    server.on('error', (error) => (this.#listening = error.message));
    server.listen({ path: this.#path, backlog: 1_024 });
    return server;
  }

  /** Listens anew at the same path, from which somebody has removed the socket; who is connected stays so. */
  listenAnew(): void {
    // First: closing removes what is at its path.
    this.#server.close();
    this.#listening = null;
    this.#server = this.#listen();
  }

  get pid(): number | undefined {
    return this.#child?.pid;
  }

  open(id: string, birth: Birth): void {
    this.#asked.set(id, birth);
    if (this.#child === null && !this.#failing) this.#start();
    this.#tell({ fork: id });
  }

  async close(): Promise<void> {
    this.#server.close();
    this.#child?.stdin.end();
    const late = setTimeout(() => this.#child?.kill('SIGKILL'), HELPER_CLOSE_MS);
    await this.#gone;
    clearTimeout(late);
  }

  #start(): void {
    const { python = 'python3', baseEnv, marker, oomFile = '' } = this.#options;
    const how = {
      detached: true, // a session of its own: a signal for the agent's terminal or group is not for jobs
      env: { ...process.env, ...marker },
      cwd: '/',
    };
    const gone = Promise.withResolvers<void>();
    this.#gone = gone.promise;
    const over = (why: string): void => {
      gone.resolve();
      this.#child = null;
      this.#failing = false;
      for (const id of this.#asked.keys()) this.#failed(id, why);
    };
    const args = ['-I', '-S', shippedFile('nursery.py'), this.#path];
    const child = spawnPiped(python, args, how, over);
    this.#failing = child === null;
    if (child === null) return;
    this.#child = child;
    this.#options.onProcess?.(child.pid!);
    child.on('error', () => undefined); // a signal that could not be sent
    child.once('close', () => over('what makes helpers has ended'));
    child.stdin.on('error', () => undefined); // it died: 'close' follows
    let partial = '';
    child.stdout.setEncoding('latin1').on('data', (text: string) => {
      const lines = (partial + text).split('\n');
      partial = lines.pop() ?? '';
      for (const line of lines) {
        const { gone: ended, unforked, why } = SAID.parse(JSON.parse(line));
        this.#failed(ended ?? unforked ?? '', why ?? this.#listening ?? 'it ended before it was there');
      }
    });
    child.stdin.write(encodeBase(baseEnv, marker, oomFile), 'utf8');
  }

  #tell(what: { fork: string } | { kill: string }): void {
    const stdin = this.#child?.stdin;
    if (stdin?.writable) stdin.write(`${JSON.stringify(what)}\n`);
  }

  /** Of one that was there its own line tells. */
  #failed(id: string, why: string): void {
    const birth = this.#asked.get(id);
    this.#asked.delete(id);
    birth?.gone(why);
  }

  /** A helper that says who it is, once; whoever else comes here is not answered. */
  #onConnection(socket: net.Socket): void {
    let said = '';
    const late = setTimeout(() => socket.destroy(), HELPER_HELLO_MS);
    socket.on('error', () => undefined); // 'close' follows
    const hello = (text: string): void => {
      said += text;
      const end = said.indexOf('\n');
      if (end < 0 && said.length < 200) return;
      clearTimeout(late);
      socket.off('data', hello);
      const { data } = HELLO.safeParse(parsed(said.slice(0, end)));
      const birth = data && this.#asked.get(data.hello);
      if (!birth) return void socket.destroy();
      this.#asked.delete(data.hello);
      socket.on('data', (more: string) => birth.data(more));
      socket.once('close', () => birth.gone(null));
      birth.opened(data.pid, this.#lineOf(data.hello, data.pid, socket));
    };
    socket.setEncoding('utf8').on('data', hello);
  }

  #lineOf(id: string, pid: number, socket: net.Socket): Line {
    // A helper looks at its socket between jobs only, and when it is told to: after the line has been written.
    const hurry = (): void => {
      try {
        if (!socket.destroyed) process.kill(pid, 'SIGURG');
      } catch {
        // Gone; the signal is ignored by whoever has its number.
      }
    };
    return {
      write: (text, urgent) => void (socket.writable && socket.write(text, 'utf8', () => urgent && hurry())),
      end: () => void socket.end(hurry),
      // By its parent, which knows whether the number is still its own.
      kill: () => this.#tell({ kill: id }),
    };
  }
}

function parsed(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    return null;
  }
}
