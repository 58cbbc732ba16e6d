/**
 * The log of a long-lived process: one JSON line an event, appended to a file under the database's `log/` (an agent under
 * mpirun: its stdout). Lines are written in the background, so that a slow shared file system never looks like death, and
 * a line that can't be written ends nobody (outlet.ts).
 */
import { pino } from 'pino';
import { Outlet } from './outlet.ts';

/** What a line says beside its text. Every line is an event of the protocol and names the rule that made it. */
export type LogFields = Readonly<Record<string, unknown>> & { readonly rule: string };

/** All that our processes use of pino. */
export interface Logger {
  info(fields: LogFields, text: string): void;
  warn(fields: LogFields, text: string): void;
}

const LEVELS = ['trace', 'debug', 'info', 'warn', 'error', 'fatal', 'silent'];

/** A log whose lines carry who speaks; `file` is null for stdout. */
export function makeLog(
  name: string,
  fields: Record<string, string | number> = {},
  file: string | null = null,
): Logger {
  const asked = process.env['BALSAM_LOG_LEVEL'] ?? '';
  let missed = '';
  const options = {
    level: LEVELS.includes(asked) ? asked : 'info',
    base: { who: name, ...fields },
    timestamp: pino.stdTimeFunctions.isoTime,
  };
  // The line that says what is missing looks like the others.
  const note = pino(options, { write: (line: string) => (missed = line) });
  const outletOptions = {
    missed: (lines: number, why: string): string => {
      note.warn(
        { lines, why, rule: 'PROTOCOL 0' },
        `${lines} lines of this log could not be written: ${why}`,
      );
      return missed;
    },
  };
  const outlet = file === null ? Outlet.descriptor(1, outletOptions) : Outlet.file(file, outletOptions);
  return pino(options, { write: (line: string) => outlet.write(line) });
}
