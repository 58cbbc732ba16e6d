/**
 * `balsam explain JOB`: what a job waits for, or where its time went and why it failed, from the database alone, with the
 * end of its output where that can be read from here.
 */
import path from 'node:path';
import { defineCommand } from 'citty';
import { EXPLAIN_TAIL_LINES, TAIL_BYTES } from '../../base/client-limits.ts';
import { EXIT_FAILED, messageOf, UserError } from '../../base/errors.ts';
import { CHAIN } from '../../base/limits.ts';
import type { OpenDatabase } from '../../server/open.ts';
import { explain } from '../../model/explain.ts';
import type { ExplainedAttempt, Explanation, Step } from '../../model/explain.ts';
import { filed, outputName, shortId } from '../../model/job-directory.ts';
import { explainFacts } from '../../store/history/explain.ts';
import { tailOf } from '../output/follow.ts';
import { cute, escaped, workingDirectory } from '../output/format.ts';
import { JSON_OPTION, jsonLine } from '../output/json.ts';
import { inStateColour, lookOf } from '../output/look.ts';
import { ONE_JOB, theJob } from '../input/one-job.ts';
import { duration } from '../output/progress.ts';
import { printLine, withDatabase } from '../output/terminal.ts';
import { timeText } from '../output/times.ts';
import { keptTries, triesText } from '../output/tries.ts';

export const explainCommand = defineCommand({
  meta: { name: 'explain', description: 'Say what a job waits for, or why it failed' },
  args: { ...ONE_JOB, ...JSON_OPTION },
  run: ({ args }) => withDatabase((db) => explainJob(db, args.job, args.json === true)),
});

async function explainJob(db: OpenDatabase, typed: string, json: boolean): Promise<void> {
  const job = await theJob(db, typed, ['workflow', 'state', 'user_workdir', 'filed_as']);
  const facts = await explainFacts(db, job.job_id, 2 * CHAIN.launcherHeartbeat);
  if (facts === null) throw new UserError(`job ${job.job_id} was deleted at this moment`, EXIT_FAILED);
  const found = explain(facts);
  const file = path.join(workingDirectory(db.path, job), outputName(filed(job)));
  const ran = facts.attempts.length > 0;
  const { tail, problem } = endOfOutput(file, ran && found.phase !== 'waiting');
  if (json) {
    const { job_id, name } = job;
    await printLine(
      jsonLine('explanation', {
        job_id,
        name,
        state: facts.job.state,
        ...found,
        attempts: facts.attempts,
        output: tail === null && problem === null ? null : { path: file, tail: tail?.text ?? '', problem },
      }),
    );
    return;
  }
  const look = lookOf();
  const words = escaped(found.summary).replace(
    facts.job.state,
    inStateColour(facts.job.state, facts.job.state, look),
  );
  await printLine(`${cute(job)} ${words}`);
  const shown = tail !== null && tail.text !== '' && facts.job.state !== 'JOB_FINISHED';
  for (const line of bodyOf(found, facts.attempts, shown)) await printLine(line);
  if (shown) {
    await printLine(`\nThe end of ${escaped(file)}:`);
    await printLine(
      tail.text
        .split('\n')
        .map((line) => `  ${escaped(line)}`)
        .join('\n'),
    );
  }
  if (problem !== null) await printLine(`\n${escaped(problem)}`);
  const kept = ran ? keptTries(file) : [];
  if (kept.length > 0)
    await printLine(
      `\nWhat try ${triesText(kept)} wrote: balsam output ${shortId(job.job_id)} --try ${kept.at(-1)}`,
    );
}

/** The end of the newest output, or why it can't be read: an explanation does not fail for that. */
function endOfOutput(
  file: string,
  wanted: boolean,
): { tail: { text: string; size: number } | null; problem: string | null } {
  try {
    return { tail: wanted ? tailOf(file, EXPLAIN_TAIL_LINES, TAIL_BYTES) : null, problem: null };
  } catch (error) {
    return { tail: null, problem: messageOf(error) };
  }
}

function bodyOf(found: Explanation, attempts: readonly ExplainedAttempt[], outputShown: boolean): string[] {
  // The first reason is in the summary already; what follows the first line of a failure is the end of its output.
  const reasons = found.reasons.flatMap(({ code, text }, i) => {
    const lines = text.split('\n');
    if (code === 'failure') return outputShown ? [] : lines.slice(1);
    return i === 0 && found.phase === 'waiting' ? [] : lines;
  });
  const earlier = attempts.slice(0, -1).map(({ attempt, outcome, launcher, node }) => {
    const where = node === '' ? '' : ` on ${node}`;
    return `attempt ${attempt}: ${outcome ?? 'lost'} in launcher ${launcher}${where}`;
  });
  return [
    ...reasons.map((line) => `  ${escaped(line)}`),
    '',
    ...timelineLines(found.timeline),
    ...(earlier.length > 0 ? ['', ...earlier.map((line) => `  ${escaped(line)}`)] : []),
  ];
}

/** `leased  2026-01-01 12:00:00.000  +1.2s`: the time of each point and the way there. */
function timelineLines(steps: readonly Step[]): string[] {
  let before: Date | null = null;
  const lines: string[] = [];
  for (const { what, at } of steps) {
    if (at === null) continue;
    const ms: number = before === null ? 0 : at.getTime() - before.getTime();
    const took =
      before === null
        ? ''
        : `  +${ms < 10_000 ? `${(Math.max(0, ms) / 1000).toFixed(3)}s` : duration(ms / 1000)}`;
    lines.push(`  ${what.padEnd(9)} ${timeText(at, { ms: true })}${took}`);
    before = at;
  }
  return lines;
}
