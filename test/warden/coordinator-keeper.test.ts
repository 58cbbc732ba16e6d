/**
 * The keeper of a coordinator with real processes in its place (PROTOCOL 0, 3): what a successor is told, what counts as a
 * death, and when no other is started.
 */
import { spawn, type ChildProcess } from 'node:child_process';
import test from 'ava';
import type { Predecessor, ToWarden } from '../../src/launcher/coordinator-file.ts';
import { nothingDone } from '../../src/model/last-words.ts';
import { CoordinatorKeeper, type CoordinatorEnd } from '../../src/warden/coordinator-keeper.ts';

const BOUND: ToWarden = { kind: 'bound', launcher: 7, systemIdentifier: 'server', port: 4_242 };
const beat = (epoch: number): ToWarden => ({ kind: 'beat', epoch, confirmedAt: 1_000 + epoch });

/** A process that says this, and then does that. */
function saying(messages: readonly ToWarden[], then: string): ChildProcess {
  const program = `const all = ${JSON.stringify(messages)}; for (const m of all) process.send(m); ${then}`;
  return spawn(process.execPath, ['-e', program], { stdio: ['ignore', 'inherit', 'inherit', 'ipc'] });
}

function endOf(code: 'left' | 'fenced', reason: string): ToWarden {
  return { kind: 'end', code, reason, failed: false, done: nothingDone(), over: null };
}

interface Kept {
  end: CoordinatorEnd;
  notes: string[];
  /** Of what each one was told. */
  predecessors: (Predecessor | null)[];
  children: ChildProcess[];
}

/** Keeps what `start` gives, by number, to its end. */
async function keep(start: (number: number) => ChildProcess): Promise<Kept> {
  const kept: Omit<Kept, 'end'> = { notes: [], predecessors: [], children: [] };
  const keeper = new CoordinatorKeeper({
    start: (predecessor) => {
      kept.predecessors.push(predecessor);
      const child = start(kept.children.length);
      kept.children.push(child);
      return child;
    },
    log: '/nonexistent',
    onMessage: () => undefined,
    onNote: (text) => kept.notes.push(text),
  });
  return { end: await keeper.run(), ...kept };
}

test('each successor is told the port, and the epoch and confirmed heartbeat of the last beat', async (t) => {
  const { end, predecessors, notes } = await keep((n) =>
    n < 2
      ? saying([BOUND, beat(n), beat(10 * (n + 1))], 'process.kill(process.pid, "SIGKILL")')
      : saying([BOUND, endOf('left', 'done')], ''),
  );
  t.like(end, { code: 'left', reason: 'done', died: false });
  const told = { launcher: 7, systemIdentifier: 'server', port: 4_242 };
  t.deepEqual(predecessors, [
    null,
    { ...told, epoch: 10, confirmedAt: 1_010, done: nothingDone() },
    { ...told, epoch: 20, confirmedAt: 1_020, done: nothingDone() },
  ]);
  const note = 'the coordinator died (it ended with SIGKILL): another takes over, jobs go on';
  t.deepEqual(notes, [note, note]);
});

test('successors that die at once: five, and no more', async (t) => {
  const { end, children, notes } = await keep((n) => saying([BOUND, beat(n)], `process.exitCode = ${n + 1}`));
  t.is(children.length, 6);
  t.is(notes.length, 5);
  t.like(end, { code: 'failed', reason: 'it ended with code 6', failed: true, died: true });
});

test('one that dies before it has begun has no successor: there is nothing to take over', async (t) => {
  for (const said of [BOUND, beat(1)]) {
    const { end, children } = await keep(() => saying([said], 'process.exitCode = 1'));
    t.is(children.length, 1);
    t.like(end, { code: 'failed', reason: 'it ended with code 1', died: true });
  }
});

test('one that hangs is ended, and replaced', async (t) => {
  const from = performance.now();
  const { end, children, notes } = await keep((n) =>
    n === 0
      ? saying([BOUND, beat(1)], 'setInterval(() => undefined, 1_000)')
      : saying([endOf('left', 'done')], ''),
  );
  t.is(end.code, 'left');
  t.is(children[0]!.signalCode, 'SIGKILL');
  t.is(notes[0], 'the coordinator hangs: it is ended');
  t.true(performance.now() - from >= 2_500, 'not before its silence was long enough');
});

test('the last words of one that ends at once are heard, whoever else ends in that moment', async (t) => {
  // A death is told by a signal, which may be read with that of another before the channel is.
  const kept = await Promise.all(
    Array.from({ length: 40 }, (_, i) => {
      const code = i % 2 === 0 ? 'left' : 'fenced';
      return keep(() => saying([BOUND, beat(1), endOf(code, `${i}`)], 'process.exit()'));
    }),
  );
  for (const [i, { end, children }] of kept.entries()) {
    t.like(end, { code: i % 2 === 0 ? 'left' : 'fenced', reason: `${i}` });
    t.is(children.length, 1, 'no death to be followed');
  }
});
