/**
 * What a launcher says never ends it, nor holds it up: logs, stdout and stderr that can't be written, whoever was to read
 * them. Each test runs a job to its end past the trouble, and looks for the trouble in the log, or for its count.
 */
import { spawn } from 'node:child_process';
import fs from 'node:fs';
import path from 'node:path';
import test, { type ExecutionContext } from 'ava';
import { logLines } from '../e2e/_log.ts';
import { makeWorld, readMaybe, until, type Launcher, type World } from '../e2e/_world.ts';
import { cleanEnvironment } from '../helpers/program.ts';
import { NO_SMALL_DISK, smallDisk } from '../helpers/small-disk.ts';
import { unless } from '../helpers/unless.ts';

const ALL = ['--consume-all', '--idle-exit-seconds', '0'] as const;

let world: World;
test.before(async () => {
  world = await makeWorld();
  // Runs until it is let go, so that each trouble comes while it runs.
  await world.app('held', 'touch running; until [ -e go ]; do sleep 0.05; done');
});
test.after.always('nothing is left behind', async (t) => {
  t.deepEqual(await world.close(), []);
});

async function heldJob(): Promise<{ id: string; running: () => Promise<void>; go: () => Promise<void> }> {
  const [id] = (await world.jobs([{ application: 'held', wall_time_minutes: 0 }])) as [string];
  const at = path.join(world.dbPath, 'data', 'wf', `j0_${id.slice(0, 8)}`);
  return {
    id,
    running: async () =>
      void (await until(
        () => fs.existsSync(path.join(at, 'running')),
        () => world.logs(),
      )),
    go: () => fs.promises.writeFile(path.join(at, 'go'), ''),
  };
}

async function finished(t: ExecutionContext, launcher: Launcher, id: string): Promise<void> {
  t.is(await launcher.exit(), 0, launcher.err);
  const row = await world.row(id);
  t.is(row.state, 'JOB_FINISHED');
  t.is(row.tries, 1);
}

/** What the log of this launcher says. */
function said(launcher: Launcher): string[] {
  return logLines(world.dbPath)
    .filter((line) => line.file.endsWith(`_${launcher.pid}.log`))
    .map((line) => line.msg);
}

