/**
 * What is said between an agent and a helper: requests and events, and how a request becomes a line.
 * Both kinds of helper (helper.py, helper-node.ts) speak it; the head of helper.py has the short keys.
 * A value is bytes: in a line each character below 256 of a JSON string is one byte, and the line itself is read as
 * latin1, so that an ordinary string simply crosses as UTF-8. Nothing here may interpret a value.
 */

/** A value for exec: a string (written as UTF-8) or the bytes themselves. A NUL makes the start fail. */
export type Bytes = string | Uint8Array;

export interface StartRequest {
  /** The agent's number for this start; every token is answered exactly once by ended, failed, retracted or lost. */
  readonly token: number;
  /** Absolute. */
  readonly cwd: Bytes;
  /** Make the directory, with its parents, when it is not there. */
  readonly makeDirectory: boolean;
  /** File name in cwd (or absolute) for stdout and stderr; what stands there from an earlier attempt becomes NAME.N. */
  readonly output: Bytes;
  /** Number of the attempt: the first one begins a file that is there anew (jobs may share a directory and a name). */
  readonly attempt: number;
  /** argv[0] without a slash is looked up in the PATH of the job's own environment. */
  readonly argv: readonly Bytes[];
  /** Differences from the base environment. */
  readonly set: Readonly<Record<string, string>> | readonly (readonly [name: Bytes, value: Bytes])[];
  readonly unset: readonly string[];
  /** CPUs to pin to, or null: those that the helper itself was started with. */
  readonly cpus: readonly number[] | null;
}

export interface StartedEvent {
  readonly kind: 'started';
  readonly token: number;
  readonly pid: number;
  /** CLOCK_MONOTONIC, ms. Said only of jobs that are still there 50 ms after it. */
  readonly at: number;
}

export interface EndedEvent {
  readonly kind: 'ended';
  readonly token: number;
  /** Exactly one of exitCode and signal is null. */
  readonly exitCode: number | null;
  /** 'SIGTERM' and so on. */
  readonly signal: string | null;
  /** CPU of the job and of everything it waited for or left to us; null where the kind of helper can't know. */
  readonly userSeconds: number | null;
  readonly systemSeconds: number | null;
  /** Largest process of the job, kB. Never below the helper's own size (about 10 MB: the kernel counts the moment before exec). */
  readonly maxRssKb: number | null;
  /** CLOCK_MONOTONIC, ms. */
  readonly startedAt: number;
  readonly endedAt: number;
  /** We signalled it before it was reaped: whatever its exit status says, its end is not its own. */
  readonly told: boolean;
  /** It ended badly, and the kernel killed something in our memory cgroup meanwhile for want of memory. */
  readonly oom: boolean;
  /** Last lines of the output when it ended badly (at most 16 lines, 4 kB, valid UTF-8 without NUL), else null. */
  readonly tail: string | null;
}

export type FailedStage = 'mkdir' | 'chdir' | 'output' | 'fork' | 'exec';

export interface FailedEvent {
  readonly kind: 'failed';
  readonly token: number;
  readonly stage: FailedStage;
  readonly errno: number;
  /** 'ENOENT' and so on. */
  readonly code: string;
  readonly message: string;
}

export interface RetractedEvent {
  readonly kind: 'retracted';
  readonly token: number;
}

export interface LostEvent {
  readonly kind: 'lost';
  /** Every unanswered token, in the order of their start requests: the first one or two may have run, the rest never did. */
  readonly tokens: number[];
  /** Processes of its jobs that could not be ended (stuck in the kernel); nearly always empty. */
  readonly left: number[];
}

/** It is there. Said by `Helper` itself. */
export interface OpenedEvent {
  readonly kind: 'opened';
  readonly pid: number;
}

/** It could not be started: none of what it was given has started. */
export interface UnopenedEvent {
  readonly kind: 'unopened';
  readonly reason: string;
}

/** What a helper says. `lost` and `unopened` are said by `Helper` itself, `lost` after everything of the dead helper was ended. */
export type WireEvent = StartedEvent | EndedEvent | FailedEvent | RetractedEvent;
export type HelperEvent = WireEvent | LostEvent | OpenedEvent | UnopenedEvent;

/** A start as it crosses; strings are latin1, one character a byte. */
export interface WireStart {
  readonly t: number;
  readonly d: string;
  readonly m: 0 | 1;
  readonly o: string;
  readonly n: number;
  readonly a: string[];
  readonly e: Record<string, string>;
  readonly u: string[];
  readonly c: number[] | null;
}

/** Everything that crosses to a helper; the keys are explained at the head of helper.py. */
export type WireRequest =
  | WireStart
  | { readonly k: number; readonly g: number }
  | { readonly r: number }
  | { readonly env: string; readonly add: Record<string, string>; readonly oom: string };

/** The first line: base environment (as /proc/PID/environ), what is added to it, and the file that counts kills for want of memory. */
export function encodeBase(baseEnv: Uint8Array, add: Readonly<Record<string, string>>, oom: string): string {
  return `{"env":${encodeBytes(baseEnv)},"add":${JSON.stringify(add)},"oom":${JSON.stringify(oom)}}\n`;
}

export function encodeStart(r: StartRequest): string {
  return (
    `{"t":${r.token},"d":${encodeBytes(r.cwd)},"m":${r.makeDirectory ? 1 : 0},"o":${encodeBytes(r.output)},"n":${r.attempt},` +
    `"a":[${r.argv.map(encodeBytes).join(',')}],"e":${encodeSet(r.set)},"u":${JSON.stringify(r.unset)},"c":${JSON.stringify(r.cpus)}}\n`
  );
}

export function encodeKill(token: number, graceMs: number): string {
  return `{"k":${token},"g":${graceMs}}\n`;
}

export function encodeRetract(token: number): string {
  return `{"r":${token}}\n`;
}

function encodeSet(set: StartRequest['set']): string {
  if (!Array.isArray(set)) return JSON.stringify(set);
  return `{${(set as readonly (readonly [Bytes, Bytes])[]).map(([name, value]) => `${encodeBytes(name)}:${encodeBytes(value)}`).join(',')}}`;
}

/** A JSON string that stands for these bytes once its line is read as latin1. */
function encodeBytes(value: Bytes): string {
  if (typeof value === 'string') return JSON.stringify(value);
  const text = JSON.stringify(
    Buffer.from(value.buffer, value.byteOffset, value.byteLength).toString('latin1'),
  );
  return text.replace(/[\u0080-\u00ff]/g, (c) => `\\u00${c.charCodeAt(0).toString(16)}`);
}
