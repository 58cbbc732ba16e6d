/**
 * What `balsam launcher` shows while it runs: a bar for people, JSON lines for programs. Whether anybody can read it decides
 * nothing: a display that can't be written is noted in the log, and the launcher goes on.
 */
import tty from 'node:tty';
import { makeLog, type Logger } from '../../base/log.ts';
import { Outlet } from '../../base/outlet.ts';
import type { LauncherEnd, LauncherWatch, Progress as Counted } from '../../warden/warden.ts';
import { PLAIN_LINE_MS } from '../../base/client-limits.ts';
import { EXIT_FAILED } from '../../base/errors.ts';
import { jsonLine } from '../output/json.ts';
import { Progress } from '../output/progress.ts';
import type { Counts, Screen } from '../output/progress.ts';

/** `end` resolves when the last words were written, or can't be. */
export type Display = LauncherWatch & { end(end: LauncherEnd): Promise<void> };

/** How long the last words may wait for a slow reader, milliseconds. Guess: a pager that is leafed through is no reason to stay. */
const LAST_WORDS_MS = 2_000;

/** `label` stands before the bar. */
export function display(json: boolean, label: string): Display {
  return json ? forPrograms() : forPeople(label);
}

/** stdout and stderr of a launcher. */
class Mouth {
  readonly out: Outlet;
  readonly err: Outlet;
  #log: Logger | null = null;
  /** What happened before there was a log. */
  readonly #early: string[] = [];

  constructor(missed: (lines: number, why: string) => string) {
    this.out = this.#outlet(1, 'stdout', missed);
    this.err = this.#outlet(2, 'stderr', missedText);
  }

  /** From now on trouble is noted there. */
  useLog(launcher: string, file: string): void {
    this.#log = makeLog('warden', { launcher }, file);
    for (const text of this.#early.splice(0)) this.#note(text);
  }

  /** One sentence where stdout is not what a person looks at. */
  fail({ exitCode, reason }: LauncherEnd): void {
    if (exitCode === EXIT_FAILED) this.err.write(`balsam: ${reason}\n`);
  }

  async end(): Promise<void> {
    await Promise.all([this.out.end(LAST_WORDS_MS), this.err.end(LAST_WORDS_MS)]);
  }

  #outlet(fd: 1 | 2, name: string, missed: (lines: number, why: string) => string): Outlet {
    return Outlet.descriptor(fd, {
      missed,
      onTrouble: (why, forGood) =>
        this.#note(
          forGood
            ? `nobody reads ${name} any more (${why}): nothing more is shown there`
            : `${name} can't be written (${why}): lines are left out there`,
        ),
    });
  }

  #note(text: string): void {
    if (this.#log === null) this.#early.push(text);
    else this.#log.warn({ rule: 'PROTOCOL 0' }, text);
  }
}

function missedText(lines: number, why: string): string {
  return `balsam: ${lines} lines could not be shown here (${why})\n`;
}

/** Of a terminal its size is known, which Node's stream follows. */
function screenOn(outlet: Outlet): Screen {
  if (!tty.isatty(1)) return { write: (text) => outlet.write(text) };
  return {
    write: (text) => outlet.write(text),
    isTTY: true,
    get columns() {
      return process.stdout.columns;
    },
    get rows() {
      return process.stdout.rows;
    },
  };
}

function forPeople(label: string): Display {
  const mouth = new Mouth(missedText);
  const progress = new Progress(label, screenOn(mouth.out));
  let begun = false;
  return {
    onStart(files) {
      mouth.useLog(files.name, files.log);
      // One that was declared dead begins anew in the same process.
      if (!begun) mouth.out.write(`Starting Balsam launcher [${process.pid}]\n`);
      begun = true;
      mouth.out.write(`Log: ${files.log}\n`);
    },
    onProgress: (p) => progress.update(countsOf(p)),
    onNote: (text) => mouth.err.write(`balsam: ${text}\n`),
    end(end) {
      progress.close();
      mouth.out.write(`Launcher ended: ${end.reason} (${end.counts})\n`);
      if (!(tty.isatty(1) && tty.isatty(2))) mouth.fail(end);
      return mouth.end();
    },
  };
}

function forPrograms(): Display {
  let saidAt = -Infinity;
  let last: Counts | null = null;
  const mouth = new Mouth((lines, why) => `${jsonLine('launcher_missed', { lines, why })}\n`);
  const say = (counts: Counts): void => {
    mouth.out.write(`${jsonLine('launcher_progress', counts)}\n`);
    saidAt = performance.now();
    last = null;
  };
  return {
    onStart(files) {
      mouth.useLog(files.name, files.log);
      mouth.out.write(`${jsonLine('launcher_started', { pid: process.pid, log: files.log })}\n`);
    },
    onProgress(p) {
      last = countsOf(p);
      if (performance.now() - saidAt >= PLAIN_LINE_MS) say(last);
    },
    onNote: (text) => mouth.err.write(`balsam: ${text}\n`),
    end(end) {
      if (last !== null) say(last);
      const { finished, failed, killed, unstarted } = end.done;
      const { count = null, more = false, reasons = [] } = end.left ?? {};
      mouth.out.write(
        `${jsonLine('launcher_ended', {
          reason: end.reason,
          exit_code: end.exitCode,
          done: finished,
          failed,
          killed,
          unstarted,
          left: count,
          left_more: more,
          left_reasons: reasons,
        })}\n`,
      );
      mouth.fail(end);
      return mouth.end();
    },
  };
}

function countsOf(p: Counted): Counts {
  const { finished, failed, killed } = p.done;
  return {
    done: finished,
    failed: failed + killed,
    running: p.running,
    waiting: p.queued + p.waiting,
    more: p.more,
  };
}
