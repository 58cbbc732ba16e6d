/**
 * Every limit of the system, with its unit and its reason. When a limit is reached the sender waits; nothing is dropped
 * in silence. The durations of the lease chain are PROTOCOL's (section 0); `assertChain` proves their relations at start.
 */
import { assert } from './assert.ts';

/** The durations of one launcher, in milliseconds. A and D are one setting, S and R another. */
export interface Chain {
  /** h: agent heartbeat. */
  heartbeat: number;
  /** An agent whose newest echo is older than `impatientAfter` sends a heartbeat each `impatient`. */
  impatientAfter: number;
  impatient: number;
  /** A: the agent's lease, from the send time of its newest echoed heartbeat. */
  agentLease: number;
  /** TERM to the jobs at this age of the lease; KILL at `agentLease`. */
  agentTerm: number;
  /** K: within this a KILL has worked. */
  killWorks: number;
  /** D: the coordinator calls an agent dead, from receipt of its last heartbeat; suspect at `agentSuspect`. */
  agentDead: number;
  agentSuspect: number;
  /** T: from hang or death of a coordinator to its successor's first echo. */
  takeover: number;
  /** The coordinator's beat to its warden, and the silence after which the warden kills it. */
  beat: number;
  beatSilence: number;
  /** B: launcher heartbeat into Postgres. */
  launcherHeartbeat: number;
  /** S: beyond this age of the last confirmed launcher heartbeat: no echo, no start, no lease. */
  pause: number;
  /** R: another may rescue, by the database's clock. */
  rescue: number;
}

export const CHAIN: Chain = {
  heartbeat: 1_000,
  impatientAfter: 2_000,
  impatient: 200,
  agentLease: 10_000,
  agentTerm: 8_000,
  killWorks: 2_000,
  agentDead: 15_000,
  agentSuspect: 5_000,
  takeover: 5_000,
  beat: 500,
  beatSilence: 2_500,
  launcherHeartbeat: 5_000,
  pause: 120_000,
  rescue: 180_000,
};

/**
 * Stops the process when the durations cannot keep the promise (PROTOCOL 0), with the relation and its figures; called at
 * start by every part.
 */
export function assertChain(c: Chain): void {
  atLeast('D >= 1.01 A + K + 2 s', c.agentDead, 1.01 * c.agentLease + c.killWorks + 2_000);
  atLeast('0.8 A >= T + 2 h + 0.5 s', 0.8 * c.agentLease, c.takeover + 2 * c.heartbeat + 500);
  const ended = c.pause + c.agentLease + c.killWorks;
  atLeast('R >= 1.01 (S + A + K) + B + 30 s', c.rescue, 1.01 * ended + c.launcherHeartbeat + 30_000);
  // TERM is 0.8 A; who sets it apart must keep the same: no job ends because a coordinator is replaced.
  atLeast('TERM >= T + 2 h + 0.5 s', c.agentTerm, c.takeover + 2 * c.heartbeat + 500);
  atLeast('A >= TERM + 1 ms', c.agentLease, c.agentTerm + 1);
  atLeast('T >= the silence of the beat', c.takeover, c.beatSilence);
  atLeast('the silence of the beat >= 2 beats', c.beatSilence, 2 * c.beat);
  atLeast('S >= 2 B', c.pause, 2 * c.launcherHeartbeat);
}

/** Also false for what is no number. */
function atLeast(relation: string, left: number, right: number): void {
  assert(left >= right, `${relation} does not hold: ${left} ms is less than ${right} ms`);
}

/** Largest message on the wire, bytes: a batch of MAX_BATCH jobs of a few kB each; larger ones are refused unread. */
export const MAX_MESSAGE_BYTES = 16 * 1024 * 1024;

/** Jobs leased, reports committed, rows released by one statement. Derived: larger batches gain nothing (measured). */
export const MAX_BATCH = 1_000;

/** Places in an agent's outbox; two are reserved per job that may start (its start and its end). Guess: seconds of no-ops. */
export const OUTBOX_PLACES = 20_000;

/** Commands sent to one agent and not yet acknowledged; at this the coordinator sends it nothing new. Guess. */
export const MAX_UNACKED_COMMANDS = 2_000;

/** Reports received and not yet committed, over all agents; at this no more jobs are sent. Derived: 2 s of 10,000/s. */
export const MAX_UNCOMMITTED_REPORTS = 20_000;

