/** `explain`, `output` and `cd`, with a launcher that really runs jobs, and from the database alone. */
import fs from 'node:fs';
import path from 'node:path';
import { execFileSync, spawn } from 'node:child_process';
import { once } from 'node:events';
import test from 'ava';
import { cleanEnvironment, run } from '../helpers/program.ts';
import type { Ran } from '../helpers/program.ts';
import { BALSAM, fresh, nth } from './_cli.ts';

test.serial('explain, output and cd of jobs that ran', async (t) => {
  const db = await fresh(t);
  await db.sql`insert into application (name, executable) values ('sh', '/bin/sh')`;
  await db.sql`insert into job (id, name, workflow, application, args) values
    (${nth(1)}, 'good', 'wf', 'sh', '-c "echo one; echo two"'), (${nth(2)}, 'bad', 'wf', 'sh', '-c "echo oops; exit 3"')`;
  const waiting = await db.out('explain', '00000001');
  t.regex(waiting, /^\[good \| 00000001\] CREATED: it can run, and no launcher is alive: start one by/);
  t.regex(waiting, /\n {2}created {3}\d{4}-\d\d-\d\d [\d:.]+ [+-]\d\d:\d\d\n {2}runnable .* {2}\+0\.000s\n$/);
  const none = await db.run('output', '00000001');
  t.is(none.code, 1);
  t.regex(
    none.err,
    /job \[good \| 00000001\] has no output: it is CREATED, and its output will be .*good\.out; -f waits/,
  );
  const nowhere = await db.run('cd', '00000001');
  t.deepEqual([nowhere.code, nowhere.out], [1, '']);
  t.regex(nowhere.err, /has no directory yet: it is CREATED/);

  // Follows from before its start to its end.
  const follower = spawn(BALSAM, ['output', '-f', '00000001'], { env: cleanEnvironment(db.env) });
  let followed = '';
  follower.stdout.setEncoding('utf8').on('data', (text: string) => (followed += text));
  const closed = once(follower, 'close');
  await db.out('launcher', '--consume-all', '--idle-exit-seconds', '0');
  t.deepEqual(await closed, [0, null]);
  t.is(followed, 'one\ntwo\n');

  const bad = await db.out('explain', '00000002');
  t.regex(bad, /^\[bad \| 00000002\] FAILED: nonzero return 3 on \S+\n\n {2}created /);
  for (const what of ['runnable', 'leased', 'started', 'ended', 'committed'])
    t.regex(bad, new RegExp(`\\n {2}${what} +\\d{4}-\\d\\d-\\d\\d [\\d:.]+ [+-]\\d\\d:\\d\\d {2}\\+`));
  t.regex(bad, /\n\nThe end of .*bad\.out:\n {2}oops\n$/);
  t.regex(await db.out('explain', '00000001'), /^\[good \| 00000001\] JOB_FINISHED\n/);
  t.is(await db.out('output', '00000001'), 'one\ntwo\n');
  t.is(await db.out('output', '00000001', '-n', '1'), 'two\n');
  const directory = path.join(db.path, 'data/wf/good_00000001');
  t.is(await db.out('cd', '00000001'), `${directory}\n`);
  const inShell = (script: string): Promise<Ran> =>
    run('bash', ['-c', script], {
      env: {
        ...db.env,
        PATH: `${path.dirname(BALSAM)}:${path.dirname(process.execPath)}:${process.env['PATH']}`,
      },
    });
  t.is((await inShell('. bcd 00000001; pwd')).out, `${directory}\n`);
  const activated = await inShell(`source balsamactivate '${db.path}' >&2; bcd 00000001; pwd`);
  t.is(activated.out, `${directory}\n`, activated.err);
  const lost = await inShell('cd /; . bcd ffff; pwd');
  t.deepEqual(
    [lost.out, lost.err],
    ['/\n', 'balsam: no job has an id that begins with, or is named, "ffff" (balsam ls shows them)\n'],
  );
  t.is((await db.run('output', '00000001', '-f', '--json')).code, 2);
  t.is((await db.run('explain', 'ffff')).code, 1);
  t.is((await db.run('explain')).code, 2);

  // Whatever it wrote comes as it is, and what is no file is said in a sentence.
  const bytes = Buffer.from([0, 0xff, 0xfe, 10, 0xe2, 0x82]);
  const file = path.join(directory, 'good.out');
  fs.writeFileSync(file, bytes);
  t.deepEqual(execFileSync(BALSAM, ['output', 'good'], { env: cleanEnvironment(db.env) }), bytes);
  fs.rmSync(file);
  fs.mkdirSync(file);
  for (const words of [[], ['-n', '1'], ['--follow'], ['--json']]) {
    const ran = await db.run('output', 'good', ...words);
    t.deepEqual([ran.code, ran.out], [1, ''], ran.err);
    t.regex(ran.err, /^balsam: \S+good\.out cannot be read: it is a directory, no ordinary file\n$/);
  }

  // Its output is gone: what the database has of it is told.
  fs.rmSync(path.join(db.path, 'data/wf'), { recursive: true });
  t.regex(await db.out('explain', '00000002'), /FAILED: nonzero return 3 on \S+\n {6}oops\n\n/);
  t.regex((await db.run('output', '00000002')).err, /it is FAILED, and .*bad\.out is not there/);
});

test.serial('explain says which number is too big, from the database alone', async (t) => {
  const db = await fresh(t);
  await db.sql`insert into application (name, executable) values ('a', 'true')`;
  await db.sql`insert into launcher (name, host, mode, wf_filter, nodes, nodes_alive, ends_at) values
    ('one', 'n1', 'mixed', '', 4, 3, null), ('two', 'n2', 'serial', 'x', 1, 1, now() + interval '30 minutes')`;
  await db.sql`insert into queued_launch (scheduler_id, wall_minutes, state) values (78, 30, 'submitted')`;
  await db.sql`insert into job (id, name, workflow, application, num_nodes, ranks_per_node, wall_time_minutes) values
    (${nth(1)}, 'big', 'x', 'a', 4, 1, 1), (${nth(2)}, 'long', 'x', 'a', 1, 1, 99), (${nth(3)}, 'y', 'y', 'a', 1, 2, 1)`;
  t.regex(
    await db.out('explain', '00000001'),
    /num_nodes is 4, too big: the largest launcher alive has 3 \(1 launches are in the batch queue/,
  );
  t.regex(
    await db.out('explain', '00000002'),
    /CREATED: it can run, and waits for a free place, as do 2 other jobs; who may take it: launcher 1 on n1\n/,
  );
  await db.sql`update launcher set state = 'ended', ended_at = now() where name = 'one'`;
  t.regex(
    await db.out('explain', '00000002'),
    /wall_time_minutes is 99, too big for launcher 2 on n2: it leaves in 29 minutes/,
  );
  t.regex(
    await db.out('explain', '00000003'),
    /launcher 2 on n2 runs only workflows that contain "x", and this one is "y"/,
  );
  await db.sql`update launcher set heartbeat_at = now() - interval '1 hour'`;
  t.regex(await db.out('explain', '00000003'), /launcher 2 on n2 is silent: it may be dead/);
  await db.sql`update job set state = 'RUNNING', launcher = 1, attempt = 1 where name = 'big'`;
  t.regex(
    await db.out('explain', '00000001'),
    /RUNNING in launcher 1\n {2}launcher 1 holds it and has ended \(ended\)/,
  );
});
