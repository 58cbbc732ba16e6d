/**
 * Who reaches a database's server and how: by its socket alone unless an address was asked for, though the socket be swept
 * away or out of sight; no stranger; and nobody ends it for the others.
 */
import { once } from 'node:events';
import fs from 'node:fs';
import net from 'node:net';
import path from 'node:path';
import test from 'ava';
import { openDatabase } from '../../src/server/open.ts';
import { NOT_ROOT, unless } from '../helpers/unless.ts';
import { BALSAM, type Owner, ownerOf, PEOPLE, USER, whyNotRun } from './_people.ts';

/** What a connection there says: 'connected', or the code of its error. */
async function tryConnection(to: net.NetConnectOpts): Promise<string> {
  const socket = net.connect(to);
  const said = await Promise.race([
    once(socket, 'connect').then(() => 'connected'),
    new Promise<string>((resolve) =>
      socket.once('error', (error: NodeJS.ErrnoException) => resolve(error.code ?? '')),
    ),
  ]);
  socket.destroy();
  return said;
}

async function setting(owner: Owner, name: string): Promise<string> {
  await using db = await openDatabase({ path: owner.db, applicationName: 'test', role: 'client', max: 1 });
  const [row] = await db.sql<{ value: string }[]>`select current_setting(${name}) as value`;
  return row?.value ?? '';
}

