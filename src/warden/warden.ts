/**
 * The warden: the process `balsam launcher`. It owns one launcher's coordinator and agents, their logs, the port and the
 * keys, and speaks neither SQL nor ZeroMQ, so that hardly anything can end it. The first signal (TERM, INT, HUP, USR1 …
 * unless it was ignored when the launcher was started) asks the coordinator to
 * leave (jobs end as RUN_TIMEOUT within 12 s), the second ends jobs at once. An agent of this machine that dies is
 * started again, as a new incarnation.
 */
import type { ChildProcess } from 'node:child_process';
import { hostname, networkInterfaces } from 'node:os';
import { readGpus } from '../../native-free/gpu.ts';
import { grantedGpus } from '../../native-free/gpu-grant.ts';
import { processIdentity } from '../../native-free/process-identity.ts';
import { shareOfGpus } from '../agent/config.ts';
import { systemClock } from '../base/clock.ts';
import { EXIT_FAILED, UserError } from '../base/errors.ts';
import { onLeaveSignal } from '../base/entry.ts';
import { makeLog, type Logger } from '../base/log.ts';
import { CHAIN, KILL_GRACE_MS, NO_AGENT_END_MS, assertChain } from '../base/limits.ts';
import { EXIT_DONE, EXIT_LEFT, lastWords, type Done, type LeftOver } from '../model/last-words.ts';
import { needOpenFiles } from '../base/open-files.ts';
import { needProcesses } from '../base/processes.ts';
import type { ToWarden } from '../launcher/coordinator-file.ts';
import { socketPlace } from '../base/socket-place.ts';
import { detectMpi, type MpiFlavour } from '../process/mpi/flavour.ts';
import {
  makeLauncherFiles,
  removeAbandonedFiles,
  removeLauncherFiles,
  writeJson,
  type LauncherFiles,
} from '../launcher/files.ts';
import { AgentKeeper, type AgentMember } from './agent-keeper.ts';
import { DatabaseKeeper } from './database-keeper.ts';
import { CoordinatorKeeper, type CoordinatorEnd } from './coordinator-keeper.ts';
import { reasonIn } from './reason.ts';
import { startAgent, startAgentsByMpirun, startCoordinator } from './processes.ts';

export interface LauncherOptions {
  dbPath: string;
  mode: 'mpi' | 'serial' | 'mixed';
  /** Substring of the workflows to run; '' = all. */
  wfFilter: string;
  /** Minutes; null = no limit. */
  timeLimitMinutes: number | null;
  nodes: number;
  limitNodes: number | null;
  offsetNodes: number;
  gpusPerNode: number | null;
  persistent: boolean;
  idleExitSeconds: number;
  launch: 'local' | 'mpirun';
  /** Hosts for mpirun; null = this one. */
  hosts: readonly string[] | null;
  helper: 'auto' | 'python' | 'node';
  mpi: string | null;
  anyOwner: boolean;
  schedulerId: string;
}

export type Progress = Extract<ToWarden, { kind: 'progress' }>;

export interface LauncherWatch {
  onStart(files: LauncherFiles): void;
  onProgress(progress: Progress): void;
  onNote(text: string): void;
}

export interface LauncherEnd {
  exitCode: number;
  reason: string;
  /** `3 done, 1 failed, 0 left`. */
  counts: string;
  done: Done;
  left: LeftOver | null;
}

/** Times that a launcher begins anew after it was declared dead. Guess: once is bad luck, thrice is a broken clock. */
const LIVES = 3;

/** Runs one launcher to its end. UserError when it can't be started. */
export async function runLauncher(options: LauncherOptions, watch: LauncherWatch): Promise<LauncherEnd> {
  assertChain(CHAIN);
  needOpenFiles();
  const nodes = chosenNodes(options);
  needProcesses(options.launch === 'local' ? nodes.length : 0);
  checkGpus(options);
  const mpi = options.launch === 'mpirun' ? await needMpi(options.mpi) : null;
  // Agents of this machine use the same place: a person hears of it before anything was started.
  if (options.launch === 'local') await socketPlace();
  const startedAt = systemClock.monotonic();
  void removeAbandonedFiles(options.dbPath);
  for (let time = 1; ; time++) {
    const files = await makeLauncherFiles(options.dbPath, new Date());
    const warden = new Warden(options, nodes, mpi, files, watch, startedAt);
    try {
      watch.onStart(files);
      const end = await warden.run();
      // Declared dead while it lived (PROTOCOL 4): all of it begins anew, under a new id and new keys.
      if (!end.fenced || time >= LIVES) return end;
      watch.onNote('this launcher was declared dead: its jobs were ended, another begins in its place');
    } finally {
      await removeLauncherFiles(files);
    }
  }
}

