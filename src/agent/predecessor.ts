/**
 * Proof that the agent before this one is dead (PROTOCOL 5): where a warden starts an agent again on the same host, the new
 * one names the incarnation of the one that died, with no process left of it, and its jobs run again at once instead of
 * after D.
 *
 * Each incarnation says beside its socket who its agent and its guard are. Proven is the death of both, and that nothing
 * with its marker lives: helpers and jobs carry it. What can't be judged is no proof; then D decides.
 */
import { readFileSync, statSync, writeFileSync } from 'node:fs';
import path from 'node:path';
import { setTimeout as pause } from 'node:timers/promises';
import * as z from 'zod/mini';
import { systemClock } from '../base/clock.ts';
import { CHAIN } from '../base/limits.ts';
import type { Logger } from '../base/log.ts';
import { judgeProcess, type ProcessIdentity } from '../../native-free/process-identity.ts';
import { endByMarker } from '../process/marker.ts';
import { INCARNATION_ENV } from '../launcher/names.ts';
import { channelDirectoriesOf, removeChannelDirectory } from '../launcher/socket-directory.ts';

const FILE = 'agent.json';
/** Between two looks at a guard that is about to end, milliseconds. */
const LOOK_MS = 10;

const identity = z.object({
  pid: z.int(),
  startTime: z.int(),
  bootId: z.string(),
  pidNamespace: z.string(),
  uid: z.int(),
});
const schema = z.object({ incarnation: z.string(), node: z.int(), agent: identity, guard: identity });

/**
 * Says in the incarnation's directory who it is; again when another guard takes the place of the first. False when the
 * directory is gone: where a launcher is dead, others tidy up behind it while its agents still end.
 */
export function writeAgentRecord(
  directory: string,
  record: {
    incarnation: string;
    node: number;
    agent: ProcessIdentity | null;
    guard: ProcessIdentity | null;
  },
): boolean {
  try {
    writeFileSync(path.join(directory, FILE), JSON.stringify(record), { mode: 0o600 });
    return true;
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ENOENT') return false;
    throw error;
  }
}

/** The incarnation of this launcher's agent of this node that died before us and left no process; '' without proof. */
export async function provenPredecessor(
  tag: string,
  node: number,
  log: Logger,
  env?: NodeJS.ProcessEnv,
): Promise<string> {
  const records = (await channelDirectoriesOf(tag, env)).flatMap((directory) => readRecord(directory) ?? []);
  const dead = records.filter((r) => r.node === node && judgeProcess(r.agent) === 'dead');
  const last = dead.toSorted((a, b) => a.writtenAt - b.writtenAt).at(-1);
  if (!last) return '';
  const { incarnation, guard } = last;
  const until = systemClock.monotonic() + CHAIN.killWorks;
  // Its guard ends what it left, and then itself.
  while (judgeProcess(guard) !== 'dead') {
    if (systemClock.monotonic() > until) return '';
    await pause(LOOK_MS);
  }
  const { ended, left } = await endByMarker(INCARNATION_ENV, incarnation);
  if (left.length > 0) return '';
  removeChannelDirectory(last.directory);
  log.warn(
    { incarnation, ended, rule: 'PROTOCOL 5' },
    'the agent before this one died, and nothing of it is left',
  );
  return incarnation;
}

function readRecord(
  directory: string,
): (z.infer<typeof schema> & { directory: string; writtenAt: number }) | null {
  const file = path.join(directory, FILE);
  try {
    const { data } = schema.safeParse(JSON.parse(readFileSync(file, 'utf8')));
    return data ? { ...data, directory, writtenAt: statSync(file).mtimeMs } : null;
  } catch {
    return null; // it died before it had written it, or while it did
  }
}
