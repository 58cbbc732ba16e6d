/**
 * The helper in Node, for nodes without python3: same lines, same events as helper.py (its head has the protocol),
 * slower, and with less reach. Called by helper.ts as `node helper-node.ts`.
 * What it can't give: CPU and memory of jobs under a second (longer ones: the leader, sampled), a job's descendant that
 * left the session *and* cleared its environment (there is no subreaper), exec errors of commands with bytes that are no
 * UTF-8 (they end with 126 or 127). Pinning needs taskset.
 * It must never run anything after end of file on stdin, nor a second job before all of the first is gone.
 */
import { spawn, spawnSync, type ChildProcess } from 'node:child_process';
import fs from 'node:fs';
import { ignoreLeaveSignals, openFilesAtEntry } from '../base/entry.ts';
import { parseJson } from '../base/json.ts';
import { END_POLL_FIRST_MS, END_POLL_MAX_MS } from '../base/process-limits.ts';
import { buildEnv, findCommand, startFailure, startThroughShell, toText } from './helper-node-parts.ts';
import { killedForMemory, missingInterpreter, openOutput, tailOf } from './helper-output.ts';
import type { FailedStage, WireEvent, WireRequest, WireStart } from './helper-messages.ts';
import { hasEntry } from './marker.ts';
import { descendantsOf, listPids, readEnviron, readStat } from './proc.ts';

interface Job {
  readonly token: number;
  readonly child: ChildProcess;
  readonly pid: number;
  readonly startedAt: number;
  readonly output: Buffer;
  killed: boolean;
  /** We signalled the leader before it was reaped: its end is not its own. */
  told: boolean;
  killAt: number;
  killTimer: NodeJS.Timeout | undefined;
  announce: NodeJS.Timeout;
  sampler: NodeJS.Timeout;
  ended: boolean;
  usage: { user: number; system: number; rssKb: number } | null;
  /** Killed for want of memory in our cgroup, counted 50 ms after its start; Infinity before. */
  oom: number;
}

const STARTED_AFTER_MS = 50;
const SAMPLE_MS = 1_000;
const TICKS_PER_SECOND = 100;
/** More new processes than this since the job's start: a walk over all of /proc is cheaper than asking for each number. */
const NARROW_LOOK = 500;
const OOM_SCORE = 500;
/** Open files that we need ourselves, with room. */
const OWN_FILES = 64;

const queue: WireStart[] = [];
let base = new Map<string, string>();
let marker = '';
let oomFile = '';
let job: Job | null = null;
let partial = '';
let agentGone = false;
/** The soft limit of open files that each start must still set; null: it is ours already. */
let lowerFor: string | null = null;
const ownCpus = /Cpus_allowed_list:\s*(\S+)/.exec(fs.readFileSync('/proc/self/status', 'latin1'))?.[1] ?? '';
let cpus = ownCpus;

function monotonic(): number {
  return Number(process.hrtime.bigint()) / 1e6;
}

function say(event: WireEvent): void {
  process.stdout.write(`${JSON.stringify(event)}\n`);
}

function receive(text: string): void {
  const lines = (partial + text).split('\n');
  partial = lines.pop() ?? '';
  for (const line of lines) {
    const request = parseJson(line) as WireRequest;
    if ('t' in request) queue.push(request);
    else if ('k' in request) kill(request.k, request.g);
    else if ('r' in request) unqueue(request.r);
    else setBase(request);
  }
  pump();
}

function setBase({ env: environ, add, oom }: Extract<WireRequest, { env: string }>): void {
  oomFile = oom;
  base = new Map();
  for (const entry of environ.split('\0')) {
    const cut = entry.indexOf('=', 1);
    if (cut > 0 && !base.has(entry.slice(0, cut))) base.set(entry.slice(0, cut), entry.slice(cut + 1));
  }
  for (const [name, value] of Object.entries(add)) base.set(name, value);
  marker = `BALSAM_HELPER=${add['BALSAM_HELPER'] ?? ''}`;
}

function unqueue(token: number): void {
  const at = queue.findIndex((request) => request.t === token);
  if (at < 0) return;
  queue.splice(at, 1);
  say({ kind: 'retracted', token });
}

function kill(token: number, graceMs: number): void {
  if (job === null || job.token !== token) {
    unqueue(token);
    return;
  }
  const current = job;
  const at = monotonic() + graceMs;
  if (current.killed && at >= current.killAt) return;
  current.killed = true;
  current.killAt = at;
  clearTimeout(current.killTimer);
  if (current.ended) return; // `finish` looks at killAt
  // Its end may wait to be reaped: then it came before this.
  current.told ||= !hasEnded(current.pid);
  if (graceMs > 0) {
    signalGroup(current.pid, 'SIGTERM');
    current.killTimer = setTimeout(() => killTree(current.pid), graceMs);
  } else {
    killTree(current.pid);
  }
}

function signalGroup(pid: number, signal: NodeJS.Signals): void {
  try {
    process.kill(-pid, signal);
  } catch {
    // Nobody left, or of another uid.
  }
}

