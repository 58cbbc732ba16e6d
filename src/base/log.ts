/**
 * The log of a long-lived process: one JSON line an event, on its stdout, which the warden has pointed at a file under
 * the database's `log/`. Lines are written in the background, so that a slow shared file system never looks like death.
 */
import { pino, type Logger } from 'pino';

export type { Logger };

/** A log whose lines carry who speaks; into a file instead of stdout where that is a person's. */
export function makeLog(
  name: string,
  fields: Record<string, string | number> = {},
  file: string | null = null,
): Logger {
  const level = process.env['BALSAM_LOG_LEVEL'] ?? 'info';
  return pino(
    { level, base: { who: name, ...fields }, timestamp: pino.stdTimeFunctions.isoTime },
    pino.destination({ dest: file ?? 1, sync: false, minLength: 0 }),
  );
}
