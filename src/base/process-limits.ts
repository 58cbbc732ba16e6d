/**
 * Limits of everything that starts, watches and ends processes on a node (src/process). Same rules as limits.ts:
 * each has a unit and a reason, and at the limit the caller waits.
 */

/** Requests that one helper holds unanswered (one runs, the rest queue). Guess: a round trip's worth of no-op jobs, many times. */
export const HELPER_OUTSTANDING_MAX = 64;

/** A helper that was told to go (end of file) and is still there after so many ms is killed. Derived: its own 10 s of trying, and a bit. */
export const HELPER_CLOSE_MS = 12_000;

/** Helpers in Node side by side: each is 40 MB and has no parent to be forked from. Guess: what a node bears. */
export const NODE_HELPERS_MAX = 128;

/** A helper that connects says who it is within this, ms. Guess: it does so at once. */
export const HELPER_HELLO_MS = 10_000;

/** How long `endByMarker` goes on, ms, before it says what is left. Derived: K = 2 s in which a KILL works, doubled for slow nodes. */
export const END_BY_MARKER_MS = 4_000;

/** First and longest pause, ms, between two looks for processes that got a KILL. Guess: a look costs 1-5 ms (measured, 150 processes). */
export const END_POLL_FIRST_MS = 2;
export const END_POLL_MAX_MS = 100;

/** A node on which nothing could be started for so long, while nothing ran there, is drained (PROTOCOL 10), ms. Guess. */
export const NOTHING_STARTS_MS = 30_000;

/** How long a program that only says its version (python3, mpirun) may take, ms. Guess: a cold parallel file system. */
export const PROBE_MS = 10_000;

/**
 * Outputs of earlier tries (NAME.out.N) that stay beside the newest: so many, and so many bytes together; the last one
 * always stays. Guess: a day of restarts to look back on, and no job fills a disk with what nobody reads. helper_output.py
 * has the same figures.
 */
export const KEPT_OUTPUTS = 10;
export const KEPT_OUTPUT_BYTES = 1024 * 1024 * 1024;
