/**
 * The coordinator of one launcher: the shell round the coordinator's core. It registers the launcher, binds the port,
 * feeds what arrives (messages, notifications, timers, the warden's words) to the core in batches and performs the
 * effects. The process `balsam launcher` (the warden) starts it and is told what it must know over their channel.
 *
 * After start it does no synchronous input or output.
 */
import { Actor } from '../actor/actor.ts';
import { Timers } from '../actor/timer.ts';
import { systemClock } from '../base/clock.ts';
import { CHAIN, KILL_POLL_MS, assertChain } from '../base/limits.ts';
import { makeLog, type Logger } from '../base/log.ts';
import { EXIT_FAILED, messageOf, UserError, WorldError } from '../base/errors.ts';
import { oneAtATime } from '../base/one-at-a-time.ts';
import { needOpenFiles } from '../base/open-files.ts';
import { Refusals } from '../base/refusals.ts';
import type { CoordinatorEvent } from '../core/coordinator/event.ts';
import {
  COORDINATOR_DEFAULTS,
  isLive,
  makeCoordinatorState,
  type CoordinatorState,
} from '../core/coordinator/state.ts';
import { coordinatorStep } from '../core/coordinator/step.ts';
import { followServer, type OpenDatabase } from '../server/open.ts';
import { nothingDone } from '../model/last-words.ts';
import type { Envelope } from '../core/messages.ts';
import { faultFromAgent } from '../core/message-fault.ts';
import { heartbeat, killedJobs, type LauncherHealth } from '../store/launcher/row.ts';
import { listen } from '../store/notify.ts';
import { decodeEnvelope } from '../wire/codec.ts';
import { readKeyFile } from '../wire/curve.ts';
import { RouterLink } from '../wire/router-link.ts';
import {
  readCoordinatorFile,
  type CoordinatorFile,
  type ToCoordinator,
  type ToWarden,
} from '../launcher/coordinator-file.ts';
import { echoFor } from './caretaker.ts';
import { Performer } from './perform.ts';
import { rescueDead } from './rescuer.ts';
import { openSession, type Session } from './session.ts';
import { Waiting } from './waiting.ts';

/** Events that wait for the core; links wait when it is full. Guess: two seconds of a thousand agents. */
const MAILBOX = 50_000;
/** How often it is looked whether another launcher died, milliseconds (PROTOCOL 4). */
const RESCUE_EVERY_MS = 60_000;
/** Exit codes of a coordinator; `fenced`: its launcher row is not its own any more. */
const EXIT_CODES = { left: 0, failed: EXIT_FAILED, fenced: 3 };
/** How often the warden is told how far we are, milliseconds. */
const PROGRESS_MS = 500;
/** How often a launcher without work looks what it cannot take, milliseconds. Guess: what a person who waits looks at. */
const LEFT_LOOK_MS = 60_000;

/** How a coordinator ends that its core, or its row, has told to. */
type End = Omit<Extract<ToWarden, { kind: 'end' }>, 'kind'>;