for (const [title, bash, note] of [
  [
    'whoever reads stdout leaves after one line',
    'exec "$@" > >(read -r line)',
    /nobody reads stdout any more/,
  ],
  ['nobody ever reads stdout and stderr', 'exec "$@" > >(:) 2>&1', /nobody reads stdout any more/],
  ['stdout is full', 'exec "$@" >/dev/full', /stdout can't be written \(ENOSPC\)/],
  ['stdout and stderr are closed', 'exec "$@" >&- 2>&-', null],
] as const) {
  test.serial(`a launcher works on when ${title}`, async (t) => {
    const job = await heldJob();
    const launcher = world.launcher(ALL, { bash });
    await job.running();
    if (note !== null)
      await until(
        () => said(launcher).some((line) => note.test(line)),
        () => world.logs(),
      );
    await job.go();
    await finished(t, launcher, job.id);
    t.notRegex(launcher.err, /sonic|^ {4}at /m);
  });
}

test.serial('a reader that stands still holds nothing up, and hears how much it missed', async (t) => {
  const fifo = path.join(world.home, 'full');
  await new Promise((resolve) => spawn('mkfifo', [fifo]).once('exit', resolve));
  // Nothing more fits into it from the beginning.
  const fd = fs.openSync(fifo, fs.constants.O_RDWR | fs.constants.O_NONBLOCK);
  t.teardown(() => fs.closeSync(fd));
  for (const size of [4_096, 1])
    t.throws(() => {
      for (;;) fs.writeSync(fd, Buffer.alloc(size, 0x2e));
    });
  const job = await heldJob();
  const out = fs.openSync(fifo, 'w');
  const launcher = world.launcher(ALL, { stdio: ['ignore', out, 'pipe'] });
  fs.closeSync(out);
  await job.running();
  const note = /stdout can't be written \(EAGAIN\)/;
  await until(
    () => said(launcher).some((line) => note.test(line)),
    () => world.logs(),
  );
  // It reads again.
  let text = '';
  await until(
    () => {
      try {
        const buffer = Buffer.alloc(65_536);
        text += buffer.toString('latin1', 0, fs.readSync(fd, buffer));
      } catch {
        // Empty just now.
      }
      return /balsam: [1-9]\d* lines could not be shown here \(EAGAIN\)\n/.test(text);
    },
    () => text.slice(-500),
  );
  await job.go();
  await finished(t, launcher, job.id);
});

unless(NO_SMALL_DISK, test.serial)('stdout on a disk that is full for a while', async (t) => {
  const place = path.join(world.home, 'disk');
  fs.mkdirSync(place);
  const disk = smallDisk(place, 'size=64k');
  t.teardown(() => disk.remove());
  const file = path.join(place, 'out');
  fs.writeFileSync(file, 'x'.repeat(4_090));
  const room = disk.fill();
  const job = await heldJob();
  const launcher = world.launcher(ALL, { bash: `exec "$@" >>${file} 2>&1` });
  await job.running();
  await until(
    () => said(launcher).some((line) => /stdout can't be written \(ENOSPC\)/.test(line)),
    () => world.logs(),
  );
  room();
  await until(
    () => /balsam: [1-9]\d* lines could not be shown here \(ENOSPC\)\n/.test(readMaybe(file)),
    () => readMaybe(file),
  );
  await job.go();
  await finished(t, launcher, job.id);
  t.regex(readMaybe(file), /Launcher ended: nothing is left to run[^\n]*\n$/);
});

unless(NO_SMALL_DISK, test.serial)(
  'logs on a disk that is full: everybody works on, a successor too, and the log says what is missing',
  async (t) => {
    const place = path.join(world.dbPath, 'log');
    const before = path.join(world.dbPath, 'log.before');
    fs.renameSync(place, before);
    fs.mkdirSync(place);
    const disk = smallDisk(place, 'size=256k');
    t.teardown(() => {
      disk.remove();
      fs.rmdirSync(place);
      fs.renameSync(before, place);
    });
    const job = await heldJob();
    const launcher = world.launcher(ALL);
    await job.running();
    const room = disk.fill();
    // Each of them has something to say now: of a guard, of a coordinator, of another one.
    const of = (word: RegExp): number =>
      world.processes().find((p) => p.argv.some((arg) => word.test(arg)))?.pid ?? 0;
    const guard = of(/\/guard\.(py|js)$|guard-node\.js$/);
    const coordinator = of(/\/coordinator\.js$/);
    process.kill(guard, 'SIGKILL');
    process.kill(coordinator, 'SIGKILL');
    await until(
      () =>
        ![0, coordinator].includes(of(/\/coordinator\.js$/)) && ![0, guard].includes(of(/\/guard\.(py|js)$/)),
      'there are new ones',
    );
    await until(
      async () =>
        (await world.db.run((sql) => sql`select 1 from launcher where epoch > 1 and state = 'alive'`))
          .length > 0,
      'the successor has taken over',
    );
    room();
    await until(
      () => /lines of this log could not be written: ENOSPC/.test(world.logs()),
      () => world.logs(),
    );
    await job.go();
    await finished(t, launcher, job.id);
  },
);

test.serial(
  'no log directory can be made: the launcher runs without, and its logs come when it can',
  async (t) => {
    const place = path.join(world.dbPath, 'log');
    const before = path.join(world.dbPath, 'log.before');
    fs.renameSync(place, before);
    fs.writeFileSync(place, 'no directory');
    const job = await heldJob();
    const launcher = world.launcher(ALL);
    await job.running();
    fs.rmSync(place);
    fs.renameSync(before, place);
    await until(
      () => said(launcher).some((line) => /lines of this log could not be written: ENOTDIR/.test(line)),
      () => world.logs(),
    );
    await job.go();
    await finished(t, launcher, job.id);
  },
);

test.serial('logs that are removed under a launcher begin anew', async (t) => {
  const place = path.join(world.dbPath, 'log');
  const before = path.join(world.dbPath, 'log.before');
  const job = await heldJob();
  const launcher = world.launcher(ALL);
  await job.running();
  fs.renameSync(place, before);
  const files = fs.readdirSync(before).filter((name) => name.includes(`_${launcher.pid}.log`));
  t.true(files.length > 0);
  for (const name of files) fs.rmSync(path.join(before, name));
  await job.go();
  await finished(t, launcher, job.id);
  t.true(said(launcher).includes('ended'), 'the last words are there');
  for (const name of fs.readdirSync(before)) fs.renameSync(path.join(before, name), path.join(place, name));
  fs.rmdirSync(before);
});

test.serial(
  'short commands: a reader that has enough is none, a full disk is a failure, stderr decides nothing',
  async (t) => {
    const sh = (line: string): Promise<{ code: number | null; err: string }> =>
      new Promise((resolve) => {
        const child = spawn('/bin/bash', ['-o', 'pipefail', '-c', line], {
          env: cleanEnvironment(world.env()),
          stdio: ['ignore', 'ignore', 'pipe'],
        });
        let err = '';
        child.stderr.setEncoding('utf8').on('data', (text: string) => (err += text));
        child.once('close', (code) => resolve({ code, err }));
      });
    t.deepEqual(await sh('balsam ls | head -1'), { code: 0, err: '' });
    const full = await sh('balsam ls >/dev/full');
    t.is(full.code, 1);
    t.regex(full.err, /^balsam: stdout can't be written: ENOSPC[^\n]*\n$/);
    t.is((await sh('balsam no-such-command 2>/dev/full')).code, 2);
    t.is((await sh('balsam no-such-command 2> >(:)')).code, 2);
  },
);
