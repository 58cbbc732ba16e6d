/**
 * MPI launchers: finds the one a node has, and makes the command that starts the ranks of one job with it.
 * Who calls it: the lead agent of a placement, before the start of a job with more than one rank. One file a flavour
 * (openmpi.ts, mpich.ts). It must never start a job itself, and never put mpirun before a job of one rank: started
 * alone it is faster, and needs no MPI at all.
 */
import { execFile } from 'node:child_process';
import { PROBE_MS } from '../../base/process-limits.ts';
import { scrubNames } from '../environment.ts';
import { mpichArgv } from './mpich.ts';
import type { MpiFlavour, MpiJob, MpiName } from './mpi-job.ts';
import { openmpiArgv } from './openmpi.ts';

export type { MpiFlavour, MpiJob, MpiName } from './mpi-job.ts';

export interface MpiCommand {
  readonly argv: string[];
  /** Names to unset for this start. */
  readonly unset: string[];
}

/** argv of the whole job and what to unset for it. One rank: the program itself, with what a serial job is scrubbed of. */
export function mpiCommand(flavour: MpiFlavour, job: MpiJob): MpiCommand {
  const inherited = job.inherited ?? [];
  if (job.ranks === 1) return { argv: [...job.argv], unset: scrubNames(inherited, { forMpirun: false }) };
  const rankEnv = Object.entries(job.rankEnv ?? {}).map(([name, value]) => `${name}=${value}`);
  // env, because both flavours damage values that hold commas or line ends when they carry them themselves.
  const argv = rankEnv.length === 0 ? job.argv : ['/usr/bin/env', ...rankEnv, ...job.argv];
  const make = flavour.name === 'openmpi' ? openmpiArgv : mpichArgv;
  return { argv: make(flavour, { ...job, argv }), unset: scrubNames(inherited, { forMpirun: true }) };
}

/** Names under which each flavour is found, Debian's included; the plain names first: a module puts those in PATH. */
const CANDIDATES: Record<MpiName, readonly string[]> = {
  openmpi: ['mpirun', 'mpiexec', 'mpirun.openmpi', 'orterun'],
  mpich: ['mpiexec', 'mpirun', 'mpiexec.hydra', 'mpiexec.mpich', 'mpirun.mpich'],
};

/**
 * The MPI launcher of this node, or null when there is none. `preferred`: a flavour, or the path of an mpirun; then
 * nothing else is taken. Starts each candidate once with --version.
 */
export async function detectMpi(preferred?: string): Promise<MpiFlavour | null> {
  if (preferred !== undefined && preferred !== 'openmpi' && preferred !== 'mpich') return probe(preferred);
  const names =
    preferred === undefined
      ? [...new Set([...CANDIDATES.openmpi, ...CANDIDATES.mpich])]
      : CANDIDATES[preferred];
  for (const name of names) {
    const found = await probe(name);
    if (found !== null && (preferred === undefined || found.name === preferred)) return found;
  }
  return null;
}

function probe(mpirun: string): Promise<MpiFlavour | null> {
  return new Promise((resolve) => {
    execFile(mpirun, ['--version'], { timeout: PROBE_MS }, (error, stdout, stderr) => {
      resolve(error === null ? recognise(mpirun, stdout + stderr) : null);
    });
  });
}

/** Tells the flavour from what `mpirun --version` prints; null for one we don't know. */
export function recognise(mpirun: string, text: string): MpiFlavour | null {
  const openmpi = /(?:Open ?MPI|OpenRTE|PRRTE)\)?\s+v?(\d[\w.]*)/i.exec(text);
  if (openmpi !== null)
    return { name: 'openmpi', mpirun, version: openmpi[1] ?? '', launchFrom: 'lead-agent' };
  // Hydra is the launcher of MPICH and of those made from it (Intel, MVAPICH).
  const hydra =
    /HYDRA build details:[\s\S]*?Version:\s*(\S+)/i.exec(text) ??
    /Intel\(R\) MPI Library.*?Version\s+(\S+)/i.exec(text);
  if (hydra !== null) return { name: 'mpich', mpirun, version: hydra[1] ?? '', launchFrom: 'lead-agent' };
  return null;
}