/** `nodes[offset : offset + limit]`: several launchers may share one batch allocation. */
function chosenNodes(o: LauncherOptions): number[] {
  const all = Array.from({ length: o.nodes }, (_, i) => i);
  const chosen = all.slice(o.offsetNodes, o.limitNodes === null ? undefined : o.offsetNodes + o.limitNodes);
  if (chosen.length === 0) {
    throw new UserError(`--offset-nodes ${o.offsetNodes} leaves no node of ${o.nodes}: give a smaller one`);
  }
  return chosen;
}

/** Agents of this machine would see it too, but only once everything else is started. */
function checkGpus(o: LauncherOptions): void {
  if (o.hosts !== null) return;
  const grant = grantedGpus(readGpus('/'), process.env);
  shareOfGpus(grant, { local: 0, localCount: o.nodes }, o.gpusPerNode);
}

async function needMpi(preferred: string | null): Promise<MpiFlavour> {
  const mpi = await detectMpi(preferred ?? undefined);
  if (mpi) return mpi;
  throw new UserError(
    '--launch mpirun: no mpirun was found; load an MPI module, name one with --mpi, or use --launch local',
    EXIT_FAILED,
  );
}

class Warden {
  readonly #o: LauncherOptions;
  readonly #nodes: readonly number[];
  readonly #mpi: MpiFlavour | null;
  readonly #files: LauncherFiles;
  readonly #watch: LauncherWatch;
  readonly #startedAt: number;
  readonly #agents: AgentKeeper;
  readonly #keeper: CoordinatorKeeper;
  readonly #log: Logger;
  readonly #database: DatabaseKeeper;
  #signals = 0;
  #port = 0;

