/**
 * The last words of a launcher: how much it did, which jobs of its filter it leaves and why, and with which exit code it
 * ends. What `balsam launcher` prints, `launcher_ended` says to programs and the launcher's history keeps is made here.
 *
 * Pure. The conditions of a lease (PROTOCOL 2) are named in the same order by `explain.ts`.
 */

/** Jobs that ended in one launcher, by how. */
export interface Done {
  /** JOB_FINISHED. */
  finished: number;
  /** FAILED, also those that never started. */
  failed: number;
  /** USER_KILLED, also before their start. */
  killed: number;
  /** Runs that ended and did not end their job: RUN_TIMEOUT, to be run again. */
  other: number;
  /** Of those that failed: never started, and why the first of them was not. */
  unstarted: number;
  unstartedWhy: string;
}

export function nothingDone(): Done {
  return { finished: 0, failed: 0, killed: 0, other: 0, unstarted: 0, unstartedWhy: '' };
}

/** Why jobs of a launcher's filter are left. `open`: it could have run them and left before. */
export type LeftCode = 'open' | 'ranks' | 'nodes' | 'wall-time' | 'owner' | 'held' | 'state';

/** Jobs that are left for one reason, as the store counts them. */
export interface LeftGroup {
  readonly code: LeftCode;
  readonly count: number;
  /** Of num_nodes, wall_time_minutes or ranks_per_node, where one of them is the reason; else 0. */
  readonly least: number;
  readonly most: number;
  /** An owner, a launcher's number or a state, where that is the reason; else ''. */
  readonly who: string;
}

export interface LeftFacts {
  readonly groups: readonly LeftGroup[];
  /** There are more than were counted. */
  readonly more: boolean;
  /** The filter is part of the name of some workflow of the database; true without a filter. */
  readonly filterMatches: boolean;
  /** Names of workflows, a few, where the filter matches none. */
  readonly workflows: readonly string[];
}

/** What the launcher could take when it looked last. */
export interface Fits {
  readonly nodes: number;
  /** Minutes left; null: no limit. */
  readonly minutes: number | null;
}

export interface LeftReason {
  readonly code: LeftCode | 'filter';
  readonly count: number;
  readonly text: string;
}

/** What a launcher leaves. */
export interface LeftOver {
  readonly count: number;
  readonly more: boolean;
  readonly reasons: readonly LeftReason[];
  /** One sentence; '' when nothing is left. */
  readonly text: string;
}

/** Why a launcher leaves that has nothing to do. */
export const IDLE = 'nothing is left to run';
/** Reasons told; more of them (launchers, owners) are summed up. Guess: what one reads in a sentence. */
const REASONS_TOLD = 5;

export function leftOverOf(
  facts: LeftFacts,
  of: { launcher: number; wfFilter: string; owner: string; fits: Fits },
): LeftOver {
  const reasons: LeftReason[] = facts.groups
    .filter(({ count }) => count > 0)
    .map((group) => ({ code: group.code, count: group.count, text: reasonOf(group, of) }));
  const count = reasons.reduce((sum, reason) => sum + reason.count, 0);
  if (!facts.filterMatches && facts.workflows.length > 0) {
    const names = facts.workflows.map((name) => JSON.stringify(name)).join(', ');
    const text = `no workflow contains ${JSON.stringify(of.wfFilter)}: the database has ${names}`;
    return { count, more: false, reasons: [{ code: 'filter', count: 0, text }], text };
  }
  return { count, more: facts.more, reasons, text: sentence(reasons, facts.more) };
}

function reasonOf(g: LeftGroup, of: { launcher: number; owner: string; fits: Fits }): string {
  const value = g.least === g.most ? `${g.most}` : `${g.least} to ${g.most}`;
  switch (g.code) {
    case 'ranks':
      return `num_nodes or ranks_per_node is ${value}, and in mode serial it takes jobs of one rank`;
    case 'nodes':
      return `num_nodes ${value} is more than the ${nodes(of.fits.nodes)} here`;
    case 'wall-time':
      return `wall_time_minutes ${value} is more than the ${tenths(of.fits.minutes ?? 0)} left`;
    case 'owner':
      return `of the database user ${g.who}, and this launcher runs those of ${of.owner} (--any-owner runs all)`;
    case 'state':
      return `nothing moves a job on from ${g.who} by itself`;
    case 'held':
      return g.who === String(of.launcher)
        ? 'this launcher still holds them: the next one takes them back'
        : `launcher ${g.who} holds them`;
    case 'open':
      return 'not run before it left';
  }
}

