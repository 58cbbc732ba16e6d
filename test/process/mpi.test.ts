/** Real mpirun of both flavours (apt: openmpi-bin, mpich): ranks, remote start, and a nested start that is scrubbed. */
import fs from 'node:fs';
import os from 'node:os';
import path from 'node:path';
import test from 'ava';
import { parseEnviron, scrubNames } from '../../src/process/environment.ts';
import {
  detectMpi,
  mpiCommand,
  recognise,
  type MpiFlavour,
  type MpiJob,
  type MpiName,
} from '../../src/process/mpi/flavour.ts';
import { Rig, alive, pidsIn } from './_rig.ts';

const FLAVOURS: readonly MpiName[] = ['openmpi', 'mpich'];
/** What each rank says: its number, how many there are, and what it finds. */
const SAY =
  'echo "rank ${OMPI_COMM_WORLD_RANK:-$PMI_RANK} of ${OMPI_COMM_WORLD_SIZE:-$PMI_SIZE} on ${NODE:-here} A=$A job=$SLURM_JOB_ID cpus=$(sed -n "s/Cpus_allowed_list:[[:space:]]*//p" /proc/self/status)"';

async function installed(name: MpiName): Promise<MpiFlavour> {
  const found = await detectMpi(name);
  if (found === null) throw new Error(`these tests need ${name}: apt-get install openmpi-bin mpich`);
  return found;
}

function job(more: Partial<MpiJob>): MpiJob {
  return {
    ranks: 2,
    ranksPerNode: 2,
    hosts: null,
    argv: ['/bin/sh', '-c', SAY],
    env: ['A'],
    mpiFlags: [],
    asRoot: process.getuid?.() === 0,
    ...more,
  };
}

/** Runs a command through a helper with this base environment; its output, sorted. */
async function run(
  baseEnv: string,
  command: { argv: string[]; unset: string[] },
  set: Record<string, string> = {},
): Promise<string[]> {
  const rig = await Rig.open('python', baseEnv);
  try {
    const token = rig.start(command.argv, { unset: command.unset, set });
    const ended = await rig.event('ended', token);
    if (ended.exitCode !== 0) throw new Error(`${command.argv.join(' ')}: ${ended.tail}`);
    return rig.output(token).toString('latin1').trim().split('\n').toSorted();
  } finally {
    await rig.close();
  }
}

const BASE = 'PATH=/usr/local/bin:/usr/bin:/bin\0HOME=/root\0';
const cpus = /Cpus_allowed_list:\s*(\S+)/.exec(fs.readFileSync('/proc/self/status', 'latin1'))?.[1] ?? '';

