/**
 * One node agent: the shell round the agent's core. It owns the link to the coordinator, the helpers, the guard and the
 * job channel, and lives through several incarnations: when its lease was lost it ends everything, proves that nothing is
 * left, and joins again under a new one.
 *
 * Started by the warden (as a child on this machine, or through mpirun); it ends when it was drained, or by a signal.
 */
import { readFile } from 'node:fs/promises';
import { newId } from '../base/ids.ts';
import { systemClock } from '../base/clock.ts';
import { AGENT_CPU_ENV } from '../launcher/names.ts';
import { AGENT_ALONE_LOOK_MS, AGENT_ALONE_MS, AGENT_ORPHAN_MS, CHAIN, assertChain } from '../base/limits.ts';
import { onLeaveSignal } from '../base/entry.ts';
import { makeLog } from '../base/log.ts';
import { needOpenFiles, openFilesLimit } from '../base/open-files.ts';
import { grantedGpus } from '../../native-free/gpu-grant.ts';
import { oomCountFile } from '../../native-free/cgroup.ts';
import { parseCpuList } from '../../native-free/cpu-list.ts';
import { judgeProcess, processIdentity, readInventory } from '../../native-free/inventory.ts';
import { parseEnviron, scrubNames } from '../process/environment.ts';
import { gpuVariables } from '../process/gpu-variables.ts';
import { chooseHelper, type HelperChoice } from '../process/helper.ts';
import { readKeyFile } from '../wire/curve.ts';
import {
  placeFromEnvironment,
  readAgentFile,
  shareOfCpus,
  shareOfGpus,
  type AgentFile,
  type Place,
} from './config.ts';
import { endOrphans } from './orphans.ts';
import { provenPredecessor } from './predecessor.ts';
import { sweepChannelDirectories } from '../launcher/socket-directory.ts';
import { Incarnation, type Before, type IncarnationEnd } from './incarnation.ts';
import type { NodeSetup } from './node-setup.ts';
import { jobsSideBySide } from '../process/side-by-side.ts';

export interface AgentOptions {
  /** Path of the warden's agent file. */
  file: string;
  /** The node's index, when the warden started this agent itself. */
  node: number | null;
  /** Its log; null: its stdout, which mpirun forwards. */
  log: string | null;
}

/** Runs until drained; resolves with the exit code of the process. */
export async function runAgent(options: AgentOptions): Promise<number> {
  assertChain(CHAIN);
  needOpenFiles();
  // Looked for while the coordinator is still starting: it takes a tenth of a second where python3 is a manager's script.
  const helper = chooseHelper('auto');
  let current: Incarnation | null = null;
  let stopping = false;
  // Before the first incarnation nothing is there that would have to end.
  const stop = (): void => {
    stopping = true;
    if (current) current.stop();
    else process.exit(0);
  };
  onLeaveSignal(stop);
  const file = await readAgentFile(options.file);
  const setup = await prepare(file, options, file.helper === 'auto' ? helper : chooseHelper(file.helper));
  const { log } = setup;
  sayLimit(setup);
  await endOrphans(log);
  void sweepChannelDirectories(setup.socketEnv);
  const alone = watchWarden(file, () => current);
  const died = await provenPredecessor(file.tag, setup.node, log, setup.socketEnv);
  let before: Before = { incarnation: died, crashed: died !== '' };
  for (;;) {
    current = new Incarnation(setup, newId(), before);
    const end: IncarnationEnd = await current.run();
    const { longestTurnMs } = current;
    log.info({ incarnation: current.id, end, longestTurnMs, rule: 'PROTOCOL 5' }, 'incarnation ended');
    if (end === 'left' || stopping) {
      clearInterval(alone);
      return 0;
    }
    before = { incarnation: current.id, crashed: false };
  }
}

