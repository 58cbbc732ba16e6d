/** Layouts, against what the original printed, and against names that try to break them. */
import { stripVTControlCharacters } from 'node:util';
import test from 'ava';
import { displayWidth, escaped, historyText, spacedJson, table } from '../../src/cli/output/format.ts';
import { duration, LiveBlock, Progress, progressLine, Rate } from '../../src/cli/output/progress.ts';
import type { JobRow } from '../../src/store/rows.ts';

test('a table is as the original printed it', (t) => {
  t.is(
    table(
      ['pk', 'name', 'executable', 'description'],
      [
        ['2', 'hello', 'python3 hello.py', 'say hello'],
        ['3', 'sleeper', 'sleep', ''],
      ],
    ),
    [
      'pk |    name |       executable | description',
      '---------------------------------------------',
      '2  | hello   | python3 hello.py | say hello  ',
      '3  | sleeper | sleep            |            ',
    ].join('\n'),
  );
});

test('a narrow terminal cuts names, then ids to their first digits, and never a state', (t) => {
  const id = '97d3b5cb-dfaf-4cb2-84dc-3e17b521186e';
  const at = (width: number): string[] =>
    table(['job_id', 'name', 'workflow', 'state'], [[id, 'a long name', 'a-workflow', 'JOB_FINISHED']], {
      width,
      colour: false,
    }).split('\n');
  t.deepEqual(at(78), at(200));
  t.is(at(77)[2], `${id} | a long na… | a-workflow | JOB_FINISHED`);
  t.is(at(73)[2], `${id} | a long … | a-workf… | JOB_FINISHED`);
  t.is(at(72)[2], '97d3b5cb | a long name | a-workflow | JOB_FINISHED');
  t.is(at(45)[2], '97d3b5cb | a long … | a-workf… | JOB_FINISHED');
  t.is(at(20)[2], at(45)[2]);
  for (const width of [45, 60, 72, 73, 78]) t.true(at(width).every((line) => line.length <= width));
});

test('hostile cells stay in their row and cannot speak to the terminal', (t) => {
  const lines = table(
    ['a', 'b'],
    [
      ['x\ny', '\u001B[2Jz'],
      ['漢字', '😀'],
      ['é', 'a\u202eb'],
    ],
  ).split('\n');
  t.is(lines.length, 5);
  t.is(new Set([lines[0], ...lines.slice(2)].map((l) => displayWidth(l ?? ''))).size, 1);
  t.is(stripVTControlCharacters(lines.join('')), lines.join(''));
  t.regex(lines[2] ?? '', /x\\ny {2,}| .*\\u001b\[2Jz/);
  t.is(escaped('a\u202eb'), 'a\\u202eb');
  const [, dashes, cut] = table(['a', 'job_id'], [['x'.repeat(10_000), 'y'.repeat(36)]], {
    width: 60,
    colour: false,
  }).split('\n');
  t.deepEqual([dashes?.length, cut], [60, `${'x'.repeat(20)}… | ${'y'.repeat(36)}`]);
  const padded = table(
    ['a', 'b'],
    [
      ['x'.repeat(10_000), ''],
      ['', ''],
    ],
  ).split('\n');
  t.deepEqual([padded[2]?.length, padded[3]?.length], [10_004, 404]);
});

test('a history is as the original printed it, blank for blank, and says its zone', (t) => {
  const { TZ } = process.env;
  process.env['TZ'] = 'Asia/Kolkata';
  t.teardown(() => {
    if (TZ === undefined) delete process.env['TZ'];
    else process.env['TZ'] = TZ;
  });
  const job = { job_id: '97d3b5cb-dfaf-4cb2-84dc-3e17b521186e', name: 'square3' } as JobRow;
  const at = (ms: number): Date => new Date(Date.UTC(2026, 10, 22, 13, 37, 3, ms));
  t.is(
    historyText(job, [
      { at: at(336), state: 'CREATED', message: '' },
      { at: at(400), state: 'PREPROCESSED', message: '' },
      { at: at(500), state: 'RUNNING', message: 'Not scheduled by service' },
    ]),
    [
      'Job square3 [97d3b5cb-dfaf-4cb2-84dc-3e17b521186e]',
      '------------------------------------------------',
      '        ',
      '[11-22-2026 19:07:03.336000+05:30 CREATED]    ',
      '[11-22-2026 19:07:03.400000+05:30 PREPROCESSED]         ',
      '[11-22-2026 19:07:03.500000+05:30 RUNNING] Not scheduled by service',
      '',
    ].join('\n'),
  );
});

test('JSON is spaced as dictionaries were', (t) => {
  t.is(spacedJson({ x: 1, y: [true, null, 'a"b'], z: {} }), '{"x": 1, "y": [true, null, "a\\"b"], "z": {}}');
});

test('a progress line says what matters, in any width', (t) => {
  const counts = { done: 5, running: 2, failed: 1, waiting: 2 };
  t.is(
    progressLine('wf', counts, 2, 80),
    'wf [██████████████████▒▒▒▒▒▒······] 6/10  2 running  1 failed  2.0/s  2s left',
  );
  for (let width = 5; width < 120; width += 1)
    t.true(displayWidth(progressLine('a\nworkflow 漢字', counts, 1, width)) <= width);
  t.is(progressLine('wf', { done: 0, running: 0, failed: 0, waiting: 0 }, null, 60).includes('0/0'), true);
  t.deepEqual([0.2, 59, 60, 3599, 7300, 1e6].map(duration), ['1s', '59s', '1m00s', '59m59s', '2h01m', '12d']);
});

test('the rate follows what ends', (t) => {
  const rate = new Rate();
  for (let s = 0; s <= 30; s += 1) rate.update(s * 4, s * 1000);
  t.true(Math.abs((rate.perSecond ?? 0) - 4) < 0.01);
  for (let s = 31; s <= 200; s += 1) rate.update(120, s * 1000);
  t.true((rate.perSecond ?? 0) < 0.1);
  t.is(new Rate().perSecond, null);
});

test('on a terminal a block redraws in place; elsewhere lines come now and then, and only when changed', (t) => {
  let now = 0;
  const written: string[] = [];
  const screen = (isTTY: boolean) => ({
    isTTY,
    columns: 60,
    rows: 10,
    write: (text: string) => written.push(text),
  });
  const bar = new Progress('wf', screen(true), () => now);
  const counts = (done: number) => ({ done, running: 0, failed: 0, waiting: 10 - done });
  bar.update(counts(1));
  now = 10;
  bar.update(counts(2));
  t.is(written.length, 1);
  now = 1000;
  bar.update(counts(3));
  t.true(written[1]?.startsWith('\u001B[1A\r\u001B[J'));
  bar.update(counts(10));
  bar.close();
  t.is(written.length, 3);
  t.true(written[2]?.includes('10/10'));

  written.length = 0;
  now = 0;
  const plain = new LiveBlock(screen(false), () => now);
  for (const [at, text] of [
    [0, 'a'],
    [1000, 'b'],
    [6000, 'b'],
    [12_000, 'b'],
    [18_000, 'c'],
  ] as const) {
    now = at;
    plain.draw([text]);
  }
  plain.close();
  t.deepEqual(written, ['a\n', 'b\n', 'c\n']);
});
