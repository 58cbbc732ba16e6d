/** What `balsam launcher` shows while it runs: a bar for people, JSON lines for programs. */
import type { LauncherEnd, LauncherWatch, Progress as Counted } from '../warden/warden.ts';
import { PLAIN_LINE_MS } from '../base/client-limits.ts';
import { jsonLine } from './json.ts';
import { Progress } from './progress.ts';
import type { Counts } from './progress.ts';

export type Display = LauncherWatch & { end(end: LauncherEnd): void };

/** `label` stands before the bar. The first line is printed at once. */
export function display(json: boolean, label: string): Display {
  return json ? forPrograms() : forPeople(label);
}

function forPeople(label: string): Display {
  const progress = new Progress(label);
  process.stdout.write(`Starting Balsam launcher [${process.pid}]\n`);
  return {
    onStart: (files) => void process.stdout.write(`Log: ${files.log}\n`),
    onProgress: (p) => progress.update(countsOf(p)),
    onNote: (text) => void process.stderr.write(`balsam: ${text}\n`),
    end(end) {
      progress.close();
      process.stdout.write(`Launcher ended: ${end.reason}\n`);
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
    end({ reason, exitCode }) {
      if (last !== null) say(last);
      process.stdout.write(`${jsonLine('launcher_ended', { reason, exit_code: exitCode })}\n`);
    },
  };
}

function countsOf(p: Counted): Counts {
  return { done: p.finished, failed: p.failed, running: p.running, waiting: p.queued + p.waiting };
}
