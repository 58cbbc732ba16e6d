/**
 * What dies by SIGKILL leaves nothing that runs on unseen: an agent's guard ends its jobs, grandchildren in sessions of
 * their own too; a lost helper's job is reported; a lost guard is replaced; agents of a dead launcher end by themselves.
 */
import { execFileSync } from 'node:child_process';
import fs from 'node:fs';
import path from 'node:path';
import test from 'ava';
import { only, partsOf } from './_parts.ts';
import { locking, makeWorld, ms, readMaybe, until, type Launcher, type World } from './_world.ts';
import { lives } from '../helpers/lives.ts';

let world: World;
test.before(async () => {
  world = await makeWorld();
  // At the first attempt: a child, and a grandchild in a session of its own that outlives its parent.
  await world.app(
    'family',
    locking(
      `${world.home}/locks`,
      `if [ "$BALSAM_ATTEMPT" = 1 ]; then
  echo "pid $$"
  sleep 300 & echo "pid $!"
  setsid sh -c 'sleep 301 & echo "pid $!"; exit 0' &
  wait %2 2>/dev/null
  setsid sh -c 'echo "pid $$"; exec sleep 302' &
  echo "all"
  exec 9>&-
  while :; do sleep 1; done
fi`,
    ),
  );
  await world.command('quick', '/bin/true');
});
test.after.always('nothing is left behind', async (t) => {
  t.deepEqual(await world.close(), []);
});

async function family(id: string): Promise<number[]> {
  let pids: number[] = [];
  await until(
    async () => {
      pids = [...(await world.output(id)).matchAll(/^pid (\d+)$/gm)].map((m) => Number(m[1]));
      return pids.length === 4;
    },
    async () => `the family is complete: ${await world.output(id)}`,
  );
  return pids;
}

function parentOf(pid: number): number {
  return Number(/\) \w (\d+)/.exec(readMaybe(`/proc/${pid}/stat`))?.[1]);
}

async function allHaveLeft(): Promise<void> {
  await until(
    () => partsOf(world).length === 0,
    () => `all have left: ${JSON.stringify(partsOf(world))}\n${world.logs()}`,
  );
}

test.serial('an agent killed -9: its jobs end within about a second, and run again', async (t) => {
  const [id] = (await world.jobs([{ name: 'family', application: 'family' }])) as [string];
  const launcher = world.launcher(['--consume-all', '--idle-exit-seconds', '0']);
  const pids = await family(id);
  await world.until([id], ['RUNNING']);
  const agent = only(world, 'agent').pid;
  const incarnation = world.processes().find((p) => p.incarnation !== '')!.incarnation;
  const killedAt = performance.now();
  process.kill(agent, 'SIGKILL');
  await until(() => pids.every((pid) => !lives(pid)), 'the family is dead');
  const dead = performance.now();
  await until(
    () => !world.processes().some((p) => p.incarnation === incarnation),
    'helpers and guard are gone',
  );
  t.log(
    `agent killed: its jobs were dead after ${ms(dead - killedAt)}, everything of it after ${ms(performance.now() - killedAt)}`,
  );
  await world.until([id], ['JOB_FINISHED']);
  t.log(`the job had run again ${ms(performance.now() - killedAt)} after the kill (D is 15 s)`);
  t.regex(await world.messages(id), /its agent died: its run on .* is lost/);
  t.regex(world.logs(), /the agent before this one died, and nothing of it is left/);
  t.is(await launcher.exit(), 0, launcher.err);
  t.regex(launcher.err, /the agent of node 0 ended: SIGKILL/);
  const states = await world.states(id);
  t.true(states.includes('RUN_TIMEOUT') && states.includes('RESTART_READY'), states.join(' '));
  const row = await world.row(id);
  t.is(row.attempt, 2);
  t.is(row.tries, 2);
  t.is(await world.violations(), '');
});

test.serial('a helper killed -9: its job is reported and runs again, the agent lives', async (t) => {
  const [id] = (await world.jobs([{ name: 'helper', application: 'family' }])) as [string];
  const launcher = world.launcher(['--consume-all', '--idle-exit-seconds', '0']);
  const pids = await family(id);
  await world.until([id], ['RUNNING']);
  const agent = only(world, 'agent').pid;
  const killedAt = performance.now();
  process.kill(parentOf(pids[0]!), 'SIGKILL');
  await until(() => pids.every((pid) => !lives(pid)), 'the family is dead');
  t.log(`helper killed: its job was dead after ${ms(performance.now() - killedAt)}`);
  await world.until([id], ['JOB_FINISHED']);
  t.true(lives(agent) || launcher.ended);
  t.is(await launcher.exit(), 0, launcher.err);
  t.is(launcher.err, '');
  t.regex(await world.messages(id), /helper lost/);
  t.is((await world.row(id)).attempt, 2);
  t.is(await world.violations(), '');
});

