/** The commands that change what is there: modify, rm, retry, reset, make_dummies, and what they refuse. */
import test from 'ava';
import { balsam, fresh, nth } from './_cli.ts';

test.serial('modify converts by the type of the field, and refuses what it cannot', async (t) => {
  t.timeout(240_000);
  const db = await fresh(t);
  await db.sql`insert into job (id, name, data) values (${nth(1)}, 'j3', '{"x": 1, "old": 2}')`;
  await db.sql`insert into application (name, executable) values ('hello', 'echo')`;
  for (const [field, value, said] of [
    ['num_nodes', '3', 'job num_nodes changed to:  3'],
    ['num-nodes', '4', 'job num-nodes changed to:  4'],
    ['args', 'a b c', 'job args changed to:  a b c'],
    ['wait_for_parents', 'False', 'job wait_for_parents changed to:  false'],
    ['auto_timeout_retry', 'no', 'job auto_timeout_retry changed to:  false'],
    ['environ_vars', 'FOO=1:BAR=2', 'job environ_vars changed to:  FOO=1:BAR=2  (2 variables: FOO, BAR)'],
    ['environ_vars.BAZ', 'a=0:BAR=1', 'job environ_vars.BAZ changed to:  a=0:BAR=1'],
    ['data', '{"x": [1, null], "\\"": 5}', 'job data changed to:  {"\\"": 5, "x": [1, null]}'],
    ['data.y', '{"z": true}', 'job data.y changed to:  {"z": true}'],
    ['data.word', 'no JSON', 'job data.word changed to:  "no JSON"'],
    ['application', 'hello', 'job application changed to:  hello'],
    ['state', 'job-finished', 'job state changed to:  JOB_FINISHED'],
  ] as const) {
    const ran = await db.run('modify', '00000001', field, value);
    t.deepEqual([ran.code, ran.out, ran.err], [0, `${said}\n`, ''], field);
  }
  const [row] =
    await db.sql`select num_nodes, args, environ_vars, wait_for_parents, data, application, state from job`;
  t.deepEqual(
    { ...row },
    {
      num_nodes: 4,
      args: 'a b c',
      environ_vars: '{"FOO":"1","BAR":"2","BAZ":"a=0:BAR=1"}',
      wait_for_parents: false,
      data: { x: [1, null], '"': 5, y: { z: true }, word: 'no JSON' },
      application: 'hello',
      state: 'JOB_FINISHED',
    },
  );
  t.regex(
    await db.out('ls', '--history', '--id', '00000001'),
    /CREATED\] {4}\n\[.* JOB_FINISHED\] User mutated state from command line\n/,
  );
  for (const [field, value, code, pattern] of [
    ['nosuch', '1', 2, /a job has no field "nosuch"/],
    ['num_node', '1', 2, /did you mean num_nodes\?/],
    ['num_nodes', 'abc', 2, /num_nodes must be a whole number from 1 to 2147483647, not "abc"/],
    ['num_nodes', '0', 2, /num_nodes must be a whole number from 1/],
    ['wait_for_parents', 'perhaps', 2, /must be true or false, not "perhaps"/],
    ['data', '[1]', 2, /data must be an object like \{"x": 1\}, not "\[1\]"/],
    ['data', '{', 2, /data must be an object like/],
    ['environ_vars', 'oops', 2, /environ_vars must be NAME=VALUE/],
    ['environ_vars.A-B', 'x', 2, /environ_vars: "A-B" is no name of a variable/],
    ['job_id', nth(2), 2, /job_id of a job cannot be changed/],
    ['state', 'NOTASTATE', 2, /there is no state NOTASTATE/],
    ['state', 'FAILD', 2, /did you mean FAILED\?/],
    ['state', 'RUN_DONE', 2, /state cannot be set to RUN_DONE: nothing would move the job on/],
    ['parents', nth(3), 2, /parents .* is not supported yet/],
    ['application', 'helo', 1, /no application named helo is registered \(did you mean hello\?\)/],
    ['args.x', '1', 2, /args has nothing inside/],
  ] as const) {
    const ran = await db.run('modify', '00000001', field, value);
    t.deepEqual([ran.code, ran.out], [code, ''], `${field} ${value}: ${ran.err}`);
    t.regex(ran.err, pattern);
  }
  const none = await db.run('modify', 'ffff', 'num_nodes', '3');
  t.deepEqual(
    [none.code, none.err],
    [1, 'balsam: no job has an id that begins with, or is named, "ffff" (balsam ls shows them)\n'],
  );
  t.is((await db.run('modify', '00000001', 'num_nodes')).code, 2);
});

