/** The reason of a process's end, read off the end of its log: sentences, stack traces, aborts, mpirun's own words. */
import { spawn } from 'node:child_process';
import fs from 'node:fs';
import os from 'node:os';
import path from 'node:path';
import test from 'ava';
import { AgentKeeper } from '../../src/warden/agent-keeper.ts';
import { lengthOf, reasonIn, reasonOf } from '../../src/warden/reason.ts';

const LOG = '{"level":30,"who":"agent","rule":"PROTOCOL 5","msg":"an Error: of no interest"}\n';

const samples: readonly (readonly [string, string, string])[] = [
  ['nothing', LOG, ''],
  [
    'a sentence',
    `${LOG}the disk of the server is full: free some space\n`,
    'the disk of the server is full: free some space',
  ],
  [
    'a stack trace',
    `${LOG}node:internal/modules/run_main:123\n    triggerUncaughtException(\n    ^\n\nError: ENOSPC: no space left on device, mkdir '/tmp/x'\n    at mkdirSync (node:fs:1)\n    at run (file:///a/b.js:1:2) {\n  errno: -28,\n  code: 'ENOSPC',\n  syscall: 'mkdir'\n}\n\nNode.js v24.21.0\n`,
    "ENOSPC: no space left on device, mkdir '/tmp/x'",
  ],
  ['an error of ours', 'WorldError: another Postgres answers\n    at x (y)\n', 'another Postgres answers'],
  [
    'an abort',
    '\n<--- Last few GCs --->\n\nFATAL ERROR: Reached heap limit Allocation failed - JavaScript heap out of memory\n----- Native stack trace -----\n',
    'FATAL ERROR: Reached heap limit Allocation failed - JavaScript heap out of memory',
  ],
  [
    'mpirun',
    `${LOG}--------------------------------------------------------------------------\nThere are not enough slots available in the system\nthat were requested.\n--------------------------------------------------------------------------\n`,
    'There are not enough slots available in the system',
  ],
];

for (const [what, text, reason] of samples)
  test(`the reason in a log: ${what}`, (t) => {
    t.is(reasonOf(text), reason);
  });

test('a log that is not there has no reason, and only what was written since counts', (t) => {
  const directory = fs.mkdtempSync(path.join(os.tmpdir(), 'balsam-reason-'));
  t.teardown(() => fs.rmSync(directory, { recursive: true }));
  const file = path.join(directory, 'log');
  t.is(reasonIn(file, 0), '');
  t.is(lengthOf(file), 0);
  fs.writeFileSync(file, 'an old sentence\n');
  t.is(reasonIn(file, lengthOf(file)), '');
  fs.appendFileSync(file, `${'x'.repeat(100_000)}\nError: ${'y'.repeat(1_000)}\n`);
  t.is(reasonIn(file, 0).length, 401);
});

test('agents that end again and again: each reason once, and the last one when none is left', async (t) => {
  const directory = fs.mkdtempSync(path.join(os.tmpdir(), 'balsam-reason-'));
  t.teardown(() => fs.rmSync(directory, { recursive: true }));
  const log = path.join(directory, 'node0');
  const notes: string[] = [];
  let started = 0;
  const how = await new Promise<string>((resolve) => {
    const keeper = new AgentKeeper({
      members: [
        {
          name: 'the agent of node 0',
          restart: true,
          log,
          start() {
            started += 1;
            const fd = fs.openSync(log, 'a');
            const child = spawn('/bin/sh', ['-c', 'echo "its sockets have no room" >&2; exit 3'], {
              stdio: ['ignore', fd, fd],
            });
            fs.closeSync(fd);
            return child;
          },
        },
      ],
      onNote: (text) => notes.push(text),
      onNoneLeft: resolve,
    });
    keeper.start();
  });
  const said = 'the agent of node 0 ended: its sockets have no room';
  t.is(how, said);
  t.deepEqual(notes, [said]);
  t.is(started, 6);
});
