/**
 * What dead incarnations left on this node (PROTOCOL 8): agent, guard and helpers killed at once leave jobs that nobody
 * watches. An agent that starts ends them, found by the markers in their environment, and touches nobody else's: not
 * those of a living agent, of another user, or of a boot or namespace that it can't judge.
 */
import { judgeProcess, processIdentity } from '../../native-free/inventory.ts';
import type { Logger } from '../base/log.ts';
import { endByMarker } from '../process/marker.ts';
import { listPids, readEnviron } from '../process/proc.ts';
import { AGENT_ENV, INCARNATION_ENV } from '../launcher/names.ts';

/** Names this agent in the environment of what it starts: `pid:start:uid:boot:namespace`. */
export function agentMarker(): string {
  const me = processIdentity(process.pid);
  return me ? [me.pid, me.startTime, me.uid, me.bootId, me.pidNamespace].join(':') : '';
}

/** Ends the jobs of dead incarnations of this user on this node; returns the incarnations. */
export async function endOrphans(log: Logger): Promise<string[]> {
  const uid = process.getuid?.() ?? 0;
  const dead = new Set<string>();
  for (const pid of listPids()) {
    const environ = readEnviron(pid);
    const incarnation = valueOf(environ, INCARNATION_ENV);
    if (incarnation === null || dead.has(incarnation)) continue;
    if (isOfDeadAgent(valueOf(environ, AGENT_ENV), uid)) dead.add(incarnation);
  }
  for (const incarnation of dead) {
    const { ended, left } = await endByMarker(INCARNATION_ENV, incarnation);
    log.warn(
      { incarnation, ended, left: left.length, rule: 'PROTOCOL 8' },
      'ended what a dead agent left on this node',
    );
  }
  return [...dead];
}

function isOfDeadAgent(marker: string | null, uid: number): boolean {
  const [pid, startTime, owner, bootId, ...namespace] = marker?.split(':') ?? [];
  if (bootId === undefined || Number(owner) !== uid) return false;
  const identity = {
    pid: Number(pid),
    startTime: Number(startTime),
    uid,
    bootId,
    pidNamespace: namespace.join(':'),
  };
  return judgeProcess(identity) === 'dead';
}

/** The value of a variable in /proc/PID/environ. */
function valueOf(environ: string, name: string): string | null {
  const at = environ.startsWith(`${name}=`) ? 0 : environ.indexOf(`\0${name}=`) + 1;
  if (at === 0 && !environ.startsWith(`${name}=`)) return null;
  const end = environ.indexOf('\0', at);
  return environ.slice(at + name.length + 1, end < 0 ? undefined : end);
}
