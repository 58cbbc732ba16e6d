/**
 * Where leased jobs go. Jobs of one node go to the agent with the most room, first to one where they start at once, then
 * as a small prefetch that hides the round trip; a gang gets whole nodes, all or none, and the first gang in the queue
 * that has to wait reserves the nodes that it will get, so that small jobs behind it fill the rest but never starve it.
 *
 * Pure bookkeeping: `used` of an agent is the sum of the shares of all that was sent to it and has not ended.
 */
import { assert } from '../../base/assert.ts';
import { MAX_PACKING } from '../../base/limits.ts';
import { KILL_LOST, type Job } from '../messages.ts';
import type { LeasedJob } from './batch.ts';
import { dropEntry, moveEntry } from './phases.ts';
import { releaseUnstarted } from './release.ts';
import { isLive, type Agent, type CoordinatorState, type Entry, type Mode } from './state.ts';
import * as streams from './streams.ts';

/** A node is full at 1; the tolerance is that of the agent's slots. */
const FULL = 1.001;
/** Prefetch covers this many seconds of an agent's measured rate: lease, wire and commit take less. Guess, tuned by bench. */
const PREFETCH_SECONDS = 0.5;
const PREFETCH_MAX = 1_000;
/** Below this share of a node the room comes by itself, as small jobs end. Guess. */
const STARVES_ABOVE = 0.1;
/** Pause between two rounds of taking prefetched jobs back for idle nodes, milliseconds. */
const STEAL_EVERY_MS = 100;

/** How many such jobs share a node in this mode: packing counts for jobs of one node, except in mpi mode. */
export function packingOf(mode: Mode, job: LeasedJob): number {
  return mode === 'mpi' || job.numNodes > 1 ? 1 : Math.min(MAX_PACKING, Math.max(1, job.nodePackingCount));
}

/** Jobs beyond what runs that an agent may hold. */
export function prefetchOf(a: Agent): number {
  return Math.min(PREFETCH_MAX, Math.max(1, Math.ceil(a.rate * PREFETCH_SECONDS)));
}

/** Whole jobs of this share that the agent still takes, prefetch included. */
function roomOf(a: Agent, share: number): number {
  if (!isLive(a) || a.reservedFor !== null || !streams.hasRoom(a)) return 0;
  return Math.max(0, Math.min(a.most - a.entries.size, Math.floor((FULL - a.used) / share) + prefetchOf(a)));
}

/** Jobs that could be sent now beyond those that wait here; and whether some of them would start at once. */
export function appetite(s: CoordinatorState): { jobs: number; hungry: boolean; target: number } {
  let jobs = s.resting - s.queue.length;
  let target = 0;
  let hungry = false;
  for (const a of s.agents.values()) {
    if (!isLive(a)) continue;
    jobs += roomOf(a, s.typicalShare);
    target += Math.min(a.most, Math.floor(FULL / s.typicalShare) + prefetchOf(a));
    if (a.reservedFor === null && !isShort(a) && a.used + s.typicalShare <= FULL) hungry = true;
  }
  return { jobs, hungry, target };
}

/** Its node is short of something, and it holds all that it can. */
function isShort(a: Agent): boolean {
  return a.entries.size >= a.most;
}

