/**
 * Why a job does not run, or where its time went: decided from what the database says of it, its parents, its
 * application and the launchers. `balsam explain` reads those facts and prints what comes out here.
 *
 * Pure. It must follow the conditions of a lease (PROTOCOL 2) word for word: what it calls too big, no launcher takes.
 */
import { cuteId, shortId } from './job-directory.ts';
import { isEnd, type JobState, type Outcome } from './job.ts';
import { endReason } from './last-words.ts';
import { endText } from './signals.ts';

export interface ExplainedJob {
  readonly job_id: string;
  readonly name: string;
  readonly workflow: string;
  readonly application: string;
  readonly state: JobState;
  readonly parents: readonly string[];
  readonly wait_for_parents: boolean;
  readonly input_files: string;
  readonly stage_in_url: string;
  readonly num_nodes: number;
  readonly ranks_per_node: number;
  readonly wall_time_minutes: number;
  readonly launcher: number | null;
  readonly owner: string;
  readonly created_at: Date;
  readonly updated_at: Date;
}

export interface ExplainedParent {
  readonly id: string;
  readonly name: string;
  readonly state: JobState;
}

export interface ExplainedLauncher {
  readonly id: number;
  readonly state: 'alive' | 'ended' | 'dead';
  /** It says that it lives, and was not heard for a while. */
  readonly silent: boolean;
  readonly degraded: boolean;
  readonly host: string;
  readonly mode: string;
  readonly wf_filter: string;
  /** Nodes that take work. */
  readonly nodes: number;
  readonly owner: string;
  /** It runs jobs of other database users too. */
  readonly any_owner: boolean;
  /** Whole minutes until it leaves, where the database knows; else null. */
  readonly minutes_left: number | null;
  /** An agent has joined it. */
  readonly joined: boolean;
}

/** The last launcher that ended after the job was made, whose filter matches it; `nodes` and `minutes_left` are those of its last look. */
export interface ExplainedEnd extends ExplainedLauncher {
  readonly ended_at: Date | null;
  /** Why it left, and what it left; '' where it did not say. */
  readonly left: string;
  readonly left_over: string;
}

export interface ExplainedAttempt {
  readonly attempt: number;
  readonly launcher: number;
  readonly node: string;
  readonly leased_at: Date | null;
  readonly started_at: Date | null;
  readonly ended_at: Date | null;
  readonly outcome: Outcome | null;
  readonly end_state: JobState | null;
  readonly exit_code: number | null;
  readonly signal: number | null;
  readonly message: string;
}

export interface ExplainFacts {
  readonly job: ExplainedJob;
  readonly parents: readonly ExplainedParent[];
  /** Whether an application of that name is registered. */
  readonly registered: boolean;
  /** Those alive, and the one that holds the job. */
  readonly launchers: readonly ExplainedLauncher[];
  /** null: none. */
  readonly last: ExplainedEnd | null;
  /** The database user who asks. */
  readonly user: string;
  /** Oldest first. */
  readonly attempts: readonly ExplainedAttempt[];
  /** Oldest first. */
  readonly events: readonly { readonly at: Date; readonly state: JobState; readonly message: string }[];
  /** Jobs that wait for a launcher, this one among them; counted up to a limit. */
  readonly runnable: number;
  /** Launches that wait in the batch queue. */
  readonly queued_launches: number;
}

/** Which condition is not met; the sentence says the rest. */
export type ReasonCode =
  | 'parent'
  | 'parent-failed'
  | 'parent-missing'
  | 'application'
  | 'no-launcher'
  | 'no-agent'
  | 'last'
  | 'nodes'
  | 'wall-time'
  | 'ranks'
  | 'filter'
  | 'owner'
  | 'silent'
  | 'queue'
  | 'held'
  | 'person'
  | 'failure';

export interface Reason {
  readonly code: ReasonCode;
  readonly text: string;
}

export type Phase = 'waiting' | 'held' | 'running' | 'ended';

export interface Explanation {
  readonly phase: Phase;
  readonly summary: string;
  readonly reasons: readonly Reason[];
  readonly timeline: readonly Step[];
}

