/** docs/backup.md, done as it says: the commands that it prints, in a shell, on a database with a server of its own. */
import fs from 'node:fs';
import path from 'node:path';
import os from 'node:os';
import test from 'ava';
import { ROOT, run } from '../helpers/program.ts';
import { balsam } from './_cli.ts';

/** The blocks of commands of the page, in order. */
function blocks(): string[] {
  const page = fs.readFileSync(path.join(ROOT, 'docs/backup.md'), 'utf8');
  return [...page.matchAll(/^```sh\n(.*?)^```$/gms)].map(([, commands]) => commands!);
}

test('a database is backed up, restored beside itself, and moved', async (t) => {
  const base = await fs.promises.mkdtemp(path.join(os.tmpdir(), 'balsam-backup-'));
  // As root Postgres runs under an account of its own, which must be able to pass through.
  await fs.promises.chmod(base, 0o711);
  const env = {
    BALSAM_HOME: path.join(base, 'home'),
    PATH: `${path.join(ROOT, 'bin')}:${process.env['PATH'] ?? ''}`,
  };
  const at = (name: string): { env: Record<string, string> } => ({
    env: { ...env, BALSAM_DB_PATH: path.join(base, name) },
  });
  t.teardown(async () => {
    for (const name of ['mydb', 'restored', 'moved'])
      if (fs.existsSync(path.join(base, name, 'server-info'))) await balsam(['server', '--stop'], at(name));
    await fs.promises.rm(base, { recursive: true, force: true });
  });
  t.is((await balsam(['init', path.join(base, 'mydb')], { env })).code, 0);
  t.is((await balsam(['app', '--name', 'hi', '--executable', '/bin/echo'], at('mydb'))).code, 0);
  const job = ['job', '--name', 'kept', '--workflow', 'w', '--application', 'hi', '--args', 'hi', '--yes'];
  t.is((await balsam(job, at('mydb'))).code, 0);
  const launcher = ['launcher', '--consume-all', '--idle-exit-seconds', '0'];
  t.is((await balsam(launcher, at('mydb'))).code, 0);

  const [backUp, restore, move, ...others] = blocks();
  t.deepEqual(others, []);
  const shell = (commands: string): ReturnType<typeof run> =>
    run('bash', ['-e', '-c', commands], { cwd: base, env });
  const stored = await shell(backUp!);
  t.is(stored.code, 0, stored.err);
  const restored = await shell(restore!);
  t.is(restored.code, 0, restored.err);
  t.regex(restored.out, /kept +\| w +\| hi +\| JOB_FINISHED/);
  t.is((await balsam(['output', 'kept'], at('restored'))).out, 'hi\n');

  // The original goes on by itself: what is made in it is not in the copy.
  t.is((await balsam(['job', ...job.slice(1, 2), 'later', ...job.slice(3)], at('mydb'))).code, 0);
  t.notRegex((await balsam(['ls'], at('restored'))).out, /later/);
  const moved = await shell(move!);
  t.is(moved.code, 0, moved.err);
  t.regex(moved.out, /later +\| w +\| hi +\| CREATED/);
  t.is((await balsam(['output', 'kept'], at('moved'))).out, 'hi\n');
});
