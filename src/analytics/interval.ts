/** Which time a report is of: what a person or a script wrote for `since` and `until`, read strictly. Pure. */
import { UserError } from '../base/errors.ts';

/** A time, or how long before now by the database's clock; milliseconds (since 1970). */
export type Moment = { readonly atMs: number } | { readonly agoMs: number };

const UNITS_MS = { s: 1_000, m: 60_000, h: 3_600_000, d: 86_400_000, w: 604_800_000 } as const;

const TIME = /^(\d{4}-\d\d-\d\d)(?:[T ](\d\d:\d\d(?::\d\d(?:\.\d+)?)?)(Z|[+-]\d\d:?\d\d)?)?$/i;

/** What a time means that names no zone: UTC in scripts, the zone of the person who types a command and reads its answer. */
export type DefaultZone = 'utc' | 'own';

/** What `given` means; UserError naming `what` when it is no time. */
export function momentOf(what: string, given: unknown, zone: DefaultZone = 'utc'): Moment {
  if (given instanceof Date && !Number.isNaN(given.getTime())) return { atMs: given.getTime() };
  const found = typeof given === 'string' ? (durationOf(given.trim()) ?? timeOf(given.trim(), zone)) : null;
  if (found !== null) return found;
  const shown = given instanceof Date ? 'a Date that is no time' : (JSON.stringify(given) ?? typeof given);
  throw new UserError(
    `${what} must be a time like 2026-01-31 or 2026-01-31T12:00Z, or how long ago like 90m, 2h or 1d12h, not ${shown}`,
  );
}

/** A thousand years: further back there is no date that every reader takes. */
const LONGEST_AGO_MS = 1_000 * 365 * 86_400_000;

export function millisecondsOf(moment: Moment, nowMs: number): number {
  return 'atMs' in moment ? moment.atMs : nowMs - moment.agoMs;
}

function durationOf(text: string): Moment | null {
  if (!/^(?:\d+(?:\.\d+)?[smhdw])+$/i.test(text)) return null;
  const parts = [...text.toLowerCase().matchAll(/([\d.]+)([smhdw])/g)];
  const agoMs = parts.reduce(
    (sum, [, n, unit]) => sum + Number(n) * UNITS_MS[unit as keyof typeof UNITS_MS],
    0,
  );
  return agoMs <= LONGEST_AGO_MS ? { agoMs } : null;
}

function timeOf(text: string, missing: DefaultZone): Moment | null {
  const [, date = '', time = '00:00', zone = missing === 'utc' ? 'Z' : ''] = TIME.exec(text) ?? [];
  // A date with a time and without a zone is one of the process's own.
  const atMs = Date.parse(`${date}T${time}${zone.toUpperCase().replace(/(?<=\d\d)(?=\d\d$)/, ':')}`);
  if (Number.isNaN(atMs)) return null;
  // 31 February is taken for 3 March.
  return new Date(`${date}T00:00Z`).toISOString().startsWith(date) ? { atMs } : null;
}
