/**
 * One incarnation of an agent: its core as an actor, and everything that performs the core's effects. It ends when it was
 * drained (`left`), or when its lease was lost or the coordinator called it dead (`rejoin`); in both cases no process of
 * it is left: the helpers are closed and the guard has swept by marker.
 */
import { monitorEventLoopDelay } from 'node:perf_hooks';
import { Actor } from '../actor/actor.ts';
import { Timers } from '../actor/timer.ts';
import { Refusals } from '../base/refusals.ts';
import { socketPlace } from '../base/socket-place.ts';
import type { AgentEffect, AgentEvent } from '../core/agent/event.ts';
import { AGENT_DEFAULTS, makeAgentState, type AgentState } from '../core/agent/state.ts';
import { agentStep } from '../core/agent/step.ts';
import type { Body } from '../core/messages.ts';
import { faultFromCoordinator } from '../core/message-fault.ts';
import { PROTOCOL_VERSION } from '../core/messages.ts';
import { decodeEnvelope, encodeEnvelope } from '../wire/codec.ts';
import { DealerLink } from '../wire/dealer-link.ts';
import { ChannelDoor } from './channel-door.ts';
import { JobChannel } from './job-channel.ts';
import type { NodeSetup } from './node-setup.ts';
import { identityOf, Seats } from './seats.ts';
import { channelDirectory, removeChannelDirectory } from '../launcher/socket-directory.ts';

export type IncarnationEnd = 'left' | 'rejoin';

/** The incarnation of this node that has ended before, '' for none; whether it was another process, which died. */
export interface Before {
  incarnation: string;
  crashed: boolean;
}

/** How often the loop is looked at, milliseconds: often enough for turns of 50. */
const TURN_MS = 20;
/** Events that wait for the core: those of one node's helpers, jobs and link. Guess; senders wait when it is full. */
const MAILBOX = 50_000;

export class Incarnation {
  readonly id: string;
  readonly #setup: NodeSetup;
  readonly #before: Before;
  readonly #actor: Actor<AgentEvent>;
  readonly #timers: Timers<AgentEvent>;
  readonly #link: DealerLink;
  readonly #refusals: Refusals;
  readonly #end = Promise.withResolvers<IncarnationEnd>();
  #channel!: JobChannel;
  #door!: ChannelDoor;
  #seats!: Seats;
  #state!: AgentState;
  #wakeAt = Infinity;
  #over = false;
  #stopAsked = false;
  /** The longest time that the loop of this process did not come round: beyond some seconds jobs are lost (PROTOCOL 0). */
  readonly #turns = monitorEventLoopDelay({ resolution: TURN_MS });

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
    const place = await socketPlace(this.#setup.socketEnv);
    const directory = channelDirectory(place, file.tag, this.id);
    this.#channel = new JobChannel({
      socket: `${directory}/s`,
      post: (event) => this.#post(event),
      refused: (rule) => this.#refusals.note('refused at the job channel', { incarnation: this.id, rule }),
    });
    this.#door = new ChannelDoor({
      setup: this.#setup,
      incarnation: this.id,
      directory,
      channel: this.#channel,
      refusals: this.#refusals,
    });
    const facts = {
      dbPath: file.dbPath,
      socket: this.#channel.socket,
      inherited: this.#setup.inherited,
      rankEnv: this.#setup.rankEnv,
      asRoot: process.getuid?.() === 0,
      gpus: this.#setup.gpus,
    };
    this.#seats = new Seats({
      setup: this.#setup,
      incarnation: this.id,
      door: this.#door,
      channel: this.#channel,
      facts,
      post: (event) => this.#post(event),
    });
    this.#state = makeAgentState(
      {
        node: this.#setup.node,
        hostname: this.#setup.hostname,
        cpuIds: this.#setup.cpuIds,
        gpus: this.#setup.gpus.ids.length,
        memoryBytes: this.#setup.memoryBytes,
        killGraceMs: file.killGraceMs,
        ...AGENT_DEFAULTS,
        maxHelpers: this.#setup.sideBySide,
      },
      {
        agent: identityOf(this.#setup, process.pid),
        guard: this.#seats.guard,
        endedIncarnation: this.#before.incarnation,
        endedCrashed: this.#before.crashed,
      },
      clock.monotonic(),
    );
    this.#turns.enable();
    // All of it without an await since the place was found: a signal may come at any later moment, and the core answers it.
    if (this.#stopAsked) this.stop();
    try {
      await this.#channel.listen();
      this.#door.open();
      this.#link.connect(file.endpoints);
      this.#post({ kind: 'tick' });
      return await Promise.race([
        this.#end.promise,
        this.#fails(this.#actor.done),
        this.#fails(this.#link.done),
      ]);
    } finally {
      await this.#close();
    }
  }

  /** Ends jobs and leaves once everything is committed. */
  stop(): void {
    // It is still looking for a place for its sockets.
    if (this.#state === undefined) this.#stopAsked = true;
    else this.#post({ kind: 'stop' });
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

  /** The longest turn of the loop, milliseconds; what is shorter than 20 is 0. */
  get longestTurnMs(): number {
    return Math.max(0, Math.round(this.#turns.max / 1e6) - TURN_MS);
  }

  async #fails(done: Promise<void>): Promise<never> {
    await done;
    throw new Error('a part of the agent ended by itself');
  }

  async #close(): Promise<void> {
    this.#over = true;
    await this.#door.close();
    this.#turns.disable();
    this.#timers.stop();
    this.#end.promise.catch(() => undefined);
    this.#actor.done.catch(() => undefined);
    this.#link.done.catch(() => undefined);
    await this.#actor.stop({ drain: false }).catch(() => undefined);
    this.#channel.close();
    this.#refusals.end();
    await this.#seats.close();
    await this.#link.close();
    removeChannelDirectory(this.#door.directory);
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
        return this.#seats.open(e.helper);
      case 'close-helper':
        return this.#seats.closeOne(e.helper);
      case 'start':
        return this.#seats.start(e);
      case 'kill':
        return this.#seats.kill(e.helper, e.token, e.graceMs);
      case 'recall':
        return this.#seats.recall(e.helper, e.token);
      case 'lease':
        return this.#seats.lease(e.until);
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
}
