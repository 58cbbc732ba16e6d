/**
 * Keeps the agents of a launcher alive: each one of this machine under a supervisor of its own, so that a node that fails
 * again and again is given up without the others; those of mpirun as one process that can't be restarted.
 */
import type { ChildProcess } from 'node:child_process';
import { Supervisor, type Child } from '../actor/supervisor.ts';
import { messageOf } from '../base/errors.ts';
import { ended } from './processes.ts';
import { lengthOf, reasonIn } from './reason.ts';

/** After the coordinator has left nothing is uncommitted: an agent that does not end is asked to, then killed, and its guard
 * ends what it left, milliseconds. One that had not joined knows nothing of the end. */
const ASK_MS = 500;
const KILL_MS = 2_000;

export interface AgentKeeperOptions {
  /** Node indexes, one agent each; or one mpirun for all of them. */
  members: readonly AgentMember[];
  onNote: (text: string, rule: string) => void;
  /** The last one has ended, and nobody asked for that: how. */
  onNoneLeft: (how: string) => void;
}

export interface AgentMember {
  name: string;
  start: () => ChildProcess;
  restart: boolean;
  /** Where it speaks: the end of this is the reason of its own end. */
  log: string;
}

export class AgentKeeper {
  readonly #o: AgentKeeperOptions;
  readonly #supervisors: Supervisor[] = [];
  #left: number;
  /** What was said last of each, so that a repeat is not. */
  readonly #said = new Map<string, string>();
  #leaving = false;

  constructor(options: AgentKeeperOptions) {
    this.#o = options;
    this.#left = options.members.length;
  }

  start(): void {
    for (const { name, start, restart, log } of this.#o.members) {
      const supervisor = new Supervisor({
        name,
        onEvent: (e) => {
          if (e.type === 'failed' && !this.#leaving) this.#say(name, `${name} ended: ${messageOf(e.error)}`);
          if (e.type === 'ended' || (e.type === 'failed' && !restart)) this.#gone(name);
        },
      });
      this.#supervisors.push(supervisor);
      // Beyond its restarts this node is given up; the others go on.
      supervisor.done.catch(() => this.#gone(name));
      const spec = {
        name,
        start: () => lifeOf(start, log),
        strategy: restart ? 'restart' : 'ignore',
      } as const;
      supervisor
        .start(spec)
        .catch((error: unknown) => this.#say(name, `${name} can't be started: ${messageOf(error)}`));
    }
  }

  /** Waits for their end, which their drain brings; what does not end is made to. */
  async end(): Promise<void> {
    this.#leaving = true;
    await Promise.all(this.#supervisors.map((s) => s.stop().catch(() => undefined)));
  }

  #say(name: string, text: string): void {
    if (this.#said.get(name) === text) return;
    this.#said.set(name, text);
    this.#o.onNote(text, 'PROTOCOL 8');
  }

  #gone(name: string): void {
    this.#left -= 1;
    if (this.#left === 0 && !this.#leaving) this.#o.onNoneLeft(this.#said.get(name) ?? `${name} left`);
  }
}

/** A process as a supervisor's child: exit 0 is an end on purpose, everything else a failure that says how. */
function lifeOf(start: () => ChildProcess, log: string): Child {
  const from = lengthOf(log);
  const child = start();
  const over = ended(child);
  const done = over.then((how) => {
    if (how.code === 0 && !how.error) return;
    const reason = how.error?.message ?? reasonIn(log, from);
    throw new Error(reason || (how.signal ?? `code ${how.code}`));
  });
  // Who stops it does not look at how it ended.
  done.catch(() => undefined);
  const stop = async (): Promise<void> => {
    const ask = setTimeout(() => child.kill('SIGTERM'), ASK_MS);
    const kill = setTimeout(() => child.kill('SIGKILL'), KILL_MS);
    await over;
    clearTimeout(ask);
    clearTimeout(kill);
  };
  return { done, stop };
}
