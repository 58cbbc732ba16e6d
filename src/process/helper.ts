/**
 * The agent's side of one helper: the small process that starts jobs (helper.py, or helper-node.ts where there is no
 * python3). Who calls it: the agent's shell, one `Helper` for each job that can run at once, with a few jobs ahead.
 * It exists because a fork out of the agent itself costs milliseconds. It must never lose a token: each start is
 * answered exactly once by ended, failed, retracted or lost, and `lost` is said only after the dead helper's jobs were
 * ended. It keeps no more than HELPER_OUTSTANDING_MAX requests; the agent asks `outstanding` before it sends more.
 */
import { execFile } from 'node:child_process';
import { randomUUID } from 'node:crypto';
import { assert } from '../base/assert.ts';
import { NODE_FLAGS } from '../base/entry.ts';
import { EXIT_FAILED, UserError } from '../base/errors.ts';
import { HELPER_CLOSE_MS, HELPER_OUTSTANDING_MAX, PROBE_MS } from '../base/process-limits.ts';
import { encodeBase, encodeKill, encodeRetract, encodeStart } from './helper-messages.ts';
import type { HelperEvent, StartRequest, WireEvent } from './helper-messages.ts';
import { endByMarker } from './marker.ts';
import { Nursery, type Birth, type Line, type NurseryOptions } from './nursery.ts';
import { shippedFile } from './shipped.ts';
import { isShortage, spawnPiped } from './spawn.ts';
import { together } from '../base/together.ts';

export type { Bytes, HelperEvent, StartRequest } from './helper-messages.ts';

export type HelperKind = 'python' | 'node';

/** Which helper to use; what `chooseHelper` answers and `new Helper` takes. */
export interface HelperChoice {
  readonly kind: HelperKind;
  /** Path or name of python3, for kind python. */
  readonly python?: string;
}

/** What the helpers of one agent share. */
export interface HelpersOptions extends HelperChoice, NurseryOptions {}

/** By this name a helper's own jobs are told from those of its neighbours when it is lost. */
const HELPER_MARKER = 'BALSAM_HELPER';

/** Makes helpers that share an environment: each a process of its own. Who calls it: the agent, once for each incarnation. */
export class Helpers {
  readonly #options: HelpersOptions;
  readonly #nursery: Nursery | null;

  constructor(options: HelpersOptions) {
    this.#options = options;
    this.#nursery = options.kind === 'python' ? new Nursery(options) : null;
  }

  /** Requests may follow at once. One that can't be started says `unopened`, and then has run nothing. */
  open(onEvent: (event: HelperEvent) => void): Helper {
    const begin = (id: string, birth: Birth): void =>
      this.#nursery ? this.#nursery.open(id, birth) : spawnNodeHelper(this.#options, id, birth);
    return new Helper(begin, onEvent);
  }

  /** Of the process that makes them; undefined where there is none. */
  get pid(): number | undefined {
    return this.#nursery?.pid;
  }

  /** Its directory was removed, and is there again. */
  listenAnew(): void {
    this.#nursery?.listenAnew();
  }

  /** After its helpers were closed. */
  async close(): Promise<void> {
    await this.#nursery?.close();
  }
}

export class Helper {
  /** Value of BALSAM_HELPER in the environment of its jobs. */
  readonly id: string = randomUUID();
  readonly #onEvent: (event: HelperEvent) => void;
  readonly #outstanding = new Set<number>();
  readonly #gone = Promise.withResolvers<void>();
  #line: Line | null = null;
  #unsent: string[] = [];
  #partial = '';
  #closing = false;
  #urgent = false;
  #over = false;
  #pid: number | undefined;

  constructor(begin: (id: string, birth: Birth) => void, onEvent: (event: HelperEvent) => void) {
    this.#onEvent = onEvent;
    begin(this.id, {
      opened: (pid, line) => this.#opened(pid, line),
      data: (text) => this.#receive(text),
      gone: (unopened) => this.#ended(unopened),
    });
  }

