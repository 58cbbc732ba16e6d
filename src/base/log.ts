/**
 * The log of a long-lived process: one JSON line an event, on its stdout, which the warden has pointed at a file under
 * the database's `log/`. Lines are written in the background, so that a slow shared file system never looks like death.
 */
import { pino } from 'pino';

/** What a line says beside its text. Every line is an event of the protocol and names the rule that made it. */
export type LogFields = Readonly<Record<string, unknown>> & { readonly rule: string };

/** All that our processes use of pino. */
export interface Logger {
  info(fields: LogFields, text: string): void;
  warn(fields: LogFields, text: string): void;
}

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
