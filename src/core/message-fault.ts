/**
 * What a message says must be possible before a core hears of it: ids that are ids, numbers that a row can hold, texts
 * that Postgres can hold, JSON that is JSON, one body, the right direction. The codec knows shapes; this file knows values.
 *
 * Called by the shells of coordinator and agent after decoding; a message with a fault is refused as a whole. What depends
 * on state (was it ever sent?) is asked by the cores. It must accept all that our own two ends send, and never throw.
 */
import { parseJson } from '../base/json.ts';
import { isId } from '../base/ids.ts';
import {
  MAX_DATA_BYTES,
  MAX_HELD_ATTEMPTS,
  MAX_INT,
  MAX_JOB_TEXT,
  MAX_LABEL,
  MAX_NODES,
  MAX_NOTE,
} from '../base/limits.ts';
import { MAX_CHANNEL_LINE_BYTES, patchFieldsFault } from '../model/job-channel.ts';
import { isJsonObject, jsonFault, textFault } from '../model/json.ts';
import {
  CAUSE_LOST,
  CAUSE_NONE,
  KILL_NOW,
  KILL_USER,
  type Command,
  type Ended,
  type Envelope,
  type HeldAttempt,
  type Job,
  type JobRef,
  type Join,
  type Patch,
  type ProcessIdentity,
  type Report,
  type Request,
} from './messages.ts';

/** A rule that is broken, as a short phrase; null when none is. */
type Fault = string | null;

/** Ages and durations may be a little negative, where a helper's clock was read after ours; a century is a mistake. */
const EARLIEST_MS = -60_000;
const LATEST_MS = 3.2e12;
/** Signals of Linux, and usage that a column of type real or bigint holds. */
const MAX_SIGNAL = 255;
const MAX_USAGE = 1e15;

/** Why a coordinator does not hear this message of an agent, whatever it knows; null when it may. */
export function faultFromAgent(m: Envelope): Fault {
  if (!isId(m.incarnation)) return 'an incarnation is a uuid';
  if (m.join) return joinFault(m.join);
  if (m.reports) return first(m.reports.reports, reportFault);
  if (m.heartbeat) return text(m.heartbeat.short, 'short', MAX_NOTE);
  return 'an agent sends join, heartbeat or reports';
}

/** Why an agent does not hear this message of a coordinator, whatever it knows; null when it may. */
export function faultFromCoordinator(m: Envelope): Fault {
  if (m.commands) return first(m.commands.commands, commandFault);
  if (m.dismissed) return text(m.dismissed.reason, 'reason', MAX_NOTE);
  return m.hello || m.echo ? null : 'a coordinator sends hello, echo, commands or dismissed';
}

function first<T>(list: readonly T[], faultOf: (item: T) => Fault): Fault {
  for (const item of list) {
    const fault = faultOf(item);
    if (fault !== null) return fault;
  }
  return null;
}

function either(...faults: readonly Fault[]): Fault {
  return faults.find((fault) => fault !== null) ?? null;
}

function text(value: string, what: string, most: number): Fault {
  if (value === '') return null;
  return value.length > most ? `${what} has at most ${most} characters` : textFault(value, what);
}

function whole(value: number, what: string, least: number, most = MAX_INT): Fault {
  return Number.isInteger(value) && value >= least && value <= most
    ? null
    : `${what} is a whole number from ${least} to ${most}`;
}

function real(value: number, what: string, least: number, most: number): Fault {
  return value >= least && value <= most ? null : `${what} is a number from ${least} to ${most}`;
}

function refFault(of: JobRef): Fault {
  return idFault(of.id, of.attempt);
}

function idFault(id: string, attempt: number): Fault {
  return isId(id) ? whole(attempt, 'an attempt', 1) : 'the id of a job is a uuid';
}

// --- from an agent ---

function joinFault(j: Join): Fault {
  const ended = j.endedIncarnation === '' || isId(j.endedIncarnation);
  return either(
    whole(j.node, 'node', 0),
    text(j.hostname, 'hostname', MAX_LABEL),
    whole(j.cpus, 'cpus', 0),
    whole(j.gpus, 'gpus', 0),
    real(j.memoryBytes, 'memory', 0, Number.MAX_SAFE_INTEGER),
    j.agent ? processFault(j.agent) : null,
    j.guard ? processFault(j.guard) : null,
    ended ? null : 'an incarnation is a uuid',
    j.oldestReport >= 1 && j.oldestReport <= j.lastReport + 1
      ? null
      : 'the oldest report is not after the last',
    j.held.length > MAX_HELD_ATTEMPTS
      ? `an agent holds at most ${MAX_HELD_ATTEMPTS} attempts`
      : first(j.held, refFault),
    gangsFault(j.held),
  );
}

/** A node leads one gang at a time, which takes it whole. */
function gangsFault(held: readonly HeldAttempt[]): Fault {
  let nodes = 0;
  for (const h of held) nodes += h.nodes.length;
  return nodes <= MAX_NODES ? null : `gangs have at most ${MAX_NODES} nodes`;
}

function processFault(p: ProcessIdentity): Fault {
  return either(
    whole(p.pid, 'pid', 0),
    whole(p.startTime, 'start time', 0, Number.MAX_SAFE_INTEGER),
    whole(p.uid, 'uid', 0),
    text(p.bootId, 'boot id', MAX_LABEL),
    text(p.pidNamespace, 'pid namespace', MAX_LABEL),
  );
}

