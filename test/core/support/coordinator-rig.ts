/**
 * A coordinator's core with a narrow way out: every effect becomes a line, and a test must take each of them.
 * `coordinatorTest` fails when a line is left unexplained. Agents here are no cores: they say what the test tells them to.
 */
import test, { type ExecutionContext } from 'ava';
import { MAX_UNACKED_COMMANDS } from '../../../src/base/limits.ts';
import type { LeasedJob, RowOutcomes } from '../../../src/core/coordinator/batch.ts';
import type { AppFacts, CoordinatorEffect, CoordinatorEvent } from '../../../src/core/coordinator/event.ts';
import {
  makeCoordinatorState,
  type Beginning,
  type CoordinatorConfig,
  type CoordinatorState,
} from '../../../src/core/coordinator/state.ts';
import { coordinatorStep } from '../../../src/core/coordinator/step.ts';
import type { Body, Ended, Join, Report } from '../../../src/core/messages.ts';
import { FACTS, coordinatorConfig } from './jobs.ts';
import { coordinatorLines } from './words.ts';

/** Wall clock at monotonic zero. */
export const WALL = 1_000_000;

type Commit = Extract<CoordinatorEffect, { kind: 'commit' }>;

export class CoordinatorRig {
  readonly state: CoordinatorState;
  now = 0;
  wakeAt = 0;
  /** The newest commit that was asked for. */
  lastCommit: Commit | null = null;
  apps: Map<string, AppFacts | null> = new Map([['app', FACTS]]);
  /** What was put on record: tests of other rules need not take it. */
  readonly records: string[] = [];
  #lines: string[] = [];
  readonly #reports = new Map<string, number>();

  constructor(over: Partial<CoordinatorConfig> = {}, beginning: Beginning = {}) {
    this.state = makeCoordinatorState(coordinatorConfig(over), 1, 0, beginning);
  }

  on(...events: CoordinatorEvent[]): void {
    const { effects, wakeAt } = coordinatorStep(this.state, events, {
      mono: this.now,
      wall: WALL + this.now,
    });
    this.wakeAt = wakeAt;
    for (const e of effects) if (e.kind === 'commit') this.lastCommit = structuredClone(e);
    const lines = effects.flatMap(coordinatorLines);
    this.#lines.push(...lines.filter((l) => !l.startsWith('record ')));
    this.records.push(...lines.filter((l) => l.startsWith('record ')));
  }

  take(): string[] {
    return this.#lines.splice(0);
  }

  /** Lets time pass, ticking whenever the core wants it. */
  pass(ms: number): void {
    const until = this.now + ms;
    while (this.wakeAt <= until) {
      this.now = Math.max(this.now, this.wakeAt);
      this.on({ kind: 'tick' });
      if (this.wakeAt <= this.now) this.now += 1;
    }
    this.now = until;
    this.on({ kind: 'tick' });
  }

  /** The same with heartbeats of these agents each second, whose echoes are not told. */
  passAlive(ms: number, ...names: string[]): void {
    for (let left = ms; left > 0; left -= 1_000) {
      this.pass(Math.min(1_000, left));
      for (const name of names) this.beat(name);
      this.#lines = this.#lines.filter((l) => !l.includes(': echo '));
    }
  }

  hear(incarnation: string, body: Body, epoch = this.state.epoch): void {
    this.on({ kind: 'message', envelope: { version: 1, launcher: 1, epoch, incarnation, ...body } });
  }

  /** Acknowledges all that was sent to the agent. */
  beat(name: string, epoch = this.state.epoch): void {
    const receivedCommands = this.state.agents.get(name)?.sentCommand ?? 0;
    this.hear(
      name,
      {
        heartbeat: {
          number: 1,
          receivedCommands,
          lastReport: 0,
          queued: 0,
          running: 0,
          draining: false,
          short: '',
          most: 0,
        },
      },
      epoch,
    );
  }

  join(name: string, over: Partial<Join> = {}, epoch = this.state.epoch): void {
    const join: Join = {
      node: Number(name.slice(1)),
      hostname: name,
      cpus: 2,
      gpus: 0,
      memoryBytes: 1,
      agent: null,
      guard: null,
      endedIncarnation: '',
      endedCrashed: false,
      held: [],
      lastReport: this.#reports.get(name) ?? 0,
      oldestReport: 1,
      ...over,
    };
    this.hear(name, { join }, epoch);
  }