/** A zombie without living threads. */
function hasEnded(pid: number): boolean {
  try {
    const stat = fs.readFileSync(`/proc/${pid}/stat`, 'latin1');
    const fields = stat.slice(stat.lastIndexOf(')') + 2).split(' ');
    return fields[0] === 'Z' && Number(fields[17]) <= 1;
  } catch {
    return true;
  }
}

/** KILLs a leader that is not reaped yet, and all below it: without a subreaper the tree is known only while it stands. */
function killTree(leader: number): void {
  const tree = descendantsOf([leader]);
  signalGroup(leader, 'SIGKILL');
  for (const { pid } of tree) tryKill(pid, 'SIGKILL');
}

function tryKill(pid: number, signal: NodeJS.Signals): void {
  try {
    process.kill(pid, signal);
  } catch {
    // Gone, or of another uid.
  }
}

function pump(): void {
  while (job === null && !agentGone) {
    const next = queue.shift();
    if (next === undefined) return;
    start(next);
  }
}

/** Starts `request`; whatever fails before exec is answered `failed`. */
function start(request: WireStart): void {
  let stage: FailedStage = 'mkdir';
  let out = -1;
  try {
    const cwd = Buffer.from(request.d, 'latin1');
    if (request.m === 1) fs.mkdirSync(cwd, { recursive: true });
    stage = 'chdir';
    if (!fs.statSync(cwd).isDirectory())
      throw Object.assign(new Error('not a directory'), { code: 'ENOTDIR' });
    fs.accessSync(cwd, fs.constants.X_OK);
    stage = 'output';
    const output = Buffer.from(request.o.startsWith('/') ? request.o : `${request.d}/${request.o}`, 'latin1');
    out = openOutput(output, request.n);
    stage = 'exec';
    const env = buildEnv(base, request);
    const file = findCommand(request, env);
    pin(request.c === null ? ownCpus : request.c.join(','));
    const { child, startedAt } = launch(request, file, env, out);
    if (child.pid === undefined) {
      child.once('error', (error) => {
        say(
          startFailure(
            request,
            'exec',
            withReason(error, file.startsWith('/') ? file : `${request.d}/${file}`),
          ),
        );
        pump();
      });
      return;
    }
    job = watch(request, child, child.pid, startedAt, output);
  } catch (error) {
    say(startFailure(request, stage, error));
  } finally {
    if (out >= 0) fs.closeSync(out);
  }
}

/** exec says "no such file" also of a file that is there and names an interpreter that is not. */
function withReason(error: NodeJS.ErrnoException, file: string): Error {
  const why = error.code === 'ENOENT' ? missingInterpreter(file) : null;
  return why === null ? error : Object.assign(new Error(why), { code: error.code });
}

/** The process, and the time just before it. */
function launch(
  request: WireStart,
  file: string,
  env: Map<string, string>,
  out: number,
): { child: ChildProcess; startedAt: number } {
  const cwd = toText(request.d);
  const argv = request.a.map(toText);
  const path = toText(file);
  const set: NodeJS.ProcessEnv = Object.create(null) as NodeJS.ProcessEnv;
  let plain = cwd !== null && path !== null && !argv.includes(null);
  for (const [name, value] of env) {
    const textName = toText(name);
    const textValue = toText(value);
    if (textName === null || textValue === null) plain = false;
    else set[textName] = textValue;
  }
  const words = argv as string[];
  const startedAt = monotonic();
  if (!plain || lowerFor !== null)
    return { child: startThroughShell(request, file, env, out, lowerFor), startedAt };
  const child = spawn(path as string, words.slice(1), {
    argv0: words[0],
    cwd: cwd as string,
    env: set,
    detached: true,
    stdio: ['ignore', out, out],
  });
  return { child, startedAt };
}

function pin(list: string): void {
  if (list === cpus) return;
  const done = spawnSync('taskset', ['-a', '-p', '-c', list, String(process.pid)], { stdio: 'ignore' });
  if (done.status === 0) cpus = list;
}

function watch(request: WireStart, child: ChildProcess, pid: number, startedAt: number, output: Buffer): Job {
  const watched: Job = {
    token: request.t,
    child,
    pid,
    startedAt,
    output,
    killed: false,
    told: false,
    killAt: Infinity,
    killTimer: undefined,
    announce: setTimeout(() => {
      watched.oom = killedForMemory(oomFile);
      say({ kind: 'started', token: request.t, pid, at: startedAt });
    }, STARTED_AFTER_MS),
    sampler: setInterval(() => sample(watched), SAMPLE_MS),
    ended: false,
    usage: null,
    oom: Infinity,
  };
  child.once('error', () => undefined);
  child.once('exit', (code, signal) => {
    const endedAt = monotonic();
    watched.ended = true;
    clearTimeout(watched.announce);
    clearTimeout(watched.killTimer);
    clearInterval(watched.sampler);
    finish(watched, () => {
      job = null;
      if (agentGone) process.exit(0); // a token that was open then is `lost`
      const bad = code !== 0;
      say({
        kind: 'ended',
        token: watched.token,
        exitCode: code,
        signal,
        userSeconds: watched.usage?.user ?? null,
        systemSeconds: watched.usage?.system ?? null,
        maxRssKb: watched.usage?.rssKb ?? null,
        startedAt,
        endedAt,
        told: watched.told,
        oom: bad && killedForMemory(oomFile) > watched.oom,
        tail: bad ? tailOf(output) : null,
      });
      pump();
    });
  });
  return watched;
}

