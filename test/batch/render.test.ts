/**
 * Templates of batch scripts: every value is one word to the shell, whatever is in it; and which batch system is chosen.
 */
import { spawnSync } from 'node:child_process';
import fs from 'node:fs';
import os from 'node:os';
import path from 'node:path';
import test from 'ava';
import fc from 'fast-check';
import { chooseScheduler, detectScheduler } from '../../src/batch/choose.ts';
import { balsamBin, findTemplate, renderTemplate, shellQuote, writeScript } from '../../src/batch/render.ts';
import { readBatchSettings } from '../../src/batch/settings.ts';

test('any text is one word to a POSIX shell', (t) => {
  const text = fc.string({ unit: 'grapheme' }).filter((s) => !s.includes('\0') && s.isWellFormed());
  fc.assert(
    fc.property(fc.array(text, { minLength: 1, maxLength: 20 }), (words) => {
      const script = `printf '%s\\0' ${words.map(shellQuote).join(' ')}`;
      const said = spawnSync('/bin/sh', ['-c', script], { encoding: 'utf8' });
      return said.stdout === words.map((word) => `${word}\0`).join('');
    }),
    { numRuns: 50 },
  );
  t.is(shellQuote(''), "''");
});

test('a place stands for a quoted value, three braces for a bare one', (t) => {
  t.is(
    renderTemplate('#Q {{{ flags }}}\nrun --{{a}} {{ n }}', {
      a: 'wf-filter=my $(x)',
      n: 3,
      flags: '-q "x y"',
    }),
    '#Q -q "x y"\nrun --\'wf-filter=my $(x)\' 3',
  );
  t.is(
    renderTemplate('{{a}}{{{a}}}', { a: "$&{{a}}'" }),
    "'$&{{a}}'\\'''$&{{a}}'",
    'values are not templates',
  );
});

test('what a template may not have is refused by name', (t) => {
  t.throws(() => renderTemplate('{{time_minutes-2}}', { time_minutes: 5 }), {
    name: 'UserError',
    message: /time_minutes-2.*it can name time_minutes/,
  });
  t.throws(() => renderTemplate('{{constructor}}', {}), { name: 'UserError' });
  t.throws(() => renderTemplate('#{{{queue}}}', { queue: 'a\nrm -rf /' }), {
    name: 'UserError',
    message: /line break/,
  });
});

test("the built-in template, a site's own, and the one that the settings name", (t) => {
  const root = fs.mkdtempSync(path.join(os.tmpdir(), 'balsam-render-'));
  t.teardown(() => fs.rmSync(root, { recursive: true, force: true }));
  const settings = (text: string): void => fs.writeFileSync(path.join(root, 'settings.json'), text);
  t.regex(findTemplate(root, 'local', readBatchSettings(root)), /exec balsam launcher --\{\{wf_filter\}\}/);
  fs.mkdirSync(path.join(root, 'job-templates'));
  fs.writeFileSync(path.join(root, 'job-templates', 'local.tmpl'), 'ours');
  t.is(findTemplate(root, 'local', readBatchSettings(root)), 'ours');
  settings('{"job_template": "mine.tmpl", "another_room": 1}');
  fs.writeFileSync(path.join(root, 'mine.tmpl'), 'mine');
  t.is(findTemplate(root, 'local', readBatchSettings(root)), 'mine');
  fs.rmSync(path.join(root, 'mine.tmpl'));
  t.throws(() => findTemplate(root, 'local', readBatchSettings(root)), {
    name: 'UserError',
    message: /mine\.tmpl/,
  });
  settings('{"scheduler": 3}');
  t.throws(() => readBatchSettings(root), { name: 'UserError', message: /scheduler/ });
  settings('{');
  t.throws(() => readBatchSettings(root), { name: 'UserError', message: /is not JSON/ });
});

test('a script is executable and whole', (t) => {
  const root = fs.mkdtempSync(path.join(os.tmpdir(), 'balsam-render-'));
  t.teardown(() => fs.rmSync(root, { recursive: true, force: true }));
  const script = writeScript(root, 'qlaunch7', '#!/bin/sh\necho seven\n');
  t.is(spawnSync(script, { encoding: 'utf8' }).stdout, 'seven\n');
  t.deepEqual(fs.readdirSync(path.join(root, 'qsubmit')), ['qlaunch7.sh']);
});

test('the batch system is the one whose command is there; one not supported is said to be so', (t) => {
  const directory = fs.mkdtempSync(path.join(os.tmpdir(), 'balsam-choose-'));
  t.teardown(() => fs.rmSync(directory, { recursive: true, force: true }));
  t.is(detectScheduler(directory), 'local');
  t.is(chooseScheduler('auto', directory).name, 'local');
  fs.mkdirSync(path.join(directory, 'qsub'));
  t.is(detectScheduler(directory), 'local', 'a directory is no command');
  fs.writeFileSync(path.join(directory, 'sbatch'), '', { mode: 0o755 });
  t.is(detectScheduler(directory), 'slurm');
  t.throws(() => chooseScheduler('auto', directory), {
    name: 'UserError',
    message: /slurm \(its command is on PATH\) is not supported yet/,
  });
  t.is(chooseScheduler('local', directory).name, 'local');
  t.throws(() => chooseScheduler('lsf'), { name: 'UserError', message: /lsf is not supported yet/ });
});

test('the command balsam of this installation is found', (t) => {
  t.true(fs.existsSync(path.join(balsamBin(), 'balsam')));
});
