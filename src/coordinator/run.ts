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
import { messageOf, WorldError } from '../base/errors.ts';
import { openDatabase } from '../cluster/open.ts';
import type { CoordinatorEvent } from '../core/coordinator/event.ts';
import { COORDINATOR_DEFAULTS, makeCoordinatorState, type CoordinatorState } from '../core/coordinator/state.ts';
import { coordinatorStep } from '../core/coordinator/step.ts';
import type { Database } from '../store/connection.ts';
import { heartbeat, killedJobs, registerLauncher } from '../store/launcher-store.ts';
import { listen } from '../store/notify.ts';
import { decodeEnvelope } from '../wire/codec.ts';
import { readKeyFile } from '../wire/curve.ts';
import { RouterLink } from '../wire/router-link.ts';
import { readCoordinatorFile, type CoordinatorFile, type ToCoordinator, type ToWarden } from './config.ts';
import { Performer } from './perform.ts';

/** Events that wait for the core; links wait when it is full. Guess: two seconds of a thousand agents. */
const MAILBOX = 50_000;
/** Connections for leases, commits, applications and the roster; the heartbeat has one of its own. */
const WORK_CONNECTIONS = 3;
/** How often the warden is told how far we are, milliseconds. */
const PROGRESS_MS = 500;

/** Runs one coordinator to its end; resolves with the exit code of the process. */
export async function runCoordinator(path: string): Promise<number> {
  assertChain(CHAIN);
  const file = await readCoordinatorFile(path);
  const log = makeLog('coordinator', { launcher: file.name });
  const toWarden = (message: ToWarden): void => void process.send?.(message);
  const opened = { path: file.dbPath, role: 'coordinator', applicationName: `balsam ${file.name}` } as const;
  const [keys, work, heart] = await Promise.all([
    readKeyFile(file.serverKey),
    openDatabase({ ...opened, max: WORK_CONNECTIONS }),
    openDatabase({ ...opened, max: 1 }),
  ]);
  const launcher = await registerLauncher(work, { ...file, nodes: file.nodes.length });
  const coordinator = new Coordinator(file, launcher, work, heart, log, toWarden);
  const link = new RouterLink({
    keys,
    clientKeys: [keys.peerPublicKey],
    onMessage: (identity, bytes) => coordinator.onBytes(identity, bytes),
    onStranger: (stranger) => log.warn({ ...stranger }, 'refused a stranger at the port'),
  });
  const { port } = await link.bind({ addresses: file.addresses, ...(file.port === null ? {} : { port: file.port }) });
  log.info({ id: launcher.id, epoch: launcher.epoch, port }, 'bound');
  toWarden({ kind: 'bound', launcher: launcher.id, port });
  process.on('message', (m: ToCoordinator) => coordinator.post({ kind: 'leave', reason: m.reason, now: m.now }));
  process.on('disconnect', () => coordinator.post({ kind: 'leave', reason: 'the warden is gone', now: false }));
  const end = await coordinator.run(link);
  toWarden({ kind: 'end', ...end });
  await Promise.all([link.close(), work.close(), heart.close()]);
  log.info(end, 'ended');
  return end.code === 'left' ? 0 : 3;
}

class Coordinator {
  readonly #file: CoordinatorFile;
  readonly #launcher: { id: number; epoch: number };
  readonly #work: Database;
  readonly #heart: Database;
  readonly #log: Logger;
  readonly #toWarden: (m: ToWarden) => void;
  readonly #actor: Actor<CoordinatorEvent>;
  readonly #timers: Timers<CoordinatorEvent>;
  readonly #state: CoordinatorState;
  readonly #end = Promise.withResolvers<{ code: 'left' | 'fenced'; reason: string }>();
  #performer!: Performer;
  #wakeAt = Infinity;
  #refused = 0;
  #over = false;

