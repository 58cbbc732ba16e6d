/**
 * `balsam init` is all or nothing: at any signal, at any moment, and whoever else makes the same. Each run is the built
 * command; a moment is a file that the run makes, never a time.
 */
import { spawn, type ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import fs from 'node:fs';
import os from 'node:os';
import path from 'node:path';
import test, { type ExecutionContext } from 'ava';
import { Aside, ownMark } from '../../src/server/aside.ts';
import { cleanEnvironment, ROOT, run, type Ran } from '../helpers/program.ts';

const BALSAM = path.join(ROOT, 'bin/balsam');

function place(t: ExecutionContext): string {
  const directory = fs.realpathSync(fs.mkdtempSync(path.join(os.tmpdir(), 'balsam-init-')));
  fs.chmodSync(directory, 0o755);
  t.teardown(() => fs.rmSync(directory, { recursive: true, force: true, maxRetries: 10 }));
  return directory;
}

const homeOf = (directory: string): string => path.join(directory, '.home');

function init(target: string): Promise<Ran> {
  return run(BALSAM, ['init', target], { env: { BALSAM_HOME: homeOf(path.dirname(target)) } });
}

function start(target: string): ChildProcess {
  const env = cleanEnvironment({ BALSAM_HOME: homeOf(path.dirname(target)) });
  // A group of its own, as a shell gives it: a terminal signals the whole group.
  return spawn(BALSAM, ['init', target], { env, stdio: 'ignore', detached: true });
}

/** Waits until `look` finds something. */
async function until<T>(look: () => T | null | undefined | false, what: string): Promise<T> {
  const deadline = performance.now() + 90_000;
  for (;;) {
    const found = look();
    if (found !== null && found !== undefined && found !== false) return found;
    if (performance.now() > deadline) throw new Error(`not within 90 s: ${what}`);
    await new Promise((resolve) => setTimeout(resolve, 2));
  }
}

/** The directory in which an init of `target` works: beside it, or inside when `target` is there. */
function workOf(target: string): string | null {
  for (const [at, prefix] of [
    [path.dirname(target), `.${path.basename(target)}.new-`],
    [target, '.new-'],
  ] as const) {
    const names = fs.existsSync(at) ? fs.readdirSync(at) : [];
    const name = names.find((one) => one.startsWith(prefix));
    if (name !== undefined) return path.join(at, name);
  }
  return null;
}

/** Processes that work in `directory` or name it. */
function processesOf(directory: string): string[] {
  return fs
    .readdirSync('/proc')
    .filter((name) => /^\d+$/.test(name) && Number(name) !== process.pid)
    .filter((name) => {
      try {
        return (
          fs.readFileSync(`/proc/${name}/cmdline`, 'latin1').includes(directory) ||
          fs.readlinkSync(`/proc/${name}/cwd`).startsWith(directory)
        );
      } catch {
        return false;
      }
    });
}

/** Moments of an init, by what its directory has then. */
const MOMENTS = {
  'its directory is there': [],
  'initdb runs': ['balsamdb', 'base'],
  'Postgres starts': ['balsamdb', 'postmaster.pid'],
  'Postgres was told to stop': ['server-info'],
} as const;

let turn = 0;
for (const [moment, at] of Object.entries(MOMENTS)) {
  // Each way to be told to leave at one moment or another, the one that can't be heard at all of them.
  const heard = (['SIGINT', 'SIGTERM', 'SIGHUP'] as const)[turn++ % 3]!;
  for (const signal of [heard, 'SIGKILL'] as const) {
    test.serial(`${signal} when ${moment}: nothing is left, nothing runs`, async (t) => {
      const home = place(t);
      const target = path.join(home, 'new', 'db');
      const child = start(target);
      const ended = once(child, 'close') as Promise<[number | null, NodeJS.Signals | null]>;
      await until(() => {
        const work = workOf(target);
        // The last moment is shorter than a look may take: then it has ended.
        return child.exitCode !== null || (work !== null && fs.existsSync(path.join(work, ...at)));
      }, moment);
      if (child.exitCode === null) process.kill(-child.pid!, signal);
      const [, by] = await ended;
      if (by === null) {
        // It was faster than the signal: then all of it is there.
        t.true(fs.existsSync(path.join(target, 'server-info')));
        return;
      }
      t.is(by, signal);
      // A caught signal has its way after everything is gone; what SIGKILL leaves the watcher removes.
      if (signal === 'SIGKILL')
        await until(
          () => !fs.existsSync(path.join(home, 'new')) && processesOf(home).length === 0,
          'all is gone',
        );
      t.false(fs.existsSync(path.join(home, 'new')));
      await until(() => processesOf(home).length === 0, 'nothing runs');
      t.deepEqual(
        fs.readdirSync(home).filter((name) => name !== '.home'),
        [],
      );
    });
  }
}

test.serial('what a killed init left, with its watcher dead too, the next one removes', async (t) => {
  const home = place(t);
  const target = path.join(home, 'db');
  // As one that died while it moved into a directory that was there: the names of a maker that no longer lives.
  fs.mkdirSync(target);
  fs.writeFileSync(path.join(target, 'mine'), 'mine');
  const left = path.join(target, `.new-${ownMark().replace(/-\d+-/, '-1-')}`);
  fs.mkdirSync(left);
  const names = ['data', 'balsamdb', 'credentials', 'server-info'];
  for (const name of names) fs.mkdirSync(path.join(left, name));
  const inodes = names.map((name) => [name, fs.statSync(path.join(left, name)).ino]);
  fs.writeFileSync(path.join(left, '.moves'), JSON.stringify(Object.fromEntries(inodes)));
  for (const name of ['data', 'balsamdb']) fs.renameSync(path.join(left, name), path.join(target, name));
  // And another beside it, which had not begun to move.
  const beside = path.join(home, `.db.new-${ownMark().replace(/-\d+-/, '-1-')}`);
  fs.mkdirSync(path.join(beside, 'balsamdb'), { recursive: true });
  // One of a living process is not touched.
  const living = path.join(home, `.db.new-${ownMark()}`);
  fs.mkdirSync(living);

  const ran = await init(target);
  t.is(ran.code, 0, ran.err);
  t.is(fs.readFileSync(path.join(target, 'mine'), 'utf8'), 'mine');
  t.true(fs.existsSync(path.join(target, 'balsamdb', 'PG_VERSION')));
  t.deepEqual(
    fs.readdirSync(target).filter((name) => name.startsWith('.new')),
    [],
  );
  t.deepEqual(fs.readdirSync(home).toSorted(), [path.basename(living), '.home', 'db'].toSorted());
});

test.serial(
  'of two that make the same the slow one is refused, and takes nothing of the other',
  async (t) => {
    const home = place(t);
    const target = path.join(home, 'db');
    const slow = start(target);
    const ended = once(slow, 'close') as Promise<[number | null]>;
    const work = await until(() => {
      const found = workOf(target);
      return found !== null && fs.existsSync(path.join(found, 'balsamdb')) ? found : null;
    }, 'the slow one has begun');
    process.kill(slow.pid!, 'SIGSTOP');
    const fast = await init(target);
    t.is(fast.code, 0, fast.err);
    t.true(fs.existsSync(work), 'the fast one leaves alone what a living one makes');
    const before = fs.readdirSync(target).toSorted();
    process.kill(slow.pid!, 'SIGCONT');
    const [code] = await ended;
    t.is(code, 2);
    t.deepEqual(fs.readdirSync(target).toSorted(), before);
    t.false(fs.existsSync(work));
    const env = { BALSAM_DB_PATH: target, BALSAM_HOME: homeOf(home) };
    const listed = await run(BALSAM, ['ls'], { env });
    t.is(listed.code, 0, listed.err);
    t.is((await run(BALSAM, ['server', '--stop'], { env })).code, 0);
  },
);

for (const form of ['beside', 'inside'] as const) {
  test.serial(`the place is taken between a maker's look and its move: made ${form}`, async (t) => {
    const target = path.join(place(t), 'db');
    if (form === 'inside') fs.mkdirSync(target);
    const make = async (word: string): Promise<Aside> => {
      const aside = await Aside.make(target, async () => t.fail('nobody has left anything'));
      fs.mkdirSync(path.join(aside.directory, 'data'));
      for (const name of ['credentials', 'server-info'])
        fs.writeFileSync(path.join(aside.directory, name), word);
      return aside;
    };
    const [loser, winner] = [await make('loser'), await make('winner')];
    winner.settle();
    t.throws(() => loser.settle(), { message: /is a Balsam database already/ });
    loser.remove();
    t.deepEqual(fs.readdirSync(target).toSorted(), ['credentials', 'data', 'server-info']);
    t.is(fs.readFileSync(path.join(target, 'server-info'), 'utf8'), 'winner');
    t.deepEqual(fs.readdirSync(path.dirname(target)), ['db']);
  });
}

test.serial(
  'an empty directory that is there keeps its inode, and a file in its place is refused',
  async (t) => {
    const home = place(t);
    const target = path.join(home, 'db');
    fs.mkdirSync(target);
    const { ino } = fs.statSync(target);
    const ran = await init(target);
    t.is(ran.code, 0, ran.err);
    t.is(fs.statSync(target).ino, ino);
    const file = path.join(home, 'file');
    fs.writeFileSync(file, '');
    t.regex((await init(file)).err, /file is no directory/);
  },
);
