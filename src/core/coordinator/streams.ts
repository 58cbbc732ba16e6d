/**
 * The two numbered streams between the coordinator and one agent (PROTOCOL 5): commands out, reports in. Commands are
 * resent in order until acknowledged; reports count once, in order, and a gap waits for the resend.
 */
import { assert } from '../../base/assert.ts';
import { ANSWER_BYTES, MAX_UNACKED_COMMANDS } from '../../base/limits.ts';
import type { Answer, App, Command, Job, JobRef, Report } from '../messages.ts';
import type { CoordinatorEffect } from './event.ts';
import type { Agent } from './state.ts';

/** Attempts in one kill or retract command: an inventory may name thousands that are not ours. */
const REFS_PER_COMMAND = 1_000;
/** Commands in one message. A start command may hold many jobs. */
const COMMANDS_PER_MESSAGE = 500;
/** Jobs in one start command, and bytes of one, about. */
const JOBS_PER_START = 500;
const BYTES_PER_START = 1024 * 1024;
/** Bytes after which a message is closed, about: with one start command more it is below the wire's limit. Guess. */
const BYTES_PER_MESSAGE = 4 * 1024 * 1024;
/** What a job takes beside its texts, and a UTF-16 unit at most. */
const BYTES_PER_JOB = 200;
const BYTES_PER_UNIT = 3;
/** What is not acknowledged after this is sent again, milliseconds. */
const RESEND_MS = 1_000;

/** Whether the agent's stream takes another command. */
export function hasRoom(a: Agent): boolean {
  return a.unacked.length < MAX_UNACKED_COMMANDS;
}

/** Appends a command; it leaves with the next flush. */
export function command(a: Agent, body: Omit<Command, 'seq'>): void {
  a.unacked.push({ seq: a.nextCommand++, ...body });
}

/**
 * Adds a job to the start command that has never left, or opens one; the application goes along once. Never to one that is
 * only sent again: an agent that has it already takes that for a repeat, and what was added never comes.
 */
export function start(a: Agent, job: Job, app: App): void {
  const last = a.unacked.at(-1);
  const fits = a.openBytes < BYTES_PER_START;
  const open =
    last && last.seq > a.leftCommand && last.start && last.start.jobs.length < JOBS_PER_START && fits
      ? last.start
      : null;
  const apps = a.knownApps.has(app.index) ? [] : [app];
  a.openBytes = (open ? a.openBytes : 0) + bytesOf(job) + (apps.length > 0 ? bytesOfApp(app) : 0);
  a.knownApps.add(app.index);
  if (open) {
    open.apps.push(...apps);
    open.jobs.push(job);
  } else command(a, { start: { apps, jobs: [job] } });
}

function bytesOf(j: Job): number {
  const units =
    j.args.length + j.environVars.length + j.userWorkdir.length + j.mpiFlags.length + j.parents.length;
  return BYTES_PER_JOB + (units + j.name.length + j.workflow.length + j.hosts.join().length) * BYTES_PER_UNIT;
}

function bytesOfApp(a: App): number {
  return BYTES_PER_JOB + (a.name.length + a.executable.length + a.envscript.length) * BYTES_PER_UNIT;
}

/** Adds to the command of the same kind and reason that has never left, so that a thousand kills are one command. */
export function kill(a: Agent, job: JobRef, reason: number): void {
  const last = a.unacked.at(-1);
  const open = last && last.seq > a.leftCommand && last.kill?.reason === reason ? last.kill.jobs : null;
  if (open && open.length < REFS_PER_COMMAND) open.push(job);
  else command(a, { kill: { jobs: [job], reason } });
}

export function retract(a: Agent, job: JobRef): void {
  const last = a.unacked.at(-1);
  const open = last && last.seq > a.leftCommand && last.retract ? last.retract.jobs : null;
  if (open && open.length < REFS_PER_COMMAND) open.push(job);
  else command(a, { retract: { jobs: [job] } });
}

