/**
 * What may happen to launchers and to their database. Each fault strikes something that is there now, or says that
 * nothing is; what lasts ends by itself. Performed by `_chaos.ts`.
 */
import { setTimeout as pause } from 'node:timers/promises';
import type { Chaos, Fault } from './_chaos.ts';
import { DOORS } from './_doors.ts';
import { agentOf, guardOf, partsOf, postgresOf, signal, type Kind, type Part } from './_parts.ts';
import { readMaybe } from './_world.ts';

/** How long a process is stopped: longer than an agent's lease and than the time until it is called dead. */
const STOPPED_S = 20;
/** An agent and its guard together: longer than the lease, so that both are late, but not so late that the attempt is given
 * to another node while nobody could end it here (what is promised assumes that one of them gets CPU; PROTOCOL 12). */
const BOTH_STOPPED_S = 11;

export const FAULTS: readonly Fault[] = [
  killing('kill agent', 3, (c) => one(c, 'agent')),
  killing('kill helper', 4, (c) => one(c, 'helper')),
  killing('kill nursery', 2, (c) => one(c, 'nursery')),
  killing('kill guard', 2, (c) => one(c, 'guard')),
  killing('kill coordinator', 3, (c) => one(c, 'coordinator')),
  killing('kill warden', 1, (c) => one(c, 'warden')),
  killing('kill agent and guard', 1, agentWithGuard),
  killing('kill everything', 1, (c) => partsOf(c.world).filter((p) => p.kind !== 'job')),
  killing('kill everything and Postgres', 1, (c) => [
    ...partsOf(c.world).filter((p) => p.kind !== 'job'),
    ...postgresOf(c.world),
  ]),
  stopping('stop agent', 2, STOPPED_S, (c) => one(c, 'agent')),
  stopping('stop agent and guard', 1, BOTH_STOPPED_S, agentWithGuard),
  stopping('stop coordinator', 2, STOPPED_S, (c) => one(c, 'coordinator')),
  stopping('stop coordinator and warden', 1, STOPPED_S, coordinatorWithWarden),
  { name: 'drain agent', weight: 1, strike: (c) => Promise.resolve(sent(one(c, 'agent'), 'SIGTERM')) },
  { name: 'kill Postgres', weight: 2, strike: (c) => killPostgres(c, (parts) => parts.slice(0, 1)) },
  { name: 'kill a backend', weight: 1, strike: (c) => killPostgres(c, (parts) => backends(c, parts)) },
  { name: 'stop Postgres', weight: 1, strike: stopPostgres },
  { name: 'Postgres away', weight: 1, strike: postgresAway },
  { name: 'kill a job', weight: 3, strike: userKill },
  { name: 'a second launcher', weight: 1, strike: secondLauncher },
  ...DOORS,
];

/** Those of these names, in that order. */
export function faults(...names: readonly string[]): Fault[] {
  return names.map((name) => {
    const fault = FAULTS.find((f) => f.name === name);
    if (!fault) throw new Error(`there is no fault ${name}`);
    return fault;
  });
}

function killing(name: string, weight: number, whom: (c: Chaos) => Part[]): Fault {
  return { name, weight, strike: (c) => Promise.resolve(sent(whom(c), 'SIGKILL')) };
}

function stopping(name: string, weight: number, seconds: number, whom: (c: Chaos) => Part[]): Fault {
  return {
    name,
    weight,
    strike: (c) => {
      const parts = whom(c);
      if (parts.length === 0) return Promise.resolve(null);
      c.freeze(parts, seconds);
      return Promise.resolve(`${words(parts)} for ${seconds} s`);
    },
  };
}

function words(parts: readonly Part[]): string {
  return parts.length > 4 ? `${parts.length} processes` : parts.map((p) => `${p.kind} ${p.pid}`).join(', ');
}

function sent(parts: readonly Part[], name: NodeJS.Signals): string | null {
  return signal(parts, name) > 0 ? words(parts) : null;
}

/** One of this kind that is not stopped, by chance. The guard of an agent that stands still is spared: without both nobody
 * could end its jobs, and what is promised assumes that one of them can (PROTOCOL 12). */
function one(c: Chaos, kind: Kind): Part[] {
  const stopped = c.frozenPids;
  const free = (p: Part): boolean => !stopped.has(p.pid) && !(kind === 'guard' && stopped.has(agentOf(p)));
  const found = partsOf(c.world, kind).filter(free);
  const chosen = c.pick(found);
  return chosen ? [chosen] : [];
}

function agentWithGuard(c: Chaos): Part[] {
  const [agent] = one(c, 'agent');
  const guard = agent && guardOf(c.world, agent);
  return guard ? [agent, guard] : [];
}

/** Both of one launcher: nobody replaces the coordinator, so its agents must end their jobs themselves. */
function coordinatorWithWarden(c: Chaos): Part[] {
  const [coordinator] = one(c, 'coordinator');
  if (!coordinator) return [];
  const parent = Number(/\) \w (\d+)/.exec(readMaybe(`/proc/${coordinator.pid}/stat`))?.[1]);
  const warden = partsOf(c.world).find((p) => p.pid === parent);
  // The warden first, or it would see the coordinator hang.
  return warden ? [warden, coordinator] : [];
}

function backends(c: Chaos, parts: readonly Part[]): Part[] {
  const chosen = c.pick(parts.slice(1));
  return chosen ? [chosen] : [];
}

/** Whoever needs it starts it again, or the world does after a moment. */
async function killPostgres(c: Chaos, whom: (parts: Part[]) => Part[]): Promise<string | null> {
  if (c.postgresBusy) return null;
  const what = sent(whom(postgresOf(c.world)), 'SIGKILL');
  if (what === null) return null;
  const backAfter = c.between(0, 6_000);
  c.postgresBusy = true;
  c.later(async () => {
    await pause(backAfter);
    await c.bringPostgresBack();
    c.postgresBusy = false;
  });
  return what;
}

async function stopPostgres(c: Chaos): Promise<string | null> {
  const parts = postgresOf(c.world);
  if (c.postgresBusy || parts.length === 0) return null;
  const seconds = c.between(3, STOPPED_S);
  c.postgresBusy = true;
  c.freeze(parts, seconds);
  c.later(async () => {
    await pause(seconds * 1_000);
    await c.bringPostgresBack();
    c.postgresBusy = false;
  });
  return `${parts.length} processes for ${seconds} s`;
}

/** Stopped as by its keeper, and started again later (or before that by whoever needs it). */
async function postgresAway(c: Chaos): Promise<string | null> {
  if (c.postgresBusy) return null;
  const seconds = c.between(3, 15);
  c.postgresBusy = true;
  c.later(async () => {
    await c.world.balsam(['server', '--stop'], { deadline: 90_000 });
    await pause(seconds * 1_000);
    await c.bringPostgresBack();
    c.postgresBusy = false;
  });
  return `for ${seconds} s`;
}

async function userKill(c: Chaos): Promise<string | null> {
  const id = c.pick(c.ids.slice(-40));
  if (id === undefined || c.killed.has(id)) return null;
  const { code, out } = await c.world.balsam(['kill', id, '--yes'], { deadline: 30_000 });
  if (code === 0 && out.includes('Job killed')) c.killed.add(id);
  else if (code !== 0) c.maybeKilled.add(id);
  return `${id.slice(0, 13)}: ${code === 0 ? out.trim() : `no answer (${code})`}`;
}

async function secondLauncher(c: Chaos): Promise<string | null> {
  if (c.living.length !== 1) return null;
  return `warden ${c.launch(1).pid}`;
}
