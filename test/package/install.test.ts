/**
 * The package alone: packed, installed by npm into an empty folder as a user does it, and used there: the command, the
 * types under `strict`, a script, a launcher that runs a job. Needs the registry or npm's cache, and dist/.
 */
import { execFileSync } from 'node:child_process';
import fs from 'node:fs';
import os from 'node:os';
import path from 'node:path';
import test from 'ava';
import { ROOT, run, type Ran } from '../helpers/program.ts';

const DEADLINE_MS = 300_000;

/** The last TypeScript that is written in JavaScript; many projects stay with it. */
const OLD_TYPESCRIPT = '5.9.3';

let home: string;
let folder: string;

/** A program in the folder, with the environment of a shell there. */
function there(file: string, args: readonly string[], extra: Record<string, string> = {}): Promise<Ran> {
  const env = {
    PATH: `${path.dirname(process.execPath)}:${process.env['PATH'] ?? ''}`,
    BALSAM_HOME: path.join(home, 'balsam-home'),
    ...extra,
  };
  return run(file, args, { cwd: folder, env, deadline: DEADLINE_MS });
}

test.before(async (t) => {
  t.timeout(2 * DEADLINE_MS);
  if (!fs.existsSync(path.join(ROOT, 'dist/index.js')))
    throw new Error('dist/ is missing: run `npm run build` first');
  home = await fs.promises.mkdtemp(path.join(os.tmpdir(), 'balsam-package-'));
  // As root Postgres runs under an account of its own, which must be able to pass through.
  await fs.promises.chmod(home, 0o711);
  folder = path.join(home, 'empty');
  await fs.promises.mkdir(folder);
  // Without scripts: `prepare` would make dist/ anew while other tests use it.
  const packed = execFileSync('npm', ['pack', '--json', '--ignore-scripts', '--pack-destination', home], {
    cwd: ROOT,
    encoding: 'utf8',
  });
  const [{ filename }] = JSON.parse(packed) as [{ filename: string }];
  await fs.promises.writeFile(path.join(folder, 'package.json'), '{ "private": true, "type": "module" }\n');
  const installed = await there('npm', [
    'install',
    '--prefer-offline',
    '--no-audit',
    '--no-fund',
    path.join(home, filename),
    `typescript@${OLD_TYPESCRIPT}`,
  ]);
  if (installed.code !== 0) throw new Error(`npm install failed: ${installed.err}`);
});

test.after.always(async () => {
  if (home === undefined) return;
  const db = path.join(folder, 'db');
  if (fs.existsSync(db)) await there('npx', ['balsam', 'server', '--stop'], { BALSAM_DB_PATH: db });
  await fs.promises.rm(home, { recursive: true, force: true });
});

test('npx balsam --version', async (t) => {
  const { version } = JSON.parse(fs.readFileSync(path.join(ROOT, 'package.json'), 'utf8')) as {
    version: string;
  };
  const ran = await there('npx', ['balsam', '--version']);
  t.deepEqual([ran.code, ran.out, ran.err], [0, `balsam ${version}\n`, '']);
});

test('the command takes the Node of the package when the one on PATH is old', async (t) => {
  const old = path.join(home, 'old');
  await fs.promises.mkdir(old);
  await fs.promises.writeFile(path.join(old, 'node'), '#!/bin/sh\necho v20.20.2\n', { mode: 0o755 });
  const ran = await there(path.join(folder, 'node_modules/.bin/balsam'), ['--version'], {
    PATH: `${old}:/usr/bin:/bin`,
  });
  t.regex(ran.out, /^balsam \d/, ran.err);
});

test('a program that imports it compiles, whatever its compiler and target', async (t) => {
  const program = `import { BalsamJob, openBalsam } from 'balsam';
    export async function count(): Promise<number> {
      const db = await openBalsam({ path: '/db' });
      for await (const job of db.jobs.all()) job.name;
      await db.close();
      return BalsamJob.objects.count();
    }\n`;
  await fs.promises.writeFile(path.join(folder, 'target.ts'), program);
  await fs.promises.writeFile(path.join(folder, 'wrong.ts'), program.replace('job.name', 'job.nmae'));
  const compilers = [
    path.join(folder, 'node_modules/typescript/bin/tsc'),
    path.join(ROOT, 'node_modules/.bin/tsc'),
  ];
  const targets = [[], ['--module', 'nodenext'], ['--target', 'es2022', '--module', 'nodenext']];
  for (const compiler of compilers)
    for (const target of targets) {
      const compile = (file: string): Promise<Ran> =>
        there(process.execPath, [compiler, '--noEmit', '--strict', ...target, file]);
      const title = `${compiler} ${target.join(' ')}`;
      t.is((await compile('target.ts')).out, '', title);
      t.regex((await compile('wrong.ts')).out, /nmae/, title);
    }
});

test('its types hold under strict, without those of Node', async (t) => {
  await fs.promises.copyFile(path.join(ROOT, 'test/client/_types.ts'), path.join(folder, 'types.ts'));
  const options = {
    compilerOptions: {
      strict: true,
      noEmit: true,
      target: 'es2024',
      lib: ['es2024', 'esnext.disposable'],
      module: 'nodenext',
      types: [],
      skipLibCheck: false,
    },
    files: ['types.ts'],
  };
  await fs.promises.writeFile(path.join(folder, 'strict.json'), JSON.stringify(options));
  const tsc = path.join(ROOT, 'node_modules/.bin/tsc');
  const right = await there(tsc, ['-p', 'strict.json']);
  t.deepEqual([right.code, right.out], [0, '']);
  // The same check must be able to fail.
  const types = path.join(folder, 'types.ts');
  await fs.promises.appendFile(types, "\nvoid BalsamJob.objects.filter({ nmae: 'x' });\n");
  const wrong = await there(tsc, ['-p', 'strict.json']);
  t.not(wrong.code, 0);
  t.regex(wrong.out, /nmae/);
});

test('a script and a launcher, with nothing but the package', async (t) => {
  t.timeout(DEADLINE_MS);
  const env = { BALSAM_DB_PATH: path.join(folder, 'db') };
  const made = await there('npx', ['balsam', 'init', env.BALSAM_DB_PATH]);
  t.is(made.code, 0, made.err);
  await fs.promises.writeFile(
    path.join(folder, 'script.ts'),
    `import { ApplicationDefinition, BalsamJob } from 'balsam';
     await ApplicationDefinition.objects.getOrCreate({ name: 'hello', executable: '/bin/echo hello' });
     const job: BalsamJob = await BalsamJob.objects.create({ name: 'h', workflow: 'w', application: 'hello' });
     console.log(await BalsamJob.objects.filter({ state: 'CREATED' }).count(), job.workingDirectory);`,
  );
  const script = await there(process.execPath, ['script.ts'], env);
  t.is(script.code, 0, script.err);
  const [count, directory] = script.out.trim().split(' ') as [string, string];
  t.is(count, '1');
  const launched = await there(
    'npx',
    ['balsam', 'launcher', '--consume-all', '--idle-exit-seconds', '1'],
    env,
  );
  t.is(launched.code, 0, launched.err);
  t.is(await fs.promises.readFile(path.join(directory, 'h.out'), 'utf8'), 'hello\n');
  const listed = await there('npx', ['balsam', 'ls', '--by-states'], env);
  t.regex(listed.out, /JOB_FINISHED {2}1\n$/, listed.err);
});
