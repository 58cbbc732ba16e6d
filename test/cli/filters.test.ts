/** What the filters choose, in every command that takes them: whole names, stars, and words that name nothing. */
import fs from 'node:fs';
import path from 'node:path';
import test from 'ava';
import { fresh, nth } from './_cli.ts';
import type { Cli } from './_cli.ts';

/** Names of the jobs that are there, or in this state. */
async function names(db: Cli, state = ''): Promise<string[]> {
  const rows = await db.sql<{ name: string }[]>`
    select name from job where ${state} in ('', state) order by id`;
  return rows.map(({ name }) => name);
}

async function withJobs(db: Cli): Promise<void> {
  await db.sql`insert into application (name, executable) values ('sleep', 'x'), ('sleep2', 'x'), ('oversleep', 'x')`;
  await db.sql`insert into job (id, workflow, name, application, state) values
    (${nth(1)}, 'fd', 'a', 'sleep', 'FAILED'), (${nth(2)}, 'fd2', 'ab', 'sleep2', 'FAILED'),
    (${nth(3)}, 'xfd', 'A', 'sleep', 'CREATED'), (${nth(4)}, 'odd*', 'a', 'removed', 'FAILED'),
    (${nth(5)}, 'oddity', 'ba', 'sleep', 'FAILED')`;
}

test.serial('--wf and --application are whole names in every command, with stars', async (t) => {
  const db = await fresh(t);
  await withJobs(db);
  const ids = async (...words: string[]): Promise<unknown[]> =>
    (await db.json('ls', ...words)).map(({ job_id }) => Number(String(job_id).slice(0, 8)));
  t.deepEqual(await ids('--wf', 'fd'), [1]);
  t.deepEqual(await ids('--wf', 'fd*'), [1, 2]);
  t.deepEqual(await ids('--wf', '*fd'), [1, 3]);
  t.deepEqual(await ids('--wf', 'odd*'), [4], 'an exact name wins');
  t.deepEqual(await ids('--wf', 'od*d*'), [4, 5]);
  t.deepEqual(await ids('--wf', String.raw`odd\**`), [4]);
  t.deepEqual(await ids('--application', 'sleep'), [1, 3, 5]);
  t.deepEqual(await ids('--application', 'sleep*'), [1, 2, 3, 5]);
  t.deepEqual(await ids('--application', 'removed'), [4]);
  // As in the original ls takes what contains the name; who changes something does not.
  t.deepEqual(await ids('--name', 'A'), [1, 2, 3, 4, 5]);
  t.deepEqual(await ids('--name', 'a*'), [1, 2, 4]);
  t.is((await db.json('report', '--wf', 'fd'))[0]!['jobs'], 1);
  t.is((await db.json('report', '--wf', 'fd*'))[0]!['jobs'], 2);
  t.is((await db.json('report', '--wf', 'odd*'))[0]!['jobs'], 1);
  t.deepEqual(
    (await db.json('ls', 'wf', '--wf', '*fd*')).map(({ workflow }) => workflow),
    ['fd', 'fd2', 'xfd'],
  );

  t.is(await db.out('retry', '--name', 'a', '--wf', '*d', '--yes'), '1 job is RESTART_READY now\n');
  t.deepEqual(await names(db, 'RESTART_READY'), ['a']);
  t.is(
    await db.out('kill', '--application', 'sleep', '--name', '?', '--yes'),
    'No jobs that could be killed found matching query\n',
  );
  t.is(await db.out('rm', 'jobs', '--wf', 'fd', '--yes'), 'Deleted 1 job.\n');
  t.deepEqual(await names(db), ['ab', 'A', 'a', 'ba']);
  t.is(await db.out('rm', 'jobs', '--wf-filter', 'fd*', '--yes'), 'Deleted 1 job.\n');
  t.is(await db.out('rm', 'jobs', '--name', 'a', '--yes'), 'Deleted 1 job.\n');
  t.deepEqual(await names(db), ['A', 'ba']);
  t.is(await db.out('rm', 'apps', '--name', 'sleep', '--yes'), 'Deleted 1 app.\n');
  t.is(await db.out('rm', 'apps', '--name', '*sleep*', '--yes'), 'Deleted 2 apps.\n');
});

