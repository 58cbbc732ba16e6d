/**
 * Which variables a job finds. A job starts from the launcher's own environment; this file says what is taken away
 * (whatever describes the agent as an MPI rank: a program run alone would join the agents' world) and what is added.
 * Who calls it: the agent, for each start; mpi/*, for mpirun itself. It must never touch process.env.
 */
import { parseEnvironVars, RAW_BYTE } from '../model/environ-vars.ts';
import type { StartRequest } from './helper-messages.ts';

/** Set by a launcher of ranks and by nobody else: always taken away. */
const RANK =
  /^(?:OMPI_(?!MCA_)|PMIX_|ORTE_|OPAL_|PRTE_|PMI_|PMI2_|HYD(?!RA_)|MPI_LOCAL|MPIEXEC_|JSM_NAMESPACE|ALPS_APP_PE$|FLUX_TASK_|PALS_(?:RANKID|NODEID|LOCAL_|APID|DEPTH|SPOOL_DIR|FD)|SLURM_(?:PROCID|LOCALID|NODEID|STEP|TASK_PID|CPU_BIND|GTIDS|SRUN_COMM|LAUNCH_NODE_IPADDR|PMI|MPI_TYPE|UMASK|PRIO_PROCESS|TASK_EPILOG|TASK_PROLOG))/;

/** Set by launchers of ranks too, but also by people who tune: taken away only where a name above shows that we are a rank. */
const TUNING = /^(?:OMPI_MCA_|HYDRA_|MPIR_CVAR)/;

/** From these an mpirun would learn of the whole batch allocation, and use all of it. */
const ALLOCATION = /^(?:SLURM_|SLURMD_|PBS_)/;

/**
 * Names to unset for a job. What describes the batch allocation stays, except for mpirun itself (`forMpirun`), whose
 * hosts we name. Order as given; each once.
 */
export function scrubNames(names: Iterable<string>, options: { readonly forMpirun: boolean }): string[] {
  const all = [...new Set(names)];
  const isRank = all.some((name) => RANK.test(name));
  return all.filter(
    (name) =>
      RANK.test(name) || (isRank && TUNING.test(name)) || (options.forMpirun && ALLOCATION.test(name)),
  );
}

/** Names and values of a /proc/PID/environ, for reading (UTF-8; damaged where a value is not); the first of equal names counts. */
export function parseEnviron(environ: Uint8Array): Map<string, string> {
  const found = new Map<string, string>();
  for (const entry of Buffer.from(environ).toString('utf8').split('\0')) {
    const cut = entry.indexOf('=', 1);
    if (cut > 0 && !found.has(entry.slice(0, cut))) found.set(entry.slice(0, cut), entry.slice(cut + 1));
  }
  return found;
}

/** What the environment of one start is made from. */
export interface JobFacts {
  readonly jobId: string;
  /** The user's, as core/environ-vars.ts reads them. */
  readonly environVars: string;
  readonly parentIds: readonly string[];
  readonly dbPath: string;
  readonly jobSocket: string;
  readonly attempt: number;
  readonly threadsPerRank: number;
  /** What names the GPUs that it holds. */
  readonly gpus: Readonly<Record<string, string>>;
}

/** Variables set for a job on top of the base environment; ours override the user's. UserError: environ_vars is no list of pairs. */
export function jobEnvironment(job: JobFacts): Record<string, string> {
  const set: Record<string, string> = Object.fromEntries(parseEnvironVars(job.environVars));
  set['BALSAM_JOB_ID'] = job.jobId;
  set['BALSAM_PARENT_IDS'] = JSON.stringify(job.parentIds);
  set['BALSAM_DB_PATH'] = job.dbPath;
  set['BALSAM_JOB_SOCKET'] = job.jobSocket;
  set['BALSAM_ATTEMPT'] = String(job.attempt);
  if (job.threadsPerRank > 1) set['OMP_NUM_THREADS'] = String(job.threadsPerRank);
  return Object.assign(set, job.gpus);
}

/** The same for a helper: values with bytes that are no UTF-8 (halves of surrogate pairs) as bytes. */
export function environmentBytes(set: Readonly<Record<string, string>>): StartRequest['set'] {
  if (Object.values(set).every((value) => value.isWellFormed())) return set;
  return Object.entries(set).map(([name, value]) => {
    let from = 0;
    const parts: Uint8Array[] = [];
    for (const found of value.matchAll(RAW_BYTE)) {
      parts.push(Buffer.from(value.slice(from, found.index)), Buffer.of(found[0].charCodeAt(0) - 0xdc00));
      from = found.index + 1;
    }
    return [name, Buffer.concat([...parts, Buffer.from(value.slice(from))])] as const;
  });
}
