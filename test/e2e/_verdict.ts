/**
 * Whether the promises held: what the database says of every job, compared with what the jobs themselves wrote down, and
 * what the launchers said of their own. Each finding is one sentence; none is right.
 */
import fs from 'node:fs';
import path from 'node:path';
import { history } from '../../src/store/history/lines.ts';
import type { HistoryLine, JobRow } from '../../src/store/rows.ts';
import type { Chaos } from './_chaos.ts';
import { executionsOf, type Execution } from './_ticks.ts';
import type { World } from './_world.ts';

interface AttemptRow {
  job_id: string;
  attempt: number;
  started: boolean;
  outcome: string | null;
  message: string;
}

export interface Told {
  /** Jobs whose making was confirmed, those that a user killed, and those of which nobody knows whether he did. */
  ids: readonly string[];
  killed: ReadonlySet<string>;
  maybeKilled: ReadonlySet<string>;
  /** Jobs had no space for their files for a time. */
  noSpace: boolean;
}

export interface Verdict {
  findings: string[];
  /** Figures for people: jobs, and how many ran more than once. */
  figures: {
    jobs: number;
    finished: number;
    failed: number;
    killed: number;
    executions: number;
    again: number;
  };
}

/** Judges every job of the database. */
export async function judge(world: World, told: Told): Promise<Verdict> {
  const rows = await world.rows();
  const attempts = Map.groupBy(await attemptsOf(world), (a) => a.job_id);
  const lines = await history(
    world.db,
    rows.map((r) => r.job_id),
  );
  const figures = { jobs: rows.length, finished: 0, failed: 0, killed: 0, executions: 0, again: 0 };
  const findings = missing(told.ids, rows);
  for (const row of rows) {
    const executions = await executionsOf(world.ticks, row.job_id);
    figures.executions += executions.length;
    if (executions.length > 1) figures.again += 1;
    if (row.state === 'JOB_FINISHED') figures.finished += 1;
    else if (row.state === 'USER_KILLED') figures.killed += 1;
    else figures.failed += 1;
    const job: Judged = {
      row,
      executions,
      attempts: attempts.get(row.job_id) ?? [],
      lines: lines.get(row.job_id) ?? [],
      killed: told.killed.has(row.job_id),
      maybeKilled: told.maybeKilled.has(row.job_id),
      noSpace: told.noSpace,
    };
    const wrong = [...endOf(job), ...runsOf(job), ...explained(job), ...countsOf(job)];
    findings.push(...wrong.map((what) => `${row.name} ${row.job_id}: ${what}\n${evidence(job)}`));
  }
  const violations = await world.violations();
  if (violations !== '') findings.push(`two of one job ran at once:\n${violations}`);
  return { findings, figures };
}

interface Judged {
  row: JobRow;
  executions: Execution[];
  attempts: AttemptRow[];
  lines: HistoryLine[];
  killed: boolean;
  maybeKilled: boolean;
  noSpace: boolean;
}

function attemptsOf(world: World): Promise<AttemptRow[]> {
  return world.db.run(async (sql) => [
    ...(await sql<
      AttemptRow[]
    >`select job_id, attempt, started_at is not null as started, outcome, message from attempt order by job_id, attempt`),
  ]);
}

function missing(ids: readonly string[], rows: readonly JobRow[]): string[] {
  const there = new Set(rows.map((r) => r.job_id));
  return ids.filter((id) => !there.has(id)).map((id) => `${id} was made and is not there`);
}

/** It has ended, in a state that is explained, and nobody holds it. */
function endOf(job: Judged): string[] {
  const { row, killed } = job;
  const wrong: string[] = [];
  if (row.launcher !== null) wrong.push(`is held by launcher ${row.launcher}`);
  if (killed && row.state !== 'USER_KILLED') wrong.push(`was killed by its user and is ${row.state}`);
  if (row.state === 'JOB_FINISHED') return [...wrong, ...finished(job)];
  if (row.state === 'USER_KILLED') return [...wrong, ...userKilled(job)];
  if (row.state === 'FAILED') return [...wrong, ...failed(job)];
  return [...wrong, `has not ended: ${row.state}`];
}

function count(lines: readonly HistoryLine[], state: string): number {
  return lines.filter((line) => line.state === state).length;
}

