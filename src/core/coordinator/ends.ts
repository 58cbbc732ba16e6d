/**
 * What the end of an attempt means, and the sentence of it in its history: the one place that decides whether a job has
 * done its work. Called by commits.ts for every end that an agent reports.
 */
import type { Outcome } from '../../model/job.ts';
import { CAUSE_LOST, CAUSE_NONE, CAUSE_TIMEOUT, CAUSE_USER, type Ended } from '../messages.ts';
import { endText, signalText } from '../../model/signals.ts';

/**
 * Who was told to end before its end is not done, whatever its exit code says: a program that writes a checkpoint at TERM
 * and exits 0 has not finished. An end that came before our signal has no cause (the agent takes it away).
 */
export function outcomeOf(e: Ended): Outcome {
  if (e.killed === CAUSE_USER) return 'USER_KILLED';
  if (e.killed !== CAUSE_NONE) return 'RUN_TIMEOUT';
  return e.exited && e.exitCode === 0 ? 'RUN_DONE' : 'RUN_ERROR';
}

export function messageOf(outcome: Outcome, e: Ended): string {
  if (outcome === 'RUN_ERROR') {
    const how = e.exited ? `nonzero return ${e.exitCode}` : `ended by signal ${signalText(e.signal)}`;
    const why = e.note === '' ? '' : `, ${e.note}`;
    const tail = e.tail === '' ? '' : `:\n${e.tail.replace(/^/gm, '    ')}`;
    return `${how}${why}${tail}`;
  }
  if (outcome !== 'RUN_TIMEOUT') return e.note;
  const how = endText(
    e.exited ? { exitCode: e.exitCode, signal: null } : { exitCode: null, signal: e.signal },
  );
  if (e.killed === CAUSE_TIMEOUT) return `told to end because its launcher left: ${how}`;
  if (e.killed === CAUSE_LOST && e.note === '') return `told to end because a node of it was lost: ${how}`;
  return e.note;
}
