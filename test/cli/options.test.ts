/** How words after a command are read: strictly, with abbreviations, before citty sees them. */
import test from 'ava';
import fc from 'fast-check';
import { parseArgs } from 'citty';
import type { ArgsDef } from 'citty';
import { asksHelp, canonical, decimal, integer, repeated, words } from '../../src/cli/input/options.ts';
import { UserError } from '../../src/base/errors.ts';

const ARGS = {
  what: { type: 'positional', required: false, description: '' },
  nodes: { type: 'string', alias: 'n', description: '' },
  'num-nodes': { type: 'string', description: '' },
  'num-ranks': { type: 'string', description: '' },
  name: { type: 'string', description: '' },
  mode: { type: 'enum', options: ['serial', 'mpi'], description: '' },
  yes: { type: 'boolean', alias: 'y', description: '' },
  recursive: { type: 'boolean', description: '' },
  args: words(''),
  env: repeated('', 'K=V', ':'),
} satisfies ArgsDef;

const read = (...raw: string[]): Record<string, unknown> => {
  const parsed = parseArgs(canonical('job', raw, ARGS), ARGS) as Record<string, unknown>;
  return Object.fromEntries(
    Object.keys(ARGS).flatMap((key) => (parsed[key] === undefined ? [] : [[key, parsed[key]]])),
  );
};

test('long, short, glued, with =, abbreviated, and with either dash', (t) => {
  t.deepEqual(read('--nodes', '2'), { nodes: '2' });
  t.deepEqual(read('-n', '2'), { nodes: '2' });
  t.deepEqual(read('-n2'), { nodes: '2' });
  t.deepEqual(read('-n=2'), { nodes: '2' });
  t.deepEqual(read('--nodes=2'), { nodes: '2' });
  t.deepEqual(read('--no', '2'), { nodes: '2' });
  t.deepEqual(read('--num_nodes', '2'), { 'num-nodes': '2' });
  t.deepEqual(read('--num-n=2'), { 'num-nodes': '2' });
  t.deepEqual(read('--rec', '-y', 'jobs'), { recursive: true, yes: true, what: 'jobs' });
  t.deepEqual(read('--no-yes'), { yes: false });
  t.deepEqual(read('--name='), { name: '' });
  t.deepEqual(read('--name=--no-yes'), { name: '--no-yes' });
  t.deepEqual(read('--name', '-5'), { name: '-5' });
  t.deepEqual(read('--name', '- a'), { name: '- a' });
  t.deepEqual(read('--name', 'a\nb=c'), { name: 'a\nb=c' });
  t.deepEqual(read('--', '--yes'), { what: '--yes' });
  t.deepEqual(read('--mode', 'mpi'), { mode: 'mpi' });
});

test('lists take words up to the next option, and are joined', (t) => {
  t.deepEqual(read('--args', 'one', 'two', '--yes'), { args: 'one two', yes: true });
  t.deepEqual(read('--args', 'one', '--args', '-5', '3'), { args: 'one -5 3' });
  t.deepEqual(read('--args=--verbose -x'), { args: '--verbose -x' });
  t.deepEqual(read('--args', '--steps 3'), { args: '--steps 3' });
  t.deepEqual(read('--env', 'A=1', '--env', 'B=2'), { env: 'A=1:B=2' });
});

for (const [raw, pattern] of [
  [['--nme', 'x'], /unknown option --nme \(did you mean --name\?\)/],
  [['-z'], /unknown option -z/],
  [['--num', '2'], /--num could be --num-nodes, --num-ranks/],
  [['--name'], /--name needs a value$/],
  [['--name', '--yes'], /--name needs a value \(write --name=--yes if/],
  [['--yes=1'], /--yes takes no value/],
  [['--name', 'a', '--name', 'b'], /--name is given twice/],
  [['a', 'b'], /"b" is one word too many/],
  [['--mode', 'fast'], /--mode must be serial or mpi, not "fast"/],
  [['--env', 'A=1', 'B=2', 'x'], /one word too many/],
  [['---'], /unknown option/],
  [['--=x'], /unknown option --/],
] as const) {
  test(`refused: ${raw.join(' ')}`, (t) => {
    t.throws(() => canonical('job', raw, ARGS), { instanceOf: UserError, message: pattern });
  });
}

test('what is required is asked for by name', (t) => {
  const args = {
    name: { type: 'string', required: true },
    id: { type: 'positional', required: true },
  } satisfies ArgsDef;
  t.throws(() => canonical('kill', ['x'], args), { message: 'kill needs --name' });
  t.throws(() => canonical('kill', ['--name', 'x'], args), { message: 'kill needs ID' });
});

test('any value of an option arrives as it was typed', (t) => {
  fc.assert(
    fc.property(
      fc.string({ unit: 'binary' }).filter((s) => !s.includes('\0')),
      (value) => {
        t.deepEqual(read(`--name=${value}`, '--yes'), { name: value, yes: true });
      },
    ),
  );
});

test('any words are read or refused with a sentence', (t) => {
  const word = fc.oneof(
    fc.string(),
    fc.constantFrom('--', '-n', '--name', '--args', '-', '--no-', '--__proto__', '--env=', '-y'),
  );
  fc.assert(
    fc.property(fc.array(word), (raw) => {
      try {
        canonical('job', raw, ARGS);
        asksHelp(raw);
      } catch (error) {
        t.true(error instanceof UserError);
      }
    }),
  );
});

test('integers', (t) => {
  t.is(integer('--n', '3', 1), 3);
  t.is(integer('--n', undefined, 1), undefined);
  t.true(Object.is(integer('--n', '-0', 0), 0));
  for (const bad of [
    '0',
    '-0',
    '-1',
    'x',
    '',
    ' ',
    ' 5 ',
    '1.5',
    '1e3',
    '1_000',
    '2147483648',
    '9'.repeat(400),
    '0x10',
    'NaN',
  ])
    t.throws(() => integer('--n', bad, 1), {
      message: /^--n must be a whole number from 1 to 2147483647, not "/,
    });
  t.is(decimal('--n', '0.5', 0, 9), 0.5);
  t.is(decimal('--n', '9.', 0, 9), 9);
  for (const bad of [
    '',
    ' 1',
    '1e3',
    '1e309',
    '0x1',
    '-1',
    '9.1',
    'Infinity',
    'NaN',
    '.',
    '1_0',
    '9'.repeat(400),
  ])
    t.throws(() => decimal('--n', bad, 0, 9), { message: /^--n must be a number from 0 to 9, not "/ });
});
