/**
 * The names of all commands, for main, help and completion. It loads none of them: often.ts and seldom.ts do.
 */

export interface Entry {
  /** Its line in the help. */
  readonly about: string;
  /** Typed often, and built into one file with the others of its kind: thirty files take longer to read than one. */
  readonly often: boolean;
}

const often = (about: string): Entry => ({ about, often: true });
const seldom = (about: string): Entry => ({ about, often: false });

export const COMMANDS = {
  init: seldom('make a new database'),
  server: seldom('connect, reset or stop the database server'),
  which: seldom('show the active database'),
  app: often('register an application'),
  job: often('add a job'),
  make_dummies: often('add jobs that do nothing'),
  ls: often('list jobs, applications, workflows, queues or launchers'),
  modify: often('change a field of a job or an application'),
  rm: often('remove jobs or applications'),
  kill: often('kill jobs'),
  killjob: often('kill a job by --id'),
  retry: often('run failed jobs again'),
  reset: often('begin failed, killed or finished jobs anew'),
  watch: seldom('follow the progress of all jobs'),
  report: seldom('say what happened and where the time went'),
  explain: often('say what a job waits for, or why it failed'),
  output: often('show what a job wrote'),
  cd: often('print the directory of a job (bcd goes there)'),
  log: seldom('follow the logs of the launchers'),
  doctor: seldom('look at everything that a launcher needs'),
  launcher: seldom('run jobs here, now'),
  'submit-launch': seldom('submit a launcher to the batch queue'),
  completion: seldom('print the completion script of a shell'),
} as const satisfies { readonly [name: string]: Entry };

export type CommandName = keyof typeof COMMANDS;

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

export function isCommand(name: string): name is CommandName {
  return Object.hasOwn(COMMANDS, name);
}
