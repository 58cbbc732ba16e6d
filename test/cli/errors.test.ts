/** What goes wrong in the world, each provoked for real: one sentence with what to do, the right exit code, no stack. */
import fs from 'node:fs';
import os from 'node:os';
import path from 'node:path';
import { execFileSync } from 'node:child_process';
import { createServer } from 'node:net';
import type { AddressInfo } from 'node:net';
import test from 'ava';
import type { ExecutionContext } from 'ava';
import { run } from '../helpers/program.ts';
import type { Ran } from '../helpers/program.ts';
import { NO_SMALL_DISK, smallDisk } from '../helpers/small-disk.ts';
import { unless } from '../helpers/unless.ts';
import { BALSAM, balsam, fresh, nth } from './_cli.ts';

/** One sentence on stderr, nothing else. */
function says(t: ExecutionContext, ran: Ran, code: number, pattern: RegExp): void {
  t.is(ran.code, code, ran.err);
  t.is(ran.out, '');
  t.regex(ran.err, /^balsam: [^\n]+\n$/);
  t.regex(ran.err, pattern);
}

const asRoot = process.getuid?.() === 0;

test.serial('no database: not set, not there, not one, damaged', async (t) => {
  const db = await fresh(t);
  says(t, await balsam(['ls']), 2, /BALSAM_DB_PATH is not set: run `source balsamactivate PATH`/);
  const at = (root: string): Promise<Ran> => balsam(['ls'], { env: { BALSAM_DB_PATH: root } });
  says(t, await at('/nowhere'), 2, /no Balsam database at \/nowhere: the directory does not exist/);
  says(t, await at(os.tmpdir()), 2, /is no Balsam database: it has no file server-info/);
  fs.writeFileSync(path.join(db.path, 'server-info'), '{"kind": ');
  says(t, await db.run('ls'), 1, /server-info is damaged: it is not JSON/);
});

test.serial('the server is down', async (t) => {
  const db = await fresh(t);
  // A port that was free a moment ago: nobody listens there.
  const server = createServer();
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  const { port } = server.address() as AddressInfo;
  await new Promise((resolve) => server.close(resolve));
  const file = path.join(db.path, 'server-info');
  const info = JSON.parse(fs.readFileSync(file, 'utf8')) as object;
  fs.writeFileSync(file, JSON.stringify({ ...info, host: '127.0.0.1', port }));
  says(t, await db.run('ls'), 1, new RegExp(`the server at 127\\.0\\.0\\.1:${port} of .* does not answer`));
  const status = await db.run('server', '--status');
  t.is(status.code, 1);
});

test.serial('the password is wrong', async (t) => {
  const db = await fresh(t);
  const file = path.join(db.path, 'credentials');
  fs.writeFileSync(file, JSON.stringify({ user: db.address.user, password: 'guess' }));
  says(t, await db.run('ls'), 1, /refused the login: the password in .*credentials is not its password/);
});

test.serial('the login lacks a right', async (t) => {
  const db = await fresh(t);
  const role = `limited_${path.basename(path.dirname(db.path)).replaceAll(/\W/g, '_').toLowerCase()}`;
  await db.sql.unsafe(`create role ${role} login password 'secret'`);
  t.teardown(async () => {
    await db.sql.unsafe(`drop owned by ${role}`).catch(() => undefined);
  });
  fs.writeFileSync(path.join(db.path, 'credentials'), JSON.stringify({ user: role, password: 'secret' }));
  says(t, await db.run('ls'), 1, /the login in .*credentials lacks a right in the database: ask its owner/);
  // It may look, and not change: told at the statement, not at the opening.
  await db.sql.unsafe(`grant select on all tables in schema public to ${role}`);
  t.is((await db.run('ls')).out, 'No jobs found matching query\n');
  says(t, await db.run('make_dummies', '1'), 1, /lacks a right in the database: ask its owner/);
});

test.serial('the schema is of a newer version', async (t) => {
  const db = await fresh(t);
  await db.sql`insert into migration (number, name, checksum) values (9999, 'x', 'y')`;
  says(
    t,
    await db.run('ls'),
    2,
    /the database has schema \d+, this program knows \d+; use a newer version of balsam/,
  );
});

unless(NO_SMALL_DISK, test.serial)('the disk of the server is full', async (t) => {
  const db = await fresh(t);
  const place = fs.mkdtempSync(path.join(fs.realpathSync('/tmp'), 'balsam-full-'));
  const disk = smallDisk(place, 'size=1m,mode=777');
  const name = `full_${Date.now()}`;
  fs.mkdirSync(path.join(place, 'space'), { mode: 0o777 });
  const postgres = Number(execFileSync('id', ['-u', 'postgres'], { encoding: 'utf8' }));
  fs.chownSync(path.join(place, 'space'), postgres, postgres);
  t.teardown(() => {
    disk.remove();
    fs.rmdirSync(place);
  });
  await db.sql.unsafe(`create tablespace ${name} location '${place}/space'`);
  try {
    await db.sql.unsafe(`alter table job set tablespace ${name}`);
    says(
      t,
      await db.run('make_dummies', '20000'),
      1,
      /the disk of the server of .* is full: free some space/,
    );
    t.is((await db.run('ls')).out, 'No jobs found matching query\n');
  } finally {
    await db.sql.unsafe('alter table job set tablespace pg_default');
    await db.sql.unsafe(`drop tablespace ${name}`);
  }
});

