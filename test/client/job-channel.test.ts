/**
 * The client inside a job: real programs as processes, against an agent's socket. No database is anywhere near: what
 * would open one fails, and the driver must not even be loaded.
 */
import fs from 'node:fs';
import path from 'node:path';
import test from 'ava';
import { ROOT, program, run, runNode, userDirectory } from '../helpers/program.ts';
import type { Ran } from '../helpers/program.ts';
import { FakeAgent, JOB_ID } from './_agent.ts';

async function inJob(
  source: string,
  use: (agent: FakeAgent, directory: string) => void | Promise<void> = () => {},
  env: Record<string, string | undefined> = {},
): Promise<{ ran: Ran; agent: FakeAgent }> {
  const [agent, directory] = await Promise.all([FakeAgent.start(), userDirectory()]);
  try {
    await use(agent, directory);
    const file = await program(
      directory,
      `import { ApplicationDefinition, BalsamJob, currentJob } from 'balsam';\n${source}`,
    );
    const ran = await runNode([file], { env: { ...agent.environment, BALSAM_DB_PATH: '/nowhere', ...env } });
    return { ran, agent };
  } finally {
    await agent.close();
    await fs.promises.rm(directory, { recursive: true });
  }
}

test('a job reads its record, writes data, and sends only what changed', async (t) => {
  const { ran, agent } = await inJob(`
    const job = currentJob!;
    const x = Number(job.data['x']);
    job.data['y'] = x ** 2;
    delete job.data['other'];
    await job.save();
    await job.save();
    await job.refresh();
    console.log(JSON.stringify([job.id, job.state, job.attempt, job.data, job.cuteId, job.workingDirectory, job.numNodes]));
  `);
  t.is(ran.err, '');
  t.deepEqual(JSON.parse(ran.out), [
    JOB_ID,
    'RUNNING',
    1,
    { x: 9, y: 81 },
    '[square9 | 7862d523]',
    '/db/data/demo-square/square9_7862d523',
    1,
  ]);
  t.is(ran.code, 0);
  t.deepEqual(agent.requests, [
    { op: 'job.get', fresh: false },
    { op: 'job.patch', set: { y: 81 }, removed: ['other'], fields: {}, durable: false },
    { op: 'job.get', fresh: true },
  ]);
});

test('durable and description travel; other fields are refused', async (t) => {
  const { ran, agent } = await inJob(`
    const job = currentJob!;
    job.description = 'nine';
    await job.save({ durable: true });
    job.numNodes = 2;
    try { await job.save(); } catch (error) { console.log(error.name, error.message); }
  `);
  t.regex(ran.out, /^UserError .*data and description, not numNodes\n$/);
  t.deepEqual(agent.requests[1], {
    op: 'job.patch',
    set: {},
    removed: [],
    fields: { description: 'nine' },
    durable: true,
  });
  t.is(agent.requests.length, 2);
});

test('deep changes of data are seen, equal values are not sent, the order of keys does not count', async (t) => {
  const { agent, ran } = await inJob(`
    const job = currentJob!;
    job.data['other'] = { deep: [1, 2] };
    await job.save();
    (job.data['other'] as { deep: number[] }).deep.push(3);
    await job.save();
  `);
  t.is(ran.code, 0, ran.err);
  t.deepEqual(
    agent.requests.slice(1).map((r) => r.op === 'job.patch' && r.set),
    [{ other: { deep: [1, 2, 3] } }],
  );
});

test('saves of one job are carried out one after the other', async (t) => {
  const { agent, ran } = await inJob(`
    const job = currentJob!;
    const saves = [];
    for (let i = 0; i < 20; i += 1) { job.data['i'] = i; saves.push(job.save()); }
    await Promise.all(saves);
  `);
  t.is(ran.code, 0, ran.err);
  t.is(agent.record.data['i'], 19);
});

test('the script of the tutorial registers itself in a job, too', async (t) => {
  const { ran, agent } = await inJob(`
    const [app, created] = await ApplicationDefinition.objects.getOrCreate({ name: 'square', executable: '/a/app.ts' });
    const [again, createdAgain] = await ApplicationDefinition.objects.getOrCreate({ name: 'square', executable: '/b' });
    again.executable = '/c';
    await again.save();
    await again.save();
    console.log(created, createdAgain, app.executable, again.executable, (await ApplicationDefinition.objects.get({ name: 'square' })).executable);
  `);
  t.is(ran.out, 'true false /a/app.ts /c /c\n', ran.err);
  t.deepEqual(
    agent.requests.map((r) => r.op),
    ['job.get', 'application.getOrCreate', 'application.getOrCreate', 'application.save', 'application.get'],
  );
});

