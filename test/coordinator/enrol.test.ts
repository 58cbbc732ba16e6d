/** What the shell of a coordinator makes of a roster that it cannot write (PROTOCOL 4: proof of death needs all). */
import test from 'ava';
import { raiseEpoch } from '../../src/store/launcher/row.ts';
import { Performer, type PerformerOptions } from '../../src/coordinator/perform.ts';
import type { CoordinatorEvent } from '../../src/core/coordinator/event.ts';
import type { Join } from '../../src/core/messages.ts';
import { bench } from '../store/_store.ts';

const JOIN: Join = {
  node: 0,
  hostname: 'n0',
  cpus: 1,
  gpus: 0,
  memoryBytes: 1,
  agent: { pid: 42, startTime: 1, bootId: 'b', pidNamespace: '1', uid: 1 },
  guard: null,
  endedIncarnation: '',
  endedCrashed: false,
  held: [],
  lastReport: 0,
  oldestReport: 1,
};

test('an agent that could not be written on the roster is not enrolled', async (t) => {
  await using b = await bench();
  const enrolled = (epoch: number): Promise<CoordinatorEvent> =>
    new Promise((post) => {
      const options = { work: b.db, launcher: b.launcher, epoch: () => epoch, post, onAway: () => {} };
      const performer = new Performer(options as unknown as PerformerOptions);
      performer.perform({ kind: 'enrol', incarnation: 'i', join: JOIN });
    });
  t.deepEqual(await enrolled(1), { kind: 'enrolled', incarnation: 'i' });
  t.is(await raiseEpoch(b.db, b.launcher, 1), 2);
  t.deepEqual(await enrolled(1), { kind: 'enrol-failed', incarnation: 'i' });
  const rows = await b.client.sql`select incarnation from roster`;
  t.is(rows.length, 1);
});
