/**
 * The phases of an agent's core: of each attempt that it holds, and of itself. These functions are the only ones that set
 * a phase; a step that is not in its table stops the process, and the simulation proves that each was taken.
 */
import { PhaseTable, type Trail } from '../phase-table.ts';

/**
 * queued: waits here. ahead: given to a helper behind the job that runs there. running: its helper has it, or is about to.
 * One that was ahead is running as soon as its helper says so, even when the end of the one before it is told later (the
 * job channel is read to its end first): until then both share one seat and one allocation.
 * A kill that was asked for is a mark on the attempt, not a phase.
 */
export type LivePhase = 'queued' | 'ahead' | 'running';

const LIVE = new PhaseTable<LivePhase>('live', [
  { from: 'in', to: 'queued', when: 'a start command brought it' },
  { from: 'queued', to: 'running', when: 'it fits' },
  { from: 'queued', to: 'ahead', when: 'a short job that needs the same runs in front of it' },
  { from: 'queued', to: 'gone', when: 'it is asked back or killed, or the agent drains' },
  { from: 'ahead', to: 'running', when: 'the one before it ended, or its helper says that it runs' },
  { from: 'ahead', to: 'queued', when: 'recalled, because the one before it turned out to be long' },
  {
    from: 'ahead',
    to: 'gone',
    when: 'recalled to be given back, its helper died, or its end is told before that of the one before it',
  },
  { from: 'running', to: 'gone', when: 'its helper says that it ended or failed, or died' },
  {
    from: 'running',
    to: 'queued',
    when: 'recalled, and the one before it ended while that was under way; or the node was short of what its start needs',
  },
]);

/**
 * ending: the lease reached TERM, or the coordinator called us dead: everything is killed, and nothing starts any more, even
 * if an echo comes.
 */
export type AgentPhase = 'joining' | 'working' | 'ending' | 'ended';

const SELF = new PhaseTable<AgentPhase>('incarnation', [
  { from: 'in', to: 'joining', when: 'it is made' },
  { from: 'joining', to: 'working', when: 'the first echo of the coordinator' },
  {
    from: 'joining',
    to: 'ending',
    when: 'called dead before the first echo came, or TERM has passed since its first inventory and it was given a job',
  },
  { from: 'joining', to: 'ended', when: 'refused at the door, or drained before the first echo came' },
  { from: 'working', to: 'ending', when: 'the lease reached TERM, or it was called dead' },
  { from: 'working', to: 'ended', when: 'drained: nothing is left and everything is committed' },
  { from: 'ending', to: 'ended', when: 'no attempt is left' },
]);

/** For the proof that each step was taken. */
export const AGENT_TABLES = [LIVE, SELF];

interface Trailed {
  trail: Trail;
}

export function firstPhase(trail: Trail): AgentPhase {
  return SELF.take('in', 'joining', trail);
}

export function setPhase(s: Trailed & { phase: AgentPhase }, to: AgentPhase): void {
  s.phase = SELF.take(s.phase, to, s.trail);
}

export function newLivePhase(s: Trailed): LivePhase {
  return LIVE.take('in', 'queued', s.trail);
}

export function moveLive(s: Trailed, live: { phase: LivePhase }, to: LivePhase): void {
  live.phase = LIVE.take(live.phase, to, s.trail);
}

/** Takes it out of what the agent holds. */
export function dropLive(
  s: Trailed & { live: Map<string, unknown> },
  live: { phase: LivePhase; job: { id: string } },
): void {
  LIVE.take(live.phase, 'gone', s.trail);
  s.live.delete(live.job.id);
}
