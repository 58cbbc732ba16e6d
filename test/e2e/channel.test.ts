/**
 * The job channel from inside real jobs, in languages that know nothing of us: python3 and the shell. What a job wrote is
 * committed with its end and never after; tokens of ended attempts are refused.
 */
import net from 'node:net';
import { setTimeout as pause } from 'node:timers/promises';
import test from 'ava';
import { only, peakMiB } from './_parts.ts';
import { PYTHON } from './_python.ts';
import { makeWorld, ms, until, type World } from './_world.ts';

let world: World;
test.before(async () => {
  world = await makeWorld();
  await world.app(
    'python',
    `${PYTHON}
print(json.dumps(ask({"v": 1, "token": os.environ["BALSAM_JOB_TOKEN"]})))
job = ask({"id": 1, "op": "job.get"})["result"]
assert job["state"] == "RUNNING" and job["working_directory"] == os.getcwd(), job
x = job["data"]["x"]
ask({"id": 2, "op": "job.patch", "set": {"y": x * x, "deep": {"a": [1, {"ü": None}]}}, "removed": ["gone"]})
again = ask({"id": 3, "op": "job.get"})["result"]
assert again["data"]["y"] == x * x and "gone" not in again["data"], again
`,
  );
  await world.app(
    'fast',
    `${PYTHON}
f.write(json.dumps({"v": 1, "token": os.environ["BALSAM_JOB_TOKEN"]}) + "\\n")
f.write('{"id":1,"op":"job.patch","set":{"y":"written and not waited for"}}\\n')
f.flush()
`,
  );
  await world.app(
    'durable',
    `${PYTHON}
ask({"v": 1, "token": os.environ["BALSAM_JOB_TOKEN"]})
ask({"id": 2, "op": "job.patch", "set": {"y": 1}, "durable": True})
print("committed", flush=True)
import time
time.sleep(300)
`,
  );
  await world.app(
    'misuse',
    `${PYTHON}
ask({"v": 1, "token": os.environ["BALSAM_JOB_TOKEN"]})
for line in ['{"id":1,"op":"job.patch","fields":{"state":"JOB_FINISHED"}}', '{"id":2,"op":"job.drop"}', 'no json', '{"id":3,"op":"job.patch","set":{"a":"\\\\u0000"}}',
             '{"id":4,"op":"job.patch","set":{"a":' + '[' * 100 + ']' * 100 + '}}', '{"id":5,"op":"job.patch","set":{"ok":1}}']:
    f.write(line + "\\n")
    f.flush()
    print(f.readline().strip())
`,
  );
  await world.app(
    'hammer',
    `${PYTHON}
import random
random.seed(int(os.environ.get("SEED", "7")))
hello = json.dumps({"v": 1, "token": os.environ["BALSAM_JOB_TOKEN"]}) + "\\n"
open_ones = []
def connect(first):
    c = socket.socket(socket.AF_UNIX)
    c.settimeout(20)
    c.connect(os.environ["BALSAM_JOB_SOCKET"])
    open_ones.append(c)
    try:
        c.sendall(first)
    except OSError:
        pass
    return c
hello = hello.encode()
for i in range(300):
    connect(random.choice([b"", b"{", hello + random.randbytes(200), random.randbytes(50) + b"\\n", hello + b"[" * 50000 + b"\\n", hello + b'{"op":"job.pa']))
for i in range(100):
    random.choice(open_ones).close()
connect(hello + b"x" * 10_000_000)
for i in range(4):
    c = connect(hello + b'{"op":"job.patch","set":{"big":"' + b"x" * 1_000_000 + b'"}}\\n')
    c.settimeout(1)
    try:
        for n in range(20_000):
            c.sendall(b'{"op":"job.get"}\\n')
    except OSError:
        pass
print("hammered", flush=True)
ask(json.loads(hello))
ask({"id": 1, "op": "job.patch", "set": {"through": True}, "removed": ["big"], "durable": True})
os._exit(0)
`,
  );
  await world.app('token', 'echo "$BALSAM_JOB_SOCKET $BALSAM_JOB_TOKEN"; [ "$1" = stay ] && exec sleep 300');
  // A shell and whatever carries bytes to a unix socket: nc, or the four lines of python that stand in for it.
  await world.script(
    'carry',
    `if nc -h 2>&1 | grep -q -e '-U'; then exec nc -N -U "$1"; fi
exec python3 -c 'import socket, sys
s = socket.socket(socket.AF_UNIX); s.connect(sys.argv[1]); s.sendall(sys.stdin.buffer.read()); s.shutdown(socket.SHUT_WR)
while (data := s.recv(65536)): sys.stdout.buffer.write(data)' "$1"`,
  );
  await world.app(
    'shell',
    `printf '%s\\n' '{"v":1,"token":"'"$BALSAM_JOB_TOKEN"'"}' '{"id":1,"op":"job.patch","set":{"from":"a shell"}}' | ${world.home}/carry "$BALSAM_JOB_SOCKET"`,
  );
});
test.after.always('nothing is left behind', async (t) => {
  t.deepEqual(await world.close(), []);
});

