/**
 * One incarnation of an agent: its core as an actor, and everything that performs the core's effects. It ends when it was
 * drained (`left`), or when its lease was lost or the coordinator called it dead (`rejoin`); in both cases no process of
 * it is left: the helpers are closed and the guard has swept by marker.
 */
import { constants } from 'node:os';
import { Actor } from '../actor/actor.ts';
import { Timers } from '../actor/timer.ts';
import type { Clock } from '../base/clock.ts';
import { messageOf } from '../base/errors.ts';
import type { Logger } from '../base/log.ts';
import { Refusals } from '../base/refusals.ts';
import type { AgentEffect, AgentEvent } from '../core/agent/event.ts';
import { AGENT_DEFAULTS, makeAgentState, type AgentState } from '../core/agent/state.ts';
import { agentStep } from '../core/agent/step.ts';
import type { Body, ProcessIdentity } from '../core/messages.ts';
import { faultFromCoordinator } from '../core/message-fault.ts';
import { PROTOCOL_VERSION } from '../core/messages.ts';
import { Guard, type GuardExit } from '../process/guard.ts';
import { Helper, type HelperChoice, type HelperEvent } from '../process/helper.ts';
import { detectMpi, type MpiFlavour } from '../process/mpi/flavour.ts';
import { isShortage } from '../process/spawn.ts';
import { decodeEnvelope, encodeEnvelope } from '../wire/codec.ts';
import type { CurveKeys } from '../wire/curve.ts';
import { DealerLink } from '../wire/dealer-link.ts';
import type { AgentFile } from './config.ts';
import { JobChannel } from './job-channel.ts';
import { AGENT_ENV, INCARNATION_ENV } from './names.ts';
import { agentMarker } from './orphans.ts';
import { writeAgentRecord } from './predecessor.ts';
import { channelDirectory, removeChannelDirectory } from './socket-directory.ts';
import {
  isParallel,
  startRequest,
  workingDirectory,
  type NodeFacts,
  type NodeGpus,
} from './start-request.ts';

export interface NodeSetup {
  file: AgentFile;
  node: number;
  hostname: string;
  cpuIds: readonly number[];
  gpus: NodeGpus;
  memoryBytes: number;
  baseEnv: Buffer;
  inherited: readonly string[];
  rankEnv: Readonly<Record<string, string>>;
  helper: HelperChoice;
  /** Where the kernel counts what it killed in this node's memory cgroup; '' for nowhere. */
  oomFile: string;
  keys: CurveKeys;
  identify: (
    pid: number,
  ) => { pid: number; startTime: string | number; bootId: string; pidNamespace: string; uid: number } | null;
  clock: Clock;
  log: Logger;
}

export type IncarnationEnd = 'left' | 'rejoin';

/** The incarnation of this node that has ended before, '' for none; whether it was another process, which died. */
export interface Before {
  incarnation: string;
  crashed: boolean;
}

/** Events that wait for the core: those of one node's helpers, jobs and link. Guess; senders wait when it is full. */
const MAILBOX = 50_000;
/** Between two tries to start a guard where that fails (no process more, its program gone), milliseconds. Guess. */
const RETRY_MS = 500;

export class Incarnation {
  readonly id: string;
  readonly #setup: NodeSetup;
  readonly #before: Before;
  readonly #actor: Actor<AgentEvent>;
  readonly #timers: Timers<AgentEvent>;
  readonly #link: DealerLink;
  readonly #refusals: Refusals;
  readonly #helpers = new Map<number, Helper>();
  /** What was given to a helper, or still looks for its mpirun, by token; whether a kill has come. */
  readonly #given = new Map<number, { helper: number; job: string; killed: boolean }>();
  readonly #end = Promise.withResolvers<IncarnationEnd>();
  #directory = '';
  #channel!: JobChannel;
  #facts!: NodeFacts;
  #guard!: Guard;
  #state!: AgentState;
  #wakeAt = Infinity;
  #mpi: Promise<MpiFlavour | null> | null = null;
  #over = false;

