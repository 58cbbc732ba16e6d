/**
 * Who runs Postgres: ordinary users themselves, root's databases an unprivileged account that must be able to reach the
 * files. And what a place without room, or made by somebody else, says.
 */
import fs from 'node:fs';
import path from 'node:path';
import test from 'ava';
import { ensureServer } from '../../src/server/server.ts';
import { initCluster } from '../../src/server/init.ts';
import { layoutOf, readServerInfo } from '../../src/server/layout.ts';
import { openDatabase } from '../../src/server/open.ts';
import { NO_SMALL_DISK, smallDisk } from '../helpers/small-disk.ts';
import { NOT_ROOT, unless } from '../helpers/unless.ts';
import { failure, newDatabase, openDirectory, run, step, stopQuietly } from './_cluster.ts';

const client = { applicationName: 'test', role: 'client', max: 1 } as const;
const NOBODY = { uid: 65534, gid: 65534 };
const asRoot = unless(NOT_ROOT, test.serial);

/** The environment of an account without a home. */
function strangerEnv(directory: string): NodeJS.ProcessEnv {
  return { HOME: directory, BALSAM_HOME: path.join(directory, 'home') };
}

asRoot('an ordinary user makes, uses and stops a database', async (t) => {
  const directory = openDirectory(t);
  fs.chownSync(directory, NOBODY.uid, NOBODY.gid);
  const root = path.join(directory, 'db');
  const as = { ...NOBODY, env: strangerEnv(directory), cwd: directory };
  t.like(await run(step('init', root), as), { code: 0, stderr: '' });
  t.teardown(() => stopQuietly(root));
  const opened = await run(step('open', root), as);
  t.like(opened, { code: 0, stderr: '' });
  t.is((JSON.parse(opened.stdout) as { user: string }).user, 'nobody');
  const { pid, socket_dir } = readServerInfo(root);
  t.is(fs.statSync(`/proc/${pid}`).uid, NOBODY.uid);
  t.true(socket_dir?.startsWith(`/tmp/balsam-${NOBODY.uid}/`));
  t.is(fs.statSync(socket_dir ?? '').mode & 0o777, 0o700);
  t.like(await run(step('stop', root), as), { code: 0, stdout: 'true\n' });

  // Root may use and start it too, as that user's: nothing of root's is left in the way afterwards.
  await using db = await openDatabase({ ...client, path: root });
  t.is((await db.sql`select 1 as one`)[0]?.['one'], 1);
  t.is(fs.statSync(`/proc/${readServerInfo(root).pid}`).uid, NOBODY.uid);
  const ofRoot = readServerInfo(root).socket_dir ?? '';
  t.teardown(() => fs.rmSync(ofRoot, { recursive: true, force: true })); // nobody can't remove it from root's directory
  t.like(await run(step('stop', root), as), { code: 0, stderr: '' });
  t.like(await run(step('open', root), as), { code: 0, stderr: '' });
});

asRoot("root's database runs as an account without rights", async (t) => {
  const root = await newDatabase(t);
  const { pid, socket_dir } = await ensureServer(root);
  const owner = fs.statSync(layoutOf(root).balsamdb).uid;
  t.not(owner, 0);
  t.is(fs.statSync(`/proc/${pid}`).uid, owner);
  t.is(fs.statSync(socket_dir ?? '').uid, owner);
});

asRoot('a stranger can neither read the login nor start the server, and is told whom to ask', async (t) => {
  const root = await newDatabase(t);
  const as = { ...NOBODY, env: strangerEnv(path.dirname(root)) };
  const down = await run(step('open', root), as);
  t.is(down.code, 1);
  t.regex(down.stderr, /only \w+, the owner of .*balsamdb, can start/);
  await ensureServer(root);
  const up = await run(step('open', root), as);
  t.is(up.code, 1);
  t.regex(up.stderr, /no permission for .*credentials/);
});

asRoot('a socket directory that somebody else made is refused', async (t) => {
  const base = fs.mkdtempSync('/tmp/bs-');
  t.teardown(() => fs.rmSync(base, { recursive: true, force: true }));
  const root = await newDatabase(t);
  const env = { BALSAM_SOCKET_DIR: base };
  fs.mkdirSync(path.join(base, 'elsewhere'));
  fs.symlinkSync('elsewhere', path.join(base, 'balsam-0'));
  t.regex((await run(step('ensure', root), { env })).stderr, /somebody else made it/);
  fs.unlinkSync(path.join(base, 'balsam-0'));
  fs.mkdirSync(path.join(base, 'balsam-0'));
  fs.chmodSync(path.join(base, 'balsam-0'), 0o777);
  t.regex((await run(step('ensure', root), { env })).stderr, /somebody else made it/);
});

asRoot('a socket directory that an agent made first lets the account through', async (t) => {
  const base = fs.mkdtempSync('/tmp/bs-');
  fs.chmodSync(base, 0o755);
  t.teardown(() => fs.rmSync(base, { recursive: true, force: true }));
  fs.mkdirSync(path.join(base, 'balsam-0'), { mode: 0o700 });
  const root = await newDatabase(t);
  t.like(await run(step('open', root), { env: { BALSAM_SOCKET_DIR: base } }), { code: 0, stderr: '' });
});

unless(NO_SMALL_DISK, test.serial)('a full disk is said in words, and nothing is left', async (t) => {
  const directory = openDirectory(t);
  const disk = smallDisk(directory, 'size=8m,mode=755');
  try {
    t.regex(await failure(() => initCluster(path.join(directory, 'db'))), /disk is full|no space left/);
    t.deepEqual(fs.readdirSync(directory), []);
  } finally {
    disk.remove();
  }
});

test.serial('a socket path that would be too long is refused before Postgres does', async (t) => {
  const root = await newDatabase(t);
  const env = { BALSAM_SOCKET_DIR: `/tmp/${'long'.repeat(25)}` };
  t.regex((await run(step('ensure', root), { env })).stderr, /too long for a unix socket/);
});
