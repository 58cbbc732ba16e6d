/** Refusals in the log: each is counted, the first of each kind are told, the rest is one line with their number. */
import test from 'ava';
import { REFUSAL_LINES } from '../../src/base/limits.ts';
import { Refusals } from '../../src/base/refusals.ts';

type Line = { text: string; refused: number; rule?: string };

function collector(windowMs?: number): { lines: Line[]; refusals: Refusals } {
  const lines: Line[] = [];
  const warn = (fields: object, text: string): void => void lines.push({ ...(fields as Line), text });
  return { lines, refusals: new Refusals({ warn } as never, windowMs) };
}

test('who hammers gets ten lines and a sum, and hides nobody of another kind', (t) => {
  const { lines, refusals } = collector();
  for (let i = 0; i < 100_000; i++) refusals.note('refused a message', { rule: 'an id is an id' });
  refusals.note('refused at the job channel', { rule: 'a line is a line' });
  t.is(lines.length, REFUSAL_LINES + 1);
  t.deepEqual(lines[0], { rule: 'an id is an id', refused: 1, text: 'refused a message' });
  t.deepEqual(lines.at(-1), {
    rule: 'a line is a line',
    refused: 100_001,
    text: 'refused at the job channel',
  });
  refusals.end();
  t.deepEqual(lines.slice(REFUSAL_LINES + 1), [
    {
      rule: 'an id is an id',
      refused: 100_001,
      text: `refused a message: refused ${100_000 - REFUSAL_LINES} more`,
    },
  ]);
});

test('the sum comes by itself at the end of the window, and the next ones are told again', async (t) => {
  const { lines, refusals } = collector(20);
  for (let i = 0; i < 15; i++) refusals.note('x', { rule: 'a rule' });
  const deadline = performance.now() + 60_000;
  while (lines.length < REFUSAL_LINES + 1 && performance.now() < deadline)
    await new Promise((resolve) => setTimeout(resolve, 5));
  t.is(lines.at(-1)?.text, `x: refused ${15 - REFUSAL_LINES} more`);
  refusals.note('x', { rule: 'a rule' });
  t.deepEqual(lines.at(-1), { rule: 'a rule', refused: 16, text: 'x' });
  refusals.end();
});

test('texts without number do not become kinds without number', (t) => {
  const { lines, refusals } = collector();
  for (let i = 0; i < 10_000; i++) refusals.note(`text ${i}`, { rule: 'a rule' });
  t.true(lines.length < 100);
  t.is(refusals.count, 10_000);
  refusals.end();
});
