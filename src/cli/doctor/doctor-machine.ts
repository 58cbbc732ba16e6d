/** What `balsam doctor` looks at on this machine: Node, the batch system, the helper and its speed, mpirun, addresses. */
import { execFile } from 'node:child_process';
import fs from 'node:fs';
import { createServer, connect } from 'node:net';
import type { AddressInfo } from 'node:net';
import os from 'node:os';
import path from 'node:path';
import { readGpus } from '../../../native-free/gpu.ts';
import { grantedGpus } from '../../../native-free/gpu-grant.ts';
import { detectScheduler } from '../../batch/choose.ts';
import {
  DOCTOR_CONNECT_MS,
  DOCTOR_SMOKE_MS,
  DOCTOR_STARTS,
  START_RATE_WARN,
} from '../../base/client-limits.ts';
import { assert } from '../../base/assert.ts';
import { openFilesLimit } from '../../base/open-files.ts';
import { socketPlace } from '../../base/socket-place.ts';
import { chooseHelper, Helpers } from '../../process/helper.ts';
import type { HelperChoice, HelperEvent } from '../../process/helper.ts';
import { jobsSideBySide } from '../../process/side-by-side.ts';
import { detectMpi, mpiCommand } from '../../process/mpi/flavour.ts';
import { fail, ok, warn } from './doctor.ts';
import type { Check, Finding } from './doctor.ts';

/** Node that can run this, and the one that it is tested with. */
const OLDEST_NODE = [22, 18] as const;
const TESTED_NODE = 24;

/** Batch systems that `submit-launch` can use. */
const SUPPORTED_BATCH: readonly string[] = ['local'];

export function machineChecks(): Check[] {
  return [
    { name: 'node', look: () => nodeOf(process.versions.node) },
    { name: 'batch system', look: batchSystem },
    { name: 'helper', look: helper },
    { name: 'side by side', look: sideBySide },
    { name: 'start rate', look: startRate },
    { name: 'mpirun', look: mpirun },
    { name: 'gpus', look: gpus },
    { name: 'own addresses', look: ownAddresses },
    { name: 'sockets', look: sockets },
  ];
}

/** Whether this Node is one that the system runs on. */
export function nodeOf(version: string): Finding {
  const [major = 0, minor = 0] = version.split('.').map(Number);
  const [least, leastMinor] = OLDEST_NODE;
  if (major < least || (major === least && minor < leastMinor))
    return fail(`v${version}`, `use Node ${least}.${leastMinor} or newer (BALSAM_NODE names one)`);
  return major < TESTED_NODE
    ? warn(`v${version}`, `Node ${TESTED_NODE} is what it is tested with`)
    : ok(`v${version}, ${process.execPath}`);
}

function batchSystem(): Finding {
  const name = detectScheduler();
  if (name === 'local') return ok('none: submit-launch starts launchers in the background of this machine');
  return SUPPORTED_BATCH.includes(name)
    ? ok(name)
    : warn(
        `${name}, which submit-launch cannot use yet`,
        'run `balsam launcher` inside your own batch script',
      );
}

async function helper(): Promise<Finding> {
  const choice = await chooseHelper('auto');
  return choice.kind === 'python'
    ? ok(`python3 (${choice.python ?? ''})`)
    : warn(
        'Node: there is no usable python3, so jobs start at a third of the rate, and CPU and memory of short ones are unknown',
        'put a python3 of version 3.8 or newer on PATH, or name it by BALSAM_PYTHON',
      );
}

/** Starts of /bin/true through the helper, against the same number in a bare shell loop. */
async function startRate(): Promise<Finding> {
  const yardstick = await shellRate();
  const ours = await helperRate(await chooseHelper('auto'));
  const ratio = ours / yardstick;
  const what = `${Math.round(ours)} processes/s through the helper, ${ratio.toFixed(2)} of a shell loop (${Math.round(yardstick)}/s)`;
  return ratio < START_RATE_WARN
    ? warn(
        what,
        'look at the load of this machine, and at what slows the start of programs (security software, a slow /tmp)',
      )
    : ok(what);
}

async function shellRate(): Promise<number> {
  const from = performance.now();
  const loop = `i=0; while [ $i -lt ${DOCTOR_STARTS} ]; do /bin/true; i=$((i+1)); done`;
  await run('/bin/sh', ['-c', loop]);
  return DOCTOR_STARTS / ((performance.now() - from) / 1000);
}

async function helperRate(choice: HelperChoice): Promise<number> {
  const directory = fs.mkdtempSync(path.join(os.tmpdir(), 'balsam-doctor-'));
  const ended = Promise.withResolvers<void>();
  let next = 0;
  let done = 0;
  const start = (): void => {
    if (next === DOCTOR_STARTS) return;
    const common = {
      makeDirectory: false,
      output: 'out',
      attempt: 1,
      argv: ['/bin/true'],
      set: {},
      unset: [],
      cpus: null,
    };
    starter.start({ ...common, token: ++next, cwd: directory });
  };
  const onEvent = (event: HelperEvent): void => {
    if (event.kind === 'started' || event.kind === 'opened') return;
    if (event.kind !== 'ended' || event.exitCode !== 0)
      return ended.reject(new Error(`the helper could not start /bin/true: ${JSON.stringify(event)}`));
    if (++done === DOCTOR_STARTS) ended.resolve();
    else start();
  };
  const helpers = new Helpers({
    ...choice,
    directory,
    baseEnv: Buffer.from('PATH=/bin:/usr/bin\0'),
    marker: {},
  });
  const starter = helpers.open(onEvent);
  try {
    // The first one pays for the helper's own start.
    start();
    const from = performance.now();
    // Two ahead, so that no start waits for the answer to the one before.
    start();
    await inTime(ended.promise, 'the helper');
    return DOCTOR_STARTS / ((performance.now() - from) / 1000);
  } finally {
    await starter.close();
    await helpers.close();
    fs.rmSync(directory, { recursive: true, force: true });
  }
}

