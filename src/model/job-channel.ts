/**
 * The job channel's messages (docs/job-channel.md): types of every request and answer, and the one validator of what a
 * program sends. Pure: the agent's socket server and the client library both stand on it.
 *
 * The validator takes one line as a program wrote it and never throws; what it refuses it refuses with a code, a
 * sentence, and the id of the request as far as one could be read.
 */
import { MAX_DATA_BYTES } from '../base/limits.ts';
import { parseJson, writeJson } from '../base/json.ts';
import { isJsonObject, jsonFault, textFault } from './json.ts';
import type { JobState } from './job.ts';
import type { JsonObject, JsonValue } from './query.ts';

export const CHANNEL_VERSION = 1;

/** Longest line either way, bytes without its newline. Derived: the largest `data`, and 64 KiB for the rest of a record. */
export const MAX_CHANNEL_LINE_BYTES = MAX_DATA_BYTES + 64 * 1024;

/** What a line has round the result of an answer: id, `ok`, and the directory that the agent adds to a record. Guess. */
export const ANSWER_FRAME_BYTES = 8 * 1024;

/** Requests of one connection unanswered at once; at this the agent stops reading it. Guess. */
export const MAX_CHANNEL_PENDING = 64;

/** A connection that has not sent its first line after this is closed, milliseconds. */
export const CHANNEL_HELLO_MS = 10_000;

/** An answer that needs the database comes within this, or is `unavailable`, milliseconds. */
export const CHANNEL_ANSWER_MS = 60_000;

export type ChannelErrorCode =
  | 'bad-request'
  | 'unsupported'
  | 'too-large'
  | 'refused'
  | 'not-found'
  | 'over'
  | 'unavailable'
  | 'internal';

export type RequestId = number | string | null;

/** The fields of an application that a script may give; all text. */
export const APPLICATION_TEXTS = [
  'description',
  'executable',
  'preprocess',
  'envscript',
  'postprocess',
] as const;
export type ApplicationText = (typeof APPLICATION_TEXTS)[number];
export type ApplicationFields = Partial<Record<ApplicationText, string>>;

/** The fields beside `data` that a running job may change. */
export const PATCH_FIELDS = ['description'] as const;
export type PatchFields = Partial<Record<(typeof PATCH_FIELDS)[number], string>>;

export type Request =
  | { op: 'job.get'; fresh: boolean }
  | { op: 'job.patch'; set: JsonObject; removed: string[]; fields: PatchFields; durable: boolean }
  | { op: 'application.get'; name: string }
  | { op: 'application.getOrCreate'; name: string; defaults: ApplicationFields }
  | { op: 'application.save'; name: string; set: ApplicationFields };
export type Op = Request['op'];

export interface ApplicationRecord extends Record<ApplicationText, string> {
  id: number;
  name: string;
}

/** A job as `job.get` answers it: the row in JSON, and the directory that it was started in. */
export interface JobRecord {
  job_id: string;
  workflow: string;
  name: string;
  description: string;
  parents: string[];
  input_files: string;
  stage_in_url: string;
  stage_out_files: string;
  stage_out_url: string;
  wall_time_minutes: number;
  num_nodes: number;
  coschedule_num_nodes: number;
  ranks_per_node: number;
  cpu_affinity: string;
  threads_per_rank: number;
  threads_per_core: number;
  node_packing_count: number;
  environ_vars: string;
  mpi_flags: string;
  application: string;
  args: string;
  user_workdir: string;
  wait_for_parents: boolean;
  post_error_handler: boolean;
  post_timeout_handler: boolean;
  auto_timeout_retry: boolean;
  state: JobState;
  data: JsonObject;
  attempt: number;
  tries: number;
  launcher: number | null;
  queued_launch_id: number | null;
  /** ISO 8601, UTC. */
  created_at: string;
  updated_at: string;
  working_directory: string;
}

/** What each operation answers. */
export interface Results {
  'job.get': JobRecord;
  'job.patch': { durable: boolean };
  'application.get': { application: ApplicationRecord | null };
  'application.getOrCreate': { application: ApplicationRecord; created: boolean };
  'application.save': { application: ApplicationRecord };
}