/** Runs one coordinator to its end; resolves with the exit code of the process. */
export async function runCoordinator(
  path: string,
  own: { log: string | null; predecessor: string | null },
): Promise<number> {
  assertChain(CHAIN);
  needOpenFiles();
  const file = await readCoordinatorFile(path, own.predecessor);
  const log = makeLog('coordinator', { launcher: file.name }, own.log);
  const toWarden = (message: ToWarden): void => {
    // A warden that is gone is heard of by `disconnect`; what was on its way to it must not end us before we have left.
    if (process.connected) process.send?.(message, undefined, undefined, () => undefined);
  };
  let coordinator: Coordinator | null = null;
  // Listened to from the beginning: a warden that dies before we have begun tells it only once.
  const early: CoordinatorEvent[] = [];
  const post = (event: CoordinatorEvent): void =>
    coordinator ? coordinator.post(event) : void early.push(event);
  process.on('message', (m: ToCoordinator) => post(m));
  const alone = (): void => post({ kind: 'leave', reason: 'the warden is gone', now: false, failed: true });
  process.on('disconnect', alone);
  // It may have died while this program was being loaded.
  if (process.connected === false) alone();
  const keys = await readKeyFile(file.serverKey);
  const { predecessor } = file;
  const refusals = new Refusals(log);
  const link: RouterLink = new RouterLink({
    keys,
    clientKeys: [keys.peerPublicKey],
    onMessage: (identity, bytes) => {
      if (coordinator) return coordinator.onBytes(identity, bytes);
      const rule = predecessor ? echoFor(predecessor, link, identity, bytes) : null;
      if (rule !== null) refusals.note('refused a message', { incarnation: printable(identity), rule });
      return undefined;
    },
    onStranger: (stranger) =>
      log.warn(
        { ...stranger, refused: link.counters.strangers, rule: 'PROTOCOL 5' },
        'refused a stranger at the port',
      ),
  });
  // A successor echoes before it has a database; the first coordinator has nobody to echo to.
  const bound = predecessor ? await link.bind({ addresses: file.addresses, port: predecessor.port }) : null;
  const tellBeat = (): void => {
    const beat = coordinator?.beat() ?? predecessor;
    if (beat) toWarden({ kind: 'beat', epoch: beat.epoch, confirmedAt: beat.confirmedAt });
  };
  // At once: until the first beat the warden is as patient as a start takes, and agents are not.
  tellBeat();
  const beats = setInterval(tellBeat, CHAIN.beat);
  const ended = async (end: End, rule: string): Promise<number> => {
    toWarden({ kind: 'end', ...end });
    await link.close();
    const { code, reason } = end;
    log[code === 'left' ? 'info' : 'warn']({ code, reason, rule }, 'ended');
    return EXIT_CODES[code];
  };
  try {
    const session = await openSession(file, log, (away) =>
      toWarden({ kind: 'database', away, starting: predecessor === null }),
    );
    toWarden({ kind: 'database', away: null, starting: false });
    coordinator = new Coordinator(file, session, log, refusals, link, toWarden);
    const { port } = bound ?? (await link.bind({ addresses: file.addresses }));
    const { id, epoch } = session;
    log.info({ id, epoch, port, successor: predecessor !== null, rule: 'PROTOCOL 3' }, 'bound');
    toWarden({ kind: 'bound', launcher: id, systemIdentifier: session.work.systemIdentifier!, port });
    toWarden({ kind: 'beat', ...coordinator.beat() });
    for (const event of early) coordinator.post(event);
    const end = await coordinator.run();
    const code = await ended(end, end.code === 'fenced' ? 'PROTOCOL 1' : 'PROTOCOL 9');
    await Promise.all([session.work.close(), session.heart.close()]);
    return code;
  } catch (error) {
    if (!(error instanceof WorldError) && !(error instanceof UserError)) throw error;
    const nothing = { failed: true, done: predecessor?.done ?? nothingDone(), over: null };
    // It never had the row: another successor would find the same.
    if (error instanceof WorldError && error.code === 'fenced')
      return await ended({ code: 'fenced', reason: error.message, ...nothing }, 'PROTOCOL 4');
    // A successor that can't go on: another one may.
    if (process.connected === false) {
      await link.close();
      log.warn({ reason: error.message, rule: 'PROTOCOL 3' }, 'ended: its warden is gone before it began');
      return EXIT_FAILED;
    }
    if (coordinator !== null || predecessor !== null) throw error;
    return await ended({ code: 'failed', reason: error.message, ...nothing }, 'PROTOCOL 3');
  } finally {
    clearInterval(beats);
  }
}

/** What a connection calls itself may be any bytes. */
function printable(identity: string): string {
  return identity.replaceAll(/[^!-~]/g, '?');
}

class Coordinator {
  readonly #session: Session;
  readonly #work: OpenDatabase;
  readonly #heart: OpenDatabase;
  readonly #log: Logger;
  readonly #toWarden: (m: ToWarden) => void;
  readonly #actor: Actor<CoordinatorEvent>;
  readonly #timers: Timers<CoordinatorEvent>;
  readonly #state: CoordinatorState;
  readonly #refusals: Refusals;
  readonly #link: RouterLink;
  readonly #performer: Performer;
  readonly #end = Promise.withResolvers<End>();
  #wakeAt = Infinity;
  #over = false;

