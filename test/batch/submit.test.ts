/**
 * `balsam submit-launch` on a machine without a batch system, from the words to the running script and the row; what it
 * refuses; and that a failed submission leaves no row.
 */
import fs from 'node:fs';
import path from 'node:path';
import test from 'ava';
import { submitLaunch } from '../../src/batch/submit.ts';
import { openDatabase, type OpenDatabase } from '../../src/server/open.ts';
import { insertApplication } from '../../src/store/applications.ts';
import { insertJobs } from '../../src/store/jobs/change.ts';
import { listQueuedLaunches } from '../../src/store/queued-launches.ts';
import { submitLocally } from '../helpers/directory.ts';
import { newDatabase, run, until, type Ended } from '../server/_cluster.ts';

const MAIN = path.resolve(import.meta.dirname, '../../src/cli/main.ts');

/** In place of the built-in script: says how the launcher would be called. */
const TEMPLATE =
  '#!/bin/sh\nprintf "<%s>" launcher --{{wf_filter}} {{job_mode}} {{time_minutes}} {{limit_minutes}} {{nodes}} {{sched_flags}}; echo\n';

async function prepared(root: string): Promise<OpenDatabase> {
  fs.mkdirSync(path.join(root, 'job-templates'));
  fs.writeFileSync(path.join(root, 'job-templates', 'local.tmpl'), TEMPLATE);
  submitLocally(root);
  const db = await openDatabase({ path: root, applicationName: 'test', role: 'client', max: 1 });
  await insertApplication(db, { name: 'hello', executable: '/bin/echo' });
  await insertJobs(db, [{ name: 'one', workflow: 'my test flow', application: 'hello' }]);
  return db;
}

const submit = (root: string, ...words: string[]): Promise<Ended> =>
  run([process.execPath, MAIN, 'submit-launch', ...words], { env: { BALSAM_DB_PATH: root } });

test.serial('submits, records and runs; refuses a filter that fits no job', async (t) => {
  const root = await newDatabase(t);
  await using db = await prepared(root);
  const needed = ['-n', '2', '-t', '00:30:15', '-q', 'debug', '-A', 'project x', '--job-mode', 'serial'];

  const none = await submit(root, ...needed, '--wf-filter', 'my tst flow');
  t.is(none.code, 2);
  t.regex(
    none.stderr,
    /--wf-filter my tst flow: no job has a workflow with that in its name \(did you mean my test flow\?\)/,
  );
  t.deepEqual(await listQueuedLaunches(db), []);

  const done = await submit(root, ...needed, '--wf-filter', 'test fl', '--sched-flags', '--x "y"');
  t.is(done.stderr, '');
  t.is(done.code, 0);
  t.regex(done.stdout, /^Submit OK: Qlaunch \{/);
  const [row] = await listQueuedLaunches(db);
  t.like(row, {
    queue: 'debug',
    project: 'project x',
    nodes: 2,
    wall_minutes: 31,
    job_mode: 'serial',
    wf_filter: 'test fl',
    sched_flags: '--x "y"',
    state: 'submitted',
    prescheduled_only: false,
    from_balsam: true,
    command: path.join(root, 'qsubmit', `qlaunch${row?.id}.sh`),
  });
  t.true((row?.scheduler_id ?? 0) > 0);
  const output = path.join(root, 'qsubmit', `qlaunch${row?.id}.out`);
  await until(
    () => fs.existsSync(output) && fs.readFileSync(output, 'utf8').endsWith('\n'),
    'the script has run',
  );
  t.is(fs.readFileSync(output, 'utf8'), '<launcher><--wf-filter=test fl><serial><31><30.25><2><--x "y">\n');
});

test.serial('words that are missing or wrong are named', async (t) => {
  const wrong = async (...words: string[]): Promise<string> => (await submit('/no', ...words)).stderr;
  t.regex(await wrong('-n', '1', '-t', '1', '-q', 'x', '-A', 'y'), /job-mode/i);
  t.regex(
    await wrong('-n', '0', '-t', '1', '-q', 'x', '-A', 'y', '--job-mode', 'mpi'),
    /--nodes must be a whole number from 1 to \d+, not "0"/,
  );
  t.regex(
    await wrong('-n', '1', '-t', '1h', '-q', 'x', '-A', 'y', '--job-mode', 'mpi'),
    /--time-minutes must be a number of minutes from 0 to \d+, or a time like 01:30:00 .* not "1h"/,
  );
  t.regex(
    await wrong('-n', '1', '-t', '1', '-q', 'x', '-A', 'y', '--job-mode', 'both'),
    /--job-mode must be serial or mpi or mixed, not "both"/,
  );
});

test.serial('a submission that fails leaves no row', async (t) => {
  const root = await newDatabase(t);
  await using db = await prepared(root);
  const request = {
    nodes: 1,
    minutes: 5,
    queue: 'q',
    project: 'p',
    jobMode: 'mixed',
    wfFilter: '',
    schedFlags: '',
  } as const;
  fs.writeFileSync(path.join(root, 'job-templates', 'local.tmpl'), '#!/no/such/shell\n');
  await t.throwsAsync(submitLaunch(db, root, request), { name: 'UserError', message: /can't start/ });
  fs.writeFileSync(path.join(root, 'job-templates', 'local.tmpl'), '{{nonsense}}');
  await t.throwsAsync(submitLaunch(db, root, request), { name: 'UserError', message: /nonsense/ });
  t.deepEqual(await listQueuedLaunches(db), []);
});