  constructor(
    file: CoordinatorFile,
    launcher: { id: number; epoch: number },
    work: Database,
    heart: Database,
    log: Logger,
    toWarden: (m: ToWarden) => void,
  ) {
    this.#file = file;
    this.#launcher = launcher;
    this.#work = work;
    this.#heart = heart;
    this.#log = log;
    this.#toWarden = toWarden;
    const mono = systemClock.monotonic();
    this.#state = makeCoordinatorState(
      {
        launcher: launcher.id,
        mode: file.mode,
        nodes: file.nodes,
        endAt: file.endAt === null ? null : mono + file.endAt - systemClock.wall(),
        idleExitMs: file.idleExitMs,
        ...COORDINATOR_DEFAULTS,
      },
      launcher.epoch,
      mono,
    );
    this.#actor = new Actor<CoordinatorEvent>({ name: 'coordinator', capacity: MAILBOX, receive: (batch) => this.#step(batch) });
    this.#timers = new Timers(this.#actor);
  }

  post(event: CoordinatorEvent): void {
    if (!this.#over && !this.#actor.tryPost(event)) this.#actor.send(event).catch(() => undefined);
  }

  onBytes(identity: string, bytes: Uint8Array): void | Promise<void> {
    const decoded = decodeEnvelope(bytes);
    if (!decoded.ok || decoded.envelope.launcher !== this.#launcher.id || decoded.envelope.incarnation !== identity) {
      this.#refused += 1;
      const reason = decoded.ok ? 'another launcher or incarnation' : decoded.reason;
      return this.#log.warn({ reason, refused: this.#refused }, 'refused a message');
    }
    return this.#actor.send({ kind: 'message', envelope: decoded.envelope }).catch(() => undefined);
  }

  async run(link: RouterLink): Promise<{ code: 'left' | 'fenced'; reason: string }> {
    this.#performer = new Performer({
      file: this.#file,
      launcher: this.#launcher.id,
      work: this.#work,
      link,
      epoch: () => this.#state.epoch,
      post: (event) => this.post(event),
      end: (end) => this.#end.resolve(end),
      log: this.#log,
    });
    const listeners = await Promise.all([
      listen(this.#heart, 'balsam_job', () => this.post({ kind: 'wake' })),
      listen(this.#heart, 'balsam_kill', () => void this.#lookForKills()),
    ]);
    const loops = [
      setInterval(() => void this.#beat(), CHAIN.launcherHeartbeat),
      setInterval(() => void this.#lookForKills(), KILL_POLL_MS),
      setInterval(() => this.#tellWarden(), CHAIN.beat),
      setInterval(() => void this.#tellProgress(), PROGRESS_MS),
    ];
    this.post({ kind: 'tick' });
    try {
      const failed = async (done: Promise<void>): Promise<never> => {
        await done;
        throw new Error('a part of the coordinator ended by itself');
      };
      return await Promise.race([this.#end.promise, failed(this.#actor.done), failed(link.done)]);
    } finally {
      this.#over = true;
      for (const loop of loops) clearInterval(loop);
      this.#timers.stop();
      this.#actor.done.catch(() => undefined);
      link.done.catch(() => undefined);
      await this.#actor.stop({ drain: false }).catch(() => undefined);
      this.#tellCounts(0);
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

  #beating = false;
  async #beat(): Promise<void> {
    if (this.#beating || this.#over) return;
    this.#beating = true;
    const sentAt = systemClock.monotonic();
    const epoch = this.#state.epoch;
    try {
      if (await heartbeat(this.#heart, this.#launcher.id, epoch)) this.post({ kind: 'confirmed', sentAt });
      else if (epoch === this.#state.epoch && this.#state.raising === 'no') this.post({ kind: 'fenced' });
    } catch (error) {
      this.#log.warn({ error: messageOf(error) }, 'the heartbeat was not confirmed');
    } finally {
      this.#beating = false;
    }
  }

  #looking = false;
  async #lookForKills(): Promise<void> {
    if (this.#looking || this.#over) return;
    this.#looking = true;
    try {
      const jobs = await killedJobs(this.#heart, this.#launcher.id);
      if (jobs.length > 0) this.post({ kind: 'killed', jobs });
    } catch (error) {
      if (!(error instanceof WorldError)) throw error;
    } finally {
      this.#looking = false;
    }
  }

  #tellWarden(): void {
    this.#toWarden({ kind: 'beat', epoch: this.#state.epoch, confirmedAt: this.#state.confirmedAt });
  }

  #waiting = 0;
  async #tellProgress(): Promise<void> {
    this.#waiting = await this.#performer.countRunnable(this.#waiting);
    if (!this.#over) this.#tellCounts(this.#waiting);
  }

  #tellCounts(waiting: number): void {
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
    this.#toWarden({ kind: 'progress', ...s.done, running, queued, waiting, agents, degraded: s.degradedSince !== null });
  }
}
