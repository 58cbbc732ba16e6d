/**
 * The jobs of a run: how many, when they are made, what they ask for, what they do when they run, and which of them a user
 * kills. Each draws from a stream of its own, so that a job that is left out changes no other.
 */
import type { LeasedJob } from '../../src/core/coordinator/batch.ts';
import type { Behaviour } from './node.ts';
import type { World } from './world.ts';

/** Jobs are made before this share of the storm is over. */
const MADE_UNTIL = 0.9;
/** A burst: so many jobs of no time at once that helpers hold some ahead; a long one among them now and then. */
const BURST = 0.2;
/** Longer than R, or nearly, milliseconds. */
const LASTING: [number, number] = [150_000, 500_000];

export interface SimJob {
  id: string;
  madeAt: number;
  /** null: nobody kills it. */
  killedAt: number | null;
  wakes: boolean;
  over: Partial<LeasedJob>;
  behaviour: Omit<Behaviour, 'failsToStart'>;
}

export interface Mix {
  world: World;
  stormMs: number;
  /** Nodes of the largest gang. */
  nodes: number;
  /** Most jobs, and the longest of them, milliseconds. */
  most: number;
  longestMs: number;
  /** The first so many outlive R, on a launcher that may be rescued while it is out of reach. */
  lasting: number;
  kills: boolean;
}

export function makeJobs(m: Mix): SimJob[] {
  const c = m.world.own('jobs');
  const short = c.chance();
  const long = c.pick([0, 0.1, 0.5]);
  const count = c.int(1, c.pick([20, m.most]));
  const once = c.pick([0, 0.15, 0.7]);
  const gangs = m.nodes > 1 ? c.pick([0, 0.1, 0.4]) : 0;
  const burst = c.chance() < BURST;
  const killers = m.world.own('killers of helpers').pick([0, 0, 0, 0.05]);
  const packing = burst ? c.pick([1, 2, 4]) : null;
  const jobs: SimJob[] = [];
  for (let i = 0; i < (burst ? count + 100 : count); i++) {
    const id = `J${i}`;
    if (!m.world.has(`job ${id}`)) continue;
    const own = m.world.own(id);
    const inBurst = burst && i < 100;
    const lasts = i < m.lasting;
    const killed = m.kills && !lasts && own.chance() < 0.08;
    const usual = runMs(own.chance() < (inBurst ? 0.95 : short), own.chance() < long);
    const runs = lasts ? LASTING : usual;
    const madeAt = inBurst || lasts || own.chance() < 0.3 ? 0 : own.between(0, m.stormMs * MADE_UNTIL);
    jobs.push({
      id,
      madeAt,
      killedAt: killed ? own.between(madeAt, m.stormMs * 1.1) : null,
      wakes: own.chance() < 0.9,
      over: {
        numNodes: !inBurst && own.chance() < gangs ? own.int(2, m.nodes) : 1,
        nodePackingCount: packing ?? own.pick([1, 2, 4, 8]),
        autoTimeoutRetry: own.chance() >= once,
      },
      behaviour: {
        // Some run until they are killed: a kill that is lost is seen by that.
        runMs: killed && own.chance() < 0.5 ? Infinity : own.between(...runs),
        exitCode: own.chance() < 0.05 ? 1 : 0,
        obeys: own.chance() < 0.85,
        patches: own.chance() < 0.3,
        exitsAtTerm: own.chance() < 0.4,
        killsHelper: m.kills && !lasts && m.world.own(`${id} and its helper`).chance() < killers,
      },
    });
  }
  return jobs;

  function runMs(isShort: boolean, isLong: boolean): [number, number] {
    if (isShort) return [0, 30];
    return isLong ? [3_000, m.longestMs] : [30, 3_000];
  }
}