function sample(watched: Job): void {
  const stat = readStat(watched.pid);
  if (stat === null || stat.state === 'Z') return;
  let rssKb = watched.usage?.rssKb ?? 0;
  try {
    const status = fs.readFileSync(`/proc/${watched.pid}/status`, 'latin1');
    rssKb = Math.max(rssKb, Number(/VmHWM:\s*(\d+)/.exec(status)?.[1] ?? 0));
  } catch {
    return; // ended meanwhile
  }
  watched.usage = {
    user: stat.userTicks / TICKS_PER_SECOND,
    system: stat.systemTicks / TICKS_PER_SECOND,
    rssKb,
  };
}

/** Ends what the leader left behind, then calls `done`; after a kill its children get the rest of the grace. */
function finish(ended: Job, done: () => void, pause = END_POLL_FIRST_MS, termed = false): void {
  const left = leftovers(ended.pid);
  if (left.length === 0) {
    done();
    return;
  }
  const gentle = ended.killed && !agentGone && monotonic() < ended.killAt;
  for (const pid of left) {
    if (gentle && (termed || readStat(pid)?.group === ended.pid)) continue; // it had its TERM
    tryKill(pid, gentle ? 'SIGTERM' : 'SIGKILL');
  }
  setTimeout(() => finish(ended, done, Math.min(END_POLL_MAX_MS, pause * 2), gentle), pause);
}

/**
 * Living processes of the job whose leader (reaped) had this pid: in its session, or with our marker. In the common
 * case nothing was started on the host since the leader, which one read of /proc/loadavg (newest pid) shows.
 */
function leftovers(leader: number): number[] {
  const newest = Number(fs.readFileSync('/proc/loadavg', 'latin1').trim().split(' ').at(-1));
  if (newest === leader) return [];
  const candidates =
    newest > leader && newest - leader <= NARROW_LOOK
      ? Array.from({ length: newest - leader }, (_, i) => leader + 1 + i)
      : listPids();
  return candidates.filter((pid) => {
    if (pid === process.pid) return false;
    const stat = readStat(pid);
    if (stat === null || stat.state === 'Z' || stat.state === 'X') return false;
    return stat.session === leader || hasEntry(readEnviron(pid), marker);
  });
}

/** End of file: nothing of the job may outlive us. */
function end(): void {
  agentGone = true;
  queue.length = 0;
  if (job === null) process.exit(0);
  if (!job.ended) killTree(job.pid); // its exit goes on to `finish`, which exits
}

/** What came open from whoever started the agent (locks, ends of pipes) is not for jobs; Node's own files close on exec. */
function closeForeignFiles(): void {
  const closeOnExec = 0o2000000;
  for (const fd of fs.readdirSync('/proc/self/fd').map(Number)) {
    if (fd <= 2) continue;
    try {
      const flags = /flags:\s*(\d+)/.exec(fs.readFileSync(`/proc/self/fdinfo/${fd}`, 'latin1'))?.[1] ?? '0';
      if ((Number.parseInt(flags, 8) & closeOnExec) === 0) fs.closeSync(fd);
    } catch {
      // The directory we were just reading.
    }
  }
}

/** Inherited by jobs: they go before the agent. */
function raiseOomScore(): void {
  const file = '/proc/self/oom_score_adj';
  try {
    if (Number(fs.readFileSync(file, 'latin1')) < OOM_SCORE) fs.writeFileSync(file, String(OOM_SCORE));
  } catch {
    // Not allowed here: jobs weigh as much as the agent.
  }
}

/** Node has raised our soft limit of open files; jobs inherit from us that of the launcher's shell. */
function lowerOpenFiles(): void {
  const soft = openFilesAtEntry();
  if (soft === null || soft === 'unlimited') return;
  // With fewer we could not work ourselves; and where there is no prlimit a shell does it for each job.
  const done =
    Number(soft) >= OWN_FILES &&
    spawnSync('prlimit', ['--pid', String(process.pid), `--nofile=${soft}:`], { stdio: 'ignore' }).status ===
      0;
  if (!done) lowerFor = soft;
}

closeForeignFiles();
ignoreLeaveSignals();
raiseOomScore();
lowerOpenFiles();
delete process.env['NODE_V8_COVERAGE']; // Node would add it to every job
process.on('exit', () => {
  if (job !== null && !job.ended) killTree(job.pid);
});
process.stdout.on('error', end);
process.stdin.setEncoding('latin1');
process.stdin.on('data', receive);
process.stdin.on('error', end);
process.stdin.on('end', end);
