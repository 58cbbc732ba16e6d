/**
 * The processes of a launcher: how the coordinator and the agents are started. Each is in a session of its own, so that a
 * Ctrl-C at the terminal reaches the warden alone, and writes to a file, so that it outlives the warden's pipes.
 */
import { spawn, type ChildProcess } from 'node:child_process';
import { existsSync } from 'node:fs';
import path from 'node:path';
import { NODE_FLAGS, asBeforeEntry, throughEntry, withoutNodeVariables } from '../base/entry.ts';
import type { Predecessor } from '../launcher/coordinator-file.ts';
import type { MpiFlavour } from '../process/mpi/flavour.ts';
import { scrubNames } from '../process/environment.ts';
import { withLog, type LauncherFiles } from '../launcher/files.ts';

/** The program of a part: beside the bundle once bundled, its source otherwise. */
function programOf(part: 'coordinator' | 'agent'): string {
  const bundled = path.join(import.meta.dirname, `${part}.js`);
  return existsSync(bundled) ? bundled : path.join(import.meta.dirname, '..', part, 'main.ts');
}

/** What it must know of a dead one stands on its command line: a full disk would not take it. */
export function startCoordinator(files: LauncherFiles, predecessor: Predecessor | null): ChildProcess {
  const words = [files.coordinator, '--log', files.log];
  if (predecessor !== null) words.push('--predecessor', JSON.stringify(predecessor));
  return withLog(files.log, (fd) =>
    spawn(process.execPath, [...NODE_FLAGS, programOf('coordinator'), ...words], {
      stdio: ['ignore', fd, fd, 'ipc'],
      detached: true,
      env: withoutNodeVariables(process.env),
    }),
  );
}

/** Starts the agent of one logical node of this machine. */
export function startAgent(files: LauncherFiles, node: number): ChildProcess {
  const log = `${files.log}.node${node}`;
  const words = [files.agents, '--node', String(node), '--log', log];
  return withLog(log, (fd) =>
    spawn(process.execPath, [...NODE_FLAGS, programOf('agent'), ...words], {
      stdio: ['ignore', fd, fd],
      detached: true,
      env: withoutRanks(),
    }),
  );
}

/**
 * Starts one agent per node by mpirun: unbound, and so that the others live on when one dies. Its own output (and the
 * agents', which mpirun forwards) goes to one file.
 */
export function startAgentsByMpirun(
  files: LauncherFiles,
  mpi: MpiFlavour,
  nodes: number,
  hosts: readonly string[] | null,
): ChildProcess {
  const agent = throughEntry([process.execPath, programOf('agent'), files.agents]);
  const asRoot = process.getuid?.() === 0;
  const args =
    mpi.name === 'openmpi'
      ? [
          ...(asRoot ? ['--allow-run-as-root'] : []),
          '--oversubscribe',
          '--bind-to',
          'none',
          '--enable-recovery',
          ...(hosts ? ['--host', hosts.map((h) => `${h}:1`).join(','), '--map-by', 'node'] : []),
        ]
      : [
          '-bind-to',
          'none',
          '-disable-auto-cleanup',
          ...(hosts ? ['-hosts', hosts.join(','), '-ppn', '1'] : []),
        ];
  // Agents of this host inherit mpirun's limits, and take them for those of their own shell.
  const [program = '', ...words] = asBeforeEntry([mpi.mpirun, ...args, '-n', String(nodes), ...agent]);
  return withLog(`${files.log}.agents`, (fd) =>
    spawn(program, words, {
      stdio: ['ignore', fd, fd],
      detached: true,
      env: withoutRanks(),
    }),
  );
}

/** The environment without what would make an agent, or its mpirun, believe that it is a rank of somebody else. */
function withoutRanks(): NodeJS.ProcessEnv {
  const env = withoutNodeVariables(process.env);
  for (const name of scrubNames(Object.keys(env), { forMpirun: false })) delete env[name];
  return env;
}

/** Resolves when the process has ended, with how. */
export function ended(
  child: ChildProcess,
): Promise<{ code: number | null; signal: NodeJS.Signals | null; error: Error | null }> {
  return new Promise((resolve) => {
    child.once('error', (error) => resolve({ code: null, signal: null, error }));
    child.once('exit', (code, signal) => resolve({ code, signal, error: null }));
  });
}
