/** `ls`, as the original's transcripts have it: trees, workflows, queues, terminals, thousands of rows. */
import fs from 'node:fs';
import path from 'node:path';
import { stripVTControlCharacters } from 'node:util';
import test from 'ava';
import { treeOf } from '../../src/cli/output/tree.ts';
import { balsam, fresh, nth, onTerminal } from './_cli.ts';

test.serial('a tree is as the original printed it; a filter hides nothing that it matched', async (t) => {
  const db = await fresh(t);
  await db.sql`insert into job (id, name, workflow, parents) values
    (${nth(1)}, 'parent', 'wf-dag', '{}'), (${nth(2)}, 'left', 'wf-dag', ${`{${nth(1)}}`}),
    (${nth(3)}, 'right', 'wf-dag', ${`{${nth(1)}}`}), (${nth(4)}, 'leaf', 'wf-dag', ${`{${nth(2)},${nth(3)}}`})`;
  const tree = [
    '|       parent     [parent | 00000001]',
    '||            left       [left | 00000002]',
    '|||                 leaf       [leaf | 00000004]',
    '||            right      [right | 00000003]',
    '|||                 leaf       [leaf | 00000004]',
    '',
  ].join('\n');
  t.is(await db.out('ls', '--tree'), tree);
  t.is(await db.out('ls', 'wf', '--tree'), `Workflows\n---------\nwf-dag\n------\n${tree}\n`);
  t.is(await db.out('ls', '--tree', '--name', 'leaf'), '|       leaf       [leaf | 00000004]\n');
  t.regex(await db.out('ls', '--verbose', '--name', 'left'), new RegExp(`parents: {24}\\["${nth(1)}"\\]\n`));
});

test.serial('a graph of many diamonds is written once', (t) => {
  const jobs = Array.from({ length: 120 }, (_, i) => {
    const level = Math.floor(i / 2);
    const parents = level === 0 ? [] : [nth(level * 2 - 2), nth(level * 2 - 1)];
    return { job_id: nth(i), name: '', workflow: '', state: 'CREATED' as const, parents };
  });
  const nodes = treeOf(jobs);
  t.true(nodes.length < 4 * jobs.length);
  t.is(new Set(nodes.map((node) => node.job.job_id)).size, jobs.length);
});

test.serial('queues: what the batch system says of them', async (t) => {
  const db = await fresh(t);
  t.is(await db.out('ls', 'queues'), 'No queued jobs detected\n');
  await db.sql`insert into queued_launch (scheduler_id, project, queue, nodes, wall_minutes, job_mode, state, command)
    values (0, 'proj', 'debug', 2, 30, 'mpi', 'pending-submission', '/x/qlaunch1.sh'),
      (4194303, 'proj', 'debug', 2, 30, 'mpi', 'submitted', '/x/qlaunch2.sh')`;
  t.is(
    await db.out('ls', 'queues'),
    [
      'scheduler_id | project | queue | nodes | wall_minutes |              state | job_mode |     Command | Submitted from Balsam?',
      '-'.repeat(124),
      '0            | proj    | debug | 2     | 30           | pending-submission | mpi      | qlaunch1.sh | true                  ',
      '',
    ].join('\n'),
  );
  t.regex(await db.out('ls', 'queues', '--history'), /\n4194303 .* finished /);
  fs.writeFileSync(path.join(db.path, 'settings.json'), '{"scheduler": "nosuch"}');
  await db.sql`update queued_launch set state = 'submitted'`;
  const unreachable = await db.run('ls', 'queues');
  t.is(unreachable.code, 0);
  t.regex(unreachable.err, /^Scheduler is not reachable: the scheduler nosuch is not supported yet/);
  t.regex(unreachable.out, /qlaunch2\.sh/);
  t.is((await db.run('ls', 'queues', '--name', 'x')).code, 2);
});

test.serial(
  'on a terminal long cells are cut and states have colour; in a pipe nothing is cut',
  async (t) => {
    const db = await fresh(t);
    const long = 'x'.repeat(300);
    await db.sql`insert into job (id, name, workflow, state) values (${nth(1)}, ${long}, 'wf', 'JOB_FINISHED'), (${nth(2)}, 'b', 'wf', 'FAILED')`;
    t.true((await db.out('ls')).includes(long));
    const shown = (await onTerminal(['ls'], { env: db.env, columns: 100 })).out.split('\r\n');
    const plain = shown.map((line) => stripVTControlCharacters(line));
    t.true(
      plain.every((line) => line.length <= 100),
      JSON.stringify(plain),
    );
    t.regex(plain[2] ?? '', new RegExp(`^${nth(1)} \\| x+… \\| wf`));
    t.true(shown[2]?.includes('\u001B[32mJOB_FINISHED\u001B[0m'));
    t.true(shown[3]?.includes('\u001B[31mFAILED      \u001B[0m'));
    const grey = await onTerminal(['ls', '--by-states'], { env: { ...db.env, NO_COLOR: '1' } });
    t.is(grey.out, '    JOB_FINISHED  1\r\n          FAILED  1\r\n');
    t.true((await onTerminal(['ls', '--by-states'], { env: db.env })).out.includes('\u001B[31m'));
  },
);

test.serial(
  'thousands of rows: the limit, what is beyond it, and a megabyte of data among them',
  async (t) => {
    const db = await fresh(t);
    await db.sql`insert into job (id, name, workflow) select gen_random_uuid(), 'j' || i, 'many' from generate_series(1, 12000) i`;
    await db.sql`update job set data = jsonb_build_object('big', repeat('x', 1000000)) where name in ('j1', 'j2')`;
    const table = (await db.out('ls')).split('\n');
    t.is(table.length, 2 + 5000 + 1 + 1);
    t.is(table.at(-2), '(7000 more BalsamJobs not shown...)');
    const all = await balsam(['ls'], {
      env: { ...db.env, BALSAM_LS_LIMIT: '20000', BALSAM_LS_FIELDS: 'data' },
    });
    t.is(all.out.split('\n').length, 2 + 12_000 + 1);
    t.true(all.out.length < 12_000 * 600 + 2_000_000, 'no row is padded to the megabyte of another');
    t.is((await db.out('ls', '--tree')).split('\n').length, 5000 + 2);
    t.is((await db.json('ls')).length, 12_000);
    t.is(await db.out('rm', 'jobs', '--all', '--force'), 'Deleted 12000 jobs.\n');
  },
);

test.serial('what happened to a launcher is whole, also on a narrow terminal', async (t) => {
  const db = await fresh(t);
  await db.sql`insert into launcher (name, host, mode, nodes, nodes_alive) values ('one', 'n1', 'mixed', 4, null), ('two', 'n2', 'mpi', 2, 1)`;
  await db.sql`insert into launcher_event (launcher, source, number, kind, node, host, message)
    values (2, 1, 1, 'drained', 1, 'n7', 'three jobs in a row could not be started there and started elsewhere')`;
  const why = 'node 1 (n7) is drained: three jobs in a row could not be started there and started elsewhere';
  t.true((await db.out('ls', 'launchers')).split('\n')[2]?.endsWith(why));
  const shown = (await onTerminal(['ls', 'launchers'], { env: db.env, columns: 80 })).out.split('\r\n');
  t.is(shown[0], 'pk | state | host |  mode | wf_filter | nodes | jobs | heartbeat');
  // The second is the older one; before its first heartbeat nobody knows how many nodes live.
  t.regex(shown[3] ?? '', /^1 {2}\| alive \| n1 {3}\| mixed \| {11}\| \?\/4 /);
  t.deepEqual(shown.slice(4), [`launcher 2: ${why}`, '']);
});
