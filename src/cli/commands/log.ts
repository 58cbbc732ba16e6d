/**
 * `balsam log`: the last lines of every log of the database, and what is added to them until Ctrl-C. Logs of launchers
 * are JSON lines; they are shown as time, level, who speaks and what it says, and left as they are by `--json`.
 */
import fs from 'node:fs';
import path from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { defineCommand } from 'citty';
import { FOLLOW_POLL_MS, TAIL_BYTES } from '../../base/client-limits.ts';
import { UserError } from '../../base/errors.ts';
import { escaped } from '../output/format.ts';
import { GrowingFile, tailOf } from '../output/follow.ts';
import { JSON_OPTION, jsonLine } from '../output/json.ts';
import { integer } from '../input/options.ts';
import { print, printLine } from '../output/terminal.ts';
import { timeWord } from '../output/times.ts';

/** Lines of each file at first, as `tail` shows. */
const FIRST_LINES = '10';

export const logCommand = defineCommand({
  meta: { name: 'log', description: 'Follow the logs of the launchers' },
  args: {
    lines: {
      type: 'string',
      alias: 'n',
      default: FIRST_LINES,
      valueHint: 'N',
      description: 'lines of each log at first',
    },
    follow: { type: 'boolean', description: 'go on until Ctrl-C, as without it; --no-follow ends at once' },
    ...JSON_OPTION,
  },
  async run({ args }) {
    const lines = integer('--lines', args.lines, 0);
    const { findDatabasePath, layoutOf, readServerInfo } = await import('../../server/layout.ts');
    const root = findDatabasePath();
    readServerInfo(root); // no database there: said so, instead of waiting for logs that never come
    const directory = layoutOf(root).log;
    const logs = new Logs(directory, args.json === true);
    await logs.begin(lines);
    if (args.follow === false) {
      if (logs.empty && args.json !== true) await printLine(`No logs yet in ${directory}`);
      return;
    }
    const stop = new AbortController();
    for (const signal of ['SIGINT', 'SIGTERM'] as const) process.once(signal, () => stop.abort());
    while (!stop.signal.aborted) {
      await logs.look();
      await sleep(FOLLOW_POLL_MS, undefined, { signal: stop.signal }).catch(() => undefined);
    }
  },
});

class Logs {
  readonly #directory: string;
  readonly #json: boolean;
  readonly #files = new Map<string, { growing: GrowingFile; partial: string }>();
  #last = '';

  constructor(directory: string, json: boolean) {
    this.#directory = directory;
    this.#json = json;
  }

  get empty(): boolean {
    return this.#files.size === 0;
  }

  /** The last lines of what is there. */
  async begin(lines: number): Promise<void> {
    for (const name of this.#names()) {
      const file = path.join(this.#directory, name);
      const tail = tailOf(file, lines, TAIL_BYTES);
      if (tail === null) continue;
      this.#files.set(name, { growing: new GrowingFile(file, tail.size), partial: '' });
      if (tail.text !== '') for (const line of tail.text.split('\n')) await this.#show(name, line);
    }
  }

  /** What was added since. */
  async look(): Promise<void> {
    for (const name of this.#names()) {
      const known = this.#files.get(name) ?? {
        growing: new GrowingFile(path.join(this.#directory, name)),
        partial: '',
      };
      this.#files.set(name, known);
      for await (const text of known.growing.read()) {
        const lines = (known.partial + text).split('\n');
        known.partial = (lines.pop() ?? '').slice(-TAIL_BYTES);
        for (const line of lines) await this.#show(name, line);
      }
    }
  }

  #names(): string[] {
    try {
      const names = fs.readdirSync(this.#directory, { recursive: true, encoding: 'utf8' });
      return names.filter((name) => /\.(?:log|out)$/.test(name)).toSorted();
    } catch (error) {
      throw new UserError(`can't read ${this.#directory}: ${error instanceof Error ? error.message : ''}`, 1);
    }
  }

  async #show(name: string, line: string): Promise<void> {
    if (this.#json) return printLine(jsonLine('log_line', { file: name, text: line }));
    if (name !== this.#last) {
      await print(`${this.#last === '' ? '' : '\n'}==> ${escaped(name)} <==\n`);
      this.#last = name;
    }
    await printLine(readable(line));
  }
}

const LEVELS: { readonly [level: number]: string } = {
  10: 'TRACE',
  20: 'DEBUG',
  30: 'INFO',
  40: 'WARN',
  50: 'ERROR',
  60: 'FATAL',
};

/** A JSON line of our logs for people; any other line as it is. */
export function readable(line: string): string {
  if (!line.startsWith('{')) return escaped(line, true);
  let entry: unknown;
  try {
    entry = JSON.parse(line);
  } catch {
    return escaped(line, true);
  }
  if (typeof entry !== 'object' || entry === null || !('time' in entry)) return escaped(line, true);
  const { time, level, name, msg, pid: _pid, hostname: _host, ...rest } = entry as Record<string, unknown>;
  const at = new Date(time as number | string);
  if (Number.isNaN(at.getTime())) return escaped(line, true);
  const text = (value: unknown): string => (typeof value === 'string' ? value : JSON.stringify(value));
  const more = Object.entries(rest).map(([key, value]) => `${key}=${text(value)}`);
  const said = [name, msg].filter((value) => value !== undefined).map(text);
  const words = [timeWord(at), LEVELS[Number(level)] ?? text(level), ...said, ...more];
  return escaped(words.join(' '), true);
}
