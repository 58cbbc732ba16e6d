/**
 * Launchers that may have few processes or files, as an ordinary user has them: all jobs run, fewer at a time, each in one
 * try; and where nothing can run at all one sentence says so, and the jobs stay runnable.
 */
import { spawnSync } from 'node:child_process';
import fs from 'node:fs';
import os from 'node:os';
import path from 'node:path';
import test from 'ava';
import { ROOT, run, type Ran } from '../helpers/program.ts';
import { NOT_ROOT, unless } from '../helpers/unless.ts';
import { copyInstallation } from './_installation.ts';

const isRoot = process.getuid?.() === 0;
const NOBODY = 65_534;
const CGROUP = '/sys/fs/cgroup/pids';
const NO_PIDS_CGROUP =
  NOT_ROOT ?? (fs.existsSync(`${CGROUP}/cgroup.procs`) ? null : 'no pids cgroup of version 1 is mounted');

let home: string;
let installation: string;

test.before(async () => {
  home = fs.realpathSync(fs.mkdtempSync(path.join(os.tmpdir(), 'balsam-short-')));
  installation = ROOT;
  if (isRoot) {
    fs.chmodSync(home, 0o755);
    installation = copyInstallation(path.join(home, 'installation'));
    fs.mkdirSync(path.join(home, 'own'));
    fs.chownSync(path.join(home, 'own'), NOBODY, NOBODY);
  } else fs.mkdirSync(path.join(home, 'own'));
  await must('balsam init db');
  await must("balsam app --name sleeps --executable '/bin/sleep 1'");
});
test.after.always('nothing is left behind', async (t) => {
  await sh('balsam server --stop');
  fs.rmSync(home, { recursive: true, force: true });
  t.pass();
});

/** A line of shell as the user; `first` is done as root before, in the same process. */
function sh(line: string, first = ''): Promise<Ran> {
  const own = path.join(home, 'own');
  const env = {
    HOME: own,
    BALSAM_HOME: path.join(own, 'balsam-home'),
    BALSAM_DB_PATH: path.join(own, 'db'),
    PATH: `${installation}/bin:/usr/local/bin:/usr/bin:/bin`,
  };
  const as = isRoot ? `setpriv --reuid=${NOBODY} --regid=${NOBODY} --clear-groups --no-new-privs` : '';
  const words = ['-c', `${first} exec ${as} bash -c "$LINE"`];
  return run('/bin/bash', words, { cwd: own, env: { ...env, LINE: line }, deadline: 180_000 });
}

async function must(line: string): Promise<string> {
  const ran = await sh(line);
  if (ran.code !== 0) throw new Error(`${line}: ${ran.err}`);
  return ran.out;
}

async function makeJobs(count: number, packing: number): Promise<void> {
  const file = path.join(home, 'own', 'make.mjs');
  fs.writeFileSync(
    file,
    `import { BalsamJob } from ${JSON.stringify(`${installation}/dist/index.js`)};
     const made = { workflow: 'w', application: 'sleeps', nodePackingCount: ${packing} };
     await BalsamJob.objects.bulkCreate(Array.from({ length: ${count} }, (_, i) => new BalsamJob({ name: 'j' + i, ...made })));
     process.exit(0);`,
  );
  await must('balsam rm jobs --all --yes');
  await must(`${installation}/node_modules/.bin/node make.mjs`);
}

const LAUNCH = 'balsam launcher --wf-filter w --idle-exit-seconds 0';

async function states(): Promise<string> {
  return (await must('balsam ls --by-states')).trim().replaceAll(/ +/g, ' ');
}

/** Threads of the user, as the limit counts them. */
function threads(): number {
  let sum = 0;
  for (const pid of fs.readdirSync('/proc').filter((name) => /^\d+$/.test(name))) {
    const status = spawnSync('cat', [`/proc/${pid}/status`], { encoding: 'utf8' }).stdout;
    if (new RegExp(`^Uid:\\s+${NOBODY}\\b`, 'm').test(status))
      sum += Number(/^Threads:\s+(\d+)/m.exec(status)?.[1] ?? 0);
  }
  return sum;
}

/** Each job was started once, and nothing is booked on it. */
async function inOneTry(): Promise<boolean> {
  const history = await must('balsam ls --history');
  return !/could not be started|RESTART_READY|RUN_TIMEOUT|FAILED/.test(history);
}

unless(NOT_ROOT, test.serial)('a user with few processes: all jobs run, fewer at a time', async (t) => {
  t.timeout(300_000);
  await makeJobs(40, 40);
  const ran = await sh(`ulimit -u ${threads() + 31 + 30}; ${LAUNCH}`);
  t.is(ran.code, 0, ran.err);
  t.regex(await states(), /JOB_FINISHED 40$/);
  t.true(await inOneTry());
  const log = await must('cat db/log/*.node0');
  t.regex(log, /the node is short, fewer jobs run at a time: .*Resource temporarily unavailable/);
});

unless(NOT_ROOT, test.serial)('a user with too few processes for a launcher: one sentence', async (t) => {
  await makeJobs(1, 1);
  const ran = await sh(`ulimit -u ${threads() + 30}; ${LAUNCH}`);
  t.is(ran.code, 1);
  t.regex(
    ran.err,
    /^balsam: this user may have \d+ processes and threads and has \d+: a launcher needs 31 more/m,
  );
  t.regex(await states(), /CREATED 1$/);
});

for (const files of [128, 256]) {
  test.serial(`${files} open files: as many jobs at once as they allow, and all in one try`, async (t) => {
    t.timeout(300_000);
    await makeJobs(100, 100);
    const ran = await sh(`ulimit -n ${files}; ${LAUNCH}`);
    t.is(ran.code, 0, ran.err);
    t.regex(await states(), /JOB_FINISHED 100$/);
    t.true(await inOneTry());
    const doctor = await sh(`ulimit -n ${files}; balsam doctor`);
    const most = Math.floor((files - 60) / 2.5);
    t.regex(doctor.out, new RegExp(`WARN +side by side +at most ${most} jobs on a node`));
  });
}

test.serial('32 open files: one sentence, and the job stays', async (t) => {
  await makeJobs(1, 1);
  const ran = await sh(`ulimit -n 32; ${LAUNCH}`);
  t.is(ran.code, 1);
  t.regex(ran.err, /^balsam: only 32 files may be open at once here: a launcher needs at least 48/m);
  t.regex(await states(), /CREATED 1$/);
});

unless(NO_PIDS_CGROUP, test.serial)(
  'a cgroup with few processes: all jobs run, fewer at a time',
  async (t) => {
    t.timeout(300_000);
    await makeJobs(40, 40);
    const group = path.join(CGROUP, path.basename(home));
    fs.mkdirSync(group);
    try {
      fs.writeFileSync(`${group}/pids.max`, '70');
      const ran = await sh(LAUNCH, `echo $$ >${group}/cgroup.procs;`);
      t.is(ran.code, 0, ran.err);
      t.regex(await states(), /JOB_FINISHED 40$/);
      t.true(await inOneTry());
    } finally {
      fs.rmdirSync(group);
    }
  },
);
