/** `watch`: what it shows, in place on a terminal and as lines in a pipe, and how it is left. */
import test from 'ava';
import { stripVTControlCharacters } from 'node:util';
import { displayWidth } from '../../src/cli/output/format.ts';
import { linesOf } from '../../src/cli/watch/watch-view.ts';
import { fresh, nth, onTerminal } from './_cli.ts';

const seen = {
  workflows: Array.from({ length: 14 }, (_, i) => ({
    workflow: `w${i}`,
    done: 1,
    running: i === 13 ? 1 : 0,
    failed: 1,
    waiting: 0,
    rate: 2,
    seconds_left: 1,
  })),
  running: [{ job_id: nth(1), name: 'relax\n', workflow: 'w13', node: 'n7', seconds: 75 }],
  launchers: [{ id: 3, host: 'n1', nodes: 4, nodes_alive: 3, held: 9, troubles: ['node 2 is drained: x'] }],
  failures: [
    { job_id: nth(2), name: 'bad', workflow: 'w0', at: new Date(0), reason: 'nonzero return 3:\n  oops' },
  ],
};

test.serial('bars, what runs, launchers, failures with their reason', (t) => {
  const lines = linesOf(seen, 100, { width: 100, colour: false });
  t.regex(lines[0] ?? '', /^w13 \[.*\] 2\/3 {2}1 running {2}1 failed {2}2\.0\/s/);
  t.is(lines[12], '… and 2 more workflows');
  t.deepEqual(lines.slice(13), [
    '  1m15s [relax\\n | 00000001] on n7',
    'launcher 3 on n1, 3/4 nodes, holds 9 jobs: node 2 is drained: x',
    'last failures:',
    '  [bad | 00000002] nonzero return 3:\\n  oops',
  ]);
  for (const width of [20, 40, 80]) {
    const coloured = linesOf(seen, width, { width, colour: true }).map((line) =>
      stripVTControlCharacters(line),
    );
    t.true(coloured.every((line) => displayWidth(line) <= width));
  }
});

test.serial('on a terminal q leaves, and the terminal is as it was', async (t) => {
  const db = await fresh(t);
  await db.sql`insert into job (id, name, workflow, state) values (${nth(1)}, 'a', 'wf', 'CREATED'), (${nth(2)}, 'bad', 'wf', 'FAILED')`;
  await db.sql`insert into job_event (job_id, state, message) values (${nth(2)}, 'FAILED', 'its node died 3 times')`;
  for (const keys of ['q', '\u0003']) {
    const ran = await onTerminal(['watch'], { env: db.env, keys, until: 'q leaves' });
    t.is(ran.code, 0, ran.out);
    t.regex(
      stripVTControlCharacters(ran.out),
      /^wf \[.*\] 1\/2 {2}1 failed\r\nlast failures:\r\n {2}\[bad \| 00000002\] its node died 3 times\r\nq leaves\r\n/,
    );
  }
});
