/** Times as people and as programs get them: in the person's zone with its offset, and as ISO 8601 in UTC. */
import fs from 'node:fs';
import path from 'node:path';
import test from 'ava';
import { balsam, fresh, nth } from './_cli.ts';

/** No whole hours from UTC, nor a summer time. */
const ZONE = 'Asia/Kolkata';

test.serial(
  'histories, explain, reports and lists are in the zone of the person, programs get UTC',
  async (t) => {
    const db = await fresh(t);
    const env = { ...db.env, TZ: ZONE };
    const out = async (...words: string[]): Promise<string> => {
      const ran = await balsam(words, { env });
      t.deepEqual([ran.code, ran.err], [0, ''], words.join(' '));
      return ran.out;
    };
    const at = '2026-01-31T22:15:00.250Z';
    await db.sql`insert into job (id, name, created_at, updated_at, state) values (${nth(1)}, 'a', ${at}, ${at}, 'FAILED')`;
    await db.sql`insert into job_event (job_id, at, state, message) values (${nth(1)}, ${at}, 'FAILED', 'x')`;
    await db.sql`insert into launcher (name, state, host, started_at, degraded_since, degraded_why)
    values ('l', 'alive', 'h', ${at}, ${at}, 'no space')`;
    t.regex(await out('ls', '--history'), /\n\[02-01-2026 03:45:00\.250000\+05:30 FAILED\] x\n/);
    t.regex(await out('explain', '00000001'), /\n {2}created {3}2026-02-01 03:45:00\.250 \+05:30\n/);
    t.regex(await out('ls', 'launchers'), /degraded since 2026-02-01 03:45:00 \+05:30: no space/);
    t.regex(
      await out('report', '--since', '2026-02-01T03:00', '--until', '2026-02-01T04:00'),
      /^All workflows, 2026-02-01 03:\d\d:\d\d \+05:30 to 2026-02-01 0[34]:\d\d:\d\d \+05:30 \(/,
    );
    const wide = await balsam(['ls'], { env: { ...env, BALSAM_LS_FIELDS: 'created_at' } });
    t.regex(wide.out, / 2026-02-01T03:45:00\.250\+05:30 *\n/);
    for (const words of [['ls', '--history'], ['explain', '00000001'], ['ls', 'launchers'], ['ls']])
      t.true((await out(...words, '--json')).includes(`"${at}"`), words.join(' '));
    const log = path.join(db.path, 'log/x.log');
    fs.writeFileSync(log, `{"level":30,"time":"${at}","msg":"said"}\n`);
    t.regex(await out('log', '--no-follow'), /\n2026-02-01T03:45:00\.250\+05:30 INFO said\n/);
    // A summer time: the offset is that of the moment.
    const summer = await balsam(['ls', '--history'], { env: { ...db.env, TZ: 'America/New_York' } });
    t.regex(summer.out, /01-31-2026 17:15:00\.250000-05:00 /);
  },
);

test.serial('a reason is whole in a pipe', async (t) => {
  const db = await fresh(t);
  const reason = `could not be started: exec: ${'long/'.repeat(30)}program: its first line names nothing`;
  await db.sql`insert into job (id, name, state, application, attempt, updated_at)
    values (${nth(1)}, 'a', 'FAILED', 'app', 1, clock_timestamp())`;
  await db.sql`insert into attempt (job_id, attempt, launcher, node, started_at, ended_at, outcome, end_state, message)
    values (${nth(1)}, 1, 1, 'n', clock_timestamp(), clock_timestamp(), 'RUN_ERROR', 'FAILED', ${reason})`;
  t.true((await db.out('report')).includes(reason));
});