/** How many jobs can run at once on a node like this one. */
async function sideBySide(): Promise<Finding> {
  const { kind } = await chooseHelper('auto');
  const { most, why } = jobsSideBySide(kind, openFilesLimit());
  return why === '' ? ok(`${most} jobs on a node`) : warn(`at most ${most} jobs on a node`, why);
}

async function inTime<T>(work: Promise<T>, who: string): Promise<T> {
  const late = Promise.withResolvers<never>();
  const timer = setTimeout(
    () => late.reject(new Error(`${who} did not answer within ${DOCTOR_SMOKE_MS / 1000} s`)),
    DOCTOR_SMOKE_MS,
  );
  try {
    return await Promise.race([work, late.promise]);
  } finally {
    clearTimeout(timer);
  }
}

function gpus(): Finding {
  const found = readGpus('/');
  const { from, ids } = grantedGpus(found, process.env);
  const seen = found.length === 0 ? 'none seen' : `${found.length} of ${found[0]?.vendor}`;
  return ok(from === null ? seen : `${ids.length} granted by ${from} (${seen}): ${ids.join(', ') || 'none'}`);
}

async function mpirun(): Promise<Finding> {
  const flavour = await detectMpi();
  if (flavour === null)
    return warn(
      'none on PATH: jobs of several ranks cannot run',
      'load a module of Open MPI or MPICH before `balsam launcher`',
    );
  const name = `${flavour.name} ${flavour.version} (${flavour.mpirun})`;
  const { argv, unset } = mpiCommand(flavour, {
    ranks: 2,
    ranksPerNode: 2,
    hosts: null,
    argv: ['/bin/echo', 'rank'],
    env: [],
    mpiFlags: [],
    asRoot: process.getuid?.() === 0,
    inherited: Object.keys(process.env),
  });
  const env = Object.fromEntries(Object.entries(process.env).filter(([key]) => !unset.includes(key)));
  const [file = '', ...args] = argv;
  const from = performance.now();
  const out = await run(file, args, env);
  const ranks = out.split('\n').filter((line) => line.trim() === 'rank').length;
  return ranks === 2
    ? ok(`${name}: two ranks in ${((performance.now() - from) / 1000).toFixed(1)} s`)
    : fail(`${name} started ${ranks} of 2 ranks`, `try \`${flavour.mpirun} -n 2 hostname\` by hand`);
}

/** The addresses at which agents of other nodes would find a coordinator here. */
async function ownAddresses(): Promise<Finding> {
  const addresses = Object.values(os.networkInterfaces())
    .flatMap((list) => list ?? [])
    .filter((one) => !one.internal && one.family === 'IPv4')
    .map((one) => one.address);
  if (addresses.length === 0)
    return warn(
      'none but loopback: launchers run on this host alone',
      'look at its network when you want several hosts',
    );
  const server = createServer((socket) => socket.destroy());
  await new Promise<void>((resolve, reject) => server.once('error', reject).listen(0, resolve));
  try {
    const { port } = server.address() as AddressInfo;
    const reached: string[] = [];
    for (const address of addresses) if (await reaches(address, port)) reached.push(address);
    const lost = addresses.filter((address) => !reached.includes(address));
    return lost.length === 0
      ? ok(reached.join(', '))
      : warn(`${lost.join(', ')} cannot be reached even from here`, 'look at the firewall of this host');
  } finally {
    server.close();
  }
}

function reaches(host: string, port: number): Promise<boolean> {
  return new Promise((resolve) => {
    const socket = connect({ host, port, timeout: DOCTOR_CONNECT_MS });
    const done = (answer: boolean): void => {
      socket.destroy();
      resolve(answer);
    };
    socket.once('connect', () => done(true));
    socket.once('timeout', () => done(false));
    socket.once('error', () => done(false));
  });
}

/** The very place that servers and agents use; finding it tries a socket there. */
async function sockets(): Promise<Finding> {
  const place = await socketPlace();
  return ok(`${place} takes unix sockets`);
}

/** stdout of a program that ended well. */
function run(file: string, args: readonly string[], env: NodeJS.ProcessEnv = process.env): Promise<string> {
  assert(file !== '', 'a program has a name');
  return new Promise((resolve, reject) => {
    execFile(file, [...args], { env, timeout: DOCTOR_SMOKE_MS }, (error, stdout, stderr) => {
      if (error === null) resolve(stdout);
      else reject(new Error(`${file}: ${stderr.trim().split('\n').at(-1) || error.message}`));
    });
  });
}
