/**
 * A clean-up that takes every socket of ours while a launcher works: jobs that start later reach their agent, commands reach
 * the server, and what ran goes on.
 */
import fs from 'node:fs';
import path from 'node:path';
import test from 'ava';
import { readServerInfo } from '../../src/server/layout.ts';
import { PYTHON } from './_python.ts';
import { makeWorld, until } from './_world.ts';

test('every socket is swept away while a launcher works', async (t) => {
  const base = fs.mkdtempSync('/tmp/bs-');
  fs.chmodSync(base, 0o755);
  t.teardown(() => fs.rmSync(base, { recursive: true, force: true }));
  const env = { BALSAM_SOCKET_DIR: base };
  process.env['BALSAM_SOCKET_DIR'] = base;
  t.teardown(() => delete process.env['BALSAM_SOCKET_DIR']);
  const world = await makeWorld();
  try {
    await world.app(
      'writes',
      `${PYTHON}
ask({"v": 1, "token": os.environ["BALSAM_JOB_TOKEN"]})
ask({"id": 1, "op": "job.patch", "set": {"socket": os.environ["BALSAM_JOB_SOCKET"]}})
`,
    );
    const gate = path.join(world.home, 'gate');
    await world.app(
      'waits',
      `#!/usr/bin/env python3
import os, time
while not os.path.exists(${JSON.stringify(gate)}): time.sleep(0.02)
${PYTHON.split('\n').slice(1).join('\n')}
ask({"v": 1, "token": os.environ["BALSAM_JOB_TOKEN"]})
ask({"id": 1, "op": "job.patch", "set": {"late": True}})
`,
    );
    const [first = '', running = ''] = await world.jobs([
      { name: 'first', application: 'writes', node_packing_count: 8 },
      { name: 'running', application: 'waits', node_packing_count: 8 },
    ]);
    const launcher = world.launcher(['--consume-all', '--persistent'], { env });
    await world.until([first], ['JOB_FINISHED']);
    await world.until([running], ['RUNNING']);
    const socket = (await world.row(first)).data['socket'] as string;
    t.true(socket.startsWith(base));

    for (let round = 0; round < 3; round++) {
      for (const name of fs.readdirSync(base)) fs.rmSync(path.join(base, name), { recursive: true });
      // Started at once: a job does not find the socket missing, whoever looks first.
      const [later = ''] = await world.jobs([
        { name: `later${round}`, application: 'writes', node_packing_count: 8 },
      ]);
      await world.until([later], ['JOB_FINISHED', 'FAILED']);
      const row = await world.row(later);
      t.is(row.state, 'JOB_FINISHED', await world.output(later));
      t.is(row.data['socket'], socket, 'at the same place');
      const listed = await world.balsam(['ls', '--name', `later${round}`], { env });
      t.is(listed.code, 0, listed.err);
      t.true(fs.existsSync(readServerInfo(world.dbPath).socket_dir ?? ''));
      await world.open();
    }
    // One that started before the sweeps connects only now.
    await until(() => fs.existsSync(socket), 'the socket is there');
    fs.writeFileSync(gate, '');
    await world.until([running], ['JOB_FINISHED', 'FAILED']);
    t.is((await world.row(running)).data['late'], true, await world.output(running));
    launcher.child.kill('SIGTERM');
    await launcher.exit();
    t.deepEqual(
      fs.readdirSync(path.dirname(path.dirname(socket))).filter((name) => name.includes('-')),
      [],
      'nothing of the agent is left',
    );
  } finally {
    t.deepEqual(await world.close(), []);
  }
});
