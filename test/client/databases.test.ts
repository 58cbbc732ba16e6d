/**
 * Handles of databases, and several writers of one job: scripts as processes, as users run them.
 */
import fs from 'node:fs';
import test from 'ava';
import { addJob, BalsamJob, openBalsam, UserError } from '../../src/client/index.ts';
import { databaseDirectory } from '../helpers/directory.ts';
import type { DatabaseDirectory } from '../helpers/directory.ts';
import { program, runNode, userDirectory } from '../helpers/program.ts';
import type { Ran } from '../helpers/program.ts';

let one: DatabaseDirectory;
let two: DatabaseDirectory;
let user: string;

test.before(async () => {
  one = await databaseDirectory();
  two = await databaseDirectory();
  user = await userDirectory();
});

test.after.always(async () => {
  await Promise.all([one?.remove(), two?.remove()]);
  await fs.promises.rm(user, { recursive: true, force: true });
});

async function script(name: string, source: string, env: Record<string, string> = {}): Promise<Ran> {
  const file = await program(
    user,
    `import { BalsamJob, closeBalsam, openBalsam } from 'balsam';\n${source}`,
    `${name}.ts`,
  );
  return runNode([file], { env, deadline: 120_000 });
}

test('several databases at once, and jobs know theirs', async (t) => {
  await using a = await openBalsam({ path: one.path });
  await using b = await openBalsam({ path: two.path, maxConnections: 1 });
  t.deepEqual([a.path, b.path], [one.path, two.path]);
  const job = await a.jobs.create({ workflow: 'both', name: 'a' });
  const other = new BalsamJob({ workflow: 'both', name: 'b' }, b);
  await other.save();
  t.is(await a.jobs.filter({ workflow: 'both' }).count(), 1);
  t.deepEqual(
    (await b.jobs.filter({ workflow: 'both' })).map((found) => found.name),
    ['b'],
  );
  const [read] = await a.jobs.filter({ workflow: 'both' });
  read!.data['x'] = 1;
  await read!.save();
  await job.refresh();
  t.deepEqual(job.data, { x: 1 });
  t.true(job.workingDirectory.startsWith(one.path) && other.workingDirectory.startsWith(two.path));
  t.is(await b.jobs.filter({ workflow: 'both' }).kill(), 1);
  await job.refresh();
  t.is(job.state, 'CREATED');
  await a.applications.create({ name: 'only-a', executable: '/bin/a one' });
  t.false(await b.applications.filter({ name: 'only-a' }).exists());
  await t.throwsAsync(openBalsam({ path: `${user}/nowhere` }), { instanceOf: UserError });
});

test('what a job knows of itself', async (t) => {
  await using db = await openBalsam({ path: one.path });
  await db.applications.create({ name: 'helped', executable: `/bin/echo 'a b'`, envscript: '/no/such/file' });
  const job = await db.jobs.create({
    name: 'h',
    application: 'helped',
    args: '~/x  y',
    numNodes: 2,
    ranksPerNode: 8,
    threadsPerRank: 4,
    threadsPerCore: 2,
  });
  t.deepEqual([job.numRanks, job.requiredNumCores], [16, 16]);
  t.is(new BalsamJob({ threadsPerCore: 4 }).requiredNumCores, 1);
  t.deepEqual(await job.command(), ['/bin/echo', 'a b', `${process.env['HOME']}/x`, 'y']);
  t.is(await job.envscript(), null);
  t.is(await job.runtimeSeconds(), null);
  t.deepEqual(await job.children(), []);
  await t.throwsAsync(job.childByName('c'), { message: /no job matches .*"name":"c"/ });
  await fs.promises.mkdir(job.workingDirectory, { recursive: true });
  await fs.promises.writeFile(`${job.workingDirectory}/out.txt`, 'text');
  t.is(await job.readFileInWorkingDirectory('out.txt'), 'text');
  await t.throwsAsync(job.readFileInWorkingDirectory('none'), {
    instanceOf: UserError,
    message: /none cannot be read: it is not there/,
  });
  const stray = await db.jobs.create({ application: 'nosuch' });
  await t.throwsAsync(stray.command(), { instanceOf: UserError, message: /no application "nosuch"/ });
  await t.throwsAsync(new BalsamJob({}, db).history(), { message: /not saved/ });
});