for (const person of PEOPLE) {
  test.serial(
    `${person.title}: no TCP unless it is asked for, and then strangers are shut out after five seconds`,
    async (t) => {
      const owner = await ownerOf(t, person);
      const started = await owner.balsam('server --connect');
      t.regex(started.out, /^Started the Balsam DB server on \S+, port \d+ \(unix socket only\)\n$/);
      const { port } = owner.info;
      t.is(await tryConnection({ host: '127.0.0.1', port }), 'ECONNREFUSED');
      t.is(await setting(owner, 'listen_addresses'), '');
      t.is(await setting(owner, 'authentication_timeout'), '5s');

      const reset = await owner.balsam('server --reset --listen 127.0.0.1/32');
      t.is(reset.code, 0, reset.err);
      t.regex(reset.out, new RegExp(`^Started the Balsam DB server on \\S+, port ${owner.info.port}\n$`));
      t.is(await setting(owner, 'listen_addresses'), '127.0.0.1');
      const silent = net.connect({ host: '127.0.0.1', port: owner.info.port });
      silent.resume();
      await once(silent, 'close'); // the server ends it; nothing was ever said

      // What a person sets counts.
      fs.appendFileSync(path.join(owner.db, 'balsamdb/postgresql.conf'), '\nauthentication_timeout = 30s\n');
      t.is((await owner.balsam('server --reset')).code, 0);
      t.is(await setting(owner, 'authentication_timeout'), '30s');
      t.is((await owner.balsam('server --stop')).code, 0);
    },
  );

  test.serial(`${person.title}: a socket that was swept away is made anew by the next command`, async (t) => {
    const owner = await ownerOf(t, person);
    t.is((await owner.balsam('app --name kept --executable /bin/true')).code, 0);
    const { pid, socket_dir: socketDir } = owner.info;
    fs.rmSync(socketDir ?? '', { recursive: true });
    const inside = await owner.balsam('ls apps', { SLURM_JOB_ID: '7' });
    t.is(inside.code, 1);
    t.regex(
      inside.err,
      /its socket in \S+ was removed, and it is not started from here: this is inside a batch allocation/,
    );
    const listed = await owner.balsam('ls apps');
    t.is(listed.code, 0, listed.err);
    t.regex(listed.out, /kept/);
    t.not(owner.info.pid, pid);
    t.true(fs.existsSync(owner.info.socket_dir ?? ''));
    t.is((await owner.balsam('server --stop')).code, 0);
  });

  unless(NOT_ROOT ?? whyNotRun(['unshare', '--mount', 'mount', '-t', 'tmpfs', 'none', '/mnt']), test.serial)(
    `${person.title}: where /tmp is another one, the same server is reached`,
    async (t) => {
      const owner = await ownerOf(t, person);
      t.is((await owner.balsam('app --name kept --executable /bin/true')).code, 0);
      const { pid, socket_dir: socketDir } = owner.info;
      const hidden = path.dirname(socketDir ?? '');
      const words = [
        'unshare',
        '--mount',
        'sh',
        '-c',
        `mount -t tmpfs none ${hidden}; exec "$@"`,
        'sh',
        ...person.as,
      ];
      const outer = Object.assign(Object.create(owner) as Owner, { person: { ...person, as: [] } });
      const listed = await outer.run([...words, BALSAM, 'ls', 'apps']);
      t.is(listed.code, 0, listed.err);
      t.regex(listed.out, /kept/);
      t.is(owner.info.pid, pid, 'it was not started again');
      t.is((await owner.balsam('server --stop')).code, 0);
    },
  );

  test.serial(
    `${person.title}: a job, or an allocation, does not end the server of the others`,
    async (t) => {
      const owner = await ownerOf(t, person);
      t.is((await owner.balsam('server --connect')).code, 0);
      const { pid } = owner.info;
      for (const env of [{ BALSAM_JOB_ID: 'a1' }, { SLURM_JOB_ID: '7' }, { PBS_JOBID: '7' }])
        for (const words of ['server --stop', 'server --reset']) {
          const ran = await owner.balsam(words, env);
          t.is(ran.code, 1, words);
          t.regex(
            ran.err,
            /^balsam: the server of \S+ .*: this is (a running job|inside a batch allocation) \(/,
          );
          t.is(ran.out, '');
        }
      t.is(owner.info.pid, pid);
      t.regex((await owner.balsam('server --status')).out, new RegExp(`^running .*pid ${pid}\n`));
      t.is((await owner.balsam('server --stop')).code, 0);
    },
  );
}

test.serial('a real job that asks for the end of the server does not get it', async (t) => {
  const owner = await ownerOf(t, USER);
  t.is((await owner.balsam(`app --name stop --executable`.concat(` ${BALSAM}`))).code, 0);
  t.is(
    (
      await owner.run([
        BALSAM,
        'job',
        '--name',
        'j',
        '--workflow',
        'w',
        '--application',
        'stop',
        '--args',
        'server --stop',
        '--yes',
      ])
    ).code,
    0,
  );
  t.is((await owner.balsam('launcher --consume-all --idle-exit-seconds 0')).code, 0);
  t.regex((await owner.balsam('output j')).out, /is not stopped from here: this is a running job/);
  t.regex((await owner.balsam('server --status')).out, /^running/);
  t.is((await owner.balsam('server --stop')).code, 0);
});

unless(NOT_ROOT, test.serial)("another user's database: every command says the same sentence", async (t) => {
  const [root] = PEOPLE;
  const owner = await ownerOf(t, root!);
  t.is((await owner.balsam('server --connect')).code, 0);
  const stranger = Object.assign(Object.create(owner) as Owner, { person: USER });
  for (const words of [
    'ls',
    'launcher --consume-all',
    'launcher --wf-filter w',
    'app --name a --executable /bin/true',
  ]) {
    const ran = await stranger.balsam(words);
    t.is(ran.code, 1, words);
    t.regex(ran.err, /no permission for \S+credentials: it belongs to another user/, words);
    t.is(ran.out, '', words);
  }
  t.is(await tryStranger(owner), 'EACCES');
  t.is((await owner.balsam('server --stop')).code, 0);
});

/** A stranger's connection to the socket. */
async function tryStranger(owner: Owner): Promise<string> {
  const socket = path.join(owner.info.socket_dir ?? '', `.s.PGSQL.${owner.info.port}`);
  const script = `require('node:net').connect(${JSON.stringify(socket)}).on('connect', () => { console.log('connected'); process.exit(); }).on('error', (e) => console.log(e.code))`;
  const stranger = Object.assign(Object.create(owner) as Owner, { person: USER });
  return (await stranger.run([process.execPath, '-e', script])).out.trim();
}