test.serial('python3, standard library only: reads its record, writes data, reads it back', async (t) => {
  const ids = await world.jobs(
    Array.from({ length: 6 }, (_, x) => ({
      name: `p${x}`,
      application: 'python',
      data: { x, gone: true, kept: 'yes' },
    })),
  );
  const launcher = world.launcher(['--consume-all', '--nodes', '2', '--idle-exit-seconds', '0']);
  t.is(await launcher.exit(), 0, launcher.err);
  for (const [x, id] of ids.entries()) {
    const row = await world.row(id);
    t.is(row.state, 'JOB_FINISHED', await world.output(id));
    t.deepEqual(row.data, { x, kept: 'yes', y: x * x, deep: { a: [1, { ü: null }] } });
    t.regex(await world.output(id), new RegExp(`"job": "${id}"`));
  }
});

test.serial('nobody ever sees JOB_FINISHED without what the job wrote, not even unwaited for', async (t) => {
  const ids = await world.jobs(
    Array.from({ length: 30 }, (_, i) => ({ name: `f${i}`, application: 'fast', node_packing_count: 2 })),
  );
  const launcher = world.launcher(['--consume-all', '--idle-exit-seconds', '0']);
  let looks = 0;
  for (;;) {
    const [seen] = await world.db.run(
      (sql) => sql<{ bare: number; finished: number }[]>`
        select count(*) filter (where not data ? 'y')::int as bare, count(*)::int as finished
        from job where state in ('RUN_DONE', 'POSTPROCESSED', 'JOB_FINISHED') and application = 'fast'`,
    );
    looks += 1;
    t.is(seen!.bare, 0);
    if (seen!.finished === ids.length || launcher.ended) break;
    await pause(1);
  }
  t.is(await launcher.exit(), 0, launcher.err);
  t.log(`looked ${looks} times`);
  for (const row of await world.rows(ids)) t.is(row.data['y'], 'written and not waited for', row.state);
});

test.serial('a durable write is there while the job runs, and stays when it is killed', async (t) => {
  const [id] = (await world.jobs([{ name: 'durable', application: 'durable', data: { x: 1 } }])) as [string];
  const launcher = world.launcher(['--consume-all', '--idle-exit-seconds', '0']);
  await until(
    async () => /committed/.test(await world.output(id)),
    async () => `it writes: ${await world.output(id)}`,
  );
  t.deepEqual((await world.row(id)).data, { x: 1, y: 1 });
  t.is((await world.balsam(['kill', id, '--yes'])).code, 0);
  t.is(await launcher.exit(), 0, launcher.err);
  const row = await world.row(id);
  t.is(row.state, 'USER_KILLED');
  t.deepEqual(row.data, { x: 1, y: 1 });
});

test.serial('misuse is answered with a sentence each, and the connection lives', async (t) => {
  const [id] = (await world.jobs([{ name: 'misuse', application: 'misuse' }])) as [string];
  const launcher = world.launcher(['--consume-all', '--idle-exit-seconds', '0']);
  t.is(await launcher.exit(), 0, launcher.err);
  const answers = (await world.output(id))
    .trim()
    .split('\n')
    .map((line) => JSON.parse(line) as { ok: boolean; code?: string });
  t.deepEqual(
    answers.map((a) => a.code ?? 'ok'),
    ['refused', 'unsupported', 'bad-request', 'refused', 'refused', 'ok'],
    await world.output(id),
  );
  t.deepEqual((await world.row(id)).data, { ok: 1 });
  t.is((await world.row(id)).state, 'JOB_FINISHED');
});

