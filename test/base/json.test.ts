/** Our JSON.parse against what was written: the platform's own is wrong for keys of one escaped character. */
import { isDeepStrictEqual } from 'node:util';
import test from 'ava';
import fc from 'fast-check';
import { parseJson, writeJson } from '../../src/base/json.ts';

const key = fc.oneof(
  fc.constantFrom('"', '\\', '\n', '\t', '/', '\x01', '', '__proto__', ':', '":'),
  fc.string({ unit: 'binary', maxLength: 4 }),
);
const { value } = fc.letrec<{ value: unknown }>((tie) => ({
  value: fc.oneof(
    { depthSize: 'small' },
    fc.string({ unit: 'binary' }),
    key,
    fc.integer(),
    fc.double({ noNaN: true, noDefaultInfinity: true }).map((n) => (Object.is(n, -0) ? 0 : n)),
    fc.boolean(),
    fc.constant(null),
    fc.array(tie('value'), { maxLength: 4 }),
    fc.array(fc.tuple(key, tie('value')), { maxLength: 5 }).map((entries) => Object.fromEntries(entries)),
  ),
}));

test('what was written is read, in every layout', (t) => {
  fc.assert(
    fc.property(value, fc.constantFrom(undefined, 1, '\t'), (given, space) => {
      t.true(isDeepStrictEqual(parseJson(JSON.stringify(given, null, space)), given), JSON.stringify(given));
    }),
    { numRuns: 3000 },
  );
});

test('what is no JSON is refused, also where the own parser reads', (t) => {
  const mark = '{"\\"":1}';
  for (const wrong of [
    '',
    mark + 'x',
    '{"\\"":1,}',
    '{"\\"":}',
    '{"\\"":1 "a":2}',
    `[${mark},]`,
    `[${mark} ${mark}]`,
    `[${mark}`,
    '{"\\"":01}',
    '{"\\"":1,2:3}',
    '{"\\"":"a\nb"}',
    '{"\\"":nul}',
  ])
    t.throws(() => parseJson(wrong), { instanceOf: SyntaxError }, wrong);
});

test('any depth is read and written, by either parser', (t) => {
  const [deep, end] = ['[{"a":'.repeat(20_000), '}]'.repeat(20_000)];
  for (const inner of ['1', '{"\\"":[true,null],"b":"é"}']) {
    const text = `${deep}${inner}${end}`;
    t.is(writeJson(parseJson(text)), text);
  }
  fc.assert(fc.property(value, (given) => t.is(writeJson(given), JSON.stringify(given))));
  t.throws(() => parseJson(`{"\\"":${deep}`), { instanceOf: SyntaxError });
});
