/**
 * A database's own server: made, started once however many ask, stopped, started again after a crash; and every refusal
 * in words that say what to do.
 */
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import fs from 'node:fs';
import path from 'node:path';
import { setTimeout as pause } from 'node:timers/promises';
import test from 'ava';
import { addressOf, openDatabase } from '../../src/server/open.ts';
import { ensureServer, resetServer, serverStatus, stopServer } from '../../src/server/server.ts';
import { initCluster } from '../../src/server/init.ts';
import { knownDatabases, lookUpDatabase } from '../../src/server/known.ts';
import { layoutOf, readServerInfo } from '../../src/server/layout.ts';
import { lastWords } from '../../src/server/postmaster.ts';
import { lives } from '../helpers/lives.ts';
import { crash, failure, newDatabase, openDirectory, run, step, until } from './_cluster.ts';

const client = { applicationName: 'test', role: 'client', max: 1 } as const;

test.serial('a new database has its files, closed to others, and no server left running', async (t) => {
  const root = await newDatabase(t);
  const layout = layoutOf(root);
  const mode = (file: string): string => (fs.statSync(file).mode & 0o777).toString(8);
  t.is(mode(layout.balsamdb), '700');
  t.is(mode(layout.keys), '700');
  t.is(mode(layout.credentials), '600');
  for (const directory of [layout.data, layout.log, layout.qsubmit])
    t.true(fs.statSync(directory).isDirectory());
  const hba = fs.readFileSync(path.join(layout.balsamdb, 'pg_hba.conf'), 'utf8');
  t.notRegex(hba.replaceAll(/^#.*$/gm, ''), /trust|peer|0\.0\.0\.0/);
  t.deepEqual(
    fs.readdirSync(root).filter((name) => name.includes('password')),
    [],
  );
  t.is((await serverStatus(root)).state, 'stopped');
  t.true(knownDatabases().includes(root));
  t.is(lookUpDatabase(path.basename(path.dirname(root))), root);
});

test.serial(
  'a second init, and one in a directory that has other things of these names, changes nothing',
  async (t) => {
    const root = await newDatabase(t);
    const before = fs.readFileSync(layoutOf(root).serverInfo, 'utf8');
    t.regex(await failure(() => initCluster(root)), /is a Balsam database already/);
    t.is(fs.readFileSync(layoutOf(root).serverInfo, 'utf8'), before);
    const other = openDirectory(t);
    fs.mkdirSync(path.join(other, 'data'));
    t.regex(await failure(() => initCluster(other)), /data exists/);
    t.deepEqual(fs.readdirSync(other), ['data']);
  },
);

test.serial('ten processes at once start one server', async (t) => {
  const root = await newDatabase(t);
  const ended = await Promise.all(Array.from({ length: 10 }, () => run(step('ensure', root))));
  t.deepEqual(
    ended.map(({ code, stderr }) => [code, stderr]),
    ended.map(() => [0, '']),
  );
  const pids = new Set(ended.map(({ stdout }) => (JSON.parse(stdout) as { pid: number }).pid));
  t.is(pids.size, 1);
  const starts = fs.readFileSync(layoutOf(root).postgresLog, 'utf8').match(/starting PostgreSQL/g) ?? [];
  t.is(starts.length, 2, 'once at init, once now');
  t.deepEqual(
    fs.readdirSync(layoutOf(root).lock).filter((name) => name.startsWith('new.')),
    [],
  );
});

test.serial('ten calls in one process start one server', async (t) => {
  const root = await newDatabase(t);
  const infos = await Promise.all(Array.from({ length: 10 }, () => ensureServer(root)));
  t.is(new Set(infos.map(({ pid }) => pid)).size, 1);
});

test.serial('the server outlives who started it, in a session of its own', async (t) => {
  const root = await newDatabase(t);
  const ended = await run(step('ensure', root));
  const { pid } = JSON.parse(ended.stdout) as { pid: number };
  t.true(lives(pid));
  const stat = fs.readFileSync(`/proc/${pid}/stat`, 'utf8');
  t.is(Number(stat.slice(stat.lastIndexOf(')') + 2).split(' ')[3]), pid, 'leader of its session');
});

test.serial('stop, start, reset, status', async (t) => {
  const root = await newDatabase(t);
  t.false(await stopServer(root));
  const first = await ensureServer(root);
  t.is((await serverStatus(root)).state, 'running');
  const second = await resetServer(root);
  t.not(second.pid, first.pid);
  t.is(second.port, first.port, 'what people noted down stays true');
  t.true(await stopServer(root));
  t.is((await serverStatus(root)).state, 'stopped');
  t.is(readServerInfo(root).pid, null);
  t.false(lives(second.pid ?? -1));
  t.false(fs.existsSync(second.socket_dir ?? ''), 'no directory is left in /tmp');
});

test.serial(
  'after a crash of the server the next command starts it again, and what was committed is there',
  async (t) => {
    const root = await newDatabase(t);
    {
      await using db = await openDatabase({ ...client, path: root });
      await db.sql`create table kept (n int)`;
      await db.sql`insert into kept values (7)`;
    }
    await crash(root);
    await using db = await openDatabase({ ...client, path: root });
    t.deepEqual([...(await db.sql`select n from kept`)], [{ n: 7 }]);
  },
);

test.serial(
  'after a reboot, whose record and pid file name a process that is something else now',
  async (t) => {
    const root = await newDatabase(t);
    const info = await ensureServer(root);
    await crash(root);
    // This process has the pid that the postmaster had, so to say.
    const pidFile = path.join(layoutOf(root).balsamdb, 'postmaster.pid');
    fs.writeFileSync(pidFile, fs.readFileSync(pidFile, 'utf8').replace(/^\d+/, String(process.pid)));
    fs.writeFileSync(
      layoutOf(root).serverInfo,
      JSON.stringify({ ...info, boot_id: '00000000-0000-0000-0000-000000000000', pid: process.pid }),
    );
    t.is((await serverStatus(root)).state, 'stopped');
    t.true(lives((await ensureServer(root)).pid ?? -1));
  },
);

test.serial('a wrong password is said in words, and never repeated', async (t) => {
  const root = await newDatabase(t);
  const file = layoutOf(root).credentials;
  const right = JSON.parse(fs.readFileSync(file, 'utf8')) as { user: string };
  fs.writeFileSync(file, JSON.stringify({ ...right, password: 'wrong-secret' }));
  const words = await failure(() => openDatabase({ ...client, path: root }));
  t.regex(words, /refused the login.*credentials/);
  t.notRegex(words, /wrong-secret/);
});

test.serial('no database: no variable, no directory, another directory, a damaged file', async (t) => {
  const directory = openDirectory(t);
  t.regex(await failure(() => openDatabase(client)), /BALSAM_DB_PATH is not set.*balsamactivate/);
  t.regex(
    await failure(() => openDatabase({ ...client, path: path.join(directory, 'no') })),
    /does not exist/,
  );
  t.regex(await failure(() => openDatabase({ ...client, path: directory })), /is no Balsam database/);
  fs.writeFileSync(path.join(directory, 'server-info'), '{"host": "x"}');
  t.regex(await failure(() => openDatabase({ ...client, path: directory })), /server-info is damaged/);
});

test.serial(
  'inside an allocation or a job a server that is down is not started, one that is up is used',
  async (t) => {
    const root = await newDatabase(t);
    for (const [name, words] of [
      ['SLURM_JOB_ID', /inside a batch allocation \(SLURM_JOB_ID=1\).*balsam server --connect/],
      ['PBS_JOBID', /inside a batch allocation/],
      ['BALSAM_JOB_ID', /a running job/],
    ] as const) {
      const ended = await run(step('open', root), { env: { [name]: '1' } });
      t.is(ended.code, 1);
      t.regex(ended.stderr, words);
    }
    t.is((await serverStatus(root)).state, 'stopped');
    await ensureServer(root);
    t.is((await run(step('open', root), { env: { SLURM_JOB_ID: '1' } })).code, 0);
  },
);

test.serial('a server given by URL is used and never started or stopped', async (t) => {
  const host = await newDatabase(t, { listen: '127.0.0.1/32' });
  const { port, user, password } = addressOf(host, await ensureServer(host));
  const url = `postgres://${user}:${password}@127.0.0.1:${port}/postgres`;
  const root = path.join(openDirectory(t), 'db');
  await initCluster(root, { url });
  t.is(fs.statSync(layoutOf(root).credentials).mode & 0o777, 0o600);
  t.notRegex(fs.readFileSync(layoutOf(root).serverInfo, 'utf8'), new RegExp(password));
  {
    await using db = await openDatabase({ ...client, path: root });
    t.is((await db.sql`select current_database() as name`)[0]?.['name'], 'postgres');
  }
  t.regex(await failure(() => stopServer(root)), /given by URL/);
  await stopServer(host);
  t.regex(await failure(() => openDatabase({ ...client, path: root })), /does not answer/);
  const wrong = path.join(openDirectory(t), 'db');
  const words = await failure(() => initCluster(wrong, { url }));
  t.regex(words, /could not be prepared/);
  t.notRegex(words, new RegExp(password));
  t.false(fs.existsSync(wrong), 'what failed is removed');
});

test.serial(
  'a bare connection to a running server costs no look at processes: one that is stopped by hand is noticed',
  async (t) => {
    const root = await newDatabase(t);
    const { pid } = await ensureServer(root);
    process.kill(pid ?? -1, 'SIGINT');
    // At once: it may be shutting down, or gone; both end in an open database.
    await using db = await openDatabase({ ...client, path: root });
    t.is((await db.sql`select 1 as one`)[0]?.['one'], 1);
  },
);

test.serial('a server that is just beginning, and whose starter died, is waited for', async (t) => {
  const root = await newDatabase(t);
  const { balsamdb } = layoutOf(root);
  let { pid } = await ensureServer(root);
  const [program = '', ...args] = fs.readFileSync(`/proc/${pid}/cmdline`, 'utf8').split('\0').filter(Boolean);
  const { uid, gid } = fs.statSync(balsamdb);
  const as = process.getuid?.() === 0 ? { uid, gid } : {};
  const owner = (): number => {
    try {
      return Number(fs.readFileSync(path.join(balsamdb, 'postmaster.pid'), 'utf8').split('\n')[0]);
    } catch {
      return 0;
    }
  };
  /** Children of the dead server may still hold its memory: tried again. */
  const begin = async (): Promise<number> => {
    for (;;) {
      const begun = spawn(program, args, { ...as, cwd: '/', detached: true, stdio: 'ignore' });
      begun.unref();
      while (
        begun.exitCode === null &&
        !(owner() === begun.pid && fs.existsSync(`/proc/${begun.pid}/cwd/base`))
      )
        await pause(1);
      await pause(20);
      if (begun.exitCode === null) return begun.pid ?? 0;
    }
  };
  for (let round = 0; round < 3; round++) {
    await crash(root);
    const begun = await begin();
    ({ pid } = await ensureServer(root));
    t.is(pid, begun);
  }
});

test.serial('a log that has grown past its limit is kept once and emptied', async (t) => {
  const root = await newDatabase(t);
  await ensureServer(root);
  const log = layoutOf(root).postgresLog;
  fs.truncateSync(log, 17 * 1024 * 1024);
  await ensureServer(root);
  t.true(fs.statSync(log).size < 1024 * 1024);
  t.is(fs.statSync(`${log}.1`).size, 17 * 1024 * 1024);
});

test('what a server says last is the error that ended it, not how it ended', (t) => {
  const file = path.join(openDirectory(t), 'log');
  const lines = (...texts: string[]): void =>
    fs.writeFileSync(file, texts.map((text) => `${text}\n`).join(''));
  lines(
    'LOG:  one',
    'LOG:  two',
    'FATAL:  could not write: No space left on device',
    ...'abcdef'.split('').map((c) => `LOG:  ${c}`),
  );
  t.is(lastWords(file), 'LOG:  one\nLOG:  two\nFATAL:  could not write: No space left on device');
  lines('LOG:  1', 'LOG:  2', 'LOG:  3', 'LOG:  4', 'LOG:  5');
  t.is(lastWords(file), 'LOG:  2\nLOG:  3\nLOG:  4\nLOG:  5');
  lines('FATAL:  of an earlier start', 'LOG:  starting');
  t.is(lastWords(file, 'FATAL:  of an earlier start\n'.length), 'LOG:  starting');
  t.is(lastWords(`${file} that is not there`), '');
});

test.serial('a server that cannot start says why', async (t) => {
  const root = await newDatabase(t);
  fs.appendFileSync(path.join(layoutOf(root).balsamdb, 'postgresql.conf'), 'no_such_setting = 1\n');
  t.regex(await failure(() => ensureServer(root)), /did not start[^]*no_such_setting[^]*FATAL: /);
});

test.serial('a server whose end nobody has asked for yet is waited for, not taken for alive', async (t) => {
  const root = await newDatabase(t);
  // Takes in the orphans below it, as the init of a container may, and asks for none of their ends.
  const parent = spawn(
    'python3',
    [
      '-c',
      `import ctypes, subprocess, sys, time
ctypes.CDLL(None).prctl(36, 1, 0, 0, 0)
subprocess.run(sys.argv[1:], check=True, stdout=subprocess.DEVNULL)
print("started", flush=True)
time.sleep(300)`,
      ...step('ensure', root),
    ],
    { stdio: ['ignore', 'pipe', 'inherit'] },
  );
  t.teardown(() => parent.kill('SIGKILL'));
  await once(parent.stdout, 'data');
  const { pid } = readServerInfo(root);
  process.kill(pid!, 'SIGKILL');
  await until(() => !lives(pid!), 'it is dead');
  t.true(fs.existsSync(`/proc/${pid}`), 'and a zombie');
  const starting = ensureServer(root);
  const log = layoutOf(root).postgresLog;
  const before = fs.readFileSync(log, 'utf8');
  // As long as a start that does not wait needs to fail.
  await Promise.race([starting, pause(500)]);
  parent.kill('SIGKILL');
  t.not((await starting).pid, pid);
  t.notRegex(fs.readFileSync(log, 'utf8').slice(before.length), /already exists/);
});
