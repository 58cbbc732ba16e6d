/**
 * The life of a job: its states, their groups and every transition that is allowed, in one table. The store's guards,
 * the cores, the documentation and the tests are made from it; a step that is not in it is a bug and throws.
 *
 * Names, groups and transitions are those of the original Balsam (0.4/0.5); ours on top: an expired lease goes through
 * RUN_TIMEOUT with history, and failed parents fail their children at once.
 */

export const JOB_STATES = [
  'CREATED',
  'AWAITING_PARENTS',
  'READY',
  'STAGED_IN',
  'PREPROCESSED',
  'RUNNING',
  'RUN_DONE',
  'POSTPROCESSED',
  'JOB_FINISHED',
  'RUN_TIMEOUT',
  'RUN_ERROR',
  'RESTART_READY',
  'FAILED',
  'USER_KILLED',
] as const;

export type JobState = (typeof JOB_STATES)[number];

/** A launcher may lease a job in these states. CREATED counts because a job with nothing to stage or process passes
 * READY, STAGED_IN and PREPROCESSED in the lease itself. */
export const LEASABLE_STATES = [
  'CREATED',
  'PREPROCESSED',
  'RESTART_READY',
] as const satisfies readonly JobState[];
export const END_STATES = ['JOB_FINISHED', 'FAILED', 'USER_KILLED'] as const satisfies readonly JobState[];

/** Who may take a step: the launcher, transitions (staging, scripts), a user or script, the rescuer. */
export type Actor = 'launcher' | 'transition' | 'user' | 'rescue';

export interface Transition {
  from: JobState;
  to: JobState;
  by: readonly Actor[];
  when: string;
}

/** Every allowed step. A kill (any state but an end state → USER_KILLED) is listed once per state by `withKills`. */
export const TRANSITIONS: readonly Transition[] = withKills([
  {
    from: 'CREATED',
    to: 'READY',
    by: ['transition', 'launcher'],
    when: 'no parents, or all of them finished',
  },
  { from: 'CREATED', to: 'AWAITING_PARENTS', by: ['transition'], when: 'a parent has not finished' },
  {
    from: 'CREATED',
    to: 'FAILED',
    by: ['transition', 'launcher'],
    when: 'a parent failed, or its application is not registered',
  },
  { from: 'AWAITING_PARENTS', to: 'READY', by: ['transition'], when: 'the last parent finished' },
  { from: 'AWAITING_PARENTS', to: 'FAILED', by: ['transition'], when: 'a parent failed or was killed' },
  {
    from: 'READY',
    to: 'STAGED_IN',
    by: ['transition', 'launcher'],
    when: 'input is there, or none is asked for',
  },
  { from: 'READY', to: 'FAILED', by: ['transition'], when: 'stage-in failed' },
  {
    from: 'STAGED_IN',
    to: 'PREPROCESSED',
    by: ['transition', 'launcher'],
    when: 'preprocess succeeded, or there is none',
  },
  { from: 'STAGED_IN', to: 'FAILED', by: ['transition'], when: 'preprocess failed' },
  { from: 'PREPROCESSED', to: 'RUNNING', by: ['launcher'], when: 'its process started' },
  { from: 'PREPROCESSED', to: 'FAILED', by: ['launcher'], when: 'it cannot be started' },
  {
    from: 'PREPROCESSED',
    to: 'RUN_TIMEOUT',
    by: ['rescue', 'launcher'],
    when: 'it may have started where nobody can tell',
  },
  { from: 'RESTART_READY', to: 'RUNNING', by: ['launcher'], when: 'its process started' },
  { from: 'RESTART_READY', to: 'FAILED', by: ['launcher'], when: 'it cannot be started' },
  {
    from: 'RESTART_READY',
    to: 'RUN_TIMEOUT',
    by: ['rescue', 'launcher'],
    when: 'it may have started where nobody can tell',
  },
  { from: 'RUNNING', to: 'RUN_DONE', by: ['launcher'], when: 'exit 0' },
  { from: 'RUNNING', to: 'RUN_ERROR', by: ['launcher'], when: 'nonzero exit or a signal' },
  {
    from: 'RUNNING',
    to: 'RUN_TIMEOUT',
    by: ['launcher', 'rescue'],
    when: 'the launcher ran out of time, or was lost',
  },
  {
    from: 'RUN_DONE',
    to: 'POSTPROCESSED',
    by: ['transition', 'launcher'],
    when: 'postprocess succeeded, or there is none',
  },
  { from: 'RUN_DONE', to: 'FAILED', by: ['transition'], when: 'postprocess failed' },
  {
    from: 'POSTPROCESSED',
    to: 'JOB_FINISHED',
    by: ['transition', 'launcher'],
    when: 'output is staged out, or none is asked for',
  },
  { from: 'POSTPROCESSED', to: 'FAILED', by: ['transition'], when: 'stage-out failed' },
  {
    from: 'RUN_TIMEOUT',
    to: 'RESTART_READY',
    by: ['transition', 'launcher', 'rescue'],
    when: 'auto_timeout_retry',
  },
  {
    from: 'RUN_TIMEOUT',
    to: 'FAILED',
    by: ['transition', 'launcher', 'rescue'],
    when: 'no retry and no handler',
  },
  { from: 'RUN_ERROR', to: 'FAILED', by: ['transition', 'launcher'], when: 'no error handler' },
  {
    from: 'RUN_ERROR',
    to: 'RESTART_READY',
    by: ['transition', 'user'],
    when: 'a handler or a person asks for it',
  },
  { from: 'RUN_TIMEOUT', to: 'JOB_FINISHED', by: ['transition'], when: 'a handler says so' },
  { from: 'RUN_ERROR', to: 'JOB_FINISHED', by: ['transition'], when: 'a handler says so' },
  { from: 'FAILED', to: 'RESTART_READY', by: ['user'], when: 'a person asks for a rerun' },
  { from: 'JOB_FINISHED', to: 'RESTART_READY', by: ['user'], when: 'a person asks for a rerun' },
]);

