/**
 * One incarnation of a node's helpers and its guard, as their contracts say: a helper runs its starts in order and answers
 * each exactly once; the guard ends everything when the lease is over or the agent is gone. Processes are rows of one
 * table of the world, where it is seen when two of one job live.
 */
import type { AgentEffect, AgentEvent } from '../../src/core/agent/event.ts';
import { WHOLE } from '../../src/core/slots.ts';
import type { World } from './world.ts';

export interface Process {
  job: string;
  attempt: number;
  node: number;
  incarnation: string;
  share: number;
  cpus: readonly number[];
  /** Signalled before its end: it has not done its work, whatever its exit code. */
  told: boolean;
  /** It came to its end by itself, and that was 0. */
  done: boolean;
}

/** What a job does when it runs. */
export interface Behaviour {
  runMs: number;
  exitCode: number;
  /** Ends at TERM; else only KILL ends it. */
  obeys: boolean;
  /** What it writes at TERM is a checkpoint, and it exits 0: it ended, and is not done. */
  exitsAtTerm: boolean;
  /** Fails before exec, here and now. */
  failsToStart: boolean;
  /** Writes one patch in the middle. */
  patches: boolean;
  /** Kills its helper in the middle. */
  killsHelper: boolean;
}

/** More than what breaks in one run. */
const MOST_STARTS = 100;

/** Everything that lives, and everything that ever began. */
export class ProcessTable {
  readonly live = new Set<Process>();
  readonly began = new Map<string, Process>();
  readonly #world: World;
  readonly #times = new Map<string, number>();

  constructor(world: World) {
    this.#world = world;
  }

  begin(p: Process): void {
    for (const other of this.live) {
      if (other.job === p.job)
        this.#world.violated(`two live processes of ${p.job}: ${line(other)} and ${line(p)}`);
    }
    const key = `${p.job} ${p.attempt}`;
    const times = (this.#times.get(p.job) ?? 0) + 1;
    this.#times.set(p.job, times);
    this.#world.check(times <= MOST_STARTS, `${p.job} is started for ever: ${times} times`);
    if (this.began.has(key)) this.#world.violated(`${p.job}#${p.attempt} was started twice`);
    this.began.set(key, p);
    this.live.add(p);
    const here = [...this.live].filter((x) => x.node === p.node);
    this.#world.check(here.reduce((n, x) => n + x.share, 0) <= WHOLE, `node ${p.node} is more than full`);
    const cpus = here.flatMap((x) => x.cpus);
    this.#world.check(new Set(cpus).size === cpus.length, `a CPU of node ${p.node} was given twice`);
    this.#world.trace(`node ${p.node}: begins ${line(p)}`);
  }

  /** Ends by marker what an incarnation left; its helpers are gone. */
  endMarked(incarnation: string): void {
    for (const p of this.live) if (p.incarnation === incarnation) this.end(p);
  }

  end(p: Process): void {
    if (this.live.delete(p)) this.#world.trace(`node ${p.node}: ended ${line(p)}`);
  }
}

function line(p: Process): string {
  return `${p.job}#${p.attempt} (${p.incarnation})`;
}

interface Waiting {
  token: number;
  start: Extract<AgentEffect, { kind: 'start' }>;
}

interface Running extends Waiting {
  process: Process;
  behaviour: Behaviour;
  began: number;
  killAt: number;
  termSent: boolean;
}

interface HelperSim {
  queue: Waiting[];
  running: Running | null;
  /** It died, and the agent has not been told. */
  dead: boolean;
  /** When its newest word arrives: a pipe keeps the order. */
  saidAt: number;
}

/** How late helpers are: a share of their starts and of their words, by up to `lateMs`. */
export interface HelperWeather {
  late: number;
  lateMs: number;
}

export const CALM_HELPERS: HelperWeather = { late: 0, lateMs: 0 };

export interface NodeOptions {
  world: World;
  table: ProcessTable;
  node: number;
  incarnation: string;
  behave: (job: string, attempt: number, node: number) => Behaviour;
  helperWeather: () => HelperWeather;
  /** Jobs that the node can run side by side now; Infinity where it is short of nothing. */
  room: () => number;
  /** Could not be started for a shortage; whether that is said to be the job's own fault (a broken shell). */
  lacked: (job: string) => boolean;
  /** To the agent; `localTime` converts true time to the host's clock. */
  post: (e: AgentEvent) => void;
  localTime: (at: number) => number;
  trueTime: (local: number) => number;
}

/** From begin to the helper's word that a job runs, when it still does. */
const ANNOUNCE_MS = 20;
/** A helper looks at what it was told between two jobs, milliseconds. */
const BETWEEN_JOBS_MS = 0.5;

function makeHelper(): HelperSim {
  return { queue: [], running: null, dead: false, saidAt: 0 };
}

export class NodeSim {
  readonly #o: NodeOptions;
  readonly #helpers = new Map<number, HelperSim>();
  #leaseUntil = Infinity;
  #over = false;
  #guardUntil = 0;
  /** Patches of a job, by reference, until they are answered. */
  readonly patches = new Map<number, { job: string; attempt: number; value: number }>();
  #nextRef = 1;

