/** The man page: it names every command and option, and groff takes all of it and sets it in 80 columns. */
import { spawnSync } from 'node:child_process';
import fs from 'node:fs';
import path from 'node:path';
import test from 'ava';
import { COMMANDS } from '../../src/cli/commands.ts';
import { commandOf } from '../../src/cli/seldom.ts';
import { unless } from '../helpers/unless.ts';
import { ROOT, run } from '../helpers/program.ts';

const PAGE = path.join(ROOT, 'docs/balsam.1');
const NO_GROFF = spawnSync('groff', ['--version']).status === 0 ? null : 'there is no groff on this machine';

test('every command and every option of it is there, and the package ships the page', async (t) => {
  const text = fs.readFileSync(PAGE, 'utf8').replaceAll('\\-', '-');
  const parts = new Map(text.split('\n.SS balsam ').map((part) => [part.split(/\s/, 1)[0], part]));
  for (const name of Object.keys(COMMANDS)) {
    const part = parts.get(name) ?? '';
    t.not(part, '', name);
    const { args } = (await commandOf(name))!;
    for (const [key, def] of Object.entries(args ?? {})) {
      const shown = def.type === 'positional' ? `\\fI${key.toUpperCase()}\\fR` : `\\fB--${key.replaceAll('_', '-')}\\fR`; // prettier-ignore
      t.true(part.includes(shown), `${name} ${shown}`);
    }
  }
  for (const section of ['NAME', 'SYNOPSIS', 'COMMANDS', 'ENVIRONMENT', 'EXIT STATUS', 'EXAMPLES', 'STATES'])
    t.true(text.includes(`\n.SH ${section}\n`), section);
  const manifest = JSON.parse(fs.readFileSync(path.join(ROOT, 'package.json'), 'utf8')) as {
    man: string;
    files: string[];
  };
  t.is(manifest.man, 'docs/balsam.1');
  t.true(manifest.files.includes(manifest.man));
});

unless(NO_GROFF, test)(
  'groff sets it without a warning, and nothing is wider than 80 columns but examples',
  async (t) => {
    const { code, out, err } = await run('groff', ['-ww', '-man', '-Tutf8', '-P-cbou', '-rLL=80n', PAGE]);
    t.deepEqual([code, err], [0, '']);
    const lines = out.split('\n');
    t.true(lines.length > 500);
    t.deepEqual(lines.filter((line) => line.length > 80 && !/^ +\$ /.test(line)), []); // prettier-ignore
    // What roff would take for its own is there as it was written.
    t.true(out.includes(`         $ balsam cd ffffffff; test $? -eq 1\n`));
    t.regex(out, /\n {7}AWAITING_PARENTS → READY\n {14}the last parent finished\n/);
    t.regex(out, /\n {3}balsam explain JOB \[options\]\n/);
  },
);
