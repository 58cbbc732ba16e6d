/**
 * What surrounds a run of the tests: a home, a directory for temporary files and an environment of their own, so that the
 * tests do the same on every machine; and the look at the end whether they left anything behind.
 *
 * A test must never see the settings of the person who runs it, and never write outside of these directories.
 */
import { spawnSync } from 'node:child_process';
import fs from 'node:fs';
import os from 'node:os';
import path from 'node:path';
import { setTimeout as pause } from 'node:timers/promises';

/** Variables that describe an allocation, a rank, devices, databases or the taste of whoever runs the tests. */
const FOREIGN =
  /^(BALSAM|SLURM|SBATCH|PBS|LSB|LSF|COBALT|SGE|FLUX|PALS|OMPI|OPAL|PMIX?|PRTE|HYDRA|MPICH|PG|XDG)_|^(PG|GPU_|CUDA_|ROCR_|HIP_|ZE_)[A-Z]|^(FORCE_COLOR|NO_COLOR|COLUMNS|LINES|NODE_OPTIONS|BASH_ENV|ENV|JOB_ID|PE_HOSTFILE)$/;

/** How long processes of the last tests may take to be gone, milliseconds. Guess: Postgres ends within a second. */
const LAST_PROCESSES_MS = 10_000;

/** The prefix of the base directory of a run. */
const PREFIX = 'balsam-tests-';

export interface Surroundings {
  /** The environment for the tests. */
  readonly env: NodeJS.ProcessEnv;
  /** Ends and removes what the tests left behind, and says what that was, a line each; nothing when all is as before. */
  close(): Promise<string[]>;
}

/** Makes the directories of one run. */
export function surroundings(root: string): Surroundings {
  const base = fs.mkdtempSync(path.join(os.tmpdir(), PREFIX));
  // Tests act as several accounts: each may pass, and each has room for temporary files, as in /tmp.
  fs.chmodSync(base, 0o711);
  const home = path.join(base, 'home');
  const temporary = path.join(base, 'tmp');
  fs.mkdirSync(home);
  fs.mkdirSync(temporary);
  fs.chmodSync(temporary, 0o1777);
  // On a machine of a person other work makes such things too: only CI can tell whose they are.
  const outside = process.env['CI'] === 'true' ? () => ours(root) : () => [];
  const before = outside();
  return {
    env: environment(home, temporary),
    async close() {
      const left = await leftProcesses(base);
      left.push(...leftFiles(temporary));
      fs.rmSync(base, { recursive: true, force: true, maxRetries: 5 });
      const known = new Set(before);
      left.push(...outside().filter((name) => !known.has(name)));
      return left;
    },
  };
}

function environment(home: string, temporary: string): NodeJS.ProcessEnv {
  const kept = Object.entries(process.env).filter(([name]) => !FOREIGN.test(name));
  const own = process.env['HOME'] ?? '/';
  return {
    // npm keeps what it downloads, and its login at the registry, with the person.
    NPM_CONFIG_CACHE: path.join(own, '.npm'),
    NPM_CONFIG_USERCONFIG: path.join(own, '.npmrc'),
    ...Object.fromEntries(kept),
    HOME: home,
    TMPDIR: temporary,
    TZ: 'UTC',
    LC_ALL: 'C.UTF-8',
    // npm would keep one among the temporary files.
    NODE_DISABLE_COMPILE_CACHE: '1',
  };
}

/** Ends the processes that have the directory of the run in their environment, arguments or as their own, and names them. */
async function leftProcesses(base: string): Promise<string[]> {
  const deadline = performance.now() + LAST_PROCESSES_MS;
  let found = processesOf(base);
  while (found.length > 0 && performance.now() < deadline) {
    // oxlint-disable-next-line no-await-in-loop -- the last processes end one after the other
    await pause(50);
    found = processesOf(base);
  }
  for (const { pid } of found) {
    try {
      process.kill(pid, 'SIGKILL');
    } catch {
      // The process has just ended.
    }
  }
  return found.map(({ pid, words }) => `process ${pid} lives: ${words}`);
}

function processesOf(base: string): { pid: number; words: string }[] {
  return fs
    .readdirSync('/proc')
    .map(Number)
    .filter((pid) => Number.isInteger(pid) && pid !== process.pid)
    .map((pid) => ({ pid, words: read(`/proc/${pid}/cmdline`).replaceAll('\0', ' ').slice(0, 200).trim() }))
    .filter(
      ({ pid, words }) =>
        // A zombie has no words left: its parent is about to see its end.
        words !== '' &&
        (words.includes(base) || read(`/proc/${pid}/environ`).includes(base) || cwd(pid).includes(base)),
    );
}

function read(file: string): string {
  try {
    return fs.readFileSync(file, 'utf8');
  } catch {
    return '';
  }
}

function cwd(pid: number): string {
  try {
    return fs.readlinkSync(`/proc/${pid}/cwd`);
  } catch {
    return '';
  }
}

/** What tests made there and did not remove. */
function leftFiles(temporary: string): string[] {
  return fs.readdirSync(temporary).map((name) => `${name} among the temporary files`);
}

/**
 * Things of ours outside of a run's directories, and what git sees in the checkout. Not looked at: the sockets and the
 * shared memory of servers, which stay when a test kills a server and takes its files away.
 */
function ours(root: string): string[] {
  const own = process.env['HOME'] ?? '/';
  const places = [...new Set([os.tmpdir(), '/tmp', '/', own, path.join(own, '.balsam')])];
  const git = spawnSync('git', ['status', '--porcelain', '--ignored'], { cwd: root, encoding: 'utf8' });
  const changed =
    git.status === 0
      ? git.stdout.split('\n').filter((line) => /^(\?\?|!!) (?!dist\/|node_modules\/)/.test(line))
      : [];
  return [
    ...places.flatMap((place) => namesOfOurs(place).map((name) => path.join(place, name))),
    ...changed.map((line) => `git status: ${line}`),
  ];
}

/** `balsam-UID` has the sockets of a user. */
function namesOfOurs(place: string): string[] {
  return names(place).filter(
    (name) =>
      /balsam|^nonexistent$|^pwned$/.test(name) &&
      !name.startsWith(PREFIX) &&
      !/^balsam-\d+(\.|$)/.test(name),
  );
}

function names(place: string): string[] {
  try {
    return fs.readdirSync(place);
  } catch {
    return [];
  }
}
