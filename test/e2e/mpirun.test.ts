/**
 * Real mpirun, both flavours: as the way in which agents are started, and as what starts the ranks of a job. All four
 * pairs of them; agents are ranks themselves, and no job may take itself for one of them.
 */
import { spawnSync } from 'node:child_process';
import test from 'ava';
import { detectMpi } from '../../src/process/mpi/flavour.ts';
import { makeWorld, ms, until, type World } from './_world.ts';

const FLAVOURS = ['mpirun.openmpi', 'mpiexec.mpich'];

let world: World;
test.before(async () => {
  world = await makeWorld();
  // Who am I: Open MPI and Hydra tell by different names.
  await world.app(
    'rank',
    `echo "rank \${OMPI_COMM_WORLD_RANK:-\${PMI_RANK:-none}} of \${OMPI_COMM_WORLD_SIZE:-\${PMI_SIZE:-none}} job \${BALSAM_JOB_ID} mine=$MINE slurm=$SLURM_JOB_NUM_NODES"`,
  );
  await world.app('alone', `tr '\\0' '\\n' </proc/$$/environ`);
});
test.after.always('nothing is left behind', async (t) => {
  t.deepEqual(await world.close(), []);
});

test('both flavours are on this machine', (t) => {
  for (const name of FLAVOURS)
    t.is(spawnSync(name, ['--version']).error, undefined, `${name}: apt install openmpi-bin mpich`);
});

test.serial('the mpirun that is found by itself really starts two ranks', async (t) => {
  const found = await detectMpi();
  t.truthy(found);
  const out = spawnSync(
    found!.mpirun,
    [
      ...(found!.name === 'openmpi' ? ['--allow-run-as-root', '--oversubscribe'] : []),
      '-n',
      '2',
      'echo',
      'hello',
    ],
    { encoding: 'utf8' },
  );
  t.is(out.stdout.match(/hello/g)?.length, 2, out.stderr);
});

for (const launch of ['local', ...FLAVOURS]) {
  for (const flavour of FLAVOURS) {
    // One --mpi serves both; agents of one flavour with jobs of the other is what --launch local and modules allow.
    if (launch !== 'local' && launch !== flavour) continue;
    test.serial(`agents by ${launch}, two ranks by ${flavour}`, async (t) => {
      const ids = await world.jobs([
        { name: `ranks ${flavour}`, application: 'rank', ranks_per_node: 2, environ_vars: 'MINE=a,b c' },
        { name: 'one', application: 'alone' },
        { name: 'two', application: 'alone' },
      ]);
      const launcher = world.launcher(
        [
          '--consume-all',
          '--nodes',
          '2',
          '--launch',
          launch === 'local' ? 'local' : 'mpirun',
          '--mpi',
          flavour,
          '--persistent',
        ],
        { env: { SLURM_JOB_NUM_NODES: '2', PMI_RANK: '5', OMPI_COMM_WORLD_RANK: '5' } },
      );
      await world.until(ids, ['JOB_FINISHED', 'FAILED']);
      t.log(`three jobs, one of two ranks, after ${ms(launcher.age)}`);
      const joined = new RegExp(`-${launcher.pid}-[^"]*","node":[01],[^\\n]*an agent joined`);
      await until(
        () => world.said(joined) === 2,
        () => `two agents, one a node: ${world.logs()}`,
      );
      launcher.child.kill('SIGTERM');
      t.is(await launcher.exit(), 0, launcher.err);
      t.regex(launcher.err, /^balsam: SIGTERM: ending jobs[^\n]*\n$/);
      const output = await world.output(ids[0]!);
      t.is((await world.row(ids[0]!)).state, 'JOB_FINISHED', `${output}\n${await world.messages(ids[0]!)}`);
      const ranks = [...output.matchAll(/^rank (\d) of (\d) job (\S+) mine=(.*) slurm=(.*)$/gm)]
        .map((m) => m.slice(1))
        .toSorted((a, b) => (a[0]! < b[0]! ? -1 : 1));
      t.deepEqual(
        ranks,
        [0, 1].map((r) => [String(r), '2', ids[0]!, 'a,b c', '2']),
        output,
      );
      for (const id of ids.slice(1)) {
        const env = await world.output(id);
        t.notRegex(env, /^(OMPI_(?!MCA)|PMIX_|PMI_|HYDI?_|PRTE_|MPI_LOCAL)/m);
        t.regex(env, /^SLURM_JOB_NUM_NODES=2$/m);
      }
    });
  }
}

test.serial('agents by mpirun, a signal: everything ends', async (t) => {
  for (const flavour of FLAVOURS) {
    const launcher = world.launcher([
      '--consume-all',
      '--nodes',
      '2',
      '--launch',
      'mpirun',
      '--mpi',
      flavour,
    ]);
    await until(
      () => world.said(new RegExp(`-${launcher.pid}-[^\\n]*an agent joined`)) === 2,
      () => `agents join: ${world.logs()}`,
    );
    const asked = performance.now();
    launcher.child.kill('SIGTERM');
    t.is(await launcher.exit(), 0, launcher.err);
    t.log(`${flavour}: left ${ms(performance.now() - asked)} after the signal`);
    await until(
      () =>
        world.processes().filter((p) => /mpirun|mpiexec|hydra|agent\.js/.test(p.argv.join(' '))).length === 0,
      'nothing of it is left',
    );
  }
});
