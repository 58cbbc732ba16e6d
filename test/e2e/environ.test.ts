/** A job's own variables, from the command line and the client to the process: any byte but NUL, by every helper and mpirun. */
import test from 'ava';
import { run } from '../helpers/program.ts';
import { makeWorld, type World } from './_world.ts';

let world: World;
test.before(async () => {
  world = await makeWorld();
  await world.app(
    'show',
    `printf %s "$X" | od -An -v -tx1 | tr -d ' \\n'; echo; env | grep -c '^abort_on_error=' || true`,
  );
});
test.after.always('nothing is left behind', async (t) => {
  t.deepEqual(await world.close(), []);
});

/** Each value as bash writes it, and its bytes. */
const VALUES: readonly [string, Buffer][] = [
  [`detect_leaks=0:abort_on_error=1`, Buffer.from('detect_leaks=0:abort_on_error=1')],
  [`'rs=0:di=01;34:ln=01;36: NAME=x'`, Buffer.from('rs=0:di=01;34:ln=01;36: NAME=x')],
  [
    `$'line\\nline\\ttab "quoted" {"json": [1]} \\\\ é'`,
    Buffer.from('line\nline\ttab "quoted" {"json": [1]} \\ é'),
  ],
  [`$'\\xff\\x80:A=\\x01\\x7f'`, Buffer.from([0xff, 0x80, 0x3a, 0x41, 0x3d, 0x01, 0x7f])],
  [`''`, Buffer.from('')],
];

for (const helper of ['python', 'node']) {
  test.serial(`--env gives one variable each, whatever is in it: ${helper}`, async (t) => {
    for (const [i, [typed]] of VALUES.entries()) {
      const line = `balsam job --name ${helper}${i} --workflow env --application show --yes --env X=${typed} --env Y=2`;
      const ran = await run('/bin/bash', ['-c', line], { cwd: world.home, env: world.env() });
      t.is(ran.code, 0, ran.err);
    }
    const launcher = world.launcher(['--wf-filter', 'env', '--helper', helper, '--idle-exit-seconds', '0']);
    t.is(await launcher.exit(), 0, launcher.err);
    const rows = new Map((await world.rows()).map((row) => [row.name, row]));
    for (const [i, [typed, bytes]] of VALUES.entries()) {
      const row = rows.get(`${helper}${i}`)!;
      t.is(row.state, 'JOB_FINISHED');
      t.is(await world.output(row.job_id), `${bytes.toString('hex')}\n0\n`, typed);
    }
  });
}

for (const mpi of ['mpirun.openmpi', 'mpiexec.mpich']) {
  test.serial(`the same for every rank: ${mpi}`, async (t) => {
    const line = `balsam job --name ${mpi} --workflow ${mpi} --application show --yes --ranks-per-node 2 --env X=$'a\\nb=0:B=1,"\\xff'`;
    const ran = await run('/bin/bash', ['-c', line], { cwd: world.home, env: world.env() });
    t.is(ran.code, 0, ran.err);
    const launcher = world.launcher(['--wf-filter', mpi, '--mpi', mpi, '--idle-exit-seconds', '0']);
    t.is(await launcher.exit(), 0, launcher.err);
    const row = (await world.rows()).find(({ name }) => name === mpi)!;
    t.is(row.state, 'JOB_FINISHED');
    const hex = Buffer.from('a\nb=0:B=1,"\xff', 'latin1').toString('hex');
    t.is((await world.output(row.job_id)).split(hex).length, 3, 'two ranks');
  });
}
