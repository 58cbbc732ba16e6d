/** Help and completion: every example of the topics is run, in a real shell; completion is asked by real shells. */
import fs from 'node:fs';
import path from 'node:path';
import { spawnSync } from 'node:child_process';
import test from 'ava';
import type { ExecutionContext } from 'ava';
import { COMMANDS, LATER } from '../../src/cli/commands.ts';
import { TOPICS, topicText } from '../../src/cli/input/topics.ts';
import { ROOT, run } from '../helpers/program.ts';
import type { Ran } from '../helpers/program.ts';
import { unless } from '../helpers/unless.ts';
import { balsam, fresh, nth } from './_cli.ts';

const bin = path.join(ROOT, 'bin');
const searchPath = `${bin}:${path.dirname(process.execPath)}:${process.env['PATH'] ?? ''}`;

test.serial('every example of every topic does what it says', async (t) => {
  t.timeout(300_000); // some forty commands, a database and a launcher among them
  const home = fs.mkdtempSync(path.join(fs.realpathSync('/tmp'), 'balsam-help-'));
  // As root Postgres runs under an account of its own, which must be able to pass through.
  fs.chmodSync(home, 0o711);
  const examples = TOPICS.flatMap((topic) =>
    topicText(topic, [])
      .split('\n')
      .filter((line) => line.startsWith('  $ ')),
  ).map((line) => line.slice(4));
  t.true(examples.length > 20);
  const script = examples.map(
    (line) => `{ ${line}\n} || { echo "FAILED: "${JSON.stringify(line)} >&2; exit 1; }`,
  );
  const ran = await run('bash', ['-c', script.join('\n')], {
    cwd: home,
    env: { PATH: searchPath, BALSAM_HOME: home },
    deadline: 240_000,
  });
  await run(path.join(bin, 'balsam'), ['server', '--stop'], {
    env: { BALSAM_DB_PATH: path.join(home, 'mydb') },
  });
  fs.rmSync(home, { recursive: true });
  t.is(ran.code, 0, `${ran.err}\n${ran.out.slice(-2000)}`);
  t.regex(ran.out, /JOB_FINISHED {2}21\n/);
  t.regex(ran.out, /\nhello world\n/);
});

test.serial('help of commands and topics, and what there is no help on', async (t) => {
  const help = await balsam(['help']);
  for (const name of Object.keys(COMMANDS)) t.regex(help.out, new RegExp(`\\n {2}${name} {2,}\\S`));
  for (const topic of TOPICS) {
    t.true(help.out.includes(topic), topic);
    t.is((await balsam(['help', topic])).out, topicText(topic, []));
  }
  t.regex((await balsam(['help', 'ls'])).out, /--by-states/);
  t.regex((await balsam(['help', 'exit_codes'])).out, /^Every command:\n\n {2}0 {3}done\n/);
  t.regex(
    (await balsam(['help', 'filter'])).err,
    /no help on "filter" \(did you mean filters\?\); topics are tour,/,
  );
  t.is((await balsam(['help', 'ls', 'x'])).code, 2);
  const mistyped = await balsam(['modfy']);
  t.deepEqual([mistyped.code, mistyped.err.includes('did you mean modify?')], [2, true]);
  t.deepEqual(Object.keys(LATER), ['dep', 'mkchild', 'service']);
});

test.serial('--help of every command, and an option that none has', async (t) => {
  t.timeout(240_000);
  for (const name of Object.keys(COMMANDS)) {
    const { code, out, err } = await balsam([name, '--help']);
    t.deepEqual([code, err], [0, ''], name);
    t.regex(out, /USAGE/, name);
    // As it is typed: one dash is for one letter.
    t.notRegex(out, /(?<=[\s,])-[a-z]{2}/, name);
    const wrong = await balsam([name, '--no-such-option']);
    t.deepEqual([wrong.code, wrong.out], [2, ''], name);
    t.regex(
      wrong.err,
      /^balsam: [\w-]+: unknown option --no-such-option; `balsam [\w-]+ --help` lists them\n$/,
      name,
    );
  }
});

/** What a shell offers for the last of the words. */
async function offered(
  t: ExecutionContext,
  env: Record<string, string>,
  ...words: string[]
): Promise<string[]> {
  const ran = await balsam(['__complete', ...words], { env });
  t.deepEqual([ran.code, ran.err], [0, '']);
  return ran.out
    .split('\n')
    .filter(Boolean)
    .map((line) => line.split('\t')[0]!);
}

