/**
 * From a job to what a helper starts: directory, output, argv, environment. Pure but for what it is told of the node.
 */
import { UserError } from '../base/errors.ts';
import { jobDirectory, outputName, workdirFault } from '../model/job-directory.ts';
import type { App, Job } from '../core/messages.ts';
import type { Allocation } from '../core/slots.ts';
import { jobArgv, splitWords, withEnvscript } from '../process/command.ts';
import { environmentBytes, jobEnvironment } from '../process/environment.ts';
import type { StartRequest } from '../process/helper.ts';
import { mpiCommand, type MpiFlavour } from '../process/mpi/flavour.ts';

export interface NodeFacts {
  dbPath: string;
  /** The job channel's socket. */
  socket: string;
  /** Names in the base environment. */
  inherited: readonly string[];
  /** What describes the batch allocation: mpirun must not see it, its ranks get it back. */
  rankEnv: Readonly<Record<string, string>>;
  asRoot: boolean;
  gpus: NodeGpus;
}

/** The GPUs of a node. */
export interface NodeGpus {
  /** As the surroundings name them; an allocation holds places in this list. */
  ids: readonly string[];
  /** What a job that holds these is told. */
  variables: (ids: readonly string[]) => Readonly<Record<string, string>>;
}

/** Whether a job is started by mpirun: more than one rank. */
export function isParallel(job: Job): boolean {
  return job.numNodes * job.ranksPerNode > 1;
}

/** Then ranks find the GPUs of their own host as its surroundings left them: this node's names mean nothing there. */
function isOfSeveralHosts(job: Job): boolean {
  return new Set(job.hosts).size > 1;
}

/** The directory of a job; a `user_workdir` is used as it is and not made. UserError for a relative one. */
export function workingDirectory(dbPath: string, job: Job): string {
  const fault = workdirFault(job.userWorkdir, 'user_workdir');
  if (fault !== null) throw new UserError(fault);
  if (job.userWorkdir !== '') return job.userWorkdir;
  // Both sides are normal already (dbPath is resolved, no part of the other is `.` or `..`): path.join would only cost.
  return `${dbPath}/data/${jobDirectory({ job_id: job.id, workflow: job.workflow, name: job.name })}`;
}

/** Throws UserError when the job's own words can't be started (quotes that do not close, a bad environ_vars). */
export function startRequest(
  facts: NodeFacts,
  own: { token: number; channelToken: string; cwd: string },
  job: Job,
  app: App,
  allocation: Allocation,
  mpi: MpiFlavour | null,
): StartRequest {
  const set = jobEnvironment({
    jobId: job.id,
    environVars: job.environVars,
    parentIds: job.parents === '' ? [] : (JSON.parse(job.parents) as string[]),
    dbPath: facts.dbPath,
    jobSocket: facts.socket,
    attempt: job.attempt,
    threadsPerRank: job.threadsPerRank,
    gpus: isOfSeveralHosts(job)
      ? {}
      : facts.gpus.variables(allocation.gpus.map((g) => facts.gpus.ids[g.id]!)),
  });
  set['BALSAM_JOB_TOKEN'] = own.channelToken;
  const program = jobArgv(app.executable, job.args);
  let argv = program;
  let unset: string[] = [];
  if (mpi) {
    const command = mpiCommand(mpi, {
      ranks: job.numNodes * job.ranksPerNode,
      ranksPerNode: job.ranksPerNode,
      hosts: isOfSeveralHosts(job) ? job.hosts : null,
      argv: program,
      env: Object.keys(set),
      mpiFlags: splitWords(job.mpiFlags, 'mpi_flags'),
      asRoot: facts.asRoot,
      inherited: facts.inherited,
      rankEnv: facts.rankEnv,
    });
    argv = command.argv;
    unset = command.unset;
  }
  if (app.envscript !== '') argv = withEnvscript(app.envscript, argv);
  return {
    token: own.token,
    cwd: own.cwd,
    makeDirectory: job.userWorkdir === '',
    output: outputName(job),
    attempt: job.attempt,
    argv,
    set: environmentBytes(set),
    unset,
    // A whole node holds all of its ids: the pin then keeps a logical node inside its share of the host.
    cpus: allocation.cpus,
  };
}
