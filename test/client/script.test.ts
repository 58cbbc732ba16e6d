/** Whole scripts as processes: they end by themselves, and the tutorial's script does what the tutorial says. */
import fs from 'node:fs';
import path from 'node:path';
import test from 'ava';
import { connect } from '../../src/store/connection.ts';
import { getJobs } from '../../src/store/jobs/change.ts';
import { listApplications } from '../../src/store/applications.ts';
import { field, queryOf } from '../../src/model/query.ts';
import { databaseDirectory } from '../helpers/directory.ts';
import type { DatabaseDirectory } from '../helpers/directory.ts';
import { program, ROOT, run, runNode, userDirectory } from '../helpers/program.ts';
import type { Ran } from '../helpers/program.ts';

let directory: DatabaseDirectory;
let user: string;

test.before(async () => {
  directory = await databaseDirectory();
  user = await userDirectory();
});

test.after.always(async () => {
  await directory?.remove();
  await fs.promises.rm(user, { recursive: true, force: true });
});

async function script(name: string, source: string, env: Record<string, string> = {}): Promise<Ran> {
  const file = await program(
    user,
    `import { ApplicationDefinition, BalsamJob, currentJob, closeBalsam } from 'balsam';\n${source}`,
    name,
  );
  return runNode([file], { env: { BALSAM_DB_PATH: directory.path, ...env } });
}

test("the tutorial's app.ts: creates ten jobs, registers itself once, in both forms", async (t) => {
  const file = path.join(user, 'app.ts');
  await fs.promises.copyFile(path.join(ROOT, 'examples/square/app.ts'), file);
  await fs.promises.chmod(file, 0o755);
  const env = {
    BALSAM_DB_PATH: directory.path,
    PATH: `${path.dirname(process.execPath)}:${process.env['PATH']}`,
  };
  const ran = await run(file, ['10'], { env });
  t.deepEqual([ran.code, ran.out, ran.err], [0, 'Created 10 jobs\n', '']);

  // The prose's form: by name only, the path set when it was created; from another place nothing changes.
  const prose = await script(
    'prose.ts',
    `const [app, created] = await ApplicationDefinition.objects.getOrCreate({ name: 'square' });
     if (created) { app.executable = import.meta.filename; await app.save(); }
     console.log(created);`,
  );
  t.deepEqual([prose.code, prose.out], [0, 'false\n'], prose.err);
  const fresh = await script(
    'prose2.ts',
    `const [app, created] = await ApplicationDefinition.objects.getOrCreate({ name: 'square2' });
     if (created) { app.executable = import.meta.filename; await app.save(); }
     console.log(created, app.executable);`,
  );
  t.is(fresh.out, `true ${path.join(user, 'prose2.ts')}\n`, fresh.err);

  await using db = connect(directory.address, { applicationName: 'test', role: 'client' });
  const jobs = await getJobs(db, queryOf(field('workflow', 'equals', 'demo-square')));
  t.deepEqual(
    jobs.map((job) => [job.name, job.data, job.application]),
    Array.from({ length: 10 }, (_, i) => [`square${i}`, { x: i }, 'square']),
  );
  const square = (await listApplications(db)).filter((app) => app.name === 'square');
  t.deepEqual(
    square.map((app) => app.executable),
    [file],
  );

  const wrong = await run(file, ['ten'], { env });
  t.deepEqual([wrong.code, wrong.err], [2, 'usage: app.ts N\n']);
});

test('racing scripts register one application', async (t) => {
  const source = `const [, created] = await ApplicationDefinition.objects.getOrCreate({ name: 'race', executable: '/x' }); console.log(created);`;
  const file = await program(user, `import { ApplicationDefinition } from 'balsam';\n${source}`, 'race.ts');
  const runs = await Promise.all(
    Array.from({ length: 4 }, () =>
      runNode([file], { env: { BALSAM_DB_PATH: directory.path }, deadline: 60_000 }),
    ),
  );
  t.deepEqual(runs.map((r) => r.out).toSorted(), ['false\n', 'false\n', 'false\n', 'true\n'], runs[0]?.err);
});

for (const [what, source, out] of [
  [
    'after a save',
    `await new BalsamJob({ workflow: 'end', name: 'a' }).save(); console.log('done');`,
    'done\n',
  ],
  [
    'after queries and a broken-off stream',
    `await BalsamJob.objects.bulkCreate([{ workflow: 'end2' }, { workflow: 'end2' }]); for await (const job of BalsamJob.objects.filter({ workflow: 'end2' })) { console.log(job.state); break; }`,
    'CREATED\n',
  ],
  [
    'after waiting for a job',
    `const job = await BalsamJob.objects.create({ workflow: 'end3' }); const wait = job.finished({ timeoutMs: 10_000 }); await job.kill(); console.log((await wait).state);`,
    'USER_KILLED\n',
  ],
  [
    'after closing',
    `await BalsamJob.objects.count(); await closeBalsam(); console.log(currentJob);`,
    'null\n',
  ],
] as const) {
  test(`a script ends by itself ${what}`, async (t) => {
    const ran = await script(`end-${what.replaceAll(' ', '-')}.ts`, source);
    t.deepEqual([ran.code, ran.signal, ran.out, ran.err], [0, null, out, '']);
  });
}

test('a save that nobody awaits is still made before the script ends', async (t) => {
  const ran = await script('unawaited.ts', `void new BalsamJob({ workflow: 'unawaited' }).save();`);
  t.deepEqual([ran.code, ran.err], [0, '']);
  await using db = connect(directory.address, { applicationName: 'test', role: 'client' });
  t.is((await getJobs(db, queryOf(field('workflow', 'equals', 'unawaited')))).length, 1);
});

test('without a database the error says what to do', async (t) => {
  const none = await script('none.ts', `await BalsamJob.objects.count();`, { BALSAM_DB_PATH: '' });
  t.is(none.code, 1);
  t.regex(none.err, /UserError: BALSAM_DB_PATH is not set: run `source balsamactivate PATH`/);
  const wrong = await script('wrong.ts', `await BalsamJob.objects.count();`, { BALSAM_DB_PATH: user });
  t.is(wrong.code, 1);
  t.regex(wrong.err, /UserError/);
});

test('plain JavaScript gets the same errors', async (t) => {
  const file = await program(
    user,
    `import { BalsamJob } from 'balsam';
     const job = new BalsamJob({ workflow: 'js' });
     job.num_nodes = 4;
     try { await job.save(); } catch (error) { console.log(error.message); }
     try { job.state = 'FAILED'; } catch (error) { console.log(error.name); }
     try { await BalsamJob.objects.filter({ stat: 'FAILED' }); } catch (error) { console.log(error.message); }`,
    'plain.mjs',
  );
  const ran = await runNode([file], { env: { BALSAM_DB_PATH: directory.path } });
  t.is(
    ran.out,
    'a job has no field "num_nodes" (did you mean numNodes?)\nTypeError\njobs have no field "stat" (did you mean state?)\n',
    ran.err,
  );
});
