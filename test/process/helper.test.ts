/** The contract of helpers, the same for both kinds, with real processes. */
import fs from 'node:fs';
import os from 'node:os';
import path from 'node:path';
import test, { type ExecutionContext } from 'ava';
import { chooseHelper } from '../../src/process/helper.ts';
import { NO_SMALL_DISK, smallDisk } from '../helpers/small-disk.ts';
import { unless } from '../helpers/unless.ts';
import { KINDS, Rig, alive, pidsIn, until } from './_rig.ts';

for (const kind of KINDS) {
  const withRig = (title: string, body: (t: ExecutionContext, rig: Rig) => Promise<void>): void => {
    test(`${kind}: ${title}`, async (t) => {
      t.timeout(120_000);
      const rig = await Rig.open(kind);
      try {
        await body(t, rig);
      } finally {
        await rig.close();
      }
    });
  };

  withRig(
    'a job gets its directory, output, environment and exit code; starts are in order',
    async (t, rig) => {
      const first = rig.sh('pwd; echo "$A $HOME ${GONE-unset}"; echo err >&2; cat; exit 3', {
        cwd: path.join(rig.directory, 'deep/er/1'),
        set: { A: 'é "x"\n' },
        unset: ['GONE'],
      });
      const second = rig.start(['true']);
      const ended = await rig.event('ended', first);
      await rig.event('ended', second);
      t.is(ended.exitCode, 3);
      t.is(ended.signal, null);
      t.false(ended.told);
      t.is(ended.tail, `${rig.directory}/deep/er/1\né "x"\n /nowhere unset\nerr`);
      t.is(fs.readFileSync(path.join(rig.directory, 'deep/er/1/job.out'), 'utf8'), `${ended.tail}\n`);
      t.true(ended.startedAt > 0 && ended.endedAt >= ended.startedAt);
      t.true(
        Math.abs(Number(process.hrtime.bigint()) / 1e6 - ended.endedAt) < 60_000,
        'the monotonic clock of this host',
      );
      t.deepEqual(
        rig.events.filter((e) => e.kind === 'ended').map((e) => e.token),
        [first, second],
      );
      t.is(rig.helper.outstanding, 0);
    },
  );

  withRig('`started` is said of long jobs only', async (t, rig) => {
    const short = rig.start(['/bin/true']);
    const long = rig.start(['/bin/sleep', '0.5']);
    await rig.event('ended', long);
    const started = rig.events.filter((e) => e.kind === 'started');
    t.true(started.some((e) => e.token === long));
    const ended = await rig.event('ended', short);
    if (ended.endedAt - ended.startedAt < 40) t.false(started.some((e) => e.token === short));
  });

  withRig(
    'a job is a session of its own, with nothing on stdin, no foreign file open and default signals',
    async (t, rig) => {
      const token = rig.sh(
        'cat /proc/$$/stat; ls -m /proc/$$/fd; readlink /proc/$$/fd/0; grep -E "^Sig(Ign|Blk)" /proc/self/status; cat /proc/$$/oom_score_adj; umask',
      );
      await rig.event('ended', token);
      const [stat = '', files, stdin, blocked = '', ignored = '', oom, umask] = rig
        .output(token)
        .toString('utf8')
        .trim()
        .split('\n');
      const pid = stat.split(' ')[0];
      t.is(stat.split(' ')[4], pid, 'group');
      t.is(stat.split(' ')[5], pid, 'session');
      // No pipe in that listing: the shell would hold one end of it, and show it as a file of the job.
      t.regex(files ?? '', /^0, 1, (10, )?2$/);
      t.is(stdin, '/dev/null');
      t.regex(blocked, /:\s*0+$/);
      // 32 and 33 are the C library's own: its posix_spawn leaves them ignored in every child.
      t.regex(ignored, /:\s*0+(180000000)?$/);
      t.is(oom, '500');
      t.is(Number.parseInt(umask ?? '', 8), process.umask());
    },
  );

  withRig(
    'what fails before exec is said with its stage and errno, and the next job starts',
    async (t, rig) => {
      const file = path.join(rig.directory, 'plain');
      fs.writeFileSync(file, 'no program', { mode: 0o644 });
      const script = path.join(rig.directory, 'script');
      fs.writeFileSync(script, '#!/nonexistent/interpreter\n', { mode: 0o755 });
      const cases = [
        [rig.start(['true'], { cwd: `${file}/x` }), 'mkdir', 'ENOTDIR'],
        [rig.start(['true'], { cwd: '/nonexistent', makeDirectory: false }), 'chdir', 'ENOENT'],
        [rig.start(['true'], { output: '/nonexistent/out' }), 'output', 'ENOENT'],
        [rig.start(['true'], { output: '/' }), 'output', 'EBUSY'],
        [rig.start(['nosuchprogram']), 'exec', 'ENOENT'],
        [rig.start(['/nosuchprogram']), 'exec', 'ENOENT'],
        [rig.start([file]), 'exec', 'EACCES'],
        [rig.start([script]), 'exec', 'ENOENT'],
        [rig.start(['true', 'a\0b']), 'exec', 'EINVAL'],
        [rig.start(['true'], { set: { 'A=B': 'x' } }), 'exec', 'EINVAL'],
        [rig.start(['true', '\ud800']), 'exec', 'EINVAL'],
        [rig.start([]), 'exec', 'EINVAL'],
        [rig.start(['true', ...Array.from({ length: 100 }, () => 'x'.repeat(100_000))]), 'exec', 'E2BIG'],
      ] as const;
      const last = rig.start(['true']);
      await rig.event('ended', last);
      for (const [token, stage, code] of cases) {
        const failed = await rig.event('failed', token);
        t.like(failed, { stage, code }, failed.message);
        t.true(failed.errno > 0);
      }
    },
  );

  withRig('a bare name is looked up in the PATH of the job', async (t, rig) => {
    fs.mkdirSync(path.join(rig.directory, 'bin'));
    fs.writeFileSync(path.join(rig.directory, 'bin/only-here'), '#!/bin/sh\necho found $1\n', {
      mode: 0o755,
    });
    const found = rig.start(['only-here', 'x'], { set: { PATH: `/nonexistent:${rig.directory}/bin:/bin` } });
    const not = rig.start(['only-here']);
    const relative = rig.start(['only-here', 'y'], { set: { PATH: '../bin:/bin' } });
    t.is((await rig.event('ended', found)).exitCode, 0);
    t.is(rig.output(found).toString(), 'found x\n');
    t.is((await rig.event('failed', not)).code, 'ENOENT');
    await rig.event('ended', relative);
    t.is(rig.output(relative).toString(), 'found y\n');
  });

  withRig('exit 143 and SIGTERM are told apart', async (t, rig) => {
    const exits = rig.sh('exit 143');
    const dies = rig.sh('kill -TERM $$');
    const crashes = rig.sh('kill -SEGV $$');
    t.like(await rig.event('ended', exits), { exitCode: 143, signal: null });
    t.like(await rig.event('ended', dies), { exitCode: null, signal: 'SIGTERM', told: false });
    t.like(await rig.event('ended', crashes), { exitCode: null, signal: 'SIGSEGV', told: false });
  });

  withRig('a kill is TERM, then KILL to those who ignore it', async (t, rig) => {
    const polite = rig.sh('trap "echo bye; exit 7" TERM; echo up; while :; do sleep 0.02; done');
    await rig.event('started', polite);
    rig.helper.kill(polite, 60_000);
    const ended = await rig.event('ended', polite);
    t.like(ended, { exitCode: 7, told: true });
    t.regex(ended.tail ?? '', /^up\n(Terminated\n)?bye$/);

    const stubborn = rig.sh('trap "" TERM; sleep 1000 & sleep 1000; sleep 1000');
    await rig.event('started', stubborn);
    const asked = performance.now();
    rig.helper.kill(stubborn, 300);
    t.like(await rig.event('ended', stubborn), { exitCode: null, signal: 'SIGKILL', told: true });
    t.true(performance.now() - asked >= 290);

    const hurried = rig.sh('trap "" TERM; sleep 1000; :');
    await rig.event('started', hurried);
    rig.helper.kill(hurried, 60_000);
    rig.helper.kill(hurried, 0);
    t.like(await rig.event('ended', hurried), { signal: 'SIGKILL', told: true });
  });

  withRig('after a kill the children of the leader get the rest of the grace', async (t, rig) => {
    const token = rig.sh(
      '(trap "sleep 0.3; echo saved; exit 0" TERM; while :; do sleep 0.02; done) & sleep 1000; :',
    );
    await rig.event('started', token);
    rig.helper.kill(token, 20_000);
    t.like(await rig.event('ended', token), { signal: 'SIGTERM', told: true });
    t.is(rig.output(token).toString().replace('Terminated\n', ''), 'saved\n');
  });

  withRig('a queued start can be killed or taken back; a running one is not taken back', async (t, rig) => {
    const running = rig.start(['/bin/sleep', '1000']);
    const killed = rig.start(['true']);
    const retracted = rig.start(['true']);
    const kept = rig.start(['true']);
    await rig.event('started', running);
    rig.helper.retract(running);
    rig.helper.kill(killed, 0);
    rig.helper.retract(retracted);
    await rig.event('retracted', killed);
    await rig.event('retracted', retracted);
    t.is(rig.helper.outstanding, 2);
    rig.helper.kill(running, 1_000);
    t.true((await rig.event('ended', running)).told);
    t.is((await rig.event('ended', kept)).exitCode, 0);
    rig.helper.kill(kept, 0);
    rig.helper.retract(999);
    t.is((await rig.event('ended', rig.start(['true']))).exitCode, 0);
    t.is(rig.events.filter((e) => e.kind === 'retracted').length, 2);
    t.false(fs.existsSync(path.join(rig.directory, String(killed))), 'never started');
  });

  withRig(
    'what a job leaves behind is gone before its end is said, sessions of their own included',
    async (t, rig) => {
      const token = rig.sh(
        'sleep 1000 & echo $! >>pids; setsid sleep 1000 & echo $! >>pids; (setsid sh -c "sleep 1000 & sleep 1000" &) ; exit 0',
      );
      const ended = await rig.event('ended', token);
      t.is(ended.exitCode, 0);
      t.false(ended.told);
      const pids = await pidsIn(path.join(rig.directory, String(token), 'pids'), 2);
      t.deepEqual(pids.filter(alive), []);
    },
  );

  withRig('a killed job takes a grandchild in a session of its own with it', async (t, rig) => {
    const token = rig.sh(
      'setsid sh -c "trap \\"\\" TERM; echo \\$\\$ >>pids; while :; do sleep 1; done" & sleep 1000; :',
    );
    const [grandchild = 0] = await pidsIn(path.join(rig.directory, String(token), 'pids'), 1);
    rig.helper.kill(token, 200);
    t.true((await rig.event('ended', token)).told);
    t.false(alive(grandchild));
  });

  withRig('the tail is the last lines, valid UTF-8, bounded', async (t, rig) => {
    const lines = rig.sh('seq 1 100; exit 1');
    const bytes = rig.sh('head -c 100000 /dev/zero | tr "\\0" "\\377"; printf "\\0end\\n"; exit 1');
    const none = rig.sh('exit 1');
    const good = rig.sh('echo fine');
    t.is(
      (await rig.event('ended', lines)).tail,
      Array.from({ length: 16 }, (_, i) => String(85 + i)).join('\n'),
    );
    const { tail } = await rig.event('ended', bytes);
    t.true(tail !== null && Buffer.byteLength(tail) <= 4096 && Buffer.byteLength(tail) > 4000);
    t.regex(tail ?? '', /^\ufffd+end$/);
    t.is((await rig.event('ended', none)).tail, null);
    t.is((await rig.event('ended', good)).tail, null);
  });

  unless(NO_SMALL_DISK, test)(`${kind}: a full disk is named in the tail`, async (t) => {
    const rig = await Rig.open(kind);
    const cwd = path.join(rig.directory, 'small');
    fs.mkdirSync(cwd);
    const disk = smallDisk(cwd, 'size=64k');
    try {
      const said = '[no space is left where this output is written]';
      const { exitCode, tail } = await rig.event('ended', rig.sh('yes | head -c 1000000', { cwd }));
      t.is(exitCode, 1);
      t.deepEqual([tail?.split('\n').at(-1), tail?.split('\n').length], [said, 17]);
      const nothing = rig.sh('echo lost; exit 1', { cwd, output: 'second.out' });
      t.is((await rig.event('ended', nothing)).tail, said);
    } finally {
      disk.remove();
      await rig.close();
    }
  });

  withRig('1 GB of output costs no memory', async (t, rig) => {
    const token = rig.sh('head -c 1000000000 /dev/zero; exit 1');
    const ended = await rig.event('ended', token);
    const file = path.join(rig.directory, String(token), 'job.out');
    t.is(fs.statSync(file).size, 1_000_000_000);
    fs.rmSync(file);
    t.true((ended.tail?.length ?? 0) <= 4096);
    const peakKb = Number(
      /VmHWM:\s*(\d+)/.exec(fs.readFileSync(`/proc/${rig.helper.pid}/status`, 'latin1'))?.[1],
    );
    t.true(peakKb < (kind === 'python' ? 32_000 : 150_000), `helper used ${peakKb} kB`);
  });

  withRig('cpus are pinned and given back', async (t, rig) => {
    const list = /Cpus_allowed_list:\s*(\S+)/.exec(fs.readFileSync('/proc/self/status', 'latin1'))?.[1] ?? '';
    const first = Number(/^\d+/.exec(list)?.[0]);
    const script = 'sed -n "s/Cpus_allowed_list:[[:space:]]*//p" /proc/self/status';
    const pinned = rig.sh(script, { cpus: [first] });
    const free = rig.sh(script);
    await rig.event('ended', free);
    t.is(rig.output(pinned).toString().trim(), String(first));
    t.is(rig.output(free).toString().trim(), list);
  });

  withRig('usage is that of the job', async (t, rig) => {
    const token = rig.start([
      '/usr/bin/python3',
      '-c',
      'import time\nx = bytearray(80_000_000)\nend = time.time() + 2.5\nwhile time.time() < end: pass',
    ]);
    const ended = await rig.event('ended', token);
    t.is(ended.exitCode, 0);
    t.true((ended.userSeconds ?? 0) + (ended.systemSeconds ?? 0) > 0.2, JSON.stringify(ended));
    t.true((ended.maxRssKb ?? 0) > 80_000);
  });

  withRig('a helper that dies is lost: its job is ended, every token answered once', async (t, rig) => {
    const running = rig.sh('setsid sleep 1000 & echo $! >>pids; echo $$ >>pids; sleep 1000; :');
    const queued = rig.start(['true']);
    const pids = await pidsIn(path.join(rig.directory, String(running), 'pids'), 2);
    process.kill(rig.helper.pid ?? 0, 'SIGKILL');
    const lost = await rig.event('lost');
    t.deepEqual(lost.tokens, [running, queued]);
    t.deepEqual(lost.left, []);
    t.deepEqual(pids.filter(alive), []);
    t.is(rig.helper.outstanding, 0);
  });

  withRig('closing ends a job that ignores everything, and resolves when all is gone', async (t, rig) => {
    const running = rig.sh(
      'trap "" TERM HUP INT; setsid sleep 1000 & echo $! >>pids; echo $$ >>pids; while :; do sleep 1; done',
    );
    const pids = await pidsIn(path.join(rig.directory, String(running), 'pids'), 2);
    await rig.helper.close();
    t.deepEqual(pids.filter(alive), []);
    t.false(alive(rig.helper.pid ?? 0));
    t.deepEqual((await rig.event('lost')).tokens, [running]);
  });

  withRig('hundreds of jobs sent a few ahead all end, in order, once', async (t, rig) => {
    const count = 300;
    let sent = 0;
    const tokens: number[] = [];
    while (sent < count) {
      while (sent < count && rig.helper.outstanding < 8) {
        tokens.push(rig.start(['/bin/true'], { cwd: rig.directory, output: 'same.out' }));
        sent += 1;
      }
      await rig.event('ended', tokens[Math.max(0, sent - 8)]);
    }
    await rig.event('ended', tokens.at(-1));
    t.deepEqual(
      rig.events.filter((e) => e.kind === 'ended').map((e) => e.token),
      tokens,
    );
  });
}