/** Places the queue, in its order. Returns when it wants to look again at what rests. */
export function place(s: CoordinatorState, mono: number): number {
  for (const a of s.agents.values()) {
    if (a.reservedFor !== null && s.entries.get(a.reservedFor)?.phase !== 'queued') a.reservedFor = null;
  }
  releaseImpossible(s);
  s.resting = 0;
  if (s.queue.length === 0) return Infinity;
  const free = [...s.agents.values()].filter(
    (a) => isLive(a) && a.reservedFor === null && streams.hasRoom(a),
  );
  const heap = makeHeap(free);
  const rest: Entry[] = [];
  let blockedShare = Infinity;
  let next = Infinity;
  // Who has a reservation is tried whoever is before it: those may be waiting for the very nodes that it keeps free.
  const reserving = [...s.agents.values()].find((a) => a.reservedFor !== null)?.reservedFor;
  for (const entry of s.queue) {
    if (entry.notBefore > mono) {
      next = Math.min(next, entry.notBefore);
      s.resting += 1;
      rest.push(entry);
    } else if (entry.job.numNodes > 1 || entry.job.id === reserving) {
      if (!placeReserving(s, entry, heap, mono)) rest.push(entry);
    } else if (entry.share < blockedShare && placeOne(s, entry, heap, mono)) {
      continue;
    } else if (entry.share < blockedShare && mustFindRoom(entry) && placeReserving(s, entry, heap, mono)) {
      continue;
    } else {
      // Nobody takes a job of this share: smaller ones may still fit, equal and larger ones need not try.
      if (entry.avoid.length === 0) blockedShare = Math.min(blockedShare, entry.share);
      rest.push(entry);
    }
  }
  s.queue = rest;
  return next;
}

function placeOne(s: CoordinatorState, entry: Entry, heap: Agent[], mono: number): boolean {
  while (heap[0] && isShort(heap[0])) {
    heap[0] = heap.at(-1)!;
    heap.pop();
    siftDown(heap, 0);
  }
  const first = heap[0];
  if (!first) return false;
  if (entry.avoid.length > 0) return placeAvoiding(s, entry, heap, mono);
  // Jobs that must not be lost to a doubt are sent only when a slot is free (PROTOCOL 6).
  const ahead = entry.job.autoTimeoutRetry ? prefetchOf(first) * entry.share : 0;
  if (first.reservedFor !== null || first.used + entry.share > FULL + ahead) return false;
  assign(s, entry, [first], mono);
  siftDown(heap, 0);
  return true;
}

function placeAvoiding(s: CoordinatorState, entry: Entry, heap: Agent[], mono: number): boolean {
  const a = heap.find(
    (x) =>
      x.reservedFor === null && !isShort(x) && !entry.avoid.includes(x.node) && x.used + entry.share <= FULL,
  );
  if (!a) return false;
  assign(s, entry, [a], mono);
  heapify(heap);
  return true;
}

/** Nodes that may run it, now or when they are heard again. */
export function nodesFor(s: CoordinatorState, entry: Pick<Entry, 'avoid'>): number {
  const there = (a: Agent): boolean => !a.draining && !a.drained && a.status !== 'dead';
  return new Set(
    [...s.agents.values()].filter((a) => there(a) && !entry.avoid.includes(a.node)).map((a) => a.node),
  ).size;
}

/** What this launcher can't run any more (nodes died, or could not start it) goes back, for another that can. */
function releaseImpossible(s: CoordinatorState): void {
  const wanting = s.queue.filter((e) => e.job.numNodes > 1 || e.avoid.length > 0);
  if (wanting.length === 0) return;
  const all = nodesFor(s, { avoid: [] });
  for (const entry of wanting) {
    const nodes = entry.avoid.length === 0 ? all : nodesFor(s, entry);
    if (nodes < entry.job.numNodes) releaseUnstarted(s, entry, 'not enough nodes are left in its launcher');
  }
}

/** It is sent only to where it starts at once, and so large that smaller ones would never leave it the room. */
function mustFindRoom(entry: Entry): boolean {
  return !entry.job.autoTimeoutRetry && entry.share > STARVES_ABOVE;
}

