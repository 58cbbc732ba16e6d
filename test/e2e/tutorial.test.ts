/** The tutorial, as a person types it: both forms of the script, and all three modes. */
import fs from 'node:fs';
import path from 'node:path';
import test, { type ExecutionContext } from 'ava';
import { ROOT, run } from '../helpers/program.ts';
import { makeWorld, ms, until, type World } from './_world.ts';

let world: World;
test.before(async () => {
  world = await makeWorld();
});
test.after.always('nothing is left behind', async (t) => {
  t.deepEqual(await world.close(), []);
});

/** The page's other form: created by its name alone, then saved with its executable. */
function twoSteps(source: string): string {
  const call = /await ApplicationDefinition\.objects\.getOrCreate\(\{[^}]*\}\);/;
  if (!call.test(source))
    throw new Error('examples/square/app.ts does not register its application as it used to');
  return source
    .replace(
      call,
      `const [app, wasCreated] = await ApplicationDefinition.objects.getOrCreate({ name: 'square2' });
if (wasCreated) {
  app.executable = import.meta.filename;
  await app.save();
}`,
    )
    .replace("application: 'square'", "application: 'square2'")
    .replaceAll('demo-square', 'demo-two-steps');
}

async function allSquares(t: ExecutionContext, workflow: string): Promise<void> {
  const listed = await world.balsam(['ls', '--json', '--wf', workflow]);
  t.is(listed.code, 0, listed.err);
  const rows = listed.out
    .trim()
    .split('\n')
    .map((line) => JSON.parse(line) as { name: string; state: string; data: object });
  t.deepEqual(
    rows
      .map(({ name, state, data }) => ({ name, state, data }))
      .toSorted((a, b) => a.name.localeCompare(b.name)),
    Array.from({ length: 10 }, (_, i) => ({
      name: `square${i}`,
      state: 'JOB_FINISHED',
      data: { x: i, y: i * i },
    })),
  );
}

async function finished(workflow: string): Promise<number> {
  return (await world.rows()).filter((row) => row.workflow === workflow && row.state === 'JOB_FINISHED')
    .length;
}

test.serial('the session of the page: activate, app.ts 10, ls, submit-launch -n 2', async (t) => {
  const session = `
    source ${ROOT}/bin/balsamactivate ${world.dbPath} || exit 1
    ${ROOT}/examples/square/app.ts 10 || exit 2
    BALSAM_LS_FIELDS=data balsam ls || exit 3
    balsam submit-launch -n 2 -q Comp_Perf_Workshop -A Comp_Perf_Workshop -t 5 --job-mode mpi || exit 4`;
  const ran = await run('bash', ['-c', session], { env: { ...world.env(), BALSAM_DB_PATH: undefined } });
  const submittedAt = performance.now();
  t.is(ran.code, 0, ran.out + ran.err);
  t.is(ran.err, '');
  t.regex(ran.out, /Launching Balsam DB|Connected to already running Balsam DB|Balsam DB server/);
  t.regex(ran.out, /Created 10 jobs/);
  t.regex(ran.out, /square9 +\| +demo-square +\| +square +\| +CREATED +\| +\{"x": 9\}/);
  t.regex(ran.out, /Submit OK: Qlaunch/);
  await until(
    async () => (await finished('demo-square')) === 10,
    async () => `ten jobs finished: ${JSON.stringify(await world.counts())}\n${world.logs()}`,
  );
  t.log(
    `mpi, two nodes, by submit-launch: ten jobs within ${ms(performance.now() - submittedAt)} of the submission`,
  );
  await allSquares(t, 'demo-square');
  for (const row of await world.rows())
    t.true(fs.existsSync(path.join(world.directory(row), `${row.name}.out`)));
  // The launch leaves by itself, idle, and with it everything but the server.
  await until(
    () => !world.processes().some((p) => p.argv.some((a) => /launcher|agent\.js|coordinator/.test(a))),
    'the launch has left',
  );
});

for (const mode of ['mpi', 'serial', 'mixed']) {
  test.serial(`name only, then app.executable and save(): ${mode} mode`, async (t) => {
    const workflow = `demo-${mode}`;
    const source = twoSteps(await fs.promises.readFile(path.join(ROOT, 'examples/square/app.ts'), 'utf8'));
    const at = path.join(world.home, `user-${mode}`);
    await fs.promises.mkdir(path.join(at, 'node_modules'), { recursive: true });
    await fs.promises.symlink(ROOT.replace(/\/$/, ''), path.join(at, 'node_modules/balsam'));
    const script = path.join(at, 'app.ts');
    const own = source.replaceAll('demo-two-steps', workflow).replaceAll('square2', `square-${mode}`);
    await fs.promises.writeFile(script, own, { mode: 0o755 });
    const made = await run(script, ['10'], { env: world.env() });
    t.is(made.code, 0, made.err);
    const launcher = world.launcher([
      '--wf-filter',
      workflow,
      '--job-mode',
      mode,
      '--nodes',
      '2',
      '--idle-exit-seconds',
      '0',
    ]);
    await until(
      async () => (await finished(workflow)) === 10,
      () => `ten jobs finished: ${launcher.err}\n${world.logs()}`,
    );
    t.log(`${mode}: ten jobs ${ms(launcher.age)} after the launcher's start`);
    t.is(await launcher.exit(), 0, launcher.err);
    t.is(launcher.err, '');
    t.regex(launcher.out, /10\/10/);
    await allSquares(t, workflow);
    const [app] = (await world.balsam(['ls', 'apps', '--json', '--name', `square-${mode}`])).out
      .trim()
      .split('\n');
    t.is((JSON.parse(app!) as { executable: string }).executable, script);
    const first = (await world.rows()).find((row) => row.workflow === workflow)!;
    const states = await world.states(first.job_id);
    t.deepEqual(states, [
      'CREATED',
      'READY',
      'STAGED_IN',
      'PREPROCESSED',
      'RUNNING',
      'RUN_DONE',
      'POSTPROCESSED',
      'JOB_FINISHED',
    ]);
  });
}