/** One for each body that is there. Written out, like the checks below: this is asked for every report and every job. */
function count(...bodies: readonly unknown[]): number {
  let found = 0;
  for (const body of bodies) if (body) found += 1;
  return found;
}

function reportFault(r: Report): Fault {
  const bodies = count(r.started, r.ended, r.patch, r.retracted, r.request, r.notStarted);
  return (
    whole(r.seq, 'the number of a report', 1, Number.MAX_SAFE_INTEGER) ??
    idFault(r.job, r.attempt) ??
    real(r.ageMs, 'age', EARLIEST_MS, LATEST_MS) ??
    (bodies === 1 ? null : 'a report has one body') ??
    (r.ended ? endedFault(r.ended) : null) ??
    (r.patch ? patchFault(r.patch) : null) ??
    (r.request ? requestFault(r.request) : null) ??
    (r.notStarted
      ? (text(r.notStarted.stage, 'stage', MAX_LABEL) ?? text(r.notStarted.message, 'message', MAX_NOTE))
      : null)
  );
}

function requestFault(r: Request): Fault {
  if (r.json.length > MAX_CHANNEL_LINE_BYTES) return 'a request is no longer than a line';
  return text(r.op, 'op', MAX_LABEL);
}

function endedFault(e: Ended): Fault {
  return (
    real(e.ranMs, 'run time', EARLIEST_MS, LATEST_MS) ??
    whole(e.signal, 'signal', 0, MAX_SIGNAL) ??
    real(e.userS, 'user time', -1, MAX_USAGE) ??
    real(e.systemS, 'system time', -1, MAX_USAGE) ??
    whole(e.maxRssKib, 'peak memory', -1, MAX_USAGE) ??
    text(e.tail, 'tail', MAX_NOTE) ??
    text(e.note, 'note', MAX_NOTE) ??
    whole(e.killed, 'cause of a kill', CAUSE_NONE, CAUSE_LOST)
  );
}

function patchFault(p: Patch): Fault {
  if (p.dataJson.length > MAX_DATA_BYTES) return 'data is larger than it may be';
  let keys = 0;
  for (const key of p.removed) keys += key.length + 1;
  if (keys > MAX_DATA_BYTES) return 'removed keys are longer than data may be';
  return either(
    first(p.removed, (key) => textFault(key, 'a removed key')),
    objectFault(p.dataJson, 'data', (data) => jsonFault(data, 'data')),
    objectFault(p.fieldsJson, 'fields', patchFieldsFault),
  );
}

function objectFault(json: string, what: string, faultOf: (value: object) => Fault): Fault {
  if (json === '') return null;
  let value: unknown;
  try {
    value = parseJson(json);
  } catch {
    return `${what} is no JSON`;
  }
  return isJsonObject(value) ? faultOf(value) : `${what} is an object`;
}

// --- from a coordinator ---

function commandFault(c: Command): Fault {
  const bodies = count(c.start, c.kill, c.retract, c.committed, c.drain);
  return either(
    whole(c.seq, 'the number of a command', 1, Number.MAX_SAFE_INTEGER),
    bodies === 1 ? null : 'a command has one body',
    first(c.start?.apps ?? [], (a) =>
      either(
        text(a.name, 'the name of an application', MAX_JOB_TEXT),
        text(a.executable, 'executable', MAX_JOB_TEXT),
        text(a.envscript, 'envscript', MAX_JOB_TEXT),
      ),
    ),
    first(c.start?.jobs ?? [], jobFault),
    first(c.kill?.jobs ?? [], refFault),
    c.kill ? whole(c.kill.reason, 'the reason of a kill', KILL_USER, KILL_NOW) : null,
    first(c.retract?.jobs ?? [], refFault),
  );
}

function jobFault(j: Job): Fault {
  return (
    idFault(j.id, j.attempt) ??
    text(j.name, 'name', MAX_JOB_TEXT) ??
    text(j.workflow, 'workflow', MAX_JOB_TEXT) ??
    text(j.args, 'args', MAX_JOB_TEXT) ??
    text(j.environVars, 'environ_vars', MAX_JOB_TEXT) ??
    text(j.userWorkdir, 'user_workdir', MAX_JOB_TEXT) ??
    text(j.mpiFlags, 'mpi_flags', MAX_JOB_TEXT) ??
    text(j.cpuAffinity, 'cpu_affinity', MAX_JOB_TEXT) ??
    text(j.parents, 'parents', MAX_JOB_TEXT) ??
    whole(j.numNodes, 'num_nodes', 1) ??
    whole(j.ranksPerNode, 'ranks_per_node', 1) ??
    whole(j.threadsPerRank, 'threads_per_rank', 1) ??
    whole(j.threadsPerCore, 'threads_per_core', 1) ??
    whole(j.packing, 'node_packing_count', 1) ??
    (j.hosts.length === j.nodes.length && j.nodes.length <= MAX_NODES
      ? null
      : 'a gang has as many hosts as nodes') ??
    first(j.hosts, (host) => text(host, 'hostname', MAX_LABEL)) ??
    parentsFault(j.parents)
  );
}

function parentsFault(json: string): Fault {
  if (json === '' || json === '[]') return null;
  try {
    const ids: unknown = parseJson(json);
    if (Array.isArray(ids) && ids.every((id) => typeof id === 'string' && isId(id))) return null;
  } catch {
    // Said below.
  }
  return 'parents are a list of job ids';
}