function withKills(steps: Transition[]): Transition[] {
  const kills = JOB_STATES.filter((s) => !isEnd(s)).map((from): Transition => ({
    from,
    to: 'USER_KILLED',
    by: ['user'],
    when: 'killed',
  }));
  return [...steps, ...kills];
}

/**
 * Where a person may put a job that nobody holds, from every state but USER_KILLED (`balsam modify ID state X`, `retry`,
 * `reset`): states that a launcher leases from, and ends. From any other one nothing would move it on.
 */
export const SETTABLE_STATES = [
  'CREATED',
  'PREPROCESSED',
  'RESTART_READY',
  'JOB_FINISHED',
  'FAILED',
] as const satisfies readonly JobState[];
export type SettableState = (typeof SETTABLE_STATES)[number];

export function isEnd(state: JobState): boolean {
  return (END_STATES as readonly JobState[]).includes(state);
}

export function isJobState(text: string): text is JobState {
  return (JOB_STATES as readonly string[]).includes(text);
}

/** Whether the table allows this one step. */
export function isAllowed(from: JobState, to: JobState): boolean {
  return TRANSITIONS.some((t) => t.from === from && t.to === to);
}

/** How an attempt ended, before retry rules are applied. */
export type Outcome = 'RUN_DONE' | 'RUN_ERROR' | 'RUN_TIMEOUT' | 'USER_KILLED';

/**
 * The states that a job passes when its attempt ends so, the last one being where it stays: hops that need no work are
 * taken in the one write that records the end.
 */
export function afterRun(outcome: Outcome, autoTimeoutRetry: boolean): readonly JobState[] {
  switch (outcome) {
    case 'RUN_DONE':
      return ['RUN_DONE', 'POSTPROCESSED', 'JOB_FINISHED'];
    case 'RUN_ERROR':
      return ['RUN_ERROR', 'FAILED'];
    case 'RUN_TIMEOUT':
      return ['RUN_TIMEOUT', autoTimeoutRetry ? 'RESTART_READY' : 'FAILED'];
    case 'USER_KILLED':
      return ['USER_KILLED'];
  }
}
