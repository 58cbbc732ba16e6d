/**
 * What a job has left behind can be read afterwards: the output of each try, also after retry, reset and a new name; and
 * whatever it has put in place of its output, no command waits for it.
 */
import { execFileSync } from 'node:child_process';
import fs from 'node:fs';
import path from 'node:path';
import test from 'ava';
import { makeWorld, until, type World } from './_world.ts';

let world: World;
test.before(async () => {
  world = await makeWorld();
  await world.app('says', `echo "attempt $BALSAM_ATTEMPT in $(basename "$PWD")"; ls; exit 3`);
  await world.app('long', `echo begins; sleep 300`);
  await world.app('spoils', `rm "$BALSAM_TEST_OUT"; eval "$BALSAM_TEST_MAKE"; exit 3`);
});
test.after.always('nothing is left behind', async (t) => {
  t.deepEqual(await world.close(), []);
});

/** The command as it ended; fails when it does not. */
async function command(...words: string[]): Promise<{ code: number | string; out: string; err: string }> {
  const { code, out, err } = await world.balsam(words, { deadline: 60_000 });
  return { code: code ?? 'killed', out, err };
}

async function out(...words: string[]): Promise<string> {
  const ran = await command(...words);
  if (ran.code !== 0) throw new Error(`balsam ${words.join(' ')}: ${ran.code} ${ran.err}`);
  return ran.out;
}

async function runAgain(id: string): Promise<void> {
  const launcher = world.launcher(['--consume-all', '--idle-exit-seconds', '0']);
  await launcher.exit();
  await world.until([id], ['FAILED']);
}

test.serial('the output of each try stays: retry, reset, and under another name', async (t) => {
  t.timeout(240_000);
  const [id] = (await world.jobs([{ name: 'first', workflow: 'one', application: 'says' }])) as [string];
  await runAgain(id);
  t.regex(await out('output', 'first'), /^attempt 1 in first_/);
  t.notRegex(await out('explain', 'first'), /--try/);
  await out('retry', 'first', '--yes');
  await runAgain(id);
  t.regex(await out('output', 'first'), /^attempt 2/);
  t.regex(await out('output', 'first', '--try', '1'), /^attempt 1/);
  t.regex(await out('output', 'first', '--try', '2'), /^attempt 2/);

  await out('modify', 'first', 'name', 'second');
  await out('modify', 'second', 'workflow', 'two');
  const directory = (await out('cd', 'second')).trim();
  t.regex(directory, /\/data\/one\/first_[0-9a-f]{8}$/, 'its files stay where they are');
  t.regex(await out('output', 'second'), /^attempt 2/);
  t.regex(await out('ls', '--id', id, '--verbose'), new RegExp(`Working directory:.*${directory}\n`));
  await out('reset', 'second', '--yes');
  await runAgain(id);
  t.regex(
    await out('output', 'second'),
    /^attempt 3 in first_[0-9a-f]{8}\nfirst\.out\nfirst\.out\.1\nfirst\.out\.2\n/,
  );
  t.regex(await out('explain', 'second'), /\nWhat try 1 and 2 wrote: balsam output [0-9a-f]{8} --try 2\n$/);
  const none = await command('output', 'second', '--try', '9');
  t.is(none.code, 1);
  t.regex(none.err, /has no output of try 9: there is those of try 1 and 2, and of its newest one/);
  const [line] = (await out('output', 'second', '--try', '1', '--json')).split('\n');
  t.like(JSON.parse(line!), { kind: 'output', path: `${directory}/first.out.1` });
  t.is((await command('output', 'second', '--try', 'x')).code, 2);
  t.is((await command('output', 'second', '--try', '1', '-f')).code, 2);

  // What never ran has no files: its directory follows its name.
  const [fresh] = (await world.jobs([{ name: 'third', workflow: 'one', application: 'says' }])) as [string];
  await out('modify', 'third', 'name', 'fourth');
  t.regex((await command('cd', 'fourth')).err, /one\/fourth_/);
  await out('rm', 'jobs', '--id', fresh, '--yes');
});

