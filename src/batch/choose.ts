/**
 * Picks the batch system of a database: the one its settings name, else by what this host has. A further batch system is
 * one file beside local.ts and one line in SCHEDULERS.
 */
import fs from 'node:fs';
import path from 'node:path';
import { EXIT_FAILED, UserError } from '../base/errors.ts';
import { localScheduler } from './local.ts';
import type { Scheduler } from './scheduler.ts';

/** By name in the settings. */
const SCHEDULERS: ReadonlyMap<string, Scheduler> = new Map([['local', localScheduler]]);

/** The command that gives a batch system away; the first one found on PATH decides. */
const SIGNS = [
  ['sbatch', 'slurm'],
  ['qsub', 'pbs'],
] as const;

/** The name of the batch system whose command is on PATH, else `local`. */
export function detectScheduler(searchPath: string = process.env['PATH'] ?? ''): string {
  const directories = searchPath.split(path.delimiter).filter(Boolean);
  for (const [command, name] of SIGNS) {
    if (directories.some((directory) => isProgram(path.join(directory, command)))) return name;
  }
  return 'local';
}

/** The batch system called `name` (`auto`: the detected one). UserError when it is not supported yet. */
export function chooseScheduler(name: string, searchPath?: string): Scheduler {
  const chosen = name === 'auto' ? detectScheduler(searchPath) : name;
  const scheduler = SCHEDULERS.get(chosen);
  if (scheduler !== undefined) return scheduler;
  const found = name === 'auto' ? ' (its command is on PATH)' : '';
  throw new UserError(
    `the scheduler ${chosen}${found} is not supported yet: run \`balsam launcher\` inside your own batch script, or set "scheduler" in ` +
      `settings.json to one of ${[...SCHEDULERS.keys()].join(', ')}`,
    EXIT_FAILED,
  );
}

function isProgram(file: string): boolean {
  try {
    fs.accessSync(file, fs.constants.X_OK);
    return fs.statSync(file).isFile();
  } catch {
    return false;
  }
}