  constructor(options: NodeOptions) {
    this.#o = options;
  }

  get alive(): number {
    return [...this.#o.table.live].filter((p) => p.incarnation === this.#o.incarnation).length;
  }

  openHelper(helper: number): void {
    if (this.#helpers.size >= this.#o.room()) {
      const failed: AgentEvent = { kind: 'helper-failed', helper, reason: 'no process is left' };
      const h = makeHelper();
      h.dead = true;
      this.#helpers.set(helper, h);
      this.#say(h, failed);
      return;
    }
    this.#helpers.set(helper, makeHelper());
  }

  closeHelper(helper: number): void {
    const h = this.#helpers.get(helper);
    this.#o.world.check((h?.running ?? null) === null, `helper ${helper} is closed and runs something`);
    if (h) h.dead = true;
    this.#helpers.delete(helper);
  }

  start(e: Extract<AgentEffect, { kind: 'start' }>): void {
    const h = this.#helpers.get(e.helper)!;
    h.queue.push({ token: e.token, start: e });
    this.#o.world.after(0.3 + this.#late(), () => this.#next(e.helper, h));
  }

  recall(helper: number, token: number): void {
    this.#o.world.after(this.#o.world.between(0, 2), () => this.#takeBack(helper, token));
  }

  #takeBack(helper: number, token: number): boolean {
    const h = this.#helpers.get(helper);
    const at = h?.queue.findIndex((x) => x.token === token) ?? -1;
    if (!h || h.dead || at < 0) return false;
    h.queue.splice(at, 1);
    this.#say(h, { kind: 'job-recalled', helper, token });
    return true;
  }

  kill(helper: number, token: number, graceMs: number): void {
    this.#o.world.after(this.#o.world.between(0, 2), () => {
      if (this.#takeBack(helper, token)) return;
      const r = this.#helpers.get(helper)?.running;
      if (r?.token === token) this.#end(helper, r, graceMs);
    });
  }