/** Bytes of text (three a character at most) of those reports; the same for one agent's outbox. Guess: what a node bears. */
export const MAX_UNCOMMITTED_BYTES = 256 * 1024 * 1024;
export const OUTBOX_BYTES = 64 * 1024 * 1024;

/** Bytes of text of one commit, about, or one report that is longer: Postgres takes that well within its deadline. Guess. */
export const COMMIT_BYTES = 16 * 1024 * 1024;

/** Requests of jobs answered with one commit: each may be answered with a whole `data`. Guess. */
export const MAX_REQUESTS_PER_COMMIT = 256;
/** Bytes of answers, about, in one command, and of the answers of one commit. Guess: a message holds one more `data`. */
export const ANSWER_BYTES = 2 * 1024 * 1024;
export const MAX_ANSWERS_BYTES = 64 * 1024 * 1024;

/** Bytes of a workflow, a job's name and that of an application: one index has all three, and its rows hold 2,704. */
export const MAX_INDEXED_BYTES = 800;

/** Largest value of an int column. */
export const MAX_INT = 2_147_483_647;
/** Characters of the texts of one job, and of those of one application. Derived: the system takes 2 MiB of words at a start. */
export const MAX_JOB_TEXT = 1024 * 1024;
/** Characters of a sentence from the other end (an output's tail, an error), and of a name that a system gives. Guess. */
export const MAX_NOTE = 64 * 1024;
export const MAX_LABEL = 255;
/** Jobs that share one node at most: an agent has as many helpers. */
export const MAX_PACKING = 1_024;
/** Attempts that one agent names in an inventory, and holds. Derived: MAX_PACKING and its prefetch, many times. */
export const MAX_HELD_ATTEMPTS = 20_000;
/** Nodes of one job. Guess: more than any machine has. */
export const MAX_NODES = 65_536;
/** Applications that an agent is told of in one epoch. Guess: each is a text that an agent keeps. */
export const MAX_AGENT_APPS = 20_000;
/** Incarnations of one node that are not given up yet: each restart of an agent makes one. Guess. */
export const MAX_INCARNATIONS_A_NODE = 32;
/** Refused messages after which an incarnation is not heard any more. Guess: one is a bug, a hundred is a habit. */
export const MAX_REFUSED_MESSAGES = 100;
/** Lines of one kind of refusal in the log in this time, milliseconds; what is more is counted. Guess. */
export const REFUSAL_LINES = 10;
export const REFUSAL_WINDOW_MS = 60_000;

/** Last lines and bytes of a failed job's output kept in its history (the original keeps 16 lines). */
export const TAIL_LINES = 16;
export const TAIL_BYTES = 4_096;

/** Bytes of `data` of one job, as JSON text: what one patch or one record may hold. Guess: larger things are files. */
export const MAX_DATA_BYTES = 8 * 1024 * 1024;

/** Depth of nesting of `data`. Guess: deeper documents are a mistake, and parsers recurse. */
export const MAX_DATA_DEPTH = 64;

/** Client deadline of a statement, and the server's own that comes first (PROTOCOL 7), milliseconds. */
export const STATEMENT_DEADLINE_MS = 10_000;
export const STATEMENT_TIMEOUT_MS = 8_000;

/** Slow poll for runnable jobs when no NOTIFY comes, and for kills of held jobs, milliseconds (PROTOCOL 2, 9). */
export const LEASE_POLL_MS = 5_000;
export const KILL_POLL_MS = 500;

/** From TERM to KILL for a job that is killed, milliseconds; and the time in which a leaving launcher ends its jobs. */
export const KILL_GRACE_MS = 5_000;
export const LEAVE_MS = 12_000;

/** A launcher that no agent has joined says so after this, and ends with an error after the other, milliseconds. Guess: an
 * agent is there within a second on one machine, and within two minutes from a cold file system on thousands of hosts. */
export const NO_AGENT_MS = 15_000;
export const NO_AGENT_END_MS = 300_000;

/** A started job is written as RUNNING at the latest after this, milliseconds (PROTOCOL 6). */
export const STARTED_COMMIT_MS = 200;