const LEFT: [what: string, make: string, said: RegExp][] = [
  ['fifo', 'mkfifo spoilt.out', /it is a fifo, no ordinary file/],
  ['directory', 'mkdir spoilt.out', /it is a directory/],
  ['link-to-device', 'ln -s /dev/zero spoilt.out', /it is a link to \/dev\/zero/],
  ['link-outside', 'ln -s /etc/passwd spoilt.out', /it is a link to \/etc\/passwd/],
  ['dangling-link', 'ln -s nowhere spoilt.out', /it is a link to nowhere/],
];

for (const [what, make, said] of LEFT) {
  test.serial(`a ${what} where the output should be blocks no command and no next try`, async (t) => {
    t.timeout(240_000);
    const [id] = (await world.jobs([
      {
        name: 'spoilt',
        workflow: what,
        application: 'spoils',
        environ_vars: `BALSAM_TEST_OUT=spoilt.out:BALSAM_TEST_MAKE=${make}`,
      },
    ])) as [string];
    await runAgain(id);
    for (const words of [
      ['output', id],
      ['output', id, '-n', '2'],
      ['output', id, '--json'],
      ['output', id, '-f'],
    ]) {
      const ran = await command(...words);
      t.is(ran.code, 1, words.join(' '));
      t.regex(ran.err, said);
    }
    const explained = await out('explain', id);
    t.regex(explained, /FAILED: nonzero return 3/);
    t.regex(explained, said);
    const [line] = (await out('explain', id, '--json')).split('\n');
    t.regex((JSON.parse(line!) as { output: { problem: string } }).output.problem, said);
    // The next try begins, and can be killed.
    await out('modify', id, 'application', 'long');
    await out('retry', id, '--yes');
    const launcher = world.launcher(['--consume-all', '--idle-exit-seconds', '0']);
    const file = path.join(world.directory(await world.row(id)), 'spoilt.out');
    const isFile = (): boolean => fs.lstatSync(file, { throwIfNoEntry: false })?.isFile() === true;
    await until(() => isFile() && fs.readFileSync(file, 'utf8') === 'begins\n', 'the next try begins');
    await out('kill', id, '--yes');
    await launcher.exit();
    const row = await world.row(id);
    t.deepEqual([row.state, row.launcher], ['USER_KILLED', null]);
  });
}

test.serial(
  'a file without any right is renamed by the next try; the client reads links to files and nothing else',
  async (t) => {
    const [id] = (await world.jobs([
      {
        name: 'spoilt',
        workflow: 'mode',
        application: 'spoils',
        environ_vars: 'BALSAM_TEST_OUT=x:BALSAM_TEST_MAKE=chmod 0 spoilt.out',
      },
    ])) as [string];
    await runAgain(id);
    await out('retry', id, '--yes');
    await runAgain(id);
    const directory = world.directory(await world.row(id));
    t.deepEqual(fs.readdirSync(directory).toSorted(), ['spoilt.out', 'spoilt.out.1']);
    fs.writeFileSync(path.join(directory, 'result'), 'R');
    fs.symlinkSync('result', path.join(directory, 'link'));
    execFileSync('mkfifo', [path.join(directory, 'fifo')]);
    const script = path.join(world.home, 'reads.mjs');
    const client = new URL('../../dist/index.js', import.meta.url).href;
    fs.writeFileSync(
      script,
      `import { BalsamJob } from ${JSON.stringify(client)};
const job = await BalsamJob.objects.get({ id: '${id}' });
for (const name of ['link', 'fifo', 'none'])
  console.log(await job.readFileInWorkingDirectory(name).catch((error) => error.message));
`,
    );
    const read = execFileSync(process.execPath, [script], {
      env: world.env() as NodeJS.ProcessEnv,
      timeout: 60_000,
    });
    const lines = read.toString().split('\n');
    t.is(lines[0], 'R');
    t.regex(lines[1] ?? '', /fifo cannot be read: it is a fifo, no ordinary file/);
    t.regex(lines[2] ?? '', /none cannot be read: it is not there/);
  },
);
