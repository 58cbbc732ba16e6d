/** A minute of the soak program, as a person would run it: it ends well, and has struck what it says. */
import path from 'node:path';
import test from 'ava';
import { ROOT, runNode } from '../helpers/program.ts';

const SEED = 20_261;

test(`a minute of soak, --seed ${SEED}`, async (t) => {
  t.timeout(500_000);
  const ran = await runNode([path.join(ROOT, 'bench/soak.ts'), '--minutes', '1', '--seed', String(SEED)], {
    deadline: 480_000,
  });
  for (const line of ran.out.trim().split('\n')) t.log(line);
  const broken = ran.out.match(/^BROKEN [^\n]*/gm) ?? [];
  t.is(ran.code, 0, [...broken, ran.err].join('\n'));
  t.regex(ran.out, /^everything held$/m);
  const faults = ran.out.match(/^ +\d+\.\d s {2}\w[^:\n]*: /gm) ?? [];
  t.true(faults.length >= 5, `${faults.length} faults were struck`);
});

test('words that it does not know are refused', async (t) => {
  const ran = await runNode([path.join(ROOT, 'bench/soak.ts'), '--minutes', 'ten']);
  t.is(ran.code, 2);
  t.regex(ran.err, /take numbers/);
});
