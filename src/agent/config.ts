/**
 * What an agent must know to join its launcher: a file that the warden writes (mode 0600) once the coordinator listens.
 * Agents may be started before it is there; they wait for it, so that both start at the same time.
 */
import { readFile } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { setTimeout as pause } from 'node:timers/promises';
import * as z from 'zod/mini';
import type { GpuGrant } from '../../native-free/gpu-grant.ts';
import { judgeProcess } from '../../native-free/process-identity.ts';
import { systemClock } from '../base/clock.ts';
import { EXIT_FAILED, UserError } from '../base/errors.ts';
import { OWNER_FILE } from '../launcher/names.ts';

const identity = z.object({
  pid: z.int(),
  startTime: z.int(),
  bootId: z.string(),
  pidNamespace: z.string(),
  uid: z.int(),
});

const schema = z.object({
  launcher: z.int(),
  /** Eight hex digits, the launcher's own on its hosts: what its agents leave in /tmp is found by it. */
  tag: z.string().check(z.regex(/^[0-9a-f]{8}$/)),
  /** Its warden: where this process is dead and the coordinator silent, nobody will ever speak to the agents again. */
  warden: identity,
  endpoints: z.array(z.string()).check(z.minLength(1)),
  dbPath: z.string(),
  /** Nodes on this host share its CPUs: how many, when the warden started them here itself; null under mpirun. */
  nodesHere: z.nullable(z.int()),
  /** GPUs of each node, as the user said; null: what is granted, or found. */
  gpus: z.nullable(z.int()),
  helper: z.enum(['auto', 'python', 'node']),
  /** 'openmpi', 'mpich' or a path; null = find one. */
  mpi: z.nullable(z.string()),
  killGraceMs: z.number(),
  /** File with the launcher's environment, byte for byte. */
  environ: z.string(),
  clientKey: z.string(),
});

export type AgentFile = z.infer<typeof schema>;

const POLL_MS = 20;
const WAIT_MS = 60_000;

/** Reads the file, waiting for it to appear; UserError when it does not, or is none of ours. */
export async function readAgentFile(path: string): Promise<AgentFile> {
  const until = systemClock.monotonic() + WAIT_MS;
  for (;;) {
    const text = await readFile(path, 'utf8').catch(() => null);
    if (text !== null) {
      const parsed = schema.safeParse(JSON.parse(text));
      if (!parsed.success)
        throw new UserError(`${path} is no agent file: ${z.prettifyError(parsed.error)}`, EXIT_FAILED);
      return parsed.data;
    }
    // oxlint-disable-next-line no-await-in-loop
    if (await isWardenDead(path))
      throw new UserError(`${path} did not appear before the launcher ended`, EXIT_FAILED);
    if (systemClock.monotonic() > until)
      throw new UserError(`${path} did not appear: is the launcher alive?`, EXIT_FAILED);
    await pause(POLL_MS);
  }
}

/** Whether the warden, who made the directory and would write the file, is proven dead: nobody will write it then. */
async function isWardenDead(path: string): Promise<boolean> {
  const text = await readFile(join(dirname(path), OWNER_FILE), 'utf8').catch(() => '{}');
  const owner = identity.safeParse(JSON.parse(text)).data;
  return owner !== undefined && judgeProcess(owner) === 'dead';
}

/** Where this agent stands among those of its launcher, from what started it: a flag, mpirun or srun. */
export interface Place {
  node: number;
  /** This agent among those of its host, and how many they are. */
  local: number;
  localCount: number;
}

/** Reads the place from the rank variables of Open MPI, Hydra (PMI) or Slurm. */
export function placeFromEnvironment(env: NodeJS.ProcessEnv): Place | null {
  const first = (...names: string[]): number | null => {
    for (const name of names)
      if (env[name] !== undefined && /^\d+$/.test(env[name])) return Number(env[name]);
    return null;
  };
  const node = first('OMPI_COMM_WORLD_RANK', 'PMIX_RANK', 'PMI_RANK', 'PALS_RANKID', 'SLURM_PROCID');
  if (node === null) return null;
  const local =
    first('OMPI_COMM_WORLD_LOCAL_RANK', 'MPI_LOCALRANKID', 'PALS_LOCAL_RANKID', 'SLURM_LOCALID') ?? 0;
  const localCount = first('OMPI_COMM_WORLD_LOCAL_SIZE', 'MPI_LOCALNRANKS', 'PALS_LOCAL_SIZE') ?? 1;
  return { node, local, localCount };
}

/** The share of the host's CPUs that belongs to one of several agents there; none are shared, some may get none. */
export function shareOfCpus(cpus: readonly number[], place: Place): number[] {
  const from = Math.floor((place.local * cpus.length) / place.localCount);
  const to = Math.floor(((place.local + 1) * cpus.length) / place.localCount);
  return cpus.slice(from, to);
}

/**
 * The share of the granted GPUs that belongs to one of several agents of a host, as entries of the grant: `perNode` of them,
 * or an even part when null. UserError when the surroundings grant fewer than that. Where nothing is granted by name, a
 * declared number stands, for hosts whose GPUs can't be found by looking.
 */
export function shareOfGpus(
  grant: GpuGrant,
  place: Pick<Place, 'local' | 'localCount'>,
  perNode: number | null,
): string[] {
  const { local, localCount } = place;
  if (perNode === null) {
    const from = Math.floor((local * grant.ids.length) / localCount);
    return grant.ids.slice(from, Math.floor(((local + 1) * grant.ids.length) / localCount));
  }
  const wanted = perNode * localCount;
  const ids = grant.from === null ? Array.from({ length: wanted }, (_, i) => `${i}`) : grant.ids;
  if (wanted > ids.length) {
    const asked = localCount === 1 ? '' : ` on each of ${localCount} nodes of this machine`;
    throw new UserError(
      `--gpus-per-node ${perNode}${asked} is more than ${grant.from} grants, which is ${ids.length}: give a smaller number, or none`,
      EXIT_FAILED,
    );
  }
  return ids.slice(local * perNode, (local + 1) * perNode);
}
