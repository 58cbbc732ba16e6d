/**
 * What somebody with the coordinator's key may say and an agent does not believe, by what the agent knows. A message with
 * a fault is refused as a whole: nothing of it is acknowledged, and nothing changes.
 */
import { MAX_AGENT_APPS, MAX_HELD_ATTEMPTS } from '../../base/limits.ts';
import type { Commands, Echo } from '../messages.ts';
import type { AgentState } from './state.ts';

const NEVER_REPORTED = 'a coordinator has only what was reported';

export function echoFault(s: AgentState, echo: Echo): string | null {
  const { receivedReports, committedReports } = echo;
  return Math.max(receivedReports, committedReports) <= s.lastReport ? null : NEVER_REPORTED;
}

/** Looks at the commands that are next; those that came before are not done again whatever they say. */
export function commandsFault(s: AgentState, { commands }: Commands): string | null {
  let next = s.receivedCommands;
  let jobs = s.live.size;
  const told = new Set<number>();
  for (const c of commands) {
    if (c.seq !== next + 1) continue;
    next = c.seq;
    for (const app of c.start?.apps ?? []) told.add(app.index);
    for (const job of c.start?.jobs ?? [])
      if (!told.has(job.app) && !s.apps.has(job.app))
        return 'a job names an application that was sent before';
    jobs += c.start?.jobs.length ?? 0;
    if ((c.committed?.reports ?? 0) > s.lastReport) return NEVER_REPORTED;
  }
  if (jobs > MAX_HELD_ATTEMPTS) return `an agent holds at most ${MAX_HELD_ATTEMPTS} attempts`;
  return s.apps.size + told.size > MAX_AGENT_APPS
    ? `an agent is told of at most ${MAX_AGENT_APPS} applications`
    : null;
}
