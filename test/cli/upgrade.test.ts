/** A database that an older version made, in the hands of this one: the commands find it, and what it has left to do runs. */
import fs from 'node:fs';
import os from 'node:os';
import path from 'node:path';
import test from 'ava';
import { connect, type DatabaseAddress } from '../../src/store/connection.ts';
import { backToSchema4, oldDatabase } from '../helpers/old-database.ts';
import type { Ran } from '../helpers/program.ts';
import { balsam } from './_cli.ts';

function urlOf({ user, password, host, port, database }: DatabaseAddress): string {
  return `postgres://${user}:${encodeURIComponent(password)}@localhost:${port}/${database}?host=${encodeURIComponent(host)}`;
}

test('an old database is opened, its dead launcher does not hold that up, and its jobs run', async (t) => {
  const address = await oldDatabase();
  await using db = connect(address, { applicationName: 'test', role: 'client' });
  const base = await fs.promises.mkdtemp(path.join(os.tmpdir(), 'balsam-upgrade-'));
  t.teardown(() => fs.promises.rm(base, { recursive: true, force: true }));
  const env = { BALSAM_DB_PATH: path.join(base, 'db'), BALSAM_HOME: path.join(base, 'home') };
  const run = (...words: string[]): Promise<Ran> => balsam(words, { env });
  const out = async (...words: string[]): Promise<string> => {
    const ran = await run(...words);
    t.is(`${ran.code} ${ran.err}`, '0 ', words.join(' '));
    return ran.out;
  };

  await out('init', '--url', urlOf(address), env.BALSAM_DB_PATH);
  // As it was before this version came: also with a launcher that may still be there.
  await backToSchema4(db.sql);
  await db.sql`insert into launcher (name) values ('young')`;
  const refused = await run('ls');
  t.is(refused.code, 2);
  t.regex(
    refused.err,
    /^balsam: the database has schema 4, this program needs \d+, and 1 launcher is at work on it \(last sign of life \d+ s ago\): use the version of balsam that started it, or wait until it has ended; [^\n]+\n$/,
  );
  await db.sql`delete from launcher where name = 'young'`;

  t.is((await out('ls', '--json')).split('\n').filter(Boolean).length, 18);
  t.regex(await out('ls', 'launchers'), /7 +\| dead +\| oldhost/);
  t.regex(await out('ls', '--name', 'square5', '--verbose'), /grüße/);
  t.regex(await out('explain', 'rescued'), /USER_KILLED/);

  // `held2` slept for a minute, and `fail` fails as ever; everything else ends well.
  await db.sql`update application set executable = '/bin/true' where name = 'sleep'`;
  await out('launcher', '--consume-all', '--idle-exit-seconds', '0');
  const states = await db.sql<{ name: string; state: string; launcher: number | null }[]>`
    select name, state, launcher from job where workflow in ('held', 'gone', 'limit') or name = 'reset' order by name`;
  t.deepEqual(
    states.map(({ name, state, launcher }) => [name, state, launcher]),
    [
      ['after', 'JOB_FINISHED', null],
      ['held1', 'USER_KILLED', null],
      ['held2', 'JOB_FINISHED', null],
      ['held3', 'JOB_FINISHED', null],
      ['long', 'JOB_FINISHED', null],
      ['rescued', 'USER_KILLED', null],
      ['reset', 'FAILED', null],
    ],
  );
  t.regex(await out('ls', '--history', '--name', 'held3'), /may have started in launcher oldhost/);
});

test('a server that an older version started and that still runs is used and stopped', async (t) => {
  const base = await fs.promises.mkdtemp(path.join(os.tmpdir(), 'balsam-upgrade-'));
  // As root Postgres runs under an account of its own, which must be able to pass through.
  await fs.promises.chmod(base, 0o711);
  const root = path.join(base, 'db');
  const env = { BALSAM_DB_PATH: root, BALSAM_HOME: path.join(base, 'home') };
  t.teardown(async () => {
    await balsam(['server', '--stop'], { env });
    await fs.promises.rm(base, { recursive: true, force: true });
  });
  t.is((await balsam(['init', root], { env })).code, 0);
  t.is((await balsam(['ls'], { env })).code, 0);
  const file = path.join(root, 'server-info');
  const info = JSON.parse(await fs.promises.readFile(file, 'utf8')) as Record<string, unknown>;
  for (const added of ['pid_namespace', 'directory', 'inode', 'holds']) delete info[added];
  await fs.promises.writeFile(file, JSON.stringify(info));
  t.like(await balsam(['ls'], { env }), { code: 0, err: '' });
  t.like(await balsam(['server', '--stop'], { env }), {
    code: 0,
    out: 'Stopped the Balsam DB server\n',
    err: '',
  });
  t.like(await balsam(['ls'], { env }), { code: 0, err: '' });
});
