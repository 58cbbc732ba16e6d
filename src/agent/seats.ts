/**
 * The processes of one incarnation: its guard, and the helpers of its core's seats with what each was given. Called by
 * incarnation.ts alone. It never decides which job runs; it says what became of each.
 */
import { constants } from 'node:os';
import type { AgentEffect, AgentEvent } from '../core/agent/event.ts';
import type { ProcessIdentity } from '../core/messages.ts';
import { messageOf } from '../base/errors.ts';
import { Guard, type GuardExit } from '../process/guard.ts';
import { Helpers, type Helper, type HelperEvent } from '../process/helper.ts';
import { detectMpi, type MpiFlavour } from '../process/mpi/flavour.ts';
import { isShortage } from '../process/spawn.ts';
import type { ChannelDoor } from './channel-door.ts';
import type { JobChannel } from './job-channel.ts';
import { AGENT_ENV, INCARNATION_ENV } from '../launcher/names.ts';
import type { NodeSetup } from './node-setup.ts';
import { agentMarker } from './orphans.ts';
import { writeAgentRecord } from './predecessor.ts';
import { isParallel, startRequest, workingDirectory, type NodeFacts } from './start-request.ts';

/** Between two tries to start a guard where that fails (no process more, its program gone), milliseconds. Guess. */
const RETRY_MS = 500;

export interface SeatsOptions {
  setup: NodeSetup;
  incarnation: string;
  door: ChannelDoor;
  channel: JobChannel;
  facts: NodeFacts;
  post: (event: AgentEvent) => void;
}

export class Seats {
  readonly #setup: NodeSetup;
  readonly #id: string;
  readonly #door: ChannelDoor;
  readonly #channel: JobChannel;
  readonly #facts: NodeFacts;
  readonly #post: (event: AgentEvent) => void;
  readonly #makers: Helpers;
  readonly #helpers = new Map<number, Helper>();
  /** Closed, and not gone yet. */
  readonly #leaving = new Set<Helper>();
  /** What was given to a helper, or still looks for its mpirun, by token; whether a kill has come. */
  readonly #given = new Map<number, { helper: number; job: string; killed: boolean }>();
  #guard!: Guard;
  #mpi: Promise<MpiFlavour | null> | null = null;
  #closed = false;