/** Waiting for another command that starts or stops the server, milliseconds: more than one slow start with recovery. Guess. */
export const SERVER_LOCK_WAIT_MS = 90_000;
/** A holder shows a sign of life this often; one of another host that shows none for the second is dead. Milliseconds. */
export const SERVER_LOCK_TOUCH_MS = 2_000;
export const SERVER_LOCK_SILENCE_MS = 30_000;
export const SERVER_LOCK_POLL_MS = 20;

/** From starting Postgres to its first answer, milliseconds: 45 ms are usual (measured), recovery after a crash takes longest. */
export const SERVER_START_MS = 60_000;
/** How long a start waits for unseen processes that hold the database's files: backends of a postmaster that was just killed
 * end within milliseconds. Guess. */
export const SERVER_HELD_MS = 3_000;
/** How long a dead server may wait for its parent to see its end, milliseconds: 2 s were seen on a busy host. */
export const SERVER_REAP_MS = 10_000;
/** From the request to stop to the end of the postmaster, milliseconds; 30 ms are usual (measured). */
export const SERVER_STOP_MS = 60_000;

/** The server's log is copied to `.1` and emptied at this size, bytes: two of them are what a home directory's quota bears. */
/** Free shared memory (/dev/shm) below which Postgres uses files of its own directory, bytes. Guess: one parallel query takes a few MB. */
export const SHARED_MEMORY_BYTES = 32 * 1024 * 1024;
export const SERVER_LOG_BYTES = 16 * 1024 * 1024;

/** Who connects has this long to prove a password, seconds: a stranger's silent connection takes the place of one of ours. Two
 * answers are needed, which take milliseconds on a calm host. */
export const SERVER_LOGIN_S = 5;

/** Longest path of a unix socket, bytes without the final NUL (sun_path on Linux). */
export const SOCKET_PATH_BYTES = 107;

/** Connections of one pool when nothing is said: derived, two keep leasing and committing apart, more gain little. */
export const DEFAULT_CONNECTIONS = 2;

/** Time to reach Postgres, seconds: less than a statement's deadline, so that "not there" is told from "unknown". */
export const CONNECT_TIMEOUT_S = 5;

/** A transaction whose client is gone or stuck ends after this, milliseconds: it holds rows and the fence. */
export const IDLE_IN_TRANSACTION_MS = 10_000;

/** Silence after which TCP asks whether the other side lives, seconds; three of them end the connection. */
export const TCP_KEEPALIVE_S = 5;

/** Waiting jobs are counted up to this twice a second, and for \`explain\`. */
export const WAITING_COUNT_LIMIT = 1_000;
/** Where more wait, they are counted up to this, as often as that costs 2 % of the time and at most each five seconds. Guess:
 * a million take a third of a second. */
export const TOTAL_COUNT_LIMIT = 1_000_000;
export const TOTAL_COUNT_EVERY_MS = 5_000;
export const TOTAL_COUNT_SHARE = 0.02;
/** Jobs that a launcher leaves are counted up to this for each kind of reason. Guess: a tenth of a second. */
export const LEFT_COUNT_LIMIT = 100_000;

/** Times that a commit, a kill or a deletion is sent after a deadlock. Guess: each statement locks in id order, so rare. */
export const DEADLOCK_ROUNDS = 10;

/** Rows fetched at a time by a server-side cursor, and rows of one insert. Guess: memory stays flat, the wait is hidden. */
export const STREAM_ROWS = 1_000;

/** Bytes of COPY text gathered before they are written. Derived: larger writes gained nothing. */
export const COPY_CHUNK_BYTES = 64 * 1024;

/** Times that a lease over several workflows asks again because another leaser was faster. Guess: more would be a storm. */
export const LEASE_ROUNDS = 3;

/** From TERM to KILL for a local launch that is cancelled, milliseconds: more than a leaving launcher takes (LEAVE_MS). */
export const BATCH_CANCEL_GRACE_MS = LEAVE_MS + 3_000;

/** An agent that can't see its warden's process (another host) ends after so long without an echo, milliseconds. Guess. */
export const AGENT_ALONE_MS = 3_600_000;
/** One that sees it dead waits for the coordinator, which then leaves, and ends after this at the latest, milliseconds. */
export const AGENT_ORPHAN_MS = LEAVE_MS + 3_000;
/** How often it looks, milliseconds. */
export const AGENT_ALONE_LOOK_MS = 2_000;