test('addJob, three times; an application that is not registered is refused', async (t) => {
  await using db = await openBalsam({ path: one.path });
  await db.applications.create({ name: 'square', executable: '/bin/true' });
  for (const name of ['a', 'b', 'c']) {
    const job = await addJob({ name, workflow: 'three', application: 'square', args: name }, db);
    t.deepEqual([job.name, job.state], [name, 'CREATED']);
  }
  t.deepEqual(await db.jobs.filter({ workflow: 'three' }).values('name', 'args', 'application'), [
    { name: 'a', args: 'a', application: 'square' },
    { name: 'b', args: 'b', application: 'square' },
    { name: 'c', args: 'c', application: 'square' },
  ]);
  await t.throwsAsync(addJob({ name: 'd', workflow: 'three', application: 'sqare' }, db), {
    instanceOf: UserError,
    message: 'there is no application "sqare" (did you mean square?): register it first',
  });
  t.is(await db.jobs.filter({ workflow: 'three' }).count(), 3);
});

for (const [what, source] of [
  [
    'with `await using`',
    `await using db = await openBalsam({ path: process.env.ONE }); console.log(await db.jobs.filter({ workflow: 'none' }).count());`,
  ],
  [
    'without closing',
    `const db = await openBalsam({ path: process.env.ONE }); console.log(await db.jobs.filter({ workflow: 'none' }).count());`,
  ],
  [
    'with two handles and a stream that was left',
    `await using a = await openBalsam({ path: process.env.ONE }); await using b = await openBalsam({ path: process.env.TWO });
     await b.jobs.bulkCreate([{ workflow: 'left' }, { workflow: 'left' }]);
     for await (const job of b.jobs.filter({ workflow: 'left' })) break;
     console.log(await a.jobs.filter({ workflow: 'left' }).count());`,
  ],
  [
    'closed with a query under way, which is answered or told so',
    `const db = await openBalsam({ path: process.env.ONE });
     const count = db.jobs.filter({ workflow: 'none' }).count().catch(() => 0); await db.close(); console.log(await count);`,
  ],
] as const) {
  test(`a script ends by itself ${what}`, async (t) => {
    const ran = await script(`ends-${what.replaceAll(/\W+/g, '-')}`, source, {
      ONE: one.path,
      TWO: two.path,
    });
    t.deepEqual([ran.code, ran.signal, ran.out, ran.err], [0, null, '0\n', '']);
  });
}

test('scripts that change different keys of one job all win; the same key has the last commit, and none is lost', async (t) => {
  await using db = await openBalsam({ path: one.path });
  const job = await db.jobs.create({ workflow: 'writers', name: 'w', data: { start: true } });
  const [writers, rounds] = [4, 25];
  const source = `
    const me = process.env.ME;
    const job = await BalsamJob.objects.get({ id: process.env.JOB });
    for (let i = 1; i <= ${rounds}; i += 1) {
      job.data['key' + me] = i;
      job.data['new' + me + '-' + i] = me;
      job.data.shared = me + ':' + i;
      job['description'] = me;
      await job.save();
    }
    delete job.data.start;
    await job.save();
    console.log(job.updatedAt.getTime());
  `;
  const runs = await Promise.all(
    Array.from({ length: writers }, (_, me) =>
      script(`writer-${me}`, source, { ME: String(me), JOB: job.id, BALSAM_DB_PATH: one.path }),
    ),
  );
  t.deepEqual(
    runs.map((ran) => [ran.code, ran.err]),
    runs.map(() => [0, '']),
  );
  await job.refresh();
  const { shared, ...rest } = job.data;
  const expected: Record<string, unknown> = {};
  for (let me = 0; me < writers; me += 1) {
    expected[`key${me}`] = rounds;
    for (let i = 1; i <= rounds; i += 1) expected[`new${me}-${i}`] = String(me);
  }
  t.deepEqual(rest, expected as typeof rest);
  // Whoever committed it last had finished its rounds: a writer's own last one comes after all of its earlier ones.
  t.regex(JSON.stringify(shared), new RegExp(`^"\\d:${rounds}"$`));
});

test('of two that set the same key, the later save is what stays', async (t) => {
  await using db = await openBalsam({ path: one.path });
  const first = await db.jobs.create({ workflow: 'same-key', data: { k: 0, other: 1 } });
  const second = await db.jobs.get({ id: first.id });
  [first.data['k'], second.data['k'], second.data['more']] = [1, 2, 3];
  await second.save();
  await first.save();
  await second.refresh();
  t.deepEqual(second.data, { k: 1, other: 1, more: 3 });
});