test.serial('completion knows commands, options, states, workflows, applications, ids', async (t) => {
  t.timeout(240_000);
  const db = await fresh(t);
  await db.sql`insert into application (name, executable) values ('hello', 'x'), ('help me', 'x'), (${'evil\nname'}, 'x')`;
  await db.sql`insert into job (id, name, workflow) values (${nth(1)}, 'a', 'alloy'), (${nth(2)}, 'b', 'basin')`;
  const ask = (...words: string[]): Promise<string[]> => offered(t, db.env, ...words);
  t.deepEqual(await ask('kil'), ['kill', 'killjob']);
  t.deepEqual(await ask('make-d'), ['make_dummies']);
  t.deepEqual(await ask('ls', '--st'), ['--state']);
  t.false((await ask('ls', '--state', 'FAILED', '--')).includes('--state'));
  t.deepEqual(await ask('ls', '--state', 'run'), ['RUNNING', 'RUN_DONE', 'RUN_TIMEOUT', 'RUN_ERROR']);
  t.deepEqual(await ask('ls', '--state=FA'), ['--state=FAILED']);
  t.deepEqual(await ask('ls', '--state', '=', 'FA'), ['--state=FAILED']);
  t.deepEqual(await ask('ls', 'w'), ['wf']);
  t.deepEqual(await ask('ls', '--wf', 'b'), ['basin']);
  t.deepEqual(await ask('job', '--application', 'hel'), ['hello', 'help me']);
  t.deepEqual(await ask('kill', '0000'), ['00000002', '00000001']);
  t.deepEqual(await ask('kill', '00000001-'), [nth(1)]);
  t.deepEqual(await ask('kill', 'zz'), []);
  // A name that is alone among the newest; a filter takes none.
  await db.sql`insert into job (id, name) values (${nth(3)}, 'anneal'), (${nth(4)}, 'twin'), (${nth(5)}, 'twin')`;
  t.deepEqual(await ask('explain', 'ann'), ['anneal']);
  t.deepEqual(await ask('retry', 'a'), ['anneal', 'a']);
  t.deepEqual(await ask('killjob', '--id', 'ann'), ['anneal']);
  t.deepEqual(await ask('cd', 'tw'), []);
  t.deepEqual(await ask('ls', '--id', 'ann'), []);
  t.deepEqual(await ask('rm', 'jobs', '--id', '00000002'), ['00000002']);
  t.deepEqual(await ask('modify', '0001', 'num_n'), ['num_nodes']);
  t.deepEqual(await ask('modify', '0001', 'state', 'JOB'), ['JOB_FINISHED']);
  t.deepEqual(await ask('modify', '0001', 'wait_for_parents', ''), ['true', 'false']);
  t.deepEqual(await ask('launcher', '--job-mode', 's'), ['serial']);
  t.deepEqual(await ask('submit-launch', '-n', ''), []);
  t.deepEqual(await ask('help', 'exit'), ['exit-codes']);
  t.deepEqual(await ask('completion', ''), ['bash', 'zsh', 'fish']);
  t.deepEqual(await ask('nosuch', ''), []);
  // Neither a server that is down nor a missing database makes a sound, or a server.
  t.deepEqual(await offered(t, { BALSAM_DB_PATH: '/nowhere' }, 'kill', ''), []);
  t.regex(
    (await balsam(['completion', 'bsh'])).err,
    /completion knows bash, zsh, fish, not "bsh" \(did you mean bash\?\)/,
  );
});

for (const [shell, script] of [
  [
    'bash',
    'eval "$(balsam completion bash)"; COMP_WORDS=(balsam job --application hel); COMP_CWORD=3; _balsam; printf "%s\\n" "${COMPREPLY[@]}"',
  ],
  [
    'zsh',
    'compdef() { :; }; _describe() { print -l ${(P)2}; }; eval "$(balsam completion zsh)"; words=(balsam job --application hel); CURRENT=4; _balsam',
  ],
  ['fish', 'balsam completion fish | source; complete -C "balsam job --application hel"'],
] as const) {
  const isHere = spawnSync(shell, ['-c', 'exit 0']).status === 0;
  unless(isHere ? null : `there is no ${shell} on this machine`, test.serial)(
    `${shell} completes`,
    async (t) => {
      const db = await fresh(t);
      await db.sql`insert into application (name, executable, description) values ('hello', 'x', 'says it'), ('help me', 'x', '')`;
      const ran: Ran = await run(shell, ['-c', script], {
        env: { ...db.env, PATH: searchPath, HOME: db.path },
      });
      t.is(ran.err, '');
      const lines = ran.out.split('\n').filter(Boolean);
      const wanted = {
        bash: ['hello', 'help\\ me'],
        zsh: ['hello:says it', 'help me:'],
        fish: ['hello\tsays it', 'help me'],
      };
      t.deepEqual(lines, wanted[shell]);
    },
  );
}
