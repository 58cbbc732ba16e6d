/**
 * What a process of ours was given at its start, and what Node hides of it: the limit of open files (Node raises it), the
 * ignored signals (Node sets each to its default), and variables that Node itself obeys. `bin/entry` keeps them in
 * BALSAM_ENTRY_*; programs of the person find all of it as it was. Where no bin/entry stood before us nothing is kept.
 */
import { existsSync } from 'node:fs';
import { constants } from 'node:os';
import path from 'node:path';
import { isPending } from './proc.ts';

/** For every Node that we start: SIGUSR1 would open a debugger's port to every user of the host. */
export const NODE_FLAGS: readonly string[] = ['--disable-sigusr1'];

/** Asks to leave: by a person, a closed terminal, or a batch system before its time limit (sites choose USR1, USR2, XCPU). */
export const LEAVE_SIGNALS = [
  'SIGTERM',
  'SIGINT',
  'SIGHUP',
  'SIGQUIT',
  'SIGUSR1',
  'SIGUSR2',
  'SIGXCPU',
] as const satisfies readonly NodeJS.Signals[];

/** How often it is looked whether a blocked signal waits, milliseconds. A batch system warns a minute before or more. */
const BLOCKED_LOOK_MS = 250;
const KEPT = 'BALSAM_ENTRY_';
/** Bash adds them where they are not. */
const ADDED_BY_BASH = ['_', 'SHLVL', 'PWD', 'OLDPWD'];
/** Node obeys them, and so may change what we do. NODE_DISABLE_COMPILE_CACHE only says that nothing be written. */
const OBEYED_BY_NODE = /^(?:NODE_(?!DISABLE_COMPILE_CACHE$)|OPENSSL_|UV_THREADPOOL_SIZE$|UV_USE_IO_URING$)/;
/** They name a descriptor of the process that got them, which nobody else has. */
const OF_ONE_PROCESS = new Set(['NODE_CHANNEL_FD', 'NODE_CHANNEL_SERIALIZATION_MODE', 'NODE_UNIQUE_ID']);

function nothing(): void {
  // A signal that is listened to does nothing else.
}

/** Those of LEAVE_SIGNALS that our shell ignored: by nohup, `trap ''`, or & in a script. */
function ignoredAtEntry(): Set<NodeJS.Signals> {
  const mask = process.env[`${KEPT}IGNORED`] ?? '';
  if (!/^[0-9a-f]+$/.test(mask)) return new Set();
  const bits = BigInt(`0x${mask}`);
  return new Set(
    LEAVE_SIGNALS.filter((signal) => (bits & (1n << BigInt(constants.signals[signal] - 1))) !== 0n),
  );
}

/** What was ignored at entry stays ignored. Called as early as can be: until then a signal ends us. */
export function keepIgnored(): void {
  for (const signal of ignoredAtEntry()) process.on(signal, nothing);
}

/** Calls `leave` at each of LEAVE_SIGNALS that was not ignored at entry. Returns what ends that. */
export function onLeaveSignal(leave: (signal: NodeJS.Signals) => void): () => void {
  const ignored = ignoredAtEntry();
  for (const signal of LEAVE_SIGNALS) process.on(signal, ignored.has(signal) ? nothing : leave);
  // Under --disable-sigusr1 Node (24.21) blocks it in all threads: it is never delivered, but it can be seen to wait.
  const looks = setInterval(() => {
    if (ignored.has('SIGUSR1') || !isPending(constants.signals.SIGUSR1)) return;
    clearInterval(looks);
    leave('SIGUSR1');
  }, BLOCKED_LOOK_MS).unref();
  return () => {
    clearInterval(looks);
    for (const signal of LEAVE_SIGNALS) process.off(signal, leave);
  };
}

/** All of LEAVE_SIGNALS do nothing to this process: a batch system signals every process of a step, and one of them decides. */
export function ignoreLeaveSignals(): void {
  for (const signal of LEAVE_SIGNALS) process.on(signal, nothing);
}

/** The soft limit of open files at entry; null when it is not known. */
export function openFilesAtEntry(): string | null {
  const kept = process.env[`${KEPT}NOFILE`] ?? '';
  return /^(?:\d+|unlimited)$/.test(kept) ? kept : null;
}

/** An environment for our own programs: without what Node obeys. */
export function withoutNodeVariables(env: NodeJS.ProcessEnv): NodeJS.ProcessEnv {
  return Object.fromEntries(Object.entries(env).filter(([name]) => !OBEYED_BY_NODE.test(name)));
}

/** The environment that was given to us, byte for byte, from ours as /proc/self/environ has it. For programs of the person. */
export function environmentAtEntry(environ: Buffer): Buffer {
  const kept = new Map<string, string>();
  const rest: [name: string, entry: string][] = [];
  let given: string | null = null;
  for (const entry of environ.toString('latin1').split('\0')) {
    const cut = entry.indexOf('=', 1);
    if (cut < 0) continue;
    const [name, value] = [entry.slice(0, cut), entry.slice(cut + 1)];
    if (!name.startsWith(KEPT)) rest.push([name, entry]);
    else if (name === `${KEPT}GIVEN`) given = value;
    else if (/^\d+$/.test(name.slice(KEPT.length))) kept.set(value.slice(0, value.indexOf('=')), value);
  }
  const added = given === null ? [] : ADDED_BY_BASH;
  const entries = [
    ...rest.filter(([name]) => !kept.has(name) && !added.includes(name)),
    ...kept.entries(),
  ].filter(([name]) => !OF_ONE_PROCESS.has(name));
  return Buffer.from(entries.map(([, entry]) => `${entry}\0`).join(''), 'latin1');
}

/** Path of bin/entry: `bin` above this file, or above the bundle. Null where it is missing. */
function entryProgram(): string | null {
  for (const up of ['..', '../..']) {
    const found = path.join(import.meta.dirname, up, 'bin', 'entry');
    if (existsSync(found)) return found;
  }
  return null;
}

/** The command line that starts `argv` of a Node program of ours where no bin/balsam comes before it. */
export function throughEntry(argv: readonly string[]): string[] {
  const [node = '', ...rest] = argv;
  const entry = entryProgram();
  return entry === null ? [node, ...NODE_FLAGS, ...rest] : [entry, 'node', node, ...rest];
}

/** The command line that starts a program of the person with the limits and the environment that were given to us. */
export function asBeforeEntry(argv: readonly string[]): string[] {
  const entry = entryProgram();
  return entry === null ? [...argv] : [entry, 'before', ...argv];
}
