/**
 * A job that runs again finds in `data` what its earlier attempts saved, however they ended: taken from it by a launcher that
 * left, failed and sent again by `balsam retry`. All of it through the real command line, and its history says so.
 */
import test from 'ava';
import { GREETED } from './_python.ts';
import { makeWorld, until, type World } from './_world.ts';

let world: World;
test.before(async () => {
  world = await makeWorld();
  // Adds its attempt to the list that is there. The first one stays, the second fails, the third is content.
  await world.script(
    'counts.py',
    `${GREETED}data = ask({"id": 1, "op": "job.get"})["result"]["data"]
seen = data.get("attempts", []) + [int(os.environ["BALSAM_ATTEMPT"])]
ask({"id": 2, "op": "job.patch", "set": {"attempts": seen, "saved by": {str(len(seen)): data["given"]}}})
if len(seen) == 1:
    time.sleep(300)
sys.exit(3 if len(seen) == 2 else 0)
`,
  );
});
test.after.always('nothing is left behind', async (t) => {
  t.deepEqual(await world.close(), []);
});

async function said(...args: string[]): Promise<string> {
  const { code, out, err } = await world.balsam(args);
  if (code !== 0) throw new Error(`balsam ${args.join(' ')}: ${err}`);
  return out;
}

async function listed(): Promise<
  Record<string, unknown> & { data: Record<string, unknown>; job_id: string }
> {
  return JSON.parse(await said('ls', '--json')) as never;
}

test('an attempt goes on from the data of those before it', async (t) => {
  await said('app', '--name', 'counts', '--executable', `${world.home}/counts.py`);
  await said('job', '--name', 'again', '--workflow', 'wf', '--application', 'counts', '--yes');
  await said('modify', (await listed()).job_id, 'data.given', '"at first"');
  const first = world.launcher(['--consume-all', '--persistent']);
  await until(
    async () => 'attempts' in (await listed()).data,
    async () => `the first attempt saves: ${JSON.stringify(await listed())}`,
  );
  first.child.kill('SIGTERM');
  t.is(await first.exit(), 3, first.err);
  t.like(await listed(), {
    state: 'RESTART_READY',
    data: { given: 'at first', attempts: [1], 'saved by': { 1: 'at first' } },
  });

  const second = world.launcher(['--consume-all', '--idle-exit-seconds', '0']);
  t.is(await second.exit(), 0, second.err);
  t.like(await listed(), {
    state: 'FAILED',
    data: { given: 'at first', attempts: [1, 2], 'saved by': { 2: 'at first' } },
  });

  await said('retry', '--force');
  const third = world.launcher(['--consume-all', '--idle-exit-seconds', '0']);
  t.is(await third.exit(), 0, third.err);
  const { state, data, job_id } = await listed();
  t.is(state, 'JOB_FINISHED');
  t.deepEqual(data['attempts'], [1, 2, 3]);
  const history = await said('ls', '--history', '--id', job_id);
  t.regex(history, /RUNNING[^\n]* attempt 2, from the data that is there/);
  t.regex(history, /RUNNING[^\n]* attempt 3, from the data that is there/);
  t.notRegex(history, /attempt 1,/);
});