/** A point of the job's life; null where it has not come, or nobody wrote it down. */
export interface Step {
  readonly what: 'created' | 'runnable' | 'leased' | 'started' | 'ended' | 'committed';
  readonly at: Date | null;
}

/** Launchers told one by one; more of them are summed up. Guess: a screen. */
const LAUNCHERS_TOLD = 5;

export function explain(facts: ExplainFacts): Explanation {
  const timeline = timelineOf(facts);
  const { job } = facts;
  if (job.launcher !== null) return { ...heldBy(facts, job.launcher), timeline };
  if (isEnd(job.state)) return { ...endOf(facts), timeline };
  const reasons = waitsFor(facts);
  const [first] = reasons;
  return { phase: 'waiting', summary: `${job.state}: ${first?.text ?? ''}`, reasons, timeline };
}

function heldBy(facts: ExplainFacts, id: number): Omit<Explanation, 'timeline'> {
  const { job, launchers } = facts;
  const launcher = launchers.find((l) => l.id === id);
  const gone = launcher === undefined || launcher.state !== 'alive';
  const attempt = facts.attempts.at(-1);
  const node = attempt?.ended_at === null && attempt.node !== '' ? ` on ${attempt.node}` : '';
  const reasons: Reason[] = [];
  if (gone || launcher.silent) {
    const what = gone ? `has ended (${launcher?.state ?? 'unknown'})` : 'is silent';
    reasons.push({
      code: 'silent',
      text: `launcher ${id} holds it and ${what}: the next launcher that starts takes it back once that one is proven dead, else after three minutes of silence`,
    });
  }
  if (job.state === 'RUNNING')
    return { phase: 'running', summary: `RUNNING${node} in launcher ${id}`, reasons };
  if (job.state === 'USER_KILLED') {
    reasons.push({ code: 'held', text: `launcher ${id} has not yet let it go: it ends its process first` });
    return { phase: 'held', summary: 'USER_KILLED, and its process is being ended', reasons };
  }
  const nodes =
    job.num_nodes > 1
      ? `${job.num_nodes} of its nodes are free at the same time`
      : 'a place on a node is free';
  reasons.push({ code: 'held', text: `launcher ${id} has it, and starts it when ${nodes}` });
  return { phase: 'held', summary: `${job.state}, leased by launcher ${id}`, reasons };
}

function endOf(facts: ExplainFacts): Omit<Explanation, 'timeline'> {
  const { job } = facts;
  const attempt = facts.attempts.at(-1);
  const event = facts.events.findLast((e) => e.state === job.state);
  const endedAt = attempt?.ended_at ?? null;
  const byEvent = event !== undefined && (endedAt === null || event.at.getTime() >= endedAt.getTime());
  if (job.state === 'JOB_FINISHED') {
    const by = byEvent && event.message !== '' ? `: ${event.message}` : '';
    return { phase: 'ended', summary: `JOB_FINISHED${by}`, reasons: [] };
  }
  const why = byEvent ? event.message : attempt === undefined ? '' : failureOf(attempt);
  const reasons: Reason[] = why === '' ? [] : [{ code: 'failure', text: why }];
  const [line = ''] = why.split('\n');
  return { phase: 'ended', summary: line === '' ? job.state : `${job.state}: ${line}`, reasons };
}

/** Why an attempt did not end well: what was written of it, which has the end of the output after its first line. */
function failureOf({ node, message, signal, exit_code }: ExplainedAttempt): string {
  const how = endText({ exitCode: exit_code, signal });
  const [first = '', ...rest] = (message === '' ? how : message).split('\n');
  const where = node === '' ? '' : ` on ${node}`;
  return [first.replace(/:$/, '') + where, ...rest].join('\n');
}

function waitsFor(facts: ExplainFacts): Reason[] {
  const { job } = facts;
  const parents = parentsInTheWay(facts);
  if (parents.length > 0) return parents;
  const staged =
    job.stage_in_url !== '' || (job.parents.length > 0 && (job.wait_for_parents || job.input_files !== ''));
  const leasable =
    job.state === 'PREPROCESSED' || job.state === 'RESTART_READY' || (job.state === 'CREATED' && !staged);
  if (!leasable) {
    const text = `nothing moves a job on from ${job.state} by itself: \`balsam modify ${shortId(job.job_id)} state RESTART_READY\` runs it`;
    return [{ code: 'person', text }];
  }
  const reasons: Reason[] = [];
  if (!facts.registered) {
    const text = `no application ${job.application} is registered: it fails as soon as a launcher takes it`;
    reasons.push({ code: 'application', text });
  }
  return [...reasons, ...launchersInTheWay(facts)];
}