/** Forgets what the agent has; what has not moved for a second leaves again. */
export function acknowledged(a: Agent, upTo: number, now: number): void {
  assert(upTo <= a.leftCommand, 'an agent acknowledges only what was sent');
  if (upTo > a.ackedCommand) {
    a.unacked.splice(0, upTo - a.ackedCommand);
    a.ackedCommand = upTo;
    a.sentCommand = Math.max(a.sentCommand, upTo);
    a.ackGrewAt = now;
  } else if (a.sentCommand > a.ackedCommand && now - a.ackGrewAt > RESEND_MS) {
    a.sentCommand = a.ackedCommand;
    a.ackGrewAt = now;
  }
}

/** Sends what has not left yet. */
export function flush(a: Agent, now: number, effects: CoordinatorEffect[]): void {
  while (a.sentCommand < a.nextCommand - 1) {
    const first = a.sentCommand - a.ackedCommand;
    const commands = a.unacked.slice(first, first + fitting(a.unacked, first));
    if (a.sentCommand === a.ackedCommand) a.ackGrewAt = now;
    a.sentCommand += commands.length;
    a.leftCommand = Math.max(a.leftCommand, a.sentCommand);
    effects.push({ kind: 'send', incarnation: a.incarnation, body: { commands: { commands } } });
  }
}

/** How many of the commands from there on go into one message. */
function fitting(unacked: readonly Command[], first: number): number {
  let bytes = 0;
  let n = 0;
  while (first + n < unacked.length && n < COMMANDS_PER_MESSAGE && bytes < BYTES_PER_MESSAGE) {
    const c = unacked[first + n]!;
    for (const job of c.start?.jobs ?? []) bytes += bytesOf(job);
    for (const app of c.start?.apps ?? []) bytes += bytesOfApp(app);
    for (const answer of c.committed?.answers ?? []) bytes += bytesOfAnswer(answer);
    bytes += ((c.kill ?? c.retract)?.jobs.length ?? 0) * BYTES_PER_JOB;
    n += 1;
  }
  return n;
}

/** Bytes of an answer on the wire, at most. */
function bytesOfAnswer(answer: Answer): number {
  return BYTES_PER_JOB + (answer.json.length + answer.error.length) * BYTES_PER_UNIT;
}

/** "Committed up to n", with its answers in as many commands as they need: each may be a whole `data`. */
export function tellCommitted(a: Agent, reports: number, answers: readonly Answer[]): void {
  let part: Answer[] = [];
  let bytes = 0;
  for (const answer of answers) {
    const more = bytesOfAnswer(answer);
    if (part.length > 0 && bytes + more > ANSWER_BYTES) {
      // What this says is committed has all of its answers before it is said: they come with the last.
      command(a, { committed: { reports: 0, answers: part } });
      part = [];
      bytes = 0;
    }
    part.push(answer);
    bytes += more;
  }
  command(a, { committed: { reports, answers: part } });
}

/** The reports that are new and in order; the rest is a duplicate, or comes again. */
export function inOrder(a: Agent, reports: readonly Report[]): Report[] {
  const fresh: Report[] = [];
  for (const r of reports) {
    if (r.seq !== a.receivedReport + 1) continue;
    a.receivedReport = r.seq;
    fresh.push(r);
  }
  return fresh;
}

/** A new epoch begins at 1; no start, kill or retract is carried over. Answers are: their questions are committed, and
 * who gets one twice ignores it. */
export function resetCommands(a: Agent, now: number): void {
  const answers = a.unacked.flatMap((c) => c.committed?.answers ?? []);
  a.unacked = [];
  a.nextCommand = 1;
  a.sentCommand = 0;
  a.leftCommand = 0;
  a.ackedCommand = 0;
  a.ackGrewAt = now;
  a.knownApps.clear();
  if (answers.length > 0) tellCommitted(a, a.committedReport, answers);
}
