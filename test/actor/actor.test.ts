/** The actor kernel: mailbox, actor, timers. */
import { performance } from 'node:perf_hooks';
import test from 'ava';
import fc from 'fast-check';
import { Actor } from '../../src/actor/actor.ts';
import { Mailbox, MailboxClosed } from '../../src/actor/mailbox.ts';
import { Timers, maxDelayMs } from '../../src/actor/timer.ts';
import { ManualScheduler, settle } from './_clock.ts';

test('a mailbox holds its capacity: post throws, send waits, nobody overtakes', async (t) => {
  const mailbox = new Mailbox<number>({ name: 'm', capacity: 2 });
  mailbox.post(1);
  mailbox.post(2);
  t.throws(() => mailbox.post(3), { message: /full \(2\)/ });
  t.false(mailbox.tryPost(3));
  const third = mailbox.send(3);
  const fourth = mailbox.send(4);
  t.is(mailbox.waiting, 2);
  t.deepEqual(mailbox.take(1), [1]);
  await third;
  t.throws(() => mailbox.post(5), undefined, '4 waits: 5 must not overtake it');
  t.deepEqual(mailbox.take(10), [2, 3]);
  await fourth;
  t.deepEqual(mailbox.take(10), [4]);
  t.deepEqual(mailbox.take(10), []);
});

test('a closed mailbox refuses, also those who wait, and gives what is inside', async (t) => {
  const mailbox = new Mailbox<number>({ name: 'm', capacity: 1 });
  await mailbox.send(1);
  const waits = mailbox.send(2);
  t.deepEqual(mailbox.close(), []);
  await t.throwsAsync(waits, { instanceOf: MailboxClosed });
  await t.throwsAsync(mailbox.send(3), { instanceOf: MailboxClosed });
  t.throws(() => mailbox.post(3), { instanceOf: MailboxClosed });
  t.false(mailbox.tryPost(3));
  t.deepEqual(mailbox.take(5), [1]);
});

test('any order of sends and takes keeps order, count and bound', async (t) => {
  await fc.assert(
    fc.asyncProperty(
      fc.integer({ min: 1, max: 5 }),
      fc.array(fc.oneof(fc.constant('send' as const), fc.integer({ min: 1, max: 7 })), { maxLength: 200 }),
      async (capacity, steps) => {
        const mailbox = new Mailbox<number>({ name: 'm', capacity });
        const [sent, taken]: [Promise<void>[], number[]] = [[], []];
        for (const step of steps) {
          if (step === 'send') sent.push(mailbox.send(sent.length));
          else taken.push(...mailbox.take(step));
          t.true(mailbox.size <= capacity);
        }
        while (taken.length < sent.length) taken.push(...mailbox.take(capacity));
        await Promise.all(sent);
        t.deepEqual(
          taken,
          sent.map((_, index) => index),
        );
      },
    ),
    { numRuns: 50 },
  );
});

test('an idle actor starts without a timer; what arrives meanwhile is the next batch', async (t) => {
  const batches: number[][] = [];
  let release = (): void => undefined;
  const actor = new Actor<number>({
    name: 'a',
    capacity: 100,
    maxBatch: 3,
    receive: async (batch) => {
      batches.push(batch);
      if (batches.length === 1) await new Promise<void>((resolve) => (release = resolve));
    },
  });
  actor.post(0);
  t.deepEqual(batches, [], 'never inside post');
  await Promise.resolve();
  t.deepEqual(batches, [[0]], 'one microtask later');
  for (let number = 1; number <= 4; number++) actor.post(number);
  t.is(actor.backlog, 4);
  release();
  await actor.stop({ drain: true });
  t.deepEqual(batches, [[0], [1, 2, 3], [4]]);
});

test('receive never runs twice at once, and two actors that answer each other do not starve I/O', async (t) => {
  let inside = 0;
  let rallies = 0;
  const play = (other: () => Actor<string>) => async () => {
    t.is(++inside, 1);
    rallies++;
    if (actors.every((actor) => actor.open)) other().post('ball');
    inside--;
  };
  const actors: Actor<string>[] = [
    new Actor<string>({ name: 'a', capacity: 2, receive: play(() => actors[1]!) }),
    new Actor<string>({ name: 'b', capacity: 2, receive: play(() => actors[0]!) }),
  ];
  actors[0]!.post('ball');
  const deadline = Date.now() + 30_000;
  while (rallies < 100 && Date.now() < deadline) await new Promise((resolve) => setTimeout(resolve, 1));
  await Promise.all(actors.map((actor) => actor.stop({ drain: false })));
  t.true(rallies >= 100);
});

