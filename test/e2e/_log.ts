/** The lines of all logs of a world, and those that do not say which rule of the protocol made them. */
import fs from 'node:fs';
import path from 'node:path';

export interface LogLine {
  file: string;
  msg: string;
  rule: string;
}

/** Lines of launchers' logs; what a process wrote that was killed in the middle of it is none. */
export function logLines(dbPath: string): LogLine[] {
  const at = path.join(dbPath, 'log');
  const names = fs.existsSync(at) ? fs.readdirSync(at) : [];
  return names.flatMap((file) =>
    fs
      .readFileSync(path.join(at, file), 'utf8')
      .split('\n')
      .filter((line) => line.startsWith('{"') && line.endsWith('}'))
      .flatMap((line) => parsed(file, line)),
  );
}

function parsed(file: string, line: string): LogLine[] {
  try {
    const { msg, rule } = JSON.parse(line) as { msg?: unknown; rule?: unknown };
    const text = (value: unknown): string => (typeof value === 'string' ? value : '');
    return [{ file, msg: text(msg), rule: text(rule) }];
  } catch {
    return [];
  }
}

/** A sentence for each line that names no rule. */
export function linesWithoutRule(dbPath: string): string[] {
  return logLines(dbPath)
    .filter((line) => line.rule === '' || line.msg === '')
    .map((line) => `${line.file} has a line of no rule: ${line.msg}`);
}