test.serial('no permission for the files of the database', async (t) => {
  const db = await fresh(t);
  fs.chmodSync(path.join(db.path, 'credentials'), asRoot ? 0o600 : 0o000);
  fs.chmodSync(path.dirname(db.path), 0o755);
  const nobody = ['--reuid=65534', '--regid=65534', '--clear-groups', BALSAM, 'ls'];
  const ran = asRoot ? await run('setpriv', nobody, { env: db.env, cwd: '/' }) : await db.run('ls');
  says(t, ran, 1, /no permission for .*credentials: it belongs to another user/);
});

test.serial('stdout is full, or nobody reads it', async (t) => {
  const db = await fresh(t);
  await db.sql`insert into job (id, name) select gen_random_uuid(), 'j' || i from generate_series(1, 3000) i`;
  const full = await run('bash', ['-c', `'${BALSAM}' ls > /dev/full`], { env: db.env });
  t.deepEqual(
    [full.code, full.err],
    [1, "balsam: stdout can't be written: ENOSPC: no space left on device, write\n"],
  );
  for (const words of ['ls', 'ls --json', 'ls --tree', 'ls --history', 'help states']) {
    const cut = await run('bash', ['-c', `set -o pipefail; '${BALSAM}' ${words} | head -n 1`], {
      env: db.env,
    });
    t.deepEqual([cut.code, cut.err], [0, ''], words);
  }
});

test.serial('names and data that try to break out go through every command as data', async (t) => {
  t.timeout(300_000); // some eighty commands, one after the other
  const db = await fresh(t);
  const names = [
    `'; drop table job; -- $(touch /tmp/pwned)\`id\``,
    'new\nline\ttab"\\',
    '😀 漢字 e\u0301',
    '../../etc %s%n{{}}',
  ];
  await db.sql`insert into application (name, executable) values ('true', 'true')`;
  for (const [i, name] of names.entries()) {
    await db.sql`insert into job (id, name, workflow, application, state, data) values (${nth(i + 1)}, ${name}, ${name}, 'true', 'FAILED',
      ${db.sql.json({ [name]: name, big: 'x'.repeat(1_000_000) })})`;
    const id = nth(i + 1).slice(0, 8);
    for (const words of [
      ['ls', `--name=${name}`],
      ['ls', `--name=${name}`, '--verbose'],
      ['ls', `--wf=${name}`, '--history'],
      ['ls', `--wf=${name}`, '--tree'],
      ['ls', 'wf', `--wf=${name}`],
      ['ls', `--application=${name}`],
      ['explain', id],
      ['modify', id, 'description', '--', name],
      ['modify', id, 'name', '--', name],
      ['modify', id, `data.${name}`, '--', name],
      ['retry', `--wf=${name}`, '--yes'],
      ['kill', id, '--yes'],
      ['reset', `--wf=${name}`, '--state', 'USER_KILLED', '--yes'],
      ['rm', 'jobs', `--name=${name}`, '--force'],
      ['app', `--name=${name}`, `--executable=${name}`],
      ['modify', 'apps', 'description', name, '--attr', 'description', '--value', name],
      ['rm', 'apps', `--name=${name}`, '--force'],
      ['help', name],
      ['which', `--name=${name}`],
      ['__complete', 'ls', '--wf', name],
      [name],
    ]) {
      const ran = await db.run(...words);
      const what = JSON.stringify(words);
      t.true([0, 1, 2].includes(ran.code ?? 99), `${what}: ${ran.code} ${ran.err}`);
      t.notRegex(ran.err, /internal error|\n {4}at /, what);
    }
  }
  t.is(
    (await db.sql`select count(*)::int as n from job`)[0]?.['n'],
    0,
    'each was found by its name, and removed',
  );
  t.false(fs.existsSync('/tmp/pwned'));
});

test.serial('a megabyte of data comes in by stdin and goes out by --json', async (t) => {
  const db = await fresh(t);
  await db.sql`insert into job (id, name) values (${nth(1)}, 'big')`;
  const data = { text: '😀"\\\n'.repeat(150_000), list: Array.from({ length: 1000 }, (_, i) => i) };
  const ran = await db.answer(JSON.stringify(data), 'modify', '00000001', 'data', '-', '--json');
  t.is(ran.code, 0, ran.err.slice(0, 300));
  t.deepEqual((await db.json('ls', '--id', '00000001'))[0]?.['data'], data);
  const wrong = await db.answer('{"x"', 'modify', '00000001', 'data', '-');
  t.deepEqual([wrong.code, wrong.out], [2, '']);
});