function finished({ row, lines, attempts, executions }: Judged): string[] {
  const wrong: string[] = [];
  const ends = count(lines, 'JOB_FINISHED');
  if (ends !== 1) wrong.push(`has ${ends} JOB_FINISHED in its history`);
  const last = executions.at(-1);
  if (last?.attempt !== row.attempt || !last.ended)
    wrong.push(`is finished by attempt ${row.attempt}, which did not come to its end`);
  if (attempts.findLast((a) => a.attempt === row.attempt)?.outcome !== 'RUN_DONE')
    wrong.push('is finished without an attempt that says so');
  return wrong;
}

function userKilled({ lines, killed, maybeKilled }: Judged): string[] {
  const wrong: string[] = [];
  if (!killed && !maybeKilled) wrong.push('is USER_KILLED and nobody killed it');
  if (count(lines, 'JOB_FINISHED') > 0) wrong.push('was killed and is finished too');
  return wrong;
}

/** Jobs that are not retried, those that lost their node too often, and those without space; nothing else fails. */
function failed({ row, lines, noSpace }: Judged): string[] {
  const why = lines.findLast((line) => line.message !== '')?.message ?? '';
  if (noSpace && /no space(?: is)? left/i.test(why)) return [];
  const tooOften = /its node died 3 times/.test(why);
  if (row.auto_timeout_retry && !tooOften) return [`FAILED: ${why}`];
  return why === '' ? ['FAILED without a reason'] : [];
}

/** One life after the other, each of an attempt of its own, and each but the last on record as lost. */
function runsOf({ row, executions, attempts, lines }: Judged): string[] {
  const wrong: string[] = [];
  for (const [i, one] of executions.entries()) {
    const before = executions[i - 1];
    if (!before) continue;
    if (one.attempt <= before.attempt) wrong.push(`attempt ${one.attempt} started after ${before.attempt}`);
    if (one.from < before.to)
      wrong.push(`attempt ${one.attempt} ran from ${one.from} and ${before.attempt} until ${before.to}`);
    const record = attempts.find((a) => a.attempt === before.attempt);
    if (record?.outcome !== 'RUN_TIMEOUT' || record.message === '')
      wrong.push(`attempt ${before.attempt} started, and no record says that it was lost`);
  }
  const again = executions.length - 1;
  const lost = count(lines, 'RUN_TIMEOUT');
  if (lost < again) wrong.push(`ran ${again} times more than once and its history has ${lost} RUN_TIMEOUT`);
  if (!row.auto_timeout_retry && again > 0) wrong.push('ran again although it must not');
  return wrong;
}

/** What may be on record as a run and have written nothing: it was ended before its first line. */
const CUT_SHORT = ['RUN_TIMEOUT', 'USER_KILLED'];

/**
 * Executions and history explain each other, one to one: no execution without the line of its attempt (that it ran, or may
 * have), no line of a run without its execution, but for one that was ended before it could write its first line.
 */
function explained({ row, executions, attempts, lines }: Judged): string[] {
  const wrong: string[] = [];
  for (const { attempt, ended } of executions) {
    const record = attempts.find((a) => a.attempt === attempt);
    // Killed by its user before its start was committed, in a launcher that died then: USER_KILLED is all that is known.
    if (!record && row.state === 'USER_KILLED' && attempt === row.attempt) continue;
    if (!record) wrong.push(`attempt ${attempt} ran, and has no record`);
    else if (!record.started && !/may have started/.test(record.message))
      wrong.push(`attempt ${attempt} ran, and its record says that it did not: ${record.message}`);
    else if (ended && record.outcome === 'RUN_ERROR')
      wrong.push(`attempt ${attempt} came to its end and failed`);
  }
  for (const { attempt, started, outcome, message } of attempts) {
    const runs = executions.filter((one) => one.attempt === attempt);
    if (runs.length > 1) wrong.push(`attempt ${attempt} ran ${runs.length} times`);
    // Its RUNNING is written before its start, which may fail.
    const refused = !row.auto_timeout_retry && message.startsWith('could not be started');
    if (started && runs.length === 0 && !refused && !CUT_SHORT.includes(outcome ?? ''))
      wrong.push(`attempt ${attempt} is on record as ${outcome} and never ran: ${message}`);
    if (outcome === 'RUN_DONE' && runs[0]?.ended !== true)
      wrong.push(`attempt ${attempt} is on record as done and did not come to its end`);
  }
  const ran = lines.filter((line) => line.state === 'RUNNING' && !line.message.startsWith('goes on')).length;
  const started = attempts.filter((a) => a.started).length;
  if (ran !== started)
    wrong.push(`its history has ${ran} lines of a run for ${started} attempts that started`);
  const lost = attempts.filter((a) => a.outcome === 'RUN_TIMEOUT').length;
  const told = count(lines, 'RUN_TIMEOUT');
  if (told !== lost) wrong.push(`its history has ${told} RUN_TIMEOUT for ${lost} attempts that were lost`);
  return wrong;
}

