/** An agent that is asked to end before it has begun just ends: nothing is there yet, and that is no failure. */
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import path from 'node:path';
import test from 'ava';
import { processIdentity } from '../../native-free/inventory.ts';
import type { AgentFile } from '../../src/agent/config.ts';
import { Incarnation } from '../../src/agent/incarnation.ts';
import { systemClock } from '../../src/base/clock.ts';
import { newId } from '../../src/base/ids.ts';
import { makeLog } from '../../src/base/log.ts';
import { chooseHelper } from '../../src/process/helper.ts';
import { makeLauncherKeys } from '../../src/wire/curve.ts';
import { readMaybe, until } from '../e2e/_world.ts';
import { ROOT } from '../helpers/program.ts';

test('SIGTERM while it waits for its file', async (t) => {
  const main = path.join(ROOT, 'src/agent/main.ts');
  const agent = spawn(process.execPath, [main, path.join(ROOT, 'nosuch/agents.json'), '--node', '0'], {
    stdio: 'ignore',
  });
  const ended = once(agent, 'exit');
  // It listens from the moment in which it has asked for a helper, which is a process of its own.
  await until(
    () => readMaybe(`/proc/${agent.pid}/task/${agent.pid}/children`) !== '',
    'it looks for a helper',
  );
  await until(() => readMaybe(`/proc/${agent.pid}/task/${agent.pid}/children`) === '', 'it has found one');
  agent.kill('SIGTERM');
  t.deepEqual(await ended, [0, null]);
});

test('asked to end while its job channel is being opened: it leaves', async (t) => {
  const file = { tag: 'a1b2c3d4', dbPath: ROOT, endpoints: ['tcp://127.0.0.1:9'], launcher: 1 };
  const incarnation = new Incarnation(
    {
      file: { ...file, killGraceMs: 1_000, mpi: null } as unknown as AgentFile,
      node: 0,
      hostname: 'here',
      cpuIds: [0],
      gpus: { ids: [], variables: () => ({}) },
      memoryBytes: 1,
      baseEnv: Buffer.from('PATH=/usr/bin:/bin\0'),
      inherited: [],
      rankEnv: {},
      oomFile: '',
      sideBySide: 8,
      helper: await chooseHelper('auto'),
      keys: makeLauncherKeys().client,
      identify: processIdentity,
      clock: systemClock,
      log: makeLog('agent'),
    },
    newId(),
    { incarnation: '', crashed: false },
  );
  const ended = incarnation.run();
  incarnation.stop();
  t.is(await ended, 'left');
});
