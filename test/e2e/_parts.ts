/**
 * The processes of a world by what they are, and the server of its database: found in /proc each time, so that a signal
 * never goes to a number that belongs to somebody else by now.
 */
import fs from 'node:fs';
import path from 'node:path';
import { descendantsOf, isAlive, readStat } from '../../src/process/proc.ts';
import { readMaybe, type World } from './_world.ts';

export type Kind = 'warden' | 'coordinator' | 'agent' | 'nursery' | 'helper' | 'guard' | 'job';

export interface Part {
  kind: Kind | 'postgres';
  pid: number;
  startTime: string;
  /** Its agent's life; '' for warden, coordinator, guard and Postgres. */
  incarnation: string;
}

const PROGRAMS: readonly (readonly [RegExp, Kind])[] = [
  [/\/coordinator\.js$/, 'coordinator'],
  [/\/agent\.js$/, 'agent'],
  [/\/helper-node\.js$/, 'helper'],
  [/\/nursery\.py$/, 'nursery'],
  [/\/guard(\.py|-node\.js)$/, 'guard'],
];

/** What of the world's launchers lives, of these kinds or all; other commands and Postgres left out. */
export function partsOf(world: World, ...kinds: readonly Kind[]): Part[] {
  return world.processes().flatMap(({ pid, argv, incarnation }) => {
    const program = kindOf(argv, incarnation);
    // Helpers of python are forked from it, and have another name.
    const isHelper = program === 'nursery' && readMaybe(`/proc/${pid}/comm`).trim() === 'balsam-helper';
    const kind = isHelper ? 'helper' : program;
    const startTime = readStat(pid)?.startTime;
    if (kind === null || startTime === undefined) return [];
    return kinds.length === 0 || kinds.includes(kind) ? [{ kind, pid, startTime, incarnation }] : [];
  });
}

/** The only one of its kind that lives; throws where there is none, or are several. */
export function only(world: World, kind: Kind): Part {
  const found = partsOf(world, kind);
  if (found.length !== 1)
    throw new Error(`${found.length} processes are ${kind}: ${found.map((p) => p.pid).join(' ')}`);
  return found[0]!;
}

function kindOf(argv: readonly string[], incarnation: string): Kind | null {
  if (argv.some((a) => a.endsWith('/cli.js')) && argv.includes('launcher')) return 'warden';
  const found = PROGRAMS.find(([program]) => argv.some((a) => program.test(a)));
  if (found) return found[1];
  return incarnation === '' ? null : 'job';
}

/** The pid of a guard's agent: its last word. */
export function agentOf(guard: Part): number {
  const words = readMaybe(`/proc/${guard.pid}/cmdline`).split('\0');
  return Number(words.findLast((word) => word !== ''));
}

export function guardOf(world: World, agent: Part): Part | undefined {
  return partsOf(world).find((p) => p.kind === 'guard' && agentOf(p) === agent.pid);
}

/** The postmaster, then its backends; empty when it does not run. */
export function postgresOf(world: World): Part[] {
  const file = path.join(world.dbPath, 'balsamdb/postmaster.pid');
  const pid = Number(readMaybe(file).split('\n')[0]);
  const stat = pid > 1 ? readStat(pid) : null;
  if (!stat || !isAlive(pid, stat.startTime)) return [];
  if (!readMaybe(`/proc/${pid}/cmdline`).includes(world.dbPath)) return [];
  return [stat, ...descendantsOf([pid])].map(({ pid: own, startTime }) => ({
    kind: 'postgres',
    pid: own,
    startTime,
    incarnation: '',
  }));
}

/** Sends a signal to those of them that still live; returns how many. */
export function signal(parts: readonly Part[], name: NodeJS.Signals): number {
  let sent = 0;
  for (const part of parts) {
    if (!isAlive(part.pid, part.startTime)) continue;
    try {
      process.kill(part.pid, name);
      sent += 1;
    } catch {
      // It ended just now.
    }
  }
  return sent;
}

/** Peak of a process's memory, MiB; 0 when it is gone. */
export function peakMiB(pid: number): number {
  return Number(/VmHWM:\s*(\d+) kB/.exec(readMaybe(`/proc/${pid}/status`))?.[1] ?? 0) / 1024;
}

/** Descriptors that a process has open; 0 when it is gone. */
export function openFiles(pid: number): number {
  try {
    return fs.readdirSync(`/proc/${pid}/fd`).length;
  } catch {
    return 0;
  }
}
