/**
 * `balsam output JOB [-f] [--try N]`: what a job wrote to stdout and stderr, in its newest try or in an earlier one; with -f
 * also what it still writes, until it is at an end. `balsam cd JOB`: where its files are (a command cannot change the shell's directory: `bcd JOB` does).
 */
import fs from 'node:fs';
import path from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { defineCommand } from 'citty';
import { FOLLOW_POLL_MS, OUTPUT_JSON_BYTES, STATE_POLL_MS } from '../../base/client-limits.ts';
import { EXIT_FAILED, UserError } from '../../base/errors.ts';
import type { OpenDatabase } from '../../server/open.ts';
import { isEnd } from '../../model/job.ts';
import { filed, outputName } from '../../model/job-directory.ts';
import { byIds, queryOf } from '../../model/query.ts';
import { listJobs } from '../../store/jobs/list.ts';
import type { JobRow } from '../../store/rows.ts';
import { cute, escaped, workingDirectory } from '../output/format.ts';
import { keptTries, outputOfTry, triesText } from '../output/tries.ts';
import { endOf, GrowingFile, tailOf } from '../output/follow.ts';
import { JSON_OPTION, jsonLine } from '../output/json.ts';
import { ONE_JOB, theJob } from '../input/one-job.ts';
import { integer } from '../input/options.ts';
import { print, printLine, withDatabase } from '../output/terminal.ts';

const FIELDS = ['job_id', 'name', 'workflow', 'state', 'launcher', 'user_workdir', 'filed_as'] as const;
type Job = Pick<JobRow, (typeof FIELDS)[number]>;

export const outputCommand = defineCommand({
  meta: { name: 'output', description: 'Show what a job wrote' },
  args: {
    ...ONE_JOB,
    follow: { type: 'boolean', alias: 'f', description: 'go on until the job is at an end' },
    lines: { type: 'string', alias: 'n', valueHint: 'N', description: 'only the last lines' },
    try: {
      type: 'string',
      valueHint: 'N',
      description: 'what try N wrote: 1 is the first; without it the newest',
    },
    ...JSON_OPTION,
  },
  run: ({ args }) =>
    withDatabase(async (db) => {
      const job = await theJob(db, args.job, FIELDS);
      const newest = path.join(workingDirectory(db.path, job), outputName(filed(job)));
      const file = fileOf(job, newest, integer('--try', args.try, 1));
      const lines = integer('--lines', args.lines, 0);
      if (args.follow === true) {
        if (args.json === true) throw new UserError('--follow and --json do not go together');
        if (args.try !== undefined) throw new UserError('--follow and --try do not go together');
        return follow(db, job, file, lines);
      }
      if (!isThere(file)) throw nothingYet(job, file);
      if (args.json === true) return printJson(job, file, lines);
      if (lines !== undefined) {
        const tail = tailOf(file, lines, OUTPUT_JSON_BYTES);
        return tail === null || tail.text === '' ? undefined : printLine(tail.text);
      }
      // As it is, byte for byte: it may be anything.
      for await (const bytes of new GrowingFile(file).bytes()) await print(bytes);
    }),
});

export const cdCommand = defineCommand({
  meta: { name: 'cd', description: 'Print the directory of a job (bcd goes there)' },
  args: { ...ONE_JOB, ...JSON_OPTION },
  run: ({ args }) =>
    withDatabase(async (db) => {
      const job = await theJob(db, args.job, FIELDS);
      const directory = workingDirectory(db.path, job);
      const exists = fs.existsSync(directory);
      if (args.json === true) {
        const { job_id, name } = job;
        return printLine(jsonLine('directory', { job_id, name, path: directory, exists }));
      }
      if (!exists)
        throw new UserError(
          `job ${cute(job)} has no directory yet: it is ${job.state} (it will be ${escaped(directory)})`,
          EXIT_FAILED,
        );
      await printLine(directory);
    }),
});

/** The output of this try, the newest without one. UserError when it is not kept. */
function fileOf(job: Job, newest: string, number: number | undefined): string {
  const file = number === undefined ? newest : outputOfTry(newest, number);
  if (file !== null) return file;
  const kept = keptTries(newest);
  const others =
    kept.length === 0
      ? 'only that of its newest try'
      : `those of try ${triesText(kept)}, and of its newest one`;
  throw new UserError(`job ${cute(job)} has no output of try ${number}: there is ${others}`, EXIT_FAILED);
}

/** Whatever it is: what can't be read is said by who reads it. */
function isThere(file: string): boolean {
  return fs.lstatSync(file, { throwIfNoEntry: false }) !== undefined;
}

function nothingYet(job: Job, file: string): UserError {
  const hint = isEnd(job.state)
    ? `${escaped(file)} is not there`
    : `its output will be ${escaped(file)}; -f waits for it`;
  return new UserError(`job ${cute(job)} has no output: it is ${job.state}, and ${hint}`, EXIT_FAILED);
}

function printJson(job: Job, file: string, lines: number | undefined): Promise<void> {
  const tail = lines === undefined ? endOf(file, OUTPUT_JSON_BYTES) : tailOf(file, lines, OUTPUT_JSON_BYTES);
  const { job_id, name, state } = job;
  const text = tail?.text ?? '';
  const size = tail?.size ?? 0;
  const truncated = size > OUTPUT_JSON_BYTES;
  return printLine(jsonLine('output', { job_id, name, state, path: file, size, truncated, text }));
}

/** Prints what is there and what comes, until the job is at an end, nobody holds it, and all of it was read. */
async function follow(db: OpenDatabase, job: Job, file: string, lines: number | undefined): Promise<void> {
  let at = 0;
  if (lines !== undefined) {
    const tail = tailOf(file, lines, OUTPUT_JSON_BYTES);
    if (tail !== null && tail.text !== '') await printLine(tail.text);
    at = tail?.size ?? 0;
  }
  const stop = new AbortController();
  for (const signal of ['SIGINT', 'SIGTERM'] as const) process.once(signal, () => stop.abort());
  const growing = new GrowingFile(file, at);
  let askedAt = -Infinity;
  while (!stop.signal.aborted) {
    // Asked before the file is read: what it wrote before its end is there then.
    let over = false;
    if (performance.now() - askedAt >= STATE_POLL_MS) {
      const [now] = await listJobs(db, queryOf(byIds([job.job_id])), FIELDS);
      over = now === undefined || (isEnd(now.state) && now.launcher === null);
      askedAt = performance.now();
    }
    for await (const bytes of growing.bytes()) await print(bytes);
    if (over) return;
    await sleep(FOLLOW_POLL_MS, undefined, { signal: stop.signal }).catch(() => undefined);
  }
}