  constructor(setup: NodeSetup, id: string, before: Before) {
    this.id = id;
    this.#setup = setup;
    this.#before = before;
    this.#actor = new Actor<AgentEvent>({
      name: 'agent',
      capacity: MAILBOX,
      receive: (batch) => this.#step(batch),
    });
    this.#timers = new Timers(this.#actor);
    this.#refusals = new Refusals(setup.log);
    this.#link = new DealerLink({
      identity: id,
      keys: setup.keys,
      onMessage: (bytes) => this.#onBytes(bytes),
      onState: (state) => {
        if (state === 'connected') this.#post({ kind: 'connected' });
      },
    });
  }

  /** Runs the incarnation to its end; nothing of it is left when this resolves. Rejects with a bug. */
  async run(): Promise<IncarnationEnd> {
    const { clock, file } = this.#setup;
    const directory = channelDirectory(file.tag, this.id);
    this.#directory = directory;
    this.#channel = new JobChannel({
      socket: `${directory}/s`,
      post: (event) => this.#post(event),
      refused: (rule) => this.#refusals.note('refused at the job channel', { incarnation: this.id, rule }),
    });
    this.#facts = {
      dbPath: file.dbPath,
      socket: this.#channel.socket,
      inherited: this.#setup.inherited,
      rankEnv: this.#setup.rankEnv,
      asRoot: process.getuid?.() === 0,
      gpus: this.#setup.gpus,
    };
    this.#openGuard();
    this.#tellWho();
    // The core asks for it with the first job; it takes as long to start as the agent to join.
    this.#openHelper(0);
    this.#state = makeAgentState(
      {
        node: this.#setup.node,
        hostname: this.#setup.hostname,
        cpuIds: this.#setup.cpuIds,
        gpus: this.#setup.gpus.ids.length,
        memoryBytes: this.#setup.memoryBytes,
        killGraceMs: file.killGraceMs,
        ...AGENT_DEFAULTS,
      },
      {
        agent: this.#identity(process.pid),
        guard: this.#identity(this.#guard.pid ?? 0),
        endedIncarnation: this.#before.incarnation,
        endedCrashed: this.#before.crashed,
      },
      clock.monotonic(),
    );
    // All of it before the first await: a signal may come at any later moment, and the core answers it.
    try {
      await this.#channel.listen();
      this.#link.connect(file.endpoints);
      this.#post({ kind: 'tick' });
      return await Promise.race([
        this.#end.promise,
        this.#fails(this.#actor.done),
        this.#fails(this.#link.done),
      ]);
    } finally {
      await this.#close(directory);
    }
  }

  /** Ends jobs and leaves once everything is committed. */
  stop(): void {
    this.#post({ kind: 'stop' });
  }

  /** Nobody is there to report to: ends everything now. */
  abandon(): void {
    const fields = { incarnation: this.id, rule: 'PROTOCOL 3' };
    this.#setup.log.warn(fields, 'warden and coordinator are gone: this agent ends');
    this.#end.resolve('left');
  }

  /** Monotonic send time of the newest heartbeat that was echoed; 0 before the first. */
  get echoedAt(): number {
    return this.#state?.echoedAt ?? 0;
  }

  async #fails(done: Promise<void>): Promise<never> {
    await done;
    throw new Error('a part of the agent ended by itself');
  }

  async #close(directory: string): Promise<void> {
    this.#over = true;
    this.#timers.stop();
    this.#end.promise.catch(() => undefined);
    this.#actor.done.catch(() => undefined);
    this.#link.done.catch(() => undefined);
    await this.#actor.stop({ drain: false }).catch(() => undefined);
    this.#channel.close();
    this.#refusals.end();
    await Promise.all([...this.#helpers.values()].map((h) => h.close()));
    await this.#guard.close();
    await this.#link.close();
    removeChannelDirectory(directory);
  }

  #identity(pid: number): ProcessIdentity | null {
    const found = this.#setup.identify(pid);
    return found && { ...found, startTime: Number(found.startTime) };
  }

  #post(event: AgentEvent): void {
    if (!this.#over && !this.#actor.tryPost(event)) this.#actor.send(event).catch(() => undefined);
  }

  #step(batch: AgentEvent[]): void {
    const now = this.#setup.clock.monotonic();
    const { effects, wakeAt } = agentStep(this.#state, batch, now);
    for (const effect of effects) this.#perform(effect);
    if (this.#over || wakeAt === this.#wakeAt) return;
    this.#wakeAt = wakeAt;
    if (wakeAt === Infinity) return this.#timers.cancel('wake');
    this.#timers.after(
      Math.max(0, wakeAt - now),
      () => {
        this.#wakeAt = Infinity;
        return { kind: 'tick' };
      },
      'wake',
    );
  }

  #perform(e: AgentEffect): void {
    switch (e.kind) {
      case 'send':
        return this.#send(e.body);
      case 'open-helper':
        if (!this.#helpers.has(e.helper)) this.#openHelper(e.helper);
        return;
      case 'start':
        return void this.#start(e).catch((error: unknown) => {
          const { helper, token } = e;
          this.#forget(token);
          const short = isShortage((error as NodeJS.ErrnoException).code);
          this.#post({ kind: 'job-failed', helper, token, stage: 'exec', message: messageOf(error), short });
        });
      case 'kill': {
        const given = this.#given.get(e.token);
        if (given) given.killed = true;
        return this.#helpers.get(e.helper)?.kill(e.token, e.graceMs);
      }
      case 'recall':
        return this.#helpers.get(e.helper)?.retract(e.token);
      case 'lease':
        return this.#guard.lease(e.until);
      case 'answer':
        return this.#channel.answer(e.ref, e.json, e.error);
      case 'leave':
        return this.#end.resolve('left');
      case 'rejoin':
        return this.#end.resolve('rejoin');
      case 'refused':
        return this.#refused(e.rule);
      case 'log':
        // The text names the job, and would be a kind of its own.
        if (e.often === true)
          return this.#refusals.note('refused late', { incarnation: this.id, rule: e.rule, what: e.text });
        return this.#setup.log[e.level]({ incarnation: this.id, rule: e.rule }, e.text);
    }
  }

  #send(body: Body): void {
    const { launcher } = this.#setup.file;
    const bytes = encodeEnvelope({
      version: PROTOCOL_VERSION,
      launcher,
      epoch: this.#state.epoch,
      incarnation: this.id,
      ...body,
    });
    // What does not leave now leaves again: the streams are resent until they are acknowledged.
    this.#link.send(bytes).catch(() => undefined);
  }

  #onBytes(bytes: Uint8Array): void | Promise<void> {
    const decoded = decodeEnvelope(bytes);
    if (!decoded.ok) return this.#refused(decoded.reason);
    const { envelope } = decoded;
    if (envelope.launcher !== this.#setup.file.launcher || envelope.incarnation !== this.id)
      return this.#refused('another launcher or incarnation');
    const fault = faultFromCoordinator(envelope);
    if (fault !== null) return this.#refused(fault);
    return this.#actor.send({ kind: 'message', envelope }).catch(() => undefined);
  }

  #refused(rule: string): void {
    this.#refusals.note('refused a message', { incarnation: this.id, rule });
  }

  // --- helpers and guard ---

  #openGuard(): void {
    const guard = new Guard({
      ...this.#setup.helper,
      marker: { name: INCARNATION_ENV, value: this.id },
      onExit: (exit) => this.#onGuardExit(guard, exit),
    });
    this.#guard = guard;
  }

  /** No start without a guard; another takes its place: at once, or after a while when that can't be started. */
  #onGuardExit(guard: Guard, exit: GuardExit): void {
    if (this.#over || guard !== this.#guard) return;
    this.#setup.log.warn({ exit, rule: 'PROTOCOL 8' }, 'the guard ended');
    this.#post({ kind: 'guard', alive: false, reason: exit.unopened && `its guard: ${exit.unopened}` });
    if (guard.pid === undefined) setTimeout(() => this.#replaceGuard(), RETRY_MS);
    else this.#replaceGuard();
  }

  /** It is told all that it must know. */
  #replaceGuard(): void {
    if (this.#over) return;
    this.#openGuard();
    this.#tellWho();
    for (const h of this.#helpers.values()) if (h.pid !== undefined) this.#guard.addHelper(h.pid);
    if (this.#guard.pid !== undefined) this.#post({ kind: 'guard', alive: true, reason: '' });
  }

  /** For the proof that we are dead, when we are. */
  #tellWho(): void {
    const { node } = this.#setup;
    const agent = this.#identity(process.pid);
    const guard = this.#identity(this.#guard.pid ?? 0);
    if (writeAgentRecord(this.#directory, { incarnation: this.id, node, agent, guard })) return;
    this.#setup.log.warn(
      { incarnation: this.id, rule: 'PROTOCOL 5' },
      'its directory is gone: nobody can prove its end',
    );
  }

  #openHelper(index: number): void {
    const helper = new Helper({
      ...this.#setup.helper,
      baseEnv: this.#setup.baseEnv,
      marker: { [INCARNATION_ENV]: this.id, [AGENT_ENV]: agentMarker() },
      oomFile: this.#setup.oomFile,
      onEvent: (event) => this.#onHelper(index, helper, event),
    });
    this.#helpers.set(index, helper);
    if (helper.pid !== undefined) this.#guard.addHelper(helper.pid);
  }

  #onHelper(index: number, helper: Helper, e: HelperEvent): void {
    switch (e.kind) {
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
        if (this.#over) return;
        this.#setup.log.warn(
          { helper: index, held: e.tokens.length, rule: 'PROTOCOL 8' },
          'a helper was lost',
        );
        this.#dropHelper(index);
        return this.#post({ kind: 'helper-lost', helper: index });
      case 'unopened':
        if (this.#over) return;
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
    const cwd = workingDirectory(this.#setup.file.dbPath, e.job);
    const channelToken = this.#channel.admit(e.job.id, e.job.attempt, cwd);
    this.#helpers
      .get(e.helper)!
      .start(
        startRequest(this.#facts, { token: e.token, channelToken, cwd }, e.job, e.app, e.allocation, mpi),
      );
  }
}