test.serial(
  'a helper killed -9 while its job still looks for an mpirun: that attempt never starts, the next one does',
  async (t) => {
    const [mpirun, asked, go, runs] = ['mpirun', 'asked', 'go', 'runs'].map((n) => path.join(world.home, n));
    const search = `if [ "$1" = --version ]; then : >${asked}; until [ -e ${go} ]; do sleep 0.02; done; fi`;
    fs.writeFileSync(mpirun!, `#!/bin/sh\n${search}\nexec mpirun.openmpi "$@"\n`, { mode: 0o755 });
    await world.app('ranks', `echo "$BALSAM_ATTEMPT" >>${runs}`);
    const [id] = (await world.jobs([{ application: 'ranks', ranks_per_node: 2 }])) as [string];
    const launcher = world.launcher(['--consume-all', '--idle-exit-seconds', '0', '--mpi', mpirun!]);
    await until(() => fs.existsSync(asked!), 'its agent looks for an mpirun');
    await until(() => partsOf(world, 'helper').length > 0, 'its helper is there');
    process.kill(only(world, 'helper').pid, 'SIGKILL');
    await until(async () => (await world.row(id)).attempt === 2, 'it is leased again');
    fs.writeFileSync(go!, '');
    await world.until([id], ['JOB_FINISHED']);
    t.is(await launcher.exit(), 0, launcher.err);
    t.is(readMaybe(runs!), '2\n2\n');
  },
);

test.serial('a guard killed -9: another takes its place, and the work goes on', async (t) => {
  const launcher = world.launcher(['--consume-all', '--persistent']);
  const [before] = (await world.jobs([{ application: 'quick' }])) as [string];
  await world.until([before], ['JOB_FINISHED']);
  const guard = only(world, 'guard').pid;
  process.kill(guard, 'SIGKILL');
  await until(() => partsOf(world, 'guard').some((p) => p.pid !== guard), 'another guard');
  const [after] = (await world.jobs([{ application: 'quick' }])) as [string];
  await world.until([after], ['JOB_FINISHED']);
  launcher.child.kill('SIGTERM');
  t.is(await launcher.exit(), 0, launcher.err);
  t.regex(world.logs(), /the guard ended/);
});

interface Deprived {
  launcher: Launcher;
  /** Waits for four more tries to start another one; how long they took, milliseconds. */
  fourTries: () => Promise<number>;
  /** Gives python3 back. */
  give: () => void;
}

/** A launcher that has worked, whose only guard or helper was killed, and that has no python3 any more for another one. */
async function deprived(kind: 'guard' | 'helper', lost: RegExp): Promise<Deprived> {
  const python = path.join(world.home, 'python3');
  const real = execFileSync('python3', ['-c', 'import sys; print(sys.executable)'], { encoding: 'utf8' });
  const give = (): void => {
    fs.rmSync(python, { force: true });
    fs.symlinkSync(real.trim(), python);
  };
  give();
  const env = { BALSAM_PYTHON: python };
  const launcher = world.launcher(['--consume-all', '--persistent', '--helper', 'python'], { env });
  const [first] = (await world.jobs([{ application: 'quick' }])) as [string];
  await world.until([first], ['JOB_FINISHED']);
  const before = world.said(lost);
  fs.rmSync(python);
  process.kill(only(world, kind).pid, 'SIGKILL');
  await until(() => world.said(lost) > before, 'its end is seen');
  const fourTries = (): Promise<number> => {
    const seen = world.said(lost);
    return until(() => world.said(lost) >= seen + 4, 'it is tried again');
  };
  return { launcher, fourTries, give };
}

/** Four tries take at least so long: each comes half a second after the one before, but for the first. */
const FOUR_TRIES_MS = 1_000;

test.serial('a guard that cannot be started again: nothing starts until one is there', async (t) => {
  const { launcher, fourTries, give } = await deprived('guard', /the guard ended/);
  const [id] = (await world.jobs([{ application: 'quick' }])) as [string];
  await until(async () => (await world.row(id)).launcher !== null, 'the launcher has the job');
  const took = await fourTries();
  t.true(took > FOUR_TRIES_MS, `four tries in ${ms(took)}`);
  t.false((await world.states(id)).includes('RUNNING'), 'no helper was given it');
  give();
  await world.until([id], ['JOB_FINISHED']);
  t.is((await world.row(id)).attempt, 1);
  launcher.child.kill('SIGTERM');
  t.is(await launcher.exit(), 0, launcher.err);
});

