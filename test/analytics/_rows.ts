/** A day at work, written as rows: thousands of jobs of hostile names, failures, a drained node, a lost one, a dead launcher. */
import type { Database } from '../../src/store/connection.ts';

/** Names that try to be HTML, a formula, more columns, more lines, or commands to a terminal. */
export const HOSTILE_WORKFLOW = '<img src=x onerror=alert(1)>';
export const HOSTILE_APPLICATIONS = [
  '=HYPERLINK("http://example.invalid/?a","b")',
  '</style><script>document.title="owned"</script>',
  'a,"b"\r\nc',
  '\u001B[2Jclear\u0007',
  'square & sons',
] as const;

/**
 * `jobs` jobs over two hours from 2026-03-01 08:00 UTC, of the five applications above in turn. Job k starts on launcher 1 (4
 * nodes, 8 jobs a node, from 08:10) 700 s + k × 6,000 s / jobs after the beginning and runs for 10 to 29 s; each tenth fails,
 * each 50th is lost once and runs again 100 s later. Launcher 2 has nothing to do; launcher 3 died.
 */
export async function writeDay(db: Database, jobs: number): Promise<void> {
  const apps = `array[${HOSTILE_APPLICATIONS.map((_, i) => `$${i + 1}::text`).join(', ')}]`;
  await db.transaction(async (sql) => {
    await sql.unsafe(`insert into launcher (name, nodes, mode, wf_filter, state, started_at, ended_at, heartbeat_at) values
      ('=1+1', 4, 'mixed', '', 'ended', '2026-03-01T08:10Z', '2026-03-01T10:00Z', '2026-03-01T10:00Z'),
      ('second', 2, 'mixed', 'nothing matches', 'ended', '2026-03-01T08:30Z', '2026-03-01T09:00Z', '2026-03-01T09:00Z'),
      ('third', 2, 'mixed', '', 'dead', '2026-03-01T09:00Z', '2026-03-01T09:40Z', '2026-03-01T09:30Z')`);
    await sql.unsafe(`insert into launcher_event (launcher, source, number, at, kind, node) values
      (1, 1, 1, '2026-03-01T09:10Z', 'drained', 3), (1, 1, 2, '2026-03-01T09:20Z', 'agent-lost', 2)`);
    await sql.unsafe(`insert into roster (launcher, host, boot_id, pid, start_time, pid_namespace, uid, kind, node, added_at)
      values (1, 'h', 'b', 1, '1', 'n', 0, 'agent', '2', '2026-03-01T09:35Z')`);
    await sql.unsafe(
      `insert into job (id, workflow, name, application, node_packing_count, state, attempt, tries, created_at, updated_at)
       select gen_random_uuid(), case k % 2 when 0 then $6::text else 'plain' end, 'job ' || k, (${apps})[k % 5 + 1], 8,
         case when k % 10 = 9 then 'FAILED' else 'JOB_FINISHED' end, 1, 1, '2026-03-01T08:00Z', '2026-03-01T10:00Z'
       from generate_series(0, $7::int - 1) as k`,
      [...HOSTILE_APPLICATIONS, HOSTILE_WORKFLOW, jobs],
    );
    await sql.unsafe(
      `with j as (select id, substr(name, 5)::int as k from job),
         t as (select id, k, '2026-03-01T08:00Z'::timestamptz + interval '1 s' * (700 + k * 6000.0 / $1::int) as s, interval '1 s' * (10 + k % 20) as run from j)
       insert into attempt (job_id, attempt, launcher, node, leased_at, started_at, ended_at, outcome, end_state, exit_code, message)
       select id, 1, 1, 'n1', s - interval '1 s', s, s + run, 'RUN_TIMEOUT', 'RESTART_READY', null, 'the node did not answer: its run on n1 is lost'
       from t where k % 50 = 0
       union all
       select id, 1 + (k % 50 = 0)::int, 1, 'n2', s + late - interval '1 s', s + late, s + late + run,
         case when k % 10 = 9 then 'RUN_ERROR' else 'RUN_DONE' end, case when k % 10 = 9 then 'FAILED' else 'JOB_FINISHED' end,
         case when k % 10 = 9 then 3 else 0 end,
         case when k % 10 = 9 then E'nonzero return 3:\\n    Traceback\\n    ValueError: <b>"x"</b>\\u001B[31m' else '' end
       from (select *, case when k % 50 = 0 then interval '130 s' else interval '0' end as late from t) r`,
      [jobs],
    );
    await sql`update job set attempt = 2, tries = 2 where id in (select job_id from attempt where attempt = 2)`;
  });
}
