/**
 * The agent's side of its guard: one process beside the agent that ends helpers and jobs when the lease is over, or
 * when the agent is gone (PROTOCOL 0). Who calls it: the agent's shell, once, before the first helper; it feeds the end
 * of the lease with every echo, and every helper that comes and goes. While there is no guard nothing may be started:
 * `onExit` says when it is gone. This class must never decide about the lease itself.
 */
import { NODE_FLAGS } from '../base/entry.ts';
import type { HelperChoice } from './helper.ts';
import { readStat } from './proc.ts';
import { shippedFile } from './shipped.ts';
import { spawnPiped, type Piped } from './spawn.ts';

export interface GuardExit {
  /** 'lease': the time was over; 'eof': `close` was called; 'lost': it died, or could not be started, and guarded nothing. */
  readonly reason: 'lease' | 'eof' | 'lost';
  /** Processes it ended. */
  readonly ended: number;
  /** Why it could not be started; '' = it was. */
  readonly unopened: string;
}

export interface GuardOptions extends HelperChoice {
  /** The entry by which jobs and helpers of this incarnation are known; not in the guard's own environment. */
  readonly marker: { readonly name: string; readonly value: string };
  /** Called once. After 'lease' nothing of the incarnation is left. */
  readonly onExit: (exit: GuardExit) => void;
}

export class Guard {
  readonly #child: Piped | null;
  readonly #gone: Promise<void>;
  #said = '';

  constructor(options: GuardOptions) {
    const { name, value } = options.marker;
    const env = { ...process.env };
    delete env[name];
    const args = [name, value, String(process.pid)];
    const [file, program] =
      options.kind === 'python'
        ? [options.python ?? 'python3', ['-I', '-S', shippedFile('guard.py')]]
        : [
            process.execPath,
            [...NODE_FLAGS, '--max-old-space-size=32', shippedFile('guard-node.ts', 'guard-node.js')],
          ];
    // A session of its own: what is sent to the agent's group or terminal must not reach the one that cleans up.
    const gone = Promise.withResolvers<void>();
    this.#gone = gone.promise;
    const exit = (unopened: string): void => {
      options.onExit({ ...this.#exit(), unopened });
      gone.resolve();
    };
    const child = spawnPiped(file, [...program, ...args], { detached: true, env, cwd: '/' }, exit);
    this.#child = child;
    if (child === null) return;
    const { stdin, stdout } = child;
    stdin.on('error', () => undefined); // it died: 'close' follows
    stdout.setEncoding('latin1');
    stdout.on('data', (text: string) => (this.#said += text));
    child.once('close', () => exit(''));
  }

  /** Of the guard process; undefined when it could not be started. */
  get pid(): number | undefined {
    return this.#child?.pid;
  }

  /** Everything must be dead at this time (CLOCK_MONOTONIC, ms of this host); the newest call counts. */
  lease(untilMonotonicMs: number): void {
    this.#tell(`lease ${untilMonotonicMs.toFixed(3)}`);
  }

  /** A helper has started. One that is gone already is not told: its marker is enough. */
  addHelper(pid: number): void {
    const stat = readStat(pid);
    if (stat !== null) this.#tell(`helper ${pid} ${stat.startTime}`);
  }

  /** A helper has ended and was reaped: its number may belong to a stranger from now on. */
  removeHelper(pid: number): void {
    this.#tell(`gone ${pid}`);
  }

  /** End of file: it ends what is left of the incarnation and goes; resolves then (later while something can't be ended). */
  async close(): Promise<void> {
    this.#child?.stdin.end();
    await this.#gone;
  }

  #tell(line: string): void {
    const stdin = this.#child?.stdin;
    if (stdin?.writable) stdin.write(`${line}\n`, 'latin1');
  }

  #exit(): Omit<GuardExit, 'unopened'> {
    const [reason, count] = this.#said.trim().split(' ');
    if (reason !== 'lease' && reason !== 'eof') return { reason: 'lost', ended: 0 };
    return { reason, ended: Number(count) };
  }
}
