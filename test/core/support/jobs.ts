/**
 * Jobs and configurations for the tests of the cores: a job is named by one letter, and everything else has a default.
 * Called by the rigs and by the tests of properties and simulation; never by the program.
 */
import { CHAIN } from '../../../src/base/limits.ts';
import type { AgentConfig } from '../../../src/core/agent/state.ts';
import type { LeasedJob } from '../../../src/core/coordinator/batch.ts';
import type { AppFacts } from '../../../src/core/coordinator/event.ts';
import { COORDINATOR_DEFAULTS, type CoordinatorConfig } from '../../../src/core/coordinator/state.ts';
import type { App, Job } from '../../../src/core/messages.ts';

export const APP: App = { index: 1, name: 'app', executable: '/bin/app', envscript: '' };

export const FACTS: AppFacts = {
  name: 'app',
  executable: '/bin/app',
  envscript: '',
  preprocess: '',
  postprocess: '',
};

/** A job as an agent gets it. */
export function agentJob(id: string, over: Partial<Job> = {}): Job {
  return {
    id,
    attempt: 1,
    app: APP.index,
    name: id,
    workflow: '',
    args: '',
    environVars: '',
    userWorkdir: '',
    mpiFlags: '',
    parents: '[]',
    cpuAffinity: 'none',
    numNodes: 1,
    ranksPerNode: 1,
    threadsPerRank: 1,
    threadsPerCore: 1,
    packing: 2,
    hosts: [],
    nodes: [],
    ...over,
  };
}

/** A job as the lease returns it: half a node, one rank, may be tried again. */
export function leasedJob(id: string, over: Partial<LeasedJob> = {}): LeasedJob {
  return {
    id,
    attempt: 1,
    name: id,
    workflow: '',
    application: 'app',
    args: '',
    environVars: '',
    numNodes: 1,
    ranksPerNode: 1,
    threadsPerRank: 1,
    threadsPerCore: 1,
    nodePackingCount: 2,
    wallTimeMinutes: 1,
    cpuAffinity: 'none',
    mpiFlags: '',
    userWorkdir: '',
    autoTimeoutRetry: true,
    nodeLosses: 0,
    helperLosses: 0,
    parents: '[]',
    ...over,
  };
}

export function agentConfig(over: Partial<AgentConfig> = {}): AgentConfig {
  return {
    node: 0,
    hostname: 'n0',
    cpuIds: [0, 1],
    gpus: 0,
    memoryBytes: 1,
    maxHelpers: 8,
    killGraceMs: 5_000,
    chain: CHAIN,
    outboxPlaces: 1_000,
    aheadMax: 1,
    startsAStep: 64,
    ...over,
  };
}

export function coordinatorConfig(over: Partial<CoordinatorConfig> = {}): CoordinatorConfig {
  return {
    launcher: 1,
    mode: 'serial',
    nodes: [0, 1, 2, 3],
    endAt: null,
    idleExitMs: null,
    ...COORDINATOR_DEFAULTS,
    ...over,
  };
}