export interface Refusal {
  code: ChannelErrorCode;
  error: string;
}
export type HelloAnswer = { ok: true; v: 1; job: string; attempt: number } | ({ ok: false } & Refusal);
export type Answer =
  | { id: RequestId; ok: true; result: JsonValue }
  | ({ id: RequestId; ok: false } & Refusal);

export type ParsedHello = { ok: true; token: string } | ({ ok: false } & Refusal);
export type ParsedRequest =
  | { ok: true; id: RequestId; request: Request }
  | ({ ok: false; id: RequestId } & Refusal);

/** Reads a connection's first line (without its newline). */
export function parseHello(line: string): ParsedHello {
  const message = readObject(line);
  if (message === null) return { ok: false, ...bad('The first line must be {"v":1,"token":"…"}.') };
  const v = message['v'];
  if (v !== CHANNEL_VERSION) {
    return { ok: false, code: 'unsupported', error: `Version ${show(v)} is not spoken here: "v" must be 1.` };
  }
  const token = message['token'];
  if (typeof token !== 'string' || token === '') {
    return { ok: false, ...bad('"token" must be the text in BALSAM_JOB_TOKEN.') };
  }
  return { ok: true, token };
}

/** Reads one request (a line without its newline), checked as far as it can be without the job's record. */
export function parseRequest(line: string): ParsedRequest {
  const message = readObject(line);
  if (message === null) {
    return { ok: false, id: null, ...bad('A request must be one JSON object on one line.') };
  }
  const id = readId(message['id']);
  if (id === undefined) {
    const error = '"id" must be an integer from 0 to 2^53 - 1 or a string of at most 64 characters.';
    return { ok: false, id: null, ...bad(error) };
  }
  const request = readRequest(message);
  return 'op' in request ? { ok: true, id, request } : { ok: false, id, ...request };
}

/** The line of an answer, with its newline. */
export function answerLine(answer: Answer | HelloAnswer): string {
  return `${writeJson(answer)}\n`;
}

/** The line of a request, with its newline. */
export function requestLine(id: number, request: Request): string {
  return `${JSON.stringify({ id, ...request })}\n`;
}

const MEMBERS: { readonly [op in Op]: readonly string[] } = {
  'job.get': ['fresh'],
  'job.patch': ['set', 'removed', 'fields', 'durable'],
  'application.get': ['name'],
  'application.getOrCreate': ['name', 'defaults'],
  'application.save': ['name', 'set'],
};

export function isOp(text: unknown): text is Op {
  return typeof text === 'string' && Object.hasOwn(MEMBERS, text);
}

function readRequest(message: JsonObject): Request | Refusal {
  const op = message['op'];
  if (!isOp(op)) {
    const known = Object.keys(MEMBERS).join(', ');
    if (op === undefined) return bad(`"op" is missing; it is one of ${known}.`);
    return { code: 'unsupported', error: `No operation ${show(op)}; there are ${known}.` };
  }
  const allowed = MEMBERS[op];
  const unknown = Object.keys(message).find((key) => key !== 'id' && key !== 'op' && !allowed.includes(key));
  if (unknown !== undefined) {
    return bad(`${op} has no member ${show(unknown)}; it takes ${allowed.join(', ')}.`);
  }
  switch (op) {
    case 'job.get': {
      const fresh = readFlag(message, 'fresh');
      return typeof fresh === 'boolean' ? { op, fresh } : fresh;
    }
    case 'job.patch':
      return readPatch(message);
    case 'application.get': {
      const name = readName(message);
      return typeof name === 'string' ? { op, name } : name;
    }
    case 'application.getOrCreate': {
      const read = readApplication(message, 'defaults');
      return 'code' in read ? read : { op, name: read.name, defaults: read.fields };
    }
    case 'application.save': {
      const read = readApplication(message, 'set');
      return 'code' in read ? read : { op, name: read.name, set: read.fields };
    }
  }
}

