/**
 * What helpers do with the files of a job, the same for both kinds: the output of earlier tries stays, whatever a job has
 * left in place of its output blocks nobody, and why a program could not be executed is said. Real files and processes.
 */
import { execFileSync } from 'node:child_process';
import fs from 'node:fs';
import { createServer } from 'node:net';
import path from 'node:path';
import { setImmediate as nextTurn } from 'node:timers/promises';
import test, { type ExecutionContext } from 'ava';
import { KEPT_OUTPUTS } from '../../src/base/process-limits.ts';
import { KINDS, Rig, alive, until } from './_rig.ts';

for (const kind of KINDS) {
  const withRig = (
    title: string,
    body: (t: ExecutionContext, rig: Rig, cwd: string) => Promise<void>,
  ): void => {
    test(`${kind}: ${title}`, async (t) => {
      t.timeout(120_000);
      const rig = await Rig.open(kind);
      const cwd = path.join(rig.directory, 'w');
      fs.mkdirSync(cwd);
      try {
        await body(t, rig, cwd);
      } finally {
        await rig.close();
      }
    });
  };
  const read = (cwd: string, name: string): string => fs.readFileSync(path.join(cwd, name), 'utf8');

  withRig('each try begins an output of its own, and those before it stay as NAME.N', async (t, rig, cwd) => {
    for (let attempt = 1; attempt <= 3; attempt++)
      await rig.event('ended', rig.sh(`echo try ${attempt}`, { cwd, attempt }));
    t.deepEqual(fs.readdirSync(cwd).toSorted(), ['job.out', 'job.out.1', 'job.out.2']);
    t.is(read(cwd, 'job.out.1'), 'try 1\n');
    t.is(read(cwd, 'job.out.2'), 'try 2\n');
    t.is(read(cwd, 'job.out'), 'try 3\n');
    // Attempts that never began a process leave no gap.
    await rig.event('ended', rig.sh('echo try 4', { cwd, attempt: 9 }));
    t.is(read(cwd, 'job.out.3'), 'try 3\n');
  });

  withRig(
    'a first attempt begins a file anew that is there: jobs may share a directory',
    async (t, rig, cwd) => {
      await rig.event('ended', rig.sh('echo one and more', { cwd }));
      await rig.event('ended', rig.sh('echo two; grep flags /proc/$$/fdinfo/1', { cwd }));
      t.regex(read(cwd, 'job.out'), /^two\n/);
      const flags = Number.parseInt(/flags:\s*(\d+)/.exec(read(cwd, 'job.out'))![1]!, 8);
      t.is(flags & fs.constants.O_NONBLOCK, 0, 'a job finds an ordinary descriptor');
      t.deepEqual(fs.readdirSync(cwd), ['job.out']);
    },
  );

  withRig(
    `the newest ${KEPT_OUTPUTS} stay, and what a job put at those names is not written over`,
    async (t, rig, cwd) => {
      const names = Array.from({ length: 5 }, (_, i) => `job.out.${i + 1}`);
      for (const name of names) fs.symlinkSync('victim', path.join(cwd, name));
      fs.writeFileSync(path.join(cwd, 'victim'), 'untouched');
      for (let attempt = 1; attempt <= KEPT_OUTPUTS + 8; attempt++)
        await rig.event('ended', rig.sh(`echo ${attempt}`, { cwd, attempt }));
      t.is(read(cwd, 'victim'), 'untouched');
      t.true(names.every((name) => fs.lstatSync(path.join(cwd, name)).isSymbolicLink()));
      const kept = fs
        .readdirSync(cwd)
        .filter((name) => /^job\.out\.\d+$/.test(name) && !names.includes(name));
      t.is(kept.length, KEPT_OUTPUTS);
      const said = kept.map((name) => Number(read(cwd, name))).toSorted((a, b) => a - b);
      t.deepEqual(
        said,
        Array.from({ length: KEPT_OUTPUTS }, (_, i) => 8 + i),
      );
    },
  );

  withRig(
    'whatever a job has left at its output, the next try begins, and the end of one is told',
    async (t, rig, cwd) => {
      const out = path.join(cwd, 'job.out');
      const server = createServer().listen(path.join(rig.directory, 's'));
      await new Promise((resolve) => server.once('listening', resolve));
      const left: [what: string, make: () => void][] = [
        ['fifo', () => execFileSync('mkfifo', [out])],
        ['directory', () => fs.mkdirSync(path.join(out, 'full'), { recursive: true })],
        ['link to a device', () => fs.symlinkSync('/dev/full', out)],
        ['link outside', () => fs.symlinkSync('../precious', out)],
        ['dangling link', () => fs.symlinkSync('nowhere', out)],
        ['socket', () => fs.renameSync(path.join(rig.directory, 's'), out)],
        ['closed file', () => fs.writeFileSync(out, 'x', { mode: 0 })],
      ];
      fs.writeFileSync(path.join(rig.directory, 'precious'), 'kept');
      let attempt = 0;
      for (const [what, make] of left) {
        for (const first of [true, false]) {
          if (what === 'socket' && first) continue;
          fs.rmSync(out, { recursive: true, force: true });
          make();
          attempt += 1;
          const token = rig.sh(`echo ${what}; exit 3`, { cwd, attempt: first ? 1 : attempt });
          const ended = await rig.event('ended', token);
          t.is(ended.tail, what);
          t.is(read(cwd, 'job.out'), `${what}\n`);
        }
      }
      server.close();
      t.is(fs.readFileSync(path.join(rig.directory, 'precious'), 'utf8'), 'kept');
      const token = rig.sh('rm job.out; mkfifo job.out; exit 3', { cwd, attempt: ++attempt });
      t.regex((await rig.event('ended', token)).tail ?? '', /no ordinary file any more/);
      await rig.event('ended', rig.sh('true', { cwd, attempt: ++attempt }));
    },
  );

  withRig(
    'a program whose interpreter is not there is told from one that is not there',
    async (t, rig, cwd) => {
      const said = async (text: string): Promise<string> => {
        fs.writeFileSync(path.join(cwd, 'p'), text, { mode: 0o755 });
        return (await rig.event('failed', rig.start(['./p'], { cwd }))).message;
      };
      t.regex(
        await said('#! /no/such/sh -e\necho\n'),
        /^\.\/p: .*names an interpreter which is not there: \/no\/such\/sh$/,
      );
      t.regex(
        await said('#!/bin/sh\r\necho\r\n'),
        /interpreter which is not there: \/bin\/sh with a carriage return .*CRLF/,
      );
      const nowhere = await rig.event('failed', rig.start(['./q'], { cwd }));
      t.regex(nowhere.message, /^\.\/q: .*(no such file|ENOENT)/i);
      t.notRegex(nowhere.message, /interpreter/);
    },
  );

  withRig(
    "an end that came before our signal is the job's own; one that obeyed it is not",
    async (t, rig) => {
      const obeys = rig.sh('trap "exit 0" TERM; echo ready; while :; do sleep 0.01; done');
      await until('it runs', () => rig.outputOf(obeys) === 'ready\n');
      rig.helper.kill(obeys, 5_000);
      t.like(await rig.event('ended', obeys), { exitCode: 0, told: true });
      // The helper stands still while the job ends and the kill arrives: when it goes on, the end was there first.
      const over = rig.sh('echo $$; until [ -e over ]; do sleep 0.01; done; exit 0');
      await until('it runs', () => /\d\n/.test(rig.outputOf(over)));
      process.kill(rig.helper.pid!, 'SIGSTOP');
      fs.writeFileSync(path.join(rig.directory, String(over), 'over'), '');
      await until('it has ended', () => !alive(Number(rig.outputOf(over))));
      rig.helper.kill(over, 5_000);
      // It is in the pipe at the end of this turn.
      await nextTurn();
      process.kill(rig.helper.pid!, 'SIGCONT');
      t.like(await rig.event('ended', over), { exitCode: 0, told: false });
    },
  );

  test(`${kind}: an end for want of memory is told from another, by what the kernel counts`, async (t) => {
    t.timeout(120_000);
    const rig = await Rig.open(kind, undefined, (directory) => path.join(directory, 'memory.events'));
    const file = path.join(rig.directory, 'memory.events');
    const events = (kills: number): void =>
      fs.writeFileSync(file, `low 0\nhigh 0\nmax 9\noom 1\noom_kill ${kills}\noom_group_kill 0\n`);
    try {
      events(4);
      const killed = rig.sh('kill -9 $$');
      t.false((await rig.event('ended', killed)).oom);
      const long = rig.sh('until [ -e over ]; do sleep 0.01; done; kill -9 $$');
      await rig.event('started', long);
      events(5);
      fs.writeFileSync(path.join(rig.directory, String(long), 'over'), '');
      t.like(await rig.event('ended', long), { signal: 'SIGKILL', oom: true });
      const well = rig.sh('until [ -e over ]; do sleep 0.01; done');
      await rig.event('started', well);
      events(6);
      fs.writeFileSync(path.join(rig.directory, String(well), 'over'), '');
      t.like(await rig.event('ended', well), { exitCode: 0, oom: false });
      const other = rig.sh('sleep 0.2; kill -9 $$');
      t.like(
        await rig.event('ended', other),
        { signal: 'SIGKILL', oom: false },
        'it counts from its own start',
      );
    } finally {
      await rig.close();
    }
  });
}
