/**
 * Limits of the client library and the command line. Same rules as limits.ts: each has a unit and a reason.
 */

/** Connections of one script at most. Guess: a script waits for one statement at a time; a listener and a cursor hold one each. */
export const CLIENT_CONNECTIONS = 4;

/** Slow poll for the end of jobs that are waited for, ms; notifications come before it. Guess: seconds matter little when one is lost. */
export const FINISH_POLL_MS = 2_000;

/** A wait for the end of a job gives up when Postgres has not answered for so long, ms. Derived: a restart takes seconds. */
export const FINISH_OUTAGE_MS = 60_000;

/** How long an application's scripts are remembered while jobs are created, ms. Guess: a look per job would double the cost of save(). */
export const APPLICATION_CACHE_MS = 5_000;

/** Applications remembered so. Guess: more than anybody registers. */
export const APPLICATION_CACHE_SIZE = 1_000;

/** Rows that `ls` shows without BALSAM_LS_LIMIT (the original's 5,000). */
export const LS_LIMIT = 5_000;

/** Cells of a table are padded to the widest one of their column, up to this, characters; on a terminal columns are cut to fit
 * it, none below the second. Guess: one long description should not push the other columns out of every row. */
export const CELL_PAD_MAX = 400;
export const CELL_MIN = 8;

/** Deeper levels of a tree are not indented further, levels. Guess: nobody reads lines of a kilobyte. */
export const TREE_DEPTH_SHOWN = 100;

/** Redraw of live displays, ms, and the plain line when nobody looks at a terminal. Guess: the eye, and a readable log. */
export const DRAW_MS = 200;
export const PLAIN_LINE_MS = 5_000;

/** `watch` asks Postgres at most so often, ms, and at least so often when nothing is notified. Guess. */
export const WATCH_FASTEST_MS = 250;
export const WATCH_POLL_MS = 2_000;

/** A report cuts its time into so many buckets at most. Guess: a plot of a page shows no more. */
export const REPORT_BUCKETS = 120;

/** Applications and groups of failures of one report; the commonest come first and the report says when some are left out. Guess. */
export const REPORT_GROUPS = 200;

/** Lines of `watch` of each sort; the rest is summed up or left out. Guess: what a terminal holds. */
export const WATCH_BARS = 12;
export const WATCH_RUNNING = 8;
export const WATCH_LAUNCHERS = 4;
export const WATCH_FAILURES = 5;

/** Files that are followed are looked at so often, ms, and read in parts of so many bytes. Guess: the eye; a part is no pause. */
export const FOLLOW_POLL_MS = 200;
export const FOLLOW_CHUNK_BYTES = 64 * 1024;

/** Last lines are looked for in so many bytes at the end of a file. Guess: more than any screen shows. */
export const TAIL_BYTES = 256 * 1024;

/** `output -f` asks so often whether the job is at an end, ms. Guess: a second after the end is soon enough. */
export const STATE_POLL_MS = 1_000;

/** Of an output that is longer `output --json` has the end, bytes. Guess: one line that a program still takes. */
export const OUTPUT_JSON_BYTES = 8 * 1024 * 1024;

/** Last lines of a job's output that `explain` shows: the original's tail of an error. */
export const EXPLAIN_TAIL_LINES = 16;

/** `doctor` waits so long for a connection, and for a helper or an mpirun, ms. Guess: a slow network; mpirun on a slow disk. */
export const DOCTOR_CONNECT_MS = 3_000;
export const DOCTOR_SMOKE_MS = 60_000;

/** Processes that `doctor` starts to measure the rate, and the share of a shell loop below which it warns. Half a second's worth;
 * machines that are well reach 0.35 to 0.45 (measured): one helper makes a session and an output file for each, the loop neither. */
export const DOCTOR_STARTS = 300;
export const START_RATE_WARN = 0.2;

/** Clocks further apart than this make histories hard to read, ms. Guess. */
export const CLOCK_SKEW_WARN_MS = 1_000;

/** Free space and inodes of the database's file system. Guess: a day of logs; what Postgres needs to go on. */
export const DISK_WARN_BYTES = 2 * 2 ** 30;
export const DISK_FAIL_BYTES = 100 * 2 ** 20;
export const INODES_WARN = 100_000;
export const INODES_FAIL = 1_000;

/** Names that shell completion offers at once. Guess: a shell asks before it shows more than a hundred. */
export const COMPLETION_MAX = 100;

/** Names of jobs are completed among so many of the newest. Measured: a few ms; all of a million would be a second a key. */
export const COMPLETION_NEWEST = 1_000;

/** Characters of a wrong value that a sentence repeats. Guess: enough to know it again. */
export const SHOWN_VALUE = 200;

/** Longest time limit of a launcher, minutes: ten years, within which times stay times. */
export const MAX_LIMIT_MINUTES = 5_256_000;

/** Longest wait of a timer of the platform, milliseconds; a longer one would be over at once. */
export const MAX_TIMER_MS = 2_147_483_647;