test('the example app.ts squares its number', async (t) => {
  const [agent, directory] = await Promise.all([FakeAgent.start(), userDirectory()]);
  t.teardown(() => Promise.all([agent.close(), fs.promises.rm(directory, { recursive: true })]));
  const file = path.join(directory, 'app.ts');
  await fs.promises.copyFile(path.join(ROOT, 'examples/square/app.ts'), file);
  await fs.promises.chmod(file, 0o755);
  const bin = path.dirname(process.execPath);
  const ran = await run(file, [], {
    env: { ...agent.environment, BALSAM_DB_PATH: '/nowhere', PATH: `${bin}:${process.env['PATH']}` },
  });
  t.deepEqual([ran.code, ran.out, ran.err], [0, '', '']);
  t.is(agent.record.data['y'], 81);
  t.is(agent.applications.get('square')?.executable, await fs.promises.realpath(file));
});

test('nothing of the database is loaded in a job, and one connection is enough', async (t) => {
  const { ran, agent } = await inJob(
    `
    await ApplicationDefinition.objects.getOrCreate({ name: 'square' });
    currentJob!.data['y'] = 1;
    await currentJob!.save();
    `,
    undefined,
    { NODE_OPTIONS: `--import=data:text/javascript,${encodeURIComponent(HOOK)}` },
  );
  t.is(ran.code, 0, ran.err);
  const loaded = ran.out.split('\n').filter((line) => line.startsWith('LOADED '));
  t.true(loaded.some((line) => line.includes('src/client/channel-gateway.ts')));
  t.deepEqual(
    loaded.filter((line) => /postgres|sql-gateway|src\/cluster|connection\.ts/.test(line)),
    [],
  );
  t.is(agent.connections, 1);
});

const HOOK = `
import { registerHooks } from 'node:module';
registerHooks({ load(url, context, next) { if (!url.startsWith('node:')) process.stdout.write('LOADED ' + url + '\\n'); return next(url, context); } });
`;

for (const [what, source, pattern] of [
  [
    'creating a job',
    `await new BalsamJob({ name: 'a', application: 'b' }).save()`,
    /not supported yet: creating jobs inside/,
  ],
  [
    'creating by the manager',
    `await BalsamJob.objects.create({ name: 'a' })`,
    /creating jobs inside a running job comes with workflows/,
  ],
  [
    'bulk creation',
    `await BalsamJob.objects.bulkCreate([{ name: 'a' }])`,
    /creating jobs inside a running job/,
  ],
  [
    'a query',
    `await BalsamJob.objects.filter({ name: 'x' })`,
    /querying jobs is not supported yet inside a running job/,
  ],
  [
    'a stream',
    `for await (const job of BalsamJob.objects) console.log(job)`,
    /querying jobs is not supported yet/,
  ],
  ['a count', `await BalsamJob.objects.count()`, /querying jobs is not supported yet/],
  ['a kill', `await currentJob!.kill()`, /killing jobs is not supported yet/],
  ['a delete', `await currentJob!.delete()`, /deleting jobs is not supported yet/],
  ['waiting', `await currentJob!.finished()`, /waiting for jobs is not supported yet/],
  [
    'opening',
    `await (await import('balsam')).openBalsam({ path: '/x' })`,
    /a running job has no database to open/,
  ],
  [
    'undefined in data',
    `currentJob!.data['a'] = { b: [undefined as never] }; await currentJob!.save()`,
    /data\.a\.b\[0\] is undefined, which JSON/,
  ],
  ['NUL in data', `currentJob!.data['a'] = 'x\\0'; await currentJob!.save()`, /data\.a holds a NUL/],
  [
    'a date in data',
    `currentJob!.data['a'] = new Date() as never; await currentJob!.save()`,
    /data\.a is a Date, not plain JSON/,
  ],
  [
    'data that is none',
    `currentJob!.data = [] as never; await currentJob!.save()`,
    /data of a job must be an object like .*, not \[\]/,
  ],
  [
    'a stray property',
    `(currentJob as any).num_nodes = 3; await currentJob!.save()`,
    /no field "num_nodes" \(did you mean numNodes\?\)/,
  ],
] as const) {
  test(`refused in a job: ${what}`, async (t) => {
    const { ran } = await inJob(
      `try { ${source} } catch (error) { console.log(error.name + ': ' + error.message); }`,
    );
    t.regex(ran.out, pattern, ran.err);
    t.regex(ran.out, /^UserError/);
    t.is(ran.code, 0);
  });
}