for (const name of FLAVOURS) {
  test.serial(
    `${name}: two ranks on this node, unbound, with their environment, blind to the allocation`,
    async (t) => {
      t.timeout(60_000);
      const flavour = await installed(name);
      t.is(flavour.name, name);
      t.regex(flavour.version, /^\d+\.\d+/);
      const base = `${BASE}SLURM_JOB_ID=77\0SLURM_NNODES=5\0SLURM_NODELIST=nowhere[1-5]\0SLURM_JOB_NODELIST=nowhere[1-5]\0PBS_NODEFILE=/nonexistent\0`;
      const command = mpiCommand(
        flavour,
        job({ inherited: parseEnviron(Buffer.from(base)).keys(), rankEnv: { SLURM_JOB_ID: '7,7' } }),
      );
      t.true(command.unset.includes('SLURM_NNODES'));
      const want = [0, 1].map((rank) => `rank ${rank} of 2 on here A=a b job=7,7 cpus=${cpus}`);
      t.deepEqual(await run(base, command, { A: 'a b' }), want);
    },
  );

  test.serial(
    `${name}: four ranks on two named nodes, started through a program that is not ssh`,
    async (t) => {
      t.timeout(60_000);
      const directory = fs.mkdtempSync(path.join(os.tmpdir(), 'balsam-mpi-'));
      t.teardown(() => fs.rmSync(directory, { recursive: true, force: true }));
      const agentPath = path.join(directory, 'start-remote');
      // Called as `agent [options] HOST COMMAND…`; what the caller has in its environment is not there on the other node.
      fs.writeFileSync(
        agentPath,
        '#!/bin/sh\nwhile [ "${1#-}" != "$1" ]; do case "$1" in -l) shift 2;; *) shift;; esac; done\nNODE=$1; export NODE; shift\nexec env -u A sh -c "$*"\n',
        { mode: 0o755 },
      );
      const command = mpiCommand(
        await installed(name),
        job({ ranks: 4, hosts: ['nodea', 'nodeb'], remoteStart: { agentPath } }),
      );
      const want = [0, 1, 2, 3].map(
        (rank) => `rank ${rank} of 4 on ${rank < 2 ? 'nodea' : 'nodeb'} A=1 job= cpus=${cpus}`,
      );
      t.deepEqual(await run(BASE, command, { A: '1' }), want);
    },
  );

  for (const inner of FLAVOURS) {
    test.serial(
      `${name}: inside a rank of it, ${inner} starts a world of its own once the environment is scrubbed`,
      async (t) => {
        t.timeout(60_000);
        const outer = await installed(name);
        // The environment of an agent that mpirun has started: one rank of two dumps it.
        const rig = await Rig.open('python', BASE);
        const token = rig.start(
          mpiCommand(outer, job({ argv: ['/bin/sh', '-c', 'cat /proc/$$/environ >env.$$'] })).argv,
          { set: { A: '1' } },
        );
        t.is((await rig.event('ended', token)).exitCode, 0);
        const directory = path.join(rig.directory, String(token));
        const file = fs.readdirSync(directory).find((entry) => entry.startsWith('env.'));
        const environ = fs.readFileSync(path.join(directory, file ?? '')).toString('latin1');
        await rig.close();
        const names = [...parseEnviron(Buffer.from(environ, 'latin1')).keys()];
        t.true(scrubNames(names, { forMpirun: false }).length > 2, 'it was a rank');
        const command = mpiCommand(await installed(inner), job({ inherited: names }));
        t.deepEqual(
          await run(environ, command, { A: '2' }),
          [0, 1].map((rank) => `rank ${rank} of 2 on here A=2 job= cpus=${cpus}`),
        );
        const alone = mpiCommand(outer, job({ ranks: 1, inherited: names }));
        t.deepEqual(alone.argv, ['/bin/sh', '-c', SAY]);
        t.deepEqual(await run(environ, alone), [`rank  of  on here A=1 job= cpus=${cpus}`]);
      },
    );
  }

  test.serial(`${name}: killing mpirun ends every rank`, async (t) => {
    t.timeout(60_000);
    const rig = await Rig.open('python', BASE);
    t.teardown(() => rig.close());
    const command = mpiCommand(
      await installed(name),
      job({ argv: ['/bin/sh', '-c', 'trap "" TERM; echo $$ >>pids; while :; do sleep 1; done'] }),
    );
    const token = rig.start(command.argv, { set: { A: '1' } });
    const pids = await pidsIn(path.join(rig.directory, String(token), 'pids'), 2);
    rig.helper.kill(token, 500);
    t.true((await rig.event('ended', token)).told);
    t.deepEqual(pids.filter(alive), []);
  });
}

test('versions are recognised by what they print', (t) => {
  t.like(recognise('m', 'mpirun (Open MPI) 4.1.4\n\nReport bugs to'), { name: 'openmpi', version: '4.1.4' });
  t.like(recognise('m', 'mpirun (Open MPI) 5.0.3\n'), { name: 'openmpi', version: '5.0.3' });
  t.like(recognise('m', 'HYDRA build details:\n    Version:                                 4.0.2\n'), {
    name: 'mpich',
    version: '4.0.2',
  });
  t.like(recognise('m', 'Intel(R) MPI Library for Linux* OS, Version 2021.10 Build 20230619'), {
    name: 'mpich',
    version: '2021.10',
  });
  t.is(recognise('m', 'slurm 22.05'), null);
});

test('flags of the job replace ours; Open MPI 5 gets its own words for remote start', (t) => {
  const five = { name: 'openmpi', mpirun: '/x/mpirun', version: '5.0.3', launchFrom: 'lead-agent' } as const;
  const made = mpiCommand(
    five,
    job({
      hosts: ['a'],
      asRoot: false,
      mpiFlags: ['--bind-to', 'core', '--map-by=node'],
      remoteStart: { agentPath: '/r' },
      argv: ['app'],
      env: ['A', 'BASH_FUNC_x%%'],
    }),
  );
  const said =
    '/x/mpirun --oversubscribe --host a:2 --prtemca plm ssh --prtemca plm_ssh_agent /r --prtemca plm_ssh_no_tree_spawn 1 ' +
    '-x A -n 2 --bind-to core --map-by=node app';
  t.is(made.argv.join(' '), said);
});

test('a preferred mpirun is taken or nothing', async (t) => {
  t.is(await detectMpi('/nonexistent/mpirun'), null);
  t.is(await detectMpi('/bin/true'), null);
  t.not(await detectMpi(), null);
});