function parentsInTheWay({ job, parents }: ExplainFacts): Reason[] {
  if (!job.wait_for_parents || (job.state !== 'CREATED' && job.state !== 'AWAITING_PARENTS')) return [];
  const known = new Map(parents.map((parent) => [parent.id, parent]));
  return job.parents.flatMap((id): Reason[] => {
    const parent = known.get(id);
    if (parent === undefined) return [{ code: 'parent-missing', text: `its parent ${id} was deleted` }];
    if (parent.state === 'JOB_FINISHED') return [];
    const who = `its parent ${cuteId({ job_id: id, name: parent.name })}`;
    return isEnd(parent.state)
      ? [{ code: 'parent-failed', text: `${who} is ${parent.state}: it never runs unless that one does` }]
      : [{ code: 'parent', text: `it waits for ${who}, which is ${parent.state}` }];
  });
}

function launchersInTheWay(facts: ExplainFacts): Reason[] {
  const { job, queued_launches: queued } = facts;
  const alive = facts.launchers.filter((l) => l.state === 'alive');
  const batch = queued > 0 ? ` (${queued} launches are in the batch queue: balsam ls queues)` : '';
  if (alive.length === 0) {
    const text = `it can run, and no launcher is alive${batch}: start one by \`${commandFor(facts)}\`, or \`balsam submit-launch\``;
    return [{ code: 'no-launcher', text }, ...lastRefusal(facts)];
  }
  const refusals = alive.map((launcher) => ({ launcher, reason: refusalOf(job, launcher) }));
  const takers = refusals.filter(({ reason }) => reason === null).map(({ launcher }) => launcher);
  if (takers.length > 0) {
    const who = takers
      .map((l) => `launcher ${l.id} on ${l.host}`)
      .slice(0, LAUNCHERS_TOLD)
      .join(', ');
    const others = facts.runnable > 1 ? `, as do ${facts.runnable - 1} other jobs` : '';
    return [
      { code: 'queue', text: `it can run, and waits for a free place${others}; who may take it: ${who}` },
    ];
  }
  const told = refusals.flatMap(({ reason }) => (reason === null ? [] : [reason]));
  const most = Math.max(...alive.map((l) => l.nodes));
  const summary: Reason[] =
    most > 0 && most < job.num_nodes
      ? [
          {
            code: 'nodes',
            text: `num_nodes is ${job.num_nodes}, too big: the largest launcher alive has ${most}${batch}`,
          },
        ]
      : [];
  const rest =
    told.length > LAUNCHERS_TOLD
      ? `; ${told.length - LAUNCHERS_TOLD} more launchers cannot take it either`
      : '';
  const shown = told.slice(0, LAUNCHERS_TOLD);
  const last = shown.pop();
  return [...summary, ...shown, ...(last === undefined ? [] : [{ ...last, text: last.text + rest }])];
}

/** A launcher that may take it: what the job needs beyond the defaults. */
function commandFor({ job, user }: ExplainFacts): string {
  const nodes = job.num_nodes > 1 ? ` --nodes ${job.num_nodes}` : '';
  return `balsam launcher --consume-all${nodes}${job.owner === user ? '' : ' --any-owner'}`;
}

/** Why the last launcher left it: another like that one would do the same. */
function lastRefusal({ job, last }: ExplainFacts): Reason[] {
  if (last === null) return [];
  const refusal = refusalOf(job, { ...last, silent: false, joined: true }, 'ended');
  if (refusal !== null) return [{ ...refusal, text: `the last launcher left it: ${refusal.text}` }];
  if (last.state === 'dead')
    return [{ code: 'last', text: `the last launcher (${last.id} on ${last.host}) died` }];
  if (last.left === '') return [];
  return [
    {
      code: 'last',
      text: `the last launcher (${last.id} on ${last.host}) ended: ${endReason(last.left, last.left_over)}`,
    },
  ];
}