test('an error in receive ends the actor: done rejects with it, onStop ran, senders are refused', async (t) => {
  let stopped = 0;
  const actor = new Actor<string>({
    name: 'a',
    capacity: 1,
    receive: () => {
      throw new Error('the cause');
    },
    onStop: () => {
      stopped++;
      throw new Error('a consequence');
    },
  });
  actor.post('x');
  const waits = actor.send('y');
  await t.throwsAsync(actor.done, { message: 'the cause' });
  await t.throwsAsync(actor.stop({ drain: true }), { message: 'the cause' });
  t.is(stopped, 1);
  // y came into the mailbox when x was taken: accepted, and lost with the actor that `done` tells of.
  await waits;
  await t.throwsAsync(actor.send('z'), { instanceOf: MailboxClosed });
  t.false(actor.open);
});

test('stop: with drain all is handled, without it is discarded; twice is once; onStop’s error is told', async (t) => {
  for (const drain of [true, false]) {
    const handled: number[] = [];
    let stopped = 0;
    const actor = new Actor<number>({
      name: 'a',
      capacity: 10,
      maxBatch: 1,
      receive: async (batch) => {
        await settle();
        handled.push(...batch);
      },
      onStop: async () => {
        await settle();
        stopped++;
      },
    });
    for (let number = 0; number < 5; number++) actor.post(number);
    await Promise.resolve();
    const stop = actor.stop({ drain });
    t.throws(() => actor.post(9), { instanceOf: MailboxClosed });
    await Promise.all([stop, actor.stop({ drain: true })]);
    t.deepEqual(handled, drain ? [0, 1, 2, 3, 4] : [0]);
    t.is(stopped, 1);
  }
  const idle = new Actor<number>({
    name: 'a',
    capacity: 1,
    receive: () => undefined,
    onStop: () => Promise.reject(new Error('x')),
  });
  await t.throwsAsync(idle.stop({ drain: true }), { message: 'x' });
});

test('a million messages through an actor take seconds, not minutes', async (t) => {
  let handled = 0;
  const actor = new Actor<number>({
    name: 'a',
    capacity: 1000,
    receive: (batch) => void (handled += batch.length),
  });
  const begin = performance.now();
  for (let number = 0; number < 1_000_000; number++) if (!actor.tryPost(number)) await actor.send(number);
  await actor.stop({ drain: true });
  t.is(handled, 1_000_000);
  t.log(`${Math.round(1e6 / (performance.now() - begin))} messages a millisecond`);
  t.true(performance.now() - begin < 30_000);
});

test('timers send messages, are replaced and cancelled by key, and all end with stop', async (t) => {
  const clock = new ManualScheduler();
  const got: string[] = [];
  const timers = new Timers<string>(
    { send: async (message) => void got.push(`${clock.now()} ${message}`) },
    clock,
  );
  timers.after(10, 'once');
  timers.after(20, 'old', 'key');
  timers.after(25, 'new', 'key');
  timers.after(5, 'cancelled', 'other');
  timers.cancel('other');
  timers.cancel('unknown');
  timers.every(10, (lateMs) => `tick +${lateMs}`, 'tick');
  await clock.advance(30);
  t.deepEqual(got, ['10 once', '10 tick +0', '20 tick +0', '25 new', '30 tick +0']);
  timers.stop();
  timers.after(1, 'never');
  await clock.advance(100);
  t.is(got.length, 5);
  t.is(clock.armed, 0);
  t.throws(() => timers.after(maxDelayMs + 1, 'x'), { message: /delay/ });
});

test('a tick after a stall says how late it is, and missed ticks are left out', async (t) => {
  const clock = new ManualScheduler();
  const got: number[] = [];
  const timers = new Timers<number>({ send: async (late) => void got.push(late) }, clock);
  timers.every(100, (lateMs) => lateMs);
  await clock.advance(200);
  await clock.stall(1250);
  await clock.advance(100);
  t.deepEqual(got, [0, 0, 1150, 0]);
  timers.stop();
});

test('ticks do not pile up before a full mailbox', async (t) => {
  const clock = new ManualScheduler();
  const mailbox = new Mailbox<string>({ name: 'm', capacity: 1 });
  const timers = new Timers<string>(mailbox, clock);
  timers.every(10, 'tick');
  await clock.advance(1000);
  t.deepEqual([mailbox.size, mailbox.waiting], [1, 1]);
  mailbox.close();
  await clock.advance(20);
  t.is(timers.size, 0, 'a receiver that has ended needs no timers');
});

test('an actor with real timers', async (t) => {
  const late: number[] = [];
  const actor = new Actor<number>({ name: 'a', capacity: 10, receive: (batch) => void late.push(...batch) });
  const timers = new Timers<number>(actor);
  timers.every(5, (lateMs) => lateMs);
  const deadline = Date.now() + 30_000;
  while (late.length < 5 && Date.now() < deadline) await settle();
  timers.stop();
  await actor.stop({ drain: true });
  t.true(late.length >= 5 && late.every((ms) => ms >= 0));
});