  constructor(
    o: LauncherOptions,
    nodes: readonly number[],
    mpi: MpiFlavour | null,
    files: LauncherFiles,
    watch: LauncherWatch,
    startedAt: number,
  ) {
    this.#o = o;
    this.#nodes = nodes;
    this.#mpi = mpi;
    this.#files = files;
    this.#watch = watch;
    this.#startedAt = startedAt;
    this.#log = makeLog('warden', { launcher: files.name }, files.log);
    this.#keeper = new CoordinatorKeeper({
      start: (predecessor) => {
        if (predecessor === null) this.#writeCoordinatorFile();
        return startCoordinator(this.#files, predecessor);
      },
      log: files.log,
      onMessage: (m) => this.#onMessage(m),
      onNote: (text, rule) => this.#note(text, rule),
    });
    this.#database = new DatabaseKeeper(o.dbPath, (text) => this.#note(text, 'PROTOCOL 7'));
    this.#agents = new AgentKeeper({
      members: this.#agentMembers(),
      onNote: (text, rule) => this.#note(text, rule),
      onNoneLeft: (how) => this.#keeper.leave(`no agent is left: ${how}`, false, true),
    });
  }

  async run(): Promise<LauncherEnd & { fenced: boolean }> {
    const unlisten = onLeaveSignal((signal) => this.#onSignal(signal));
    try {
      const end = this.#keeper.run();
      this.#agents.start();
      const how = await end;
      await this.#agents.end();
      // Who was asked to leave does not begin anew.
      return { ...this.#endOf(how), fenced: how.code === 'fenced' && !this.#keeper.leaving };
    } finally {
      this.#database.close();
      unlisten();
    }
  }

  #endOf(how: CoordinatorEnd): LauncherEnd {
    const { done, over: left } = how;
    if (how.code === 'left') {
      const { complete, ...words } = lastWords({ reason: how.reason, done, left });
      const exitCode = how.failed || left === null ? EXIT_FAILED : complete ? EXIT_DONE : EXIT_LEFT;
      return { exitCode, ...words, done, left };
    }
    // One that can't begin says so in a sentence for a person.
    const reason =
      how.code === 'fenced' || how.died
        ? `the coordinator failed: ${how.reason}; see ${this.#files.log}`
        : how.reason;
    const { counts } = lastWords({ reason, done, left });
    return { exitCode: EXIT_FAILED, reason, counts, done, left };
  }

  /** What a person can look at when no agent comes. */
  #noAgent(seconds: number): string {
    const o = this.#o;
    const where = o.hosts === null ? '127.0.0.1 (is the loopback interface up?)' : ownAddresses().join(', ');
    const log =
      o.launch === 'mpirun' ? `${this.#files.log}.agents` : `${this.#files.log}.node${this.#nodes[0]}`;
    const said = reasonIn(log, 0);
    const why = said === '' ? '' : ` It says: ${said}.`;
    return `no agent has joined yet, ${seconds} s after the start: each must reach port ${this.#port} of ${where}, which a firewall may keep it from; see ${log}.${why} After ${NO_AGENT_END_MS / 60_000} minutes without one the launcher ends`;
  }

  #writeCoordinatorFile(): void {
    const o = this.#o;
    const remote = o.hosts !== null;
    writeJson(this.#files.coordinator, {
      dbPath: o.dbPath,
      name: this.#files.name,
      host: hostname(),
      mode: o.mode,
      wfFilter: o.wfFilter,
      nodes: this.#nodes,
      endAt: o.timeLimitMinutes === null ? null : this.#startedAt + o.timeLimitMinutes * 60_000,
      idleExitMs: o.persistent ? null : o.idleExitSeconds * 1_000,
      anyOwner: o.anyOwner,
      addresses: remote ? ['*'] : ['127.0.0.1'],
      serverKey: this.#files.serverKey,
      schedulerId: o.schedulerId,
      predecessor: null,
    });
  }

  #onMessage(m: ToWarden): void {
    switch (m.kind) {
      case 'bound':
        return this.#writeAgentFile(m.launcher, m.port);
      case 'progress':
        return this.#watch.onProgress(m);
      case 'database':
        return this.#database.away(m.away, m.starting);
      case 'no-agent':
        return this.#note(this.#noAgent(m.seconds), 'PROTOCOL 8');
      case 'left':
        return this.#note(m.text, 'PROTOCOL 2');
      case 'end':
      case 'beat':
        return;
    }
  }

  /** A successor has the same launcher and port: what the first one's file says is still true. */
  #writeAgentFile(launcher: number, port: number): void {
    if (this.#port !== 0) return;
    this.#port = port;
    const o = this.#o;
    const addresses =
      o.hosts === null ? ['127.0.0.1'] : [...new Set(['127.0.0.1', hostname(), ...ownAddresses()])];
    writeJson(this.#files.agents, {
      launcher,
      tag: this.#files.tag,
      warden: processIdentity(process.pid),
      endpoints: addresses.map((a) => `tcp://${a}:${port}`),
      dbPath: o.dbPath,
      nodesHere: o.launch === 'local' ? o.nodes : null,
      gpus: o.gpusPerNode,
      helper: o.helper,
      mpi: o.mpi,
      killGraceMs: KILL_GRACE_MS,
      environ: this.#files.environ,
      clientKey: this.#files.clientKey,
    });
  }

  /** One agent a node of this machine, or all of them by one mpirun. */
  #agentMembers(): AgentMember[] {
    const mpi = this.#mpi;
    if (mpi) {
      const start = (): ChildProcess => startAgentsByMpirun(this.#files, mpi, this.#o.nodes, this.#o.hosts);
      return [{ name: 'mpirun', start, restart: false, log: `${this.#files.log}.agents` }];
    }
    return this.#nodes.map((node) => ({
      name: `the agent of node ${node}`,
      start: () => startAgent(this.#files, node),
      restart: true,
      log: `${this.#files.log}.node${node}`,
    }));
  }

  /** Only a person's second word hurries: a closed terminal says HUP twice, a batch system warns more than once. */
  #onSignal(signal: NodeJS.Signals): void {
    this.#signals += 1;
    const first = this.#signals === 1;
    if (!first && signal !== 'SIGINT' && signal !== 'SIGTERM') return;
    const text = first
      ? `${signal}: ending jobs as RUN_TIMEOUT; again to end them at once`
      : `${signal} again: ending jobs at once`;
    this.#note(text, 'PROTOCOL 9');
    this.#keeper.leave(`received ${signal}`, !first);
  }

  /** To the person, and to whoever reads the log. */
  #note(text: string, rule: string): void {
    this.#watch.onNote(text);
    this.#log.warn({ rule }, text);
  }
}

/** Every IPv4 address by which other nodes may reach this host; agents try them side by side. */
function ownAddresses(): string[] {
  return Object.values(networkInterfaces())
    .flatMap((list) => list ?? [])
    .filter((a) => a.family === 'IPv4' && !a.internal)
    .map((a) => a.address);
}
