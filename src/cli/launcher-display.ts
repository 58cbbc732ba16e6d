/** What `balsam launcher` shows while it runs: a bar for people, JSON lines for programs. */
import type { LauncherEnd, LauncherWatch, Progress as Counted } from '../warden/warden.ts';
import { PLAIN_LINE_MS } from '../base/client-limits.ts';
import { EXIT_FAILED } from '../base/errors.ts';
import { jsonLine } from './json.ts';
import { Progress } from './progress.ts';
import type { Counts } from './progress.ts';

export type Display = LauncherWatch & { end(end: LauncherEnd): void };

/** `label` stands before the bar. */
export function display(json: boolean, label: string): Display {
  return json ? forPrograms() : forPeople(label);
}

function forPeople(label: string): Display {
  const progress = new Progress(label);
  let begun = false;
  return {
    onStart(files) {
      // One that was declared dead begins anew in the same process.
      if (!begun) process.stdout.write(`Starting Balsam launcher [${process.pid}]\n`);
      begun = true;
      process.stdout.write(`Log: ${files.log}\n`);
    },
    onProgress: (p) => progress.update(countsOf(p)),
    onNote: (text) => void process.stderr.write(`balsam: ${text}\n`),
    end(end) {
      progress.close();
      process.stdout.write(`Launcher ended: ${end.reason} (${end.counts})\n`);
      if (!(process.stdout.isTTY && process.stderr.isTTY)) sayFailure(end);
    },
  };
}

function forPrograms(): Display {
  let saidAt = -Infinity;
  let last: Counts | null = null;
  const say = (counts: Counts): void => {
    process.stdout.write(`${jsonLine('launcher_progress', counts)}\n`);
    saidAt = performance.now();
    last = null;
  };
  return {
    onStart: (files) =>
      void process.stdout.write(`${jsonLine('launcher_started', { pid: process.pid, log: files.log })}\n`),
    onProgress(p) {
      last = countsOf(p);
      if (performance.now() - saidAt >= PLAIN_LINE_MS) say(last);
    },
    onNote: (text) => void process.stderr.write(`balsam: ${text}\n`),
    end(end) {
      if (last !== null) say(last);
      const { finished, failed, killed, unstarted } = end.done;
      const { count = null, more = false, reasons = [] } = end.left ?? {};
      process.stdout.write(
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
      sayFailure(end);
    },
  };
}

/** One sentence where stdout is not what a person looks at. */
function sayFailure({ exitCode, reason }: LauncherEnd): void {
  if (exitCode === EXIT_FAILED) process.stderr.write(`balsam: ${reason}\n`);
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