/** All nodes or none. The first that waits reserves the emptiest nodes and takes their prefetched jobs back. */
function placeReserving(s: CoordinatorState, entry: Entry, heap: Agent[], mono: number): boolean {
  const mine = [...s.agents.values()].filter(
    (a) =>
      isLive(a) &&
      (a.reservedFor === null || a.reservedFor === entry.job.id) &&
      !entry.avoid.includes(a.node),
  );
  const fits = (a: Agent): boolean => (entry.share === 1 ? a.used === 0 : a.used + entry.share <= FULL);
  const room = mine.filter((a) => fits(a) && streams.hasRoom(a)).sort((a, b) => a.node - b.node);
  if (room.length >= entry.job.numNodes) {
    unreserve(s, entry.job.id);
    assign(s, entry, room.slice(0, entry.job.numNodes), mono);
    heapify(heap);
    return true;
  }
  const someoneWaits = [...s.agents.values()].some(
    (a) => a.reservedFor !== null && a.reservedFor !== entry.job.id,
  );
  if (someoneWaits || mine.length < entry.job.numNodes) return false;
  mine.sort((a, b) => a.used - b.used || a.node - b.node);
  for (const a of mine.slice(0, entry.job.numNodes)) {
    a.reservedFor = entry.job.id;
    retractPrefetch(s, a, a.used - 1);
  }
  // The reserved ones, being the emptiest, would hide the others from those that come next.
  const others = heap.filter((a) => a.reservedFor === null);
  heap.splice(0, heap.length, ...others);
  heapify(heap);
  return false;
}

export function unreserve(s: CoordinatorState, jobId: string): void {
  for (const a of s.agents.values()) if (a.reservedFor === jobId) a.reservedFor = null;
}

function assign(s: CoordinatorState, entry: Entry, agents: Agent[], mono: number): void {
  for (const a of agents) {
    a.used += entry.share;
    a.entries.set(entry.job.id, entry);
  }
  entry.on = agents.map((a) => a.incarnation);
  entry.sentAt = mono;
  if (entry.job.autoTimeoutRetry || entry.runningCommitted) send(s, entry);
  else {
    moveEntry(s, entry, 'claimed');
    s.claims.push(entry);
  }
}

/** Puts the start command into the lead agent's stream. */
export function send(s: CoordinatorState, entry: Entry): void {
  const lead = s.agents.get(entry.on[0]!);
  assert(lead, 'a placed job has a lead agent');
  moveEntry(s, entry, 'sent');
  entry.sentEpoch = s.epoch;
  entry.namedAt = 0;
  const { job } = entry;
  const gang = entry.on.length > 1 ? entry.on.map((i) => s.agents.get(i)!) : [];
  streams.start(lead, toMessage(s.config.mode, job, entry.app.index, gang), entry.app);
}

function toMessage(mode: Mode, job: LeasedJob, app: number, gang: readonly Agent[]): Job {
  return {
    id: job.id,
    attempt: job.attempt,
    app,
    name: job.name,
    workflow: job.workflow,
    args: job.args,
    environVars: job.environVars,
    userWorkdir: job.userWorkdir,
    mpiFlags: job.mpiFlags,
    parents: job.parents,
    cpuAffinity: job.cpuAffinity,
    numNodes: job.numNodes,
    ranksPerNode: job.ranksPerNode,
    threadsPerRank: job.threadsPerRank,
    threadsPerCore: job.threadsPerCore,
    packing: packingOf(mode, job),
    hosts: gang.map((a) => a.hostname),
    nodes: gang.map((a) => a.node),
  };
}

/** Frees the places of an attempt that has ended, came back, or was never started. */
export function vacate(s: CoordinatorState, entry: Entry): void {
  for (const incarnation of entry.on) vacateOn(s.agents.get(incarnation), entry);
  entry.on = [];
}

/** Frees the place on one node. */
export function vacateOn(a: Agent | undefined, entry: Entry): void {
  if (!a?.entries.delete(entry.job.id)) return;
  a.used = a.entries.size === 0 ? 0 : a.used - entry.share;
}

/** Asks for jobs back that have not started, newest first, until `share` of the node is covered. */
function retractPrefetch(s: CoordinatorState, a: Agent, share: number): void {
  let left = share;
  for (const entry of [...a.entries.values()].reverse()) {
    if (left <= 0.001) break;
    if (!mayRetract(entry)) continue;
    left -= entry.share;
    retract(s.agents.get(entry.on[0]!)!, entry);
  }
}

function retract(lead: Agent, entry: Entry): void {
  entry.retractSent = true;
  streams.retract(lead, { id: entry.job.id, attempt: entry.job.attempt });
}

