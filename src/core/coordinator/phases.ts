/**
 * The phases of a coordinator's core: of each attempt in its books, of each agent, of itself and of the raise of its own
 * epoch. These functions are the only ones that set a phase; a step that is not in its table stops the process, and the
 * simulation proves that each was taken.
 */
import { PhaseTable, type Trail } from '../phase-table.ts';

/**
 * queued: waits for a place. claimed: placed, but RUNNING is committed before its start command (auto_timeout_retry off).
 * sent: its start command is in an agent's stream. adopting: held by a predecessor of ours, and nobody has named it yet.
 * over: its end or release is on the way to the database.
 */
export type EntryPhase = 'queued' | 'claimed' | 'sent' | 'adopting' | 'over';

const ENTRY = new PhaseTable<EntryPhase>('entry', [
  { from: 'in', to: 'queued', when: 'a lease brought it, or a raise found it held and not in the books' },
  { from: 'in', to: 'adopting', when: 'a predecessor held it' },
  { from: 'queued', to: 'claimed', when: 'placed, its RUNNING is not committed yet' },
  { from: 'queued', to: 'sent', when: 'placed' },
  { from: 'queued', to: 'over', when: 'killed, cannot be started here, or the launcher leaves' },
  { from: 'queued', to: 'gone', when: 'a raise found that it is not ours any more' },
  { from: 'claimed', to: 'sent', when: 'its RUNNING is committed' },
  { from: 'claimed', to: 'queued', when: 'its place is gone before it was sent there' },
  { from: 'claimed', to: 'over', when: 'killed, or the launcher leaves, before it was sent' },
  { from: 'claimed', to: 'gone', when: 'a write or a raise found that it is not ours any more' },
  {
    from: 'sent',
    to: 'over',
    when: 'its end is reported, its agent is dead, or its start was never received',
  },
  { from: 'sent', to: 'queued', when: 'it came back unstarted, or could not be started there' },
  { from: 'sent', to: 'gone', when: 'a write or a raise found that it is not ours any more' },
  { from: 'adopting', to: 'sent', when: 'an agent names it, or tells something of it' },
  { from: 'adopting', to: 'over', when: 'nobody has it' },
  { from: 'adopting', to: 'gone', when: 'a write or a raise found that it is not ours any more' },
  { from: 'over', to: 'gone', when: 'that is committed, or it is leased again before we hear so' },
]);

/**
 * enrolling: its roster row is being written. suspect: silent for 5 s, or another incarnation of its node has joined.
 * dead: given up, or left.
 */
export type AgentStatus = 'enrolling' | 'live' | 'suspect' | 'dead';

const AGENT = new PhaseTable<AgentStatus>('agent', [
  { from: 'in', to: 'enrolling', when: 'it joins' },
  { from: 'enrolling', to: 'live', when: 'its roster row is written' },
  { from: 'enrolling', to: 'dead', when: 'silent for D, or its node says that it has ended' },
  { from: 'live', to: 'suspect', when: 'silent for 5 s, or another incarnation of its node joins' },
  { from: 'live', to: 'dead', when: 'its node says that it has ended, or D passed unseen' },
  { from: 'suspect', to: 'live', when: 'it is heard again' },
  { from: 'suspect', to: 'dead', when: 'silent for D, or its node says that it has ended' },
  { from: 'dead', to: 'gone', when: 'so many died after it that it is forgotten' },
]);

/**
 * taking-over: the row is ours, and we have not read what our predecessor held under it. running → leaving (time limit, signal, idle, no agent, warden gone): nothing new starts, what was never sent goes back, what runs
 * is ended as RUN_TIMEOUT. leaving-row: the row is given up, and nothing is written under it any more.
 */
export type CoordinatorPhase = 'taking-over' | 'running' | 'leaving' | 'leaving-row' | 'ended';

const COORDINATOR = new PhaseTable<CoordinatorPhase>('coordinator', [
  { from: 'in', to: 'running', when: 'the launcher row is new' },
  { from: 'in', to: 'taking-over', when: 'the launcher row was that of a dead coordinator' },
  { from: 'taking-over', to: 'running', when: 'it has read what that one held' },
  { from: 'running', to: 'leaving', when: 'time limit, signal, idle, no agent, or its warden is gone' },
  { from: 'running', to: 'ended', when: 'the launcher row is not ours any more' },
  { from: 'leaving', to: 'leaving-row', when: 'nothing is held, or the time for leaving is over' },
  { from: 'leaving', to: 'ended', when: 'the launcher row is not ours any more' },
  { from: 'leaving-row', to: 'ended', when: 'the row is given up' },
]);

/** wanted: the outcome of a statement is unknown (PROTOCOL 7), and the raise waits for what is under way. */
export type Raising = 'no' | 'wanted' | 'asked';

const RAISING = new PhaseTable<Raising>('raising', [
  { from: 'in', to: 'no', when: 'the launcher row is ours' },
  { from: 'no', to: 'wanted', when: 'a statement was lost' },
  { from: 'wanted', to: 'asked', when: 'nothing is under way any more' },
  { from: 'asked', to: 'wanted', when: 'the raise failed' },
  { from: 'asked', to: 'no', when: 'the epoch is raised' },
]);

/** For the proof that each step was taken. */
export const COORDINATOR_TABLES = [ENTRY, AGENT, COORDINATOR, RAISING];

interface Trailed {
  trail: Trail;
}

interface Phases {
  phase: CoordinatorPhase;
  raising: Raising;
}

export function firstPhases(phase: 'running' | 'taking-over', trail: Trail): Phases {
  return { phase: COORDINATOR.take('in', phase, trail), raising: RAISING.take('in', 'no', trail) };
}

export function setPhase(s: Trailed & Phases, to: CoordinatorPhase): void {
  s.phase = COORDINATOR.take(s.phase, to, s.trail);
}

export function setRaising(s: Trailed & Phases, to: Raising): void {
  s.raising = RAISING.take(s.raising, to, s.trail);
}

export function newEntryPhase(s: Trailed, to: EntryPhase): EntryPhase {
  return ENTRY.take('in', to, s.trail);
}

export function moveEntry(s: Trailed, entry: { phase: EntryPhase }, to: EntryPhase): void {
  entry.phase = ENTRY.take(entry.phase, to, s.trail);
}

/** Takes it out of the books. */
export function dropEntry(
  s: Trailed & { entries: Map<string, unknown> },
  entry: { phase: EntryPhase; job: { id: string } },
): void {
  ENTRY.take(entry.phase, 'gone', s.trail);
  s.entries.delete(entry.job.id);
}

export function newAgentStatus(s: Trailed): AgentStatus {
  return AGENT.take('in', 'enrolling', s.trail);
}

export function setStatus(s: Trailed, a: { status: AgentStatus }, to: AgentStatus): void {
  a.status = AGENT.take(a.status, to, s.trail);
}

/** Forgets it. */
export function dropAgent(
  s: Trailed & { agents: Map<string, unknown> },
  a: { status: AgentStatus; incarnation: string },
): void {
  AGENT.take(a.status, 'gone', s.trail);
  s.agents.delete(a.incarnation);
}