test.serial(
  'a word that names nothing is refused with those that come near, and nothing is done',
  async (t) => {
    const db = await fresh(t);
    await withJobs(db);
    const workflow =
      /^balsam: --wf: there is no workflow dity \(did you mean oddity\?\); a \* stands for any text; `balsam ls wf` lists them\n$/;
    for (const command of [
      ['ls'],
      ['ls', 'wf'],
      ['report'],
      ['kill', '--yes'],
      ['rm', 'jobs', '--yes'],
      ['retry', '--yes'],
      ['reset', '--yes'],
    ]) {
      const ran = await db.run(...command, '--wf', 'dity');
      t.deepEqual([ran.code, ran.out], [2, ''], command.join(' '));
      t.regex(ran.err, workflow, command.join(' '));
    }
    for (const [words, message] of [
      [
        ['--wf', 'f'],
        '--wf: there is no workflow f (did you mean fd or fd2 or xfd?); a * stands for any text; `balsam ls wf` lists them',
      ],
      [
        ['--wf', 'odity'],
        '--wf: there is no workflow odity (did you mean oddity?); a * stands for any text; `balsam ls wf` lists them',
      ],
      [['--wf', 'zzz*'], '--wf: there is no workflow "zzz*"; `balsam ls wf` lists them'],
      [
        ['--application', 'slep'],
        '--application: there is no application slep (did you mean sleep?); a * stands for any text; `balsam ls apps` lists them',
      ],
    ] as const) {
      for (const command of [['ls'], ['rm', 'jobs', '--yes'], ['kill', '--yes']]) {
        t.like(await db.run(...command, ...words), { code: 2, out: '', err: `balsam: ${message}\n` });
      }
    }
    for (const command of [['ls'], ['rm', 'jobs', '--yes'], ['kill', '--yes'], ['retry', '--yes']]) {
      const ran = await db.run(...command, '--state', 'FAILD');
      t.is(ran.code, 2);
      t.regex(ran.err, /there is no state FAILD \(did you mean FAILED\?\)/);
    }
    t.like(await db.run('rm', 'apps', '--name', 'leep', '--yes'), {
      code: 2,
      out: '',
      err: 'balsam: --name: there is no application leep (did you mean sleep or sleep2 or oversleep?); a * stands for any text; `balsam ls apps` lists them\n',
    });
    const empty = await fresh(t);
    t.like(await empty.run('ls', '--wf', 'x'), {
      code: 2,
      err: 'balsam: --wf: there is no workflow x, nor any other\n',
    });
    t.is((await names(db)).length, 5);
  },
);

test.serial(
  'kill by the filters of ls: waiting and held ones, by the thousand, after a question',
  async (t) => {
    const db = await fresh(t);
    await withJobs(db);
    await db.sql`insert into job (id, workflow, name, state, launcher, attempt)
    select gen_random_uuid(), 'sweep', 'point' || i, case when i % 3 = 0 then 'RUNNING' when i % 50 = 1 then 'JOB_FINISHED' else 'CREATED' end,
      case when i % 3 = 0 then 7 end, case when i % 3 = 0 then 1 else 0 end from generate_series(1, 3500) i`;
    const [{ n: finished }] = await db.sql<
      [{ n: number }]
    >`select count(*)::int as n from job where state = 'JOB_FINISHED'`;
    const asked = await db.answer('n\n', 'kill', '--wf', 'sweep', '--state', 'RUNNING');
    t.is(asked.out, 'Really kill 1166 jobs matching state RUNNING, workflow sweep? [y/n]: Kill aborted\n');
    t.like(await db.run('kill', '--wf', 'sweep'), {
      code: 1,
      err: 'balsam: no answer: --yes answers for you\n',
    });
    const lines = await db.json('kill', '--wf', 'sweep', '--name', 'point1*0', '--yes');
    t.true(lines.length > 100);
    t.true(lines.every((line) => line['killed'] === true && /^point1.*0$/.test(String(line['name']))));
    t.is((await names(db, 'USER_KILLED')).length, lines.length);
    const left = 3500 - finished - lines.length;
    t.is(await db.out('kill', '--wf', 'sweep', '--yes'), `Killed ${left} jobs\n`);
    t.is((await names(db, 'JOB_FINISHED')).length, finished, 'what was at its end stays');
    t.is((await names(db, 'FAILED')).length, 4);
    // Who holds one ends it and lets go; until then it is held.
    const [held] =
      await db.sql`select count(*)::int as n from job where launcher = 7 and state = 'USER_KILLED'`;
    t.is(held!['n'], 1166);
    const [told] = await db.sql`select count(*)::int as n from job_event where state = 'USER_KILLED'`;
    t.is(told!['n'], 3500 - finished);
    for (const [words, message] of [
      [[], 'kill needs a JOB, or a filter (--name, --id, --state, --wf, --application), or --all'],
      [
        ['a', '--wf', 'fd'],
        'kill needs a JOB, or a filter (--name, --id, --state, --wf, --application), or --all, one of them',
      ],
      [
        ['--all', '--wf', 'fd'],
        'kill needs a JOB, or a filter (--name, --id, --state, --wf, --application), or --all, one of them',
      ],
    ] as const)
      t.like(await db.run('kill', ...words, '--yes'), { code: 2, err: `balsam: ${message}\n` });
    t.regex(
      (await db.run('kill', '--id', '0000', '--yes')).err,
      /jobs have ids that contain 0000; give more of it/,
    );
    const all = await db.answer('y\n', 'kill', '--all');
    t.is(all.out, 'Really kill ALL jobs that are not at an end (1)? [y/n]: Killed 1 job\n');
  },
);

