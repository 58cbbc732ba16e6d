/**
 * What the place that we print to can show: width and colour on a terminal, neither elsewhere, so that what goes into a
 * file or a pipe is complete and plain. NO_COLOR (no-color.org) and TERM=dumb are honoured.
 */
import type { JobState } from '../../model/job.ts';

export interface Look {
  /** Columns of the terminal; null: no terminal, nothing is cut. */
  readonly width: number | null;
  readonly colour: boolean;
}

export const PLAIN: Look = { width: null, colour: false };

/** How `stream` looks now. */
export function lookOf(
  stream: { isTTY?: boolean; columns?: number } = process.stdout,
  env: NodeJS.ProcessEnv = process.env,
): Look {
  if (stream.isTTY !== true) return PLAIN;
  const colour = (env['NO_COLOR'] ?? '') === '' && env['TERM'] !== 'dumb';
  // A terminal that does not say its width (0) is taken for the usual one.
  const width = stream.columns === undefined || stream.columns < 20 ? 80 : stream.columns;
  return { width, colour };
}

const RED = 31;
const GREEN = 32;
const YELLOW = 33;
const CYAN = 36;
const STATE_COLOURS: { readonly [S in JobState]?: number } = {
  JOB_FINISHED: GREEN,
  FAILED: RED,
  RUN_ERROR: RED,
  RUN_TIMEOUT: YELLOW,
  USER_KILLED: YELLOW,
  RUNNING: CYAN,
};

/** `text` in the colour of a state, where there is colour. */
export function inStateColour(text: string, state: string, look: Look): string {
  const code =
    look.colour && Object.hasOwn(STATE_COLOURS, state) ? STATE_COLOURS[state as JobState] : undefined;
  return code === undefined ? text : `\u001B[${code}m${text}\u001B[0m`;
}