test.serial(
  'modify: a killed job and a held one stay as they are; applications; the other spelling',
  async (t) => {
    const db = await fresh(t);
    await db.sql`insert into job (id, name, state, launcher, attempt) values
    (${nth(1)}, 'killed', 'USER_KILLED', null, 0), (${nth(2)}, 'held', 'RUNNING', 7, 1)`;
    const killed = await db.run('modify', '00000001', 'state', 'CREATED');
    t.is(killed.code, 1);
    t.regex(killed.err, /Cannot mutate state of a killed job: \[killed \| 00000001\]; `balsam reset/);
    const held = await db.run('modify', '00000002', 'state', 'FAILED');
    t.regex(held.err, /was not changed: launcher 7 holds it; kill it first/);
    t.regex((await db.run('modify', '00000002', 'args', 'x')).err, /is held by launcher 7; kill it first/);
    t.is(await db.out('modify', '00000002', 'description', 'x y'), 'job description changed to:  x y\n');

    await db.sql`insert into application (name, executable) values ('hello', 'echo'), ('2', 'true')`;
    t.is(
      await db.out('modify', 'hello', 'executable', '/bin/true', '--type', 'apps'),
      'app executable changed to:  /bin/true\n',
    );
    t.is(
      await db.out('modify', 'apps', '1', '--attr', 'description', '--value', 'says'),
      'app description changed to:  says\n',
    );
    t.regex(
      (await db.run('modify', 'apps', 'helo', 'name', 'x')).err,
      /no application helo \(did you mean hello\?\)/,
    );
    t.regex((await db.run('modify', 'apps', 'hello', 'exe', 'x')).err, /an application has no field "exe"/);
    t.regex((await db.run('modify', 'apps', 'hello', 'name', '')).err, /name must not be empty/);
    t.is(
      await db.out('modify', 'jobs', '00000001', '--attr', 'num_nodes', '--value', '2'),
      'job num_nodes changed to:  2\n',
    );
  },
);

test.serial('rm: by the filters of ls, after a question, and it says how many', async (t) => {
  const db = await fresh(t);
  await db.sql`insert into job (id, name, workflow, state) values (${nth(1)}, 'a', 'one', 'FAILED'),
    (${nth(2)}, 'b', 'one', 'CREATED'), (${nth(3)}, 'c', 'two', 'CREATED'), (${nth(4)}, 'd', 'two two', 'CREATED')`;
  const asked = await db.answer('n\n', 'rm', 'jobs', '--name', 'a');
  t.is(asked.out, 'PERMANENTLY remove 1 job matching name a? [y/n]: Delete aborted\n');
  t.is(await db.out('rm', 'jobs', '--wf', 'one', '--state', 'FAILED', '--force'), 'Deleted 1 job.\n');
  const exact = await db.answer('y\n', 'rm', 'job', '--wf-filter', 'two');
  t.is(exact.out, 'PERMANENTLY remove 1 job matching workflow two? [y/n]: Deleted 1 job.\n');
  t.is(await db.out('rm', 'jobs', '--name', 'nosuch'), 'No jobs found matching query\n');
  const many = await db.run('rm', 'jobs', '--id', '0000', '--force');
  t.deepEqual([many.code, many.err], [1, 'balsam: 2 jobs have ids that contain 0000; give more of it\n']);
  t.is((await db.run('rm', 'jobs', '--id', 'ffff', '--force')).code, 1);
  t.is((await db.run('rm', 'jobs')).code, 2);
  t.regex((await db.run('rm', 'jobs', '--all', '--name', 'x')).err, /or --all, not both/);
  t.regex((await db.run('rm', 'things', '--all')).err, /removes jobs or apps, not "things"/);
  await db.sql`insert into job (id, name, state, launcher, attempt) values (${nth(9)}, 'held', 'RUNNING', 7, 1)`;
  const held = await db.run('rm', 'jobs', '--all', '--yes');
  t.regex(held.err, /job \[held \| 00000009\] is held by launcher 7; kill it first/);
  await db.sql`delete from job where launcher is not null`;
  t.is(
    (await db.answer('y\n', 'rm', 'jobs', '--all')).out,
    'PERMANENTLY remove ALL jobs? [y/n]: Deleted 2 jobs.\n',
  );
  await db.sql`insert into application (name, executable) values ('hello', 'echo'), ('other', 'echo')`;
  t.is(await db.out('rm', 'apps', '--id', '1', '--force'), 'Deleted 1 app.\n');
  t.is((await db.run('rm', 'apps', '--wf', 'x')).code, 2);
  t.is(await db.out('rm', 'apps', '--all', '--force'), 'Deleted 1 app.\n');
});

test.serial(
  'retry and reset: failed ones by the filters of ls, with history, and what is held stays',
  async (t) => {
    const db = await fresh(t);
    await db.sql`insert into job (id, name, workflow, state, attempt, tries, lost_ends, node_losses) values
    (${nth(1)}, 'a', 'one', 'FAILED', 3, 3, 3, 3), (${nth(2)}, 'b', 'two', 'FAILED', 1, 1, 0, 0),
    (${nth(3)}, 'c', 'two', 'USER_KILLED', 1, 1, 0, 0), (${nth(4)}, 'd', 'two', 'JOB_FINISHED', 1, 1, 0, 0)`;
    const asked = await db.answer('n\n', 'retry', '--wf', 'one');
    t.is(asked.out, 'Retry 1 FAILED job matching workflow one? [y/n]: Retry aborted\n');
    t.is(await db.out('retry', '--wf', 'one', '--yes'), '1 job is RESTART_READY now\n');
    t.deepEqual(
      [...(await db.sql`select state, tries, lost_ends, node_losses from job where name = 'a'`)].map((r) => ({
        ...r,
      })),
      [{ state: 'RESTART_READY', tries: 0, lost_ends: 0, node_losses: 0 }],
    );
    t.regex(await db.out('ls', '--history', '--name', 'a'), /RESTART_READY\] retried by a person\n/);
    t.regex(
      (await db.run('retry', '--state', 'USER_KILLED', '--yes')).err,
      /not USER_KILLED; balsam reset begins them anew/,
    );
    t.is(await db.out('reset', '--state', 'user_killed', '--yes'), '1 job is CREATED now\n');
    t.regex(
      (await db.run('reset', '--state', 'RUNNING', '--yes')).err,
      /takes jobs that are JOB_FINISHED or FAILED or USER_KILLED/,
    );
    t.is(await db.out('retry', '--state', 'JOB_FINISHED', '--yes'), '1 job is RESTART_READY now\n');
    t.is(await db.out('reset', '--force'), '1 job is CREATED now\n');
    t.is(await db.out('reset', '--force'), 'No FAILED jobs found matching query\n');
    await db.sql`insert into job (id, name, state, launcher, attempt) values (${nth(5)}, 'e', 'USER_KILLED', 7, 1)`;
    const held = await db.run('reset', '--state', 'USER_KILLED', '--yes');
    t.is(held.code, 1);
    t.regex(held.err, /left as they are, because launchers still hold them: 1 job;/);
  },
);

test.serial('make_dummies, in any spelling, and what it refuses', async (t) => {
  const db = await fresh(t);
  t.is(await db.out('make_dummies', '5'), 'Added 5 dummy jobs to the DB\n');
  t.is(await db.out('make-dummies', '2'), 'Added 2 dummy jobs to the DB\n');
  const lines = (await db.out('ls', '--wf', 'dummy')).split('\n');
  t.regex(lines[2] ?? '', /^[0-9a-f-]{36} \| dummy0 \| dummy {4}\| dummy {7}\| CREATED$/);
  t.regex(
    (await db.run('make_dummies', 'many')).err,
    /N must be a whole number from 1 to 2147483647, not "many"/,
  );
  t.is((await db.run('make_dummies')).code, 2);
});

test.serial('commands of the original that are not there yet say so', async (t) => {
  for (const words of [
    ['dep', 'a', 'b'],
    ['mkchild'],
    ['service'],
    ['killjob', '--id', 'a', '--recursive'],
    ['server', '--add-user', 'bob'],
    ['server', '--list-users'],
  ]) {
    const ran = await balsam(words);
    t.is(ran.code, 2);
    t.regex(ran.err, /not supported yet/);
  }
});