  /** Agents that joined, are enrolled and take work. */
  agents(...names: string[]): void {
    for (const name of names) {
      this.join(name);
      this.on({ kind: 'enrolled', incarnation: name });
    }
    this.#lines = this.#lines.filter((l) => !l.startsWith('enrol ') && !l.startsWith('lease '));
    // As if it was asked for when all of them were there.
    this.state.leasing = true;
    this.state.woken = false;
  }

  /** A lease brought these, and the next one has no answer: tests of other rules see no leases. */
  leased(...jobs: LeasedJob[]): void {
    this.on({ kind: 'leased', asked: jobs.length + 1, jobs, apps: this.apps });
    this.state.leasing = true;
  }

  report(name: string, job: string, body: Partial<Report>, attempt = 1): void {
    const seq = (this.#reports.get(name) ?? 0) + 1;
    this.#reports.set(name, seq);
    const receivedCommands = this.state.agents.get(name)?.sentCommand ?? 0;
    this.hear(name, { reports: { receivedCommands, reports: [{ seq, job, attempt, ageMs: 0, ...body }] } });
  }

  started(name: string, job: string): void {
    this.report(name, job, { started: {} });
  }

  ended(name: string, job: string, over: Partial<Ended> = {}, attempt = 1): void {
    const ended = {
      ranMs: 10,
      exited: true,
      exitCode: 0,
      signal: 0,
      userS: -1,
      systemS: -1,
      maxRssKib: -1,
      tail: '',
      killed: 0,
      note: '',
    };
    this.report(name, job, { ended: { ...ended, ...over } }, attempt);
  }

  retracted(name: string, job: string): void {
    this.report(name, job, { retracted: {} });
  }

  notStarted(name: string, job: string): void {
    this.report(name, job, { notStarted: { stage: 'exec', message: 'no such file' } });
  }

  /** The database did the commit that is under way: 'applied', but for what `over` says. */
  commit(over: Partial<RowOutcomes> = {}): void {
    const { rows } = this.lastCommit!;
    const all = (list: unknown[]): RowOutcomes['ends'] => list.map(() => 'applied' as const);
    const outcomes = {
      starts: all(rows.starts),
      patches: all(rows.patches),
      ends: all(rows.ends),
      releases: all(rows.releases),
    };
    this.on({ kind: 'committed', outcomes: { ...outcomes, ...over }, answers: [] });
  }

  /** A lost statement, the raise that it asks for, and what the launcher holds by the database: what is in the books. */
  raise(): void {
    const held = [...this.state.entries.values()].map((e) => e.job);
    this.on({ kind: 'lease-failed', why: 'away' }, { kind: 'outcome-unknown', lost: 'lease', why: 'away' });
    this.on({ kind: 'raised', epoch: this.state.epoch + 1, held, apps: this.apps });
    this.state.leasing = true;
  }

  phases(): Record<string, string> {
    return Object.fromEntries([...this.state.entries.values()].map((e) => [e.job.id, e.phase]));
  }

  /** The books add up. */
  check(t: ExecutionContext): void {
    const s = this.state;
    for (const a of s.agents.values()) {
      const sum = [...a.entries.values()].reduce((n, e) => n + e.share, 0);
      t.true(Math.abs(a.used - sum) < 1e-6, `used of ${a.incarnation} is the sum of its entries`);
      for (const e of a.entries.values()) t.true(e.on.includes(a.incarnation));
      t.true(a.unacked.length <= MAX_UNACKED_COMMANDS + 10);
    }
    const queued = [...s.entries.values()].filter((e) => e.phase === 'queued');
    t.deepEqual(new Set(s.queue), new Set(queued), 'the queue holds what is queued');
    t.is(s.queue.length, queued.length);
    for (const e of s.entries.values())
      t.true(e.on.length === 0 || e.phase === 'claimed' || e.phase === 'sent');
  }
}

/** A test of the coordinator's core that fails when an effect is left unexplained. */
export function coordinatorTest(
  name: string,
  over: Partial<CoordinatorConfig>,
  body: (t: ExecutionContext, rig: CoordinatorRig) => void,
  beginning: Beginning = {},
): void {
  test(name, (t) => {
    const rig = new CoordinatorRig(over, beginning);
    body(t, rig);
    rig.check(t);
    t.deepEqual(rig.take(), [], 'nothing is left unexplained');
  });
}