/** Why this launcher does not lease the job, the first condition that fails; null when it may. */
function refusalOf(job: ExplainedJob, l: ExplainedLauncher, when: 'now' | 'ended' = 'now'): Reason | null {
  const now = when === 'now';
  const who = `launcher ${l.id} on ${l.host}`;
  if (l.silent) return { code: 'silent', text: `${who} is silent: it may be dead` };
  if (!job.workflow.includes(l.wf_filter))
    return {
      code: 'filter',
      text: `${who} runs only workflows that contain ${JSON.stringify(l.wf_filter)}, and this one is ${JSON.stringify(job.workflow)}`,
    };
  if (l.mode === 'serial' && (job.num_nodes > 1 || job.ranks_per_node > 1)) {
    const what =
      job.num_nodes > 1 ? `num_nodes is ${job.num_nodes}` : `ranks_per_node is ${job.ranks_per_node}`;
    return { code: 'ranks', text: `${what}, too big for ${who}: in mode serial it takes jobs of one rank` };
  }
  if (l.nodes === 0 && !l.joined)
    return { code: 'no-agent', text: `no agent has joined ${who} yet: \`balsam log\` shows what it says` };
  if (job.num_nodes > l.nodes)
    return {
      code: 'nodes',
      text: `num_nodes is ${job.num_nodes}, too big for ${who}: ${l.nodes} of its nodes ${now ? 'take' : 'took'} work`,
    };
  if (l.minutes_left !== null && job.wall_time_minutes > l.minutes_left)
    return {
      code: 'wall-time',
      text: `wall_time_minutes is ${job.wall_time_minutes}, too big for ${who}: it ${now ? 'leaves in' : 'had'} ${l.minutes_left} minutes${now ? '' : ' left'}`,
    };
  if (job.owner !== l.owner && !l.any_owner)
    return {
      code: 'owner',
      text: `${who} runs jobs of the database user ${l.owner} alone (--any-owner runs all), and this one is ${job.owner}'s`,
    };
  return null;
}

/** The points of the last attempt, or of the present wait. */
function timelineOf(facts: ExplainFacts): Step[] {
  const { job } = facts;
  const last = facts.attempts.at(-1);
  const waiting = job.launcher === null && !isEnd(job.state);
  // An attempt that is over belongs to the past of a job that waits again.
  const over = (last?.ended_at ?? null) !== null;
  const attempt = waiting || (over && job.launcher !== null) ? undefined : last;
  const before = attempt === undefined ? facts.attempts.at(-1) : facts.attempts.at(-2);
  const leased =
    attempt?.leased_at ?? (job.launcher !== null && job.state !== 'RUNNING' ? job.updated_at : null);
  const ended = attempt?.ended_at ?? null;
  return [
    { what: 'created', at: job.created_at },
    { what: 'runnable', at: runnableSince(facts, leased, before) },
    { what: 'leased', at: leased },
    { what: 'started', at: attempt?.started_at ?? null },
    { what: 'ended', at: ended },
    { what: 'committed', at: ended !== null && job.launcher === null ? job.updated_at : null },
  ];
}

const RUNNABLE_AGAIN: readonly JobState[] = ['CREATED', 'PREPROCESSED', 'RESTART_READY'];

/** When the job was ready to be leased for the last time before `leased`. */
function runnableSince(
  { job, events }: ExplainFacts,
  leased: Date | null,
  before: ExplainedAttempt | undefined,
): Date | null {
  if (job.state === 'AWAITING_PARENTS' || (leased === null && isEnd(job.state))) return null;
  const limit = leased === null ? Infinity : leased.getTime();
  const event = events.findLast((e) => RUNNABLE_AGAIN.includes(e.state) && e.at.getTime() <= limit);
  const times = [event?.at ?? null, before?.end_state === 'RESTART_READY' ? before.ended_at : null];
  return times.reduce<Date>((latest, at) => (at !== null && at > latest ? at : latest), job.created_at);
}