test.serial(
  'rm says what stays; --files removes it, below data only, and never through a link',
  async (t) => {
    const db = await fresh(t);
    const twin = '00000001-ffff-4000-8000-000000000000';
    await db.sql`insert into job (id, workflow, name, user_workdir) values (${nth(1)}, 'w', 'one', ''), (${nth(2)}, 'w', 'two', ''),
    (${nth(3)}, 'v', 'linked', ''), (${nth(4)}, 'u', 'elsewhere', ''), (${nth(5)}, '', 'bare', ''), (${nth(6)}, '../..', '..', ''),
    (${nth(7)}, 'w', 'chosen', ${`${db.path}/mine`}), (${nth(8)}, 'w', 'never ran', '')`;
    t.notRegex((await db.answer('n\n', 'rm', 'jobs', '--name', 'one')).out, /stays/);
    const at = (...parts: string[]): string => path.join(db.path, ...parts);
    const made = (directory: string): void => {
      fs.mkdirSync(directory, { recursive: true });
      fs.writeFileSync(path.join(directory, 'result'), 'x');
    };
    for (const directory of [
      at('data/w/one_00000001'),
      at('data/w/two_00000002'),
      at('data/bare_00000005'),
      at('data/.._../__00000006'),
      at('mine'),
      at('outside'),
      at('behind/elsewhere_00000004'),
    ])
      made(directory);
    fs.symlinkSync(at('outside'), at('data/w/two_00000002/link'));
    fs.mkdirSync(at('data/v'));
    fs.symlinkSync(at('outside'), at('data/v/linked_00000003'));
    fs.symlinkSync(at('behind'), at('data/u'));

    const question = await db.answer('n\n', 'rm', 'jobs', '--name', 'one');
    t.is(
      question.out,
      'PERMANENTLY remove 1 job matching name one? What they wrote stays; with --files it goes too. [y/n]: Delete aborted\n',
    );
    const files = await db.answer('n\n', 'rm', 'jobs', '--name', 'one', '--files');
    t.is(
      files.out,
      `PERMANENTLY remove 1 job matching name one, and what they wrote below ${at('data')}? [y/n]: Delete aborted\n`,
    );
    // A second job whose directory has the same name, by chance: it is that one's too.
    await db.sql`insert into job (id, workflow, name) values (${twin}, 'w', 'one')`;
    const shared = await db.run('rm', 'jobs', '--id', nth(1), '--files', '--yes');
    t.is(shared.code, 1);
    t.is(shared.out, `Deleted 1 job. Removed 0 directories below ${at('data')}.\n`);
    t.is(shared.err, `balsam: 1 directory was left (${at('data/w/one_00000001')}: another job has it too)\n`);
    t.true(fs.existsSync(at('data/w/one_00000001/result')));
    t.is(
      await db.out('rm', 'jobs', '--id', twin, '--files', '--yes'),
      `Deleted 1 job. Removed 1 directory below ${at('data')}.\n`,
    );

    await db.sql`insert into job (id, workflow, name, state, launcher, attempt) values (${nth(9)}, 'w', 'held', 'RUNNING', 7, 1)`;
    const held = await db.run('rm', 'jobs', '--all', '--files', '--yes');
    t.is(held.code, 2);
    t.regex(held.err, /is held by launcher 7; kill it first/);
    t.is(held.out, '');
    t.is((await names(db)).length, 8);
    await db.sql`delete from job where launcher = 7`;

    await db.sql`update job set name = 'renamed', filed_as = '["w", "two"]' where id = ${nth(2)}`;
    const all = await db.run('rm', 'jobs', '--all', '--files', '--json', '--yes');
    t.is(all.code, 1);
    t.deepEqual(JSON.parse(all.out), { kind: 'removed', version: 1, what: 'jobs', count: 7, directories: 3 });
    t.regex(
      all.err,
      /^balsam: 2 directories were left \(\S+\/data\/v\/linked_00000003: it is no directory\)\n$/,
    );
    for (const stays of [
      'outside/result',
      'mine/result',
      'behind/elsewhere_00000004/result',
      'data/v/linked_00000003',
    ])
      t.true(fs.existsSync(at(stays)), stays);
    t.deepEqual(fs.readdirSync(at('data')).toSorted(), ['u', 'v'], 'empty directories of workflows go too');
    await db.sql`insert into job (id, name) values (${nth(1)}, 'x')`;
    t.is(
      await db.out('rm', 'jobs', '--all', '--yes'),
      `Deleted 1 job. What they wrote stays below ${at('data')}.\n`,
    );
  },
);

test.serial('submit-launch takes fractions of minutes and times of the clock', async (t) => {
  const db = await fresh(t);
  const words = ['-n', '1', '-q', 'q', '-A', 'p', '--job-mode', 'mixed'];
  for (const wrong of ['0', '00:00:00', '-1', 'x', '1:30', '1e309', '']) {
    const ran = await db.run('submit-launch', ...words, `--time-minutes=${wrong}`);
    t.is(ran.code, 2, wrong);
    t.regex(ran.err, /^balsam: --time-minutes must be /, wrong);
  }
  t.is((await db.sql`select from queued_launch`).length, 0);
});
