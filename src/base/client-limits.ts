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

/** Cells of a table wider than this are cut with …, characters. Guess: one long description should not hide the other columns. */
export const CELL_MAX = 400;

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
