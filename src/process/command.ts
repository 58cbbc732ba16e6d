/**
 * From an application's executable and a job's arguments to an argv, without a shell; core/words.ts splits them.
 * Who calls it: the agent, before a start. It must never start anything.
 */
import { UserError } from '../base/errors.ts';
import { homeDirectory } from '../base/home.ts';
import { splitWords as wordsOf } from '../model/words.ts';

/**
 * argv of a job: the words of `executable`, then those of `args`; an unquoted leading `~` or `~/` becomes the home
 * directory. UserError for a quote that is not closed, or when there is no word at all.
 */
export function jobArgv(executable: string, args: string, home?: string): string[] {
  const argv = [...splitWords(executable, 'executable', home), ...splitWords(args, 'args', home)];
  if (argv.length === 0) throw new UserError('the executable is empty: there is nothing to run');
  return argv;
}

/** The same command after an environment script in bash; the script's failure is the job's, the command replaces the shell. */
export function withEnvscript(envscript: string, argv: readonly string[]): string[] {
  return ['/bin/bash', '-c', '. "$0" && exec "$@"', envscript, ...argv];
}

/** Words of `text`; `field` names it in the error. */
export function splitWords(text: string, field: string, home?: string): string[] {
  return wordsOf(text, field, () => home ?? ownHome(text, field));
}

/** Asked for only where a `~` stands: most jobs have none, and there may be no home. */
function ownHome(text: string, field: string): string {
  const home = homeDirectory();
  if (home === null)
    throw new UserError(
      `${field} has a ~, and there is no home directory here (HOME): write the whole path: ${text}`,
    );
  return home;
}