  constructor({ setup, incarnation, door, channel, facts, post }: SeatsOptions) {
    this.#setup = setup;
    this.#id = incarnation;
    this.#door = door;
    door.onMade = () => this.#onDoorMade();
    this.#channel = channel;
    this.#facts = facts;
    this.#post = post;
    this.#makers = new Helpers({
      ...setup.helper,
      directory: door.directory,
      baseEnv: setup.baseEnv,
      marker: { [INCARNATION_ENV]: incarnation, [AGENT_ENV]: agentMarker() },
      oomFile: setup.oomFile,
      onProcess: (pid) => this.#guard.addHelper(pid),
    });
    this.#openGuard();
    this.#tellWho();
    // The core asks for it with the first job; it takes as long to start as the agent to join.
    this.#openHelper(0);
  }

  get guard(): ProcessIdentity | null {
    return identityOf(this.#setup, this.#guard.pid ?? 0);
  }

  open(index: number): void {
    if (this.#helpers.has(index)) return;
    if (this.#door.isFresh()) return this.#openHelper(index);
    // It reaches us in the same directory. What is started on it meanwhile waits as well, and behind it.
    void this.#door.keep().then(() => {
      if (!this.#closed && !this.#helpers.has(index)) this.#openHelper(index);
    });
  }

  /** It has no job. */
  closeOne(index: number): void {
    const helper = this.#helpers.get(index);
    if (!helper) return;
    this.#helpers.delete(index);
    this.#leaving.add(helper);
    void helper.close().then(() => this.#leaving.delete(helper));
  }

  start(e: Extract<AgentEffect, { kind: 'start' }>): void {
    void this.#start(e).catch((error: unknown) => {
      const { helper, token } = e;
      this.#forget(token);
      const short = isShortage((error as NodeJS.ErrnoException).code);
      this.#post({ kind: 'job-failed', helper, token, stage: 'exec', message: messageOf(error), short });
    });
  }

  kill(helper: number, token: number, graceMs: number): void {
    const given = this.#given.get(token);
    if (given) given.killed = true;
    this.#helpers.get(helper)?.kill(token, graceMs);
  }

  recall(helper: number, token: number): void {
    this.#helpers.get(helper)?.retract(token);
  }

  lease(until: number): void {
    this.#guard.lease(until);
  }

  /** Nothing of them is left when this resolves. */
  async close(): Promise<void> {
    this.#closed = true;
    await Promise.all([...this.#helpers.values(), ...this.#leaving].map((h) => h.close()));
    await this.#makers.close();
    await this.#guard.close();
  }

  #openGuard(): void {
    const guard = new Guard({
      ...this.#setup.helper,
      marker: { name: INCARNATION_ENV, value: this.#id },
      onExit: (exit) => this.#onGuardExit(guard, exit),
    });
    this.#guard = guard;
  }

  /** No start without a guard; another takes its place: at once, or after a while when that can't be started. */
  #onGuardExit(guard: Guard, exit: GuardExit): void {
    if (this.#closed || guard !== this.#guard) return;
    this.#setup.log.warn({ exit, rule: 'PROTOCOL 8' }, 'the guard ended');
    this.#post({ kind: 'guard', alive: false, reason: exit.unopened && `its guard: ${exit.unopened}` });
    if (guard.pid === undefined) setTimeout(() => this.#replaceGuard(), RETRY_MS);
    else this.#replaceGuard();
  }

  /** It is told all that it must know. */
  #replaceGuard(): void {
    if (this.#closed) return;
    this.#openGuard();
    this.#tellWho();
    for (const { pid } of [this.#makers, ...this.#helpers.values()])
      if (pid !== undefined) this.#guard.addHelper(pid);
    if (this.#guard.pid !== undefined) this.#post({ kind: 'guard', alive: true, reason: '' });
  }

  /** For the proof that we are dead, when we are. */
  #tellWho(): void {
    const { node } = this.#setup;
    const agent = identityOf(this.#setup, process.pid);
    const guard = identityOf(this.#setup, this.#guard.pid ?? 0);
    if (writeAgentRecord(this.#door.directory, { incarnation: this.#id, node, agent, guard })) return;
    this.#setup.log.warn(
      { incarnation: this.#id, rule: 'PROTOCOL 5' },
      'its directory is gone: nobody can prove its end',
    );
  }

  /** What starts from now on is told where it is, and the directory who we are. */
  #onDoorMade(): void {
    this.#facts.socket = this.#channel.socket;
    this.#makers.listenAnew();
    this.#tellWho();
  }

  #openHelper(index: number): void {
    const helper = this.#makers.open((event) => this.#onHelper(index, helper, event));
    this.#helpers.set(index, helper);
  }

  #onHelper(index: number, helper: Helper, e: HelperEvent): void {
    switch (e.kind) {
      case 'opened':
        return this.#guard.addHelper(e.pid);
      case 'started':
        return this.#post({ kind: 'job-started', helper: index, token: e.token, at: e.at });
      case 'ended':
        return this.#settled(e.token, {
          kind: 'job-ended',
          helper: index,
          token: e.token,
          exitCode: e.exitCode,
          signal: e.signal === null ? null : (constants.signals[e.signal as NodeJS.Signals] ?? 0),
          userS: e.userSeconds,
          systemS: e.systemSeconds,
          maxRssKib: e.maxRssKb,
          startedAt: e.startedAt,
          endedAt: e.endedAt,
          told: e.told,
          oom: e.oom,
          tail: e.tail ?? '',
        });
      case 'failed':
        return this.#settled(e.token, {
          kind: 'job-failed',
          helper: index,
          token: e.token,
          stage: e.stage,
          message: e.message,
          short: isShortage(e.code),
        });
      case 'retracted':
        this.#forget(e.token);
        return this.#post({ kind: 'job-recalled', helper: index, token: e.token });
      case 'lost':
        if (helper.pid !== undefined) this.#guard.removeHelper(helper.pid);
        if (this.#closed) return;
        this.#setup.log.warn(
          { helper: index, held: e.tokens.length, rule: 'PROTOCOL 8' },
          'a helper was lost',
        );
        this.#dropHelper(index);
        return this.#post({ kind: 'helper-lost', helper: index });
      case 'unopened':
        if (this.#closed) return;
        this.#dropHelper(index);
        return this.#post({ kind: 'helper-failed', helper: index, reason: `its helper: ${e.reason}` });
    }
  }

  /** It has nothing of what it was given; the core asks for another when it wants one. */
  #dropHelper(index: number): void {
    this.#helpers.delete(index);
    for (const [token, { helper }] of this.#given) if (helper === index) this.#forget(token);
  }

  /** The end of an attempt comes after everything that its processes wrote to the job channel. */
  #settled(token: number, event: AgentEvent): void {
    const job = this.#given.get(token)?.job;
    this.#given.delete(token);
    if (job === undefined) return this.#post(event);
    if (!this.#channel.isOpen(job)) {
      this.#channel.forget(job);
      return this.#post(event);
    }
    void this.#channel.over(job).then(() => this.#post(event));
  }

  #forget(token: number): void {
    const job = this.#given.get(token)?.job;
    this.#given.delete(token);
    if (job !== undefined) this.#channel.forget(job);
  }

  async #start(e: Extract<AgentEffect, { kind: 'start' }>): Promise<void> {
    const given = { helper: e.helper, job: e.job.id, killed: false };
    this.#given.set(e.token, given);
    let mpi: MpiFlavour | null = null;
    if (isParallel(e.job)) {
      mpi = await (this.#mpi ??= detectMpi(this.#setup.file.mpi ?? undefined));
      // It must not win against a kill that came after it, nor come to life again at the helper that replaced its own.
      if (given.killed || !this.#given.has(e.token)) throw new Error('killed before it was started');
      if (!mpi)
        throw new Error(
          'no mpirun was found on this node for a job of several ranks: load an MPI module, or name one with --mpi',
        );
    }
    // One that needs no look does not wait: starts stay in order.
    if (!this.#door.isFresh()) {
      await this.#door.keep();
      if (given.killed || !this.#given.has(e.token)) throw new Error('killed before it was started');
    }
    const cwd = workingDirectory(this.#setup.file.dbPath, e.job);
    const channelToken = this.#channel.admit(e.job.id, e.job.attempt, cwd);
    this.#helpers
      .get(e.helper)!
      .start(
        startRequest(this.#facts, { token: e.token, channelToken, cwd }, e.job, e.app, e.allocation, mpi),
      );
  }
}

/** What proves later that a process is dead; null when it is gone. */
export function identityOf(setup: NodeSetup, pid: number): ProcessIdentity | null {
  const found = setup.identify(pid);
  return found && { ...found, startTime: Number(found.startTime) };
}
