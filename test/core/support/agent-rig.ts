/**
 * An agent's core with a narrow way out: every effect becomes a line, and a test must take each of them. `agentTest`
 * fails when a line is left unexplained. Heartbeats come by the clock and are kept apart.
 */
import test, { type ExecutionContext } from 'ava';
import type { AgentEvent } from '../../../src/core/agent/event.ts';
import { makeAgentState, type AgentConfig, type AgentState } from '../../../src/core/agent/state.ts';
import { agentStep } from '../../../src/core/agent/step.ts';
import type { Body, Command, Job } from '../../../src/core/messages.ts';
import { APP, agentConfig } from './jobs.ts';
import { agentLines } from './words.ts';

/** A helper speaks of a start so much later, milliseconds. */
export const STARTED_AFTER_MS = 50;

export class AgentRig {
  readonly state: AgentState;
  now = 0;
  epoch = 1;
  wakeAt = 0;
  seq = 0;
  #lines: string[] = [];

  constructor(over: Partial<AgentConfig> = {}) {
    this.state = makeAgentState(
      agentConfig(over),
      { agent: null, guard: null, endedIncarnation: '', endedCrashed: false },
      0,
    );
  }

  on(...events: AgentEvent[]): void {
    const { effects, wakeAt } = agentStep(this.state, events, this.now);
    this.wakeAt = wakeAt;
    this.#lines.push(...effects.flatMap(agentLines));
  }

  /** What was asked of the shell since the last call; heartbeats only when asked for. */
  take(withBeats = false): string[] {
    const lines = this.#lines.splice(0);
    return withBeats ? lines : lines.filter((l) => !l.startsWith('beat '));
  }

  /** Lets time pass, ticking whenever the core wants it. */
  pass(ms: number): void {
    const until = this.now + ms;
    while (this.wakeAt <= until && this.wakeAt !== Infinity) {
      this.now = Math.max(this.now, this.wakeAt);
      this.on({ kind: 'tick' });
      if (this.wakeAt <= this.now) this.now += 1;
    }
    this.now = until;
    this.on({ kind: 'tick' });
  }

  hear(body: Body, epoch = this.epoch): void {
    this.on({ kind: 'message', envelope: { version: 1, launcher: 1, epoch, incarnation: 'a', ...body } });
  }

  echo(committed = this.state.committedReport, received = this.state.sentReport): void {
    this.hear({
      echo: { number: this.state.heartbeat, receivedReports: received, committedReports: committed },
    });
  }

  command(...commands: Omit<Command, 'seq'>[]): void {
    this.hear({ commands: { commands: commands.map((c) => ({ seq: ++this.seq, ...c })) } });
  }

  start(...jobs: Job[]): void {
    this.command({ start: { apps: [APP], jobs } });
  }

  kill(reason: number, ...ids: string[]): void {
    this.command({ kill: { reason, jobs: ids.map((id) => ({ id, attempt: 1 })) } });
  }

  retract(...ids: string[]): void {
    this.command({ retract: { jobs: ids.map((id) => ({ id, attempt: 1 })) } });
  }

  committed(reports: number, answers: { request: number; json: string; error: string }[] = []): void {
    this.command({ committed: { reports, answers } });
  }

  started(helper: number, token: number): void {
    this.on({ kind: 'job-started', helper, token, at: this.now - STARTED_AFTER_MS });
  }

  /** `told`: it was signalled before it was reaped. */
  ended(
    helper: number,
    token: number,
    exit: number | { signal: number } = 0,
    { ranMs = 1_000, told = false, oom = false } = {},
  ): void {
    const usage = {
      told,
      oom,
      userS: 1,
      systemS: 0,
      maxRssKib: 10,
      startedAt: this.now - ranMs,
      endedAt: this.now,
      tail: '',
    };
    const exitCode = typeof exit === 'number' ? exit : null;
    const signal = typeof exit === 'number' ? null : exit.signal;
    this.on({ kind: 'job-ended', helper, token, exitCode, signal, ...usage });
  }

  /** Joined, echoed and working; what that took is checked elsewhere. */
  work(): this {
    this.on({ kind: 'tick' });
    this.hear({ hello: {} });
    this.echo();
    this.take();
    return this;
  }

  /** Everything that the core keeps is within its bounds and adds up. */
  check(t: ExecutionContext): void {
    const s = this.state;
    const seated = s.seats.flatMap((x) => [x.running, ...x.ahead]).filter((x) => x !== null);
    t.is(s.live.size, s.queue.length + seated.length, 'live = queued + seated');
    t.is(
      s.reserved,
      seated.reduce((n, l) => n + (l.startedReported ? 1 : 2), 0),
      'places reserved',
    );
    const used = s.seats.reduce((n, x) => n + (x.running?.allocation?.share ?? 0), 0);
    t.is(s.slots.used, used, 'slots taken = what runs');
    const ids = s.seats.flatMap((x) => x.running?.allocation?.cpus ?? []);
    t.is(new Set([...ids, ...s.slots.freeCpus]).size, s.config.cpuIds.length, 'no CPU lost');
    t.is(ids.length + s.slots.freeCpus.length, s.config.cpuIds.length, 'no CPU twice');
    t.true(s.outbox.length + s.reserved <= s.config.outboxPlaces, 'the outbox is within its places');
    t.is(s.outbox.length, s.lastReport - s.committedReport, 'the outbox is contiguous');
  }
}

/** A test of the agent's core that fails when an effect is left unexplained. */
export function agentTest(
  name: string,
  over: Partial<AgentConfig>,
  body: (t: ExecutionContext, rig: AgentRig) => void,
): void {
  test(name, (t) => {
    const rig = new AgentRig(over);
    body(t, rig);
    rig.check(t);
    t.deepEqual(rig.take(), [], 'nothing is left unexplained');
  });
}
