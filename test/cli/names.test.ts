/** What names one job: an id, its beginning, or a name; and that nothing is done while it may mean several. */
import path from 'node:path';
import test from 'ava';
import { run } from '../helpers/program.ts';
import { BALSAM, fresh, nth } from './_cli.ts';

test.serial('every command that takes a job takes its name', async (t) => {
  const db = await fresh(t);
  await db.sql`insert into job (id, name, workflow, state) values (${nth(1)}, 'Relax 1', 'w', 'FAILED'),
    (${nth(2)}, 'relax 1', 'w', 'FAILED'), (${nth(3)}, 'relax 10', 'w', 'USER_KILLED'), (${nth(4)}, 'done', 'w', 'JOB_FINISHED')`;
  const ids = async (...words: string[]): Promise<unknown[]> =>
    (await db.json(...words)).map((line) => line['job_id'] ?? line['id']);
  // Exactly so: not another case, not a part.
  t.deepEqual(await ids('explain', 'relax 1'), [nth(2)]);
  t.deepEqual(await ids('cd', 'Relax 1'), [nth(1)]);
  t.regex((await db.run('output', 'relax 10')).err, /job \[relax 10 \| 00000003\] has no output/);
  t.deepEqual(await ids('modify', 'relax 1', 'args', 'x'), [nth(2)]);
  t.deepEqual(await ids('modify', 'relax 1', 'state', 'CREATED'), [nth(2)]);
  t.deepEqual(await ids('kill', 'relax 1', '--yes'), [nth(2)]);
  t.deepEqual(await ids('killjob', '--id', 'Relax 1', '--yes'), [nth(1)]);
  // The one that is named, as it is; its siblings stay.
  t.deepEqual(await ids('reset', 'relax 10', '--yes'), [nth(3)]);
  t.deepEqual(await ids('retry', 'done', '--yes'), [nth(4)]);
  const states = await db.sql<{ state: string }[]>`select state from job order by id`;
  t.deepEqual(
    states.map(({ state }) => state),
    ['FAILED', 'USER_KILLED', 'CREATED', 'RESTART_READY'],
  );
  const asked = await db.answer('n\n', 'reset', '00000002');
  t.is(asked.out, 'Reset USER_KILLED job [relax 1 | 00000002]? [y/n]: Reset aborted\n');
  const killed = await db.run('retry', 'relax 1', '--yes');
  t.is(killed.code, 1);
  t.regex(
    killed.err,
    /job \[relax 1 \| 00000002\] is USER_KILLED: balsam retry takes jobs that are FAILED or/,
  );
  const there = await run('bash', ['-c', '. bcd done; pwd'], {
    env: {
      ...db.env,
      PATH: `${path.dirname(BALSAM)}:${path.dirname(process.execPath)}:${process.env['PATH']}`,
    },
  });
  t.regex(there.err, /job \[done \| 00000004\] has no directory yet/);
});

test.serial('what may mean several jobs is refused, with at most ten of them', async (t) => {
  const db = await fresh(t);
  await db.sql`insert into job (id, name, workflow)
    select (lpad(i::text, 8, '0') || '-0000-4000-8000-000000000000')::uuid, 'twin', 'w' || i from generate_series(1, 12) i`;
  const many = await db.run('kill', 'twin', '--yes');
  t.deepEqual([many.code, many.out], [2, '']);
  const [first, ...lines] = many.err.trimEnd().split('\n');
  t.is(first, 'balsam: "twin" is the name of more than 10 jobs; give the id of one:');
  t.deepEqual(
    lines,
    Array.from({ length: 10 }, (_, i) => `  ${nth(12 - i)}  twin  (workflow w${12 - i})`),
  );
  // A name wins over the beginning of an id, however long; a whole id over a name.
  await db.sql`insert into job (id, name, workflow) values ('000002aa-0000-4000-8000-000000000000', '00000012', 'w'),
    ('ab000000-0000-4000-8000-000000000000', ${'c\u001b[2J'}, 'w'), ('cd000000-0000-4000-8000-000000000000', 'ab', 'w'),
    ('ef000000-0000-4000-8000-000000000000', 'deadbeef', 'w'), ('ab100000-0000-4000-8000-000000000000', ${nth(3)}, 'w')`;
  t.like((await db.json('explain', 'ab'))[0], { job_id: 'cd000000-0000-4000-8000-000000000000' });
  t.like((await db.json('explain', '00000012'))[0], { name: '00000012' });
  t.like((await db.json('explain', nth(3).toUpperCase()))[0], { job_id: nth(3), name: 'twin' });
  t.like((await db.json('explain', '000000120'))[0], { job_id: nth(12) });
  t.like((await db.json('explain', 'deadbeef'))[0], { name: 'deadbeef' });
  const either = await db.run('kill', 'a', '--yes');
  t.is(either.code, 2);
  t.regex(
    either.err,
    /"a" may be any of 2 jobs; give more of an id:\n {2}ab1\S+ {2}0\S+ {2}\(workflow w\)\n {2}ab0\S+ {2}c\\u001b\[2J {2}\(workflow w\)\n$/,
  );
  for (const [typed, code, pattern] of [
    ['nobody', 1, /^balsam: no job is named "nobody" \(balsam ls shows them\)\n$/],
    ['dead', 1, /^balsam: no job has an id that begins with, or is named, "dead" \(balsam/],
    ['', 2, /^balsam: "" names no job/],
  ] as const) {
    const ran = await db.run('explain', typed);
    t.is(ran.code, code, typed);
    t.regex(ran.err, pattern);
  }
  t.is(await db.out('ls', '--by-states'), '         CREATED  17\n');
});