/** Sends lines and gives all that came back until the other side closed. */
async function talk(socket: string, lines: readonly object[]): Promise<string> {
  const connection = net.connect(socket);
  let text = '';
  connection.setEncoding('utf8').on('data', (chunk: string) => (text += chunk));
  connection.on('error', (error) => (text += error.message));
  connection.write(lines.map((line) => `${JSON.stringify(line)}\n`).join(''));
  await new Promise((resolve) => connection.once('close', resolve));
  return text;
}

test.serial('the token of an ended attempt, a forged one and a stranger’s are refused', async (t) => {
  const [over, stays] = (await world.jobs([
    { name: 'over', application: 'token', node_packing_count: 2 },
    { name: 'stays', application: 'token', args: 'stay', node_packing_count: 2 },
  ])) as [string, string];
  const launcher = world.launcher(['--consume-all']);
  await world.until([over], ['JOB_FINISHED', 'FAILED']);
  await world.until([stays], ['RUNNING']);
  const [socket, token] = (await world.output(over)).trim().split(' ') as [string, string];
  const patch = { id: 1, op: 'job.patch', set: { late: true } };
  const late = JSON.parse(await talk(socket, [{ v: 1, token }, patch])) as { ok: boolean; code: string };
  t.is(late.code, 'over');
  const [, live] = (await world.output(stays)).trim().split(' ') as [string, string];
  for (const forged of [
    live.replace(/.$/, (c) => (c === 'A' ? 'B' : 'A')),
    live.replace(stays, over),
    `${stays}:2:${live.split(':')[2]}`,
    '',
  ]) {
    t.regex(await talk(socket, [{ v: 1, token: forged }, patch]), /"code":"(over|bad-request)"/, forged);
  }
  t.regex(await talk(socket, [{ hello: 1 }]), /"ok":false/);
  launcher.child.kill('SIGTERM');
  t.is(await launcher.exit(), 3, 'one job is left');
  t.deepEqual((await world.row(over)).data, {});
  t.deepEqual((await world.row(stays)).data, {});
  t.is((await world.balsam(['kill', stays, '--yes'])).code, 0);
});

test.serial('from a shell', async (t) => {
  const [id] = (await world.jobs([{ name: 'shell', application: 'shell' }])) as [string];
  const launcher = world.launcher(['--consume-all', '--idle-exit-seconds', '0']);
  t.is(await launcher.exit(), 0, launcher.err);
  const output = await world.output(id);
  t.deepEqual((await world.row(id)).data, { from: 'a shell' }, output);
  t.log(`launcher with one job: ${ms(launcher.age)}`);
});

test.serial(
  'a job that hammers the channel: its agent lives within bounds, and the jobs beside it are right',
  async (t) => {
    const [hammer] = (await world.jobs([
      { name: 'hammer', application: 'hammer', node_packing_count: 2 },
    ])) as [string];
    const beside = await world.jobs(
      Array.from({ length: 6 }, (_, x) => ({
        name: `beside${x}`,
        application: 'python',
        node_packing_count: 2,
        data: { x },
      })),
    );
    const launcher = world.launcher(['--consume-all', '--persistent']);
    await world.until([hammer, ...beside.slice(0, 1)], ['RUNNING', 'JOB_FINISHED']);
    const agent = only(world, 'agent').pid;
    let most = 0;
    await until(
      async () => {
        most = Math.max(most, peakMiB(agent));
        return (await world.row(hammer)).state !== 'RUNNING';
      },
      async () => `it ends: ${await world.output(hammer)}`,
    );
    t.is((await world.row(hammer)).state, 'JOB_FINISHED', await world.messages(hammer));
    t.deepEqual((await world.row(hammer)).data, { through: true });
    await world.until(beside, ['JOB_FINISHED']);
    for (const [x, row] of (await world.rows(beside)).entries()) t.is(row.data['y'], x * x);
    t.is(only(world, 'agent').pid, agent, 'it is the same agent');
    const lines = world.said(/"msg":"refused at the job channel/);
    t.log(`${lines} lines; the agent had ${most.toFixed(0)} MiB at most`);
    t.true(lines > 0 && lines <= 25);
    t.true(most > 0 && most < 700);
    launcher.child.kill('SIGTERM');
    t.is(await launcher.exit(), 0, launcher.err);
  },
);
