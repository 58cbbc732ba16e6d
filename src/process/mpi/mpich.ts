/**
 * Hydra, the launcher of MPICH and of the MPIs made from it. It passes its whole environment to the ranks, so nothing
 * is exported by name. Called by flavour.ts alone; it must never name a host that was not given.
 */
import { hasFlag } from './mpi-job.ts';
import type { MpiFlavour, MpiJob } from './mpi-job.ts';

/** mpiexec … argv. Ranks fill the first host up to ranksPerNode, then the next. */
export function mpichArgv(flavour: MpiFlavour, job: MpiJob): string[] {
  const flags = job.mpiFlags;
  const argv = [flavour.mpirun];
  // Named even when it is this node alone: a host file in the environment would be taken otherwise.
  if (!hasFlag(flags, 'hosts', 'host', 'f', 'hostfile'))
    argv.push('-hosts', (job.hosts ?? ['localhost']).join(','));
  if (!hasFlag(flags, 'ppn', 'perhost'))
    argv.push('-ppn', String(job.hosts === null ? job.ranks : job.ranksPerNode));
  if (!hasFlag(flags, 'bind-to', 'binding')) argv.push('-bind-to', 'none');
  if (job.remoteStart !== undefined)
    argv.push('-launcher', 'ssh', '-launcher-exec', job.remoteStart.agentPath);
  else if (job.hosts === null && !hasFlag(flags, 'launcher', 'bootstrap')) argv.push('-launcher', 'fork');
  argv.push('-n', String(job.ranks), ...flags, ...job.argv);
  return argv;
}
