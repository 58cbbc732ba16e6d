/**
 * What a launcher's `--wf-filter` means now: as in the original it takes every workflow whose name contains the text, so
 * that a person is told which ones these are.
 */
import { EXIT_FAILED, UserError, WorldError } from '../../base/errors.ts';
import { openDatabase } from '../../server/open.ts';
import { workflows } from '../../store/jobs/change.ts';
import { escaped } from '../output/format.ts';

/** Names in the sentence. Guess: a line or two. */
const SHOWN = 10;

/**
 * The sentence about the workflows that the filter takes now; null without a filter. Opens the database as every command
 * does, so that an older schema is brought up to date here, where no statement has a deadline, and not by a coordinator.
 * UserError when this version can't work with the database; null when it can't be asked now: the coordinator waits for it.
 */
export async function workflowsTaken(dbPath: string, filter: string | undefined): Promise<string | null> {
  let names: string[];
  try {
    const options = { path: dbPath, applicationName: 'balsam launcher', role: 'client', max: 1 } as const;
    await using db = await openDatabase(options);
    if (filter === undefined) return null;
    names = await workflows(db);
  } catch (error) {
    if (error instanceof WorldError || (error instanceof UserError && error.exitCode === EXIT_FAILED))
      return null;
    throw error;
  }
  const taken = names.filter((name) => name.includes(filter));
  const what = `with ${escaped(JSON.stringify(filter))} in ${taken.length === 1 ? 'its' : 'their'} name`;
  if (taken.length === 0)
    return `No workflow has ${escaped(JSON.stringify(filter))} in its name now; one may come`;
  const shown = taken.slice(0, SHOWN).map((name) => (name === '' ? '""' : escaped(name)));
  const more = taken.length > SHOWN ? `, and ${taken.length - SHOWN} more` : '';
  return `${taken.length === 1 ? 'The workflow' : `The ${taken.length} workflows`} ${what}: ${shown.join(', ')}${more}`;
}
