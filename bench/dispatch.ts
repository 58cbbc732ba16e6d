/**
 * Row `dispatch`: durable dispatch (lease → wire → committed as ended) with a real coordinator process, the real wire and
 * Postgres, and stub agents that end each job at once, against the same SQL bare: the store's leaseJobs and commitBatch in a
 * loop, behind the same fence, in batches of the largest size, with as many connections as help. Both run in processes of
 * their own beside the same server on the same two cores. Counted is the time from the first lease to the last commit.
 */
import { processIdentity } from '../native-free/process-identity.ts';
import { fork, spawn, type ChildProcess } from 'node:child_process';
import { existsSync } from 'node:fs';
import path from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import type { AgentFile } from '../src/agent/config.ts';
import type { CoordinatorFile, ToWarden } from '../src/launcher/coordinator-file.ts';
import {
  makeLauncherFiles,
  removeLauncherFiles,
  writeJson,
  withLog,
  type LauncherFiles,
} from '../src/launcher/files.ts';
import { BenchDatabase } from './support/balsam.ts';
import { CpuMeter } from './support/cpu.ts';
import { list, medians, ROOT, rounded, type Result, type Row, type RowOptions } from './support/figures.ts';

/** Stub nodes, all in one process, and jobs that each takes at once: enough that the coordinator is never short of room. */
const AGENTS = 4;
const PACKING = 500;
/** Connections of the bare side that are tried; the best counts. */
const BARE_CONNECTIONS = [1, 2, 4];

export const dispatch: Row = {
  name: 'dispatch',
  question: 'jobs a second leased, sent, reported and committed with stub agents, against the same SQL bare',
  run,
};

async function run(options: RowOptions): Promise<Result[]> {
  const count = options.jobs ?? (options.small ? 2_000 : 60_000);
  const samples = options.samples ?? (options.small ? 1 : 3);
  const database = await BenchDatabase.make(options);
  try {
    database.command('app', '--name', 'true', '--executable', '/bin/true');
    const taken: Record<string, number>[] = [];
    for (let i = 0; i < samples; i++) {
      const sample: Record<string, number> = {
        ...(await dispatched(database, options, count)),
        bare_per_s: 0,
      };
      for (const connections of options.small ? [2] : BARE_CONNECTIONS) {
        const rate = await bare(database, count, connections);
        sample[`bare_${connections}_per_s`] = rate;
        sample['bare_per_s'] = Math.max(sample['bare_per_s']!, rate);
      }
      options.say(
        `  ${list(rounded({ ratio: sample['dispatch_per_s']! / sample['bare_per_s']!, ...sample }))}`,
      );
      taken.push(sample);
    }
    return [
      {
        parameters: { jobs: count, samples, agents: AGENTS, packing: PACKING },
        figures: medians(taken),
        ratios: medians(taken.map((s) => ({ of_bare: s['dispatch_per_s']! / s['bare_per_s']! }))),
        aim: 'of_bare >= 0.5',
      },
    ];
  } finally {
    await database.remove();
  }
}

async function fill(database: BenchDatabase, count: number): Promise<void> {
  await database.clear();
  await database.db.sql
    .unsafe(`insert into job (id, name, workflow, application, args, data, node_packing_count)
    select gen_random_uuid(), 'job' || i, 'bench', 'true', 'a b ' || i, jsonb_build_object('x', i, 'note', repeat('a', 80)), ${PACKING}
    from generate_series(1, ${count}) i`);
  await database.db.sql.unsafe('analyze job');
  await database.db.sql.unsafe('checkpoint');
}

