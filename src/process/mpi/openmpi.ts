/**
 * Open MPI's mpirun (4 and 5). Why each flag: the scheduler of slots is ours, not its (`--oversubscribe`), and without
 * `--bind-to none` every job of two ranks would sit on cores 0 and 1. Called by flavour.ts alone; it must never name a
 * host that was not given.
 */
import { hasFlag } from './mpi-job.ts';
import type { MpiFlavour, MpiJob } from './mpi-job.ts';

/** Variables that Open MPI can export with -x: it splits at '=' and reads no other characters. */
const EXPORTABLE = /^[A-Za-z_][A-Za-z0-9_]*$/;

/** mpirun … argv. Ranks fill the first host up to ranksPerNode, then the next. */
export function openmpiArgv(flavour: MpiFlavour, job: MpiJob): string[] {
  const flags = job.mpiFlags;
  const argv = [flavour.mpirun];
  if (job.asRoot) argv.push('--allow-run-as-root');
  if (!hasFlag(flags, 'oversubscribe')) argv.push('--oversubscribe');
  if (!hasFlag(flags, 'bind-to', 'bind-to-core', 'bind-to-socket', 'cpu-set', 'rf', 'rankfile'))
    argv.push('--bind-to', 'none');
  if (job.hosts !== null) {
    argv.push('--host', job.hosts.map((host) => `${host}:${job.ranksPerNode}`).join(','));
    if (!hasFlag(flags, 'map-by', 'npernode', 'N', 'rf', 'rankfile')) argv.push('--map-by', 'slot');
  }
  if (job.remoteStart !== undefined) argv.push(...remoteStart(flavour, job.remoteStart.agentPath));
  for (const name of job.env) if (EXPORTABLE.test(name)) argv.push('-x', name);
  argv.push('-n', String(job.ranks), ...flags, ...job.argv);
  return argv;
}

/** All daemons are started from here, through the agents; not in a tree, whose inner nodes have no such program. */
function remoteStart(flavour: MpiFlavour, agentPath: string): string[] {
  if (Number.parseInt(flavour.version, 10) >= 5) {
    return [
      '--prtemca',
      'plm',
      'ssh',
      '--prtemca',
      'plm_ssh_agent',
      agentPath,
      '--prtemca',
      'plm_ssh_no_tree_spawn',
      '1',
    ];
  }
  return ['--mca', 'plm', 'rsh', '--mca', 'plm_rsh_agent', agentPath, '--mca', 'plm_rsh_no_tree_spawn', '1'];
}
