/**
 * Times as people read them: in their own zone (TZ, else the system's), which is always said by its offset from UTC. The one
 * place that writes a time for a person; `--json`, `--csv` and files that are sent to others have ISO 8601 in UTC instead.
 */

/** `2026-01-31 12:00:00 +01:00`; with `ms` also milliseconds. */
export function timeText(at: Date, { ms = false } = {}): string {
  const { date, time, offset } = partsOf(at);
  return `${date} ${ms ? time : time.slice(0, 8)} ${offset}`;
}

/** `2026-01-31T12:00:00.000+01:00`: one word. */
export function timeWord(at: Date): string {
  const { date, time, offset } = partsOf(at);
  return `${date}T${time}${offset}`;
}

/** MM-DD-YYYY HH:MM:SS.ffffff of the original, and the offset; a Date has milliseconds, the last three digits are zero. */
export function historyStamp(at: Date): string {
  const { date, time, offset } = partsOf(at);
  return `${date.slice(5)}-${date.slice(0, 4)} ${time}000${offset}`;
}

function partsOf(at: Date): { date: string; time: string; offset: string } {
  const east = -at.getTimezoneOffset();
  // The same moment as a clock on the wall there shows it.
  const iso = new Date(at.getTime() + east * 60_000).toISOString();
  const minutes = Math.abs(east);
  const two = (n: number): string => String(n).padStart(2, '0');
  const offset = `${east < 0 ? '-' : '+'}${two(Math.trunc(minutes / 60))}:${two(minutes % 60)}`;
  return { date: iso.slice(0, 10), time: iso.slice(11, 23), offset };
}
