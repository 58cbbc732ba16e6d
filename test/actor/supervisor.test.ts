/** Restarts with limits and backoff, escalation, and a stop in reverse order whatever happens meanwhile. */
import test from 'ava';
import { Supervisor } from '../../src/actor/supervisor.ts';
import type { Child, SupervisorEvent } from '../../src/actor/supervisor.ts';
import { ManualScheduler, settle } from './_clock.ts';

class FakeChild implements Child {
  readonly done: Promise<void>;
  readonly end: () => void;
  readonly fail: (error: Error) => void;
  readonly name: string;
  readonly log: string[];
  constructor(name: string, log: string[]) {
    this.name = name;
    this.log = log;
    const { promise, resolve, reject } = Promise.withResolvers<void>();
    [this.done, this.end, this.fail] = [promise, resolve, reject];
    log.push(`start ${name}`);
  }
  async stop(): Promise<void> {
    await settle();
    this.log.push(`stop ${this.name}`);
    this.end();
    await this.done;
  }
}

function setup(): {
  clock: ManualScheduler;
  log: string[];
  events: SupervisorEvent[];
  supervisor: Supervisor;
  lives: FakeChild[];
  make: (name: string) => () => FakeChild;
} {
  const [clock, log, events, lives] = [
    new ManualScheduler(),
    [] as string[],
    [] as SupervisorEvent[],
    [] as FakeChild[],
  ];
  const supervisor = new Supervisor({ name: 's', scheduler: clock, onEvent: (event) => events.push(event) });
  const make = (name: string) => (): FakeChild => {
    const child = new FakeChild(name, log);
    lives.push(child);
    return child;
  };
  return { clock, log, events, supervisor, lives, make };
}

test('children stop in reverse order, each after the one before', async (t) => {
  const { supervisor, log, make } = setup();
  for (const name of ['a', 'b', 'c'])
    await supervisor.start({ name, strategy: 'escalate', start: make(name) });
  t.true(supervisor.running);
  await Promise.all([supervisor.stop(), supervisor.stop()]);
  t.deepEqual(log, ['start a', 'start b', 'start c', 'stop c', 'stop b', 'stop a']);
  await t.throwsAsync(supervisor.start({ name: 'd', strategy: 'ignore', start: make('d') }), {
    message: /stopping/,
  });
});

test('a failure that escalates stops the others and is what done rejects with', async (t) => {
  const { supervisor, log, lives, make } = setup();
  await supervisor.start({ name: 'a', strategy: 'restart', start: make('a') });
  await supervisor.start({ name: 'b', strategy: 'escalate', start: make('b') });
  lives[1]!.fail(new Error('b broke'));
  await t.throwsAsync(supervisor.done, { message: 'b broke' });
  t.deepEqual(log, ['start a', 'start b', 'stop a']);
});

test('ignored failures and children that end on purpose change nothing', async (t) => {
  const { supervisor, events, lives, make } = setup();
  await supervisor.start({ name: 'a', strategy: 'ignore', start: make('a') });
  await supervisor.start({ name: 'b', strategy: 'restart', start: make('b') });
  lives[0]!.fail(new Error('never mind'));
  lives[1]!.end();
  await settle();
  t.true(supervisor.running);
  t.deepEqual(
    events.map((event) => `${event.child} ${event.type}`),
    ['a started', 'b started', 'a failed', 'b ended'],
  );
  await supervisor.stop();
});

test('restarts back off, and one failure beyond the limit fails the supervisor', async (t) => {
  const { supervisor, clock, lives, make } = setup();
  const limits = { restarts: 3, windowMs: 10_000, backoffMs: 100, maxBackoffMs: 250 };
  await supervisor.start({ name: 'a', strategy: 'restart', start: make('a'), limits });
  for (const backoff of [100, 200, 250]) {
    lives.at(-1)!.fail(new Error(`life ${lives.length}`));
    await settle();
    const before = lives.length;
    await clock.advance(backoff - 1);
    t.is(lives.length, before);
    await clock.advance(1);
    t.is(lives.length, before + 1);
  }
  lives.at(-1)!.fail(new Error('once too often'));
  await t.throwsAsync(supervisor.done, { message: 'once too often' });
});

test('failures outside of the window are forgiven; a start that fails counts', async (t) => {
  const { supervisor, clock, lives, log, make } = setup();
  const limits = { restarts: 2, windowMs: 1000, backoffMs: 10, maxBackoffMs: 10 };
  let broken = 0;
  const start = (): FakeChild => {
    if (broken-- > 0) throw new Error('does not start');
    return make('a')();
  };
  await supervisor.start({ name: 'a', strategy: 'restart', start, limits });
  for (let round = 0; round < 6; round++) {
    lives.at(-1)!.fail(new Error('x'));
    await settle();
    await clock.advance(600);
  }
  t.is(log.length, 7);
  broken = 5;
  await clock.advance(5000);
  lives.at(-1)!.fail(new Error('x'));
  await settle();
  const done = t.throwsAsync(supervisor.done, { message: 'does not start' });
  await clock.advance(100);
  await done;
});

test('a first start that fails is the caller’s', async (t) => {
  const { supervisor, make } = setup();
  await t.throwsAsync(
    supervisor.start({ name: 'a', strategy: 'restart', start: () => Promise.reject(new Error('no')) }),
    {
      message: 'no',
    },
  );
  await supervisor.start({ name: 'b', strategy: 'restart', start: make('b') });
  await supervisor.stop();
});

test('stop during a backoff does not wait for it; stop during a start ends what was started', async (t) => {
  const { supervisor, log, lives, make } = setup();
  await supervisor.start({ name: 'a', strategy: 'restart', start: make('a') });
  lives[0]!.fail(new Error('x'));
  await settle();
  await supervisor.stop();
  t.deepEqual(log, ['start a']);

  const other = setup();
  let release = (): void => undefined;
  const gate = new Promise<void>((resolve) => (release = resolve));
  let life = 0;
  const start = async (): Promise<FakeChild> => {
    if (life++ > 0) await gate;
    return other.make('a')();
  };
  await other.supervisor.start({ name: 'a', strategy: 'restart', start });
  other.lives[0]!.fail(new Error('x'));
  await settle();
  await other.clock.advance(1000);
  t.is(life, 2);
  const stop = other.supervisor.stop();
  await settle();
  release();
  await stop;
  t.deepEqual(other.log, ['start a', 'start a', 'stop a']);
});
