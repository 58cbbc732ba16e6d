/**
 * What an agent that starts ends on its node (PROTOCOL 8), with real processes: the jobs of incarnations whose agent is dead,
 * and nobody else's, whatever they have in common with those.
 */
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { fileURLToPath } from 'node:url';
import test from 'ava';
import { pino } from 'pino';
import { AGENT_ENV, INCARNATION_ENV } from '../../src/launcher/names.ts';
import { agentMarker, endOrphans } from '../../src/agent/orphans.ts';
import { newId } from '../../src/base/ids.ts';
import { judgeProcess, processIdentity } from '../../native-free/inventory.ts';
import { alive, until } from '../process/_rig.ts';

const FIXTURE = fileURLToPath(new URL('../fixtures/agent-with-jobs.ts', import.meta.url));
const LOG = pino({ level: 'silent' });
const pids = new Set<number>();
test.after.always(() => {
  for (const pid of pids) {
    try {
      process.kill(pid, 'SIGKILL');
    } catch {
      // It has ended.
    }
  }
});

interface Agent {
  /** By incarnation: its job, and what that started. */
  jobs: number[][];
  /** Kills it, and waits until it is reaped. */
  die(): Promise<void>;
}

async function agentOf(...incarnations: string[]): Promise<Agent> {
  const child = spawn(process.execPath, [FIXTURE, ...incarnations], { stdio: ['ignore', 'pipe', 'inherit'] });
  pids.add(child.pid!);
  const [line] = (await once(child.stdout, 'data')) as [Buffer];
  const jobs = JSON.parse(String(line)) as number[][];
  for (const pid of jobs.flat()) pids.add(pid);
  const die = async (): Promise<void> => {
    const exit = once(child, 'exit');
    child.kill('SIGKILL');
    await exit;
  };
  return { jobs, die };
}

/** A process with this in its environment. */
function marked(incarnation: string, agent?: string): number {
  const env = { PATH: process.env['PATH'], [INCARNATION_ENV]: incarnation };
  const { pid } = spawn('sleep', ['600'], {
    stdio: 'ignore',
    env: agent === undefined ? env : { ...env, [AGENT_ENV]: agent },
  });
  pids.add(pid!);
  return pid!;
}

/** The marker of an agent that has died, with other fields. */
async function deadMarker(
  change: (fields: {
    pid: number;
    start: number;
    uid: number;
    boot: string;
    namespace: string;
  }) => object = () => ({}),
): Promise<string> {
  const child = spawn('sleep', ['600'], { stdio: 'ignore' });
  const p = processIdentity(child.pid!)!;
  const exit = once(child, 'exit');
  child.kill('SIGKILL');
  await exit;
  const fields = { pid: p.pid, start: p.startTime, uid: p.uid, boot: p.bootId, namespace: p.pidNamespace };
  return Object.values({ ...fields, ...change(fields) }).join(':');
}

test.serial(
  'of a dead agent all incarnations are ended, with what their jobs started; of a living one nothing',
  async (t) => {
    const [one, two, other] = [newId(), newId(), newId()];
    const dead = await agentOf(one, two);
    const living = await agentOf(other);
    t.deepEqual(own(await endOrphans(LOG), one, two, other), [], 'both live');
    t.true([...dead.jobs, ...living.jobs].flat().every(alive));
    await dead.die();
    t.deepEqual(own(await endOrphans(LOG), other), []);
    await until('its jobs have ended', () => !dead.jobs.flat().some(alive));
    t.true(living.jobs.flat().every(alive));
    await living.die();
  },
);

test.serial('an agent that is dead and not reaped yet is dead', async (t) => {
  const incarnation = newId();
  const parent = spawn(
    'sh',
    ['-c', `"$0" "$1" ${incarnation} & echo $! >&2; exec sleep 600`, process.execPath, FIXTURE],
    { stdio: ['ignore', 'pipe', 'pipe'] },
  );
  pids.add(parent.pid!);
  const [[pid], [line]] = (await Promise.all([once(parent.stderr, 'data'), once(parent.stdout, 'data')])) as [
    [Buffer],
    [Buffer],
  ];
  const jobs = (JSON.parse(String(line)) as number[][]).flat();
  for (const job of jobs) pids.add(job);
  const agent = processIdentity(Number(String(pid)))!;
  process.kill(agent.pid, 'SIGKILL');
  // Until its last thread has ended, it has not.
  await until('a zombie', () => judgeProcess(agent) === 'dead');
  t.not(processIdentity(agent.pid), null, 'its number is still taken');
  await endOrphans(LOG);
  await until('its jobs have ended', () => !jobs.some(alive));
});

test.serial(
  'a number that another process has by now: the orphan is ended, who has the number lives on',
  async (t) => {
    const incarnation = newId();
    const [pid, start, ...rest] = agentMarker().split(':');
    const orphan = marked(incarnation, [pid, Number(start) - 1, ...rest].join(':'));
    t.deepEqual(own(await endOrphans(LOG), incarnation), [incarnation]);
    await until('the orphan has ended', () => !alive(orphan));
  },
);

for (const [what, marker] of [
  ['of another boot, which may be another host', () => deadMarker(() => ({ boot: 'x' }))],
  ['of another pid namespace', () => deadMarker(() => ({ namespace: 'pid:[1]' }))],
  ['of another user', () => deadMarker(({ uid }) => ({ uid: uid + 1 }))],
  ['that says no more than a pid', async () => (await deadMarker()).split(':')[0]!],
  ['without a word on its agent', async () => undefined],
] as const)
  test.serial(`a process with the marker of an incarnation ${what} is left alone`, async (t) => {
    const incarnation = newId();
    const pid = marked(incarnation, await marker());
    t.deepEqual(own(await endOrphans(LOG), incarnation), []);
    t.true(alive(pid));
  });

test.serial('an incarnation whose name only begins like that of a dead one is left alone', async (t) => {
  const incarnation = newId();
  const agent = await deadMarker();
  const [orphan, other] = [marked(incarnation, agent), marked(`${incarnation}0`, agentMarker())];
  t.deepEqual(own(await endOrphans(LOG), `${incarnation}0`), []);
  await until('the orphan has ended', () => !alive(orphan));
  t.true(alive(other));
});

/**
 * Those of the test: on a machine that others use there may be orphans of theirs, and their agents end ours. So whether an
 * orphan has ended is asked of itself, not of what was said to be ended.
 */
function own(ended: readonly string[], ...incarnations: string[]): string[] {
  return ended.filter((x) => incarnations.includes(x)).toSorted();
}