  #end(helper: number, r: Running, graceMs: number): void {
    const w = this.#o.world;
    const atTerm = r.behaviour.exitsAtTerm ? 0 : 15;
    if (!r.termSent && r.behaviour.obeys) w.after(w.between(0, 50), () => this.#ended(helper, r, atTerm));
    r.termSent = true;
    r.process.told = true;
    r.killAt = Math.min(r.killAt, w.now + graceMs);
    w.at(r.killAt, () => this.#ended(helper, r, 9));
  }

  /** The agent's lease: at its end the guard KILLs helpers and jobs. */
  lease(untilLocal: number): void {
    const until = this.#o.trueTime(untilLocal);
    this.#leaseUntil = until;
    this.#o.world.at(until, () => {
      if (this.#leaseUntil !== until || this.#over || this.guardIsDead) return;
      if (this.alive > 0) this.#o.world.trace(`guard of ${this.#o.incarnation}: the lease is over`);
      for (const helper of this.#helpers.keys()) this.loseHelper(helper);
    });
  }

  /** A helper dies; its job is ended before that is said. */
  loseHelper(helper: number): void {
    const h = this.#helpers.get(helper);
    if (!h || h.dead || this.#over) return;
    if (h.running) this.#o.table.end(h.running.process);
    h.running = null;
    h.dead = true;
    this.#say(h, { kind: 'helper-lost', helper });
  }

  /** The guard dies, and the agent opens another after that time. */
  loseGuard(ms: number): void {
    const w = this.#o.world;
    this.#guardUntil = w.now + ms;
    this.#post({ kind: 'guard', alive: false, reason: '' });
    w.at(this.#guardUntil, () => this.#post({ kind: 'guard', alive: true, reason: '' }));
  }

  get guardIsDead(): boolean {
    return this.#o.world.now < this.#guardUntil;
  }

  get #running(): number {
    return [...this.#helpers.values()].filter((h) => h.running !== null).length;
  }

  get helpers(): number[] {
    return [...this.#helpers.keys()];
  }

  /** The agent is gone: the guard reads EOF. Nothing is told to anybody any more. */
  close(): void {
    this.#over = true;
    for (const h of this.#helpers.values()) if (h.running) this.#o.table.end(h.running.process);
    this.#helpers.clear();
  }

  /** Agent, guard and helpers are killed at once: what runs goes on, watched by nobody, to its end. */
  orphan(): void {
    this.#over = true;
    const { world, table } = this.#o;
    for (const { running: r } of this.#helpers.values())
      if (r && r.behaviour.runMs !== Infinity)
        world.at(r.began + r.behaviour.runMs, () => table.end(r.process));
    this.#helpers.clear();
  }

  #next(helper: number, h: HelperSim): void {
    if (this.#over || h.dead || h.running) return;
    const next = h.queue.shift();
    if (!next) return;
    const { job, allocation } = next.start;
    const { world, node, incarnation } = this.#o;
    if (this.#running >= this.#o.room()) {
      const short = !this.#o.lacked(job.id);
      const message = 'no process is left';
      this.#say(h, { kind: 'job-failed', helper, token: next.token, stage: 'fork', message, short });
      return this.#next(helper, h);
    }
    const behaviour = this.#o.behave(job.id, job.attempt, node);
    if (behaviour.failsToStart) {
      this.#say(h, {
        kind: 'job-failed',
        helper,
        token: next.token,
        stage: 'exec',
        message: 'no such file',
        short: false,
      });
      return this.#next(helper, h);
    }
    const cpus = allocation.cpus ?? [];
    const { share } = allocation;
    const process = {
      job: job.id,
      attempt: job.attempt,
      node,
      incarnation,
      share,
      cpus,
      told: false,
      done: false,
    };
    const r: Running = { ...next, process, behaviour, began: world.now, killAt: Infinity, termSent: false };
    h.running = r;
    this.#o.table.begin(process);
    const at = this.#o.localTime(world.now);
    world.after(ANNOUNCE_MS, () => {
      if (h.running === r && !this.#over) this.#say(h, { kind: 'job-started', helper, token: r.token, at });
    });
    if (behaviour.killsHelper)
      world.after(Math.min(behaviour.runMs / 2, 1_000), () => h.running === r && this.loseHelper(helper));
    if (behaviour.patches && behaviour.runMs !== Infinity)
      world.after(behaviour.runMs / 2, () => this.#patch(h, r));
    if (behaviour.runMs !== Infinity) world.after(behaviour.runMs, () => this.#ended(helper, r, 0));
  }

  #patch(h: HelperSim, r: Running): void {
    if (h.running !== r || this.#over) return;
    const ref = this.#nextRef++;
    const { job, attempt } = r.process;
    const value = this.#o.world.int(1, 1_000);
    this.patches.set(ref, { job, attempt, value });
    const dataJson = JSON.stringify({ [`a${attempt}`]: value });
    this.#post({
      kind: 'patch',
      ref,
      job,
      attempt,
      dataJson,
      removed: [],
      fieldsJson: '',
      durable: value % 2 === 0,
    });
  }

  #ended(helper: number, r: Running, signal: number): void {
    const h = this.#helpers.get(helper);
    if (this.#over || h?.running !== r) return;
    h.running = null;
    const { world, localTime, table } = this.#o;
    table.end(r.process);
    r.process.done = signal === 0 && !r.process.told && r.behaviour.exitCode === 0;
    const event: AgentEvent = {
      kind: 'job-ended',
      helper,
      token: r.token,
      exitCode: signal !== 0 ? null : r.process.told && r.behaviour.exitsAtTerm ? 0 : r.behaviour.exitCode,
      signal: signal === 0 ? null : signal,
      userS: null,
      systemS: null,
      maxRssKib: null,
      startedAt: localTime(r.began),
      endedAt: localTime(world.now),
      told: r.process.told,
      oom: false,
      tail: '',
    };
    // The job channel is read to its end first: what the helper says of the next job may overtake that.
    const channelMs = world.chance() < 0.05 ? world.between(0, 100) : 0;
    this.#say(h, event, channelMs);
    world.after(world.between(0, BETWEEN_JOBS_MS) + this.#late(), () => this.#next(helper, h));
  }

  #late(): number {
    const { world, helperWeather } = this.#o;
    const { late, lateMs } = helperWeather();
    return late > 0 && world.chance() < late ? world.between(0, lateMs) : 0;
  }

  /** A word of a helper: after all that it said before, and what comes with it that much later. */
  #say(h: HelperSim, e: AgentEvent, afterMs = 0): void {
    const w = this.#o.world;
    h.saidAt = Math.max(h.saidAt, w.now + this.#late());
    w.at(h.saidAt + afterMs, () => {
      if (e.kind === 'helper-lost' || e.kind === 'helper-failed') this.#helpers.delete(e.helper);
      this.#post(e);
    });
  }

  #post(e: AgentEvent): void {
    if (!this.#over) this.#o.post(e);
  }
}
