/** An agent that is asked to end before it has begun just ends: nothing is there yet, and that is no failure. */
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import path from 'node:path';
import test from 'ava';
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
