/**
 * The guard in Node, for nodes without python3: same words on stdin, same promise (see guard.py).
 * Called by guard.ts as `node guard-node.ts NAME VALUE AGENT_PID`. It must never start anything, touch a file outside
 * /proc, or kill itself, the agent or a process that is neither below a helper, nor in a session of such a one, nor
 * carries the exact marker.
 */
import { ignoreLeaveSignals } from '../base/entry.ts';
import { END_POLL_FIRST_MS } from '../base/process-limits.ts';
import { hasEntry } from './marker.ts';
import { descendantsOf, isAlive, livingProcesses, readEnviron } from './proc.ts';

/** Between looks for what survives its KILL (stuck in the kernel); the guard stays until it is gone. */
const LONGEST_PAUSE_MS = 1_000;
const CLEAN_LOOKS = 2;

const [name = '', value = '', agent = ''] = process.argv.slice(2);
const entry = Buffer.from(`${name}=${value}`, 'utf8').toString('latin1');
const spare = new Set([1, process.pid, Number(agent)]);
const helpers = new Map<number, string>();
let timer: NodeJS.Timeout | undefined;
let partial = '';
let lease: number | undefined;
let ending = false;

function monotonic(): number {
  return Number(process.hrtime.bigint()) / 1e6;
}

function take(text: string): void {
  const lines = (partial + text).split('\n');
  partial = lines.pop() ?? '';
  for (const line of lines) {
    const [word, first = '', second = ''] = line.split(' ');
    if (word === 'lease') lease = Number(first);
    else if (word === 'helper') helpers.set(Number(first), second);
    else if (word === 'gone') helpers.delete(Number(first));
  }
  clearTimeout(timer);
  if (lease !== undefined) timer = setTimeout(due, Math.max(0, lease - monotonic()));
}

/** The time is over: one turn of the loop more, because what already lies in the pipe counts (we may be late ourselves). */
function due(): void {
  setImmediate(() => {
    if (lease === undefined || ending) return;
    if (monotonic() >= lease) end('lease');
    else take('');
  });
}

function send(pid: number, signal: NodeJS.Signals): void {
  try {
    process.kill(pid, signal);
  } catch {
    // Gone, or of another uid: the next look tells.
  }
}

function end(why: string): void {
  if (ending) return;
  ending = true;
  const living = [...helpers].filter(([pid, start]) => isAlive(pid, start)).map(([pid]) => pid);
  for (const pid of living) send(pid, 'SIGSTOP'); // so that they start and reap nothing while we look
  const tree = descendantsOf(living);
  const sessions = new Map(tree.filter((s) => s.session === s.pid).map((s) => [s.pid, s.startTime]));
  const killed = new Set<number>();
  for (const pid of [...living, ...tree.map((s) => s.pid)]) {
    if (spare.has(pid)) continue;
    send(pid, 'SIGKILL');
    killed.add(pid);
  }
  sweep(why, sessions, killed, END_POLL_FIRST_MS, 0);
}

function sweep(
  why: string,
  sessions: Map<number, string>,
  killed: Set<number>,
  pause: number,
  clean: number,
): void {
  const now = livingProcesses();
  const inSession = (session: number): boolean => {
    const start = sessions.get(session);
    const leader = now.get(session);
    return start !== undefined && (leader === undefined || leader.startTime === start); // else a stranger's number
  };
  const found = [...now.values()]
    .filter((s) => !spare.has(s.pid) && (inSession(s.session) || hasEntry(readEnviron(s.pid), entry)))
    .map((s) => s.pid);
  for (const pid of found) {
    send(pid, 'SIGKILL');
    killed.add(pid);
  }
  const looks = found.length === 0 ? clean + 1 : 0;
  if (looks === CLEAN_LOOKS) {
    process.stdout.write(`${why} ${killed.size}\n`, () => process.exit(0));
    return;
  }
  setTimeout(() => sweep(why, sessions, killed, Math.min(LONGEST_PAUSE_MS, pause * 2), looks), pause);
}

ignoreLeaveSignals();
process.stdout.on('error', () => process.exit(0)); // the agent is gone; by now all is done
process.stdin.setEncoding('latin1');
process.stdin.on('data', take);
process.stdin.on('error', () => end('eof'));
process.stdin.on('end', () => end('eof'));
