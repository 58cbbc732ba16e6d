/** Ten thousand jobs of one name: each gets a directory of its own. Also a small soak: memory, speed, nothing lost. */
import fs from 'node:fs';
import path from 'node:path';
import { setTimeout as pause } from 'node:timers/promises';
import test from 'ava';
import { makeWorld, ms, readMaybe, until, type World } from './_world.ts';

const JOBS = 10_000;
const DEADLINE_MS = 150_000;

let world: World;
test.before(async () => {
  world = await makeWorld();
  await world.command('quick', '/bin/true');
});
test.after.always('nothing is left behind', async (t) => {
  t.deepEqual(await world.close(), []);
});

test.serial('10,000 jobs of one name', async (t) => {
  t.timeout(2 * DEADLINE_MS);
  const ids = await world.jobs(
    Array.from({ length: JOBS }, () => ({
      name: 'same',
      workflow: 'same',
      application: 'quick',
      node_packing_count: 2,
    })),
  );
  const launcher = world.launcher(['--consume-all', '--idle-exit-seconds', '0']);
  const peaks = new Map<string, number>();
  await until(
    async () => {
      await pause(500); // looking costs as much as starting
      for (const p of world.processes()) {
        const part = /(coordinator|agent|cli|helper|guard)\.(?:js|py)/.exec(p.argv.join(' '))?.[1];
        const kib = Number(/VmHWM:\s*(\d+)/.exec(readMaybe(`/proc/${p.pid}/status`))?.[1] ?? 0);
        if (part) peaks.set(part, Math.max(peaks.get(part) ?? 0, kib));
      }
      return ((await world.counts()).JOB_FINISHED ?? 0) === JOBS || launcher.ended;
    },
    async () => `all finish: ${JSON.stringify(await world.counts())}\n${world.logs()}`,
    DEADLINE_MS,
  );
  const took = launcher.age;
  t.log(
    `${JOBS} jobs in ${ms(took)}, launcher's start included: ${(JOBS / (took / 1_000)).toFixed(0)} a second`,
  );
  t.log(
    `peak memory: ${[...peaks].map(([part, kib]) => `${part} ${(kib / 1024).toFixed(0)} MiB`).join(', ')}`,
  );
  t.is(await launcher.exit(), 0, launcher.err);
  t.deepEqual(await world.counts(), { JOB_FINISHED: JOBS });
  const directories = fs.readdirSync(path.join(world.dbPath, 'data/same'));
  t.is(directories.length, JOBS);
  const wanted = new Set((await world.rows(ids)).map((row) => path.basename(world.directory(row))));
  t.is(wanted.size, JOBS);
  t.true(directories.every((name) => wanted.has(name)));
  const [tries] = await world.db.run((sql) => sql<{ n: number }[]>`select sum(tries)::int as n from job`);
  t.is(tries!.n, JOBS, 'each was started once');
});