/** Ends an agent that nobody will ever speak to again: its warden is dead, or an hour has passed without an echo. */
function watchWarden(file: AgentFile, current: () => Incarnation | null): NodeJS.Timeout {
  let echoedAt = systemClock.monotonic();
  let orphanSince: number | null = null;
  return setInterval(() => {
    const now = systemClock.monotonic();
    const incarnation = current();
    echoedAt = Math.max(echoedAt, incarnation?.echoedAt ?? 0);
    orphanSince = judgeProcess(file.warden) === 'dead' ? (orphanSince ?? now) : null;
    const orphan = orphanSince !== null && now - orphanSince > AGENT_ORPHAN_MS;
    if (orphan || now - echoedAt > AGENT_ALONE_MS) incarnation?.abandon();
  }, AGENT_ALONE_LOOK_MS);
}

async function prepare(
  file: AgentFile,
  { node, log }: AgentOptions,
  choice: Promise<HelperChoice>,
): Promise<NodeSetup> {
  const place: Place | null =
    node === null
      ? placeFromEnvironment(process.env)
      : { node, local: node, localCount: file.nodesHere ?? 1 };
  if (!place) throw new Error('no rank: an agent is started by a launcher, or by mpirun or srun');
  const inventory = readInventory();
  const declared = process.env[AGENT_CPU_ENV];
  const cpuIds =
    (declared && parseCpuList(declared)) ||
    shareOfCpus(
      inventory.cpus.map((c) => c.id),
      place,
    );
  const environ = await readFile(file.environ);
  const [helper, keys] = await Promise.all([choice, readKeyFile(file.clientKey)]);
  const values = parseEnviron(environ);
  const names = [...values.keys()];
  const ranks = new Set(scrubNames(names, { forMpirun: false }));
  // The agent's own environment counts first: on another host of the batch allocation other GPUs may be granted.
  const surroundings = { ...Object.fromEntries(values), ...process.env };
  const grant = grantedGpus(inventory.gpus, surroundings);
  const allocation = scrubNames(names, { forMpirun: true }).filter((name) => !ranks.has(name));
  return {
    file,
    node: place.node,
    hostname: inventory.hostname,
    cpuIds,
    gpus: {
      ids: shareOfGpus(grant, place, file.gpus),
      // 0 means that we leave them alone, not that we hide them.
      variables: (ids) => (file.gpus === 0 ? {} : gpuVariables(grant, ids, surroundings)),
    },
    memoryBytes: inventory.memoryBytes,
    baseEnv: without(environ, ranks),
    inherited: names,
    rankEnv: Object.fromEntries(allocation.map((name) => [name, values.get(name) ?? ''])),
    helper,
    sideBySide: jobsSideBySide(helper.kind, openFilesLimit()).most,
    oomFile: oomCountFile('/') ?? '',
    keys,
    // What a person chose at the launcher counts on every node; mpirun does not hand it on.
    socketEnv: { ...process.env, BALSAM_SOCKET_DIR: values.get('BALSAM_SOCKET_DIR') ?? '' },
    identify: processIdentity,
    clock: systemClock,
    log: makeLog('agent', { node: place.node, host: inventory.hostname }, log),
  };
}

/** Where fewer jobs run at once than may share a node. */
function sayLimit({ helper, log }: NodeSetup): void {
  const { most, why } = jobsSideBySide(helper.kind, openFilesLimit());
  if (why !== '') log.warn({ most, rule: 'PROTOCOL 10' }, `at most ${most} jobs run at once here: ${why}`);
}

/** The environment without some names, the other bytes as they are. */
function without(environ: Buffer, names: ReadonlySet<string>): Buffer {
  if (names.size === 0) return environ;
  const kept = environ
    .toString('latin1')
    .split('\0')
    .filter(
      (entry) => !names.has(Buffer.from(entry.slice(0, entry.indexOf('=', 1)), 'latin1').toString('utf8')),
    );
  return Buffer.from(kept.join('\0'), 'latin1');
}