test.serial(
  'helpers need no python3 once their nursery is there; without it jobs wait for one',
  async (t) => {
    const { launcher, give } = await deprived('helper', /a helper was lost/);
    const run = async (): Promise<string> => {
      const [id] = (await world.jobs([{ application: 'quick' }])) as [string];
      return id;
    };
    const forked = await run();
    await world.until([forked], ['JOB_FINISHED']);
    const nursery = only(world, 'nursery');
    process.kill(nursery.pid, 'SIGKILL');
    await until(() => partsOf(world, 'nursery').length === 0, 'the nursery is gone');
    const orphan = await run();
    await world.until([orphan], ['JOB_FINISHED']);
    process.kill(only(world, 'helper').pid, 'SIGKILL');
    await until(() => partsOf(world, 'helper').length === 0, 'the helper is gone');
    const waits = await run();
    await until(() => world.said(/the node is short.*python3/) > 0, 'the agent says what is missing');
    t.false((await world.states(waits)).includes('RUNNING'));
    give();
    await world.until([waits], ['JOB_FINISHED']);
    for (const id of [forked, orphan, waits]) t.is((await world.row(id)).attempt, 1);
    launcher.child.kill('SIGTERM');
    t.is(await launcher.exit(), 0, launcher.err);
  },
);

test.serial(
  'a warden killed -9: jobs are ended and given back, nothing runs on; the next launcher tidies up',
  async (t) => {
    const [id] = (await world.jobs([{ name: 'warden', application: 'family' }])) as [string];
    const launcher = world.launcher(['--consume-all', '--nodes', '2']);
    const pids = await family(id);
    await world.until([id], ['RUNNING']);
    const killedAt = performance.now();
    // The command is the warden: bin/balsam becomes it.
    process.kill(launcher.pid, 'SIGKILL');
    t.is(await launcher.exit(), 'SIGKILL');
    await until(() => pids.every((pid) => !lives(pid)), 'the family is dead');
    await world.until([id], ['RESTART_READY']);
    await allHaveLeft();
    t.log(`warden killed: jobs given back and everything gone after ${ms(performance.now() - killedAt)}`);
    t.is((await world.row(id)).launcher, null);
    const next = world.launcher(['--consume-all', '--idle-exit-seconds', '0']);
    await world.until([id], ['JOB_FINISHED']);
    t.is(await next.exit(), 0, next.err);
    t.is(await world.violations(), '');
  },
);

test.serial('a warden killed -9 before its coordinator has begun: everything leaves by itself', async (t) => {
  const launcher = world.launcher(['--consume-all', '--nodes', '2', '--persistent']);
  await until(() => partsOf(world, 'coordinator').length > 0, 'a coordinator is started');
  process.kill(launcher.pid, 'SIGKILL');
  t.is(await launcher.exit(), 'SIGKILL');
  await allHaveLeft();
  const next = world.launcher(['--consume-all', '--idle-exit-seconds', '0']);
  t.is(await next.exit(), 0, next.err);
});

test.serial(
  'warden and coordinator killed -9 together: jobs end with the lease, and agents do not wait for ever',
  async (t) => {
    const [id] = (await world.jobs([{ name: 'alone', application: 'family' }])) as [string];
    const launcher = world.launcher(['--consume-all', '--nodes', '2']);
    const pids = await family(id);
    const coordinator = only(world, 'coordinator').pid;
    const killedAt = performance.now();
    // Stopped first: neither may see the other's end.
    process.kill(launcher.pid, 'SIGSTOP');
    process.kill(coordinator, 'SIGKILL');
    process.kill(launcher.pid, 'SIGKILL');
    await until(() => pids.every((pid) => !lives(pid)), 'the family is dead');
    const dead = performance.now();
    await allHaveLeft();
    t.log(
      `warden and coordinator killed: jobs dead after ${ms(dead - killedAt)} (A is 10 s), agents gone after ${ms(performance.now() - killedAt)}`,
    );
    // What they left is tidied up by the next launcher of this host.
    const next = world.launcher(['--consume-all', '--idle-exit-seconds', '0']);
    t.is(await next.exit(), 0, next.err);
  },
);