  /** Of the helper process; undefined before `opened`. */
  get pid(): number | undefined {
    return this.#pid;
  }

  /** Starts that are not answered yet: at most one runs, the others wait in the helper. */
  get outstanding(): number {
    return this.#outstanding.size;
  }

  /** Starts a job, after those sent before. Throws (a bug) for a token in use, a relative cwd or too many at once. */
  start(request: StartRequest): void {
    assert(!this.#outstanding.has(request.token), 'a start has a token of its own');
    assert(this.#outstanding.size < HELPER_OUTSTANDING_MAX, 'no more requests than a helper holds');
    assert(request.cwd[0] === '/' || request.cwd[0] === 47, 'cwd of a job is absolute');
    this.#outstanding.add(request.token);
    this.#send(encodeStart(request));
  }

  /**
   * Ends a job: TERM to its group, KILL to the group and every descendant `graceMs` later (0: at once), answered by its
   * `ended` with killed = true. One that had not started is answered `retracted`; an unknown or ended one not at all.
   * Repeated with a shorter grace it hurries.
   */
  kill(token: number, graceMs: number): void {
    if (!this.#outstanding.has(token)) return;
    this.#urgent = true;
    this.#send(encodeKill(token, graceMs));
  }

  /** Takes back a start: answered `retracted` if it was still waiting, else its started/ended come as usual. */
  retract(token: number): void {
    if (!this.#outstanding.has(token)) return;
    this.#urgent = true;
    this.#send(encodeRetract(token));
  }

  /** Ends the helper, and with it whatever it runs; resolves when it is gone. Tokens still open are answered `lost`. */
  async close(): Promise<void> {
    if (!this.#closing) {
      this.#flush();
      this.#closing = true;
      this.#line?.end();
    }
    const late = setTimeout(() => (this.#line ? this.#line.kill() : this.#gone.resolve()), HELPER_CLOSE_MS);
    await this.#gone.promise;
    clearTimeout(late);
  }

  #opened(pid: number, line: Line): void {
    this.#pid = pid;
    this.#line = line;
    this.#onEvent({ kind: 'opened', pid });
    this.#flush();
    if (this.#closing) line.end();
  }

  #send(text: string): void {
    if (this.#closing || this.#over) return; // its answer will be `lost`
    // One write for everything that is asked in one turn.
    if (this.#unsent.push(text) === 1) process.nextTick(() => this.#flush());
  }

  #flush(): void {
    if (this.#unsent.length === 0 || this.#line === null) return;
    const text = this.#unsent.join('');
    this.#unsent = [];
    this.#line.write(text, this.#urgent);
    this.#urgent = false;
  }

  #receive(text: string): void {
    const lines = (this.#partial + text).split('\n');
    this.#partial = lines.pop() ?? '';
    for (const line of lines) {
      const event = JSON.parse(line) as WireEvent;
      if (event.kind !== 'started') this.#outstanding.delete(event.token);
      this.#onEvent(event);
    }
  }

  /** The helper is dead: nobody reaps its jobs any more, so they are ended by marker; then every open token is answered. */
  #ended(unopened: string | null): void {
    if (this.#over) return;
    this.#over = true;
    if (unopened === null) return this.#gone.resolve(this.#lost());
    this.#outstanding.clear();
    this.#gone.resolve();
    if (!this.#closing) this.#onEvent({ kind: 'unopened', reason: unopened });
  }

  async #lost(): Promise<void> {
    const left = await endJobsOf(this.id);
    const tokens = [...this.#outstanding];
    this.#outstanding.clear();
    if (tokens.length > 0 || !this.#closing) this.#onEvent({ kind: 'lost', tokens, left });
  }
}

function spawnNodeHelper(options: HelpersOptions, id: string, birth: Birth): void {
  const marker = { ...options.marker, [HELPER_MARKER]: id };
  const how = {
    detached: true, // a session of its own: a signal for the agent's terminal or group is not for jobs
    env: { ...process.env, ...marker },
    cwd: '/',
  };
  const args = [...NODE_FLAGS, '--max-old-space-size=64', shippedFile('helper-node.ts', 'helper-node.js')];
  const child = spawnPiped(process.execPath, args, how, (reason) => birth.gone(reason));
  if (child === null) return;
  const { stdin, stdout } = child;
  stdin.on('error', () => undefined); // it died: 'close' follows and says so
  stdout.setEncoding('utf8').on('data', (text: string) => birth.data(text));
  child.on('error', () => undefined); // a signal that could not be sent
  child.once('close', () => birth.gone(null));
  stdin.write(encodeBase(options.baseEnv, marker, options.oomFile ?? ''));
  const line = {
    write: (text: string) => void (stdin.writable && stdin.write(text, 'utf8')),
    end: () => void stdin.end(),
    kill: () => void child.kill('SIGKILL'),
  };
  process.nextTick(() => birth.opened(child.pid!, line));
}

/** Jobs of helpers that die in the same moment are ended with one walk over all processes. */
const endJobsOf = together(async (ids: string[]) => (await endByMarker(HELPER_MARKER, ids)).left);

// What helper.py and guard.py need, tried for real: a session by posix_spawn (old C libraries refuse it) and ctypes.
const PYTHON_PROBE =
  'import sys, os, signal, ctypes, fcntl, json, select\n' +
  'assert sys.version_info >= (3, 8)\n' +
  'p = os.posix_spawn("/bin/true", ["true"], {}, setsid=True, setsigmask=())\n' +
  'assert os.wait4(p, 0)[1] == 0\n' +
  'ctypes.CDLL(None).prctl\n' +
  'print("python helper ok\\n" + (sys.executable or ""))';

/** Tried where the python3 on PATH is there and does not work. */
const SYSTEM_PYTHON = '/usr/bin/python3';

/**
 * Finds a usable helper. 'python' and 'node' insist; 'auto' takes python3 >= 3.8 where it works, else Node.
 * Throws only when python was insisted on and does not work; the message says why. The first python3 on PATH may be a script
 * of a version manager that finds nothing here: then the system's own is tried.
 */
export async function chooseHelper(
  wanted: 'auto' | HelperKind,
  python: string | undefined = process.env['BALSAM_PYTHON'],
): Promise<HelperChoice> {
  if (wanted === 'node') return { kind: 'node' };
  const first = await probePython(python ?? 'python3');
  const second = first.ok || first.missing || python !== undefined ? null : await probePython(SYSTEM_PYTHON);
  const probed = second?.ok === true ? second : first;
  // The node is short of processes: the next start of an agent looks again. A helper in Node would be many times as large.
  if (wanted === 'auto' && !probed.ok && probed.short)
    throw new UserError(`python3 could not be tried: ${probed.problem}`, EXIT_FAILED);
  // The program itself: what is on PATH may be a script of a version manager, which costs a tenth of a second each time.
  if (probed.ok) return { kind: 'python', python: probed.executable };
  if (wanted === 'auto') return { kind: 'node' };
  throw new UserError(`${python ?? 'python3'} can't be used as a helper: ${probed.problem}`, EXIT_FAILED);
}

function probePython(
  python: string,
): Promise<
  { ok: true; executable: string } | { ok: false; problem: string; missing: boolean; short: boolean }
> {
  return new Promise((resolve) => {
    execFile(python, ['-I', '-S', '-c', PYTHON_PROBE], { timeout: PROBE_MS }, (error, stdout, stderr) => {
      const [word, executable = ''] = stdout.split('\n');
      if (error === null && word === 'python helper ok')
        resolve({ ok: true, executable: executable || python });
      else
        resolve({
          ok: false,
          missing: (error as NodeJS.ErrnoException | null)?.code === 'ENOENT',
          short: isShortage((error as NodeJS.ErrnoException | null)?.code),
          problem: stderr.trim().split('\n').at(-1) || (error?.message ?? 'it said nothing'),
        });
    });
  });
}
