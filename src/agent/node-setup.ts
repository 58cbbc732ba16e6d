/** What an agent knows of its node when an incarnation begins; made by run.ts. */
import type { Clock } from '../base/clock.ts';
import type { Logger } from '../base/log.ts';
import type { HelperChoice } from '../process/helper.ts';
import type { CurveKeys } from '../wire/curve.ts';
import type { AgentFile } from './config.ts';
import type { NodeGpus } from './start-request.ts';

export interface NodeSetup {
  file: AgentFile;
  node: number;
  hostname: string;
  cpuIds: readonly number[];
  gpus: NodeGpus;
  memoryBytes: number;
  baseEnv: Buffer;
  inherited: readonly string[];
  rankEnv: Readonly<Record<string, string>>;
  helper: HelperChoice;
  /** Jobs that may run at once. */
  sideBySide: number;
  /** Where the kernel counts what it killed in this node's memory cgroup; '' for nowhere. */
  oomFile: string;
  keys: CurveKeys;
  /** What decides where sockets lie (base/socket-place.ts); our own environment when not given. */
  socketEnv?: NodeJS.ProcessEnv;
  identify: (
    pid: number,
  ) => { pid: number; startTime: string | number; bootId: string; pidNamespace: string; uid: number } | null;
  clock: Clock;
  log: Logger;
}