/** Every start is counted as a try, and no try without an attempt. */
function countsOf({ row, executions }: Judged): string[] {
  const wrong: string[] = [];
  if (executions.length > row.tries)
    wrong.push(`started ${executions.length} times, counted ${row.tries} tries`);
  if (row.tries > row.attempt) wrong.push(`${row.tries} tries in ${row.attempt} attempts`);
  return wrong;
}

function evidence({ row, executions, attempts, lines }: Judged): string {
  const list = [
    `attempt ${row.attempt}, tries ${row.tries}`,
    ...executions.map((x) => `ran ${JSON.stringify(x)}`),
    ...attempts.map((a) => `record ${a.attempt} ${a.outcome} ${a.message}`),
    ...lines.map((l) => `history ${l.at.toISOString()} ${l.state} ${l.message}`),
  ];
  return list.map((line) => `    ${line}`).join('\n');
}

/** What launchers may say when their parts are killed or stopped. */
const EXPECTED = [
  /^balsam: the coordinator died \(it ended with SIGKILL\): another takes over/,
  /^balsam: the coordinator hangs: it is ended/,
  /^balsam: the database (does not answer: what runs goes on, its ends wait|answers again)/,
  /^balsam: the server of the database had died: it was started again/,
  /^balsam: the agent of node \d+ ended: SIGKILL/,
  /^balsam: the disk is full or the quota is used up, so Postgres can't run: free some space/,
];

/** A launcher that starts Postgres while that is killed ends with the last words of its log. */
const KILLED_AT_START =
  /^balsam: the server of \S+ did not start \(exit SIGKILL\)[^]*?(?=^balsam: |(?![^]))/gm;

/** What launchers said that no fault explains, and lines of their logs that are no log: a bug that stopped a process. */
export function complaints(world: World, said: readonly string[]): string[] {
  const lines = said
    .flatMap((text) => text.replaceAll(KILLED_AT_START, '').split('\n'))
    .filter((line) => line !== '');
  const unexpected = lines.filter((line) => !EXPECTED.some((e) => e.test(line)));
  const log = path.join(world.dbPath, 'log');
  const crashes = fs.readdirSync(log).flatMap((name) => {
    const text = fs.readFileSync(path.join(log, name), 'utf8');
    const odd = text
      .split('\n')
      .filter(
        (line) => line !== '' && !line.startsWith('{') && !/ did not appear before the launcher /.test(line),
      );
    return odd.length === 0 ? [] : [`${name} has lines that are no log:\n${odd.slice(0, 30).join('\n')}`];
  });
  return [...unexpected.map((line) => `a launcher said: ${line}`), ...crashes];
}

/** Most that a process may need here, MiB and open files: about twice what was measured with this little work. */
const BOUNDS: Readonly<Record<string, readonly [mib: number, files: number]>> = {
  warden: [130, 100],
  coordinator: [200, 200],
  agent: [160, 300],
  helper: [100, 50],
  guard: [100, 50],
};

/** Which kinds of process have grown beyond their bounds, and which were never measured. */
export function outgrown(peaks: ReadonlyMap<string, { mib: number; files: number }>): string[] {
  return Object.entries(BOUNDS).flatMap(([kind, [mib, files]]) => {
    const peak = peaks.get(kind);
    if (!peak || peak.mib === 0) return [`no ${kind} was measured`];
    const wrong = peak.mib > mib || peak.files > files;
    return wrong ? [`a ${kind} had ${peak.mib.toFixed(0)} MiB and ${peak.files} open files`] : [];
  });
}

/** What everybody who used a chaos wants to know at its end: all findings, and the figures. */
export async function verdictOf(c: Chaos): Promise<Verdict> {
  const { findings, figures } = await judge(c.world, c);
  const said = c.launchers.map((l) => l.err);
  return { findings: [...findings, ...complaints(c.world, said), ...outgrown(c.peaks)], figures };
}

/** Copies what a failure is understood from; the directory. */
export async function keepEvidence(world: World, to: string, text: string): Promise<string> {
  await fs.promises.mkdir(to, { recursive: true });
  await fs.promises.writeFile(path.join(to, 'verdict.txt'), text);
  for (const from of [path.join(world.dbPath, 'log'), world.ticks, path.join(world.dbPath, 'postgres.log')])
    await fs.promises
      .cp(from, path.join(to, path.basename(from)), { recursive: true })
      .catch(() => undefined);
  return to;
}
