/** `report` as a script imports it: typed plain data, and refusals. */
import fs from 'node:fs';
import test from 'ava';
import { BalsamJob, closeBalsam, openBalsam, report, UserError } from '../../src/client/index.ts';
import type { Report } from '../../src/client/index.ts';
import { databaseDirectory } from '../helpers/directory.ts';
import { program, runNode, userDirectory } from '../helpers/program.ts';
import { FakeAgent } from './_agent.ts';

test.after.always(() => closeBalsam());

test('numbers of the open database', async (t) => {
  const directory = await databaseDirectory();
  t.teardown(() => directory.remove());
  process.env['BALSAM_DB_PATH'] = directory.path;
  await BalsamJob.objects.bulkCreate([{ workflow: 'a' }, { workflow: 'b', application: 'x' }]);
  const all: Report = await report();
  t.deepEqual([all.jobs, all.states, all.buckets.length], [2, { CREATED: 2 }, 1]);
  t.true(all.from instanceof Date);
  const one = await report({ workflow: 'b' });
  t.deepEqual([one.workflow, one.jobs, one.launchers], ['b', 1, []]);
  await using db = await openBalsam({ path: directory.path });
  t.is((await db.report({ workflow: 'a' })).jobs, 1);
  t.is((await db.report({ since: '1h', until: new Date(Date.now() + 60_000) })).jobs, 2);
  t.is((await db.report({ until: '1h' })).from, null);
  await t.throwsAsync(report({ since: 'yesterday' }), {
    instanceOf: UserError,
    message: /^report: since must be a time like .*, not "yesterday"$/,
  });
  await t.throwsAsync(report({ workflows: 'b' } as never), {
    instanceOf: UserError,
    message: 'report takes workflow, since and until, not "workflows"',
  });
  await t.throwsAsync(report({ workflow: 3 } as never), {
    instanceOf: UserError,
    message: 'report: workflow must be a text, not 3',
  });
});

test('inside a job there is no database', async (t) => {
  const [agent, directory] = [await FakeAgent.start(), await userDirectory()];
  t.teardown(async () => {
    await agent.close();
    await fs.promises.rm(directory, { recursive: true });
  });
  const file = await program(directory, `import { report } from 'balsam';\nawait report();\n`);
  const ran = await runNode([file], { env: agent.environment, deadline: 60_000 });
  t.is(ran.code, 1);
  t.regex(ran.err, /UserError: a running job has no database to report on: call report\(\) in a script/);
});