/** Its node is short of something: what it can't run waits here, where another may take it; the newest first. */
export function retractBeyond(a: Agent, most: number): void {
  const held = [...a.entries.values()].filter((e) => !e.retractSent);
  let surplus = held.length - most;
  for (const entry of held.reverse()) {
    if (surplus <= 0) return;
    if (!mayRetract(entry)) continue;
    retract(a, entry);
    surplus -= 1;
  }
}

/** Its node is drained: what has not started there goes elsewhere, and nothing is kept free for anybody. */
export function takeBackUnstarted(s: CoordinatorState, a: Agent): void {
  if (a.reservedFor !== null) unreserve(s, a.reservedFor);
  retractPrefetch(s, a, Infinity);
}

function mayRetract(entry: Entry): boolean {
  return (
    entry.phase === 'sent' &&
    entry.startedAt === null &&
    !entry.retractSent &&
    entry.killSent === 0 &&
    entry.on.length === 1
  );
}

/** When nothing waits anywhere and a node idles beside one with a queue, some of that queue is asked back. */
export function steal(s: CoordinatorState, mono: number): number {
  if (!s.dry || s.queue.length > 0 || s.phase !== 'running') return Infinity;
  const live = [...s.agents.values()].filter((a) => isLive(a) && a.reservedFor === null);
  let room = 0;
  for (const a of live) if (!isShort(a)) room += Math.max(0, FULL - a.used);
  const rich = live.filter((a) => a.used > FULL);
  if (room < 0.01 || rich.length === 0) return Infinity;
  if (mono < s.stealAfter) return s.stealAfter;
  s.stealAfter = mono + STEAL_EVERY_MS;
  rich.sort((a, b) => b.used - a.used);
  for (const a of rich) {
    // What it will have ended by itself before the answer comes is not worth the asking.
    const excess = Math.min(room, a.used - 1);
    const small = [...a.entries.values()].some((e) => e.share <= room + 0.001 && mayRetract(e));
    if (!small || excess <= 0) continue;
    retractPrefetch(s, a, excess);
    room -= excess;
    if (room <= 0.001) break;
  }
  return Infinity;
}

/** Tells the lead agent to end an attempt, once per reason that is harder than the last. */
export function sendKill(s: CoordinatorState, entry: Entry, reason: number): void {
  if (entry.killSent >= reason && entry.killSent !== 0) return;
  const lead = s.agents.get(entry.on[0] ?? '');
  if (!lead || lead.status === 'dead') return;
  entry.killSent = reason;
  streams.kill(lead, { id: entry.job.id, attempt: entry.job.attempt }, reason);
}

/** The database says that this attempt is not ours: it leaves the books wherever it is, and its process must not live on. */
export function forsake(s: CoordinatorState, entry: Entry): void {
  if (entry.phase === 'queued') s.queue = s.queue.filter((e) => e !== entry);
  if (entry.phase === 'claimed') s.claims = s.claims.filter((e) => e !== entry);
  if (entry.phase !== 'over') sendKill(s, entry, KILL_LOST);
  vacate(s, entry);
  dropEntry(s, entry);
}

/** For an attempt that the database says is not ours: its process must not live on. */
export function killStray(a: Agent, id: string, attempt: number): void {
  streams.kill(a, { id, attempt }, KILL_LOST);
}

// --- a binary heap of agents by `used`, smallest first ---

function makeHeap(agents: Agent[]): Agent[] {
  heapify(agents);
  return agents;
}

function heapify(h: Agent[]): void {
  for (let i = (h.length >> 1) - 1; i >= 0; i--) siftDown(h, i);
}

function siftDown(h: Agent[], at: number): void {
  let i = at;
  for (;;) {
    const l = 2 * i + 1;
    if (l >= h.length) return;
    const c = l + 1 < h.length && h[l + 1]!.used < h[l]!.used ? l + 1 : l;
    if (h[c]!.used >= h[i]!.used) return;
    const x = h[i]!;
    h[i] = h[c]!;
    h[c] = x;
    i = c;
  }
}