for (const [what, env, pattern] of [
  ['no socket', { BALSAM_JOB_SOCKET: undefined }, /BALSAM_JOB_SOCKET is not: .*unset BALSAM_JOB_ID/],
  ['no token', { BALSAM_JOB_TOKEN: '' }, /BALSAM_JOB_TOKEN is not: .*unset BALSAM_JOB_ID/],
  ['a wrong token', { BALSAM_JOB_TOKEN: 'nonsense' }, /This attempt is over.*unset BALSAM_JOB_ID/],
  [
    'nobody there',
    { BALSAM_JOB_SOCKET: '/nowhere/s' },
    /no agent answers on the job channel \/nowhere\/s.*unset BALSAM_JOB_ID/,
  ],
  ['another job', { BALSAM_JOB_ID: '00000000-0000-4000-8000-000000000000' }, /belongs to job 7862d523/],
] as const) {
  test(`the import fails with what to do: ${what}`, async (t) => {
    const { ran } = await inJob(`console.log('went on', currentJob);`, undefined, env);
    t.is(ran.out, '');
    t.regex(ran.err, pattern);
    t.is(ran.code, 1);
  });
}

test('an agent that hangs up ends what waits, with a sentence', async (t) => {
  const { ran } = await inJob(
    `currentJob!.data['y'] = 1;
     try { await currentJob!.save(); } catch (error) { console.log(error.name, error.code, error.message); }`,
    (agent) => {
      agent.override = (request) => {
        if (request.op === 'job.patch') agent.hangUp();
        return null;
      };
    },
  );
  t.is(ran.out, 'WorldError unavailable the agent closed the job channel: this attempt of the job is over\n');
  t.is(ran.code, 0);
});

test('what the agent refuses is an error of the caller, and the next save works', async (t) => {
  let first = true;
  const { ran, agent } = await inJob(
    `const job = currentJob!;
     job.data['y'] = 1;
     try { await job.save(); } catch (error) { console.log(error.name, error.message); }
     await job.save();`,
    (fake) => {
      fake.override = (request, id) => {
        if (request.op !== 'job.patch' || !first) return null;
        first = false;
        return { id, ok: false, code: 'refused', error: 'Postgres refused the value.' };
      };
    },
  );
  t.is(ran.out, 'UserError Postgres refused the value.\n');
  t.is(agent.record.data['y'], 1);
});

test('a record of megabytes comes and goes whole', async (t) => {
  const { ran, agent } = await inJob(
    `const job = currentJob!;
     const text = job.data['big'] as string;
     job.data['copy'] = text + 'ü';
     await job.save();
     console.log(text.length);`,
    (fake) => {
      fake.record = { ...fake.record, data: { big: 'é€😀'.repeat(300_000) } };
    },
  );
  t.is(ran.out, '1200000\n', ran.err);
  t.is(agent.record.data['copy'], `${'é€😀'.repeat(300_000)}ü`);
});

test('outside a job currentJob is null and nothing is opened', async (t) => {
  const directory = await userDirectory();
  t.teardown(() => fs.promises.rm(directory, { recursive: true }));
  const file = await program(directory, `import { currentJob } from 'balsam'; console.log(currentJob);`);
  const ran = await runNode([file], { env: { BALSAM_DB_PATH: '/nowhere' } });
  t.deepEqual([ran.code, ran.out, ran.err], [0, 'null\n', '']);
});

test('the Python example of docs/job-channel.md does what it says', async (t) => {
  const [agent, directory] = await Promise.all([FakeAgent.start(), userDirectory()]);
  t.teardown(() => Promise.all([agent.close(), fs.promises.rm(directory, { recursive: true })]));
  const page = await fs.promises.readFile(path.join(ROOT, 'docs/job-channel.md'), 'utf8');
  const [, source] = /```python\n([\s\S]*?)```/.exec(page) ?? [];
  const file = await program(directory, source ?? '', 'example.py');
  const ran = await run('python3', [file], { env: agent.environment });
  t.deepEqual([ran.code, ran.out, ran.err], [0, '', '']);
  t.is(agent.record.data['y'], 81);
});