function nodes(n: number): string {
  return n === 1 ? '1 node that takes work' : `${n} nodes that take work`;
}

/** Never more than there is: what did not fit is more than what is said here. */
function tenths(minutes: number): string {
  return String(Math.floor(minutes * 10) / 10);
}

/** `3 jobs wait that this launcher cannot take: … (2); … (1)`, what others hold, and what it did not come to. */
function sentence(reasons: readonly LeftReason[], more: boolean): string {
  const of = (...codes: string[]): LeftReason[] => reasons.filter(({ code }) => codes.includes(code));
  const refused = of('ranks', 'nodes', 'wall-time', 'owner', 'state');
  const parts: string[] = [];
  const open = sum(of('open'));
  if (open > 0) parts.push(`${jobs(open, more)} ${open === 1 ? 'is' : 'are'} left to run`);
  if (refused.length > 0) {
    const n = sum(refused);
    const told = refused.slice(0, REASONS_TOLD);
    const why = told.map(({ text, count }) => (refused.length === 1 ? text : `${text} (${count})`));
    if (refused.length > told.length) why.push(`${sum(refused.slice(REASONS_TOLD))} for other reasons`);
    const it = n === 1 && refused[0]!.code !== 'state' && refused[0]!.code !== 'owner' ? 'its ' : '';
    parts.push(
      `${jobs(n, more)} ${n === 1 ? 'waits' : 'wait'} that this launcher cannot take: ${it}${why.join('; ')}`,
    );
  }
  const held = of('held');
  if (held.length > 0) {
    const n = sum(held);
    const who = held.slice(0, REASONS_TOLD).map(({ text }) => text);
    parts.push(`${jobs(n, more)} ${n === 1 ? 'has' : 'have'} not ended: ${who.join('; ')}`);
  }
  return parts.join('; ');
}

function sum(reasons: readonly LeftReason[]): number {
  return reasons.reduce((total, { count }) => total + count, 0);
}

function jobs(n: number, more: boolean): string {
  return `${more ? 'more than ' : ''}${n} ${n === 1 ? 'job' : 'jobs'}`;
}

/** Why it left and what it leaves, in one sentence: of an idle one that is what it leaves. */
export function endReason(reason: string, left: string): string {
  if (left === '') return reason;
  return reason === IDLE ? left : `${reason}; ${left}`;
}

/** Exit codes of `balsam launcher` beside 1, which is a launcher that could not work. */
export const EXIT_DONE = 0;
export const EXIT_LEFT = 3;

export interface LastWords {
  /** One sentence. */
  readonly reason: string;
  /** `3 done, 1 failed, 0 left`. */
  readonly counts: string;
  /** Everything it was asked for ran to its end; else jobs are left, or were never started. */
  readonly complete: boolean;
}

/** `left` null: the database did not say what is left. */
export function lastWords(end: { reason: string; done: Done; left: LeftOver | null }): LastWords {
  const { done, left } = end;
  const counts = [`${done.finished} done`, `${done.failed} failed`];
  if (done.killed > 0) counts.push(`${done.killed} killed`);
  if (left !== null) counts.push(`${left.count}${left.more ? '+' : ''} left`);
  let reason =
    left === null ? `${end.reason}; the database did not say what is left` : endReason(end.reason, left.text);
  if (done.unstarted > 0) reason += `; ${unstarted(done)}`;
  return {
    reason,
    counts: counts.join(', '),
    complete: left !== null && left.reasons.length === 0 && done.unstarted === 0,
  };
}

/** `2 jobs could not be started, the first on node7: exec: …` */
function unstarted(done: Done): string {
  const n = done.unstarted;
  const [why = ''] = done.unstartedWhy.split('\n');
  const where = /^could not be started (.*)$/.exec(why)?.[1];
  const first = n === 1 ? '' : ', the first';
  return `${jobs(n, false)} could not be started${first}${where === undefined ? `: ${why}` : ` ${where}`}`;
}
