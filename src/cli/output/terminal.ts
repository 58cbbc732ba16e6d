/**
 * Talking with the person: output that waits for its reader, yes-or-no questions, and the one way for a command to open
 * the database.
 */
import { once } from 'node:events';
import { EXIT_FAILED, UserError } from '../../base/errors.ts';
import { openDatabase } from '../../server/open.ts';
import type { OpenDatabase } from '../../server/open.ts';

/** Writes to stdout and waits while the reader is behind, so that a long listing does not pile up in memory. */
export async function print(text: string | Uint8Array): Promise<void> {
  if (!process.stdout.write(text)) await once(process.stdout, 'drain');
}

/** `print` with a newline. */
export function printLine(text: string): Promise<void> {
  return print(`${text}\n`);
}

/** Asks until the answer is y or n (any case). UserError when the input ends before. */
async function confirm(question: string): Promise<boolean> {
  const { createInterface } = await import('node:readline');
  const lines = createInterface({ input: process.stdin, terminal: false });
  process.stdout.write(question);
  try {
    for await (const line of lines) {
      const answer = line.trim().toLowerCase();
      if (answer === 'y' || answer === 'n') return answer === 'y';
      process.stdout.write(question);
    }
  } finally {
    lines.close();
    process.stdin.unref?.();
  }
  // The question stands there still.
  process.stdout.write('\n');
  throw new UserError('no answer: --yes answers for you', EXIT_FAILED);
}

/** What a command that asks was told on its command line. */
interface Sure {
  readonly yes?: boolean | undefined;
  readonly force?: boolean | undefined;
  readonly json?: boolean | undefined;
}

/**
 * Whether to go on: told so already, or asked and answered by y. After n, `aborted` is printed. UserError with `--json`,
 * which can't ask: a question in between would be no JSON.
 */
export async function confirmed(sure: Sure, question: string, aborted: string): Promise<boolean> {
  if (sure.yes === true || sure.force === true) return true;
  if (sure.json === true) throw new UserError('--json asks no questions: add --yes');
  if (await confirm(question)) return true;
  await printLine(aborted);
  return false;
}

/** Runs `work` with the database of BALSAM_DB_PATH open. Commands of people need one connection, `watch` one more. */
export async function withDatabase<T>(work: (db: OpenDatabase) => Promise<T>, max = 1): Promise<T> {
  const db = await openDatabase({ applicationName: 'balsam command', role: 'client', max });
  try {
    return await work(db);
  } finally {
    await db.close();
  }
}