  constructor(
    file: CoordinatorFile,
    session: Session,
    log: Logger,
    refusals: Refusals,
    link: RouterLink,
    toWarden: (m: ToWarden) => void,
  ) {
    this.#session = session;
    this.#work = session.work;
    this.#heart = session.heart;
    this.#log = log;
    this.#refusals = refusals;
    this.#link = link;
    this.#toWarden = toWarden;
    const mono = systemClock.monotonic();
    this.#state = makeCoordinatorState(
      {
        launcher: session.id,
        mode: file.mode,
        nodes: file.nodes,
        endAt: file.endAt,
        idleExitMs: file.idleExitMs,
        ...COORDINATOR_DEFAULTS,
      },
      session.epoch,
      mono,
      {
        confirmedAt: session.confirmedAt,
        successor: session.adopt !== null,
        ...(file.predecessor && { done: file.predecessor.done }),
      },
    );
    this.#actor = new Actor<CoordinatorEvent>({
      name: 'coordinator',
      capacity: MAILBOX,
      receive: (batch) => this.#step(batch),
    });
    this.#timers = new Timers(this.#actor);
    // Here, not in run(): what the warden says while the port is being bound is performed at once.
    this.#performer = new Performer({
      file,
      launcher: session.id,
      work: session.work,
      link,
      epoch: () => this.#state.epoch,
      source: session.epoch,
      post: (event) => this.post(event),
      end: (end) => this.#end.resolve({ ...end, done: this.#state.done }),
      onNoAgent: (seconds) => toWarden({ kind: 'no-agent', seconds }),
      onAway: (away) => toWarden({ kind: 'database', away, starting: false }),
      log,
      refusals,
    });
  }

  post(event: CoordinatorEvent): void {
    if (!this.#over && !this.#actor.tryPost(event)) this.#actor.send(event).catch(() => undefined);
  }

  onBytes(identity: string, bytes: Uint8Array): void | Promise<void> {
    const decoded = decodeEnvelope(bytes);
    const rule = decoded.ok ? this.#faultOf(decoded.envelope, identity) : decoded.reason;
    // The core counts them by incarnation.
    const event: CoordinatorEvent =
      decoded.ok && rule === null
        ? { kind: 'message', envelope: decoded.envelope }
        : { kind: 'refused', incarnation: printable(identity), rule: rule ?? '' };
    return this.#actor.send(event).catch(() => undefined);
  }

  #faultOf(envelope: Envelope, identity: string): string | null {
    if (envelope.launcher !== this.#session.id || envelope.incarnation !== identity)
      return 'another launcher or incarnation';
    return faultFromAgent(envelope);
  }

  async run(): Promise<End> {
    const link = this.#link;
    // First: until then the core hears nothing that an agent says.
    if (this.#session.adopt) this.post({ kind: 'adopt', ...this.#session.adopt });
    const listeners = await Promise.all([
      listen(this.#heart, 'balsam_job', () => this.post({ kind: 'wake' })),
      listen(this.#heart, 'balsam_kill', this.#lookForKills),
    ]);
    const loops = [
      setInterval(this.#beat, CHAIN.launcherHeartbeat),
      setInterval(this.#lookForKills, KILL_POLL_MS),
      setInterval(this.#rescue, RESCUE_EVERY_MS),
      setInterval(() => this.#tellProgress(), PROGRESS_MS),
    ];
    this.post({ kind: 'tick' });
    this.#rescue();
    try {
      const failed = async (done: Promise<void>): Promise<never> => {
        await done;
        throw new Error('a part of the coordinator ended by itself');
      };
      const end = await Promise.race([this.#end.promise, failed(this.#actor.done), failed(link.done)]);
      if (end.over !== null) this.#waiting.settle(end.over);
      return end;
    } finally {
      this.#over = true;
      for (const loop of loops) clearInterval(loop);
      this.#timers.stop();
      this.#actor.done.catch(() => undefined);
      link.done.catch(() => undefined);
      await this.#actor.stop({ drain: false }).catch(() => undefined);
      this.#tellCounts();
      this.#refusals.end();
      await Promise.all(listeners.map((l) => l.close().catch(() => undefined)));
    }
  }

  #step(batch: CoordinatorEvent[]): void {
    const mono = systemClock.monotonic();
    const { effects, wakeAt } = coordinatorStep(this.#state, batch, { mono, wall: systemClock.wall() });
    for (const effect of effects) this.#performer.perform(effect);
    if (this.#over || wakeAt === this.#wakeAt) return;
    this.#wakeAt = wakeAt;
    if (wakeAt === Infinity) return this.#timers.cancel('wake');
    this.#timers.after(
      Math.max(0, wakeAt - mono),
      () => {
        this.#wakeAt = Infinity;
        return { kind: 'tick' };
      },
      'wake',
    );
  }

  /** The health of the last heartbeat that was sent. */
  #told = '';
  #unconfirmed = false;
  readonly #waiting = new Waiting();
  readonly #beat = oneAtATime(async () => {
    if (this.#over) return;
    const sentAt = systemClock.monotonic();
    const epoch = this.#state.epoch;
    try {
      const health = this.#health();
      const confirmed = await heartbeat(this.#heart, this.#session.id, epoch, health);
      this.#told = JSON.stringify(health);
      if (this.#unconfirmed) this.#log.info({ rule: 'PROTOCOL 0: B' }, 'heartbeats are confirmed again');
      this.#unconfirmed = false;
      if (confirmed) this.post({ kind: 'confirmed', sentAt });
      else if (epoch === this.#state.epoch && this.#state.raising === 'no') this.post({ kind: 'fenced' });
    } catch (error) {
      if (!(error instanceof WorldError)) throw error;
      // Said once: an outage of an hour is one line, not thousands.
      if (!this.#unconfirmed)
        this.#log.warn({ error: messageOf(error), rule: 'PROTOCOL 0: B' }, 'the heartbeat was not confirmed');
      this.#unconfirmed = true;
      // It may have come back at another port.
      for (const db of [this.#work, this.#heart]) followServer(db).catch(() => undefined);
    }
  });

  #health(): LauncherHealth {
    const { degraded, agents } = this.#state;
    const live = [...agents.values()].filter(isLive);
    return {
      degradedSince: degraded?.since ?? null,
      degradedWhy: degraded?.why ?? '',
      nodesAlive: new Set(live.map((a) => a.node)).size,
    };
  }

  /** What people see of us changed: told with a heartbeat of its own, not with the next one. */
  #tellHealth(): void {
    if (JSON.stringify(this.#health()) !== this.#told) this.#beat();
  }

  readonly #lookForKills = oneAtATime(async () => {
    if (this.#over) return;
    try {
      const jobs = await killedJobs(this.#heart, this.#session.id);
      if (jobs.length > 0) this.post({ kind: 'killed', jobs });
    } catch (error) {
      if (!(error instanceof WorldError)) throw error;
    }
  });

  /** What the warden is told twice a second; a successor begins with it. */
  beat(): { epoch: number; confirmedAt: number } {
    return { epoch: this.#state.epoch, confirmedAt: this.#state.confirmedAt };
  }

  /** Looks for dead launchers; what it takes back wakes us and the others. */
  readonly #rescue = oneAtATime(async () => {
    if (!this.#over) await rescueDead(this.#work, this.#session.id, this.#log);
  });

  #leftDue = 0;
  #leftSaid = '';
  /** One that stays without work says which jobs it cannot take; one that leaves soon says so then. */
  readonly #sayLeft = oneAtATime(async () => {
    const s = this.#state;
    const now = systemClock.monotonic();
    const stays = (s.config.idleExitMs ?? Infinity) >= LEFT_LOOK_MS;
    const idle = s.phase === 'running' && s.dry && s.entries.size === 0 && this.#waiting.now(0).count > 0;
    if (!stays || !idle || s.fits === null || now < this.#leftDue) return;
    this.#leftDue = now + LEFT_LOOK_MS;
    const over = await this.#performer.leftOver(s.fits);
    if (over === null || over.text === '' || this.#over) return;
    // What it may take is only not taken yet.
    if (over.reasons.some(({ code }) => code === 'open')) return;
    const said = JSON.stringify(over.reasons.map(({ code, count }) => [code, count]));
    if (said !== this.#leftSaid) this.#toWarden({ kind: 'left', text: over.text });
    this.#leftSaid = said;
  });

  readonly #count = oneAtATime(async () => {
    await this.#waiting.look((limit) => this.#performer.countRunnable(limit), takenBy(this.#state));
    if (!this.#over) this.#tellCounts();
  });

  #tellProgress(): void {
    this.#tellHealth();
    this.#count();
    this.#sayLeft();
  }

  #tellCounts(): void {
    const s = this.#state;
    let running = 0;
    let agents = 0;
    let held = s.queue.length;
    for (const a of s.agents.values()) {
      if (a.status === 'live') agents += 1;
      held += a.entries.size;
      // What was sent beyond a full node waits there.
      running += Math.round(a.entries.size / Math.max(1, a.used));
    }
    const queued = held - running;
    const { count: waiting, more } = this.#waiting.now(takenBy(s));
    this.#toWarden({ kind: 'progress', done: s.done, running, queued, waiting, more, agents });
  }
}

/** Jobs that this launcher has taken from those that wait, and not given back. */
function takenBy(s: CoordinatorState): number {
  const { finished, failed, killed } = s.done;
  return finished + failed + killed + s.entries.size;
}
