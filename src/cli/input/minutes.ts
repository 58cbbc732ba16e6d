/** Lengths of time as people give them to launchers: minutes, or hours, minutes and seconds as batch systems have them. */
import { MAX_LIMIT_MINUTES } from '../../base/client-limits.ts';
import { decimal } from './options.ts';

/** Minutes that `text` writes: `30`, `0.5`, `01:30:00`, `2-00:00:00`. UserError naming option, value and range. */
export function minutesOf(option: string, text: string): number {
  const clock = clockMinutes(text);
  if (clock !== null && clock <= MAX_LIMIT_MINUTES) return clock;
  return decimal(
    option,
    text,
    0,
    MAX_LIMIT_MINUTES,
    'a number of minutes',
    ', or a time like 01:30:00 or 1-12:00:00',
  );
}

/** Without seconds it could be hours and minutes or minutes and seconds: batch systems disagree. */
function clockMinutes(text: string): number | null {
  const parts = /^(?:(\d+)-)?(\d+):([0-5]\d):([0-5]\d)$/.exec(text.trim());
  if (parts === null) return null;
  const [days = 0, hours = 0, minutes = 0, seconds = 0] = parts.slice(1).map((part) => Number(part ?? 0));
  return (days * 24 + hours) * 60 + minutes + seconds / 60;
}
