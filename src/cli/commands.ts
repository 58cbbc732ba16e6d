/**
 * Every command: its line in the help, and how its file is loaded. One table for main, help and completion. It loads
 * nothing by itself: help and completion of names must stay cheap.
 */
import type { ArgsDef, CommandDef } from 'citty';

export interface Entry {
  readonly about: string;
  readonly load: () => Promise<CommandDef>;
}

export const COMMANDS: { readonly [name: string]: Entry } = {
  init: entry('make a new database', async () => (await import('./init.ts')).initCommand),
  server: entry(
    'connect, reset or stop the database server',
    async () => (await import('./server.ts')).serverCommand,
  ),
  which: entry('show the active database', async () => (await import('./which.ts')).whichCommand),
  app: entry('register an application', async () => (await import('./app.ts')).appCommand),
  job: entry('add a job', async () => (await import('./job.ts')).jobCommand),
  make_dummies: entry(
    'add jobs that do nothing',
    async () => (await import('./make-dummies.ts')).makeDummiesCommand,
  ),
  ls: entry(
    'list jobs, applications, workflows, queues or launchers',
    async () => (await import('./ls.ts')).lsCommand,
  ),
  modify: entry(
    'change a field of a job or an application',
    async () => (await import('./modify.ts')).modifyCommand,
  ),
  rm: entry('remove jobs or applications', async () => (await import('./rm.ts')).rmCommand),
  kill: entry('kill a job', async () => (await import('./killjob.ts')).killCommand),
  killjob: entry('kill a job by --id', async () => (await import('./killjob.ts')).killjobCommand),
  retry: entry('run failed jobs again', async () => (await import('./retry.ts')).retryCommand),
  reset: entry(
    'begin failed, killed or finished jobs anew',
    async () => (await import('./retry.ts')).resetCommand,
  ),
  watch: entry('follow the progress of all jobs', async () => (await import('./watch.ts')).watchCommand),
  explain: entry(
    'say what a job waits for, or why it failed',
    async () => (await import('./explain.ts')).explainCommand,
  ),
  output: entry('show what a job wrote', async () => (await import('./output.ts')).outputCommand),
  cd: entry(
    'print the directory of a job (bcd goes there)',
    async () => (await import('./output.ts')).cdCommand,
  ),
  log: entry('follow the logs of the launchers', async () => (await import('./log.ts')).logCommand),
  completion: entry(
    'print the completion script of a shell',
    async () => (await import('./completion.ts')).completionCommand,
  ),
  doctor: entry(
    'look at everything that a launcher needs',
    async () => (await import('./doctor.ts')).doctorCommand,
  ),
  launcher: entry('run jobs here, now', async () => (await import('./launcher.ts')).launcherCommand),
  'submit-launch': entry(
    'submit a launcher to the batch queue',
    async () => (await import('./submit-launch.ts')).submitLaunchCommand,
  ),
};

/** Commands of the original that need something that is not there yet: who types one hears so. */
export const LATER: { readonly [name: string]: string } = {
  dep: 'jobs cannot have parents yet',
  mkchild: 'jobs cannot have parents yet',
  service: 'submit launchers by `balsam submit-launch` until then',
};

/** The name in COMMANDS or LATER that a person means, with `-` or `_`, in any case; what was typed when there is none. */
export function commandNamed(typed: string): string {
  const fold = (word: string): string => word.replaceAll('_', '-').toLowerCase();
  return (
    [...Object.keys(COMMANDS), ...Object.keys(LATER)].find((known) => fold(known) === fold(typed)) ?? typed
  );
}

/** Commands declare their own arguments; what main needs of them is the same for all. */
function entry<T extends ArgsDef>(about: string, load: () => Promise<CommandDef<T>>): Entry {
  return { about, load: async () => (await load()) as unknown as CommandDef };
}