/** A coordinator as a warden starts it, and the stub agents beside it. */
async function dispatched(
  database: BenchDatabase,
  options: RowOptions,
  count: number,
): Promise<Record<string, number>> {
  await fill(database, count);
  const files = await makeLauncherFiles(database.path, new Date());
  const file: CoordinatorFile = {
    dbPath: database.path,
    name: files.name,
    host: 'bench',
    mode: 'serial',
    wfFilter: '',
    nodes: Array.from({ length: AGENTS }, (_, node) => node),
    endAt: null,
    idleExitMs: 1_000,
    anyOwner: false,
    addresses: ['127.0.0.1'],
    serverKey: files.serverKey,
    schedulerId: '',
    predecessor: null,
  };
  writeJson(files.coordinator, file);
  const coordinator = startCoordinator(files, options);
  const agents = fork(path.join(ROOT, 'bench/support/stub-agents.ts'), [files.agents, String(AGENTS)], {
    stdio: ['ignore', 2, 2, 'ipc'],
  });
  const meter = new CpuMeter(coordinator.pid!, database.postmaster);
  const others = new CpuMeter(agents.pid!, database.postmaster);
  try {
    coordinator.on('message', (m: ToWarden) => {
      if (m.kind === 'bound') writeAgentFile(files, database.path, m.launcher, m.port);
    });
    // Stub agents that fail early would leave the coordinator waiting for ever; drained ones end with it.
    const stubs = ended(agents, 'the stub agents').then(() => ended(coordinator, 'the coordinator'));
    await Promise.race([stubs, ended(coordinator, 'the coordinator')]);
    stubs.catch(() => undefined);
    const cpu = meter.stop();
    const stubCpu = others.stop();
    const [row] = await database.db.sql.unsafe<{ n: number; s: number }[]>(
      `select count(*) filter (where a.outcome = 'RUN_DONE')::int as n,
        extract(epoch from max(j.updated_at) - min(a.leased_at))::float8 as s from attempt a join job j on j.id = a.job_id`,
    );
    if (row?.n !== count) throw new Error(`${row?.n ?? 0} of ${count} jobs were committed as ended`);
    const us = (seconds: number): number => (seconds * 1e6) / count;
    return {
      dispatch_per_s: count / row.s,
      cpu_us_postgres: us(cpu.postgres),
      // In this row the coordinator is the root of what is measured, and so are the stubs.
      cpu_us_coordinator: us(cpu.warden),
      cpu_us_stubs: us(stubCpu.warden),
    };
  } finally {
    agents.kill('SIGKILL');
    coordinator.kill('SIGKILL');
    await removeLauncherFiles(files);
  }
}

function startCoordinator(files: LauncherFiles, options: RowOptions): ChildProcess {
  const bundled = path.join(ROOT, 'dist/coordinator.js');
  const program = existsSync(bundled) ? bundled : path.join(ROOT, 'src/coordinator/main.ts');
  const profile = options.profiles === null ? [] : ['--cpu-prof', `--cpu-prof-dir=${options.profiles}`];
  return withLog(files.log, (fd) =>
    spawn(process.execPath, [...profile, program, files.coordinator], { stdio: ['ignore', fd, fd, 'ipc'] }),
  );
}

function writeAgentFile(files: LauncherFiles, dbPath: string, launcher: number, port: number): void {
  const file: AgentFile = {
    launcher,
    tag: files.tag,
    warden: processIdentity(process.pid)!,
    endpoints: [`tcp://127.0.0.1:${port}`],
    dbPath,
    nodesHere: AGENTS,
    gpus: 0,
    helper: 'auto',
    mpi: null,
    killGraceMs: 5_000,
    environ: files.environ,
    clientKey: files.clientKey,
  };
  writeJson(files.agents, file);
}

/** The store's own benchmark, against this database. */
async function bare(database: BenchDatabase, count: number, connections: number): Promise<number> {
  await fill(database, count);
  const child = fork(path.join(ROOT, 'bench/support/bare-store.ts'), [database.path, String(connections)], {
    stdio: ['ignore', 2, 2, 'ipc'],
  });
  const answer = new Promise<{ done: number; seconds: number }>((resolve) =>
    child.once('message', (m) => resolve(m as never)),
  );
  const [{ done, seconds }] = await Promise.all([answer, ended(child, 'the bare loop')]);
  if (done !== count) throw new Error(`the bare loop ended ${done} of ${count} jobs`);
  return done / seconds;
}

async function ended(child: ChildProcess, what: string): Promise<void> {
  const code = await new Promise((resolve, reject) => {
    child.once('error', reject);
    child.once('exit', (status, signal) => resolve(signal ?? status));
  });
  await sleep(0); // a last message may come with the exit
  if (code !== 0) throw new Error(`${what} ended with ${String(code)}`);
}
