/**
 * Where this process runs: which machine and boot, inside a batch allocation or a job or neither, and whether another
 * process of this machine is alive. Decides who may start a server: a second postmaster on the same files would destroy
 * them, and the process table is the only witness, so only the machine that wrote the record may judge it.
 * Must never guess: what it cannot read it calls unknown.
 */
import fs from 'node:fs';
import os from 'node:os';
import { judgeProcess, readPidNamespace, readProcessStat } from '../../native-free/process-identity.ts';

/** One machine in one boot. */
export interface HostIdentity {
  hostname: string;
  bootId: string | null;
  machineId: string | null;
}

/** One process as it was recorded: where, by which number, since when. */
export interface RecordedProcess {
  readonly bootId: string | null;
  readonly pidNamespace: string | null;
  readonly pid: number;
  readonly startTime: string | null;
}

/**
 * What /proc says of a recorded process. Only its own boot and pid namespace can say `dead`: elsewhere it is not in /proc,
 * however alive it is.
 */
export function judgeRecorded({
  bootId,
  pidNamespace: namespace,
  pid,
  startTime,
}: RecordedProcess): Judgement {
  return judgeProcess({
    pid,
    // Without a start time the number must do: whoever has it now counts as that process.
    startTime: startTime === null ? (readProcessStat(pid)?.startTime ?? 0) : Number(startTime),
    bootId: bootId ?? '',
    pidNamespace: namespace ?? '',
    uid: 0,
  });
}

export type Judgement = ReturnType<typeof judgeProcess>;

/** This machine, as this process sees it (a container or namespace with its own host name is another host). */
export function thisHost(): HostIdentity {
  return {
    hostname: os.hostname(),
    bootId: readLine('/proc/sys/kernel/random/boot_id'),
    machineId: readLine('/etc/machine-id'),
  };
}

/**
 * Whether `record` was written by this machine, perhaps before a reboot. The names must be equal; with another boot the
 * machine ids must not contradict, since two machines may both be called `localhost`.
 */
export function isThisHost(record: HostIdentity, here: HostIdentity): boolean {
  if (record.hostname !== here.hostname) return false;
  if (record.bootId !== null && record.bootId === here.bootId) return true;
  return record.machineId === null || here.machineId === null || record.machineId === here.machineId;
}

/** The same with proof: this very boot, or an earlier one of a machine that has an id. */
export function isSurelyThisHost(record: HostIdentity, here: HostIdentity): boolean {
  if (!isThisHost(record, here)) return false;
  if (record.bootId !== null && record.bootId === here.bootId) return true;
  return record.machineId !== null && here.machineId !== null;
}

/** Variables by which a batch system, or a launcher, marks what it started. */
const ALLOCATION_VARIABLES = ['SLURM_JOB_ID', 'PBS_JOBID', 'COBALT_JOBID', 'LSB_JOBID'] as const;

/** Why this process must not start a server, as the middle of a sentence; null when it may. */
export function mustNotStart(env: NodeJS.ProcessEnv = process.env): string | null {
  if (env['BALSAM_JOB_ID']) return `this is a running job (BALSAM_JOB_ID=${env['BALSAM_JOB_ID']})`;
  for (const name of ALLOCATION_VARIABLES) {
    if (env[name]) return `this is inside a batch allocation (${name}=${env[name]})`;
  }
  return null;
}

/** The pid namespace of this process: pids of another one mean nothing here. Null when it can't be read. */
export function pidNamespace(): string | null {
  return readPidNamespace() || null;
}

function readLine(file: string): string | null {
  try {
    const text = fs.readFileSync(file, 'utf8').trim();
    return text === '' ? null : text;
  } catch {
    return null;
  }
}