test('a helper that can not be started says so at once, and why', async (t) => {
  const { Helpers } = await import('../../src/process/helper.ts');
  const directory = fs.mkdtempSync(path.join(os.tmpdir(), 'balsam-helper-'));
  const helpers = new Helpers({
    kind: 'python',
    python: '/nonexistent/python3',
    directory,
    baseEnv: Buffer.alloc(0),
    marker: {},
  });
  const said = await new Promise((resolve) => {
    const helper = helpers.open(resolve);
    helper.start({
      token: 5,
      cwd: '/',
      makeDirectory: false,
      output: 'x',
      attempt: 1,
      argv: ['true'],
      set: {},
      unset: [],
      cpus: null,
    });
  });
  await helpers.close();
  fs.rmSync(directory, { recursive: true });
  t.deepEqual(said, { kind: 'unopened', reason: 'spawn /nonexistent/python3 ENOENT' });
});

test('a helper is chosen: python where it works, Node otherwise, never silently instead of what was insisted on', async (t) => {
  const auto = await chooseHelper('auto');
  t.is(auto.kind, 'python');
  t.true(path.isAbsolute(auto.python ?? ''), 'the program itself, not a script of a version manager');
  t.deepEqual(await chooseHelper('node'), { kind: 'node' });
  t.deepEqual(await chooseHelper('auto', '/nonexistent/python3'), { kind: 'node' });
  await t.throwsAsync(chooseHelper('python', '/nonexistent/python3'), { message: /nonexistent/ });
  await t.throwsAsync(chooseHelper('python', '/bin/false'), { message: /can't be used/ });
});

test('a wait that never ends would fail by its deadline', async (t) => {
  await t.throwsAsync(
    until('nothing', () => false, 20),
    { message: /not within 20 ms/ },
  );
});