function readPatch(message: JsonObject): Request | Refusal {
  const set = message['set'] ?? {};
  if (!isJsonObject(set)) return bad('"set" must be an object of keys and values.');
  const removed = message['removed'] ?? [];
  if (!Array.isArray(removed) || !removed.every((key) => typeof key === 'string')) {
    return bad('"removed" must be an array of keys.');
  }
  const twice = removed.find((key) => Object.hasOwn(set, key));
  if (twice !== undefined) return bad(`Key ${show(twice)} is both in "set" and in "removed".`);
  const durable = readFlag(message, 'durable');
  if (typeof durable !== 'boolean') return durable;
  const fields = readPatchFields(message['fields'] ?? {});
  if ('code' in fields) return fields;
  const fault = jsonFault(set, 'data') ?? removed.map((key) => textFault(key, 'a removed key')).find(Boolean);
  if (fault) return { code: 'refused', error: `${fault}.` };
  return { op: 'job.patch', set, removed, fields: fields.fields, durable };
}

/** What is wrong with the fields of a patch, or null; for whoever gets a patch from an agent. */
export function patchFieldsFault(value: object): string | null {
  const read = readPatchFields(value as JsonObject);
  return 'code' in read ? read.error : null;
}

function readPatchFields(value: JsonValue): { fields: PatchFields } | Refusal {
  if (!isJsonObject(value)) return bad('"fields" must be an object.');
  const other = Object.keys(value).find((key) => !(PATCH_FIELDS as readonly string[]).includes(key));
  if (other !== undefined) {
    const error = `A running job may change only data and description of itself, not ${show(other)}.`;
    return { code: 'refused', error };
  }
  return readTexts(value, '"fields"');
}

function readApplication(
  message: JsonObject,
  member: 'defaults' | 'set',
): { name: string; fields: ApplicationFields } | Refusal {
  const name = readName(message);
  if (typeof name !== 'string') return name;
  const value = message[member] ?? {};
  if (!isJsonObject(value)) return bad(`"${member}" must be an object.`);
  const other = Object.keys(value).find((key) => !(APPLICATION_TEXTS as readonly string[]).includes(key));
  if (other !== undefined) {
    return bad(`"${member}" has no member ${show(other)}; it takes ${APPLICATION_TEXTS.join(', ')}.`);
  }
  const texts = readTexts(value, `"${member}"`);
  return 'code' in texts ? texts : { name, fields: texts.fields };
}

/** An object whose values are all texts that can be stored. */
function readTexts(value: JsonObject, where: string): { fields: Record<string, string> } | Refusal {
  const fields: Record<string, string> = {};
  for (const [key, text] of Object.entries(value)) {
    if (typeof text !== 'string') return bad(`${where}: ${key} must be text.`);
    const fault = textFault(text, key);
    if (fault !== null) return { code: 'refused', error: `${fault}.` };
    fields[key] = text;
  }
  return { fields };
}

function readName(message: JsonObject): string | Refusal {
  const name = message['name'];
  if (typeof name !== 'string' || name === '') return bad('"name" must be the name of an application.');
  const fault = textFault(name, 'name');
  return fault === null ? name : { code: 'refused', error: `${fault}.` };
}

function readFlag(message: JsonObject, member: string): boolean | Refusal {
  const value = message[member] ?? false;
  return typeof value === 'boolean' ? value : bad(`"${member}" must be true or false.`);
}

function readId(value: JsonValue | undefined): RequestId | undefined {
  if (value === undefined || value === null) return null;
  if (typeof value === 'string') return value.length <= 64 ? value : undefined;
  return typeof value === 'number' && Number.isSafeInteger(value) && value >= 0 ? value : undefined;
}

function readObject(line: string): JsonObject | null {
  try {
    const value: unknown = parseJson(line);
    return isJsonObject(value) ? value : null;
  } catch {
    return null;
  }
}

function bad(error: string): Refusal {
  return { code: 'bad-request', error };
}

/** A value for a sentence, never long. One that is too deep to be written is only named. */
function show(value: unknown): string {
  if (typeof value === 'object' && value !== null) return Array.isArray(value) ? 'an array' : 'an object';
  const text = JSON.stringify(value) ?? 'undefined';
  return text.length > 60 ? `${text.slice(0, 60)}…` : text;
}
